"""Who has which covariates when: the changes in a panel and in the calendar, for some customers and a stretch of time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.covariates import seasons
from clvmodels.covariates.columns import looked_up
from clvmodels.covariates.contact_stretches import Stretches, no_stretches, stretches
from clvmodels.covariates.contact_terms import ContactTerms
from clvmodels.data.panel import UNKNOWN, Changes, Panel
from clvmodels.errors import SHOWN, HistoryError
from clvmodels.history import HistoryLike, covariates_of
from clvmodels.model import Array
from clvmodels.numerics.ragged import taken, time_by_row
from clvmodels.purchase_dates import first_days

type Whole = NDArray[np.int64]


@dataclass(frozen=True)
class Rows:
    """Values of covariates, as a formula reads them."""

    covariates: Mapping[str, NDArray[Any]]
    segment: None = None


type Own = tuple[Whole, Whole, Whole, Whole, Rows]
"""Path of each customer, then offset, day and row of paths and the distinct rows, as in `Timetable`."""


class Timetable(NamedTuple):
    """Covariates of customers over time; days are counted since 1970-01-01.

    Attributes
    ----------
    first, end
        Day of each customer's first purchase, and the end of what is asked (n,).
    common_day, common
        When common covariates change (K,), and their values from then on.
    path
        Path of each customer (n,).
    offset, day, row
        Changes of path i are `day[offset[i]:offset[i + 1]]`, and which row of `own` holds from each on.
    own
        Distinct values of the customers' own covariates, with those of common ones that are read together with them.
    contact_offset, contact_day, contacts
        Stretches of contact stocks of path i as above: when each begins, and contacts at its beginning by medium (C, M).
    """

    first: Array
    end: Array
    common_day: Whole
    common: Rows
    path: Whole
    offset: Whole
    day: Whole
    row: Whole
    own: Rows
    contact_offset: Whole
    contact_day: Array
    contacts: Array

    @property
    def asked(self) -> NDArray[np.bool_]:
        """Own rows that somebody has between the first purchase and the end, the last day included (R,)."""
        return self._own_exposure(self.end + 1) > 0

    def exposure(self) -> tuple[Array, Array]:
        """Days that customers spent with each common row (K,) and with each own row (R,)."""
        edges = np.append(self.common_day, np.inf)
        spent = [float(np.clip(edge - self.first, 0.0, self.end - self.first).sum()) for edge in edges]
        return np.diff(spent, prepend=0.0)[1:], self._own_exposure(self.end)

    def _own_exposure(self, end: Array) -> Array:
        found: Array = time_by_row(self.first, end, self.path, self.offset, self.day, self.row, _size(self.own))
        return found


def timetable(
    history: HistoryLike,
    *,
    common: Sequence[str],
    own: Sequence[str],
    panel: Panel | None,
    crossed: Sequence[str] = (),
    contacts: ContactTerms | None = None,
    ahead: float | Array = 0.0,
    brief: bool = False,
) -> Timetable:
    """Covariates by name for each customer from her first purchase to `ahead` after the end of observation.

    `ahead` is in days, for all or by customer (n,). `crossed` are common covariates that are read together with own ones: their
    changes go into the customers' paths. `brief` asks for what holds after the end of observation alone.

    Raises
    ------
    HistoryError
        Purchase dates are not known, a customer is not in the panel, or values are missing in the stretch that is asked for.
    """
    first, observed = dated(history)
    end = observed + ahead
    needed = np.maximum(np.floor(observed) + 1, np.ceil(end))
    low, high = int(np.floor((observed if brief else first).min())), int(needed.max()) - 1
    day, values = _common(common, panel, low, high)
    static = [name for name in own if panel is None or panel.own is None or name not in panel.own.columns]
    moving = [name for name in own if name not in static]
    kinds, kind = _static(history, static, first.size)
    if not moving:
        count = _size(kinds)
        offset, start = np.arange(count + 1), np.full(count, low)
        table = kind, offset, start, np.arange(count), kinds
    else:
        assert panel is not None and panel.own is not None, "moving columns are those of the panel"
        who = _found(history, panel.own, first.size)
        _refuse_missing(panel.own, who, first, needed, moving)
        table = _paths(panel.own, who, kind, kinds, moving)
    if crossed:
        table = _with_common(table, *_common(crossed, panel, low, high))
    contacted = no_stretches(first.size)
    if contacts is not None:
        contacted = stretches(contacts, history, observed, end, brief=brief)
    return _with_contacts(first, end, day, values, table, contacted)


def _with_common(table: Own, day: Whole, values: Rows) -> Own:
    """The paths with the changes of common values among their own, and a row for each pair of both that there is."""
    path, offset, start, row, rows = table
    kind, kinds = _kinds_of(values)
    changed = np.append(True, kind[1:] != kind[:-1])
    day, kind = day[changed], kind[changed]
    paths, later = np.nonzero(day[None] > start[offset[:-1], None])
    owner = np.append(np.repeat(np.arange(offset.size - 1), np.diff(offset)), paths)
    when, common = np.append(start, day[later]), np.arange(owner.size) >= row.size
    order = np.lexsort((common, when, owner))
    owner, when, held = owner[order], when[order], row[np.cumsum(~common[order]) - 1]
    last = np.append((owner[1:] != owner[:-1]) | (when[1:] != when[:-1]), True)
    owner, when, held = owner[last], when[last], held[last]
    now = kind[np.maximum(np.searchsorted(day, when, side="right") - 1, 0)]
    size = _size(kinds)
    pairs, made = np.unique(held * size + now, return_inverse=True)
    columns = {name: column[pairs // size] for name, column in rows.covariates.items()}
    columns |= {name: column[pairs % size] for name, column in kinds.covariates.items()}
    return path, np.searchsorted(owner, np.arange(offset.size)), when, made.astype(np.int64), Rows(columns)


def _with_contacts(first: Array, end: Array, day: Whole, values: Rows, table: Own, made: Stretches) -> Timetable:
    """Paths of covariates and lists of contacts together: each pair that somebody has is a path."""
    path, offset, start, row, rows = table
    lists = made.offset.size - 1
    pairs, both = np.unique(path * lists + made.of, return_inverse=True)
    own_offset, at = taken(offset, pairs // lists)
    contact_offset, contact_at = taken(made.offset, pairs % lists)
    return Timetable(
        first, end, day, values, both.astype(np.int64), own_offset, start[at], row[at], rows,
        contact_offset, made.day[contact_at], made.dose[contact_at],
    )  # fmt: skip


def dated(history: HistoryLike) -> tuple[Array, Array]:
    """Day of the first purchase and day at the end of observation of customers (n,)."""
    dates = getattr(history, "dates", None)
    if dates is None:
        raise HistoryError(
            "The days of purchases are not known. Make the histories with log.histories(period=..., dates=True)."
        )
    age = np.asarray(history.T, dtype=float) * history.period.days
    first, age = np.broadcast_arrays(first_days(dates), age)
    return first.ravel(), first.ravel() + age.ravel()


def of_panel(panel: Panel | None, common: bool) -> tuple[str, ...]:
    """Names of the common columns of a panel, or of the customers' own."""
    part = None if panel is None else panel.common if common else panel.own
    return () if part is None else tuple(part.columns)


