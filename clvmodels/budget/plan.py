"""The plan: who gets which programme, what that costs and brings, how sure it is, and what else could be done with the money."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.budget.actions import NOTHING, Action
from clvmodels.budget.certainty import Judged, KeptBack, Open
from clvmodels.budget.comparison import Total, as_choice, compared
from clvmodels.budget.plan_tables import (
    customers_table,
    evidence_table,
    exposures_table,
    frontier_table,
    media_table,
    total_table,
)
from clvmodels.budget.plan_words import Facts, plan_notes, sentence
from clvmodels.budget.policies import Situation, named_policies
from clvmodels.budget.risk import Information, Risk, perfect_information, risk_of
from clvmodels.budget.solve import Solution
from clvmodels.budget.status_quo import StatusQuo
from clvmodels.budget.values import ActionValues, Choice, PlanDraws, action_values, chosen_bounds, plan_draws
from clvmodels.budget.valuing import Valuer
from clvmodels.errors import ClvError
from clvmodels.files import atomically
from clvmodels.model import Array
from clvmodels.value.totals import readable

PLAN, STATUS_QUO = "this plan", "status quo"
TAIL = 0.10
"""Share of the worst draws whose mean is reported as risk."""
type Solve = Callable[[ActionValues, Open], Solution]


@dataclass(frozen=True, eq=False, repr=False)
class Plan:
    """The outcome of `clv.plan_budget`: one action for each customer.

    All values are differences from contacting nobody, at present value and gross of nothing: *gross* is the margin that contacts
    bring, *cost* what they cost, *net* the difference; *outlay* is the money they take, undiscounted, which the budget counts.
    Intervals are of means (parameters only), in draws shared by all customers.

    Attributes
    ----------
    worth
        Forecast, and what is known of the media and the customers.
    actions
        Programmes to choose from; doing nothing is number 0.
    values
        Of every action for every customer.
    allowed
        Which actions each customer may be given (n, actions + 1).
    solve
        Finds the best choice for such values among some of the actions, under the budget and the constraints.
    solution
        The choice with its bound, gap and shadow prices.
    held_out, holdout
        Who is kept without contact at random, so that the next log can tell what contacts do; and with which probability.
    before
        What going on as before brings and costs; None where past contacts are not known.
    budget
        What may be spent [currency].
    interval
        Probability of the intervals.
    certainty
        Least probability that the contacts of a medium pay.
    judged
        Which media were kept back because theirs pay with less.
    """

    worth: Valuer
    actions: tuple[Action, ...]
    values: ActionValues
    allowed: NDArray[np.bool_]
    solve: Solve
    solution: Solution
    held_out: NDArray[np.bool_]
    holdout: float
    before: StatusQuo | None
    budget: float
    interval: float
    certainty: float
    judged: Judged

    @property
    def kept_back(self) -> tuple[KeptBack, ...]:
        """Media that are not used because the evidence that their contacts pay is weak."""
        return self.judged.kept_back

    @property
    def names(self) -> list[str]:
        """Names of the actions, doing nothing first."""
        return [NOTHING, *(action.name for action in self.actions)]

    @property
    def choice(self) -> Choice:
        """Number of each customer's action in `names` (n,)."""
        return np.asarray(self.solution.choice, dtype=np.intp)

    @property
    def customers(self) -> NDArray[Any]:
        """Ids in the order of the forecast (n,)."""
        ids: NDArray[Any] = self.worth.forecast.customer_id
        return ids

    @cached_property
    def draws(self) -> PlanDraws:
        """The plan's totals in every joint draw."""
        return self.drawn({PLAN: self.choice})[PLAN]

    def per_customer(self) -> pd.DataFrame:
        """Who gets what, and why that and not the next best.

        Returns
        -------
        DataFrame in the order of the forecast: customer_id, action, held_out, holdout_probability, outlay, gross, cost, net,
        lower, upper, p_positive (probability that the mean effect pays), runner_up and runner_up_net (the best other action that
        is allowed), ltv (of the forecast) and ltv_under_plan [currency]
        """
        return self._customers.copy()

    @cached_property
    def _customers(self) -> pd.DataFrame:
        return customers_table(self, self._bounds, self._runner_up)

    def by_medium(self) -> pd.DataFrame:
        """What each medium is used for and brings.

        Returns
        -------
        DataFrame by medium: customers, contacts, gross, cost, net with lower and upper [currency], purchases (additional), grade
        """
        return media_table(self)

    def evidence(self) -> pd.DataFrame:
        """What a contact by each medium adds, how that is known, and how much bias it could bear.

        Returns
        -------
        DataFrame by medium, as `MediaFit.effects` with a purchase's mean margin and the contacts' mean costs: contacts, increment
        with lower and upper, p_positive, grade, net [currency per contact], break_even (points of the increment that must be bias
        for the net value to be zero) and break_even_share
        """
        return evidence_table(self)

    def exposures(self) -> pd.DataFrame:
        """What mass media, as they ran, added to what customers buy anyway, and what one unit of them may cost.

        They are no part of the plan: nobody in particular can be given them.

        Returns
        -------
        DataFrame by medium, as `MediaFit.exposures` with a purchase's mean margin; empty without exposures
        """
        return exposures_table(self)

    def total(self) -> pd.DataFrame:
        """Over all customers: outlay, gross, cost, net, net against the status quo, and potential value under the plan.

        Potential value under the plan is that of the forecast plus the plan's net value, less the net value of going on as before
        where the forecast contains that.
        """
        return total_table(self)

    def frontier(self, points: int = 9) -> pd.DataFrame:
        """What every budget could bring without the other constraints.

        Returns
        -------
        DataFrame: budget (closer together where returns fall fast), net with lower and upper, marginal_return (what the next
        unit of money brings back); concave
        """
        return frontier_table(self, points)

    def binding(self) -> pd.DataFrame:
        """Constraints, those that bind first: name, price (what one more unit is worth) [currency], unit, slack, sentence."""
        return self.solution.binding()

    def compare(self, policies: Mapping[str, Choice | Sequence[str]] | None = None) -> pd.DataFrame:
        """The plan against other ways to spend, in the same draws.

        Parameters
        ----------
        policies
            Choices by name: a number in `names` or a name of an action per customer (n,); if not given the rules that firms go
            by, under the same permissions and spending no more than the plan (`policies()`). The status quo is there too
            where past contacts are known and cost something.

        Returns
        -------
        DataFrame by policy: outlay [currency], customers (contacted), net with lower and upper; difference (the plan's net
        less that of the policy, paired draw by draw) with difference_lower and difference_upper; p_best (probability to be best)
        """
        given = self.policies() if policies is None else policies
        choices = {PLAN: self.choice} | {
            name: as_choice(name, choice, self.names, self.choice.size) for name, choice in given.items()
        }
        totals = {
            name: Total.of(choice, self.values, drawn.net)
            for (name, choice), drawn in zip(choices.items(), self.drawn(choices).values(), strict=True)
        }
        if self.before is not None and self.before.outlay.any():
            totals[STATUS_QUO] = Total(
                float(self.before.outlay.sum()), int((self.before.outlay > 0).sum()), self.before.draws.net
            )
        return compared(totals, self.interval)

    def policies(self) -> dict[str, Choice]:
        """The rules that firms go by as choices under the same permissions, by name."""
        return named_policies(self._situation)

    def risk(self, share: float = TAIL) -> Risk:
        """How bad it may be: mean net value, mean of the worst `share` of the draws (CVaR) [currency], probability to gain."""
        return risk_of(self.draws.net, share=share)

    def perfect_information(self, draws: int = 16) -> Information:
        """What knowing the true effects before planning would add to the net value: the most that a test may cost [currency].

        Parameters
        ----------
        draws
            How many draws, evenly spread, to plan for; each takes as long as the plan.
        """
        everything = np.ones(len(self.names), dtype=bool)

        def solved(weights: Array) -> Solution:
            return self.solve(action_values(self.worth, self.actions, weights=weights), everything)

        return perfect_information(solved, self.solution, self.gross_of, draws=self.worth.draws, used=draws)

    def why(self, customer: Any) -> str:
        """One plain sentence: what this customer gets, why, and what came next."""
        found = np.flatnonzero(self.customers == customer)
        if found.size == 0:
            raise ClvError(
                f"There is no customer {customer!r} in the plan. Ids are {self.customers[:3].tolist()} and so on."
            )
        i = int(found[0])
        row = self._customers.iloc[i]
        price = self.solution.price("budget").price if np.isfinite(self.budget) else 0.0
        net = np.where(self.allowed[i], self.values.net[i], -np.inf)
        currency = self.worth.forecast.currency
        best = int(np.argmax(net))
        doubted = [one for one in self.kept_back if best and one.medium in self.actions[best - 1].media]
        facts = Facts(
            currency, self.interval, price, bool(self.allowed[i, 1:].any()), self.names[best], self.certainty, doubted
        )
        return sentence(row, facts)

    def to_csv(self, path: str | Path) -> Path:
        """One row per contact to be made, for the people who make them: customer_id, medium, days_from_today, cost, action."""
        target = Path(path)
        rows = [
            {"customer_id": customer, "medium": contact.medium, "days_from_today": contact.at.days, "cost": contact.cost,
             "action": self.actions[number - 1].name}
            for customer, number in zip(self.customers, self.choice, strict=True) if number
            for contact in self.actions[number - 1].contacts
        ]  # fmt: skip
        with atomically(target) as temporary:
            pd.DataFrame(rows, columns=["customer_id", "medium", "days_from_today", "cost", "action"]).to_csv(
                temporary, index=False
            )
        return target

    @property
    def notes(self) -> list[str]:
        """What to know when reading the plan."""
        return plan_notes(self)

    @cached_property
    def _situation(self) -> Situation:
        used = np.bincount(self.choice, minlength=len(self.names))[1:]
        usual = 1 + int(np.argmax(used if used.any() else self.values.net[:, 1:].sum(axis=0)))
        spent = self.solution.spent or (self.budget if np.isfinite(self.budget) else 0.0)
        return Situation(self.worth.forecast, self.values, self.allowed, usual, self.names, spent)

    @cached_property
    def _bounds(self) -> tuple[Array, Array]:
        return chosen_bounds(self.worth, self.actions, self.choice, self.interval)

    @cached_property
    def _runner_up(self) -> Choice:
        net = np.where(self.allowed, self.values.net, -np.inf)
        net[np.arange(self.choice.size), self.choice] = -np.inf
        best = np.argmax(net, axis=1)
        return np.where(np.isfinite(net[np.arange(best.size), best]), best, self.choice)

    def solved(self, weights: Array) -> Solution:
        """The best choice where draws have these weights (draws,)."""
        return self.solve(action_values(self.worth, self.actions, weights=weights), self.judged.open)

    def gross_of(self, choice: Any) -> Array:
        """Net value of a choice in each draw, plus its mean outlay: what `risk` calls gross (draws,)."""
        chosen = np.asarray(choice, dtype=np.intp)
        outlay = self.values.outlay[np.arange(chosen.size), chosen].sum()
        return self.drawn({PLAN: chosen})[PLAN].net + float(outlay)

    def drawn(self, choices: Mapping[str, Choice]) -> dict[str, PlanDraws]:
        """Totals of choices in the same joint draws."""
        return plan_draws(self.worth, self.actions, choices)

    def __repr__(self) -> str:
        table = readable(self.total()).to_string()
        return f"{self._heading}\n{table}\n\n{readable(self._media_table).to_string()}\n" + "\n".join(self.notes)

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{note}</li>" for note in self.notes)
        tables = readable(self.total()).to_html() + readable(self._media_table).to_html()
        return f"<b>{self._heading}</b>{tables}<ul>{notes}</ul>"

    @property
    def _media_table(self) -> pd.DataFrame:
        return self.by_medium().drop(columns="grade")

    @property
    def _heading(self) -> str:
        contacted = int((self.choice > 0).sum())
        return f"Plan: {contacted:,} of {self.choice.size:,} customers contacted, {int(self.held_out.sum()):,} held out"
