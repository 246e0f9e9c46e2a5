"""Pooled models: segments differ as far as the data say, and the small ones lean on the others."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.estimation.problem import Problem

WEEK = clv.WEEK
MIDDLE = {clv.NBD: (0.6, 6.0), clv.BG_NBD: (0.5, 6.0, 0.9, 3.0)}


def world(model, sizes, spread: float, seed: int = 0) -> tuple[clv.Histories, np.ndarray]:
    """Customers of segments s0, s1, ... whose parameters scatter about the middle, and the parameters (S, k)."""
    rng = np.random.default_rng(seed)
    truth = np.exp(np.log(MIDDLE[model]) + spread * rng.standard_normal((len(sizes), len(MIDDLE[model]))))
    parts = [
        model.simulate(theta, T=rng.uniform(30, 80, n), period=WEEK, seed=rng).to_frame().assign(segment=f"s{s}")
        for s, (theta, n) in enumerate(zip(truth, sizes, strict=True))
    ]
    table = pd.concat(parts, ignore_index=True)
    return clv.Histories.from_frame(table.assign(customer_id=range(len(table))), period=WEEK), truth


def test_every_segment_has_parameters_of_its_own() -> None:
    customers, _ = world(clv.BG_NBD, [20, 30], 0.3)
    model = clv.pooled(clv.BG_NBD, parameters=["r", "a"]).on(customers)
    assert model.Theta._fields == ("r", "alpha", "a", "b", "spread_r", "spread_a", "r_s0", "r_s1", "a_s0", "a_s1")
    theta = (0.5, 6.0, 0.9, 3.0, 0.2, 0.4, -1.0, 1.5, 0.5, -2.0)
    here = customers.segment == "s1"
    r = np.where(here, 0.5 * np.exp(0.2 * 1.5), 0.5 * np.exp(-0.2))
    a = np.where(here, 0.9 * np.exp(-0.8), 0.9 * np.exp(0.2))
    own = clv.BG_NBD.Theta(r, np.full(50, 6.0), a, np.full(50, 3.0))
    assert model.log_likelihood(theta, customers) == pytest.approx(clv.BG_NBD.log_likelihood(own, customers), rel=1e-12)
    for formula in ("expected_purchases", "p_alive_after"):
        ours, plain = (
            getattr(m, formula)(t, customers, horizon=9 * WEEK) for m, t in ((model, theta), (clv.BG_NBD, own))
        )
        assert ours == pytest.approx(plain, rel=1e-12)


def test_gradient_equals_central_differences() -> None:
    customers, _ = world(clv.BG_NBD, [20, 30, 10], 0.3)
    problem = Problem.of(clv.pooled(clv.BG_NBD).on(customers), customers, None)
    u = problem.centre + np.random.default_rng(2).normal(0, 0.3, problem.centre.size)
    _, slope = problem.log_posterior(u)
    for j, axis in enumerate(np.eye(u.size) * 1e-5):
        difference = (problem.log_posterior(u + axis)[0] - problem.log_posterior(u - axis)[0]) / 2e-5
        assert slope[j] == pytest.approx(difference, rel=1e-5, abs=1e-4)


@pytest.fixture(scope="module")
def unequal():
    customers, truth = world(clv.NBD, [2000, 2000, 2000, 2000, 15], 0.5, seed=3)
    return customers, truth, clv.fit(clv.pooled(clv.NBD), customers, draws=1000, seed=1)


def test_segments_are_found_again(unequal) -> None:
    _, truth, fit = unequal
    assert fit.method == "laplace" and fit.diagnostics.k_hat < 0.7 and fit.diagnostics.ess > 200
    table = fit.model.by_segment(fit.draws(1000), interval=0.99)
    for s in range(5):
        for name, value in zip(("r", "alpha"), truth[s], strict=True):
            row = table.loc[(f"s{s}", name)]
            assert row["lower"] < value < row["upper"]
    assert 0.15 < fit.theta.spread_r < 1.5


def test_a_small_segment_leans_on_the_others(unequal) -> None:
    customers, _, fit = unequal
    alone = clv.fit(clv.NBD, customers.select(customers.segment == "s4"), draws=1000)
    others = clv.fit(clv.NBD, customers.select(customers.segment != "s4"), method="mle")
    row = fit.model.by_segment(fit.draws(1000)).loc[("s4", "r")]
    by_itself = alone.summary().loc["r"]
    assert row["upper"] - row["lower"] < by_itself["upper"] - by_itself["lower"]
    assert abs(np.log(row["mean"] / others.theta.r)) < abs(np.log(by_itself["estimate"] / others.theta.r))


def test_segments_that_are_alike_have_a_small_spread() -> None:
    customers, _ = world(clv.NBD, [1500] * 6, 0.0, seed=5)
    fit = clv.fit(clv.pooled(clv.NBD), customers, draws=1000)
    assert fit.theta.spread_r < 0.15 and fit.theta.spread_alpha < 0.15
    plain = clv.fit(clv.NBD, customers, draws=1000)
    ours, theirs = (f.expected_purchases(customers, horizon=20 * WEEK)["mean"].sum() for f in (fit, plain))
    assert ours == pytest.approx(theirs, rel=0.02)


@pytest.mark.slow
def test_the_two_engines_agree() -> None:
    customers, _ = world(clv.NBD, [40, 60, 30, 50], 0.4, seed=7)
    laplace = clv.fit(clv.pooled(clv.NBD), customers, method="laplace", draws=4000, seed=2)
    nuts = clv.fit(clv.pooled(clv.NBD), customers, method="nuts", draws=2000, tune=2000, seed=2)
    for name in laplace.theta._fields:
        a, b = (np.ravel(f.posterior[name].values) for f in (laplace, nuts))
        error = np.hypot(a.std() / np.sqrt(laplace.diagnostics.ess), b.std() / np.sqrt(nuts.diagnostics.ess))
        assert abs(a.mean() - b.mean()) < 4.5 * error, name
        assert a.std() == pytest.approx(b.std(), rel=0.2), name


def test_the_same_seed_gives_the_same_draws_and_a_saved_fit_comes_back(tmp_path) -> None:
    customers, _ = world(clv.NBD, [40, 60], 0.3)
    one, two = (clv.fit(clv.pooled(clv.NBD), customers, draws=100, seed=4) for _ in range(2))
    assert one.theta == two.theta
    again = clv.load(clv.save(one, tmp_path / "fit.parquet"))
    assert again.model.name == "NBD pooled by segment" and again.theta == one.theta
    assert again.expected_purchases(customers, horizon=WEEK).equals(one.expected_purchases(customers, horizon=WEEK))


def test_a_forecast_by_segment() -> None:
    customers, _ = world(clv.BG_NBD, [150, 150], 0.6, seed=2)
    amounts = clv.GAMMA_GAMMA.simulate((5.0, 4.0, 20.0), customers.frequency, seed=1)
    priced = clv.Histories.from_frame(customers.to_frame().assign(monetary_value=amounts), period=WEEK)
    duration = clv.fit(clv.pooled(clv.BG_NBD), priced, draws=200)
    quantity = clv.fit(clv.pooled(clv.GAMMA_GAMMA, parameters=["v"]), priced, draws=200)
    forecast = clv.forecast(duration, quantity, priced, horizon=20 * WEEK, draws=200)
    expected = duration.expected_purchases(priced, horizon=20 * WEEK, draws=200)["mean"]
    for segment, row in forecast.by("segment").iterrows():
        assert row["purchases"] == pytest.approx(expected[priced.segment == segment].sum(), rel=0.15)


def test_what_cannot_be_pooled() -> None:
    customers, _ = world(clv.NBD, [20, 20], 0.3)
    with pytest.raises(clv.ClvError, match=r"pooling is a prior, .* Use method='laplace' or 'nuts'"):
        clv.fit(clv.pooled(clv.NBD), customers, method="mle")
    with pytest.raises(clv.ModelError, match=r"NBD has no parameter a\. Its parameters are r, alpha"):
        clv.pooled(clv.NBD, parameters=["a"])
    with pytest.raises(clv.HistoryError, match="All customers have the same segment, 's0'"):
        clv.pooled(clv.NBD).on(customers.select(customers.segment == "s0"))
    with pytest.raises(clv.HistoryError, match="reads the covariate 'region', which these histories do not have"):
        clv.pooled(clv.NBD, by="region").on(customers)
    model = clv.pooled(clv.NBD).on(customers)
    unseen = clv.History.new_customer(WEEK, covariates={"segment": ["s7"]})
    with pytest.raises(clv.HistoryError, match=r"'segment' has a label that the model has not seen .* s0, s1"):
        model.each((0.6, 6.0, 0.1, 0.1, 0, 0, 0, 0), unseen)
