"""Contracts against 30-digit arithmetic."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

import clvmodels as clv
from clvmodels.duration.beta_discrete_weibull import log_likelihood

ONE = clv.Tenure(0, clv.YEAR)


def log_survival(alpha: float, beta: float, c: float, t: object) -> mpmath.mpf:
    a, b = mpmath.mpf(alpha), mpmath.mpf(beta)
    return mpmath.log(mpmath.beta(a, b + mpmath.mpf(t) ** mpmath.mpf(c)) / mpmath.beta(a, b))


@pytest.mark.parametrize(
    "theta", [(0.26, 1.72, 1.58), (0.01, 60.0, 0.4), (40.0, 900.0, 1.1), (3.0, 2e5, 3.0), (1e-3, 1e3, 0.2)]
)
@pytest.mark.parametrize(("exit", "entry", "event"), [(1, 0, 1), (7, 0, 0), (9, 4, 1), (180, 120, 1), (400, 0, 0)])
def test_likelihood(theta: tuple[float, float, float], exit: int, entry: int, event: int) -> None:
    with mpmath.workdps(50):
        at = [mpmath.exp(log_survival(*theta, t)) for t in (entry, exit - event, exit)]
        wanted = mpmath.log(at[1] - at[2] if event else at[2]) - mpmath.log(at[0])
    found = log_likelihood(np.array([theta]), *(np.array([float(v)]) for v in (exit, entry, event)))[0][0]
    assert found == pytest.approx(float(wanted), rel=1e-9)


@pytest.mark.parametrize("theta", [(1.2, 3.0, 1.7), (3.0, 2.0, 0.6), (2.0, 1.0, 2.5)])
def test_expected_residual_lifetime_of_heavy_tails(theta: tuple[float, float, float]) -> None:
    """A million terms one by one, then the power law C t^(-c alpha) (1 + d / t^c) that they become, summed to infinity.

    d is the second term of a ratio of gamma functions (NIST DLMF 5.11.13).
    """
    alpha, beta, c = theta
    k = np.arange(1, 1_000_001)
    stays = clv.BETA_DISCRETE_WEIBULL.survival(theta, k)
    n, d = float(k[-1]), -alpha * (alpha + 2 * beta - 1) / 2
    second = d / n**c
    integral = n * stays[-1] / (1 + second) * (1 / (alpha * c - 1) + second / (alpha * c + c - 1))
    wanted = stays.sum() + integral - stays[-1] / 2
    assert float(clv.BETA_DISCRETE_WEIBULL.expected_residual_lifetime(theta, ONE)) == pytest.approx(wanted, rel=1e-9)


def test_expected_residual_lifetime_in_closed_form() -> None:
    """(beta + n) / (alpha - 1), by the sum of a hypergeometric series at one."""
    tenure = clv.Tenure(np.array([0, 3, 40]), clv.YEAR)
    wanted = np.array([4.0, 7.0, 44.0]) / 0.5
    assert clv.SHIFTED_BETA_GEOMETRIC.expected_residual_lifetime((1.5, 4.0), tenure) == pytest.approx(wanted, rel=1e-12)
    assert clv.BETA_DISCRETE_WEIBULL.expected_residual_lifetime((1.5, 4.0, 1.0), tenure) == pytest.approx(
        wanted, rel=1e-8
    )


def test_a_mean_that_is_infinite_is_said_to_be() -> None:
    assert np.isinf(clv.BETA_DISCRETE_WEIBULL.expected_residual_lifetime((0.5, 1.0, 1.9), ONE))
    assert np.isinf(clv.SHIFTED_BETA_GEOMETRIC.expected_residual_lifetime((0.9, 1.0), ONE))
    assert np.isfinite(clv.GEOMETRIC.expected_residual_lifetime((0.01,), ONE))


@pytest.mark.parametrize("rate", [0.002, 0.1, 1.0])
@pytest.mark.parametrize("theta", [(0.26, 1.72, 1.58), (0.7, 50.0, 0.8), (20.0, 9000.0, 1.2)])
@pytest.mark.parametrize("tenure", [0, 30])
def test_discounted_sums_without_end(theta: tuple[float, float, float], rate: float, tenure: int) -> None:
    """Plain sums of 20,000 terms in double precision, whose survival is checked above."""
    k = np.arange(1, 20_001)
    stays = clv.BETA_DISCRETE_WEIBULL.survival(theta, tenure + k, given=tenure)
    wanted = stays @ (1 + rate) ** (1.0 - k)
    found = clv.BETA_DISCRETE_WEIBULL.discounted_expected_residual_lifetime(
        theta, clv.Tenure(tenure, clv.YEAR), discount=clv.Rate(rate, per=clv.YEAR)
    )
    assert float(found) == pytest.approx(float(wanted), rel=1e-9)
