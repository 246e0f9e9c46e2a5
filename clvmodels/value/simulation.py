"""The joint simulation of what customers will do: in blocks, in parallel, repeatable, in memory that does not grow.

Customers are taken in blocks in the order of their histories. Each block has random numbers of its own, so the result is the
same for any number of threads, and can be played again to look at something else. Only what a caller reduces a block to is
kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from clvmodels.data.histories import Histories
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.history import History, picked, upright
from clvmodels.model import Array
from clvmodels.numerics.distinct import distinct
from clvmodels.numerics.quadrature import NEGLIGIBLE
from clvmodels.progress import progress
from clvmodels.quantity.spend import Spend

THREADS = 2
CELLS = 400_000
"""Customers times draws in a block."""


class Block(NamedTuple):
    """What a block of customers will do; arrays are (customers, draws) unless said otherwise.

    Attributes
    ----------
    rows
        Which customers of the histories (customers,).
    p_alive, expected_purchases, present_purchases, expected_amount
        Expectations given the parameters of each draw: P(alive), purchases, purchases at their present value, and amount per
        purchase [currency].
    purchases, spend, present_spend
        Simulated: number of purchases, their amounts, and the amounts at their present value [currency].
        Without discounting, plain and present value are the same array.
    offsets, times
        When the simulated purchases are made, ragged as in `Purchases`.
    amounts
        What each of them costs, or None if nobody asked.
    """

    rows: NDArray[np.intp]
    p_alive: Array
    expected_purchases: Array
    present_purchases: Array
    expected_amount: Array
    purchases: NDArray[np.int64]
    spend: Array
    present_spend: Array
    offsets: NDArray[np.int64]
    times: Array
    amounts: Array | None


@dataclass(frozen=True)
class Simulation:
    """Customers, models and parameter draws (arrays (draws,)), ready to be played.

    `horizon` and `force` (of interest) are in the period of the histories; the horizon may be infinite if the force is positive.
    """

    duration: LatentAttrition
    quantity: Spend
    duration_theta: Any
    quantity_theta: Any
    histories: Histories
    horizon: float
    force: float
    seed: int

    @property
    def draws(self) -> int:
        return len(self.duration_theta[0])

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Customers by frequency, age and recency: neighbours share their expectations, and row order does not matter."""
        h = self.histories
        ids = h.customer_id
        if ids.dtype.kind not in "iuf":
            ids = np.unique(ids.astype(str), return_inverse=True)[1]
        return np.lexsort((ids, np.nan_to_num(h.monetary_value, nan=-1.0), h.recency, h.T, h.frequency))

    def play[Result](
        self, reduce: Callable[[Block], Result], *, amounts: bool = False, description: str = "Simulating customers"
    ) -> list[Result]:
        """Simulate every block and reduce it; results in the order of the blocks. The same numbers at every call.

        `amounts` asks for the amount of each purchase; without discounting their totals are enough, and faster.
        """

        def one(rows: NDArray[np.intp], start: int) -> Result:
            rng = np.random.default_rng([self.seed, start])
            return reduce(self._block(rows, rng, amounts=amounts or self.force != 0))

        return in_blocks(one, self.order, size=max(1, CELLS // self.draws), description=description)

    def _block(self, rows: NDArray[np.intp], rng: np.random.Generator, *, amounts: bool) -> Block:
        people = picked(self.histories, rows)
        each = upright(people)
        reach = min(self.horizon, NEGLIGIBLE / self.force) if self.force > 0 else self.horizon
        p_alive, (offsets, times) = self.duration.future(self.duration_theta, each, horizon=reach, rng=rng)
        plain, present = self._if_alive(people)
        expected = p_alive * plain
        discounted = expected if present is plain else p_alive * present
        amount = self.quantity.expected_spend(self.quantity_theta, each)
        counts = np.diff(offsets).reshape(rows.size, self.draws)
        present_spend = spend = self.quantity.draw_totals(self.quantity_theta, people, counts, rng=rng)
        each_amount = None
        if amounts:
            each_amount = self.quantity.draw_spend(self.quantity_theta, people, offsets, totals=spend, rng=rng)
            if self.force != 0:
                present_spend = _sums(offsets, each_amount * np.exp(-self.force * times), counts.shape)
        return Block(
            rows,
            p_alive,
            expected,
            discounted,
            amount,
            counts,
            spend,
            present_spend,
            offsets,
            times,
            each_amount,
        )

    def _if_alive(self, people: History) -> tuple[Array, Array]:
        """Expected purchases of a customer alive today, plain and at present value: once per distinct past that tells them."""
        past = self.past(people)
        present = plain = np.full((1, self.draws), np.nan)
        if np.isfinite(self.horizon):
            present = plain = past.expected(horizon=self.horizon, force=0.0)
        if self.force != 0:
            present = past.expected(horizon=self.horizon, force=self.force)
        return plain, present

    def past(self, people: History) -> Past:
        """What tells the future of customers (rows,) known to be alive, each distinct past once."""
        return past_of(self.duration, self.duration_theta, people)


class Past(NamedTuple):
    """Distinct pasts that tell the future of customers known to be alive, their parameters, and whose past is which (rows,)."""

    duration: LatentAttrition
    theta: Any
    people: History
    inverse: NDArray[np.intp]

    def expected(self, *, horizon: float, force: float) -> Array:
        """Expected purchases of each customer if she is alive, at present value (rows, draws)."""
        return self.duration.expected_if_alive(self.theta, self.people, horizon=horizon, force=force)[self.inverse]

    def staying(self, *, horizon: float, force: float) -> Array:
        """Expected purchases of each customer if she is alive and never leaves, at present value (rows, draws)."""
        return self.duration.staying_if_alive(self.theta, self.people, horizon=horizon, force=force)[self.inverse]

    def survival(self, horizon: float) -> Array:
        """Probability that each customer, if she is alive today, will not have left a `horizon` from now (rows, draws)."""
        return self.duration.survival_if_alive(self.theta, self.people, horizon)[self.inverse]

    def bought(self, horizon: float) -> Array:
        """Probability that each distinct past, if she is alive today, buys within a `horizon` from now (distinct, draws)."""
        return 1 - self.duration.pmf_if_alive(self.theta, self.people, 0, horizon)

    def bought_by(self, times: Sequence[float]) -> Iterator[Array]:
        """The same for each of some rising times, one after the other."""
        return self.duration.bought_if_alive(self.theta, self.people, times)


def past_of(duration: LatentAttrition, theta: Any, people: History) -> Past:
    """What tells the future of customers (rows,) known to be alive under parameters (draws,), each distinct past once."""
    *_, inverse, example = distinct(duration.told_by_past(people))
    some = upright(picked(people, example))
    return Past(duration, duration.each(theta, some), some, inverse)


def in_blocks[Result](
    work: Callable[[NDArray[np.intp], int], Result], order: NDArray[np.intp], *, size: int, description: str
) -> list[Result]:
    """`work(rows, start)` for blocks of `size` customers in `order`, in parallel; results in the order of the blocks."""
    starts = range(0, order.size, size)

    def one(start: int) -> Result:
        return work(order[start : start + size], start)

    with progress(description, total=len(starts)) as advance, ThreadPoolExecutor(THREADS) as pool:
        results = []
        for result in pool.map(one, starts):
            results.append(result)
            advance()
    return results


@njit(cache=True, nogil=True)
def _sums(offsets, amounts, shape):
    sums = np.empty(offsets.size - 1)
    for k in range(sums.size):
        total = 0.0
        for j in range(offsets[k], offsets[k + 1]):
            total += amounts[j]
        sums[k] = total
    return sums.reshape(shape)
