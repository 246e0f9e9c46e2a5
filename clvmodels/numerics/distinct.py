"""Equal rows are one row with a count."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Distinct(NamedTuple):
    """Distinct rows of some columns.

    Attributes
    ----------
    values
        The columns of the distinct rows, sorted by the first column, then by the last and backwards; each (m,).
    counts
        How many rows equal each distinct one (m,).
    inverse
        Row i of the input is distinct row `inverse[i]` (n,).
    """

    values: tuple[Array, ...]
    counts: Array
    inverse: NDArray[np.intp]


def distinct(columns: Sequence[Array]) -> Distinct:
    """Merge equal rows of equally long columns without NaN.

    Examples
    --------
    >>> found = distinct([np.array([1.0, 0.0, 1.0]), np.array([5.0, 2.0, 5.0])])
    >>> found.counts, found.inverse
    (array([1., 2.]), array([1, 0, 1]))
    """
    order = np.lexsort((*columns[1:], columns[0]))
    ordered = [c[order] for c in columns]
    new = np.ones(order.size, dtype=bool)
    new[1:] = np.any([c[1:] != c[:-1] for c in ordered], axis=0)
    inverse = np.empty(order.size, dtype=np.intp)
    inverse[order] = np.cumsum(new) - 1
    counts = np.diff(np.append(np.flatnonzero(new), order.size)).astype(float)
    return Distinct(tuple(np.ascontiguousarray(c[new]) for c in ordered), counts, inverse)
