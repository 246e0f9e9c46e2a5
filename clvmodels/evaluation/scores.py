"""Scores of a prediction against what happened: pure functions of `actual` and `predicted`, customers along the last axis.

Equal predictions are ties: every score of an order gives tied customers their shared place, so the order of the rows never
matters and a prediction that is the same for everybody tells nobody apart.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]

FLOOR = 0.001
"""Share of the mean actual below which a prediction does not get worse in the deviance."""


def bias(actual: Array, predicted: Array) -> float:
    """Total predicted over total actual, less one [fraction]; 0 is unbiased, NaN if nothing happened.

    Examples
    --------
    >>> bias(np.array([1.0, 3.0]), np.array([2.0, 3.0]))
    0.25
    """
    total = float(np.sum(actual))
    return float(np.sum(predicted)) / total - 1 if total > 0 else math.nan


def absolute_error(actual: Array, predicted: Array) -> Array:
    """Absolute error per customer, in the unit of the target; its mean is least for predicting everybody's median."""
    return np.abs(predicted - actual)


def squared_error(actual: Array, predicted: Array) -> Array:
    """Squared error per customer; its mean is least for predicting everybody's mean."""
    return (predicted - actual) ** 2


def poisson_deviance(actual: Array, predicted: Array) -> Array:
    """Poisson deviance per customer, 2 (a log(a / m) - a + m) [>= 0], for counts.

    Where something happened, a prediction m below a thousandth of the mean actual counts as a thousandth of it: predicting
    "never" is dear and not infinitely so.

    Source: McCullagh and Nelder 1989, Generalized Linear Models, section 2.3.

    Examples
    --------
    >>> poisson_deviance(np.array([0.0, 2.0]), np.array([1.5, 2.0]))
    array([3., 0.])
    """
    m, happened = _floored(actual, predicted)
    ratio = np.where(happened, actual, 1.0) / np.where(happened, m, 1.0)
    return np.asarray(2 * (np.maximum(actual, 0) * np.log(ratio) - np.maximum(actual, 0) + m))


def tweedie_deviance(actual: Array, predicted: Array) -> Array:
    """Tweedie deviance of power 1.5 per customer, 4 (sqrt(a) - sqrt(m))^2 / sqrt(m) [sqrt(currency), >= 0], for spend.

    The unit deviance of compound Poisson-gamma amounts, which may be zero; the variance grows with the mean to the 1.5.
    An actual below zero (more returned than bought) counts as zero; small predictions as in `poisson_deviance`.

    Source: Jorgensen 1997, The Theory of Dispersion Models, chapter 4.

    Examples
    --------
    >>> tweedie_deviance(np.array([0.0, 9.0]), np.array([4.0, 4.0]))
    array([8., 2.])
    """
    m, happened = _floored(actual, predicted)
    root = np.sqrt(m)
    gap = np.sqrt(np.maximum(actual, 0)) - root
    return np.asarray(4 * np.where(happened, gap**2 / np.where(happened, root, 1.0), root))


def mid_ranks(values: Array) -> Array:
    """Share of customers below, counting half of those that tie, per customer [0 to 1, mean 0.5].

    Examples
    --------
    >>> mid_ranks(np.array([5.0, 1.0, 5.0, 9.0]))
    array([0.5  , 0.125, 0.5  , 0.875])
    """
    _, code, counts = np.unique(values, return_inverse=True, return_counts=True)
    return np.asarray(((np.cumsum(counts) - counts / 2) / len(values))[code])


def spearman(actual: Array, predicted: Array) -> float:
    """Spearman's rank correlation with shared ranks [-1 to 1]; 0 for a constant prediction, NaN for constant actuals.

    Examples
    --------
    >>> spearman(np.array([0.0, 1.0, 5.0]), np.array([0.1, 0.2, 0.3]))
    1.0
    """
    a, p = mid_ranks(actual) - 0.5, mid_ranks(predicted) - 0.5
    spread_a, spread_p = float(a @ a), float(p @ p)
    if spread_a == 0:
        return math.nan
    return float(a @ p) / math.sqrt(spread_a * spread_p) if spread_p > 0 else 0.0


def gini(actual: Array, predicted: Array) -> float:
    """Normalised Gini: how concentrated the actuals are on those predicted highest, over the best possible [-1 to 1].

    Both concentrations are covariances of the actuals with shared ranks, so a constant prediction scores 0 whatever the order
    of the rows. NaN for constant actuals.

    Source: Frees, Meyers and Cummings 2011, JASA 106(495), 1085-1098; covariance form of Lerman and Yitzhaki 1984.

    Examples
    --------
    >>> gini(np.array([0.0, 1.0, 5.0]), np.array([0.1, 0.2, 0.3]))
    1.0
    """
    best = float(actual @ (mid_ranks(actual) - 0.5))
    return float(actual @ (mid_ranks(predicted) - 0.5)) / best if best > 0 else math.nan


def captured(actual: Array, predicted: Array, share: float | Array) -> Array:
    """Share of all actuals that belongs to the `share` of customers predicted highest [0 to 1].

    Customers that tie across the border are taken in part. NaN if the actuals add up to nothing.

    Examples
    --------
    >>> float(captured(np.array([6.0, 2.0, 2.0, 0.0]), np.array([9.0, 5.0, 5.0, 1.0]), 0.5))
    0.8
    """
    _, code, counts = np.unique(-predicted, return_inverse=True, return_counts=True)
    customers = np.append(0.0, np.cumsum(counts)) / len(actual)
    gained = np.append(0.0, np.cumsum(np.bincount(code, actual)))
    total = gained[-1]
    return np.asarray(np.interp(share, customers, gained) / total if total > 0 else np.full(np.shape(share), np.nan))


def top_decile_lift(actual: Array, predicted: Array) -> float:
    """Share of all actuals in the tenth of customers predicted highest, over 0.1 [0 to 10]; 1 for a constant prediction.

    Examples
    --------
    >>> top_decile_lift(np.array([4.0, 1, 1, 1, 1, 1, 1, 0, 0, 0]), np.arange(10.0, 0.0, -1.0))
    4.0
    """
    return float(captured(actual, predicted, 0.1)) / 0.1


def coverage(actual: Array, lower: Array, upper: Array) -> float:
    """Share of actuals inside their intervals, bounds included [0 to 1].

    Examples
    --------
    >>> coverage(np.array([0.0, 2.0]), np.array([0.0, 0.0]), np.array([1.0, 1.0]))
    0.5
    """
    return float(np.mean((lower <= actual) & (actual <= upper)))


def _floored(actual: Array, predicted: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Predictions, raised to the floor where something happened; and where it did."""
    happened = actual > 0
    floor = FLOOR * float(np.mean(np.maximum(actual, 0)))
    return np.where(happened, np.maximum(predicted, floor), np.maximum(predicted, 0.0)), happened
