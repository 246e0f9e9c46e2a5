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

from clvmodels.duration.lifetime import WORK, W, X
from clvmodels.duration.paths import dropout_until, fill, purchases_until, segment_at, workspace
from clvmodels.duration.paths_likelihood import log_segment

SMOOTH = 0.03
"""Fall of the log of discount and survival over a piece of time up to which two nodes give nine digits."""
MORE = 3.0
"""Powers of survival count as so many more: (s)_4 of the fourth derivative is below (s + 3)^4."""
STEEP = 4.0
ROOT = 0.5 / math.sqrt(3.0)


@njit(cache=True, nogil=True, error_model="numpy")
def _alike(which, path, i):
    """Whether element i has the parameters and the path of the one before."""
    return i > 0 and which[i] == which[i - 1] and path[i] == path[i - 1]


@njit(cache=True, nogil=True, error_model="numpy")
def _between(factors, segments, start, stop):
    """A and D from one moment to another."""
    k, j = segment_at(factors.start, segments, start), segment_at(factors.start, segments, stop)
    bought = purchases_until(factors, j, stop) - purchases_until(factors, k, start)
    return bought, dropout_until(factors, j, stop) - dropout_until(factors, k, start)


@njit(cache=True, nogil=True, error_model="numpy")
def state(theta, which, path, first, x, t_x, T, paths):
    """P(alive at T) and the scales alpha + A(T), beta + D(T), each (n,).

    Of neighbours who differ in recency alone, the later ones share the integrals over whole segments with the first.
    """
    n = which.size
    alive, scale, left = np.empty(n), np.empty(n), np.empty(n)
    factors, segments, begin = workspace(paths), 0, 0
    log_alive = a_first = d_first = 0.0
    rest, work, none = np.empty(factors.start.size + 1), np.empty(WORK), np.empty(0)
    for i in range(n):
        if not _alike(which, path, i):
            segments = fill(paths, path[i], theta[which[i]], factors)
        here, stop = theta[which[i]], first[i] + T[i]
        k, last = segment_at(factors.start, segments, first[i] + t_x[i]), segment_at(factors.start, segments, stop)
        shared = _alike(which, path, i) and first[i] == first[i - 1] and x[i] == x[i - 1] and T[i] == T[i - 1]
        if not (shared and k >= begin):
            begin, rest[last + 1] = k, -np.inf
            k_first = segment_at(factors.start, segments, first[i])
            a_first, d_first = purchases_until(factors, k_first, first[i]), dropout_until(factors, k_first, first[i])
            for j in range(last, k, -1):
                high = factors.start[j + 1] if j < last else stop
                one = _log_left(here, x[i], a_first, d_first, factors.start[j], high, j, factors, work, none)
                rest[j] = _log_sum(rest[j + 1], one)
            scale[i] = here[1] + (purchases_until(factors, last, stop) - a_first)
            left[i] = here[3] + (dropout_until(factors, last, stop) - d_first)
            log_alive = -(here[0] + x[i]) * math.log(scale[i]) - here[2] * math.log(left[i])
        else:
            scale[i], left[i] = scale[i - 1], left[i - 1]
        high = factors.start[k + 1] if k < last else stop
        one = _log_left(here, x[i], a_first, d_first, first[i] + t_x[i], high, k, factors, work, none)
        alive[i] = 1.0 / (1.0 + math.exp(_log_sum(rest[k + 1], one) - log_alive))
    return alive, scale, left


@njit(cache=True, nogil=True, error_model="numpy")
def _log_left(theta, x, a_first, d_first, low, high, k, factors, work, none):
    """Log of s times the integral over a piece of segment k, of those who leave in it; A and D count from the first purchase."""
    if high <= low:
        return -np.inf
    alpha = theta[1] + (purchases_until(factors, k, low) - a_first)
    beta = theta[3] + (dropout_until(factors, k, low) - d_first)
    return math.log(theta[2]) + log_segment(
        theta[0] + x, theta[2] + 1.0, alpha, factors.rate[k], beta, factors.hazard[k], high - low, work, none
    )


