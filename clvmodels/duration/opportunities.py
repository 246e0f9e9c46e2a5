"""The numbers behind BG/BB, compiled: sums over opportunities that come one by one.

Before every opportunity a customer leaves with her probability, which is Beta(leave, stay); if she has not left, she buys with
her other probability, which is Beta(buy, skip). At the start of a history these four are gamma, delta, alpha and beta of the
population, afterwards what the history has made of them. Counts of opportunities are whole numbers held as floats. The
functions with arrays broadcast; what is drawn is drawn by Polya urns, without drawing the probabilities.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, vectorize

SMALL, LARGE = 1e-150, 1e150
"""Between these a product of probabilities is kept as it is; outside, its logarithm is taken."""
LAST = 100_000.0
"""Opportunities until which the next purchase is sought."""


@njit(cache=True, nogil=True, error_model="numpy")
def log_sequence(a, b, yes, no):
    """Log of B(a + yes, b + no) / B(a, b), and its derivatives in a and b.

    The value is a product of factors below one, so nothing cancels however close to one the probability is.
    """
    product, log_value, d_a, d_b = 1.0, 0.0, 0.0, 0.0
    for j in range(int(yes)):
        share = 1.0 / (a + b + j)
        product *= (a + j) * share
        d_a += b * share / (a + j)
        d_b -= share
        if product < SMALL:
            log_value += math.log(product)
            product = 1.0
    for j in range(int(no)):
        share = 1.0 / (a + b + yes + j)
        product *= (b + j) * share
        d_a -= share
        d_b += (a + yes) * share / (b + j)
        if product < SMALL:
            log_value += math.log(product)
            product = 1.0
    return log_value + math.log(product), d_a, d_b


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(theta, frequency, recency, T):
    """Log-likelihood and gradient, row by row.

    All ways to be silent after t_x, leaving before one of the opportunities t_x + 1 to n or none, are summed relative to the
    probability of the history until t_x; each follows from the one before by a positive ratio.

    Parameters
    ----------
    theta : (1, 4) or (n, 4) array of alpha, beta, gamma, delta
    frequency, recency, T : (n,) arrays of whole numbers, frequency <= recency <= T

    Returns
    -------
    value (n,), gradient (n, 4)
    """
    n = frequency.size
    value, gradient = np.empty(n), np.empty((n, 4))
    for i in range(n):
        alpha, beta, gamma, delta = theta[i if theta.shape[0] > 1 else 0]
        x, t_x = frequency[i], recency[i]
        log_bought, d_alpha, d_beta = log_sequence(alpha, beta, x, t_x - x)
        log_stayed, d_gamma, d_delta = log_sequence(gamma, delta, 0.0, t_x)
        still, total = 1.0, 0.0
        up_alpha = up_beta = up_gamma = up_delta = 0.0  # sums of terms times the derivatives of their logs
        s_alpha = s_beta = s_gamma = s_delta = 0.0  # derivatives of log(still)
        for k in range(int(t_x), int(T[i])):
            per_leave, per_buy = 1.0 / (gamma + delta + k), 1.0 / (alpha + beta + k)
            left = still * gamma * per_leave
            total += left
            up_alpha += left * s_alpha
            up_beta += left * s_beta
            up_gamma += left * (s_gamma + (delta + k) * per_leave / gamma)
            up_delta += left * (s_delta - per_leave)
            still *= (beta + k - x) * per_buy * ((delta + k) * per_leave)
            s_alpha -= per_buy
            s_beta += (alpha + x) * per_buy / (beta + k - x)
            s_gamma -= per_leave
            s_delta += gamma * per_leave / (delta + k)
        total += still
        value[i] = log_bought + log_stayed + math.log(total)
        gradient[i, 0] = d_alpha + (up_alpha + still * s_alpha) / total
        gradient[i, 1] = d_beta + (up_beta + still * s_beta) / total
        gradient[i, 2] = d_gamma + (up_gamma + still * s_gamma) / total
        gradient[i, 3] = d_delta + (up_delta + still * s_delta) / total
    return value, gradient


@vectorize(["f8(f8, f8, f8, f8, f8, f8, f8)"], nopython=True, cache=True)
def p_alive(alpha, beta, gamma, delta, x, t_x, T):
    still, left = 1.0, 0.0
    for k in range(int(t_x), int(T)):
        both = gamma + delta + k
        left += still * gamma / both
        still *= (beta + k - x) / (alpha + beta + k) * ((delta + k) / both)
    return still / (still + left) * ((delta + T) / (gamma + delta + T))


@vectorize(["f8(f8, f8, f8)"], nopython=True, cache=True)
def staying(leave, stay, horizon):
    return 0.0 if math.isinf(horizon) else math.exp(log_sequence(leave, stay, 0.0, horizon)[0])


@njit(cache=True, nogil=True)
def _endless(leave, stay, force):
    """Sum over j >= 1 of exp(-force * j) (s)_(j-1) / (g + s)_(j-1) = w F(1, g; g + s; -w), w = 1 / (exp(force) - 1).

    By Gauss's continued fraction, whose terms are all positive here: two neighbouring convergents enclose the value.
    """
    w, both = 1.0 / math.expm1(force), leave + stay
    upper, lower, k = 1.0 + w * leave / both, 1.0, 0.0
    fraction, change = upper, 1.0
    while change > 1e-15:
        k += 1.0
        even = w * k / (both + 2.0 * k - 1.0) * ((stay - 1.0 + k) / (both + 2.0 * k - 2.0))
        odd = w * (leave + k) / (both + 2.0 * k) * ((both - 1.0 + k) / (both - 1.0 + 2.0 * k))
        for term in (even, odd):
            lower = 1.0 / (1.0 + term * lower)
            upper = 1.0 + term / upper
            fraction *= upper * lower
        change = abs(upper * lower - 1.0)
    return w / fraction


@vectorize(["f8(f8, f8, f8, f8)"], nopython=True, cache=True)
def present_stays(leave, stay, horizon, force):
    """Sum over j = 1 .. horizon of exp(-force * j) P(not left before the j-th opportunity | not before the first)."""
    if math.isinf(horizon):
        if force > 0.0:
            return _endless(leave, stay, force)
        return (leave + stay - 1.0) / (leave - 1.0) if leave > 1.0 and force == 0.0 else math.inf
    worth = math.exp(-force)
    present, total = worth, 0.0
    for j in range(int(horizon)):
        total += present
        present *= (stay + j) / (leave + stay + j) * worth
        if present < 1e-17 * total * (1.0 - worth):
            break
    return total


@vectorize(["f8(f8, f8, f8, f8, f8, f8)"], nopython=True, cache=True)
def pmf(buy, skip, leave, stay, n, horizon):
    """Sum over the opportunities m that she lives to see: P(m) times the beta-binomial probability of n out of m."""
    if n > horizon or horizon == 0.0:
        return 1.0 if n == 0.0 else 0.0
    m = max(n, 1.0)
    log_scale = log_sequence(buy, skip, n, m - n)[0] + log_sequence(leave, stay, 0.0, m - 1.0)[0]
    term, total = 1.0, 0.0
    while m < horizon:
        both = leave + stay + m - 1.0
        total += term * leave / both
        term *= (m + 1.0) / (m + 1.0 - n) * ((skip + m - n) / (buy + skip + m)) * ((stay + m - 1.0) / both)
        m += 1.0
        if term > LARGE:
            term, total, log_scale = term / LARGE, total / LARGE, log_scale + math.log(LARGE)
    return math.exp(log_scale + math.log(total + term))


@vectorize(["f8(f8, f8, f8, f8, f8, f8)"], nopython=True, cache=True)
def next_purchase(alive, buy, skip, leave, stay, probability):
    bought, waiting, j = 0.0, alive, 0.0
    while bought + waiting >= probability and j < LAST:
        bought += waiting * buy / (buy + skip + j)
        if bought >= probability:
            return j + 1.0
        waiting *= (skip + j) / (buy + skip + j) * ((stay + j) / (leave + stay + j))
        j += 1.0
    return math.inf


@njit(cache=True, nogil=True, error_model="numpy")
def purchases(rng, p_alive, buy, skip, leave, stay, horizon, times):
    """Write the opportunities bought at into `times` as long as there is room; return the offsets and the room needed."""
    customers, draws = p_alive.shape
    offsets = np.zeros(customers * draws + 1, np.int64)
    used = 0
    for i in range(customers):
        for s in range(draws):
            if rng.random() < p_alive[i, s]:
                yes, no, left, stayed = buy[i, s], skip[i, s], leave[i, s], stay[i, s]
                for j in range(int(horizon[i, s])):
                    if rng.random() * (yes + no) < yes:
                        if used < times.size:
                            times[used] = j + 1.0
                        used += 1
                        yes += 1.0
                    else:
                        no += 1.0
                    if rng.random() * (left + stayed) < left:
                        break
                    stayed += 1.0
            offsets[i * draws + s + 1] = used
    return offsets, used
