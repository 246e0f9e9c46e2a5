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
logs : (n, 3) their logarithms
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
def cumulative(baseline, t, log_t, first, log_first, second, eta):
    """H at t and its slopes in log(first), in log(second) (of Gompertz: in the growth itself), and in eta."""
    if t <= 0.0:
        return 0.0, 0.0, 0.0, 0.0
    if baseline in (WEIBULL, EXPONENTIAL):
        power = second * (log_t - log_first)
        H = math.exp(power + eta)
        return H, -second * H, power * H, H
    if baseline == GOMPERTZ:
        level = first * t * math.exp(eta)
        factor, slope = growth_factor(second * t)
        return level * factor, level * factor, level * t * slope, level * factor
    apart = log_t - log_first - eta
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
def log_hazard(baseline, t, log_t, log_first, second, log_second, eta):
    """log h at t > 0 and its slopes, as of `cumulative`."""
    if baseline == GOMPERTZ:
        return log_first + eta + second * t, 1.0, t, 1.0
    apart = log_t - log_first
    if baseline in (WEIBULL, EXPONENTIAL):
        return log_second - log_t + second * apart + eta, -second, 1.0 + second * apart, 1.0
    if baseline == LOGLOGISTIC:
        z = second * (apart - eta)
        tail = math.exp(-abs(z))
        rest = tail / (1.0 + tail) if z > 0 else 1.0 / (1.0 + tail)
        return log_second - log_t + min(z, 0.0) - math.log1p(tail), -second * rest, 1.0 + z * rest, -second * rest
    z = (apart - eta) / second
    H, mills = log_tail(z)
    slope = mills - z
    return H - 0.5 * z * z - HALF_LOG_2PI - log_second - log_t, -slope / second, -1.0 - z * slope, -slope / second


@njit(cache=True, nogil=True, error_model="numpy")
def log_less_exp(d):
    """log(1 - exp(-d)) and its slope 1 / (exp(d) - 1); what cannot happen (d = 0) has no slope that leads out."""
    if d <= 0.0:
        return -math.inf, 0.0
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
def path(theta, at, pieces):
    """Log hazard of each piece: the level, and a walk of which the mean is zero; its steps begin at theta[at + 1]."""
    found, place, mean = np.empty(pieces), 0.0, 0.0
    for k in range(pieces):
        found[k] = place
        mean += place / pieces
        if k < pieces - 1:
            place += theta[at] * theta[at + 1 + k]
    return found - mean + math.log(theta[0])


@njit(cache=True, nogil=True, error_model="numpy")
def begins(layout):
    """Where in theta coefficients of the hazard, those of never leaving, the walk, and the segments begin."""
    at_x = layout[OWN] + layout[NEVER]
    at_z = at_x + layout[COVARIATES]
    at_walk = at_z + layout[OF_NEVER]
    return at_x, at_z, at_walk, at_walk + layout[PIECES]


@njit(cache=True, nogil=True, error_model="numpy")
def predictors(theta, layout, x, z, segment):
    """Log of what multiplies the hazard or the time of each row, and the log odds of never leaving; each (n,)."""
    at_x, at_z, _, at_segments = begins(layout)
    n = segment.size
    eta, odds = np.zeros(n), np.zeros(n)
    for i in range(n):
        for j in range(x.shape[1]):
            eta[i] += theta[at_x + j] * x[i, j]
        if segment[i] >= 0:
            eta[i] += theta[at_segments] * theta[at_segments + 1 + segment[i]]
        if layout[NEVER] == 1:
            odds[i] = theta[layout[OWN]]
            for j in range(z.shape[1]):
                odds[i] += theta[at_z + j] * z[i, j]
    return eta, odds


@njit(cache=True, nogil=True, error_model="numpy")
def smooth_rows(theta, layout, times, logs, event, eta, odds, value, slopes):
    """Values (n,), and slopes (n, 4) in log(first), log(second), eta and odds (or none: (0, 4)), of baselines without pieces."""
    baseline, by_period, never = layout[BASELINE], layout[BY_PERIOD] == 1, layout[NEVER] == 1
    first, second = theta[0], theta[1] if layout[OWN] > 1 else 1.0
    log_first, log_second = math.log(first), math.log(abs(second))
    H, of = np.zeros(3), np.zeros((3, 3))
    log_h, of_h = 0.0, np.zeros(3)
    for i in range(event.size):
        exact = event[i] == 1.0 and not by_period
        for p in range(3):
            if p != 1 or (by_period and event[i] == 1.0):
                H[p], of[p, 0], of[p, 1], of[p, 2] = cumulative(
                    baseline, times[i, p], logs[i, p], first, log_first, second, eta[i]
                )
        if exact:
            log_h, of_h[0], of_h[1], of_h[2] = log_hazard(
                baseline, times[i, 2], logs[i, 2], log_first, second, log_second, eta[i]
            )
        value[i], g_entry, g_low, g_exit, g_h, g_odds = row(
            event[i], by_period, never, odds[i], H[0], H[1], H[2], log_h
        )
        if slopes.shape[0] > 0:
            for q in range(3):
                slopes[i, q] = g_entry * of[0, q] + g_low * of[1, q] + g_exit * of[2, q] + g_h * of_h[q]
            slopes[i, 3] = g_odds


