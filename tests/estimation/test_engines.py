"""The engines: they find the truth again, agree with one another, and refuse to look fine when they are not."""

from __future__ import annotations

import numpy as np
import pytest

import clvmodels as clv
from clvmodels.coordinates import Coordinates
from clvmodels.estimation.laplace import effective, resample
from clvmodels.estimation.mode import find_mode

WEEK = clv.WEEK
TRUTH = {"BG_NBD": (0.4, 6.0, 0.9, 3.0), "GAMMA_GAMMA": (5.0, 4.0, 20.0)}


def people(model: str, n: int, seed: int) -> clv.Histories:
    """Customers observed for 20 to 80 weeks, with amounts."""
    rng = np.random.default_rng(seed)
    found = clv.BG_NBD.simulate(TRUTH["BG_NBD"], T=rng.uniform(20, 80, n), period=WEEK, seed=rng)
    amounts = clv.GAMMA_GAMMA.simulate(TRUTH["GAMMA_GAMMA"], found.frequency, seed=rng)
    return clv.Histories.from_frame(found.to_frame().assign(monetary_value=amounts), period=WEEK)


@pytest.mark.parametrize("model", [clv.BG_NBD, clv.GAMMA_GAMMA], ids=str)
@pytest.mark.parametrize("method", ["mle", "map", "laplace"])
def test_recovery(model, method) -> None:
    fit = clv.fit(model, people(model.name, 20_000, seed=4), method=method, draws=500, seed=4)
    z = (np.log(fit.theta) - np.log(TRUTH[model.name])) / np.sqrt(np.diag(fit.covariance))
    assert np.all(np.abs(z) < 3.5)
    assert np.all(np.sqrt(np.diag(fit.covariance)) < 0.25)  # the data are worth something


@pytest.mark.parametrize("model", [clv.BG_NBD, clv.GAMMA_GAMMA], ids=str)
def test_laplace_agrees_with_nuts(model, cdnow) -> None:
    laplace = clv.fit(model, cdnow, method="laplace", draws=8000, seed=2)
    nuts = clv.fit(model, cdnow, method="nuts", draws=2000, chains=4, seed=2)
    assert laplace.diagnostics.k_hat < 0.5
    assert nuts.diagnostics.r_hat < 1.01 and nuts.diagnostics.divergences == 0
    assert 0 < nuts.diagnostics.compiling < nuts.diagnostics.seconds and "compiled in" in str(nuts.diagnostics)
    for name in model.Theta._fields:
        a, b = (np.log(np.ravel(f.posterior[name].values)) for f in (laplace, nuts))
        error = np.hypot(a.std() / np.sqrt(laplace.diagnostics.ess), b.std() / np.sqrt(nuts.diagnostics.ess))
        assert abs(a.mean() - b.mean()) < 4 * error
        assert a.std() == pytest.approx(b.std(), rel=4 / np.sqrt(nuts.diagnostics.ess))


def test_the_pymc_model_has_the_same_density(cdnow) -> None:
    """One kernel for every engine: PyMC's log density is ours, up to the constant of the starting point."""
    from clvmodels.estimation.nuts import pymc_model
    from clvmodels.estimation.problem import Problem

    problem = Problem.of(clv.BG_NBD, cdnow, {"b": clv.Gamma(2.0, 3.0)})
    compiled = pymc_model(problem).compile_logp()
    slope = pymc_model(problem).compile_dlogp()
    for u in problem.centre + np.random.default_rng(0).normal(0, 0.3, (3, 4)):
        point = {f"{name}_log__": value for name, value in zip(problem.priors, u, strict=True)}
        value, gradient = problem.log_posterior(u)
        assert compiled(point) == pytest.approx(value, rel=1e-10)
        assert slope(point) == pytest.approx(gradient, rel=1e-8)


def test_without_repeat_purchases_there_is_no_maximum() -> None:
    nobody = clv.BG_NBD.simulate((0.001, 100.0, 1.0, 1.0), T=np.full(200, 5.0), period=WEEK, seed=0)
    assert nobody.frequency.sum() == 0
    with pytest.raises(clv.ConvergenceError, match=r"do not determine .* try method='laplace'"):
        clv.fit(clv.BG_NBD, nobody, method="mle")
    with pytest.raises(clv.HistoryError, match="no amount to learn from"):
        clv.fit(clv.GAMMA_GAMMA, nobody)


