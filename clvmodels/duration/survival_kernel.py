"""Log-likelihood of how long customers stay, compiled: one kernel for all baselines, with its exact gradient.

Every row says that a customer was there at `entry`, and that she left at `exit` (event 1) or was seen there last (event 0). With
H the cumulative hazard, log-likelihood given survival to the entry is -(H(exit) - H(entry)), and log h(exit) more if she left
then; where only the period in which she left is known, it is log(exp(-H(low)) - exp(-H(exit))) + H(entry), with low the begin of
the period. Where a share never leaves, survival is share + (1 - share) exp(-H). Rows of one contract that follow on each other,
each with covariates of its own, need nothing else: a hazard at a time depends on what holds at that time.

Arguments
---------
theta : (k,) baseline (one or two), then the log odds of never leaving if asked for, coefficients of the hazard or the time,
    coefficients of never leaving, scale of the walk and its steps (pieces - 1), spread of the segments and their deviations
counts : (n,) how many customers each row stands for
layout : (8,) whole numbers, see the names below
times : (n, 3) entry, low, exit; where the exact time is known low is 0 and not read
event : (n,) 1 or 0
x, z : (n, m) covariates less their means, of the hazard or time and of never leaving
segment : (n,) number of the segment; -1 where there are none
piece : (n, 3) in which piece each of `times` is: begin < t <= end
breaks : (pieces,) where each piece begins; the last has no end
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

EXPONENTIAL, WEIBULL, GOMPERTZ, LOGNORMAL, LOGLOGISTIC, PIECEWISE = range(6)
BASELINE, BY_PERIOD, NEVER, OWN, COVARIATES, OF_NEVER, PIECES, SEGMENTS = range(8)
ROOT_HALF, HALF_LOG_2PI = math.sqrt(0.5), 0.5 * math.log(2 * math.pi)
FAR = 30.0
"""Standard deviations from which the normal tail is its asymptotic series."""


@njit(cache=True, nogil=True, error_model="numpy")
def log_tail(z):
    """Minus the log of P(Z > z) of a standard normal, and its slope phi(z) / P(Z > z)."""
    if z > FAR:
        inverse = 1.0 / (z * z)
        found = 0.5 * z * z + HALF_LOG_2PI + math.log(z) - math.log1p(-inverse * (1.0 - 3.0 * inverse))
    elif z > 0.0:
        found = -math.log(0.5 * math.erfc(z * ROOT_HALF))
    else:
        found = -math.log1p(-0.5 * math.erfc(-z * ROOT_HALF))
    return found, math.exp(found - 0.5 * z * z - HALF_LOG_2PI)


@njit(cache=True, nogil=True, error_model="numpy")
def growth_factor(x):
    """(exp(x) - 1) / x and its slope, also near zero."""
    if abs(x) < 1e-3:
        return 1.0 + x * (0.5 + x * (1 / 6 + x / 24)), 0.5 + x * (1 / 3 + x * (1 / 8 + x / 30))
    found = math.expm1(x) / x
    return found, (math.exp(x) - found) / x


@njit(cache=True, nogil=True, error_model="numpy")
def cumulative(baseline, t, first, second, eta):
    """H at t and its slopes in log(first), in log(second) (of Gompertz: in the growth itself), and in eta."""
    if t <= 0.0:
        return 0.0, 0.0, 0.0, 0.0
    if baseline == EXPONENTIAL:
        H = t / first * math.exp(eta)
        return H, -H, 0.0, H
    if baseline == GOMPERTZ:
        level = first * t * math.exp(eta)
        factor, slope = growth_factor(second * t)
        return level * factor, level * factor, level * t * slope, level * factor
    if baseline == WEIBULL:
        power = second * math.log(t / first)
        H = math.exp(power + eta)
        return H, -second * H, power * H, H
    apart = math.log(t / first) - eta
    if baseline == LOGLOGISTIC:
        z = second * apart
        tail = math.exp(-abs(z))
        H = max(z, 0.0) + math.log1p(tail)
        chance = 1.0 / (1.0 + tail) if z > 0 else tail / (1.0 + tail)
        return H, -second * chance, z * chance, -second * chance
    z = apart / second
    H, mills = log_tail(z)
    return H, -mills / second, -z * mills, -mills / second


@njit(cache=True, nogil=True, error_model="numpy")
def log_hazard(baseline, t, first, second, eta):
    """log h at t > 0 and its slopes, as of `cumulative`."""
    if baseline == EXPONENTIAL:
        return eta - math.log(first), -1.0, 0.0, 1.0
    if baseline == GOMPERTZ:
        return math.log(first) + eta + second * t, 1.0, t, 1.0
    apart = math.log(t / first)
    if baseline == WEIBULL:
        return math.log(second / t) + second * apart + eta, -second, 1.0 + second * apart, 1.0
    if baseline == LOGLOGISTIC:
        z = second * (apart - eta)
        tail = math.exp(-abs(z))
        rest = tail / (1.0 + tail) if z > 0 else 1.0 / (1.0 + tail)
        return math.log(second / t) + min(z, 0.0) - math.log1p(tail), -second * rest, 1.0 + z * rest, -second * rest
    z = (apart - eta) / second
    H, mills = log_tail(z)
    slope = mills - z
    return H - 0.5 * z * z - HALF_LOG_2PI - math.log(second * t), -slope / second, -1.0 - z * slope, -slope / second


@njit(cache=True, nogil=True, error_model="numpy")
def log_less_exp(d):
    """log(1 - exp(-d)) and its slope 1 / (exp(d) - 1), d > 0."""
    return (math.log(-math.expm1(-d)) if d < 0.7 else math.log1p(-math.exp(-d))), 1.0 / math.expm1(d)


@njit(cache=True, nogil=True, error_model="numpy")
def log_mixed(H, odds):
    """log of share + (1 - share) exp(-H), with log odds of the share; its slopes in H and in the log odds."""
    high = max(odds, -H)
    remains = 1.0 / (1.0 + math.exp(min(odds + H, 700.0)))
    share = 1.0 / (1.0 + math.exp(min(-odds, 700.0)))
    value = high + math.log1p(math.exp(-abs(odds + H))) - max(odds, 0.0) - math.log1p(math.exp(-abs(odds)))
    return value, -remains, 1.0 - remains - share


@njit(cache=True, nogil=True, error_model="numpy")
def row(event, by_period, never, odds, H_entry, H_low, H_exit, log_h):
    """Log-likelihood of a row; its slopes in H at entry, low and exit, in log h, and in the log odds of never leaving."""
    value, at_entry, at_low, at_exit, at_h, at_odds = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    if never:
        before, slope, own = log_mixed(H_entry, odds)
        value, at_entry, at_odds = -before, -slope, -own
    else:
        value, at_entry = H_entry, 1.0
    if event == 0.0:
        if never:
            after, at_exit, own = log_mixed(H_exit, odds)
            value, at_odds = value + after, at_odds + own
        else:
            value, at_exit = value - H_exit, -1.0
        return value, at_entry, at_low, at_exit, at_h, at_odds
    if never:
        value -= max(odds, 0.0) + math.log1p(math.exp(-abs(odds)))
        at_odds -= 1.0 / (1.0 + math.exp(min(-odds, 700.0)))
    if by_period:
        within, slope = log_less_exp(H_exit - H_low)
        return value - H_low + within, at_entry, -1.0 - slope, slope, at_h, at_odds
    return value - H_exit + log_h, at_entry, at_low, -1.0, 1.0, at_odds


@njit(cache=True, nogil=True, error_model="numpy")
def path(theta, own, at, pieces):
    """Log hazard of each piece: the level, and a walk of which the mean is zero; its steps begin at theta[at + 1]."""
    found, place, mean = np.empty(pieces), 0.0, 0.0
    for k in range(pieces):
        found[k] = place
        mean += place / pieces
        if k < pieces - 1:
            place += theta[at] * theta[at + 1 + k]
    return found - mean + math.log(theta[0])


@njit(cache=True, nogil=True, error_model="numpy")
def _lead_back(slope, gradient, theta, at, pieces):
    """The gradient in the level, the scale and the steps of the walk from that in the log hazards of the pieces (pieces,)."""
    total = slope.sum()
    gradient[0] += total / theta[0]
    after = total
    for j in range(pieces - 1):
        after -= slope[j]
        weight = after - total * (pieces - 1 - j) / pieces
        gradient[at + 1 + j] += theta[at] * weight
        gradient[at] += theta[at + 1 + j] * weight


@njit(cache=True, nogil=True, error_model="numpy")
def evaluate(theta, counts, layout, times, event, x, z, segment, piece, breaks, value, gradient):
    """Write log-likelihoods per row into `value` (n,); and the gradient into `gradient`: (n, k) by row, or (1, k) counted sum.

    With `gradient` (0, k) there is none.
    """
    n, baseline, by_period, never = event.size, layout[BASELINE], layout[BY_PERIOD] == 1, layout[NEVER] == 1
    own, m, of_never, pieces = layout[OWN], layout[COVARIATES], layout[OF_NEVER], layout[PIECES]
    at_x = own + layout[NEVER]
    at_z = at_x + m
    at_walk = at_z + of_never
    at_segments = at_walk + (pieces if pieces > 0 else 0)
    sloped, each = gradient.shape[0] > 0, gradient.shape[0] > 1 or n == 1
    first, second = theta[0], theta[1] if own > 1 else 1.0
    log_growth = 1.0 if baseline == GOMPERTZ else second
    logs = path(theta, own, at_walk, pieces) if pieces > 0 else np.zeros(1)
    hazard, reached = np.exp(logs), np.zeros(max(pieces, 1))
    for k in range(1, pieces):
        reached[k] = reached[k - 1] + hazard[k - 1] * (breaks[k] - breaks[k - 1])
    whole, part = np.zeros(max(pieces, 1)), np.zeros(max(pieces, 1))
    H, log_h, odds = np.zeros(3), 0.0, 0.0
    slopes, of_h = np.zeros((3, 3)), np.zeros(3)
    for i in range(n):
        eta = 0.0
        for j in range(m):
            eta += theta[at_x + j] * x[i, j]
        code = segment[i]
        if code >= 0:
            eta += theta[at_segments] * theta[at_segments + 1 + code]
        if never:
            odds = theta[own]
            for j in range(of_never):
                odds += theta[at_z + j] * z[i, j]
        times_of_hazard = math.exp(eta) if pieces > 0 else 1.0
        exact = event[i] == 1.0 and not by_period
        for p in range(3):
            if p == 1 and (exact or event[i] == 0.0):
                continue
            if pieces > 0:
                k = piece[i, p]
                H[p] = times_of_hazard * (reached[k] + (times[i, p] - breaks[k]) * hazard[k])
            else:
                H[p], slopes[p, 0], slopes[p, 1], slopes[p, 2] = cumulative(baseline, times[i, p], first, second, eta)
        if exact:
            if pieces > 0:
                log_h = logs[piece[i, 2]] + eta
            else:
                log_h, of_h[0], of_h[1], of_h[2] = log_hazard(baseline, times[i, 2], first, second, eta)
        value[i], g_entry, g_low, g_exit, g_h, g_odds = row(event[i], by_period, never, odds, H[0], H[1], H[2], log_h)
        if not sloped:
            continue
        r, count = (i, 1.0) if each else (0, counts[i])
        if pieces > 0:
            g_eta = g_entry * H[0] + g_low * H[1] + g_exit * H[2] + g_h
            for p in range(3):
                g = g_entry if p == 0 else (g_low if p == 1 else g_exit)
                if g != 0.0:
                    k = piece[i, p]
                    whole[k] += count * g * times_of_hazard
                    part[k] += count * g * times_of_hazard * (times[i, p] - breaks[k]) * hazard[k]
            part[piece[i, 2]] += count * g_h
        else:
            g_first = g_entry * slopes[0, 0] + g_low * slopes[1, 0] + g_exit * slopes[2, 0] + g_h * of_h[0]
            g_second = g_entry * slopes[0, 1] + g_low * slopes[1, 1] + g_exit * slopes[2, 1] + g_h * of_h[1]
            g_eta = g_entry * slopes[0, 2] + g_low * slopes[1, 2] + g_exit * slopes[2, 2] + g_h * of_h[2]
            gradient[r, 0] += count * g_first / first
            if own > 1:
                gradient[r, 1] += count * g_second / log_growth
        for j in range(m):
            gradient[r, at_x + j] += count * g_eta * x[i, j]
        if never:
            gradient[r, own] += count * g_odds
            for j in range(of_never):
                gradient[r, at_z + j] += count * g_odds * z[i, j]
        if code >= 0:
            gradient[r, at_segments] += count * g_eta * theta[at_segments + 1 + code]
            gradient[r, at_segments + 1 + code] += count * g_eta * theta[at_segments]
        if pieces > 0 and (each or i == n - 1):
            after = 0.0
            for k in range(pieces - 1, -1, -1):
                width = breaks[k + 1] - breaks[k] if k < pieces - 1 else 0.0
                part[k] += after * width * hazard[k]
                after += whole[k]
            _lead_back(part, gradient[r], theta, at_walk, pieces)
            whole[:] = 0.0
            part[:] = 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def total(theta, counts, layout, times, event, x, z, segment, piece, breaks):
    """Total log-likelihood, and its gradient (k,)."""
    value, gradient = np.empty(event.size), np.zeros((1, theta.size))
    evaluate(theta, counts, layout, times, event, x, z, segment, piece, breaks, value, gradient)
    if event.size == 1:
        gradient *= counts[0]
    return np.sum(counts * value), gradient[0]


@njit(cache=True, nogil=True, error_model="numpy")
def by_row(theta, layout, times, event, x, z, segment, piece, breaks):
    """Log-likelihood per row (n,), and its gradient (n, k)."""
    theta = np.ravel(theta)
    value, gradient = np.empty(event.size), np.zeros((event.size, theta.size))
    evaluate(theta, np.ones(event.size), layout, times, event, x, z, segment, piece, breaks, value, gradient)
    return value, gradient


@njit(cache=True, nogil=True, error_model="numpy")
def values(theta, layout, times, event, x, z, segment, piece, breaks):
    """Log-likelihood per row (n,)."""
    theta, value = np.ravel(theta), np.empty(event.size)
    evaluate(
        theta, np.ones(event.size), layout, times, event, x, z, segment, piece, breaks, value, np.zeros((0, theta.size))
    )
    return value
