"""Contact stocks along a path: what earlier contacts still do to the purchase rate and to the dropout hazard.

A contact adds one to the stock of its medium, and the stock is halved every half-life h. Time is cut into stretches, at each
contact and at steps in between; on a stretch a stock counts with its mean. With saturation w a stock S moves a log rate by its
coefficient times g(S) = log(1 + w S) / log(1 + w), S itself for w = 0, so that a coefficient is what one fresh contact does.

Kinds of terms: `STOCK`, g of one medium's stock. `LATER`, a stock with `LASTS` times the half-life less the stock itself: nothing at
the contact, most when that has faded; below zero in purchases where contacts only pull them forward. `IRRITATION`, the square of
the stocks of all media together.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]

STOCK, LATER, IRRITATION = range(3)
LASTS = 4.0
"""How many times longer than a contact's effect what comes after it lasts."""
LINEAR = 1e-8
"""Saturation up to which there is none."""
SMALL = 0.02
"""Half-lives times log 2 in a stretch up to which its mean is a series."""


class Effects(NamedTuple):
    """Workspace of contact terms by stretch (S,).

    Attributes
    ----------
    log_rate, log_hazard
        What the terms of each process add up to (S,).
    purchase, dropout
        Values of the terms (S, p'), (S, d').
    turn_rate, turn_hazard
        Derivatives of `log_rate` and `log_hazard` in each half-life, then in the saturation (S, M + 1).
    """

    log_rate: Array
    log_hazard: Array
    purchase: Array
    dropout: Array
    turn_rate: Array
    turn_hazard: Array


class Decay(NamedTuple):
    """What is left of each stock after a stretch, the mean over it, and the derivative of that in its rate of decay (2 M,)."""

    left: Array
    mean: Array
    turn: Array


@njit(cache=True, nogil=True, error_model="numpy")
def workspace_of_stocks(stretches, media, purchase_terms, dropout_terms):
    """Room for so many stretches."""
    return Effects(
        np.zeros(stretches), np.zeros(stretches), np.zeros((stretches, purchase_terms)),
        np.zeros((stretches, dropout_terms)), np.zeros((stretches, media + 1)), np.zeros((stretches, media + 1)),
    )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def effects_of(
    start, dose, half_life, saturation, purchase_terms, dropout_terms, of_purchase, of_dropout, effects
):  # fmt: skip
    """Write the terms of every stretch of a path: `start` (S,), `dose` (S, M), then parameters and coefficients.

    Stocks 0 to M - 1 fade with the half-lives, M to 2 M - 1 `LASTS` times as slowly. The last stretch has no end: what holds at its
    beginning holds.
    """
    media = half_life.size
    fading = np.empty(2 * media)
    for m in range(media):
        fading[m] = math.log(2.0) / half_life[m]
        fading[media + m] = fading[m] / LASTS
    stock, turn = np.zeros(2 * media), np.zeros(2 * media)
    mean, mean_turn = np.empty(2 * media), np.empty(2 * media)
    decay, before = Decay(np.empty(2 * media), np.empty(2 * media), np.empty(2 * media)), -1.0
    for k in range(start.size):
        for m in range(media):
            stock[m] += dose[k, m]
            stock[media + m] += dose[k, m]
        width = start[k + 1] - start[k] if k + 1 < start.size else 0.0
        if width != before:
            _decay(fading, width, decay)
            before = width
        for m in range(2 * media):
            mean[m] = stock[m] * decay.mean[m]
            mean_turn[m] = turn[m] * decay.mean[m] + stock[m] * decay.turn[m]
            turn[m] = decay.left[m] * (turn[m] - width * stock[m])
            stock[m] *= decay.left[m]
        effects.turn_rate[k] = 0.0
        effects.turn_hazard[k] = 0.0
        effects.log_rate[k] = _terms(
            mean, mean_turn, fading, saturation, purchase_terms, of_purchase, effects.purchase[k], effects.turn_rate[k]
        )
        effects.log_hazard[k] = _terms(
            mean, mean_turn, fading, saturation, dropout_terms, of_dropout, effects.dropout[k], effects.turn_hazard[k]
        )


@njit(cache=True, nogil=True, error_model="numpy")
def _decay(fading, width, decay):
    for m in range(fading.size):
        y = fading[m] * width
        decay.left[m] = math.exp(-y)
        if y < SMALL:
            decay.mean[m] = 1.0 - y / 2.0 * (1.0 - y / 3.0 * (1.0 - y / 4.0 * (1.0 - y / 5.0 * (1.0 - y / 6.0))))
            decay.turn[m] = -width * (0.5 - y / 3.0 + y * y / 8.0 - y**3 / 30.0 + y**4 / 144.0 - y**5 / 840.0)
        else:
            decay.mean[m] = -math.expm1(-y) / y
            decay.turn[m] = width * ((1.0 + y) * decay.left[m] - 1.0) / (y * y)


@njit(cache=True, nogil=True, error_model="numpy")
def _terms(mean, mean_turn, fading, w, terms, coefficients, values, turns):
    """Write the values of the terms of one process, add their derivatives to `turns`; returns their sum by coefficients.

    Fading is log(2) / half-life, so that a derivative in the half-life is -fading / half-life times that in the fading.
    """
    media, total = fading.size // 2, 0.0
    for c in range(terms.shape[0]):
        kind, m, weight = terms[c, 0], terms[c, 1], coefficients[c]
        if kind == STOCK:
            if w <= LINEAR:
                values[c], slope = mean[m], 1.0
            else:
                unit, inside = math.log1p(w), 1.0 + w * mean[m]
                values[c], slope = math.log(inside) / unit, w / (inside * unit)
                turns[media] += weight * (mean[m] / inside - values[c] / (1.0 + w)) / unit
            turns[m] += weight * slope * mean_turn[m] * _by_half_life(fading[m])
        elif kind == LATER:
            values[c] = mean[media + m] - mean[m]
            turns[m] += weight * (mean_turn[media + m] / LASTS - mean_turn[m]) * _by_half_life(fading[m])
        else:
            together = 0.0
            for j in range(media):
                together += mean[j]
            values[c] = together * together
            for j in range(media):
                turns[j] += weight * 2.0 * together * mean_turn[j] * _by_half_life(fading[j])
        total += weight * values[c]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def _by_half_life(fading):
    """Derivative of the fading in the half-life."""
    return -fading * fading / math.log(2.0)
