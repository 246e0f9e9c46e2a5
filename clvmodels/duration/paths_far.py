"""Far futures: what the purchase factor adds up to over centuries of months, while customers leave and money loses value.

From some day on only the calendar changes. What a customer alive then brings depends on one number, b = beta + D: with u the time
since that day,

    F(b) = integral of a(u) e^(-force u) (1 + D(u) / b)^-s du.

The last factor is smooth in D however jagged the calendar: on blocks over which log(b + D) rises by little it is a polynomial
in D. So for each set of parameters the rest of the integrand is summed once against Chebyshev polynomials, and F of every
customer is a sum over a few nodes a block.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from clvmodels.duration import paths_future
from clvmodels.duration.paths import Paths, fill, places, workspace
from clvmodels.duration.paths_future import MORE, SMOOTH
from clvmodels.duration.stocks import LASTS, LATER
from clvmodels.numerics.quadrature import NEGLIGIBLE, gauss_legendre

Array = NDArray[np.float64]

MANY = 100
"""Changes of the calendar from which on it pays to sum them once for all."""
NODES = 16
BLOCK, POWER = math.log(2.0), 2.0
"""Rise of log(b + D) over a block, divided by s / POWER where that is above one: the nodes then give eleven digits."""
X2, W2 = gauss_legendre(2)
X4, W4 = gauss_legendre(4)
ROUGH = 0.7
"""Fall of the log integrand over a piece of time up to which four nodes give ten digits."""
FAINT = 1e-12
COMMON = ("start", "purchase", "dropout")
"""What holds for all paths."""
ALIKE = 1e-9
"""Moments of the end of the horizon [period] that are the same."""


class Far(NamedTuple):
    """Paths up to a day and from it on, where they are fewer: `path` says which of these each path becomes (P,)."""

    day: float
    near: Paths
    paths: Paths
    path: NDArray[np.int64]


def present_sums(
    theta: Array, which: NDArray[np.intp], path: NDArray[np.int64], now: Array, left: Array, horizon: Array, force: float,
    paths: Paths,
) -> Array:  # fmt: skip
    """As `paths_future.present_sums`, in less time where the calendar changes often after everything else has settled."""
    far = _parted(theta, paths, now, horizon, force)
    if far is None:
        return np.asarray(paths_future.present_sums(theta, which, path, now, left, horizon, force, paths))
    ahead = far.day - now
    sums = paths_future.present_sums(theta, which, path, now, left, ahead, force, far.near)
    later = left + paths_future.sums_ahead(theta, which, path, now, ahead, far.near)[1]
    worth = np.exp(-theta[which, 2] * np.log(later / left) - force * ahead)
    stop = float(np.max(now + horizon))
    return np.asarray(sums + worth * far_sums(theta, which, far.path[path], later, stop, force, far.paths))


def _parted(theta: Array, paths: Paths, now: Array, horizon: Array, force: float) -> Far | None:
    """The paths before and after the day on which all but the calendar has settled; None if that does not pay."""
    stop = now + horizon
    if not now.size or (np.ptp(stop) > ALIKE and force * float(np.min(horizon)) < NEGLIGIBLE * (1 - ALIKE)):
        return None
    inside = paths.own_start < float(stop.max())
    settled = max(float(now.max()), float(paths.own_start[inside].max(initial=-np.inf)), _faded(theta, paths))
    first = int(np.searchsorted(paths.start, settled))
    if paths.start.size - first < MANY or paths.start[first] >= float(stop.min()):
        return None
    changes = np.add.reduceat(inside, paths.own_offset[:-1], dtype=np.int64)
    last = paths.own_offset[:-1] + np.maximum(changes - 1, 0)
    rows, path = np.unique(paths.own_row[last], return_inverse=True)
    far = paths._replace(
        own_offset=np.arange(rows.size + 1), own_start=np.full(rows.size, paths.start[first]), own_row=rows,
        dose_offset=np.zeros(rows.size + 1, dtype=np.int64), **{name: getattr(paths, name)[first:] for name in COMMON},
    )  # fmt: skip
    return Far(float(paths.start[first]), until(paths, float(paths.start[first])), far, path.astype(np.int64))


def until(paths: Paths, moment: float) -> Paths:
    """The same without the changes common to all after a moment."""
    stop = int(np.searchsorted(paths.start, moment, side="right"))
    return paths._replace(**{name: getattr(paths, name)[:stop] for name in COMMON})


def _faded(theta: Array, paths: Paths) -> float:
    """When all contacts add less than `FAINT` to the logarithm of any rate, whichever of the parameters (m, k) hold."""
    if not paths.dose_start.size:
        return -math.inf
    at = places(paths)
    terms = np.vstack([paths.purchase_terms, paths.dropout_terms])
    coefficients = np.abs(
        np.hstack([theta[:, at.purchase_terms : at.dropout], theta[:, at.dropout_terms : at.half_life]])
    )
    saturation = float(np.max(paths.saturation if paths.saturation.size else theta[:, at.saturation]))
    slope = saturation / math.log1p(saturation) if saturation > 0 else 1.0
    contacts = np.add.reduceat(np.append(paths.dose.sum(axis=1), 0.0), paths.dose_offset[:-1]).max()
    most = max(float(coefficients.sum(axis=1).max() * slope * contacts), 1.0) * contacts
    slowest = float(theta[:, at.half_life : at.saturation].max()) * (LASTS if np.any(terms[:, 0] == LATER) else 1.0)
    return float(paths.dose_start[paths.dose.any(axis=1)].max()) + slowest * math.log2(most / FAINT)


@njit(cache=True, nogil=True, error_model="numpy")
def far_sums(theta, which, path, b, stop, force, paths):
    """F of every element (n,): its parameters, its path, and its b at the first moment of the paths; up to another moment."""
    out, factors, count = np.empty(which.size), workspace(paths), paths.own_offset.size - 1
    made, height, place, weight = np.zeros(count, np.bool_), np.zeros(2), [np.zeros((0, 0))], [np.zeros((0, 0))]
    for _ in range(count):
        place.append(np.zeros((0, 0)))
        weight.append(np.zeros((0, 0)))
    for i in range(which.size):
        s = theta[which[i], 2]
        if i == 0 or which[i] != which[i - 1]:
            made[:] = False
            height[:] = b[i]
            j = i
            while j < which.size and which[j] == which[i]:
                height[0], height[1] = min(height[0], b[j]), max(height[1], b[j])
                j += 1
        elif path[i] == path[i - 1] and b[i] == b[i - 1]:
            out[i] = out[i - 1]
            continue
        if not made[path[i]]:
            made[path[i]] = True
            segments = fill(paths, path[i], theta[which[i]], factors)
            place[path[i]], weight[path[i]] = _summed(
                height, s, stop, force, segments, factors.start, factors.rate, factors.hazard
            )
        out[i] = 0.0
        D, w = place[path[i]].ravel(), weight[path[i]].ravel()
        for q in range(D.size):
            out[i] += w[q] * math.exp(-s * math.log1p(D[q] / b[i]))
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _summed(between, s, stop, force, segments, start, rate, hazard):
    """Nodes and weights in D by block (B, NODES) each, for every b between two."""
    b, total = between[0], 0.0
    for k in range(segments):
        total += max((start[k + 1] if k + 1 < segments else stop) - start[k], 0.0) * hazard[k]
    step = BLOCK / max(1.0, s / POWER)
    reach = min(total, between[1] * math.expm1((NEGLIGIBLE + 2.0) / s))
    blocks = max(1, math.ceil(math.log1p(reach / b) / step))
    moments = np.zeros((blocks, NODES))
    block, D, t, k = 0, 0.0, start[0], 0
    while k < segments and block < blocks:
        a, d = rate[k], hazard[k]
        low, high = b * math.expm1(step * block), b * math.expm1(step * (block + 1))
        end = min(stop, start[k + 1]) if k + 1 < segments else stop
        steep = abs(force) + (s + MORE) * d / (b + D)
        width = min(end - t, ROUGH / steep, (high - D) / d)
        if width > 0.0:
            few = width * steep <= SMOOTH
            X, W = (X2, W2) if few else (X4, W4)
            for q in range(X.size):
                u = width * X[q]
                x = (2.0 * (D + d * u) - low - high) / (high - low)
                _add(x, W[q] * width * a * math.exp(-force * (t + u - start[0])), moments[block])
            t, D = t + width, D + d * width
        if end - t <= 1e-12 * abs(end):
            k += 1
        elif width <= 0.0 or (high - D) <= 1e-12 * high:
            block += 1
    return _nodes(b, step, moments)


@njit(cache=True, nogil=True, error_model="numpy")
def _add(x, weight, moments):
    """Add the weight times the Chebyshev polynomials at x."""
    before, here = 1.0, x
    moments[0] += weight
    for q in range(1, moments.size):
        moments[q] += weight * here
        before, here = here, 2.0 * x * here - before


@njit(cache=True, nogil=True, error_model="numpy")
def _nodes(b, step, moments):
    """Nodes in D, and the weights with which values there sum up to the integral of the polynomial through them."""
    place, weight = np.empty(moments.shape), np.empty(moments.shape)
    for block in range(moments.shape[0]):
        low, high = b * math.expm1(step * block), b * math.expm1(step * (block + 1))
        for j in range(NODES):
            angle = math.pi * (j + 0.5) / NODES
            total = 0.5 * moments[block, 0]
            for q in range(1, NODES):
                total += moments[block, q] * math.cos(q * angle)
            place[block, j] = 0.5 * (low + high + (high - low) * math.cos(angle))
            weight[block, j] = 2.0 / NODES * total
    return place, weight
