"""What a customer will do, once her own rates are known: the individual level shared by the whole family.

Given her rates, a customer buys at random at `rate` until she leaves: after a purchase with probability `dropout`, or at the
age `lifetime`, whichever comes first. A customer who has left already has rate 0. Every latent-attrition model is a way to
draw these three numbers; what follows from them is here, once.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Individuals(NamedTuple):
    """Individual-level draws, each (customers, draws), counted from the end of the observed history.

    Attributes
    ----------
    rate
        Purchases per period while alive; 0 for a customer who has left.
    dropout
        Probability of leaving after a purchase, in [0, 1].
    lifetime
        Time until leaving for another reason than a purchase [period]; infinite where the model has none.
    """

    rate: Array
    dropout: Array
    lifetime: Array


class Purchases(NamedTuple):
    """Simulated purchases, ragged: those of customer i in draw s are `times[offsets[k]:offsets[k + 1]]` with k = i * draws + s."""

    offsets: NDArray[np.int64]
    times: Array


@njit(cache=True, nogil=True)
def _purchase_times(rng, rate, dropout, lifetime, horizon):
    customers, draws = rate.shape
    offsets = np.zeros(customers * draws + 1, np.int64)
    times = np.empty(max(1024, customers * draws // 4), np.float64)
    used = 0
    for i in range(customers):
        for s in range(draws):
            if rate[i, s] > 0.0:
                end = min(horizon, lifetime[i, s])
                now = rng.standard_exponential() / rate[i, s]
                while now <= end:
                    if used == times.size:
                        larger = np.empty(2 * times.size, np.float64)
                        larger[:used] = times
                        times = larger
                    times[used] = now
                    used += 1
                    if rng.random() < dropout[i, s]:
                        break
                    now += rng.standard_exponential() / rate[i, s]
            offsets[i * draws + s + 1] = used
    return offsets, times[:used]


def purchase_times(individuals: Individuals, *, horizon: float, rng: np.random.Generator) -> Purchases:
    """Simulate every purchase in (0, horizon], in order of time.

    The number of purchases is exactly the smaller of the geometric count until the customer leaves and the Poisson count of
    her rate.

    Parameters
    ----------
    individuals
        Rates, each (customers, draws).
    horizon
        Length of the future [period], finite.

    Returns
    -------
    Purchases, with times in (0, horizon]
    """
    if not math.isfinite(horizon):
        raise AssertionError("the caller cuts an infinite horizon where discounting makes payments worthless")
    return Purchases(*_purchase_times(rng, *individuals, horizon))
