"""Whether a medium does anything at all.

The model has every medium do something, be it next to nothing. The other view is that contacts by a medium are occasions like
those without contact: its coefficients and its fatigue are zero. With the likelihood quadratic about the top, the evidence for
either is a formula given the spreads, and their ratio is the mean of ratios over posterior draws of the spreads: the draws are
those of the larger model, of which the smaller one is a slice (Dickey 1971).
"""

from __future__ import annotations

import numpy as np
from scipy import special

from clvmodels.estimation.media_laplace import Quadratic
from clvmodels.estimation.trust import EVEN
from clvmodels.model import Array

DRAWS = 400
"""Draws of spreads and fatigue averaged over."""


def no_effect(quadratic: Quadratic, theta: Array, u: Array) -> dict[str, float]:
    """Probability that each medium does nothing, by name, where even odds were given before the data.

    Parameters
    ----------
    quadratic
        The likelihood about its top.
    theta, u
        Posterior draws of the coefficients (draws, p) and log spreads (draws, k).
    """
    problem = quadratic.problem
    v = np.hstack([u, theta[:, problem.linear :]])[:DRAWS]
    whole, found = _evidence(quadratic, v, np.zeros(problem.layout.size, dtype=bool)), {}
    for code, name in enumerate(problem.layout.media):
        ratio = _evidence(quadratic, v, _own(quadratic, code)) - whole
        odds = special.logsumexp(ratio) - np.log(len(v)) + special.logit(EVEN)
        found[name] = float(special.expit(odds))
    return found


def _own(quadratic: Quadratic, code: int) -> np.ndarray:
    """Which coefficients (p,) are a medium's alone."""
    layout = quadratic.problem.layout
    own = np.zeros(layout.size, dtype=bool)
    own[layout.columns(code)] = True
    own[: layout.blocks["spread_media"].start] = False
    if code in layout.fatigued:
        own[layout.blocks["fatigue"].start + layout.fatigued.index(code)] = True
    return own


def _evidence(quadratic: Quadratic, v: Array, without: np.ndarray) -> Array:
    """Log evidence given spreads and fatigue v (n, k), up to a constant, where coefficients `without` (p,) are zero."""
    problem, q = quadratic.problem, quadratic.problem.linear
    precision = problem.precision(v[:, : problem.start.size])
    phi = np.where(without[q:], 0.0, np.exp(v[:, problem.start.size :]))
    b = np.flatnonzero(~without[:q])
    bent = quadratic.curvature
    right = quadratic.pull[b] - phi @ bent[q:, b] + precision[:, b] * problem.prior_mean[b]
    matrix = np.tile(bent[np.ix_(b, b)], (len(v), 1, 1))
    matrix[:, np.arange(b.size), np.arange(b.size)] += precision[:, b]
    height = np.einsum("np,np->n", right, np.linalg.solve(matrix, right[..., None])[..., 0])
    volume = np.log(precision[:, b]).sum(axis=1) - np.linalg.slogdet(matrix)[1]
    tired = phi @ quadratic.pull[q:] - np.einsum("np,np->n", phi @ bent[q:, q:], phi) / 2
    return np.asarray((height + volume) / 2 + tired)
