"""Ragged arrays: parts one after the other, part i from `offset[i]` to `offset[i + 1]`."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

type Whole = NDArray[np.int64]


def taken(offset: NDArray[np.integer], which: NDArray[np.integer]) -> tuple[Whole, Whole]:
    """Some parts one after the other: their new offsets, and the places of what they hold.

    Examples
    --------
    >>> taken(np.array([0, 2, 3]), np.array([1, 0]))
    (array([0, 1, 3]), array([2, 0, 1]))
    """
    lengths = np.diff(offset)[which]
    made = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    places = np.arange(made[-1]) - np.repeat(made[:-1], lengths) + np.repeat(offset[which], lengths)
    return made, places.astype(np.int64)


@njit(cache=True, nogil=True)
def time_by_row(begin, stop, part, offset, start, row, size):
    """Time that several spend with each of so many rows (size,), each from its `begin` to its `stop` (n,), along a part.

    In a part, `row[k]` holds from `start[k]` on, the first one also before.
    """
    out = np.zeros(size)
    for i in range(begin.size):
        first, end = offset[part[i]], offset[part[i] + 1]
        for k in range(first, end):
            low = begin[i] if k == first else max(begin[i], start[k])
            high = stop[i] if k + 1 == end else min(stop[i], start[k + 1])
            out[row[k]] += max(high - low, 0.0)
    return out