@njit(cache=True, nogil=True, error_model="numpy")
def piece_rows(theta, counts, layout, times, event, piece, breaks, eta, odds, value, slopes, gradient):
    """The same with pieces (slopes in eta and odds alone); what concerns the level and the walk goes into `gradient`."""
    by_period, never, pieces, n = layout[BY_PERIOD] == 1, layout[NEVER] == 1, layout[PIECES], event.size
    at_walk = begins(layout)[2]
    logs = path(theta, at_walk, pieces)
    hazard, reached = np.exp(logs), np.zeros(pieces)
    for k in range(1, pieces):
        reached[k] = reached[k - 1] + hazard[k - 1] * (breaks[k] - breaks[k - 1])
    each = gradient.shape[0] == n
    whole, part = np.zeros(pieces), np.zeros(pieces)
    H, g = np.zeros(3), np.zeros(3)
    for i in range(n):
        factor = math.exp(eta[i])
        for p in range(3):
            k = piece[i, p]
            H[p] = factor * (reached[k] + (times[i, p] - breaks[k]) * hazard[k])
        log_h = logs[piece[i, 2]] + eta[i]
        value[i], g[0], g[1], g[2], g_h, slopes_odds = row(event[i], by_period, never, odds[i], H[0], H[1], H[2], log_h)
        if slopes.shape[0] == 0:
            continue
        slopes[i, 2], slopes[i, 3] = g[0] * H[0] + g[1] * H[1] + g[2] * H[2] + g_h, slopes_odds
        count = 1.0 if each else counts[i]
        for p in range(3):
            k = piece[i, p]
            whole[k] += count * g[p] * factor
            part[k] += count * g[p] * factor * (times[i, p] - breaks[k]) * hazard[k]
        part[piece[i, 2]] += count * g_h
        if each or i == n - 1:
            lead_back(whole, part, hazard, breaks, theta, at_walk, gradient[i if each else 0])


@njit(cache=True, nogil=True, error_model="numpy")
def lead_back(whole, part, hazard, breaks, theta, at, gradient):
    """Add the gradient in the level, the scale and the steps of the walk; `whole` and `part` (pieces,) are emptied.

    `part` holds slopes in the log hazard of a piece, `whole` slopes in what was reached at its begin.
    """
    pieces, after = hazard.size, 0.0
    for k in range(pieces - 1, -1, -1):
        if k < pieces - 1:
            part[k] += after * (breaks[k + 1] - breaks[k]) * hazard[k]
        after += whole[k]
    total = part.sum()
    gradient[0] += total / theta[0]
    after = total
    for j in range(pieces - 1):
        after -= part[j]
        weight = after - total * (pieces - 1 - j) / pieces
        gradient[at + 1 + j] += theta[at] * weight
        gradient[at] += theta[at + 1 + j] * weight
    whole[:] = 0.0
    part[:] = 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def gather(theta, counts, layout, x, z, segment, slopes, gradient):
    """Add to `gradient`, by row (n, k) or summed (1, k), what the rows' slopes (n, 4) lead back to."""
    at_x, at_z, _, at_segments = begins(layout)
    n, each = segment.size, gradient.shape[0] == segment.size
    for i in range(n):
        g, count = gradient[i if each else 0], 1.0 if each else counts[i]
        if layout[PIECES] == 0:
            g[0] += count * slopes[i, 0] / theta[0]
            if layout[OWN] > 1:
                g[1] += count * slopes[i, 1] / (1.0 if layout[BASELINE] == GOMPERTZ else theta[1])
        moved = count * slopes[i, 2]
        for j in range(x.shape[1]):
            g[at_x + j] += moved * x[i, j]
        if segment[i] >= 0:
            g[at_segments] += moved * theta[at_segments + 1 + segment[i]]
            g[at_segments + 1 + segment[i]] += moved * theta[at_segments]
        if layout[NEVER] == 1:
            g[layout[OWN]] += count * slopes[i, 3]
            for j in range(z.shape[1]):
                g[at_z + j] += count * slopes[i, 3] * z[i, j]


@njit(cache=True, nogil=True, error_model="numpy")
def evaluate(theta, counts, layout, times, logs, event, x, z, segment, piece, breaks, value, gradient):
    """Write log-likelihoods into `value` (n,), the gradient into `gradient`: (n, k) by row, (1, k) summed, (0, k) none."""
    eta, odds = predictors(theta, layout, x, z, segment)
    slopes = np.zeros((event.size if gradient.shape[0] > 0 else 0, 4))
    if layout[PIECES] > 0:
        piece_rows(theta, counts, layout, times, event, piece, breaks, eta, odds, value, slopes, gradient)
    else:
        smooth_rows(theta, layout, times, logs, event, eta, odds, value, slopes)
    if gradient.shape[0] > 0:
        gather(theta, counts, layout, x, z, segment, slopes, gradient)


@njit(cache=True, nogil=True, error_model="numpy")
def total(theta, counts, layout, times, logs, event, x, z, segment, piece, breaks):
    """Total log-likelihood, and its gradient (k,)."""
    value, gradient = np.empty(event.size), np.zeros((1, theta.size))
    evaluate(theta, counts, layout, times, logs, event, x, z, segment, piece, breaks, value, gradient)
    if event.size == 1:
        gradient *= counts[0]
    return np.sum(counts * value), gradient[0]


@njit(cache=True, nogil=True, error_model="numpy")
def by_row(theta, layout, times, logs, event, x, z, segment, piece, breaks):
    """Log-likelihood per row (n,), and its gradient (n, k)."""
    theta = np.ravel(theta)
    value, gradient = np.empty(event.size), np.zeros((event.size, theta.size))
    evaluate(theta, np.ones(event.size), layout, times, logs, event, x, z, segment, piece, breaks, value, gradient)
    return value, gradient


@njit(cache=True, nogil=True, error_model="numpy")
def values(theta, layout, times, logs, event, x, z, segment, piece, breaks):
    """Log-likelihood per row (n,)."""
    value, none = np.empty(event.size), np.zeros((0, theta.size))
    evaluate(theta, value, layout, times, logs, event, x, z, segment, piece, breaks, value, none)
    return value
