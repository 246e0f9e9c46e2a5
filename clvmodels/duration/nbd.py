"""NBD: buying at random, and nobody ever leaves (Ehrenberg 1959). The base case that the others have to beat."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import ArrayLike

from clvmodels.duration.attrition import LatentAttrition
from clvmodels.duration.expectation import log_negative_binomial
from clvmodels.duration.futures import Individuals
from clvmodels.history import HistoryLike, as_columns
from clvmodels.model import Array, Moved, Parameter
from clvmodels.numerics.rising import log_rising
from clvmodels.priors import LogNormal


class Theta(NamedTuple):
    r: Any
    alpha: Any


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(theta, frequency, recency, T):
    """Log-likelihood of the times of x purchases, and its gradient, row by row.

    Parameters
    ----------
    theta : (1, 2) or (n, 2) array of r, alpha
    frequency, recency, T : (n,) arrays; recency does not matter; sorted frequencies are fastest

    Returns
    -------
    value (n,), gradient (n, 2)
    """
    n = frequency.size
    value, gradient = np.empty(n), np.empty((n, 2))
    per_row = theta.shape[0] > 1
    x = log_r = d_r = 0.0
    for i in range(n):
        r, alpha = theta[i if per_row else 0]
        if per_row or i == 0 or frequency[i] < x:
            x = log_r = d_r = 0.0
        log_r, d_r = log_rising(r, frequency[i], x, log_r, d_r)
        x = frequency[i]
        log_share = -math.log1p(T[i] / alpha)
        value[i] = log_r + r * log_share - x * math.log(alpha + T[i])
        gradient[i, 0] = d_r + log_share
        gradient[i, 1] = (r * T[i] / alpha - x) / (alpha + T[i])
    return value, gradient


@dataclass(frozen=True, repr=False)
class Nbd(LatentAttrition):
    """The NBD model; use the value `NBD`.

    Default priors, on parameters divided by their scale in the data: r ~ LogNormal(0.5, 1.5),
    alpha / mean age ~ LogNormal(0.5, 1.5).

    Examples
    --------
    >>> from clvmodels.history import History
    >>> from clvmodels.units import WEEK
    >>> customer = History(frequency=2, recency=30.43, T=38.86, period=WEEK)
    >>> float(NBD.expected_purchases((1.0, 11.14), customer, horizon=50 * WEEK))
    3.0
    """

    name = "NBD"
    title = "NBD"
    source = "Ehrenberg 1959, Applied Statistics 8(1), 26-41"
    Theta = Theta
    parameters = (
        Parameter("r", "shape of purchase rates over customers", LogNormal(0.5, 1.5)),
        Parameter("alpha", "scale of purchase rates: mean rate is r / alpha", LogNormal(0.5, 1.5), time=1),
    )
    kernel = staticmethod(log_likelihood)
    moved = (Moved("purchase", "alpha", -1),)

    def p_alive(self, theta: Any, history: HistoryLike) -> Array:
        """One: nobody leaves."""
        return np.ones(np.broadcast_shapes(*(np.shape(v) for v in (*self.theta(theta), history.frequency, history.T))))

    def survival_if_alive(self, theta: Any, history: HistoryLike, horizon: ArrayLike) -> Array:
        """One: nobody leaves."""
        return np.ones(np.broadcast_shapes(*(np.shape(v) for v in (*theta, history.frequency, history.T, horizon))))

    def expected_purchases_if_alive(self, theta: Any, history: HistoryLike, horizon: ArrayLike) -> Array:
        """Her mean rate (r + x) / (alpha + T) times the horizon."""
        (r, alpha), (x, T) = theta, as_columns(history, self.past)
        return np.asarray((r + x) / (alpha + T) * horizon)

    def pmf_if_alive(self, theta: Any, history: HistoryLike, n: ArrayLike, horizon: ArrayLike) -> Array:
        """Negative binomial probability of n purchases in (T, T + horizon]."""
        (r, alpha), (x, T) = theta, as_columns(history, self.past)
        return np.exp(log_negative_binomial(n, r + x, horizon / (alpha + T)))

    def individuals(self, theta: Any, history: HistoryLike, *, rng: np.random.Generator) -> Individuals:
        """Rate ~ Gamma(r + x, alpha + T); nobody leaves."""
        r, alpha = self.theta(theta)
        x, T = as_columns(history, ("frequency", "T"))
        never = np.array(np.inf)
        return Individuals(self.p_alive(theta, history), r + x, alpha + T, np.array(0.0), np.array(1.0), never)


NBD = Nbd()
