"""Cells that are alike in everything become one: splitting occasions differently changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from clvmodels.errors import ContactError, offenders
from clvmodels.numerics.distinct import distinct
from clvmodels.response.cells import NONE, Cells


def merged(cells: Cells) -> Cells:
    """The same occasions with equal cells together, sorted by medium; checked.

    Raises
    ------
    ContactError
        Counts that cannot be, or columns that are not finite.
    """
    _check(cells)
    contacted = cells.medium != NONE
    own, other = (np.where(contacted, stock, 0.0) for stock in (cells.own_stock, cells.other_stock))
    level = np.zeros(cells.medium.size, dtype=np.intp) if cells.level is None else cells.level
    columns = [
        cells.medium.astype(float), *cells.features.T, *cells.controls.T, cells.segment.astype(float),
        cells.month.astype(float), own, other, level.astype(float),
    ]  # fmt: skip
    found = distinct(columns)
    first, inverse, size = found.example, found.inverse, found.counts.size
    return replace(
        cells,
        medium=cells.medium[first],
        occasions=_sum(cells.occasions, inverse, size),
        buyers=_sum(cells.buyers, inverse, size),
        purchases_amount=_sum(cells.purchases_amount, inverse, size),
        purchases_amount_squared=_sum(cells.purchases_amount_squared, inverse, size),
        features=cells.features[first],
        controls=cells.controls[first],
        segment=cells.segment[first],
        month=cells.month[first],
        own_stock=own[first],
        other_stock=other[first],
        level=level[first],
    )


def _sum(values: np.ndarray, inverse: np.ndarray, size: int) -> np.ndarray:
    return np.bincount(inverse, weights=values, minlength=size)


def _check(cells: Cells) -> None:
    if ungraded := [name for name in cells.media if name not in cells.grades]:
        raise ContactError(
            f"There is no evidence grade of {', '.join(ungraded)}. Say how contacts were assigned: grades= of the cells."
        )
    rows = np.arange(cells.medium.size)
    wrong = {
        "buyers": ~((cells.buyers >= 0) & (cells.buyers <= cells.occasions)),
        "occasions": ~(cells.occasions > 0),
        "own_stock": ~(cells.own_stock >= 0),
        "other_stock": ~(cells.other_stock >= 0),
    }
    for name, bad in wrong.items():
        if bad.any():
            raise ContactError(
                offenders(
                    "cannot be", column=name, rows=list(rows[bad]), values=getattr(cells, name)[bad],
                    remedy="Buyers lie between none and all of the occasions, stocks are zero or more.",
                )
            )  # fmt: skip
    for name in ("features", "controls"):
        bad = ~np.isfinite(getattr(cells, name)).all(axis=1)
        if bad.any():
            raise ContactError(
                offenders(
                    "is not finite", column=name, rows=list(rows[bad]), values=getattr(cells, name)[bad],
                    remedy="Fill or drop what is missing before cells are made.",
                )
            )  # fmt: skip
