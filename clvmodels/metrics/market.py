"""Sales and acquisition by period, against what a log cannot know: the market's sales, prospects, spending."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.data.transactions import Transactions
from clvmodels.errors import ClvError, offenders
from clvmodels.metrics.indicators import table
from clvmodels.metrics.measures import acquisition_cost
from clvmodels.metrics.periods import By, as_unit
from clvmodels.metrics.ratios import part_of
from clvmodels.metrics.shares import add_share
from clvmodels.metrics.wallet import market_share
from clvmodels.metrics.words import Language, check_language, in_language

if TYPE_CHECKING:
    import pandas as pd


def sales(
    log: Transactions, *, by: By = "month", category_sales: pd.Series | None = None, lang: Language = "en"
) -> pd.DataFrame:
    """Sales growth (매출액 성장률) and, where the sales of all firms are given, market share (시장점유율) by period.

    Parameters
    ----------
    log
        `Transactions` with amounts. Sales are net of returns, of all customers.
    by
        "week", "month", "quarter" or "year", or WEEK, MONTH, YEAR.
    category_sales
        Sales of all firms in the category, the own included [currency], by period as the table names it ("2024-01").
    lang
        "en", or "ko" for Korean headings.

    Returns
    -------
    DataFrame by period: the period, complete, sales [currency], sales_growth since the period before (fraction, missing where
    it was not above zero), and with category_sales: category_sales, market_share (fraction, missing where none is given)

    Raises
    ------
    ClvError
        A period is not in the log, or the own sales are more than the category's.

    Source: crm_indicators, section A (there in per cent).

    Examples
    --------
    >>> import pandas as pd
    >>> lines = pd.DataFrame({"who": ["A", "A"], "when": ["20240101", "20240229"], "paid": [20, 25]})
    >>> log = Transactions(lines, customer="who", date="when", amount="paid")
    >>> sales(log, category_sales=pd.Series({"2024-01": 80}))[["sales_growth", "market_share"]].to_numpy().tolist()
    [[nan, 0.25], [0.25, nan]]
    """
    check_language(lang)
    unit = as_unit(by).name
    counted = table(log, by=by)
    found = counted[[unit, "complete"]].assign(sales=counted["amount"] + counted["amount_of_others"])
    before = found["sales"].shift(1)
    found["sales_growth"] = found["sales"] / before.where(before > 0) - 1
    if category_sales is not None:
        found["category_sales"] = _given(category_sales, found[unit], "category_sales")
        known = found["category_sales"] > 0
        share = market_share(sales=found.loc[known, "sales"], category_sales=found.loc[known, "category_sales"])
        found["market_share"] = np.nan
        found.loc[known, "market_share"] = share
    return in_language(found, lang)


def acquisition(
    log: Transactions,
    *,
    by: By = "month",
    targeted: pd.Series | None = None,
    spend: pd.Series | None = None,
    lang: Language = "en",
    interval: float = 0.95,
) -> pd.DataFrame:
    """Acquisition rate (획득률) and cost (획득비용) by period: new customers of the log, over prospects and money given.

    Parameters
    ----------
    log
        `Transactions` with amounts. Acquired is who makes a first purchase in the period.
    by, lang
        As in `sales`.
    targeted, spend
        Prospects targeted, and what was spent on acquisition [currency], by period as the table names it ("2024-01").
    interval
        Probability of Wilson's intervals, 0 to 1.

    Returns
    -------
    DataFrame by period: the period, complete, new_customers; with targeted: targeted, acquisition_rate with _lower and _upper
    (fractions); with spend: spend, acquisition_cost [currency per customer]. Missing where nothing is given or nobody came.

    Source: crm_indicators, section C (there in per cent); Wilson1927.

    Examples
    --------
    >>> import pandas as pd
    >>> lines = pd.DataFrame({"who": ["A", "B"], "when": ["20240101", "20240131"], "paid": [20, 25]})
    >>> log = Transactions(lines, customer="who", date="when", amount="paid")
    >>> found = acquisition(log, targeted=pd.Series({"2024-01": 8}), spend=pd.Series({"2024-01": 50}))
    >>> found[["acquisition_rate", "acquisition_cost"]].to_numpy().tolist()
    [[0.25, 25.0]]
    """
    check_language(lang)
    unit = as_unit(by).name
    found = table(log, by=by)[[unit, "complete", "new_customers"]].copy()
    if targeted is not None:
        found["targeted"] = _given(targeted, found[unit], "targeted")
        known = found["targeted"].notna()
        part_of(found["new_customers"][known], found["targeted"][known], "new_customers", "targeted")
        add_share(found, "acquisition_rate", found["new_customers"], found["targeted"], interval)
    if spend is not None:
        found["spend"] = _given(spend, found[unit], "spend")
        won = (found["new_customers"] > 0) & found["spend"].notna()
        found["acquisition_cost"] = np.nan
        found.loc[won, "acquisition_cost"] = acquisition_cost(
            spend=found["spend"][won], acquired=found["new_customers"][won]
        )
    return in_language(found, lang)


def _given(series: Any, periods: pd.Series, name: str) -> Any:
    """A Series by period in the order of the table."""
    unknown = [key for key in series.index if key not in set(periods)]
    if unknown:
        remedy = f"Name periods as {periods.iloc[0]}, from there to {periods.iloc[-1]}."
        values = [series[key] for key in unknown]
        raise ClvError(
            offenders("has periods that the log does not have", column=name, rows=unknown, values=values, remedy=remedy)
        )
    return series.astype(float).reindex(periods).to_numpy()
