"""What contacts are worth that move the purchase rate and the dropout hazard of customers, as `clv.time_varying` fits them.

The present value of a customer's purchases is known under any contacts to come. So the contacts of a programme are worth, one
after the other, what each adds to it: her value with the contacts up to and including it, less that with those before it.
Carry-over, saturation with the stock she has from the log, irritation, purchases brought forward and customers driven away are
all in the difference, and a programme is worth exactly what it changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from clvmodels.budget.actions import Action, PlannedContact
from clvmodels.budget.rate_evidence import RateEvidence
from clvmodels.budget.valuing import Block, Rows, Valuer
from clvmodels.covariates.time_model import Standing, TimeVarying
from clvmodels.data.contact_events import ContactEvents
from clvmodels.estimation.result import Fit
from clvmodels.history import History, picked, upright
from clvmodels.model import Array
from clvmodels.numerics.distinct import distinct
from clvmodels.units import DAY
from clvmodels.value.contacts import ContactValue
from clvmodels.value.forecast import Forecast

type Made = tuple[tuple[str, float], ...]
"""Contacts made, each a medium and days after today, in the order of time."""
NOBODY: Made = ()
ANSWER = 28 * DAY
"""Purchases in so long after a contact are its response, by which some firms rank customers."""
KEPT = 5_000_000
"""Customers times draws of which values are kept from one pass to the next."""


@dataclass(frozen=True, eq=False)
class Moving:
    """A contact to be valued: what is planned, and the contacts with and without it."""

    planned: PlannedContact
    before: Made
    after: Made


@dataclass(frozen=True, eq=False)
class MovedValue:
    """As `Valued` of a contact with some customers: its value, and additional purchases over the horizon."""

    block: RateBlock
    moving: Moving
    value: ContactValue
    purchases: Array

    @property
    def response(self) -> Array:
        """Expected purchases in the four weeks after it (rows, draws)."""
        return self.block.soon(self.moving)


@dataclass(frozen=True, eq=False)
class RateBlock(Block):
    """Some customers; what is found of them under contacts stays known as long as the block.

    Part of a block that is kept asks the whole one, so that nothing is found twice.
    """

    worth: RateWorth
    rows: Rows
    whole: RateBlock | None = None
    places: Rows | None = None
    _known: dict[tuple[Made, float, tuple[float, ...]], Array] = field(default_factory=dict)

    @cached_property
    def _people(self) -> tuple[History, Rows]:
        """Each distinct past once, and whose it is (rows,)."""
        return self.worth.distinct_pasts(self.worth.model, self.rows)[:2]

    @cached_property
    def _standing(self) -> Standing:
        return self.worth.model.standing(self.worth.theta, self._people[0])

    @cached_property
    def margin(self) -> Array:
        """Mean margin of a purchase, if there is one (rows, draws)."""
        simulation, valuation = self.worth.forecast.simulation, self.worth.forecast.valuation
        people = upright(picked(simulation.histories, self.rows))
        amount = simulation.quantity.expected_spend(simulation.quantity_theta, people)
        margins = valuation.margins if valuation.margins.shape[0] == 1 else valuation.margins[self.rows]
        return np.asarray(margins * amount)

    def purchases(self, made: Made) -> Array:
        """Expected purchases with these contacts over the forecast's horizon, at present value and counted (2, rows, draws)."""
        return self._found(made, self.worth.forecast.simulation.horizon, (self.worth.force, self.worth.plain))

    def _found(self, made: Made, horizon: float, forces: tuple[float, ...]) -> Array:
        """Expected purchases with these contacts for forces of interest (forces, rows, draws)."""
        if self.whole is not None:
            return self.whole._found(made, horizon, forces)[:, self.places]
        key = (made, horizon, forces)
        if key not in self._known:
            people, inverse = self._people
            if_alive = self.worth.contacted(made).expected_standing(
                self._standing, self.worth.theta, people, horizon=horizon, forces=forces
            )
            self._known[key] = (self._standing.alive * if_alive)[:, inverse]
        return self._known[key]

    def worlds(self, models: Sequence[TimeVarying]) -> Array:
        """As `purchases` in several worlds, the last of which tells most customers apart (worlds, 2, rows, draws)."""
        people, inverse, example = self.worth.distinct_pasts(models[-1], self.rows)
        known = Standing(*(values[self._people[1][example]] for values in self._standing))
        horizon, forces = self.worth.forecast.simulation.horizon, (self.worth.force, self.worth.plain)
        found = [
            model.expected_standing(known, self.worth.theta, people, horizon=horizon, forces=forces) for model in models
        ]
        return np.asarray((known.alive * np.array(found))[:, :, inverse])

    def added(self, moving: Moving) -> Array:
        """What a contact adds to purchases over the horizon of the forecast, at present value and counted (2, rows, draws)."""
        return self.purchases(moving.after) - self.purchases(moving.before)

    def soon(self, moving: Moving) -> Array:
        """Expected purchases in the four weeks after a contact."""
        period = self.worth.forecast.histories.period
        start = moving.planned.at.per(period)
        [until] = self._found(moving.after, start + ANSWER.per(period), (0.0,))
        return np.asarray(until - self._found(moving.after, start, (0.0,))[0] if start else until)

    def programme(self, action: Action) -> Iterator[Moving]:
        made = NOBODY
        for planned in action.contacts:
            after = (*made, (planned.medium, planned.at.days))
            yield Moving(planned, made, after)
            made = after

    def value(self, contact: Moving) -> MovedValue:
        present, counted = self.added(contact)
        when = contact.planned.at.per(self.worth.forecast.histories.period)
        outlay = np.broadcast_to(contact.planned.cost, (self.rows.size, 1))
        value = ContactValue(present * self.margin, outlay * np.exp(-self.worth.force * when), outlay)
        return MovedValue(self, contact, value, counted)

    def picked(self, some: Rows) -> RateBlock:
        kept = self if self.worth.keeps else None
        return RateBlock(self.worth, self.rows[some], kept, some)


