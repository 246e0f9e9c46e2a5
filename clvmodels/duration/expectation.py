"""Expected purchases of a customer alive, and her chance to stay, her rate gamma and her dropout probability beta."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numba import njit, vectorize
from numpy.typing import ArrayLike, NDArray
from scipy import special

from clvmodels.numerics.quadrature import NEGLIGIBLE, NODES, NODES_PER_FOLD, gauss_legendre

Array = NDArray[np.float64]

LONG = 20.0
"""Horizon in units of the scale of the rate from which quadrature over the dropout probability is faster than the sum."""
TINY = 1e-18


@njit(cache=True, nogil=True)
def _over_counts(shape, leave, stay, ratio, staying):
    """Sum over j of E[(1 - p)^j] times P(j events if nobody left), the probability to stay, or else P(more than j events).

    If nobody ever left, the count would be negative binomial with shape c and success w = ratio / (1 + ratio); of its events
    the one after the j-th happens only if the customer stayed j times. All terms are positive and nothing is divided by a
    difference, so the sum is finite and accurate where closed forms with hypergeometric functions fail or overflow.
    """
    w = ratio / (1.0 + ratio)
    log_none = -shape * math.log1p(ratio)
    debt = min(0.0, log_none + 600.0)  # the probability of j events is p * exp(debt): p cannot underflow
    p = math.exp(log_none - debt)
    more = -math.expm1(log_none)
    stayed = 1.0
    total = 0.0
    j = 0.0
    while staying or more > 0.0:
        total += (p * math.exp(debt) if staying else more) * stayed
        stayed *= (stay + j) / (leave + stay + j)
        j += 1.0
        p *= (shape + j - 1.0) / j * w
        if debt < 0.0 and p > 1e-130:  # far below any probability that matters, far above underflow
            paid = max(debt, -300.0)
            p *= math.exp(paid)
            debt -= paid
        more -= p if debt == 0.0 else p * math.exp(debt)
        bound = max(w, w * (shape + j) / (j + 1.0))  # of the ratio of any two later probabilities
        if debt == 0.0 and bound < 1.0 and p * stayed * bound < 1e-16 * total * (1.0 - bound) ** 2:
            break
    return total


@njit(cache=True, nogil=True)
def _over_dropout(shape, leave, stay, ratio, staying):
    """Mean over p ~ Beta(leave, stay) of (1 + p * ratio)^-shape, the probability to stay, or else of one less that, over p.

    By the trapezoidal rule in y = log(p / (1 - p)).

    The integrand is analytic within pi of the real line, so the rule converges geometrically; at both ends it is an
    exponential in y, whose sum over all further nodes is a geometric series.
    """
    both = leave + stay
    step = 0.5 / math.sqrt(1.0 + both / 10.0)
    constant = math.lgamma(both) - math.lgamma(leave) - math.lgamma(stay)
    top = math.log(leave / stay)
    knee = -math.log(ratio * max(1.0, shape))
    left_end, right_end = -36.0 + min(knee, -math.log(max(1.0, both))), 36.0 + math.log(max(1.0, both))
    total = 0.0
    for direction in (-1.0, 1.0):
        tail = math.exp(-step * (leave if direction < 0.0 else stay))
        y = top if direction < 0.0 else top + step
        while True:
            log_one = max(y, 0.0) + math.log1p(math.exp(-abs(y)))
            p = math.exp(y - log_one)
            weight = math.exp(leave * (y - log_one) - stay * log_one + constant)
            log_stay = -shape * math.log1p(p * ratio)
            term = weight * math.exp(log_stay) if staying else weight * -math.expm1(log_stay) / p
            total += term
            if y < left_end or y > right_end:
                total += term * tail / (1.0 - tail)
                break
            if term < TINY * total and (direction > 0.0 or y < knee or leave > 1.0):
                break
            y += direction * step
    return total * step


@njit(cache=True, nogil=True)
def _sum(shape, leave, stay, ratio, staying):
    if ratio > LONG:
        return _over_dropout(shape, leave, stay, ratio, staying)
    return _over_counts(shape, leave, stay, ratio, staying)


@vectorize(["f8(f8, f8, f8, f8)"], nopython=True, cache=True)
def expected_count(shape, leave, stay, ratio):
    """Expected purchases of a customer alive, in a horizon of `ratio` times the scale of her rate.

    Parameters
    ----------
    shape, leave, stay
        As in `Individuals`, all > 0; arrays broadcast.
    ratio
        Horizon / scale, >= 0, finite.

    Returns
    -------
    array [purchases], >= 0, with a relative error below 1e-9 whatever the parameters, also at leave = 1, where the closed form
    is 0/0
    """
    return _sum(shape, leave, stay, ratio, False)


@vectorize(["f8(f8, f8, f8, f8)"], nopython=True, cache=True)
def stay_probability(shape, leave, stay, ratio):
    """Probability that a customer alive has not left after a horizon of `ratio` times the scale of her rate.

    Parameters as in `expected_count`; returns an array in [0, 1], one where `ratio` is zero.
    """
    return min(1.0, _sum(shape, leave, stay, ratio, True)) if ratio > 0.0 else 1.0


@njit(cache=True, nogil=True)
def _discounted_count(shape, scale, leave, stay, least, force, nodes, weights):
    n = shape.size
    worth = np.empty(n)
    ratios = np.empty(nodes.size)
    counts = np.empty(nodes.size)
    width = 0.0
    for i in range(n):
        k = i - 1
        new = i == 0 or least[i] != least[k]
        if new:
            width = math.log1p(NEGLIGIBLE / (force * least[i]))
            for q in range(nodes.size):
                ratios[q] = math.expm1(width * nodes[q])
        if new or shape[i] != shape[k] or leave[i] != leave[k] or stay[i] != stay[k]:
            for q in range(nodes.size):
                counts[q] = _sum(shape[i], leave[i], stay[i], ratios[q], False)
        total = 0.0
        speed = force * scale[i]
        for q in range(nodes.size):
            total += weights[q] * counts[q] * (1.0 + ratios[q]) * math.exp(-speed * ratios[q])
        worth[i] = width * speed * total
    return worth


def discounted_count(
    shape: Array, scale: Array, leave: Array, stay: Array, force: float, *, least: Array, order: Literal["C", "F"]
) -> Array:
    """Present value of all coming purchases of a customer alive, one unit each, without end.

    `expected_count` depends on time only through its ratio to the scale. On nodes in the ratio it is computed once for all
    customers who differ in scale alone; only the discounting differs between them.

    Parameters
    ----------
    shape, scale, leave, stay
        As in `Individuals`; arrays broadcast.
    force
        Force of interest [1/period], > 0.
    least
        A lower bound of the scales that customers share, such as the scale of somebody new.
    order
        "C" if neighbours along the last axis differ in scale alone, "F" if neighbours along the first do.
    """
    columns = np.broadcast_arrays(shape, scale, leave, stay, least)
    flat = [c.flatten(order=order) for c in columns]  # copies: NumPy warns of handing broadcast arrays on
    width = math.log1p(NEGLIGIBLE / (force * float(np.min(least))))
    worth = _discounted_count(*flat, force, *gauss_legendre(NODES + NODES_PER_FOLD * math.ceil(width)))
    return np.asarray(worth.reshape(columns[0].shape, order=order))


def log_negative_binomial(n: ArrayLike, shape: ArrayLike, ratio: ArrayLike) -> Array:
    """Log-probability of n events in a time of `ratio` times the scale, the rate being Gamma(shape, scale)."""
    count, c, z = (np.asarray(v, dtype=float) for v in (n, shape, ratio))
    chosen = special.gammaln(c + count) - special.gammaln(c) - special.gammaln(count + 1)
    return np.asarray(chosen + special.xlogy(count, z / (1 + z)) - c * np.log1p(z))
