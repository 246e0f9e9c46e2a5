"""Constraints in numbers: weighted sums over what is chosen, each at most a bound.

A weight depends on the customer only through her group and her cost, or is given customer by customer (`usage`).
Customers with the same groups in all constraints form a *cell*; a choice is then known to the constraints by how many
customers of a cell have an action and what they cost, however many customers there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.budget.menu import Choice, Floats, Menu

TOLERANCE = 1e-9
"""Excess over a bound, relative to what is added up, that is a matter of adding up."""


class Wording(NamedTuple):
    """How a constraint is spoken of.

    `text` is the constraint with its bound; `unit` and `units` are what its price and its relaxation are counted in,
    as in "one more call"; `per` is how much of the constraint's own measure that is, such as 0.01 for a percentage
    point.
    """

    text: str
    unit: str
    units: str
    per: float = 1.0

    def counted(self, amount: float) -> str:
        """An amount of the constraint's own measure with its unit."""
        number = f"{amount / self.per:,.10g}"
        return f"{number} {self.unit if number == '1' else self.units}"


def in_points(text: str) -> Wording:
    """The wording of a constraint on a share."""
    return Wording(text, "percentage point", "percentage points", 0.01)


@dataclass(frozen=True, eq=False)
class Limit:
    """One named constraint as rows: sum over customers of the weight of what is chosen <= bound.

    Attributes
    ----------
    name
        What it is called in prices and errors.
    bound
        (R,) of each row.
    count
        (R, L, A) weight of an action chosen for a customer of a group.
    cost
        (R, L) weight of a unit of money spent on a customer of a group.
    group
        (n,) code of each customer's group, below L; None where there is only one.
    usage
        (n, A) further weight of an action, by customer; None where there is none.
    loosened
        (R,) by how much bounds grow when the constraint is relaxed by one, > 0.
    scale
        (R,) size of a sum that matters, > 0.
    """

    name: str
    wording: Wording
    bound: Floats
    count: Floats
    cost: Floats
    loosened: Floats
    scale: Floats
    group: NDArray[np.integer] | None = None
    usage: Floats | None = None


class Totals(NamedTuple):
    """What a choice amounts to, cell by cell: value and cost (G,), customers by action (G, A), usage (G, J)."""

    value: Floats
    cost: Floats
    customers: Floats
    usage: Floats


