"""Covariates: each customer is one of the base model with her own parameters, and fits find what made them differ."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.covariates.explained import with_covariates
from clvmodels.estimation.problem import Problem

WEEK = clv.WEEK
TYPICAL = {
    clv.NBD: (0.5, 8.0),
    clv.BG_NBD: (0.4, 6.0, 0.9, 3.0),
    clv.MBG_NBD: (0.6, 6.0, 0.9, 3.0),
    clv.PARETO_NBD: (0.8, 8.0, 0.9, 15.0),
    clv.GGOMPERTZ_NBD: (1.2, 3.0, 0.08, 0.6, 1.5),
}
WITH_DROPOUT = {model: theta for model, theta in TYPICAL.items() if model is not clv.NBD}
SHOP, AGE, LEAVING = 0.7, -0.02, 0.5
"""Effects on purchases of the shop and of a year of age, and on leaving of the shop."""


def covariates(n: int, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {"channel": rng.choice(["online", "shop"], n), "age": rng.integers(20, 80, n).astype(float)}


def wrapped(model: clv.BG_NBD):
    dropout = None if model is clv.NBD else "~ channel"
    return with_covariates(model, purchase="~ channel + age", dropout=dropout)


def effects(model) -> tuple[float, ...]:
    return (SHOP, AGE) if model is clv.NBD else (SHOP, AGE, LEAVING)


def people(model, n: int, seed: int = 1) -> clv.Histories:
    """Customers who differ by channel and age, simulated by the base model with parameters worked out here by hand."""
    known = covariates(n, seed)
    rng = np.random.default_rng(seed)
    found = model.simulate(by_hand(model, known), T=rng.uniform(30, 80, n), period=WEEK, seed=rng)
    return clv.Histories.from_frame(found.to_frame().assign(**known), period=WEEK, covariates=["channel", "age"])


def by_hand(model, known, *, shop: float = SHOP, age: float = AGE, leaving: float = LEAVING):
    """Each customer's own parameters as columns (n, 1)."""
    theta = dict(zip(model.Theta._fields, TYPICAL[model], strict=True))
    in_shop = np.array(known["channel"])[:, None] == "shop"
    theta["alpha"] = theta["alpha"] * np.exp(-shop * in_shop - age * np.array(known["age"])[:, None])
    if "beta" in theta:
        theta["beta"] = theta["beta"] * np.exp(-leaving * in_shop)
    elif "a" in theta:
        theta["a"] = theta["a"] * np.exp(leaving * in_shop)
    return model.Theta(**theta)


@pytest.mark.parametrize("model", TYPICAL, ids=str)
def test_every_formula_is_that_of_the_base_model_at_each_customers_own_parameters(model) -> None:
    customers = people(model, 40)
    fitted = wrapped(model).on(customers)
    theta = (*TYPICAL[model], *effects(model))
    own = model.Theta(*(np.broadcast_to(v, (40, 1))[:, 0] for v in by_hand(model, customers.covariates)))
    for formula, options in (
        ("log_likelihood", {}),
        ("p_alive", {}),
        ("p_alive_after", {"horizon": 10 * WEEK}),
        ("expected_purchases", {"horizon": 39 * WEEK}),
        ("discounted_expected_purchases", {"discount": clv.Rate(0.1, per=clv.YEAR)}),
        ("pmf", {"n": 2, "horizon": 39 * WEEK}),
        ("p_no_purchase", {"horizon": 39 * WEEK}),
        ("time_to_next_purchase", {"probability": 0.05}),
    ):
        ours, plain = (getattr(m, formula)(t, customers, **options) for m, t in ((fitted, theta), (model, own)))
        assert ours == pytest.approx(plain, rel=1e-12), formula


