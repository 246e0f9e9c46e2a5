"""One action for each customer: the best use of a budget under constraints, its bound, and prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvmodels.budget.clash import infeasible
from clvmodels.budget.dual import Goal
from clvmodels.budget.frontier import Frontier, trace
from clvmodels.budget.menu import FLOOR, Choice, menu
from clvmodels.budget.planner import GAP, Plan, best_plan, earned, refined
from clvmodels.budget.prices import Price, priced
from clvmodels.budget.resolve import BUDGET, spending
from clvmodels.budget.rules import Limit, Rules, rules
from clvmodels.errors import ClvError


@dataclass(frozen=True, eq=False)
class Solution:
    """A plan and what is known of it.

    Attributes
    ----------
    choice
        (n,) action of each customer, in the caller's order.
    value
        Of the plan, gross of its cost [currency].
    spent
        Cost of the plan [currency].
    bound
        No plan that keeps the constraints has a larger `objective` [currency].
    objective
        What was maximised: value less cost, or value alone where all was to be spent [currency].
    prices
        What relaxing each constraint would be worth; the budget's is the last.
    frontier
        Value at every budget were there no other constraint.
    """

    choice: Choice
    value: float
    spent: float
    objective: float
    bound: float
    prices: tuple[Price, ...]
    frontier: Frontier

    @property
    def net(self) -> float:
        """Value less cost [currency]."""
        return self.value - self.spent

    @property
    def gap(self) -> float:
        """By how much the best plan may be better [currency], >= 0."""
        return max(self.bound - self.objective, 0.0)

    @property
    def relative_gap(self) -> float:
        """The gap as a share of the bound; 0 where both are 0."""
        return self.gap / abs(self.bound) if self.gap > 0 and self.bound != 0 else 0.0

    def price(self, name: str) -> Price:
        """The price of a constraint by its name, such as "budget"."""
        for price in self.prices:
            if price.name == name:
                return price
        raise ClvError(
            f"There is no constraint {name!r}. Constraints are: {', '.join(price.name for price in self.prices)}."
        )

    def binding(self) -> pd.DataFrame:
        """Constraints, the dearest first: name, price, unit, slack, binds, sentence."""
        rows = [(p.name, p.price, p.unit, p.slack, p.binds, p.sentence) for p in self.prices]
        table = pd.DataFrame(rows, columns=["name", "price", "unit", "slack", "binds", "sentence"])
        return table.sort_values("binds", ascending=False, kind="stable", ignore_index=True)


def solve(
    values: ArrayLike,
    costs: ArrayLike,
    allowed: ArrayLike | None = None,
    *,
    budget: float,
    constraints: Sequence[Limit] = (),
    spend_all: bool = False,
    keys: ArrayLike | None = None,
) -> Solution:
    """Choose one action for each customer so that the value less the cost is largest within the budget.

    Money that returns less than itself is kept, unless `spend_all`: then the value itself is made largest.

    Parameters
    ----------
    values
        (n, A) value of an action relative to doing nothing, gross of its cost [currency]; action 0 is to do nothing.
    costs
        (n, A) or (A,) [currency], >= 0.
    allowed
        (n, A) or (A,) which actions may be chosen; None allows all. Customers held out are allowed action 0 alone.
    budget
        What may be spent [currency], >= 0; infinite for no limit.
    constraints
        As `clvmodels.budget.resolve.resolve` gives them; the budget need not be among them.
    keys
        (n,) distinct customer ids; they make the plan independent of the order of the rows.

    Raises
    ------
    InfeasiblePlan
        If no plan keeps the constraints: which of them clash, and what would be enough.

    Examples
    --------
    >>> found = solve([[0, 4, 6], [0, 2, 9]], [0, 1, 3], budget=4)
    >>> found.choice, found.value, found.spent, found.gap
    (array([1, 2], dtype=int16), 13.0, 4.0, 0.0)
    """
    if not budget >= 0:
        raise ClvError(f"The budget is {budget}. Give an amount of 0 or more.")
    m = menu(values, costs, allowed, keys=keys)
    curve = trace(m)
    limits = [limit for limit in constraints if limit.name != BUDGET]
    if np.isfinite(budget):
        limits.append(spending(budget, m.actions))
    kept = 0.0 if spend_all else FLOOR
    joined = rules(m, limits)
    plan = _plan(curve, joined, budget, kept)
    value, spent = m.totals(plan.choice)
    objective = value - kept * spent
    prices = priced(m, joined, plan, kept)
    return Solution(m.by_caller(plan.choice), value, spent, objective, max(plan.bound, objective), prices, curve)


def _plan(curve: Frontier, joined: Rules, budget: float, kept: float) -> Plan:
    """The plan on the frontier, if that keeps the constraints; otherwise one that does."""
    m, goal = curve.menu, Goal(1.0, kept, np.full(len(joined.limits), np.inf))
    choice = curve.plan(budget, spend_all=not kept)
    start = np.zeros(len(joined.bound))
    limited = bool(joined.limits) and joined.limits[-1].name == BUDGET
    if limited:
        start[-1] = max(curve.marginal_return_at(budget) - kept, 0.0)
    if not joined.relaxation(m, choice).any():
        value, spent = curve.bound_at(budget, spend_all=not kept)
        found = Plan(choice, start, value - kept * spent, earned(m, joined, goal, choice))
        if found.within(GAP):
            return found
        found = refined(m, joined, goal, found)
        if len(joined.limits) > limited:
            return found
        curve.tidy(found.choice)
        return found._replace(reached=earned(m, joined, goal, found.choice))
    plan = best_plan(m, joined, goal, start)
    if plan is None:
        raise infeasible(m, joined)
    return plan
