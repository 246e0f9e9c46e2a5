"""Log-normal rates that are correlated: integrals over both, with what their derivatives need.

What is seen of a customer with purchase rate lambda and dropout rate mu depends on powers of the two and on s = lambda + mu. So

    E[lambda^x mu^y K(s)] = integral s^(x + y) K(s) line(log s) dv,    v = log s

where the inner integral `log_line` depends on theta, x and y alone: all customers with the same frequency share it whatever their
times, and it is nearly all the work. The outer integral is a sum over a lattice of v that does not depend on the customer either,
taken outwards from about its peak until nothing is added, so that one value is the same whatever stands beside it. Sums of
logarithms: nothing overflows.

The derivative of such an integral in a parameter is the mean of that of the log density: five means of z1 and z2.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from clvmodels.duration.lognormal_line import (
    ACCEPTED,
    DEPTH,
    MEANS,
    NARROWEST,
    PANELS,
    SHARP,
    SMOOTH,
    log_line,
    nodes,
)
from clvmodels.numerics.elementary import exp, expm1, log
from clvmodels.numerics.quadrature import KRONROD

LATTICE, LEVELS = 2048, 4
"""Points of the outer lattice that are remembered, and steps: each half the one before."""
NEAR = 3.0
"""Fall of the logarithm within which the peak is."""
ALL = 100.0
"""Log of s wait above which the probability in `log_integral` is one."""
FASTEST, LEAST = 700.0, 1e-300
"""Log of the largest rate there is, and the smallest product of a rate and a time."""


class Memory(NamedTuple):
    """What is known of the integrand in use: its inner nodes; by level and point of the lattice s, inner integrals and means."""

    at: Any
    known: Any
    sum: Any
    line: Any
    means: Any
    base: Any


@njit(cache=True, nogil=True, error_model="numpy")
def memory():
    """Room for an integrand."""
    shape = (LEVELS, LATTICE)
    means, base = np.empty((LEVELS, MEANS, LATTICE)), np.zeros(LEVELS, np.int64)
    return Memory(nodes(), np.zeros(shape, np.bool_), np.empty(shape), np.empty(shape), means, base)


@njit(cache=True, nogil=True, error_model="numpy")
def forget(held):
    """Make the memory ready for another integrand."""
    held.at.known[:] = 0
    for level in range(LEVELS):
        if held.base[level] != 0:
            held.known[level] = False
            held.base[level] = 0


@njit(cache=True, nogil=True, error_model="numpy")
def log_gamma_share(n, log_y):
    """log P(Gamma(n + 1) <= y) for a whole number n."""
    y = math.exp(log_y)
    if n == 0.0:
        return log_y - 0.5 * y if y < 1e-8 else log(-expm1(-y))
    edge = (n + 1.0) * log_y - y - math.lgamma(n + 2.0)  # log of the Poisson probability of n + 1
    if y < n + 2.0:
        term = total = 1.0
        k = n + 1.0
        while term > 1e-17 * total:
            k += 1.0
            term *= y / k
            total += term
        return edge + math.log(total)
    term, total, k = (n + 1.0) / y, 0.0, n + 1.0
    while term > 1e-17 * total and k > 0.0:
        total += term
        k -= 1.0
        term *= k / y
    return math.log1p(-math.exp(edge + math.log(total)))


@njit(cache=True, nogil=True, error_model="numpy")
def peak_of(it, time):
    """log lambda and log mu near the peak of lambda^x e^(-(lambda + mu) time) under the density, by damped Newton steps."""
    a, b = it.log_rate, it.log_dropout
    if time <= 0.0:
        return a, b
    a, b = min(a, math.log((it.x + 1.0) / time)), min(b, -math.log(time))
    c_ab = -it.loading / (it.residual**2 * it.sigma)
    for _ in range(60):
        z1 = (a - it.log_rate) / it.sigma
        z2 = (b - it.log_dropout - it.loading * z1) / it.residual
        bought, left = math.exp(min(a, FASTEST)) * time, math.exp(min(b, FASTEST)) * time
        slope_a = it.x - bought - z1 / it.sigma + z2 * it.loading / (it.residual * it.sigma)
        slope_b = -left - z2 / it.residual
        c_aa = bought + (1.0 + (it.loading / it.residual) ** 2) / it.sigma**2
        c_bb = left + 1.0 / it.residual**2
        determinant = c_aa * c_bb - c_ab * c_ab
        move_a = (slope_a * c_bb - slope_b * c_ab) / determinant
        move_b = (slope_b * c_aa - slope_a * c_ab) / determinant
        size = max(abs(move_a), abs(move_b))
        if size > 2.0:
            move_a, move_b = move_a * 2.0 / size, move_b * 2.0 / size
        a, b = a + move_a, b + move_b
        if size < 0.1:
            break
    return a, b


@njit(cache=True, nogil=True, error_model="numpy")
def _outer(it, v, n, stop, wait, line):
    """Log of the outer integrand at v, where the log of the inner integral is `line`."""
    log_events = v + math.log(wait)
    share = log_gamma_share(n, log_events) if log_events < ALL else 0.0
    return line + (it.x - n) * v - math.exp(min(v, FASTEST)) * stop + share


@njit(cache=True, nogil=True, error_model="numpy")
def log_integral(it, n, stop, wait, held, means):
    """Log of the integral of lambda^x mu^y s^-(n + y) e^(-s stop) P(Gamma(n + 1) <= s wait), where s = lambda + mu.

    Parameters
    ----------
    it : what is integrated
    n : whole number, <= x
    stop, wait : times; the probability is left out where `wait` is infinite
    held : the memory of `it`
    means : (MEANS,) receives the means of z1, z2, z1^2, z1 z2 and z2^2 over the integrand
    """
    time = stop + (wait * n / (n + 1.0) if n > 0.0 else 0.0)
    a, b = peak_of(it, time)
    start = max(a, b) + math.log1p(math.exp(-abs(a - b)))
    # Times that the density holds all but impossible make the peak sharper than x does.
    sharpest = max(it.x, math.exp(min(start, FASTEST)) * time)
    allowed, level = ((2.0 * math.pi / it.outer) ** 2 - SMOOTH) / SHARP, 0
    while sharpest > 4.0**level * allowed + 1.0 and it.outer > 0.0:
        level += 1
    height = np.empty(LATTICE)
    while it.outer > 0.0 and level < LEVELS:
        first, last, top, found = _points(it, n, stop, wait, start, level, held, height)
        here = 4.0**level * allowed
        if first == last:
            break
        if found <= here + math.sqrt(2.0 * NEAR * it.x) + NEAR + 1.0:  # as of e^(x v - e^v) so near its peak
            _shares(n, wait, held.sum[level, first:last], height[: last - first])
            total = _add_masses(top, height[: last - first], held.means[level, :, first:last], means)
            return top + math.log(total * it.outer * 0.5**level)
        level += 1
    return _by_panels(it, n, stop, wait, start, sharpest, held, means)


@njit(cache=True, nogil=True, error_model="numpy")
def _points(it, n, stop, wait, start, level, held, height):
    """Points of the lattice, with 2^-level times the usual step, that matter: from, to, largest height, curvature near it.

    The probability in `log_integral` is left out of `height`, which receives the logs of the outer integrand. None if there
    is no room.
    """
    step = it.outer * 0.5**level
    middle = math.floor((start - it.log_rate) / step + 0.5)
    if held.base[level] == 0:
        held.base[level] = middle - LATTICE // 2 if middle != LATTICE // 2 else 1
    base, known, line, sums, means = (
        held.base[level],
        held.known[level],
        held.line[level],
        held.sum[level],
        held.means[level],
    )
    power, log_wait, log_n = it.x - n, math.log(wait), math.lgamma(n + 2.0)
    top, sharpest, ends, spare = -np.inf, 0.0, np.zeros(2, np.int64), np.empty(MEANS)
    for direction in (-1, 1):
        place, last, before = (middle if direction < 0 else middle + 1) - base, -np.inf, -np.inf
        while True:
            if not 0 <= place < LATTICE:
                return 0, 0, top, sharpest
            v = it.log_rate + (base + place) * step
            if not known[place]:
                line[place] = log_line(it, v, held.at, spare)
                sums[place] = math.exp(min(v, FASTEST))
                means[:, place] = spare
                known[place] = True
            value = line[place] + power * v - sums[place] * stop
            value += min((n + 1.0) * (v + log_wait) - log_n, 0.0)
            if value > top:
                top, sharpest = value, sharpest if value < top + NEAR else 0.0
            if last > top - NEAR and before > -np.inf:
                sharpest = max(sharpest, (2.0 * last - before - value) / step**2)
            if value < last and value < top - DEPTH:
                break
            before, last = last, value
            place += direction
        ends[(direction + 1) // 2] = place
    for k in range(ends[0], ends[1] + 1):
        height[k - ends[0]] = line[k] + power * (it.log_rate + (base + k) * step) - sums[k] * stop
    return ends[0], ends[1] + 1, top, sharpest


@njit(cache=True, nogil=True, error_model="numpy")
def _shares(n, wait, sums, height):
    """Add the log of the probability in `log_integral` to the heights."""
    if wait == np.inf:
        return
    if n == 0.0:
        for k in range(height.size):
            y = max(sums[k] * wait, LEAST)
            height[k] += log(-expm1(-y))
    else:
        for k in range(height.size):
            height[k] += log_gamma_share(n, math.log(max(sums[k] * wait, LEAST)))


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def _add_masses(top, height, moments, means):
    """Sum of e^(height - top), and the means of the moments with these masses."""
    total = 0.0
    for k in range(height.size):
        height[k] = exp(height[k] - top)
        total += height[k]
    for m in range(MEANS):
        sum_ = 0.0
        for k in range(height.size):
            sum_ += height[k] * moments[m, k]
        means[m] = sum_ / total
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _reach(it, n, stop, wait, start, step, held, spare):
    """How far the outer integrand reaches on either side of `start`, and its height: by steps that grow."""
    top, ends = -np.inf, np.empty(2)
    for direction in (-1, 1):
        v, last, stride = start, -np.inf, step
        while True:
            value = _outer(it, v, n, stop, wait, log_line(it, v, held.at, spare))
            top = max(top, value)
            if value < last and value < top - DEPTH:
                break
            last = value
            v += direction * stride
            stride *= 1.25
        ends[(direction + 1) // 2] = v
    return ends[0], ends[1], top


@njit(cache=True, nogil=True, error_model="numpy")
def _by_panels(it, n, stop, wait, start, sharpest, held, means):
    """The outer integral where one spread is many times another: Gauss-Kronrod on panels halved until they are smooth."""
    means[:] = 0.0
    spare, sums, lows, highs = np.empty(MEANS), np.empty(MEANS), np.empty(PANELS), np.empty(PANELS)
    step = 4.0 * math.pi / math.sqrt(SHARP * sharpest + SMOOTH)
    narrowest = NARROWEST * min(abs(it.outer), 0.5 * step)
    low, high, top = _reach(it, n, stop, wait, start, step, held, spare)
    lows[0], highs[0], lows[1], highs[1], count, total = low, start, start, high, 2, 0.0
    while count > 0:
        count -= 1
        a, b = lows[count], highs[count]
        fine = coarse = 0.0
        sums[:] = 0.0
        for k in range(KRONROD.shape[0]):
            v = 0.5 * (a + b) + 0.5 * (b - a) * KRONROD[k, 0]
            value = _outer(it, v, n, stop, wait, log_line(it, v, held.at, spare))
            if value > top:
                shrink = math.exp(top - value)
                total, fine, coarse, top = total * shrink, fine * shrink, coarse * shrink, value
                means *= shrink
                sums *= shrink
            mass = 0.5 * (b - a) * math.exp(value - top)
            coarse += mass * KRONROD[k, 2]
            mass *= KRONROD[k, 1]
            fine += mass
            for m in range(MEANS):
                sums[m] += mass * spare[m]
        if abs(fine - coarse) <= ACCEPTED * (total + fine) or b - a < narrowest or count + 2 > PANELS:
            total += fine
            means += sums
        else:
            lows[count], highs[count], lows[count + 1], highs[count + 1] = a, 0.5 * (a + b), 0.5 * (a + b), b
            count += 2
    means /= total
    return top + math.log(total)