@pytest.mark.parametrize("model", [*TYPICAL, clv.GAMMA_GAMMA], ids=str)
def test_gradient_equals_central_differences(model) -> None:
    customers = with_amounts(people(clv.BG_NBD, 60)) if model is clv.GAMMA_GAMMA else people(model, 60)
    spec = with_covariates(model, spend="~ channel + age") if model is clv.GAMMA_GAMMA else wrapped(model)
    problem = Problem.of(spec.on(customers), customers, None)
    u = problem.centre + np.random.default_rng(2).normal(0, 0.2, problem.centre.size)
    value, slope = problem.log_posterior(u)
    assert value == pytest.approx(float(problem.log_posterior_of_draws(u[None])[0]))
    step = 1e-5
    for j, axis in enumerate(np.eye(u.size) * step):
        difference = (problem.log_posterior(u + axis)[0] - problem.log_posterior(u - axis)[0]) / (2 * step)
        assert slope[j] == pytest.approx(difference, rel=1e-5, abs=1e-4)


@pytest.mark.parametrize("model", TYPICAL, ids=str)
def test_fits_find_the_truth(model) -> None:
    fit = clv.fit(wrapped(model), people(model, 6000), method="mle")
    truth = np.array((*TYPICAL[model], *effects(model)))
    seen = fit.model.coordinates()
    z = (seen.free(fit.theta) - seen.free(truth)) / np.sqrt(np.diag(fit.covariance))
    assert np.all(np.abs(z) < 3.5)
    assert abs(fit.theta.purchase_channel_shop - SHOP) < 0.2 and abs(fit.theta.purchase_age - AGE) < 0.005


def test_the_covariance_is_the_inverse_curvature_in_natural_units() -> None:
    """Also where the standardised search moves far from them: birth years, whose zero is far away."""
    customers = people(clv.BG_NBD, 800)
    born = customers.with_covariates(
        pd.DataFrame({"customer_id": customers.customer_id, "born": 2000 - customers.covariates["age"]})
    )
    fit = clv.fit(with_covariates(clv.BG_NBD, purchase="~ born", dropout="~ channel"), born, method="mle")
    seen = fit.model.coordinates()

    def value(free: np.ndarray) -> float:
        return float(fit.model.log_likelihood(seen.from_free(free), born).sum())

    top, scale = seen.free(fit.theta), np.sqrt(np.diag(fit.covariance))
    direction = np.linalg.cholesky(fit.covariance)
    for axis in direction.T:  # along each, the log-likelihood falls by a half at one standard error
        falls = [value(top) - value(top + t * axis) for t in (-0.05, 0.05)]
        assert np.mean(falls) == pytest.approx(0.5 * 0.05**2, rel=0.02)
    assert scale[-1] < 1


def test_units_of_a_covariate_do_not_matter() -> None:
    customers = people(clv.BG_NBD, 400)
    in_months = customers.with_covariates(
        pd.DataFrame({"customer_id": customers.customer_id, "age": customers.covariates["age"] * 12 + 5})
    )
    years, months = (clv.fit(wrapped(clv.BG_NBD), h, method="map") for h in (customers, in_months))
    assert months.theta.purchase_age * 12 == pytest.approx(years.theta.purchase_age, rel=1e-5)
    assert months.loglik == pytest.approx(years.loglik, abs=1e-6)
    horizon = 20 * WEEK
    ours, theirs = (
        f.model.expected_purchases(f.theta, h, horizon=horizon) for f, h in ((years, customers), (months, in_months))
    )
    assert ours == pytest.approx(theirs, rel=1e-5)


@pytest.mark.parametrize("model", WITH_DROPOUT, ids=str)
def test_a_positive_coefficient_means_more_of_the_process(model) -> None:
    fitted = wrapped(model).on(people(model, 50))
    both = {"channel": np.array(["online", "shop"]), "age": np.array([40.0, 40.0])}
    silent = clv.History(np.array([2.0, 2.0]), np.array([20.0, 20.0]), np.array([30.0, 30.0]), WEEK, covariates=both)
    newcomers = clv.History.new_customer(WEEK, covariates=both)
    buys = fitted.expected_purchases((*TYPICAL[model], 0.5, 0.0, 0.0), newcomers, horizon=WEEK)
    assert buys[1] > 1.2 * buys[0]
    leaves = 1 - fitted.p_alive((*TYPICAL[model], 0.0, 0.0, 0.5), silent)
    assert leaves[1] > 1.05 * leaves[0]


