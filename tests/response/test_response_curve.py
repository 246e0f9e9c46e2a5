"""A response curve goes through today, bends, and its optimum is where one more unit returns one."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

import clvmodels as clv


@pytest.fixture
def curve():
    return clv.response_curve(current_spend=8.0, current_rate=0.15, ceiling=0.45)


def test_it_goes_through_today_and_ends_at_the_ceiling(curve) -> None:
    assert curve.rate(8.0) == pytest.approx(0.15)
    assert curve.rate(0.0) == 0.0
    assert curve.rate(1e4) == pytest.approx(0.45)
    assert curve.steepness == pytest.approx(np.log(1.5) / 8)  # 1 - 0.15 / 0.45 = 1 / 1.5
    assert curve.rate(16.0) == pytest.approx(0.45 * (1 - 1.5**-2))
    assert curve.spend_for(curve.rate([1.0, 30.0])) == pytest.approx([1.0, 30.0])


def test_the_marginal_is_the_slope(curve) -> None:
    spend = np.array([0.5, 8.0, 40.0])
    assert curve.marginal(spend) == pytest.approx((curve.rate(spend + 1e-5) - curve.rate(spend - 1e-5)) / 2e-5)
    assert np.all(np.diff(curve.marginal(np.linspace(0, 100, 50))) < 0)


@pytest.mark.parametrize("value", [30.0, 45.0, 200.0, 5000.0])
def test_the_optimum_is_that_of_a_search(curve, value) -> None:
    search = optimize.minimize_scalar(lambda s: -float(curve.net(s, value=value)), bounds=(0, 1000), method="bounded")
    assert curve.optimal_spend(value=value) == pytest.approx(search.x, abs=1e-3)
    if value > 45:
        assert value * curve.marginal(curve.optimal_spend(value=value)) == pytest.approx(1.0)


def test_what_is_not_worth_it_is_not_spent(curve) -> None:
    """The first unit returns value * ceiling * steepness."""
    assert curve.optimal_spend(value=0.99 / (0.45 * curve.steepness)) == 0.0
    assert curve.optimal_spend(value=1.01 / (0.45 * curve.steepness)) > 0.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"current_spend": 8.0, "current_rate": 0.5, "ceiling": 0.45}, "between 0 and its ceiling"),
        ({"current_spend": 8.0, "current_rate": 0.5, "ceiling": 45}, "at most at 1"),
        ({"current_spend": 0.0, "current_rate": 0.1, "ceiling": 0.45}, "positive spend"),
    ],
)
def test_what_is_no_curve_is_refused(given, message) -> None:
    with pytest.raises(clv.ModelError, match=message):
        clv.response_curve(**given)


def test_out_of_reach_is_said(curve) -> None:
    with pytest.raises(clv.ModelError, match=r"the ceiling is 0\.45"):
        curve.spend_for(0.45)
    with pytest.raises(clv.ModelError, match="cannot be -1"):
        curve.rate(-1.0)
