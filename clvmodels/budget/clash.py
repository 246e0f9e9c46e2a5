"""Why no plan keeps the constraints: which of them clash, and the smallest relaxation of one that is enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from clvmodels.budget.dual import Goal
from clvmodels.budget.menu import Menu
from clvmodels.budget.planner import WHOLE, best_plan, possible, relative
from clvmodels.budget.rules import Rules
from clvmodels.errors import InfeasiblePlan

PAIRED = 12
"""Up to so many constraints, every pair is tried before larger clashes."""
DIGITS = 4
"""Significant digits of a relaxation that is printed, rounded up."""


def infeasible(menu: Menu, rules: Rules) -> InfeasiblePlan:
    """The error that says why no plan keeps `rules`."""
    if menu.customers > WHOLE and possible(menu, rules):
        return _coarse(rules)
    clash = clashing(menu, rules)
    needed = {k: needed_of(menu, rules, [k]) for k in clash}
    enough = {k: found[k] for k, found in needed.items() if found is not None}
    together = not enough
    if together:
        found = needed_of(menu, rules, range(len(rules.limits)))
        assert found is not None
        enough = {k: amount for k, amount in enumerate(found) if amount > 0}
    per = relative(rules)
    ordered = sorted(enough, key=lambda k: enough[k] * per[k])
    names = [rules.limits[k].name for k in clash]
    held = _held(rules, clash)
    message = f"{held} {_relaxed(rules, ordered, enough, together)}"
    relaxations = {rules.limits[k].name: float(enough[k]) for k in ordered}
    return InfeasiblePlan(message, clash=names, relaxations=relaxations, together=together)


def _coarse(rules: Rules) -> InfeasiblePlan:
    """The error where customers in part could keep the rules, and no plan in whole customers was found."""
    names = [limit.name for limit in rules.limits]
    return InfeasiblePlan(
        f"No plan in whole customers was found for: {', '.join(names)}. Customers in part could keep them. Loosen those "
        "that speak of a few customers, such as groups whose shares cannot be as close as they are to be.",
        clash=names,
    )


def clashing(menu: Menu, rules: Rules) -> tuple[int, ...]:
    """The fewest constraints that clash where that is one or two; otherwise some of which none can be left out."""
    every = range(len(rules.limits))
    if len(every) <= PAIRED:
        for size in (1, 2):
            for some in combinations(every, size):
                if not possible(menu, rules.only(some)):
                    return some
    kept = list(every)
    for k in every:
        without = [other for other in kept if other != k]
        if without and not possible(menu, rules.only(without)):
            kept = without
    return tuple(kept)


def needed_of(menu: Menu, rules: Rules, relaxed: Sequence[int]) -> np.ndarray | None:
    """The least relaxation of some constraints (limits,) that lets a plan exist; None if none is enough."""
    per = relative(rules)
    cost = np.where(np.isin(np.arange(len(per)), relaxed), per, np.inf)
    plan = best_plan(menu, rules, Goal(0.0, 0.0, cost))
    return None if plan is None else rules.relaxation(menu, plan.choice)


def _held(rules: Rules, clash: Sequence[int]) -> str:
    texts = [f"'{rules.limits[k].wording.text}'" for k in clash]
    if len(texts) == 1:
        return f"No plan can have {texts[0]}."
    both = "both" if len(texts) == 2 else "all of"
    return f"No plan can have {both} {', '.join(texts[:-1])} and {texts[-1]}."


def _relaxed(rules: Rules, ordered: Sequence[int], amounts: dict[int, float], together: bool) -> str:
    words = [rules.limits[k].wording for k in ordered]
    steps = [f"'{w.text}' by {w.counted(up(amounts[k] / w.per) * w.per)}" for k, w in zip(ordered, words, strict=True)]
    if together:
        return f"Relax {', and '.join(steps)}: no single one is enough."
    return f"It is enough to relax {', or '.join(steps)}."


def up(amount: float) -> float:
    """`amount` >= 0 rounded up to few digits, but not because of rounding noise."""
    if amount <= 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(amount)) + 1 - DIGITS)
    return float(f"{math.ceil(amount / unit * (1 - 1e-9)) * unit:.12g}")
