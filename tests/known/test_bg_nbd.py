"""Published values of the BG/NBD model.

Sources: FHL = Fader, Hardie and Lee 2005; CLVTools = its test suite; lifetimes = its tests and documentation; mp = evaluated
from the model's definition with 30-digit arithmetic.
"""

from __future__ import annotations

import numpy as np
import pytest

import clvmodels as clv

PAPER = (0.243, 4.414, 0.793, 2.426)  # FHL, table 2
CLVTOOLS = (0.2425945, 4.4136019, 0.7929199, 2.4258881)
WEEK = clv.WEEK
# frequency, recency, T, horizon, P(alive), expected purchases, log-likelihood at PAPER [mp]
CUSTOMERS = [
    (0, 0, 38.86, 39, 1, 0.1950980520113, -0.5547132764382),
    (1, 10, 38.86, 39, 0.4382373642637, 0.419819500188, -5.194791458787),
    (2, 30.43, 38.86, 39, 0.7265785700807, 1.226028174767, -9.458606307066),
    (7, 35, 38.86, 52, 0.843767821928, 5.520567507999, -22.13694492751),
]


@pytest.mark.parametrize(("x", "t_x", "T", "h", "alive", "expected", "loglik"), CUSTOMERS)
def test_single_customers(x, t_x, T, h, alive, expected, loglik) -> None:
    customer = clv.History(frequency=x, recency=t_x, T=T, period=WEEK)
    assert clv.BG_NBD.p_alive(PAPER, customer) == pytest.approx(alive, rel=1e-11)
    assert clv.BG_NBD.expected_purchases(PAPER, customer, horizon=h * WEEK) == pytest.approx(expected, rel=1e-11)
    assert clv.BG_NBD.log_likelihood(PAPER, customer) == pytest.approx(loglik, rel=1e-11)


def test_maximum_likelihood_on_cdnow(cdnow) -> None:
    fit = clv.fit(clv.BG_NBD, cdnow, method="mle")
    assert fit.loglik == pytest.approx(-9582.429, abs=5e-4)  # CLVTools
    assert list(fit.theta) == pytest.approx(CLVTOOLS, rel=2e-5)
    # lifetimes' documentation: coefficients and standard errors, whose third digits depend on its optimiser
    assert list(fit.summary()["sd"]) == pytest.approx([0.012557, 0.378221, 0.185719, 0.705345], rel=5e-4)


@pytest.mark.parametrize(("theta", "loglik"), [(CLVTOOLS, -9582.429207), (PAPER, -9582.430478)])
def test_log_likelihood_of_cdnow(cdnow, theta, loglik) -> None:
    assert clv.BG_NBD.log_likelihood(theta, cdnow).sum() == pytest.approx(loglik, abs=1e-6)  # mp


def test_expectation_of_a_new_customer() -> None:
    newcomer = clv.History.new_customer(WEEK)
    times = [0.1429, 1, 3, 31.8571, 32, 78]
    found = [clv.BG_NBD.expected_purchases(CLVTOOLS, newcomer, horizon=t * WEEK) for t in times]
    # lifetimes, from Hardie's spreadsheet: four decimals, at estimates that differ from CLVTools' in the fourth digit
    assert found == pytest.approx([0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.8576], rel=3e-4, abs=5e-5)
    btyd = (0.2425967, 4.413659, 0.7929869, 2.426164)  # BTYD walkthrough, and its value
    assert clv.BG_NBD.expected_purchases(btyd, newcomer, horizon=52 * WEEK) == pytest.approx(1.44400416, abs=5e-9)


def test_distribution_of_a_new_customer() -> None:
    def pmf(n, weeks):
        return clv.BG_NBD.pmf(PAPER, clv.History.new_customer(WEEK), n=n, horizon=weeks * WEEK)

    assert pmf(10, 2) == pytest.approx(1.07869e-07, rel=1e-5)  # lifetimes
    assert pmf(0, 39) == pytest.approx(0.5737864, abs=5e-8)
    tail = [0.0019995214, 0.0015170236, 0.0011633150, 0.0009003148, 0.0007023638]
    tail += [0.0005517902, 0.0004361913, 0.0003467171, 0.0002769613, 0.0002222260]
    assert pmf(np.arange(11, 21), 30) == pytest.approx(np.array(tail), abs=5e-11)
    assert pmf(np.arange(4), 39) == pytest.approx([0.57378635, 0.19939528, 0.08542976, 0.04586035], abs=5e-9)  # mp


def test_discounted_residual_purchases() -> None:
    customers = clv.History([0, 2], [0, 30.43], [38.86, 38.86], WEEK)
    rate = clv.Rate.continuous(0.0027, per=WEEK)
    found = clv.BG_NBD.expected_purchases(PAPER, customers, horizon=clv.FOREVER, discount=rate)
    assert found == pytest.approx([1.01570193112, 5.15637982615], rel=1e-11)  # mp, by quadrature


def test_the_weekly_unit_is_days_over_seven(cdnow) -> None:
    assert cdnow.frequency.sum() == 2457
    assert np.sum(cdnow.frequency == 0) == 1411  # calendar weeks would give 2,248 and 1,422
