"""Who is still active: the cohort triangle, and retention, defection and survival by period and by cohort."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clvmodels.data.tables import fetch, kept
from clvmodels.data.transactions import Transactions
from clvmodels.metrics import activity
from clvmodels.metrics.counts import Span, span_of
from clvmodels.metrics.periods import By, as_unit
from clvmodels.metrics.shares import add_share
from clvmodels.metrics.words import Language, check_language, in_language

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd


def cohorts(log: Transactions, *, by: By = "month", lang: Language = "en", interval: float = 0.95) -> pd.DataFrame:
    """Retention triangle (유지율): for each cohort of first purchases, the share that bought k periods later.

    Parameters
    ----------
    log
        `Transactions` with amounts. The log's last period counts as it is, even where it is not over.
    by
        "week", "month", "quarter" or "year", or WEEK, MONTH, YEAR: of cohorts and of the periods after them.
    lang
        "en", or "ko" for Korean headings.
    interval
        Probability of Wilson's intervals, 0 to 1.

    Returns
    -------
    DataFrame, tidy: cohort (period of the first day with a net amount above zero), months_since and so on (0, 1, ..., to the
    end of the log), customers (of the cohort), buyers (of those, with such a day in that period), retention with
    retention_lower and retention_upper (fractions). Periods in which nobody began have no cohort.

    Source: crm_indicators, section C, by cohort; Wilson1927.

    Examples
    --------
    >>> import pandas as pd
    >>> lines = pd.DataFrame({"who": ["A", "A", "B"], "when": ["20240101", "20240215", "20240108"], "paid": [5, 7, 9]})
    >>> found = cohorts(Transactions(lines, customer="who", date="when", amount="paid"))
    >>> found[["cohort", "months_since", "customers", "buyers", "retention"]].to_numpy().tolist()
    [['2024-01', 0, 2, 2, 1.0], ['2024-01', 1, 2, 1, 0.5]]
    """
    check_language(lang)
    found, span = _triangle(log, by)
    found = found.drop(columns="still")
    add_share(found, "retention", found["buyers"], found["customers"], interval)
    found.insert(0, "cohort", span.unit.labels(found.pop("start")))
    return in_language(found.rename(columns={"since": f"{span.unit.name}s_since"}), lang)


def retention(
    log: Transactions, *, by: By = "month", per_cohort: bool = False, lang: Language = "en", interval: float = 0.95
) -> pd.DataFrame:
    """Retention, defection and survival rates (유지율, 이탈률, 생존율) by period, or by cohort and period.

    Active in a period is who has a day with a net amount above zero in it. Without a contract nobody is seen to leave: who
    skips a period counts as defected in it and may be active again later.

    Parameters
    ----------
    log, by, lang, interval
        As in `cohorts`.
    per_cohort
        Whether to follow each cohort of first purchases by itself.

    Returns
    -------
    DataFrame, one row per period after the log's (or the cohort's) first: the cohort if asked for, the period, active_before
    (customers active in the period before), still_active (of those, in this one), retention_rate with _lower and _upper,
    defection_rate (1 - retention) with _lower and _upper, survival_rate: S_t = retention_t S_{t-1}, S_0 = 1 in the first
    period. Rates are fractions, missing where nobody was active before; survival is missing from there on.

    Source: crm_indicators, section C; Wilson1927.

    Examples
    --------
    >>> import pandas as pd
    >>> lines = pd.DataFrame({"who": ["A", "A", "B"], "when": ["20240101", "20240215", "20240108"], "paid": [5, 7, 9]})
    >>> found = retention(Transactions(lines, customer="who", date="when", amount="paid"))
    >>> found[["month", "active_before", "still_active", "retention_rate", "survival_rate"]].to_numpy().tolist()
    [['2024-02', 2, 1, 0.5, 0.5]]
    """
    check_language(lang)
    cells, span = _triangle(log, by)
    cells["period"] = cells["start"] + cells["since"]
    keys = ["start"] if per_cohort else []
    found = cells.groupby([*keys, "period"], as_index=False)[["buyers", "still"]].sum()
    groups: Any = found.groupby(keys) if per_cohort else found.assign(one=0).groupby("one")
    found["active_before"] = groups["buyers"].shift(1)
    found = (
        found.dropna(subset="active_before").astype({"active_before": int}).rename(columns={"still": "still_active"})
    )
    add_share(found, "retention_rate", found["still_active"], found["active_before"], interval)
    for end, other in (("", ""), ("_lower", "_upper"), ("_upper", "_lower")):
        found[f"defection_rate{end}"] = 1 - found[f"retention_rate{other}"]
    again: Any = found.groupby(keys) if per_cohort else found.assign(one=0).groupby("one")
    found["survival_rate"] = again["retention_rate"].transform(lambda kept_rate: kept_rate.cumprod(skipna=False))
    names = {"cohort": span.unit.labels(found["start"])} if per_cohort else {}
    names[span.unit.name] = span.unit.labels(found["period"])
    columns = ["active_before", "still_active", *(c for c in found.columns if "_rate" in c)]
    return in_language(found[columns].assign(**names)[[*names, *columns]].reset_index(drop=True), lang)


def _triangle(log: Transactions, by: By) -> tuple[pd.DataFrame, Span]:
    """By start and periods since: customers of the cohort, buyers, and those who were buyers in the period before too."""
    import pandas as pd

    unit = as_unit(by)
    days = kept(activity.customer_days(log))
    span = span_of(log, days, unit)
    dated = days.join(kept(activity.calendar(days, unit, first=span.first, until=span.until)), "date")
    cells: pd.DataFrame = fetch(_cells(dated)).to_pandas()
    starts = sorted(set(cells["start"]))
    rows = [(start, period - start) for start in starts for period in range(start, span.last + 1)]
    index = pd.MultiIndex.from_tuples(rows, names=["start", "since"])
    found = cells.set_index(["start", "since"]).reindex(index, fill_value=0).astype(int).reset_index()
    found.insert(2, "customers", found.groupby("start")["buyers"].transform("first"))
    return found, span


def _cells(dated: ir.Table) -> ir.Table:
    """By start and periods since: buyers, and those who bought in the period before too."""
    bought: Any = dated.filter(dated.amount > 0)
    periods = bought.select("customer_id", "period").distinct()
    start = periods.group_by("customer_id").aggregate(start=periods.period.min())
    before = periods.mutate(period=periods.period + 1, still=1)
    joined: Any = periods.join(start, "customer_id").left_join(before, ["customer_id", "period"])
    joined = joined.select("start", since=joined.period - joined.start, still=joined.still.fill_null(0))
    return joined.group_by("start", "since").aggregate(buyers=joined.count(), still=joined.still.sum())
