"""Two things that are not the same: replies attributed to contacts, and purchases in the window after an occasion."""

from __future__ import annotations

from typing import Any, NamedTuple

from clvmodels.data.tables import fetch
from clvmodels.response.fates import CONTACT

NONE = "none"


class AttributedResponse(NamedTuple):
    """Replies noted on the contacts of a medium. They exist for the contacted alone, and are no basis of an increment.

    Attributes
    ----------
    contacts
        Contacts of which it is known whether there was a reply.
    responses
        Those with one.
    amount
        Attributed to them [currency], NaN where not known.
    """

    contacts: int
    responses: int
    amount: float

    @property
    def rate(self) -> float:
        """Replies per contact, 0 to 1; NaN without contacts."""
        return self.responses / self.contacts if self.contacts else float("nan")


class OutcomeInWindow(NamedTuple):
    """Purchases within the window after occasions, with contact or without: the only basis of an increment.

    Attributes
    ----------
    occasions, buyers
        How many, and how many of them were followed by a purchase.
    amount
        Bought within the windows [currency], NaN in a log without amounts.
    """

    occasions: int
    buyers: int
    amount: float

    @property
    def rate(self) -> float:
        """Buyers per occasion, 0 to 1."""
        return self.buyers / self.occasions


def attributed_responses(occasions: Any) -> dict[str, AttributedResponse]:
    """By medium."""
    sent = occasions.filter(occasions.kind == CONTACT)
    facts = {"known": sent.responded.count(), "replies": sent.responded.sum(), "amount": sent.attributed_amount.sum()}
    found = fetch(sent.group_by("medium").aggregate(**facts).order_by("medium")).to_pylist()
    return {
        row["medium"]: AttributedResponse(
            int(row["known"]), int(row["replies"] or 0), float("nan") if row["amount"] is None else row["amount"]
        )
        for row in found
    }


def outcomes_in_window(occasions: Any) -> dict[str, OutcomeInWindow]:
    """By medium, and under "none" without contact."""
    medium = occasions.medium.fill_null(NONE)
    facts = {"count": occasions.count(), "buyers": occasions.bought.sum(), "amount": occasions.amount.sum()}
    found = fetch(occasions.group_by(medium=medium).aggregate(**facts).order_by("medium")).to_pylist()
    return {row["medium"]: OutcomeInWindow(int(row["count"]), int(row["buyers"]), row["amount"]) for row in found}
