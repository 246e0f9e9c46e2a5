"""Simulation-based calibration of survival models (Talts et al. 2018).

Parameters from the prior, customers from the parameters, without the package: then the ranks of the true values among posterior
draws are uniform.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from scipy import stats

import clvmodels as clv

REPLICATES, DRAWS = 200, 199
MONTH = clv.MONTH


class Drawn(NamedTuple):
    """A model with its priors, customers, and the truth that they were drawn from."""

    model: Any
    people: clv.Tenures
    priors: dict[str, Any]
    truth: dict[str, float]


def weibull(rng: np.random.Generator) -> Drawn:
    """A covariate, and a third who entered late."""
    n = 200
    scale, shape, effect = 12 * np.exp(0.5 * rng.normal()), 1.2 * np.exp(0.3 * rng.normal()), rng.normal()
    x = rng.normal(size=n)
    entry = np.where(rng.random(n) < 1 / 3, rng.uniform(0, 6, n), 0.0)
    # given survival to the entry: the hazard that was used up by then, and an exponential more
    used = (entry / scale) ** shape * np.exp(effect * (x - x.mean()))
    times = scale * ((used + rng.exponential(size=n)) * np.exp(-effect * (x - x.mean()))) ** (1 / shape)
    until = entry + rng.uniform(1, 24, n)
    people = clv.Tenures(
        np.arange(n), entry, np.minimum(times, until), (times <= until).astype(float), MONTH, covariates={"x": x}
    )
    priors = {
        "scale": clv.LogNormal(12 * MONTH, 0.5),
        "shape": clv.LogNormal(1.2, 0.3),
        "hazard_x": clv.Normal(0.0, float(x.std())),
    }
    return Drawn(
        clv.survival("weibull", formula="~ x"), people, priors, {"scale": scale, "shape": shape, "hazard_x": effect}
    )


def walk(rng: np.random.Generator) -> Drawn:
    """Ten periods, whose hazard walks."""
    n, periods = 400, 10
    rate, scale, steps = 0.12 * np.exp(0.5 * rng.normal()), 0.5 * abs(rng.normal()), rng.normal(size=periods - 1)
    path = np.append(0.0, np.cumsum(scale * steps))
    left_at = np.searchsorted(np.cumsum(rate * np.exp(path - path.mean())), rng.exponential(size=n)) + 1.0
    exit = np.append(np.minimum(left_at, periods), periods)
    # one more, who entered at the end and says nothing, so that there are ten periods whoever is left
    entry = np.append(np.zeros(n), periods)
    people = clv.Tenures(np.arange(n + 1), entry, exit, np.append(left_at <= periods, 0.0), MONTH)
    truth = {"rate": rate, "walk": scale, "step_1": steps[0], "step_9": steps[-1]}
    return Drawn(clv.survival("discrete"), people, {"rate": clv.LogNormal((1 / 0.12) * MONTH, 0.5)}, truth)


def frailty(rng: np.random.Generator) -> Drawn:
    """Six segments of very different size."""
    scale, shape, spread = 12 * np.exp(0.5 * rng.normal()), 1.2 * np.exp(0.3 * rng.normal()), 0.5 * abs(rng.normal())
    deviations = rng.normal(size=6)
    which = np.repeat(np.arange(6), [5, 10, 20, 40, 80, 160])
    n = which.size
    times = scale * (rng.exponential(size=n) * np.exp(-spread * deviations[which])) ** (1 / shape)
    until = rng.uniform(3, 30, n)
    people = clv.Tenures(
        np.arange(n), np.zeros(n), np.minimum(times, until), (times <= until).astype(float), MONTH,
        segment=np.array([f"S{k}" for k in which]),
    )  # fmt: skip
    priors = {"scale": clv.LogNormal(12 * MONTH, 0.5), "shape": clv.LogNormal(1.2, 0.3)}
    truth = {"scale": scale, "shape": shape, "spread_segment": spread}
    truth |= {f"segment_S{k}": deviations[k] for k in (0, 5)}
    return Drawn(clv.survival("weibull", frailty="segment"), people, priors, truth)


@pytest.mark.slow
@pytest.mark.parametrize("drawn", [weibull, walk, frailty], ids=lambda f: f.__name__)
def test_laplace_ranks_are_uniform(drawn: Callable[[np.random.Generator], Drawn]) -> None:
    rng = np.random.default_rng(12)
    ranks, inside, refused = [], [], 0
    for replicate in range(REPLICATES):
        model, people, priors, truth = drawn(rng)
        try:
            fit = clv.fit(model, people, method="laplace", priors=priors, draws=DRAWS, seed=replicate)
        except clv.ConvergenceError:
            refused += 1
            continue
        samples = np.array([np.ravel(fit.posterior[name].values) for name in truth])  # type: ignore[index]
        true = np.array(list(truth.values()))
        ranks.append((samples < true[:, None]).sum(axis=1))
        lower, upper = np.quantile(samples, [0.05, 0.95], axis=1)
        inside.append((lower <= true) & (true <= upper))
    assert refused <= 0.05 * REPLICATES
    uniform = (np.array(ranks) + rng.random((len(ranks), len(truth)))) / (DRAWS + 1)
    for j, name in enumerate(truth):
        assert stats.kstest(uniform[:, j], "uniform").pvalue > 0.001, name
        low, high = stats.binom.interval(0.999, len(ranks), 0.90)
        assert low <= np.sum(inside, axis=0)[j] <= high, name
