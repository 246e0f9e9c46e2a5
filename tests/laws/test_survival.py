"""What holds for every survival model."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import clvmodels as clv
from clvmodels.covariates.survival_model import SurvivalModel
from clvmodels.estimation.problem import Problem

BASELINES = ("exponential", "weibull", "gompertz", "lognormal", "loglogistic", "piecewise", "discrete")
TYPICAL: dict[str, tuple[float, ...]] = {
    "exponential": (9.0,),
    "weibull": (9.0, 1.4),
    "gompertz": (0.08, 0.05),
    "lognormal": (7.0, 0.9),
    "loglogistic": (7.0, 1.7),
    "piecewise": (0.1,),
    "discrete": (0.1,),
}
YEARLY = clv.Rate(0.5, per=clv.YEAR)
MONTHLY = 1.5 ** (-clv.MONTH.days / clv.YEAR.days)
baselines = pytest.mark.parametrize("baseline", BASELINES)
cures = pytest.mark.parametrize("cure", [False, "~ x"], ids=["all leave", "some stay"])


def people(whole: bool, n: int = 60) -> clv.Tenures:
    """Customers with a covariate, a segment and late entries."""
    rng = np.random.default_rng(3)
    entry = np.where(rng.random(n) < 0.3, rng.uniform(0, 4, n), 0.0)
    exit = entry + rng.weibull(1.2, n) * 5 + 0.05
    if whole:
        entry, exit = np.floor(entry), np.floor(entry) + np.ceil(exit - entry)
    return clv.Tenures(
        np.arange(n), entry, exit, (rng.random(n) < 0.6).astype(float), clv.MONTH,
        covariates={"x": rng.normal(1.0, 2.0, n)}, segment=rng.choice(["A", "B", "C"], n),
    )  # fmt: skip


def made(baseline: str, cure: Any = False, *, whole: bool = False, frailty: bool = True) -> tuple[SurvivalModel, Any]:
    """A model that has met these customers, and parameters for it."""
    some = people(whole or baseline == "discrete")
    spec = clv.survival(baseline, formula="~ x", frailty="segment" if frailty else None, cure=cure)  # type: ignore[arg-type]
    model = spec.on(some)
    rng = np.random.default_rng(5)
    theta = [
        rng.uniform(0.2, 0.6) if p.name in ("walk", "spread_segment") else rng.normal(0, 0.4) for p in model.parameters
    ]
    theta[: len(TYPICAL[baseline])] = TYPICAL[baseline]
    return model, model.Theta(*theta)


@baselines
@cures
@pytest.mark.parametrize("whole", [False, True], ids=["exactly", "by period"])
def test_gradient_equals_central_differences(baseline: str, cure: Any, whole: bool) -> None:
    model, theta = made(baseline, cure, whole=whole)
    problem = Problem.of(model, people(whole or baseline == "discrete"), None)
    u = np.linalg.solve(np.diag(_sizes(problem)), problem.coordinates.free(theta))
    value, exact = problem.log_likelihood(u)
    step = 1e-4
    for j, axis in enumerate(np.eye(u.size) * step):
        near, far = (problem.log_likelihood(u + k * axis)[0] - problem.log_likelihood(u - k * axis)[0] for k in (1, 2))
        assert exact[j] == pytest.approx((8 * near - far) / (12 * step), rel=1e-6, abs=1e-6)
    by_row, slopes = problem.model.kernel(np.array(theta)[None, :], *problem.columns)
    assert float(problem.counts @ by_row) == pytest.approx(value, rel=1e-12)
    found = problem.coordinates.slope(np.array(theta), problem.counts @ slopes)
    assert found == pytest.approx(exact, rel=1e-10, abs=1e-10)


def _sizes(problem: Problem) -> np.ndarray:
    mixing = problem.coordinates.mixing
    return np.ones(problem.centre.size) if mixing is None else np.diag(mixing)


@baselines
@cures
@pytest.mark.parametrize("whole", [False, True], ids=["exactly", "by period"])
def test_likelihood_is_the_distribution_given_survival_to_entry(baseline: str, cure: Any, whole: bool) -> None:
    whole = whole or baseline == "discrete"
    model, theta = made(baseline, cure, whole=whole)
    some = people(whole)
    own = model.each(theta, some)

    def log_survival(t: Any) -> np.ndarray:
        return np.asarray(model.log_survival(own, t))

    if whole:
        left = np.log(np.exp(log_survival(some.exit - 1)) - np.exp(log_survival(some.exit)))
    else:
        step = 1e-5 * some.exit
        around = np.exp(log_survival(some.exit - step)) - np.exp(log_survival(some.exit + step))
        inside = model.breaks.size == 0 or np.all(np.abs(some.exit[:, None] - model.breaks).min(axis=1) > step)
        left = np.log(around / (2 * step))
        assert inside or np.any(some.event == 1)
    expected = np.where(some.event == 1, left, log_survival(some.exit)) - log_survival(some.entry)
    found = model.log_likelihood(theta, some)
    clear = np.ones(some.exit.size, dtype=bool)
    if not whole and model.breaks.size:
        clear = np.abs(some.exit[:, None] - model.breaks).min(axis=1) > 2e-5 * some.exit
    assert found[clear] == pytest.approx(expected[clear], rel=1e-6, abs=1e-7)


@baselines
@cures
def test_survival_starts_at_one_and_never_rises_and_inverts(baseline: str, cure: Any) -> None:
    model, theta = made(baseline, cure)
    t = np.arange(0.0, 300.0)
    found = model.survival(theta, t, covariates={"x": 0.5})
    assert found[0] == 1 and np.all(np.diff(found) <= 0) and np.all(found >= 0)
    some = people(True)
    own = model.each(theta, some)
    reached = model.baseline.cumulative_hazard(own, some.exit, model.breaks)
    assert model.baseline.inverse(own, reached, model.breaks) == pytest.approx(some.exit, rel=1e-9)


@baselines
@cures
def test_hazard_is_the_slope_of_log_survival(baseline: str, cure: Any) -> None:
    model, theta = made(baseline, cure)
    t = np.array([1.0, 4.0, 11.0, 30.0]) if model.whole else np.array([0.3, 4.1, 11.3, 30.7])
    found = model.hazard(theta, t, covariates={"x": 0.5})
    if model.whole:
        assert found == pytest.approx(1 - model.retention_rate(theta, t, covariates={"x": 0.5}), rel=1e-12)
        return
    step = 1e-5
    below, above = (np.log(model.survival(theta, t + s, covariates={"x": 0.5})) for s in (-step, step))
    assert found == pytest.approx((below - above) / (2 * step), rel=1e-6)


@baselines
@cures
def test_customers_who_are_there_are_judged_given_that_they_are(baseline: str, cure: Any) -> None:
    """The trap of unconditional survival: whole lives are simulated, and those who reach the tenure are followed."""
    model, theta = made(baseline, cure, frailty=False)
    starts = clv.Tenure(np.zeros(200_000), clv.MONTH, covariates={"x": np.full(200_000, 1.5)})
    lives = model.draw_residual_lifetimes(theta, starts, seed=1)
    lives = lives if model.whole else np.where(np.isfinite(lives), lives, np.inf)
    now, ahead = 6.0, 5.0
    reach = lives[lives >= now]
    share = float(np.mean(reach >= now + ahead))
    error = 4 * math.sqrt(share * (1 - share) / reach.size)
    customer = clv.Tenure(now, clv.MONTH, covariates={"x": 1.5})
    found = float(model.survival_after(theta, customer, horizon=ahead * clv.MONTH))
    assert found == pytest.approx(share, abs=error)
    if baseline not in ("exponential", "piecewise", "discrete") or cure:
        new = float(model.survival(theta, ahead, covariates={"x": 1.5}))
        assert abs(new - share) > error
    later = model.draw_residual_lifetimes(
        theta, clv.Tenure(np.full(50_000, now), clv.MONTH, covariates={"x": 1.5}), seed=2
    )
    assert float(np.mean(later >= ahead)) == pytest.approx(share, abs=error + 4 * math.sqrt(0.25 / later.size))


@baselines
@cures
def test_residual_lifetimes_are_sums_and_integrals_of_conditional_survival(baseline: str, cure: Any) -> None:
    model, theta = made(baseline, cure, frailty=False)
    customer = clv.Tenure(np.array([0.0, 3.0, 14.0]), clv.MONTH, covariates={"x": np.array([0.0, 1.0, 2.0])})
    k = np.arange(1, 700)
    stays = np.array(list(model.survival_path(theta, customer, periods=k.size)))
    before = model.discounted_expected_residual_lifetime(theta, customer, discount=YEARLY)
    assert before == pytest.approx(MONTHLY ** (k - 1.0) @ stays, rel=1e-7)
    after = model.discounted_expected_residual_lifetime(
        theta, customer, discount=YEARLY, timing="after renewal", horizon=200 * clv.MONTH
    )
    assert after == pytest.approx(1 + MONTHLY ** k[:200].astype(float) @ stays[:200], rel=1e-8)
    few = model.restricted_mean(theta, customer, horizon=9 * clv.MONTH)
    if model.whole:
        assert few == pytest.approx(1 + stays[:8].sum(axis=0), rel=1e-10)
    else:
        fine = (np.arange(1800) + 0.5) / 200
        own, done = model.each(theta, customer), customer.exit
        expected = np.mean([np.exp(model.log_stay(own, done, s)) for s in fine], axis=0) * 9
        assert few == pytest.approx(expected, rel=1e-5)


@baselines
def test_mean_residual_lifetime_is_the_integral_of_survival(baseline: str) -> None:
    model, theta = made(baseline, frailty=False)
    customer = clv.Tenure(np.array([0.0, 3.0, 14.0]), clv.MONTH, covariates={"x": np.array([0.0, 1.0, 2.0])})
    found = model.expected_residual_lifetime(theta, customer)
    if model.whole:
        assert found == pytest.approx(np.sum(list(model.survival_path(theta, customer, periods=500)), axis=0), rel=1e-9)
        return
    own = model.each(theta, customer)
    edges = np.concatenate([[0.0], np.geomspace(1e-3, 1e7, 4000)])
    values = np.array([np.exp(model.log_stay(own, customer.exit, s)) for s in edges])
    expected = np.trapezoid(values, edges, axis=0)
    assert found == pytest.approx(expected, rel=1e-4)


@cures
@baselines
def test_half_have_left_at_the_median(baseline: str, cure: Any) -> None:
    model, theta = made(baseline, cure, frailty=False)
    customer = clv.Tenure(np.array([0.0, 3.0, 14.0]), clv.MONTH, covariates={"x": np.array([0.0, 1.0, 2.0])})
    median = model.median_residual_lifetime(theta, customer)
    own = model.each(theta, customer)
    finite = np.isfinite(median)
    at = np.exp(model.log_stay(own, customer.exit, np.where(finite, median, 1.0)))
    if model.whole:
        before = np.exp(model.log_stay(own, customer.exit, np.where(finite, median - 1, 1.0)))
        assert np.all((at <= 0.5 + 1e-9)[finite]) and np.all(before[finite] > 0.5)
    else:
        assert at[finite] == pytest.approx(0.5, abs=1e-9)
    assert np.all(finite) or cure


def test_what_never_leaves_is_infinite() -> None:
    model, theta = made("weibull", "~ x", frailty=False)
    customer = clv.Tenure(2.0, clv.MONTH, covariates={"x": 1.0})
    assert model.expected_residual_lifetime(theta, customer) == np.inf
    falling = made("loglogistic", frailty=False)
    assert falling[0].expected_residual_lifetime(falling[1]._replace(shape=0.9), customer) == np.inf


@baselines
def test_who_has_left_has_no_future(baseline: str) -> None:
    model, theta = made(baseline)
    gone = clv.Tenure(5.0, clv.MONTH, event=1, covariates={"x": 1.0, "segment": "A"})
    assert model.survival_after(theta, gone, horizon=clv.MONTH) == 0
    assert model.expected_residual_lifetime(theta, gone) == 0
    assert model.draw_residual_lifetimes(theta, gone, seed=1) == 0


def test_draws_broadcast_with_customers_and_agree_with_single_parameters() -> None:
    for baseline in BASELINES:
        model, theta = made(baseline)
        some = people(True).select(np.arange(60) < 5)
        many = model.Theta(*(np.array([[v], [v * 1.1], [v]]) for v in theta))
        found = model.survival_after(many, some, horizon=3 * clv.MONTH)
        assert found.shape == (3, 5) and np.array_equal(found[0], found[2])
        assert found[0] == pytest.approx(model.survival_after(theta, some, horizon=3 * clv.MONTH), rel=1e-12)
        assert model.draw_residual_lifetimes(many, some, seed=1).shape == (3, 5)


def test_a_segment_that_was_not_there_is_drawn_from_the_population() -> None:
    model, theta = made("weibull")
    draws = 4000
    many = model.Theta(*(np.full((draws, 1), v) for v in theta))
    new = clv.Tenure(0.0, clv.MONTH, covariates={"x": float(model.design.centre[0]), "segment": "new"})  # type: ignore[union-attr]
    own = model.each(many, new)
    assert np.std(own.eta) == pytest.approx(theta.spread_segment, rel=0.05)
    assert abs(np.mean(own.eta)) < 4 * theta.spread_segment / math.sqrt(draws)
    assert np.array_equal(own.eta, model.each(many, new).eta)
