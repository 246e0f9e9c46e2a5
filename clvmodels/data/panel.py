"""Covariates over time: a long table of who had which values from which day on, kept as changes."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.data.days import as_date
from clvmodels.data.frames import column_names, labels, values
from clvmodels.errors import SHOWN, HistoryError, missing_column
from clvmodels.units import Period, Span, as_span

if TYPE_CHECKING:
    import pandas as pd

type Day = str | datetime.date
type Whole = NDArray[np.int64]

UNKNOWN = -1
"""Row of values that are not known."""


@dataclass(frozen=True, eq=False)
class Changes:
    """Values over time of several keys (customers, or one key for what is common).

    Attributes
    ----------
    keys
        (n,) each once, sorted.
    offset
        Changes of key i are `day[offset[i]:offset[i + 1]]` (n + 1,).
    day
        Days since 1970-01-01 on which values change, sorted within a key.
    row
        Which row of the values holds from then on, `UNKNOWN` for none.
    columns
        Distinct values by name (m,).
    """

    keys: NDArray[Any]
    offset: Whole
    day: Whole
    row: Whole
    columns: dict[str, NDArray[Any]]

    def ended(self, day: int) -> Changes:
        """The same with nothing known from a day on."""
        return self.then(None, day)

    def then(self, other: Changes | None, day: int) -> Changes:
        """These changes before a day, the other's from that day on; customers the other does not know have no values then."""
        columns = dict(self.columns)
        size = _length(columns)
        if other is not None:
            columns = {name: np.concatenate([column, other.columns[name]]) for name, column in columns.items()}
        days, rows, lengths = [], [], []
        for i in range(len(self.keys)):
            part = slice(self.offset[i], self.offset[i + 1])
            before = self.day[part] < day
            after_day, after_row = (np.array([day]), np.array([UNKNOWN]))
            if other is not None:
                after_day, after_row = other._from(self.keys[i], day, size)
            days += [self.day[part][before], after_day]
            rows += [self.row[part][before], after_row]
            lengths.append(int(before.sum()) + after_day.size)
        offset = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return Changes(self.keys, offset, np.concatenate(days), np.concatenate(rows), columns)

    def _from(self, key: Any, day: int, shift: int) -> tuple[Whole, Whole]:
        """Changes of one key from a day on; row numbers are raised by `shift`."""
        i = int(np.searchsorted(self.keys, key))
        if i == len(self.keys) or self.keys[i] != key:
            return np.array([day]), np.array([UNKNOWN])
        days, rows = (v[self.offset[i] : self.offset[i + 1]] for v in (self.day, self.row))
        k = int(np.searchsorted(days, day, side="right")) - 1
        now = rows[k] if k >= 0 else UNKNOWN
        days, rows = np.append(day, days[k + 1 :]), np.append(now, rows[k + 1 :])
        return days, np.where(rows == UNKNOWN, UNKNOWN, rows + shift)


def _length(columns: dict[str, NDArray[Any]]) -> int:
    return len(next(iter(columns.values())))


