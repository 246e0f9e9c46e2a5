"""What a log says of each customer and month, as Ibis expressions; months are numbered year * 12 + month - 1."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clvmodels.data.lines import MONEY
from clvmodels.data.tables import as_table
from clvmodels.data.transactions import Transactions
from clvmodels.errors import TransactionError, missing_column

if TYPE_CHECKING:
    import ibis.expr.types as ir

NO_TIER = "(none)"


def customer_days(log: Transactions, tier: object) -> ir.Table:
    """One row per customer and day: net amount and quantity, month, tier; a day with a net amount above zero is `bought`."""
    import ibis

    lines = log.lines()
    if "amount" not in lines.columns:
        raise TransactionError("The indicators need amounts. Name the column of amounts when reading the log: amount=.")
    facts: dict[str, Any] = {"amount": lines.amount.sum().round(MONEY)}
    quantity: Any = lines.quantity.sum() if "quantity" in lines.columns else ibis.literal(float("nan"))
    days = lines.group_by("customer_id", "date").aggregate(**facts, quantity=quantity)
    date: Any = days.date
    days = days.mutate(month=(date.year() * 12 + date.month() - 1).cast("int64"), bought=days.amount > 0)
    return _with_tier(days, lines, tier)


def _with_tier(days: ir.Table, lines: ir.Table, tier: object) -> ir.Table:
    import ibis

    if tier is None:
        return days.mutate(tier=ibis.literal(NO_TIER))
    if isinstance(tier, str):
        if tier not in lines.columns:
            raise TransactionError(missing_column(tier, role="tier", available=lines.columns))
        tiers = lines.group_by("customer_id").aggregate(tier=lines[tier].cast("string").max())
    else:
        tiers = as_table(tier)
        for name in ("customer_id", "tier"):
            if name not in tiers.columns:
                raise TransactionError(missing_column(name, role="tier", available=tiers.columns))
        tiers = tiers.group_by("customer_id").aggregate(tier=tiers.tier.cast("string").max())
    joined = days.left_join(tiers, "customer_id").select(*days.columns, tiers.tier)
    tier_or_none: Any = joined.tier.fill_null(NO_TIER)
    return joined.mutate(tier=tier_or_none)


def activity(days: ir.Table) -> ir.Table:
    """Per month and tier: buyers, purchase_count, quantity and amount of buyers, and the net amount of the others."""
    each = days.group_by("customer_id", "month", "tier").aggregate(
        amount=days.amount.sum().round(MONEY), quantity=days.quantity.sum(), days=days.bought.sum()
    )
    buys: Any = each.amount > 0
    return each.group_by("month", "tier").aggregate(
        buyers=buys.sum(),
        purchase_count=each.days.sum(),
        quantity=each.quantity.sum(where=buys).round(MONEY),
        amount=each.amount.sum(where=buys).round(MONEY),
        amount_of_others=each.amount.sum(where=~buys).round(MONEY),
    )


def recent_buyers(days: ir.Table, months: int) -> ir.Table:
    """Per month and tier: customers whose net amount over the last `months` months, this one included, is above zero."""
    import ibis

    each = days.group_by("customer_id", "month", "tier").aggregate(amount=days.amount.sum())
    later: Any = ibis.array(list(range(months))).unnest()
    spread = each.mutate(later=later)
    spread = spread.mutate(month=spread.month + spread.later)
    window = spread.group_by("customer_id", "month", "tier").aggregate(amount=spread.amount.sum().round(MONEY))
    buys: Any = window.amount > 0
    return window.group_by("month", "tier").aggregate(recent=buys.sum())


def newcomers(days: ir.Table, until: Any, lengths: tuple[int, ...]) -> ir.Table:
    """Per month of the first purchase and tier: customers, and by length those observed for it and who bought again in it."""
    import ibis

    bought = days.filter(days.bought)
    order = ibis.row_number().over(group_by=bought.customer_id, order_by=bought.date)
    ranked = bought.mutate(order=order)
    two = ranked.group_by("customer_id", "tier").aggregate(
        first=ranked.date.min(), month=ranked.month.min(), second=ranked.date.min(where=ranked.order == 1)
    )
    facts: dict[str, Any] = {"new_customers": two.count()}
    for k in lengths:
        end: Any = (two.first + ibis.interval(months=k)).cast("date")
        seen = end <= ibis.literal(until)
        facts |= {f"observed_{k}": seen.sum(), f"again_{k}": (seen & (two.second <= end)).fill_null(False).sum()}
    return two.group_by("month", "tier").aggregate(**facts)
