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
from numpy.typing import ArrayLike

from clvmodels.data.histories import Histories
from clvmodels.duration import opportunities
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.duration.futures import Future, Individuals, Purchases, Rates
from clvmodels.errors import HistoryError, ModelError, offenders
from clvmodels.history import History, HistoryLike, as_columns, upright
from clvmodels.model import Array, Moved, Parameter
from clvmodels.priors import LogNormal
from clvmodels.units import Period

ROUNDING = 1e-9
"""How far from a whole number a count of opportunities may be [opportunities]."""


class Theta(NamedTuple):
    alpha: Any
    beta: Any
    gamma: Any
    delta: Any


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

    discrete = True
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
    kernel = staticmethod(opportunities.log_likelihood)
    moved = (Moved("purchase", "alpha", 1), Moved("dropout", "gamma", 1))

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
        return np.asarray(opportunities.p_alive(*self.theta(theta), *self.data(history)))

    def survival_if_alive(self, theta: Any, history: HistoryLike, horizon: ArrayLike) -> Array:
        """P(not left before opportunity n + horizon + 1 | not left before n + 1)."""
        _, _, gamma, delta = theta
        return np.asarray(opportunities.staying(gamma, delta + np.asarray(history.T) + 1, _whole(horizon)))

    def expected_purchases_if_alive(self, theta: Any, history: HistoryLike, horizon: ArrayLike) -> Array:
        """Expected purchases at opportunities n + 1 to n + horizon given alive; equation 13 without its P(alive)."""
        return self._present(theta, history, _whole(horizon), 0.0)

    def expected_if_alive(self, theta: Any, history: HistoryLike, *, horizon: float, force: float) -> Array:
        """As in the family, but paid at opportunities: a purchase at opportunity n + j is worth exp(-force * j).

        Without end it is the source's DERT; times exp(force) if the next opportunity is due now.
        """
        if force <= 0.0 and math.isinf(horizon):
            return super().expected_if_alive(theta, history, horizon=horizon, force=force)
        return self._present(theta, history, _whole(horizon), force)

    def _present(self, theta: Any, history: HistoryLike, horizon: Array, force: float) -> Array:
        (alpha, beta, gamma, delta), (x, T) = theta, as_columns(history, self.past)
        mean = (alpha + x) / (alpha + beta + T)
        return np.asarray(mean * opportunities.present_stays(gamma, delta + T + 1, horizon, force))

    def pmf_if_alive(self, theta: Any, history: HistoryLike, n: ArrayLike, horizon: ArrayLike) -> Array:
        """P(n purchases at the coming `horizon` opportunities | alive), zero above their number."""
        return np.asarray(opportunities.pmf(*self._urns(theta, history), n, _whole(horizon)))

    def _time_until_bought(self, theta: Any, history: HistoryLike, probability: float) -> Array:
        """As in the family, in whole opportunities from 1; infinite where the probability is not reached in 100,000 of them."""
        urns = self._urns(self.theta(theta), history)
        return np.asarray(opportunities.next_purchase(self.p_alive(theta, history), *urns, probability))

    def rate_if_alive(self, theta: Any, history: HistoryLike) -> Array:
        """Mean probability that a customer known to be alive buys at an opportunity, as long as she stays, in [0, 1]."""
        buy, skip, _, _ = self._urns(theta, history)
        return np.asarray(buy / (buy + skip))

    def individuals(self, theta: Any, history: HistoryLike, *, rng: np.random.Generator) -> Individuals:
        """Not here: purchases at opportunities are not Poisson."""
        raise ModelError(
            "BG_BB has no purchase rates in continuous time, which `individuals` describes. Use BG_BB.future for coming "
            "purchases, BG_BB.draw_rates for probabilities of buying and leaving, BG_BB.simulate for new customers."
        )

    def _urns(self, theta: Any, history: HistoryLike) -> tuple[Array, Array, Array, Array]:
        """Of a customer alive: p ~ Beta(buy, skip) and theta ~ Beta(leave, stay)."""
        (alpha, beta, gamma, delta), (x, T) = theta, as_columns(history, self.past)
        return alpha + x, beta + T - x, gamma, delta + T + 1

    def future(self, theta: Any, history: HistoryLike, *, horizon: float, rng: np.random.Generator) -> Future:
        """As in the family; times are whole opportunities from now, 1 to `horizon`, drawn by Polya urns."""
        theta = self.theta(theta)
        p_alive = self.p_alive(theta, history)
        return Future(p_alive, self._draw(theta, history, p_alive, _whole(horizon), rng))

    def _draw(
        self, theta: Any, history: HistoryLike, p_alive: Array, horizon: Array, rng: np.random.Generator
    ) -> Purchases:
        assert np.all(np.isfinite(horizon)), "callers cut an endless horizon where payments are worthless"
        columns = [np.broadcast_to(v, p_alive.shape) for v in (p_alive, *self._urns(theta, history), horizon)]
        alive, buy, skip, leave, stay, ahead = (c[..., ::16] for c in columns)
        some = alive * buy / (buy + skip) * opportunities.present_stays(leave, stay, ahead, 0.0)
        room = 1000 + int(1.2 * float(np.mean(some)) * p_alive.size)  # some draws tell how much room all will need
        state = rng.bit_generator.state
        offsets, used = opportunities.purchases(rng, *columns, times := np.empty(room))
        if used > room:
            rng.bit_generator.state = state
            offsets, used = opportunities.purchases(rng, *columns, times := np.empty(used))
        return Purchases(offsets, times[:used])

    def draw_rates(self, theta: Any, history: HistoryLike, *, seed: int | np.random.Generator) -> Rates:
        """As in the family; `rate` is the probability of buying at an opportunity, `dropout` that of leaving before one."""
        rng, theta = np.random.default_rng(seed), self.theta(theta)
        people = upright(history)
        p_alive, buy, skip, leave, stay = np.broadcast_arrays(self.p_alive(theta, people), *self._urns(theta, people))
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
