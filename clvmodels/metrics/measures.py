"""Traditional, customer-based, activity and strategic measures over plain numbers; rates are fractions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.errors import ClvError, offenders
from clvmodels.numerics.checked import number

type Array = NDArray[np.float64]


def market_share(*, sales: ArrayLike, category_sales: ArrayLike) -> Array:
    """Market share (시장점유율): own sales over the sales of all firms in the category.

    Parameters
    ----------
    sales, category_sales
        [currency, same period]; the category includes the own sales.

    Returns
    -------
    array, a fraction

    Source: crm_indicators, section A (there in per cent).

    Examples
    --------
    >>> float(market_share(sales=20, category_sales=80))
    0.25
    """
    return _share(sales, category_sales, "sales", "category_sales")


def sales_growth(*, sales: ArrayLike, previous: ArrayLike) -> Array:
    """Sales growth (매출액 성장률): (S_t - S_{t-1}) / S_{t-1}.

    Parameters
    ----------
    sales, previous
        Sales of this and of the previous period [currency]; the previous one above zero.

    Returns
    -------
    array, a fraction, negative where sales fell

    Source: crm_indicators, section A (there in per cent).

    Examples
    --------
    >>> float(sales_growth(sales=110, previous=88))
    0.25
    """
    return _ratio(sales, previous, "sales", "previous") - 1


def size_of_wallet(*, spending: ArrayLike) -> Array:
    """Size of wallet (범주지출액): what a customer spends in the category at all firms [currency].

    Parameters
    ----------
    spending
        By firm along the last axis [currency].

    Source: crm_indicators, section B.

    Examples
    --------
    >>> size_of_wallet(spending=[[30, 70], [10, 0]]).tolist()
    [100.0, 10.0]
    """
    return np.asarray(np.atleast_1d(number(spending, "spending", low=0)).sum(axis=-1))


def share_of_category_requirement(*, own: ArrayLike, category: ArrayLike) -> float:
    """Share of category requirement (SCR): own volume over the category volume of own buyers.

    Parameters
    ----------
    own, category
        Volume or sales per customer at the firm and in the category (n,). Customers without own volume are no buyers of the
        firm and left out of both sums, as the definition says.

    Returns
    -------
    float, a fraction

    Source: crm_indicators, section B.

    Examples
    --------
    >>> share_of_category_requirement(own=[30, 0, 20], category=[60, 500, 40])
    0.5
    """
    mine, all_firms = np.broadcast_arrays(*part_of(own, category, "own", "category"))
    buyers = mine > 0
    return float(_share(mine[buyers].sum(), all_firms[buyers].sum(), "own", "category"))


def individual_share_of_wallet(*, own: ArrayLike, wallet: ArrayLike) -> Array:
    """Individual share of wallet (개별 지갑점유율): S_ij over what customer i spends in the category.

    Parameters
    ----------
    own, wallet
        Spending at the firm and in the category [currency] (n,).

    Returns
    -------
    array (n,), fractions

    Source: crm_indicators, section B (there in per cent).

    Examples
    --------
    >>> individual_share_of_wallet(own=[30, 20], wallet=[60, 80]).tolist()
    [0.5, 0.25]
    """
    return _share(own, wallet, "own", "wallet")


def aggregate_share_of_wallet(*, own: ArrayLike, wallet: ArrayLike) -> float:
    """Aggregate share of wallet (전체 지갑점유율): own sales over the wallets of own buyers; SCR in currency.

    Parameters
    ----------
    own, wallet
        Spending at the firm and in the category [currency] (n,).

    Returns
    -------
    float, a fraction

    Source: crm_indicators, section B (there in per cent).

    Examples
    --------
    >>> aggregate_share_of_wallet(own=[30, 0, 20], wallet=[60, 500, 140])
    0.25
    """
    return share_of_category_requirement(own=own, category=wallet)


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
    return _share(acquired, targeted, "acquired", "targeted")


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
    return _ratio(spend, acquired, "spend", "acquired")


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
    return _ratio(1.0, purchases_per_period, "1", "purchases_per_period")


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
    return _share(still_active, active_before, "still_active", "active_before")


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
    return _share(last, length, "last", "length") ** number(purchases, "purchases", low=1)


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
    return _ratio(cost, margin, "cost", "margin")


def _share(part: ArrayLike, whole: ArrayLike, part_name: str, whole_name: str) -> Array:
    return _ratio(*part_of(part, whole, part_name, whole_name), part_name, whole_name)


def part_of(part: ArrayLike, whole: ArrayLike, part_name: str, whole_name: str) -> tuple[Array, Array]:
    """Both as arrays, if no part is more than its whole."""
    some, all_ = np.broadcast_arrays(number(part, part_name, low=0), number(whole, whole_name, low=0))
    more = np.flatnonzero(np.ravel(some > all_))
    if more.size:
        shown = [f"{one:g} of {other:g}" for one, other in zip(np.ravel(some)[more], np.ravel(all_)[more], strict=True)]
        remedy = "Check that both count the same."
        problem = f"is more than {whole_name}, of which it is a part,"
        raise ClvError(
            offenders(problem, column=part_name, rows=[f"row {row}" for row in more], values=shown, remedy=remedy)
        )
    return some, all_


def _ratio(above: ArrayLike, below: ArrayLike, above_name: str, below_name: str) -> Array:
    divisor = number(below, below_name, low=0)
    if np.any(divisor == 0):
        raise ClvError(f"{below_name} is zero, so there is no rate. Leave such rows out.")
    return np.asarray(number(above, above_name) / divisor)
