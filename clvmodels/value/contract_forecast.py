"""Lifetime value of customers under contract: given that they are there, with expected and predictive intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.data.contracts import Contracts
from clvmodels.data.tenures import Tenures
from clvmodels.duration.contractual import Timing
from clvmodels.errors import ClvError
from clvmodels.estimation.result import tail_of
from clvmodels.model import Array
from clvmodels.units import Cost, Period, Rate, Span, as_period
from clvmodels.value.contract_formulas import formulas_table
from clvmodels.value.contract_reasons import lost_table
from clvmodels.value.contract_simulation import MEASURES, ContractBlock, ContractSimulation
from clvmodels.value.contract_terms import ContractTerms
from clvmodels.value.leaving import leaving_of
from clvmodels.value.standing import Paid, Standing, labels_of, standing_of
from clvmodels.value.terms import Margin
from clvmodels.value.totals import Totals, grouped, stream_table
from clvmodels.value.valuation import Reduced, columns_of, reduced, with_ltv

KNOWN = ("there", "p_renew", "p_there")


@dataclass(frozen=True, eq=False, repr=False)
class ContractForecast(Totals):
    """The outcome of `clv.forecast` for customers under contract.

    Everything is conditional on what is known: who is there today has survived so far, and that tells of her. Intervals are as in
    `Forecast`: `..._lower` and `..._upper` of what will happen, `..._expected_lower` and `..._expected_upper` of its mean.
    """

    simulation: ContractSimulation
    interval: float
    customers: pd.DataFrame
    expected_draws: Array
    predictive_draws: Array
    notes: tuple[str, ...]
    measures = MEASURES

    @property
    def terms(self) -> ContractTerms:
        return self.simulation.terms

    @property
    def standing(self) -> Standing:
        return self.simulation.standing

    @property
    def horizon(self) -> Span:
        return self.terms.horizon

    @property
    def currency(self) -> str | None:
        return self.standing.tenures.currency

    def per_customer(self) -> pd.DataFrame:
        """One row per contract: `customer_id` [, `contract`] [, `segment`], then the columns named below.

        there (1 if the contract runs today); p_renew (probability to be there at the next renewal); p_there (to be still there at
        the last renewal within the horizon); payments [count]; spend [currency, not discounted]; realised (payments so far, at
        the prices of their time where the rows of the contracts tell them, else at today's), potential and ltv [currency, margin
        after cost, discounted]; each but the first three and realised with `_lower` and `_upper` (predictive), the last two also
        with `_expected_lower` and `_expected_upper`.
        """
        return self.customers.copy()

    def group_draws(self, codes: NDArray[np.intp], groups: int) -> tuple[Array, Array]:
        def reduce(block: ContractBlock) -> list[Array]:
            inside = codes[block.rows]
            return [with_ltv(grouped([*m], inside, groups, self.draws)) for m in (block.expected, block.simulated)]

        parts = self.simulation.play(reduce, description="Summing by group")
        return np.sum([part[0] for part in parts], axis=0), np.sum([part[1] for part in parts], axis=0)

    def stream(self, *, per: Period | None = None) -> pd.DataFrame:
        """Payments, what they bring in, and how many customers are there, in each coming period, with predictive intervals.

        Parameters
        ----------
        per
            Length of a step; the period from one renewal to the next if not given.

        Returns
        -------
        DataFrame indexed by period 1, 2, ...: payments, spend, customers (there at the end of the step or, within a step, until
        their next renewal), each with `_lower` and `_upper`; the last step may be shorter
        """
        own = self.standing.period
        per = own if per is None else as_period(per, name="per")
        steps = self.horizon.per(per)
        if not np.isfinite(steps):
            raise ClvError("An endless horizon has no last period. Forecast a finite horizon to see its stream.")
        count, width = int(np.ceil(steps - 1e-9)), per.days / own.days

        def reduce(block: ContractBlock) -> Array:
            return _stream_of(self.simulation, block, count, width)

        sums = np.sum(self.simulation.play(reduce, description="Summing by period"), axis=0)
        return stream_table(dict(zip(("payments", "spend", "customers"), sums, strict=True)), self.interval, per.name)

    def lost_to(self) -> pd.DataFrame:
        """How much of the value goes with those who leave, by reason: an offer may answer one, a new card another.

        Returns
        -------
        DataFrame by reason ("any reason" where the forecast was made of one fit): leavers (expected in the horizon), lost with
        `_lower` and `_upper` (payments to the horizon that go with them, at present value, margin before the cost of serving;
        over all reasons what never leaving would add), share, if_removed with bounds (what would come if nobody left for this
        reason and the others went on) [currency]
        """
        return lost_table(self.simulation, self.interval)

    def against_formulas(self, *, retention: float | None = None) -> pd.DataFrame:
        """The simple formulas that assume constant retention, on the same customers.

        Parameters
        ----------
        retention
            Share of customers who renew, per period; renewals made of all that were due in these tenures if not given.

        Returns
        -------
        DataFrame by formula: value (of all customers who are there) [currency], difference (from the model), share (of the
        model's value), meaning. The attribute `attrs["words"]` says in sentences what the differences come from.
        """
        return formulas_table(self, retention)

    @property
    def _heading(self) -> str:
        there = int(self.standing.there.sum())
        return f"Forecast of {len(self.customers):,} contracts ({there:,} running) over {self.horizon}, {self.draws:,} draws"


def _stream_of(simulation: ContractSimulation, block: ContractBlock, count: int, width: float) -> Array:
    """Payments, spend and customers by step of a block (3, steps, draws)."""
    standing, rise = simulation.standing, simulation.rise
    wait, dates = standing.wait[block.rows][:, None], simulation.dates[block.rows][:, None]
    price = simulation.money.of(block.rows).price
    there = block.dates >= 0
    made = np.where(there, np.minimum(block.dates + float(standing.paid == "end of period"), dates), 0.0)
    sums = np.zeros((3, count, block.dates.shape[1]))
    if standing.now:
        sums[:2, 0] += [there.sum(axis=0), (there * price).sum(axis=0)]
    for k in range(1, int(made.max(initial=0.0)) + 1):
        time, paying = wait + (k - 1.0), made >= k
        step = np.minimum(np.maximum(np.ceil(time / width - 1e-9) - 1.0, 0.0), count - 1.0).astype(np.intp)[:, 0]
        np.add.at(sums[0], step, paying.astype(float))
        np.add.at(sums[1], step, paying * price * np.exp(rise * time))
    for s in range(count):
        end = min((s + 1.0) * width, simulation.horizon)
        sums[2, s] = (there & (wait + block.dates > end)).sum(axis=0)
    return sums


def forecast_contracts(
    fits: Any,
    contracts: Contracts | Tenures,
    *,
    horizon: Span | Period,
    price: Margin | None,
    margin: Margin | None,
    price_growth: Rate | None,
    paid: Paid,
    timing: Timing | None,
    discount: Rate | None,
    cost: Cost | None,
    interval: float,
    draws: int,
    seed: int,
) -> ContractForecast:
    """As `forecast` for a fit of a model of contracts, or for fits by reason to leave."""
    terms = ContractTerms(horizon, discount, margin, cost, price, price_growth)  # type: ignore[arg-type]
    tail_of(interval)
    rng = np.random.default_rng([seed, 0xD2A3])
    leaving = leaving_of(fits, draws, rng)
    standing = standing_of(contracts, period=leaving.period, discrete=leaving.discrete, timing=timing, paid=paid)
    simulation = ContractSimulation(leaving, standing, terms, terms.money(standing, draws, rng), seed)

    def reduce(block: ContractBlock) -> Reduced:
        known = dict(zip(KNOWN, _known(standing, block), strict=True))
        return reduced(block.rows, known, block.expected, block.simulated, names=MEASURES, interval=interval)

    parts = simulation.play(reduce, description="Forecasting contracts")
    expected, simulated = (
        np.sum([getattr(part, kind) for part in parts], axis=0) for kind in ("expected", "simulated")
    )
    columns = columns_of(MEASURES, KNOWN)
    table = np.empty((len(standing.made), len(columns)))
    for part in parts:
        table[part.rows] = part.table
    customers = pd.concat([labels_of(standing), pd.DataFrame(table, columns=columns)], axis=1)
    return ContractForecast(simulation, interval, customers, expected, simulated, _notes(terms, standing, interval))


def _known(standing: Standing, block: ContractBlock) -> tuple[Array, Array, Array]:
    there = standing.there[block.rows].astype(float)
    return there, block.renews.mean(axis=1), block.stays.mean(axis=1)


def _notes(terms: ContractTerms, standing: Standing, interval: float) -> tuple[str, ...]:
    money = standing.tenures.currency or "the currency of the prices"
    first = (
        "The payment of the period that begins today counts as to come."
        if standing.now
        else "Payments due before today are realised."
    )
    notes = [
        f"Money in {money}. Intervals hold {100 * interval:g} %: lower and upper for what will happen, expected_lower and "
        "expected_upper for its mean.",
        f"Discounted at {terms.discount}." if terms.discount else "Not discounted.",
        f"Paid at the {standing.paid}, a period being a {standing.period}. {first}",
    ]
    if terms.growth is not None:
        notes.append(f"Prices rise by {terms.growth}.")
    if not np.isfinite(terms.horizon.count):
        notes.append("Payments and spend are undiscounted counts and are not given for an endless horizon.")
    return tuple(notes)
