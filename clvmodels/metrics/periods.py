"""Calendar periods of the indicators: weeks, months, quarters and years, each with a running number."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from clvmodels.data.calendar import months_of
from clvmodels.errors import ClvError
from clvmodels.units import WEEK, Period

type By = Literal["week", "month", "quarter", "year"] | Period
type Dates = NDArray[np.datetime64]
type Numbers = NDArray[np.int64]

MONDAY: Final = datetime.date(1900, 1, 1)


@dataclass(frozen=True)
class Unit:
    """A kind of calendar period; `months` is its length, 0 for a week (Monday to Sunday, numbered as in ISO 8601)."""

    name: str
    months: int

    def number(self, date: Any) -> Any:
        """The running number of the period that each date is in, as an Ibis expression."""
        import ibis

        if self.months == 0:
            return (date.delta(ibis.literal(MONDAY), unit="day") // 7).cast("int64")
        return ((date.year() * 12 + date.month() - 1) // self.months).cast("int64")

    def number_of(self, date: datetime.date) -> int:
        """The running number of the period that a date is in."""
        return (date - MONDAY).days // 7 if self.months == 0 else (date.year * 12 + date.month - 1) // self.months

    def starts(self, numbers: Any) -> Dates:
        """First days of periods by number (n,)."""
        number = np.asarray(numbers, dtype=np.int64)
        if self.months == 0:
            return np.datetime64(MONDAY) + 7 * number.astype("timedelta64[D]")
        return (number * self.months - 1970 * 12).astype("datetime64[M]").astype("datetime64[D]")

    def ends(self, numbers: Any) -> Dates:
        """Last days of periods by number (n,)."""
        return np.asarray(self.starts(np.asarray(numbers) + 1) - np.timedelta64(1, "D"))

    def labels(self, numbers: Any) -> list[str]:
        """Periods by number as text: 2024-W05, 2024-01, 2024-Q1 or 2024.

        Examples
        --------
        >>> day = datetime.date(2024, 2, 1)
        >>> [unit.labels([unit.number_of(day)])[0] for unit in UNITS.values()]
        ['2024-W05', '2024-02', '2024-Q1', '2024']
        """
        first: list[datetime.date] = self.starts(numbers).tolist()
        if self.months == 0:
            return ["{:04d}-W{:02d}".format(*day.isocalendar()[:2]) for day in first]
        if self.months == 3:
            return [f"{day.year:04d}-Q{day.month // 3 + 1}" for day in first]
        return [f"{day.year:04d}" if self.months == 12 else f"{day.year:04d}-{day.month:02d}" for day in first]

    def year_before(self, numbers: Any) -> Numbers:
        """Numbers of the same periods a year before (n,); -1 for a 53rd week whose year before has none."""
        if self.months:
            return np.asarray(numbers, dtype=np.int64) - 12 // self.months
        return np.array([_week_before(day) for day in self.starts(numbers).tolist()], dtype=np.int64)


UNITS: Final = {unit.name: unit for unit in (Unit("week", 0), Unit("month", 1), Unit("quarter", 3), Unit("year", 12))}


def as_unit(by: object) -> Unit:
    """The unit meant by its name or by a `Period`: WEEK, MONTH, YEAR, or one of three months.

    Examples
    --------
    >>> as_unit("quarter"), as_unit(WEEK).name
    (Unit(name='quarter', months=3), 'week')
    """
    if isinstance(by, Period):
        name = {1: "month", 3: "quarter", 12: "year"}.get(months_of(by), "week" if by.days == WEEK.days else "")
        by = name or by
    if not isinstance(by, str) or by not in UNITS:
        raise ClvError(f"by={by!r} is not known. Write one of {', '.join(map(repr, UNITS))}.")
    return UNITS[by]


def _week_before(monday: datetime.date) -> int:
    year, week, _ = monday.isocalendar()
    try:
        return (datetime.date.fromisocalendar(year - 1, week, 1) - MONDAY).days // 7
    except ValueError:
        return -1
