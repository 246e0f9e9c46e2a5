"""BG/NBD: buying at random, and a chance to leave after every purchase (Fader, Hardie and Lee 2005).

A customer's purchases after her first are Poisson at her rate lambda; after each of them she leaves with her
probability p. Rates are Gamma(r, alpha) over customers, probabilities Beta(a, b), independent of each other. A customer who
has not bought again is certainly alive.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numba import njit, vectorize
from numpy.typing import ArrayLike
from scipy import special

from clvmodels.duration.attrition import LatentAttrition
from clvmodels.duration.expectation import (
    discounted_count,
    expected_count,
    log_negative_binomial,
    stay_probability,
)
from clvmodels.duration.futures import Individuals
from clvmodels.history import HistoryLike, as_columns
from clvmodels.model import Array, Moved, Parameter
from clvmodels.numerics.elementary import logs_of_ages, softplus
from clvmodels.numerics.quadrature import NEGLIGIBLE
from clvmodels.numerics.rising import end_of_run, log_rising
from clvmodels.priors import LogNormal

NEVER = -1e300
"""Log-odds of what cannot be."""


class Theta(NamedTuple):
    r: Any
    alpha: Any
    a: Any
    b: Any


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(theta, frequency, recency, T, chances=0.0):
    """Log-likelihood and gradient, row by row (equation 6 of the source).

    `chances` counts the occasions to leave before the first repeat purchase: none here, one in MBG/NBD. What depends on theta and
    frequency alone is done once for a run of rows that share them, so sorted frequencies are fastest.

    Parameters
    ----------
    theta : (1, 4) or (n, 4) array of r, alpha, a, b
    frequency, recency, T : (n,) arrays

    Returns
    -------
    value (n,), gradient (n, 4)
    """
    n = frequency.size
    value, gradient = np.empty(n), np.empty((n, 4))
    log_end, log_silence, soft, left = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    per_row = theta.shape[0] > 1
    start = 0
    x = log_r = log_b = log_ab = d_r = d_b = d_ab = occasions = 0.0
    while start < n:
        stop = start + 1 if per_row else end_of_run(frequency, start)
        r, alpha, a, b = theta[start if per_row else 0]
        if per_row or frequency[start] < x:
            x = log_r = log_b = log_ab = d_r = d_b = d_ab = occasions = 0.0
        log_r, d_r = log_rising(r, frequency[start], x, log_r, d_r)
        x = frequency[start]
        log_b, d_b = log_rising(b, x + chances, occasions, log_b, d_b)
        log_ab, d_ab = log_rising(a + b, x + chances, occasions, log_ab, d_ab)
        occasions = x + chances
        log_alpha = math.log(alpha)
        constant = log_r + log_b - log_ab + r * log_alpha
        log_weight = math.log(a / (b + occasions - 1.0)) if occasions > 0.0 else NEVER
        per_b = 1.0 / (b + occasions - 1.0) if occasions > 0.0 else 0.0
        logs_of_ages(alpha, recency[start:stop], T[start:stop], log_end[start:stop], log_silence[start:stop])
        softplus(log_weight, r + x, log_silence[start:stop], soft[start:stop], left[start:stop])
        for i in range(start, stop):
            value[i] = constant - (r + x) * log_end[i] + soft[i]
            gradient[i, 0] = d_r + log_alpha - log_end[i] + left[i] * log_silence[i]
            silence = left[i] * (r + x) * (T[i] - recency[i]) / (alpha + recency[i])
            gradient[i, 1] = (r * T[i] / alpha - x - silence) / (alpha + T[i])
            gradient[i, 2] = left[i] / a - d_ab
            gradient[i, 3] = d_b - d_ab - left[i] * per_b
        start = stop
    return value, gradient


@vectorize(["f8(f8, f8, f8, f8, f8, f8, f8, f8)"], nopython=True, cache=True)
def _p_alive(r, alpha, a, b, x, t_x, T, chances):
    occasions = x + chances
    if occasions == 0.0:
        return 1.0
    silent = ((alpha + t_x) / (alpha + T)) ** (r + x)
    return silent / (silent + a / (b + occasions - 1.0))


@dataclass(frozen=True, repr=False)
class BgNbd(LatentAttrition):
    """The BG/NBD model; use the value `BG_NBD`.

    Default priors, on parameters divided by their scale in the data so that no unit matters (90 % lies between a twelfth
    and twelve times the median): r ~ LogNormal(0.5, 1.5), alpha / mean age ~ LogNormal(0.5, 1.5),
    a ~ LogNormal(1, 1.5), b ~ LogNormal(2, 1.5).

    Examples
    --------
    >>> from clvmodels.history import History
    >>> from clvmodels.units import WEEK
    >>> theta = (0.243, 4.414, 0.793, 2.426)
    >>> customer = History(frequency=2, recency=30.43, T=38.86, period=WEEK)
    >>> round(float(BG_NBD.p_alive(theta, customer)), 4)
    0.7266
    >>> round(float(BG_NBD.expected_purchases(theta, customer, horizon=39 * WEEK)), 3)
    1.226
    """

    name = "BG_NBD"
    title = "BG/NBD"
    source = "Fader, Hardie and Lee 2005, Marketing Science 24(2), 275-284"
    Theta = Theta
    parameters = (
        Parameter("r", "shape of purchase rates over customers", LogNormal(0.5, 1.5)),
        Parameter("alpha", "scale of purchase rates: mean rate is r / alpha", LogNormal(0.5, 1.5), time=1),
        Parameter("a", "dropout: mean probability is a / (a + b)", LogNormal(1.0, 1.5)),
        Parameter("b", "dropout: mean probability is a / (a + b)", LogNormal(2.0, 1.5)),
    )
    kernel = staticmethod(log_likelihood)
    moved = (Moved("purchase", "alpha", -1), Moved("dropout", "a", 1))
    chances: ClassVar[float] = 0.0
    """Occasions to leave before the first repeat purchase."""

    def p_alive(self, theta: Any, history: HistoryLike) -> Array:
        """Probability that the customer has not left by T.

        Parameters
        ----------
        theta
            r, alpha [period], a, b; arrays broadcast.
        history
            Customers, in the same period.

        Returns
        -------
        array in [0, 1]; never falls when recency grows; in BG/NBD 1 where frequency is 0

        Source: Fader, Hardie and Lee 2008, "Computing P(alive) using the BG/NBD model", equation 1.
        """
        return np.asarray(_p_alive(*self.theta(theta), *as_columns(history, self.columns), self.chances))

    def expected_purchases_if_alive(self, theta: Any, history: HistoryLike, horizon: ArrayLike) -> Array:
        """Expected purchases in (T, T + horizon] given alive at T; equation 10 of the source without its P(alive)."""
        (r, alpha, a, b), (x, T) = theta, as_columns(history, self.past)
        return np.asarray(expected_count(r + x, a, b + x + self.chances, horizon / (alpha + T)))

    def survival_if_alive(self, theta: Any, history: HistoryLike, horizon: ArrayLike) -> Array:
        """P(not left by T + horizon | alive at T): purchases that end in leaving come at the rate p lambda."""
        (r, alpha, a, b), (x, T) = theta, as_columns(history, self.past)
        return np.asarray(stay_probability(r + x, a, b + x + self.chances, horizon / (alpha + T)))

    def expected_if_alive(self, theta: Any, history: HistoryLike, *, horizon: float, force: float) -> Array:
        """As in the family; without end, what depends on theta and frequency alone is computed once for all ages."""
        if not horizon * force >= NEGLIGIBLE:
            return super().expected_if_alive(theta, history, horizon=horizon, force=force)
        (r, alpha, a, b), (x, T) = theta, as_columns(history, self.past)
        order: Literal["C", "F"] = "F" if np.shape(x)[-1:] == (1,) else "C"
        return discounted_count(r + x, alpha + T, a, b + x + self.chances, force, least=alpha, order=order)

    def pmf_if_alive(self, theta: Any, history: HistoryLike, n: ArrayLike, horizon: ArrayLike) -> Array:
        """P(n purchases in (T, T + horizon] | alive at T): all n Poisson events and stay, or at least n and leave at the n-th."""
        (r, alpha, a, b), (x, T) = theta, as_columns(history, self.past)
        c, stay, ratio = r + x, b + x + self.chances, horizon / (alpha + T)
        n = np.asarray(n, dtype=float)
        if not np.any(n):  # asked for at many times when the next purchase is sought
            shape = np.broadcast_shapes(n.shape, np.shape(c), np.shape(stay), np.shape(a), np.shape(ratio))
            return np.broadcast_to(np.exp(log_negative_binomial(n, c, ratio)), shape)
        earlier = np.maximum(n - 1, 0)
        at_least = np.where(n > 0, special.betainc(np.maximum(n, 1), c, ratio / (1 + ratio)), 1.0)
        stayed = special.betaln(stay + n, a) - special.betaln(stay, a)
        left = special.betaln(stay + earlier, a + 1) - special.betaln(stay, a)
        all_of_them = np.exp(log_negative_binomial(n, c, ratio) + stayed)
        return np.asarray(all_of_them + np.where(n > 0, at_least * np.exp(left), 0.0))

    def individuals(self, theta: Any, history: HistoryLike, *, rng: np.random.Generator) -> Individuals:
        """Rate ~ Gamma(r + x, alpha + T) and dropout ~ Beta(a, b + x) of those alive."""
        r, alpha, a, b = theta = self.theta(theta)
        x, T = as_columns(history, ("frequency", "T"))
        return Individuals(self.p_alive(theta, history), r + x, alpha + T, a, b + x + self.chances, np.array(np.inf))


BG_NBD = BgNbd()
