"""Beta-discrete-Weibull: as the shifted beta-geometric, but each customer's own retention rises or falls with tenure.

A customer with chance p of leaving at the first renewal is still there after renewal t with probability (1 - p)^(t^c): her own
chance of leaving rises with tenure for c > 1 and falls for c < 1; chances p are Beta(alpha, beta) over customers (Fader,
Hardie, Liu, Davin and Steenburgh 2018).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit, vectorize
from numpy.typing import ArrayLike

from clvmodels.duration.renewals import Renewal
from clvmodels.duration.shifted_beta_geometric import drawn
from clvmodels.model import Array, Moved, Parameter
from clvmodels.numerics.gamma_ratio import log_beta_stay, log_stay, log_stay_with_slopes
from clvmodels.priors import LogNormal

DIRECT = 128.0
"""Renewals added one by one; those after them as an integral."""
NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)
PANELS = 100
"""Panels of the integral, each twice as long as the one before."""
LOG_FURTHEST = 600.0
"""Log of the largest t^c that is computed; beyond, survival is a power of t to the last digit."""
GONE = 40.0
"""A term e^-40 of the first is nothing."""


class Theta(NamedTuple):
    alpha: Any
    beta: Any
    c: Any


@njit(cache=True, nogil=True, error_model="numpy")
def _power(t, c):
    """t^c and its derivative in c."""
    if t == 0.0:
        return 0.0, 0.0
    power = t**c
    return power, power * math.log(t)


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(theta, exit, entry, event):
    """Log-likelihood and gradient, row by row, given that the customer was there at `entry`.

    Survival to s makes her p ~ Beta(alpha, beta + s^c), so that every factor is the survival of such a mixture.

    Parameters
    ----------
    theta : (1, 3) or (n, 3) array of alpha, beta, c
    exit, entry, event : (n,) arrays of whole numbers

    Returns
    -------
    value (n,), gradient (n, 3)
    """
    n = exit.size
    value, gradient = np.empty(n), np.empty((n, 3))
    for i in range(n):
        alpha, beta, c = theta[i if theta.shape[0] > 1 else 0]
        begin, d_begin = _power(entry[i], c)
        stayed, d_stayed = _power(exit[i] - event[i], c)
        value[i], d_a, d_b, d_more = log_stay_with_slopes(alpha, beta + begin, stayed - begin)
        gradient[i, 0], gradient[i, 1] = d_a, d_b
        gradient[i, 2] = d_b * d_begin + d_more * (d_stayed - d_begin)
        if event[i] > 0.0:
            end, d_end = _power(exit[i], c)
            log_left, d_a, d_b, d_more = log_stay_with_slopes(alpha, beta + stayed, end - stayed)
            left = math.expm1(log_left)
            odds = (1.0 + left) / left
            value[i] += math.log(-left)
            gradient[i, 0] += odds * d_a
            gradient[i, 1] += odds * d_b
            gradient[i, 2] += odds * (d_b * d_stayed + d_more * (d_end - d_stayed))
    return value, gradient


@njit(cache=True, nogil=True, error_model="numpy")
def _term(alpha, beta, c, done, force, k):
    begin = done**c if done > 0.0 else 0.0
    return math.exp(log_stay(alpha, beta + begin, (done + k) ** c - begin) - force * k)


@vectorize(["f8(f8, f8, f8, f8, f8, f8)"], nopython=True, cache=True)
def present_renewals(alpha, beta, c, done, horizon, force):
    """Sum over k = 1 .. horizon of exp(-force * k) P(renews k more times | done).

    Far terms are smooth: the sum from K on is the integral from K - 1/2 plus a 24th of the slope there (Euler and Maclaurin).
    """
    endless = math.isinf(horizon)
    if endless and force <= 0.0 and (c * alpha <= 1.0 or force < 0.0):
        return math.inf
    furthest = math.exp(min(LOG_FURTHEST / c, 200.0))
    total, k, term = 0.0, 0.0, 1.0
    while k < (DIRECT if endless else horizon):
        k += 1.0
        term = _term(alpha, beta, c, done, force, k)
        total += term
        if term < math.exp(-GONE) * total:
            return total
    if not endless:
        return total
    total += (_term(alpha, beta, c, done, force, k + 1.0) - term) / 24.0
    low, length = k + 0.5, k
    for _ in range(PANELS):
        part = 0.0
        for node, weight in zip(NODES, WEIGHTS):  # noqa: B905 (Numba takes no strict=)
            part += weight * _term(alpha, beta, c, done, force, low + length * (node + 1.0) / 2.0)
        part *= length / 2.0
        total += part
        low, length = low + length, 2.0 * length
        if part < math.exp(-GONE) * total:
            return total
        if low > furthest:
            break
    rest = c * alpha - 1.0
    return total + (low * _term(alpha, beta, c, done, force, low) / rest if rest > 0.0 else 0.0)


@dataclass(frozen=True, repr=False)
class BetaDiscreteWeibull(Renewal):
    """The beta-discrete-Weibull model; use the value `BETA_DISCRETE_WEIBULL`.

    With c = 1 it is SHIFTED_BETA_GEOMETRIC. Default priors, pure numbers: alpha ~ LogNormal(1, 1.5), beta ~ LogNormal(4, 2),
    c ~ LogNormal(1, 0.5). Covariates move alpha (`dropout`).

    Examples
    --------
    >>> BETA_DISCRETE_WEIBULL.survival((0.2594, 1.7226, 1.5843), [1, 2, 3, 4]).round(3)
    array([0.869, 0.742, 0.655, 0.593])
    """

    name = "BETA_DISCRETE_WEIBULL"
    title = "Beta-discrete-Weibull"
    source = "Fader, Hardie, Liu, Davin and Steenburgh 2018, Journal of Interactive Marketing 43, 1-16"
    Theta = Theta
    parameters = (
        Parameter("alpha", "leaving at first: mean probability is alpha / (alpha + beta)", LogNormal(1.0, 1.5)),
        Parameter("beta", "leaving at first: mean probability is alpha / (alpha + beta)", LogNormal(4.0, 2.0)),
        Parameter(
            "c", "a customer's own chance of leaving rises with tenure above 1, falls below", LogNormal(1.0, 0.5)
        ),
    )
    kernel = staticmethod(log_likelihood)
    moved = (Moved("dropout", "alpha", 1),)

    def log_stay(self, theta: Any, done: ArrayLike, more: ArrayLike) -> Array:
        alpha, beta, c = theta
        begin = np.asarray(done, dtype=float) ** c
        return np.asarray(log_beta_stay(alpha, beta + begin, (np.asarray(done) + more) ** c - begin))

    def present_renewals(self, theta: Any, done: ArrayLike, horizon: ArrayLike, force: float) -> Array:
        return np.asarray(present_renewals(*theta, done, horizon, force))

    def draw_residual(self, theta: Any, done: ArrayLike, *, rng: np.random.Generator) -> Array:
        return drawn(theta.alpha, theta.beta, done, theta.c, rng)


BETA_DISCRETE_WEIBULL = BetaDiscreteWeibull()
