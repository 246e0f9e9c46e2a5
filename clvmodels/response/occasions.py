"""Occasions: days on which customers were contacted, or were not and serve as the baseline, and whether they bought after."""

from __future__ import annotations

import copy
import datetime
import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.data.days import as_date
from clvmodels.data.quality import Finding, Quality
from clvmodels.data.tables import fetch
from clvmodels.errors import ContactError
from clvmodels.response import audience as _audience
from clvmodels.response.accounts import measure_occasions
from clvmodels.response.assemble import Assembled
from clvmodels.response.cells import Audience, Cells, Grade, Scaling
from clvmodels.response.controls import ODDS, with_blocks
from clvmodels.response.evidence import Evidence, weigh
from clvmodels.response.evidence_tables import balance_table, evidence_table
from clvmodels.response.exposures import with_exposures
from clvmodels.response.fates import CONTACT
from clvmodels.response.grouping import STOCKS, Bins, as_cells, group, standard_scaling
from clvmodels.response.half_lives import half_lives
from clvmodels.response.outcomes import AttributedResponse, OutcomeInWindow, attributed_responses, outcomes_in_window
from clvmodels.response.ready import ready_occasions
from clvmodels.units import Period, Span, as_span

if TYPE_CHECKING:
    import pandas as pd

    from clvmodels.data.exposures import Exposure
    from clvmodels.data.transactions import Day


