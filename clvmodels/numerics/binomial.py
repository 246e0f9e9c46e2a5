"""Log-likelihood of many binomial counts at many parameters, in one pass."""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True, error_model="numpy")
def binomial_log_likelihood(logit, successes, trials):
    """Sum over cells of successes * logit - trials * log(1 + exp(logit)), without the binomial coefficient.

    Parameters
    ----------
    logit : (g, draws) array of log-odds
    successes, trials : (g,) arrays

    Returns
    -------
    (draws,)

    Examples
    --------
    >>> binomial_log_likelihood(np.array([[0.0, 800.0]]), np.array([1.0]), np.array([1.0])).round(6)
    array([-0.693147,  0.      ])
    """
    cells, draws = logit.shape
    total = np.zeros(draws)
    for g in range(cells):
        y, n = successes[g], trials[g]
        for d in range(draws):
            x = logit[g, d]
            total[d] += y * x - n * (max(x, 0.0) + math.log1p(math.exp(-abs(x))))
    return total
