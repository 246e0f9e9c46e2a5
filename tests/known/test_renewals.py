"""Published numbers of contractual retention.

Data: Fader and Hardie 2007, "How to project customer retention", per cent of 1,000 customers still there after each year.
"""

from __future__ import annotations

import numpy as np
import pytest

import clvmodels as clv
from clvmodels import BETA_DISCRETE_WEIBULL, SHIFTED_BETA_GEOMETRIC, YEAR

REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173]
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394]
DISCOUNT = clv.Rate(0.1, per=YEAR)
FITTED = {"regular": ((0.704, 1.182), -1680.2652), "high end": ((0.668, 3.806), -1611.1582)}
COHORTS = {"regular": REGULAR, "high end": HIGH_END}
each = pytest.mark.parametrize("name", FITTED)


def seven(name: str) -> clv.Tenures:
    """What was known after seven renewals."""
    return clv.Tenures.from_cohort(COHORTS[name][:8])


@each
def test_maximum_likelihood_of_the_first_seven_renewals(name: str) -> None:
    theta, loglik = FITTED[name]
    fit = clv.fit(SHIFTED_BETA_GEOMETRIC, seven(name), method="mle")
    assert np.array(fit.theta) == pytest.approx(theta, abs=6e-4)
    assert fit.loglik == pytest.approx(loglik, abs=6e-5)
    assert fit.n_customers == 1000


def test_an_erroneous_estimate_in_circulation_is_less_likely() -> None:
    people = seven("regular")
    found = people.weights @ SHIFTED_BETA_GEOMETRIC.log_likelihood((0.688, 1.182), people)
    assert found == pytest.approx(-1680.4108, abs=6e-5)  # 30-digit arithmetic
    assert found < FITTED["regular"][1]


@pytest.mark.parametrize(
    ("name", "survival", "rates"),
    [
        (
            "regular",
            [1, .626723, .473843, .388000, .332095, .292374, .262483, .239051, .220112, .204437, .191216, .179891, .170063],
            [.626723, .756064, .910728, .945367],
        ),
        (
            "high end",
            [1, .850693, .746882, .669817, .609951, .561869, .522252, .488945, .460479, .435820, .414213, .395096, .378040],
            [.850693, .877969, .936223, .956831],
        ),
    ],
)  # fmt: skip
def test_survivor_curve_and_retention_rates(name: str, survival: list[float], rates: list[float]) -> None:
    """30-digit arithmetic at the published parameters."""
    theta = FITTED[name][0]
    assert SHIFTED_BETA_GEOMETRIC.survival(theta, np.arange(13)) == pytest.approx(survival, abs=6e-7)
    assert SHIFTED_BETA_GEOMETRIC.retention_rate(theta, [1, 2, 7, 12]) == pytest.approx(rates, abs=6e-7)
    assert BETA_DISCRETE_WEIBULL.survival((*theta, 1.0), np.arange(13)) == pytest.approx(survival, abs=6e-7)


@pytest.mark.parametrize(
    ("theta", "derl"),
    [
        ((3.80, 15.20), [3.3098184, 3.4510003, 3.5865437, 3.7168115, 3.842134]),
        ((0.067, 0.267), [7.6708355, 9.4552994, 9.8508338, 10.056167, 10.18864]),
        ((0.704, 1.182), [2.9646621, 4.1034586, 4.8701374, 5.4423913, 5.8944229]),
        ((0.668, 3.806), [5.414856, 5.9017532, 6.2942606, 6.6202803, 6.8970574]),
    ],
)
def test_discounted_expected_residual_lifetime(theta: tuple[float, float], derl: list[float]) -> None:
    """At the end of periods 1 to 5, before the renewal (30-digit arithmetic; the first two: Fader and Hardie 2010, table 3)."""
    tenure = clv.Tenure(np.arange(5), YEAR)
    found = SHIFTED_BETA_GEOMETRIC.discounted_expected_residual_lifetime(theta, tenure, discount=DISCOUNT)
    assert found == pytest.approx(derl, rel=5e-8)
    wide = BETA_DISCRETE_WEIBULL.discounted_expected_residual_lifetime((*theta, 1.0), tenure, discount=DISCOUNT)
    assert wide == pytest.approx(derl, rel=5e-8)


def test_published_table_of_residual_lifetimes() -> None:
    """Fader and Hardie 2010, table 3, case 1, to its two decimals."""
    tenure = clv.Tenure(np.arange(5), YEAR)
    found = SHIFTED_BETA_GEOMETRIC.discounted_expected_residual_lifetime((3.80, 15.20), tenure, discount=DISCOUNT)
    assert found.round(2).tolist() == [3.31, 3.45, 3.59, 3.72, 3.84]


def test_beta_discrete_weibull_of_the_first_four_renewals() -> None:
    """High End, five points: retenmod's README prints these, and a negative log-likelihood of 122.27493 per hundred."""
    fit = clv.fit(BETA_DISCRETE_WEIBULL, clv.Tenures.from_cohort(HIGH_END[:5]), method="mle")
    assert np.array(fit.theta) == pytest.approx([0.2594, 1.7226, 1.5843], abs=2e-3)
    assert fit.loglik == pytest.approx(-1222.7493, abs=1e-4)


@each
@pytest.mark.parametrize("model", [SHIFTED_BETA_GEOMETRIC, BETA_DISCRETE_WEIBULL], ids=str)
def test_years_eight_to_twelve_are_inside_their_predictive_intervals(name: str, model) -> None:
    fit = clv.fit(model, seven(name), method="laplace")
    found = clv.survivors(fit, seven(name), horizon=5 * YEAR, interval=0.90, seed=1)
    actual = np.array(COHORTS[name][7:])
    assert found["ahead"].tolist() == [0, 1, 2, 3, 4, 5]
    assert np.all((found["lower"] <= actual) & (actual <= found["upper"]))
    assert np.all(found["upper"][1:] - found["lower"][1:] < 90)


@each
def test_constant_retention_underpredicts_survivors(name: str) -> None:
    fit = clv.fit(clv.GEOMETRIC, seven(name), seed=1)
    found = clv.survivors(fit, seven(name), horizon=5 * YEAR, interval=0.99)
    assert found["upper"].iloc[-1] < 0.85 * COHORTS[name][-1]
