"""Binomial counts and differences of probabilities against 400 digits."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from clvmodels.numerics.binomial import binomial_log_likelihood
from clvmodels.response.predictor import increment


@pytest.mark.parametrize("log_odds", [-700.0, -30.0, -4.0, 0.0, 3.0, 40.0])
@pytest.mark.parametrize("effect", [-700.0, -5.0, -1e-9, 0.0, 1e-12, 0.3, 9.0, 700.0])
def test_an_increment_is_exact(log_odds, effect) -> None:
    with mp.workdps(400):
        without, with_contact = (1 / (1 + mp.exp(-x)) for x in (mp.mpf(log_odds), mp.mpf(log_odds) + mp.mpf(effect)))
        expected = float(with_contact - without)
    assert float(increment(np.array(log_odds), np.array(effect))) == pytest.approx(expected, rel=1e-13, abs=1e-307)


def test_the_log_likelihood_is_exact() -> None:
    rng = np.random.default_rng(0)
    logit, trials = rng.normal(-3, 4, (20, 3)), rng.integers(1, 1000, 20).astype(float)
    successes = np.floor(trials * rng.random(20))
    with mp.workdps(30):
        terms = [
            [y * mp.mpf(x) - n * mp.log1p(mp.exp(x)) for x in row]
            for row, y, n in zip(logit, successes, trials, strict=True)
        ]
        expected = [float(mp.fsum(column)) for column in zip(*terms, strict=True)]
    assert binomial_log_likelihood(logit, successes, trials) == pytest.approx(expected, rel=1e-13)
