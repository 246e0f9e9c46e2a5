"""The outcome of `clv.plan_difference`: totals, groups, customers and periods of what a plan changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.model import Array
from clvmodels.units import Period, Span, as_period
from clvmodels.value.terms import Terms
from clvmodels.value.totals import grouped, labels_of, readable, stream_table
from clvmodels.value.two_plans import IN_VALUE, MOVED, PARTS, Changed, TwoPlans
from clvmodels.value.valuation import bounds_of

ROWS = (*PARTS, "net")
MEASURES = ("purchases", "value")


@dataclass(frozen=True, eq=False, repr=False)
class PlanDifference:
    """What one plan brings over another, part by part.

    Parts are counts: `forgone` and `lost` are above zero where the plan costs purchases. Columns `..._lower` and `..._upper` are
    predictive: the customers' own rates and chance are in them. `..._expected` and its bounds are of the mean, given that the
    parameters are not known exactly; they come from the formulas of the model, not from the draws.

    Attributes
    ----------
    parts_draws
        Purchases and value of every part and of net, summed over customers in each joint draw (2, 7, draws).
    expected_draws
        Net purchases and value that the parameters of each draw lead to expect (2, draws).
    """

    plans: TwoPlans
    terms: Terms
    interval: float
    customers: pd.DataFrame
    parts_draws: Array
    expected_draws: Array

    @property
    def horizon(self) -> Span:
        return self.terms.horizon

    @property
    def currency(self) -> str | None:
        return self.plans.simulation.histories.currency

    @property
    def draws(self) -> int:
        """How many joint draws there are."""
        return int(self.expected_draws.shape[1])

    def total(self) -> pd.DataFrame:
        """All customers together: rows induced, pulled forward, put off, forgone, saved, lost and net.

        Columns: purchases [count] with `_lower` and `_upper`, and of net `_expected` with its bounds; the same for value
        [currency, margin at present value]. A purchase pulled forward or put off counts once, is none in net, and is worth its
        other date.
        """
        return total_of(self.parts_draws, self.expected_draws, self.interval)

    def per_customer(self) -> pd.DataFrame:
        """One row per customer in the order of the histories: `customer_id` [, `segment`], then the columns named below.

        induced, pulled_forward, put_off, forgone, saved, lost [purchases]; purchases (expected net) with `_lower` and `_upper`;
        value (expected net) [currency, margin at present value] with these and `_expected_lower`, `_expected_upper`. Zero for
        customers for whom the two futures are the same.
        """
        return self.customers.copy()

    def by(self, labels: str | pd.Series | NDArray[Any]) -> pd.DataFrame:
        """Totals by group of customers, summed draw by draw.

        Parameters
        ----------
        labels
            "segment" for the segment of the data, a Series of labels by customer id, or an array in the order of the table.

        Returns
        -------
        DataFrame, one row per group: customers, the mean of every part [purchases], then as in `per_customer`
        """
        codes, groups = pd.factorize(labels_of(labels, self.customers), sort=True)
        count, draws = len(groups), self.draws

        def reduce(block: Changed) -> tuple[Array, Array]:
            inside = codes[block.rows]
            return block.sums(inside, count, draws), grouped([*block.expected], inside, count, draws)

        parts, expected = np.zeros((2, len(ROWS), count, draws)), np.zeros((2, count, draws))
        for drawn, means in self.plans.play(reduce, description="Summing by group"):
            parts += drawn
            expected += means
        rows = [self._group(parts[:, :, g], expected[:, g]) for g in range(count)]
        table = pd.DataFrame(rows, index=pd.Index(groups, name="group"))
        table.insert(0, "customers", np.bincount(codes, minlength=count))
        return table

    def _group(self, parts: Array, expected: Array) -> dict[str, float]:
        table = total_of(parts, expected, self.interval)
        found = dict(zip((name.replace(" ", "_") for name in PARTS), parts[0].mean(axis=1).tolist(), strict=False))
        net: dict[Any, Any] = table.loc["net"].to_dict()
        for name in MEASURES:
            found |= {name: net[f"{name}_expected"]} | {
                f"{name}_{end}": net[f"{name}_{end}"] for end in ("lower", "upper")
            }
        return found | {name: net[name] for name in ("value_expected_lower", "value_expected_upper")}

    def stream(self, *, per: Period | None = None) -> pd.DataFrame:
        """What the plan changes in each coming period, all customers together, with predictive intervals.

        Parameters
        ----------
        per
            Length of a step; the period of the histories if not given.

        Returns
        -------
        DataFrame indexed by period 1, 2, ... (the last step may be shorter): mean purchases induced, pulled_forward, put_off,
        forgone, saved, lost (one moved counts in the period of its new date, less those moved away from here); then net,
        net_value [currency, margin at present value], and both since today, cumulative and cumulative_value, each with `_lower`
        and `_upper`. Where purchases were pulled forward, the cumulative curve rises and falls back.
        """
        per = self.plans.simulation.histories.period if per is None else as_period(per, name="per")
        count = int(np.ceil(self.horizon.per(per) - 1e-9))
        width = per.days / self.plans.simulation.histories.period.days
        flows = np.zeros((2, len(PARTS), count, self.draws))
        for part in self.plans.play(lambda b: _flows(b, width, count, self.draws), description="Summing by period"):
            flows += part
        net, value = np.einsum("k,mkpd->mpd", IN_VALUE, flows)
        since = {"cumulative": np.cumsum(net, axis=0), "cumulative_value": np.cumsum(value, axis=0)}
        table = stream_table({"net": net, "net_value": value} | since, self.interval, per.name)
        means = pd.DataFrame(
            flows[0].mean(axis=2).T, columns=[name.replace(" ", "_") for name in PARTS], index=table.index
        )
        return pd.concat([means, table], axis=1)

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be known to read the numbers."""
        money = self.currency or "the currency of the log"
        discounted = f"discounted at {self.terms.discount}" if self.terms.discount else "not discounted"
        return (
            f"Value in {money}, margin, {discounted}; what contacts cost is not taken off. Intervals hold "
            f"{100 * self.interval:g} %: lower and upper for what will happen, expected_lower and expected_upper for its mean.",
            "net = induced - forgone + saved - lost; a purchase pulled forward or put off is made anyway, worth its other date.",
        )

    @property
    def sentence(self) -> str:
        """The finding in one sentence."""
        if not len(self.plans.order):
            return "The two futures are the same for all these customers."
        table = self.total()
        purchases, net, money = table["purchases"], table.loc["net"], self.currency or ""
        decimals = 0 if purchases.abs().max() >= 100 else 1
        n = {name: f"{abs(purchases[name]):,.{decimals}f}" for name in ROWS}
        low, high = (f"{net[f'value_{end}']:,.0f}" for end in ("lower", "upper"))
        value, interval = f"{net['value_expected']:,.0f} {money}".strip(), f"{100 * self.interval:g} %"
        return (
            f"The plan {'brings' if purchases['net'] >= 0 else 'costs'} {n['net']} purchases net, a value of {value} "
            f"({interval}: {low} to {high}): {n['induced']} induced and {n['saved']} by customers it keeps, less {n['forgone']} "
            f"forgone and {n['lost']} by customers it drives away. {n['pulled forward']} are only pulled forward and "
            f"{n['put off']} put off."
        )

    @property
    def _heading(self) -> str:
        some, all_of_them = len(self.plans.order), len(self.customers)
        return (
            f"Difference of two plans over {self.horizon} for {some:,} of {all_of_them:,} customers, the others being the same "
            f"under both, {self.draws:,} draws"
        )

    def __repr__(self) -> str:
        table = readable(self.total()).replace("nan", "").to_string()
        return "\n".join([self._heading, self.sentence, table, *self.notes])

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{note}</li>" for note in self.notes)
        table = readable(self.total()).replace("nan", "").to_html()
        return f"<b>{self._heading}</b><p>{self.sentence}</p>{table}<ul>{notes}</ul>"


