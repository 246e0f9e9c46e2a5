"""Log-normal rates at a given sum of the two: the inner integral behind the Pareto/log-normal model.

A customer's purchase rate lambda and dropout rate mu are

    log lambda = log(rate) + sigma_rate z1,    log mu = log(dropout) + loading z1 + residual z2

with z1, z2 standard normal over customers. With v = log(lambda + mu) and w = log(lambda / mu), q = 1 / (1 + e^-w) is the chance
that a purchase comes before the end of the lifetime, log lambda = v + log q, log mu = v + log(1 - q), and the change of variables
has Jacobian one. The inner integral is that of

    q^x (1 - q)^y density(log lambda, log mu) dw

by the trapezoidal rule, which converges exponentially for what is smooth and vanishes at either end. Its step is that of the
sharpest place, for an error of 1e-12. Where that is too many nodes, because one spread is many times another, only the peaks are
integrated, in panels if need be.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from clvmodels.numerics.elementary import exp, expm1, log
from clvmodels.numerics.quadrature import KRONROD

MEANS = 5
"""Means of z1, z2, z1^2, z1 z2 and z2^2: what derivatives need."""
SHARP, SMOOTH = 54.0, 330.0
"""An integrand of curvature c, smooth in a strip of half-width pi / 2, needs the step 2 pi / sqrt(SHARP c + SMOOTH)."""
REACH, DEPTH = 8.5, 40.0
"""Standard deviations, and fall of the logarithm, beyond which nothing is left."""
MOST, TINY = 600.0, 1e-290
"""Log of the largest rate there is, and the smallest product of a rate and a time."""
MANY, NODES = 400, 4096
"""Nodes of a rule at most; room for those that are remembered."""
PANELS, ACCEPTED, NARROWEST = 60, 1e-9, 4.0
"""Room for panels, accepted difference of their two rules (the better one is then right to 1e-11), least width in steps."""


class Integrand(NamedTuple):
    """lambda^x mu^y under the density, times a factor of mu and `ahead` (none if that is 0); steps of the outer and inner rule.

    The factor is the chance to stay for the time `ahead` if `stays` is 1; otherwise what is paid per unit of time until then, or
    until she leaves, discounted by `force`, as a share of `ahead`. The outer step is negative if it cannot be even.
    """

    log_rate: Any
    log_dropout: Any
    sigma: Any
    loading: Any
    residual: Any
    x: Any
    y: Any
    ahead: Any
    force: Any
    stays: Any
    outer: Any
    inner: Any


class Nodes(NamedTuple):
    """log q and log(1 - q) at the multiples of the inner step, of which `known` says the first, from where and to where."""

    log_q: Any
    log_r: Any
    height: Any
    known: Any


@njit(cache=True, nogil=True, error_model="numpy")
def integrand(theta, x, y, ahead, force, stays):
    """The integrand with its steps."""
    rate, dropout, sigma, loading, residual = theta
    both = math.hypot(loading, residual)
    narrow = min(sigma * residual / both, residual)
    inner = 2.0 * math.pi / math.sqrt(SHARP * (1.0 / narrow**2 + 0.25 * x) + SMOOTH)
    # Variance of log(lambda + mu) that is left if log(lambda / mu) is known as well as the sharpest q^x (1 - q)^y tells it.
    across, known = math.hypot(sigma - loading, residual), 0.25 * x + SMOOTH / SHARP
    ends = sigma * (sigma - loading) / across, (loading * (sigma - loading) - residual**2) / across
    along = min(abs(ends[0]), abs(ends[1])) if ends[0] * ends[1] > 0.0 else 0.0
    variance = (sigma * residual / across) ** 2 + along**2 / (1.0 + known * across**2)
    outer = 2.0 * math.pi / math.sqrt(SHARP * (x + 1.0 / variance) + SMOOTH)
    span = min(2.0 * REACH * max(sigma, both), DEPTH / max(x, 0.01) + 5.0)
    outer = outer if span < MANY * outer else -outer
    logs = math.log(rate), math.log(dropout)
    return Integrand(logs[0], logs[1], sigma, loading, residual, x, y, ahead, force, stays, outer, inner)


@njit(cache=True, nogil=True, error_model="numpy")
def nodes():
    """Room for nodes."""
    return Nodes(np.empty(NODES), np.empty(NODES), np.empty(NODES), np.zeros(3, np.int64))


@njit(cache=True, nogil=True, error_model="numpy")
def _write_logs(low, step, first, log_q, log_r):
    for k in range(log_q.size):
        w = low + step * (first + k)
        log_q[k] = min(w, 0.0) - log(1.0 + exp(-abs(w)))
        log_r[k] = log_q[k] - w


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(it, at, first, last):
    """Make sure that nodes `first` to `last` - 1 are known; returns the place of the first."""
    known = at.known
    apart = first > known[2] or last < known[1]
    if known[1] == known[2] or apart or first < known[0] or last > known[0] + NODES:
        known[0] = first - (NODES - (last - first)) // 2
        known[1] = known[2] = first
    base = known[0]
    if first < known[1]:
        _write_logs(
            0.0, it.inner, first, at.log_q[first - base : known[1] - base], at.log_r[first - base : known[1] - base]
        )
        known[1] = first
    if last > known[2]:
        _write_logs(
            0.0, it.inner, known[2], at.log_q[known[2] - base : last - base], at.log_r[known[2] - base : last - base]
        )
        known[2] = last
    return first - base


@njit(cache=True, nogil=True, error_model="numpy")
def _at(it, v, w):
    """log q, z1 and z2 at w, and the log of the inner integrand without its constant."""
    log_q = min(w, 0.0) - math.log1p(math.exp(-abs(w)))
    z1 = (v + log_q - it.log_rate) / it.sigma
    z2 = (v + log_q - w - it.log_dropout - it.loading * z1) / it.residual
    height = it.x * log_q + it.y * (log_q - w) - 0.5 * (z1 * z1 + z2 * z2)
    if it.ahead > 0.0:
        time = (math.exp(min(v + log_q - w, MOST)) + it.force) * it.ahead
        if it.stays > 0.0:
            height -= time
        elif abs(time) > TINY:
            height += math.log(-math.expm1(-time) / time)
    return height, z1, z2


@njit(cache=True, nogil=True, error_model="numpy")
def _window(it, v):
    """Bounds of w that hold the inner integrand: lambda + mu is mu on the left of 0 and lambda on the right."""
    both = math.hypot(it.loading, it.residual)
    left = it.sigma * it.residual / both
    usual = it.log_rate + it.sigma * it.loading / both**2 * (v - it.log_dropout)
    low = min(usual + it.x * left**2 - v, 0.0) - REACH * left - 3.0
    usual = it.log_dropout + it.loading * (v - it.log_rate) / it.sigma
    high = max(v - usual, 0.0) + REACH * it.residual + 3.0 + math.log1p(it.x)
    return low, high


@njit(cache=True, nogil=True, error_model="numpy")
def _peak(it, v, low, high):
    """Where the inner integrand is highest between `low` and `high`, by thirds."""
    for _ in range(40):
        one, two = low + (high - low) / 3.0, high - (high - low) / 3.0
        if _at(it, v, one)[0] < _at(it, v, two)[0]:
            low = one
        else:
            high = two
    return 0.5 * (low + high)


@njit(cache=True, nogil=True, error_model="numpy")
def _end(it, v, inside, outside, least):
    """Where between the two the inner integrand falls below `least`."""
    if _at(it, v, outside)[0] >= least:
        return outside
    for _ in range(20):
        middle = 0.5 * (inside + outside)
        if _at(it, v, middle)[0] >= least:
            inside = middle
        else:
            outside = middle
    return outside


@njit(cache=True, nogil=True, error_model="numpy")
def _add_factor(it, v, log_r, height):
    """Add the logs of the factor of mu to the heights."""
    ahead, force = it.ahead, it.force
    if it.stays > 0.0:
        for k in range(height.size):
            height[k] -= exp(min(v + log_r[k], MOST)) * ahead
        return
    for k in range(height.size):
        time = (exp(min(v + log_r[k], MOST)) + force) * ahead
        time = time if abs(time) > TINY else TINY
        height[k] += log(-expm1(-time) / time)


@njit(cache=True, nogil=True, error_model="numpy")
def _write_heights(it, v, log_q, log_r, height):
    """Log of the integrand at the nodes; returns the largest."""
    a, b = (v - it.log_rate) / it.sigma, v - it.log_dropout
    per_sigma, per_residual, loading, x, y = 1.0 / it.sigma, 1.0 / it.residual, it.loading, it.x, it.y
    for k in range(height.size):
        z1 = a + log_q[k] * per_sigma
        z2 = (b + log_r[k] - loading * z1) * per_residual
        height[k] = x * log_q[k] + y * log_r[k] - 0.5 * (z1 * z1 + z2 * z2)
    if it.ahead > 0.0:
        _add_factor(it, v, log_r, height)
    peak = -np.inf
    for k in range(height.size):
        peak = max(peak, height[k])
    return peak


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _add_masses(it, v, log_q, log_r, height, top, step, means):
    """Add to the sums of z1, z2, z1^2, z1 z2 and z2^2, relative to e^top; returns that of 1."""
    a, b = (v - it.log_rate) / it.sigma, v - it.log_dropout
    per_sigma, per_residual, loading = 1.0 / it.sigma, 1.0 / it.residual, it.loading
    for k in range(height.size):
        height[k] = step * exp(height[k] - top)
    total = s1 = s2 = s11 = s12 = s22 = 0.0
    for k in range(height.size):
        mass = height[k]
        z1 = a + log_q[k] * per_sigma
        z2 = (b + log_r[k] - loading * z1) * per_residual
        total += mass
        s1 += mass * z1
        s2 += mass * z2
        s11 += mass * z1 * z1
        s12 += mass * z1 * z2
        s22 += mass * z2 * z2
    means[0] += s1
    means[1] += s2
    means[2] += s11
    means[3] += s12
    means[4] += s22
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _add(it, v, log_q, log_r, height, step, top, total, means):
    """Add evenly spaced nodes to sums relative to e^top; returns top and total anew."""
    peak = _write_heights(it, v, log_q, log_r, height)
    if peak > top:
        total *= math.exp(top - peak)
        means *= math.exp(top - peak)
        top = peak
    return top, total + _add_masses(it, v, log_q, log_r, height, top, step, means)


@njit(cache=True, nogil=True, error_model="numpy")
def _curvature(it, w):
    """Of the log of the inner integrand at w, nearly."""
    q = 1.0 / (1.0 + math.exp(-w))
    z1 = (1.0 - q) / it.sigma
    z2 = (q + it.loading * z1) / it.residual
    return z1 * z1 + z2 * z2 + it.x * q * (1.0 - q)


@njit(cache=True, nogil=True, error_model="numpy")
def _add_peak(it, v, low, high, at, top, total, means):
    """Add what is between `low` and `high`, by nodes of its own."""
    sharpest = max(_curvature(it, low), _curvature(it, high), _curvature(it, 0.5 * (low + high)))
    step = 2.0 * math.pi / math.sqrt(SHARP * sharpest + SMOOTH)
    size = int(min((high - low) / step, 2.0 * MANY)) + 2
    if size > MANY:
        return _add_panels(it, v, low, high, NARROWEST * step, top, total, means)
    log_q, log_r = np.empty(size), np.empty(size)
    _write_logs(low, step, 0, log_q, log_r)
    return _add(it, v, log_q, log_r, at.height[:size], step, top, total, means)


@njit(cache=True, nogil=True, error_model="numpy")
def _panel(it, v, a, b, top, sums):
    """Integral over a panel relative to e^top by both rules; `sums` receives those of z1 to z2^2."""
    fine = coarse = 0.0
    sums[:] = 0.0
    for k in range(KRONROD.shape[0]):
        height, z1, z2 = _at(it, v, 0.5 * (a + b) + 0.5 * (b - a) * KRONROD[k, 0])
        mass = 0.5 * (b - a) * math.exp(height - top)
        coarse += mass * KRONROD[k, 2]
        mass *= KRONROD[k, 1]
        fine += mass
        sums[0] += mass * z1
        sums[1] += mass * z2
        sums[2] += mass * z1 * z1
        sums[3] += mass * z1 * z2
        sums[4] += mass * z2 * z2
    return fine, coarse


@njit(cache=True, nogil=True, error_model="numpy")
def _add_panels(it, v, low, high, narrowest, top, total, means):
    """Add what is between `low` and `high` by Gauss-Kronrod, in panels halved until they are smooth."""
    peak = _peak(it, v, low, high)
    height = _at(it, v, peak)[0]
    if height > top:
        total *= math.exp(top - height)
        means *= math.exp(top - height)
        top = height
    lows, highs, sums, count = np.empty(PANELS), np.empty(PANELS), np.empty(MEANS), 2
    lows[0], highs[0], lows[1], highs[1] = low, peak, peak, high
    while count > 0:
        count -= 1
        a, b = lows[count], highs[count]
        fine, coarse = _panel(it, v, a, b, top, sums)
        if abs(fine - coarse) <= ACCEPTED * (total + fine) or b - a < narrowest or count + 2 > PANELS:
            total += fine
            means += sums
        else:
            lows[count], highs[count], lows[count + 1], highs[count + 1] = a, 0.5 * (a + b), 0.5 * (a + b), b
            count += 2
    return top, total


@njit(cache=True, nogil=True, error_model="numpy")
def _peaks(it, v, low, high, at, means):
    """The integral by its peaks alone, of which there may be two: few purchases and a short lifetime, or the reverse."""
    # Where the curve of constant lambda + mu is parallel to the ridge of the density, it may have a peak on either side.
    split = min(max(math.log(-it.loading / it.sigma) if it.loading < 0.0 else 0.0, low), high)
    one, two = _peak(it, v, low, split), _peak(it, v, split, high)
    heights = _at(it, v, one)[0], _at(it, v, two)[0]
    least = max(heights[0], heights[1]) - DEPTH
    top, total = -np.inf, 0.0
    if _at(it, v, split)[0] >= least:
        return _add_peak(it, v, _end(it, v, one, low, least), _end(it, v, two, high, least), at, top, total, means)
    for peak, height, outer in ((one, heights[0], low), (two, heights[1], high)):
        if height >= least:
            ends = _end(it, v, peak, outer, least), _end(it, v, peak, split, least)
            top, total = _add_peak(it, v, min(ends[0], ends[1]), max(ends[0], ends[1]), at, top, total, means)
    return top, total


@njit(cache=True, nogil=True, error_model="numpy")
def log_line(it, v, at, means):
    """Log of the inner integral at v; `means` receives the means of z1, z2, z1^2, z1 z2 and z2^2 over it."""
    means[:] = 0.0
    low, high = _window(it, v)
    if high - low < MANY * it.inner:
        first, last = math.floor(low / it.inner), math.ceil(high / it.inner) + 1
        size, start = last - first, _fill(it, at, first, last)
        log_q, log_r = at.log_q[start : start + size], at.log_r[start : start + size]
        top, total = _add(it, v, log_q, log_r, at.height[:size], it.inner, -np.inf, 0.0, means)
    else:
        top, total = _peaks(it, v, low, high, at, means)
    means /= total
    return top + math.log(total / (2.0 * math.pi * it.sigma * it.residual))