class Panel:
    """Covariates that change over time: a long table with one row per customer and date, and columns common to all customers.

    A row holds from its date until the customer's next one. Only changes are kept, and customers with the same path once.

    Parameters
    ----------
    table
        A pandas, polars or Arrow table with customer, date and the covariates, on any grid, in any order; None if all
        covariates are common.
    common
        A table with the date and columns that are the same for all customers, such as a season, a price or a holiday.
    customer, date
        Names of the columns with the customer's id and the date.
    every
        How long a row holds, such as `WEEK`, where rows follow each other on a grid: a missing row is then a missing span. If
        not given, a row holds until the next one, and nothing is missing in between.
    until
        Last day on which the last rows hold. If not given: with `every` as long as that, else to the end of observation of the
        histories the model is fitted to, and not beyond.

    Raises
    ------
    HistoryError
        A column is missing, a date cannot be read, or a customer has two rows for one date.

    Examples
    --------
    >>> import pandas as pd
    >>> sent = pd.DataFrame({"customer_id": ["A", "A", "B"], "date": ["2024-01-01", "2024-02-01", "2024-01-01"],
    ...                      "promotion": [0, 1, 0]})
    >>> Panel(sent)
    Panel: promotion of 2 customers; 2024-01-01 until the end of observation
    """

    def __init__(
        self,
        table: Any = None,
        *,
        common: Any = None,
        customer: str = "customer_id",
        date: str = "date",
        every: Span | Period | None = None,
        until: Day | None = None,
    ) -> None:
        if table is None and common is None:
            raise HistoryError("A panel needs a table of customers, a table of common columns, or both.")
        holds = None if every is None else round(as_span(every, name="every").days)
        last = None if until is None else _number(as_date(until, name="until"))
        self.own = None if table is None else _changes(table, customer, date, holds, last)
        self.common = None if common is None else _changes(common, None, date, holds, last)
        self.open = every is None and until is None
        both = set(self.own.columns) & set(self.common.columns) if self.own and self.common else set()
        if both:
            raise HistoryError(f"'{min(both)}' is in both tables of the panel. Leave it in one of them.")

    @property
    def names(self) -> tuple[str, ...]:
        """The covariates."""
        return tuple(name for part in self._parts for name in part.columns)

    @property
    def _parts(self) -> tuple[Changes, ...]:
        return tuple(part for part in (self.own, self.common) if part is not None)

    def closed(self, day: int) -> Panel:
        """The same, known up to a day and not beyond if nothing was said of its end."""
        return self._with([part.ended(day + 1) for part in self._parts], open=False) if self.open else self

    def then(self, future: Panel, day: int) -> Panel:
        """This panel up to a day, and another with the same columns from the day after it on.

        A future that says nothing of its end holds for ever: it is an assumption, and the caller made it.
        """
        if set(self.names) != set(future.names) or (self.own is None) != (future.own is None):
            raise HistoryError(
                f"The future panel has the columns {', '.join(future.names)}; the model was fitted with "
                f"{', '.join(self.names)}. Give the same columns in the same tables."
            )
        both = zip(self._parts, future._parts, strict=True)
        return self._with([past.then(other, day + 1) for past, other in both], open=False)

    @classmethod
    def of(cls, own: Changes | None, common: Changes | None, *, open: bool) -> Panel:
        """A panel of changes that are known already; `open` where nothing was said of its end."""
        made = object.__new__(cls)
        made.own, made.common, made.open = own, common, open
        return made

    def _with(self, parts: list[Changes], *, open: bool) -> Panel:
        own, common = parts[0] if self.own else None, parts[-1] if self.common else None
        return Panel.of(own, common, open=open)

    def __repr__(self) -> str:
        own = [f"{', '.join(self.own.columns)} of {len(self.own.keys):,} customers"] if self.own else []
        common = [f"{', '.join(self.common.columns)} common to all"] if self.common else []
        first = min(part.day.min() for part in self._parts)
        ends = [part.day[part.row == UNKNOWN].max(initial=first) - 1 for part in self._parts]
        end = "the end of observation" if self.open else "no end" if min(ends) < first else str(_date(min(ends)))
        return f"Panel: {'; '.join(own + common)}; {_date(first)} until {end}"


def _changes(table: Any, customer: str | None, date: str, holds: int | None, last: int | None) -> Changes:
    """The changes in a long table."""
    import pandas as pd

    table = table.collect() if hasattr(table, "collect") else table
    names = column_names(table)
    for name, role in ((customer, "customer"), (date, "date")):
        if name is not None and name not in names:
            raise HistoryError(missing_column(name, role=role, available=names))
    columns = [name for name in names if name not in (customer, date)]
    if not columns:
        raise HistoryError(f"The panel has no covariates beside {', '.join(names)}. Add a column.")
    frame = pd.DataFrame({name: labels(values(table, name)) for name in columns})
    days = _days(values(table, date), date)
    keys, found = pd.factorize(np.zeros(len(days)) if customer is None else labels(values(table, customer)), sort=True)
    _refuse_doubles(keys, found, days, customer)
    row, distinct = _rows(frame)
    order = np.lexsort((days, keys))
    keys, days, row = keys[order], days[order], row[order]
    if holds is not None:
        _refuse_overlaps(keys, found, days, holds)
    keys, days, row = _with_ends(keys, days, row, holds, last)
    same = np.append(False, (keys[1:] == keys[:-1]) & (row[1:] == row[:-1]))
    keys, days, row = keys[~same], days[~same], row[~same]
    offset = np.searchsorted(keys, np.arange(len(found) + 1)).astype(np.int64)
    return Changes(np.asarray(found), offset, days, row, distinct)


