"""The table of CRM indicators: one row per period and tier, with totals."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.data.transactions import Transactions
from clvmodels.metrics.counts import LENGTHS, MONEY, Span, count_all
from clvmodels.metrics.periods import By, as_unit
from clvmodels.metrics.shares import add_share
from clvmodels.metrics.words import Language, check_language, in_language

if TYPE_CHECKING:
    import pandas as pd

RATIOS = {
    "average_ticket": ("amount", "purchase_count"),
    "unit_price": ("amount", "quantity"),
    "units_per_purchase": ("quantity", "purchase_count"),
}
COMPARED = ("amount", "buyers", "purchase_count", "average_ticket")


def table(
    log: Transactions,
    *,
    by: By = "month",
    tier: object = None,
    lang: Language = "en",
    interval: float = 0.95,
    exact: bool = False,
) -> pd.DataFrame:
    """The CRM indicators (고객 지표) by period, for each tier and in total.

    Amounts and quantities are net of returns. A purchase is a day with a net amount above zero: bought and fully returned the
    same day counts 0, returned on another day 1, partly returned the same day 1. A buyer has a net amount above zero in the
    period; `amount` and `quantity` are those of buyers, `purchase_count` is of everybody, and what the others returned is in
    `amount_of_others`, so that the two amounts add up to the log. Customers are those with a first purchase up to the period's
    end. The definitions hold whatever the log's own `returns` policy is. The second part of a split log knows nothing of the
    first: give the whole log.

    Sums are made of whole millionths, so they are exact and totals add up exactly. With floats the identity amount =
    purchase_count * average_ticket cannot always hold to the last bit: no float times 11 is 15, for instance. `exact=True`
    gives fractions, for which it and average_ticket = unit_price * units_per_purchase hold in every row and total; the floats
    are those fractions, each rounded once.

    Parameters
    ----------
    log
        `Transactions` with amounts; without quantity the columns that need it are NaN.
    by
        "week" (ISO 8601), "month", "quarter" or "year", or WEEK, MONTH, YEAR.
    tier
        None; "segment" (the log's, each customer's most recent one); a Series of tiers by customer id; or a table with
        customer_id and tier. Customers without one are in "(none)". Categories of pandas keep their order, empty ones too.
    lang
        "en", or "ko" for Korean headings.
    interval
        Probability of Wilson's intervals of rates, 0 to 1.
    exact
        Whether sums and ratios are `fractions.Fraction` rather than float, missing ones None.

    Returns
    -------
    DataFrame, period by tier, every period from the log's first to its last:

    - the period, tier, complete (whether it was over when observation ended), lines (of the log; 0 where it has no data)
    - customers, new_customers, buyers, purchase_count, quantity [units], amount and amount_of_others [currency];
      negative_total, whether the net amount of all, or the quantity, is below zero
    - average_ticket, unit_price [currency], units_per_purchase; missing where there is nothing above zero to divide by
    - purchase_rate_k for k = 1, 3, 6, 12 months, with _lower and _upper: fractions, at the end of the period or of
      observation; missing before k months of log, whose first period is taken to have been observed whole
    - repurchase_rate_k, with _lower and _upper, of customers whose first purchase is in the period; too_brief_k, how many of
      them were observed for less than k months and are left out
    - the change of amount, buyers, purchase_count and average_ticket since the period before (_change_previous) and since the
      same period a year before (_change_year; weeks by their number): fractions, between complete periods, missing where
      there was nothing above zero

    Raises
    ------
    ClvError
        `by` or `lang` is not known; TransactionError: the log has no amounts or several currencies, or the tiers do not fit.

    Source: crm_indicators, section F; Wilson1927.

    Examples
    --------
    >>> import pandas as pd
    >>> lines = pd.DataFrame({"who": ["A", "A", "B"], "when": ["20240101", "20240215", "20240208"], "paid": [5, 7, 9]})
    >>> log = Transactions(lines, customer="who", date="when", amount="paid")
    >>> table(log)[["month", "customers", "buyers", "purchase_count", "amount"]].to_numpy().tolist()
    [['2024-01', 1, 1, 1, 5.0], ['2024-02', 2, 2, 2, 16.0]]
    >>> table(log, by="quarter", exact=True).loc[0, "average_ticket"]
    Fraction(7, 1)
    """
    check_language(lang)
    counts, span = count_all(log, unit=as_unit(by), tier=tier)
    found = _indicators(counts, span, interval)
    if not exact:
        found = found.astype(dict.fromkeys([*MONEY, *RATIOS], float))
    return in_language(found, lang)


def _indicators(counts: pd.DataFrame, span: Span, interval: float) -> pd.DataFrame:
    found = counts.index.to_frame(index=False)
    numbers = found.pop("period").to_numpy()
    found.insert(0, span.unit.name, span.unit.labels(numbers))
    found["complete"] = span.complete(numbers)
    counts = counts.reset_index()
    groups = counts.groupby("tier", sort=False)
    found["lines"], found["customers"] = counts["lines"], groups["new_customers"].cumsum()
    for name in ("new_customers", "buyers", "purchase_count", *MONEY):
        found[name] = counts.get(name)
    found["negative_total"] = _negative(found)
    for name, (part, whole) in RATIOS.items():
        found[name] = _exact_ratio(found[part], found[whole])
    for k in LENGTHS:
        observed = found["customers"].where(_long_enough(numbers, span, k))
        add_share(found, f"purchase_rate_{k}", counts[f"recent_{k}"], observed, interval)
    for k in LENGTHS:
        add_share(found, f"repurchase_rate_{k}", counts[f"again_{k}"], counts[f"observed_{k}"], interval)
        found[f"too_brief_{k}"] = counts["new_customers"] - counts[f"observed_{k}"]
    return _compared(found, numbers, span)


def _long_enough(numbers: Any, span: Span, months: int) -> Any:
    """Whether the last `months` months before the end of each period are in the log, whose first period is taken as whole."""
    import pandas as pd

    before = pd.Timestamp(span.unit.starts([span.first])[0]) - pd.Timedelta(days=1)
    return span.ends(numbers) >= np.datetime64(before + pd.DateOffset(months=months))


def _negative(found: pd.DataFrame) -> list[bool]:
    quantity = [value is not None and value < 0 for value in found["quantity"]]
    return [(a + b < 0) or q for a, b, q in zip(found["amount"], found["amount_of_others"], quantity, strict=True)]


def _exact_ratio(part: pd.Series, whole: pd.Series) -> pd.Series:
    """The quotient as a fraction, None where there is nothing to divide by."""
    import pandas as pd

    pairs = zip(part, whole, strict=True)
    known = [a / Fraction(b) if a is not None and b is not None and b > 0 else None for a, b in pairs]
    return pd.Series(known, index=part.index, dtype=object)


def _compared(found: pd.DataFrame, numbers: Any, span: Span) -> pd.DataFrame:
    """The table with the changes since the previous period and since the same a year before."""
    import pandas as pd

    place = pd.MultiIndex.from_arrays([numbers, found["tier"]])
    for name in COMPARED:
        now = pd.Series(found[name].astype(float).where(found["complete"]).to_numpy(), index=place)
        for since, before in (("previous", numbers - 1), ("year", span.unit.year_before(numbers))):
            then = now.reindex(pd.MultiIndex.from_arrays([before, found["tier"]])).to_numpy()
            found[f"{name}_change_{since}"] = now.to_numpy() / np.where(then > 0, then, np.nan) - 1
    return found
