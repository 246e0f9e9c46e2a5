"""What constraints cost, in numbers and in words."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from clvmodels.budget.menu import Menu
from clvmodels.budget.planner import Plan
from clvmodels.budget.resolve import BUDGET
from clvmodels.budget.rules import Limit, Rules

NOTHING = 1e-9
"""Share of the bound below which what a constraint costs is nothing."""


class Price(NamedTuple):
    """Shadow price of a constraint.

    Attributes
    ----------
    price
        What relaxing it by one `unit` is worth [currency]; of the budget, what the next unit of money returns.
    slack
        How many units are left, >= 0.
    binds
        Whether relaxing it is worth anything.
    """

    name: str
    price: float
    unit: str
    slack: float
    binds: bool
    sentence: str


def priced(menu: Menu, rules: Rules, plan: Plan, kept: float) -> tuple[Price, ...]:
    """Prices of all constraints under a plan; `kept` is what a unit of money not spent is worth."""
    spare = rules.bound - rules.sums(menu, plan.choice)[0]
    out = []
    for k, limit in enumerate(rules.limits):
        rows = rules.owner == k
        per = limit.wording.per
        slack = max(float(np.min(spare[rows] / rules.loosened[rows])) / per, 0.0)
        worth = float(plan.prices[rows] @ rules.loosened[rows])
        binds = bool(plan.prices[rows] @ rules.scale[rows] > NOTHING * abs(plan.bound))
        price = (worth + (kept if limit.name == BUDGET else 0.0)) * per if binds else 0.0
        out.append(Price(limit.name, price, limit.wording.unit, slack, binds, _sentence(limit, price, slack, binds)))
    return tuple(out)


def _sentence(limit: Limit, price: float, slack: float, binds: bool) -> str:
    wording = limit.wording
    if limit.name == BUDGET:
        return (
            f"The next unit of money returns {price:,.2f}."
            if binds
            else f"The budget does not bind: {slack:,.2f} is left."
        )
    if not binds:
        return f"'{wording.text}' costs nothing: {wording.counted(float(f'{slack * wording.per:.4g}'))} to spare."
    if wording.per == 1:
        return f"One more {wording.unit} is worth {price:,.2f}."
    return f"One {wording.unit} less strict, '{wording.text}' would earn {price:,.2f} more."
