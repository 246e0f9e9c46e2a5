"""Value at every budget at once: the multiple-choice knapsack by upper hulls and one sort.

Every customer's actions, cost against value, have an upper hull; a step along it has a marginal return, and later
steps return less. Buying the steps of all customers in the order of their returns is the best use of *every* budget,
if one customer may be bought a step in part (Sinha and Zoltners 1979). That is the frontier, and the bound for plans
in whole customers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from clvmodels.budget import kernels
from clvmodels.budget.blocks import over_blocks
from clvmodels.budget.menu import FLOOR, Choice, Floats, Menu, menu

WINDOW = 1_000
"""Steps after the last one bought that are tried for what is left of the budget."""
UPGRADES = 20
"""Single changes of action tried after that."""
ROUNDING = 1e-12
"""Relative excess over a budget that is a matter of adding up."""


@dataclass(frozen=True, eq=False)
class Frontier:
    """Best value of the customers' actions at every budget; concave and never falling.

    Attributes
    ----------
    returns
        (m,) marginal return of each step, descending [currency per currency].
    spent, value
        (m + 1,) cost and value of the first 0, 1, ... m steps [currency]; at no cost, value may be positive.
    """

    returns: Floats
    spent: Floats
    value: Floats
    menu: Menu

    @property
    def stops_at(self) -> float:
        """Budget [currency] from which on a further unit returns no more than a unit."""
        return float(self.spent[self._worth(FLOOR)])

    def value_at(self, budget: ArrayLike) -> Any:
        """Largest value [currency] at `budget`, one customer's action bought in part; same shape as `budget`."""
        return np.interp(np.asarray(budget, dtype=float), self.spent, self.value)

    def marginal_return_at(self, budget: ArrayLike) -> Any:
        """What the next unit of money returns at `budget`; 0 where nothing more has an effect."""
        step = np.searchsorted(self.spent[1:], np.asarray(budget, dtype=float), side="right")
        return (
            np.append(self.returns, 0.0)[step]
            if np.ndim(budget)
            else float(np.append(self.returns[step : step + 1], 0.0)[0])
        )

    def choice_at(self, budget: float, *, spend_all: bool = False) -> Choice:
        """Action of each customer (n,) in the caller's order: the plan in whole customers at `budget`."""
        return self.menu.by_caller(self.plan(budget, spend_all=spend_all))

    def table(self, points: int = 200) -> pd.DataFrame:
        """Budgets evenly spaced from 0 to where nothing more has an effect: budget, value, net, marginal_return."""
        budget = np.linspace(0.0, self.spent[-1], points)
        value = self.value_at(budget)
        step = np.searchsorted(self.spent[1:], budget, side="right")
        returns = (
            np.where(step < len(self.returns), self.returns[np.minimum(step, len(self.returns) - 1)], 0.0)
            if len(self.returns)
            else 0.0
        )
        return pd.DataFrame({"budget": budget, "value": value, "net": value - budget, "marginal_return": returns})

    def bound_at(self, budget: float, *, spend_all: bool = False) -> tuple[float, float]:
        """Value and cost of the best plan with one customer's action in part: no plan within `budget` is better."""
        spent = min(budget, float(self.spent[self._worth(0.0 if spend_all else FLOOR)]))
        return float(self.value_at(spent)), spent

    def plan(self, budget: float, *, spend_all: bool = False) -> Choice:
        """As `choice_at`, for the rows of the menu."""
        kept = 0.0 if spend_all else FLOOR
        worth = self._worth(kept)
        step = int(np.searchsorted(self.spent[1 : worth + 1], budget * (1 + ROUNDING), side="right"))
        price = float(self.returns[step]) if step < worth else kept
        choice, cost = self._followed(price)
        if step < worth:
            low = float(self.returns[min(step + WINDOW, worth - 1)])
            self._use(choice, budget * (1 + ROUNDING) - cost, low, price, kept)
        return choice

    def _worth(self, kept: float) -> int:
        """Number of steps that return more than `kept`."""
        return int(np.searchsorted(-self.returns, -kept, side="left"))

    def _followed(self, price: float) -> tuple[Choice, float]:
        m = self.menu
        choice = np.empty(m.customers, dtype=np.int16)
        parts = over_blocks(
            m.customers, lambda first, last: kernels.follow(m.values, m.costs, m.allowed, price, choice, first, last)
        )
        return choice, sum(cost for _, cost in parts)

    def _use(self, choice: Choice, left: float, low: float, high: float, kept: float) -> None:
        """Spend what is `left` on the steps that return between `low` and `high`, then on whatever else fits."""
        m = self.menu
        parts = over_blocks(
            m.customers, lambda first, last: kernels.between(m.values, m.costs, m.allowed, low, high, first, last)
        )
        who, steps, slopes = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.argsort(-slopes, kind="stable")
        left = kernels.fill(m.values, m.costs, choice, who[order], steps[order], left)
        for _ in range(UPGRADES):
            spent = self._upgraded(choice, left, kept)
            if spent is None:
                break
            left -= spent
        self.tidy(choice)

    def tidy(self, choice: Choice) -> None:
        """Replace actions that others beat at no more cost."""
        m = self.menu
        over_blocks(
            m.customers, lambda first, last: kernels.undominate(m.values, m.costs, m.allowed, choice, first, last)
        )

    def _upgraded(self, choice: Choice, left: float, kept: float) -> float | None:
        """Make the single change of action that gains most and fits; what it costs, None if there is none."""
        m = self.menu

        def block(first: int, last: int) -> tuple[float, int, int]:
            found: tuple[float, int, int] = kernels.best_upgrade(
                m.values, m.costs, m.allowed, choice, kept, left, first, last
            )
            return found

        _, customer, action = max(over_blocks(m.customers, block), key=lambda part: part[0])
        if customer < 0:
            return None
        costs = m.costs[customer if len(m.costs) > 1 else 0]
        spent = float(costs[action] - costs[choice[customer]])
        choice[customer] = action
        return spent


def frontier(
    values: ArrayLike, costs: ArrayLike, allowed: ArrayLike | None = None, *, keys: ArrayLike | None = None
) -> Frontier:
    """The frontier of customers' actions; parameters as `clvmodels.budget.menu.menu`.

    Examples
    --------
    Two customers, a letter for 1 that earns 4 and 2, a call for 3 that earns 6 and 9:

    >>> found = frontier([[0, 4, 6], [0, 2, 9]], [0, 1, 3])
    >>> found.spent, found.value
    (array([0., 1., 4., 6.]), array([ 0.,  4., 13., 15.]))
    >>> found.value_at(2.5), found.marginal_return_at(2.5), found.choice_at(4.0)
    (np.float64(8.5), 3.0, array([1, 2], dtype=int16))

    Source: SinhaZoltners1979.
    """
    return trace(menu(values, costs, allowed, keys=keys))


def trace(m: Menu) -> Frontier:
    """The frontier of a menu."""
    parts = over_blocks(m.customers, lambda first, last: kernels.increments(m.values, m.costs, m.allowed, first, last))
    slope, cost = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    order = np.argsort(-slope)
    returns, cost = slope[order], cost[order]
    return Frontier(returns, _running(cost, 0.0), _running(returns * cost, sum(part[2] for part in parts)), m)


def _running(steps: Floats, start: float) -> NDArray[np.float64]:
    out = np.empty(len(steps) + 1)
    out[0] = start
    np.cumsum(steps, out=out[1:])
    out[1:] += start
    return out
