"""Whether occasions of a cell are more alike than chance, and by how much."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import special

from clvmodels.response.cells import Floats

BEYOND_NOISE = 0.01
"""Probability of the test below which the correlation is taken to be there."""


@dataclass(frozen=True)
class Overdispersion:
    """Test of a common correlation between the occasions of a cell, against none.

    Attributes
    ----------
    correlation
        Estimate; 0 is a binomial distribution.
    z, p
        Score test (Dean 1992), one-sided and with its skewness, which is large where purchases are rare; NaN if no cell holds two
        occasions.
    corrected
        Whether cells were weighed by 1 / (1 + (n - 1) * correlation), which widens all intervals (Williams 1982).
    """

    correlation: float
    z: float
    p: float
    corrected: bool = False

    @property
    def beyond_noise(self) -> bool:
        return self.p < BEYOND_NOISE

    def __str__(self) -> str:
        if math.isnan(self.z):
            return "over-dispersion cannot be told: every cell holds one occasion"
        found = f"correlation within cells {self.correlation:.2g}, z = {self.z:.1f}, p = {self.p:.2g}"
        if self.corrected:
            return (
                f"more spread over cells than chance makes ({found}): cells were weighed down and intervals are wider"
            )
        return f"no more spread over cells than chance makes ({found})"


def overdispersion(successes: Floats, trials: Floats, chance: Floats, leverage: Floats) -> Overdispersion:
    """Score test of a common correlation, with the degrees of freedom that the fit has used put back.

    For each cell (y - np)^2 - (1 - 2p)(y - np) - npq over pq has mean 0 and variance 2n(n - 1) under the binomial distribution,
    and mean n(n - 1) times the correlation with one. A cell of one occasion says nothing, whatever its p. The probability is that
    of a gamma distribution with the same variance and skewness.

    Parameters
    ----------
    successes, trials, chance
        (g,) y, n and fitted p.
    leverage
        (g,) share of each cell's variance that the fit has taken up.

    Source: Dean 1992, Journal of the American Statistical Association 87, 451-457.
    """
    many = trials > 1
    y, n, p, h = successes[many], trials[many], chance[many], leverage[many]
    variance, residual = p * (1 - p), y - n * p
    pairs = float(np.sum(n * (n - 1)))
    if not pairs:
        return Overdispersion(math.nan, math.nan, math.nan)
    excess = float(np.sum((residual**2 - (1 - 2 * p) * residual) / variance - n + h * n))
    z = excess / math.sqrt(2 * pairs)
    third = np.sum(n * (n - 1) * (4 * (1 - 2 * p) ** 2 / variance + 8 * (n - 2)))
    return Overdispersion(max(0.0, excess / pairs), z, _upper_tail(z, float(third) / (2 * pairs) ** 1.5))


def _upper_tail(z: float, skewness: float) -> float:
    """Probability above z of a standardised gamma distribution."""
    if skewness < 1e-4:
        return float(special.ndtr(-z))
    shape = 4 / skewness**2
    return float(special.gammaincc(shape, max(0.0, shape + z * math.sqrt(shape))))
