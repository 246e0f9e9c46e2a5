"""Pareto/log-normal against brute force over both rates, its limit of equal customers, and simulated customers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

import clvmodels as clv
from clvmodels.history import upright

MODEL, WEEK = clv.PARETO_LOGNORMAL, clv.WEEK
TRUTH = (0.06, 0.02, 0.9, -0.6, 0.8)


def points(number: int) -> list[tuple[tuple[float, ...], tuple[float, float, float]]]:
    """Medians from 0.02 to 2 per week, spreads from 0.3 to 2, correlations to 0.98, up to 300 purchases in up to 150 weeks."""
    rng = np.random.default_rng(8)
    found = []
    for x in rng.permutation([0, 0, 1, 2, 5, 30, 300] * 3)[:number]:
        rate, dropout = np.exp(rng.uniform(np.log(0.02), np.log(2), 2))
        spreads = np.exp(rng.uniform(np.log(0.3), np.log(2), 2))
        T = float(np.exp(rng.uniform(0, 5)))
        t_x = T * float(rng.choice([rng.uniform(0.05, 1), 1.0])) if x else 0.0
        found.append(((rate, dropout, spreads[0], rng.uniform(-1.5, 1.5), spreads[1]), (float(x), t_x, T)))
    return found


def brute(theta, past, horizon: float, n: int):
    """Log-likelihood, P(alive), and of somebody alive survival, expectation and pmf: sums over a grid of z1 and z2."""
    (rate, dropout, sigma, loading, residual), (x, t_x, T) = theta, past
    rough = np.linspace(-14, 14, 401)

    def logs(z1, z2):
        return np.log(rate) + sigma * z1, np.log(dropout) + loading * z1 + residual * z2

    def bracket(z1, z2):
        """Log of the density of z, and of alive and left parts of the likelihood."""
        a, b = logs(z1, z2)
        both = np.logaddexp(a, b)
        prior = -0.5 * (z1**2 + z2**2) - math.log(2 * math.pi)
        alive = x * a - np.exp(both) * T
        with np.errstate(divide="ignore"):
            left = x * a + b - both - np.exp(both) * t_x + np.log(-np.expm1(-np.exp(both) * (T - t_x)))
        return prior, alive, left

    prior, alive, left = bracket(rough[:, None], rough[None, :])
    seen = np.argwhere(
        np.logaddexp(prior + alive, prior + left) > np.max(np.logaddexp(prior + alive, prior + left)) - 45
    )
    (low1, low2), (high1, high2) = rough[np.maximum(seen.min(0) - 1, 0)], rough[np.minimum(seen.max(0) + 1, 400)]
    z1, z2 = np.linspace(low1, high1, 1601)[:, None], np.linspace(low2, high2, 1201)[None, :]
    cell = (z1[1, 0] - z1[0, 0]) * (z2[0, 1] - z2[0, 0])
    prior, alive, left = bracket(z1, z2)
    top = max((prior + alive).max(), (prior + left).max())
    weight = np.exp(prior + alive - top)
    here, gone = weight.sum(), np.exp(prior + left - top).sum()
    lam, mu = map(np.exp, logs(z1, z2))
    s = lam + mu
    poisson = np.exp(n * np.log(lam * horizon) - s * horizon - special.gammaln(n + 1))
    leaves = np.exp(n * np.log(lam / s)) * mu / s * special.gammainc(n + 1, s * horizon)
    mean = [
        (weight * f).sum() / here
        for f in (np.exp(-mu * horizon), -lam * np.expm1(-mu * horizon) / mu, poisson + leaves)
    ]
    return top + math.log((here + gone) * cell), here / (here + gone), *mean


@pytest.mark.parametrize("point", points(12), ids=lambda p: f"{p[1][0]:g}-{p[0][3]:.1f}")
def test_against_sums_over_both_rates(point) -> None:
    theta, past = point
    history, horizon, n = clv.History(*past, WEEK), 0.4 * past[2], 3
    loglik, alive, stays, expected, chance = brute(theta, past, horizon, n)
    assert MODEL.log_likelihood(theta, history) == pytest.approx(loglik, rel=1e-9, abs=1e-9)
    assert MODEL.p_alive(theta, history) == pytest.approx(alive, rel=1e-9)
    assert MODEL.survival_if_alive(theta, history, horizon) == pytest.approx(stays, rel=1e-9)
    assert MODEL.expected_purchases_if_alive(theta, history, horizon) == pytest.approx(expected, rel=1e-9)
    assert MODEL.pmf_if_alive(theta, history, n, horizon) == pytest.approx(chance, rel=1e-9)


def test_equal_customers_are_one_poisson_customer_with_an_exponential_lifetime() -> None:
    """Spreads of 1e-4 against the closed form at the medians, from which they differ by their squares."""
    lam, mu, T, t_x, x, t = 0.3, 0.05, 30.0, 20.0, 4.0, 10.0
    theta, history, s = (lam, mu, 1e-4, 3e-5, 1e-4), clv.History(x, t_x, T, WEEK), 0.35
    stayed, left = lam**x * math.exp(-s * T), lam**x * mu / s * (math.exp(-s * t_x) - math.exp(-s * T))
    assert MODEL.log_likelihood(theta, history) == pytest.approx(math.log(stayed + left), abs=1e-6)
    assert MODEL.p_alive(theta, history) == pytest.approx(stayed / (stayed + left), rel=1e-6)
    assert MODEL.survival_if_alive(theta, history, t) == pytest.approx(math.exp(-mu * t), rel=1e-6)
    wanted = lam * (1 - math.exp(-mu * t)) / mu
    assert MODEL.expected_purchases_if_alive(theta, history, t) == pytest.approx(wanted, rel=1e-6)


def test_wide_and_narrow_spreads_together_are_finite() -> None:
    """Spreads from 0.01 to 100, correlations to 0.9999 of either sign: by panels, not by the lattice."""
    rng = np.random.default_rng(2)
    theta = np.exp(rng.uniform(np.log(0.01), np.log(100), (60, 5)))
    theta[:, 3] *= rng.choice([-1, 1], 60)
    T = np.exp(rng.uniform(np.log(1e-3), np.log(1000), 60))
    x = rng.choice([0.0, 1.0, 10.0, 2000.0], 60)
    people = clv.History(x, np.where(x > 0, T * rng.choice([1e-3, 0.5, 1.0], 60), 0.0), T, WEEK)
    value, gradient = MODEL.kernel(theta, *MODEL.data(people))
    assert np.isfinite(value).all() and np.isfinite(gradient).all()
    alive = MODEL.p_alive(tuple(theta.T), people)
    assert np.all((alive >= 0) & (alive <= 1))


def test_correlation_of_theta_is_that_of_simulated_rates() -> None:
    rates = MODEL.draw_rates([np.full(40_000, v) for v in TRUTH], clv.History([0.0], [0.0], [0.0], WEEK), seed=1)
    assert np.log(rates.rate).std() == pytest.approx(TRUTH[2], rel=0.02)
    longest = np.log(rates.lifetime)  # log lifetime is log of an exponential, of variance pi^2 / 6, less log mu
    covariance = np.cov(np.log(rates.rate[0]), -longest[0])[0, 1]
    spread = float(MODEL.sigma_dropout(TRUTH))
    assert covariance / TRUTH[2] / spread == pytest.approx(float(MODEL.correlation(TRUTH)), abs=0.03)
    assert longest.var() == pytest.approx(spread**2 + math.pi**2 / 6, rel=0.04)


@pytest.mark.parametrize("past", [(0, 0, 30), (300, 29, 30), (1, 0.1, 200)])
def test_drawn_rates_have_the_mean_that_the_expectation_has(past) -> None:
    """Both proposals: expected purchases in a moment are the mean rate."""
    one = clv.History(*([float(v)] for v in past), WEEK)
    rng = np.random.default_rng(3)
    drawn = MODEL.draw_rates([np.full(100_000, v) for v in TRUTH], one, seed=rng)
    rate = drawn.rate[drawn.alive > 0]
    assert rate.size > 1000 or past[0] == 1
    wanted = float(MODEL.expected_purchases_if_alive(TRUTH, one, 1e-6)[0]) / 1e-6
    assert abs(rate.mean() - wanted) < 4.5 * rate.std() / math.sqrt(rate.size)


def test_simulated_customers_give_back_parameters_and_correlation() -> None:
    rng = np.random.default_rng(6)
    people = MODEL.simulate(TRUTH, T=rng.uniform(60, 150, 4000), period=WEEK, seed=rng)
    fit = clv.fit(MODEL, people, method="mle")
    seen = MODEL.coordinates()
    z = (seen.free(fit.theta) - seen.free(np.array(TRUTH))) / np.sqrt(np.diag(fit.covariance))
    assert np.all(np.abs(z) < 3.5)
    found = MODEL.correlation(fit.draws(2000))
    assert abs(np.mean(found) - float(MODEL.correlation(TRUTH))) < 3.5 * np.std(found)
    assert np.std(found) < 0.25


def test_covariates_move_both_rates() -> None:
    rng = np.random.default_rng(4)
    shop = rng.integers(0, 2, 30).astype(float)
    people = MODEL.simulate(TRUTH, T=np.full(30, 80.0), period=WEEK, seed=rng)
    people = clv.Histories.from_frame(people.to_frame().assign(shop=shop), period=WEEK, covariates=["shop"])
    fitted = clv.with_covariates(MODEL, purchase="~ shop", dropout="~ shop").on(people)
    own = (TRUTH[0] * np.exp(0.5 * shop), TRUTH[1] * np.exp(-0.3 * shop), *TRUTH[2:])
    ours, plain = fitted.p_alive((*TRUTH, 0.5, -0.3), people), MODEL.p_alive(own, people)
    assert ours == pytest.approx(plain, rel=1e-12)
    assert fitted.log_likelihood((*TRUTH, 0.5, -0.3), people) == pytest.approx(MODEL.log_likelihood(own, people))


def test_forecasts_and_saved_fits(cdnow, cdnow_gamma_gamma, tmp_path) -> None:
    some = cdnow.select(cdnow.customer_id[:300])
    fit = clv.fit(MODEL, cdnow, method="map")
    again = clv.load(clv.save(fit, tmp_path / "fit.parquet"))
    assert again.theta == fit.theta
    forecast = clv.forecast(again, cdnow_gamma_gamma, some, horizon=39 * WEEK, draws=40, seed=1)
    expected = fit.expected_purchases(some, horizon=39 * WEEK, draws=200)["mean"]
    assert forecast.per_customer()["purchases"].sum() == pytest.approx(expected.sum(), rel=0.2)


def test_rates_are_not_gamma() -> None:
    with pytest.raises(clv.ModelError, match=r"Use PARETO_LOGNORMAL\.draw_rates"):
        MODEL.individuals(TRUTH, upright(clv.History([0.0], [0.0], [1.0], WEEK)), rng=np.random.default_rng(0))


@pytest.mark.slow
def test_laplace_agrees_with_nuts() -> None:
    rng = np.random.default_rng(9)
    people = MODEL.simulate(TRUTH, T=np.repeat([60.0, 80.0, 100.0, 130.0], 200), period=WEEK, seed=rng)
    laplace = clv.fit(MODEL, people, method="laplace", draws=4000, seed=2)
    nuts = clv.fit(MODEL, people, method="nuts", draws=700, chains=2, tune=400, seed=2)
    assert laplace.diagnostics.k_hat < 0.7 and nuts.diagnostics.r_hat < 1.02
    for name in MODEL.Theta._fields:
        a, b = (np.ravel(f.posterior[name].values) for f in (laplace, nuts))
        if name != "loading":
            a, b = np.log(a), np.log(b)
        error = np.hypot(a.std() / np.sqrt(laplace.diagnostics.ess), b.std() / np.sqrt(nuts.diagnostics.ess))
        assert abs(a.mean() - b.mean()) < 4 * error
