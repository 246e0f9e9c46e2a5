"""Published values of the Pareto/NBD model.

Sources: CLVTools = its test suite; BTYD = its walkthrough; paper = Fader, Hardie and Lee 2005;
mp = evaluated from the model's definition with 30-digit arithmetic.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import clvmodels as clv

PAPER = (0.553, 10.578, 0.606, 11.669)
WEEK = clv.WEEK
# frequency, recency, T, horizon, P(alive), expected purchases, log-likelihood at PAPER [mp]
CUSTOMERS = [
    (0, 0, 38.86, 39, 0.2952866046169, 0.1070814682153, -0.5210462940809),
    (1, 10, 38.86, 39, 0.3991817935022, 0.4065253390518, -5.315633440962),
    (2, 30.43, 38.86, 39, 0.869167559153, 1.455123193258, -9.55428324515),
    (7, 35, 38.86, 52, 0.9360811764615, 5.897180687138, -21.81693722214),
]


@pytest.mark.parametrize("x, t_x, T, horizon, alive, purchases, loglik", CUSTOMERS)
def test_single_customers(x, t_x, T, horizon, alive, purchases, loglik) -> None:
    customer = clv.History(x, t_x, T, WEEK)
    assert clv.PARETO_NBD.p_alive(PAPER, customer) == pytest.approx(alive, rel=1e-11)
    assert clv.PARETO_NBD.log_likelihood(PAPER, customer) == pytest.approx(loglik, rel=1e-11)
    found = clv.PARETO_NBD.expected_purchases(PAPER, customer, horizon=horizon * WEEK)
    assert found == pytest.approx(purchases, rel=1e-11)


@pytest.mark.parametrize("past, worth", [((0, 0, 38.86), 0.4771362290322), ((2, 30.43, 38.86), 6.4837735677307)])
def test_discounted_expected_residual_transactions(past, worth) -> None:
    """At a force of interest of .0027 a week [mp]."""
    discount = clv.Rate(math.expm1(0.0027), per=WEEK)
    found = clv.PARETO_NBD.discounted_expected_purchases(PAPER, clv.History(*past, WEEK), discount=discount)
    assert found == pytest.approx(worth, rel=1e-9)


def test_a_new_customer_in_a_year() -> None:
    """E[X(52)] of BTYD's walkthrough; CLVTools' estimates of the same model, to five digits."""
    newcomer = clv.History.new_customer(WEEK)
    year = clv.PARETO_NBD.expected_purchases((0.55315, 10.57633, 0.60625, 11.67150), newcomer, horizon=52 * WEEK)
    assert year == pytest.approx(1.473434, rel=1e-4)


@pytest.mark.parametrize(
    "theta, loglik",
    [
        ((0.5534, 10.5802, 0.6061, 11.6562), -9594.976204),
        ((0.55315, 10.57633, 0.60625, 11.67150), -9594.976184),
    ],
)
def test_log_likelihood_of_the_sample(cdnow: clv.Histories, theta, loglik) -> None:
    assert clv.PARETO_NBD.log_likelihood(theta, cdnow).sum() == pytest.approx(loglik, abs=2e-6)


def test_estimates_and_standard_errors_of_the_sample(cdnow: clv.Histories) -> None:
    """CLVTools' estimates and standard errors."""
    fit = clv.fit(clv.PARETO_NBD, cdnow, method="mle")
    assert fit.loglik == pytest.approx(-9594.976, abs=5e-4)
    assert np.array(fit.theta) == pytest.approx([0.55315, 10.57633, 0.60625, 11.67150], rel=5e-4)
    errors = np.sqrt(np.diag(fit.covariance)) * np.array(fit.theta)
    assert errors == pytest.approx([0.0476264, 0.8427222, 0.1872594, 6.2105448], rel=1e-3)
