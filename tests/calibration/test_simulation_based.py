"""Simulation-based calibration (Talts et al. 2018).

Parameters from the prior, customers from the parameters: then the ranks of the true values among posterior draws are uniform.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import clvmodels as clv

WEEK = clv.WEEK
REPLICATES, DRAWS = 400, 199
PRIORS = {
    "BG_NBD": {
        "r": clv.LogNormal(0.5, 0.5),
        "alpha": clv.LogNormal(8 * WEEK, 0.5),
        "a": clv.LogNormal(1.0, 0.6),
        "b": clv.LogNormal(3.0, 0.6),
    },
    "GAMMA_GAMMA": {"p": clv.LogNormal(4.0, 0.5), "q": clv.LogNormal(4.0, 0.5), "v": clv.LogNormal(20.0, 0.5)},
}


def data(model: str, theta: list[float], rng: np.random.Generator) -> clv.Histories:
    ages = rng.uniform(20, 60, 400)
    if model == "BG_NBD":
        return clv.BG_NBD.simulate(theta, T=ages, period=WEEK, seed=rng)
    people = clv.BG_NBD.simulate((0.6, 5.0, 0.8, 3.0), T=ages, period=WEEK, seed=rng)
    frame = people.to_frame().assign(monetary_value=clv.GAMMA_GAMMA.simulate(theta, people.frequency, seed=rng))
    return clv.Histories.from_frame(frame, period=WEEK)


def in_weeks(value: float | clv.Span) -> float:
    return value.per(WEEK) if isinstance(value, clv.Span) else value


@pytest.mark.slow
@pytest.mark.parametrize("model", [clv.BG_NBD, clv.GAMMA_GAMMA], ids=str)
def test_laplace_ranks_are_uniform(model) -> None:
    rng = np.random.default_rng(11)
    priors = PRIORS[model.name]
    ranks, inside, refused = [], [], 0
    for replicate in range(REPLICATES):
        theta = np.array([in_weeks(p.median) * np.exp(p.sigma * rng.normal()) for p in priors.values()])
        try:
            fit = clv.fit(
                model, data(model.name, list(theta), rng), method="laplace", priors=priors, draws=DRAWS, seed=replicate
            )
        except clv.ConvergenceError:
            refused += 1
            continue
        samples = np.array([np.ravel(fit.posterior[n].values) for n in model.Theta._fields])
        ranks.append((samples < theta[:, None]).sum(axis=1))
        lower, upper = np.quantile(samples, [0.05, 0.95], axis=1)
        inside.append((lower <= theta) & (theta <= upper))
    assert refused <= 0.02 * REPLICATES
    uniform = (np.array(ranks) + rng.random((len(ranks), len(priors)))) / (DRAWS + 1)
    for j, name in enumerate(priors):
        assert stats.kstest(uniform[:, j], "uniform").pvalue > 0.001, name
        low, high = stats.binom.interval(0.999, len(ranks), 0.90)
        assert low <= np.sum(inside, axis=0)[j] <= high, name
