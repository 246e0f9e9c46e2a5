"""The contact log: who was contacted on which day by which medium, at what cost, and who was deliberately left alone."""

from __future__ import annotations

import copy
import functools
from typing import TYPE_CHECKING, get_args

from clvmodels.data.contact_lines import (
    FAULTS,
    ContactFacts,
    canonical,
    look_at_contacts,
    read_contacts,
    refuse_contacts,
)
from clvmodels.data.exposures import Exposure, read_exposure
from clvmodels.data.quality import Finding, Quality
from clvmodels.data.transactions import Invalid
from clvmodels.errors import ContactError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import ibis.expr.types as ir
    import pandas as pd

    from clvmodels.data.lines import Lines
    from clvmodels.units import Period, Span


class Contacts:
    """A log of contacts over any table. Nothing is read until a result is asked for; it never changes.

    An *attributed response* is a reply noted on a contact's own row (`responded`, `amount`). It exists for the contacted alone
    and says nothing of what they would have done anyway; for that see `occasions`, which looks at purchases.

    Parameters
    ----------
    source
        What `Transactions` reads: a path or glob, a frame, an Arrow table, an Ibis table.
    customer, medium, date
        Columns with the customer's id, the medium as free text ("e-mail", "DM", "TM", "visit") and the date.
    cost
        Column with the cost of the contact [currency], 0 or more, empty where not known.
    responded, amount
        Columns with the attributed response: whether the customer replied, and how much is attributed to it [currency].
    campaign, region
        Columns with the name of the campaign and of the region.
    holdout
        Column that is true where the customer was assigned to this medium on this date and deliberately not contacted.
    assignment_probability
        Column with the probability, strictly between 0 and 1, of what was drawn for the row: with a holdout of 5 % it is 0.95
        for the contacted and 0.05 for the held out. Empty where not known.
    target_score
        Column with the score by which a rule chose whom to contact, for the contacted and for those left alone.
    none
        Value of `medium` that means no contact at all, such as "No E-Mail": a customer held out of every medium.
    currency
        The column with the currency (which has to hold a single one), or the currency itself, such as "EUR".
    invalid
        What to do with rows that cannot be used: "error" or "leave_out".
    timezone
        The zone in which instants are turned into days, as in `Transactions`.

    Raises
    ------
    ContactError
        A column is missing or cannot play its role. Results raise it for rows that cannot be used: without customer, medium or
        readable date; a cost that is negative; a probability outside (0, 1); a response of a customer who was held out;
        probabilities that contradict the holdout flag.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"who": ["A", "B"], "how": ["e-mail", "e-mail"], "when": ["20240105", "20240105"], "left": [0, 1]})
    >>> contacts = Contacts(rows, customer="who", medium="how", date="when", holdout="left")
    >>> contacts
    Contacts: 1 by e-mail, 1 held out, 2 customers, 2024-01-05 to 2024-01-05
    """

    def __init__(
        self,
        source: object,
        *,
        customer: str,
        medium: str,
        date: str,
        cost: str | None = None,
        responded: str | None = None,
        amount: str | None = None,
        campaign: str | None = None,
        region: str | None = None,
        holdout: str | None = None,
        assignment_probability: str | None = None,
        target_score: str | None = None,
        none: str | None = None,
        currency: str | None = None,
        invalid: Invalid = "error",
        timezone: str | None = None,
    ) -> None:
        if invalid not in get_args(Invalid.__value__):
            raise ContactError(f"invalid={invalid!r} is not known. Write 'error' or 'leave_out'.")
        roles = {"customer_id": customer, "date": date, "medium": medium, "cost": cost, "responded": responded}
        roles |= {"amount": amount, "campaign": campaign, "region": region, "holdout": holdout}
        roles |= {"assignment_probability": assignment_probability, "target_score": target_score}
        self._lines: Lines = read_contacts(source, roles=roles, none=none, currency=currency, timezone=timezone)
        self._strict, self._zone_given = invalid == "error", timezone is not None
        self.exposures: tuple[Exposure, ...] = ()

    def with_exposure(
        self,
        source: object,
        *,
        medium: str,
        date: str,
        level: str,
        half_life: Span | Period | Sequence[Span | Period],
        region: str | None = None,
        residents: object | None = None,
        customer: str = "customer_id",
        cost: str | None = None,
        timezone: str | None = None,
    ) -> Contacts:
        """These contacts and a mass medium that everybody in a region is exposed to: TV, radio, outdoor, online display.

        It cannot be a contact, since nobody would be left as the baseline. Media response takes it into the baseline instead,
        as a stock that is halved every `half_life`, and compares regions on the same day; without regions, days. The table is
        read at once.

        Parameters
        ----------
        source
            What `Transactions` reads: a row per region and day on which the medium ran. Weekly levels stand on the first day
            of their week. A day without a row, between the first and the last day of the table, is one on which nothing ran.
            Rows from before the log's first contacts are welcome: the stock remembers them.
        medium
            Its name, which no medium of contacts has.
        date, level
            Columns with the day and with how much ran, zero or more: gross rating points, spots, impressions.
        half_life
            Time in which its effect is halved, such as `2 * WEEK`; or several, of which `clv.fit` takes the one under which the
            data are likeliest. It matters: the longer it is said to be, the larger the effect that is found.
        region
            Column with the region. Without it, levels are the same everywhere.
        residents, customer
            Table with the region of each customer, in a column of the same name as `region`, and its column with the customer.
            Without it, the customer's segment in the transaction log is her region.
        cost
            Column with what the row's level cost [currency].
        timezone
            The zone in which instants are turned into days, as in `Transactions`.

        Returns
        -------
        Contacts, these unchanged; several exposures are added one after the other

        Raises
        ------
        ContactError
            A column is missing or cannot play its role; a row without day, region or level, a negative level or cost, two rows
            of one region and day, a medium that is there already.

        Examples
        --------
        >>> import pandas as pd
        >>> from clvmodels.units import WEEK
        >>> mail = pd.DataFrame({"who": ["A", "B"], "how": ["DM", "DM"], "when": ["2024-01-05", "2024-01-12"]})
        >>> spots = pd.DataFrame({"week": ["2024-01-01"] * 2, "area": ["north", "south"], "grp": [80, 0]})
        >>> contacts = Contacts(mail, customer="who", medium="how", date="when")
        >>> contacts.with_exposure(spots, medium="TV", date="week", level="grp", region="area", half_life=2 * WEEK).exposures
        (TV in 2 regions, 2024-01-01 to 2024-01-01, half-life 2 weeks,)
        """
        if medium in (one.medium for one in self.exposures):
            raise ContactError(f"There is an exposure {medium!r} already. Put all of its rows in one table.")
        found = read_exposure(
            source, medium=medium, date=date, level=level, region=region, cost=cost, half_life=half_life,
            residents=residents, customer=customer, timezone=timezone,
        )  # fmt: skip
        other = copy.copy(self)
        other.exposures = (*self.exposures, found)
        return other

    @property
    def currency(self) -> str | None:
        """The currency of costs and amounts, None if the caller did not say."""
        return self._facts.currency[0] if self._lines.has("currency") else self._lines.label

    @property
    def media(self) -> tuple[str, ...]:
        """The media by which somebody was contacted, in alphabetical order."""
        return tuple(name for name, count in self._counts.items() if count)

    def rows(self) -> ir.Table:
        """Ibis expression of the usable rows.

        Columns: customer_id, date, medium (null where held out of every medium), held_out, cost, responded, campaign, region,
        attributed_amount, probability, score; null where the log does not have them.
        """
        refuse_contacts(self._lines, self._facts, strict=self._strict, zone_given=self._zone_given)
        return canonical(self._lines)

    def attributed_responses(self) -> pd.DataFrame:
        """Attributed response per medium: medium, contacts, responses, response_rate, attributed_amount [currency].

        NaN where the log does not tell. A response rate is no increment: some would have bought without the contact.
        """
        rows = self.rows()
        sent = rows.filter(~rows.held_out)
        known = sent.responded.count()
        facts = {"contacts": sent.count(), "responses": (known > 0).ifelse(sent.responded.sum(), None)}
        facts |= {
            "response_rate": sent.responded.cast("float64").mean(),
            "attributed_amount": sent.attributed_amount.sum(),
        }
        frame: pd.DataFrame = sent.group_by("medium").aggregate(**facts).order_by("medium").to_pyarrow().to_pandas()
        return frame.astype(dict.fromkeys(("responses", "response_rate", "attributed_amount"), "float64"))

    def quality(self) -> Quality:
        """What was found in the log and what was done about it; every row is in exactly one of the findings but "responses"."""
        facts = self._facts
        refused = "results raise an error unless invalid='leave_out'" if self._strict else "left out"
        asked = [fault for fault in FAULTS if self._lines.has(fault.role) or facts.faults[fault.name]]
        found = [_row("contacts", facts.used - facts.held_out, facts, "used")]
        found.append(_row("held out", facts.held_out, facts, "used: assigned and deliberately not contacted"))
        found += [_row(fault.name, facts.faults[fault.name], facts, refused) for fault in asked]
        found.append(_row("responses", facts.responded, facts, "attributed to a contact; no basis of an increment"))
        return Quality(
            facts.rows, facts.used, facts.customers, facts.first, facts.last, tuple(found), unit="contact rows"
        )

    @functools.cached_property
    def _facts(self) -> ContactFacts:
        return look_at_contacts(self._lines)

    @functools.cached_property
    def _counts(self) -> dict[str, int]:
        """Contacts by medium, 0 for one of which everybody was held out."""
        rows = canonical(self._lines)
        named = rows.drop_null("medium")
        counted = named.group_by("medium").aggregate(contacts=(~named.held_out).sum()).order_by("medium")
        return {row["medium"]: int(row["contacts"]) for row in counted.to_pyarrow().to_pylist()}

    def __repr__(self) -> str:
        facts = self._facts
        parts = [f"{count:,} by {medium}" for medium, count in self._counts.items()]
        parts += [f"{facts.held_out:,} held out"] if facts.held_out else []
        parts += [
            f"{facts.customers:,} customers",
            f"{facts.first} to {facts.last}" if facts.first else "no usable date",
        ]
        parts += [f"exposed to {', '.join(one.medium for one in self.exposures)}"] if self.exposures else []
        left = facts.rows - facts.used
        parts += [f"{left:,} {'not usable' if self._strict else 'left out'} (see quality())"] if left else []
        return f"Contacts: {', '.join(parts)}"

    def _repr_html_(self) -> str:
        title, _, rest = repr(self).partition(": ")
        return f"<p><b>{title}</b>: {rest}</p>"


def _row(finding: str, count: int, facts: ContactFacts, done: str) -> Finding:
    return Finding(finding, count, count / facts.rows if facts.rows else 0.0, "of rows", done)
