"""Pareto/NBD along paths of covariates and contacts: the likelihood and its exact gradient in every parameter.

Purchase rate lambda a(t) and dropout hazard mu d(t), both factors piecewise constant; lambda ~ Gamma(r, alpha), mu ~
Gamma(s, beta). With A and D the sums of the factors since the first purchase,

    L = (r)_x alpha^r beta^s prod_j a(t_j) { (alpha + A(T))^-c (beta + D(T))^-s
        + s integral_{t_x}^{T} d(tau) (alpha + A(tau))^-c (beta + D(tau))^-(s + 1) dtau },    c = r + x.

The braces and their gradient are worked out in `paths_braces`, once for customers who are alike but for their last purchase.
Gradients in the log factors of segments are gathered over all customers of a path before `paths.pull` hands them on to the
parameters that move them, so that columns cost next to nothing.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from clvmodels.duration.paths import Paths, fill, places, pull, segment_at, workspace
from clvmodels.duration.paths_braces import backwards, log_braces, parts_of
from clvmodels.numerics.rising import log_rising

ROWS = 6
"""Columns of the kernel before the arrays of `Paths`."""


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
    together = not per_row and (shared or path.size == 1)
    order = _in_cohorts(path, first, T, frequency, recency) if together else np.arange(path.size)
    factors, at = workspace(paths, asked), places(paths)
    parts = parts_of(path.size, factors.start.size, asked)
    segments, x, log_r, d_r, i = 0, 0.0, 0.0, 0.0, 0
    while i < path.size:
        row = order[i]
        here = theta[row if per_row else 0]
        if per_row or i == 0 or path[row] != path[order[i - 1]]:
            if together and asked:
                pull(paths, here, at, factors, 0, segments, gradient[0])
            segments = fill(paths, int(path[row]), here, factors)
            factors.to_rate[:segments], factors.to_hazard[:segments] = 0.0, 0.0
        if per_row or i == 0 or frequency[row] < x:
            x = log_r = d_r = 0.0
        log_r, d_r = log_rising(here[0], frequency[row], x, log_r, d_r)
        x = frequency[row]
        stop = _end_of_cohort(order, i, path, first, T, frequency) if together else i + 1
        log_braces(here, x, first[row], T[row], recency, order, i, stop, factors, segments, parts)
        constant, reached = log_r + here[0] * math.log(here[1]) + here[2] * math.log(here[3]), 0
        for j in range(i, stop):
            one = order[j]
            value[one] = constant + parts.braces[j]
            bought, reached = _events(paths.event_offset, paths.event_time, event[one], counts[one], factors, segments)
            value[one] += bought
        if asked:
            to = gradient[0 if together else row]
            k, after = backwards(here, x, first[row], T[row], order, i, stop, counts, factors, segments, parts, to)
            for j in range(i, stop):
                to[0] += counts[order[j]] * d_r
            if not together:
                after = max(after, reached)
                pull(paths, here, at, factors, k, after, to)
                factors.to_rate[k:after], factors.to_hazard[k:after] = 0.0, 0.0
        i = stop
    if together and asked:
        pull(paths, theta[0], at, factors, 0, segments, gradient[0])


@njit(cache=True, nogil=True, error_model="numpy")
def _in_cohorts(path, first, T, frequency, recency):
    """The order by path, first purchase, T and frequency, and then the latest purchase first."""
    order = np.argsort(-recency, kind="mergesort")
    return _then(_then(_then(_then(order, frequency), T), first), path)


@njit(cache=True, nogil=True, error_model="numpy")
def _then(order, column):
    return order[np.argsort(column[order], kind="mergesort")]


@njit(cache=True, nogil=True, error_model="numpy")
def _end_of_cohort(order, i, path, first, T, frequency):
    one, stop = order[i], i + 1
    while stop < order.size:
        other = order[stop]
        if (
            path[other] != path[one]
            or first[other] != first[one]
            or T[other] != T[one]
            or frequency[other] != frequency[one]
        ):
            break
        stop += 1
    return stop


@njit(cache=True, nogil=True, error_model="numpy")
def _events(offset, time, event, count, factors, segments):
    """Sum of log a(t_j) over repeat purchases, each of which adds `count` to `to_rate` of its segment; and where these stop.

    A purchase at the end of observation may be in the segment that begins there, which the end itself, rounded, may miss.
    """
    total, k = 0.0, 0
    begin, stop = offset[int(event)], offset[int(event) + 1]
    if stop > begin:
        k = segment_at(factors.start, segments, time[begin])
    for j in range(begin, stop):
        while k + 1 < segments and factors.start[k + 1] <= time[j]:
            k += 1
        total += factors.log_rate[k]
        factors.to_rate[k] += count
    return total, k + 1


@njit(cache=True, nogil=True, error_model="numpy")
def paths_of(c):
    """The columns that are arrays of `Paths`."""
    return Paths(
        c[6], c[7], c[8], c[9], c[10], c[11], c[12], c[13], c[14], c[15], c[16], c[17], c[18], c[19], c[20], c[21], c[22]
    )  # fmt: skip


def kernel(theta, *columns):
    """Value and gradient by row of the columns path, first, frequency, recency, T, event, then the arrays of `Paths`.

    A plain function whose parts are compiled: it runs at once, and NUTS compiles it as a whole.
    """
    c = columns
    return log_likelihood(theta, c[0], c[1], c[2], c[3], c[4], c[5], paths_of(c), True)


def total_kernel(theta, counts, *columns):
    """`total` of the same columns."""
    c = columns
    return total(theta, counts, c[0], c[1], c[2], c[3], c[4], c[5], paths_of(c))