def total_of(parts: Array, expected: Array, interval: float) -> pd.DataFrame:
    """Purchases and value of every part and of net, from draws (2, 7, draws) and expectations of net (2, draws)."""
    table: dict[str, Array] = {}
    for name, drawn, mean in zip(MEASURES, parts, expected, strict=True):
        lower, upper = bounds_of(drawn, interval)
        table |= {name: drawn.mean(axis=1), f"{name}_lower": lower, f"{name}_upper": upper}
        known = np.full((3, len(ROWS)), np.nan)
        known[:, -1] = mean.mean(), *np.ravel(bounds_of(mean[None], interval))
        table |= dict(zip((f"{name}_expected", f"{name}_expected_lower", f"{name}_expected_upper"), known, strict=True))
    return pd.DataFrame(table, index=list(ROWS))


def _flows(block: Changed, width: float, count: int, draws: int) -> Array:
    """Purchases and value of each part by period and draw (2, 6, periods, draws): one moved is in both its periods."""
    kind = block.purchases.kind.astype(np.intp)

    def placed(some: NDArray[np.intp], time: Array, worth: Array) -> Array:
        step = np.minimum((time[some] / width).astype(np.intp), count - 1)
        cell = (kind[some] * count + step) * draws + block.draw[some]
        sums = [np.bincount(cell, weights, len(PARTS) * count * draws) for weights in (None, worth[some])]
        return np.array(sums, dtype=float).reshape(2, len(PARTS), count, draws)

    moved = np.flatnonzero(np.isin(kind, MOVED))
    here = placed(np.arange(kind.size), block.purchases.time, block.worth)
    return here - placed(moved, block.purchases.other, block.other_worth)
