"""A forecast of contracts and constant retention against what customers then did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from clvmodels.data.contracts import Contracts
from clvmodels.data.tenures import Tenures
from clvmodels.errors import ClvError, offenders
from clvmodels.estimation.result import tail_of
from clvmodels.evaluation.tables import differences, score_table
from clvmodels.model import Array
from clvmodels.value.contract_forecast import ContractForecast
from clvmodels.value.contract_formulas import retention_of
from clvmodels.value.valuation import bounds_of

CONSTANT = "constant retention"


class Payments(NamedTuple):
    """Payments per customer within the horizon (n,)."""

    payments: Array


@dataclass(frozen=True, eq=False, repr=False)
class ContractComparison:
    """The outcome of `clv.compare` for contracts: payments of the customers who were there when the forecast was made.

    Attributes
    ----------
    forecast
        The forecast compared.
    rows
        Which of its rows were there (n,).
    dates
        At how many payment dates within the horizon each was still there (n,).
    predictions
        Payments as each method said, the model first.
    interval, resamples, seed
        Of the bootstrap of the differences.
    """

    forecast: ContractForecast
    rows: np.ndarray = field(repr=False)
    dates: Array = field(repr=False)
    predictions: Mapping[str, Payments] = field(repr=False)
    interval: float
    resamples: int
    seed: int

    @property
    def model(self) -> str:
        """Name of the model's row."""
        return next(iter(self.predictions))

    @cached_property
    def actual(self) -> Payments:
        """Payments made within the horizon (n,)."""
        simulation = self.forecast.simulation
        late = float(simulation.standing.paid == "end of period")
        made = np.minimum(self.dates + late, simulation.dates[self.rows])
        return Payments(made + float(simulation.standing.now))

    def table(self) -> pd.DataFrame:
        """Every score of every method.

        Returns
        -------
        DataFrame by (target, method), the target being payments: predicted and actual totals, bias, mae, rmse, deviance,
        spearman, gini, top_decile_lift, coverage (of the model's predictive intervals per customer)
        """
        return self._table.copy()

    @cached_property
    def _table(self) -> pd.DataFrame:
        customers = self.forecast.customers.iloc[self.rows]
        return score_table(self.actual, self.predictions, customers, targets=("payments",))

    def differences(self) -> pd.DataFrame:
        """The model against constant retention with paired bootstrap intervals, as in `Comparison.differences`."""
        return differences(
            self.actual, self.predictions, self._table, targets=("payments",), interval=self.interval,
            resamples=self.resamples, seed=self.seed,
        )  # fmt: skip

    def by_tenure(self, *, most: int = 12) -> pd.DataFrame:
        """Payments and survivors by renewals made when the forecast was made.

        Parameters
        ----------
        most
            Customers with so many or more are one group.

        Returns
        -------
        DataFrame by renewals "0", "1", ..., "12+" and "all": customers; payments actual, predicted, with lower and upper
        (predictive, of the group's total) and as constant retention says; survivors at the end of the horizon likewise
        """
        made = np.minimum(self.forecast.standing.made[self.rows], most).astype(np.intp)
        names = [*(str(k) for k in range(most)), f"{most}+", "all"]
        groups = [*(np.flatnonzero(made == k) for k in range(most + 1)), np.arange(made.size)]
        payments, survivors = self._drawn
        dates = self.forecast.simulation.dates[self.rows]
        rows = []
        for name, some in zip(names, groups, strict=True):
            if some.size == 0:
                continue
            row: dict[str, float | str] = {"renewals": name, "customers": some.size}
            for label, drawn, actual in (
                ("payments", payments, self.actual.payments), ("survivors", survivors, self.dates >= dates)
            ):  # fmt: skip
                total = drawn[some].sum(axis=0)[None, :]
                lower, upper = bounds_of(total, self.forecast.interval)
                row |= {label: float(actual[some].sum()), f"{label}_predicted": float(total.mean())}
                row |= {f"{label}_lower": float(lower[0]), f"{label}_upper": float(upper[0])}
            row["payments_constant"] = float(self.predictions[CONSTANT].payments[some].sum())
            rows.append(row)
        return pd.DataFrame(rows).set_index("renewals")

    @cached_property
    def _drawn(self) -> tuple[Array, Array]:
        """Simulated payments, and whether each customer is there at the last payment date, each (n, draws)."""
        simulation = self.forecast.simulation
        parts = simulation.play(lambda block: (block.rows, block.simulated[0], block.dates), description="Comparing")
        payments, there = (np.empty((len(simulation.dates), simulation.draws)) for _ in range(2))
        for rows, paid, dates in parts:
            payments[rows], there[rows] = paid, dates >= simulation.dates[rows][:, None]
        return payments[self.rows], there[self.rows]

    @property
    def note(self) -> str:
        """What to know when reading the tables."""
        return (
            f"{len(self.rows):,} customers who were there, over {self.forecast.horizon}, payments counted and not discounted. "
            f"Constant retention is that of the forecast's own tenures. Coverage is of the model's "
            f"{100 * self.forecast.interval:g} % predictive intervals; counts are whole, so they hold at least that if right."
        )

    def __repr__(self) -> str:
        table = self._table.to_string(float_format="{:,.3f}".format, na_rep="")
        return "\n".join([f"Comparison of {self.model} with constant retention", table, self.note])

    def _repr_html_(self) -> str:
        table = self._table.to_html(float_format="{:,.3f}".format, na_rep="")
        return f"<b>{self.model} and constant retention</b>{table}<small>{self.note}</small>"


