"""Formulas over covariates that change: their terms apart into what is common to all and what is a customer's own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvmodels.covariates import seasons
from clvmodels.covariates.design import Design
from clvmodels.covariates.formula import parsed
from clvmodels.covariates.timetable import Rows, Timetable, of_panel, timetable
from clvmodels.data.panel import Panel
from clvmodels.errors import HistoryError
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
    common, own, mixed
        The coding of the terms common to all, of the customers' own, and of those that read both; None where there are none.
    crossed
        Which of the covariates that mixed terms read are common to all.
    """

    role: str
    formula: str
    common: Design | None
    own: Design | None
    mixed: Design | None
    crossed: tuple[str, ...]

    @property
    def parts(self) -> tuple[Design, ...]:
        return tuple(part for part in (self.common, self.own, self.mixed) if part is not None)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of numbers, the common ones first, the mixed ones last."""
        return tuple(name for part in self.parts for name in part.columns)

    def numbers(self, table: Timetable) -> tuple[Array, Array]:
        """Columns on each common row (K, m) and on each own row (R, m): a path has the sum of its two rows."""
        common = _numbers(self.common, table.common, table.common_day.size, np.ones(table.common_day.size, dtype=bool))
        size = max(1, int(table.row.max()) + 1)
        own = np.hstack([_numbers(part, table.own, size, table.asked) for part in (self.own, self.mixed)])
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
        A formula cannot be used.
    HistoryError
        A covariate is not there or is missing, or a column of numbers never changes or is a combination of others.
    """
    apart = [_apart(role, formula, history, panel) for role, formula in formulas]
    common = _together(one.common_reads for one in apart)
    own, crossed = _together(one.own_reads for one in apart), _together(one.crossed for one in apart)
    table = timetable(history, common=common, own=own, crossed=crossed, panel=panel)
    spent = table.exposure()
    return tuple(
        TimeDesign(
            one.role,
            one.formula,
            _learnt(one.common, one.role, table.common, spent[0], "stretches of time"),
            _learnt(one.own, one.role, table.own, spent[1], "kinds of customers"),
            _learnt(one.mixed, one.role, table.own, spent[1], "kinds of customers and times", terms=one.products),
            one.crossed,
        )
        for one in apart
    )


def reads(designs: Sequence[TimeDesign]) -> tuple[list[str], list[str], list[str]]:
    """Covariates that designs read: common ones, own ones, and common ones in terms that read both."""
    common = [one.common.reads for one in designs if one.common is not None]
    own = [part.reads for one in designs for part in (one.own, one.mixed) if part is not None]
    crossed = _together([one.crossed for one in designs])
    return _together(common), [name for name in _together(own) if name not in crossed], crossed


def _together(several: Iterable[Iterable[str]]) -> list[str]:
    return list(dict.fromkeys(name for names in several for name in names))


class _Apart(NamedTuple):
    """Formulas of the terms common to all, of the customers' own, and of those that read both with what these `products` are
    made of: "" where there are none. Then what they read: common covariates, own ones, and common ones in products."""

    role: str
    formula: str
    common: str
    own: str
    mixed: str
    products: tuple[str, ...]
    common_reads: tuple[str, ...]
    own_reads: tuple[str, ...]
    crossed: tuple[str, ...]


def _apart(role: str, formula: str, history: HistoryLike, panel: Panel | None) -> _Apart:
    """The terms of a formula by what they read."""
    from formulaic import Formula

    static = known_of(history)
    shared, own = of_panel(panel, True), (*of_panel(panel, False), *static)
    twice = set(static) & set(() if panel is None else panel.names)
    if twice:
        raise HistoryError(f"'{min(twice)}' is both in the panel and a covariate of the histories. Leave it in one.")
    calendar = [name for name in seasons.COLUMNS if name not in own]
    known = list(dict.fromkeys([*shared, *own, *calendar]))
    parsed(formula, role=role, available=known, remedy=NOWHERE)
    terms = [
        _Term(str(term), frozenset(term.factors), parsed(f"~ {term}", role=role, available=known, remedy=NOWHERE))
        for term in Formula(formula)
        if str(term) != "1"
    ]
    common, mine = ([one for one in terms if one.all_in(some)] for some in ([*shared, *calendar], own))
    products = [one for one in terms if one not in common and one not in mine]
    inside = [one for one in terms if any(one.factors <= product.factors for product in products)]
    return _Apart(
        role,
        formula,
        _formula(common),
        _formula(mine),
        _formula(inside),
        tuple(product.text for product in products),
        tuple(_together(one.reads for one in common)),
        tuple(name for name in _together(one.reads for one in (*mine, *inside)) if name in own),
        tuple(name for name in _together(one.reads for one in inside) if name not in own),
    )


class _Term(NamedTuple):
    text: str
    factors: frozenset[Any]
    reads: tuple[str, ...]

    def all_in(self, names: Collection[str]) -> bool:
        """Whether it reads only these."""
        return all(name in names for name in self.reads)


def _formula(terms: Iterable[_Term]) -> str:
    texts = [one.text for one in terms]
    return f"~ {' + '.join(texts)}" if texts else ""


def _learnt(formula: str, role: str, rows: Rows, spent: Array, of: str, *, terms: Sequence[str] = ()) -> Design | None:
    """The coding of a formula over the rows that somebody was observed with, means and spreads by the time spent."""
    if not formula:
        return None
    seen = spent > 0
    some = Rows({name: column[seen] for name, column in rows.covariates.items()})
    design = Design.learn(formula, role, some, of=of, terms=terms)  # type: ignore[arg-type]
    numbers, weight = design.matrix(some), spent[seen] / spent[seen].sum()  # type: ignore[arg-type]
    centre = weight @ numbers
    return replace(design, centre=centre, scale=np.sqrt(weight @ (numbers - centre) ** 2))
