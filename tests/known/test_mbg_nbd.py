"""Values of the MBG/NBD model, evaluated from its definition with 30-digit arithmetic.

Parameters: lifetimes' test of ModifiedBetaGeoFitter on CDNOW's sample (from BTYDplus), three decimals.
"""

from __future__ import annotations

import numpy as np
import pytest

import clvmodels as clv

THETA = (0.525, 6.183, 0.891, 1.614)
# frequency, recency, T, horizon, P(alive), expected purchases, log-likelihood
CUSTOMERS = [
    (0, 0, 38.86, 39, 0.3897350809188, 0.1540127466751, -0.539837463531),
    (1, 10, 38.86, 39, 0.3811232421344, 0.4212800044952, -5.262776538657),
    (2, 30.43, 38.86, 39, 0.7062022651185, 1.262960623267, -9.485551314534),
    (7, 35, 38.86, 52, 0.831265048102, 5.292466839839, -22.06536783914),
]


@pytest.mark.parametrize("x, t_x, T, horizon, alive, purchases, loglik", CUSTOMERS)
def test_single_customers(x, t_x, T, horizon, alive, purchases, loglik) -> None:
    customer = clv.History(x, t_x, T, clv.WEEK)
    assert clv.MBG_NBD.p_alive(THETA, customer) == pytest.approx(alive, rel=1e-12)
    assert clv.MBG_NBD.log_likelihood(THETA, customer) == pytest.approx(loglik, rel=1e-12)
    found = clv.MBG_NBD.expected_purchases(THETA, customer, horizon=horizon * clv.WEEK)
    assert found == pytest.approx(purchases, rel=1e-11)


@pytest.mark.parametrize(
    "weeks, pmf, mean",
    [
        (2, [0.91184422, 0.07563186, 0.01043384, 0.00171018], 0.10324079),
        (39, [0.58247319, 0.18278308, 0.08689483, 0.04857044], 1.18295367),
    ],
)
def test_new_customers(weeks, pmf, mean) -> None:
    newcomer = clv.History.new_customer(clv.WEEK)
    assert clv.MBG_NBD.pmf(THETA, newcomer, n=np.arange(4), horizon=weeks * clv.WEEK) == pytest.approx(pmf, abs=5e-9)
    assert clv.MBG_NBD.expected_purchases(THETA, newcomer, horizon=weeks * clv.WEEK) == pytest.approx(mean, abs=5e-9)


def test_sample_of_cdnow(cdnow: clv.Histories) -> None:
    assert clv.MBG_NBD.log_likelihood(THETA, cdnow).sum() == pytest.approx(-9582.135826, rel=1e-9)
    fit = clv.fit(clv.MBG_NBD, cdnow, method="mle")
    assert np.array(fit.theta) == pytest.approx(THETA, abs=1.5e-3)
