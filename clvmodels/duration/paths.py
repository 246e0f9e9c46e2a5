"""Rates that change over calendar time: the factors along a path of covariates, and their sums since any day.

A path is piecewise constant. What all customers share (seasons, prices) lies in one table of change points, what belongs to
some of them (contacts, promotions) in a second one by path; the two are merged when a path is needed, so that memory grows with
the changes there are, not with customers times weeks. On a segment the purchase rate is multiplied by
exp(gamma_p' z_p), the dropout hazard by exp(gamma_d' z_d), where z is the common row plus the path's own row.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]
Whole = NDArray[np.int64]


class Paths(NamedTuple):
    """Covariates over time as kernels read them; times in the model's period, counted from any one moment.

    Attributes
    ----------
    start, purchase, dropout
        Change points common to all, sorted (K,), and the columns of both processes from each on (K, p), (K, d).
    own_offset
        Change points of path i are `own_start[own_offset[i]:own_offset[i + 1]]` (P + 1,).
    own_start, own_row
        When a path changes, sorted within it, and to which row (E,).
    own_purchase, own_dropout
        Rows (R, p), (R, d), added to the common ones.
    """

    start: Array
    purchase: Array
    dropout: Array
    own_offset: Whole
    own_start: Array
    own_row: Whole
    own_purchase: Array
    own_dropout: Array


class Factors(NamedTuple):
    """Workspace of one path: segments (L,), their factors, and the factors' sums from the first segment to each start.

    Attributes
    ----------
    start, rate, hazard
        When a segment begins, and its factors of the purchase rate and of the dropout hazard (L,).
    purchases, dropout
        Sums A and D of the factors over time up to the start of each (L,).
    z_purchase, z_dropout, d_purchases, d_dropout
        Columns on each segment, and the derivatives of A and D in the coefficients: (L, p), (L, d) each.
    """

    start: Array
    rate: Array
    hazard: Array
    purchases: Array
    dropout: Array
    z_purchase: Array
    z_dropout: Array
    d_purchases: Array
    d_dropout: Array


@njit(cache=True, nogil=True, error_model="numpy")
def workspace(paths):
    """Room for the longest path."""
    longest = 0
    for i in range(paths.own_offset.size - 1):
        longest = max(longest, paths.own_offset[i + 1] - paths.own_offset[i])
    size, p, d = paths.start.size + longest, paths.purchase.shape[1], paths.dropout.shape[1]
    return Factors(
        np.empty(size), np.empty(size), np.empty(size), np.empty(size), np.empty(size),
        np.empty((size, p)), np.empty((size, d)), np.empty((size, p)), np.empty((size, d)),
    )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def fill(paths, path, of_purchase, of_dropout, factors):
    """Write a path's segments under coefficients (p,) and (d,) into the workspace; returns how many there are."""
    i, own, stop = -1, paths.own_offset[path], paths.own_offset[path + 1]
    row, n = paths.own_row[own], 0
    own += 1
    while i + 1 < paths.start.size or own < stop:
        at_common = paths.start[i + 1] if i + 1 < paths.start.size else np.inf
        at_own = paths.own_start[own] if own < stop else np.inf
        now = min(at_common, at_own)
        if at_common == now:
            i += 1
        if at_own == now:
            row = paths.own_row[own]
            own += 1
        _segment(paths, max(i, 0), row, now, of_purchase, of_dropout, n, factors)
        n += 1
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def _segment(paths, i, row, now, of_purchase, of_dropout, n, factors):
    log_rate = log_hazard = 0.0
    for c in range(of_purchase.size):
        z = paths.purchase[i, c] + paths.own_purchase[row, c]
        factors.z_purchase[n, c] = z
        log_rate += of_purchase[c] * z
    for c in range(of_dropout.size):
        z = paths.dropout[i, c] + paths.own_dropout[row, c]
        factors.z_dropout[n, c] = z
        log_hazard += of_dropout[c] * z
    factors.start[n], factors.rate[n], factors.hazard[n] = now, math.exp(log_rate), math.exp(log_hazard)
    if n == 0:
        factors.purchases[0] = factors.dropout[0] = 0.0
        factors.d_purchases[0] = 0.0
        factors.d_dropout[0] = 0.0
        return
    width = now - factors.start[n - 1]
    bought, left = width * factors.rate[n - 1], width * factors.hazard[n - 1]
    factors.purchases[n] = factors.purchases[n - 1] + bought
    factors.dropout[n] = factors.dropout[n - 1] + left
    for c in range(of_purchase.size):
        factors.d_purchases[n, c] = factors.d_purchases[n - 1, c] + bought * factors.z_purchase[n - 1, c]
    for c in range(of_dropout.size):
        factors.d_dropout[n, c] = factors.d_dropout[n - 1, c] + left * factors.z_dropout[n - 1, c]


@njit(cache=True, nogil=True, error_model="numpy")
def segment_at(starts, n, time):
    """The segment of the first n that holds `time`: a change counts from its moment on."""
    low, high = 0, n
    while high - low > 1:
        middle = (low + high) // 2
        if starts[middle] <= time:
            low = middle
        else:
            high = middle
    return low


@njit(cache=True, nogil=True, error_model="numpy")
def purchases_until(factors, k, time):
    """A up to a time in segment k."""
    return factors.purchases[k] + factors.rate[k] * (time - factors.start[k])


@njit(cache=True, nogil=True, error_model="numpy")
def dropout_until(factors, k, time):
    """D up to a time in segment k."""
    return factors.dropout[k] + factors.hazard[k] * (time - factors.start[k])
