"""The rules that customer histories keep, checked in one place whatever way they come in."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import HistoryError, offenders
from clvmodels.history import check_history
from clvmodels.purchase_dates import flat_days
from clvmodels.units import Period


def as_numbers(values: Any, name: str) -> NDArray[np.float64]:
    """`values` as an array of floats; text or other objects are refused, missing values become NaN."""
    try:
        array = np.asarray(values)
        if array.dtype == object:
            array = np.array([np.nan if _missing(value) else value for value in array])
        if array.dtype.kind not in "biuf" and not array.dtype.kind == "O":
            raise TypeError
        return np.asarray(array, dtype=np.float64)
    except (TypeError, ValueError):
        raise HistoryError(
            f"'{name}' holds something else than numbers. Convert the column to numbers first."
        ) from None


def check_histories(columns: Mapping[str, NDArray[Any]], covariates: Mapping[str, NDArray[Any]]) -> None:
    """Raise a `HistoryError` for the first rule that the columns break."""
    ids = columns["customer_id"]
    for name in set(columns) & set(covariates):
        raise HistoryError(f"'{name}' is both a column of the histories and a covariate. Rename the covariate.")
    for name, column in (*columns.items(), *covariates.items()):
        if column.shape != (len(ids),) or ids.ndim != 1:
            raise HistoryError(
                f"'{name}' has shape {column.shape} for {len(ids):,} customers. Give one value per customer."
            )
    if len(ids) == 0:
        raise HistoryError(
            "There are no customers. Check that the table has rows and the log has purchases before its end."
        )
    _check_ids(ids)
    check_history(columns["frequency"], columns["recency"], columns["T"], customers=ids)
    _check_money(columns)
    if "log_intervals" in columns:
        _check_intervals(columns)


def check_dates(columns: Mapping[str, NDArray[Any]], period: Period, until: datetime.date | None) -> None:
    """Purchase days that are not those of frequency, recency and T are refused."""
    days, counts = flat_days(columns["dates"])
    last = np.cumsum(counts) - 1
    first, end = days[last - counts + 1], days[last]
    wrong = counts != columns["frequency"] + 1
    remedy = "Give all purchase days, the first included, as log.histories(period=..., dates=True) does."
    _refuse(wrong, "dates", "has another number of days than frequency + 1", remedy, columns)
    wrong = np.abs((end - first) / period.days - columns["recency"]) > 1e-6 * (1 + columns["recency"])
    _refuse(wrong, "dates", "does not span the recency", remedy, columns)
    if until is not None:
        ages = (np.datetime64(until).astype(np.int64) - first) / period.days
        wrong = np.abs(ages - columns["T"]) > 1e-6 * (1 + columns["T"])
        _refuse(wrong, "dates", f"does not begin T before {until}", remedy, columns)


def _check_intervals(columns: Mapping[str, NDArray[Any]]) -> None:
    """Intervals that add up to the recency have the largest sum of logarithms when they are equal."""
    x, t_x, found = (columns[name] for name in ("frequency", "recency", "log_intervals"))
    most = np.where(x > 0, x * np.log(np.where(x > 0, t_x, 1.0) / np.maximum(x, 1.0)), 0.0)
    wrong = ~np.isfinite(found) | (found > most + 1e-6 * (1 + np.abs(most))) | ((x == 0) & (found != 0))
    remedy = "It is the sum of log(time since the purchase before) over repeat purchases, in the period of recency."
    _refuse(wrong, "log_intervals", "cannot be of intervals that add up to recency", remedy, columns)


def _check_money(columns: Mapping[str, NDArray[Any]]) -> None:
    money = columns["monetary_value"]
    remedy = "It is the mean amount of the purchases after the first; leave it NaN where it is not known."
    _refuse(np.isinf(money) | (money < 0), "monetary_value", "is negative or infinite", remedy, columns)
    for name in ("spend", "margin"):
        if name in columns:
            _refuse(
                np.isinf(columns[name]),
                name,
                "is infinite",
                "Correct it, or leave it NaN where it is not known.",
                columns,
            )


def _check_ids(ids: NDArray[Any]) -> None:
    if ids.dtype.kind in "iu" and np.all(ids[1:] > ids[:-1]):
        return  # none missing, none twice: as they come from a log
    import pandas as pd

    missing = np.flatnonzero(pd.isna(ids))
    if len(missing):
        rows = [f"row {row}" for row in missing]
        raise HistoryError(
            offenders(
                "is missing", column="customer_id", rows=rows, values=ids[missing], remedy="Give every customer an id."
            )
        )
    twice = np.flatnonzero(pd.Index(ids).duplicated(keep=False)) if not pd.Index(ids).is_unique else ()
    if len(twice):
        rows = [f"row {row}" for row in twice]
        remedy = "Keep one row per customer; a log of purchases goes into Transactions."
        raise HistoryError(
            offenders("is there more than once", column="customer_id", rows=rows, values=ids[twice], remedy=remedy)
        )


def _refuse(bad: NDArray[np.bool_], name: str, problem: str, remedy: str, columns: Mapping[str, NDArray[Any]]) -> None:
    rows = np.flatnonzero(bad)
    if len(rows):
        named = [f"customer {one}" for one in columns["customer_id"][rows]]
        raise HistoryError(offenders(problem, column=name, rows=named, values=columns[name][rows], remedy=remedy))


def _missing(value: object) -> bool:
    return value is None or type(value).__name__ == "NAType"
