"""What retention offers to customers under contract are worth: renewals they bring, times what a renewed customer is worth.

A contact acts on the next renewal after it. It is worth [P(renews | contact) - P(renews | none)] times the value of the customer
from that renewal on, if she is still there by then. Of several contacts the later ones find the customers whom the earlier ones
have kept, so that a programme is worth exactly what moving all these probabilities does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from clvmodels.budget.actions import Action, PlannedContact
from clvmodels.budget.saves import Effects, Reacting, Saving
from clvmodels.budget.valuing import Block, Found, Rows, Valuer
from clvmodels.data.tenure import ROUNDING
from clvmodels.errors import ClvError
from clvmodels.model import Array
from clvmodels.value.contacts import contact_value, retention_increment
from clvmodels.value.contract_forecast import ContractForecast
from clvmodels.value.contract_simulation import wide
from clvmodels.value.standing import Alike
from clvmodels.value.valuation import bounds_of


@dataclass(frozen=True, eq=False)
class Offered:
    """A contact before a renewal; arrays are (rows, draws) unless said otherwise.

    Attributes
    ----------
    planned
        Medium, cost, time.
    renewal
        Number of the coming renewal it acts on (rows,).
    there
        P(still there just before it), with what earlier contacts have done.
    stay, increment
        P(renews) without this contact, and what the contact adds.
    """

    planned: PlannedContact
    renewal: Array
    there: Array
    stay: Array
    increment: Array


@dataclass(frozen=True, eq=False)
class ContractBlock(Block):
    """Some customers under contract, with all that is needed to value offers to them."""

    worth: ContractWorth
    rows: Rows
    people: Alike

    def programme(self, action: Action) -> Iterator[Offered]:
        effects = self.worth.effects.some(self.rows)
        kept: Array = np.ones((self.rows.size, self.worth.draws))
        before = np.zeros(self.rows.size)
        stay = base = np.ones_like(kept)
        for planned in action.contacts:
            renewal = self._renewal(planned)
            moved = (renewal > before)[:, None]
            kept = kept * np.where(moved, stay / np.where(base > 0, base, 1.0), 1.0)
            fresh = self._stay(renewal)
            stay, base = np.where(moved, fresh, stay), fresh
            contacted = effects.contacted(planned.medium, stay, planned.at)
            found = retention_increment(
                stay=stay, stay_if_contacted=contacted, controllable=self._reach(planned.medium, renewal)
            )
            yield Offered(planned, renewal, self._reached(renewal) * kept, stay, found)
            stay, before = stay + found, renewal

    def value(self, contact: Offered) -> Found:
        simulation, planned = self.worth.forecast.simulation, contact.planned
        when = planned.at.per(simulation.standing.period)
        earned = simulation.money.of(self.rows).earned
        worth = (
            simulation.after_renewal(self.people, self._at(contact.renewal), earned)
            * self.worth.saving.of(planned.medium).lasting
        )
        day = simulation.standing.wait[self.rows] + contact.renewal - 1.0
        response = contact.stay + contact.increment
        value = contact_value(
            increment=contact.increment, worth=worth, cost=planned.cost, time=when, lag=(day - when)[:, None],
            survival=contact.there, force=simulation.force, response=response,
            cost_on_response=planned.cost_on_response, paid_for=contact.there,
        )  # fmt: skip
        return Found(value, contact.increment * contact.there, response)

    def picked(self, some: Rows) -> ContractBlock:
        return self.worth.block(self.rows[some])

    def _renewal(self, planned: PlannedContact) -> Array:
        """Number of the first renewal that is not before the contact (rows,)."""
        standing = self.worth.forecast.standing
        when = planned.at.per(standing.period)
        return np.maximum(np.ceil(when - standing.wait[self.rows] - ROUNDING) + 1.0, 1.0)

    def _at(self, renewal: Array) -> Array:
        """The renewal of each distinct customer (m,): whoever is alike meets the same one."""
        distinct = np.ones(self.people.made.size)
        distinct[self.people.inverse] = renewal
        return distinct

    def _stay(self, renewal: Array) -> Array:
        """P(makes the renewal | there just before it), without contact (rows, draws)."""
        leaving = self.worth.forecast.simulation.leaving
        return self._chosen(renewal, lambda people: leaving.stay(people, 1))

    def _reach(self, medium: str, renewal: Array) -> Any:
        """Share of the risk to leave at the renewal that a contact can reach."""
        save = self.worth.saving.of(medium)
        return save.controllable if save.reason is None else save.controllable * self._share(renewal, save.reason)

    def _share(self, renewal: Array, reason: str) -> Array:
        """Share of the risk to leave at the renewal that is this reason's (rows, draws)."""
        leaving = self.worth.forecast.simulation.leaving

        def of(people: Alike) -> Array:
            gone = leaving.leave(people, 1)
            total = gone.sum(axis=0)
            return np.asarray(
                np.where(total > 0, gone[leaving.reasons.index(reason)] / np.where(total > 0, total, 1.0), 0.0)
            )

        return self._chosen(renewal, of)

    def _chosen(self, renewal: Array, of: Any) -> Array:
        """What holds at a renewal: of the next one as customers stand today, of later ones when the one before is made."""
        distinct = self._at(renewal)
        first = of(self.people) if np.any(distinct == 1) else 0.0
        later = of(self.people.renewed(np.maximum(distinct - 1.0, 1.0))) if np.any(distinct > 1) else 0.0
        return wide(np.where(distinct == 1, first, later), self.people)

    def _reached(self, renewal: Array) -> Array:
        """P(there just before the renewal), without contact (rows, draws)."""
        simulation = self.worth.forecast.simulation
        distinct = self._at(renewal)
        there = simulation.standing.there[self.rows].astype(float)[:, None]
        return there * wide(simulation.leaving.still(self.people, distinct - 1.0), self.people)


