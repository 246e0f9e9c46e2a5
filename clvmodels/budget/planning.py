"""`plan_budget`: from a forecast, a media response and a list of actions to one action for each customer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.budget.actions import NOTHING, Action, check_actions, media_counts
from clvmodels.budget.allowed import allowed_actions
from clvmodels.budget.certainty import Judge, Open, asks_for_contacts
from clvmodels.budget.constraints import Constraint, Setting
from clvmodels.budget.contract_worth import ContractWorth
from clvmodels.budget.holdout import hold_out
from clvmodels.budget.plan import Plan
from clvmodels.budget.rate_planning import rate_status_quo, rate_worth, since_contact
from clvmodels.budget.resolve import resolve
from clvmodels.budget.risk import cautious
from clvmodels.budget.saves import RenewalResponse, Save, as_saving
from clvmodels.budget.solve import Solution, solve
from clvmodels.budget.status_quo import StatusQuo, past_contacts, status_quo
from clvmodels.budget.values import ActionValues, action_values, plan_draws
from clvmodels.budget.valuing import Valuer
from clvmodels.budget.worth import Worth
from clvmodels.errors import ClvError, offenders
from clvmodels.estimation.media_fit import MediaFit
from clvmodels.estimation.result import Fit, tail_of
from clvmodels.model import Array
from clvmodels.response.cells import Audience
from clvmodels.units import Period, Span
from clvmodels.value.contract_forecast import ContractForecast
from clvmodels.value.forecast import Forecast


class Share(Protocol):
    """A frozen distribution of a share, such as `scipy.stats.beta(2, 8)`."""

    def rvs(self, *, size: int, random_state: np.random.Generator) -> Array: ...


def plan_budget(
    forecast: Forecast | ContractForecast,
    media: MediaFit | Fit | Save | Sequence[Save] | RenewalResponse,
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
    certainty: float = 0.8,
    spend_all: bool = False,
    worst: float | None = None,
    interval: float = 0.90,
    seed: int = 0,
) -> Plan:
    """Choose one action for each customer so that contacts bring the most margin after their cost.

    A contact is worth its increment in the probability of a purchase, times the margin of a purchase, times the chance that the
    customer is still there, discounted. What she buys anyway is in the forecast, and so is the effect of the contacts she was
    used to: a plan is valued against doing nothing, and against going on as before.

    Where the fit that the forecast is made of says what contacts do (`clv.time_varying(..., contacts=...)`), a programme is worth
    what it changes in the present value of a customer's purchases: through both rates, for as long as it lasts, on top of the
    contacts she remembers. The forecast is what comes without contacts.

    Under contract a contact is worth what it adds to the probability of the next renewal after it, never more than can be moved
    at all, times the value of the customer from that renewal on, less what it and the offer cost. The forecast is what comes
    without contacts.

    Money that returns less than itself is kept, unless `spend_all`. So is money for media whose evidence is too weak: see
    `certainty`.

    Parameters
    ----------
    forecast
        Of the customers, over the horizon that the plan is for; its draws are used.
    media
        Fit of `clv.media_response(...)`, or of `clv.time_varying(..., contacts=...)`;
        for contracts a `clv.Save` for each medium, or a `clv.RenewalResponse`.
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
        Past contacts with buyers: customer_id, medium, date, cost; those that the fit was made of if not given.
    audience
        The customers as they are today; as at the end of the log of the media response if not given.
    pull_forward
        Share of the increments that is merely brought forward from later purchases: a number, or a distribution.
    holdout
        Share of customers kept without contact at random, so that the next log is `randomised`.
    certainty
        Least probability, from 0 to below 1, that the contacts of a medium with all who get them bring more than they cost (with
        `spend_all`: anything at all), the doubt whether the medium does anything included. Media that fall short are not used:
        among many customers some always look worth a contact by chance. 0 goes by expected values alone. Has no say where
        constraints ask for contacts whatever they bring.
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
    if isinstance(forecast, ContractForecast):
        only = {"contacts": contacts is None, "audience": audience is None, "pull_forward": pull_forward == 0.0}
        field = _of_contracts(forecast, media, [name for name, unused in only.items() if not unused], seed)
    elif isinstance(media, Fit):
        field = _of_rates(forecast, media, actions, audience is None, pull_forward == 0.0, contacts)
    else:
        field = _of_purchases(forecast, media, audience, pull_forward, contacts, seed)
    worth, ids = field.worth, forecast.customer_id
    chosen = check_actions(actions, worth.media.media, worth.media.exposure_media)
    held = hold_out(ids, share=holdout, seed=seed).held
    allowed = allowed_actions(
        chosen, ids, media=worth.media.media, since=field.since, consent=consent, caps=caps, quiet=quiet
    )
    allowed[held | field.gone, 1:] = False
    values = action_values(worth, chosen)
    names, counts = [NOTHING, *(a.name for a in chosen)], media_counts(chosen, worth.media.media)
    setting = Setting(ids, names, worth.media.media, counts, forecast.segment, held)
    limits = resolve(constraints, setting, budget=budget)

    def best(values: ActionValues, may: Open) -> Solution:
        """The budget counts outlay; what is made largest is the present value of margin less cost."""
        total = values.net + values.outlay
        return solve(
            total, values.outlay, allowed & may, budget=budget, constraints=limits, spend_all=spend_all, keys=ids
        )

    evidence = worth.media
    works = 1 - np.array([evidence.no_effect.get(name, 0.0) for name in evidence.media])
    judged = Judge(
        evidence.media, counts > 0, certainty, works, lambda may: best(values, may),
        lambda choice: plan_draws(worth, chosen, {"": choice.astype(np.intp)})[""],
        asks_for_contacts(limits, len(ids), len(chosen) + 1), spend_all,
    ).judged()  # fmt: skip
    plan = Plan(
        worth, chosen, values, allowed, best, judged.solution, held, holdout, field.before, float(budget), interval,
        certainty, judged,
    )  # fmt: skip
    return plan if worst is None else _cautious(plan, worst)