def test_auto_turns_to_nuts_when_laplace_cannot_vouch_for_itself() -> None:
    """Hardly more customers than effects, and wide priors: too many directions in which the posterior is not normal."""
    few, rng = people("BG_NBD", 25, seed=8), np.random.default_rng(0)
    known = {f"z{j}": rng.normal(size=25) for j in range(18)}
    few = clv.Histories.from_frame(few.to_frame().assign(**known), period=WEEK, covariates=list(known))
    model = clv.with_covariates(clv.NBD, purchase="~ " + " + ".join(known), ridge=3.0)
    with pytest.raises(clv.ConvergenceError, match=r"k-hat is .* method='laplace'. Use method='nuts'"):
        clv.fit(model, few, method="laplace", draws=500, seed=1)
    fit = clv.fit(model, few, method="auto", draws=1000, seed=1)
    assert fit.method == "nuts" and fit.diagnostics.r_hat < 1.01


def test_laplace_learns_a_posterior_that_bends() -> None:
    """Few customers and almost flat priors: a long ridge of dropout parameters, with its end by Hamiltonian Monte Carlo.

    8,000 draws of nuts in four chains have log(a) 1.50 with standard deviation 3.07, and 750 effective draws. From the curvature
    at the mode alone it would be 0.5 and 1.5.
    """
    few, wide = people("BG_NBD", 25, seed=8), {name: clv.LogNormal(1.0, 8.0) for name in ("a", "b")}
    for seed in (1, 2, 3):
        fit = clv.fit(clv.BG_NBD, few, method="laplace", priors=wide, draws=2000, seed=seed)
        log_a = np.log(np.ravel(fit.posterior["a"].values))
        error = 3.07 * np.sqrt(1 / 750 + 1 / fit.diagnostics.ess)
        assert abs(log_a.mean() - 1.50) < 4 * error
        assert log_a.std() == pytest.approx(3.07, rel=0.2)


def test_a_flat_or_rising_surface_is_refused() -> None:
    def rising(u):
        return float(u.sum()), np.ones_like(u)

    with pytest.raises(clv.ConvergenceError, match="do not determine s, t"):
        find_mode(
            rising,
            np.zeros(2),
            Coordinates(np.ones(2, dtype=bool)),
            names=["s", "t"],
            title="A plane",
            advice="Climb elsewhere.",
        )


def test_systematic_resampling_keeps_the_weights() -> None:
    weights = np.array([0.5, 0.25, 0.125, 0.125])
    counts = np.bincount(resample(weights, 800, np.random.default_rng(0)), minlength=4)
    assert np.all(np.abs(counts - 800 * weights) <= 1)


def test_effective_draws_are_the_spread_of_resampled_means() -> None:
    """Even and uneven weights: the variance of resampled means of noise is what the number says."""
    rng = np.random.default_rng(3)
    for uneven in (0.0, 0.5):
        weights = np.exp(uneven * rng.normal(size=900))
        weights /= weights.sum()
        means = [rng.normal(size=900)[resample(weights, 600, rng)].mean() for _ in range(4000)]
        assert 1 / np.var(means) == pytest.approx(effective(weights, 600), rel=0.08)


def test_the_seed_reproduces_the_draws(cdnow) -> None:
    a, b, c = (clv.fit(clv.BG_NBD, cdnow, draws=200, seed=s) for s in (1, 1, 2))
    assert a.posterior.equals(b.posterior)
    assert not a.posterior.equals(c.posterior)
    assert np.array_equal(a.draws(50, seed=3), b.draws(50, seed=3))


def test_the_unit_of_time_does_not_move_p_alive(cdnow) -> None:
    weeks = clv.fit(clv.BG_NBD, cdnow, seed=1)
    days = clv.fit(clv.BG_NBD, cdnow.to(clv.DAY), seed=1)
    assert days.p_alive(cdnow)["mean"].to_numpy() == pytest.approx(weeks.p_alive(cdnow)["mean"].to_numpy(), abs=2e-3)
    assert days.theta.alpha == pytest.approx(7 * weeks.theta.alpha, rel=0.01)


