"""The table of CRM indicators: one row per month and tier, with totals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from clvmodels.data.kaplan_meier import wilson
from clvmodels.data.tables import fetch
from clvmodels.data.transactions import Transactions
from clvmodels.errors import ClvError
from clvmodels.metrics import monthly
from clvmodels.metrics.words import KOREAN

if TYPE_CHECKING:
    import pandas as pd

LENGTHS = (1, 3, 6, 12)
TOTAL = "total"
type Language = Literal["en", "ko"]


def table(
    log: Transactions, *, by: str = "month", tier: object = None, lang: Language = "en", interval: float = 0.95
) -> pd.DataFrame:
    """The CRM indicators (월별 고객 지표) by month, for each tier and in total.

    Amounts and quantities are net of returns. A purchase is a day with a net amount above zero: bought and fully returned the
    same day counts 0, returned on another day 1, partly returned the same day 1. A buyer has a net amount above zero in the
    month; `amount` and `quantity` are those of buyers, and what the others returned is in `amount_of_others`, so that the two
    add up to the log. Customers are those with a first purchase up to the month's end. The definitions hold whatever the log's
    own `returns` policy is.

    Parameters
    ----------
    log
        `Transactions` with amounts; without quantity the columns that need it are NaN.
    by
        "month".
    tier
        None, the role of a column of the log ("segment"), or a table with customer_id and tier.
    lang
        "en", or "ko" for Korean headings.
    interval
        Probability of Wilson's intervals of rates, 0 to 1.

    Returns
    -------
    DataFrame, month by tier, every month from the log's first to its last: counts, amounts [currency], average_ticket,
    unit_price, units_per_purchase; purchase_rate_k (NaN before k months of log) and repurchase_rate_k, fractions for k = 1, 3,
    6, 12 months, each with _lower and _upper; too_brief_k, new customers observed for less than k months and left out of the
    rate; change of amount and buyers since the month and the year before, fractions.

    Raises
    ------
    ClvError
        `by` or `lang` is not known; TransactionError: the log has no amounts, or a column is missing.

    Source: crm_indicators, section F; Wilson1927.

    Examples
    --------
    >>> import pandas as pd
    >>> lines = pd.DataFrame({"who": ["A", "A", "B"], "when": ["20240101", "20240215", "20240208"], "paid": [5, 7, 9]})
    >>> found = table(Transactions(lines, customer="who", date="when", amount="paid"))
    >>> found[["customers", "buyers", "purchase_count", "amount"]].to_numpy().tolist()
    [[1.0, 1.0, 1.0, 5.0], [2.0, 2.0, 2.0, 16.0]]
    """
    if by != "month":
        raise ClvError(f"by={by!r} is not known. Write 'month'.")
    if lang not in ("en", "ko"):
        raise ClvError(f"lang={lang!r} is not known. Write 'en' or 'ko'.")
    counts = _counts(monthly.customer_days(log, tier), log, tiers=tier is not None)
    found = _indicators(counts, interval)
    found.insert(0, "month", _names(counts.index.get_level_values("month")))
    found.insert(1, "tier", counts.index.get_level_values("tier"))
    found = found.reset_index(drop=True)
    return found.rename(columns=KOREAN) if lang == "ko" else found


def _counts(days: Any, log: Transactions, *, tiers: bool) -> pd.DataFrame:
    """Everything that adds up over customers, on the full grid of months and tiers, and in total."""
    import pandas as pd

    parts = [_frame(monthly.activity(days)), _frame(monthly.newcomers(days, log.until, LENGTHS))]
    parts += [_frame(monthly.recent_buyers(days, k)).rename(columns={"recent": f"recent_{k}"}) for k in LENGTHS]
    months = parts[0].index.get_level_values("month")
    last = log.until.year * 12 + log.until.month - 1
    names = sorted(set(parts[0].index.get_level_values("tier")))
    grid = pd.MultiIndex.from_product([range(months.min(), last + 1), names], names=["month", "tier"])
    if TOTAL in names:
        raise ClvError(f"A tier is called '{TOTAL}', as the sum of all tiers is. Give it another name.")
    counts = pd.concat([part.reindex(grid) for part in parts], axis=1).astype(float)
    if log.lines().columns.count("quantity"):
        counts = counts.fillna(0.0)
    else:
        counts = counts.drop(columns="quantity").fillna(0.0).assign(quantity=np.nan)
    total = counts.groupby(level="month").sum(min_count=1)
    total.index = pd.MultiIndex.from_product([total.index, [TOTAL]], names=["month", "tier"])
    return pd.concat([counts, total]).sort_index(level="month", sort_remaining=False) if tiers else total


def _frame(expression: Any) -> pd.DataFrame:
    frame: pd.DataFrame = fetch(expression).to_pandas()
    return frame.set_index(["month", "tier"]).sort_index()


def _indicators(counts: pd.DataFrame, interval: float) -> pd.DataFrame:
    groups = counts.groupby(level="tier", sort=False)
    found = counts[["buyers", "new_customers", "purchase_count", "quantity", "amount", "amount_of_others"]].copy()
    found.insert(0, "customers", groups["new_customers"].cumsum())
    found["average_ticket"] = _over(found["amount"], found["purchase_count"])
    found["unit_price"] = _over(found["amount"], found["quantity"])
    found["units_per_purchase"] = _over(found["quantity"], found["purchase_count"])
    for k in LENGTHS:
        long_enough = groups.cumcount() >= k - 1
        _rate(found, f"purchase_rate_{k}", counts[f"recent_{k}"], found["customers"].where(long_enough), interval)
    for k in LENGTHS:
        _rate(found, f"repurchase_rate_{k}", counts[f"again_{k}"], counts[f"observed_{k}"], interval)
        found[f"too_brief_{k}"] = counts["new_customers"] - counts[f"observed_{k}"]
    for name in ("amount", "buyers"):
        for months, since in ((1, "month"), (12, "year")):
            found[f"{name}_change_{since}"] = _over(found[name], groups[name].shift(months)) - 1
    return found


def _rate(found: pd.DataFrame, name: str, part: pd.Series, whole: pd.Series, interval: float) -> None:
    share = _over(part, whole)
    known = share.notna().to_numpy()
    bounds = np.full((2, len(share)), np.nan)
    bounds[:, known] = wilson(share.to_numpy()[known], whole.to_numpy()[known], interval=interval)
    found[name], found[f"{name}_lower"], found[f"{name}_upper"] = share, bounds[0], bounds[1]


def _over(part: pd.Series, whole: pd.Series) -> pd.Series:
    """The quotient, NaN where there is nothing to divide by."""
    return part / whole.where(whole > 0)


def _names(months: Any) -> list[str]:
    return [f"{month // 12:04d}-{month % 12 + 1:02d}" for month in months]
