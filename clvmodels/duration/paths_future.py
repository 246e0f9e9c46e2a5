"""What comes after the end of observation when rates change over time, given that a customer is alive.

Her rate is then Gamma(r + x, alpha + A(T)) and her hazard Gamma(s, beta + D(T)), and the factors a and d go on along her path.
In the sum A of the purchase factor, purchases are Poisson at her own rate, whatever the season: they are drawn there and
brought back to the calendar. Every function takes parameters (m, k), and for each element (n,) which of them is meant; elements
sorted by parameters, then path, are fastest.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from clvmodels.duration.lifetime import W, X
from clvmodels.duration.paths import dropout_until, fill, purchases_until, segment_at, workspace
from clvmodels.duration.paths_likelihood import log_braces, parts_of

SMOOTH = 0.05
"""Of a piece of time, in e-folds of discount and of survival: up to it two nodes give ten digits."""
STEEP = 4.0
ROOT = 0.5 / math.sqrt(3.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _filled(theta, which, path, i, segments, paths, factors):
    """The number of segments of element i's path, written anew unless the element before has the same."""
    if i > 0 and which[i] == which[i - 1] and path[i] == path[i - 1]:
        return segments
    return fill(paths, path[i], theta[which[i]], factors)


@njit(cache=True, nogil=True, error_model="numpy")
def _between(factors, segments, start, stop):
    """A and D from one moment to another."""
    k, j = segment_at(factors.start, segments, start), segment_at(factors.start, segments, stop)
    bought = purchases_until(factors, j, stop) - purchases_until(factors, k, start)
    return bought, dropout_until(factors, j, stop) - dropout_until(factors, k, start)


@njit(cache=True, nogil=True, error_model="numpy")
def state(theta, which, path, first, x, t_x, T, paths):
    """P(alive at T) and the scales alpha + A(T), beta + D(T), each (n,)."""
    n = which.size
    alive, scale, left = np.empty(n), np.empty(n), np.empty(n)
    factors, segments = workspace(paths), 0
    parts = parts_of(factors.start.size, False)
    for i in range(n):
        segments = _filled(theta, which, path, i, segments, paths, factors)
        here = theta[which[i]]
        braces = log_braces(here, x[i], first[i], t_x[i], T[i], factors, segments, parts)
        bought, gone = _between(factors, segments, first[i], first[i] + T[i])
        scale[i], left[i] = here[1] + bought, here[3] + gone
        log_alive = -(here[0] + x[i]) * math.log(scale[i]) - here[2] * math.log(left[i])
        alive[i] = min(1.0, math.exp(log_alive - braces))
    return alive, scale, left


@njit(cache=True, nogil=True, error_model="numpy")
def sums_ahead(theta, which, path, now, horizon, paths):
    """A and D over the horizon from now on, each (n,)."""
    n = which.size
    bought, left, factors, segments = np.empty(n), np.empty(n), workspace(paths), 0
    for i in range(n):
        segments = _filled(theta, which, path, i, segments, paths, factors)
        bought[i], left[i] = _between(factors, segments, now[i], now[i] + horizon[i])
    return bought, left


