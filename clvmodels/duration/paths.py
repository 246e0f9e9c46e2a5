"""Rates that change over calendar time: the factors along a path of covariates and contacts, and their sums since any day.

A path is piecewise constant. What all customers share (seasons, prices) lies in one table of change points, what belongs to some
of them (promotions) in a second one by path, the contacts with them in a third; the three are merged when a path is needed, so
that memory grows with the changes there are, not with customers times weeks. On a segment the purchase rate is multiplied by
exp(gamma_p' z_p + its contact terms), the dropout hazard by exp(gamma_d' z_d + its contact terms), where z is the common row plus
the path's own row. Contact terms are those of `stocks`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from clvmodels.duration.stocks import Effects, effects_of, workspace_of_stocks
from clvmodels.numerics.elementary import exp

Array = NDArray[np.float64]
Whole = NDArray[np.int64]

BASE = 4
"""Parameters of Pareto/NBD, which come first in theta."""


class Paths(NamedTuple):
    """Covariates and contacts over time as kernels read them; times in the model's period, counted from any one moment.

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
    dose_offset, dose_start, dose
        Stretches on which contact stocks are constant, of path i as above (P + 1,), (C,), and the contacts by each medium at the
        beginning of each (C, M).
    purchase_terms, dropout_terms
        Contact terms of both processes: kind and medium of each (p', 2), (d', 2), see `stocks`.
    saturation
        Where it is known (1,); empty if it is the last of the parameters.
    event_offset, event_time
        Moments of repeat purchases, of list i as above (V + 1,), (W,).
    shock
        Where in theta the common shock of the purchase rate is that holds from each common change point on, in spreads of the
        shocks; -1 where there is none (K,).
    """

    start: Array
    purchase: Array
    dropout: Array
    own_offset: Whole
    own_start: Array
    own_row: Whole
    own_purchase: Array
    own_dropout: Array
    dose_offset: Whole
    dose_start: Array
    dose: Array
    purchase_terms: Whole
    dropout_terms: Whole
    saturation: Array
    event_offset: Whole
    event_time: Array
    shock: Whole


class Factors(NamedTuple):
    """Workspace of one path: segments (L,), their factors, and the factors' sums from the first segment to each start.

    Attributes
    ----------
    start, rate, hazard
        When a segment begins, and its factors of the purchase rate and of the dropout hazard (L,).
    log_rate
        Logarithm of `rate` (L,).
    purchases, dropout
        Sums A and D of the factors over time up to the start of each (L,).
    common, row, stretch
        The common row, own row, and stretch of stocks (-1 before the first contact) that hold on each (L,).
    effects
        Contact terms by stretch.
    to_rate, to_hazard
        What one more in the logarithm of each factor does to the log-likelihood (L,); for `pull`.
    """

    start: Array
    rate: Array
    hazard: Array
    log_rate: Array
    purchases: Array
    dropout: Array
    common: Whole
    row: Whole
    stretch: Whole
    effects: Effects
    to_rate: Array
    to_hazard: Array


class Places(NamedTuple):
    """Where each kind of parameters begins in theta: columns and terms of purchase, of dropout, half-lives, saturation, and the
    spread of the common shocks, which these follow."""

    purchase: int
    purchase_terms: int
    dropout: int
    dropout_terms: int
    half_life: int
    saturation: int
    spread: int


@njit(cache=True, nogil=True, error_model="numpy")
def places(paths):
    """The layout of theta."""
    purchase_terms = BASE + paths.purchase.shape[1]
    dropout = purchase_terms + paths.purchase_terms.shape[0]
    dropout_terms = dropout + paths.dropout.shape[1]
    half_life = dropout_terms + paths.dropout_terms.shape[0]
    saturation = half_life + paths.dose.shape[1]
    spread = saturation + 1 - paths.saturation.size
    return Places(BASE, purchase_terms, dropout, dropout_terms, half_life, saturation, spread)


@njit(cache=True, nogil=True, error_model="numpy")
def workspace(paths, asked=False):
    """Room for the longest path; for derivatives only if they are asked for."""
    own = doses = 0
    for i in range(paths.own_offset.size - 1):
        stretches = paths.dose_offset[i + 1] - paths.dose_offset[i]
        own = max(own, paths.own_offset[i + 1] - paths.own_offset[i] + stretches)
        doses = max(doses, stretches)
    size = paths.start.size + own
    effects = workspace_of_stocks(
        doses, paths.dose.shape[1], paths.purchase_terms.shape[0], paths.dropout_terms.shape[0], asked
    )
    return Factors(
        np.empty(size), np.empty(size), np.empty(size), np.empty(size), np.empty(size), np.empty(size),
        np.empty(size, np.int64), np.empty(size, np.int64), np.empty(size, np.int64), effects,
        np.empty(size), np.empty(size),
    )  # fmt: skip


@njit(cache=True, nogil=True, error_model="numpy")
def fill(paths, path, theta, factors):
    """Write a path's segments under parameters (k,) into the workspace; returns how many there are."""
    at = places(paths)
    first_dose, last_dose = paths.dose_offset[path], paths.dose_offset[path + 1]
    if last_dose > first_dose:
        saturation = paths.saturation[0] if paths.saturation.size else theta[at.saturation]
        effects_of(
            paths.dose_start[first_dose:last_dose],
            paths.dose[first_dose:last_dose],
            theta[at.half_life : at.saturation],
            saturation,
            paths.purchase_terms,
            paths.dropout_terms,
            theta[at.purchase_terms : at.dropout],
            theta[at.dropout_terms : at.half_life],
            factors.effects,
        )
    i, own, stop, stretch = -1, paths.own_offset[path], paths.own_offset[path + 1], -1
    row, n = paths.own_row[own], 0
    own += 1
    while i + 1 < paths.start.size or own < stop or first_dose + stretch + 1 < last_dose:
        at_common = paths.start[i + 1] if i + 1 < paths.start.size else np.inf
        at_own = paths.own_start[own] if own < stop else np.inf
        at_dose = paths.dose_start[first_dose + stretch + 1] if first_dose + stretch + 1 < last_dose else np.inf
        now = min(at_common, at_own, at_dose)
        if at_common == now:
            i += 1
        if at_own == now:
            row = paths.own_row[own]
            own += 1
        if at_dose == now:
            stretch += 1
        factors.start[n], factors.common[n], factors.row[n], factors.stretch[n] = now, max(i, 0), row, stretch
        n += 1
    _multiply(paths, theta, at, n, factors)
    return n


