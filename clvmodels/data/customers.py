"""From days to customers: the queries behind histories, totals and the daily counts of a log."""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.data.histories import Histories
from clvmodels.data.lines import MONEY, Lines
from clvmodels.data.tables import fetch
from clvmodels.purchase_dates import ragged
from clvmodels.units import Period

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

EPOCH = datetime.date(1970, 1, 1)
LOGS = 9  # decimals kept of a sum of logs, so that the order in which they were added does not show
HAVE_MIN_BY = ("duckdb", "pyspark", "databricks", "snowflake", "trino", "bigquery")


def histories(days: ir.Table, lines: Lines, *, returns: bool, intervals: bool) -> ir.Table:
    """One row per customer with a purchase day, in the order of the ids.

    Columns: customer_id, purchases (days), first, last, repeat (amount of the days after the first), spend, margin,
    segment, and with `intervals` log_intervals (in days). Without `returns` the days that are no purchase add nothing, so
    they are left out early: a tenth faster.
    """
    everything = returns or lines.has("margin") or lines.has("segment")
    days = days if everything else days.filter(days.bought)
    if intervals:
        days = days.mutate(log_interval=_log_interval(days))
    bought: Any = days.bought if everything else None
    facts: dict[str, Any] = {
        "purchases": days.count(where=bought),
        "first": days.date.min(where=bought),
        "last": days.date.max(where=bought),
    }
    if lines.has("amount"):
        paid: Any = days.amount
        facts |= {"repeat": paid.sum(where=bought) - _opening(days, bought), "spend": paid.sum()}
    if lines.has("margin"):
        facts["margin"] = days.margin.sum()
    if lines.has("segment"):
        facts["segment"] = latest_segment(days)
    if intervals:
        facts["log_intervals"] = days.log_interval.sum()
    found = days.group_by("customer_id").aggregate(**facts)
    return found.filter(found.purchases > 0).order_by("customer_id")


def latest_segment(days: ir.Table) -> Any:
    """A customer's segment as text: that of the latest day with one, on one day the last in alphabetical order."""
    stamped: Any = days.date.strftime("%Y-%m-%d") + days.segment
    return stamped.max().substr(len("2024-01-01"))


def _opening(days: Any, bought: Any) -> Any:
    """Amount of the first purchase day. `min_by` keeps one value per customer, where Ibis' argmin sorts all of them."""
    import ibis

    if days.get_backend().name not in HAVE_MIN_BY:
        return days.amount.argmin(days.date, where=bought)

    @ibis.udf.agg.builtin(signature=(("float64", "date"), "float64"))
    def min_by(amount, date):  # type: ignore[no-untyped-def]
        ...

    return min_by(days.amount, days.date, where=bought)


def _log_interval(days: Any) -> Any:
    """Log of the days since the purchase day before, null where there is none or the day is no purchase."""
    import ibis

    date = days.bought.ifelse(days.date, ibis.null("date"))
    before = ibis.window(group_by=days.customer_id, order_by=days.date, preceding=(None, 1))
    return date.delta(date.max().over(before), unit="day").cast("float64").ln()


def as_histories(
    table: ir.Table,
    *,
    period: Period,
    until: datetime.date,
    currency: str | None,
    priced: bool,
    days: ir.Table | None = None,
) -> Histories:
    """The rows of `histories` as arrays, in `period`s from the days between the dates; `days` are purchase days to keep."""
    found = fetch(table)
    purchases = _floats(found, "purchases")
    first, last = _day_numbers(found, "first"), _day_numbers(found, "last")
    repeats = purchases - 1.0
    repeat = _money(found, "repeat") if priced else np.full(len(repeats), np.nan)
    segment = found["segment"].to_numpy() if "segment" in found.column_names else None
    logs = None
    if "log_intervals" in found.column_names:
        in_days = np.where(repeats > 0, np.round(_floats(found, "log_intervals"), LOGS), 0.0)
        logs = in_days - repeats * math.log(period.days)
    return Histories(
        customer_id=found["customer_id"].to_numpy(),
        frequency=repeats,
        recency=(last - first) / period.days,
        T=((until - EPOCH).days - first) / period.days,
        monetary_value=np.where(repeats > 0, repeat, 0.0 if priced else np.nan) / np.maximum(repeats, 1.0),
        period=period,
        spend=_money(found, "spend") if priced else None,
        margin=_money(found, "margin") if "margin" in found.column_names else None,
        segment=segment,
        log_intervals=logs,
        dates=None if days is None else _purchase_dates(days, purchases),
        until=until,
        currency=currency,
    )


def _purchase_dates(days: ir.Table, purchases: np.ndarray) -> np.ndarray:
    """Each customer's purchase days, customers in the order of the ids."""
    found = fetch(days.select("customer_id", "date").order_by("customer_id", "date"))
    dates = np.asarray(_day_numbers(found, "date"), dtype=np.int64).astype("datetime64[D]")
    return ragged(np.split(dates, np.cumsum(purchases[:-1]).astype(np.intp)))


def _floats(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table[name].to_numpy(), dtype=np.float64)


def _money(table: pa.Table, name: str) -> np.ndarray:
    """Sums of amounts, rounded so that the order in which they were added does not show."""
    return np.round(_floats(table, name), MONEY)


def _day_numbers(table: pa.Table, name: str) -> np.ndarray:
    """Days since 1970 of a column of dates."""
    import pyarrow as pa

    return np.asarray(table[name].cast(pa.date32()).cast(pa.int32()).to_numpy(), dtype=np.float64)


def totals(days: Any, lines: Lines) -> ir.Table:
    """One row per customer with a usable line: customer_id, purchases, spend, margin."""
    facts: dict[str, Any] = {"purchases": days.bought.sum(), "spend": days.amount.sum().round(MONEY)}
    if lines.has("margin"):
        facts["margin"] = days.margin.sum().round(MONEY)
    return days.group_by("customer_id").aggregate(**facts).order_by("customer_id")


def daily(days: Any, *, after: datetime.date | None) -> ir.Table:
    """One row per date after `after` with a usable line; `days` reaches back to the log's beginning."""
    bought: Any = days.bought
    dates = days.group_by("date").aggregate(purchases=bought.sum(), amount=days.amount.sum().round(MONEY))
    starts = days.filter(bought).group_by("customer_id").aggregate(date=lambda table: table.date.min())
    firsts = starts.group_by("date").aggregate(first_purchases=starts.count())
    joined = dates.left_join(firsts, "date").drop("date_right")
    joined = joined.mutate(first_purchases=joined.first_purchases.fill_null(0))
    if after is not None:
        joined = joined.filter(joined.date > after)
    return joined.select("date", "purchases", "first_purchases", "amount").order_by("date")
