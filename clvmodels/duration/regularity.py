"""How regularly customers buy: the shape of the times between one customer's purchases, whatever her rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import digamma, gammaln
from scipy.stats import chi2

from clvmodels.errors import HistoryError
from clvmodels.history import HistoryLike
from clvmodels.model import Array

INTERVAL = 0.90
SMALLEST, LARGEST = 1e-6, 1e6
"""Shapes between which the maximum is sought; a larger one is infinite."""


class Regularity(NamedTuple):
    """How regularly customers buy.

    Attributes
    ----------
    k
        Shape of the intervals between purchases, > 0: 1 at random (Poisson), above 1 more regularly, below 1 in bursts;
        infinite if every customer's intervals are all equal.
    lower, upper
        90 % profile likelihood interval of k.
    customers
        How many have the two repeat purchases that it takes.
    """

    k: float
    lower: float
    upper: float
    customers: int


def regularity(histories: HistoryLike) -> Regularity:
    """How regularly customers buy: the shape k of gamma-distributed times between purchases, common to all customers.

    Each customer may have her own rate: given her first and last purchase, the shares of her intervals in the recency are
    Dirichlet(k, ..., k), in which the rate does not appear, and neither does when she leaves. k is estimated by maximum
    likelihood over customers with two repeat purchases or more.

    Purchases are recorded by the day, and two on one day are one. So where customers buy every few days, intervals cannot be as
    short as chance would make them, and k is overestimated: below about ten days between purchases it says little.

    Parameters
    ----------
    histories
        Customers with `log_intervals`, as `log.histories(period=..., intervals=True)` gives them.

    Returns
    -------
    Regularity; k is about 1 where `BG_NBD` fits, about 2 where `BG_CNBD_K(2)` does

    Raises
    ------
    HistoryError
        `log_intervals` are not known, or nobody has two repeat purchases.

    Examples
    --------
    >>> from clvmodels.history import History
    >>> from clvmodels.units import WEEK
    >>> even = History([2, 3], [20.0, 30.0], [40.0, 40.0], WEEK, log_intervals=[4.58, 6.85])
    >>> regularity(even).k > 2
    True

    Source: WheatMorrison1990, who take two intervals of each customer; here all of them.
    """
    if histories.log_intervals is None:
        raise HistoryError(
            "The times between purchases are not known. Make the histories with log.histories(period=..., intervals=True), or "
            "give log_intervals."
        )
    x, t_x, logs = np.broadcast_arrays(
        *(np.asarray(v, dtype=float) for v in (histories.frequency, histories.recency, histories.log_intervals))
    )
    some = x >= 2
    if not some.any():
        raise HistoryError(
            "Nobody has two repeat purchases, so nothing tells how regular they are. Observe for longer."
        )
    counts, customers = np.unique(x[some], return_counts=True)
    evenness = float(np.sum(logs[some] - x[some] * np.log(t_x[some])))
    return _profile(counts, customers.astype(float), evenness)


def _profile(counts: Array, customers: Array, evenness: float) -> Regularity:
    """Top of the log-likelihood, which is concave in k, and where it has fallen by half a chi-square quantile.

    `counts` are distinct numbers of intervals, `customers` have each; `evenness` is the sum of logs of shares of the recency.
    """
    intervals = float(customers @ counts)

    def value(k: float) -> float:
        return float(customers @ gammaln(k * counts)) - intervals * float(gammaln(k)) + (k - 1) * evenness

    def slope(k: float) -> float:
        return float(customers @ (counts * digamma(k * counts))) - intervals * float(digamma(k)) + evenness

    k = lower = upper = _crossing(slope, SMALLEST, LARGEST)
    if math.isfinite(k):
        floor = value(k) - chi2.ppf(INTERVAL, 1) / 2
        lower = _crossing(lambda v: floor - value(v), SMALLEST, k)
        upper = _crossing(lambda v: value(v) - floor, k, LARGEST)
    return Regularity(k, lower, upper, int(customers.sum()))


def _crossing(falling: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that is positive at `low` becomes negative, sought in the logarithm; infinite if it does not."""
    if falling(high) > 0:
        return math.inf
    return math.exp(brentq(lambda u: falling(math.exp(u)), math.log(low), math.log(high), xtol=1e-12))
