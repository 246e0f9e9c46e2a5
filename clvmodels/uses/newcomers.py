"""The most that a new customer may cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from clvmodels.data.histories import Histories
from clvmodels.errors import ClvError
from clvmodels.history import History, picked, upright
from clvmodels.model import Array
from clvmodels.purchase_dates import ragged
from clvmodels.units import Span
from clvmodels.uses.result import UseOfValue
from clvmodels.value.forecast import Forecast
from clvmodels.value.simulation import Block
from clvmodels.value.valuation import bounds_of

EACH = 20
"""Newcomers played in every joint draw."""
ROWS = ("first purchase", "repeat purchases", "cost of keeping", "lifetime value")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class NewcomerValue(UseOfValue):
    """The outcome of `clv.newcomer_value`.

    Attributes
    ----------
    draws
        Expected value of a newcomer in each joint draw [currency] (draws,).
    simulated
        What newcomers will really be worth, one after the other [currency].
    horizon, interval
        How far ahead; probability of the intervals.
    """

    title: ClassVar[str] = "Value of a newcomer"

    draws: Array = field(repr=False)
    simulated: Array = field(repr=False)
    horizon: Span
    interval: float

    @property
    def most(self) -> float:
        """The most that one may pay for a newcomer: her expected lifetime value [currency]."""
        return float(self.draws.mean())

    def p_worth(self, cost: float) -> float:
        """Probability that a single newcomer brings in at least what she cost [0 to 1]."""
        return float(np.mean(self.simulated >= cost))


def newcomer_value(
    forecast: Forecast, *, first_amount: float | None = None, covariates: Mapping[str, Any] | None = None
) -> NewcomerValue:
    """What a customer who makes her first purchase now is worth, and so the most she may cost.

    Margin of the first purchase, and of all purchases over the horizon of the forecast, at its discount, less its cost of
    keeping.

    Parameters
    ----------
    forecast
        Whose models, terms and draws hold for the newcomer too.
    first_amount
        Mean amount of a first purchase [currency]. By default that of the customers of the forecast (net spend less repeat
        purchases, with its standard error), or where their spend is not known the mean amount of the model.
    covariates
        Of the newcomer, one value for each that the models read, such as `{"channel": "online"}`.

    Returns
    -------
    NewcomerValue. `table()`, a row for the first purchase, the repeat purchases, the cost of keeping and the lifetime value:
    source, mean, expected_lower and expected_upper (of the mean: what one may pay), lower and upper (what one newcomer will
    really bring) [currency]. `most`: the most one may pay; `p_worth(cost)`: the chance that one newcomer pays back

    Raises
    ------
    ClvError
        The models read covariates that were not given, or `first_amount` is not a finite number of zero or more.

    Source: crm_indicators, section G; the definition.
    """
    simulation, valuation = forecast.simulation, forecast.valuation
    people = _newcomers(forecast, covariates or {})
    plain = simulation.quantity.expected_spend(simulation.quantity_theta, _one(people))[0]
    first, said = _first_amounts(forecast, plain, first_amount)
    margin = np.broadcast_to(valuation.margins.mean(axis=0), simulation.draws)
    ratio = np.broadcast_to(first / plain, simulation.draws)
    bought = simulation.duration.expected_if_alive(
        simulation.duration.each(simulation.duration_theta, _one(people)), _one(people),
        horizon=simulation.horizon, force=simulation.force,
    )[0]  # fmt: skip
    cost = 0.0 - forecast.terms.present_cost
    expected = np.array([margin * first, margin * plain * bought, np.full(simulation.draws, cost)])
    played = _played(forecast, people, margin, ratio)
    simulated = np.concatenate([played, np.full((1, played.shape[1]), cost)])
    expected, simulated = (np.concatenate([values, values.sum(axis=0)[None]]) for values in (expected, simulated))
    return NewcomerValue(
        summary=_table(expected, simulated, forecast.interval), customers=None, notes=_notes(forecast, said),
        currency=forecast.histories.currency, draws=expected[-1], simulated=simulated[-1],
        horizon=forecast.terms.horizon, interval=forecast.interval,
    )  # fmt: skip


def _newcomers(forecast: Forecast, covariates: Mapping[str, Any]) -> Histories:
    """Customers who have just made their first purchase, all alike."""
    simulation = forecast.simulation
    missing = [name for name in (*simulation.duration.reads, *simulation.quantity.reads) if name not in covariates]
    if missing:
        raise ClvError(
            f"The models read {', '.join(missing)} of a customer. Say which newcomer is meant: "
            f"covariates={{'{missing[0]}': ...}}."
        )
    zeros, today = np.zeros(EACH), forecast.histories.until
    columns = {name: np.repeat(np.asarray(value), EACH) for name, value in covariates.items()}
    dated = forecast.histories.dates is not None and today is not None
    return Histories(
        np.array([f"newcomer {k:06d}" for k in range(EACH)], dtype=object),
        zeros,
        zeros,
        zeros,
        zeros,
        forecast.histories.period,
        log_intervals=zeros,
        covariates=columns or None,
        dates=ragged([np.array([today], dtype="datetime64[D]")] * EACH) if dated else None,
    )


def _one(people: Histories) -> History:
    return upright(picked(people, [0]))


def _first_amounts(forecast: Forecast, plain: Array, given: float | None) -> tuple[Array, str]:
    """Mean amount of a first purchase in each draw (draws,) or (1,), and where it comes from."""
    histories = forecast.histories
    if given is not None:
        if not (np.isfinite(given) and given >= 0):
            raise ClvError(
                f"first_amount={given!r} is not an amount of zero or more. Give the mean of a first purchase."
            )
        return np.array([float(given)]), "was given"
    if histories.spend is None:
        return plain, "is the mean amount of the model, because the spend of the customers is not known"
    amounts = histories.spend - histories.frequency * np.nan_to_num(histories.monetary_value)
    error = amounts.std(ddof=1) / np.sqrt(amounts.size) if amounts.size > 1 else 0.0
    noise = np.random.default_rng([forecast.simulation.seed, 0xF157]).standard_normal(plain.size)
    return np.maximum(amounts.mean() + error * noise, 0.0), "is that of the customers of the forecast"


def _played(forecast: Forecast, people: Histories, margin: Array, ratio: Array) -> Array:
    """Margin at present value of the first and of the repeat purchases of single newcomers (2, EACH * draws)."""
    simulation = replace(forecast.simulation, histories=people)

    def reduce(block: Block) -> Array:
        rng = np.random.default_rng([simulation.seed, 0x4E37, int(block.rows[0])])
        starts = block.offsets[:-1] + np.arange(block.offsets.size - 1)
        offsets = block.offsets + np.arange(block.offsets.size)
        times = np.insert(block.times, block.offsets[:-1], 0.0)
        theta, who = simulation.quantity_theta, people.select(people.customer_id[block.rows])
        totals = simulation.quantity.draw_totals(theta, who, block.purchases + 1, rng=rng)
        amounts = simulation.quantity.draw_spend(theta, who, offsets, totals=totals, rng=rng)
        present = np.add.reduceat(amounts * np.exp(-simulation.force * times), starts).reshape(totals.shape)
        first = amounts[starts].reshape(totals.shape)
        return np.array([first * ratio * margin, (present - first) * margin]).reshape(2, -1)

    return np.concatenate(simulation.play(reduce, description="Playing newcomers"), axis=1)


def _table(expected: Array, simulated: Array, interval: float) -> pd.DataFrame:
    low, high = bounds_of(expected, interval)
    lower, upper = bounds_of(simulated, interval)
    return pd.DataFrame(
        {"source": ROWS, "mean": expected.mean(axis=1), "expected_lower": low, "expected_upper": high}
        | {"lower": lower, "upper": upper}
    )


def _notes(forecast: Forecast, said: str) -> tuple[str, ...]:
    return (
        f"Over the first {forecast.terms.horizon} of a customer. The mean amount of a first purchase {said}. Intervals hold "
        f"{100 * forecast.interval:g} %: expected_lower and expected_upper of the mean, lower and upper of one newcomer.",
        "The mean is the most one may pay; who pays it breaks even over the horizon and earns nothing.",
    )
