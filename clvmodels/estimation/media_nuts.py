"""The posterior of a media response model by Hamiltonian Monte Carlo: the reference for `media_laplace`.

Pooled coefficients are written as spread times a standard normal, so that small spreads make no funnel.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from clvmodels.estimation.media_laplace import MediaDraws, Settled
from clvmodels.estimation.media_problem import MediaProblem
from clvmodels.estimation.nuts import CAREFUL, sampled
from clvmodels.model import Array


def media_nuts(problem: MediaProblem, settled: Settled, *, draws: int, chains: int, tune: int, seed: int) -> MediaDraws:
    """Posterior draws, `draws` of each chain one after the other; the caller judges R-hat, effective draws and divergences.

    Raises
    ------
    ConvergenceError
        If the sampler cannot start.
    """
    model = pymc_model(problem, settled)
    names = ["z", "u"] if problem.start.size else ["z"]
    posterior, diagnostics = sampled(
        model, names, title="Media response", accept=CAREFUL, draws=draws, chains=chains, tune=tune, seed=seed
    )
    z = posterior["z"].to_numpy().reshape(-1, problem.layout.size)
    u = posterior["u"].to_numpy().reshape(z.shape[0], -1) if problem.start.size else np.zeros((z.shape[0], 0))
    theta = problem.prior_mean + z / np.sqrt(problem.precision(u))
    return MediaDraws(theta, u, diagnostics)


def pymc_model(problem: MediaProblem, settled: Settled) -> pm.Model:
    """The same model in PyMC: u the logarithms of the spreads, z the coefficients in prior standard deviations off their mean."""
    size, k = problem.layout.size, problem.start.size
    first = settled.v[:k]
    scale = np.sqrt(problem.precision(first))
    with pm.Model() as model:
        z = pm.Normal("z", 0.0, 1.0, shape=size, initval=(settled.top.theta - problem.prior_mean) * scale)
        spread = pt.constant(_fixed_spread(problem))
        if k:
            u = pm.Flat("u", shape=k, initval=first)
            priors = [problem.priors[name] for name in problem.layout.spreads]
            for j, prior in enumerate(priors):
                distribution, arguments = prior.pymc()
                random = getattr(pm, distribution).dist(**arguments)
                pm.Potential(f"prior_{j}", pm.logp(random, pt.exp(u[j])) + u[j])
            spread = spread + pt.dot(pt.exp(u), pt.constant(problem.pooled))
        theta = pt.constant(problem.prior_mean) + z * spread
        for j, part in enumerate(problem.parts):
            pm.Potential(f"cells_{j}", _log_likelihood(part, theta))
    return model


def _fixed_spread(problem: MediaProblem) -> Array:
    fixed = problem.fixed_precision
    return np.asarray(np.where(fixed > 0, 1 / np.sqrt(np.where(fixed > 0, fixed, 1.0)), 0.0))


def _log_likelihood(part: Any, theta: Any) -> Any:
    logit = pt.dot(pt.constant(part.linear), theta[part.columns])
    if part.fatigue.size:
        logit = logit - pt.dot(pt.constant(part.stock), pt.exp(theta[part.fatigue]))
    return pt.sum(part.successes * logit - part.trials * pt.softplus(logit))
