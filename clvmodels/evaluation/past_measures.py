"""Measures that look at a log's past: past customer value, and spend if the same share of customers is retained for ever."""

from __future__ import annotations

import datetime
import math
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.data.histories import Histories
from clvmodels.data.tables import fetch
from clvmodels.data.transactions import Transactions
from clvmodels.errors import ClvError
from clvmodels.metrics.people import past_value
from clvmodels.model import Array
from clvmodels.units import Rate, Span
from clvmodels.value import formulas
from clvmodels.value.forecast import Forecast


class Retained(NamedTuple):
    """Constant retention: the rate from period to period, who bought in the last one (n,), and what they will spend (n,)."""

    rate: float
    active: NDArray[np.bool_]
    spend: Array


def past_values(forecast: Forecast, calibration: Transactions, *, rate: Rate | None) -> Array:
    """Past customer value (이전고객가치) of each customer from her log: sum of GC (1 + r)^n [currency] (n,).

    The contribution GC of a purchase is the log's own margin, or its amount times the margin of the forecast; n counts time since
    the purchase to the day. Without a rate nothing is compounded.

    Source: crm_indicators, section D; the query is `metrics.past_value`.
    """
    own = "margin" in calibration.lines().columns
    table = past_value(calibration, rate=rate, margin=None if own else 1.0)
    value = _of(forecast.histories, table, "past_value", 0.0)
    return value if own else np.asarray(value * forecast.valuation.margins.mean(axis=1))


def retained(histories: Histories, calibration: Transactions, *, period: Span, horizon: Span) -> Retained:
    """What each customer will spend over the horizon if a constant share of those active is retained from period to period.

    Active is who bought in the last `period` of the calibration. The rate is the share of those active in the period before who
    are. A customer goes on spending what she has spent per period of age (a younger one counts as one period old), undiscounted,
    as long as she is retained.

    Raises
    ------
    ClvError
        Nobody was active in the period before the last.
    """
    days: Any = calibration.purchase_days()
    ago = _literal(calibration.until).delta(days.date, unit="day").cast("float64")
    length = period.days
    facts = days.group_by("customer_id").aggregate(
        active=(ago < length).any(), before=((ago >= length) & (ago < 2 * length)).any()
    )
    found: pd.DataFrame = fetch(facts).to_pandas()
    active, before = (_of(histories, found, name, False).astype(bool) for name in ("active", "before"))
    if not before.any():
        raise ClvError(
            f"Nobody bought in the {period} before the last {period}, so there is no retention rate. Give a longer "
            "retention_period, or more calibration."
        )
    rate = float(np.mean(active[before]))
    spend = (
        histories.spend
        if histories.spend is not None
        else histories.frequency * np.nan_to_num(histories.monetary_value)
    )
    age = np.maximum(histories.T * histories.period.days / length, 1.0)
    return Retained(rate, active, active * np.maximum(spend, 0.0) / age * _periods(rate, horizon.days / length))


def _periods(rate: float, count: float) -> float:
    """Expected periods to come of a customer retained at a constant rate, the last one as far as it goes."""
    whole = math.floor(count + 1e-9)
    there = rate ** np.arange(1, whole + 2)
    full = float(formulas.component(survival=there[:-1], revenue=1.0, cost=0.0, discount=0.0)) if whole else 0.0
    return full + max(count - whole, 0.0) * float(there[-1])


def _of(histories: Histories, frame: pd.DataFrame, column: str, missing: float) -> NDArray[Any]:
    found = frame.set_index("customer_id")[column].reindex(pd.Index(histories.customer_id))
    return found.astype(float).fillna(missing).to_numpy()


def _literal(day: datetime.date) -> Any:
    import ibis

    return ibis.literal(day).cast("date")
