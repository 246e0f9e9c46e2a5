"""The wait for the next purchase when rates change over time, given that a customer is alive.

With A and D the sums of the factors from now on, she buys first at time t with density

    c a(t) (alpha')^c (alpha' + A(t))^-(c + 1) (1 + D(t) / beta')^-s,   c = r + x, alpha' = alpha + A(T), beta' = beta + D(T).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from clvmodels.duration.paths import dropout_until, fill, purchases_until, segment_at, workspace
from clvmodels.duration.paths_future import MORE
from clvmodels.numerics.quadrature import gauss_legendre

X, W = gauss_legendre(4)
ROUGH = 0.7
"""Fall of the log density over a piece of time up to which four nodes give ten digits."""
CLOSE, TURNS = 1e-12, 50


@njit(cache=True, nogil=True, error_model="numpy")
def bought(theta, which, path, now, x, scale, left, begin, horizon, wanted, paths):
    """Probability of the first purchase between `begin` and `horizon` from now (n,), and when it reaches `wanted` (n,).

    That is infinite where no time is long enough, and nan where the horizon is too short. `scale` and `left` are those of
    `state`. Elements whose `wanted` is nan are left out.
    """
    n = which.size
    chance, time, factors, segments, filled = np.zeros(n), np.full(n, np.nan), workspace(paths), 0, -1
    for i in range(n):
        if math.isnan(wanted[i]):
            continue
        if filled < 0 or which[i] != which[filled] or path[i] != path[filled]:
            segments, filled = fill(paths, path[i], theta[which[i]], factors), i
        c, s, a, d, k = theta[which[i], 0] + x[i], theta[which[i], 2], scale[i], left[i], 0
        if begin[i] > 0.0:
            k, j = segment_at(factors.start, segments, now[i]), segment_at(factors.start, segments, now[i] + begin[i])
            a += purchases_until(factors, j, now[i] + begin[i]) - purchases_until(factors, k, now[i])
            d += dropout_until(factors, j, now[i] + begin[i]) - dropout_until(factors, k, now[i])
        chance[i], time[i] = _march(
            c, s, scale[i], left[i], a, d, now[i], begin[i], horizon[i], wanted[i],
            factors.start, factors.rate, factors.hazard, segments,
        )  # fmt: skip
    return chance, time


@njit(cache=True, nogil=True, error_model="numpy")
def _march(c, s, scale, left, a, d, now, begin, horizon, wanted, start, rate, hazard, segments):
    """The same for one customer; a and d are alpha' + A and beta' + D at `begin`."""
    low, stop, total = now + begin, now + horizon, 0.0
    k, top = segment_at(start, segments, low), math.log(c) + c * math.log(scale) + s * math.log(left)
    while low < stop:
        high = min(stop, start[k + 1]) if k + 1 < segments else stop
        up, out = rate[k], hazard[k]
        width = min(high - low, ROUGH / ((c + 1.0 + MORE) * up / a + (s + MORE) * out / d))
        piece = _piece(c, s, top, a, up, d, out, width)
        if total + piece >= wanted:
            return total, low - now + _reached(c, s, top, a, up, d, out, width, wanted - total)
        total, a, d = total + piece, a + up * width, d + out * width
        if wanted <= 1.0 and total + math.exp(c * math.log(scale / a) + s * math.log(left / d)) < wanted:
            return total, np.inf
        if width < high - low:
            low += width
        else:
            low, k = high, k + 1
    return total, np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _piece(c, s, top, a, up, d, out, width):
    """Probability of the first purchase within `width`."""
    total = 0.0
    for q in range(X.size):
        v = width * X[q]
        total += W[q] * math.exp(top - (c + 1.0) * math.log(a + up * v) - s * math.log(d + out * v))
    return total * up * width


@njit(cache=True, nogil=True, error_model="numpy")
def _reached(c, s, top, a, up, d, out, width, wanted):
    """When that is `wanted`: Newton from zero, which the falling density never lets pass beyond."""
    v = 0.0
    for _ in range(TURNS):
        density = up * math.exp(top - (c + 1.0) * math.log(a + up * v) - s * math.log(d + out * v))
        step = (wanted - _piece(c, s, top, a, up, d, out, v)) / density
        v = min(width, v + step)
        if abs(step) <= CLOSE * width:
            break
    return v
