"""Buying at random until a lifetime ends: what Pareto/NBD and gamma-Gompertz/NBD share.

A customer's purchases after her first are Poisson at her rate lambda, Gamma(r, alpha) over customers, until her lifetime ends
(see `lifetime` for its hazard, with g, s and beta). With c = r + x,

    L = (r)_x alpha^r { (alpha + T)^-c S(T) + s integral_{t_x}^{T} d(tau) (alpha + tau)^-c S(tau) / (beta + D(tau)) dtau }

where S is the probability to survive.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from clvmodels.duration.attrition import LatentAttrition
from clvmodels.duration.expectation import log_negative_binomial
from clvmodels.duration.futures import Individuals
from clvmodels.duration.lifetime import (
    MEANS,
    WORK,
    age_of_survival,
    growth_in_g,
    hazard,
    log_integral,
    log_survival,
)
from clvmodels.history import HistoryLike, as_columns
from clvmodels.model import Array
from clvmodels.numerics.elementary import elementwise
from clvmodels.numerics.rising import log_rising


class Standard(NamedTuple):
    """Parameters in the form all these models share: rate r, alpha [period]; hazard g [1/period], s, beta [period]."""

    r: Any
    alpha: Any
    g: Any
    s: Any
    beta: Any


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(theta, frequency, recency, T):
    """Log-likelihood and gradient, row by row.

    Parameters
    ----------
    theta : (1, 5) or (n, 5) array of r, alpha, g, s, beta; the gradient in g is zero where g is
    frequency, recency, T : (n,) arrays; sorted frequencies are fastest

    Returns
    -------
    value (n,), gradient (n, 5)
    """
    gradient = np.empty((frequency.size, 5))
    return _log_likelihood(theta, frequency, recency, T, gradient), gradient


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood_alone(theta, frequency, recency, T):
    """As `log_likelihood`, without the gradient: value (n,)."""
    return _log_likelihood(theta, frequency, recency, T, np.empty((0, 5)))


@njit(cache=True, nogil=True, error_model="numpy")
def _log_likelihood(theta, frequency, recency, T, gradient):
    """The log-likelihood (n,); writes the gradient (n, 5), or is not asked for it (0, 5)."""
    n, asked = frequency.size, gradient.shape[0] > 0
    value, work, means = np.empty(n), np.empty(WORK), np.empty(MEANS if asked else 0)
    per_row = theta.shape[0] > 1
    x = log_r = d_r = 0.0
    for i in range(n):
        r, alpha, g, s, beta = theta[i if per_row else 0]
        if per_row or i == 0 or frequency[i] < x:
            x = log_r = d_r = 0.0
        log_r, d_r = log_rising(r, frequency[i], x, log_r, d_r)
        x = frequency[i]
        c, end, log_end = r + x, alpha + T[i], math.log(alpha + T[i])
        log_leaving = log_survival(g, beta, T[i])
        log_left = log_integral(g, 1.0, alpha, c, beta, s + 1.0, 0.0, recency[i], T[i], work, means)
        odds = log_left + math.log(s / beta) + c * log_end + s * log_leaving
        small = math.exp(-abs(odds))
        left = (1.0 if odds > 0.0 else small) / (1.0 + small)
        alive = (small if odds > 0.0 else 1.0) / (1.0 + small)
        value[i] = (
            log_r - r * math.log1p(T[i] / alpha) - x * log_end - s * log_leaving + max(odds, 0.0) + math.log1p(small)
        )
        if not asked:
            continue
        aged = hazard(g, beta, T[i])
        per_scale = aged if g == 0.0 else aged * math.exp(-g * T[i])  # 1 / (beta + D(T))
        gradient[i, 0] = d_r + math.log(alpha) - alive * log_end - left * means[0]
        gradient[i, 1] = r / alpha - c * (alive / end + left * means[1])
        gradient[i, 2] = left * means[4] - (alive * s * growth_in_g(g, beta, T[i]) if g > 0.0 else 0.0)
        gradient[i, 3] = left * (1.0 / s - means[2]) - alive * log_leaving
        gradient[i, 4] = s / beta - alive * s * per_scale - left * (s + 1.0) * means[3]
    return value


@njit(cache=True, nogil=True, error_model="numpy")
def _p_alive(r, alpha, g, s, beta, x, t_x, T):
    alive, work, none = np.empty(x.size), np.empty(WORK), np.empty(0)
    for i in range(x.size):
        c = r[i] + x[i]
        left = log_integral(g[i], 1.0, alpha[i], c, beta[i], s[i] + 1.0, 0.0, t_x[i], T[i], work, none)
        odds = (
            left + math.log(s[i] / beta[i]) + c * math.log(alpha[i] + T[i]) + s[i] * log_survival(g[i], beta[i], T[i])
        )
        small = math.exp(-abs(odds))
        alive[i] = (small if odds > 0.0 else 1.0) / (1.0 + small)
    return alive


@njit(cache=True, nogil=True, error_model="numpy")
def _survival(g, s, beta, horizon):
    stay = np.empty(s.size)
    for i in range(s.size):
        stay[i] = math.exp(-s[i] * log_survival(g[i], beta[i], horizon[i]))
    return stay


@njit(cache=True, nogil=True, error_model="numpy")
def _time_alive(g, s, beta, horizon):
    """Expected time alive within the horizon."""
    time, work, none = np.empty(s.size), np.empty(WORK), np.empty(0)
    for i in range(s.size):
        if g[i] == 0.0:
            y = (1.0 - s[i]) * math.log1p(horizon[i] / beta[i])
            folds = math.log1p(horizon[i] / beta[i])
            time[i] = beta[i] * folds * (math.expm1(y) / y if y != 0.0 else 1.0)
        else:
            time[i] = math.exp(log_integral(g[i], 0.0, beta[i], 0.0, beta[i], s[i], 0.0, 0.0, horizon[i], work, none))
    return time


@njit(cache=True, nogil=True, error_model="numpy")
def _log_leaving_after(c, scale, g, s, beta, n, horizon):
    """Log-probability that the lifetime ends within the horizon, n purchases after now, less what counts of purchases share."""
    out, work, none = np.empty(s.size), np.empty(WORK), np.empty(0)
    for i in range(s.size):
        out[i] = math.log(s[i] / beta[i]) + log_integral(
            g[i], 1.0, scale[i], c[i] + n[i], beta[i], s[i] + 1.0, n[i], 0.0, horizon[i], work, none
        )
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _lifetimes(g, s, beta, exponentials):
    ages = np.empty(s.size)
    for i in range(s.size):
        ages[i] = age_of_survival(g[i], beta[i], exponentials[i] / s[i])
    return ages


class LifetimeNbd(LatentAttrition):
    """Base of the models in which a lifetime ends unseen; a model states how its parameters are the `Standard` ones."""

    @abstractmethod
    def standard(self, theta: Any) -> Standard:
        """The parameters in the shared form."""

    def values(self, theta: Array, *columns: Array) -> Array:
        """As in every model, without the work that only the gradient needs."""
        standard = np.broadcast_arrays(*self.standard(theta.T))
        return np.asarray(log_likelihood_alone(np.ascontiguousarray(np.column_stack(standard)), *columns))

    def p_alive(self, theta: Any, history: HistoryLike) -> Array:
        """Probability that the customer has not left by T.

        Parameters
        ----------
        theta
            Parameters in the history's unit of time; arrays broadcast.
        history
            Customers.

        Returns
        -------
        array in [0, 1]; never falls when recency grows
        """
        columns = as_columns(history, self.columns)
        return np.asarray(elementwise(_p_alive, *self.standard(self.theta(theta)), *columns))

    def _remaining(self, theta: Any, T: Array) -> tuple[Array, Array, Array]:
        """g, s and the beta of what is left of a lifetime at age T."""
        _, _, g, s, beta = self.standard(theta)
        return g, s, np.asarray(elementwise(_beta_at, g, beta, T))

    def survival_if_alive(self, theta: Any, history: HistoryLike, horizon: ArrayLike) -> Array:
        """P(not left by T + horizon | alive at T); purchases do not matter."""
        x, T = as_columns(history, self.past)
        g, s, beta, ahead, _ = np.broadcast_arrays(*self._remaining(theta, T), horizon, x)
        return np.asarray(elementwise(_survival, g, s, beta, ahead))

    def expected_purchases_if_alive(self, theta: Any, history: HistoryLike, horizon: ArrayLike) -> Array:
        """Her mean rate (r + x) / (alpha + T) times the expected time alive within the horizon."""
        r, alpha, *_ = self.standard(theta)
        x, T = as_columns(history, self.past)
        return np.asarray((r + x) / (alpha + T) * elementwise(_time_alive, *self._remaining(theta, T), horizon))

    def pmf_if_alive(self, theta: Any, history: HistoryLike, n: ArrayLike, horizon: ArrayLike) -> Array:
        """P(n purchases in (T, T + horizon] | alive at T): she stays and buys n times, or buys n times and leaves."""
        r, alpha, *_ = self.standard(theta)
        x, T = as_columns(history, self.past)
        g, s, beta = self._remaining(theta, T)
        c, scale, ahead, count = r + x, alpha + T, np.asarray(horizon), np.asarray(n, dtype=float)
        stayed = log_negative_binomial(count, c, ahead / scale)
        chosen = log_negative_binomial(count, c, 1.0) + (c + count) * math.log(2.0) + c * np.log(scale)
        left = np.where(ahead > 0, elementwise(_log_leaving_after, c, scale, g, s, beta, count, ahead), -np.inf)
        return np.asarray(np.exp(stayed) * elementwise(_survival, g, s, beta, ahead) + np.exp(chosen + left))

    def individuals(self, theta: Any, history: HistoryLike, *, rng: np.random.Generator) -> Individuals:
        """Rate ~ Gamma(r + x, alpha + T) and the rest of the lifetime of those alive."""
        theta = self.theta(theta)
        r, alpha, *_ = self.standard(theta)
        x, T = as_columns(history, ("frequency", "T"))
        p_alive = self.p_alive(theta, history)
        g, s, beta = self._remaining(theta, T)
        rest = elementwise(_lifetimes, g, s, beta, rng.standard_exponential(p_alive.shape))
        return Individuals(p_alive, r + x, alpha + T, np.array(0.0), np.array(1.0), np.asarray(rest))


@njit(cache=True, nogil=True, error_model="numpy")
def _beta_at(g, beta, T):
    out = np.empty(T.size)
    for i in range(T.size):
        out[i] = 1.0 / hazard(g[i], beta[i], T[i])
    return out
