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


def annuity(horizon: float, force: float, *, whole: bool) -> float:
    """Present value of one unit a period over the horizon, paid evenly or, `whole`, at the end of every period."""
    if whole:
        last = horizon if force == 0.0 else min(horizon, NEGLIGIBLE / force)
        return float(np.exp(-force * np.arange(1.0, math.floor(last) + 1.0)).sum())
    return horizon if force == 0.0 else -math.expm1(-force * horizon) / force


def _kronrod() -> Array:
    x = [0.991455371120812639, 0.949107912342758525, 0.864864423359769073, 0.741531185599394440, 0.586087235467691130,
         0.405845151377397167, 0.207784955007898468]  # fmt: skip
    w = [0.022935322010529225, 0.063092092629978553, 0.104790010322250184, 0.140653259715525919, 0.169004726639267903,
         0.190350578064785410, 0.204432940075298892]  # fmt: skip
    g = [0.0, 0.129484966168869693, 0.0, 0.279705391489276668, 0.0, 0.381830050505118945, 0.0]
    half = np.column_stack([x, w, g])
    return np.vstack([half, [0.0, 0.209482141084727828, 0.417959183673469388], (half * [-1, 1, 1])[::-1]])


KRONROD = _kronrod()
"""Gauss-Kronrod on [-1, 1]: nodes, weights, and weights of Gauss's rule on every other of them (15, 3)."""
