"""Laplace with correction: a normal approximation at the mode, put right by importance weights that vouch for themselves.

The posterior, with positive parameters as logarithms, is climbed to its mode; a Student-t with the covariance of the curvature
there proposes draws; each is weighted by posterior over proposal; the largest weights are smoothed by a Pareto distribution
whose shape k-hat says whether the weights can be trusted (Vehtari, Simpson, Gelman, Yao and Gabry 2024). Where the posterior
bends away from the normal, further proposals learn its shape: a Student-t about each of some draws that the one before found
(West 1993). What one proposal has not reached its weights cannot show, so the learning ends when two in a row are good. The
draws are then resampled to equal weight, so what comes out are ordinary posterior draws: exact in the limit, not normal.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy import stats
from scipy.special import logsumexp

from clvmodels.estimation.mle import posterior_mode
from clvmodels.estimation.outcome import Diagnostics, Outcome, from_posterior
from clvmodels.estimation.problem import Problem
from clvmodels.model import Array

DEGREES_OF_FREEDOM = 7
"""Of the proposal: tails heavier than the posterior's keep the weights bounded."""
OVERSAMPLING = 1.25
"""Proposals per draw handed back."""
K_HAT_LIMIT = 0.7
"""Above it, importance weights cannot be trusted."""
K_HAT_GOOD = 0.5
"""Up to it their variance is finite; above it further proposals are tried."""
LESSONS = 5
"""Further proposals at most."""
ENOUGH = 5
"""Effective draws per parameter from which the next proposal can learn."""
CENTRES = 300
"""Draws that each of these is about."""


def laplace(problem: Problem, *, draws: int, seed: int) -> Outcome:
    """Draw from the posterior of the parameters.

    Parameters
    ----------
    problem
        Model, data and priors.
    draws
        How many equal-weight draws to hand back.

    Returns
    -------
    Outcome with `draws` posterior draws in one chain; the caller judges its k-hat

    Raises
    ------
    ConvergenceError
        If the posterior has no mode that can be found.
    """
    rng = np.random.default_rng(seed)
    mode = posterior_mode(problem)
    count = int(OVERSAMPLING * draws)
    found = _weighed(problem, mode.u[None], mode.covariance, count, rng)
    k_hat = found.k_hat
    for _ in range(LESSONS):
        if k_hat <= K_HAT_GOOD or not found.teaches:
            break
        about, covariance = found.u[resample(found.weights, CENTRES, rng)], np.cov(found.u.T, aweights=found.weights)
        before, found = found, _weighed(problem, about, covariance, count, rng)
        k_hat = max(before.k_hat, found.k_hat)
    theta = problem.coordinates.theta(found.u[resample(found.weights, draws, rng)])
    posterior = xr.Dataset({name: (("chain", "draw"), theta[None, :, j]) for j, name in enumerate(problem.priors)})
    ess = effective(found.weights, draws)
    diagnostics = Diagnostics(mode.decrement, mode.iterations, k_hat=k_hat, ess=ess)
    return from_posterior(posterior, problem.coordinates, diagnostics)


class _Weighed(NamedTuple):
    """Proposals u (n, k), their importance weights (n,), which sum to one, and the k-hat of these."""

    u: Array
    weights: Array
    k_hat: float

    @property
    def teaches(self) -> bool:
        """Whether a next proposal can learn from it."""
        return bool(np.isfinite(self.k_hat) and 1 / np.sum(self.weights**2) > ENOUGH * self.u.shape[1])


def _weighed(problem: Problem, centres: Array, covariance: Array, count: int, rng: np.random.Generator) -> _Weighed:
    """Proposals from equal parts of Student-t about `centres` (m, k), weighed by the posterior."""
    part = stats.multivariate_t(np.zeros(len(covariance)), covariance, df=DEGREES_OF_FREEDOM)
    noise = part.rvs(size=count, random_state=rng).reshape(count, -1)
    u = centres[rng.integers(len(centres), size=count)] + noise
    proposed = logsumexp([part.logpdf(u - centre) for centre in centres], axis=0) - np.log(len(centres))
    log_weights, k_hat = smoothed(problem.log_posterior_of_draws(u) - proposed)
    if not np.isfinite(k_hat):
        return _Weighed(u, np.full(count, 1 / count), np.inf)
    weights = np.exp(log_weights - log_weights.max())
    return _Weighed(u, weights / weights.sum(), k_hat)


def smoothed(log_ratio: Array) -> tuple[Array, float]:
    """Pareto-smoothed log weights and the shape k-hat of their tail; infinite if a weight is not finite."""
    if not np.all(np.isfinite(log_ratio) | (log_ratio == -np.inf)):
        return log_ratio, np.inf
    from arviz_stats.base import array_stats

    floor = np.maximum(log_ratio, log_ratio.max() - 700)
    log_weights, k_hat = array_stats.psislw(-floor)
    return np.asarray(log_weights), float(k_hat)


def effective(weights: Array, draws: int) -> float:
    """How many independent draws the resampled ones are worth: less by uneven weights, and by the luck of resampling.

    The first costs the sum of squared weights; the second the variance of each proposal's number of copies, whose expectation
    is draws * weight and which systematic resampling rounds up or down.
    """
    rounding = (draws * weights) % 1.0
    return float(1 / (np.sum(weights**2) + np.sum(rounding * (1 - rounding)) / draws**2))


def resample(weights: Array, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Indices of equal-weight draws by systematic resampling, in random order."""
    positions = (rng.random() + np.arange(draws)) / draws
    chosen = np.searchsorted(np.cumsum(weights), positions).clip(max=weights.size - 1)
    return rng.permutation(chosen)
