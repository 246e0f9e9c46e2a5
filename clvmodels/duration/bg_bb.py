"""BG/BB: opportunities to buy that come one by one, such as yearly appeals (Fader, Hardie and Shang 2010).

Before every opportunity a customer leaves with her probability theta; if she has not left, she buys with her probability p.
Probabilities p are Beta(alpha, beta) over customers, probabilities theta Beta(gamma, delta), independent of each other.

One opportunity is one period of the history. After n of them x = `frequency` is the number bought at, t_x = `recency` the
last one bought at (0 if none) and n = `T`; the acquiring purchase is before the first. Customers may have different n. A
horizon counts as the whole opportunities in it (52 weeks hold no yearly one). "Alive" means not to leave before the next
opportunity, n + 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit, vectorize
from numpy.typing import ArrayLike

from clvmodels.data.histories import Histories
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.duration.futures import Future, Individuals, Purchases, Rates
from clvmodels.errors import HistoryError, ModelError, offenders
from clvmodels.history import History, HistoryLike, as_columns
from clvmodels.model import Array, Parameter
from clvmodels.priors import LogNormal
from clvmodels.units import Period

SMALL, LARGE = 1e-150, 1e150
ROUNDING = 1e-9
"""How far from a whole number a count of opportunities may be [opportunities]."""
LAST = 100_000.0
"""Opportunities until which the next purchase is sought."""


class Theta(NamedTuple):
    alpha: Any
    beta: Any
    gamma: Any
    delta: Any


@njit(cache=True, nogil=True, error_model="numpy")
def _log_sequence(a, b, yes, no):
    """Log of B(a + yes, b + no) / B(a, b), and its derivatives in a and b.

    The value is a product of factors below one, so nothing cancels however close to one the probability is.
    """
    product, log_value, d_a, d_b = 1.0, 0.0, 0.0, 0.0
    for j in range(int(yes)):
        share = 1.0 / (a + b + j)
        product *= (a + j) * share
        d_a += b * share / (a + j)
        d_b -= share
        if product < SMALL:
            log_value += math.log(product)
            product = 1.0
    for j in range(int(no)):
        share = 1.0 / (a + b + yes + j)
        product *= (b + j) * share
        d_a -= share
        d_b += (a + yes) * share / (b + j)
        if product < SMALL:
            log_value += math.log(product)
            product = 1.0
    return log_value + math.log(product), d_a, d_b


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(theta, frequency, recency, T):
    """Log-likelihood and gradient, row by row.

    All ways to be silent after t_x, leaving before one of the opportunities t_x + 1 to n or none, are summed relative to the
    probability of the history until t_x; each follows from the one before by a positive ratio.

    Parameters
    ----------
    theta : (1, 4) or (n, 4) array of alpha, beta, gamma, delta
    frequency, recency, T : (n,) arrays of whole numbers, frequency <= recency <= T

    Returns
    -------
    value (n,), gradient (n, 4)
    """
    n = frequency.size
    value, gradient = np.empty(n), np.empty((n, 4))
    for i in range(n):
        alpha, beta, gamma, delta = theta[i if theta.shape[0] > 1 else 0]
        x, t_x = frequency[i], recency[i]
        log_bought, d_alpha, d_beta = _log_sequence(alpha, beta, x, t_x - x)
        log_stayed, d_gamma, d_delta = _log_sequence(gamma, delta, 0.0, t_x)
        still, total = 1.0, 0.0
        up_alpha = up_beta = up_gamma = up_delta = 0.0  # sums of terms times the derivatives of their logs
        s_alpha = s_beta = s_gamma = s_delta = 0.0  # derivatives of log(still)
        for k in range(int(t_x), int(T[i])):
            per_leave, per_buy = 1.0 / (gamma + delta + k), 1.0 / (alpha + beta + k)
            left = still * gamma * per_leave
            total += left
            up_alpha += left * s_alpha
            up_beta += left * s_beta
            up_gamma += left * (s_gamma + (delta + k) * per_leave / gamma)
            up_delta += left * (s_delta - per_leave)
            still *= (beta + k - x) * per_buy * ((delta + k) * per_leave)
            s_alpha -= per_buy
            s_beta += (alpha + x) * per_buy / (beta + k - x)
            s_gamma -= per_leave
            s_delta += gamma * per_leave / (delta + k)
        total += still
        value[i] = log_bought + log_stayed + math.log(total)
        gradient[i, 0] = d_alpha + (up_alpha + still * s_alpha) / total
        gradient[i, 1] = d_beta + (up_beta + still * s_beta) / total
        gradient[i, 2] = d_gamma + (up_gamma + still * s_gamma) / total
        gradient[i, 3] = d_delta + (up_delta + still * s_delta) / total
    return value, gradient


@vectorize(["f8(f8, f8, f8, f8, f8, f8, f8)"], nopython=True, cache=True)
def _p_alive(alpha, beta, gamma, delta, x, t_x, T):
    still, left = 1.0, 0.0
    for k in range(int(t_x), int(T)):
        both = gamma + delta + k
        left += still * gamma / both
        still *= (beta + k - x) / (alpha + beta + k) * ((delta + k) / both)
    return still / (still + left) * ((delta + T) / (gamma + delta + T))


@vectorize(["f8(f8, f8, f8)"], nopython=True, cache=True)
def _staying(leave, stay, horizon):
    return 0.0 if math.isinf(horizon) else math.exp(_log_sequence(leave, stay, 0.0, horizon)[0])


@njit(cache=True, nogil=True)
def _endless(leave, stay, force):
    """Sum over j >= 1 of exp(-force * j) (s)_(j-1) / (g + s)_(j-1) = w F(1, g; g + s; -w), w = 1 / (exp(force) - 1).

    By Gauss's continued fraction, whose terms are all positive here: two neighbouring convergents enclose the value.
    """
    w, both = 1.0 / math.expm1(force), leave + stay
    upper, lower, k = 1.0 + w * leave / both, 1.0, 0.0
    fraction, change = upper, 1.0
    while change > 1e-15:
        k += 1.0
        even = w * k / (both + 2.0 * k - 1.0) * ((stay - 1.0 + k) / (both + 2.0 * k - 2.0))
        odd = w * (leave + k) / (both + 2.0 * k) * ((both - 1.0 + k) / (both - 1.0 + 2.0 * k))
        for term in (even, odd):
            lower = 1.0 / (1.0 + term * lower)
            upper = 1.0 + term / upper
            fraction *= upper * lower
        change = abs(upper * lower - 1.0)
    return w / fraction


@vectorize(["f8(f8, f8, f8, f8)"], nopython=True, cache=True)
def _present_stays(leave, stay, horizon, force):
    """Sum over j = 1 .. horizon of exp(-force * j) P(not left before the j-th opportunity | not before the first)."""
    if math.isinf(horizon):
        if force > 0.0:
            return _endless(leave, stay, force)
        return (leave + stay - 1.0) / (leave - 1.0) if leave > 1.0 and force == 0.0 else math.inf
    worth = math.exp(-force)
    present, total = worth, 0.0
    for j in range(int(horizon)):
        total += present
        present *= (stay + j) / (leave + stay + j) * worth
        if present < 1e-17 * total * (1.0 - worth):
            break
    return total


@vectorize(["f8(f8, f8, f8, f8, f8, f8)"], nopython=True, cache=True)
def _pmf(buy, skip, leave, stay, n, horizon):
    """Sum over the opportunities m that she lives to see: P(m) times the beta-binomial probability of n out of m."""
    if n > horizon or horizon == 0.0:
        return 1.0 if n == 0.0 else 0.0
    m = max(n, 1.0)
    log_scale = _log_sequence(buy, skip, n, m - n)[0] + _log_sequence(leave, stay, 0.0, m - 1.0)[0]
    term, total = 1.0, 0.0
    while m < horizon:
        both = leave + stay + m - 1.0
        total += term * leave / both
        term *= (m + 1.0) / (m + 1.0 - n) * ((skip + m - n) / (buy + skip + m)) * ((stay + m - 1.0) / both)
        m += 1.0
        if term > LARGE:
            term, total, log_scale = term / LARGE, total / LARGE, log_scale + math.log(LARGE)
    return math.exp(log_scale + math.log(total + term))


@vectorize(["f8(f8, f8, f8, f8, f8, f8)"], nopython=True, cache=True)
def _next_purchase(alive, buy, skip, leave, stay, probability):
    bought, waiting, j = 0.0, alive, 0.0
    while bought + waiting >= probability and j < LAST:
        bought += waiting * buy / (buy + skip + j)
        if bought >= probability:
            return j + 1.0
        waiting *= (skip + j) / (buy + skip + j) * ((stay + j) / (leave + stay + j))
        j += 1.0
    return math.inf


@njit(cache=True, nogil=True, error_model="numpy")
def _purchases(rng, p_alive, buy, skip, leave, stay, horizon, times):
    """Write the opportunities bought at into `times` as long as there is room; return the offsets and the room needed."""
    customers, draws = p_alive.shape
    offsets = np.zeros(customers * draws + 1, np.int64)
    used = 0
    for i in range(customers):
        for s in range(draws):
            if rng.random() < p_alive[i, s]:
                yes, no, left, stayed = buy[i, s], skip[i, s], leave[i, s], stay[i, s]
                for j in range(int(horizon[i, s])):
                    if rng.random() * (yes + no) < yes:
                        if used < times.size:
                            times[used] = j + 1.0
                        used += 1
                        yes += 1.0
                    else:
                        no += 1.0
                    if rng.random() * (left + stayed) < left:
                        break
                    stayed += 1.0
            offsets[i * draws + s + 1] = used
    return offsets, used


def _whole(horizon: ArrayLike) -> Array:
    """How many whole opportunities a horizon holds."""
    return np.floor(np.asarray(horizon, dtype=float) + ROUNDING)


@dataclass(frozen=True, repr=False)
class BgBb(LatentAttrition):
    """The BG/BB model; use the value `BG_BB`.

    All parameters are pure numbers, so no unit matters; default priors: each ~ LogNormal(1, 1.5), 90 % of it between a twelfth
    and twelve.

    Examples
    --------
    >>> from clvmodels.history import History
    >>> from clvmodels.units import YEAR
    >>> theta = (1.204, 0.750, 0.657, 2.783)
    >>> donor = History(frequency=4, recency=5, T=6, period=YEAR)
    >>> round(float(BG_BB.p_alive(theta, donor)), 4)
    0.6967
    >>> round(float(BG_BB.expected_purchases(theta, donor, horizon=10 * YEAR)), 3)
    3.627
    """

    name = "BG_BB"
    title = "BG/BB"
    source = "Fader, Hardie and Shang 2010, Marketing Science 29(6), 1086-1108"
    Theta = Theta
    parameters = (
        Parameter("alpha", "buying: mean probability is alpha / (alpha + beta)", LogNormal(1.0, 1.5)),
        Parameter("beta", "buying: mean probability is alpha / (alpha + beta)", LogNormal(1.0, 1.5)),
        Parameter("gamma", "dropout: mean probability is gamma / (gamma + delta)", LogNormal(1.0, 1.5)),
        Parameter("delta", "dropout: mean probability is gamma / (gamma + delta)", LogNormal(1.0, 1.5)),
    )
    kernel = staticmethod(log_likelihood)

    def data(self, history: HistoryLike) -> tuple[Array, ...]:
        """Frequency, recency and T, whole numbers of opportunities; a `HistoryError` names the first that are not."""
        x, t_x, T = as_columns(history, self.columns)
        count = (
            f"One {history.period} is one opportunity here: count the opportunities, or give the period between them."
        )
        twice = "There is one purchase at most per opportunity, and recency is the number of the last one bought at."
        rules = [
            ("recency", t_x, np.abs(t_x - np.rint(t_x)) > ROUNDING, "is not a whole number of opportunities", count),
            ("T", T, np.abs(T - np.rint(T)) > ROUNDING, "is not a whole number of opportunities", count),
            ("recency", t_x, x > np.rint(t_x), "is below frequency", twice),
        ]
        for column, values, wrong, problem, remedy in rules:
            if np.any(wrong):
                at = np.flatnonzero(wrong)
                names = at if (ids := getattr(history, "customer_id", None)) is None else ids[at]
                rows = [f"customer {name}" for name in names]
                shown = np.ravel(np.broadcast_to(values, wrong.shape))[at]
                raise HistoryError(offenders(problem, column=column, rows=rows, values=shown, remedy=remedy))
        return x, np.rint(t_x), np.rint(T)

    def p_alive(self, theta: Any, history: HistoryLike) -> Array:
        """Probability that the customer does not leave before opportunity n + 1, the next one.

        Parameters
        ----------
        theta
            alpha, beta, gamma, delta; arrays broadcast.
        history
            Customers, in opportunities.

        Returns
        -------
        array in [0, 1]; never falls when recency grows; delta / (gamma + delta) for somebody new

        Source: equation A10 of Fader, Hardie and Shang 2010, one opportunity ahead.
        """
        return np.asarray(_p_alive(*self.theta(theta), *self.data(history)))

    def survival_if_alive(self, theta: Any, frequency: Array, T: Array, horizon: ArrayLike) -> Array:
        """P(not left before opportunity n + horizon + 1 | not left before n + 1)."""
        _, _, gamma, delta = theta
        return np.asarray(_staying(gamma, delta + T + 1, _whole(horizon)))

    def expected_purchases_if_alive(self, theta: Any, frequency: Array, T: Array, horizon: ArrayLike) -> Array:
        """Expected purchases at opportunities n + 1 to n + horizon given alive; equation 13 without its P(alive)."""
        return self._present(theta, frequency, T, _whole(horizon), 0.0)

    def expected_if_alive(self, theta: Any, frequency: Array, T: Array, *, horizon: float, force: float) -> Array:
        """As in the family, but paid at opportunities: a purchase at opportunity n + j is worth exp(-force * j).

        Without end it is the source's DERT; times exp(force) if the next opportunity is due now.
        """
        if force == 0.0 or (force < 0.0 and math.isinf(horizon)):
            return super().expected_if_alive(theta, frequency, T, horizon=horizon, force=0.0)
        return self._present(theta, frequency, T, _whole(horizon), force)

    def _present(self, theta: Any, frequency: Array, T: Array, horizon: Array, force: float) -> Array:
        alpha, beta, gamma, delta = theta
        mean = (alpha + frequency) / (alpha + beta + T)
        return np.asarray(mean * _present_stays(gamma, delta + T + 1, horizon, force))

    def pmf_if_alive(self, theta: Any, frequency: Array, T: Array, n: ArrayLike, horizon: ArrayLike) -> Array:
        """P(n purchases at the coming `horizon` opportunities | alive), zero above their number."""
        return np.asarray(_pmf(*self._urns(theta, frequency, T), n, _whole(horizon)))

    def time_to_next_purchase(self, theta: Any, history: HistoryLike, *, probability: float = 0.5) -> Array:
        """As in the family, in whole opportunities from 1; infinite where the probability is not reached in 100,000 of them."""
        if not 0 < probability < 1:
            raise ModelError(f"probability={probability!r} is not strictly between 0 and 1. Write 0.5 for the median.")
        theta = self.theta(theta)
        urns = self._urns(theta, *as_columns(history, ("frequency", "T")))
        return np.asarray(_next_purchase(self.p_alive(theta, history), *urns, probability))

    def individuals(self, theta: Any, history: HistoryLike, *, rng: np.random.Generator) -> Individuals:
        """Not here: purchases at opportunities are not Poisson."""
        raise ModelError(
            "BG_BB has no purchase rates in continuous time, which `individuals` describes. Use BG_BB.future for coming "
            "purchases, BG_BB.draw_rates for probabilities of buying and leaving, BG_BB.simulate for new customers."
        )

    def _urns(self, theta: Any, frequency: Array, T: Array) -> tuple[Array, Array, Array, Array]:
        """Of a customer alive: p ~ Beta(buy, skip) and theta ~ Beta(leave, stay)."""
        alpha, beta, gamma, delta = theta
        return alpha + frequency, beta + T - frequency, gamma, delta + T + 1

    def future(self, theta: Any, history: HistoryLike, *, horizon: float, rng: np.random.Generator) -> Future:
        """As in the family; times are whole opportunities from now, 1 to `horizon`, drawn by Polya urns."""
        theta = self.theta(theta)
        p_alive = self.p_alive(theta, history)
        return Future(p_alive, self._draw(theta, history, p_alive, _whole(horizon), rng))

    def _draw(
        self, theta: Any, history: HistoryLike, p_alive: Array, horizon: Array, rng: np.random.Generator
    ) -> Purchases:
        assert np.all(np.isfinite(horizon)), "callers cut an endless horizon where payments are worthless"
        x, T = as_columns(history, ("frequency", "T"))
        columns = [np.broadcast_to(v, p_alive.shape) for v in (p_alive, *self._urns(theta, x, T), horizon)]
        alive, buy, skip, leave, stay, ahead = (c[..., ::16] for c in columns)
        some = alive * buy / (buy + skip) * _present_stays(leave, stay, ahead, 0.0)
        room = 1000 + int(1.2 * float(np.mean(some)) * p_alive.size)  # some draws tell how much room all will need
        state = rng.bit_generator.state
        offsets, used = _purchases(rng, *columns, times := np.empty(room))
        if used > room:
            rng.bit_generator.state = state
            offsets, used = _purchases(rng, *columns, times := np.empty(used))
        return Purchases(offsets, times[:used])

    def draw_rates(self, theta: Any, history: HistoryLike, *, seed: int | np.random.Generator) -> Rates:
        """As in the family; `rate` is the probability of buying at an opportunity, `dropout` that of leaving before one."""
        rng, theta = np.random.default_rng(seed), self.theta(theta)
        x, t_x, T = (np.atleast_1d(c)[:, None] for c in as_columns(history, self.columns))
        p_alive = self.p_alive(theta, History(x, t_x, T, history.period))
        p_alive, buy, skip, leave, stay = np.broadcast_arrays(p_alive, *self._urns(theta, x, T))
        alive = (rng.random(p_alive.shape) < p_alive).astype(float)
        dropout = rng.beta(leave, stay)
        return Rates(alive, alive * rng.beta(buy, skip), dropout, np.full(dropout.shape, np.inf))

    def simulate(self, theta: Any, *, T: ArrayLike, period: Period, seed: int | np.random.Generator) -> Histories:
        """As in the family; `T` is the number of opportunities each customer has had, `period` the time between two."""
        theta, ages = self.theta(theta), np.atleast_1d(np.asarray(T, dtype=float))[:, None]
        none = np.zeros_like(ages)
        _, _, ages = self.data(History(none, none, ages, period))
        newcomers = History(none, none, none, period)
        rng = np.random.default_rng(seed)
        offsets, times = self._draw(theta, newcomers, self.p_alive(theta, newcomers), ages, rng)
        frequency = np.diff(offsets).astype(float)
        recency = np.where(frequency > 0, np.append(times, 0.0)[offsets[1:] - 1], 0.0)
        return Histories(np.arange(ages.size), frequency, recency, ages[:, 0], np.full(ages.size, np.nan), period)


BG_BB = BgBb()
