"""From a contact log and a transaction log to one row per occasion, every contact row accounted for."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clvmodels.data.tables import fetch, kept
from clvmodels.errors import SHOWN, ContactError, offenders
from clvmodels.response.baseline import Baseline, pseudo_contacts
from clvmodels.response.past import first_purchases, running_purchases, running_responses, with_outcome, with_past
from clvmodels.response.stocks import with_stocks

if TYPE_CHECKING:
    from clvmodels.data.contacts import Contacts
    from clvmodels.data.transactions import Transactions

CONTACT, HELD_OUT, PSEUDO = "contact", "held out", "pseudo-contact"
COLUMNS = (
    "customer_id", "date", "medium", "arm", "kind", "probability", "cost", "responded", "attributed_amount", "score",
    "campaign", "segment", "own_stock", "other_stock",
)  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """What the caller asked for: window [days], half-lives [days], what to do with contacts of nobody, size of the baseline."""

    window: int
    half_life: Mapping[str, float]
    strict: bool
    most_baseline: int
    seed: int


@dataclass(frozen=True)
class Assembled:
    """Occasions and what they were made from.

    Attributes
    ----------
    occasions
        Ibis table, a row per occasion: `COLUMNS`, the features, purchase_rate, bought, amount. `arm` is the medium that the
        customer was assigned to, null where she serves as baseline of every medium.
    contacts
        Ibis table of all usable contact rows, one per customer, day, medium and held_out, whether they became occasions or not.
    purchases, customers, responses
        Running totals, first purchases, running responses (None if the contacts have none).
    accounts
        Contact rows by what became of them: they add up to all usable rows.
    baseline
        What was done for the media of which nobody was held out.
    until
        The log's last day.
    """

    occasions: Any
    contacts: Any
    purchases: Any
    customers: Any
    responses: Any | None
    accounts: Mapping[str, int]
    baseline: Baseline
    until: datetime.date


def assemble(contacts: Contacts, log: Transactions, wanted: Wanted, *, replies: bool) -> Assembled:
    """Occasions of the contacts in the log.

    Raises
    ------
    ContactError
        The log has no beginning, its ids are of another type, contacts are of customers who are not in it or had not bought yet.
    """
    rows, purchases, customers = _sources(contacts, log)
    merged = kept(with_stocks(_once_a_day(rows), wanted.half_life))
    judged = _judged(merged, customers, log.until - datetime.timedelta(days=wanted.window - 1))
    accounts = _accounts(judged, customers, strict=wanted.strict)
    used = judged.filter(judged.fate.isin((CONTACT, HELD_OUT)))
    pseudo, baseline = pseudo_contacts(used, merged, customers, most=wanted.most_baseline, seed=wanted.seed)
    states = used.select(*COLUMNS) if pseudo is None else used.select(*COLUMNS).union(_as_states(pseudo, used))
    responses = kept(running_responses(merged.filter(~merged.held_out))) if replies else None
    found = kept(_with_features_and_outcome(states, purchases, responses, wanted.window))
    return Assembled(found, merged, purchases, customers, responses, accounts, baseline, log.until)


def _with_features_and_outcome(states: Any, purchases: Any, responses: Any | None, window: int) -> Any:
    """States with what is looked up by customer and day alone: on narrow rows, each pair once, since looking up sorts them."""
    pairs = states.select("customer_id", "date").distinct()
    past = with_past(pairs, purchases, responses, window=window)
    found = with_outcome(past, purchases, window=window).drop("number", "spend")
    return states.join(found.mutate(month=found.date.strftime("%m")), ["customer_id", "date"])


def _sources(contacts: Contacts, log: Transactions) -> tuple[Any, Any, Any]:
    """Contact rows, running purchases and customers, in one database and with ids of one type."""
    if log.after is not None:
        raise ContactError(
            f"The log starts after {log.after}, so that nobody's first purchase is known. Pass the whole log, or its calibration."
        )
    rows, days = contacts.rows(), log.purchase_days()
    if rows.get_backend() is not days.get_backend():
        raise ContactError(
            f"The contacts are on {rows.get_backend().name} and the purchases on {days.get_backend().name}: they cannot be "
            "joined where they are. Read both from files or frames, or from one connection."
        )
    one, other = rows.customer_id.type(), days.customer_id.type()
    if one.is_string() != other.is_string():
        raise ContactError(
            f"The contacts' customer ids are {one} and the log's are {other}: none would match. Convert one of the columns."
        )
    purchases = kept(running_purchases(log))
    return rows, purchases, kept(first_purchases(log, purchases))


def _once_a_day(rows: Any) -> Any:
    """One row per customer, day, medium and held_out: several contacts of a day are one occasion, their costs added up."""
    facts = {name: rows[name].sum() for name in ("cost", "attributed_amount")}
    facts |= {"responded": rows.responded.cast("int8").max().cast("boolean"), "campaign": rows.campaign.min()}
    facts |= {"probability": rows.probability.min(), "score": rows.score.max(), "rows": rows.count()}
    return rows.group_by("customer_id", "date", "medium", "held_out").aggregate(**facts)


def _judged(merged: Any, customers: Any, last: datetime.date) -> Any:
    """Contacts with their fate, and the columns of occasions."""
    import ibis

    known = customers.select("first", "segment", who="customer_id")
    found: Any = merged.left_join(known, merged.customer_id == known.who)
    sent = merged.filter(~merged.held_out).select("customer_id", "date").distinct()
    doubly = merged.filter(merged.held_out).semi_join(sent, ["customer_id", "date"])
    doubly = doubly.select("customer_id", "date", contacted=ibis.literal(True)).distinct()
    found = found.left_join(doubly, ["customer_id", "date"]).drop("customer_id_right", "date_right")
    fate = ibis.cases(
        (found.date > last, "window reaches past the log's end"),
        (found["first"].isnull(), "unknown customer"),
        (found["first"] >= found.date, "not after the first purchase"),
        (found.held_out & found.contacted.fill_null(False), "held out but contacted on that day"),
        (found.held_out, HELD_OUT),
        else_=CONTACT,
    )
    text, truth = ibis.null("string"), ibis.null("boolean")
    return found.mutate(
        fate=fate,
        kind=found.held_out.ifelse(HELD_OUT, CONTACT),
        arm=found.medium,
        medium=found.held_out.ifelse(text, found.medium),
        cost=found.held_out.ifelse(ibis.null("float64"), found.cost),
        responded=found.held_out.ifelse(truth, found.responded),
    )


def _accounts(judged: Any, customers: Any, *, strict: bool) -> dict[str, int]:
    counted = judged.group_by("fate").aggregate(occasions=judged.count(), rows=judged.rows.sum())
    found = {row["fate"]: row for row in fetch(counted).to_pylist()}
    if strict and "unknown customer" in found:
        remedy = "Check the ids, or pass unmatched='leave_out' to go on without them; quality() counts them."
        raise ContactError(_offenders(judged, "unknown customer", "is of customers who are not in the log", remedy))
    if strict and "not after the first purchase" in found:
        remedy = (
            "Of a customer who has not bought yet nothing is known: pass unmatched='leave_out' to go on without them."
        )
        raise ContactError(
            _offenders(judged, "not after the first purchase", "is not after the customer's first purchase", remedy)
        )
    if not any(fate in found for fate in (CONTACT, HELD_OUT)):
        fates = ", ".join(f"{fate} {row['rows']:,}" for fate, row in sorted(found.items()))
        raise ContactError(
            f"No contact can be used; rows by what became of them: {fates}. Check dates, ids and the window."
        )
    accounts = {fate: int(row["occasions"]) for fate, row in found.items()}
    return accounts | {"repeats on one day": sum(int(row["rows"] - row["occasions"]) for row in found.values())}


def _offenders(judged: Any, fate: str, problem: str, remedy: str) -> str:
    wrong = judged.filter(judged.fate == fate)
    count = int(wrong.rows.sum().to_pyarrow().as_py())
    shown = (
        wrong.select("first", "date", customer=wrong.customer_id.cast("string"))
        .order_by("customer", "date")
        .limit(SHOWN)
    )
    found = shown.to_pyarrow().to_pylist()
    rows = [f"customer {row['customer']}" for row in found] + [""] * (count - len(found))
    values = [f"{row['date']}, first purchase {row['first'] or 'never'}" for row in found]
    return offenders(problem, column="date", rows=rows, values=values, remedy=remedy)


def _as_states(pseudo: Any, used: Any) -> Any:
    """Pseudo-contacts with the columns of occasions."""
    import ibis

    schema = used.schema()
    nothing = {name: ibis.null(schema[name]) for name in COLUMNS if name not in pseudo.columns}
    stocks = {name: ibis.literal(0.0) for name in ("own_stock", "other_stock")}
    return pseudo.mutate(**(nothing | {"kind": ibis.literal(PSEUDO)} | stocks)).select(*COLUMNS)
