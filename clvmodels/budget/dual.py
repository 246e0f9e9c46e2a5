"""Prices of constraints: Lagrange multipliers by column generation, one pass over all customers for each trial.

At given prices of the constraints every customer's best action is found by itself, and the total of what they then
earn, plus what the bounds are worth, is no less than the best plan. The prices that make this least are searched for
with a linear program (Dantzig and Wolfe 1960) over the choices seen so far, which only knows their totals; each group
of customers may mix its own choices. Trials lie between the prices that were best and those the program asks for
(Ben-Ameur and Neto 2007), which takes fewer of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from clvmodels.budget import kernels
from clvmodels.budget.blocks import over_blocks
from clvmodels.budget.menu import Choice, Floats, Menu
from clvmodels.budget.rules import Rules, Totals

PARTS = 24
"""Groups of customers that mix their choices independently, at most."""
TRIALS = 200
PRECISE, LEAST = 1e-7, 1e-8
"""Gap of the linear program at which the search ends: relative to the bound, and to the largest total seen."""
STALLED = 8
"""Trials in a row that close less than a tenth of the gap together, after which the search ends."""
STAY = 0.3
"""How far a trial stays back at the best prices."""
SUFFICIENT = 0.1
"""Share of the gap that a trial has to close for the prices asked for not to be tried themselves."""
NO_CHOICE = np.zeros(0, dtype=np.int16)


class Goal(NamedTuple):
    """What is maximised: worth x value - kept x cost - what relaxing costs.

    `relaxing` (limits,) is the cost of relaxing each constraint by one unit; infinite where it is not to be relaxed.
    """

    worth: float
    kept: float
    relaxing: Floats

    def of(self, value: Floats, cost: Floats) -> Floats:
        return self.worth * value - self.kept * cost


class Extras(NamedTuple):
    """Relaxations that the plan may choose: what one unit takes off rows (K, E), and its cost (E,)."""

    taken: Floats
    cost: Floats


class Response(NamedTuple):
    """What customers choose at prices: score (G,) and totals."""

    score: Floats
    totals: Totals


@dataclass
class Pool:
    """Totals of the choices seen so far: values, costs (H,) and sums of rows (H, K) by part; what was asked for."""

    part: NDArray[np.intp]
    values: list[Floats] = field(default_factory=list)
    costs: list[Floats] = field(default_factory=list)
    sums: list[Floats] = field(default_factory=list)
    asked: list[tuple[Floats, float, float]] = field(default_factory=list)

    @property
    def parts(self) -> int:
        return int(self.part.max()) + 1

    def add(self, rules: Rules, totals: Totals, prices: Floats, goal: Goal) -> None:
        self.values.append(self.by_part(totals.value))
        self.costs.append(self.by_part(totals.cost))
        self.sums.append(self.by_part(rules.used(totals)))
        self.asked.append((prices, goal.worth, goal.kept))

    def by_part(self, by_cell: Floats) -> Floats:
        out = np.zeros((self.parts, *by_cell.shape[1:]))
        np.add.at(out, self.part, by_cell)
        return out


class Dual(NamedTuple):
    """Prices (K,), the bound they prove, the mixture of the pool's choices (trials, H) and what the mixture reaches."""

    prices: Floats
    bound: float
    mixture: Floats
    reached: float


def parts_of(rules: Rules) -> NDArray[np.intp]:
    """Part (G,) of each cell."""
    return np.arange(rules.cells) * min(PARTS, rules.cells) // rules.cells


def extras(rules: Rules, goal: Goal) -> Extras:
    """Relaxations of the constraints that may be relaxed."""
    free = np.flatnonzero(np.isfinite(goal.relaxing))
    return Extras(np.where(rules.owner[:, None] == free, rules.loosened[:, None], 0.0), goal.relaxing[free])


