"""Exact draws of log-normal rates of customers alive, and of their purchases.

The density of (log lambda, log mu) of a customer alive is that over customers times lambda^x e^(-(lambda + mu) T). A draw comes
from a simpler density that bounds it and touches it near its peak, and is kept with the ratio of the two as its probability:
so it is exact. e^(-mu T) is bounded by its tangent as a function of log mu. Where x tells little of the rate, so is
e^(-lambda T), and what is left is normal; where it tells much, the normal factor of log lambda is, and lambda is gamma.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from clvmodels.duration.futures import Purchases
from clvmodels.duration.lognormal_line import integrand
from clvmodels.duration.lognormal_rates import FASTEST, peak_of
from clvmodels.model import Array


@njit(cache=True, nogil=True, error_model="numpy")
def _draw(rng, it, T):
    """One draw of lambda and mu of a customer alive at T."""
    a, b = peak_of(it, T)
    bought, left = math.exp(min(a, FASTEST)) * T, math.exp(min(b, FASTEST)) * T
    peak = (a - it.log_rate) / it.sigma
    shape = it.x - (peak + it.loading * left) / it.sigma
    gamma = shape > 0.0 and bought * it.sigma**2 > 1.0
    mean = it.sigma * (it.x - bought) - it.loading * left
    while True:
        if gamma:
            log_rate = math.log(rng.standard_gamma(shape) / T)
            z1 = (log_rate - it.log_rate) / it.sigma
            log_keep = -0.5 * (z1 - peak) ** 2
        else:
            z1 = mean + rng.standard_normal()
            log_rate = it.log_rate + it.sigma * z1
            log_keep = bought * (1.0 + log_rate - a) - math.exp(min(log_rate, FASTEST)) * T
        log_leaving = it.log_dropout + it.loading * z1 + it.residual * (rng.standard_normal() - it.residual * left)
        log_keep += left * (1.0 + log_leaving - b) - math.exp(min(log_leaving, FASTEST)) * T
        if rng.standard_exponential() > -log_keep:
            return math.exp(min(log_rate, FASTEST)), math.exp(min(log_leaving, FASTEST))


@njit(cache=True, nogil=True, error_model="numpy")
def _rates(rng, rate, dropout, sigma, loading, residual, x, T, drawn):
    customers, draws = x.shape
    for i in range(customers):
        for s in range(draws):
            theta = (rate[i, s], dropout[i, s], sigma[i, s], loading[i, s], residual[i, s])
            drawn[0, i, s], drawn[1, i, s] = _draw(rng, integrand(theta, x[i, s], 0.0, 0.0, 0.0, 0.0), T[i, s])


def rates_if_alive(
    shape: tuple[int, ...], theta: Any, x: Array, T: Array, *, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Draw lambda and mu [1/period] of customers alive, each (customers, draws)."""
    drawn = np.empty((2, *shape))
    _rates(rng, *(np.broadcast_to(v, shape) for v in (*theta, x, T)), drawn)
    return drawn[0], drawn[1]


@njit(cache=True, nogil=True, error_model="numpy")
def _purchases(rng, p_alive, rate, dropout, sigma, loading, residual, x, T, horizon, times):
    """Write purchase times into `times` as long as there is room; return the offsets and how much room was needed."""
    customers, draws = p_alive.shape
    offsets = np.zeros(customers * draws + 1, np.int64)
    used = 0
    for i in range(customers):
        for s in range(draws):
            if rng.random() < p_alive[i, s]:
                theta = (rate[i, s], dropout[i, s], sigma[i, s], loading[i, s], residual[i, s])
                own, leaving = _draw(rng, integrand(theta, x[i, s], 0.0, 0.0, 0.0, 0.0), T[i, s])
                end = min(horizon[i, s], rng.standard_exponential() / leaving)
                now = rng.standard_exponential() / own
                while now <= end:
                    if used < times.size:
                        times[used] = now
                    used += 1
                    now += rng.standard_exponential() / own
            offsets[i * draws + s + 1] = used
    return offsets, used


def purchases_until(
    p_alive: Array, theta: Any, x: Array, T: Array, horizon: Array, *, rng: np.random.Generator
) -> Purchases:
    """Draw every purchase in (0, horizon]: rates given alive, then Poisson purchases until the lifetime ends.

    Parameters
    ----------
    p_alive
        Probability to be alive (customers, draws).
    theta, x, T, horizon
        What broadcasts with it; the horizon is finite [period].
    """
    assert np.all(np.isfinite(horizon)), "callers cut an endless horizon where payments are worthless"
    columns = [np.broadcast_to(v, p_alive.shape) for v in (p_alive, *theta, x, T, horizon)]
    state = rng.bit_generator.state
    offsets, used = _purchases(rng, *columns, times := np.empty(1000 + 2 * p_alive.size))
    if used > times.size:
        rng.bit_generator.state = state
        offsets, used = _purchases(rng, *columns, times := np.empty(used))
    return Purchases(offsets, times[:used])
