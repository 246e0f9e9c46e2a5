"""What is known of a customer just before a day: running counts of purchases and responses, looked up by date."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from clvmodels.data.customers import latest_segment
from clvmodels.data.lines import MONEY
from clvmodels.errors import ContactError

if TYPE_CHECKING:
    from clvmodels.data.transactions import Transactions

FEATURES = ("recency", "frequency", "log_spend", "tenure", "responses")
EVERYBODY = "all"


def chosen_features(asked: Sequence[str] | None, *, priced: bool, replies: bool) -> tuple[str, ...]:
    """The features asked for, or all that the data allow; a `ContactError` for one that they do not."""
    lacking = {} if priced else {"log_spend": "the log has no amounts: name them with Transactions(..., amount=...)"}
    lacking |= {} if replies else {"responses": "the contacts have none: name them with Contacts(..., responded=...)"}
    if asked is None:
        return tuple(name for name in FEATURES if name not in lacking)
    for name in asked:
        if name not in FEATURES:
            raise ContactError(f"features= names '{name}'. There are: {', '.join(FEATURES)}.")
        if name in lacking:
            raise ContactError(f"features= names '{name}', but {lacking[name]}.")
    return tuple(asked)


def running_purchases(log: Transactions) -> Any:
    """Each purchase day with what had happened by its end: customer_id, date, number (of purchase days), spend, first."""
    import ibis

    days: Any = log.purchase_days().select("customer_id", "date", "amount")
    so_far = ibis.window(group_by=days.customer_id, order_by=days.date, preceding=(None, 0))
    facts = {"number": days.count().over(so_far), "spend": days.amount.sum().over(so_far)}
    return days.mutate(**facts, first=days.date.min().over(so_far)).drop("amount")


def first_purchases(log: Transactions, running: Any) -> Any:
    """Each customer with a purchase, numbered from 0 in the order of the ids: customer_id, first, segment, row."""
    import ibis

    firsts: Any = running.group_by("customer_id").aggregate(first=running.date.min())
    lines = log.lines()
    if "segment" in lines.columns:
        labels = lines.group_by("customer_id").aggregate(segment=latest_segment(lines))
        firsts = firsts.left_join(labels, "customer_id").drop("customer_id_right")
        firsts = firsts.mutate(segment=firsts.segment.fill_null("none"))
    else:
        firsts = firsts.mutate(segment=ibis.literal(EVERYBODY))
    return firsts.mutate(row=ibis.row_number().over(ibis.window(order_by=firsts.customer_id)))


def running_responses(contacts: Any) -> Any:
    """Each day with attributed responses and how many there had been by its end: customer_id, date, responses."""
    import ibis

    replied: Any = contacts.filter(contacts.responded.fill_null(False))
    days = replied.group_by("customer_id", "date").aggregate(count=replied.count())
    so_far = ibis.window(group_by=days.customer_id, order_by=days.date, preceding=(None, 0))
    return days.mutate(responses=days["count"].sum().over(so_far)).drop("count")


def with_past(states: Any, purchases: Any, responses: Any | None, *, window: int) -> Any:
    """States (customer_id, date, ...) with the features as of just before the date, and the purchase rate.

    recency, tenure: days since the last and the first purchase; frequency: purchase days so far less one; log_spend: log(1 +
    mean amount of a purchase day); responses: attributed responses to contacts whose window was over by the date, so that
    no reply of the days after it is counted; purchase_rate: purchase days per window, (n) / (1 + tenure / window).
    """
    import ibis

    past = purchases.select("number", "spend", "first", who="customer_id", last="date")
    found: Any = states.asof_join(past, on=states.date > past["last"], predicates=[states.customer_id == past.who])
    days = found.date.delta(found["last"], unit="day").cast("float64")
    tenure = found.date.delta(found["first"], unit="day").cast("float64")
    number = found.number.cast("float64")
    found = found.mutate(
        recency=days,
        frequency=number - 1.0,
        log_spend=(1.0 + found.spend.round(MONEY) / number).ln(),
        tenure=tenure,
        purchase_rate=number / (1.0 + tenure / window),
    )
    found = found.drop("who", "last", "first")
    if responses is None:
        return found.mutate(responses=ibis.literal(0.0))
    replies = responses.select("responses", who="customer_id", day="date")
    settled = found.mutate(settled=found.date - ibis.interval(days=window))
    joined: Any = settled.asof_join(
        replies, on=settled.settled >= replies.day, predicates=[settled.customer_id == replies.who]
    )
    return joined.mutate(responses=joined.responses.fill_null(0).cast("float64")).drop("who", "day", "settled")


def with_outcome(states: Any, purchases: Any, *, window: int) -> Any:
    """States after `with_past`, with what was bought from the date on for `window` days: bought (0 or 1) and amount.

    Both are differences of running totals at the end and just before the beginning.
    """
    import ibis

    later = purchases.select(who="customer_id", day="date", number_after="number", spend_after="spend")
    ended = states.mutate(end=states.date + ibis.interval(days=window))
    found: Any = ended.asof_join(later, on=ended.end > later.day, predicates=[ended.customer_id == later.who])
    bought = (found.number_after > found.number).cast("int8")
    amount = (found.spend_after - found.spend).round(MONEY)
    return found.mutate(bought=bought, amount=amount).drop("who", "day", "end", "number_after", "spend_after")
