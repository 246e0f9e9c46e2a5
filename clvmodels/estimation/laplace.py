"""Laplace with correction: a normal approximation at the mode, put right by importance weights that vouch for themselves.

The posterior, with positive parameters as logarithms, is climbed to its mode; a Student-t with the covariance of the curvature
there proposes draws; each is weighted by posterior over proposal; the largest weights are smoothed by a Pareto distribution
whose shape k-hat says whether the weights can be trusted (Vehtari, Simpson, Gelman, Yao and Gabry 2024). The draws are then
resampled to equal weight, so what comes out are ordinary posterior draws: exact in the limit, not normal.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from scipy import stats

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
    proposal = stats.multivariate_t(mode.u, mode.covariance, df=DEGREES_OF_FREEDOM)
    proposed = np.reshape(proposal.rvs(size=int(OVERSAMPLING * draws), random_state=rng), (-1, mode.u.size))
    log_weights, k_hat = smoothed(problem.log_posterior_of_draws(proposed) - proposal.logpdf(proposed))
    weights = np.exp(log_weights - log_weights.max())
    weights /= weights.sum()
    theta = problem.coordinates.theta(proposed[resample(weights, draws, rng)])
    posterior = xr.Dataset({name: (("chain", "draw"), theta[None, :, j]) for j, name in enumerate(problem.priors)})
    ess = effective(weights, draws)
    diagnostics = Diagnostics(mode.decrement, mode.iterations, k_hat=k_hat, ess=ess)
    return from_posterior(posterior, problem.coordinates, diagnostics)


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
