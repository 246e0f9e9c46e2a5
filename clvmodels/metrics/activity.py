"""What a log says of each customer, day and period, as Ibis expressions.

Money and quantities are whole millionths: their sums are exact, in whatever order they are added.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Final

from clvmodels.data.tables import fetch
from clvmodels.data.transactions import Transactions
from clvmodels.errors import TransactionError
from clvmodels.metrics.periods import Unit

if TYPE_CHECKING:
    import ibis.expr.types as ir

MILLION: Final = 1_000_000
LARGEST: Final = 1e12
"""The largest amount of a line [currency]: sums of millionths stay far inside 64 bits."""
WORD: Final = 62
"""Periods in one word of bits."""


def customer_days(log: Transactions) -> ir.Table:
    """One row per customer and day: lines, net amount [millionths], quantity [millionths, null if unknown]."""
    lines = log.lines()
    if "amount" not in lines.columns:
        raise TransactionError("The indicators need amounts. Name the column of amounts when reading the log: amount=.")
    _refuse_huge(lines)
    facts: dict[str, Any] = {"lines": lines.count().cast("int32"), "amount": _millionths(lines.amount).sum()}
    if "quantity" in lines.columns:
        facts["quantity"] = _millionths(lines.quantity).sum()
    return lines.group_by("customer_id", "date").aggregate(**facts)


def _refuse_huge(lines: ir.Table) -> None:
    roles = [role for role in ("amount", "quantity") if role in lines.columns]
    [largest] = fetch(lines.aggregate(**{role: lines[role].abs().max() for role in roles})).to_pylist()
    for role in roles:
        if (largest[role] or 0.0) > LARGEST:
            raise TransactionError(
                f"The {role} of a line is {largest[role]:g}; sums are exact up to {LARGEST:g} a line. Give it in thousands."
            )


def _millionths(number: Any) -> Any:
    return (number * MILLION).round().cast("int64")


def calendar(
    days: ir.Table, unit: Unit, *, first: int, until: datetime.date, lengths: tuple[int, ...] = ()
) -> ir.Table:
    """One row per date of the log: its period, and by k the period `until_k` from which it is not in the last k months.

    A day counts in the last k months at the end of a period if the same day k months later is after that end; the last period
    ends with the observation. The same as bits is in `recent_k_0` and so on, 62 periods to a word (see `words`).
    """
    import ibis

    dates = days.select("date").distinct()
    date: Any = dates.date
    last = unit.number_of(until)
    stops: dict[str, Any] = {}
    for k in lengths:
        later: Any = (date + ibis.interval(months=k)).cast("date")
        stops[f"until_{k}"] = (later > ibis.literal(until)).ifelse(last + 1, unit.number(later))
    dated = dates.mutate(period=unit.number(date), until_0=unit.number(date) + 1, **stops)
    return dated.mutate(
        **{name: _bits(dated, f"until_{k}", start) for k in (0, *lengths) for name, start in words(k, first, last)}
    )


def words(months: int, first: int, last: int) -> list[tuple[str, int]]:
    """Names of the words of bits for a length, each with the period of its first bit; length 0 is the period itself."""
    return [(f"recent_{months}_{start - first}", start) for start in range(first, last + 1, WORD)]


def _bits(dated: Any, stop: str, start: int) -> Any:
    """Bits of the periods from a day's own up to, without, its `stop`, in the word that begins at `start`."""
    import ibis

    one = ibis.literal(1, "int64")
    low, high = (ibis.greatest(0, ibis.least(dated[name] - start, WORD)) for name in ("period", stop))
    return (one << high) - (one << low)


def customers(dated: ir.Table, *, bits: list[str]) -> ir.Table:
    """One row per customer: first purchase day, its period, whether she is plain, and bits of when she was a recent buyer.

    A plain customer has nothing but days with a net amount above zero. She is a buyer whenever she has a day, so her bits tell
    all; the others have to be netted over each stretch of time.
    """
    amount: Any = dated.amount
    return dated.group_by("customer_id").aggregate(
        first=dated.date.min(where=amount > 0),
        period=dated.period.min(where=amount > 0),
        plain=amount.min() > 0,
        **{name: _together(dated[name]) for name in bits},
    )


def _together(bits: Any) -> Any:
    """All the bits that are set in any row; Ibis has no word for it on Spark, which has."""
    import ibis

    if bits.get_backend().name not in ("pyspark", "databricks"):
        return bits.bit_or()

    @ibis.udf.agg.builtin(signature=(("int64",), "int64"))
    def bit_or(bits):  # type: ignore[no-untyped-def]
        ...

    return bit_or(bits)