@dataclass(frozen=True, eq=False)
class ContractWorth(Valuer):
    """Customers of a forecast of contracts, saves by medium, and joint draws of everything unknown.

    Parameters
    ----------
    forecast
        Of contracts, one row per customer.
    saving
        What a contact by each medium does.
    seed
        Of the draws of the effects.
    """

    forecast: ContractForecast
    saving: Saving
    seed: int = 0
    brings = "renewals"

    def __post_init__(self) -> None:
        known = self.forecast.simulation.leaving.reasons
        for medium in self.saving.media:
            reason = self.saving.of(medium).reason
            if reason is not None and reason not in known:
                raise ClvError(
                    f"The save by {medium} answers {reason!r}, and the forecast tells these reasons apart: {', '.join(known)}. "
                    "Make the forecast of fits by reason, or leave out reason=."
                )

    @property
    def media(self) -> SaveEvidence:
        return SaveEvidence(self)

    @property
    def order(self) -> Rows:
        return self.forecast.simulation.order

    @cached_property
    def effects(self) -> Effects | Reacting:
        """What contacts do, in the joint draws."""
        return self.saving.drawn(self.forecast.customer_id, self.draws, self.seed)

    def block(self, rows: Rows) -> ContractBlock:
        return ContractBlock(self, rows, self.forecast.simulation.alike(rows))

    def notes(self) -> list[str]:
        full = [medium for medium in self.saving.media if self.saving.of(medium).lasting == 1]
        mixed = any(
            getattr(cause.model, "mixture", False) for cause in self.forecast.simulation.leaving.causes.values()
        )
        if not full or not mixed:
            return []
        return [
            f"Who is kept by {', '.join(full)} is taken to stay afterwards like those who renew by themselves. By the model "
            "those who would leave are likelier to leave next time too: give lasting= below 1 where offers do not change that."
        ]

    def margin(self) -> float:
        """Mean value of a customer from her next renewal on, if she makes it [currency]."""
        simulation = self.forecast.simulation

        def reduce(block: ContractBlock) -> tuple[float, int]:
            there = simulation.standing.there[block.rows]
            earned = simulation.money.of(block.rows).earned
            worth = simulation.after_renewal(block.people, np.ones(block.people.made.size), earned)
            return float(worth[there].mean(axis=1).sum()), int(there.sum())

        parts = self.play(reduce, description="Value of a renewal")
        return sum(one for one, _ in parts) / max(sum(count for _, count in parts), 1)


@dataclass(frozen=True, eq=False)
class SaveEvidence:
    """The evidence behind saves, as plans print it."""

    worth: ContractWorth

    @property
    def media(self) -> tuple[str, ...]:
        return self.worth.saving.media

    @property
    def exposure_media(self) -> tuple[str, ...]:
        return self.worth.saving.exposure_media

    @property
    def no_effect(self) -> Mapping[str, float]:
        return self.worth.saving.no_effect

    def grades(self) -> pd.DataFrame:
        return self.worth.saving.grades()

    def exposures(self, *, interval: float, value: float) -> pd.DataFrame:
        """None: what mass media do to renewals is not told."""
        return pd.DataFrame(index=pd.Index([], name="medium"))

    def effects(self, *, interval: float, value: float, cost: Mapping[str, float]) -> pd.DataFrame:
        """What a contact before the next renewal adds, averaged over the customers who are there, as `MediaFit.effects`."""
        grades, rows = self.grades(), {}
        for medium in self.media:
            gained = self._mean(medium)
            (lower,), (upper,) = bounds_of(gained[None, :], interval)
            mean, price = float(gained.mean()), cost[medium]
            even = mean - price / value if value > 0 and grades.loc[medium, "grade"] != "randomised" else np.nan
            rows[medium] = {
                "contacts": grades.loc[medium, "contacts"], "increment": mean, "lower": lower, "upper": upper,
                "p_positive": float(np.mean(gained > 0)), "grade": grades.loc[medium, "grade"],
                "net": value * mean - price, "break_even": even,
                "break_even_share": even / mean if mean else np.nan,
            }  # fmt: skip
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("medium")

    def _mean(self, medium: str) -> Array:
        """Draws of the mean increment at the next renewal (draws,)."""
        worth, there = self.worth, self.worth.forecast.standing.there
        action = Action(medium, PlannedContact(medium, 0.0))

        def reduce(block: ContractBlock) -> Array:
            first = next(block.programme(action))
            return np.asarray(first.increment[there[block.rows]].sum(axis=0))

        total = np.sum(worth.play(reduce, description="Effect of saves"), axis=0)
        return np.asarray(total / max(int(there.sum()), 1))
