"""What every forecast gives: a table of customers, and totals over all of them or by group, summed draw by draw."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.errors import ClvError
from clvmodels.model import Array
from clvmodels.units import Span
from clvmodels.value.valuation import bounds_of, summary_of


class Totals:
    """Base of forecasts; a subclass states `measures` (ending with ltv), who the customers are, and `group_draws`.

    `expected_draws` and `predictive_draws` are the sums over all customers in every joint draw, each (measures, draws).
    """

    measures: ClassVar[tuple[str, ...]]
    customers: pd.DataFrame
    expected_draws: Array
    predictive_draws: Array
    notes: tuple[str, ...]

    if TYPE_CHECKING:  # fields in one subclass, properties in another

        @property
        def interval(self) -> float: ...
        @property
        def horizon(self) -> Span: ...
        @property
        def currency(self) -> str | None: ...

    @abstractmethod
    def group_draws(self, codes: NDArray[np.intp], groups: int) -> tuple[Array, Array]:
        """Sums over groups of customers in every joint draw, expected and simulated: each (measures, groups, draws).

        Parameters
        ----------
        codes
            Group of each customer, 0 to groups - 1, in the order of the table (n,).
        """

    @property
    def customer_id(self) -> NDArray[Any]:
        """Ids in the order of the table (n,)."""
        return self.customers["customer_id"].to_numpy()

    @property
    def segment(self) -> NDArray[Any] | None:
        """Segments in the order of the table (n,), None where there are none."""
        return self.customers["segment"].to_numpy() if "segment" in self.customers else None

    @property
    def draws(self) -> int:
        """How many joint draws there are."""
        return int(self.predictive_draws.shape[1])

    def total(self) -> pd.DataFrame:
        """All customers together: a row per measure, the last ltv (customer equity); columns mean, expected_lower,
        expected_upper, lower, upper. Customers share the unknown parameters and are summed draw by draw."""
        return summary_of(self.expected_draws, self.predictive_draws, self.interval, self.measures)

    def equity_draws(self) -> Array:
        """Customer equity in each joint draw (draws,) [currency]."""
        return np.asarray(self.predictive_draws[-1])

    def by(self, labels: str | pd.Series | NDArray[Any]) -> pd.DataFrame:
        """Totals by group, summed draw by draw.

        Parameters
        ----------
        labels
            "segment" for the segment of the data, a Series of labels by customer id, or an array in the order of the table.

        Returns
        -------
        DataFrame, one row per group: customers, then the mean of every measure and the bounds of ltv
        """
        codes, groups = pd.factorize(labels_of(labels, self.customers), sort=True)
        expected, simulated = self.group_draws(codes, len(groups))
        rows: list[dict[str, Any]] = []
        for g, group in enumerate(groups):
            table = summary_of(expected[:, g], simulated[:, g], self.interval, self.measures)
            bounds = {f"ltv_{c}": table.loc["ltv", c] for c in ("lower", "upper", "expected_lower", "expected_upper")}
            means = dict(zip(self.measures, table["mean"], strict=True))
            rows.append({"group": group, "customers": int(np.sum(codes == g))} | means | bounds)
        return pd.DataFrame(rows).set_index("group")

    def __add__(self, other: Totals) -> Totals:
        """A forecast of purchases and one of contracts together: `clv.combine`."""
        from clvmodels.value.combined import added

        return added(self, other)

    @property
    def _heading(self) -> str:
        return f"Forecast of {len(self.customers):,} customers over {self.horizon}, {self.draws:,} draws"

    def __repr__(self) -> str:
        return f"{self._heading}\n{readable(self.total()).to_string()}\n" + "\n".join(self.notes)

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{note}</li>" for note in self.notes)
        return f"<b>{self._heading}</b>{readable(self.total()).to_html()}<ul>{notes}</ul>"


def labels_of(labels: str | pd.Series | NDArray[Any], customers: pd.DataFrame) -> NDArray[Any]:
    """A label for every row of a table of customers: "segment", a Series by customer id, or an array in their order (n,)."""
    if isinstance(labels, str):
        if labels != "segment" or "segment" not in customers:
            raise ClvError(
                f"The customers have no {labels!r}. Name the column as segment= when reading the data, or pass a Series of "
                "labels by customer id."
            )
        return customers["segment"].to_numpy()
    if isinstance(labels, pd.Series):
        labels = labels.reindex(pd.Index(customers["customer_id"])).to_numpy()
    values = np.asarray(labels)
    if len(values) != len(customers) or pd.isna(values).any():
        raise ClvError(
            f"Labels are needed for all {len(customers):,} customers. Fill the missing ones, for example with 'unknown'."
        )
    return values


def readable(table: pd.DataFrame) -> pd.DataFrame:
    """Numbers as people write them: thousands separated, no decimals where there are thousands."""
    return table.map(lambda v: f"{v:,.0f}" if abs(v) >= 100 else f"{v:,.2f}")


def grouped(measures: list[Array], codes: NDArray[np.intp], groups: int, draws: int) -> Array:
    """Sums by group of measures (rows, draws or 1) each: (measures, groups, draws)."""
    out = np.zeros((len(measures), groups, draws))
    for target, values in zip(out, measures, strict=True):
        np.add.at(target, codes, values)
    return out


def stream_table(values: dict[str, Array], interval: float, name: str) -> pd.DataFrame:
    """Mean and predictive bounds by period 1, 2, ... of each (periods, draws)."""
    table: dict[str, Array] = {}
    for label, draws in values.items():
        lower, upper = bounds_of(draws, interval)
        table |= {label: draws.mean(axis=1), f"{label}_lower": lower, f"{label}_upper": upper}
    count = len(next(iter(values.values())))
    return pd.DataFrame(table, index=pd.RangeIndex(1, count + 1, name=name))
