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

NODES = 16
X, W = gauss_legendre(NODES)
STEEPEST, BEND, WIDEST = 14.0, 4.0, 2.5
"""Of a panel: fall of the log integrand, change of its slope times the width, width."""
MEANS = 5
ROWS = 6
"""Rows of the workspace (ROWS, NODES) of `log_integral`."""


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
    ratio = 0.5 * y * y * (1.0 - y / 3.0 * (1.0 - y / 4.0 * (1.0 - y / 5.0))) if y < 1e-2 else y + math.expm1(-y)
    return ratio / (g * (beta * g * math.exp(-y) - math.expm1(-y)))


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
def _width(g, own, alpha, c, beta, k, n, gamma, tau, slope, rest):
    """Width in v of the panel that begins at age tau, where the slope is `slope`; and the slope at its end."""
    width = min(rest, WIDEST)
    while True:
        end = _slope(g, own, alpha, c, beta, k, n, gamma, (gamma + tau) * math.exp(width) - gamma)
        steep, bend = max(abs(slope), abs(end)), abs(end - slope)
        if width * steep <= STEEPEST and width * bend <= BEND:
            return width, end
        width *= 0.5


@njit(cache=True, nogil=True, error_model="numpy")
def _ages(start, width, gamma, ages, weights):
    for q in range(NODES):
        shifted = start * exp(width * X[q])
        weights[q] = width * W[q] * shifted
        ages[q] = shifted - gamma


@njit(cache=True, nogil=True, error_model="numpy")
def _logs(shift, ages, out):
    for q in range(NODES):
        out[q] = log(shift + ages[q])


@njit(cache=True, nogil=True, error_model="numpy")
def _log_leaving(g, beta, ages, out):
    """log((beta + D) / beta) at the nodes."""
    if g == 0.0:
        for q in range(NODES):
            out[q] = log(1.0 + ages[q] / beta)
    else:
        for q in range(NODES):
            y = g * ages[q]
            out[q] = y + log(exp(-y) - expm1(-y) / (beta * g))


@njit(cache=True, nogil=True, error_model="numpy")
def _masses(steady, c, k, peak, ages, log_a, log_b, masses):
    """Weights of the nodes, there in `masses`, times the integrand relative to e^peak."""
    for q in range(NODES):
        masses[q] *= exp(steady * ages[q] - c * log_a[q] - k * log_b[q] - peak)


@njit(cache=True, nogil=True, error_model="numpy")
def log_integral(g, own, alpha, c, beta, k, n, start, stop, work, means):
    """Log of the integral from age `start` to `stop` of e^(own g tau) tau^n (alpha + tau)^-c ((beta + D(tau)) / beta)^-k.

    Parameters
    ----------
    work : (ROWS, NODES) workspace
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
    top = _height(g, own, alpha, c, beta, k, n, tau)
    ages, masses, log_a, log_b, log_t = work[0], work[1], work[2], work[3], work[4]
    reference, total = top, 0.0
    while True:
        width, end = _width(g, own, alpha, c, beta, k, n, gamma, tau, slope, rest)
        _ages(gamma + tau, width, gamma, ages, masses)
        _logs(alpha, ages, log_a)
        _log_leaving(g, beta, ages, log_b)
        if n > 0.0:
            _logs(0.0, ages, log_t)
            _counts(n, log_t, log_a, masses)
        _masses(own * g, c - n, k, reference, ages, log_a, log_b, masses)
        total += _sum(masses)
        if means.size > 0:
            _add_means(g, own, alpha, beta, k, ages, masses, log_a, log_b, means)
        rest -= width
        if rest < 1e-13:
            break
        tau = (gamma + tau) * math.exp(width) - gamma
        slope, top = end, _height(g, own, alpha, c, beta, k, n, tau)
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


@njit(cache=True, nogil=True, error_model="numpy")
def _sum(masses):
    total = 0.0
    for q in range(NODES):
        total += masses[q]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _counts(n, log_t, log_a, masses):
    for q in range(NODES):
        masses[q] *= exp(n * (log_t[q] - log_a[q]))


@njit(cache=True, nogil=True, error_model="numpy")
def _add_means(g, own, alpha, beta, k, ages, masses, log_a, log_b, means):
    first = second = third = fourth = fifth = 0.0
    for q in range(NODES):
        first += masses[q] * log_a[q]
        second += masses[q] / (alpha + ages[q])
        third += masses[q] * log_b[q]
    for q in range(NODES):
        fourth += masses[q] * exp(-log_b[q])
    if g > 0.0:
        for q in range(NODES):
            fifth += masses[q] * (own * ages[q] - k * growth_in_g(g, beta, ages[q]))
    means[0] += first
    means[1] += second
    means[2] += third
    means[3] += fourth / beta
    means[4] += fifth