@njit(cache=True, nogil=True, error_model="numpy")
def _log_sum(a, b):
    top = max(a, b)
    return top + math.log1p(math.exp(min(a, b) - top)) if top > -np.inf else top


@njit(cache=True, nogil=True, error_model="numpy")
def sums_ahead(theta, which, path, now, horizon, paths):
    """A and D over the horizon from now on, each (n,)."""
    n = which.size
    bought, left, factors, segments = np.empty(n), np.empty(n), workspace(paths), 0
    for i in range(n):
        if not _alike(which, path, i):
            segments = fill(paths, path[i], theta[which[i]], factors)
        if _alike(which, path, i) and now[i] == now[i - 1] and horizon[i] == horizon[i - 1]:
            bought[i], left[i] = bought[i - 1], left[i - 1]
        else:
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
        step = min(width - u, 1.0 / abs(force), (b + d * u) / d)
        if step * abs(force) + (s + MORE) * step * d / (b + d * u) <= SMOOTH:
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
def present_sums(theta, which, path, now, left, horizon, force, paths):
    """Expected sum of the purchase factor over the time within the horizon that a customer alive stays (n,).

    At present value, unless the force of interest is 0. `left` is that of `state`.
    """
    n = which.size
    out, factors, segments = np.empty(n), workspace(paths), 0
    for i in range(n):
        alike = _alike(which, path, i)
        if not alike:
            segments = fill(paths, path[i], theta[which[i]], factors)
        if alike and now[i] == now[i - 1] and left[i] == left[i - 1] and horizon[i] == horizon[i - 1]:
            out[i] = out[i - 1]
        else:
            stop = now[i] + horizon[i]
            out[i] = _present_sum(theta[which[i], 2], now[i], stop, left[i], force, factors, segments)
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _present_sum(s, now, stop, left, force, factors, segments):
    """The same for one customer, up to a moment."""
    k, low, b, total = segment_at(factors.start, segments, now), now, left, 0.0
    while low < stop:
        high = min(stop, factors.start[k + 1]) if k + 1 < segments else stop
        a, d = factors.rate[k], factors.hazard[k]
        log_worth = -s * math.log(b / left) - force * (low - now)
        time = _present_stay(b, d, s, high - low, force) if force != 0.0 else _stay(b, d, s, high - low)
        total += a * time * math.exp(log_worth)
        b += d * (high - low)
        low, k = high, k + 1
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def left_after(theta, which, path, now, x, scale, left, count, horizon, paths):
    """Probability that a customer alive buys `count` times and leaves within the horizon (n,)."""
    n = which.size
    out, factors, segments = np.empty(n), workspace(paths), 0
    for i in range(n):
        if not _alike(which, path, i):
            segments = fill(paths, path[i], theta[which[i]], factors)
        alike = _alike(which, path, i) and now[i] == now[i - 1] and x[i] == x[i - 1] and left[i] == left[i - 1]
        if alike and scale[i] == scale[i - 1] and horizon[i] == horizon[i - 1] and count[i] == count[i - 1]:
            out[i] = out[i - 1]
            continue
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
        if not _alike(which, path, i):
            segments = fill(paths, path[i], theta[which[i]], factors)
        k = segment_at(factors.start, segments, now[i])
        bought, target = purchases_until(factors, k, now[i]), dropout_until(factors, k, now[i]) + gone[i]
        stop = now[i] + horizon[i]
        k = min(segment_at(factors.dropout, segments, target), segment_at(factors.start, segments, stop))
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
        if not _alike(which, path, i):
            segments = fill(paths, path[i], theta[which[i]], factors)
        k = segment_at(factors.start, segments, now[i])
        bought = purchases_until(factors, k, now[i])
        for j in range(offsets[order[i]], offsets[order[i] + 1]):
            target = bought + times[j]
            if k + 1 < segments and factors.purchases[k + 1] <= target:
                k = segment_at(factors.purchases, segments, target)
            times[j] = factors.start[k] + (target - factors.purchases[k]) / factors.rate[k] - now[i]
