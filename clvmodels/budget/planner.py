"""Plans that keep constraints: prices first, then whole customers, then the few who decide; and their bound."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvmodels.budget import kernels
from clvmodels.budget.core import relaxed, settle
from clvmodels.budget.dual import Dual, Goal, Pool, affordable, bound_of, extras, parts_of, respond, search
from clvmodels.budget.menu import Choice, Floats, Menu
from clvmodels.budget.rules import Rules

WHOLE = 400
"""Customers that are decided on all at once, by one integer program."""
CORE = 1_500
"""Customers whose actions are decided on exactly, first."""
LARGEST = 6_000
"""Customers whose actions are decided on exactly, at most."""
EXACT, CLOSE = 1e-9, 5e-5
"""Relative gaps at which integer programs end: of all customers, and of a core in a plan's total."""
GAP, WIDE = 1e-4, 1e-3
"""Relative gaps of a plan above which a core is decided on exactly, and above which a larger one is."""
KEPT = 1e-7
"""Relative excess over constraints that is a matter of the linear program's precision."""


class Plan(NamedTuple):
    """A choice for the rows of the menu, the prices of the constraints' rows (K,), and what no plan earns more than."""

    choice: Choice
    prices: Floats
    bound: float
    reached: float

    def within(self, gap: float) -> bool:
        """Whether no plan can be better by more than this relative gap."""
        return self.bound - self.reached <= gap * abs(self.bound)


def best_plan(menu: Menu, rules: Rules, goal: Goal, start: Floats | None = None) -> Plan | None:
    """The best plan that keeps the rules; None if there is none. `start` (K,) are prices near which to search."""
    if menu.customers <= WHOLE:
        return _at_once(menu, rules, goal)
    seen = Pool(parts_of(rules))
    if not _prepared(menu, rules, goal, seen):
        return None
    starts = [np.zeros(len(rules.bound))] if start is None else [np.zeros(len(rules.bound)), start]
    dual = search(menu, rules, goal, seen, starts)
    if dual is None:
        return None
    choice = _divided(menu, rules, dual, seen)
    found = refined(menu, rules, goal, Plan(choice, dual.prices, dual.bound, -np.inf))
    return found if np.isfinite(found.reached) else None


def possible(menu: Menu, rules: Rules) -> bool:
    """Whether a plan keeps the rules; among many customers, some may be split."""
    if menu.customers <= WHOLE:
        nothing = Goal(0.0, 0.0, np.full(len(rules.limits), np.inf))
        return settle(menu, rules, nothing, _nobody(menu), np.arange(menu.customers), precise=EXACT) is not None
    return feasible(menu, rules, Pool(parts_of(rules)))


def feasible(menu: Menu, rules: Rules, seen: Pool) -> bool:
    """Whether customers, some split, can keep the rules; `seen` then knows choices that together keep them."""
    return shortfall(menu, rules, seen).reached >= -KEPT


def _prepared(menu: Menu, rules: Rules, goal: Goal, seen: Pool) -> bool:
    """Whether what is not to be relaxed can be kept; `seen` then knows choices that together do."""
    hard = np.flatnonzero(~np.isfinite(goal.relaxing))
    if len(hard) == len(rules.limits):
        return feasible(menu, rules, seen)
    some, probe = rules.only(hard), Pool(parts_of(rules))
    if len(hard) and not feasible(menu, some, probe):
        return False
    for asked, worth, kept in probe.asked:
        prices = np.zeros(len(rules.bound))
        prices[np.isin(rules.owner, hard)] = asked
        once = Goal(worth, kept, goal.relaxing)
        seen.add(rules, respond(menu, rules, prices, once).totals, prices, once)
    return True


def shortfall(menu: Menu, rules: Rules, seen: Pool) -> Dual:
    """The least relaxation of all constraints together, each relative to its scale, as minus what is reached."""
    goal = Goal(0.0, 0.0, relative(rules))
    found = search(menu, rules, goal, seen, [np.zeros(len(rules.bound)), 1.0 / rules.scale])
    assert found is not None
    return found


