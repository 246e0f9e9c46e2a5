"""What holds for every model in the catalogue."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import clvmodels as clv
from clvmodels.catalogue import catalogue
from clvmodels.estimation.problem import Problem
from clvmodels.model import Model
from tests.laws.conftest import columns_of, discrete, histories, thetas

models = pytest.mark.parametrize("model", catalogue, ids=lambda m: m.name)
# Without BG_BB: its parameters are pure numbers, and in another unit of time its histories would not count opportunities.
models_with_units = pytest.mark.parametrize("model", [m for m in catalogue if not discrete(m)], ids=lambda m: m.name)


def usable(model: Model, history: clv.History) -> bool:
    return model.name != "GAMMA_GAMMA" or history.frequency > 0


@models
@given(st.data())
def test_gradient_equals_central_differences(model: Model, data: st.DataObject) -> None:
    history = data.draw(histories(model))
    assume(usable(model, history))
    seen = model.coordinates()
    u = seen.free(data.draw(thetas(model)))
    columns = columns_of(model, history)

    def value(v: np.ndarray) -> float:
        return float(model.kernel(seen.from_free(v)[None, :], *columns)[0][0])

    exact = seen.slope(seen.from_free(u), model.kernel(seen.from_free(u)[None, :], *columns)[1][0])
    step = 1e-4
    for j, axis in enumerate(np.eye(u.size) * step):
        # fourth-order central difference
        slope = (8 * (value(u + axis) - value(u - axis)) - (value(u + 2 * axis) - value(u - 2 * axis))) / (12 * step)
        rounding = 1e-7 * max(1.0, 1e-3 * np.exp(u).max() * (1 + history.frequency))  # of log-gammas of theta * x
        assert exact[j] == pytest.approx(slope, rel=1e-6, abs=rounding)


@models
@given(st.data())
def test_one_theta_per_row_equals_one_for_all(model: Model, data: st.DataObject) -> None:
    rows = [data.draw(histories(model)) for _ in range(4)]
    assume(all(usable(model, row) for row in rows))
    columns = [np.concatenate(c) for c in zip(*(columns_of(model, row) for row in rows), strict=True)]
    theta = np.array([data.draw(thetas(model)) for _ in rows])
    value, gradient = model.kernel(theta, *columns)
    for i in range(len(rows)):
        alone_value, alone_gradient = model.kernel(theta[[i]], *(c[[i]] for c in columns))
        assert value[i] == alone_value[0]
        assert np.array_equal(gradient[i], alone_gradient[0])


@models
@given(st.data())
def test_values_are_those_that_come_with_the_gradient(model: Model, data: st.DataObject) -> None:
    rows = [data.draw(histories(model)) for _ in range(4)]
    assume(all(usable(model, row) for row in rows))
    columns = [np.concatenate(c) for c in zip(*(columns_of(model, row) for row in rows), strict=True)]
    theta = np.array([data.draw(thetas(model)) for _ in rows])
    for some in (theta, theta[:1]):
        value, _ = model.kernel(some, *columns)
        assert model.values(some, *columns) == pytest.approx(value, rel=1e-12, abs=1e-12)


@models
def test_one_customer_in_an_array_is_one_customer(model: Model) -> None:
    one, ahead = clv.History(2.0, 3.0, 5.0, clv.WEEK, 4.0), {"horizon": 3 * clv.WEEK}
    alone = clv.History(*(np.array([v]) for v in (2.0, 3.0, 5.0)), clv.WEEK, np.array([4.0]))
    special = {
        "log_likelihood": {},
        "p_alive": {},
        "expected_spend": {},
        "pmf": {"n": 1, **ahead},
        "discounted_expected_purchases": {"discount": clv.Rate(0.1, per=clv.YEAR)},
        "time_to_next_purchase": {"probability": 0.2},
    }
    theta = model.theta([1.2] * len(model.parameters))
    for name in ("log_likelihood", *model.formulas):
        formula, options = getattr(model, name), special.get(name, ahead)
        wanted = float(np.squeeze(formula(theta, one, **options)))
        for shape in ((), (1,), (1, 1)):
            found = formula(model.Theta(*(np.reshape(v, shape) for v in theta)), alone, **options)
            assert found == pytest.approx(wanted, rel=1e-12)


@models
def test_equal_customers_are_one_row_with_a_count(model: Model, people: clv.Histories) -> None:
    problem = Problem.of(model, people, None)
    total, _ = problem.log_likelihood(problem.centre)
    each = model.log_likelihood(problem.coordinates.theta(problem.centre), people)
    assert problem.counts.size < each.size
    assert total == pytest.approx(each.sum(), rel=1e-12)


@models
def test_row_order_is_irrelevant(model: Model, people: clv.Histories) -> None:
    shuffled = people.select(np.random.default_rng(0).permutation(people.customer_id))
    a, b = (clv.fit(model, h, method="map") for h in (people, shuffled))
    assert a.theta == b.theta
    assert a.fingerprint == b.fingerprint


@models_with_units
def test_units_of_time_and_money_change_nothing_but_units(model: Model, cdnow: clv.Histories) -> None:
    frame = cdnow.to_frame().assign(monetary_value=lambda f: f.monetary_value * 1300)
    other = clv.Histories.from_frame(frame, period=clv.WEEK).to(clv.DAY)
    a, b = Problem.of(model, cdnow, None), Problem.of(model, other, None)
    shift = b.centre - a.centre
    wanted = [p.time * np.log(7) + p.money * np.log(1300) for p in model.parameters]
    assert shift == pytest.approx(np.array(wanted), abs=1e-9)
    points = a.centre + np.random.default_rng(1).normal(0, 0.3, (5, a.centre.size))
    difference = [a.log_posterior(u)[0] - b.log_posterior(u + shift)[0] for u in points]
    assert difference == pytest.approx([difference[0]] * 5, abs=1e-7)


@models
def test_priors_are_densities_of_the_logarithm(model: Model) -> None:
    u = np.linspace(-40, 40, 20001)
    for parameter in model.parameters:
        for prior in (parameter.prior, clv.Gamma(3.0, 2.0)):
            assert np.trapezoid(np.exp(prior.log_density(u)), u) == pytest.approx(1, abs=1e-6)
            slope = (prior.log_density(u + 1e-5) - prior.log_density(u - 1e-5))[9000:11000] / 2e-5
            assert prior.log_density_gradient(u)[9000:11000] == pytest.approx(slope, rel=1e-5, abs=1e-5)


@models
def test_wrong_parameters_are_refused(model: Model, people: clv.Histories) -> None:
    names = model.Theta._fields
    with pytest.raises(clv.ModelError, match=f"{names[0]} must be positive"):
        model.log_likelihood([-1.0, *[1.0] * (len(names) - 1)], people)
    with pytest.raises(clv.ModelError, match=f"has {len(names)} parameters"):
        model.theta([1.0])
    with pytest.raises(clv.ModelError, match="has no parameter zeta"):
        clv.fit(model, people, priors={"zeta": clv.LogNormal(1.0, 1.0)})
