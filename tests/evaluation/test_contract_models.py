"""Which model of contracts: customers left out, nested models, and scores of what fits predict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import clvmodels as clv
from clvmodels.errors import ClvError, ContractError, ModelError
from clvmodels.evaluation.contract_scores import NOBODY, draw_customers
from clvmodels.evaluation.survival_scores import brier, concordance, share_there

MODELS = (clv.GEOMETRIC, clv.SHIFTED_BETA_GEOMETRIC)
HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491]
"""Fader and Hardie 2007, the first seven renewals."""


def simulated(model: object, theta: tuple[float, ...], n: int = 1500, seed: int = 1) -> clv.Tenures:
    rng = np.random.default_rng(seed)
    observed, entry = rng.integers(4, 12, n), rng.integers(0, 3, n)
    return model.simulate(theta, observed=observed, entry=entry, period=clv.YEAR, seed=seed)  # type: ignore[attr-defined,no-any-return]


def test_the_true_model_is_picked() -> None:
    """Customers who differ: SHIFTED_BETA_GEOMETRIC is far ahead. Customers who do not: it gains nothing over GEOMETRIC."""
    differing = clv.compare_models(MODELS, simulated(clv.SHIFTED_BETA_GEOMETRIC, (0.8, 2.4)), draws=300)
    assert differing.table().index[0] == "SHIFTED_BETA_GEOMETRIC"
    assert differing.words()[1].endswith("more than noise.")
    alike = clv.compare_models(MODELS, simulated(clv.GEOMETRIC, (0.25,)), draws=300)
    assert "noise" in alike.words()[1] and "more than noise" not in alike.words()[1]
    assert (alike.table()["k_hat"] < 0.7).all()


def test_table_by_hand() -> None:
    """Log-likelihoods of table 1 of Fader and Hardie 2007 in 30 digits; of GEOMETRIC in closed form from leavers and renewals."""
    found = clv.compare_models(MODELS, clv.Tenures.from_cohort(HIGH_END), draws=200)
    left = HIGH_END[0] - HIGH_END[-1]
    made = sum(HIGH_END[1:])
    p = left / (left + made)
    reached = found.table()["log_likelihood"]
    assert reached["SHIFTED_BETA_GEOMETRIC"] == pytest.approx(-1611.1582, abs=1e-3)
    assert reached["GEOMETRIC"] == pytest.approx(left * np.log(p) + made * np.log1p(-p), abs=1e-6)
    nested = found.nested()
    assert nested.index.tolist() == [("GEOMETRIC", "SHIFTED_BETA_GEOMETRIC")]
    assert nested["statistic"].iloc[0] == pytest.approx(2 * (reached.iloc[0] - reached.iloc[1]))
    assert nested["conservative"].all() and found.counts.sum() == 1000


def test_leaving_a_customer_out_is_what_it_says() -> None:
    """GEOMETRIC with the prior of its odds: the posterior without each customer, by quadrature over the odds."""
    data = clv.Tenures.from_cohort([12, 8, 5, 4])
    found = clv.compare_models([clv.GEOMETRIC], data, draws=4000, seed=3)
    prior = found.fits["GEOMETRIC"].priors["odds"]  # type: ignore[index]
    u = np.linspace(-6.0, 5.0, 4001)
    odds = np.exp(u)
    log_density = np.asarray(prior.log_density(u))

    def log_likelihood(exit: float, event: float) -> np.ndarray:
        return np.asarray(event * np.log(odds / (1 + odds)) - (exit - event) * np.log1p(odds))

    rows = list(zip(data.exit, data.event, data.weights, strict=True))
    total = sum(w * log_likelihood(t, e) for t, e, w in rows)
    exact = 0.0
    for t, e, w in rows:
        own = log_likelihood(t, e)
        rest = total - own + log_density
        exact += w * (np.log(np.exp(rest - rest.max() + own).sum()) - np.log(np.exp(rest - rest.max()).sum()))
    assert found.table().loc["GEOMETRIC", "elpd_loo"] == pytest.approx(exact, abs=0.05)


def test_rows_of_the_same_kind_are_one_with_a_count() -> None:
    data = simulated(clv.SHIFTED_BETA_GEOMETRIC, (0.8, 2.4), 300)
    found = clv.compare_models([clv.GEOMETRIC], data, draws=200)
    assert found.elpd.index.names == ["exit", "entry", "event"] and found.counts.sum() == data.exit.size
    assert found.elpd.index.is_unique and len(found.elpd) < 60


def test_covariates_tell_customers_apart() -> None:
    rng = np.random.default_rng(2)
    n = 800
    web = rng.integers(0, 2, n).astype(float)
    model = clv.with_covariates(clv.GEOMETRIC, dropout="~ web")
    observed = np.full(n, 8)
    left = rng.geometric(np.where(web == 1, 0.35, 0.12))
    data = clv.Tenures(
        np.arange(n),
        np.zeros(n),
        np.minimum(left, observed),
        (left <= observed).astype(float),
        clv.YEAR,
        covariates={"web": web},
    )
    found = clv.compare_models([clv.GEOMETRIC, model], data, draws=200)
    assert found.table().index[0] == "GEOMETRIC with dropout ~ web"
    assert found.nested().index.tolist() == [("GEOMETRIC", "GEOMETRIC with dropout ~ web")]
    scores = clv.score_contracts(list(found.fits.values()), data, horizon=5 * clv.YEAR, resamples=50)
    best = scores.differences()
    assert best.attrs["best"] == "GEOMETRIC with dropout ~ web"
    assert best.loc[(NOBODY, "integrated_brier"), "clear"]


def test_scores_are_those_of_the_predictions() -> None:
    """Of late entrants, too: time counts from entry, and the chance of staying is given that she was there then."""
    data = simulated(clv.SHIFTED_BETA_GEOMETRIC, (0.8, 2.4), 600)
    fit = clv.fit(clv.SHIFTED_BETA_GEOMETRIC, data, method="laplace")
    found = clv.score_contracts(fit, data, horizon=4 * clv.YEAR, resamples=40, draws=100, seed=2)
    assert found.at.tolist() == [1, 2, 3, 4]
    theta = fit.model.Theta(*(v[:, None] for v in fit.draws(100, seed=2)))
    survival = np.column_stack(
        [fit.model.survival(theta, data.entry + t, given=data.entry).mean(axis=0) for t in found.at]  # type: ignore[attr-defined]
    )
    name, time = fit.model.name, data.exit - data.entry
    assert found.survival[name] == pytest.approx(survival)
    table = found.table()["value"]
    assert table[name, "concordance"] == pytest.approx(concordance(time, data.event, 1 - survival[:, -1]))
    scores = brier(time, data.event, survival, found.at)
    assert found.brier.loc[name, "value"].to_numpy() == pytest.approx(scores)
    everybody = np.broadcast_to(share_there(time, data.event, found.at), survival.shape)
    assert found.brier.loc[NOBODY, "value"].to_numpy() == pytest.approx(brier(time, data.event, everybody, found.at))
    assert table[NOBODY, "concordance"] == 0.5 and table[NOBODY, "skill"] == 0
    limits = found.table()
    assert (limits["lower"] <= limits["value"]).all() and (limits["value"] <= limits["upper"]).all()
    assert found.notes[0].startswith(f"{(data.entry > 0).sum():,} of {len(data):,} customers entered late")
    assert "fitted to" in found.notes[1]


def test_calibration_is_kaplan_meier_of_each_group() -> None:
    """Three entries make three predictions; limits are those of the share over resamples."""
    data = simulated(clv.SHIFTED_BETA_GEOMETRIC, (0.8, 2.4), 900)
    fit = clv.fit(clv.SHIFTED_BETA_GEOMETRIC, data, method="mle")
    found = clv.score_contracts(fit, data, horizon=4 * clv.YEAR, resamples=300, draws=20).calibration.loc[
        fit.model.name
    ]
    assert found["customers"].tolist() == [(data.entry == e).sum() for e in (2, 1, 0)]
    assert found["predicted"].is_monotonic_increasing
    for entry, row in zip((2, 1, 0), found.itertuples(), strict=True):
        own = data.select(data.entry == entry)
        table = replace(own, entry=np.zeros(own.exit.size), exit=own.exit - entry).kaplan_meier(interval=0.90)
        at = table.set_index("tenure").loc[4.0]
        assert row.left == pytest.approx(1 - at["survival"])
        assert (row.upper - row.lower) == pytest.approx(at["upper"] - at["lower"], rel=0.25)


def test_brier_scores_are_drawn_over_time() -> None:
    data = simulated(clv.SHIFTED_BETA_GEOMETRIC, (0.8, 2.4), 600)
    fits = [clv.fit(one, data, method="mle") for one in MODELS]
    found = clv.score_contracts(fits, data, horizon=4 * clv.YEAR, resamples=40, draws=20)
    figure = clv.figures.contract_scores(found)
    lines = {str(line.get_label()): line for line in figure.axes[0].get_lines()}
    assert list(lines) == [*found.survival, NOBODY]
    for name, line in lines.items():
        assert line.get_ydata() == pytest.approx(found.brier.loc[name, "value"].to_numpy())
    clear = found.differences().xs("integrated_brier", level="score")["clear"]
    assert figure.message.startswith(f"{found.differences().attrs['best']} predicts best who is still there 4 years on")
    assert figure.message.endswith("more than noise") and ("no more than noise" in figure.message) == (not clear.all())


def test_intervals_hold_the_score_of_everybody() -> None:
    """Concordance of a large population lies in the 90 % interval of samples from it about nine times in ten."""
    model = clv.with_covariates(clv.GEOMETRIC, dropout="~ x")
    rng = np.random.default_rng(4)
    n = 40_000
    x = rng.normal(size=n)
    odds = 0.2 * np.exp(0.7 * x)
    left = rng.geometric(odds / (1 + odds))
    data = clv.Tenures(
        np.arange(n), np.zeros(n), np.minimum(left, 6), (left <= 6).astype(float), clv.YEAR, covariates={"x": x}
    )
    fit = clv.fit(model, data.select(np.arange(n) < 2000), method="mle")
    truth = concordance(data.exit, data.event, x)
    held = 0
    for b in range(40):
        some = data.select((np.arange(n) >= 2000 + 300 * b) & (np.arange(n) < 2300 + 300 * b))
        row = clv.score_contracts(fit, some, horizon=6 * clv.YEAR, resamples=60, draws=2, seed=b).table()
        lower, upper = row.loc[(fit.model.name, "concordance"), ["lower", "upper"]]
        held += lower <= truth <= upper
    assert 30 <= held <= 40


def test_customers_are_drawn_with_all_their_rows_and_as_often_as_they_count() -> None:
    twice = clv.Tenures(np.array(["a", "b", "a"]), np.zeros(3), np.array([1.0, 2, 3]), np.array([1.0, 0, 0]), clv.YEAR)
    drawn = draw_customers(twice, 50, 0)
    assert np.array_equal(drawn[:, 0], drawn[:, 2]) and set((drawn[:, 0] + drawn[:, 1]).tolist()) == {2.0}
    cohort = clv.Tenures.from_cohort([1000, 631, 468])
    drawn = draw_customers(cohort, 400, 0)
    assert np.all(drawn.sum(axis=1) == 1000)
    assert drawn[:, 0].mean() == pytest.approx(369, abs=3)
    assert drawn[:, 0].std() == pytest.approx(np.sqrt(1000 * 0.369 * 0.631), rel=0.15)


def test_what_is_refused() -> None:
    data = simulated(clv.GEOMETRIC, (0.25,), 200)
    fit = clv.fit(clv.GEOMETRIC, data, method="mle")
    with pytest.raises(ModelError, match=r"BG_NBD is no model of contracts, and these are tenures"):
        clv.compare_models([clv.BG_NBD], data)
    with pytest.raises(ModelError, match=r"GEOMETRIC is given more than once"):
        clv.compare_models([clv.GEOMETRIC, clv.GEOMETRIC], data)
    with pytest.raises(ClvError, match=r"holdout of purchases does not belong to tenures"):
        clv.compare_models([clv.GEOMETRIC], data, holdout=clv.samples.cdnow_sample())
    with pytest.raises(ClvError, match="same name, or there is none"):
        clv.score_contracts([fit, fit], data)
    with pytest.raises(ContractError, match="Customers are left out one by one"):
        clv.compare_models([clv.GEOMETRIC], replace(data, contract=np.arange(data.exit.size)))
    there = replace(data, event=np.zeros(data.exit.size), running=None)
    with pytest.raises(ContractError, match="Nobody left within"):
        clv.score_contracts(fit, there)
    with pytest.raises(ModelError, match="no fit of a model of contracts"):
        clv.score_contracts({"a": data}, data)  # type: ignore[dict-item]


def test_the_true_baseline_is_picked() -> None:
    rng = np.random.default_rng(5)
    n = 500
    stays, end = 10.0 * rng.weibull(2.2, n), rng.uniform(4, 20, n)
    data = clv.Tenures(np.arange(n), np.zeros(n), np.minimum(stays, end), (stays <= end).astype(float), clv.MONTH)
    found = clv.compare_models([clv.survival(one) for one in ("exponential", "weibull")], data, draws=100)
    assert found.table().index[0] == "survival weibull"
    assert found.words()[1].endswith("more than noise.")
    assert found.nested().index.tolist() == [("survival exponential", "survival weibull")]
    assert not found.nested()["conservative"].any()
    with pytest.raises(ModelError, match="likelihoods cannot be compared"):
        clv.compare_models(
            [clv.survival("weibull", leaving_known="exactly"), clv.GEOMETRIC], simulated(clv.GEOMETRIC, (0.25,), 200)
        )
