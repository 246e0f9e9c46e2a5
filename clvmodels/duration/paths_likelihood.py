"""Pareto/NBD along paths of covariates: the likelihood and its exact gradient in every parameter.

Purchase rate lambda a(t) and dropout hazard mu d(t), both factors piecewise constant; lambda ~ Gamma(r, alpha), mu ~
Gamma(s, beta). With A and D the sums of the factors since the first purchase,

    L = (r)_x alpha^r beta^s prod_j a(t_j) { (alpha + A(T))^-c (beta + D(T))^-s
        + s integral_{t_x}^{T} d(tau) (alpha + A(tau))^-c (beta + D(tau))^-(s + 1) dtau },    c = r + x.

On a segment A and D are linear. A few nodes integrate a narrow one; otherwise, in v, the sum of a(t) since the segment began, the
integral is that of Pareto/NBD with alpha' = alpha + A and beta' = (beta + D) a / d, as they are at its beginning:
`lifetime.log_integral` does it to eleven digits, with the means that the gradient needs.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numba import njit

from clvmodels.duration.lifetime import MEANS, WORK, log_integral
from clvmodels.duration.paths import Paths, dropout_until, fill, purchases_until, segment_at, workspace
from clvmodels.numerics.elementary import exp, log
from clvmodels.numerics.quadrature import gauss_legendre
from clvmodels.numerics.rising import log_rising

BASE = 4
"""Parameters of Pareto/NBD, which come first in theta; then the coefficients of purchase, then those of dropout."""
X, W = gauss_legendre(4)
NARROW, POWER = 0.4, 4.0
"""Fall of the log integrand on a segment, powers below the second counting as much as that, up to which four nodes give twelve
digits."""
CONST, R, ALPHA, S, BETA = range(5)


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(theta, path, first, frequency, recency, T, sums, paths, asked):
    """Log-likelihood and gradient, row by row.

    Parameters
    ----------
    theta : (1, k) or (n, k) array: r, alpha, s, beta, coefficients of purchase (p,), of dropout (d,)
    path : (n,) whole numbers; sorted is fastest
    first : (n,) moment of the first purchase
    frequency, recency, T : (n,)
    sums : (n, p) sum of the columns of purchase over the repeat purchases
    paths : Paths
    asked : whether the gradient is wanted

    Returns
    -------
    value (n,), gradient (n, k), or (0, k) if it is not
    """
    n, p, per_row = path.size, sums.shape[1], theta.shape[0] > 1
    value, gradient = np.empty(n), np.empty((n if asked else 0, theta.shape[1]))
    factors, work, means = workspace(paths), np.empty(WORK), np.empty(MEANS if asked else 0)
    mass, of_purchase, of_dropout = np.empty(5), np.empty(p), np.empty(theta.shape[1] - BASE - p)
    segments, x, log_r, d_r = 0, 0.0, 0.0, 0.0
    for i in range(n):
        here = theta[i if per_row else 0]
        if per_row or i == 0 or path[i] != path[i - 1]:
            segments = fill(paths, int(path[i]), here[BASE : BASE + p], here[BASE + p :], factors)
        if per_row or i == 0 or frequency[i] < x:
            x = log_r = d_r = 0.0
        log_r, d_r = log_rising(here[0], frequency[i], x, log_r, d_r)
        x = frequency[i]
        top = integral(
            here, x, first[i], recency[i], T[i], factors, segments, work, means, mass, of_purchase, of_dropout
        )
        value[i] = log_r + here[0] * math.log(here[1]) + here[2] * math.log(here[3]) + top + math.log(mass[CONST])
        for c in range(p):
            value[i] += here[BASE + c] * sums[i, c]
        if asked:
            _gradient(here, x, d_r, sums[i], mass, of_purchase, of_dropout, gradient[i])
    return value, gradient


@njit(cache=True, nogil=True, error_model="numpy")
def _gradient(theta, x, d_r, sums, mass, of_purchase, of_dropout, gradient):
    r, alpha, s, beta = theta[0], theta[1], theta[2], theta[3]
    p, total, c = sums.size, mass[CONST], r + x
    gradient[0] = d_r + math.log(alpha) - mass[R] / total
    gradient[1] = r / alpha - c * mass[ALPHA] / total
    gradient[2] = math.log(beta) + mass[S] / total
    gradient[3] = s / beta - mass[BETA] / total
    for j in range(p):
        gradient[BASE + j] = sums[j] - c * of_purchase[j] / total
    for j in range(of_dropout.size):
        gradient[BASE + p + j] = of_dropout[j] / total


@njit(cache=True, nogil=True, error_model="numpy")
def integral(theta, x, first, recency, T, factors, segments, work, means, mass, of_purchase, of_dropout):
    """The braces of the likelihood: e^(returned) times `mass[CONST]`; of which alive at T is e^(returned) `of_alive`.

    With `means` not empty, the rest of `mass` and the arrays of the coefficients receive what the gradient needs, on the same
    scale.
    """
    r, alpha, s, beta = theta[0], theta[1], theta[2], theta[3]
    c, k_first, stop = r + x, segment_at(factors.start, segments, first), first + T
    k, last = segment_at(factors.start, segments, first + recency), segment_at(factors.start, segments, stop)
    a_first, d_first = purchases_until(factors, k_first, first), dropout_until(factors, k_first, first)
    a_end = alpha + (purchases_until(factors, last, stop) - a_first)
    d_end = beta + (dropout_until(factors, last, stop) - d_first)
    top = -c * math.log(a_end) - s * math.log(d_end)
    mass[CONST] = 1.0
    if means.size:
        mass[R], mass[ALPHA], mass[S], mass[BETA] = math.log(a_end), 1.0 / a_end, -math.log(d_end), s / d_end
        _moved(factors, k_first, first, last, stop, 1.0 / a_end, -s / d_end, of_purchase, of_dropout)
    while k <= last:
        low = max(first + recency, factors.start[k])
        high = min(stop, factors.start[k + 1]) if k < last else stop
        if high > low:
            a, d = factors.rate[k], factors.hazard[k]
            alpha_here = alpha + (purchases_until(factors, k, low) - a_first)
            beta_here = beta + (dropout_until(factors, k, low) - d_first)
            log_mass = math.log(s) + _log_segment(c, s + 1.0, alpha_here, a, beta_here, d, high - low, work, means)
            if log_mass > top:
                shrink, weight = math.exp(top - log_mass), 1.0
                top = log_mass
                for j in range(mass.size if means.size else 1):
                    mass[j] *= shrink
                if means.size:
                    of_purchase *= shrink
                    of_dropout *= shrink
            else:
                weight = math.exp(log_mass - top)
            mass[CONST] += weight
            if means.size:
                mass[R] += weight * means[0]
                mass[ALPHA] += weight * means[1]
                mass[S] += weight * (1.0 / s - means[2])
                mass[BETA] += weight * (s + 1.0) * means[3]
                _left(factors, k_first, first, k, low, weight, s, alpha_here, beta_here, means, of_purchase, of_dropout)
        k += 1
    return top


@njit(cache=True, nogil=True, error_model="numpy")
def _log_segment(c, k, alpha, a, beta, d, width, work, means):
    """Log of the integral over u from 0 to width of d (alpha + a u)^-c (beta + d u)^-k.

    `means`, unless empty, receives the means with the integrand as density of log(alpha + a u), 1 / (alpha + a u),
    log(beta + d u) and 1 / (beta + d u).
    """
    if (max(c, POWER) * a / alpha + max(k, POWER) * d / beta) * width <= NARROW:
        return _log_narrow(c, k, alpha, a, beta, d, width, work, means)
    seen = beta * a / d
    value = log_integral(0.0, 1.0, alpha, c, seen, k, 0.0, 0.0, a * width, work, means)
    if means.size:
        means[2] += math.log(beta)
        means[3] *= a / d
    return value + math.log(d / a) - k * math.log(beta)


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _log_narrow(c, k, alpha, a, beta, d, width, work, means):
    """The same where the integrand falls by no more than e^-NARROW, by four nodes."""
    for q in range(4):
        work[q] = alpha + a * width * X[q]
        work[4 + q] = beta + d * width * X[q]
    for q in range(8):
        work[8 + q] = log(work[q])
    top = -c * work[8] - k * work[12]
    for q in range(4):
        work[16 + q] = W[q] * exp(-c * work[8 + q] - k * work[12 + q] - top)
    total = work[16] + work[17] + work[18] + work[19]
    if means.size:
        means[:4] = 0.0
        for q in range(4):
            weight = work[16 + q] / total
            means[0] += weight * work[8 + q]
            means[1] += weight / work[q]
            means[2] += weight * work[12 + q]
            means[3] += weight / work[4 + q]
    return top + math.log(total * width * d)


@njit(cache=True, nogil=True, error_model="numpy")
def _d_purchases(factors, k, time, c):
    return factors.d_purchases[k, c] + factors.rate[k] * factors.z_purchase[k, c] * (time - factors.start[k])


@njit(cache=True, nogil=True, error_model="numpy")
def _d_dropout(factors, k, time, c):
    return factors.d_dropout[k, c] + factors.hazard[k] * factors.z_dropout[k, c] * (time - factors.start[k])


@njit(cache=True, nogil=True, error_model="numpy")
def _moved(factors, k_first, first, last, stop, by_purchases, by_dropout, of_purchase, of_dropout):
    """Write what coefficients do through A(T) and D(T), whose weights are given."""
    for c in range(of_purchase.size):
        moved = _d_purchases(factors, last, stop, c) - _d_purchases(factors, k_first, first, c)
        of_purchase[c] = by_purchases * moved
    for c in range(of_dropout.size):
        of_dropout[c] = by_dropout * (_d_dropout(factors, last, stop, c) - _d_dropout(factors, k_first, first, c))


@njit(cache=True, nogil=True, error_model="numpy")
def _left(factors, k_first, first, k, low, weight, s, alpha_here, beta_here, means, of_purchase, of_dropout):
    """Add what coefficients do through the integral over segment k: a u / (alpha' + a u) is 1 - alpha' / (alpha' + a u)."""
    for c in range(of_purchase.size):
        before = _d_purchases(factors, k, low, c) - _d_purchases(factors, k_first, first, c)
        within = factors.z_purchase[k, c] * (1.0 - alpha_here * means[1])
        of_purchase[c] += weight * (before * means[1] + within)
    for c in range(of_dropout.size):
        before = _d_dropout(factors, k, low, c) - _d_dropout(factors, k_first, first, c)
        z = factors.z_dropout[k, c]
        of_dropout[c] += weight * (z - (s + 1.0) * (before * means[3] + z * (1.0 - beta_here * means[3])))


@functools.cache
def kernel_of(p):
    """The kernel with the columns path, first, frequency, recency, T, p sums, then the arrays of `Paths`.

    A plain function whose parts are compiled: it runs at once, and NUTS compiles it as a whole.
    """
    stop = 5 + p

    def kernel(theta, *columns):
        rows, rest = columns[:stop], columns[stop:]
        sums = np.empty((rows[0].size, p))
        for c in range(p):
            sums[:, c] = rows[5 + c]
        paths = Paths(rest[0], rest[1], rest[2], rest[3], rest[4], rest[5], rest[6], rest[7])
        return log_likelihood(theta, rows[0], rows[1], rows[2], rows[3], rows[4], sums, paths, True)

    return kernel
