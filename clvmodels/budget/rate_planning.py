"""What a plan is made of where a fit over time says what contacts do: who values them, and what going on as before is.

Such a forecast is the world in which nobody is contacted from today on, or that of a plan which the fit was given. So nothing of
what going on as before brings is in it, and nothing has to be taken off: going on as before is the contacts of the past horizon
once more, valued like any other contacts.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from clvmodels.budget.actions import Action
from clvmodels.budget.rate_worth import NOBODY, RateBlock, RateWorth
from clvmodels.budget.status_quo import PastContacts, StatusQuo, past_contacts
from clvmodels.budget.values import PlanDraws
from clvmodels.budget.valuing import Rows
from clvmodels.covariates.time_model import TimeVarying
from clvmodels.data.contacts import Contacts
from clvmodels.errors import ClvError
from clvmodels.estimation.result import Fit
from clvmodels.model import Array
from clvmodels.value.forecast import Forecast, made_of


def rate_worth(forecast: Forecast, fit: Fit, actions: Sequence[Action], unused: Mapping[str, bool]) -> RateWorth:
    """Who values contacts by a fit over time.

    Parameters
    ----------
    unused
        Options of `plan_budget` that make no sense here, and whether they were left alone.

    Raises
    ------
    ClvError
        The fit has no contacts, the forecast is not made of it, an option or a cost that the model knows nothing of is given.
    """
    model = fit.model
    if not isinstance(model, TimeVarying) or not model.media:
        raise ClvError(
            f"The fit of {model.name} says nothing of contacts. Give a fit of clv.media_response(...), or one of "
            "clv.time_varying(..., contacts=clv.Contacts(...))."
        )
    if not made_of(forecast, fit):
        raise ClvError(
            "The forecast is not made of this fit, so that its draws and what contacts do would not belong together. Give the "
            "fit that clv.forecast was given first."
        )
    given = [f"{name}=" for name, alone in unused.items() if not alone]
    if given:
        raise ClvError(
            f"{', '.join(given)} is for a media response. The model over time knows its customers and tells what contacts bring "
            "forward by itself: terms such as 'email_later' in purchase=. Leave it out."
        )
    offers = [one.name for one in actions if any(contact.cost_on_response for contact in one.contacts)]
    if offers:
        raise ClvError(
            f"cost_on_response of {', '.join(offers)} is paid for purchases in the window of a media response, and the model "
            "over time has none: it says how rates move. Put what an offer is expected to cost into cost=."
        )
    return RateWorth(forecast, fit)


def since_contact(worth: RateWorth) -> Array:
    """Days since the last contact by each medium, infinite without one (n, media)."""
    events, today = worth.events, worth.today
    found = np.full((len(worth.forecast.histories), len(events.media)), np.inf)
    place = pd.Index(worth.forecast.histories.customer_id).get_indexer(pd.Index(events.keys))[events.owner]
    there = (place >= 0) & (events.day <= today)
    np.minimum.at(found, (place[there], events.medium[there]), (today - events.day[there]).astype(float))
    return found


def rate_status_quo(worth: RateWorth, contacts: pd.DataFrame | None) -> StatusQuo | None:
    """Going on as before: what the forecast's own plan does, if it has one; else the contacts of the past horizon once more.

    None where past contacts or their costs are not known, or the horizon is endless.
    """
    histories, media = worth.forecast.histories, worth.media.media
    if worth.planned:
        return StatusQuo.nothing(len(histories), len(media), worth.draws)
    sent = worth.sent if contacts is None else contacts
    if sent is None or histories.until is None:
        return None
    sent = sent[sent["medium"].isin(media)]
    if contacts is None and (math.isinf(worth.forecast.horizon.days) or sent["cost"].isna().any()):
        return None
    past = past_contacts(
        sent, histories.customer_id, until=pd.Timestamp(histories.until), horizon=worth.forecast.terms.horizon
    )
    return _valued(worth, past)


def _valued(worth: RateWorth, past: PastContacts) -> StatusQuo:
    """One medium after the other, each besides those before it."""
    media = worth.media.media
    cost, outlay, costs = _costs(worth, past, media)
    used = [medium for medium in media if (past.medium == medium).any()]
    models = [_with(worth, past, used[: k + 1]) for k in range(len(used))]

    def reduce(block: RateBlock) -> tuple[Rows, Array, Array]:
        found = np.concatenate([block.purchases(NOBODY)[None], block.worlds(models)])
        added, more = np.diff(found, axis=0).swapaxes(0, 1)
        gross = added * block.margin
        return block.rows, gross.sum(axis=0).mean(axis=1), np.stack([gross.sum(axis=1), more.sum(axis=1)])

    parts = worth.play(reduce, description="Going on as before", width=8) if used else []
    brought, totals = np.zeros(len(cost)), np.zeros((2, len(media), worth.draws))
    at = [media.index(medium) for medium in used]
    for rows, gross, sums in parts:
        brought[rows] = gross
        totals[:, at] += sums
    draws = PlanDraws(totals[0], np.broadcast_to(costs[:, None], totals[0].shape), totals[1])
    return StatusQuo(brought, cost, outlay, draws, counted=False)


def _costs(worth: RateWorth, past: PastContacts, media: Sequence[str]) -> tuple[Array, Array, Array]:
    """Present value of the costs and the outlay by customer (n,), and the costs by medium (media,)."""
    n, period = len(worth.forecast.histories), worth.forecast.histories.period
    present = past.cost * np.exp(-worth.force * past.days / period.days)
    by_medium = np.array([float(present[past.medium == medium].sum()) for medium in media])
    each = (np.bincount(past.rows, weights, n).astype(np.float64) for weights in (present, past.cost))
    return next(each), next(each), by_medium


def _with(worth: RateWorth, past: PastContacts, media: Sequence[str]) -> TimeVarying:
    """The model in the world in which past contacts by some media come once more."""
    some = np.isin(past.medium.astype(str), list(media))
    histories = worth.forecast.histories
    table = pd.DataFrame({
        "customer": histories.customer_id[past.rows[some]],
        "medium": past.medium[some],
        "date": pd.Timestamp(str(histories.until)) + pd.to_timedelta(past.days[some], unit="D"),
    })  # fmt: skip
    return worth.model.under(contacts=Contacts(table, customer="customer", medium="medium", date="date"))
