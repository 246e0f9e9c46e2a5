"""The formulas of constant retention beside a forecast of contracts, on the same customers and terms."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvmodels.errors import ClvError
from clvmodels.model import Array
from clvmodels.value import formulas
from clvmodels.value.contract_terms import series

if TYPE_CHECKING:
    from clvmodels.data.tenures import Tenures
    from clvmodels.value.contract_forecast import ContractForecast
    from clvmodels.value.contract_simulation import ContractSimulation

MEANINGS = {
    "the model": "each customer's retention given how long she has been there",
    "constant retention": "the same payments, everybody renewing at the mean rate",
    "m r / (1 + d - r)": "endless, first payment after a period",
    "m (1 + d) / (1 + d - r)": "endless, first payment now",
    "m / churn": "endless, not discounted: margin times the lifetime 1 / churn",
    "Reichheld": "margin over the lifetime 1 / defection, discounted",
}


def retention_of(tenures: Tenures) -> float:
    """Renewals made of all that were due: the constant rate that fits these customers best.

    Examples
    --------
    >>> from clvmodels.data.tenures import Tenures
    >>> round(retention_of(Tenures.from_cohort([1000, 631, 468])), 4)
    0.6738
    """
    due, left = float(tenures.weights @ (tenures.exit - tenures.entry)), float(tenures.weights @ tenures.event)
    if left == 0 or due == 0:
        raise ClvError(
            "Nobody of these customers has left, so their constant retention is not known. Give retention=, or forecast all "
            "tenures with those who left among them: they are worth nothing and tell the rate."
        )
    return 1.0 - left / due


def formulas_table(forecast: ContractForecast, retention: float | None) -> pd.DataFrame:
    """As `ContractForecast.against_formulas`."""
    simulation = forecast.simulation
    rate = retention_of(simulation.standing.tenures) if retention is None else float(retention)
    if not 0 < rate < 1:
        raise ClvError(f"retention={rate!r} is not a share between 0 and 1. Write 0.85 if 85 % renew.")
    earned = simulation.money.earned.mean(axis=1)
    margin = float(np.sum(np.broadcast_to(earned, simulation.standing.there.shape)[simulation.standing.there]))
    potential = float(forecast.expected_draws[3].mean())
    values = [potential, constant_value(simulation, rate) - _cost_of(forecast)]
    values += endless(margin, rate, math.expm1(simulation.force))
    return _table(values, rate, forecast)


def constant_value(simulation: ContractSimulation, rate: float) -> float:
    """The forecast's payments if everybody renewed at the same rate, at present value, margin before cost [currency]."""
    standing, force = simulation.standing, simulation.force - simulation.rise
    wait, dates = standing.wait, simulation.dates
    slope = force - math.log(rate)
    first = np.exp(-force * (wait - 1.0))
    if standing.paid == "end of period":
        flow = first * series(slope, dates) / rate
    else:
        flow = first * series(slope, dates) + float(standing.now)
    return float(np.sum((standing.there * flow)[:, None] * simulation.money.earned.mean(axis=1, keepdims=True)))


def endless(margin: float, rate: float, discount: float) -> list[float]:
    """The textbook formulas, in the order of `MEANINGS`; infinite where they have no finite value."""
    span = math.ceil(1.0 / (1.0 - rate)) + 1
    return [
        float(formulas.constant_retention(margin=margin, retention=rate, discount=discount)),
        float(formulas.constant_retention(margin=margin, retention=rate, discount=discount, first_payment="now")),
        margin / (1.0 - rate),
        formulas.reichheld(profit=np.full(span, margin), acquisition_cost=0.0, defection=1.0 - rate, discount=discount),
    ]


def _cost_of(forecast: ContractForecast) -> float:
    """Expected cost of serving the customers, which the formulas leave out [currency]."""
    simulation = forecast.simulation
    if simulation.terms.cost is None:
        return 0.0
    parts = simulation.play(lambda block: block.served.sum(axis=0), description="Cost of serving")
    return float(np.sum(parts, axis=0).mean())


def _table(values: list[float], rate: float, forecast: ContractForecast) -> pd.DataFrame:
    model = values[0]
    table = pd.DataFrame(
        {
            "value": values,
            "difference": np.array(values) - model,
            "share": np.array(values) / model if model else np.nan,
        },
        index=pd.Index(list(MEANINGS), name="formula"),
    )
    table["meaning"] = list(MEANINGS.values())
    table.attrs["words"] = _words(forecast, rate, values)
    return table


def _words(forecast: ContractForecast, rate: float, values: list[float]) -> list[str]:
    there: Array = forecast.customers.loc[forecast.standing.there, "p_renew"].to_numpy(dtype=float)
    renew, share = float(there.mean()), values[1] / values[0] - 1.0 if values[0] else 0.0
    words = [
        f"Of all renewals that were due {100 * rate:.1f} % were made; those who are there now renew next time with probability "
        f"{100 * renew:.1f} % on average, by the model."
    ]
    apart = f"Constant retention is {abs(100 * share):.1f} % {'below' if share < 0 else 'above'} the model on the same payments"
    if share < 0 and renew > rate:
        words.append(
            f"{apart}: those who leave easily have left, the loyal remain, and constant churn understates the value of survivors."
        )
    elif share > 0 and renew < rate:
        words.append(f"{apart}: those who are there now are likelier to leave than customers were so far.")
    else:
        words.append(f"{apart}.")
    if np.isfinite(forecast.horizon.count):
        words.append(f"The endless formulas also count payments after the horizon of {forecast.horizon}.")
    return words
