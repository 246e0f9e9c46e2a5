"""Value at risk: what may be lost with customers who leave, what winning back would be worth, and what a perfect save is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.errors import ClvError, UnitError
from clvmodels.history import picked, upright
from clvmodels.model import Array
from clvmodels.units import Period, Span, as_span
from clvmodels.uses.result import UseOfValue
from clvmodels.value.forecast import Forecast
from clvmodels.value.never_lost import never_lost
from clvmodels.value.save import max_worth_spending
from clvmodels.value.simulation import CELLS, in_blocks
from clvmodels.value.valuation import bounds_of

BANDS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9)
"""Where bands of P(alive) begin."""
MEANS = ("potential", "potential_if_alive", "p_leaves", "win_back", "value_at_risk")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ValueAtRisk(UseOfValue):
    """The outcome of `clv.value_at_risk`; `within` is the time over which customers may leave, `horizon` that of the value."""

    title: ClassVar[str] = "Value at risk"

    within: Span
    horizon: Span

    def keep(self, most: int = 100) -> pd.DataFrame:
        """The customers with most value at risk, the first to keep."""
        return self._first("value_at_risk", most)

    def win_back(self, most: int = 100) -> pd.DataFrame:
        """The customers whose return is worth most, the first to win back."""
        return self._first("win_back", most)

    def _first(self, column: str, most: int) -> pd.DataFrame:
        if most < 1:
            raise ClvError(f"most={most!r} customers make no list. Ask for one or more.")
        ranked = self.per_customer().sort_values([column, "customer_id"], ascending=[False, True])
        return ranked.head(most).reset_index(drop=True)


def value_at_risk(forecast: Forecast, *, within: Span | Period) -> ValueAtRisk:
    """What is lost with customers who have left or will leave, and the most that can be spent on it.

    Draw by draw, with V the potential value of a customer if she is alive today (before costs of keeping, which are paid either
    way):

    - win_back = (1 - P(alive)) V: what having her back is worth, times the chance that she is gone
    - value_at_risk = P(leaves within `within` | alive) P(alive) V: the hazard times her potential value. The whole potential is
      counted, also what she would still buy before she leaves
    - max_worth_spending: what a perfect save is worth (`clv.max_worth_spending`), the limit for every offer to keep her

    Parameters
    ----------
    forecast
        As `clv.forecast` returns it.
    within
        Time over which leaving is counted, such as `13 * WEEK`.

    Returns
    -------
    ValueAtRisk. `per_customer()`: customer_id, p_alive, p_gone, p_leaves (within, if alive), potential (before costs of keeping),
    potential_if_alive, win_back and value_at_risk each with lower and upper (expected interval, of the mean), max_worth_spending
    [currency]. `table()`, a row per band of P(alive): from, to, customers, and sums of potential, win_back, value_at_risk,
    max_worth_spending. Lists in order: `keep(most)`, `win_back(most)`

    Raises
    ------
    UnitError
        `within` is zero or endless.

    Source: crm_indicators, section G; BlattbergDeighton1996 (the value of a save).
    """
    span = as_span(within, name="within")
    if not 0 < span.count < np.inf:
        raise UnitError(f"within={span} is no time to leave in. Write for example within=13 * WEEK.")
    customers = _customers(forecast, span)
    notes = (
        f"Leaving is counted within {span}, value over {forecast.terms.horizon}. Intervals hold {100 * forecast.interval:g} "
        "% of the mean (parameters). win_back and value_at_risk are upper limits: no offer brings everybody back or keeps "
        "everybody.",
        *never_lost(forecast),
    )
    return ValueAtRisk(
        summary=_bands(customers), customers=customers, notes=notes, currency=forecast.histories.currency, within=span,
        horizon=forecast.terms.horizon,
    )  # fmt: skip


def _customers(forecast: Forecast, span: Span) -> pd.DataFrame:
    simulation, valuation = forecast.simulation, forecast.valuation
    ahead, n = span.per(simulation.histories.period), len(simulation.histories)
    means = {name: np.empty(n) for name in MEANS}
    bounds = {f"{name}_{end}": np.empty(n) for name in ("win_back", "value_at_risk") for end in ("lower", "upper")}

    def block(rows: NDArray[np.intp], start: int) -> None:
        people = picked(simulation.histories, rows)
        margin = valuation.margins if valuation.margins.shape[0] == 1 else valuation.margins[rows]
        past = simulation.past(people)
        bought = past.expected(horizon=simulation.horizon, force=simulation.force)
        value = margin * simulation.quantity.expected_spend(simulation.quantity_theta, upright(people)) * bought
        alive = simulation.duration.p_alive(simulation.duration_theta, upright(people))
        leaves = 1 - past.survival(ahead)
        found = (alive * value, value, leaves, (1 - alive) * value, leaves * alive * value)
        for name, values in zip(MEANS, found, strict=True):
            means[name][rows] = np.broadcast_to(values, (rows.size, simulation.draws)).mean(axis=1)
        for name, values in (("win_back", found[3]), ("value_at_risk", found[4])):
            bounds[f"{name}_lower"][rows], bounds[f"{name}_upper"][rows] = bounds_of(values, forecast.interval)

    in_blocks(block, simulation.order, size=max(1, CELLS // simulation.draws), description="Valuing what is at risk")
    return _arranged(forecast, means, bounds)


def _arranged(forecast: Forecast, means: dict[str, Array], bounds: dict[str, Array]) -> pd.DataFrame:
    alive = forecast.customers["p_alive"].to_numpy()
    columns = {"customer_id": forecast.histories.customer_id, "p_alive": alive, "p_gone": 1 - alive}
    columns |= {name: means[name] for name in ("p_leaves", "potential", "potential_if_alive")}
    for name in ("win_back", "value_at_risk"):
        columns |= {name: means[name], **{f"{name}_{end}": bounds[f"{name}_{end}"] for end in ("lower", "upper")}}
    return pd.DataFrame(columns | {"max_worth_spending": max_worth_spending(forecast).to_numpy()})


def _bands(customers: pd.DataFrame) -> pd.DataFrame:
    band = np.searchsorted(BANDS, customers["p_alive"], side="right") - 1
    columns = {
        "from": np.array(BANDS),
        "to": np.array([*BANDS[1:], 1.0]),
        "customers": np.bincount(band, minlength=len(BANDS)),
    }
    sums = ("potential", "win_back", "value_at_risk", "max_worth_spending")
    return pd.DataFrame(columns | {name: np.bincount(band, customers[name], len(BANDS)) for name in sums})
