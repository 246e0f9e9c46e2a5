"""When the customers of a table of contracts renew next, by the calendar, and what they have paid so far, row by row."""

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


def paid_by_row(contracts: Contracts, period: Period, payments: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """What was paid and earned before today, each payment at the price of the row that held when its period began.

    Parameters
    ----------
    payments
        How many each contract has made (n,); the first is for the period that begins with the contract.

    Returns
    -------
    "price" and "margin" where the table has these columns, each (n,) [currency]
    """
    rows = contracts._joined.rows
    number = rows["contract"].to_numpy()
    start = contracts.to_frame()["start"].to_numpy(dtype="datetime64[D]")[number]
    begin = whole_periods(start, rows["start"].to_numpy(dtype="datetime64[D]"), period)[1]
    last = np.append(number[1:] != number[:-1], True)
    until = np.minimum(np.where(last, np.inf, np.append(begin[1:], 0.0)), payments[number])
    count = np.maximum(until - begin, 0.0)
    columns = [name for name in ("price", "margin") if name in rows]
    return {
        name: np.bincount(number, count * rows[name].to_numpy(dtype=float), payments.size).astype(float)
        for name in columns
    }


def _renewal(start: Any, number: Any, period: Period) -> Any:
    """Day of the renewal of that number: the same day of a later month, or its last day if it is shorter."""
    size = months_of(period)
    if size == 0:
        return start + np.rint(number * period.days).astype("timedelta64[D]")
    month = start.astype("datetime64[M]")
    due = month + (number * size).astype("timedelta64[M]")
    last = (due + 1).astype("datetime64[D]") - np.timedelta64(1, "D")
    return np.minimum(due.astype("datetime64[D]") + (start - month.astype("datetime64[D]")), last)
