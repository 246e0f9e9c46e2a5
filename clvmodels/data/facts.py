"""One cheap look over a log: how many lines, which dates, what cannot be used; and the refusal of what cannot."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from clvmodels.data.lines import Lines, finite, usable
from clvmodels.data.tables import fetch
from clvmodels.errors import SHOWN, TransactionError, offenders

NOTHING = "The log has no usable line among {:,} rows. Check the source; log.quality() tells more."


@dataclass(frozen=True)
class Facts:
    """Counts over all lines of a log; one with several faults counts under the first of id, date, amount."""

    rows: int
    used: int
    missing_ids: int
    bad_dates: int
    bad_amounts: int
    bad_margins: int  # among the used lines
    bad_quantities: int  # among the used lines
    negative: int  # among the used lines
    zero: int  # among the used lines
    first: datetime.date | None
    last: datetime.date | None
    currency: tuple[str | None, str | None]  # smallest and largest
    without_currency: int
    offsets: tuple[str | None, str | None]  # smallest and largest


def look(lines: Lines) -> Facts:
    """The facts of `lines`, from one aggregate query."""
    flags = _flags(lines)
    table = lines.table
    used = flags["used"]
    sums: dict[str, Any] = {name: flag.sum().fill_null(0) for name, flag in flags.items() if name != "bad_amounts"}
    sums |= {"rows": table.count(), "first": table.date.min(where=used), "last": table.date.max(where=used)}
    for role in ("currency", "offset"):
        if role in table.columns:
            where = used if role == "currency" else table.date.notnull()
            sums |= {f"low_{role}": table[role].min(where=where), f"high_{role}": table[role].max(where=where)}
    [found] = fetch(table.aggregate(**sums)).to_pylist()
    found["bad_amounts"] = found["rows"] - found["missing_ids"] - found["bad_dates"] - found["used"]
    return Facts(
        currency=(found.pop("low_currency", None), found.pop("high_currency", None)),
        offsets=(found.pop("low_offset", None), found.pop("high_offset", None)),
        **found,
    )


def _flags(lines: Lines) -> dict[str, Any]:
    table = lines.table
    named, dated, used = table.customer_id.notnull(), table.date.notnull(), usable(lines)
    never = dated & ~dated  # a column of False, for what the log does not have
    priced = lines.has("amount")
    missing = {
        role: used & table[role].isnull() if lines.has(role) else never for role in ("margin", "quantity", "currency")
    }
    return {
        "used": used,
        "missing_ids": table.customer_id.isnull(),
        "bad_dates": named & table.date.isnull(),
        "bad_amounts": named & dated & (table.amount.isnull() | ~finite(table.amount)) if priced else never,
        "bad_margins": missing["margin"],
        "bad_quantities": missing["quantity"],
        "negative": used & (table.amount < 0) if priced else never,
        "zero": used & (table.amount == 0) if priced else never,
        "without_currency": missing["currency"],
    }


def refuse_unusable(lines: Lines, facts: Facts, *, strict: bool, zone_given: bool) -> None:
    """Raise a `TransactionError` for what no result can be made from; with `strict` also for lines to be left out."""
    refuse_mixed_zones(lines, facts.offsets, zone_given=zone_given)
    flags = _flags(lines)
    if strict and facts.bad_dates:
        problem, remedy = "is not a date", "Write dates as 1997-09-30 (day and month are never guessed)"
        raise TransactionError(_offenders(lines, "date", flags["bad_dates"], facts.bad_dates, problem, remedy))
    if strict and facts.bad_amounts:
        problem, remedy = "is not a finite number", "Correct the amounts"
        raise TransactionError(_offenders(lines, "amount", flags["bad_amounts"], facts.bad_amounts, problem, remedy))
    if facts.used == 0:
        raise TransactionError(NOTHING.format(facts.rows))
    if strict and facts.bad_margins:
        problem, remedy = "is not a finite number", "Correct the margins"
        raise TransactionError(_offenders(lines, "margin", flags["bad_margins"], facts.bad_margins, problem, remedy))
    refuse_mixed_currencies(lines, facts)


def refuse_mixed_currencies(lines: Lines, facts: Facts) -> None:
    """Raise where the currency column holds more than one currency, or none in some lines."""
    low, high = facts.currency
    if lines.has("currency") and (low != high or facts.without_currency):
        counts = _counts(lines, "currency", usable(lines))
        raise TransactionError(
            f"'{lines.column('currency')}' holds several currencies, by rows: {counts}. "
            "Convert the amounts to one currency, or filter the log to one of them."
        )


def refuse_mixed_zones(lines: Lines, offsets: tuple[str | None, str | None], *, zone_given: bool) -> None:
    """Raise where date texts end in different time zone offsets and no zone was given to count days in."""
    low, high = offsets
    if low != high and not zone_given:
        counts = _counts(lines, "offset", lines.table.date.notnull())
        raise TransactionError(
            f"'{lines.column('date')}' mixes time zones, by rows: {counts}. "
            "Say in which zone the days are to be counted, such as timezone='Europe/Berlin'."
        )


def _counts(lines: Lines, column: str, where: Any) -> str:
    table = lines.table.filter(where)
    found = table.group_by(column).aggregate(lines=table.count()).to_pyarrow().to_pylist()
    found.sort(key=lambda row: (-row["lines"], str(row[column])))
    return ", ".join(f"{row[column] or '(none)'} {row['lines']:,}" for row in found[:SHOWN])


def _offenders(lines: Lines, role: str, where: Any, count: int, problem: str, remedy: str) -> str:
    table = lines.table.select(customer=lines.table.customer_id.cast("string"), value=lines.as_given(role), bad=where)
    shown = table.filter(table.bad).order_by("customer", "value").limit(SHOWN).to_pyarrow().to_pylist()
    rows = [f"customer {row['customer']}" for row in shown] + [""] * (count - len(shown))
    return offenders(
        problem,
        column=lines.column(role),
        rows=rows,
        values=[repr(row["value"]) for row in shown],
        remedy=f"{remedy}, or pass invalid='leave_out' to go on without them; log.quality() counts them.",
    )
