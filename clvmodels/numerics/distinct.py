"""Equal rows are one row with a count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


MOST = 2**62
"""Codes of whole rows stay below it."""


class Distinct(NamedTuple):
    """Distinct rows of some columns.

    Attributes
    ----------
    values
        The columns of the distinct rows, sorted by the first column, then the next; NaN comes last. Each (m,).
    counts
        How many rows equal each distinct one (m,).
    inverse
        Row i of the input is distinct row `inverse[i]` (n,).
    example
        A row of the input that equals each distinct one (m,).
    """

    values: tuple[Array, ...]
    counts: Array
    inverse: NDArray[np.intp]
    example: NDArray[np.intp]


def distinct(columns: Sequence[Array]) -> Distinct:
    """Merge equal rows of equally long columns; NaN equals NaN.

    Examples
    --------
    >>> found = distinct([np.array([1.0, 0.0, 1.0]), np.array([5.0, 2.0, 5.0])])
    >>> found.counts, found.inverse
    (array([1., 2.]), array([1, 0, 1]))
    """
    codes, total = np.zeros(len(columns[0]), dtype=np.int64), 1
    for column in columns:
        ranks, size = _ranks(column)
        if total * size > MOST:
            codes, total = _ranks(codes)
        codes, total = codes * size + ranks, total * size
    order = np.argsort(codes)
    ordered = codes[order]
    new = np.append(True, ordered[1:] != ordered[:-1])
    starts = np.flatnonzero(new)
    inverse = np.empty(len(order), dtype=np.intp)
    inverse[order] = np.cumsum(new) - 1
    example = order[starts]
    values = tuple(np.ascontiguousarray(column[example]) for column in columns)
    return Distinct(values, np.diff(starts, append=len(order)).astype(np.float64), inverse, example)


def _ranks(values: NDArray[np.generic]) -> tuple[NDArray[np.int64], int]:
    """Rank of each value among the distinct ones (NaN last), and how many there are: hashing, then sorting the few."""
    import pandas as pd

    codes, found = pd.factorize(values, use_na_sentinel=False)
    order = np.argsort(found, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[codes], len(order)