def compare_contracts(
    forecast: ContractForecast, later: Contracts | Tenures, *, interval: float, resamples: int, seed: int
) -> ContractComparison:
    """As `compare` for contracts."""
    tail_of(interval)
    if not np.isfinite(forecast.horizon.count):
        raise ClvError("Nothing is observed for ever. Forecast a finite horizon to compare it with what followed.")
    rows = np.flatnonzero(forecast.standing.there)
    dates = dates_seen(forecast, rows, later)
    simulation = forecast.simulation
    rate = retention_of(forecast.standing.tenures)
    ahead = simulation.dates[rows]
    late = forecast.standing.paid == "end of period"
    constant = (1.0 - rate**ahead) / (1.0 - rate) * (1.0 if late else rate) + float(forecast.standing.now)
    own = forecast.customers["payments"].to_numpy(dtype=float)[rows]
    predictions = {simulation.leaving.title: Payments(own), CONSTANT: Payments(constant)}
    return ContractComparison(forecast, rows, dates, predictions, interval, resamples, seed)


def dates_seen(forecast: ContractForecast, rows: np.ndarray, later: Contracts | Tenures) -> Array:
    """At how many payment dates within the horizon the customers (n,) were still there, by what was observed later."""
    found = _later(forecast, later)
    ids = forecast.customer_id[rows]
    place = pd.Index(found.customer_id).get_indexer(pd.Index(ids))
    missing = np.flatnonzero(place < 0)
    if missing.size:
        names = [f"customer {who}" for who in ids[missing]]
        remedy = "Give the same contracts, observed longer, under the same ids."
        raise ClvError(
            offenders(
                "is not among the later contracts", column="customer_id", rows=names, values=ids[missing], remedy=remedy
            )
        )
    made = (found.exit - found.event)[place] - forecast.standing.made[rows]
    ahead = forecast.simulation.dates[rows]
    short = found.there[place] & (made < ahead)
    if short.any():
        names = [f"customer {who}" for who in ids[short]]
        remedy = "Forecast a shorter horizon, or observe the contracts until its end."
        raise ClvError(
            offenders("is not observed to the end of the horizon", column="exit", rows=names, values=found.exit[place][short],
                      remedy=remedy)
        )  # fmt: skip
    if np.any(made < 0):
        names = [f"customer {who}" for who in ids[made < 0]]
        raise ClvError(
            offenders("is before the forecast was made", column="exit", rows=names, values=found.exit[place][made < 0],
                      remedy="Give the contracts as they were observed later.")
        )  # fmt: skip
    return np.asarray(np.minimum(made, ahead))


def _later(forecast: ContractForecast, later: Contracts | Tenures) -> Tenures:
    """The later tenures of the contracts that ran when the forecast was made, whole periods, one per customer."""
    found = later
    if isinstance(later, Contracts):
        found = later.tenures(period=forecast.standing.period)
        until = forecast.standing.tenures.until
        if later.until is not None and until is not None:
            frame, day = later.to_frame(), pd.Timestamp(until)
            found = found.select(((frame["start"] <= day) & ~(frame["end"] <= day)).to_numpy(dtype=bool))
    if not isinstance(found, Tenures):
        raise ClvError(f"Give the same contracts observed longer, Contracts or Tenures, not {type(found).__name__}.")
    twice = pd.Series(found.customer_id).duplicated().to_numpy()
    if twice.any():
        names = [f"customer {who}" for who in found.customer_id[twice]]
        remedy = "Name the id of the contract as customer=, so that each can be found again."
        raise ClvError(
            offenders(
                "has several contracts",
                column="customer_id",
                rows=names,
                values=found.customer_id[twice],
                remedy=remedy,
            )
        )
    return found