@dataclass(frozen=True, eq=False)
class Rules:
    """All constraints together; K rows, G cells, J usages."""

    limits: tuple[Limit, ...]
    cell: NDArray[np.int32]
    count: Floats
    cost: Floats
    usage: Floats
    using: Floats
    bound: Floats
    scale: Floats
    owner: NDArray[np.intp]
    loosened: Floats
    cells: int = field(default=1)

    def only(self, limits: Iterable[int]) -> Rules:
        """The rules without the other constraints."""
        kept = sorted(limits)
        rows = np.flatnonzero(np.isin(self.owner, kept))
        owner = np.searchsorted(kept, self.owner[rows])
        return Rules(
            tuple(self.limits[k] for k in kept), self.cell, self.count[rows], self.cost[rows], self.usage,
            self.using[rows], self.bound[rows], self.scale[rows], owner, self.loosened[rows], self.cells,
        )  # fmt: skip

    def charged(self, prices: Floats) -> tuple[Floats, Floats, Floats]:
        """What rows at `prices` (K,) charge: for money (G,), for an action (G, A), for usage (J,)."""
        return prices @ self.cost, np.tensordot(prices, self.count, axes=1), prices @ self.using

    def used(self, totals: Totals) -> Floats:
        """Sum of each row, by cell (G, K)."""
        return np.asarray(
            np.einsum("kga,ga->gk", self.count, totals.customers)
            + self.cost.T * totals.cost[:, None]
            + totals.usage @ self.using.T
        )

    def weights(self, menu: Menu, rows: NDArray[np.intp]) -> Floats:
        """Weight of every action of the customers `rows` in every constraint (K, m, A)."""
        costs = menu.costs if len(menu.costs) == 1 else menu.costs[rows]
        cell = self.cell[rows]
        spent = self.cost[:, cell, None] * costs
        usage = self.usage[rows] if self.usage.shape[2] else np.zeros((len(rows), menu.actions, 0))
        return np.asarray(self.count[:, cell, :] + spent + np.einsum("kj,iaj->kia", self.using, usage))

    def totals(self, menu: Menu, choice: Choice) -> Totals:
        """What a choice (n,) amounts to."""
        chosen = choice.astype(np.intp)
        rows = np.arange(menu.customers)
        costs = menu.costs[0][chosen] if len(menu.costs) == 1 else menu.costs[rows, chosen]
        count = np.bincount(self.cell * menu.actions + chosen, minlength=self.cells * menu.actions).reshape(
            self.cells, -1
        )
        used = [self._by_cell(self.usage[rows, chosen, j]) for j in range(self.usage.shape[2])]
        return Totals(
            self._by_cell(menu.values[rows, chosen]), self._by_cell(costs), count.astype(float),
            np.stack(used, axis=1) if used else np.zeros((self.cells, 0)),
        )  # fmt: skip

    def _by_cell(self, weights: Floats) -> Floats:
        return np.asarray(np.bincount(self.cell, weights=weights, minlength=self.cells), dtype=np.float64)

    def sums(self, menu: Menu, choice: Choice) -> tuple[Floats, Floats]:
        """Sum of each row (K,), and about the sum of its absolute terms, against which rounding is judged."""
        totals = self.totals(menu, choice)
        size = np.einsum("kga,ga->k", np.abs(self.count), totals.customers) + np.abs(self.cost) @ totals.cost
        return self.used(totals).sum(axis=0), size + np.abs(self.using) @ np.abs(totals.usage).sum(axis=0)

    def relaxation(self, menu: Menu, choice: Choice) -> Floats:
        """How much each constraint (limits,) has to be relaxed for a choice to keep it; 0 where only rounding is over."""
        total, size = self.sums(menu, choice)
        excess = total - self.bound
        over = np.where(excess > TOLERANCE * np.maximum(size, np.abs(self.bound)), excess, 0.0) / self.loosened
        return np.array([over[self.owner == k].max(initial=0.0) for k in range(len(self.limits))])


def rules(menu: Menu, limits: Sequence[Limit]) -> Rules:
    """Join constraints given for the rows of the caller."""
    customers, actions = menu.customers, menu.actions
    code, table = _cells([None if limit.group is None else menu.by_key(limit.group) for limit in limits], customers)
    usages = [limit.usage for limit in limits if limit.usage is not None]
    usage = np.stack([menu.by_key(u) for u in usages], axis=2) if usages else np.zeros((1, actions, 0))
    rows = [len(limit.bound) for limit in limits]
    owner = np.repeat(np.arange(len(limits)), np.array(rows, dtype=np.intp))
    using = np.zeros((sum(rows), len(usages)))
    for j, k in enumerate(k for k, limit in enumerate(limits) if limit.usage is not None):
        using[owner == k, j] = 1.0
    cells = table.shape[1]
    count = np.concatenate(
        [np.zeros((0, cells, actions)), *(limit.count[:, table[k]] for k, limit in enumerate(limits))]
    )
    cost = np.concatenate([np.zeros((0, cells)), *(limit.cost[:, table[k]] for k, limit in enumerate(limits))])
    bound, scale, loosened = (
        np.concatenate([np.zeros(0), *(getattr(limit, name) for limit in limits)])
        for name in ("bound", "scale", "loosened")
    )
    return Rules(
        tuple(limits), code, count, cost, np.ascontiguousarray(usage), using, bound, scale, owner, loosened, cells
    )


def _cells(groups: Sequence[NDArray[np.integer] | None], customers: int) -> tuple[NDArray[np.int32], NDArray[np.intp]]:
    """Code of each customer's cell (n,), and each constraint's group of each cell (constraints, G)."""
    code = np.zeros(customers, dtype=np.int64)
    table = np.zeros((0, 1), dtype=np.intp)
    for group in groups:
        here = np.zeros(customers, dtype=np.int64) if group is None else np.asarray(group, dtype=np.int64)
        size = int(here.max(initial=0)) + 1
        code, found = pd.factorize(code * size + here)
        table = np.vstack([table[:, found // size], found % size])
    return code.astype(np.int32), table
