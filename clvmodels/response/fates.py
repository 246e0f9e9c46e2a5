"""What becomes of contact rows: occasions with contact, occasions without, or left out and counted."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from clvmodels.data.tables import fetch
from clvmodels.errors import SHOWN, ContactError, offenders

CONTACT, HELD_OUT, PSEUDO = "contact", "held out", "pseudo-contact"
LATE, UNKNOWN, EARLY = "window reaches past the log's end", "unknown customer", "not after the first purchase"
DOUBLY = "held out but contacted on that day"
REPEATS = "repeats on one day"
FATES = (CONTACT, HELD_OUT, LATE, UNKNOWN, EARLY, DOUBLY)
USED = (FATES.index(CONTACT), FATES.index(HELD_OUT))


def once_a_day(rows: Any) -> Any:
    """One row per customer, day, medium and held_out: several contacts of a day are one occasion, their costs added up."""
    facts = {name: rows[name].sum() for name in ("cost", "attributed_amount")}
    facts |= {"responded": rows.responded.cast("int8").max().cast("boolean"), "campaign": rows.campaign.min()}
    facts |= {"probability": rows.probability.min(), "score": rows.score.max(), "rows": rows.count()}
    return rows.group_by("customer_id", "date", "medium", "held_out").aggregate(**facts)


def with_fates(contacts: Any, rows: Any, customers: Any, last: datetime.date) -> Any:
    """Contacts with the customer's segment and first purchase, and their fate: its place in `FATES`.

    Parameters
    ----------
    contacts
        Once a day.
    rows
        The contact rows they were made from.
    customers
        customer_id, first, segment.
    last
        Latest day whose window the log covers.
    """
    import ibis

    known = customers.select("first", "segment", who="customer_id")
    found: Any = contacts.left_join(known, contacts.customer_id == known.who).drop("who")
    doubly: Any = ibis.literal(False)
    if bool(rows.held_out.any().to_pyarrow().as_py()):
        held = rows.filter(rows.held_out).select("customer_id", "date").distinct()
        both = held.semi_join(rows.filter(~rows.held_out), ["customer_id", "date"])
        both = both.select(whose="customer_id", when="date", contacted=ibis.literal(True))
        matching = [found.customer_id == both.whose, found.date == both.when]
        found = found.left_join(both, matching).drop("whose", "when")
        doubly = found.held_out & found.contacted.fill_null(False)
    cases = {
        LATE: found.date > last,
        UNKNOWN: found["first"].isnull(),
        EARLY: found["first"] >= found.date,
        DOUBLY: doubly,
        HELD_OUT: found.held_out,
    }
    codes = [(wrong, ibis.literal(FATES.index(name), type="int8")) for name, wrong in cases.items()]
    return found.mutate(fate=ibis.cases(*codes, else_=ibis.literal(FATES.index(CONTACT), type="int8")))


def account(judged: Any, *, strict: bool) -> Mapping[str, int]:
    """Contact rows by fate, and repeats on one day; they add up to all rows.

    Raises
    ------
    ContactError
        With `strict`, contacts are of customers who are not in the log or had not bought before; or none can be used at all.
    """
    counted = judged.group_by("fate").aggregate(occasions=judged.count(), rows=judged["rows"].sum())
    found = {FATES[row["fate"]]: row for row in fetch(counted).to_pylist()}
    if strict and UNKNOWN in found:
        remedy = "Check the ids, or pass unmatched='leave_out' to go on without them; quality() counts them."
        raise ContactError(_offenders(judged, UNKNOWN, "is of customers who are not in the log", remedy))
    if strict and EARLY in found:
        remedy = "Nothing is known yet of who has not bought: pass unmatched='leave_out' to go on without them."
        raise ContactError(_offenders(judged, EARLY, "is not after the customer's first purchase", remedy))
    if CONTACT not in found:
        fates = ", ".join(f"{fate} {row['rows']:,}" for fate, row in sorted(found.items()))
        raise ContactError(
            f"No contact can be used; rows by what became of them: {fates}. Check dates, ids and window."
        )
    accounts = {fate: int(row["occasions"]) for fate, row in found.items()}
    return accounts | {REPEATS: sum(int(row["rows"] - row["occasions"]) for row in found.values())}


def _offenders(judged: Any, fate: str, problem: str, remedy: str) -> str:
    wrong = judged.filter(judged.fate == FATES.index(fate))
    count = int(wrong["rows"].sum().to_pyarrow().as_py())
    shown = wrong.select("first", "date", customer=wrong.customer_id.cast("string")).order_by("customer", "date")
    found = shown.limit(SHOWN).to_pyarrow().to_pylist()
    rows = [f"customer {row['customer']}" for row in found] + [""] * (count - len(found))
    values = [f"{row['date']}, first purchase {row['first'] or 'never'}" for row in found]
    return offenders(problem, column="date", rows=rows, values=values, remedy=remedy)
