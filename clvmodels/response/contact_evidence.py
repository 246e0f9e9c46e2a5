"""How far contacts tell what they do in a model of purchases and dropout, which takes every contact as it came.

The likelihood holds what a customer's purchases say of her own rates, and compares who was contacted with everybody who was not:
those held out, and those who were never chosen. So a medium is randomised where some were held out, or its drawing is known,
*and* the contacted were like all others before. What a media response would adjust for (the score behind contacts, differing
probabilities) or leave out (contacts of months without held-out customers) stays as it is, and makes a medium observational.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from clvmodels.data.tables import beside, fetch, kept
from clvmodels.response.assemble import sources
from clvmodels.response.balance import LEVEL, Balance
from clvmodels.response.baseline import pseudo_contacts
from clvmodels.response.cells import Grade
from clvmodels.response.evidence import alike, unlike
from clvmodels.response.fates import CONTACT, FATES, HELD_OUT, PSEUDO, USED, once_a_day, with_fates
from clvmodels.response.past import with_past
from clvmodels.response.sampled import Sampled

if TYPE_CHECKING:
    from clvmodels.data.contacts import Contacts
    from clvmodels.data.histories import Histories

FEATURES = ("recency", "frequency", "tenure")
"""What is known of a customer before a day, and compared."""
MOST = 500_000
"""Customers x days without contact that are looked at."""
WINDOW = 28
"""Days; no feature depends on it."""
STRAY = 0.05
"""Share of contacts that may be of months in which nobody was held out."""


class ContactEvidence(NamedTuple):
    """How a medium's contacts came about: the grade, in words why, and how many contacts there were after a first purchase."""

    medium: str
    grade: Grade
    reason: str
    contacts: int


def contact_evidence(contacts: Contacts, histories: Histories) -> tuple[ContactEvidence, ...]:
    """The evidence of each medium by which some of these customers were contacted, in alphabetical order.

    Parameters
    ----------
    contacts
        The contact log; rows of other customers, of days up to the first purchase and after the end are not looked at.
    histories
        The customers, with the days of their purchases.
    """
    rows, purchases, customers = sources(contacts, _purchase_log(contacts, histories))
    end = histories.until or datetime.date.max
    judged = kept(with_fates(once_a_day(rows), rows, customers, end))
    used = judged.filter(judged.fate.isin(USED))
    pseudo, _ = pseudo_contacts(used, judged, customers, most=MOST, seed=0, all_media=True)
    states = kept(with_past(_states(used, pseudo), purchases, None, window=WINDOW))
    counted = _counted(used)
    some = Sampled.of(states, FEATURES, rows=int(states.count().to_pyarrow().as_py()))
    return tuple(_of(medium, counted[medium], some) for medium in sorted(counted))


class Counted(NamedTuple):
    """A medium's contacts, those of months in which some were held out or of known probability, those of known probability; and
    held-out rows."""

    contacts: int
    covered: int
    drawn: int
    held_out: int

    @property
    def alone(self) -> bool:
        """Whether more contacts than a few are of months in which nobody was held out, and that is no chance."""
        uncovered = self.contacts - self.covered
        share = self.held_out / max(self.held_out + self.covered, 1)
        return bool(uncovered > STRAY * self.contacts and (1.0 - share) ** uncovered < LEVEL)


def _of(medium: str, counted: Counted, some: Sampled) -> ContactEvidence:
    mine = some.contacted & (some.arm == medium)
    rows = mine | (~some.contacted & np.isin(some.day, np.unique(some.day[mine])))
    scored = ~np.isnan(some.score) & rows
    found = some.balance(rows, score=bool((scored == rows).all()))
    grade, reason = _judged(counted, found)
    return ContactEvidence(medium, grade, reason, counted.contacts)


def _judged(counted: Counted, found: Balance) -> tuple[Grade, str]:
    held = counted.held_out > 0
    if not found.comparable:
        return "observational", (
            "nobody was left without contact on its days, so that it cannot be told from what the days themselves do"
        )
    if not held and counted.drawn < counted.contacts:
        worst, size = found.worst
        return "observational", (
            f"nobody was held out; customers not contacted on the same days differ most in {worst} ({size:.2f} sd)"
        )
    if held and counted.alone:
        return "observational", (
            f"only {counted.covered:,} of {counted.contacts:,} contacts are of months in which some were held out"
        )
    how = f"{counted.held_out:,} held out" if held else "drawn with known probabilities"
    if not found.holds:
        return "observational", f"{how}, but {unlike(found)}: it was not chance alone that chose whom to contact"
    return "randomised", f"{how}; customers not contacted on the same days are {alike(found)}"


def _purchase_log(contacts: Contacts, histories: Histories) -> Any:
    """Purchase days of the customers as a log on the backend of the contacts."""
    from clvmodels.data.transactions import Transactions
    from clvmodels.purchase_dates import flat_days

    assert histories.dates is not None, "models over time need the days of purchases"
    days, counts = flat_days(histories.dates)
    who = pa.array(np.repeat(histories.customer_id, counts))
    table = pa.table({"customer_id": who, "date": pa.array(days.astype(np.int32), pa.int32()).cast(pa.date32())})
    return Transactions(beside(contacts.rows(), table), customer="customer_id", date="date")


def _states(used: Any, pseudo: Any | None) -> Any:
    """Contacts, held-out customers and others of the days, without probabilities: the model does not weigh by them."""
    import ibis

    nothing = {"probability": ibis.null("float64")}
    kind = (used.fate == FATES.index(HELD_OUT)).ifelse(HELD_OUT, CONTACT)
    names = ("customer_id", "date", "arm", "kind", "probability", "campaign", "score")
    found = used.mutate(arm=used.medium, kind=kind, **nothing).select(*names)
    if pseudo is None:
        return found
    unknown = {"arm": ibis.null("string"), "campaign": ibis.null("string"), "score": ibis.null(found.score.type())}
    return found.union(pseudo.mutate(kind=ibis.literal(PSEUDO), **nothing, **unknown).select(*names))


def _counted(used: Any) -> Mapping[str, Counted]:
    dated = used.mutate(month=used.date.strftime("%Y-%m"))
    facts = {"n": dated.count(), "known": dated.probability.count()}
    table = fetch(dated.group_by("medium", "month", "held_out").aggregate(**facts)).to_pylist()
    media = {row["medium"] for row in table if row["medium"] is not None and not row["held_out"]}
    found = {}
    for medium in media:
        held = [row for row in table if row["held_out"] and row["medium"] in (medium, None)]
        sent = [row for row in table if not row["held_out"] and row["medium"] == medium]
        months = {row["month"] for row in held}
        found[medium] = Counted(
            sum(row["n"] for row in sent), sum(row["n" if row["month"] in months else "known"] for row in sent),
            sum(row["known"] for row in sent), sum(row["n"] for row in held),
        )  # fmt: skip
    return found