@njit(cache=True, nogil=True, error_model="numpy")
def _stay(b, d, s, width):
    """Integral over u from 0 to width of (b / (b + d u))^s."""
    folds = math.log1p(d * width / b)
    y = (1.0 - s) * folds
    return b / d * folds * (math.expm1(y) / y if y != 0.0 else 1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _present_stay(b, d, s, width, force):
    """The same, each moment at its present value."""
    total = u = 0.0
    while width - u > 1e-12 * width:
        step = min(width - u, 1.0 / force, (b + d * u) / d)
        if max(step * force, step * d / (b + d * u)) <= SMOOTH:
            for q in range(2):
                v = u + step * (0.5 + (ROOT if q else -ROOT))
                total += 0.5 * step * math.exp(-force * v - s * math.log1p(d * v / b))
        else:
            for q in range(X.size):
                v = u + step * X[q]
                total += W[q] * step * math.exp(-force * v - s * math.log1p(d * v / b))
        u += step
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def expected(theta, which, path, now, x, scale, left, horizon, force, paths):
    """Expected purchases within the horizon of a customer alive (n,), at present value if the force of interest is above 0.

    `scale` and `left` are those of `state`.
    """
    return expected_by_force(theta, which, path, now, x, scale, left, horizon, np.array([force]), paths)[0]


@njit(cache=True, nogil=True, error_model="numpy")
def expected_by_force(theta, which, path, now, x, scale, left, horizon, forces, paths):
    """The same for several forces of interest (f,) at once: (f, n)."""
    n, m, segments = which.size, forces.size, 0
    out, factors, totals = np.empty((m, n)), workspace(paths), np.empty(m)
    for i in range(n):
        segments = _filled(theta, which, path, i, segments, paths, factors)
        here, stop, b = theta[which[i]], now[i] + horizon[i], left[i]
        k, low = segment_at(factors.start, segments, now[i]), now[i]
        totals[:] = 0.0
        while low < stop:
            high = min(stop, factors.start[k + 1]) if k + 1 < segments else stop
            a, d = factors.rate[k], factors.hazard[k]
            log_there = -here[2] * math.log(b / left[i])
            for f in range(m):
                time = (
                    _present_stay(b, d, here[2], high - low, forces[f])
                    if forces[f] > 0.0
                    else _stay(b, d, here[2], high - low)
                )
                totals[f] += a * time * math.exp(log_there - forces[f] * (low - now[i]))
            b += d * (high - low)
            low, k = high, k + 1
        out[:, i] = (here[0] + x[i]) / scale[i] * totals
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def left_after(theta, which, path, now, x, scale, left, count, horizon, paths):
    """Probability that a customer alive buys `count` times and leaves within the horizon (n,)."""
    n = which.size
    out, factors, segments = np.empty(n), workspace(paths), 0
    for i in range(n):
        segments = _filled(theta, which, path, i, segments, paths, factors)
        here, stop, m = theta[which[i]], now[i] + horizon[i], count[i]
        c, s, total, done, b = here[0] + x[i], here[2], 0.0, 0.0, left[i]
        chosen = math.lgamma(c + m) - math.lgamma(c) - math.lgamma(m + 1.0) + c * math.log(scale[i]) + s * math.log(b)
        k, low = segment_at(factors.start, segments, now[i]), now[i]
        while low < stop:
            high = min(stop, factors.start[k + 1]) if k + 1 < segments else stop
            a, d = factors.rate[k], factors.hazard[k]
            slow = STEEP * (scale[i] + done) / (c + m)
            if m > 0.0:
                slow = min(slow, STEEP * done / m if done > 0.0 else scale[i] / (c + m) * 1e-3)
            step = min(high - low, b / d, slow / a)
            step = high - low if high - low - step < 1e-9 * (high - low) else step
            for q in range(X.size):
                v = step * X[q]
                counts = m * math.log(done + a * v) if m > 0.0 else 0.0
                height = counts - (c + m) * math.log(scale[i] + done + a * v) - (s + 1.0) * math.log(b + d * v)
                total += W[q] * step * d * s * math.exp(chosen + height)
            done, b = done + a * step, b + d * step
            if step == high - low:
                low, k = high, k + 1
            else:
                low += step
        out[i] = total
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def until_gone(theta, which, path, now, horizon, gone, paths):
    """A from now to the end of the horizon or of the lifetime, whichever is first: where D from now on is `gone` (n,)."""
    n = which.size
    out, factors, segments = np.empty(n), workspace(paths), 0
    for i in range(n):
        segments = _filled(theta, which, path, i, segments, paths, factors)
        k = segment_at(factors.start, segments, now[i])
        bought, target = purchases_until(factors, k, now[i]), dropout_until(factors, k, now[i]) + gone[i]
        stop = now[i] + horizon[i]
        while k + 1 < segments and factors.dropout[k + 1] < target and factors.start[k + 1] < stop:
            k += 1
        end = min(stop, factors.start[k] + (target - factors.dropout[k]) / factors.hazard[k])
        out[i] = purchases_until(factors, k, end) - bought
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def on_the_calendar(theta, which, path, now, order, offsets, times, paths):
    """Turn purchase times in sums of A since now, ragged by element, into time since now, in place.

    Element i of the others is number `order[i]` of the ragged ones.
    """
    factors, segments = workspace(paths), 0
    for i in range(which.size):
        segments = _filled(theta, which, path, i, segments, paths, factors)
        k = segment_at(factors.start, segments, now[i])
        bought = purchases_until(factors, k, now[i])
        for j in range(offsets[order[i]], offsets[order[i] + 1]):
            target = bought + times[j]
            while k + 1 < segments and factors.purchases[k + 1] <= target:
                k += 1
            times[j] = factors.start[k] + (target - factors.purchases[k]) / factors.rate[k] - now[i]
