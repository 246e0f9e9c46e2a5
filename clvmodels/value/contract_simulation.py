"""What customers under contract will pay: expected and simulated, in blocks, draw by draw.

With n renewals made and the next one due in `wait` periods, payment dates come at wait, wait + 1, ... A customer is there at the
k-th of them with probability S(k). Paid at the start of a period, the k-th payment is made by who is there at date k; paid at
its end, by who was there at the date before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.model import Array
from clvmodels.value.contract_terms import ContractTerms, Money, annuity, dates_within, series
from clvmodels.value.leaving import Leaving
from clvmodels.value.simulation import CELLS, in_blocks
from clvmodels.value.standing import Alike, Rows, Standing

DATES = 4
"""How many times smaller blocks are where models are asked date by date."""
MEASURES = ("payments", "spend", "realised", "potential", "ltv")


class ContractBlock(NamedTuple):
    """Some customers; arrays are (rows, draws) unless said otherwise.

    Attributes
    ----------
    rows
        Which customers (rows,).
    renews, stays
        P(is there at the next renewal), P(is still there at the last one within the horizon).
    expected, simulated
        Payments, spend, realised and potential value each; realised may be (rows, 1).
    served
        Expected cost of serving her, at its present value [currency].
    dates
        At how many of the coming payment dates she is there, simulated; -1 for who has left.
    """

    rows: Rows
    renews: Array
    stays: Array
    expected: tuple[Array, Array, Array, Array]
    simulated: tuple[Array, Array, Array, Array]
    served: Array
    dates: Array


@dataclass(frozen=True, eq=False)
class ContractSimulation:
    """Customers under contract, how they leave, and what they pay, ready to be played."""

    leaving: Leaving
    standing: Standing
    terms: ContractTerms
    money: Money
    seed: int

    @property
    def draws(self) -> int:
        return self.leaving.draws

    @cached_property
    def horizon(self) -> float:
        """[period]"""
        return self.terms.horizon.per(self.standing.period)

    @cached_property
    def force(self) -> float:
        """Force of interest [1/period]."""
        return self.terms.force(self.standing.period)

    @cached_property
    def rise(self) -> float:
        """Force of growth of prices [1/period]."""
        return self.terms.rise(self.standing.period)

    @cached_property
    def dates(self) -> Array:
        """Payment dates within the horizon (n,)."""
        return dates_within(self.horizon, self.standing.wait)

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """Customers by renewals made and id, so that the order of rows does not matter."""
        ids = self.standing.tenures.customer_id
        if ids.dtype.kind not in "iuf":
            ids = np.unique(ids.astype(str), return_inverse=True)[1]
        return np.lexsort((self.standing.tenures.exit, ids, self.standing.wait, self.standing.made))

    @cached_property
    def _reads(self) -> tuple[str, ...]:
        return self.leaving.reads(self.standing.tenures)

    def alike(self, rows: Rows) -> Alike:
        """Some customers, those alike once each."""
        return self.standing.alike(rows, self._reads, self.dates)

    def play[Result](
        self, reduce: Callable[[ContractBlock], Result], *, description: str = "Simulating contracts"
    ) -> list[Result]:
        """Simulate every block and reduce it; results in the order of the blocks. The same numbers at every call."""

        def one(rows: Rows, start: int) -> Result:
            return reduce(self._block(rows, np.random.default_rng([self.seed, 0xC0, start])))

        return in_blocks(one, self.order, size=self.size, description=description)

    @property
    def size(self) -> int:
        """Customers in a block: fewer where what holds at every payment date is kept."""
        return max(1, CELLS // (self.draws * (1 if self.leaving.closed else DATES)))

    def _block(self, rows: Rows, rng: np.random.Generator) -> ContractBlock:
        people = self.alike(rows)
        there = self.standing.there[rows].astype(float)[:, None]
        price, earned, realised = self.money.of(rows)
        renewals = self.leaving.renewals(people, force=self.force - self.rise, rng=rng).T
        expected, simulated = (there * part for part in (self._expected(people), self._simulated(rows, renewals)))
        cases = ((part[0], price * part[1], realised, earned * part[2] - part[3]) for part in (expected, simulated))
        return ContractBlock(
            rows,
            there * wide(self.leaving.stay(people, 1), people),
            there * wide(self.leaving.still(people, people.dates), people),
            next(cases),
            next(cases),
            expected[3],
            np.where(there > 0, np.minimum(renewals, self.dates[rows][:, None]), -1.0),
        )

    def _expected(self, people: Alike) -> Array:
        """Expected payments, and the factors of spend, present value and cost, of customers who are there (4, rows, draws)."""
        force = self.force - self.rise
        present = self.flow(people, force)
        endless = np.isinf(self.horizon)
        count = np.full_like(present, np.nan) if endless else self.flow(people, 0.0)
        spend = count if self.rise == 0 or endless else self.flow(people, -self.rise)
        cost = np.zeros_like(present) if self.terms.cost is None else self.serving(people, self.horizon)
        return np.array([wide(part, people) for part in (count, spend, present, cost)])

    def flow(self, people: Alike, force: float, *, without: str | None = None) -> Array:
        """Expected payments, one unit each, at their value today under this force (draws, m)."""
        return np.asarray(self.coming(people, force, without=without) + float(self.standing.now))

    def coming(self, people: Alike, force: float, *, without: str | None = None) -> Array:
        """The same without a payment of this very moment."""
        wait, dates = people.wait, people.dates
        if self.standing.paid == "end of period":
            later = self.leaving.present(people, np.maximum(dates - 1.0, 0.0), force, without=without)
            return np.asarray(np.exp(-force * wait) * np.where(dates >= 1, 1.0 + later, 0.0))
        return np.asarray(np.exp(-force * (wait - 1.0)) * self.leaving.present(people, dates, force, without=without))

    def serving(self, people: Alike, horizon: ArrayLike) -> Array:
        """Expected cost of serving customers until the horizon, at its present value (draws, m) [currency]."""
        wait, dates, force, end = people.wait, people.dates, self.force, np.asarray(horizon, dtype=float)
        whole = np.exp(-force * (wait - 1.0)) * annuity(force, 1.0)
        served = annuity(force, np.minimum(wait, end)) + whole * self.leaving.present(
            people, np.maximum(dates - 1.0, 0.0), force
        )
        if np.isfinite(self.horizon):
            rest = annuity(force, end) - annuity(force, np.minimum(wait + dates - 1.0, end))
            served = served + np.where(dates >= 1, rest, 0.0) * self.leaving.still(people, dates)
        return np.asarray(self.terms.cost_force(self.standing.period) * served)

    def after_renewal(self, people: Alike, renewal: Array, earned: Array) -> Array:
        """What a customer is worth at the moment of a coming renewal, if she makes it, from then on (rows, draws) [currency].

        Parameters
        ----------
        renewal
            Its number among the coming ones (m,); worth nothing beyond the horizon.
        earned
            Margin of a payment of today (rows or 1, draws or 1).
        """
        then = people.renewed(renewal)
        day = people.wait + renewal - 1.0
        start = float(self.standing.paid == "start of period")
        flow = np.exp(self.rise * day) * (self.coming(then, self.force - self.rise) + start)
        left = np.maximum(self.horizon - day, 0.0)
        cost = 0.0 if self.terms.cost is None else wide(self.serving(then, left), people)
        within = (renewal <= people.dates)[people.inverse][:, None]
        return np.asarray(np.where(within, earned * wide(flow, people) - cost, 0.0))

    def _simulated(self, rows: Rows, renewals: Array) -> Array:
        """As `_expected`, of customers who are there at so many of the coming payment dates (4, rows, draws)."""
        wait, dates = self.standing.wait[rows][:, None], self.dates[rows][:, None]
        late = self.standing.paid == "end of period"
        made = np.minimum(renewals + float(late), dates)
        now = float(self.standing.now)
        force = self.force - self.rise
        present = np.exp(-force * (wait - 1.0)) * series(force, made) + now
        if np.isinf(self.horizon):
            made = np.full_like(present, np.nan)
        spend = made if self.rise == 0 else np.exp(self.rise * (wait - 1.0)) * series(-self.rise, made)
        served = annuity(self.force, np.minimum(wait + renewals, self.horizon))
        return np.array([made + now, spend + now, present, self.terms.cost_force(self.standing.period) * served])


def wide(table: Array, people: Alike) -> Array:
    """A table of distinct customers (draws, m) for all of them (rows, draws)."""
    return np.asarray(table[:, people.inverse].T)
