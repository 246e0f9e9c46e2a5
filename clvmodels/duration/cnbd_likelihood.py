"""Likelihood of regular buying: as in BG/NBD, with k phases of a Poisson process to every purchase.

With c = r + k x, the customer alive has done j = 0, ..., k - 1 phases in her silence of s = T - t_x, which has the weight
(c)_j / j! (s / (alpha + T))^j. These weights add up to S, which is 1 where k is 1, and

    L = (r)_{kx} alpha^r B(a, b + x) / B(a, b) { S (alpha + T)^-c + a / (b + x - 1) (alpha + t_x)^-c } prod Delta^(k-1) / (k-1)!^x

where Delta are the intervals between purchases; b + 1 takes the place of b if the first purchase is an occasion to leave too.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, vectorize

from clvmodels.numerics.elementary import log, logs_of_ages, softplus
from clvmodels.numerics.rising import end_of_run, log_rising

NEVER = -1e300
"""Log-odds of what cannot be."""


@njit(cache=True, nogil=True, error_model="numpy")
def _phases_of_silence(c, alpha, recency, T, coefficients, harmonic, log_sum, in_shape, mean):
    """Write log S (n,), its derivative in c (n,), and the mean number of phases done by those alive (n,)."""
    coefficients[0], harmonic[0] = 1.0, 0.0
    for j in range(1, coefficients.size):
        coefficients[j] = coefficients[j - 1] * (c + j - 1.0) / j
        harmonic[j] = harmonic[j - 1] + 1.0 / (c + j - 1.0)
    for i in range(T.size):
        share = (T[i] - recency[i]) / (alpha + T[i])
        weight, total, shape_sum, phase_sum = 1.0, 1.0, 0.0, 0.0
        for j in range(1, coefficients.size):
            weight *= share
            term = coefficients[j] * weight
            total += term
            shape_sum += term * harmonic[j]
            phase_sum += term * j
        log_sum[i] = log(total)
        in_shape[i] = shape_sum / total
        mean[i] = phase_sum / total


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(theta, frequency, recency, T, log_intervals, phases, chances=0.0):
    """Log-likelihood and gradient, row by row.

    What depends on theta and frequency alone is done once for a run of rows that share them.

    Parameters
    ----------
    theta : (1, 4) or (n, 4) array of r, alpha, a, b
    frequency, recency, T, log_intervals, phases : (n,) arrays; phases hold the number k of phases to a purchase, one for all
    chances : occasions to leave before the first repeat purchase, 0.0 or 1.0

    Returns
    -------
    value (n,), gradient (n, 4)
    """
    n = frequency.size
    k = phases[0] if n > 0 else 1.0
    value, gradient = np.empty(n), np.empty((n, 4))
    log_end, log_silence, odds, soft, left = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    log_sum, in_shape, mean = np.empty(n), np.empty(n), np.empty(n)
    coefficients, harmonic = np.empty(int(k)), np.empty(int(k))
    log_factorial = math.lgamma(k)
    per_row = theta.shape[0] > 1
    start = 0
    x = log_r = log_b = log_ab = d_r = d_b = d_ab = occasions = 0.0
    while start < n:
        stop = start + 1 if per_row else end_of_run(frequency, start)
        r, alpha, a, b = theta[start if per_row else 0]
        if per_row or frequency[start] < x:
            x = log_r = log_b = log_ab = d_r = d_b = d_ab = occasions = 0.0
        log_r, d_r = log_rising(r, k * frequency[start], k * x, log_r, d_r)
        x = frequency[start]
        log_b, d_b = log_rising(b, x + chances, occasions, log_b, d_b)
        log_ab, d_ab = log_rising(a + b, x + chances, occasions, log_ab, d_ab)
        occasions = x + chances
        c, log_alpha = r + k * x, math.log(alpha)
        constant = log_r + log_b - log_ab + r * log_alpha - x * log_factorial
        log_weight = math.log(a / (b + occasions - 1.0)) if occasions > 0.0 else NEVER
        per_b = 1.0 / (b + occasions - 1.0) if occasions > 0.0 else 0.0
        part = slice(start, stop)
        logs_of_ages(alpha, recency[part], T[part], log_end[part], log_silence[part])
        _phases_of_silence(
            c, alpha, recency[part], T[part], coefficients, harmonic, log_sum[part], in_shape[part], mean[part]
        )
        for i in range(start, stop):
            odds[i] = log_weight + c * log_silence[i] - log_sum[i]
        softplus(0.0, 1.0, odds[part], soft[part], left[part])
        for i in range(start, stop):
            alive = 1.0 - left[i]
            value[i] = constant - c * log_end[i] + log_sum[i] + soft[i] + (k - 1.0) * log_intervals[i]
            gradient[i, 0] = d_r + log_alpha - log_end[i] + left[i] * log_silence[i] + alive * in_shape[i]
            silence = left[i] * c * (T[i] - recency[i]) / (alpha + recency[i])
            gradient[i, 1] = (r * T[i] / alpha - k * x - silence - alive * mean[i]) / (alpha + T[i])
            gradient[i, 2] = left[i] / a - d_ab
            gradient[i, 3] = d_b - d_ab - left[i] * per_b
        start = stop
    return value, gradient


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood_of_m(theta, frequency, recency, T, log_intervals, phases):
    """The same with one more occasion to leave, at age zero."""
    return log_likelihood(theta, frequency, recency, T, log_intervals, phases, 1.0)


@vectorize(["f8(f8, f8, f8, f8, f8, f8, f8, f8, f8)"], nopython=True, cache=True)
def p_alive(r, alpha, a, b, x, t_x, T, phases, chances):
    """Probability that the customer has not left by T, given k phases to a purchase."""
    occasions = x + chances
    if occasions == 0.0:
        return 1.0
    c, share = r + phases * x, (T - t_x) / (alpha + T)
    term = total = 1.0
    for j in range(1, int(phases)):
        term *= (c + j - 1.0) / j * share
        total += term
    odds = math.log(a / (b + occasions - 1.0)) + c * math.log((alpha + T) / (alpha + t_x)) - math.log(total)
    small = math.exp(-abs(odds))
    return (small if odds > 0.0 else 1.0) / (1.0 + small)
