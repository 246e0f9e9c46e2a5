"""Sums and integrals of survival from a tenure on, of who leaves in the end: mean residual lifetime and present value."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from clvmodels.duration import survival_kernel as kernel
from clvmodels.duration.survival_baselines import Baseline, Own
from clvmodels.model import Array

PANELS = np.array([0.0, 2.0**-12, 2.0**-9, 2.0**-6, 2.0**-4, 0.25, 0.5, 1.0])
"""Where an integral to a horizon is cut, in horizons: fine at the begin, where the hazard may rise without bound."""
NODES = np.polynomial.legendre.leggauss(16)
EXACT = 150
"""Periods that are summed one by one; what comes after is an integral with the corrections of Euler and Maclaurin."""
NEGLIGIBLE = 30.0
"""Discount (a factor of e^-30) after which nothing counts."""
STEP, FIRST, LAST = 0.1, -4.5, 6.6
"""Of the double-exponential rule for integrals over (0, infinity) with a weight of exp(-x)."""


def stay(baseline: Baseline, own: Own, done: Array, more: float | Array, breaks: Array) -> Array:
    """Probability of staying `more` periods after `done`, of who leaves in the end."""
    reached = baseline.cumulative_hazard(own, done, breaks)
    return np.exp(-np.maximum(baseline.cumulative_hazard(own, done + more, breaks) - reached, 0.0))


def whole_mean(baseline: Baseline, own: Own, done: Array, breaks: Array) -> Array:
    """Mean time from tenure `done` to leaving [periods]."""
    if baseline.pieces:
        return _over_pieces(baseline, own, done, math.inf, breaks)
    reached = baseline.cumulative_hazard(own, done, breaks)
    total = np.zeros(np.broadcast_shapes(reached.shape, done.shape))
    for s in np.arange(FIRST, LAST, STEP):
        # x = exp(s - exp(-s)) leads (0, infinity) to the line, where the trapezoidal rule is exact to many digits
        x = math.exp(s - math.exp(-s))
        weight = x * (1.0 + math.exp(-s)) * STEP * math.exp(-x)
        total += weight * np.maximum(baseline.inverse(own, reached + x, breaks) - done, 0.0)
    return np.asarray(np.where(_endless(baseline, own), np.inf, total))


def _endless(baseline: Baseline, own: Own) -> NDArray[np.bool_]:
    """Where the mean lifetime is infinite."""
    if baseline.code == kernel.LOGLOGISTIC:
        return np.asarray(np.asarray(own.second) <= 1.0)
    return np.asarray(np.asarray(own.second) < 0.0 if baseline.code == kernel.GOMPERTZ else False)


def present_time(baseline: Baseline, own: Own, done: Array, ahead: float, breaks: Array) -> Array:
    """Expected time under contract within the coming `ahead` periods."""
    if math.isinf(ahead):
        return whole_mean(baseline, own, done, breaks)
    if baseline.pieces:
        return _over_pieces(baseline, own, done, ahead, breaks)
    reached = baseline.cumulative_hazard(own, done, breaks)
    total = np.zeros(np.broadcast_shapes(reached.shape, done.shape))
    for begin, end in zip(PANELS[:-1] * ahead, PANELS[1:] * ahead, strict=True):
        for node, weight in zip(*NODES, strict=True):
            more = begin + (end - begin) * (node + 1.0) / 2.0
            H = baseline.cumulative_hazard(own, done + more, breaks) - reached
            total += weight * (end - begin) / 2.0 * np.exp(-np.maximum(H, 0.0))
    return total


def _over_pieces(baseline: Baseline, own: Own, done: Array, ahead: float, breaks: Array) -> Array:
    """The same where the hazard is constant within pieces: each piece has a closed form."""
    ends = np.append(breaks[1:], np.inf)
    total = np.zeros(np.broadcast_shapes(done.shape, np.shape(own.eta)))
    logs = np.asarray(own.logs)
    for k, (begin, end) in enumerate(zip(breaks, ends, strict=True)):
        start, stop = np.maximum(done, begin), np.minimum(done + ahead, end)
        there = stop > start
        if not there.any():
            continue
        hazard = np.exp(logs[..., k, None] + own.eta) if logs.ndim > 1 else np.exp(logs[k] + own.eta)
        until = stay(baseline, own, done, np.where(there, start - done, 0.0), breaks)
        with np.errstate(invalid="ignore"):
            inside = until * -np.expm1(-hazard * (stop - start)) / hazard
        total = total + np.where(there, inside, 0.0)
    return total


def present_periods(baseline: Baseline, own: Own, done: Array, ahead: float, force: float, breaks: Array) -> Array:
    """Sum over k = 1 .. ahead of exp(-force k) P(stays k more periods)."""
    reached = baseline.cumulative_hazard(own, done, breaks)

    def worth(k: float) -> Array:
        H = baseline.cumulative_hazard(own, done + k, breaks) - reached
        return np.exp(-np.maximum(H, 0.0) - force * k)

    if not baseline.pieces:
        return summed(worth, ahead, force)
    few = int(min(ahead, smooth_from(baseline, done, breaks)))
    total = summed(worth, few, force, one_by_one=few)
    return total if ahead <= few else total + _geometric_tail(own, worth(few), ahead - few, force)


def smooth_from(baseline: Baseline, done: Array, breaks: Array) -> int:
    """Periods from `done` after which survival has no corner any more."""
    return max(EXACT, int(np.ceil(max(0.0, breaks[-1] - np.min(done)))) + 1) if baseline.pieces else EXACT


def summed(worth: Callable[[float], Array], ahead: float, force: float, *, one_by_one: int = EXACT) -> Array:
    """Sum over k = 1 .. ahead of worth(k), falling by `force` a period or faster: some one by one, the rest as an integral."""
    few = int(min(ahead, one_by_one))
    total = np.zeros_like(worth(1.0))
    for k in range(1, few + 1):
        total += worth(float(k))
    if ahead <= few:
        return total
    return total + _smooth_tail(worth, few, min(ahead, few + NEGLIGIBLE / force if force > 0 else ahead))


def _geometric_tail(own: Own, last: Array, more: float, force: float) -> Array:
    """What follows the last piece's begin: the same factor every period."""
    logs = np.asarray(own.logs)
    hazard = np.exp((logs[..., -1, None] if logs.ndim > 1 else logs[-1]) + own.eta) + force
    return np.asarray(last * np.exp(-hazard) * -np.expm1(-hazard * more) / -np.expm1(-hazard))


def _smooth_tail(worth: Callable[[float], Array], start: float, end: float) -> Array:
    """Sum of worth(k) over k = start + 1 .. end, worth being smooth there."""
    at_start, at_end = worth(start), worth(end)
    total = (at_end - at_start) / 2.0
    total += (worth(end + 0.5) - worth(end - 0.5) - worth(start + 0.5) + worth(start - 0.5)) / 12.0
    cuts = np.append(0.0, PANELS[3:]) * (end - start)
    for begin, stop in itertools.pairwise(cuts):
        for node, weight in zip(*NODES, strict=True):
            total += weight * (stop - begin) / 2.0 * worth(start + begin + (stop - begin) * (node + 1.0) / 2.0)
    return total
