"""Ratios of gamma functions at whole-number distance, without cancellation."""

from __future__ import annotations

import math

from numba import njit

LARGE = 1e250


@njit(cache=True, nogil=True)
def log_rising(z, n, start, log_value, derivative):
    """Log of the rising factorial (z)_n = Gamma(z + n) / Gamma(z), and its derivative in z.

    Continues from n = `start`, where the log was `log_value` and the derivative was `derivative` (0, 0.0, 0.0 to begin
    afresh), so a run over sorted counts costs the largest count, not their sum. Each factor is multiplied in, so
    nothing cancels: the relative error stays near machine precision where a difference of log-gammas loses all digits.

    Parameters
    ----------
    z : float, > 0
    n, start : whole numbers, n >= start >= 0
    log_value, derivative : floats at `start`

    Returns
    -------
    (log (z)_n, psi(z + n) - psi(z))
    """
    product = 1.0
    for j in range(int(start), int(n)):
        factor = z + j
        product *= factor
        derivative += 1.0 / factor
        if product > LARGE or product < 1.0 / LARGE:
            log_value += math.log(product)
            product = 1.0
    return log_value + math.log(product), derivative


@njit(cache=True, nogil=True)
def end_of_run(values, start):
    """Where the run of values equal to `values[start]` ends."""
    stop = start + 1
    while stop < values.size and values[stop] == values[start]:
        stop += 1
    return stop
