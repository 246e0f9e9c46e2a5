"""What customers do differently under two futures, purchase by purchase, under the same chance.

A customer has one rate, one threshold of leaving (she leaves when D since the end of observation reaches it) and one set of
Poisson points on the plane of time and height; under either future she buys at the points below her rate times its factor,
until she leaves under it. Points that she buys at under both are the same purchase and are not drawn.

While both futures have her, the plan's factor is above the other one at some times, which brings extra purchases, and below it at
others. What it is below makes good what it was above before, first come, first made good: an extra purchase whose turn comes is
the same purchase as the one then missing, pulled forward. The other way round it is put off. Under either future alone, purchases
are those of its own factor.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from clvmodels.duration.paths import Paths, fill, segment_at, workspace
from clvmodels.duration.paths_future import present_sum

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

INDUCED, PULLED_FORWARD, PUT_OFF, FORGONE, SAVED, LOST = range(6)
"""While both futures have her: extra, extra and later missing, missing and later extra, missing. After she has left under the
other future; after she has left under the plan."""


class Differing(NamedTuple):
    """Purchases that differ, ragged: those of customer i in draw s are `offsets[k]` to `offsets[k + 1]`, k = i * draws + s.

    Attributes
    ----------
    kind
        One of the six; a purchase pulled forward or put off is one row.
    time
        When it is made under the plan, since the end of observation [period]; or under the other future, if it is not.
    other
        When it is made under the other future, of those pulled forward or put off; otherwise the same as `time`.
    """

    offsets: Whole
    kind: NDArray[np.int8]
    time: Array
    other: Array


class Drawn(NamedTuple):
    """Room for purchases, as in `Differing`."""

    kind: NDArray[np.int8]
    time: Array
    other: Array


@njit(cache=True, nogil=True, error_model="numpy")
def unequal(theta, which, path, beside, now, horizon, paths, others):
    """Whether some factor of an element differs between its path under the plan and its other one, within the horizon (n,)."""
    one, two, out, n, m = workspace(paths), workspace(others), np.zeros(which.size, np.bool_), 0, 0
    for i in range(which.size):
        if i == 0 or which[i] != which[i - 1] or path[i] != path[i - 1] or beside[i] != beside[i - 1]:
            n = fill(paths, path[i], theta[which[i]], one)
            m = fill(others, beside[i], theta[which[i]], two)
        low, stop = now[i], now[i] + horizon
        k, j = segment_at(one.start, n, low), segment_at(two.start, m, low)
        while low < stop and not out[i]:
            out[i] = one.rate[k] != two.rate[j] or one.hazard[k] != two.hazard[j]
            low, k, j = _next(one, n, k, two, m, j, stop)
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _next(one, n, k, two, m, j, stop):
    """Where the next segment of both paths together begins, `stop` at the latest, and the segments there."""
    at_one = one.start[k + 1] if k + 1 < n else np.inf
    at_two = two.start[j + 1] if j + 1 < m else np.inf
    now = min(stop, min(at_one, at_two))
    return now, k + 1 if at_one <= now else k, j + 1 if at_two <= now else j


@njit(cache=True, nogil=True, error_model="numpy")
def _draw(rng, theta, which, path, beside, now, x, alive, scale, left, horizon, force, paths, others, means, counts):
    """Write means and counts of every element; returns the purchases of the elements one after the other."""
    one, two, n, m, used, room = workspace(paths), workspace(others), 0, 0, 0, 1000 + which.size // 8
    drawn = Drawn(np.empty(room, np.int8), np.empty(room), np.empty(room))
    for i in range(which.size):
        anew, here, stop, before = i == 0 or which[i] != which[i - 1], theta[which[i]], now[i] + horizon, used
        if anew or path[i] != path[i - 1]:
            n = fill(paths, path[i], here, one)
        if anew or beside[i] != beside[i - 1]:
            m = fill(others, beside[i], here, two)
        for k in range(means.shape[0]):
            rate = force if k else 0.0
            bought = present_sum(here[2], now[i], stop, left[i], rate, one, n)
            bought -= present_sum(here[2], now[i], stop, left[i], rate, two, m)
            means[k, i] = alive[i] * (here[0] + x[i]) / scale[i] * bought
        if rng.random() < alive[i]:
            own = rng.standard_gamma(here[0] + x[i]) / scale[i]
            gone = left[i] * math.expm1(rng.standard_exponential() / here[2])
            used, drawn = _walk(rng, own, gone, now[i], stop, one, n, two, m, used, drawn)
        counts[i] = used - before
    return Drawn(drawn.kind[:used], drawn.time[:used], drawn.other[:used])


@njit(cache=True, nogil=True, error_model="numpy")
def _walk(rng, rate, gone, now, stop, one, n, two, m, used, drawn):
    """Append one customer's purchases; returns how many there are by then, and all of them.

    While both futures have her, those from `oldest` on wait to be made good. They are all extra (`side` above 0) or all missing
    ones; `made` is the difference of the factors that they come from, `good` what of it is made good.
    """
    k, j, low, begin, oldest = segment_at(one.start, n, now), segment_at(two.start, m, now), now, used, used
    left_one, left_two, wait = gone, gone, rng.standard_exponential()
    side = made = good = 0.0
    while low < stop and (left_one > 0.0 or left_two > 0.0):
        high, next_k, next_j = _next(one, n, k, two, m, j, stop)
        leaves_one = low + left_one / one.hazard[k] if left_one > 0.0 else np.inf
        leaves_two = low + left_two / two.hazard[j] if left_two > 0.0 else np.inf
        if min(leaves_one, leaves_two) < high:
            high, next_k, next_j = min(leaves_one, leaves_two), k, j
        at, what, speed = low, LOST, two.rate[j]
        if left_one > 0.0 and left_two > 0.0:
            turn, speed = np.sign(one.rate[k] - two.rate[j]), abs(one.rate[k] - two.rate[j])
            what = INDUCED if turn > 0.0 else FORGONE
            if turn * side < 0.0:
                until = min(made, good + speed * (high - low))
                oldest = _make_good(good, until, low - now, speed, oldest, used, drawn)
                at, good = high if until < made else low + (until - good) / speed, until
            if turn != 0.0 and turn * side <= 0.0 and at < high:
                side, made, good, oldest = turn, 0.0, 0.0, used
        elif left_one > 0.0:
            what, speed = SAVED, one.rate[k]
        used, wait, drawn = _append(rng, what, rate, speed, at, high, wait, now, made, used, drawn)
        made += speed * (high - at)
        left_one = left_one - one.hazard[k] * (high - low) if leaves_one > high and left_one > 0.0 else 0.0
        left_two = left_two - two.hazard[j] * (high - low) if leaves_two > high and left_two > 0.0 else 0.0
        low, k, j = high, next_k, next_j
    for i in range(begin, used):
        if drawn.kind[i] in (INDUCED, FORGONE):
            drawn.other[i] = drawn.time[i]
    return used, drawn


@njit(cache=True, nogil=True, error_model="numpy")
def _append(rng, what, rate, speed, at, high, wait, now, made, used, drawn):
    """Append the purchases from `at` to `high`, dated since `now`; `other` is the difference of the factors up to each."""
    mass, moment = rate * speed * (high - at), at
    while mass > 0.0 and wait <= mass:
        moment = min(high, moment + wait / (rate * speed))
        mass -= wait
        wait = rng.standard_exponential()
        if used == drawn.kind.size:
            drawn = Drawn(_wider(drawn.kind), _wider(drawn.time), _wider(drawn.other))
        drawn.kind[used], drawn.time[used] = what, moment - now
        drawn.other[used] = made + speed * (moment - at) if what in (INDUCED, FORGONE) else moment - now
        used += 1
    return used, wait - mass, drawn


@njit(cache=True, nogil=True, error_model="numpy")
def _wider(values):
    out = np.empty(2 * values.size, values.dtype)
    out[: values.size] = values
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _make_good(good, until, low, speed, oldest, used, drawn):
    """Date the purchases whose turn comes as the difference made good goes on by `speed`; returns the place of the next one."""
    kind, time, other = drawn
    while oldest < used and other[oldest] <= until:
        turn = low + max(0.0, other[oldest] - good) / speed
        if kind[oldest] == INDUCED:
            kind[oldest], other[oldest] = PULLED_FORWARD, turn
        else:
            kind[oldest], other[oldest], time[oldest] = PUT_OFF, time[oldest], turn
        oldest += 1
    return oldest


@njit(cache=True, nogil=True, error_model="numpy")
def _in_order(order, counts, offsets, drawn):
    """Purchases of elements one after the other, as those of element `order[i]`."""
    kind, time, other, used = np.empty_like(drawn.kind), np.empty_like(drawn.time), np.empty_like(drawn.other), 0
    for i in range(order.size):
        at, size = offsets[order[i]], counts[i]
        kind[at : at + size] = drawn.kind[used : used + size]
        time[at : at + size] = drawn.time[used : used + size]
        other[at : at + size] = drawn.other[used : used + size]
        used += size
    return Drawn(kind, time, other)


def differing(
    rng: np.random.Generator, theta: Array, which: NDArray[np.intp], path: Whole, beside: Whole, now: Array, x: Array,
    state: tuple[Array, Array, Array], horizon: float, force: float, order: NDArray[np.intp], paths: Paths, others: Paths,
) -> tuple[Array, Differing]:  # fmt: skip
    """Expect and draw the purchases that differ between two futures.

    Parameters
    ----------
    theta, which, path, now, order, paths
        As in `Elements`, under the plan.
    beside, others
        Paths of the same elements under the other future (n,), and the table of these.
    x
        Frequency (n,).
    state
        As `paths_future.state` gives it.
    horizon
        Length of the future [period], finite.
    force
        Force of interest [1/period].

    Returns
    -------
    means, purchases
        Expected purchases under the plan less those under the other future by element, and with interest the same at present
        value (1 or 2, n); the drawn ones in the order of `order`.
    """
    means, counts = np.empty((2 if force else 1, which.size)), np.empty(which.size, np.int64)
    drawn = _draw(rng, theta, which, path, beside, now, x, *state, horizon, force, paths, others, means, counts)
    offsets = np.zeros(which.size + 1, np.int64)
    offsets[order + 1] = counts
    np.cumsum(offsets, out=offsets)
    return means, Differing(offsets, *_in_order(order, counts, offsets, drawn))
