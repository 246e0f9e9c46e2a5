"""The firm in its market and in its customers' wallets, over plain numbers; rates are fractions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.metrics.ratios import part_of, ratio_of, share_of
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
    return share_of(sales, category_sales, "sales", "category_sales")


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
    return ratio_of(sales, previous, "sales", "previous") - 1


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
    return float(share_of(mine[buyers].sum(), all_firms[buyers].sum(), "own", "category"))


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
    return share_of(own, wallet, "own", "wallet")


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
