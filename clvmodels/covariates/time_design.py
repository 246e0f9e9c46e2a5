"""Formulas over covariates that change: their terms apart into what is common to all and what is a customer's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvmodels.covariates import seasons
from clvmodels.covariates.design import Design
from clvmodels.covariates.formula import parsed
from clvmodels.covariates.timetable import Rows, Timetable, of_panel, timetable
from clvmodels.data.panel import Panel
from clvmodels.errors import HistoryError, ModelError
from clvmodels.history import HistoryLike, known_of
from clvmodels.model import Array

NOWHERE = (
    "Covariates are columns of the panel, of histories.with_covariates(table), or of the calendar "
    f"({', '.join(seasons.COLUMNS[:4])}, ...)."
)


class TimeDesign(NamedTuple):
    """How covariates over time become the columns of numbers of one process ("purchase" or "dropout").

    Attributes
    ----------
    formula
        As it was given.
    common, own
        The coding of the terms common to all and of the customers' own; None where there are none.
    """

    role: str
    formula: str
    common: Design | None
    own: Design | None

    @property
    def parts(self) -> tuple[Design, ...]:
        return tuple(part for part in (self.common, self.own) if part is not None)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of numbers, the common ones first."""
        return tuple(name for part in self.parts for name in part.columns)

    def numbers(self, table: Timetable) -> tuple[Array, Array]:
        """Columns on each common row (K, m) and on each own row (R, m): a path has the sum of its two rows."""
        common = _numbers(self.common, table.common, table.common_day.size, np.ones(table.common_day.size, dtype=bool))
        own = _numbers(self.own, table.own, max(1, int(table.row.max()) + 1), table.asked)
        a, b = common.shape[1], own.shape[1]
        return (
            np.hstack([common, np.zeros((len(common), b))]),
            np.hstack([np.zeros((len(own), a)), own]),
        )


def _numbers(design: Design | None, rows: Rows, size: int, asked: NDArray[np.bool_]) -> Array:
    """Columns of numbers of the rows that are asked for, zero for others."""
    if design is None:
        return np.zeros((size, 0))
    some = Rows({name: column[asked] for name, column in rows.covariates.items()})
    for name, known in design.levels.items():
        new = sorted(set(some.covariates[name]) - set(known), key=str)
        if new:
            raise HistoryError(
                f"'{name}' in {design.role}= is {', '.join(map(str, new))} at some time, which the model has not seen: it knows "
                f"{', '.join(map(str, known))}. Fit on a log that has them; season='fourier(1)' goes on through the whole year."
            )
    numbers = np.zeros((size, len(design.columns)))
    numbers[asked] = design.matrix(some)  # type: ignore[arg-type]
    return numbers


def learn(formulas: Sequence[tuple[str, str]], history: HistoryLike, panel: Panel | None) -> tuple[TimeDesign, ...]:
    """The coding of each (role, formula) for these customers: levels, means and spreads over the time they were observed.

    Raises
    ------
    ModelError
        A formula cannot be used, or a term mixes common and own columns.
    HistoryError
        A covariate is not there or is missing, or a column of numbers never changes or is a combination of others.
    """
    apart = [_apart(role, formula, history, panel) for role, formula in formulas]
    common = list(dict.fromkeys(name for one in apart for name in one.common_reads))
    own = list(dict.fromkeys(name for one in apart for name in one.own_reads))
    table = timetable(history, common=common, own=own, panel=panel)
    spent = table.exposure()
    return tuple(
        TimeDesign(
            one.role,
            one.formula,
            _learnt(one.common, one.role, table.common, spent[0], "stretches of time"),
            _learnt(one.own, one.role, table.own, spent[1], "kinds of customers"),
        )
        for one in apart
    )


def reads(designs: Sequence[TimeDesign]) -> tuple[list[str], list[str]]:
    """Common and own covariates that designs read."""
    common = [name for one in designs if one.common is not None for name in one.common.reads]
    own = [name for one in designs if one.own is not None for name in one.own.reads]
    return list(dict.fromkeys(common)), list(dict.fromkeys(own))


class _Apart(NamedTuple):
    role: str
    formula: str
    common: str
    own: str
    common_reads: tuple[str, ...]
    own_reads: tuple[str, ...]


def _apart(role: str, formula: str, history: HistoryLike, panel: Panel | None) -> _Apart:
    """The terms of a formula in two formulas, "" where there are none."""
    from formulaic import Formula

    static = known_of(history)
    shared, own = of_panel(panel, True), (*of_panel(panel, False), *static)
    twice = set(static) & set(() if panel is None else panel.names)
    if twice:
        raise HistoryError(f"'{min(twice)}' is both in the panel and a covariate of the histories. Leave it in one.")
    calendar = [name for name in seasons.COLUMNS if name not in own]
    known = list(dict.fromkeys([*shared, *own, *calendar]))
    parsed(formula, role=role, available=known, remedy=NOWHERE)
    terms: tuple[list[str], list[str]] = [], []
    for term in (str(term) for term in Formula(formula)):
        if term == "1":
            continue
        used = parsed(f"~ {term}", role=role, available=known, remedy=NOWHERE)
        mine = [name for name in used if name in own]
        if mine and len(mine) < len(used):
            other = next(name for name in used if name not in own)
            raise ModelError(
                f"'{term}' in {role}= mixes '{mine[0]}', a customer's own, with '{other}', common to all. Put '{other}' into the "
                "customers' table of the panel, or leave the product out."
            )
        terms[bool(mine)].append(term)
    texts = [f"~ {' + '.join(some)}" if some else "" for some in terms]
    found = [parsed(text, role=role, available=known, remedy=NOWHERE) if text else () for text in texts]
    return _Apart(role, formula, texts[0], texts[1], found[0], found[1])


def _learnt(formula: str, role: str, rows: Rows, spent: Array, of: str) -> Design | None:
    """The coding of a formula over the rows that somebody was observed with, means and spreads by the time spent."""
    if not formula:
        return None
    seen = spent > 0
    some = Rows({name: column[seen] for name, column in rows.covariates.items()})
    design = Design.learn(formula, role, some, of=of)  # type: ignore[arg-type]
    numbers, weight = design.matrix(some), spent[seen] / spent[seen].sum()  # type: ignore[arg-type]
    centre = weight @ numbers
    return replace(design, centre=centre, scale=np.sqrt(weight @ (numbers - centre) ** 2))