def _size(rows: Rows) -> int:
    return len(next(iter(rows.covariates.values()))) if rows.covariates else 1


def _common(names: Sequence[str], panel: Panel | None, low: int, high: int) -> tuple[Whole, Rows]:
    """When common columns change between two days, and their values."""
    of_calendar = [name for name in names if name in seasons.CALENDAR and name not in of_panel(panel, True)]
    others = [name for name in names if name not in of_calendar]
    day = seasons.changes(of_calendar, low, high)
    values: dict[str, NDArray[Any]] = {}
    if others:
        assert panel is not None and panel.common is not None, "other common columns are those of the panel"
        part = panel.common
        day = np.unique(np.concatenate([day, part.day[(part.day > low) & (part.day <= high)]]))
        at = np.searchsorted(part.day, day, side="right") - 1
        row = np.where(at < 0, UNKNOWN, part.row[np.maximum(at, 0)])
        missing = np.flatnonzero(row == UNKNOWN)
        if missing.size:
            end = day[missing[0] + 1] - 1 if missing[0] + 1 < day.size else high
            raise HistoryError(
                f"'{others[0]}', common to all customers, is not known from {_date(day[missing[0]])} to {_date(end)}. {REMEDY}"
            )
        values = {name: part.columns[name][row] for name in others}
    values |= {name: seasons.column(name, day) for name in of_calendar}
    return day, Rows(values)


REMEDY = (
    "Add rows for these days; for days after the end of observation give the future, fit.under(panel), or a panel with "
    "until= that late."
)


