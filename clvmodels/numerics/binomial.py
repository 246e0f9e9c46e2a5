"""Binomial counts on the scale of log-odds, in one pass: their log-likelihood, and differences of probabilities."""

from __future__ import annotations

import numpy as np
from numba import njit

from clvmodels.numerics.elementary import exp, expm1, log


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
            total[d] += y * x - n * (max(x, 0.0) + log(1.0 + exp(-abs(x))))
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def added(log_odds, effect):
    """expit(log_odds + effect) - expit(log_odds), to full relative precision also for small effects; flat arrays (n,).

    With p without and q = 1 - p it is p q (1 - e^-t) / (p + q e^-t) for t > 0, and the same from the other side for t < 0.
    """
    value = np.empty(log_odds.size)
    for i in range(log_odds.size):
        x, t = log_odds[i], effect[i]
        small = exp(-abs(x))
        p = (1.0 if x > 0.0 else small) / (1.0 + small)
        q = (small if x > 0.0 else 1.0) / (1.0 + small)
        less, left = expm1(-abs(t)), exp(-abs(t))
        value[i] = -p * q * less / (p + q * left) if t > 0.0 else p * q * less / (q + p * left)
    return value
