"""The posterior of a media response model by Hamiltonian Monte Carlo: the reference for `media_laplace`.

A pooled coefficient is written as spread^(1 - w) times a variable whose prior has the standard deviation spread^w, w between 0
and 1 being how much of the coefficient the data tell: neither those they tell nor the others make a funnel with the spread
(Papaspiliopoulos, Roberts and Skold 2007).
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
    names = ["theta", "u"] if problem.start.size else ["theta"]
    posterior, diagnostics = sampled(
        model, names, title="Media response", accept=CAREFUL, draws=draws, chains=chains, tune=tune, seed=seed
    )
    theta = posterior["theta"].to_numpy().reshape(-1, problem.layout.size)
    u = posterior["u"].to_numpy().reshape(len(theta), -1) if problem.start.size else np.zeros((len(theta), 0))
    return MediaDraws(theta, u, diagnostics)


def pymc_model(problem: MediaProblem, settled: Settled) -> pm.Model:
    """The same model in PyMC: theta the coefficients, u the logarithms of the spreads."""
    size, k = problem.layout.size, problem.start.size
    first, pooled = settled.v[:k], problem.pooled
    told = _told(problem, settled) * pooled.sum(axis=0)
    start = (settled.top.theta - problem.prior_mean) * np.sqrt(problem.precision(first))
    with pm.Model() as model:
        u = pm.Flat("u", shape=k, initval=first) if k else pt.zeros(0)
        for j, name in enumerate(problem.layout.spreads):
            distribution, arguments = problem.priors[name].pymc()
            random = getattr(pm, distribution).dist(**arguments)
            pm.Potential(f"prior_{j}", pm.logp(random, pt.exp(u[j])) + u[j])
        off = pt.dot(u - first, pt.constant(pooled))
        z = pm.Normal("z", 0.0, pt.exp(told * off), shape=size, initval=start)
        spread = pt.exp((1 - told) * off) / np.sqrt(problem.precision(first))
        theta = pm.Deterministic("theta", pt.constant(problem.prior_mean) + z * spread)
        for j, part in enumerate(problem.parts):
            pm.Potential(f"cells_{j}", _log_likelihood(part, theta))
    return model


def _told(problem: MediaProblem, settled: Settled) -> Array:
    """Share of what is known of each coefficient that the data tell, between 0 and 1."""
    precision = problem.precision(settled.v[: problem.start.size])
    left = np.diag(np.linalg.inv(problem.curvature(settled.top.slopes) + np.diag(precision)))
    return np.clip(1 - left * precision, 0.0, 1.0)


def _log_likelihood(part: Any, theta: Any) -> Any:
    logit = pt.dot(pt.constant(part.linear), theta[part.columns])
    if part.fatigue.size:
        logit = logit - pt.dot(pt.constant(part.stock), pt.exp(theta[part.fatigue]))
    return pt.sum(part.successes * logit - part.trials * pt.softplus(logit))