def respond(menu: Menu, rules: Rules, prices: Floats, goal: Goal, choice: Choice = NO_CHOICE) -> Response:
    """Every customer's best action at prices (K,); written to `choice` if that has room."""
    money, table, rates = rules.charged(prices)
    money = money + goal.kept

    def block(first: int, last: int) -> tuple[Floats, ...]:
        found: tuple[Floats, ...] = kernels.respond(
            menu.values,
            menu.costs,
            menu.allowed,
            rules.usage,
            rules.cell,
            goal.worth,
            money,
            table,
            rates,
            choice,
            first,
            last,
        )
        return found

    score, *totals = (np.sum(parts, axis=0) for parts in zip(*over_blocks(menu.customers, block), strict=True))
    return Response(score, Totals(*totals))


def affordable(prices: Floats, extra: Extras) -> Floats:
    """Prices made low enough for no relaxation to pay."""
    gain = prices @ extra.taken
    return prices * float(np.min(extra.cost / np.maximum(gain, extra.cost), initial=1.0))


def bound_of(response: Response, rules: Rules, prices: Floats) -> float:
    """What no plan exceeds, as affordable `prices` prove."""
    return float(response.score.sum() + prices @ rules.bound)


def search(menu: Menu, rules: Rules, goal: Goal, seen: Pool, starts: Sequence[Floats]) -> Dual | None:
    """Best prices, from those in `starts` on; None if no mixture of choices keeps the constraints.

    `seen` grows by the choices tried; with constraints that cannot be relaxed it has to know choices that together
    keep them.
    """
    extra = extras(rules, goal)
    best, least = starts[0], np.inf

    def attempt(prices: Floats) -> float:
        nonlocal best, least
        prices = affordable(prices, extra)
        response = respond(menu, rules, prices, goal)
        seen.add(rules, response.totals, prices, goal)
        bound = bound_of(response, rules, prices)
        if bound < least:
            best, least = prices, bound
        return bound

    for prices in starts:
        attempt(prices)
    gaps: list[float] = []
    for _ in range(TRIALS):
        found = mixed(rules, goal, seen, extra)
        if found is None:
            return None
        asked, mixture, reached, size = found
        gaps.append(least - reached)
        if ended(gaps, max(PRECISE * abs(least), LEAST * size)):
            break
        sufficient = least - SUFFICIENT * gaps[-1]
        if attempt(STAY * best + (1 - STAY) * asked) > sufficient:
            attempt(asked)
    return Dual(best, least, mixture, reached)


def ended(gaps: Sequence[float], enough: float) -> bool:
    """Whether the last gap is small enough, or nearly so and no longer falling."""
    stalled = len(gaps) > STALLED and gaps[-1] > 0.9 * gaps[-1 - STALLED]
    return gaps[-1] <= (100 * enough if stalled else enough)


def mixed(rules: Rules, goal: Goal, seen: Pool, extra: Extras) -> tuple[Floats, Floats, float, float] | None:
    """Best mixture of the choices in the pool: prices (K,), mixture (trials, H), what it reaches, largest total seen.

    None if no mixture keeps the constraints.
    """
    earned = np.array([goal.of(v, c) for v, c in zip(seen.values, seen.costs, strict=True)])
    trials, parts = earned.shape
    size = max(float(np.abs(earned).sum(axis=1).max()), 1e-300) if goal.worth or goal.kept else 1.0
    columns = np.hstack([np.array(seen.sums).reshape(trials * parts, -1).T, -extra.taken]) / rules.scale[:, None]
    unit = 1.0 / np.abs(columns).max(axis=0).clip(1e-9)
    unit[: trials * parts] = 1.0
    found = optimize.linprog(
        np.concatenate([-earned.ravel(), extra.cost]) * unit / size,
        A_ub=columns * unit,
        b_ub=rules.bound / rules.scale,
        A_eq=np.hstack([np.tile(np.eye(parts), trials), np.zeros((parts, len(extra.cost)))]),
        b_eq=np.ones(parts),
        method="highs-ds",
    )
    if found.x is None:
        return None
    prices = np.maximum(-found.ineqlin.marginals, 0.0) * size / rules.scale
    return prices, found.x[: trials * parts].reshape(trials, parts), -float(found.fun) * size, size
