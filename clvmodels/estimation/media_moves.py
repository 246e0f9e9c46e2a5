"""From draws of an approximate posterior to draws of the posterior in steps, where one step of weights would be too long.

The target is approximation * (likelihood / quadratic)^power, with a power that rises to one. At each step draws are weighed by
what has been added, resampled, and moved by kernels that leave the target as it is (Del Moral, Doucet and Jasra 2006): spreads
given coefficients exactly, coefficients and fatigue given spreads by a step of the Crank-Nicolson kind about the approximation,
which is refused or not by the likelihood over its quadratic.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from clvmodels.model import Array

if TYPE_CHECKING:
    from clvmodels.estimation.media_laplace import Quadratic

KEPT = (0.0, 0.7, 0.95, 0.0, 0.7, 0.95)
"""Share of the deviation that each move keeps: far ones and near ones."""
STRIDE = 0.5
"""Of moves of log fatigue, in standard deviations of the draws."""
GRID = np.linspace(-6.0, 6.0, 241)
"""Log spreads looked at, about where their prior is centred."""


def moved(
    quadratic: Quadratic, v: Array, theta: Array, power: float, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Draws of v (n, k) and theta (n, p) after some moves that leave the target as it is, and likelihood over quadratic (n,)."""
    ratio = log_ratio(quadratic, theta)
    for kept in KEPT:
        v = np.hstack([_spreads(quadratic, theta, rng), v[:, quadratic.problem.start.size :]])
        v, theta, ratio = _step(quadratic, v, theta, ratio, power, kept, rng)
    return v, theta, ratio


def log_ratio(quadratic: Quadratic, theta: Array) -> Array:
    """Log of likelihood over quadratic (n,)."""
    return np.asarray(quadratic.problem.log_likelihood_of_draws(theta) - quadratic.at(theta))


def _spreads(quadratic: Quadratic, theta: Array, rng: np.random.Generator) -> Array:
    """Log spreads given coefficients (n, k): the data say nothing more; each from its density on a grid."""
    problem = quadratic.problem
    off = (theta - problem.prior_mean) ** 2 @ problem.pooled.T
    sizes = problem.pooled.sum(axis=1)
    found = np.empty((len(theta), problem.start.size))
    for k, name in enumerate(problem.layout.spreads):
        at = problem.start[k] + GRID
        density = problem.priors[name].log_density(at) - sizes[k] * at - np.exp(-2 * at) * off[:, k, None] / 2
        share = np.exp(density - density.max(axis=1, keepdims=True)).cumsum(axis=1)
        cell = (rng.random((len(theta), 1)) * share[:, -1:] > share).sum(axis=1)
        found[:, k] = at[cell] + (GRID[1] - GRID[0]) * (rng.random(len(theta)) - 0.5)
    return found


def _step(
    quadratic: Quadratic, v: Array, theta: Array, ratio: Array, power: float, kept: float, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    q, spreads = quadratic.problem.linear, quadratic.problem.start.size
    aside = v.copy()
    aside[:, spreads:] += STRIDE * v[:, spreads:].std(axis=0) * rng.standard_normal(v[:, spreads:].shape)
    here, there, noise = quadratic.means_and_noise(v, aside, rng)
    b = there + kept * (theta[:, :q] - here) + math.sqrt(1 - kept**2) * noise
    tried = np.hstack([b, aside[:, spreads:]])
    tried_ratio = log_ratio(quadratic, tried)
    gain = power * (tried_ratio - ratio)
    if v.shape[1] > spreads:
        gain += quadratic.marginal(aside) - quadratic.marginal(v)
    taken = np.log(rng.random(len(v))) < gain
    return (
        np.where(taken[:, None], aside, v),
        np.where(taken[:, None], tried, theta),
        np.where(taken, tried_ratio, ratio),
    )
