"""Pareto/NBD along paths of covariates and contacts: the likelihood and its exact gradient in every parameter.

Purchase rate lambda a(t) and dropout hazard mu d(t), both factors piecewise constant; lambda ~ Gamma(r, alpha), mu ~
Gamma(s, beta). With A and D the sums of the factors since the first purchase,

    L = (r)_x alpha^r beta^s prod_j a(t_j) { (alpha + A(T))^-c (beta + D(T))^-s
        + s integral_{t_x}^{T} d(tau) (alpha + A(tau))^-c (beta + D(tau))^-(s + 1) dtau },    c = r + x.

On a segment A and D are linear. A few nodes integrate a narrow one; otherwise, in v, the sum of a(t) since the segment began, the
integral is that of Pareto/NBD with alpha' = alpha + A and beta' = (beta + D) a / d, as they are at its beginning:
`lifetime.log_integral` does it to eleven digits, with the means that the gradient needs.

The gradient goes backwards: what the log-likelihood gains by the log factors of each segment is worked out from the last one to
the first, and `paths.pull` hands it on to the parameters that move them. So it costs little more with many columns.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from clvmodels.duration.lifetime import MEANS, WORK, log_integral
from clvmodels.duration.paths import (
    Paths,
    dropout_until,
    fill,
    places,
    pull,
    purchases_until,
    segment_at,
    workspace,
)
from clvmodels.numerics.elementary import exp, log
from clvmodels.numerics.quadrature import gauss_legendre
from clvmodels.numerics.rising import log_rising

X3, W3 = gauss_legendre(3)
X4, W4 = gauss_legendre(4)
X8, W8 = gauss_legendre(8)
FLAT, NARROW, MODERATE, POWER = 0.12, 0.4, 3.0, 4.0
"""Fall of the log integrand on a segment, powers below the last counting as much as that, up to which three, four, and eight
nodes give eleven digits."""
ROWS = 6
"""Columns of the kernel before the arrays of `Paths`."""


class Parts(NamedTuple):
    """Workspace of one customer: the parts of the braces by segment (L,), the first of them `k`, and by node.

    Attributes
    ----------
    log_mass
        Log of s times the integral over the segment.
    low
        Where the integral over it begins.
    means
        With the integrand as density, the means of log(alpha + A), 1 / (alpha + A), log(beta + D), 1 / (beta + D) (L, 4).
    alpha, beta
        alpha + A and beta + D where it begins.
    work, node_means
        For one segment's integral.
    """

    log_mass: NDArray[np.float64]
    low: NDArray[np.float64]
    means: NDArray[np.float64]
    alpha: NDArray[np.float64]
    beta: NDArray[np.float64]
    work: NDArray[np.float64]
    node_means: NDArray[np.float64]


@njit(cache=True, nogil=True, error_model="numpy")
def parts_of(size, asked):
    """Room for so many segments; means only if they are asked for."""
    return Parts(
        np.empty(size), np.empty(size), np.empty((size if asked else 0, 4)), np.empty(size), np.empty(size),
        np.empty(WORK), np.empty(MEANS if asked else 0),
    )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(theta, path, first, frequency, recency, T, event, paths, asked):
    """Log-likelihood and gradient, row by row.

    Parameters
    ----------
    theta : (1, k) or (n, k) array, laid out as `Places` says
    path : (n,) whole numbers; sorted is fastest
    first : (n,) moment of the first purchase
    frequency, recency, T : (n,)
    event : (n,) which list of repeat purchases each has
    paths : Paths
    asked : whether the gradient is wanted

    Returns
    -------
    value (n,), gradient (n, k), or (0, k) if it is not
    """
    value, gradient = np.empty(path.size), np.zeros((path.size if asked else 0, theta.shape[1]))
    _sweep(theta, np.ones(path.size), path, first, frequency, recency, T, event, paths, value, gradient)
    return value, gradient


@njit(cache=True, nogil=True, error_model="numpy")
def total(theta, counts, path, first, frequency, recency, T, event, paths):
    """The sum over rows that stand for `counts` customers each, and its gradient (k,)."""
    value, gradient = np.empty(path.size), np.zeros((1, theta.size))
    _sweep(theta.reshape(1, -1), counts, path, first, frequency, recency, T, event, paths, value, gradient)
    return np.sum(counts * value), gradient[0]


@njit(cache=True, nogil=True, error_model="numpy")
def _sweep(theta, counts, path, first, frequency, recency, T, event, paths, value, gradient):
    """Write the value of every row; add gradients times counts to rows of their own, to a common one, or to none."""
    per_row, asked, shared = theta.shape[0] > 1, gradient.shape[0] > 0, gradient.shape[0] < path.size
    factors = workspace(paths, asked)
    parts, at, none = parts_of(factors.start.size, asked), places(paths), np.empty(0)
    segments, x, log_r, d_r = 0, 0.0, 0.0, 0.0
    for i in range(path.size):
        here = theta[i if per_row else 0]
        if per_row or i == 0 or path[i] != path[i - 1]:
            segments = fill(paths, int(path[i]), here, factors)
        if per_row or i == 0 or frequency[i] < x:
            x = log_r = d_r = 0.0
        log_r, d_r = log_rising(here[0], frequency[i], x, log_r, d_r)
        x = frequency[i]
        to = gradient[0 if shared else i] if asked else none
        braces = log_braces(here, x, first[i], recency[i], T[i], factors, segments, parts)
        value[i] = log_r + here[0] * math.log(here[1]) + here[2] * math.log(here[3]) + braces
        if asked:
            to[0] += counts[i] * d_r
            begin, stop = _backwards(
                here, x, first[i], recency[i], T[i], braces, factors, segments, parts, counts[i], to
            )
        else:
            begin, stop = 0, segments
        bought, stop = _events(paths.event_offset, paths.event_time, event[i], factors, segments, stop)
        value[i] += bought
        if asked:
            pull(paths, at, factors, begin, stop, counts[i], to)


@njit(cache=True, nogil=True, error_model="numpy")
def _events(offset, time, event, factors, segments, stop):
    """Sum of log a(t_j) over repeat purchases, each of which adds one to `to_rate` of its segment; and where those segments stop.

    A purchase at the end of observation may be in the segment that begins there, which the end itself, rounded, may miss.
    """
    total, k = 0.0, 0
    begin, end = offset[int(event)], offset[int(event) + 1]
    if end > begin:
        k = segment_at(factors.start, segments, time[begin])
    for j in range(begin, end):
        while k + 1 < segments and factors.start[k + 1] <= time[j]:
            k += 1
        while stop <= k:
            factors.to_rate[stop] = factors.to_hazard[stop] = 0.0
            stop += 1
        total += factors.log_rate[k]
        factors.to_rate[k] += 1.0
    return total, stop


@njit(cache=True, nogil=True, error_model="numpy")
def log_braces(theta, x, first, recency, T, factors, segments, parts):
    """Log of the braces of the likelihood; writes its parts by segment."""
    alpha, s, beta = theta[1], theta[2], theta[3]
    c, k_first, stop = theta[0] + x, segment_at(factors.start, segments, first), first + T
    k, last = segment_at(factors.start, segments, first + recency), segment_at(factors.start, segments, stop)
    a_first, d_first = purchases_until(factors, k_first, first), dropout_until(factors, k_first, first)
    top = log_alive = -c * math.log(alpha + (purchases_until(factors, last, stop) - a_first)) - s * math.log(
        beta + (dropout_until(factors, last, stop) - d_first)
    )
    begin, log_s = k, math.log(s)
    for k in range(begin, last + 1):
        low = max(first + recency, factors.start[k])
        high = min(stop, factors.start[k + 1]) if k < last else stop
        parts.low[k], parts.log_mass[k] = low, -np.inf
        if high > low:
            parts.alpha[k] = alpha + (purchases_until(factors, k, low) - a_first)
            parts.beta[k] = beta + (dropout_until(factors, k, low) - d_first)
            parts.log_mass[k] = log_s + log_segment(
                c,
                s + 1.0,
                parts.alpha[k],
                factors.rate[k],
                parts.beta[k],
                factors.hazard[k],
                high - low,
                parts.work,
                parts.node_means,
            )
            top = max(top, parts.log_mass[k])
            if parts.means.size:
                for q in range(4):
                    parts.means[k, q] = parts.node_means[q]
    total = math.exp(log_alive - top)
    for k in range(begin, last + 1):
        total += math.exp(parts.log_mass[k] - top)
    return top + math.log(total)


@njit(cache=True, nogil=True, error_model="numpy")
def _backwards(theta, x, first, recency, T, braces, factors, segments, parts, count, gradient):
    """From the last segment to the first, what r log(alpha) + s log(beta) + log of the braces gains by each log factor.

    Adds `count` times the gradient in the base parameters; returns the first segment and the one after the last.
    """
    r, alpha, s, beta = theta[0], theta[1], theta[2], theta[3]
    c, k_first, stop = r + x, segment_at(factors.start, segments, first), first + T
    begin, last = segment_at(factors.start, segments, first + recency), segment_at(factors.start, segments, stop)
    a_end = alpha + (purchases_until(factors, last, stop) - purchases_until(factors, k_first, first))
    d_end = beta + (dropout_until(factors, last, stop) - dropout_until(factors, k_first, first))
    weight = math.exp(-c * math.log(a_end) - s * math.log(d_end) - braces)
    log_a, to_a, log_d, to_d = weight * math.log(a_end), weight / a_end, weight * math.log(d_end), weight * s / d_end
    left = 0.0
    for k in range(last, k_first - 1, -1):
        low = max(first, factors.start[k])
        high = min(stop, factors.start[k + 1]) if k < last else stop
        width = max(high - low, 0.0)
        to_rate, to_hazard = -c * to_a * factors.rate[k] * width, -to_d * factors.hazard[k] * width
        if k >= begin and parts.log_mass[k] > -np.inf:
            weight, means, before = math.exp(parts.log_mass[k] - braces), parts.means[k], parts.low[k] - low
            a, d = weight * means[1], weight * (s + 1.0) * means[3]
            to_rate -= c * (a * (factors.rate[k] * before - parts.alpha[k]) + weight)
            to_hazard -= d * (factors.hazard[k] * before - parts.beta[k]) + weight * s
            log_a, to_a, log_d, to_d = log_a + weight * means[0], to_a + a, log_d + weight * means[2], to_d + d
            left += weight
        factors.to_rate[k], factors.to_hazard[k] = to_rate, to_hazard
    gradient[0] += count * (math.log(alpha) - log_a)
    gradient[1] += count * (r / alpha - c * to_a)
    gradient[2] += count * (math.log(beta) + left / s - log_d)
    gradient[3] += count * (s / beta - to_d)
    return k_first, last + 1


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def log_segment(c, k, alpha, a, beta, d, width, work, means):
    """Log of the integral over u from 0 to width of d (alpha + a u)^-c (beta + d u)^-k.

    `means`, unless empty, receives the means with the integrand as density of log(alpha + a u), 1 / (alpha + a u),
    log(beta + d u) and 1 / (beta + d u).
    """
    fall = (max(c, POWER) * a / alpha + max(k, POWER) * d / beta) * width
    if fall <= FLAT:
        return _log_nodes(3, X3, W3, c, k, alpha, a * width, beta, d * width, work, means)
    if fall <= NARROW:
        return _log_nodes(4, X4, W4, c, k, alpha, a * width, beta, d * width, work, means)
    if fall <= MODERATE:
        return _log_nodes(8, X8, W8, c, k, alpha, a * width, beta, d * width, work, means)
    seen = beta * a / d
    value = log_integral(0.0, 1.0, alpha, c, seen, k, 0.0, 0.0, a * width, work, means)
    if means.size:
        means[2] += math.log(beta)
        means[3] *= a / d
    return value + math.log(d / a) - k * math.log(beta)


@njit(nogil=True, error_model="numpy", fastmath={"contract"}, inline="always")
def _log_nodes(n, x, w, c, k, alpha, a, beta, d, work, means):
    """The same by some nodes on (0, 1), where it is smooth; a and d times the width."""
    for q in range(n):
        work[q] = alpha + a * x[q]
        work[n + q] = beta + d * x[q]
    for q in range(2 * n):
        work[2 * n + q] = log(work[q])
    top = -c * work[2 * n] - k * work[3 * n]
    for q in range(n):
        work[4 * n + q] = w[q] * exp(-c * work[2 * n + q] - k * work[3 * n + q] - top)
    total = 0.0
    for q in range(n):
        total += work[4 * n + q]
    if means.size:
        means[:4] = 0.0
        for q in range(n):
            weight = work[4 * n + q] / total
            means[0] += weight * work[2 * n + q]
            means[1] += weight / work[q]
            means[2] += weight * work[3 * n + q]
            means[3] += weight / work[n + q]
    return top + math.log(total * d)


def kernel(theta, *columns):
    """Value and gradient by row of the columns path, first, frequency, recency, T, event, then the arrays of `Paths`.

    A plain function whose parts are compiled: it runs at once, and NUTS compiles it as a whole.
    """
    c = columns
    paths = Paths(
        c[6], c[7], c[8], c[9], c[10], c[11], c[12], c[13], c[14], c[15], c[16], c[17], c[18], c[19], c[20], c[21]
    )
    return log_likelihood(theta, c[0], c[1], c[2], c[3], c[4], c[5], paths, True)
