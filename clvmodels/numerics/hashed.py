"""Random numbers that belong to keys: the same whenever, wherever and in whatever order they are asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Array = NDArray[np.float64]
Keys = NDArray[np.uint64]


def mixed(bits: Keys) -> Keys:
    """The finaliser of SplitMix64: every bit of the input moves every bit of the output.

    Source: SteeleLeaFlood2014.
    """
    bits = bits + np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(bits ^ (bits >> np.uint64(31)))


def keys_of(rows: Array) -> Keys:
    """A key for each row of numbers (m, k): equal rows have equal keys."""
    bits = np.ascontiguousarray(rows).view(np.uint64)
    odd = mixed(np.arange(rows.shape[1], dtype=np.uint64)) | np.uint64(1)
    return mixed((mixed(bits) * odd).sum(axis=1, dtype=np.uint64))


def normal_of(keys: Keys, numbers: NDArray[np.int64]) -> Array:
    """A standard normal number for each key (m,) and whole number (n,): (m, n).

    Examples
    --------
    >>> keys = keys_of(np.array([[0.1, 0.2], [0.1, 0.3]]))
    >>> both, one = normal_of(keys, np.array([5, 6])), normal_of(keys[1:], np.array([6]))
    >>> bool(both[1, 1] == one[0, 0])
    True
    """
    bits = mixed(keys[:, None] ^ mixed(numbers.astype(np.uint64))[None, :])
    uniform = ((bits >> np.uint64(11)).astype(float) + 0.5) * 2.0**-53
    return np.asarray(ndtri(uniform))
