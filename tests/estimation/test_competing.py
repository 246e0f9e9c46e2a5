"""Competing reasons: found again, adding up, and biased when taken one by one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv

REASONS = ("payment", "voluntary")


def lives(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Times until payment fails (exponential, mean 25) and until she leaves of her own will (Weibull 20, shape 1.6)."""
    return 25 * rng.exponential(size=n), 20 * rng.weibull(1.6, n)


def seen(n: int, seed: int, *, whole: bool = False) -> clv.Tenures:
    rng = np.random.default_rng(seed)
    payment, voluntary = lives(n, rng)
    until = rng.integers(6, 40, n).astype(float)
    first = np.minimum(payment, voluntary)
    left = first <= until
    exit = np.where(left, np.ceil(first) if whole else first, until)
    reason = np.where(left, np.where(payment < voluntary, *REASONS), None)
    return clv.Tenures(np.arange(n), np.zeros(n), exit, left.astype(float), clv.MONTH, reason=reason)


@pytest.fixture(scope="module")
def fit() -> clv.Fit:
    return clv.competing(clv.survival("weibull"), seen(4000, 1), seed=1)


def test_each_reason_is_found(fit: clv.Fit) -> None:
    table = fit.summary()
    truth = {"payment_scale": 25, "payment_shape": 1, "voluntary_scale": 20, "voluntary_shape": 1.6}
    for name, value in truth.items():
        assert abs(math.log(table.loc[name, "estimate"] / value)) < 4 * table.loc[name, "sd"] / value


def test_incidence_is_what_will_be_and_one_less_survival_of_one_reason_is_not(fit: clv.Fit) -> None:
    payment, voluntary = lives(400_000, np.random.default_rng(2))
    for reason, own, other in (("payment", payment, voluntary), ("voluntary", voluntary, payment)):
        happens = float(np.mean((own < other) & (own <= 24)))
        found = fit.cumulative_incidence(24.0, reason=reason).iloc[0]
        assert found["mean"] == pytest.approx(happens, abs=0.025)
        assert found["lower"] - 0.01 < happens < found["upper"] + 0.01
        alone = clv.fit(clv.survival("weibull"), seen(4000, 1).because_of(reason), method="mle")
        assert 1 - float(alone.survival(24.0)["mean"].iloc[0]) > happens + 0.1


def test_incidences_and_survival_add_up_to_one(fit: clv.Fit) -> None:
    t = np.array([1.0, 7.0, 30.0])
    parts = sum(fit.cumulative_incidence(t, reason=one)["mean"].to_numpy() for one in REASONS)
    assert parts + fit.survival(t)["mean"].to_numpy() == pytest.approx(np.ones(3), abs=1e-9)
    customers = clv.Tenure(np.array([0.0, 5.0]), clv.MONTH)
    ahead = sum(fit.incidence_after(customers, horizon=clv.YEAR, reason=one)["mean"].to_numpy() for one in REASONS)
    assert ahead + fit.survival_after(customers, horizon=clv.YEAR)["mean"].to_numpy() == pytest.approx(
        np.ones(2), abs=1e-9
    )


def test_customers_who_are_there_are_judged_given_that_they_are(fit: clv.Fit) -> None:
    theta = fit.model.Theta(25.0, 1.0, 20.0, 1.6)
    payment, voluntary = lives(400_000, np.random.default_rng(3))
    there = np.minimum(payment, voluntary) > 10
    happens = float(np.mean(((voluntary < payment) & (voluntary <= 22))[there]))
    customer = clv.Tenure(10.0, clv.MONTH)
    found = float(fit.model.incidence_after(theta, customer, horizon=12 * clv.MONTH, reason="voluntary"))
    assert found == pytest.approx(happens, abs=0.004)
    many = clv.Tenure(np.full(200_000, 10.0), clv.MONTH)
    times, which = fit.model.draw_leaving(theta, many, seed=4)
    assert float(np.mean((times <= 12) & (which == 1))) == pytest.approx(happens, abs=0.005)
    stays = float(fit.model.survival_after(theta, customer, horizon=12 * clv.MONTH))
    assert float(np.mean(times > 12)) == pytest.approx(stays, abs=0.005)
    mean = float(fit.model.restricted_mean(theta, customer, horizon=12 * clv.MONTH))
    assert mean == pytest.approx(np.minimum(times, 12).mean(), abs=0.03)


def test_present_value_and_median_are_those_of_survival(fit: clv.Fit) -> None:
    theta, customers = fit.theta, clv.Tenure(np.array([0.0, 7.0]), clv.MONTH)
    stays = np.array(list(fit.model.survival_path(theta, customers, periods=900)))  # type: ignore[attr-defined]
    worth = 1.5 ** (-clv.MONTH.days / clv.YEAR.days)
    rate = clv.Rate(0.5, per=clv.YEAR)
    before = fit.model.discounted_expected_residual_lifetime(theta, customers, discount=rate)
    assert before == pytest.approx(worth ** np.arange(900.0) @ stays, rel=1e-9)
    after = fit.model.discounted_expected_residual_lifetime(theta, customers, discount=rate, timing="after renewal")
    assert after == pytest.approx(1 + worth * before, rel=1e-9)
    median = fit.model.median_residual_lifetime(theta, customers)
    own = fit.model.each(theta, customers)
    assert np.exp(fit.model.log_stay(own, customers.exit, median)) == pytest.approx(0.5, rel=1e-9)


def test_month_by_month(fit: clv.Fit) -> None:
    monthly = clv.competing(clv.survival("discrete"), seen(4000, 1, whole=True), seed=1)
    t = np.array([6.0, 12.0, 24.0])
    for reason in REASONS:
        found, smooth = (one.cumulative_incidence(t, reason=reason)["mean"].to_numpy() for one in (monthly, fit))
        assert found == pytest.approx(smooth, abs=0.02)


def test_a_fit_comes_back_from_a_file(fit: clv.Fit, tmp_path: Any) -> None:
    back = clv.load(clv.save(fit, tmp_path / "fit.parquet"))
    assert repr(back) == repr(fit)
    customers = clv.Tenure(np.array([0.0, 5.0]), clv.MONTH)
    pd.testing.assert_frame_equal(
        *(one.incidence_after(customers, horizon=clv.YEAR, reason="payment") for one in (back, fit))
    )


def test_what_cannot_compete_is_refused() -> None:
    some = seen(200, 5)
    with pytest.raises(clv.ContractError, match="reason is not known of"):
        clv.competing(clv.survival(), clv.Tenures(some.customer_id, some.entry, some.exit, some.event, clv.MONTH))
    with pytest.raises(clv.ContractError, match="for one reason"):
        clv.competing(clv.survival(), some.because_of("payment"))
    with pytest.raises(clv.ModelError, match="Give one for each"):
        clv.competing({"payment": clv.survival()}, some)
