"""The days on which customers bought: one array of dates per customer, and the same as flat columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import HistoryError

type Days = NDArray[np.int64]


def as_dates(values: Any, *, one: bool = False) -> NDArray[Any]:
    """Purchase days as an array of objects, each an array datetime64[D] of one customer; with `one`, of a single customer ().

    Examples
    --------
    >>> as_dates([["2024-01-01", "2024-01-15"], ["2024-01-08"]])[1]
    array(['2024-01-08'], dtype='datetime64[D]')
    """
    if isinstance(values, np.ndarray) and values.dtype == object and not (one and values.ndim):
        return values
    if not one:
        return ragged([_days(each) for each in values])
    found = np.empty((), dtype=object)
    found[()] = _days(values)
    return found


def ragged(each: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """An array of objects (n,) of these arrays, also where they are equally long."""
    found = np.empty(len(each), dtype=object)
    for i, dates in enumerate(each):
        found[i] = dates
    return found


def flat_days(dates: NDArray[Any]) -> tuple[Days, Days]:
    """All days since 1970-01-01, customer after customer, and how many each has (n,)."""
    each = np.ravel(dates)
    counts = np.array([len(one) for one in each], dtype=np.int64)
    days = np.concatenate(each) if each.size else np.zeros(0, dtype="datetime64[D]")
    return days.astype("datetime64[D]").astype(np.int64), counts


class Events(NamedTuple):
    """Days of repeat purchases: which list each customer has (n,), and list i from `offset[i]` to `offset[i + 1]` of `day`."""

    of: NDArray[np.int64]
    offset: NDArray[np.int64]
    day: Days


NO_EVENTS = Events(np.zeros(0, dtype=np.int64), np.zeros(2, dtype=np.int64), np.zeros(0, dtype=np.int64))


def repeat_purchases(history: Any) -> Events:
    """Distinct lists of the days after the first one, of customers with `dates`; the empty list is the first."""
    each = np.ravel(history.dates)
    wrong = np.flatnonzero(np.array([len(one) for one in each]) != np.ravel(history.frequency) + 1)
    if wrong.size:
        raise HistoryError(
            "The likelihood needs the days of all purchases. Make the histories with log.histories(period=..., dates=True)."
        )
    known: dict[bytes, int] = {b"": 0}
    lists: list[NDArray[Any]] = [np.zeros(0, dtype="datetime64[D]")]
    of = np.empty(each.size, dtype=np.int64)
    for i, dates in enumerate(each):
        repeated = dates[1:]
        key = repeated.tobytes()
        if key not in known:
            known[key] = len(lists)
            lists.append(repeated)
        of[i] = known[key]
    days, counts = flat_days(ragged(lists))
    return Events(of, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), days)


def first_days(dates: NDArray[Any]) -> NDArray[np.float64]:
    """Day of the first purchase since 1970-01-01, in the shape of `dates`."""
    each = np.asarray(dates, dtype=object)
    days = np.array([one[0] for one in np.ravel(each)], dtype="datetime64[D]").astype(np.int64)
    return days.astype(float).reshape(each.shape)


def _days(values: Any) -> NDArray[Any]:
    try:
        found = np.array([str(value)[:10] for value in np.asarray(values).tolist()], dtype="datetime64[D]")
    except (TypeError, ValueError):
        raise HistoryError(f"dates={values!r} are not dates. Give a list of dates such as ['2024-01-01'].") from None
    if found.size == 0 or np.any(np.diff(found).astype(int) <= 0):
        raise HistoryError(
            f"dates={values!r} are not purchase days. Give each customer's days once, in order, the first purchase included."
        )
    return found