def test_opportunities_have_covariates_too(donors) -> None:
    shop = np.random.default_rng(0).random(len(donors)) < 0.5
    known = donors.with_covariates(pd.DataFrame({"customer_id": donors.customer_id, "shop": shop}))
    fitted = with_covariates(clv.BG_BB, purchase="~ shop", dropout="~ shop").on(known)
    theta, more = (1.204, 0.750, 0.657, 2.783), 0.4
    own = clv.BG_BB.Theta(
        *(
            np.where(shop & (name in ("alpha", "gamma")), v * np.exp(more), v)
            for name, v in zip(clv.BG_BB.Theta._fields, theta, strict=True)
        )
    )
    assert fitted.p_alive((*theta, more, more), known) == pytest.approx(clv.BG_BB.p_alive(own, donors), rel=1e-12)
    none = clv.fit(with_covariates(clv.BG_BB, purchase="~ shop"), known, method="mle")
    assert abs(none.theta.purchase_shop) < 4 * np.sqrt(none.covariance[-1, -1])


def with_amounts(customers: clv.Histories, effect: float = 0.0) -> clv.Histories:
    in_shop = customers.covariates["channel"] == "shop"
    theta = (5.0, 4.0, 20.0 * np.exp(effect * in_shop))
    amounts = clv.GAMMA_GAMMA.simulate(theta, customers.frequency, seed=3)
    frame = customers.to_frame().assign(monetary_value=amounts)
    return clv.Histories.from_frame(frame, period=WEEK, covariates=["channel", "age"])


def test_amounts_have_covariates_too() -> None:
    customers = with_amounts(people(clv.BG_NBD, 6000), effect=0.4)
    fit = clv.fit(with_covariates(clv.GAMMA_GAMMA, spend="~ channel"), customers)
    assert abs(fit.theta.spend_channel_shop - 0.4) < 4 * np.sqrt(fit.covariance[-1, -1]) < 0.3
    new = clv.History.new_customer(WEEK, covariates={"channel": ["online", "shop"]})
    online, shop = fit.model.expected_spend(fit.theta, new)
    assert shop / online == pytest.approx(np.exp(fit.theta.spend_channel_shop))


def test_a_forecast_uses_each_customers_own_parameters() -> None:
    customers = with_amounts(people(clv.BG_NBD, 300), effect=0.4)
    duration = clv.fit(wrapped(clv.BG_NBD), customers, draws=400)
    quantity = clv.fit(with_covariates(clv.GAMMA_GAMMA, spend="~ channel"), customers, draws=400)
    horizon, rate = 40 * WEEK, clv.Rate(0.2, per=clv.YEAR)
    forecast = clv.forecast(duration, quantity, customers, horizon=horizon, discount=rate, draws=400)
    table = forecast.per_customer().set_index("customer_id")
    expected = duration.expected_purchases(customers, horizon=horizon, draws=400)["mean"]
    assert np.corrcoef(table["purchases"], expected)[0, 1] > 0.99
    assert table["p_alive"].to_numpy() == pytest.approx(
        duration.p_alive(customers, draws=400)["mean"].to_numpy(), abs=0.02
    )
    total = forecast.total()
    assert total.loc["purchases", "mean"] == pytest.approx(expected.sum(), rel=0.1)
    sooner = clv.forecast(duration, quantity, customers, horizon=clv.FOREVER, discount=rate, draws=40).total()
    assert sooner.loc["potential", "mean"] > total.loc["potential", "mean"]


def test_new_customers_from_covariates_alone() -> None:
    customers = people(clv.PARETO_NBD, 400)
    fit = clv.fit(wrapped(clv.PARETO_NBD), customers, draws=400)
    known = {"channel": ["online", "shop"], "age": [30.0, 60.0]}
    found = fit.expected_purchases(clv.History.new_customer(WEEK, covariates=known), horizon=52 * WEEK)
    assert len(found) == 2 and (found["lower"] < found["mean"]).all() and (found["mean"] < found["upper"]).all()
    draws = fit.draws(500)
    alpha = draws.alpha * np.exp(-draws.purchase_channel_shop - draws.purchase_age * 60)
    theta = (draws.r, alpha, draws.s, draws.beta * np.exp(-draws.dropout_channel_shop))
    by_hand = clv.PARETO_NBD.expected_purchases(theta, clv.History.new_customer(WEEK), horizon=52 * WEEK).mean()
    assert found["mean"].iloc[1] == pytest.approx(by_hand, rel=1e-9)


