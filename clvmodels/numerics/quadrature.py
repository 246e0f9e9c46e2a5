"""Quadrature of discounted streams."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NEGLIGIBLE = 40.0
"""Force of interest times time beyond which a payment is worth nothing in double precision: exp(-40) = 4e-18."""


NODES, NODES_PER_FOLD = 4, 5
"""Gauss-Legendre nodes: so many, and so many more for each e-fold of time; present values are then good to nine digits."""


@cache
def gauss_legendre(nodes: int) -> tuple[Array, Array]:
    """Nodes and weights on [0, 1]."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    return (x + 1) / 2, w / 2


def discounted_nodes(horizon: float, force: float, scale: float) -> tuple[Array, Array]:
    """Times and weights that turn a cumulative expectation E(t), E(0) = 0, into its present value.

    The present value of the stream dE is, by parts, exp(-force h) E(h) + force * integral_0^h exp(-force t) E(t) dt, so only E
    itself is needed. The integral is Gauss-Legendre in v = log(scale + t), in which expectations of
    gamma-mixed rates are smooth however long the horizon.

    Parameters
    ----------
    horizon
        Length of the stream [period], > 0, may be infinite if the rate is positive.
    force
        Continuously compounded rate [1/period], not 0.
    scale
        A time over which E bends [period], > 0; the age of the customers will do.

    Returns
    -------
    times (m,), weights (m,): present value = sum(weights * E(times))
    """
    reach = min(horizon, NEGLIGIBLE / force) if force > 0 else horizon
    width = math.log1p(reach / scale)
    x, w = gauss_legendre(NODES + NODES_PER_FOLD * math.ceil(width))
    times = scale * np.expm1(width * x)
    weights = w * width * (scale + times) * force * np.exp(-force * times)
    return np.append(times, reach), np.append(weights, math.exp(-force * reach))
