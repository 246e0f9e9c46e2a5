"""Pareto/log-normal: buying at random until a lifetime ends, with log-normal rates that may be correlated (Abe 2009).

A customer's purchases after her first are Poisson at her rate lambda, until her lifetime ends, at the constant rate mu. Over
customers (log lambda, log mu) is bivariate normal: those who buy often may also be those who stay, or those who leave. The
source draws every customer's two rates by Markov chain Monte Carlo. Here they are integrated out (`lognormal_rates`), so that the
model has five parameters and every engine works.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike
from scipy import special

from clvmodels.duration import lognormal_draws as draws
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.duration.futures import Future, Individuals, Purchases, Rates
from clvmodels.duration.lognormal_line import MEANS, integrand
from clvmodels.duration.lognormal_rates import forget, log_integral, memory
from clvmodels.errors import ModelError
from clvmodels.history import HistoryLike, as_columns, upright
from clvmodels.model import Array, Moved, Parameter
from clvmodels.priors import LogNormal, Normal

LARGEST = math.log(np.finfo(float).max)
AGES = 1e6
"""Times [1 / force of interest] after which a stream is worth nothing more."""


class Theta(NamedTuple):
    rate: Any
    dropout: Any
    sigma_rate: Any
    loading: Any
    residual: Any


@njit(cache=True, nogil=True, error_model="numpy")
def _same(theta, i, j):
    """Whether rows i and j of theta are the same."""
    return np.all(theta[i] == theta[j])


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(theta, frequency, recency, T):
    """Log-likelihood and gradient, row by row: alive at T, or left since the last purchase.

    With s = lambda + mu these are E[lambda^x e^(-s T)] and E[lambda^x mu (e^(-s t_x) - e^(-s T)) / s]. Rows that follow each
    other and share theta and frequency share the inner integrals.

    Parameters
    ----------
    theta : (1, 5) or (n, 5) array of rate, dropout, sigma_rate, loading, residual
    frequency, recency, T : (n,) arrays

    Returns
    -------
    value (n,), gradient (n, 5)
    """
    n = frequency.size
    value, gradient = np.empty(n), np.empty((n, 5))
    here, gone, means, means_gone = memory(), memory(), np.empty(MEANS), np.empty(MEANS)
    per_row = theta.shape[0] > 1
    start = 0
    while start < n:
        own, stop = theta[start if per_row else 0], start + 1
        while stop < n and frequency[stop] == frequency[start] and (not per_row or _same(theta, start, stop)):
            stop += 1
        forget(here)
        forget(gone)
        alive = integrand(own, frequency[start], 0.0, 0.0, 0.0, 0.0)
        left = integrand(own, frequency[start], 1.0, 0.0, 0.0, 0.0)
        for i in range(start, stop):
            value[i] = _row(alive, left, recency[i], T[i], here, gone, means, means_gone)
            _gradient(own, means, gradient[i])
        start = stop
    return value, gradient


@njit(cache=True, nogil=True, error_model="numpy")
def _row(alive, left, recency, T, here, gone, means, means_gone):
    """Log-likelihood of one row; `means` receives the means of z1, z2, z1^2, z1 z2 and z2^2 given the history."""
    value = log_integral(alive, 0.0, T, np.inf, here, means)
    if recency < T:
        odds = log_integral(left, 0.0, recency, T - recency, gone, means_gone) - value
        small = math.exp(-abs(odds))
        share = (1.0 if odds > 0.0 else small) / (1.0 + small)
        value += max(odds, 0.0) + math.log1p(small)
        for m in range(MEANS):
            means[m] += share * (means_gone[m] - means[m])
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def _gradient(theta, means, gradient):
    """Means of the derivatives of the log density of (log lambda, log mu) in theta."""
    rate, dropout, sigma, loading, residual = theta
    z1, z2, z11, z12, z22 = means
    gradient[0] = (z1 - z2 * loading / residual) / (sigma * rate)
    gradient[1] = z2 / (residual * dropout)
    gradient[2] = (z11 - 1.0 - z12 * loading / residual) / sigma
    gradient[3] = z12 / residual
    gradient[4] = (z22 - 1.0) / residual


@njit(cache=True, nogil=True, error_model="numpy")
def _log_integrals(theta, x, y, ahead, force, stays, n, stop, wait):
    """`log_integral` row by row, (m,); where `wait` is 0 there is nothing: minus infinity."""
    out, held, means = np.empty(x.size), memory(), np.empty(MEANS)
    start = 0
    while start < x.size:
        i = start + 1
        while i < x.size and x[i] == x[start] and ahead[i] == ahead[start] and _same(theta, start, i):
            i += 1
        forget(held)
        _run(
            integrand(theta[start], x[start], y, ahead[start], force, stays), n, stop, wait, start, i, held, means, out
        )
        start = i
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _run(it, n, stop, wait, first, last, held, means, out):
    for i in range(first, last):
        out[i] = log_integral(it, n[i], stop[i], wait[i], held, means) if wait[i] > 0.0 else -np.inf


def log_integrals(
    theta: Any,
    x: ArrayLike,
    stop: ArrayLike,
    *,
    y: float = 0.0,
    n: ArrayLike = 0.0,
    wait: ArrayLike = math.inf,
    ahead: ArrayLike = 0.0,
    force: float = 0.0,
    stays: float = 0.0,
) -> Array:
    """`lognormal_rates.log_integral` of arrays that broadcast, customers with the same theta and x after one another.

    Every element is the same whatever stands beside it; the order only decides how much work they share.
    """
    shape = np.broadcast_shapes(*(np.shape(v) for v in (*theta, x, stop, n, wait, ahead)))
    if not math.prod(shape):
        return np.empty(shape)
    own = np.broadcast_shapes(*(np.shape(v) for v in theta))
    which = np.broadcast_to(np.arange(math.prod(own)).reshape(own), shape).ravel()
    counts, aheads, ns, stops, waits = (
        np.broadcast_to(np.asarray(v, dtype=float), shape).ravel() for v in (x, ahead, n, stop, wait)
    )
    order = np.lexsort((aheads, counts, which))
    rows = np.column_stack([np.broadcast_to(v, own).ravel() for v in theta])[which[order]]
    out = np.empty(which.size)
    out[order] = _log_integrals(
        rows, counts[order], y, aheads[order], force, stays, ns[order], stops[order], waits[order]
    )
    return out.reshape(shape)


@dataclass(frozen=True, repr=False)
class ParetoLognormal(LatentAttrition):
    """The Pareto/log-normal model; use the value `PARETO_LOGNORMAL`.

    With z1 and z2 standard normal over customers, log lambda = log(rate) + sigma_rate z1 and log mu = log(dropout) + loading z1 +
    residual z2. `sigma_dropout` and `correlation` of theta say the same as people think of it.

    Default priors, on parameters divided by their scale in the data: rate * mean age ~ LogNormal(1, 1.5), dropout * mean age ~
    LogNormal(1, 1.5), sigma_rate ~ LogNormal(1, 0.7), loading ~ Normal(0, 1), residual ~ LogNormal(1, 0.7). The correlation is
    then about zero, with 90 % between -0.92 and 0.92.

    Examples
    --------
    >>> from clvmodels.history import History
    >>> from clvmodels.units import WEEK
    >>> theta = (0.03, 0.02, 1.2, -0.6, 1.5)
    >>> customer = History(frequency=2, recency=30.43, T=38.86, period=WEEK)
    >>> round(float(PARETO_LOGNORMAL.correlation(theta)), 3)
    -0.371
    """

    name = "PARETO_LOGNORMAL"
    title = "Pareto/log-normal"
    source = "Abe 2009, Marketing Science 28(3), 541-553"
    Theta = Theta
    parameters = (
        Parameter("rate", "median purchase rate", LogNormal(1.0, 1.5), time=-1),
        Parameter("dropout", "median rate of leaving", LogNormal(1.0, 1.5), time=-1),
        Parameter("sigma_rate", "standard deviation of log purchase rates", LogNormal(1.0, 0.7)),
        Parameter(
            "loading",
            "log rate of leaving per standard deviation of log purchase rates",
            Normal(0.0, 1.0),
            positive=False,
        ),
        Parameter("residual", "standard deviation of log rates of leaving given purchase rates", LogNormal(1.0, 0.7)),
    )
    kernel = staticmethod(log_likelihood)
    moved = (Moved("purchase", "rate", 1), Moved("dropout", "dropout", 1))

    def sigma_dropout(self, theta: Any) -> Array:
        """Standard deviation of log rates of leaving over customers."""
        values = self.theta(theta)
        return np.asarray(np.hypot(values.loading, values.residual))

    def correlation(self, theta: Any) -> Array:
        """Correlation of log purchase rates and log rates of leaving over customers, in (-1, 1).

        Positive: who buys often leaves soon; negative: who buys often stays.
        """
        return np.asarray(self.theta(theta).loading / self.sigma_dropout(theta))

    def p_alive(self, theta: Any, history: HistoryLike) -> Array:
        """Probability that the customer has not left by T.

        Parameters
        ----------
        theta
            rate [1/period], dropout [1/period], sigma_rate, loading, residual; arrays broadcast.
        history
            Customers, in the same period.

        Returns
        -------
        array in [0, 1]; never falls when recency grows
        """
        theta, (x, t_x, T) = self.theta(theta), as_columns(history, self.columns)
        return np.asarray(special.expit(log_integrals(theta, x, T) - log_integrals(theta, x, t_x, y=1.0, wait=T - t_x)))

    def survival_if_alive(self, theta: Any, history: HistoryLike, horizon: ArrayLike) -> Array:
        """P(not left by T + horizon | alive at T)."""
        x, T = as_columns(history, self.past)
        stays = log_integrals(theta, x, T, ahead=horizon, stays=1.0) - log_integrals(theta, x, T)
        return np.exp(np.minimum(stays, 0.0))

    def expected_purchases_if_alive(self, theta: Any, history: HistoryLike, horizon: ArrayLike) -> Array:
        """Mean over her rates of lambda (1 - e^(-mu horizon)) / mu; no more than the largest number there is."""
        return self._present(theta, history, np.asarray(horizon, dtype=float), 0.0)

    def expected_if_alive(self, theta: Any, history: HistoryLike, *, horizon: float, force: float) -> Array:
        """As in the family; interest is added to mu, so there is nothing to sum over time."""
        if force <= 0.0 and math.isinf(horizon):
            return super().expected_if_alive(theta, history, horizon=horizon, force=force)
        return self._present(theta, history, np.array(min(horizon, AGES / force) if force > 0.0 else horizon), force)

    def _present(self, theta: Any, history: HistoryLike, horizon: Array, force: float) -> Array:
        x, T = as_columns(history, self.past)
        rates = log_integrals(theta, x + 1.0, T, ahead=horizon, force=force) - log_integrals(theta, x, T)
        with np.errstate(divide="ignore"):
            return np.exp(np.minimum(rates + np.log(horizon), LARGEST))

    def pmf_if_alive(self, theta: Any, history: HistoryLike, n: ArrayLike, horizon: ArrayLike) -> Array:
        """P(n purchases in (T, T + horizon] | alive at T): she stays and buys n times, or buys n times and leaves."""
        x, T = as_columns(history, self.past)
        count, ahead = np.asarray(n, dtype=float), np.asarray(horizon, dtype=float)
        alive = log_integrals(theta, x, T)
        ways = special.xlogy(count, ahead) - special.gammaln(count + 1.0)
        stayed = ways + log_integrals(theta, x + count, T + ahead)
        left = log_integrals(theta, x + count, T, y=1.0, n=count, wait=ahead)
        return np.asarray(np.exp(stayed - alive) + np.exp(left - alive))

    def rate_if_alive(self, theta: Any, history: HistoryLike) -> Array:
        """Mean over her rates of lambda, of a customer known to be alive [purchases per period]."""
        x, T = as_columns(history, self.past)
        return np.exp(log_integrals(theta, x + 1.0, T) - log_integrals(theta, x, T))

    def individuals(self, theta: Any, history: HistoryLike, *, rng: np.random.Generator) -> Individuals:
        """Not here: her rate given her history is not gamma."""
        raise ModelError(
            "PARETO_LOGNORMAL has no gamma rates, which `individuals` describes. Use PARETO_LOGNORMAL.draw_rates for customers' "
            "own rates, PARETO_LOGNORMAL.future for coming purchases, PARETO_LOGNORMAL.simulate for new customers."
        )

    def future(self, theta: Any, history: HistoryLike, *, horizon: float, rng: np.random.Generator) -> Future:
        """As in the family; of those alive, rates are drawn exactly, by rejection."""
        theta = self.theta(theta)
        p_alive = self.p_alive(theta, history)
        return Future(p_alive, self._purchases(theta, history, p_alive, np.array(horizon), rng))

    def _purchases(
        self, theta: Any, history: HistoryLike, p_alive: Array, horizon: Array, rng: np.random.Generator
    ) -> Purchases:
        x, T = as_columns(history, self.past)
        return draws.purchases_until(p_alive, theta, x, T, horizon, rng=rng)

    def purchases_of_new(
        self, theta: Any, newcomers: HistoryLike, ages: Array, *, rng: np.random.Generator
    ) -> Purchases:
        """As in the family."""
        return self._purchases(self.theta(theta), newcomers, np.ones_like(ages), ages, rng)

    def draw_rates(self, theta: Any, history: HistoryLike, *, seed: int | np.random.Generator) -> Rates:
        """As in the family, exactly, by rejection."""
        rng, theta, people = np.random.default_rng(seed), self.theta(theta), upright(history)
        p_alive = self.p_alive(theta, people)
        rate, leaving = draws.rates_if_alive(p_alive.shape, theta, *as_columns(people, self.past), rng=rng)
        alive = (rng.random(p_alive.shape) < p_alive).astype(float)
        return Rates(alive, alive * rate, np.zeros_like(rate), rng.standard_exponential(rate.shape) / leaving)


PARETO_LOGNORMAL = ParetoLognormal()
