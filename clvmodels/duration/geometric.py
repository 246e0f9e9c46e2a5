"""Geometric: every customer renews with the same probability every time: the base case, constant retention."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from clvmodels.duration.renewals import Renewal
from clvmodels.model import Array, Moved, Parameter
from clvmodels.priors import LogNormal


class Theta(NamedTuple):
    odds: Any


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(theta, exit, entry, event):
    """Log-likelihood and gradient, row by row, given that the customer was there at `entry`.

    Parameters
    ----------
    theta : (1, 1) or (n, 1) array of odds
    exit, entry, event : (n,) arrays

    Returns
    -------
    value (n,), gradient (n, 1)
    """
    n = exit.size
    value, gradient = np.empty(n), np.empty((n, 1))
    for i in range(n):
        odds = theta[i if theta.shape[0] > 1 else 0, 0]
        trials = exit[i] - entry[i]
        value[i] = -trials * math.log1p(odds) + (math.log(odds) if event[i] > 0.0 else 0.0)
        gradient[i, 0] = event[i] / odds - trials / (1.0 + odds)
    return value, gradient


@dataclass(frozen=True, repr=False)
class Geometric(Renewal):
    """The geometric model; use the value `GEOMETRIC`.

    The odds of leaving at a renewal are `odds`, so that the retention rate is 1 / (1 + odds) at every tenure. It is the limit of
    SHIFTED_BETA_GEOMETRIC for customers who do not differ (alpha and beta large, odds = alpha / beta). Default prior: odds ~
    LogNormal(0.1, 2). Covariates move the odds of leaving (`dropout`).

    Examples
    --------
    >>> from clvmodels.data.tenure import Tenure
    >>> from clvmodels.units import YEAR
    >>> float(GEOMETRIC.expected_residual_lifetime([0.25], Tenure(3, YEAR)))
    4.0
    """

    mixture = False
    name = "GEOMETRIC"
    title = "Geometric (constant retention)"
    source = "Fader and Hardie 2007, Journal of Interactive Marketing 21(1), 76-90"
    Theta = Theta
    parameters = (Parameter("odds", "odds of leaving at a renewal: retention is 1 / (1 + odds)", LogNormal(0.1, 2.0)),)
    kernel = staticmethod(log_likelihood)
    moved = (Moved("dropout", "odds", 1),)

    def log_stay(self, theta: Any, done: ArrayLike, more: ArrayLike) -> Array:
        return np.asarray(-np.asarray(more) * np.log1p(theta.odds) + 0.0 * np.asarray(done))

    def present_renewals(self, theta: Any, done: ArrayLike, horizon: ArrayLike, force: float) -> Array:
        """A geometric series."""
        slope = np.log1p(theta.odds) + force
        with np.errstate(divide="ignore", invalid="ignore"):
            series = np.where(slope == 0, horizon, np.expm1(-slope * np.asarray(horizon)) / -np.expm1(slope))
        return np.asarray(series + 0.0 * np.asarray(done))

    def draw_residual(self, theta: Any, done: ArrayLike, *, rng: np.random.Generator) -> Array:
        waiting = rng.exponential(size=np.broadcast_shapes(np.shape(done), np.shape(theta.odds)))
        return np.asarray(np.floor(waiting / np.log1p(theta.odds)))


GEOMETRIC = Geometric()
