"""Entry, exit and event of contracts, from dates or from tenures, in whole periods or as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.data.calendar import whole_periods
from clvmodels.data.tenure import whole
from clvmodels.errors import ContractError
from clvmodels.units import Period

if TYPE_CHECKING:
    import pandas as pd


def _days(frame: pd.DataFrame, name: str) -> Any:
    return frame[name].to_numpy(dtype="datetime64[D]")


def _last_day(frame: pd.DataFrame) -> Any:
    ended = frame["ended"].to_numpy(dtype=bool)
    return np.where(ended, _days(frame, "end"), _days(frame, "observed_until"))


def age_at(start: Any, day: Any, period: Period, whole: bool) -> Any:
    """Age of contracts at a day, in periods completed or as it is."""
    start, day = (np.asarray(value, dtype="datetime64[D]") for value in (start, day))
    return whole_periods(start, day, period)[0] if whole else (day - start).astype(float) / period.days


def from_dates(frame: pd.DataFrame, period: Period) -> tuple[Any, Any, Any]:
    """Entry, exit and event in periods of fixed length."""
    start = _days(frame, "start")
    exit = (_last_day(frame) - start).astype(float) / period.days
    entry = np.zeros(len(frame))
    if "observed_from" in frame:
        seen = _days(frame, "observed_from")
        entry = np.where(np.isnat(seen), 0.0, np.maximum((seen - start).astype(float), 0.0) / period.days)
    return entry, exit, frame["ended"].to_numpy(dtype=float)


def whole_from_dates(frame: pd.DataFrame, period: Period) -> tuple[Any, Any, Any]:
    """Entry, exit and event in whole periods; a period that is not over counts neither for nor against."""
    start, ended = _days(frame, "start"), frame["ended"].to_numpy(dtype=bool)
    over = whole_periods(start, _days(frame, "observed_until"), period)[0]
    left_at = whole_periods(start, _last_day(frame), period)[1]
    entry = np.zeros(len(frame))
    if "observed_from" in frame:
        seen = _days(frame, "observed_from")
        late = ~np.isnat(seen) & (seen > start)
        entry = np.where(late, whole_periods(start, np.where(late, seen, start), period)[1], 0.0)
    event = ended & (left_at <= over) & (left_at > entry)
    exit = np.where(event, left_at, np.where(ended, np.minimum(over, left_at - 1), over))
    return entry, np.maximum(exit, entry), event.astype(float)


def from_tenures(frame: pd.DataFrame, period: Period, given: Period | None, wanted: bool) -> tuple[Any, Any, Any]:
    assert given is not None, "checked when the table was named"
    factor = 1.0 if given == period else given.days / period.days
    exit = frame["tenure"].to_numpy(dtype=float) * factor
    entry = frame["entry"].to_numpy(dtype=float) * factor if "entry" in frame else np.zeros(len(frame))
    if wanted and not (whole(exit) and whole(entry)):
        raise ContractError(
            f"The tenures are not whole {period.name}s, and only dates tell which periods are over. Give start= and end=, "
            "another period, or whole=False."
        )
    return entry, exit, frame["ended"].to_numpy(dtype=float)