def test_equal_coefficients_are_one_parameter() -> None:
    customers = people(clv.PARETO_NBD, 1500)
    free = clv.fit(
        with_covariates(clv.PARETO_NBD, purchase="~ channel + age", dropout="~ channel"), customers, method="mle"
    )
    tied = with_covariates(clv.PARETO_NBD, purchase="~ channel + age", dropout="~ channel", equal=["channel"])
    fit = clv.fit(tied, customers, method="mle")
    assert fit.theta._fields == ("r", "alpha", "s", "beta", "shared_channel_shop", "purchase_age")
    assert fit.loglik <= free.loglik
    both = (*fit.theta[:4], fit.theta.shared_channel_shop, fit.theta.purchase_age, fit.theta.shared_channel_shop)
    assert free.model.log_likelihood(both, customers).sum() == pytest.approx(fit.loglik, rel=1e-12)


def test_a_ridge_shrinks_what_the_data_do_not_tell() -> None:
    customers = people(clv.BG_NBD, 150)
    sizes = [
        abs(
            clv.fit(
                with_covariates(clv.BG_NBD, purchase="~ age", ridge=ridge), customers, method="map"
            ).theta.purchase_age
        )
        for ridge in (0.01, 0.1, 10.0)
    ]
    assert sizes[0] < sizes[1] < sizes[2]


@pytest.mark.slow
def test_laplace_agrees_with_nuts() -> None:
    customers = people(clv.NBD, 300)
    spec = with_covariates(clv.NBD, purchase="~ channel + age")
    laplace = clv.fit(spec, customers, method="laplace", draws=8000, seed=2)
    nuts = clv.fit(spec, customers, method="nuts", draws=1000, chains=2, seed=2)
    assert laplace.diagnostics.k_hat < 0.7 and nuts.diagnostics.divergences == 0
    for name in laplace.theta._fields:
        a, b = (np.ravel(f.posterior[name].values) for f in (laplace, nuts))
        error = np.hypot(a.std() / np.sqrt(laplace.diagnostics.ess), b.std() / np.sqrt(nuts.diagnostics.ess))
        assert abs(a.mean() - b.mean()) < 4.5 * error
        assert a.std() == pytest.approx(b.std(), rel=0.2)


@pytest.mark.parametrize("formula", ["~ channel + age", "~ bs(age, df=4)", "~ C(channel, contr.sum) + np.log(age)"])
def test_a_saved_fit_comes_back_as_it_was(formula, tmp_path) -> None:
    customers = people(clv.BG_NBD, 200)
    fit = clv.fit(with_covariates(clv.BG_NBD, purchase=formula), customers, method="map")
    again = clv.load(clv.save(fit, tmp_path / "fit.parquet"))
    assert again.theta == fit.theta and again.model.name == fit.model.name and again.priors == fit.priors
    some = customers.select(customers.covariates["channel"] == "shop")
    assert again.p_alive(some).equals(fit.p_alive(some))


def test_simulated_customers_keep_their_covariates() -> None:
    fitted = wrapped(clv.BG_NBD).on(people(clv.BG_NBD, 50))
    known = {"channel": np.repeat(["online", "shop"], 20_000), "age": np.full(40_000, 40.0)}
    theta = (*TYPICAL[clv.BG_NBD], SHOP, AGE, LEAVING)
    made = fitted.simulate(theta, T=np.full(40_000, 30.0), period=WEEK, seed=1, covariates=known)
    assert list(made.covariates) == ["channel", "age"]
    expected = fitted.expected_purchases(theta, clv.History.new_customer(WEEK, covariates=known), horizon=30 * WEEK)
    for channel in ("online", "shop"):
        here = known["channel"] == channel
        assert abs(made.frequency[here].mean() - expected[here][0]) < 4 * made.frequency[here].std() / np.sqrt(20_000)
