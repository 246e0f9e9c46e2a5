"""Places of outcomes in their predictive distributions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from clvmodels.errors import ClvError
from clvmodels.evaluation.calibration import coverage_at, randomised_pit


@pytest.mark.parametrize("mean", [0.1, 1.0, 30.0])
@pytest.mark.parametrize("draws", [19, 200])
def test_pit_is_uniform_when_outcomes_come_from_the_forecast(mean: float, draws: int) -> None:
    """Counts, mostly tied with draws: without the randomisation nothing here would be uniform."""
    rng = np.random.default_rng([draws, int(10 * mean)])
    outcome, draw = rng.poisson(mean, 4000)[:, None], rng.poisson(mean, (4000, draws))
    below, at_most = (draw < outcome).mean(axis=1), (draw <= outcome).mean(axis=1)
    pit = randomised_pit(below, at_most, draws=draws, rng=rng)
    assert stats.kstest(pit, "uniform").pvalue > 0.001


def test_pit_piles_up_where_the_forecast_is_too_low() -> None:
    below = np.full(200, 0.99)
    pit = randomised_pit(below, below, draws=100, rng=np.random.default_rng(0))
    assert np.all(pit > 0.97)


def test_coverage_by_hand() -> None:
    places = pd.DataFrame({"purchases": [0.01, 0.2, 0.5, 0.8], "spend": [0.04, 0.96, 0.5, 0.06]})
    found = coverage_at(places, [0.5, 0.9])
    assert found["purchases"].tolist() == [0.25, 0.75]
    assert found["spend"].tolist() == [0.25, 0.5]
    assert found["standard_error"].tolist() == pytest.approx([0.25, 0.15])


def test_a_level_is_a_probability() -> None:
    with pytest.raises(ClvError, match=r"Write 0\.90"):
        coverage_at(pd.DataFrame({"spend": [0.5]}), [90])
