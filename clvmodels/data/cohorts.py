"""Cohorts of contracts: customers who began in the same month or year, and how many of them are still there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.data.calendar import months_of
from clvmodels.data.kaplan_meier import kaplan_meier
from clvmodels.data.tenures import Tenures
from clvmodels.units import Period, as_period

if TYPE_CHECKING:
    import pandas as pd


def cohort_labels(start: Any, per: Period) -> NDArray[Any]:
    """The cohort of each start (n,): "2024" for years, "2024-03" for months (the first of several), else its first day.

    Examples
    --------
    >>> from clvmodels.units import MONTH, YEAR
    >>> days = np.array(["2024-03-31", "2025-01-01"], dtype="datetime64[D]")
    >>> [cohort_labels(days, per).tolist() for per in (YEAR, MONTH, Period("quarter", 3 * MONTH.days))]
    [['2024', '2025'], ['2024-03', '2025-01'], ['2024-01', '2025-01']]
    """
    as_period(per, name="per")
    days = np.asarray(start, dtype="datetime64[D]")
    months = months_of(per)
    if months == 12:
        return np.asarray(days.astype("datetime64[Y]").astype(str), dtype=object)
    if months:
        number = days.astype("datetime64[M]").astype(np.int64)
        return np.asarray((number - number % months).astype("datetime64[M]").astype(str), dtype=object)
    first = days.min()
    number = np.floor((days - first).astype(float) / per.days)
    return np.asarray((first + np.floor(number * per.days).astype("timedelta64[D]")).astype(str), dtype=object)


def retention_table(tenures: Tenures, cohort: NDArray[Any], *, interval: float) -> pd.DataFrame:
    """Retention by cohort (n,) and whole tenure; see `Contracts.cohorts`."""
    import pandas as pd

    tables = []
    for name in sorted(set(cohort)):
        own = cohort == name
        columns = (tenures.entry[own], tenures.exit[own], tenures.event[own], tenures.weights[own])
        table = kaplan_meier(*columns, interval=interval, whole=True).rename(columns={"survival": "share"})
        table.insert(4, "still_there", table["at_risk"] - table["left"])
        table.insert(0, "customers", float(columns[3].sum()))
        table.insert(0, "cohort", name)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
