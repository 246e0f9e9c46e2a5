"""Contracts simulated and found again; covariates; engines that agree; fits that come back from files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.catalogue import contractual
from clvmodels.duration.renewals import Renewal

TRUTH = {"GEOMETRIC": (0.2,), "SHIFTED_BETA_GEOMETRIC": (1.3, 6.0), "BETA_DISCRETE_WEIBULL": (0.9, 8.0, 1.6)}
models = pytest.mark.parametrize("model", contractual, ids=lambda m: m.name)


def standardised_errors(model: Renewal, seed: int, n: int = 6000) -> np.ndarray:
    rng = np.random.default_rng(seed)
    people = model.simulate(TRUTH[model.name], observed=rng.integers(1, 25, n), period=clv.MONTH, seed=rng)
    fit = clv.fit(model, people, method="mle")
    return np.asarray((np.log(fit.theta) - np.log(TRUTH[model.name])) / np.sqrt(np.diag(fit.covariance)))


@models
def test_maximum_likelihood_finds_the_truth(model: Renewal) -> None:
    assert np.all(np.abs(standardised_errors(model, 4)) < 3.5)


@pytest.mark.slow
@models
def test_twenty_samples_scatter_about_the_truth_as_their_standard_errors_say(model: Renewal) -> None:
    errors = np.array([standardised_errors(model, seed) for seed in range(20)])
    assert np.all(np.abs(errors.mean(axis=0)) < 3 / np.sqrt(20)) and np.all(np.abs(errors) < 4)
    assert np.all((errors.std(axis=0) > 0.5) & (errors.std(axis=0) < 1.6))


@pytest.mark.slow
@models
def test_laplace_agrees_with_nuts(model: Renewal) -> None:
    people = clv.Tenures.from_cohort([1000, 869, 743, 653, 593, 551, 517, 491])
    a, b = (clv.fit(model, people, method=m, seed=2).summary() for m in ("laplace", "nuts"))  # type: ignore[arg-type]
    sd = b["sd"].to_numpy()
    error = 4 * np.sqrt(1 / a["ess"] + 1 / b["ess"]).to_numpy()
    assert np.all(np.abs(a["estimate"] - b["estimate"]) < error * sd)
    assert np.all(np.abs(a["sd"] / b["sd"] - 1) < 0.15)


@pytest.mark.slow
@models
def test_ranks_of_the_truth_among_posterior_draws_are_uniform(model: Renewal) -> None:
    """Simulation-based calibration with priors about the truth, 200 replications of 300 customers."""
    priors = {name: clv.LogNormal(v, 0.3) for name, v in zip(model.Theta._fields, TRUTH[model.name], strict=True)}
    ranks = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        theta = [p.median * np.exp(p.sigma * rng.standard_normal()) for p in priors.values()]
        people = model.simulate(theta, observed=rng.integers(1, 25, 300), period=clv.MONTH, seed=rng)
        draws = clv.fit(model, people, method="laplace", priors=priors, draws=999, seed=seed).draws(999)
        ranks.append([float(np.mean(np.asarray(column) < truth)) for column, truth in zip(draws, theta, strict=True)])
    for column in np.array(ranks).T:
        counts = np.histogram(column, bins=10, range=(0, 1))[0]
        assert ((counts - 20) ** 2 / 20).sum() < 27.9  # chi-squared of 9 degrees of freedom, one in a thousand


@models
def test_covariates_move_the_odds_of_leaving(model: Renewal) -> None:
    n, rng = 8000, np.random.default_rng(3)
    known = {"channel": rng.choice(["online", "shop"], n), "age": rng.choice([30.0, 40.0, 50.0], n)}
    spec = clv.with_covariates(model, dropout="~ channel + age")
    blank = clv.Tenures(np.arange(n), np.zeros(n), np.ones(n), np.zeros(n), clv.MONTH, covariates=known)
    truth = (*TRUTH[model.name], 0.6, -0.02)
    people = spec.on(blank).simulate(
        truth, observed=rng.integers(1, 25, n), period=clv.MONTH, seed=rng, covariates=known
    )
    fit = clv.fit(spec, people, method="laplace", draws=1000, seed=1)
    sd = fit.summary()["sd"].to_numpy()[-2:]
    assert fit.model.Theta._fields[-2:] == ("dropout_channel_shop", "dropout_age")
    assert np.all(np.abs(np.array(fit.theta[-2:]) - truth[-2:]) < 4 * sd)
    pair = clv.Tenure(np.array([3.0, 3.0]), clv.MONTH, covariates={"channel": ["online", "shop"], "age": [40.0, 40.0]})
    found = fit.renewal_probability(pair)["mean"].to_numpy()
    base = list(truth[:-2])
    base[0] *= np.exp(-0.02 * 40)
    wanted = [float(model.retention_rate([base[0] * f, *base[1:]], 4)) for f in (1, np.exp(0.6))]
    assert found == pytest.approx(wanted, abs=0.02) and found[0] > found[1]
    with pytest.raises(AttributeError, match="survival_after"):
        fit.survival([1, 2])
    by = clv.survivors(fit, people, horizon=3 * clv.MONTH, by="channel", draws=200)
    now = pd.Series(people.covariates["channel"][people.there]).value_counts()  # type: ignore[index]
    assert by[by["ahead"] == 0].set_index("channel")["mean"].to_dict() == now.to_dict()


def test_survivors_are_of_contracts(cdnow_bg_nbd: clv.Fit) -> None:
    with pytest.raises(clv.ModelError, match="no model of contracts"):
        clv.survivors(cdnow_bg_nbd, clv.Tenures.from_cohort([10, 9]), horizon=1 * clv.YEAR)


def test_segments_of_survivors_add_up_and_those_who_left_are_left_out() -> None:
    table = clv.Tenures.from_cohort({"web": [1000, 700, 600], "shop": [500, 450, 430]})
    fit = clv.fit(clv.SHIFTED_BETA_GEOMETRIC, table, seed=1)
    whole = clv.survivors(fit, table, horizon=4 * clv.YEAR)
    parts = clv.survivors(fit, table, horizon=4 * clv.YEAR, by="segment")
    together = parts.groupby("ahead")["mean"].sum()
    assert whole["mean"].iloc[0] == 1030 and together[0] == 1030
    assert whole["mean"].to_numpy() == pytest.approx(together.to_numpy(), rel=0.005)
    assert np.all(np.diff(whole["upper"]) <= 0)
    with pytest.raises(clv.ContractError, match="Nobody of these customers is still there"):
        clv.survivors(fit, table.select(table.event == 1), horizon=1 * clv.YEAR)


@models
def test_a_saved_fit_comes_back_as_it_was(model: Renewal, tmp_path) -> None:
    people = clv.Tenures.from_cohort({"web": [1000, 700, 600, 560], "shop": [500, 450, 430, 420]})
    for spec in (model, clv.with_covariates(model, dropout="~ segment")):
        fit = clv.fit(spec, people, method="map")
        again = clv.load(clv.save(fit, tmp_path / "fit.parquet"))
        assert again.theta == fit.theta and again.period == fit.period and again.fingerprint == fit.fingerprint
        assert again.renewal_probability(people).equals(fit.renewal_probability(people))


def test_covariates_that_change_over_time_are_found_where_customers_do_not_differ_beyond_them() -> None:
    """Each customer pays more from a month of her own on, which doubles her odds of leaving."""
    rng, n = np.random.default_rng(8), 4000
    odds, raised = 0.06, rng.integers(2, 12, n)
    chance = {high: o / (1 + o) for high, o in ((False, odds), (True, 2 * odds))}
    rows = []
    for i in range(n):
        months = np.arange(1, 25)
        leaves = months[rng.random(24) < np.where(months > raised[i], chance[True], chance[False])]
        last, left = (int(leaves[0]), True) if leaves.size else (24, False)
        for begin, end, price in ((0, raised[i], 10.0), (raised[i], 99, 12.0)):
            if begin < last:
                rows.append((i, begin, min(end, last), left and end >= last, price))
    start = np.datetime64("2020-01")
    frame = pd.DataFrame(rows, columns=["who", "begin", "over", "left", "price"])
    dates = {name: (start + frame[name].to_numpy()).astype("datetime64[D]") for name in ("begin", "over")}
    running = (frame["over"] == 24) & ~frame["left"]
    frame = frame.assign(begin=dates["begin"], over=pd.Series(dates["over"]).where(~running))
    contracts = clv.Contracts(
        frame, customer="who", start="begin", end="over", observed_until="2022-01-01", covariates=["price"]
    )
    assert len(contracts.to_frame()) == n
    tenures = contracts.tenures(period=clv.MONTH, varying=True)
    fit = clv.fit(clv.with_covariates(clv.GEOMETRIC, dropout="~ price"), tenures, method="mle")
    sd = fit.summary()["sd"].iloc[-1]
    assert abs(fit.theta[-1] - np.log(2) / 2) < 3.5 * sd < 0.2


@pytest.mark.slow
def test_predictive_intervals_of_survivors_cover_as_often_as_they_say() -> None:
    """200 cohorts of 500 customers of differing sBG parameters, seven renewals known, five predicted."""
    inside, rng = [], np.random.default_rng(1)
    for seed in range(200):
        theta = np.exp(rng.normal(np.log([0.8, 2.5]), 0.4))
        people = clv.SHIFTED_BETA_GEOMETRIC.simulate(theta, observed=np.full(500, 12), period=clv.YEAR, seed=rng)
        made = people.exit - people.event
        table = [int((made >= t).sum()) for t in range(13)]
        known = clv.Tenures.from_cohort(table[:8])
        fit = clv.fit(clv.SHIFTED_BETA_GEOMETRIC, known, method="laplace", draws=1000, seed=seed)
        found = clv.survivors(fit, known, horizon=5 * clv.YEAR, interval=0.90, seed=seed).iloc[[1, 5]]
        inside.append(
            (found["lower"].to_numpy() <= [table[8], table[12]]) & (found["upper"].to_numpy() >= [table[8], table[12]])
        )
    assert np.all(
        np.abs(np.mean(inside, axis=0) - 0.92) < 0.06
    )  # counts are whole, so that a little more than 90 % is expected


def test_segments_borrow_strength() -> None:
    """Twelve segments whose odds of leaving differ, one of them small: it is drawn to the middle, the large ones are not."""
    rng = np.random.default_rng(4)
    sizes = np.array([2000] * 11 + [12])
    odds = 0.15 * np.exp(0.4 * rng.standard_normal(12))
    odds[-1] = 0.15
    segment = np.repeat([f"s{i:02}" for i in range(12)], sizes)
    made = clv.GEOMETRIC.draw_residual_lifetimes(
        [np.repeat(odds, sizes)], clv.Tenure(np.zeros(segment.size), clv.MONTH), seed=5
    )
    event = (made < 12).astype(float)
    exit = np.where(event == 1, made + 1, 12)
    people = clv.Tenures(np.arange(segment.size), np.zeros(segment.size), exit, event, clv.MONTH, segment=segment)
    fit = clv.fit(clv.pooled(clv.GEOMETRIC), people, method="laplace", draws=1000, seed=1)
    found = fit.model.by_segment(fit.draws(1000)).xs("odds", level="parameter")["mean"].to_numpy()
    own = np.array([event[segment == s].sum() / (exit - event)[segment == s].sum() for s in np.unique(segment)])
    assert np.all(np.abs(found / own - 1)[:-1] < 0.02) and np.all(np.abs(found / odds - 1)[:-1] < 0.15)
    middle = fit.theta.odds
    assert 0.1 < (np.log(found[-1]) - np.log(own[-1])) / (np.log(middle) - np.log(own[-1])) < 0.9
    assert fit.renewal_probability(people.select(segment == "s00"))["mean"].max() == pytest.approx(
        1 / (1 + odds[0]), abs=0.02
    )