class Field(NamedTuple):
    """Who values contacts; days since the last one (n, media); who is gone for sure (n,); what going on as before is worth."""

    worth: Valuer
    since: Array
    gone: NDArray[np.bool_]
    before: StatusQuo | None


def _of_purchases(
    forecast: Forecast,
    media: object,
    audience: Audience | None,
    pull_forward: float | Share,
    contacts: pd.DataFrame | None,
    seed: int,
) -> Field:
    if not isinstance(media, MediaFit):
        raise ClvError(
            f"What contacts do to purchases is not told by {type(media).__name__}. Give a fit of clv.media_response(...), or of "
            "clv.time_varying(..., contacts=...); clv.Save is for contracts."
        )
    people = media.audience if audience is None else audience
    if people is None:
        raise ClvError("The media response was fitted to cells, which have no customers. Give audience=.")
    worth = Worth(forecast, media, people, _kept(pull_forward, forecast.draws, seed), seed)
    since = np.full(people.own_stock.shape, np.inf) if people.since is None else people.since
    gone = np.zeros(len(worth.places), dtype=bool)
    return Field(worth, since[worth.places], gone, _before(worth, media.contacts if contacts is None else contacts))


def _of_rates(
    forecast: Forecast, fit: Fit, actions: Sequence[Action], no_audience: bool, no_share: bool,
    contacts: pd.DataFrame | None,
) -> Field:  # fmt: skip
    worth = rate_worth(forecast, fit, actions, {"audience": no_audience, "pull_forward": no_share})
    gone = np.zeros(len(forecast.histories), dtype=bool)
    return Field(worth, since_contact(worth), gone, rate_status_quo(worth, contacts))


def _of_contracts(forecast: ContractForecast, media: Any, given: list[str], seed: int) -> Field:
    if given:
        raise ClvError(
            f"{', '.join(given)}= is for purchases: offers to customers under contract act on renewals. Leave it out."
        )
    twice = pd.Series(forecast.customer_id).duplicated().to_numpy()
    if twice.any():
        names = [f"customer {who}" for who in forecast.customer_id[twice]]
        raise ClvError(
            offenders("has several contracts", column="customer_id", rows=names, values=forecast.customer_id[twice],
                      remedy="A plan has one action per row: name the id of the contract as customer=.")
        )  # fmt: skip
    saving = as_saving(media)
    worth = ContractWorth(forecast, saving, seed)
    nothing = StatusQuo.nothing(len(twice), len(saving.media), worth.draws)
    return Field(worth, saving.since(forecast.customer_id), ~forecast.standing.there, nothing)


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
