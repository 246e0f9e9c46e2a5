"""`plan_budget`: from a forecast, a media response and a list of actions to one action for each customer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
import pandas as pd

from clvmodels.budget.actions import NOTHING, Action, check_actions, media_counts
from clvmodels.budget.allowed import allowed_actions
from clvmodels.budget.constraints import Constraint, Setting
from clvmodels.budget.holdout import hold_out
from clvmodels.budget.plan import Plan
from clvmodels.budget.resolve import resolve
from clvmodels.budget.risk import cautious
from clvmodels.budget.solve import Solution, solve
from clvmodels.budget.status_quo import StatusQuo, past_contacts, status_quo
from clvmodels.budget.values import ActionValues, action_values
from clvmodels.budget.worth import Worth
from clvmodels.errors import ClvError
from clvmodels.estimation.media_fit import MediaFit
from clvmodels.estimation.result import tail_of
from clvmodels.model import Array
from clvmodels.response.cells import Audience
from clvmodels.units import Period, Span
from clvmodels.value.forecast import Forecast


class Share(Protocol):
    """A frozen distribution of a share, such as `scipy.stats.beta(2, 8)`."""

    def rvs(self, *, size: int, random_state: np.random.Generator) -> Array: ...


def plan_budget(
    forecast: Forecast,
    media: MediaFit,
    actions: Sequence[Action],
    *,
    budget: float = math.inf,
    constraints: Sequence[Constraint] = (),
    consent: pd.DataFrame | None = None,
    caps: Mapping[str, int] | None = None,
    quiet: Mapping[str, Span | Period] | None = None,
    contacts: pd.DataFrame | None = None,
    audience: Audience | None = None,
    pull_forward: float | Share = 0.0,
    holdout: float = 0.05,
    spend_all: bool = False,
    worst: float | None = None,
    interval: float = 0.90,
    seed: int = 0,
) -> Plan:
    """Choose one action for each customer so that contacts bring the most margin after their cost.

    A contact is worth its increment in the probability of a purchase, times the margin of a purchase, times the chance that the
    customer is still there, discounted. What she buys anyway is in the forecast, and so is the effect of the contacts she was
    used to: a plan is valued against doing nothing, and against going on as before.

    Money that returns less than itself is kept, unless `spend_all`.

    Parameters
    ----------
    forecast
        Of the customers, over the horizon that the plan is for; its draws are used.
    media
        Fit of `clv.media_response(...)`.
    actions
        What can be done for a customer; doing nothing is always possible.
    budget
        Money that may be spent, undiscounted [currency]; no limit if not given.
    constraints
        `Capacity`, `Coverage`, `BudgetShare`, `EqualTreatment`.
    consent, caps, quiet
        Which media a customer may be contacted by (a table of True and False by customer id, a column per medium), how often at
        most within the plan, and with which least time between contacts: each takes actions away.
    contacts
        Past contacts: customer_id, medium, date, cost; those that the media response was fitted to if not given.
    audience
        The customers as they are today; as at the end of the log of the media response if not given.
    pull_forward
        Share of the increments that is merely brought forward from later purchases: a number, or a distribution.
    holdout
        Share of customers kept without contact at random, so that the next log is `randomised`.
    spend_all
        Spend as much of the budget as brings anything at all.
    worst
        Make the mean of this share of the worst draws largest (CVaR), such as 0.10, instead of the mean of all. Plans many times.
    interval
        Probability of the intervals.
    seed
        Of the customers held out and of the draws of the media response.

    Returns
    -------
    Plan

    Raises
    ------
    InfeasiblePlan
        No plan keeps the constraints.
    ClvError
        An action uses an unknown medium, a customer is unknown to the media response, an option is out of its range.
    """
    tail_of(interval)
    chosen = check_actions(actions, media.media, media.exposure_media)
    people = media.audience if audience is None else audience
    if people is None:
        raise ClvError("The media response was fitted to cells, which have no customers. Give audience=.")
    worth = Worth(forecast, media, people, _kept(pull_forward, forecast.simulation.draws, seed), seed)
    ids = forecast.histories.customer_id
    held = hold_out(ids, share=holdout, seed=seed).held
    since = np.full(people.own_stock.shape, np.inf) if people.since is None else people.since
    allowed = allowed_actions(
        chosen, ids, media=media.media, since=since[worth.places], consent=consent, caps=caps, quiet=quiet
    )
    allowed[held, 1:] = False
    values = action_values(worth, chosen)
    setting = Setting(
        ids, [NOTHING, *(a.name for a in chosen)], media.media, media_counts(chosen, media.media),
        forecast.histories.segment, held,
    )  # fmt: skip
    limits = resolve(constraints, setting, budget=budget)

    def best(values: ActionValues) -> Solution:
        """The budget counts outlay; what is made largest is the present value of margin less cost."""
        worth = values.net + values.outlay
        return solve(worth, values.outlay, allowed, budget=budget, constraints=limits, spend_all=spend_all, keys=ids)

    before = _before(worth, media.contacts if contacts is None else contacts)
    plan = Plan(worth, chosen, values, allowed, best, best(values), held, holdout, before, float(budget), interval)
    return plan if worst is None else _cautious(plan, worst)


def _cautious(plan: Plan, share: float) -> Plan:
    """The plan whose worst `share` of draws is best."""
    found = cautious(plan.solved, plan.gross_of, draws=plan.worth.draws, share=share)
    return replace(plan, solution=found.solution)


def _kept(pull_forward: float | Share, draws: int, seed: int) -> float | Array:
    """Share of an increment that is not brought forward, one number or one per draw."""
    if isinstance(pull_forward, int | float):
        share: float | Array = float(pull_forward)
    else:
        share = np.asarray(pull_forward.rvs(size=draws, random_state=np.random.default_rng([seed, 0xF0])), dtype=float)
    if not np.all((np.asarray(share) >= 0) & (np.asarray(share) <= 1)):
        raise ClvError(
            f"pull_forward={pull_forward!r} is not a share. Give a number from 0 to 1, or a beta distribution."
        )
    return 1.0 - share


def _before(worth: Worth, contacts: pd.DataFrame | None) -> StatusQuo | None:
    """Going on as before, if past contacts are known."""
    histories = worth.forecast.histories
    if contacts is None or histories.until is None:
        return None
    past = past_contacts(
        contacts, histories.customer_id, until=pd.Timestamp(histories.until), horizon=worth.forecast.terms.horizon
    )
    return status_quo(worth, past)
