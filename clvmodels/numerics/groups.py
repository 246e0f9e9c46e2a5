"""What groups explain of a column: weighted least squares on the dummies of one or several groupings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import linalg

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

EXACT = 1e-13
"""Relative accuracy of the least squares."""


class Explained(NamedTuple):
    """A column (n,) as mean + what each grouping explains (n,), of weighted mean zero, + the rest (n,)."""

    mean: float
    parts: tuple[Array, ...]
    rest: Array


def explained(values: Array, weights: Array, groups: Sequence[Codes]) -> Explained:
    """Take out of a column what the groups of its rows explain.

    Parameters
    ----------
    values, weights
        (n,); weights > 0.
    groups
        Codes (n,) from 0, one array per grouping.

    Examples
    --------
    >>> region, day = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    >>> found = explained(np.array([1.0, 3.0, 2.0, 8.0]), np.ones(4), [region, day])
    >>> found.mean, found.rest.round(9).tolist()
    (3.5, [1.0, -1.0, -1.0, 1.0])
    """
    mean = float(np.average(values, weights=weights))
    rows, root = np.arange(values.size), np.sqrt(weights)
    dummies = [sparse.csr_array((np.ones(rows.size), (rows, codes))) for codes in groups]
    design = sparse.csr_array(sparse.hstack(dummies)).multiply(root[:, None]).tocsr()
    effects = linalg.lsmr(design, root * (values - mean), atol=EXACT, btol=EXACT, conlim=0.0, maxiter=10_000)[0]
    ends = np.cumsum([one.shape[1] for one in dummies])[:-1]
    fitted = [one @ effect for one, effect in zip(dummies, np.split(effects, ends), strict=True)]
    rest = values - mean - np.sum(fitted, axis=0)
    return Explained(mean, tuple(part - np.average(part, weights=weights) for part in fitted), np.asarray(rest))