def test_priors_need_units_and_move_the_estimate(cdnow) -> None:
    with pytest.raises(clv.UnitError, match="Give a span of time"):
        clv.fit(clv.BG_NBD, cdnow, method="map", priors={"alpha": clv.LogNormal(10.0, 1.0)})
    with pytest.raises(clv.UnitError, match="Give a plain number"):
        clv.fit(clv.BG_NBD, cdnow, method="map", priors={"r": clv.LogNormal(10 * WEEK, 1.0)})
    tight = clv.fit(clv.BG_NBD, cdnow, method="map", priors={"alpha": clv.LogNormal(70 * clv.DAY, 1e-4)})
    assert tight.theta.alpha == pytest.approx(10.0, rel=1e-3)
    with pytest.raises(clv.ClvError, match="has no priors"):
        clv.fit(clv.BG_NBD, cdnow, method="mle", priors={"alpha": clv.LogNormal(10 * WEEK, 1.0)})


def test_an_unknown_engine_is_refused(cdnow) -> None:
    with pytest.raises(clv.ClvError, match="Choose one of auto, mle, map, laplace, nuts"):
        clv.fit(clv.BG_NBD, cdnow, method="mcmc")


def test_a_model_without_a_formula_says_what_there_is(cdnow_gamma_gamma, cdnow_bg_nbd, cdnow) -> None:
    with pytest.raises(AttributeError, match="has no 'p_alive'; the formulas of this model are expected_spend"):
        cdnow_gamma_gamma.p_alive(cdnow)
    with pytest.raises(TypeError, match="horizn"):
        cdnow_bg_nbd.expected_purchases(cdnow, horizn=3 * WEEK)
    assert "p_alive" in dir(cdnow_bg_nbd)
    assert "Probability that the customer" in cdnow_bg_nbd.p_alive.__doc__


def test_formulas_of_a_fit_are_labelled_with_intervals(cdnow_bg_nbd, cdnow) -> None:
    table = cdnow_bg_nbd.expected_purchases(cdnow, horizon=39 * WEEK, interval=0.8)
    assert list(table.index) == list(cdnow.customer_id)
    assert np.all((table["lower"] <= table["mean"]) & (table["mean"] <= table["upper"]))
    at_theta = clv.BG_NBD.expected_purchases(cdnow_bg_nbd.theta, cdnow, horizon=39 * WEEK)
    assert table["mean"].sum() == pytest.approx(at_theta.sum(), rel=0.01)
    assert np.all((table["lower"] <= at_theta + 1e-12) & (at_theta <= table["upper"] + 1e-12))
    reordered = cdnow.select(cdnow.customer_id[::-1])
    again = cdnow_bg_nbd.expected_purchases(reordered, horizon=39 * WEEK, interval=0.8)
    assert again.loc[table.index].equals(table)


def test_every_kind_of_fit_gives_intervals(cdnow) -> None:
    exact = clv.fit(clv.BG_NBD, cdnow, seed=1).p_alive(cdnow)
    normal = clv.fit(clv.BG_NBD, cdnow, method="map").p_alive(cdnow)
    assert normal["upper"].to_numpy() == pytest.approx(exact["upper"].to_numpy(), abs=0.03)


def test_summaries_show_themselves(cdnow_bg_nbd) -> None:
    summary = cdnow_bg_nbd.summary()
    assert list(summary.columns) == ["estimate", "sd", "lower", "upper", "ess", "r_hat", "k_hat"]
    assert np.all((summary["lower"] < summary["estimate"]) & (summary["estimate"] < summary["upper"]))
    assert "2,357 of 2,357 customers" in repr(cdnow_bg_nbd)
    assert "<table" in cdnow_bg_nbd._repr_html_()
    tree = cdnow_bg_nbd.to_arviz()
    assert tree["posterior"].sizes == {"chain": 1, "draw": 2000}


def test_interval_must_be_a_probability(cdnow_bg_nbd) -> None:
    with pytest.raises(clv.ClvError, match=r"Write 0\.90 for 90 %"):
        cdnow_bg_nbd.summary(interval=90)
