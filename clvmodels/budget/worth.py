"""What contacts with the customers of a forecast are worth: media response times margin times survival, draw by draw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.budget.actions import Action, PlannedContact
from clvmodels.budget.valuing import Block, Found, Rows, Valuer
from clvmodels.errors import ClvError, offenders
from clvmodels.estimation.media_fit import MediaFit
from clvmodels.estimation.media_reaction import Reactions
from clvmodels.history import picked, upright
from clvmodels.model import Array
from clvmodels.response.cells import Audience
from clvmodels.response.predictor import Coefficients
from clvmodels.units import Span
from clvmodels.value.contacts import contact_value
from clvmodels.value.forecast import Forecast
from clvmodels.value.simulation import Past


@dataclass(frozen=True, eq=False)
class Contacted:
    """Contacts to be valued, one each of some customers: a planned contact, and the stocks it meets (rows,)."""

    planned: PlannedContact
    own_stock: Array
    other_stock: Array


@dataclass(frozen=True, eq=False)
class PurchaseBlock(Block):
    """Some customers, with all that is needed to value contacts with them; arrays are (rows, draws)."""

    worth: Worth
    rows: Rows
    past: Past
    margin: Array
    audience: Audience
    reactions: Reactions
    _survival: dict[float, Array] = field(default_factory=dict)

    def survival(self, time: float) -> Array:
        """Probability that customers there today have not left after that time (rows, draws); once for every time."""
        if time not in self._survival:
            self._survival[time] = self.past.survival(time)
        return self._survival[time]

    def value(self, contact: Contacted) -> Found:
        """What the contact brings and costs."""
        terms, planned = self.worth, contact.planned
        when = planned.at.per(terms.forecast.histories.period)
        increment = self.reactions.increment(planned.medium, contact.own_stock, contact.other_stock)
        response = self.reactions.base + increment
        there = self.survival(when + terms.lag)
        value = contact_value(
            increment=increment, worth=self.margin, cost=planned.cost, time=when, lag=terms.lag, survival=there,
            force=terms.forecast.simulation.force, response=response, cost_on_response=planned.cost_on_response,
            amount_ratio=self.reactions.amount_ratio(planned.medium),
        )  # fmt: skip
        return Found(value, increment * there * terms.kept, response)

    def picked(self, some: Rows) -> PurchaseBlock:
        """Some of the customers, by their place in the block."""
        past = self.past._replace(inverse=self.past.inverse[some])
        audience = self.audience.picked(some)
        return PurchaseBlock(
            self.worth, self.rows[some], past, self.margin[some], audience, self.worth.reactions(audience)
        )

    def programme(self, action: Action) -> Iterator[Contacted]:
        """The contacts of an action, each with the stocks that those before it leave."""
        stocks = self.worth.stocks(self.audience.own_stock)
        for planned in action.contacts:
            before = stocks.before(planned.medium, planned.at)
            yield Contacted(planned, *before)
            stocks.add(planned.medium)


class Stocks:
    """Contact stocks of customers (rows, media) as time goes on; each medium is forgotten at its own half-life."""

    def __init__(self, today: Array, media: Sequence[str], half_life: Mapping[str, Span]) -> None:
        self._level = today.copy()
        self._media = list(media)
        self._half_life = np.array([half_life[medium].days for medium in media])
        self._now = 0.0

    def before(self, medium: str, at: Span) -> tuple[Array, Array]:
        """Stock of the medium and of all others just before a contact at that time, each (rows,)."""
        self._level *= 0.5 ** ((at.days - self._now) / self._half_life)
        self._now = at.days
        own = self._level[:, self._media.index(medium)].copy()
        return own, self._level.sum(axis=1) - own

    def add(self, medium: str, rows: Rows | slice = slice(None)) -> None:
        """One more contact, now, with all customers or some."""
        self._level[rows, self._media.index(medium)] += 1.0


@dataclass(frozen=True, eq=False)
class Worth(Valuer):
    """Customers of a forecast, a fitted media response and joint draws of everything unknown.

    Parameters
    ----------
    forecast
        Gives customers, margin, discount and the draws of the duration and quantity models.
    media
        The fitted media response.
    audience
        The same customers as the media response sees them today, in any order; others in it are not looked at.
    kept
        Share of an increment that is not merely brought forward from later purchases: a number, or one per draw (draws,).
    seed
        Of the draws of the media response.
    """

    forecast: Forecast
    media: MediaFit
    audience: Audience
    kept: float | Array = 1.0
    seed: int = 0
    brings = "purchases"

    @property
    def lag(self) -> float:
        """From a contact to the purchase it brings: half the window [period]."""
        return self.media.spec.window.per(self.forecast.histories.period) / 2

    @cached_property
    def _chosen(self) -> tuple[Rows, Coefficients]:
        """Draws of the media response, one for each draw of the forecast."""
        chosen = self.media.chosen(self.draws, self.seed)
        return chosen, self.media.coefficients[chosen]

    def reactions(self, audience: Audience) -> Reactions:
        """How some customers react to contacts, in the joint draws."""
        chosen, coefficients = self._chosen
        return Reactions(self.media, coefficients, chosen, audience)

    @cached_property
    def places(self) -> Rows:
        """Where each customer of the forecast is in the audience (n,)."""
        return places_in(self.audience, self.forecast.histories.customer_id)

    def stocks(self, today: Array) -> Stocks:
        """Contact stocks that begin at `today` (rows, media)."""
        return Stocks(today, self.media.media, self.media.spec.half_lives(self.media.media))

    def block(self, rows: Rows) -> PurchaseBlock:
        """Some customers of the forecast."""
        simulation, valuation = self.forecast.simulation, self.forecast.valuation
        people = picked(simulation.histories, rows)
        amount = simulation.quantity.expected_spend(simulation.quantity_theta, upright(people))
        margins = valuation.margins if valuation.margins.shape[0] == 1 else valuation.margins[rows]
        audience = self.audience.picked(self.places[rows])
        margin = margins * amount * self.kept
        return PurchaseBlock(self, rows, simulation.past(people), margin, audience, self.reactions(audience))

    @property
    def order(self) -> Rows:
        return self.forecast.simulation.order

    def margin(self) -> float:
        totals = self.forecast.total()["mean"]
        return float(self.forecast.valuation.margins.mean() * totals["spend"] / totals["purchases"])


def places_in(audience: Audience, ids: NDArray[Any]) -> Rows:
    """Where customers are in an audience (n,)."""
    order = np.argsort(audience.customer_id, kind="stable")
    known = audience.customer_id[order]
    at = np.minimum(np.searchsorted(known, ids), known.size - 1)
    strangers = np.flatnonzero(known[at] != ids)
    if strangers.size:
        remedy = "Fit the media response on the log that the forecast was made of, or give audience=."
        names = [f"customer {ids[i]}" for i in strangers]
        problem = "is unknown to the media response"
        raise ClvError(offenders(problem, column="customer_id", rows=names, values=ids[strangers], remedy=remedy))
    return np.asarray(order[at], dtype=np.intp)
