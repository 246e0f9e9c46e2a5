"""The lines of a transaction log under canonical names and types, whatever the caller's table looks like.

Nothing is dropped here: a value that cannot be used becomes null, and the value as it was given stays beside it.
"""

from __future__ import annotations

import datetime
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clvmodels.data.days import check_zone, day, offset
from clvmodels.data.tables import as_table, own_zone
from clvmodels.errors import TransactionError, missing_column

if TYPE_CHECKING:
    import ibis.expr.types as ir

LARGEST = sys.float_info.max
MONEY = 6  # decimals kept of a sum of amounts: floats added in another order differ far below a millionth


@dataclass(frozen=True)
class Lines:
    """Canonical lines and what is known about them without reading any.

    `table` has customer_id, date, and where named amount, quantity, order, product, margin, segment, currency, offset;
    then every column as given, called given_0, given_1, ...
    """

    table: ir.Table
    names: Mapping[str, str]  # role -> the caller's column
    given: Mapping[str, str]  # the caller's column -> given_i
    label: str | None  # currency, where the caller wrote it rather than named a column
    zone: str | None
    instants: bool  # dates are instants, which are days only in some time zone

    def has(self, role: str) -> bool:
        """Whether the caller named a column for `role`."""
        return role in self.names

    def column(self, role: str) -> str:
        """The caller's name of the column for `role`."""
        return self.names[role]

    def as_given(self, role: str) -> Any:
        """The column for `role` as the caller's table has it."""
        return self.table[self.given[self.names[role]]]


def read_lines(source: object, *, roles: Mapping[str, str | None], currency: str | None, timezone: str | None) -> Lines:
    """The canonical lines of `source`, with `roles` naming its columns.

    Raises
    ------
    TransactionError
        A named column is missing or of a type that cannot play its role, or the currency or time zone makes no sense.
    """
    table = as_table(source)
    names = {role: name for role, name in roles.items() if name is not None}
    if currency in table.columns:
        names["currency"] = str(currency)
    for role, name in names.items():
        _check(table, name, role)
    instants = _is_instant(table[names["date"]])
    zone = check_zone(timezone)
    if zone is None and instants:
        zone = own_zone(source, names["date"]) or "UTC"
    given = {name: f"given_{i}" for i, name in enumerate(table.columns)}
    canonical = {role: _canonical(table, name, role, zone) for role, name in names.items()}
    if table[names["date"]].type().is_string():
        canonical["offset"] = offset(table[names["date"]])
    raw = {alias: table[name] for name, alias in given.items()}
    label = None if "currency" in names else _label(currency, table)
    return Lines(table.select(**canonical, **raw), names, given, label, zone, instants)


def _check(table: ir.Table, name: str, role: str) -> None:
    if name not in table.columns:
        asked = "customer" if role == "customer_id" else role
        raise TransactionError(missing_column(name, role=asked, available=table.columns))
    kind = table[name].type()
    if role in ("amount", "quantity", "margin") and not (kind.is_numeric() or kind.is_string() or kind.is_null()):
        raise TransactionError(f"'{name}' (asked for as {role}=) holds {kind}, not numbers. Name a column of numbers.")
    if role == "date" and not (
        kind.is_date() or kind.is_timestamp() or kind.is_string() or kind.is_numeric() or kind.is_null()
    ):
        raise TransactionError(f"'{name}' (asked for as date=) holds {kind}, not dates. Name a column of dates.")


def _is_instant(column: ir.Column) -> bool:
    kind = column.type()
    return bool(kind.is_timestamp() and kind.timezone is not None)


def _label(currency: str | None, table: ir.Table) -> str | None:
    """A currency that is not a column; lower-case letters make it look like a misspelt column, which is refused."""
    if currency is not None and (not currency.strip() or any(letter.islower() for letter in currency)):
        remedy = "A currency written out, such as 'GBP', is in capital letters."
        raise TransactionError(missing_column(currency, role="currency", available=table.columns, remedy=remedy))
    return currency


def _canonical(table: ir.Table, name: str, role: str, zone: str | None) -> Any:
    import ibis

    column: Any = table[name]
    if role == "date":
        return day(column, zone=zone, backend=table.get_backend().name)
    if role == "amount":
        return as_number(column)
    if role in ("quantity", "margin"):
        return finite(as_number(column)).ifelse(as_number(column), ibis.null("float64"))
    if role == "customer_id":
        return identity(column)
    return column.cast("string") if role in ("segment", "currency") else column


def as_number(column: Any) -> Any:
    """The column as a float, null where it is no number at all; it may be NaN or infinite (see `finite`)."""
    return column.strip().try_cast("float64") if column.type().is_string() else column.cast("float64")


def finite(number: Any) -> Any:
    """Whether a float is a finite number: databases sort NaN above infinity, so two comparisons settle it fast."""
    return (number >= -LARGEST) & (number <= LARGEST)


def identity(column: Any) -> Any:
    """The column, null where it names no customer: NaN among numbers, blank among texts."""
    import ibis

    if column.type().is_floating():
        return column.isnan().ifelse(ibis.null(column.type()), column)
    if column.type().is_string():
        return (column.strip() == "").ifelse(ibis.null("string"), column)
    return column


def within(
    table: ir.Table, *, after: datetime.date | None, until: datetime.date | None, undated: bool = False
) -> ir.Table:
    """The lines after `after` and up to and including `until`; with `undated` also those without a usable date."""
    for bound, side in ((after, 1), (until, -1)):
        if bound is not None:
            inside: Any = table.date > bound if side == 1 else table.date <= bound
            table = table.filter(inside | table.date.isnull() if undated else inside)
    return table


def usable(lines: Lines) -> Any:
    """Lines that can count: with a customer, a date and, where the log has amounts, an amount."""
    table = lines.table
    enough: Any = table.customer_id.notnull() & table.date.notnull()
    return enough & finite(table.amount) if lines.has("amount") else enough


def by_day(
    lines: Lines,
    *,
    after: datetime.date | None,
    until: datetime.date | None,
    returns: str,
    free_orders: str,
    signed: bool = True,
) -> ir.Table:
    """One row per customer and day with a usable line.

    `signed` says whether amounts may be negative: only then can a net amount be zero but for rounding.

    Columns: customer_id, date, lines, amount (net; NaN without amounts), bought (whether it is a purchase day), and
    quantity, margin, segment where the log has them. Databases compute only the columns that are asked for.
    """
    import ibis

    table = within(lines.table.filter(usable(lines)), after=after, until=until)
    if returns == "ignore" and lines.has("amount"):
        table = table.filter(table.amount >= 0)
    facts: dict[str, Any] = {"lines": table.count()}
    if lines.has("amount"):
        total: Any = table.amount.sum()
        facts |= {"amount": total.round(MONEY) if signed else total, "lowest": table.amount.min()}
    facts |= {role: table[role].sum().round(MONEY) for role in ("quantity", "margin") if lines.has(role)}
    if lines.has("segment"):
        facts["segment"] = table.segment.max()
    days = table.group_by("customer_id", "date").aggregate(**facts)
    if not lines.has("amount"):
        return days.mutate(amount=ibis.literal(float("nan")), bought=ibis.literal(True))
    free: Any = (days.amount == 0) & (days.lowest >= 0)
    return days.mutate(bought=(days.amount > 0) | free if free_orders == "count" else days.amount > 0)