@dataclass(frozen=True, eq=False)
class RateWorth(Valuer):
    """Customers of a forecast, and the fit over time that it was made of.

    Parameters
    ----------
    forecast
        Made of the fit; in its world nobody is contacted from today on but by a plan that the fit was given.
    fit
        Of a model with contacts.
    """

    forecast: Forecast
    fit: Fit
    brings = "purchases"
    increments = "purchases"
    _models: dict[Made, TimeVarying] = field(default_factory=dict)
    _blocks: dict[tuple[int, int], RateBlock] = field(default_factory=dict)

    @property
    def media(self) -> RateEvidence:
        return RateEvidence(self)

    @property
    def model(self) -> TimeVarying:
        """The model in the world of the forecast."""
        found = self.forecast.simulation.duration
        assert isinstance(found, TimeVarying), "forecasts of other models are refused"
        return found

    @property
    def theta(self) -> Any:
        """Joint draws of the parameters (draws,)."""
        return self.forecast.simulation.duration_theta

    @property
    def force(self) -> float:
        """Force of interest of the forecast [1/period]."""
        return float(self.forecast.simulation.force)

    @property
    def plain(self) -> float:
        """The same where purchases are counted: none, unless the horizon is endless."""
        return 0.0 if np.isfinite(self.forecast.simulation.horizon) else self.force

    @property
    def events(self) -> ContactEvents:
        """Contacts in the world of the forecast but for those with everybody."""
        terms = self.model.contacts
        assert terms is not None, "the fit has contacts"
        return terms.events

    @property
    def today(self) -> int:
        """The end of observation, in days since 1970-01-01."""
        until = self.forecast.histories.until
        return self.model.until if until is None else int(np.datetime64(until, "D").astype(np.int64))

    @property
    def planned(self) -> bool:
        """Whether somebody is contacted after today in the world of the forecast."""
        terms = self.model.contacts
        return terms is not None and (bool(terms.planned) or bool((self.events.day > self.today).any()))

    @cached_property
    def sent(self) -> pd.DataFrame | None:
        """Contacts of the log: customer_id, medium, date, cost [currency]; None where the log is not at hand."""
        return None if self.fit.grounds is None else self.fit.grounds.sent()

    def notes(self) -> list[str]:
        world = (
            "The forecast is made under a contact plan, which counts as going on as before: what contacts bring comes on top of "
            "it."
            if self.planned
            else "The forecast is the world in which nobody is contacted from today on and past contacts fade. What contacts "
            "bring is the difference to it; of going on as before nothing is in it."
        )
        return [f"{world} What customers who are kept buy after the horizon is not counted."]

    def contacted(self, made: Made) -> TimeVarying:
        """The model in which every customer gets these contacts besides."""
        if made not in self._models:
            self._models[made] = self.model.contacted(made) if made else self.model
        return self._models[made]

    def block(self, rows: Rows) -> RateBlock:
        if not self.keeps:
            return RateBlock(self, rows)
        return self._blocks.setdefault((int(rows[0]), rows.size), RateBlock(self, rows))

    @property
    def keeps(self) -> bool:
        """Whether values are kept from one pass to the next."""
        return self.order.size * self.draws <= KEPT

    @property
    def order(self) -> Rows:
        return self.forecast.simulation.order

    def distinct_pasts(self, model: TimeVarying, rows: Rows) -> tuple[History, Rows, Rows]:
        """Some customers, once each whom the model tells apart and upright; which of them each is (rows,); an example of each."""
        people = picked(self.forecast.simulation.histories, rows)
        *_, inverse, example = distinct(model.told_apart(people))
        return upright(picked(people, example)), inverse, example

    def margin(self) -> float:
        totals = self.forecast.total()["mean"]
        return float(self.forecast.valuation.margins.mean() * totals["spend"] / totals["purchases"])

    def mean(self, medium: str, *, worth: bool) -> Array:
        """Draws of what a contact today adds to a customer's purchases, or their margin, on average (draws,)."""
        action = Action(medium, PlannedContact(medium, 0.0))

        def reduce(block: RateBlock) -> Array:
            [contact] = block.programme(action)
            added = block.value(contact).value.gross if worth else block.value(contact).purchases
            return np.asarray(added.sum(axis=0))

        return np.asarray(
            np.sum(self.play(reduce, description="Effect of contacts", width=8), axis=0) / self.order.size
        )
