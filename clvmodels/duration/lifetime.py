"""Lifetimes that end unseen: one integral over the age at which a customer left, for a whole family of hazards.

A customer leaves at age tau with hazard eta d(tau), where d(tau) = e^(g tau) is constant for g = 0 (Pareto/NBD) and grows with
age otherwise (gamma-Gompertz/NBD); eta is Gamma(s, beta) over customers. With D(tau) = (e^(g tau) - 1) / g, or tau for g = 0, she
survives to tau with probability (beta / (beta + D(tau)))^s. What is left of a lifetime at age T is of the same family, with
beta' = (beta + D(T)) / d(T).

Likelihood, expectations and the distribution of counts all need integrals of

    e^(own g tau) tau^n (alpha + tau)^-c (beta + D(tau))^-k

over an interval of ages. In v = log(gamma + tau), gamma a time below which nothing happens, this is smooth with one peak:
Gauss-Legendre on panels narrow enough, nearly always a single one, gives eleven digits. Logarithms are summed, so
nothing overflows however many purchases there are.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from clvmodels.numerics.elementary import exp, expm1, log
from clvmodels.numerics.quadrature import NEGLIGIBLE, gauss_legendre

NODES = 8
X, W = gauss_legendre(NODES)
STEEPEST, BEND, NEAR, WIDEST = 4.0, 1.0, 0.9, 2.0
"""Of a panel: fall of the log integrand, change of its slope times the width, width by distance to a singularity, width."""
MEANS = 5
AGES, MASSES, LOG_A, LOG_B, LOG_T, WORK = range(0, 6 * NODES, NODES)
"""Where each row of the workspace (WORK,) of `log_integral` begins: in one array at fixed places, loops become vectors."""


@njit(cache=True, nogil=True, error_model="numpy")
def hazard(g, beta, tau):
    """d(tau) / (beta + D(tau)): times s, the mean hazard of those who have reached age tau."""
    if g == 0.0:
        return 1.0 / (beta + tau)
    return g / (beta * g * math.exp(-g * tau) - math.expm1(-g * tau))


@njit(cache=True, nogil=True, error_model="numpy")
def log_survival(g, beta, tau):
    """log((beta + D(tau)) / beta), whatever g tau: she survives to tau with probability exp(-s log_survival)."""
    if g == 0.0:
        return math.log1p(tau / beta)
    y = g * tau
    if y < 1.0:
        return math.log1p(math.expm1(y) / (beta * g))
    return y + math.log(math.exp(-y) - math.expm1(-y) / (beta * g))


@njit(cache=True, nogil=True, error_model="numpy")
def age_of_survival(g, beta, log_ratio):
    """Age at which `log_survival` is `log_ratio`: turns an exponential draw over s into a lifetime."""
    grown = beta * math.expm1(log_ratio)  # D at that age
    if g == 0.0:
        return grown
    if log_ratio < 600.0:
        return math.log1p(g * grown) / g
    return (log_ratio + math.log(beta * g)) / g


@njit(cache=True, nogil=True, error_model="numpy")
def growth_in_g(g, beta, tau):
    """Derivative of log(beta + D(tau)) in g."""
    y = g * tau
    ratio = 0.5 * y * y * (1.0 - y / 3.0 * (1.0 - y / 4.0 * (1.0 - y / 5.0))) if y < 1e-2 else y + expm1(-y)
    return ratio / (g * (beta * g * exp(-y) - expm1(-y)))


@njit(cache=True, nogil=True, error_model="numpy")
def _slope(g, own, alpha, c, beta, k, n, gamma, tau):
    """Derivative of the log integrand, that of dtau included, in v."""
    counts = n / tau if n > 0.0 else 0.0
    return 1.0 + (gamma + tau) * (own * g + counts - c / (alpha + tau) - k * hazard(g, beta, tau))


@njit(cache=True, nogil=True, error_model="numpy")
def _height(g, own, alpha, c, beta, k, n, tau):
    """Log integrand at age tau, without dtau; beta^-k is taken out."""
    counts = n * math.log(tau) if n > 0.0 else 0.0
    return own * g * tau + counts - c * math.log(alpha + tau) - k * log_survival(g, beta, tau)


@njit(cache=True, nogil=True, error_model="numpy")
def _singular(g, beta, gamma):
    """Where beta + D(tau) is zero in the complex plane of v, real and imaginary part: near it the hazard stops growing."""
    if g == 0.0:
        return 0.0, np.inf
    age, across = math.log(abs(beta * g - 1.0)) / g, (1.0 if beta * g > 1.0 else 2.0) * math.pi / g
    return math.log(math.hypot(gamma + age, across)), math.atan2(across, gamma + age)


@njit(cache=True, nogil=True, error_model="numpy")
def _width(g, own, alpha, c, beta, k, n, gamma, singular, tau, slope, stop, rest):
    """The panel that begins at age tau, where the slope is `slope`: its width in v, and the slope and the age at its end."""
    width, v = min(rest, WIDEST), math.log(gamma + tau) if g > 0.0 else 0.0
    end = stop if rest <= WIDEST else (gamma + tau) * math.exp(width) - gamma
    while True:
        there = _slope(g, own, alpha, c, beta, k, n, gamma, end)
        steep, bend = width * max(abs(slope), abs(there)), width * abs(there - slope)
        near = width / math.hypot(v + 0.5 * width - singular[0], singular[1])
        if steep <= STEEPEST and bend <= BEND and near <= NEAR:
            return width, there, end
        width *= 0.5
        end = (gamma + tau) * math.exp(width) - gamma


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _ages(start, width, gamma, work):
    for q in range(NODES):
        shifted = start * exp(width * X[q])
        work[MASSES + q] = width * W[q] * shifted
        work[AGES + q] = shifted - gamma


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _logs(shift, work, row):
    for q in range(NODES):
        work[row + q] = log(shift + work[AGES + q])


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _log_leaving(g, beta, work):
    """log((beta + D) / beta) at the nodes."""
    if g == 0.0:
        for q in range(NODES):
            work[LOG_B + q] = log(1.0 + work[AGES + q] / beta)
    else:
        for q in range(NODES):
            y = g * work[AGES + q]
            work[LOG_B + q] = y + log(exp(-y) - expm1(-y) / (beta * g))


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _masses(steady, c, k, peak, work):
    """Weights of the nodes, there in the masses, times the integrand relative to e^peak; their sum."""
    for q in range(NODES):
        work[MASSES + q] *= exp(steady * work[AGES + q] - c * work[LOG_A + q] - k * work[LOG_B + q] - peak)
    total = 0.0
    for q in range(NODES):
        total += work[MASSES + q]
    return total


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _counts(n, work):
    for q in range(NODES):
        work[MASSES + q] *= exp(n * (work[LOG_T + q] - work[LOG_A + q]))


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _add_means(g, own, alpha, beta, k, work, means):
    first = second = third = fourth = fifth = 0.0
    for q in range(NODES):
        mass = work[MASSES + q]
        first += mass * work[LOG_A + q]
        second += mass / (alpha + work[AGES + q])
        third += mass * work[LOG_B + q]
    for q in range(NODES):
        fourth += work[MASSES + q] * exp(-work[LOG_B + q])
    if g > 0.0:
        for q in range(NODES):
            age = work[AGES + q]
            work[LOG_T + q] = own * age - k * growth_in_g(g, beta, age)
        for q in range(NODES):
            fifth += work[MASSES + q] * work[LOG_T + q]
    means[0] += first
    means[1] += second
    means[2] += third
    means[3] += fourth / beta
    means[4] += fifth


@njit(cache=True, nogil=True, error_model="numpy")
def log_integral(g, own, alpha, c, beta, k, n, start, stop, work, means):
    """Log of the integral from age `start` to `stop` of e^(own g tau) tau^n (alpha + tau)^-c ((beta + D(tau)) / beta)^-k.

    Parameters
    ----------
    work : (WORK,) workspace
    means : (MEANS,) or empty; receives the means, over the age with the integrand as density, of log(alpha + tau),
        1 / (alpha + tau), log((beta + D) / beta), 1 / (beta + D), and own tau - k d/dg log(beta + D)
    """
    for m in range(means.size):
        means[m] = 0.0
    if not stop > start:
        return -np.inf
    gamma = min(alpha, beta)
    if n > 0.0:
        gamma, start = 0.0, max(start, min(alpha, beta, stop) * math.exp(-NEGLIGIBLE / (n + 1.0)))
    tau, rest = start, math.log1p((stop - start) / (gamma + start))  # above 0 however close the two are
    slope = _slope(g, own, alpha, c, beta, k, n, gamma, tau)
    singular, reference, total = _singular(g, beta, gamma), np.nan, 0.0
    while True:
        width, there, end = _width(g, own, alpha, c, beta, k, n, gamma, singular, tau, slope, stop, rest)
        _ages(gamma + tau, width, gamma, work)
        _logs(alpha, work, LOG_A)
        _log_leaving(g, beta, work)
        if n > 0.0:
            _logs(0.0, work, LOG_T)
            _counts(n, work)
        if total == 0.0:
            reference = own * g * work[AGES] - (c - n) * work[LOG_A] - k * work[LOG_B]
        total += _masses(own * g, c - n, k, reference, work)
        if means.size > 0:
            _add_means(g, own, alpha, beta, k, work, means)
        rest -= width
        if rest < 1e-13:
            break
        tau, slope = end, there
        top = _height(g, own, alpha, c, beta, k, n, tau)
        if slope < 0.0 and top - reference + math.log((gamma + tau) * rest) < math.log(total) - NEGLIGIBLE:
            break
        if top > reference:
            shrink = math.exp(reference - top)
            reference = top
            total *= shrink
            for m in range(means.size):
                means[m] *= shrink
    for m in range(means.size):
        means[m] /= total
    return reference + math.log(total)