@njit(cache=True, nogil=True, error_model="numpy")
def _multiply(paths, theta, at, n, factors):
    """Write the factors of n segments and their sums."""
    for k in range(n):
        i, row, stretch = factors.common[k], factors.row[k], factors.stretch[k]
        log_rate = log_hazard = 0.0
        for c in range(paths.purchase.shape[1]):
            log_rate += theta[at.purchase + c] * (paths.purchase[i, c] + paths.own_purchase[row, c])
        for c in range(paths.dropout.shape[1]):
            log_hazard += theta[at.dropout + c] * (paths.dropout[i, c] + paths.own_dropout[row, c])
        if paths.shock[i] >= 0:
            log_rate += theta[at.spread] * theta[paths.shock[i]]
        if stretch >= 0:
            log_rate += factors.effects.log_rate[stretch]
            log_hazard += factors.effects.log_hazard[stretch]
        factors.log_rate[k] = log_rate
        factors.rate[k], factors.hazard[k] = log_rate, log_hazard
    _exponentials(factors.rate, n)
    _exponentials(factors.hazard, n)
    bought = left = 0.0
    for k in range(n):
        factors.purchases[k], factors.dropout[k] = bought, left
        if k + 1 < n:
            width = factors.start[k + 1] - factors.start[k]
            bought += width * factors.rate[k]
            left += width * factors.hazard[k]


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def _exponentials(values, n):
    """The exponential of the first n, in place."""
    for k in range(n):
        values[k] = exp(values[k])


@njit(cache=True, nogil=True, error_model="numpy")
def pull(paths, theta, at, factors, begin, stop, gradient):
    """Add to a gradient (k,) what `to_rate` and `to_hazard` of segments do through parameters that move them."""
    effects, terms = factors.effects, paths.dose.shape[1] + (0 if paths.saturation.size else 1)
    for k in range(begin, stop):
        i, row, stretch = factors.common[k], factors.row[k], factors.stretch[k]
        to_rate, to_hazard = factors.to_rate[k], factors.to_hazard[k]
        for c in range(paths.purchase.shape[1]):
            gradient[at.purchase + c] += to_rate * (paths.purchase[i, c] + paths.own_purchase[row, c])
        for c in range(paths.dropout.shape[1]):
            gradient[at.dropout + c] += to_hazard * (paths.dropout[i, c] + paths.own_dropout[row, c])
        if paths.shock[i] >= 0:
            gradient[at.spread] += to_rate * theta[paths.shock[i]]
            gradient[paths.shock[i]] += to_rate * theta[at.spread]
        if stretch < 0:
            continue
        for c in range(paths.purchase_terms.shape[0]):
            gradient[at.purchase_terms + c] += to_rate * effects.purchase[stretch, c]
        for c in range(paths.dropout_terms.shape[0]):
            gradient[at.dropout_terms + c] += to_hazard * effects.dropout[stretch, c]
        for m in range(terms):
            gradient[at.half_life + m] += to_rate * effects.turn_rate[stretch, m]
            gradient[at.half_life + m] += to_hazard * effects.turn_hazard[stretch, m]


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


@njit(nogil=True, error_model="numpy", inline="always")
def purchases_until(factors, k, time):
    """A up to a time in segment k."""
    return factors.purchases[k] + factors.rate[k] * (time - factors.start[k])


@njit(nogil=True, error_model="numpy", inline="always")
def dropout_until(factors, k, time):
    """D up to a time in segment k."""
    return factors.dropout[k] + factors.hazard[k] * (time - factors.start[k])
