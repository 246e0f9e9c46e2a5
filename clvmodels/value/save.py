"""The most that keeping a customer is worth."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.errors import UnitError
from clvmodels.history import picked, upright
from clvmodels.value.contract_forecast import ContractForecast
from clvmodels.value.contract_reasons import perfect
from clvmodels.value.forecast import Forecast
from clvmodels.value.simulation import CELLS, in_blocks


def max_worth_spending(forecast: Forecast | ContractForecast) -> pd.Series:
    """What a perfect save is worth: the value of each customer if she never left, less what she is worth as it is [currency].

    A customer who has left cannot be kept: the chance that she has is in both terms. No offer that only keeps customers can be
    worth more. Under contract it is what her payments would be if she renewed every time, before the cost of serving.

    Parameters
    ----------
    forecast
        Of a finite horizon.

    Returns
    -------
    Series by customer id (by row of contracts), >= 0: mean over the draws of the forecast

    Raises
    ------
    UnitError
        The horizon is endless, so that a customer who never leaves is worth no finite amount without discount.
    """
    if isinstance(forecast, ContractForecast):
        return _of_contracts(forecast)
    simulation, valuation = forecast.simulation, forecast.valuation
    if math.isinf(simulation.horizon) and simulation.force <= 0:
        raise UnitError(
            "Over an endless horizon a customer who never leaves is worth no finite amount without a discount."
        )
    worth = np.empty(len(simulation.histories))

    def block(rows: NDArray[np.intp], start: int) -> None:
        people = picked(simulation.histories, rows)
        margin = valuation.margins if valuation.margins.shape[0] == 1 else valuation.margins[rows]
        amount = margin * simulation.quantity.expected_spend(simulation.quantity_theta, upright(people))
        past = simulation.past(people)
        staying = past.staying(horizon=simulation.horizon, force=simulation.force)
        more = staying - past.expected(horizon=simulation.horizon, force=simulation.force)
        alive = simulation.duration.p_alive(simulation.duration_theta, upright(people))
        worth[rows] = (alive * more * amount).mean(axis=1)

    in_blocks(block, simulation.order, size=max(1, CELLS // simulation.draws), description="Valuing perfect saves")
    index = pd.Index(simulation.histories.customer_id, name="customer_id")
    return pd.Series(np.maximum(worth, 0.0), index=index, name="max_worth_spending")


def _of_contracts(forecast: ContractForecast) -> pd.Series:
    """The same where leaving is seen."""
    simulation = forecast.simulation
    worth, force = np.empty(len(forecast.customers)), simulation.force - simulation.rise

    def block(rows: NDArray[np.intp], start: int) -> None:
        people = simulation.alike(rows)
        more = (perfect(simulation, people, force) - simulation.flow(people, force))[:, people.inverse].T
        worth[rows] = (simulation.standing.there[rows][:, None] * more * simulation.money.of(rows).earned).mean(axis=1)

    in_blocks(block, simulation.order, size=max(1, CELLS // simulation.draws), description="Valuing perfect saves")
    index = pd.Index(forecast.customer_id, name="customer_id")
    return pd.Series(np.maximum(worth, 0.0), index=index, name="max_worth_spending")
