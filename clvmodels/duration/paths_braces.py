"""The braces of the likelihood along a path, for customers who are alike but for their last purchase, and its gradient.

Such a cohort has path, first purchase, T and frequency in common (see `paths_likelihood` for the formula). What a whole segment
adds to the integral is then the same for all of them, and what comes after it too: both are worked out once, from the last
segment to the first; each customer adds the part of the segment in which she bought last. The gradient goes the same way: what
the log-likelihood gains by the log factors of each segment, weighed over the customers who have it.

On a segment A and D are linear. A few nodes integrate a narrow one; otherwise, in v, the sum of a(t) since the segment began, the
integral is that of Pareto/NBD with alpha' = alpha + A and beta' = (beta + D) a / d, as they are at its beginning:
`lifetime.log_integral` does it to eleven digits, with the means that the gradient needs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from clvmodels.duration.lifetime import MEANS, WORK, log_integral
from clvmodels.duration.paths import dropout_until, purchases_until, segment_at
from clvmodels.numerics.elementary import exp, log
from clvmodels.numerics.quadrature import gauss_legendre

Array = NDArray[np.float64]

X3, W3 = gauss_legendre(3)
X4, W4 = gauss_legendre(4)
X8, W8 = gauss_legendre(8)
FLAT, NARROW, MODERATE, POWER = 0.12, 0.4, 3.0, 4.0
"""Fall of the log integrand on a segment, powers below the last counting as much as that, up to which three, four, and eight
nodes give eleven digits."""

ABSURD = 1e30
"""Fall from which on parameters are no answer to anything: there is no value, so that no search goes on from there."""


class Parts(NamedTuple):
    """Workspace: parts of the integral, of n customers in the segments of their last purchases, then L whole segments.

    Attributes
    ----------
    log_mass
        Log of s times the integral over the part (n + L,).
    low, alpha, beta
        Where it begins, and alpha + A and beta + D there (n + L,).
    means
        With the integrand as density, the means of log(alpha + A), 1 / (alpha + A), log(beta + D), 1 / (beta + D) (n + L, 4).
    braces, share
        Log of the braces of each customer; log of the sum of counts over braces from each customer on (n,).
    after
        The first customer who bought last before a segment (L,).
    work, node_means
        For one part's integral.
    """

    log_mass: Array
    low: Array
    alpha: Array
    beta: Array
    means: Array
    braces: Array
    share: Array
    after: NDArray[np.int64]
    work: Array
    node_means: Array


@njit(cache=True, nogil=True, error_model="numpy")
def parts_of(customers, segments, asked):
    """Room for so many customers and segments; means only if they are asked for."""
    size = customers + segments
    return Parts(
        np.empty(size), np.empty(size), np.empty(size), np.empty(size), np.empty((size if asked else 0, 4)),
        np.empty(customers), np.empty(customers), np.empty(segments, np.int64), np.empty(WORK), np.empty(MEANS if asked else 0),
    )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def log_braces(theta, x, first, T, recency, order, begin, stop, factors, segments, parts):
    """Write the log of the braces, and their parts, of customers `begin` to `stop` of an order, the latest purchase first."""
    # arrays by names of their own: a member looked up in a loop is counted as one more reference each time
    start, rate, hazard, purchases, dropout = (
        factors.start, factors.rate, factors.hazard, factors.purchases, factors.dropout
    )  # fmt: skip
    log_mass, lows, alphas, betas, means = parts.log_mass, parts.low, parts.alpha, parts.beta, parts.means
    work, node_means, braces, after = parts.work, parts.node_means, parts.braces, parts.after
    end, customers, c, s, log_s = first + T, braces.size, theta[0] + x, theta[2], math.log(theta[2])
    k_first, last = segment_at(start, segments, first), segment_at(start, segments, end)
    a_first = theta[1] - (purchases[k_first] + rate[k_first] * (first - start[k_first]))
    d_first = theta[3] - (dropout[k_first] + hazard[k_first] * (first - start[k_first]))
    a_end = a_first + (purchases[last] + rate[last] * (end - start[last]))
    d_end = d_first + (dropout[last] + hazard[last] * (end - start[last]))
    tail = -c * math.log(a_end) - s * math.log(d_end)
    j, total = begin, 1.0  # what is left of the braces is e^tail times total
    for k in range(last, -1, -1):
        high = min(end, start[k + 1]) if k < last else end
        while j < stop and (k == 0 or first + recency[order[j]] >= start[k]):
            low = max(first + recency[order[j]], start[k])
            if j > begin and low == lows[j - 1]:
                _copy(j - 1, j, lows, alphas, betas, log_mass, means)
            else:
                bought, gone = a_first + (low - start[k]) * rate[k], d_first + (low - start[k]) * hazard[k]
                lows[j], alphas[j], betas[j] = low, bought + purchases[k], gone + dropout[k]
                _weigh(c, s, log_s, rate[k], hazard[k], high - low, j, alphas, betas, log_mass, means, work, node_means)
            braces[j] = log_sum(tail + math.log(total), log_mass[j])
            j += 1
        after[k] = j
        if j == stop:
            break
        slot = customers + k
        lows[slot], alphas[slot], betas[slot] = start[k], a_first + purchases[k], d_first + dropout[k]
        _weigh(c, s, log_s, rate[k], hazard[k], high - start[k], slot, alphas, betas, log_mass, means, work, node_means)
        mass = log_mass[slot]
        if mass > tail:
            total, tail = total * math.exp(tail - mass) + 1.0, mass
        else:
            total += math.exp(mass - tail)


@njit(nogil=True, error_model="numpy", inline="always")
def _weigh(c, s, log_s, rate, hazard, width, slot, alphas, betas, log_mass, means, work, node_means):
    """Write log mass and means of a part of which the beginning is written."""
    log_mass[slot] = -np.inf
    if width > 0.0:
        log_mass[slot] = log_s + log_segment(
            c, s + 1.0, alphas[slot], rate, betas[slot], hazard, width, work, node_means
        )
        for q in range(means.shape[1] if means.size else 0):
            means[slot, q] = node_means[q]


@njit(nogil=True, error_model="numpy", inline="always")
def _copy(source, to, lows, alphas, betas, log_mass, means):
    """The part of a customer who bought last at the same moment as the one before."""
    lows[to], alphas[to], betas[to], log_mass[to] = lows[source], alphas[source], betas[source], log_mass[source]
    if means.size:
        means[to] = means[source]


@njit(nogil=True, error_model="numpy", inline="always")
def log_sum(a, b):
    """Log of e^a + e^b."""
    top = max(a, b)
    return top + math.log1p(math.exp(min(a, b) - top)) if top > -np.inf else top


@njit(cache=True, nogil=True, error_model="numpy")
def backwards(theta, x, first, T, order, begin, stop, counts, factors, segments, parts, gradient):
    """Add, for the same customers times their counts, what r log(alpha) + s log(beta) + log of the braces gains.

    By each log factor to `to_rate` and `to_hazard`, by the base parameters to the gradient. Returns the first segment and the one
    after the last.
    """
    r, alpha, s, beta = theta[0], theta[1], theta[2], theta[3]
    c, end, customers, people = r + x, first + T, parts.braces.size, 0.0
    k_first, last = segment_at(factors.start, segments, first), segment_at(factors.start, segments, end)
    share = -np.inf
    for j in range(stop - 1, begin - 1, -1):
        share = log_sum(share, math.log(counts[order[j]]) - parts.braces[j])
        parts.share[j] = share
        people += counts[order[j]]
    a_end = alpha + (purchases_until(factors, last, end) - purchases_until(factors, k_first, first))
    d_end = beta + (dropout_until(factors, last, end) - dropout_until(factors, k_first, first))
    weight = math.exp(share - c * math.log(a_end) - s * math.log(d_end))
    sums = weight * math.log(a_end), weight / a_end, weight * math.log(d_end), weight * s / d_end, 0.0
    j = begin
    for k in range(last, k_first - 1, -1):
        low = max(first, factors.start[k])
        high = min(end, factors.start[k + 1]) if k < last else end
        width = max(high - low, 0.0)
        factors.to_rate[k] -= c * sums[1] * factors.rate[k] * width
        factors.to_hazard[k] -= sums[3] * factors.hazard[k] * width
        if j == stop:
            continue
        while j < parts.after[k]:
            weight = counts[order[j]] * math.exp(parts.log_mass[j] - parts.braces[j])
            sums = _with_part(weight, c, s, low, k, factors, parts, j, sums)
            j += 1
        if j < stop:
            weight = math.exp(parts.log_mass[customers + k] + parts.share[j])
            sums = _with_part(weight, c, s, low, k, factors, parts, customers + k, sums)
    log_a, to_a, log_d, to_d, left = sums
    gradient[0] += people * math.log(alpha) - log_a
    gradient[1] += people * r / alpha - c * to_a
    gradient[2] += people * math.log(beta) + left / s - log_d
    gradient[3] += people * s / beta - to_d
    return k_first, last + 1


@njit(cache=True, nogil=True, error_model="numpy")
def _with_part(weight, c, s, low, k, factors, parts, slot, sums):
    """Add what a part does through the factors of its own segment; the sums of what parts do through alpha + A and beta + D."""
    log_a, to_a, log_d, to_d, left = sums
    if weight == 0.0:
        return sums
    means, before = parts.means[slot], parts.low[slot] - low
    a, d = weight * means[1], weight * (s + 1.0) * means[3]
    factors.to_rate[k] -= c * (a * (factors.rate[k] * before - parts.alpha[slot]) + weight)
    factors.to_hazard[k] -= d * (factors.hazard[k] * before - parts.beta[slot]) + weight * s
    return log_a + weight * means[0], to_a + a, log_d + weight * means[2], to_d + d, left + weight


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
    if not fall < ABSURD:
        return np.nan
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
