"""The digamma function in compiled code."""

from __future__ import annotations

import math

from numba import njit


@njit(cache=True, nogil=True)
def digamma(z):
    """psi(z) for z > 0, to near machine precision.

    Raised by the recurrence psi(z) = psi(z + 1) - 1/z to z >= 10, then the asymptotic series (NIST DLMF 5.5.2, 5.11.2).
    """
    shift = 0.0
    while z < 10.0:
        shift -= 1.0 / z
        z += 1.0
    u = 1.0 / (z * z)
    series = u * (1 / 12 - u * (1 / 120 - u * (1 / 252 - u * (1 / 240 - u * (1 / 132 - u * (691 / 32760 - u / 12))))))
    return shift + math.log(z) - 0.5 / z - series
