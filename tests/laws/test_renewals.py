"""What holds for every model of contracts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clvmodels as clv
from clvmodels.catalogue import contractual, model_named
from clvmodels.duration.renewals import Renewal
from clvmodels.estimation.problem import Problem
from tests.laws.conftest import thetas

models = pytest.mark.parametrize("model", contractual, ids=lambda m: m.name)
TYPICAL = {
    "GEOMETRIC": (0.3,),
    "SHIFTED_BETA_GEOMETRIC": (0.704, 1.182),
    "BETA_DISCRETE_WEIBULL": (0.26, 1.72, 1.58),
}
SBG, BDW = clv.SHIFTED_BETA_GEOMETRIC, clv.BETA_DISCRETE_WEIBULL
YEARLY = clv.Rate(0.1, per=clv.YEAR)
Rows = tuple[np.ndarray, np.ndarray, np.ndarray]


@st.composite
def rows(draw: st.DrawFn, most: int = 200) -> Rows:
    """One contract: exit, entry, event."""
    entry = draw(st.integers(0, most - 1))
    event = draw(st.integers(0, 1))
    exit = draw(st.integers(entry + event, most))
    return tuple(np.array([float(v)]) for v in (exit, entry, event))  # type: ignore[return-value]


def at(tenure: object, period: clv.Period = clv.YEAR) -> clv.Tenure:
    return clv.Tenure(tenure, period)


@models
@given(st.data())
def test_gradient_equals_central_differences(model: Renewal, data: st.DataObject) -> None:
    columns, u = data.draw(rows()), np.log(data.draw(thetas(model, 0.02, 50)))

    def value(v: np.ndarray) -> float:
        return float(model.kernel(np.exp(v)[None, :], *columns)[0][0])

    exact = model.kernel(np.exp(u)[None, :], *columns)[1][0] * np.exp(u)
    step = 1e-4
    for j, axis in enumerate(np.eye(u.size) * step):
        slope = (8 * (value(u + axis) - value(u - axis)) - (value(u + 2 * axis) - value(u - 2 * axis))) / (12 * step)
        assert exact[j] == pytest.approx(slope, rel=1e-6, abs=2e-7 * max(1.0, abs(value(u))))


@models
@given(st.data())
def test_one_theta_per_row_equals_one_for_all(model: Renewal, data: st.DataObject) -> None:
    some = [data.draw(rows()) for _ in range(4)]
    columns = [np.concatenate(c) for c in zip(*some, strict=True)]
    theta = np.array([data.draw(thetas(model)) for _ in some])
    value, gradient = model.kernel(theta, *columns)
    for i, own in enumerate(some):
        alone, slope = model.kernel(theta[[i]], *own)
        assert value[i] == alone[0] and np.array_equal(gradient[i], slope[0])


@models
@given(st.data())
def test_likelihood_is_the_distribution_given_survival_to_entry(model: Renewal, data: st.DataObject) -> None:
    theta, (exit, entry, event) = data.draw(thetas(model, 0.05, 20)), data.draw(rows())
    found = float(model.kernel(np.array([theta]), exit, entry, event)[0][0])
    formula = model.pmf if event[0] else model.survival
    assert math.exp(found) == pytest.approx(float(formula(theta, exit[0], given=entry[0])), rel=1e-8, abs=1e-300)


@models
@given(st.data())
def test_survival_starts_at_one_and_never_rises_and_the_pmf_sums_to_one(model: Renewal, data: st.DataObject) -> None:
    theta, given_ = data.draw(thetas(model)), data.draw(st.integers(0, 100))
    t = np.arange(given_, given_ + 400)
    survival = model.survival(theta, t, given=given_)
    assert survival[0] == 1 and np.all(np.diff(survival) <= 0) and survival[-1] >= 0
    assert model.pmf(theta, t[1:], given=given_).sum() + survival[-1] == pytest.approx(1, abs=1e-10)
    assert model.hazard(theta, t[1:]) + model.retention_rate(theta, t[1:]) == pytest.approx(np.ones(399), abs=1e-12)


@pytest.mark.parametrize("model", [clv.GEOMETRIC, SBG], ids=str)
@given(st.data())
def test_prospects_never_worsen_with_tenure_where_nobody_changes(model: Renewal, data: st.DataObject) -> None:
    theta = data.draw(thetas(model))
    assert np.all(np.diff(model.retention_rate(theta, np.arange(1, 100))) >= -1e-15)
    found = model.discounted_expected_residual_lifetime(theta, at(np.arange(50)), discount=YEARLY)
    assert np.all(np.diff(found) >= -1e-12 * found[1:])


@models
@given(st.data())
def test_residual_lifetimes_are_sums_of_conditional_survival(model: Renewal, data: st.DataObject) -> None:
    theta, n = data.draw(thetas(model, 0.1, 20)), data.draw(st.integers(0, 60))
    rate = data.draw(st.floats(0.02, 1.0))
    discount, v = clv.Rate(rate, per=clv.YEAR), 1 / (1 + rate)
    k = np.arange(1, 3000)
    stays = model.survival(theta, n + k, given=n)
    before = model.discounted_expected_residual_lifetime(theta, at(n), discount=discount)
    after = model.discounted_expected_residual_lifetime(theta, at(n), discount=discount, timing="after renewal")
    assert float(before) == pytest.approx(float(stays @ v ** (k - 1.0)), rel=1e-7)
    assert float(after) == pytest.approx(1 + v * float(before), rel=1e-9)
    next_after = model.discounted_expected_residual_lifetime(
        theta, at(n + 1), discount=discount, timing="after renewal"
    )
    assert float(before) == pytest.approx(float(model.retention_rate(theta, n + 1) * next_after), rel=1e-7)
    few = model.restricted_mean(theta, at(n), horizon=7 * clv.YEAR)
    assert float(few) == pytest.approx(1 + stays[:6].sum(), rel=1e-10)
    worth = model.discounted_expected_residual_lifetime(theta, at(n), discount=discount, horizon=5 * clv.YEAR)
    assert float(worth) == pytest.approx(float(stays[:6] @ v ** np.arange(6.0)), rel=1e-9)


@models
@given(st.data())
def test_value_falls_in_the_discount(model: Renewal, data: st.DataObject) -> None:
    theta, n = data.draw(thetas(model)), data.draw(st.integers(0, 60))
    found = [
        float(model.discounted_expected_residual_lifetime(theta, at(n), discount=clv.Rate(d, per=clv.YEAR)))
        for d in (0.01, 0.1, 1.0, 10.0)
    ]
    assert np.all(np.isfinite(found)) and found[-1] >= 0 and np.all(np.diff(found) <= 1e-9 * np.array(found[:-1]))


@models
@given(st.data())
def test_median_residual_lifetime_is_where_half_have_left(model: Renewal, data: st.DataObject) -> None:
    theta, n = data.draw(thetas(model, 0.1, 10)), data.draw(st.integers(0, 60))
    median = float(model.median_residual_lifetime(theta, at(n)))
    if median < 1e6:
        assert model.survival(theta, n + median, given=n) <= 0.5 + 1e-12
        assert model.survival(theta, n + median - 1, given=n) > 0.5 - 1e-12


@given(st.data())
def test_beta_discrete_weibull_with_c_of_one_is_shifted_beta_geometric(data: st.DataObject) -> None:
    theta, columns = data.draw(thetas(SBG)), data.draw(rows())
    wide = (*theta, 1.0)
    a, b = SBG.kernel(np.array([theta]), *columns), BDW.kernel(np.array([wide]), *columns)
    assert b[0] == pytest.approx(a[0], rel=1e-8, abs=1e-10)
    assert b[1][0, :2] == pytest.approx(a[1][0], rel=1e-6, abs=1e-8)
    n = at(np.arange(0, 40, 13))
    for name in ("renewal_probability", "expected_residual_lifetime", "median_residual_lifetime"):
        if name == "expected_residual_lifetime" and theta[0] < 1.2:
            continue  # the mean is infinite at alpha <= 1, and near it the sum of our tail converges slowly
        assert getattr(BDW, name)(wide, n) == pytest.approx(getattr(SBG, name)(theta, n), rel=1e-6)
    present = [m.discounted_expected_residual_lifetime(t, n, discount=YEARLY) for m, t in ((SBG, theta), (BDW, wide))]
    assert present[1] == pytest.approx(present[0], rel=1e-7)


def test_shifted_beta_geometric_tends_to_geometric() -> None:
    t = np.arange(0, 30)
    many = SBG.survival((0.3e9, 1e9), t)
    assert many == pytest.approx(clv.GEOMETRIC.survival((0.3,), t), rel=1e-6)
    found = SBG.discounted_expected_residual_lifetime((0.3e9, 1e9), at(t), discount=YEARLY)
    constant = clv.GEOMETRIC.discounted_expected_residual_lifetime((0.3,), at(t), discount=YEARLY)
    assert found == pytest.approx(constant, rel=1e-6)
    assert constant[0] == pytest.approx((1 / 1.3) / (1 - 1 / (1.3 * 1.1)))  # r / (1 - r v), before renewal


@models
@pytest.mark.parametrize("tenure", [0, 5])
def test_simulated_residual_lifetimes_follow_the_formulas(model: Renewal, tenure: int) -> None:
    theta, n = TYPICAL[model.name], 200_000
    drawn = model.draw_residual_lifetimes(theta, at(np.full(n, float(tenure))), seed=tenure)
    for k in (1, 2, 5, 20):
        p = float(model.survival_after(theta, at(tenure), horizon=k * clv.YEAR))
        assert abs(np.mean(drawn >= k) - p) < 4 * math.sqrt(p * (1 - p) / n)
    periods = np.minimum(drawn + 1, 10)
    mean = float(model.restricted_mean(theta, at(tenure), horizon=10 * clv.YEAR))
    assert abs(periods.mean() - mean) < 4 * periods.std() / math.sqrt(n)


@pytest.mark.parametrize("model", [SBG, BDW], ids=str)
def test_existing_customers_are_judged_by_survival_so_far(model: Renewal) -> None:
    """The trap: unconditional survival S(t) says little of who is still there; they renew as S(t + 1) / S(t)."""
    theta, n = TYPICAL[model.name], 400_000
    people = model.simulate(theta, observed=np.full(n, 12), period=clv.YEAR, seed=3)
    made = people.exit - people.event
    there, renewed = (made >= 8).sum(), (made >= 9).sum()
    share, error = renewed / there, math.sqrt(renewed * (there - renewed) / there**3)
    right = float(model.renewal_probability(theta, at(8)))
    assert abs(share - right) < 4 * error
    assert abs(share - float(model.survival(theta, 9))) > 50 * error
    assert abs(share - float(model.retention_rate(theta, 1))) > 50 * error


@models
def test_whoever_entered_late_is_counted_from_entry(model: Renewal) -> None:
    """Observed from renewal 4 on: the likelihood given entry finds the truth, one that forgets it does not."""
    theta, n = TYPICAL[model.name], 60_000
    rng = np.random.default_rng(5)
    people = model.simulate(theta, observed=np.full(n, 14), entry=rng.integers(0, 9, n), period=clv.YEAR, seed=rng)
    fit = clv.fit(model, people, method="mle")
    errors = (np.log(fit.theta) - np.log(theta)) / np.sqrt(np.diag(fit.covariance))
    assert np.all(np.abs(errors) < 3.5)
    assert float(people.kaplan_meier()["survival"].iloc[8]) == pytest.approx(float(model.survival(theta, 8)), abs=0.01)
    careless = clv.Tenures(people.customer_id, np.zeros(people.exit.size), people.exit, people.event, clv.YEAR)
    wrong = clv.fit(model, careless, method="mle")
    first = model.survival(theta, 3)
    assert abs(model.survival(fit.theta, 3) - first) < 0.02 < abs(model.survival(wrong.theta, 3) - first)


@models
def test_counts_are_repetition_and_row_order_is_irrelevant(model: Renewal) -> None:
    table = clv.Tenures.from_cohort([1000, 631, 468, 382, 326, 289, 262, 241])
    times = table.counts.astype(int)  # type: ignore[union-attr]
    exit, event = np.repeat(table.exit, times), np.repeat(table.event, times)
    order = np.random.default_rng(0).permutation(exit.size)
    each = clv.Tenures(np.arange(exit.size), np.zeros(exit.size), exit[order], event[order], clv.YEAR)
    assert len(each) == len(table) == 1000
    a, b = Problem.of(model, table, None), Problem.of(model, each, None)
    assert np.array_equal(a.counts, b.counts) and all(map(np.array_equal, a.columns, b.columns))
    assert np.array_equal(table.unique().counts, each.unique().counts)
    assert table.kaplan_meier().equals(each.kaplan_meier())


@models
def test_the_unit_of_time_is_the_time_between_renewals(model: Renewal) -> None:
    """The same renewals called months have the same parameters; horizons and rates keep their own unit."""
    years = clv.Tenures.from_cohort([1000, 631, 468, 382])
    months = clv.Tenures.from_cohort([1000, 631, 468, 382], period=clv.MONTH)
    a, b = clv.fit(model, years, method="map"), clv.fit(model, months, method="map")
    assert a.theta == b.theta
    monthly = clv.Rate(math.expm1(math.log1p(0.1) * 12), per=clv.YEAR)
    derl = model.discounted_expected_residual_lifetime
    assert float(derl(a.theta, at(2, clv.MONTH), discount=monthly)) == pytest.approx(
        float(derl(a.theta, at(2), discount=YEARLY)), rel=1e-9
    )
    assert model.survival_after(a.theta, at(2, clv.MONTH), horizon=1 * clv.YEAR) == model.survival(a.theta, 14, given=2)
    with pytest.raises(clv.UnitError, match="12 of what"):
        model.survival_after(a.theta, at(2), horizon=12)  # type: ignore[arg-type]
    with pytest.raises(clv.UnitError, match="Make the tenures with the fit's period"):
        a.renewal_probability(months)


@models
def test_who_has_left_has_no_future(model: Renewal) -> None:
    theta, gone = TYPICAL[model.name], clv.Tenure(3, clv.YEAR, event=1)
    assert model.renewal_probability(theta, gone) == 0 == model.median_residual_lifetime(theta, gone)
    assert (
        model.expected_residual_lifetime(theta, gone) == 0 == model.restricted_mean(theta, gone, horizon=5 * clv.YEAR)
    )
    assert model.discounted_expected_residual_lifetime(theta, gone, discount=YEARLY, timing="after renewal") == 0


@models
def test_fits_offer_the_formulas_with_intervals_and_refuse_mix_ups(model: Renewal) -> None:
    table = clv.Tenures.from_cohort([1000, 869, 743, 653, 593, 551, 517, 491])
    fit = clv.fit(model, table, draws=500)
    curve = fit.survival(range(10))
    assert curve.loc[0].tolist() == [1, 1, 1] and np.all(curve["lower"][1:] < curve["upper"][1:])
    assert np.all((curve["lower"] <= curve["mean"]) & (curve["mean"] <= curve["upper"]))
    people = fit.renewal_probability(table)
    assert people.index.tolist() == table.customer_id.tolist()
    assert np.all((people["mean"] > 0) == table.there)
    assert fit.survival(9, given=7)["mean"].iloc[0] > fit.survival(9)["mean"].iloc[0]
    with pytest.raises(clv.ModelError, match="given that they are"):
        fit.survival(table)
    with pytest.raises(clv.ModelError, match=r"Write Tenure\(3, YEAR\)"):
        fit.renewal_probability(3)
    with pytest.raises(clv.ModelError, match="below given=5"):
        model.survival(fit.theta, 4, given=5)
    with pytest.raises(clv.ModelError, match="'before renewal' or 'after renewal'"):
        model.discounted_expected_residual_lifetime(fit.theta, at(1), discount=YEARLY, timing="now")  # type: ignore[arg-type]
    with pytest.raises(clv.ClvError, match="reads tenures, not History"):
        clv.fit(model, clv.History(1, 2, 3, clv.YEAR))  # type: ignore[call-overload]
    with pytest.raises(clv.ClvError, match="does not read tenures"):
        clv.fit(clv.BG_NBD, table)
    assert model_named(model.name) is model


@models
def test_tenures_that_are_not_whole_are_refused(model: Renewal) -> None:
    odd = clv.Tenures(["A", "B"], [0, 0], [2.5, 3], [1, 0], clv.YEAR)
    with pytest.raises(
        clv.ContractError, match=r"'exit' is not a whole number of renewals in 1 row: customer A \(2.5\)"
    ):
        clv.fit(model, odd)


@models
def test_parameters_from_a_thousandth_to_a_thousand_give_numbers(model: Renewal) -> None:
    few = (1e-3, 1.0, 1e3) if model is not BDW else (1e-3, 0.3, 1.0, 1e3)
    for theta in np.array(np.meshgrid(*[few] * len(model.parameters))).reshape(len(model.parameters), -1).T:
        if model is BDW and theta[2] == 1e3:
            theta[2] = 30.0
        columns = (np.array([1.0, 500.0, 500.0]), np.array([0.0, 0.0, 400.0]), np.array([1.0, 0.0, 1.0]))
        value, gradient = model.kernel(theta[None, :], *columns)
        assert np.all(np.isfinite(value)) and np.all(np.isfinite(gradient)), theta
        tenure = at(np.array([0.0, 1.0, 500.0]))
        for found in (
            model.discounted_expected_residual_lifetime(theta, tenure, discount=YEARLY),
            model.restricted_mean(theta, tenure, horizon=20 * clv.YEAR),
            model.renewal_probability(theta, tenure),
        ):
            assert np.all(np.isfinite(found)) and np.all(found >= 0), theta
        assert not np.isnan(model.expected_residual_lifetime(theta, tenure)).any(), theta
