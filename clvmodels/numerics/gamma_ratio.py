"""Ratios of gamma functions at any distance, and the survival of a beta mixture that they make, without cancellation."""

from __future__ import annotations

import math

from numba import njit, vectorize


@njit(cache=True, nogil=True)
def _stirling(x):
    """What Stirling's formula leaves out of log Gamma(x), x >= 10 (NIST DLMF 5.11.1)."""
    w = (1.0 / x) * (1.0 / x)
    series = w * (1 / 1680 - w * (1 / 1188 - w * (691 / 360360 - w / 156)))
    return (1 / 12 - w * (1 / 360 - w * (1 / 1260 - series))) / x


@njit(cache=True, nogil=True, error_model="numpy")
def log_gamma_ratio(z, distance):
    """Log of Gamma(z + distance) / Gamma(z) for z > 0, distance >= 0.

    Small z are raised to 10 by the recurrence; beyond, the difference of two Stirling formulas is written without large terms.
    """
    below = 0.0
    while z < 10.0:
        below += math.log1p(distance / z)
        z += 1.0
    end = z + distance
    main = (z - 0.5) * math.log1p(distance / z) + distance * (math.log(end) - 1.0)
    return main + (_stirling(end) - _stirling(z)) - below


@njit(cache=True, nogil=True, error_model="numpy")
def log_stay(a, b, more):
    """Log of B(a, b + more) / B(a, b), the mean of (1 - p)^more over p ~ Beta(a, b), by the shorter of two distances."""
    if a < more:
        return log_gamma_ratio(b, a) - log_gamma_ratio(b + more, a)
    return log_gamma_ratio(b, more) - log_gamma_ratio(a + b, more)


@njit(cache=True, nogil=True, error_model="numpy")
def digamma_gap(z, distance):
    """psi(z + distance) - psi(z) for z > 0, distance >= 0: the derivative of `log_gamma_ratio` in z."""
    below = 0.0
    while z < 10.0:
        below += distance / (z * (z + distance))
        z += 1.0
    end = z + distance
    return math.log1p(distance / z) + 0.5 * distance / z / end + (_rest(z) - _rest(end)) + below


@njit(cache=True, nogil=True)
def _rest(x):
    """log(x) - 1 / (2 x) - psi(x), x >= 10 (NIST DLMF 5.11.2)."""
    w = (1.0 / x) * (1.0 / x)
    series = w * (1 / 240 - w * (1 / 132 - w * (691 / 32760 - w / 12)))
    return w * (1 / 12 - w * (1 / 120 - w * (1 / 252 - series)))


@njit(cache=True, nogil=True, error_model="numpy")
def log_stay_with_slopes(a, b, more):
    """`log_stay` and its derivatives in a, b and more."""
    short, far = digamma_gap(a + b, more), digamma_gap(b + more, a)
    d_b = digamma_gap(b, a) - far if a < more else digamma_gap(b, more) - short
    return log_stay(a, b, more), -short, d_b, -far


@vectorize(["f8(f8, f8, f8)"], nopython=True, cache=True)
def log_beta_stay(a, b, more):
    """`log_stay` over arrays that broadcast."""
    return log_stay(a, b, more)