def _rows(frame: pd.DataFrame) -> tuple[Whole, dict[str, NDArray[Any]]]:
    """Which distinct row each row is (`UNKNOWN` if a value is missing), and the distinct rows."""
    known = frame.notna().all(axis=1).to_numpy()
    groups = frame[known].groupby(list(frame.columns), sort=False, observed=True)
    row = np.full(len(frame), UNKNOWN, dtype=np.int64)
    row[known] = groups.ngroup().to_numpy()
    first = frame[known].drop_duplicates()
    return row, {name: labels(first[name].to_numpy()) for name in frame.columns}


def _with_ends(
    keys: NDArray[np.intp], days: Whole, row: Whole, holds: int | None, last: int | None
) -> tuple[NDArray[np.intp], Whole, Whole]:
    """Add the changes to unknown: where a row that holds for so long has no successor, and after the last day."""
    final = np.append(keys[1:] != keys[:-1], True)
    if holds is not None:
        ends = days + holds
        gap = np.append((keys[1:] != keys[:-1]) | (days[1:] > ends[:-1]), True)
        if last is not None:
            gap &= ~final
        at, when = np.flatnonzero(gap), ends[gap]
    else:
        at, when = np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.int64)
    if last is not None:
        at, when = np.append(at, np.flatnonzero(final)), np.append(when, np.full(int(final.sum()), last + 1))
    keys, days = np.append(keys, keys[at]), np.append(days, when)
    row = np.append(row, np.full(at.size, UNKNOWN))
    order = np.lexsort((days, keys))
    return keys[order], days[order], row[order]


def _days(column: NDArray[Any], name: str) -> Whole:
    import pandas as pd

    found = pd.to_datetime(pd.Series(column), errors="coerce")
    wrong = np.flatnonzero(found.isna())
    if wrong.size:
        shown = ", ".join(repr(column[i]) for i in wrong[:SHOWN])
        raise HistoryError(
            f"'{name}' of the panel is no date in {wrong.size:,} rows: {shown}. Write dates as '2024-01-31'."
        )
    return found.to_numpy().astype("datetime64[D]").astype(np.int64)


def _refuse_doubles(keys: NDArray[np.intp], found: Any, days: Whole, customer: str | None) -> None:
    import pandas as pd

    twice = np.flatnonzero(pd.DataFrame({"key": keys, "day": days}).duplicated().to_numpy())
    if twice.size:
        who = [f"{'' if customer is None else f'customer {found[keys[i]]} on '}{_date(days[i])}" for i in twice[:SHOWN]]
        raise HistoryError(
            f"{twice.size:,} rows of the panel have the same date as another one: {', '.join(who)}. Keep one row for each."
        )


def _refuse_overlaps(keys: NDArray[np.intp], found: Any, days: Whole, holds: int) -> None:
    close = np.flatnonzero((keys[1:] == keys[:-1]) & (np.diff(days) < holds))
    if close.size:
        i = close[0]
        raise HistoryError(
            f"Rows of the panel hold for {holds} days, but {close.size:,} follow sooner, first of customer {found[keys[i]]} on "
            f"{_date(days[i])} and {_date(days[i + 1])}. Leave out every=, or correct the dates."
        )


def _number(day: datetime.date) -> int:
    return int(np.datetime64(day, "D").astype(np.int64))


def _date(day: int) -> np.datetime64:
    return np.datetime64(int(day), "D")
