"""Whole periods between days: calendar months and years as contracts count them, other periods by their length."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.units import MONTH, Period

ROUNDING = 1e-9
type Floats = NDArray[np.float64]


def months_of(period: Period) -> int:
    """How many calendar months a period is; 0 if it is not a whole number of them."""
    months = period.days / MONTH.days
    return round(months) if months > 0.5 and abs(months - round(months)) < 1e-6 else 0


def whole_periods(start: Any, day: Any, period: Period) -> tuple[Floats, Floats]:
    """Periods completed from each start to a day (n,), and the same with one that has begun counted too.

    A month is over on the same day of the next month, or on its last day if it is shorter.

    Examples
    --------
    >>> starts = np.array(["2024-01-31", "2024-01-15"], dtype="datetime64[D]")
    >>> whole_periods(starts, np.array(["2024-02-29", "2024-03-14"], dtype="datetime64[D]"), MONTH)
    (array([1., 1.]), array([1., 2.]))
    """
    start, day = (np.asarray(value, dtype="datetime64[D]") for value in (start, day))
    size = months_of(period)
    if size == 0:
        age = (day - start).astype(float) / period.days
        return np.floor(age + ROUNDING), np.ceil(age - ROUNDING)
    months = (day.astype("datetime64[M]") - start.astype("datetime64[M]")).astype(float)
    length = ((day.astype("datetime64[M]") + 1).astype("datetime64[D]") - day.astype("datetime64[M]")).astype(float)
    of_day, due = _day_of_month(day), np.minimum(_day_of_month(start), length)
    done = months - (of_day < due)
    begun = months + (of_day > due)
    return np.floor(done / size), np.ceil(begun / size)


def _day_of_month(day: NDArray[np.datetime64]) -> Floats:
    return np.asarray((day - day.astype("datetime64[M]")).astype("timedelta64[D]").astype(float) + 1.0)
