"""Shifted beta-geometric: each customer renews with a probability of her own, the same every time (Fader and Hardie 2007).

Chances of leaving are Beta(alpha, beta) over customers. Nobody's retention changes, and yet the cohort's retention rate rises
with tenure, because those who leave easily leave first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from clvmodels.duration import opportunities
from clvmodels.duration.renewals import Renewal
from clvmodels.model import Array, Moved, Parameter
from clvmodels.numerics.gamma_ratio import log_beta_stay
from clvmodels.priors import LogNormal


class Theta(NamedTuple):
    alpha: Any
    beta: Any


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(theta, exit, entry, event):
    """Log-likelihood and gradient, row by row, given that the customer was there at `entry`.

    What survival to `entry` says of her chance of leaving makes it Beta(alpha, beta + entry).

    Parameters
    ----------
    theta : (1, 2) or (n, 2) array of alpha, beta
    exit, entry, event : (n,) arrays of whole numbers

    Returns
    -------
    value (n,), gradient (n, 2)
    """
    n = exit.size
    value, gradient = np.empty(n), np.empty((n, 2))
    for i in range(n):
        alpha, beta = theta[i if theta.shape[0] > 1 else 0]
        stayed = exit[i] - entry[i] - event[i]
        value[i], gradient[i, 0], gradient[i, 1] = opportunities.log_sequence(alpha, beta + entry[i], event[i], stayed)
    return value, gradient


def drawn(alpha: Any, beta: Any, done: Any, c: Any, rng: np.random.Generator) -> Array:
    """Further renewals after `done` where P(T > t | p) = (1 - p)^(t^c) and p ~ Beta(alpha, beta) of a new customer."""
    shape = np.broadcast_shapes(*(np.shape(v) for v in (alpha, beta, done, c)))
    passed = np.asarray(done, dtype=float) ** c
    p = rng.beta(np.broadcast_to(alpha, shape), np.broadcast_to(beta + passed, shape))
    with np.errstate(divide="ignore", over="ignore"):
        end = (passed - rng.exponential(size=shape) / np.log1p(-p)) ** (1.0 / np.asarray(c))
        return np.asarray(np.maximum(np.ceil(end) - 1.0 - done, 0.0))


@dataclass(frozen=True, repr=False)
class ShiftedBetaGeometric(Renewal):
    """The shifted beta-geometric model; use the value `SHIFTED_BETA_GEOMETRIC`.

    Default priors, pure numbers: alpha ~ LogNormal(1, 1.5), beta ~ LogNormal(4, 2). Covariates move alpha (`dropout`): they
    multiply the odds alpha / beta of leaving at the first renewal.

    Examples
    --------
    >>> from clvmodels.data.tenure import Tenure
    >>> from clvmodels.units import YEAR, Rate
    >>> theta = (0.668, 3.806)
    >>> SHIFTED_BETA_GEOMETRIC.retention_rate(theta, [1, 2, 7]).round(3)
    array([0.851, 0.878, 0.936])
    >>> customer = Tenure(4, YEAR)
    >>> derl = SHIFTED_BETA_GEOMETRIC.discounted_expected_residual_lifetime
    >>> round(float(derl(theta, customer, discount=Rate(0.10, per=YEAR))), 3)
    6.897
    """

    name = "SHIFTED_BETA_GEOMETRIC"
    title = "Shifted beta-geometric"
    source = "Fader and Hardie 2007, Journal of Interactive Marketing 21(1), 76-90"
    Theta = Theta
    parameters = (
        Parameter("alpha", "leaving: mean probability is alpha / (alpha + beta)", LogNormal(1.0, 1.5)),
        Parameter("beta", "leaving: mean probability is alpha / (alpha + beta)", LogNormal(4.0, 2.0)),
    )
    kernel = staticmethod(log_likelihood)
    moved = (Moved("dropout", "alpha", 1),)

    def log_stay(self, theta: Any, done: ArrayLike, more: ArrayLike) -> Array:
        return np.asarray(log_beta_stay(theta.alpha, theta.beta + np.asarray(done), more))

    def hazard(self, theta: Any, t: ArrayLike) -> Array:
        alpha, beta = self.theta(theta)
        return np.asarray(alpha / (alpha + beta + self._before(t)))

    def present_renewals(self, theta: Any, done: ArrayLike, horizon: ArrayLike, force: float) -> Array:
        """In closed form: the retention rate times a 2F1, or a sum of whole periods for a finite horizon."""
        alpha, rest = theta.alpha, theta.beta + np.asarray(done)
        return np.asarray(rest / (alpha + rest) * opportunities.present_stays(alpha, rest + 1.0, horizon, force))

    def draw_residual(self, theta: Any, done: ArrayLike, *, rng: np.random.Generator) -> Array:
        return drawn(theta.alpha, theta.beta, done, 1.0, rng)


SHIFTED_BETA_GEOMETRIC = ShiftedBetaGeometric()
