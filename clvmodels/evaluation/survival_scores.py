"""Scores of predicted survival against what customers did, where some were still there when last seen.

`time` is how long a customer was followed [period], `event` 1 if she left then and 0 if she was still there, `weight` how many
customers she stands for. Who was followed for exactly t and is still there is known to be there at t: a renewal was made. All
functions are compiled, so that customers can be drawn again and again (`resampled_scores`).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

type Array = NDArray[np.float64]

THREADS = 2


class Followed(NamedTuple):
    """Customers sorted by time: when last seen, whether they left, and the code of each distinct time (all (n,))."""

    time: Array
    event: Array
    code: NDArray[np.int64]
    order: NDArray[np.intp]

    @classmethod
    def of(cls, time: Array, event: Array) -> Followed:
        order = np.argsort(time, kind="stable")
        code = np.unique(time[order], return_inverse=True)[1].astype(np.int64)
        return cls(np.ascontiguousarray(time[order]), np.ascontiguousarray(event[order], dtype=float), code, order)


def concordance(
    time: Array, event: Array, risk: Array, weight: Array | None = None, *, observed: bool = False
) -> float:
    """Of two customers of whom one is known to have left first, how often she had the higher predicted risk [0 to 1].

    A pair counts if the earlier time is a leaver's, or if at the same time one left and the other stayed. Equal risks count
    half; 0.5 is what guessing gives. NaN if there is no such pair.

    Parameters
    ----------
    time, event, weight
        See above (n,).
    risk
        The higher the sooner she is predicted to leave (n,).
    observed
        Weigh pairs by the inverse squared chance that the earlier time was not censored (Uno). Otherwise the result depends on
        how long customers happened to be followed (Harrell).

    Source: Harrell, Lee and Mark 1996, Statistics in Medicine 15(4), 361-387; Uno, Cai, Pencina, D'Agostino and Wei 2011,
    Statistics in Medicine 30(10), 1105-1117.

    Examples
    --------
    >>> time, event = np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 0.0])
    >>> concordance(time, event, np.array([0.9, 0.2, 0.5]))
    0.6666666666666666
    """
    followed = Followed.of(time, event)
    weights = (np.ones(time.size) if weight is None else np.asarray(weight, dtype=float))[followed.order]
    ranks = np.unique(risk, return_inverse=True)[1][followed.order].astype(np.int64)
    pair = seen_before(followed.event, followed.code, weights) if observed else np.ones(time.size)
    agreed, pairs = _concordant(followed.event, followed.code, ranks, weights, _inverse_square(pair))
    return agreed / pairs if pairs > 0 else np.nan


def brier(time: Array, event: Array, survival: Array, at: Array, weight: Array | None = None) -> Array:
    """Mean squared difference between being there at each time and its predicted probability [0 to 1], less is better.

    Whose state at that time is not known is left out, and those who are known stand for them: each is weighed by the inverse
    chance of having been followed so long (Kaplan and Meier of the censoring).

    Parameters
    ----------
    time, event, weight
        See above (n,).
    survival
        Predicted probability of being there at each time (n, times).
    at
        Times (times,).

    Returns
    -------
    array (times,); NaN where nobody was followed so long

    Source: Graf, Schmoor, Sauerbrei and Schumacher 1999, Statistics in Medicine 18(17-18), 2529-2545.

    Examples
    --------
    >>> time, event = np.array([1.0, 3.0]), np.array([1.0, 0.0])
    >>> brier(time, event, np.array([[0.5], [0.5]]), np.array([2.0]))
    array([0.25])
    """
    followed = Followed.of(time, event)
    weights = (np.ones(time.size) if weight is None else np.asarray(weight, dtype=float))[followed.order]
    seen = seen_before(followed.event, followed.code, weights)
    return np.asarray(
        _brier(followed.time, followed.event, seen, weights, np.ascontiguousarray(survival[followed.order]), at)
    )


def integrated(score: Array, at: Array) -> Array:
    """Mean over time of scores (..., times) from 0, where it is 0, to the last time: trapezoids over its length.

    Examples
    --------
    >>> float(integrated(np.array([0.1, 0.2]), np.array([1.0, 2.0])))
    0.1
    """
    start = np.zeros((*score.shape[:-1], 1))
    return np.asarray(np.trapezoid(np.concatenate([start, score], axis=-1), np.append(0.0, at), axis=-1) / at[-1])


def share_there(time: Array, event: Array, at: Array, weight: Array | None = None) -> Array:
    """Share still there at each time, by Kaplan and Meier (times,)."""
    followed = Followed.of(time, event)
    weights = (np.ones(time.size) if weight is None else np.asarray(weight, dtype=float))[followed.order]
    return np.asarray(_share_there(followed.time, followed.event, followed.code, weights, at))


class Resampled(NamedTuple):
    """Scores of predictions in each resample: concordance and Uno's (resamples, methods), Brier (resamples, methods, times)."""

    concordance: Array
    observed: Array
    brier: Array


