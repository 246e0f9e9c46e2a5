"""Gamma-gamma: amounts scatter about each customer's own mean, and the means about the market's (Fader and Hardie 2013).

A purchase amount is Gamma(p, nu) with the customer's own nu, and nu is Gamma(q, v) over customers. How much a customer spends
is taken to be independent of how often she buys.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit, vectorize
from numpy.typing import NDArray

from clvmodels.history import HistoryLike, as_columns
from clvmodels.model import Array, Moved, Parameter
from clvmodels.numerics.digamma import digamma
from clvmodels.priors import LogNormal
from clvmodels.quantity.spend import Spend


class Theta(NamedTuple):
    p: Any
    q: Any
    v: Any


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(theta, frequency, monetary_value):
    """Log-likelihood of the mean of x amounts and its gradient, row by row (equation 1a of the source).

    Parameters
    ----------
    theta : (1, 3) or (n, 3) array of p, q, v
    frequency, monetary_value : (n,) arrays, both positive; sorted frequencies are fastest

    Returns
    -------
    value (n,), gradient (n, 3)
    """
    n = frequency.size
    value = np.empty(n)
    gradient = np.empty((n, 3))
    last = -1.0
    constant = d_p = d_q = 0.0
    for i in range(n):
        k = i if theta.shape[0] > 1 else 0
        p, q, v = theta[k, 0], theta[k, 1], theta[k, 2]
        x, m = frequency[i], monetary_value[i]
        px = p * x
        if theta.shape[0] > 1 or x != last:
            last = x
            constant = math.lgamma(px + q) - math.lgamma(px) - math.lgamma(q)
            both = digamma(px + q)
            d_p, d_q = x * (both - digamma(px)), both - digamma(q)
        log_share = -math.log1p(v / (x * m))  # of the data in x * m + v
        log_prior = -math.log1p(x * m / v)  # of the prior in x * m + v
        value[i] = constant + px * log_share + q * log_prior - math.log(m)
        gradient[i, 0] = d_p + x * log_share
        gradient[i, 1] = d_q + log_prior
        gradient[i, 2] = (q * x * m / v - px) / (x * m + v)
    return value, gradient


@vectorize(["f8(f8, f8, f8, f8, f8)"], nopython=True, cache=True)
def _expected_spend(p, q, v, x, m):
    freedom = p * x + q - 1.0
    total = x * m if x > 0.0 else 0.0
    return p * (v + total) / freedom if freedom > 0.0 else math.inf


@njit(cache=True, nogil=True)
def _draw_totals(rng, p, q, v, x, m, counts):
    totals = np.zeros(counts.shape)
    for i in range(x.size):
        known = x[i] * m[i] if x[i] > 0.0 else 0.0
        for s in range(counts.shape[1]):
            if counts[i, s] > 0:
                per_nu = (v[i, s] + known) / rng.standard_gamma(p[i, s] * x[i] + q[i, s])
                totals[i, s] = rng.standard_gamma(p[i, s] * counts[i, s]) * per_nu
    return totals


@njit(cache=True, nogil=True)
def _split(rng, p, totals, offsets):
    amounts = np.empty(offsets[-1])
    draws = totals.shape[1]
    for i in range(totals.shape[0]):
        for s in range(draws):
            k = i * draws + s
            total = 0.0
            for j in range(offsets[k], offsets[k + 1]):
                amounts[j] = rng.standard_gamma(p[i, s])
                total += amounts[j]
            for j in range(offsets[k], offsets[k + 1]):
                amounts[j] *= totals[i, s] / total
    return amounts


@dataclass(frozen=True, repr=False)
class GammaGamma(Spend):
    """The gamma-gamma model; use the value `GAMMA_GAMMA`.

    Default priors, on parameters divided by their scale in the data (the mean repeat amount) so that no currency matters:
    p ~ LogNormal(3, 1.5), q ~ LogNormal(3, 1), v / mean amount ~ LogNormal(1, 1.5).

    Examples
    --------
    >>> from clvmodels.history import History
    >>> from clvmodels.units import WEEK
    >>> one_purchase_of_20 = History(frequency=1, recency=5, T=38, period=WEEK, monetary_value=20)
    >>> round(float(GAMMA_GAMMA.expected_spend((6.25, 3.74, 15.44), one_purchase_of_20)), 4)
    24.6385
    """

    name = "GAMMA_GAMMA"
    title = "gamma-gamma"
    source = "Fader and Hardie 2013, The Gamma-Gamma Model of Monetary Value"
    Theta = Theta
    parameters = (
        Parameter("p", "shape of a customer's amounts", LogNormal(3.0, 1.5)),
        Parameter("q", "shape of nu over customers; the population mean is p v / (q - 1)", LogNormal(3.0, 1.0)),
        Parameter("v", "scale of nu over customers", LogNormal(1.0, 1.5), money=1),
    )
    kernel = staticmethod(log_likelihood)
    moved = (Moved("spend", "v", 1),)

    def expected_spend(self, theta: Any, history: HistoryLike) -> Array:
        """Expected amount of a coming purchase: a weighted mean of the customer's own mean and the population's.

        Parameters
        ----------
        theta
            p, q, v [currency]; arrays broadcast.
        history
            Customers; `monetary_value` may be anything where frequency is 0.

        Returns
        -------
        array [currency], > 0; the population mean p v / (q - 1) where frequency is 0; infinite where p x + q <= 1, because the
        distribution of amounts then has no mean

        Source: equation 5 of Fader and Hardie 2013.
        """
        return np.asarray(_expected_spend(*self.theta(theta), *as_columns(history, self.columns)))

    def draw_totals(
        self, theta: Any, history: HistoryLike, counts: NDArray[np.int64], *, rng: np.random.Generator
    ) -> Array:
        """Draw the customer's nu ~ Gamma(p x + q, v + x m), then the total of n amounts ~ Gamma(p n, nu)."""
        parameters = tuple(np.broadcast_to(v, counts.shape) for v in self.theta(theta))
        columns = tuple(np.atleast_1d(c) for c in as_columns(history, self.columns))
        return np.asarray(_draw_totals(rng, *parameters, *columns, counts))

    def draw_spend(
        self,
        theta: Any,
        history: HistoryLike,
        offsets: NDArray[np.int64],
        *,
        totals: Array | None = None,
        rng: np.random.Generator,
    ) -> Array:
        """Draw the totals, then split them: the shares of gamma amounts do not depend on their total."""
        if totals is None:
            counts = np.diff(offsets).reshape(np.size(history.frequency), -1)
            totals = self.draw_totals(theta, history, counts, rng=rng)
        return np.asarray(_split(rng, np.broadcast_to(self.theta(theta).p, totals.shape), totals, offsets))

    def simulate(self, theta: Any, frequency: Array, *, seed: int | np.random.Generator) -> Array:
        """Mean amount of `frequency` repeat purchases for new customers [currency]; NaN where frequency is 0."""
        p, q, v = self.theta(theta)
        rng = np.random.default_rng(seed)
        x = np.asarray(frequency, dtype=float)
        nu = rng.standard_gamma(q, x.shape) / v
        shape = np.where(x > 0, p * x, 1.0)
        return np.where(x > 0, rng.standard_gamma(shape) / (shape * nu) * p, np.nan)


GAMMA_GAMMA = GammaGamma()
