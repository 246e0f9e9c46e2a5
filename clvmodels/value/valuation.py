"""From simulated purchases to money: every measure of a block of customers, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.data.histories import Histories
from clvmodels.estimation.result import tail_of
from clvmodels.model import Array
from clvmodels.value.simulation import Block
from clvmodels.value.terms import Terms


class Measures(NamedTuple):
    """What a customer is worth: counts, then currency. Lifetime value is realised plus potential, also of sums: `with_ltv`."""

    purchases: Any
    spend: Array
    realised: Array
    potential: Array


MEASURES = (*Measures._fields, "ltv")


class Reduced(NamedTuple):
    """Per customer: a table (customers, columns). Over the customers: sums (measures, draws), expected and simulated."""

    rows: NDArray[np.intp]
    table: Array
    expected: Array
    simulated: Array


@dataclass(frozen=True, eq=False)
class Valuation:
    """Terms applied to customers: `margins` is (customers or 1, draws or 1), `interval` the probability of the bounds."""

    terms: Terms
    histories: Histories
    margins: Array
    interval: float

    def measures(self, block: Block) -> tuple[Measures, Measures]:
        """Every measure of a block, expected and simulated, each (customers, draws); realised may be (customers, 1)."""
        margin = self.margins if self.margins.shape[0] == 1 else self.margins[block.rows]
        realised = realised_of(self.histories, block.rows, margin)
        present = amounts = block.expected_purchases * block.expected_amount
        if block.present_purchases is not block.expected_purchases:
            present = block.present_purchases * block.expected_amount
        expected, simulated = (self._net(margin, values) for values in (present, block.present_spend))
        purchases: Any = block.purchases
        spend = block.spend
        if np.isinf(self.terms.horizon.count):  # what is not discounted has no meaning for ever
            purchases = spend = np.full_like(amounts, np.nan)
        return (
            Measures(block.expected_purchases, amounts, realised, expected),
            Measures(purchases, spend, realised, simulated),
        )

    def _net(self, margin: Array, amounts: Array) -> Array:
        net = margin * amounts
        if self.terms.cost is not None:
            net -= self.terms.present_cost
        return net

    def reduce(self, block: Block) -> Reduced:
        """Per customer the means and bounds, over customers the sums of every draw."""
        expected, simulated = self.measures(block)
        known = {"p_alive": block.p_alive.mean(axis=1)}
        return reduced(block.rows, known, expected, simulated, names=MEASURES, interval=self.interval)


def reduced(
    rows: NDArray[np.intp],
    known: Mapping[str, Array],
    expected: Sequence[Array],
    simulated: Sequence[Array],
    *,
    names: Sequence[str],
    interval: float,
) -> Reduced:
    """Measures of some customers in every draw as a table of means and bounds, and as sums.

    Parameters
    ----------
    known
        Columns that come first (customers,).
    expected, simulated
        A count, spend, realised and potential value, each (customers, draws); realised may be (customers, 1).
    names
        Of these four and of lifetime value.
    """
    table = dict(known)
    table |= dict(zip(names, with_ltv(np.array([values.mean(axis=1) for values in expected])), strict=True))
    for kind, (count, spend, realised, potential) in (("", simulated), ("expected_", expected)):
        sure = realised[:, 0] if realised.shape[1] == 1 else None
        own = dict(zip(names, (count, spend, realised, potential), strict=False))
        for name in (names[0], names[1], names[3]) if kind == "" else (names[3],):
            bounds = bounds_of(own[name], interval)
            table[f"{name}_{kind}lower"], table[f"{name}_{kind}upper"] = bounds
        if sure is None:
            bounds = bounds_of(realised + potential, interval)
        ltv = bounds if sure is None else tuple(sure + b for b in bounds)
        table[f"{names[4]}_{kind}lower"], table[f"{names[4]}_{kind}upper"] = ltv
    draws = simulated[3].shape[1]
    sums = (with_ltv(np.array([np.broadcast_to(v.sum(axis=0), draws) for v in m])) for m in (expected, simulated))
    return Reduced(rows, np.column_stack([table[c] for c in columns_of(names, known)]), *sums)


def columns_of(names: Sequence[str], known: Iterable[str]) -> list[str]:
    """Columns of the table of `reduced`: each measure with its bounds."""
    columns = list(known)
    for k, name in enumerate(names):
        ends = ["lower", "upper"] if k != 2 else []
        ends += ["expected_lower", "expected_upper"] if k > 2 else []
        columns += [name, *(f"{name}_{end}" for end in ends)]
    return columns


def with_ltv(sums: Array) -> Array:
    """Sums or means of the measures (4, ...) and, as a fifth, of lifetime value."""
    realised, potential = sums[-2], sums[-1]
    return np.concatenate([sums, (realised + potential)[None]])


def bounds_of(values: Array, interval: float) -> tuple[Array, Array]:
    """Central interval of each row by order statistics, taken outwards."""
    tail, last = tail_of(interval), values.shape[1] - 1
    at = int(np.floor(tail * last)), int(np.ceil((1 - tail) * last))
    ordered = np.sort(values, axis=1)  # vectorised: several times faster than selecting
    return ordered[:, at[0]], ordered[:, at[1]]


def summary_of(expected: Array, simulated: Array, interval: float, measures: Sequence[str] = MEASURES) -> pd.DataFrame:
    """Mean and both kinds of bounds of each measure from its draws, each (measures, draws)."""
    bounds = np.column_stack([*bounds_of(expected, interval), *bounds_of(simulated, interval)])
    table = pd.DataFrame(bounds, columns=["expected_lower", "expected_upper", "lower", "upper"], index=list(measures))
    table.insert(0, "mean", expected.mean(axis=1))
    return table


def realised_of(histories: Histories, rows: NDArray[np.intp], margin: Array) -> Array:
    """Margin of what the customers have bought so far (customers, draws or 1) [currency]; not compounded.

    The log's own margin where it has one; else spend times margin; else, from a summary table without spend, the repeat purchases
    alone.
    """
    if histories.margin is not None:
        return histories.margin[rows][:, None]
    if histories.spend is not None:
        return histories.spend[rows][:, None] * margin
    return (histories.frequency[rows] * np.nan_to_num(histories.monetary_value[rows]))[:, None] * margin