def resampled_scores(time: Array, event: Array, survival: Array, at: Array, weights: Array) -> Resampled:
    """The scores of several predictions under each row of weights (resamples, n), the same rows for every prediction.

    Parameters
    ----------
    survival
        (methods, n, times); the risk of a customer is that of having left by the last time.
    """
    followed = Followed.of(time, event)
    sorted_survival = np.ascontiguousarray(survival[:, followed.order])
    ranks = np.stack([np.unique(-one[:, -1], return_inverse=True)[1] for one in sorted_survival]).astype(np.int64)

    def one(weight: Array) -> tuple[Array, Array, Array]:
        own = np.ascontiguousarray(weight[followed.order])
        seen = seen_before(followed.event, followed.code, own)
        plain, square = np.ones(own.size), _inverse_square(seen)
        orders = [
            [_ratio(_concordant(followed.event, followed.code, r, own, by)) for r in ranks] for by in (plain, square)
        ]
        briers = [_brier(followed.time, followed.event, seen, own, s, at) for s in sorted_survival]
        return np.array(orders[0]), np.array(orders[1]), np.array(briers)

    with ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(one, weights))
    return Resampled(*(np.array(column) for column in zip(*found, strict=True)))


def _ratio(pair: tuple[float, float]) -> float:
    return pair[0] / pair[1] if pair[1] > 0 else np.nan


def _inverse_square(chance: Array) -> Array:
    return np.asarray(np.divide(1.0, chance**2, where=chance > 0, out=np.zeros(chance.size)))


@njit(cache=True, nogil=True)
def seen_before(event, code, weight):  # type: ignore[no-untyped-def]
    """Chance of being followed up to each customer's time or longer, by Kaplan and Meier of the censoring; sorted by time (n,).

    Who leaves and who is last seen at the same time: the leaver left first.
    """
    n = event.size
    chance, left = np.empty(n), weight.sum()
    now, i = 1.0, 0
    while i < n:
        j, leavers, ended = i, 0.0, 0.0
        while j < n and code[j] == code[i]:
            chance[j] = now
            leavers += weight[j] * event[j]
            ended += weight[j] * (1.0 - event[j])
            j += 1
        there = left - leavers
        if ended > 0.0 and there > 0.0:
            now *= max(1.0 - ended / there, 0.0)
        left -= leavers + ended
        i = j
    return chance


@njit(cache=True, nogil=True)
def _concordant(event, code, rank, weight, by):  # type: ignore[no-untyped-def]
    """Weight of the pairs in the right order, and of all pairs; customers sorted by time, from the last to the first."""
    n, size = event.size, rank.max() + 1
    tree, total = np.zeros(size + 1), 0.0
    agreed = pairs = 0.0
    i = n - 1
    while i >= 0:
        j = i
        while j >= 0 and code[j] == code[i]:
            if event[j] == 0.0:
                total += weight[j]
                _add(tree, rank[j] + 1, weight[j])
            j -= 1
        for k in range(j + 1, i + 1):
            if event[k] == 1.0 and weight[k] > 0.0:
                below, upto = _sum(tree, rank[k]), _sum(tree, rank[k] + 1)
                each = weight[k] * by[k]
                agreed += each * (below + 0.5 * (upto - below))
                pairs += each * total
        for k in range(j + 1, i + 1):
            if event[k] == 1.0:
                total += weight[k]
                _add(tree, rank[k] + 1, weight[k])
        i = j
    return agreed, pairs


@njit(cache=True, nogil=True)
def _add(tree, place, weight):  # type: ignore[no-untyped-def]
    while place < tree.size:
        tree[place] += weight
        place += place & -place


@njit(cache=True, nogil=True)
def _sum(tree, place):  # type: ignore[no-untyped-def]
    found = 0.0
    while place > 0:
        found += tree[place]
        place -= place & -place
    return found


@njit(cache=True, nogil=True)
def _brier(time, event, seen, weight, survival, at):  # type: ignore[no-untyped-def]
    n, found, total = time.size, np.empty(at.size), weight.sum()
    for h in range(at.size):
        first = np.searchsorted(time, at[h])
        reached = seen[first] if first < n else 0.0
        score = 0.0
        for i in range(n):
            if event[i] == 1.0 and time[i] <= at[h]:
                if seen[i] > 0.0:
                    score += weight[i] * survival[i, h] ** 2 / seen[i]
            elif time[i] >= at[h] and reached > 0.0:
                score += weight[i] * (1.0 - survival[i, h]) ** 2 / reached
        found[h] = score / total if reached > 0.0 else np.nan
    return found


@njit(cache=True, nogil=True)
def _share_there(time, event, code, weight, at):  # type: ignore[no-untyped-def]
    n, found = time.size, np.empty(at.size)
    left, now, i = weight.sum(), 1.0, 0
    for h in range(at.size):
        while i < n and time[i] <= at[h]:
            j, leavers, gone = i, 0.0, 0.0
            while j < n and code[j] == code[i]:
                leavers += weight[j] * event[j]
                gone += weight[j]
                j += 1
            if leavers > 0.0:
                now *= 1.0 - leavers / left
            left -= gone
            i = j
        found[h] = now
    return found
