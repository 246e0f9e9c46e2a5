"""The joint simulation of two futures of the same customers: only those for whom they differ, only the purchases that differ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvmodels.covariates.time_difference import differs, futures
from clvmodels.covariates.time_model import TimeVarying
from clvmodels.duration.paths_difference import FORGONE, INDUCED, LOST, PULLED_FORWARD, PUT_OFF, SAVED, Differing
from clvmodels.history import picked, upright
from clvmodels.model import Array
from clvmodels.value.simulation import CELLS, Simulation, in_blocks

PARTS = {
    "induced": INDUCED, "pulled forward": PULLED_FORWARD, "put off": PUT_OFF, "forgone": FORGONE, "saved": SAVED, "lost": LOST,
}  # fmt: skip
"""What a purchase of only one plan is, in the order of tables."""
MOVED = (PULLED_FORWARD, PUT_OFF)
IN_PURCHASES = np.array([1.0, 0.0, 0.0, -1.0, 1.0, -1.0])
IN_VALUE = np.array([1.0, 1.0, 1.0, -1.0, 1.0, -1.0])
"""How each counts in net: a purchase moved is no purchase more, and is worth its other date."""
TRIED = 2
"""Draws of the parameters by which customers are found for whom the futures differ."""


class Changed(NamedTuple):
    """What differs for a block of customers.

    Attributes
    ----------
    rows
        Which customers of the histories (customers,).
    expected
        Purchases and money [currency, margin at present value] under the plan less those under the other, given the parameters:
        (2, customers, draws).
    purchases
        Drawn purchases of only one of the two (purchases,).
    customer, draw
        Whose they are among the rows, and in which draw.
    worth, other_worth
        Margin of each at present value, and the same at its date under the other future [currency].
    """

    rows: NDArray[np.intp]
    expected: Array
    purchases: Differing
    customer: NDArray[np.intp]
    draw: NDArray[np.intp]
    worth: Array
    other_worth: Array

    def sums(self, groups: NDArray[np.intp] | int, count: int, draws: int) -> Array:
        """Purchases and money of each part by group of customers, then net: (2, 7, groups, draws).

        `groups` is the group of each row, or one for all.
        """
        group = groups if isinstance(groups, int) else groups[self.customer]
        kind = self.purchases.kind.astype(np.intp)
        cell = (kind * count + group) * draws + self.draw
        worth = np.where(np.isin(kind, MOVED), self.worth - self.other_worth, self.worth)
        parts = [np.bincount(cell, w, len(PARTS) * count * draws) for w in (None, worth)]
        return with_net(np.array(parts, dtype=float).reshape(2, len(PARTS), count, draws))


def with_net(parts: Array) -> Array:
    """Purchases and money of the parts (2, 6, ...), and of all together (2, 7, ...)."""
    signs = np.array([IN_PURCHASES, IN_VALUE])
    net = np.einsum("mk,mk...->m...", signs, parts)
    return np.concatenate([parts, net[:, None]], axis=1)


@dataclass(frozen=True, eq=False)
class TwoPlans:
    """A simulation under a plan, the same model under another future, and margins (customers or 1, draws or 1)."""

    simulation: Simulation
    against: TimeVarying
    margins: Array

    @property
    def plan(self) -> TimeVarying:
        model = self.simulation.duration
        assert isinstance(model, TimeVarying), "plan_difference makes sure of it"
        return model

    @property
    def draws(self) -> int:
        return self.simulation.draws

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Customers for whom the two futures differ within the horizon, in the order of the simulation."""
        all_of_them, s = self.simulation.order, self.simulation
        some = type(s.duration_theta)(*(values[:TRIED] for values in s.duration_theta))

        def one(rows: NDArray[np.intp], start: int) -> NDArray[np.intp]:
            found = differs(self.plan, self.against, some, picked(s.histories, rows), horizon=s.horizon)
            return rows[found]

        parts = in_blocks(one, all_of_them, size=CELLS // TRIED, description="Comparing futures")
        return np.concatenate([all_of_them[:0], *parts])

    def play[Result](self, reduce: Callable[[Changed], Result], *, description: str) -> list[Result]:
        """Simulate every block of these customers and reduce it; the same numbers at every call."""

        def one(rows: NDArray[np.intp], start: int) -> Result:
            return reduce(self._block(rows, np.random.default_rng([self.simulation.seed, start])))

        return in_blocks(one, self.order, size=max(1, CELLS // self.draws), description=description)

    def _block(self, rows: NDArray[np.intp], rng: np.random.Generator) -> Changed:
        s, people = self.simulation, picked(self.simulation.histories, rows)
        found = futures(
            self.plan, self.against, s.duration_theta, people, horizon=s.horizon, force=s.force, rng=rng
        )  # fmt: skip
        margin = self.margins if self.margins.shape[0] == 1 else self.margins[rows]
        amount = margin * s.quantity.expected_spend(s.quantity_theta, upright(people))
        offsets, _, time, other = found.purchases
        counts = np.diff(offsets)
        each = s.quantity.draw_spend(s.quantity_theta, people, offsets, rng=rng)
        customer, draw = np.divmod(np.repeat(np.arange(counts.size), counts), self.draws)
        each *= np.broadcast_to(margin, (rows.size, self.draws))[customer, draw]
        worth, other_worth = (each * np.exp(-s.force * when) for when in (time, other))
        expected = np.array([found.expected, found.present * amount])
        return Changed(rows, expected, found.purchases, customer, draw, worth, other_worth)
