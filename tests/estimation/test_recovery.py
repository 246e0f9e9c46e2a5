"""Simulated customers give back the parameters they were made with."""

from __future__ import annotations

import numpy as np
import pytest

import clvmodels as clv

TRUTH = {
    clv.NBD: (0.5, 8.0),
    clv.BG_NBD: (0.6, 6.0, 0.9, 3.0),
    clv.MBG_NBD: (0.6, 6.0, 0.9, 3.0),
    clv.BG_CNBD_K(2): (0.6, 3.0, 0.9, 3.0),
    clv.MBG_CNBD_K(3): (0.8, 2.0, 0.9, 3.0),
    clv.PARETO_NBD: (0.8, 8.0, 0.9, 15.0),
    clv.GGOMPERTZ_NBD: (1.2, 3.0, 0.08, 0.6, 1.5),
    clv.BG_BB: (1.2, 0.75, 0.66, 2.8),
    clv.PARETO_LOGNORMAL: (0.1, 0.03, 1.0, -0.5, 1.0),
}
each_model = pytest.mark.parametrize("model", TRUTH, ids=str)


def standardised_errors(model, seed: int, n: int) -> np.ndarray:
    """Errors of the maximum of the likelihood in free coordinates (logarithms where positive), in standard errors."""
    rng = np.random.default_rng(seed)
    ages = rng.uniform(40, 120, n)
    people = model.simulate(TRUTH[model], T=np.ceil(ages / 10) if model.discrete else ages, period=clv.WEEK, seed=rng)
    fit = clv.fit(model, people, method="mle")
    free = model.coordinates().free
    return (free(fit.theta) - free(TRUTH[model])) / np.sqrt(np.diag(fit.covariance))


@pytest.mark.parametrize(
    "model", [m for m in TRUTH if m is not clv.PARETO_LOGNORMAL], ids=str
)  # which has a test of its own
def test_maximum_likelihood_finds_the_truth(model) -> None:
    assert np.all(np.abs(standardised_errors(model, 4, 6000)) < 3.5)


@pytest.mark.slow
@each_model
def test_twenty_samples_scatter_about_the_truth_as_their_standard_errors_say(model) -> None:
    errors = np.array([standardised_errors(model, seed, 6000) for seed in range(20)])
    assert np.all(np.abs(errors.mean(axis=0)) < 3 / np.sqrt(20))
    assert np.all(np.abs(errors) < 4)
    assert np.all((errors.std(axis=0) > 0.5) & (errors.std(axis=0) < 1.6))
