"""What a customer will do, given what her history says of her own rates: the individual level shared by the whole family.

A customer buys at random at her rate until she leaves: after a purchase with her dropout probability, or at the end of her
lifetime, whichever comes first. Given her history her rate is gamma and her dropout probability beta, and both are learnt from as
she goes on, so her future can be drawn without drawing them: the wait for the next purchase is Pareto (Lomax), the chance to
leave is that of a Polya urn. Where customers buy regularly, a purchase takes several phases of which each is such a wait. What a
model adds is how its history leads to the numbers in `Individuals`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

ONE, NONE = np.broadcast_to(1.0, ()), np.broadcast_to(0.0, ())


class Individuals(NamedTuple):
    """What is known of customers' own rates at the end of their history; arrays broadcast to (customers, draws).

    Attributes
    ----------
    p_alive
        Probability that the customer has not left.
    shape, scale
        If she has not: her purchase rate is Gamma(shape, scale), with mean shape / scale [per period].
    leave, stay
        Her probability of leaving after a purchase is Beta(leave, stay); `leave` = 0 where the model has none.
    lifetime
        Time until she leaves for another reason than a purchase [period]; infinite where the model has none.
    phases
        Phases to a purchase, whole numbers from 1: `shape` and `scale` are of her rate of phases.
    done
        How many phases of the next purchase she has behind her, whole numbers below `phases`; `shape` counts them.
    """

    p_alive: Array
    shape: Array
    scale: Array
    leave: Array
    stay: Array
    lifetime: Array
    phases: Array = ONE
    done: Array = NONE


class Rates(NamedTuple):
    """One draw of customers' own rates.

    Attributes
    ----------
    alive
        1 or 0.
    rate
        Purchases per period (phases divided by `phases`), or where opportunities are counted the probability of buying at one;
        0 if not alive.
    dropout
        Probability of leaving after a purchase, or where opportunities are counted before each; 0 where the model has none.
    lifetime
        What is left of the lifetime of a customer alive [period]; infinite where the model has none.
    """

    alive: Array
    rate: Array
    dropout: Array
    lifetime: Array


class Purchases(NamedTuple):
    """Simulated purchases, ragged: those of customer i in draw s are `times[offsets[k]:offsets[k + 1]]`, k = i * draws + s."""

    offsets: NDArray[np.int64]
    times: Array


class Future(NamedTuple):
    """What customers do next: their probability to be alive today (customers, draws), and what they then buy."""

    p_alive: Array
    purchases: Purchases


def draw_rates(individuals: Individuals, *, rng: np.random.Generator) -> Rates:
    """Draw alive or not, purchase rate and dropout probability of every customer, each (customers, draws)."""
    p_alive, shape, scale, leave, stay, lifetime, phases, _ = np.broadcast_arrays(*individuals)
    alive = (rng.random(p_alive.shape) < p_alive).astype(float)
    dropout = np.where(leave > 0, rng.beta(np.where(leave > 0, leave, 1.0), stay), 0.0)
    return Rates(alive, alive * rng.standard_gamma(shape) / scale / phases, dropout, lifetime)


@njit(cache=True, nogil=True, error_model="numpy")
def _purchase_times(rng, p_alive, shape, scale, leave, stay, lifetime, phases, done, horizon, times):
    """Write purchase times into `times` as long as there is room; return the offsets and how much room was needed."""
    customers, draws = p_alive.shape
    offsets = np.zeros(customers * draws + 1, np.int64)
    used = 0
    for i in range(customers):
        for s in range(draws):
            c, beta, left, stayed = shape[i, s], scale[i, s], leave[i, s], stay[i, s]
            end = min(horizon, lifetime[i, s])
            u = rng.random()
            alive = p_alive[i, s]
            # P(a phase ends before the end) is below alive * c * end / beta: most customers are done here.
            if u < alive and u * beta < alive * c * end:
                k = int(phases[i, s])
                growth = -math.log(1.0 - u / alive) / c
                for _ in range(int(done[i, s]) + 1, k):
                    c += 1.0
                    growth += rng.standard_exponential() / c
                now = beta * (math.exp(growth) - 1.0)
                while now <= end:
                    if used < times.size:
                        times[used] = now
                    used += 1
                    if left > 0.0 and rng.random() * (left + stayed) < left:
                        break
                    stayed += 1.0
                    growth = 0.0
                    for _ in range(k):
                        c += 1.0
                        growth += rng.standard_exponential() / c
                    now += (beta + now) * (math.exp(growth) - 1.0)
            offsets[i * draws + s + 1] = used
    return offsets, used


def purchase_times(individuals: Individuals, *, horizon: float, rng: np.random.Generator) -> Purchases:
    """Simulate every purchase in (0, horizon], in order of time.

    The number of purchases is exactly the smaller of the geometric count until the customer leaves and the Poisson count of
    her rate (by the phases to a purchase, where there are several), mixed over her rates.

    Parameters
    ----------
    individuals
        Customers (n) by draws.
    horizon
        Length of the future [period], finite.

    Returns
    -------
    Purchases, with times in (0, horizon]
    """
    assert math.isfinite(horizon), "callers cut an endless horizon where discounting makes payments worthless"
    shape = np.broadcast_shapes(*(np.shape(v) for v in individuals))
    columns = [np.broadcast_to(v, shape) for v in individuals]
    p_alive, rate, scale, _, _, lifetime, phases, _ = (
        c[..., ::16] for c in columns
    )  # some draws tell how much room all will need
    if_nobody_left = float(np.mean(p_alive * rate / phases / scale * np.minimum(horizon, lifetime)))
    room = 1000 + int(min(1.5 * if_nobody_left, 4.0) * math.prod(shape))
    state = rng.bit_generator.state
    offsets, used = _purchase_times(rng, *columns, horizon, times := np.empty(room))
    if used > room:
        rng.bit_generator.state = state
        offsets, used = _purchase_times(rng, *columns, horizon, times := np.empty(used))
    return Purchases(offsets, times[:used])


def log_intervals(purchases: Purchases) -> Array:
    """Sum over each customer's purchases of the log of the time since the one before, the first since time 0; 0 without any."""
    offsets, times = purchases
    counts = np.diff(offsets)
    gaps = np.diff(times, prepend=0.0)
    firsts = offsets[:-1][counts > 0]
    gaps[firsts] = times[firsts]
    sums = np.zeros(counts.size)
    sums[counts > 0] = np.add.reduceat(np.log(np.maximum(gaps, np.finfo(float).tiny)), firsts) if firsts.size else 0.0
    return sums
