"""Finding the top of a log density, and refusing to call anything else a top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import optimize

from clvmodels.coordinates import Coordinates
from clvmodels.errors import ConvergenceError
from clvmodels.estimation.problem import Objective
from clvmodels.model import Array

FLAT = 8.0
"""A standard error this large on the log scale (a factor of 3,000 either way) means the data do not tell the parameter."""
NEWTON_STEPS = 20
DECREMENT = 1e-9
"""Accepted gap to the top, in units of log density, as the quadratic model of the surface predicts it."""


class Mode(NamedTuple):
    """Top of a log density of u (see `Coordinates`): where, how high, the covariance of its curvature, and the search."""

    u: Array
    value: float
    covariance: Array
    decrement: float
    iterations: int


def find_mode(
    objective: Objective, start: Array, coordinates: Coordinates, *, names: Sequence[str], title: str, advice: str
) -> Mode:
    """Climb from `start` with BFGS, then Newton steps until the quadratic model sees nothing left to gain.

    Raises
    ------
    ConvergenceError
        If there is no interior top: the message names the parameters that run away or that the data do not tell.
    """
    first = objective(start)
    size = max(1.0, abs(first[0]))

    def negative(u: Array) -> tuple[float, Array]:
        value, gradient = objective(u)
        if not np.isfinite(value):
            return np.inf, np.zeros_like(u)
        return -value / size, -gradient / size

    options = {
        "gtol": 1e-6,
        "maxiter": 500,
        "hess_inv0": size * _first_guess(-_rough_jacobian(objective, start, first[1])),
    }
    with np.errstate(all="ignore"):
        search = optimize.minimize(negative, start, jac=True, method="BFGS", options=options)
        mode = _newton(objective, search.x, (-size * search.fun, -size * search.jac), int(search.nit))
    _insist(mode, start, coordinates, names, title, advice)
    return mode


def _first_guess(curvature: Array) -> Array:
    """Positive definite inverse of a curvature that need not be: what is concave and what is convex count alike."""
    if not np.all(np.isfinite(curvature)) or not np.any(curvature):
        return np.eye(len(curvature))
    roots, axes = np.linalg.eigh(curvature)
    inverse = (axes / np.maximum(np.abs(roots), 1e-3 * np.abs(roots).max())) @ axes.T
    return np.asarray((inverse + inverse.T) / 2)


def _newton(objective: Objective, u: Array, at_u: tuple[float, Array], iterations: int) -> Mode:
    value, gradient = at_u
    covariance, decrement = np.full((u.size, u.size), np.nan), np.inf
    for _ in range(NEWTON_STEPS):
        curvature = -jacobian(objective, u)
        iterations += 1
        if not (np.all(np.isfinite(curvature)) and np.all(np.linalg.eigvalsh(curvature) > 0)):
            return Mode(u, value, np.full_like(covariance, np.nan), np.inf, iterations)
        covariance = np.linalg.inv(curvature)
        while True:
            step = covariance @ gradient
            before, decrement = decrement, float(gradient @ step) / 2
            if decrement < DECREMENT or not decrement < before / 2:
                break
            trial = objective(u + step)
            if not trial[0] >= value - DECREMENT:
                break
            u, (value, gradient) = u + step, trial
        if decrement < DECREMENT:
            break
    return Mode(u, value, covariance, decrement, iterations)


def jacobian(objective: Objective, u: Array, *, step: float = 1e-5) -> Array:
    """Second derivatives of the objective by central differences of its exact gradient, made symmetric."""
    rows = [(objective(u + step * e)[1] - objective(u - step * e)[1]) / (2 * step) for e in np.eye(u.size)]
    matrix = np.array(rows)
    return (matrix + matrix.T) / 2


def _rough_jacobian(objective: Objective, u: Array, gradient: Array, *, step: float = 1e-4) -> Array:
    """Second derivatives by forward differences: half the work, and enough to begin a search with."""
    matrix = np.array([(objective(u + step * e)[1] - gradient) / step for e in np.eye(u.size)])
    return np.asarray((matrix + matrix.T) / 2)


def _insist(mode: Mode, start: Array, coordinates: Coordinates, names: Sequence[str], title: str, advice: str) -> None:
    spread = np.sqrt(np.diag(mode.covariance))
    unknown = [n for n, s, move in zip(names, spread, mode.u - start, strict=True) if not s < FLAT or abs(move) > 25]
    if unknown:
        with np.errstate(over="ignore"):
            where = ", ".join(f"{n} = {v:.3g}" for n, v in zip(names, coordinates.theta(mode.u), strict=True))
        raise ConvergenceError(
            f"{title}: the data do not determine {', '.join(unknown)} (the search ended at {where}). {advice}"
        )
    if not mode.decrement < 1e-4:
        raise ConvergenceError(
            f"{title}: the search stopped {mode.decrement:.2g} log-density units short of a top after {mode.iterations} "
            f"steps. {advice}"
        )
