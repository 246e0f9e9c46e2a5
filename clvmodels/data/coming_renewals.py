"""When the customers of a table of contracts renew next, by the calendar."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.data.calendar import months_of, whole_periods
from clvmodels.data.contracts import Contracts
from clvmodels.units import Period


def coming_renewals(contracts: Contracts, period: Period) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Periods completed by the last day of observation, and the time from it to the next renewal in (0, 1] [period], each (n,).

    Whoever renewed on that very day renews next in a whole period.
    """
    frame = contracts.to_frame()
    start, today = (frame[name].to_numpy(dtype="datetime64[D]") for name in ("start", "observed_until"))
    made = whole_periods(start, today, period)[0]
    before, after = (_renewal(start, k, period) for k in (made, made + 1.0))
    return made, np.asarray((after - today).astype(float) / (after - before).astype(float))


def _renewal(start: Any, number: Any, period: Period) -> Any:
    """Day of the renewal of that number: the same day of a later month, or its last day if it is shorter."""
    size = months_of(period)
    if size == 0:
        return start + np.rint(number * period.days).astype("timedelta64[D]")
    month = start.astype("datetime64[M]")
    due = month + (number * size).astype("timedelta64[M]")
    last = (due + 1).astype("datetime64[D]") - np.timedelta64(1, "D")
    return np.minimum(due.astype("datetime64[D]") + (start - month.astype("datetime64[D]")), last)
