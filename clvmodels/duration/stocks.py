"""Contact stocks along a path: what earlier contacts still do to the purchase rate and to the dropout hazard.

A contact adds one to the stock of its medium, and the stock is halved every half-life h. Time is cut into stretches, at each
contact and at steps in between; on a stretch a stock counts with its mean. With saturation w a stock S moves a log rate by its
coefficient times g(S) = log(1 + w S) / log(1 + w), S itself for w = 0, so that a coefficient is what one fresh contact does.

Kinds of terms: `STOCK`, g of one medium's stock. `LATER`, a stock with `LASTS` times the half-life less the stock itself: nothing
at the contact, most when that has faded; below zero in purchases where contacts only pull them forward. `IRRITATION`, the square
of the stocks of all media together.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from clvmodels.numerics.elementary import log

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
    stock, turn
        Mean of each stock over the stretch, and its derivative in the stock's rate of fading (S, 2 M): stocks 0 to M - 1 fade
        with the half-lives, M to 2 M - 1 `LASTS` times as slowly.
    felt
        g of the stocks (S, M).
    purchase, dropout
        Values of the terms (S, p'), (S, d').
    turn_rate, turn_hazard
        Derivatives of `log_rate` and `log_hazard` in each half-life, then in the saturation (S, M + 1).
    """

    log_rate: Array
    log_hazard: Array
    stock: Array
    turn: Array
    felt: Array
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
def workspace_of_stocks(stretches, media, purchase_terms, dropout_terms, asked):
    """Room for so many stretches; for derivatives only if they are asked for."""
    turns = stretches if asked else 0
    return Effects(
        np.empty(stretches), np.empty(stretches), np.empty((stretches, 2 * media)), np.empty((turns, 2 * media)),
        np.empty((stretches, media)), np.empty((stretches, purchase_terms)), np.empty((stretches, dropout_terms)),
        np.empty((turns, media + 1)), np.empty((turns, media + 1)),
    )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def effects_of(
    start, dose, half_life, saturation, purchase_terms, dropout_terms, of_purchase, of_dropout, effects
):  # fmt: skip
    """Write the terms of every stretch of a path: `start` (S,), `dose` (S, M), then parameters and coefficients.

    The last stretch has no end: what holds at its beginning holds.
    """
    size, media = dose.shape
    fading = np.empty(2 * media)
    for m in range(media):
        fading[m] = math.log(2.0) / half_life[m]
        fading[media + m] = fading[m] / LASTS
    _stocks(start, dose, fading, effects)
    _felt(size * media, media, saturation, effects.stock, effects.felt)
    _values(size, purchase_terms, of_purchase, effects, effects.purchase, effects.log_rate)
    _values(size, dropout_terms, of_dropout, effects, effects.dropout, effects.log_hazard)
    if effects.turn.shape[0]:
        _turns(size, purchase_terms, of_purchase, saturation, fading, effects, effects.turn_rate)
        _turns(size, dropout_terms, of_dropout, saturation, fading, effects, effects.turn_hazard)


@njit(cache=True, nogil=True, error_model="numpy")
def _stocks(start, dose, fading, effects):
    """Mean of each stock over each stretch, and its derivative in the fading if it is asked for."""
    stocks, media, asked = fading.size, dose.shape[1], effects.turn.shape[0] > 0
    stock, turn = np.zeros(stocks), np.zeros(stocks)
    decay, before = Decay(np.empty(stocks), np.empty(stocks), np.empty(stocks)), -1.0
    for k in range(start.size):
        width = start[k + 1] - start[k] if k + 1 < start.size else 0.0
        if width != before:
            _decay(fading, width, decay)
            before = width
        for m in range(media):
            stock[m] += dose[k, m]
            stock[media + m] += dose[k, m]
        for m in range(stocks):
            effects.stock[k, m] = stock[m] * decay.mean[m]
        if asked:
            for m in range(stocks):
                effects.turn[k, m] = turn[m] * decay.mean[m] + stock[m] * decay.turn[m]
                turn[m] = decay.left[m] * (turn[m] - width * stock[m])
        for m in range(stocks):
            stock[m] *= decay.left[m]


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


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _felt(size, media, w, stock, felt):
    """g of the stocks."""
    into = felt.ravel()
    for i in range(size):
        into[i] = stock[i // media, i % media]
    if w > LINEAR:
        per_unit = 1.0 / math.log1p(w)
        for i in range(size):
            into[i] = log(1.0 + w * into[i]) * per_unit


@njit(cache=True, nogil=True, error_model="numpy")
def _values(size, terms, coefficients, effects, values, total):
    """Values of the terms of a process, and their sum by coefficients."""
    media = effects.felt.shape[1]
    for k in range(size):
        total[k] = 0.0
        for c in range(terms.shape[0]):
            kind, m = terms[c, 0], terms[c, 1]
            if kind == STOCK:
                values[k, c] = effects.felt[k, m]
            elif kind == LATER:
                values[k, c] = effects.stock[k, media + m] - effects.stock[k, m]
            else:
                together = 0.0
                for j in range(media):
                    together += effects.stock[k, j]
                values[k, c] = together * together
            total[k] += coefficients[c] * values[k, c]


@njit(cache=True, nogil=True, error_model="numpy")
def _turns(size, terms, coefficients, w, fading, effects, turns):
    """Derivatives of that sum in each half-life, which is log(2) / fading, and in the saturation."""
    media = effects.felt.shape[1]
    per_unit = 1.0 / math.log1p(w) if w > LINEAR else 0.0
    for k in range(size):
        stock, turn = effects.stock[k], effects.turn[k]
        turns[k] = 0.0
        for c in range(terms.shape[0]):
            kind, m, weight = terms[c, 0], terms[c, 1], coefficients[c]
            if kind == STOCK:
                slope = 1.0
                if w > LINEAR:
                    inside = 1.0 / (1.0 + w * stock[m])
                    slope = w * inside * per_unit
                    turns[k, media] += weight * (stock[m] * inside - effects.felt[k, m] / (1.0 + w)) * per_unit
                turns[k, m] += weight * slope * turn[m]
            elif kind == LATER:
                turns[k, m] += weight * (turn[media + m] / LASTS - turn[m])
            else:
                together = 0.0
                for j in range(media):
                    together += stock[j]
                for j in range(media):
                    turns[k, j] += weight * 2.0 * together * turn[j]
        for m in range(media):
            turns[k, m] *= -fading[m] * fading[m] / math.log(2.0)