def relative(rules: Rules) -> Floats:
    """What relaxing each constraint by one unit is, relative to its scale (limits,)."""
    return np.array([
        float(np.max((rules.loosened / rules.scale)[rules.owner == k])) for k in range(len(rules.limits))
    ])  # fmt: skip


def _at_once(menu: Menu, rules: Rules, goal: Goal) -> Plan | None:
    """All customers in one integer program."""
    prices = relaxed(menu, rules, goal)
    if prices is None:
        return None
    prices = affordable(prices, extras(rules, goal))
    bound = bound_of(respond(menu, rules, prices, goal), rules, prices)
    found = settle(menu, rules, goal, _nobody(menu), np.arange(menu.customers), precise=EXACT)
    if found is None:
        return None
    return Plan(found.choice, prices, min(bound, found.bound), earned(menu, rules, goal, found.choice))


def _nobody(menu: Menu) -> Choice:
    return np.zeros(menu.customers, dtype=np.int16)


def earned(menu: Menu, rules: Rules, goal: Goal, choice: Choice) -> float:
    """What a choice earns, less what the relaxations that it needs cost."""
    totals = rules.totals(menu, choice)
    needed = rules.relaxation(menu, choice)
    cost = np.where(needed > 0, needed, 0.0) @ np.where(needed > 0, goal.relaxing, 0.0)
    return float(goal.of(totals.value, totals.cost).sum() - cost)


def refined(menu: Menu, rules: Rules, goal: Goal, plan: Plan) -> Plan:
    """A plan put right and improved on a core of customers that grows while its gap is wide.

    What it reaches stays -inf if no plan near it keeps the rules.
    """
    size = CORE
    while True:
        rows = _core(menu, rules, goal, plan, size)
        value, cost = menu.totals(plan.choice[rows], rows)
        share = abs(goal.worth * value - goal.kept * cost) or abs(plan.bound) or 1.0
        precise = min(0.1, max(EXACT, CLOSE * abs(plan.bound) / share))
        found = settle(menu, rules, goal, plan.choice, rows, precise=precise)
        if found is not None:
            bound = min(plan.bound, found.bound) if len(rows) == menu.customers else plan.bound
            reached = earned(menu, rules, goal, found.choice)
            choice = found.choice if reached > plan.reached else plan.choice
            plan = Plan(choice, plan.prices, bound, max(reached, plan.reached))
        if plan.within(WIDE) or size >= min(LARGEST, menu.customers):
            return plan
        size *= 4


def _divided(menu: Menu, rules: Rules, dual: Dual, seen: Pool) -> Choice:
    """Customers divided among the choices of the mixture, in its proportions."""
    active = np.flatnonzero(dual.mixture.max(axis=1) > KEPT)
    choices: NDArray[np.int16] = np.empty((len(active), menu.customers), dtype=np.int16)
    unlimited = np.full(len(rules.limits), np.inf)
    for choice, trial in zip(choices, active, strict=True):
        prices, worth, kept = seen.asked[trial]
        respond(menu, rules, prices, Goal(worth, kept, unlimited), choice)
    upto = np.cumsum(dual.mixture[active], axis=0).T
    out: Choice = np.empty(menu.customers, dtype=np.int16)
    kernels.divide(choices, np.ascontiguousarray(upto / upto[:, -1:]), seen.part[rules.cell], out)
    return out


def _core(menu: Menu, rules: Rules, goal: Goal, plan: Plan, size: int) -> NDArray[np.intp]:
    """About `size` customers: for every part and every change of action those who lose least by it."""
    if size >= menu.customers:
        return np.arange(menu.customers)
    money, table, rates = rules.charged(plan.prices)
    part = parts_of(rules)
    each = max(2, size // (int(part.max() + 1) * menu.actions * max(menu.actions - 1, 1)))
    rows = kernels.nearest(
        menu.values, menu.costs, menu.allowed, rules.usage, rules.cell, part[rules.cell], int(part.max() + 1),
        goal.worth, money + goal.kept, table, rates, plan.choice, each,
    )  # fmt: skip
    return np.unique(rows[rows >= 0])
