"""Paired bootstrap: how scores of several predictions differ, had other customers of the same kind been observed.

Customers are drawn with replacement, the same ones for every prediction, and every score is computed afresh, ranks included.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numba import njit
from numpy.typing import NDArray

type Array = NDArray[np.float64]

THREADS = 2
CELLS = 500_000
"""Resamples times customers in a block."""


def resampled(
    actual: Array, predicted: Array, losses: Mapping[str, Array], *, resamples: int, seed: int
) -> dict[str, Array]:
    """Scores of each prediction in each resample of the customers.

    Parameters
    ----------
    actual
        What customers did (n,).
    predicted
        Predictions (methods, n).
    losses
        Losses per customer by name, each (methods, n); their scores are means.
    resamples, seed
        How many resamples; the seed that makes them, whatever the order of the rows or the number of threads.

    Returns
    -------
    arrays (resamples, methods): the mean of every loss, "abs_bias" (NaN where nothing happened) and "spearman"
    """
    n, methods = len(actual), len(predicted)
    columns = np.vstack([actual[None], predicted, *losses.values()])
    columns = columns[:, np.lexsort(columns[: methods + 1])]  # neighbours have near ranks: read together, twice as fast
    codes, sizes = ranked(columns[: methods + 1])
    losses_by_row = np.ascontiguousarray(columns.T)

    def scored(weights: Array) -> tuple[Array, Array]:
        return weights @ losses_by_row, rank_correlations(weights, codes, sizes)

    sums, orders = zip(*_in_blocks(scored, n, resamples, seed), strict=True)
    found = np.vstack(sums)
    total, rest = found[:, :1], found[:, 1:]
    total = np.where(total > 0, total, np.nan)
    out = {"abs_bias": np.abs(rest[:, :methods] / total - 1), "spearman": np.vstack(orders)}
    return out | {name: rest[:, k * methods : (k + 1) * methods] / n for k, name in enumerate(losses, start=1)}


def resampled_sums(columns: Array, *, resamples: int, seed: int) -> Array:
    """Sums of the columns (n, k) over the rows drawn, with replacement, in each resample: (resamples, k)."""
    return np.vstack(_in_blocks(lambda weights: weights @ columns, len(columns), resamples, seed))


def _in_blocks[Result](reduce: Callable[[Array], Result], n: int, resamples: int, seed: int) -> list[Result]:
    """What `reduce` makes of how often each of n was drawn, (some resamples, n), for one block of resamples after the other."""
    size = max(1, CELLS // n)

    def block(start: int) -> Result:
        rng = np.random.default_rng([seed, 0xB007, start])
        return reduce(_counts(rng.integers(n, size=(min(size, resamples - start), n), dtype=np.int32)))

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(block, range(0, resamples, size)))


def ranked(series: Array) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Each row as codes of its distinct values in ascending order, and how many there are."""
    found = [np.unique(values, return_inverse=True) for values in series]
    return np.array([code for _, code in found], dtype=np.int32), np.array([len(values) for values, _ in found])


@njit(cache=True, nogil=True)
def _counts(drawn):  # type: ignore[no-untyped-def]
    """How often each customer was drawn in each resample, both (resamples, n)."""
    counts = np.zeros(drawn.shape)
    for b in range(drawn.shape[0]):
        for i in range(drawn.shape[1]):
            counts[b, drawn[b, i]] += 1.0
    return counts


@njit(cache=True, nogil=True)
def rank_correlations(weights, codes, sizes):  # type: ignore[no-untyped-def]
    """Spearman's correlation of the first series with each other one, ties sharing ranks, under each row of weights.

    Parameters
    ----------
    weights : (resamples, n), each row with the sum n
    codes, sizes : as from `ranked`

    Returns
    -------
    array (resamples, series - 1); 0 for a constant series, NaN where the first one is constant
    """
    resamples, n = weights.shape
    out = np.empty((resamples, codes.shape[0] - 1))
    ranks, first = np.empty(sizes.max()), np.empty(n)
    for b in range(resamples):
        spread = 0.0
        for s in range(codes.shape[0]):
            ranks[: sizes[s]] = 0.0
            for i in range(n):
                ranks[codes[s, i]] += weights[b, i]
            below = own = 0.0
            for k in range(sizes[s]):
                held = ranks[k]
                ranks[k] = below + 0.5 * held - 0.5 * n
                own += held * ranks[k] ** 2
                below += held
            if s == 0:
                spread = own
                for i in range(n):
                    first[i] = weights[b, i] * ranks[codes[0, i]]
                continue
            both = 0.0
            for i in range(n):
                both += first[i] * ranks[codes[s, i]]
            out[b, s - 1] = both / math.sqrt(spread * own) if spread * own > 0 else (0.0 if spread > 0 else math.nan)
    return out
