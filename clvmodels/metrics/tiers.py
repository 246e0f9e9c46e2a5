"""Which tier each customer is in: her segment in the log, or what the caller says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from clvmodels.data.customers import latest_segment
from clvmodels.data.tables import fetch, joinable, kept
from clvmodels.errors import SHOWN, TransactionError, missing_column, offenders

if TYPE_CHECKING:
    import ibis.expr.types as ir

TOTAL: Final = "total"
NO_TIER: Final = "(none)"


class Tiers(NamedTuple):
    """customer_id and tier, one row per customer, and the tiers in the order they are shown."""

    table: ir.Table
    names: tuple[str, ...]


def read_tiers(tier: object, lines: ir.Table) -> Tiers:
    """The tiers meant by "segment", a Series by customer id, or a table with customer_id and tier.

    Categories of a pandas column keep their order, and those without customers are tiers too.

    Raises
    ------
    TransactionError
        The log has no segment, a column is missing, a customer is in several tiers, none of them is in the log, or a tier is
        named like the total.
    """
    if isinstance(tier, str):
        return _from_segment(tier, lines)
    names = _categories(tier)
    source = tier.rename("tier").rename_axis("customer_id").reset_index() if _is_series(tier) else tier  # type: ignore[attr-defined]
    table = joinable(source, lines)
    for name in ("customer_id", "tier"):
        if name not in table.columns:
            raise TransactionError(missing_column(name, role="tier", available=table.columns))
    given: Any = table.tier.cast("string")
    table = table.select("customer_id", tier=given).filter(given.notnull()).distinct()
    _refuse_several(table)
    _refuse_strangers(table, lines)
    return Tiers(table, _checked(names or _distinct(table)))


def _from_segment(tier: str, lines: ir.Table) -> Tiers:
    if tier != "segment" or "segment" not in lines.columns:
        raise TransactionError(
            f"There is no tier {tier!r}. Name a column of the log with segment= and write tier='segment', or give a Series of "
            "tiers by customer id."
        )
    known = lines.filter(lines.segment.notnull())
    table = kept(known.group_by("customer_id").aggregate(tier=latest_segment(known)))
    return Tiers(table, _checked(_distinct(table)))


def _is_series(tier: object) -> bool:
    return type(tier).__module__.startswith("pandas") and type(tier).__name__ == "Series"


def _categories(tier: Any) -> tuple[str, ...]:
    column = tier if _is_series(tier) else tier["tier"] if hasattr(tier, "columns") and "tier" in tier.columns else None
    kind: Any = getattr(column, "dtype", None)
    return tuple(str(name) for name in kind.categories) if hasattr(kind, "categories") else ()


def _distinct(table: ir.Table) -> tuple[str, ...]:
    return tuple(sorted(fetch(table.select("tier").distinct())["tier"].to_pylist()))


def _checked(names: tuple[str, ...]) -> tuple[str, ...]:
    for taken in (TOTAL, NO_TIER):
        if taken in names:
            raise TransactionError(f"A tier is called '{taken}', which the table uses itself. Give it another name.")
    return names


def _refuse_several(table: ir.Table) -> None:
    each = table.group_by("customer_id").aggregate(
        tiers=table.tier.nunique(), low=table.tier.min(), high=table.tier.max()
    )
    twice = fetch(each.filter(each.tiers > 1).order_by("customer_id")).to_pylist()
    if twice:
        rows = [f"customer {row['customer_id']}" for row in twice]
        values = [f"{row['low']}, {row['high']}" for row in twice]
        raise TransactionError(
            offenders("differs", column="tier", rows=rows, values=values, remedy="Give every customer one tier.")
        )


def _refuse_strangers(table: ir.Table, lines: ir.Table) -> None:
    """Tiers of other customers do no harm; if there are no others, the ids are of another kind."""
    kinds = [column.type() for column in (table.customer_id, lines.customer_id)]
    same = kinds[0].is_string() == kinds[1].is_string()
    if same and fetch(table.semi_join(lines, "customer_id").limit(1)).num_rows:
        return
    shown = [fetch(each.select("customer_id").limit(SHOWN))["customer_id"].to_pylist() for each in (table, lines)]
    raise TransactionError(
        f"None of the customers with a tier is in the log: tiers are of {shown[0]} ({kinds[0]}), the log has {shown[1]} "
        f"({kinds[1]}). Give tiers by the log's customer ids."
    )
