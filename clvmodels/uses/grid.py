"""The grid of value by loyalty."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.errors import ClvError
from clvmodels.model import Array
from clvmodels.uses.result import UseOfValue
from clvmodels.uses.tiers import ValueTiers, value_tiers
from clvmodels.value.forecast import Forecast
from clvmodels.value.never_lost import never_lost
from clvmodels.value.valuation import MEASURES, bounds_of

type Loyalty = Literal["p_alive", "frequency", "tenure"]

LEVELS = ("low", "middle", "high")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ValueLoyaltyGrid(UseOfValue):
    """The outcome of `clv.value_loyalty_grid`; `tiers` are its rows, `levels` its columns, of what `loyalty` measures."""

    title: ClassVar[str] = "Value by loyalty"

    tiers: ValueTiers = field(repr=False)
    loyalty: Loyalty
    levels: tuple[str, ...]


def value_loyalty_grid(
    forecast: Forecast,
    *,
    tiers: ValueTiers | None = None,
    loyalty: Loyalty = "p_alive",
    cuts: Sequence[float] | None = None,
) -> ValueLoyaltyGrid:
    """Count and value customers by value tier and by loyalty.

    Loyalty is P(alive) by default: the chance that a customer is still one, which is what an offer to keep her acts on, and the
    one measure that sets a long silence against her own habit. Frequency and tenure look back only: a customer of ten years may
    be gone. In BG/NBD, who never bought again counts as alive for certain; a note says so where it matters, and "frequency" or a
    fit of `MBG_NBD` or `PARETO_NBD` is then the better choice.

    Parameters
    ----------
    forecast
        As `clv.forecast` returns it.
    tiers
        As `clv.value_tiers(forecast)` returns them; made with its defaults if not given.
    loyalty
        "p_alive", "frequency" (repeat purchases) or "tenure" (time since the first purchase [period of the histories]).
    cuts
        One or two rising numbers between low and (middle and) high; a customer at a cut is above it. By default 0.3 and 0.7 for
        P(alive), otherwise the terciles of the customers.

    Returns
    -------
    ValueLoyaltyGrid. `table()`, a row per tier and level with or without customers: tier, loyalty, customers, mean with lower and
    upper (predictive) of the cell's value [currency], share_of_value, p_alive (mean), p_tier (mean probability that its customers
    are really in the tier). `per_customer()`: customer_id, tier, loyalty, value [currency], p_alive, frequency, tenure, p_tier

    Raises
    ------
    ClvError
        `loyalty` is not known, the cuts do not rise, or the tiers are of other customers.

    Source: crm_indicators, section G.
    """
    tiers = value_tiers(forecast) if tiers is None else tiers
    table = tiers.per_customer()
    if not np.array_equal(table["customer_id"].to_numpy(), forecast.histories.customer_id):
        raise ClvError("The tiers are of other customers than the forecast. Make them with value_tiers(forecast).")
    measured = _measured(forecast, loyalty)
    places = _places(measured, loyalty, cuts)
    level = np.searchsorted(places, measured, side="right")
    levels = LEVELS if places.size == 2 else (LEVELS[0], LEVELS[-1])
    cells = tiers.codes * len(levels) + level
    customers = pd.DataFrame(
        {"customer_id": table["customer_id"], "tier": table["tier"], "loyalty": np.array(levels, dtype=object)[level]}
        | {
            "value": table[tiers.by],
            "p_alive": forecast.customers["p_alive"],
            "frequency": forecast.histories.frequency,
        }
        | {"tenure": forecast.histories.T, "p_tier": table["p_tier"]}
    )
    return ValueLoyaltyGrid(
        summary=_cells(forecast, tiers, levels, cells, customers), customers=customers,
        notes=_notes(forecast, loyalty, places), currency=forecast.histories.currency,
        tiers=tiers, loyalty=loyalty, levels=levels,
    )  # fmt: skip


def _measured(forecast: Forecast, loyalty: str) -> Array:
    if loyalty not in get_args(Loyalty.__value__):
        raise ClvError(f"loyalty={loyalty!r} is not known. Write 'p_alive', 'frequency' or 'tenure'.")
    if loyalty == "p_alive":
        return forecast.customers["p_alive"].to_numpy(dtype=float)
    return forecast.histories.frequency if loyalty == "frequency" else forecast.histories.T


def _places(measured: Array, loyalty: str, cuts: Sequence[float] | None) -> Array:
    if cuts is None:
        return np.array([0.3, 0.7]) if loyalty == "p_alive" else np.quantile(measured, [1 / 3, 2 / 3])
    places = np.asarray(cuts, dtype=float)
    if places.ndim != 1 or places.size not in (1, 2) or not np.all(np.isfinite(places)) or np.any(np.diff(places) <= 0):
        raise ClvError(f"cuts={cuts!r} are not one or two rising numbers. Write for example [0.3, 0.7].")
    return places


def _cells(
    forecast: Forecast, tiers: ValueTiers, levels: tuple[str, ...], cells: NDArray[np.intp], customers: pd.DataFrame
) -> pd.DataFrame:
    count = len(tiers.names) * len(levels)
    expected, simulated = (sums[MEASURES.index(tiers.by)] for sums in forecast.group_draws(cells, count))
    held, mean = np.bincount(cells, minlength=count), expected.mean(axis=1)
    lower, upper = bounds_of(simulated, forecast.interval)
    columns: dict[str, Any] = {
        "tier": np.repeat(tiers.names, len(levels)),
        "loyalty": np.tile(levels, len(tiers.names)),
    }
    columns |= {"customers": held, "mean": mean, "lower": lower, "upper": upper, "share_of_value": mean / mean.sum()}
    for name in ("p_alive", "p_tier"):
        columns[name] = np.bincount(cells, customers[name], count) / np.where(held > 0, held, np.nan)
    return pd.DataFrame(columns)


def _notes(forecast: Forecast, loyalty: Loyalty, places: Array) -> tuple[str, ...]:
    meaning = {
        "p_alive": "P(alive)",
        "frequency": "repeat purchases",
        "tenure": f"{forecast.histories.period}s since the first purchase",
    }
    said = f"Loyalty is {meaning[loyalty]}, cut at {', '.join(f'{place:.3g}' for place in places)}."
    return (said, *(never_lost(forecast) if loyalty == "p_alive" else ()))
