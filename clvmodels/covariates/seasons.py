"""What the calendar says of a day, as covariates: the month, the quarter, waves of a year, the week."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import ModelError

type Days = NDArray[np.int64]

WAVES = 6
"""Waves at most: the sixth goes up and down within two months."""
YEAR_DAYS = 365.25
MONDAY = 4
"""A Monday, in days since 1970-01-01: waves change week by week, and have on a week the value of its middle."""
WEEK, WEEK_DAYS = "week", 7
COLUMNS = ("month", "quarter", *(f"{wave}_{k}" for k in range(1, WAVES + 1) for wave in ("sin", "cos")))
"""Covariates; the week is none: see `shocks`."""
CALENDAR = (*COLUMNS, WEEK)


def season_terms(season: str) -> str:
    """Terms of a formula: "month", "quarter", "fourier(2)", "week", or several such as "fourier(1) + week".

    Examples
    --------
    >>> season_terms("fourier(2)")
    'sin_1 + cos_1 + sin_2 + cos_2'
    """
    if isinstance(season, str) and "+" in season:
        return " + ".join(season_terms(one.strip()) for one in season.split("+"))
    if season in ("month", "quarter", WEEK):
        return season
    found = re.fullmatch(r"fourier\((\d+)\)", season.replace(" ", "")) if isinstance(season, str) else None
    if found is None or not 1 <= int(found[1]) <= WAVES:
        raise ModelError(
            f"season={season!r} is not known. Write 'month', 'quarter', 'week', or 'fourier(2)' for two waves a year ({WAVES} at "
            "most); joined by + if several."
        )
    return " + ".join(f"sin_{k} + cos_{k}" for k in range(1, int(found[1]) + 1))


def changes(names: Iterable[str], low: int, high: int) -> Days:
    """Days on which some of these columns change, from the last one up to `low` to `high`, sorted."""
    found = [np.array([low], dtype=np.int64)]
    names = list(names)
    if any(name in ("month", "quarter") for name in names):
        first, last = (np.datetime64(int(day), "D").astype("datetime64[M]") for day in (low, high))
        found.append(np.arange(first + 1, last + 1).astype("datetime64[D]").astype(np.int64))
    if any("_" in name or name == WEEK for name in names):
        found.append(np.arange(low + (MONDAY - low) % WEEK_DAYS, high + 1, WEEK_DAYS, dtype=np.int64))
    return np.unique(np.concatenate(found))


def column(name: str, days: Days) -> NDArray[Any]:
    """Values of a column of the calendar from each of these days on (n,).

    Examples
    --------
    >>> column("month", np.array([0, 31]))
    array(['01', '02'], dtype=object)
    """
    if name in ("month", "quarter"):
        months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) % 12
        texts = [f"{m + 1:02d}" if name == "month" else f"Q{m // 3 + 1}" for m in months]
        return np.array(texts, dtype=object)
    if name == WEEK:
        return week_of(days)
    wave, k = name.split("_")
    middle = week_of(days) + WEEK_DAYS / 2
    angle = 2 * np.pi * int(k) * middle / YEAR_DAYS
    return np.asarray(np.sin(angle) if wave == "sin" else np.cos(angle))


def week_of(days: Days) -> Days:
    """The Monday of each day's week.

    Examples
    --------
    >>> week_of(np.array([3, 4, 10, 11]))
    array([-3,  4,  4, 11])
    """
    return days - (days - MONDAY) % WEEK_DAYS