def second_purchase(days: Any, customers: Any) -> ir.Table:
    """Per customer who bought on a second day: customer_id and that day."""
    joined = days.join(customers.select("customer_id", "first"), "customer_id")
    later = joined.filter((joined.amount > 0) & (joined.date > joined.first))
    return later.group_by("customer_id").aggregate(second=later.date.min())


def newcomers(
    customers: Any, second: ir.Table, *, until: datetime.date, lengths: tuple[int, ...], keys: list[str]
) -> ir.Table:
    """By the keys (period of the first purchase, tier): new customers, those observed for k months, those who bought again."""
    import ibis

    both = customers.filter(customers.first.notnull()).left_join(second, "customer_id").drop("customer_id_right")
    facts: dict[str, Any] = {"new_customers": both.count()}
    for k in lengths:
        end: Any = (both.first + ibis.interval(months=k)).cast("date")
        seen = end <= ibis.literal(until)
        facts |= {f"observed_{k}": seen.sum(), f"again_{k}": (seen & (both.second <= end)).fill_null(False).sum()}
    return both.group_by(*keys).aggregate(**facts)


def plain_activity(dated: Any, customers: Any, *, keys: list[str]) -> ir.Table:
    """By the keys, of plain customers: lines, purchase_count, amount and quantity."""
    own = dated.join(_with_keys(customers.filter(customers.plain), keys), "customer_id")
    sums = {name: _exact(own[name]) for name in ("amount", "quantity") if name in own.columns}
    return own.group_by(*keys).aggregate(lines=own.lines.sum(), purchase_count=own.count(), **sums)


def part_of(dated: Any, customers: Any, part: int, number: int, *, keys: list[str]) -> ir.Table:
    """The days of these customers, of one of so many parts of them."""
    needed = [name for name in dated.columns if not name.startswith("recent_")]
    if number > 1:  # the remainder of a negative hash is negative
        customers = customers.filter((customers.customer_id.hash() % number + number) % number == part)
    own = _with_keys(customers, keys)
    joined: ir.Table = dated.select(*needed).join(own, "customer_id")
    return joined


def netted_activity(own: Any, *, keys: list[str]) -> ir.Table:
    """By the keys: lines, purchase_count, buyers (`recent_0`), their amount and quantity, and the amount of the others."""
    facts: dict[str, Any] = {"lines": own.lines.sum(), "amount": own.amount.sum(), "days": (own.amount > 0).sum()}
    if "quantity" in own.columns:
        facts["quantity"] = own.quantity.sum()
    each = own.group_by("customer_id", *keys).aggregate(**facts)
    buys: Any = each.amount > 0
    sums = {"amount": _exact(each.amount, buys), "amount_of_others": _exact(each.amount, ~buys)}
    if "quantity" in own.columns:
        sums["quantity"] = _exact(each.quantity, buys)
    return each.group_by(*keys).aggregate(
        lines=each.lines.sum(), recent_0=buys.sum(), purchase_count=each.days.sum(), **sums
    )


def _with_keys(customers: Any, keys: list[str]) -> ir.Table:
    return customers.select("customer_id", *(key for key in keys if key == "tier"))


def _exact(millionths: Any, where: Any = None) -> Any:
    """Sum over many customers; one of 64 bits could overflow in a currency of small units."""
    return millionths.cast("decimal(38, 0)").sum(where=where)


def plain_recent(customers: Any, *, keys: list[str], names: list[str]) -> ir.Table:
    """Plain customers by the keys and words of bits: how many share them."""
    plain = customers.filter(customers.plain)
    return plain.group_by(*keys, *names).aggregate(customers=plain.count())


def netted_recent(own: Any, *, months: int, keys: list[str]) -> ir.Table:
    """Customers whose net amount over the last `months` months is above zero, by the keys."""
    import ibis

    stop = f"until_{months}"
    cells = own.group_by("customer_id", stop, *keys).aggregate(amount=own.amount.sum())
    spread = cells.mutate(at=ibis.range(cells.period, cells[stop]).unnest()).drop("period", stop).rename(period="at")
    windows = spread.group_by("customer_id", *keys).aggregate(amount=spread.amount.sum())
    return windows.filter(windows.amount > 0).group_by(*keys).aggregate(recent=lambda table: table.count())
