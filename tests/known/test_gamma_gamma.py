"""Published values of the gamma-gamma model: Fader and Hardie 2013, CLVTools' tests, lifetimes' documentation; mp = 30 digits."""

from __future__ import annotations

import numpy as np
import pytest

import clvmodels as clv

PAPER = (6.25, 3.74, 15.44)


def test_maximum_likelihood_on_cdnow(cdnow) -> None:
    fit = clv.fit(clv.GAMMA_GAMMA, cdnow, method="mle")
    assert fit.loglik == pytest.approx(-4055.9177, abs=5e-5)  # CLVTools
    assert list(fit.theta) == pytest.approx(PAPER, abs=0.005)  # printed to two decimals
    assert fit.n_informative == 946


def test_log_likelihood_of_cdnow(cdnow) -> None:
    assert clv.GAMMA_GAMMA.log_likelihood(PAPER, cdnow).sum() == pytest.approx(-4055.919232, abs=1e-6)  # mp


def test_expected_spend_at_the_published_parameters() -> None:
    customers = clv.History([0, 1, 2, 7, 26], [0, 5, 5, 5, 5], 38.0, clv.WEEK, np.array([0, 20, 22.35, 73.74, 50]))
    found = clv.GAMMA_GAMMA.expected_spend(PAPER, customers)
    want = [35.2189781022, 24.638487208, 24.6637139108, 71.469670897, 49.7549019608]  # mp
    assert found == pytest.approx(want, rel=1e-11)
    assert found[0] == pytest.approx(6.25 * 15.44 / 2.74, rel=1e-15)