def _static(history: HistoryLike, names: Sequence[str], n: int) -> tuple[Rows, Whole]:
    """Distinct values of covariates that do not change, and which of them each customer has (n,)."""
    columns = [np.broadcast_to(np.ravel(column), (n,)) for column in covariates_of(history, names)]
    if not columns:
        return Rows({}), np.zeros(n, dtype=np.int64)
    kind, kinds = _kinds_of(Rows(dict(zip(names, columns, strict=True))))
    return kinds, kind


def _kinds_of(rows: Rows) -> tuple[Whole, Rows]:
    """Which of the distinct rows each row is, and these."""
    frame = pd.DataFrame(dict(rows.covariates))
    kind = frame.groupby(list(frame), sort=False, dropna=False).ngroup().to_numpy().astype(np.int64)
    first = np.unique(kind, return_index=True)[1]
    return kind, Rows({name: column[first] for name, column in rows.covariates.items()})


def _found(history: HistoryLike, own: Changes, n: int) -> Whole:
    """Which key of the panel each customer is (n,)."""
    ids, found = looked_up(history, own.keys, n)
    if (found < 0).any():
        unknown = ids[found < 0]
        shown = ", ".join(str(one) for one in unknown[:SHOWN])
        raise HistoryError(f"{unknown.size:,} of the customers are not in the panel: {shown}. Give each of them rows.")
    return np.asarray(found, dtype=np.int64)


def _refuse_missing(own: Changes, who: Whole, first: Array, needed: Array, names: Sequence[str]) -> None:
    """Name the first spans that lie between a customer's first purchase and the end and are not known."""
    gap = np.flatnonzero(own.row == UNKNOWN)
    key = np.searchsorted(own.offset, gap, side="right") - 1
    ends = np.append(own.day, 0)[gap + 1].astype(float)
    ends[gap + 1 == own.offset[key + 1]] = np.inf
    count = np.bincount(key, minlength=own.keys.size)[who]
    i = np.repeat(np.arange(who.size), count)
    g = np.arange(i.size) - np.repeat(np.cumsum(count) - count, count) + np.searchsorted(key, who[i])
    start, stop = np.maximum(own.day[gap[g]], first[i]), np.minimum(ends[g], needed[i])
    some = start < stop
    begins = own.day[own.offset[:-1]][who]
    late = np.flatnonzero(begins > first)
    wrong = dict(zip(i[some][::-1].tolist(), zip(start[some][::-1], stop[some][::-1], strict=True), strict=True))
    wrong |= {int(k): (first[k], min(begins[k], needed[k])) for k in late}
    if wrong:
        shown = [f"{own.keys[who[k]]} ({_date(a)} to {_date(b - 1)})" for k, (a, b) in sorted(wrong.items())[:SHOWN]]
        more = f" and {len(wrong) - SHOWN:,} more" if len(wrong) > SHOWN else ""
        raise HistoryError(
            f"{', '.join(names)} in the panel is not known for {len(wrong):,} customers at some time between the first purchase "
            f"and the end: {', '.join(shown)}{more}. {REMEDY}"
        )


def _paths(own: Changes, who: Whole, kind: Whole, kinds: Rows, names: Sequence[str]) -> Own:
    """Distinct paths of customers: path (n,), offset, day, row, and the distinct rows."""
    size = _size(kinds)
    like = same_paths(own)[who]
    pairs, path = np.unique(like * size + kind, return_inverse=True)
    example = np.zeros(like.max() + 1, dtype=np.int64)
    example[like] = who
    keys, static = example[pairs // size], pairs % size
    offset, at = taken(own.offset, keys)
    held = own.row[at] * size + np.repeat(static, np.diff(offset))
    held = np.where(own.row[at] == UNKNOWN, UNKNOWN, held)
    codes, row = np.unique(held, return_inverse=True)
    values = {name: own.columns[name][codes // size] for name in names}
    values |= {name: column[codes % size] for name, column in kinds.covariates.items()}
    if codes[0] == UNKNOWN:  # never asked for: any row will do
        row = np.maximum(row - 1, 0)
        values = {name: column[1:] for name, column in values.items()}
    return path.astype(np.int64), offset, own.day[at], row.astype(np.int64), Rows(values)


def same_paths(own: Changes) -> Whole:
    """Which keys have the same changes (n,): numbers of paths."""
    texts = [
        own.day[a:b].tobytes() + own.row[a:b].tobytes() for a, b in zip(own.offset[:-1], own.offset[1:], strict=True)
    ]
    return np.asarray(pd.factorize(np.array(texts, dtype=object))[0], dtype=np.int64)


def _date(day: float) -> np.datetime64:
    return np.datetime64(int(day), "D")
