"""From a contact log and a transaction log to one row per occasion, every contact row accounted for."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clvmodels.data.tables import kept
from clvmodels.errors import ContactError
from clvmodels.response.baseline import Baseline, pseudo_contacts
from clvmodels.response.fates import CONTACT, HELD_OUT, PSEUDO, USED, account, once_a_day, with_fates
from clvmodels.response.past import first_purchases, running_purchases, running_responses, with_outcome, with_past
from clvmodels.response.stocks import with_stocks

if TYPE_CHECKING:
    from clvmodels.data.contacts import Contacts
    from clvmodels.data.transactions import Transactions

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
    rows, purchases, customers = sources(contacts, log)
    last = log.until - datetime.timedelta(days=wanted.window - 1)
    judged = kept(with_fates(with_stocks(once_a_day(rows), wanted.half_life), rows, customers, last))
    accounts = account(judged, strict=wanted.strict)
    used = judged.filter(judged.fate.isin(USED))
    pseudo, baseline = pseudo_contacts(used, judged, customers, most=wanted.most_baseline, seed=wanted.seed)
    states = _with_pseudo(_as_states(used), pseudo)
    responses = kept(running_responses(judged.filter(~judged.held_out))) if replies else None
    found = kept(_with_features_and_outcome(states, purchases, responses, wanted.window))
    return Assembled(found, judged, purchases, customers, responses, accounts, baseline, log.until)


def _with_features_and_outcome(states: Any, purchases: Any, responses: Any | None, window: int) -> Any:
    """States with what is looked up by customer and day alone: on narrow rows, each pair once, since looking up sorts them."""
    pairs = states.select("customer_id", "date").distinct()
    past = with_past(pairs, purchases, responses, window=window)
    found = with_outcome(past, purchases, window=window).drop("number", "spend")
    return states.join(found.mutate(month=found.date.strftime("%m")), ["customer_id", "date"])


def sources(contacts: Contacts, log: Transactions) -> tuple[Any, Any, Any]:
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


def _as_states(used: Any) -> Any:
    """Contacts and held-out rows under the columns of occasions."""
    import ibis

    found = used.mutate(
        kind=used.held_out.ifelse(HELD_OUT, CONTACT),
        arm=used.medium,
        medium=used.held_out.ifelse(ibis.null("string"), used.medium),
        cost=used.held_out.ifelse(ibis.null("float64"), used.cost),
        responded=used.held_out.ifelse(ibis.null("boolean"), used.responded),
    )
    return found.select(*COLUMNS)


def _with_pseudo(states: Any, pseudo: Any | None) -> Any:
    """States and those of pseudo-contacts, of which no more than customer, day and segment is known."""
    import ibis

    if pseudo is None:
        return states
    schema = states.schema()
    known = {"kind": ibis.literal(PSEUDO)} | {name: ibis.literal(0.0) for name in ("own_stock", "other_stock")}
    nothing = {name: ibis.null(schema[name]) for name in COLUMNS if name not in (*pseudo.columns, *known)}
    return states.union(pseudo.mutate(**known, **nothing).select(*COLUMNS))
