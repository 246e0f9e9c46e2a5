"""Acquisition, activity and response over plain numbers; rates are fractions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.errors import ClvError
from clvmodels.metrics.ratios import ratio_of, share_of
from clvmodels.numerics.checked import number

type Array = NDArray[np.float64]


def acquisition_rate(*, acquired: ArrayLike, targeted: ArrayLike) -> Array:
    """Acquisition rate (획득률): prospects acquired over prospects targeted, a fraction.

    Parameters
    ----------
    acquired, targeted
        [prospects].

    Source: crm_indicators, section C (there in per cent).

    Examples
    --------
    >>> float(acquisition_rate(acquired=30, targeted=120))
    0.25
    """
    return share_of(acquired, targeted, "acquired", "targeted")


def acquisition_cost(*, spend: ArrayLike, acquired: ArrayLike) -> Array:
    """Acquisition cost (획득비용): acquisition spend over prospects acquired [currency per customer].

    Parameters
    ----------
    spend, acquired
        [currency], [prospects, > 0].

    Source: crm_indicators, section C.

    Examples
    --------
    >>> float(acquisition_cost(spend=600, acquired=30))
    20.0
    """
    return ratio_of(spend, acquired, "spend", "acquired")


def average_interpurchase_time(*, purchases: ArrayLike, first: ArrayLike, last: ArrayLike) -> Array:
    """Average inter-purchase time (평균구매시간) per customer: (last - first) / (n - 1), the first reading of the source.

    Parameters
    ----------
    purchases
        n, the first included [count, >= 1].
    first, last
        Times of the first and the last purchase [periods].

    Returns
    -------
    array [periods]; NaN for a single purchase, which has no time between

    Raises
    ------
    ClvError
        A last purchase is before the first.

    Source: crm_indicators, section C. `interpurchase_time_of_period` is the other reading.

    Examples
    --------
    >>> average_interpurchase_time(purchases=[3, 1], first=[0, 5], last=[10, 5]).tolist()
    [5.0, nan]
    """
    n, span = number(purchases, "purchases", low=1), number(last, "last") - number(first, "first")
    if np.any(span < 0):
        raise ClvError("last is before first. Check which is which, and that both count from the same day.")
    return np.asarray(np.where(n > 1, span / np.where(n > 1, n - 1, 1), np.nan))


def interpurchase_time_of_period(*, purchases_per_period: ArrayLike) -> Array:
    """Average inter-purchase time (평균구매시간) over a period: 1 / purchases per period, the other reading of the source.

    Parameters
    ----------
    purchases_per_period
        [count per customer and period, > 0].

    Returns
    -------
    array [periods]

    Source: crm_indicators, section C.

    Examples
    --------
    >>> float(interpurchase_time_of_period(purchases_per_period=4))
    0.25
    """
    return ratio_of(1.0, purchases_per_period, "1", "purchases_per_period")


def retention_rate(*, active_before: ArrayLike, still_active: ArrayLike) -> Array:
    """Retention rate (유지율): of the customers active in t - 1, the fraction active in t.

    Parameters
    ----------
    active_before, still_active
        By period [customers].

    Source: crm_indicators, section C.

    Examples
    --------
    >>> retention_rate(active_before=[100, 80], still_active=[80, 60]).tolist()
    [0.8, 0.75]
    """
    return share_of(still_active, active_before, "still_active", "active_before")


def defection_rate(*, active_before: ArrayLike, still_active: ArrayLike) -> Array:
    """Defection rate (이탈률): 1 - `retention_rate`, from the same customers [customers]; a fraction.

    Source: crm_indicators, section C.

    Examples
    --------
    >>> float(defection_rate(active_before=100, still_active=75))
    0.25
    """
    return 1 - retention_rate(active_before=active_before, still_active=still_active)


def survival_rate(*, retention: ArrayLike) -> Array:
    """Survival rate (생존율): S_t = retention_t S_{t-1} with S_0 = 1, along the last axis.

    Parameters
    ----------
    retention
        By period t = 1, 2, ..., n along the last axis [fraction].

    Returns
    -------
    array with one more along the last axis, from S_0 = 1

    Source: crm_indicators, section C.

    Examples
    --------
    >>> survival_rate(retention=[0.8, 0.5]).tolist()
    [1.0, 0.8, 0.4]
    """
    kept = np.atleast_1d(number(retention, "retention", low=0, high=1))
    return np.concatenate([np.ones((*kept.shape[:-1], 1)), np.cumprod(kept, axis=-1)], axis=-1)


def p_active(*, purchases: ArrayLike, last: ArrayLike, length: ArrayLike) -> Array:
    """P(active) (P(Active)): (T / N)^n, the simple chance that a customer is still active.

    Parameters
    ----------
    purchases
        n, purchases in the observation, the first included [count, >= 1].
    last, length
        T, time of the last purchase since the first, and N, length of the observation [same period].

    Returns
    -------
    array, 0 to 1. A customer with one purchase has T = 0, and so 0^1 = 0: the formula gives up on her at once.

    Source: crm_indicators, section C.

    Examples
    --------
    >>> p_active(purchases=[4, 1], last=[8, 0], length=[10, 10]).round(4).tolist()
    [0.4096, 0.0]
    """
    return share_of(last, length, "last", "length") ** number(purchases, "purchases", low=1)


def break_even_response(*, cost: ArrayLike, margin: ArrayLike) -> Array:
    """The response rate at which a contact pays: its cost over the margin of a response, for the cells of RFM (RFM 분석).

    Parameters
    ----------
    cost, margin
        [currency per contact], [currency per response, > 0].

    Returns
    -------
    array, a fraction; above 1 no response is enough

    Source: crm_indicators, section D.

    Examples
    --------
    >>> float(break_even_response(cost=1, margin=40))
    0.025
    """
    return ratio_of(cost, margin, "cost", "margin")
