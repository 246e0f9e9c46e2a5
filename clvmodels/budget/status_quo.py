"""The plan that is there already: the contacts of the past horizon once more, each as long after today as it was after its start.

A forecast made of history contains the effect of the contacts in that history. So a plan is valued as a difference: what its
contacts bring and cost, less what going on as before brings and costs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.budget.actions import PlannedContact
from clvmodels.budget.values import PlanDraws
from clvmodels.budget.valuing import Rows
from clvmodels.budget.worth import Contacted, Worth
from clvmodels.errors import ClvError
from clvmodels.model import Array
from clvmodels.units import DAY, Span
from clvmodels.value.simulation import CELLS


@dataclass(frozen=True)
class PastContacts:
    """Contacts by customer, in days after today, in the order of time; arrays (contacts,).

    Attributes
    ----------
    rows
        Whose: places in the forecast.
    medium
        Names of the media.
    days
        When [days after today, >= 0].
    cost
        Of each [currency].
    """

    rows: Rows
    medium: NDArray[np.object_]
    days: Array
    cost: Array


class StatusQuo(NamedTuple):
    """What going on as before brings and costs: by customer (n,) and, by medium, in every joint draw.

    `counted` says whether the forecast contains it: one made of history does, one in which nobody is contacted does not.
    """

    gross: Array
    cost: Array
    outlay: Array
    draws: PlanDraws
    counted: bool = True

    @classmethod
    def nothing(cls, customers: int, media: int, draws: int) -> StatusQuo:
        """Going on as before is contacting nobody."""
        none, empty = np.zeros(customers), np.zeros((media, draws))
        return cls(none, none, none, PlanDraws(empty, empty, empty))

    @property
    def in_forecast(self) -> StatusQuo:
        """What of it the forecast contains already."""
        media, draws = self.draws.gross.shape
        return self if self.counted else StatusQuo.nothing(self.gross.size, media, draws)

    @property
    def net(self) -> Array:
        return self.gross - self.cost


def past_contacts(
    contacts: pd.DataFrame, customers: NDArray[np.generic], *, until: pd.Timestamp, horizon: Span
) -> PastContacts:
    """The contacts of the `horizon` before today, moved into the coming one.

    Parameters
    ----------
    contacts
        One row per contact made: customer_id, medium, date, cost [currency]; customers without a forecast are not looked at.
    customers
        Ids of the customers of the forecast (n,).
    until
        Today: the last day of observation.
    horizon
        As long as the forecast's, finite.

    Raises
    ------
    ClvError
        The horizon is endless, or a contact has no cost.
    """
    if math.isinf(horizon.days):
        raise ClvError("An endless horizon has no past of the same length. Forecast a finite horizon to plan contacts.")
    ago = (until - pd.to_datetime(contacts["date"])).dt.days
    ahead = np.asarray(horizon.days - ago, dtype=np.float64)
    rows = pd.Index(customers).get_indexer(pd.Index(contacts["customer_id"]))
    chosen = np.flatnonzero((rows >= 0) & (ahead > 0) & (ahead <= horizon.days))
    chosen = chosen[np.lexsort((rows[chosen], contacts["medium"].to_numpy()[chosen].astype(str), ahead[chosen]))]
    found = PastContacts(
        rows[chosen],
        contacts["medium"].to_numpy(dtype=object)[chosen],
        ahead[chosen],
        contacts["cost"].to_numpy(dtype=float)[chosen],
    )
    if np.isnan(found.cost).any():
        without = ", ".join(sorted({str(m) for m in found.medium[np.isnan(found.cost)]}))
        raise ClvError(
            f"Contacts by {without} have no cost, so going on as before cannot be valued. "
            "Give Contacts cost=, or costs={'medium': amount} to plan_budget."
        )
    return found


def status_quo(worth: Worth, past: PastContacts) -> StatusQuo:
    """Value the contacts of the past as a plan for the coming horizon."""
    media, n = list(worth.media.media), len(worth.places)
    by_customer, totals = np.zeros((3, n)), np.zeros((3, len(media), worth.draws))
    stocks = worth.stocks(worth.audience.own_stock[worth.places])
    for contact in _alike(past):
        own, other = stocks.before(contact.planned.medium, contact.planned.at)
        for some in np.array_split(contact.rows, 1 + contact.rows.size * worth.draws // CELLS):
            valued = worth.block(some).value(Contacted(contact.planned, own[some], other[some]))
            flows = np.broadcast_arrays(*valued.value, valued.purchases)
            for sums, flow in zip(by_customer, flows[:3], strict=True):
                np.add.at(sums, some, flow.mean(axis=1))
            totals[:, media.index(contact.planned.medium)] += [flows[k].sum(axis=0) for k in (0, 1, 3)]
        stocks.add(contact.planned.medium, contact.rows)
    gross, cost, outlay = by_customer
    return StatusQuo(gross, cost, outlay, PlanDraws(*totals))


class Alike(NamedTuple):
    """One contact made with several customers."""

    planned: PlannedContact
    rows: Rows


def _alike(past: PastContacts) -> list[Alike]:
    """The contacts that differ only in the customer, together, in the order of time."""
    _, kinds = np.unique(past.medium.astype(str), return_inverse=True)
    order = np.lexsort((past.cost, kinds, past.days))
    sorted_ = [column[order] for column in (past.days, kinds, past.cost)]
    new = np.any([np.diff(column) != 0 for column in sorted_], axis=0)
    found = []
    for places in np.split(order, np.flatnonzero(new) + 1) if order.size else ():
        first = places[0]
        planned = PlannedContact(str(past.medium[first]), float(past.cost[first]), float(past.days[first]) * DAY)
        found.append(Alike(planned, past.rows[places]))
    return found