class Occasions:
    """Occasions with and without contact, and what followed: made by `occasions(contacts, log)` or `Occasions.from_frame`.

    An *outcome in the window* (`bought`, `amount`) is any purchase within the window from the occasion's day on, that day
    included. It exists for customers who were not contacted too, and so is the only basis of an increment; an attributed response
    (`responded`) is not.

    Attributes
    ----------
    media
        Names of the media with a contact, in alphabetical order.
    window
        From an occasion's day on, so long a purchase counts as its outcome.
    features
        Names of the columns that the effect of a contact may depend on.
    half_life
        By medium [days].
    evidence
        By medium: grade, reason, balance.
    currency
        Of amounts and costs, None if not known.
    table
        Ibis table of the occasions; `frame()` has the same rows.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvmodels.units import WEEK
    >>> table = pd.DataFrame({"sent": ["none", "mail"] * 50, "visits": [0, 1, 2, 2, 1] * 20, "bought": [0, 1, 0, 0] * 25})
    >>> experiment = Occasions.from_frame(
    ...     table, medium="sent", none="none", bought="bought", features=["visits"], window=2 * WEEK
    ... )
    >>> experiment
    Occasions: 50 by mail (randomised), 50 without contact, window 2 weeks
    >>> experiment.cells().occasions.sum()
    np.float64(100.0)
    """

    def __init__(
        self,
        occasions: Any,
        *,
        features: tuple[str, ...],
        window: Span,
        half_life: Mapping[str, float],
        made: Assembled | None,
        drawn: bool,
        currency: str | None,
        exposures: tuple[Exposure, ...] = (),
    ) -> None:
        self.window, self.features, self.currency = window, features, currency
        self.evidence: tuple[Evidence, ...] = weigh(occasions, features, drawn=drawn)
        self.media: tuple[str, ...] = tuple(one.medium for one in self.evidence)
        self.half_life: dict[str, float] = {medium: half_life[medium] for medium in self.media}
        days = made.baseline.days if made is not None and made.baseline.drawn else ()
        self._blocks, self._unexposed = with_blocks(occasions, self.evidence, days)
        self._made = made
        self._expose(exposures)

    def _expose(self, exposures: tuple[Exposure, ...]) -> None:
        """Join the stocks of exposures; what was made with others is made anew."""
        there, until = (None, None) if self._made is None else (self._made.customers, self._made.until)
        self.table, self._exposed = with_exposures(self._blocks, exposures, there, until, round(self.window.days))
        self._controls = replace(self._unexposed, exposures=self._exposed.terms)
        self.__dict__.pop("_grouped_by_default", None)

    @property
    def exposures(self) -> tuple[Exposure, ...]:
        """Mass media that customers were exposed to."""
        return self._exposed.exposures

    def with_half_life(self, medium: str, half_life: Span) -> Occasions:
        """The same occasions where the stock of an exposure has another half-life."""
        other = copy.copy(self)
        other._expose(
            tuple(replace(one, half_life=half_life) if one.medium == medium else one for one in self.exposures)
        )
        return other

    @classmethod
    def from_frame(
        cls,
        frame: object,
        *,
        medium: str,
        none: str,
        bought: str,
        window: Span | Period,
        features: Sequence[str],
        amount: str | None = None,
        segment: str | None = None,
        month: str | None = None,
        probability: str | float | None = None,
        customer: str | None = None,
        date: str | None = None,
        cost: str | None = None,
        responded: str | None = None,
        score: str | None = None,
        campaign: str | None = None,
        randomised: bool = True,
        currency: str | None = None,
    ) -> Occasions:
        """A ready table of an experiment: a row per customer, with what was assigned to her and what she did within the window.

        Parameters
        ----------
        frame
            Any table that `Transactions` reads.
        medium, none
            Column with the medium, and its value that means no contact, such as "No E-Mail".
        bought, amount
            Columns with the outcome in the window: whether the customer bought (0 or 1), and for how much [currency].
        features
            Columns of numbers known before the contact.
        segment, month, customer, date, campaign
            Columns with the segment, the month of the year, the customer's id (else the row's number), the day, the campaign.
        probability
            Column with the probability, in (0, 1), of what was assigned to the row; or one probability of all rows.
        cost, responded, score
            Columns with the cost of the contact [currency], the attributed response, and the score behind the assignment.
        randomised
            Whether chance decided who was contacted, as far as you know; it is checked with the features' balance.
        window, currency
            How long outcomes were counted, and the currency of amounts and costs.

        Raises
        ------
        ContactError
            A column is missing or holds what cannot be used; nobody was contacted, or everybody.
        """
        columns = {"medium": medium, "bought": bought, "amount": amount, "segment": segment, "month": month}
        columns |= {
            "customer": customer,
            "date": date,
            "cost": cost,
            "responded": responded,
            "score": score,
            "campaign": campaign,
        }
        made = ready_occasions(frame, none=none, columns=columns, features=features, probability=probability)
        media = [row["medium"] for row in fetch(made.select("medium").distinct()).to_pylist() if row["medium"]]
        return cls(
            made,
            features=tuple(features),
            window=as_span(window, name="window"),
            half_life=half_lives(sorted(media)),
            made=None,
            drawn=randomised,
            currency=currency,
        )

    @property
    def grades(self) -> pd.DataFrame:
        """Evidence per medium, as found from the data.

        Columns: medium, grade, reason, contacts, baseline (occasions compared with), outside (left out for want of overlap),
        p_value (of the balance), worst_feature, worst_difference [standard deviations], responses and response_rate
        (attributed), mean_cost [currency].
        """
        return evidence_table(self.table, self.evidence)

    def balance(self) -> pd.DataFrame:
        """Were contacted and not contacted alike before? A row per medium and feature.

        Columns: medium, feature, contacted, not_contacted (means), difference (within days and campaigns, in standard
        deviations), p_value (of all features of the medium together).
        """
        return balance_table(self.evidence)

    def outcomes(self) -> dict[str, OutcomeInWindow]:
        """What followed within the window, by medium, and under "none" without contact: rates as they are, not increments."""
        return outcomes_in_window(self.table)

    def attributed_responses(self) -> dict[str, AttributedResponse]:
        """Replies noted on the contacts themselves, by medium."""
        return attributed_responses(self.table)

    def frame(self) -> pd.DataFrame:
        """The occasions as rows, in the order of customers and days.

        Columns: customer_id, date, medium (missing where not contacted), probability (of what was assigned; missing if not
        known), bought (0 or 1), amount [currency], cost [currency], responded, score, campaign, segment, month, the features,
        own_stock, other_stock, arm (the medium a held-out customer was assigned to) and kind ("contact", "held out",
        "pseudo-contact").
        """
        before = [
            "customer_id",
            "date",
            "medium",
            "probability",
            "bought",
            "amount",
            "cost",
            "responded",
            "score",
            "campaign",
        ]
        names = [*before, "segment", "month", *self.features, *STOCKS, "arm", "kind"]
        found: pd.DataFrame = fetch(self.table.select(*names).order_by("customer_id", "date", "arm")).to_pandas(
            date_as_object=False
        )
        return found

    def cells(self, bins: int | None = None) -> Cells:
        """Occasions of the same medium, segment and month, and with the same or like features, as one cell each.

        Parameters
        ----------
        bins
            Features, stocks and controls are cut at so many quantiles, and a cell has the means of its occasions. By default
            equal occasions alone are merged up to 20,000 distinct ones; beyond, 6 bins, or fewer where that would give more
            than 200,000 cells. `quality()` tells.

        Raises
        ------
        ContactError
            Fewer than 2 bins.
        """
        if bins is None:
            return self._cells
        if bins < 2:
            raise ContactError(f"bins={bins} leaves nothing to tell apart. Give 2 or more, or None.")
        return self._grouped(bins)[0]

    def audience(self, at: Day | None = None, customers: Sequence[object] | None = None) -> Audience:
        """Customers of the log as they are just before a day.

        Parameters
        ----------
        at
            The day, by default the one after the log's last. Of a ready table there is none: its rows are taken as they are.
        customers
            Ids, whose order is kept; by default everybody who had bought by then, in the order of the ids.

        Raises
        ------
        ContactError
            A customer had not bought by then; or a day is asked of a ready table.
        """
        day = self._day(at)
        found = self._states(day)
        picked = _audience.chosen(found, customers)
        ids = picked["customer_id"].to_pandas().to_numpy()
        sent = self._sent
        past = _audience.contacts_until(sent, ids, day, self.half_life)
        extra, regions = self._extra(ids, picked), None
        if day is not None and self._exposed.terms:
            exposed, regions = self._exposed.today(picked, day, round(self.window.days))
            extra |= exposed
        cost = _audience.mean_costs(sent, self.media)
        made = _audience.as_audience(picked, self.scaling, self._controls, extra, self._cells.segments, past, cost)
        return replace(made, regions=regions)

    def sent(self) -> pd.DataFrame | None:
        """Every contact made, whether or not its window is over: customer_id, medium, date, cost [currency], in the order of
        customers and days; None for a ready table, which has no history."""
        if self._made is None:
            return None
        made = self._sent.select("customer_id", "medium", "date", "cost")
        found: pd.DataFrame = fetch(made.order_by("customer_id", "date", "medium")).to_pandas(date_as_object=False)
        return found

    @property
    def _sent(self) -> Any:
        """Ibis table of the contacts made; of a ready table, of its occasions."""
        return self.table if self._made is None else self._made.contacts.filter(~self._made.contacts.held_out)

    def quality(self) -> Quality:
        """What became of every contact row, what the baseline is, and how occasions were made cells."""
        found = measure_occasions(self.table, self._made, self.evidence, self.window, self._grouped_by_default)
        nan = float("nan")
        exposed = [Finding(f"exposure: {one.medium}", one.levels, nan, "", one.reason) for one in self._exposed.terms]
        return replace(found, findings=(*found.findings, *exposed))

    @functools.cached_property
    def scaling(self) -> Scaling:
        """Mean and standard deviation of the features over all occasions."""
        return standard_scaling(self.table, self.features)

    @property
    def _cells(self) -> Cells:
        return self._grouped_by_default[0]

    @functools.cached_property
    def _grouped_by_default(self) -> tuple[Cells, Bins | None]:
        return self._grouped(None)

    def _grouped(self, bins: int | None) -> tuple[Cells, Bins | None]:
        table, used = group(self.table, self.features, (*self._controls.sources, *STOCKS), bins)
        grades: dict[str, Grade] = {one.medium: one.grade for one in self.evidence}
        return as_cells(table, self.media, self.scaling, self._controls, grades), used

    def _day(self, at: Day | None) -> datetime.date | None:
        if self._made is None:
            if at is not None:
                raise ContactError("A ready table tells of one time only. Leave out at=, or make occasions from a log.")
            return None
        return self._made.until + datetime.timedelta(days=1) if at is None else as_date(at, name="at")

    def _states(self, day: datetime.date | None) -> Any:
        if self._made is None or day is None:
            return _audience.rows_of_table(self.table)
        return _audience.states_on(self._made, day, round(self.window.days))

    def _extra(self, ids: Any, picked: Any) -> dict[str, Any]:
        """What controls need of customers beside their state: share of contacts, latest score, odds; NaN where not known."""
        import pandas as pd

        stocks = {name for name, _ in self._controls.stocks}
        wanted = [name for name in self._controls.sources if name not in picked.column_names and name not in stocks]
        if not wanted:
            return {}
        facts = {"contact_share": self.table.contact_share.max(), "score": self.table.score.argmax(self.table.date)}
        facts |= {ODDS: self.table[ODDS].mean()}
        found = self.table.group_by("customer_id").aggregate(**{name: facts[name] for name in wanted})
        known = fetch(found).to_pandas().set_index("customer_id").reindex(pd.Index(ids))
        return {name: np.asarray(known[name], dtype=float) for name in wanted}

    def __repr__(self) -> str:
        sent = [f"{one.contacts:,} by {one.medium} ({one.grade})" for one in self.evidence]
        without = int((self.table.kind != CONTACT).sum().to_pyarrow().as_py())
        return f"Occasions: {', '.join(sent)}, {without:,} without contact, window {self.window}"

    def _repr_html_(self) -> str:
        title, _, rest = repr(self).partition(": ")
        return f"<p><b>{title}</b>: {rest}</p>"
