"""Forward-looking lifetime value: per customer and in total, with expected and predictive intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.data.contracts import Contracts
from clvmodels.data.histories import Histories
from clvmodels.data.tenures import Tenures
from clvmodels.duration.contractual import Timing
from clvmodels.errors import ClvError, ModelError
from clvmodels.estimation.result import Fit, tail_of
from clvmodels.estimation.stack import Stack
from clvmodels.model import Array
from clvmodels.units import Cost, Period, Rate, Span, as_period
from clvmodels.value.contract_forecast import ContractForecast, forecast_contracts
from clvmodels.value.fits import check_amounts, check_currencies, check_draws, duration_model, quantity_model
from clvmodels.value.leaving import is_contractual
from clvmodels.value.simulation import Block, Simulation
from clvmodels.value.standing import Paid
from clvmodels.value.terms import Margin, Terms
from clvmodels.value.totals import Totals, grouped, stream_table
from clvmodels.value.valuation import MEASURES, Reduced, Valuation, columns_of, with_ltv


@dataclass(frozen=True, eq=False, repr=False)
class Forecast(Totals):
    """The outcome of `clv.forecast`.

    Two kinds of interval are kept apart. *Expected*: where the mean lies, given that the parameters are not known
    exactly. *Predictive*: what this customer, or these customers together, will really do; it adds the customer's own unknown
    rates, chance, and the amounts. Columns `..._lower`, `..._upper` are predictive; `..._expected_lower` and
    `..._expected_upper` are of the mean. Bounds are draws (order statistics taken outwards), so a count stays a whole number.
    """

    simulation: Simulation
    valuation: Valuation
    customers: pd.DataFrame
    expected_draws: Array
    predictive_draws: Array
    notes: tuple[str, ...]
    measures = MEASURES

    @property
    def terms(self) -> Terms:
        return self.valuation.terms

    @property
    def interval(self) -> float:
        return self.valuation.interval

    @property
    def histories(self) -> Histories:
        return self.simulation.histories

    @property
    def horizon(self) -> Span:
        return self.terms.horizon

    @property
    def currency(self) -> str | None:
        return self.histories.currency

    def per_customer(self) -> pd.DataFrame:
        """One row per customer in the order of the histories: `customer_id` [, `segment`], then the columns named below.

        p_alive; purchases; spend [currency]; realised, potential and ltv [currency, margin after cost, discounted];
        each but p_alive and realised with `_lower` and `_upper` (predictive), the last two also with `_expected_lower` and
        `_expected_upper`.
        """
        return self.customers.copy()

    def group_draws(self, codes: NDArray[np.intp], groups: int) -> tuple[Array, Array]:
        def reduce(block: Block) -> list[Array]:
            inside = codes[block.rows]
            return [with_ltv(grouped([*m], inside, groups, self.draws)) for m in self.valuation.measures(block)]

        parts = self.simulation.play(reduce, description="Summing by group")
        return np.sum([part[0] for part in parts], axis=0), np.sum([part[1] for part in parts], axis=0)

    def stream(self, *, per: Period | None = None) -> pd.DataFrame:
        """Purchases and spend in each coming period, all customers together, with predictive intervals.

        Parameters
        ----------
        per
            Length of a step; the period of the histories if not given.

        Returns
        -------
        DataFrame indexed by period 1, 2, ...: purchases, purchases_lower, purchases_upper, spend, spend_lower, spend_upper
        (the last step may be shorter)
        """
        per = self.histories.period if per is None else as_period(per, name="per")
        steps = self.terms.horizon.per(per)
        if not np.isfinite(steps):
            raise ClvError("An endless horizon has no last period. Forecast a finite horizon to see its stream.")
        count = int(np.ceil(steps - 1e-9))
        width = per.days / self.histories.period.days
        draws = self.simulation.draws

        def reduce(block: Block) -> Array:
            draw = np.repeat(np.tile(np.arange(draws), block.rows.size), np.diff(block.offsets))
            step = np.minimum((block.times / width).astype(np.intp), count - 1)
            cell = step * draws + draw
            return np.array([np.bincount(cell, w, count * draws) for w in (None, block.amounts)], dtype=float)

        parts = self.simulation.play(reduce, amounts=True, description="Summing by period")
        both = np.sum(parts, axis=0).reshape(2, count, draws)
        return stream_table({"purchases": both[0], "spend": both[1]}, self.interval, per.name)

    def probability_below(self, purchases: Array, spend: Array) -> pd.DataFrame:
        """Where actual outcomes fall in the predictive distribution: P(draw < actual) and P(draw <= actual) per customer.

        Parameters
        ----------
        purchases, spend
            What each customer did over the horizon, in the order of the histories (n,).
        """

        def reduce(block: Block) -> tuple[NDArray[np.intp], Array]:
            pairs = ((block.purchases, purchases), (block.spend, spend))
            ranks = [f(v, a[block.rows][:, None]).mean(axis=1) for v, a in pairs for f in (np.less, np.less_equal)]
            return block.rows, np.column_stack(ranks)

        out = np.empty((len(self.histories), 4))
        for rows, ranks in self.simulation.play(reduce, description="Comparing with outcomes"):
            out[rows] = ranks
        names = ["purchases_below", "purchases_at_most", "spend_below", "spend_at_most"]
        return pd.DataFrame(out, columns=names, index=pd.Index(self.histories.customer_id, name="customer_id"))


@overload
def forecast(
    duration: Fit | Stack,
    quantity: Fit,
    histories: Histories,
    *,
    horizon: Span | Period,
    margin: Margin = ...,
    discount: Rate | None = ...,
    cost: Cost | None = ...,
    interval: float = ...,
    draws: int = ...,
    seed: int = ...,
) -> Forecast: ...
@overload
def forecast(
    duration: Fit | Mapping[str, Fit],
    quantity: Contracts | Tenures,
    *,
    horizon: Span | Period,
    price: Margin | None = ...,
    margin: Margin | None = ...,
    price_growth: Rate | None = ...,
    paid: Paid = ...,
    timing: Timing | None = ...,
    discount: Rate | None = ...,
    cost: Cost | None = ...,
    interval: float = ...,
    draws: int = ...,
    seed: int = ...,
) -> ContractForecast: ...
@overload
def forecast(
    duration: Fit | Mapping[str, Fit],
    quantity: Margin,
    histories: Contracts | Tenures,
    *,
    horizon: Span | Period,
    margin: Margin | None = ...,
    price_growth: Rate | None = ...,
    paid: Paid = ...,
    timing: Timing | None = ...,
    discount: Rate | None = ...,
    cost: Cost | None = ...,
    interval: float = ...,
    draws: int = ...,
    seed: int = ...,
) -> ContractForecast: ...
def forecast(
    duration: Any,
    quantity: Any,
    histories: Any = None,
    *,
    horizon: Span | Period,
    price: Margin | None = None,
    margin: Margin | None = None,
    price_growth: Rate | None = None,
    paid: Paid | None = None,
    timing: Timing | None = None,
    discount: Rate | None = None,
    cost: Cost | None = None,
    interval: float = 0.90,
    draws: int = 500,
    seed: int = 0,
) -> Forecast | ContractForecast:
    """Forecast what customers will buy or pay, and what they are worth.

    For purchases: `forecast(duration, quantity, histories, ...)`. Each draw takes one set of parameters from each fit, then for
    every customer: alive or not, her own rates given her history, her purchases until the horizon or until she leaves, and the
    amount of each. Nothing is averaged on the way.

    For contracts: `forecast(fit, contracts, ...)`, or `forecast(fit, price, contracts, ...)`. Each draw takes one set of
    parameters and then for every customer who is there how often she renews, given how long she has been there.

    Parameters
    ----------
    duration, quantity
        Fits of a duration model (such as `BG_NBD`) and of a quantity model (such as `GAMMA_GAMMA`). Several duration models
        predict together as a stack: `compare_models(...).stack()`. For contracts a fit of one of their models (such as
        `SHIFTED_BETA_GEOMETRIC`), or fits by reason to leave, `{"voluntary": ..., "payment": ...}`, each to
        `tenures.because_of(reason)`; then the price, or the contracts.
    histories
        The customers to value: `Histories`; or `Contracts` or `Tenures`. Contracts with dates say when each customer renews next;
        tenures of whole periods mean that she has just renewed, others how far she is from it.
    horizon
        How far ahead, such as `52 * WEEK`, or `FOREVER` (with a discount rate). A payment at its very end counts.
    price
        For contracts, what a payment is today [currency per period of the fit]: a number, a Series by customer id, or a
        distribution; the contracts' own column if not given.
    margin
        Contribution per unit of spend: a number, a Series by customer id, or a distribution such as `scipy.stats.beta(30, 70)`;
        1 if not given, or for contracts without price= their own column of margins.
    price_growth
        How prices of contracts rise, such as `Rate(0.02, per=YEAR)`.
    paid
        For contracts "start of period" (the default) or "end of period".
    timing
        For contracts, if everybody is at a renewal: "before renewal", it is due now and not decided; "after renewal", everybody
        has just renewed and that payment counts as to come. As in `discounted_expected_residual_lifetime`.
    discount
        Effective rate such as `Rate(0.10, per=YEAR)`; what is paid is discounted from the moment it is paid.
    cost
        Cost of keeping a customer, such as `Cost(2.50, per=MONTH)`; under contract while she is there, else over the horizon.
    interval
        Probability of the intervals.
    draws
        Joint draws; memory does not grow with them.
    seed
        Reproduces the forecast, whatever the number of threads.

    Returns
    -------
    Forecast, or ContractForecast

    Examples
    --------
    >>> import clvmodels as clv
    >>> cohort = clv.Tenures.from_cohort([1000, 869, 743, 653, 593, 551, 517, 491])
    >>> loyal = clv.fit(clv.SHIFTED_BETA_GEOMETRIC, cohort, method="mle")
    >>> value = clv.forecast(loyal, cohort, price=100, horizon=5 * clv.YEAR, discount=clv.Rate(0.10, per=clv.YEAR), seed=1)
    >>> table = value.total()
    >>> bool(table.loc["potential", "lower"] < table.loc["potential", "mean"] < table.loc["potential", "upper"])
    True
    """
    check_draws(draws)
    if is_contractual(duration):
        customers, stated = (quantity, price) if histories is None else (histories, quantity)
        _insist_on_contracts(duration, customers, histories is not None and price is not None)
        return forecast_contracts(
            duration, customers, horizon=horizon, price=stated, margin=margin, price_growth=price_growth,
            paid="start of period" if paid is None else paid, timing=timing, discount=discount, cost=cost,
            interval=interval, draws=draws, seed=seed,
        )  # fmt: skip
    for name, given in {"price": price, "price_growth": price_growth, "paid": paid, "timing": timing}.items():
        if given is not None:
            raise ClvError(f"{name}= is for contracts. What purchases cost is what quantity= learned. Leave it out.")
    if histories is None:
        raise ClvError("Whose forecast? Give the histories third: clv.forecast(duration, quantity, histories, ...).")
    margin = 1.0 if margin is None else margin
    return _forecast_purchases(
        duration, quantity, histories, terms=Terms(horizon, discount, margin, cost),  # type: ignore[arg-type]
        interval=interval, draws=draws, seed=seed,
    )  # fmt: skip


def _insist_on_contracts(duration: Any, customers: Any, twice: bool) -> None:
    if not isinstance(customers, Contracts | Tenures):
        name = next(iter(duration.values())) if isinstance(duration, Mapping) else duration
        raise ModelError(
            f"A fit of {name.model.name} forecasts contracts, not {type(customers).__name__}. Give Contracts or Tenures: "
            "clv.forecast(fit, contracts, horizon=..., price=...)."
        )
    if twice:
        raise ClvError("The price is given twice. Write clv.forecast(fit, contracts, price=...).")


def _forecast_purchases(
    duration: Fit | Stack, quantity: Fit, histories: Histories, *, terms: Terms, interval: float, draws: int, seed: int
) -> Forecast:
    tail_of(interval)
    models = duration_model(duration), quantity_model(quantity)
    check_currencies(duration, quantity, histories)
    inside = histories.to(duration.period)
    rng = _parameters(seed)
    theta = duration.draws(draws, seed=rng), quantity.draws(draws, seed=rng)
    span, force = terms.horizon.per(inside.period), terms.force(inside.period)
    simulation = Simulation(*models, *theta, inside, span, force, seed)
    valuation = Valuation(terms, inside, terms.margins(inside, draws, rng), interval)
    parts = simulation.play(valuation.reduce, description="Forecasting customers")
    expected, simulated = (
        np.sum([getattr(part, kind) for part in parts], axis=0) for kind in ("expected", "simulated")
    )
    customers = _customers(inside, parts)
    check_amounts(customers["potential"], models[1])
    notes = (*_notes(terms, inside, interval), *models[0].assumed)
    return Forecast(simulation, valuation, customers, expected, simulated, notes)


def _parameters(seed: int) -> np.random.Generator:
    """What draws the parameters of a forecast, those of the duration first."""
    return np.random.default_rng([seed, 0xD2A3])


def made_of(forecast: Forecast, duration: Fit) -> bool:
    """Whether a forecast is made of draws of this fit, under whatever future."""
    simulation = forecast.simulation
    names: tuple[str, ...] = duration.model.Theta._fields
    if getattr(simulation.duration_theta, "_fields", None) != names:
        return False
    drawn = duration.draws(forecast.draws, seed=_parameters(simulation.seed))
    return all(np.array_equal(*pair) for pair in zip(drawn, simulation.duration_theta, strict=True))


def _customers(histories: Histories, parts: list[Reduced]) -> pd.DataFrame:
    columns = columns_of(MEASURES, ["p_alive"])
    table = np.empty((len(histories), len(columns)))
    for part in parts:
        table[part.rows] = part.table
    labels = {"customer_id": histories.customer_id}
    if histories.segment is not None:
        labels["segment"] = histories.segment
    return pd.concat([pd.DataFrame(labels), pd.DataFrame(table, columns=columns)], axis=1)


def _notes(terms: Terms, histories: Histories, interval: float) -> tuple[str, ...]:
    money = histories.currency or "the currency of the log"
    notes = [
        f"Money in {money}. Intervals hold {100 * interval:g} %: lower and upper for what will happen, expected_lower and "
        "expected_upper for its mean."
    ]
    notes.append(f"Discounted at {terms.discount}." if terms.discount else "Not discounted.")
    if histories.spend is None and histories.margin is None:
        notes.append("Realised value counts repeat purchases only: the histories have no total spend.")
    if not np.isfinite(terms.horizon.count):
        notes.append("Purchases and spend are undiscounted counts and are not given for an endless horizon.")
    return tuple(notes)
