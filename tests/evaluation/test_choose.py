"""Choosing a model: published maxima, arviz on customers written out, exact leaving-one-out on a grid, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass

import arviz_stats
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats
from scipy.optimize import minimize
from scipy.special import gammaln, logsumexp

import clvmodels as clv
from clvmodels.duration.bg_bb import BG_BB
from clvmodels.duration.bg_nbd import BgNbd
from clvmodels.errors import ClvError, ModelError
from clvmodels.evaluation.choose import ModelComparison, compare_models
from clvmodels.evaluation.left_out import leave_one_out, stacking_weights, standard_error
from clvmodels.evaluation.outcomes import outcomes

MODELS = (clv.NBD, clv.BG_NBD, clv.MBG_NBD)
DRAWS = 200
type Parts = tuple[clv.Transactions, clv.Transactions]


@pytest.fixture(scope="module")
def comparison(cdnow: clv.Histories, cdnow_parts: Parts) -> ModelComparison:
    return compare_models(MODELS, cdnow, holdout=cdnow_parts[1], draws=DRAWS, seed=1)


@pytest.fixture(scope="module")
def leavers() -> clv.Histories:
    """120 customers of a BG/NBD world in which most leave early; many share a history."""
    ages = np.repeat([20.0, 30.0, 40.0], 40)
    return clv.BG_NBD.simulate((1.5, 2.0, 0.8, 1.2), T=ages, period=clv.WEEK, seed=3)


@pytest.fixture(scope="module")
def small(leavers: clv.Histories) -> ModelComparison:
    return compare_models(MODELS, leavers, draws=500, seed=2)


def log_nbd(r: np.ndarray, alpha: np.ndarray, x: np.ndarray, T: np.ndarray) -> np.ndarray:
    """Log density of the times of x purchases at a gamma-mixed Poisson rate, from the gamma function."""
    return np.asarray(gammaln(r + x) - gammaln(r) + r * np.log(alpha) - (r + x) * np.log(alpha + T))


def test_maxima(comparison: ModelComparison, cdnow: clv.Histories) -> None:
    """BG/NBD: Fader, Hardie and Lee 2005, table 2 (-9582.4) and CLVTools (-9582.429). MBG/NBD: -9582.1358 at the rounded
    estimates of BTYDplus, evaluated with mpmath. NBD: a search without gradient over its likelihood by the gamma function."""

    def loss(u: np.ndarray) -> float:
        return -float(np.sum(log_nbd(np.exp(u[0]), np.exp(u[1]), cdnow.frequency, cdnow.T)))

    reached = comparison.table()["log_likelihood"]
    found = minimize(loss, [0.0, 1.0], method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-9})
    assert reached["BG_NBD"] == pytest.approx(-9582.429, abs=0.005)
    assert reached["MBG_NBD"] == pytest.approx(-9582.136, abs=0.005)
    assert reached["NBD"] == pytest.approx(-found.fun, abs=1e-5)
    assert comparison.maxima["NBD"].theta == pytest.approx(tuple(np.exp(found.x)), rel=1e-4)


def test_information_criteria_by_hand(comparison: ModelComparison) -> None:
    table = comparison.table()
    assert table["parameters"].to_dict() == {"MBG_NBD": 4, "BG_NBD": 4, "NBD": 2}
    assert table.loc["BG_NBD", "aic"] == pytest.approx(2 * 4 + 2 * 9582.429, abs=0.01)
    assert table.loc["BG_NBD", "bic"] == pytest.approx(4 * np.log(2357) + 2 * 9582.429, abs=0.01)


def test_likelihood_ratios_by_hand(comparison: ModelComparison) -> None:
    found, reached = comparison.nested(), comparison.table()["log_likelihood"]
    assert found.index.tolist() == [("NBD", "BG_NBD"), ("NBD", "MBG_NBD")]
    statistic = 2 * (reached["BG_NBD"] - reached["NBD"])
    assert found["statistic"].iloc[0] == pytest.approx(statistic)
    assert found["degrees_of_freedom"].tolist() == [2, 2]
    assert found["p_value"].iloc[0] == pytest.approx(np.exp(-statistic / 2))  # chi-square with two degrees of freedom
    assert "conservative" in found.attrs["note"] and "conservative" in comparison.note


def test_on_cdnow_bg_and_mbg_cannot_be_told_apart_and_nbd_is_worse(comparison: ModelComparison) -> None:
    table, said = comparison.table(), comparison.words()
    assert table.index[-1] == "NBD" and table["elpd_loo"].is_monotonic_decreasing
    assert table["elpd_diff"].iloc[0] == 0 and table["diff_se"].iloc[0] == 0
    assert abs(table["elpd_diff"].iloc[1]) < 4
    assert said[0].startswith(f"{table.index[0]} predicts customers left out best")
    assert said[1].startswith(table.index[1]) and said[1].endswith("a difference this small is noise.")
    assert said[2].startswith("NBD is") and said[2].endswith("more than noise.")


def test_holdout_by_hand(comparison: ModelComparison, cdnow: clv.Histories, cdnow_parts: Parts) -> None:
    """1,882 purchase days in the 39 weeks of the holdout (Fader and Hardie 2001). Given theta, an NBD customer's purchases are
    negative binomial with r + x and alpha + T, and their mean is (r + x) / (alpha + T) times the horizon."""
    row, actual = comparison.table().loc["NBD"], outcomes(cdnow, cdnow_parts[1], horizon=39 * clv.WEEK).purchases
    r, alpha = (v[:, None] for v in comparison.fits["NBD"].draws(DRAWS, seed=1))
    shape, scale = r + cdnow.frequency, alpha + cdnow.T
    chance = stats.nbinom.pmf(actual, shape, scale / (scale + 39)).mean(axis=0)
    expected = (shape / scale * 39).mean(axis=0).sum()
    assert row["actual_purchases"] == 1882
    assert row["holdout_log_score"] == pytest.approx(np.log(chance).sum(), rel=1e-9)
    assert row["expected_purchases"] == pytest.approx(expected, rel=1e-9)
    assert row["bias"] == pytest.approx(expected / 1882 - 1, rel=1e-9)
    assert any("customers made 1,882 purchases" in sentence for sentence in comparison.words())


def written_out(found: ModelComparison, histories: clv.Histories, name: str) -> xr.DataTree:
    """Log-likelihood of every customer, none merged, under every draw."""
    one = found.fits[name]
    theta = one.model.Theta(*(v[:, None] for v in one.draws(500, seed=2)))
    values = one.model.log_likelihood(theta, histories)[None]
    data = xr.Dataset({"times": (("chain", "draw", "customer"), values)})
    return xr.DataTree.from_dict({"log_likelihood": data, "posterior": one.posterior})


def test_merged_histories_give_what_arviz_gives_for_every_customer(
    small: ModelComparison, leavers: clv.Histories
) -> None:
    assert small.counts.max() > 1 and small.counts.sum() == 120
    table = small.table()
    alone = {name: arviz_stats.loo(written_out(small, leavers, name), pointwise=True) for name in small.fits}
    for name, one in alone.items():
        row = table.loc[name]
        assert [row["elpd_loo"], row["se"], row["p_loo"]] == pytest.approx([one.elpd, one.se, one.p], rel=1e-9)
        assert row["k_hat"] == pytest.approx(float(one.pareto_k.max()), rel=1e-6)
    together = arviz_stats.compare(alone, round_to="none").loc[table.index]
    assert table["elpd_diff"].to_numpy() == pytest.approx(together["elpd_diff"].to_numpy(), abs=1e-9)
    elpd = np.column_stack([alone[name].elpd_i for name in table.index])
    apart = elpd - elpd[:, :1]
    assert table["diff_se"].to_numpy() == pytest.approx(np.sqrt(120 * apart.var(axis=0, ddof=1)), abs=1e-9)
    ours, theirs = (np.log(np.exp(elpd) @ one["weight"].to_numpy()).sum() for one in (table, together))
    assert ours >= theirs - 1e-6


def test_leaving_one_out_is_what_it_says() -> None:
    """Exact: the posterior of NBD without each customer, on a grid, from densities written here."""
    rng = np.random.default_rng(7)
    T = np.repeat([15.0, 25.0, 35.0, 45.0], 15)
    x = rng.poisson(rng.gamma(0.8, 1 / 8.0, size=60) * T).astype(float)
    recency = np.where(x > 0, T * 0.8, 0.0)
    histories = clv.Histories(np.arange(60), x, recency, T, np.full(60, np.nan), clv.WEEK)
    log_r, log_alpha = (axis.ravel() for axis in np.meshgrid(np.linspace(-4, 4, 300), np.linspace(-3, 8, 300)))
    each = log_nbd(np.exp(log_r), np.exp(log_alpha), x[:, None], T[:, None])
    prior = stats.norm.logpdf(log_r, np.log(0.5), 1.5) + stats.norm.logpdf(log_alpha, np.log(0.5 * T.mean()), 1.5)
    whole = prior + each.sum(axis=0)
    exact = logsumexp(whole) - logsumexp(whole - each, axis=1)
    found = compare_models([clv.NBD], histories, draws=4000, seed=4)
    row = found.table().loc["NBD"]
    assert row["elpd_loo"] == pytest.approx(exact.sum(), abs=0.25)
    assert row["se"] == pytest.approx(np.sqrt(60 * exact.var(ddof=1)), abs=0.1)
    assert row["p_loo"] == pytest.approx((logsumexp(whole + each, axis=1) - logsumexp(whole) - exact).sum(), abs=0.25)
    assert found.words()[0].startswith("NBD is alone")


def test_counts_are_repetition() -> None:
    rng = np.random.default_rng(0)
    values, counts = rng.normal(size=(30, 3)), rng.integers(1, 6, size=30).astype(np.float64)
    repeated = np.repeat(values, counts.astype(int), axis=0)
    ones = np.ones(len(repeated))
    assert standard_error(values[:, 0], counts) == pytest.approx(np.sqrt(len(repeated) * repeated[:, 0].var(ddof=1)))
    assert stacking_weights(values, counts) == pytest.approx(stacking_weights(repeated, ones), abs=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_stacking_weights_are_the_maximum(seed: int) -> None:
    """Optimal on the simplex: the mean of p_k / mixture is one where the weight is positive, and at most one elsewhere."""
    rng = np.random.default_rng(seed)
    elpd, counts = (
        rng.normal([0, -0.1, -3, 0.1], [0.5, 1, 1, 0.7], size=(400, 4)),
        rng.integers(1, 9, size=400).astype(np.float64),
    )
    found = stacking_weights(elpd, counts)
    density = np.exp(elpd)
    slope = (counts / counts.sum() / (density @ found)) @ density
    assert found.sum() == pytest.approx(1) and np.all(found >= 0)
    assert np.all(slope <= 1 + 1e-5)
    assert slope[found > 1e-3] == pytest.approx(1, abs=1e-5)


def test_the_true_model_takes_nearly_all_the_weight(small: ModelComparison, leavers: clv.Histories) -> None:
    found = compare_models([clv.NBD, clv.BG_NBD], leavers, draws=500, seed=2)
    assert found.weights["BG_NBD"] > 0.9
    assert found.weights.sum() == pytest.approx(1) and small.weights.sum() == pytest.approx(1)
    assert small.weights.index.tolist() == small.table().index.tolist()


@dataclass(frozen=True, repr=False)
class Twin(BgNbd):
    name = "TWIN"


def test_twins_share(leavers: clv.Histories) -> None:
    found = compare_models([clv.BG_NBD, Twin()], leavers, draws=DRAWS)
    table = found.table()
    assert found.weights.to_numpy() == pytest.approx([0.5, 0.5])
    assert table[["elpd_diff", "diff_se"]].abs().max(axis=None) == 0
    assert found.words()[1].endswith("noise.") and found.nested().empty and "conservative" not in found.note
    far = stacking_weights(np.array([[-2000.0, -1.0], [-1500.0, -1.0]]), np.ones(2))
    assert far == pytest.approx([0, 1], abs=1e-9)


def test_a_model_without_maximum_keeps_its_row() -> None:
    """Nobody leaves: the likelihood of BG/NBD rises for ever as the chance of leaving falls to zero."""
    histories = clv.NBD.simulate((1.2, 6.0), T=np.repeat([30.0, 40.0, 50.0], 40), period=clv.WEEK, seed=0)
    found = compare_models([clv.NBD, clv.BG_NBD], histories, draws=DRAWS)
    row = found.table().loc["BG_NBD"]
    assert row[["log_likelihood", "aic", "bic"]].isna().all() and np.isfinite(row["elpd_loo"])
    assert set(found.maxima) == {"NBD"} and set(found.fits) == {"NBD", "BG_NBD"}
    assert "BG_NBD has no maximum likelihood: BG/NBD: the data do not determine" in found.note
    assert any(s.startswith("BG_NBD has no maximum likelihood") for s in found.words())
    assert found.nested()["p_value"].isna().all()
    assert "nan" not in repr(found).lower() and "nan" not in found._repr_html_().lower()


def test_customers_of_whom_nothing_is_known_yet_cost_nothing() -> None:
    """On the day of the first purchase the likelihood is one whatever theta: nothing to weigh."""
    found = leave_one_out(np.vstack([np.zeros(500), np.random.default_rng(0).normal(-3, 0.1, 500)]))
    assert found.elpd[0] == pytest.approx(0) and found.k_hat[0] == 0 and found.p_loo[0] == pytest.approx(0)
    assert np.isfinite(found.elpd[1]) and found.p_loo[1] > 0


def test_a_high_k_hat_is_said(small: ModelComparison) -> None:
    high = ModelComparison(
        small.fits, small.maxima, small.elpd, small.counts, small.scores.assign(k_hat=[0.2, 0.91, 0.3]), ()
    )
    said = [s for s in high.words() if "k-hat" in s]
    assert len(said) == 1 and said[0].startswith(f"{small.scores.index[1]}: k-hat reaches 0.91, above 0.7")


def test_the_same_seed_gives_the_same(small: ModelComparison, leavers: clv.Histories) -> None:
    again = compare_models(MODELS[::-1], leavers, draws=500, seed=2)
    pd.testing.assert_frame_equal(again.table(), small.table(), check_exact=False, rtol=1e-6)


def test_it_shows_itself(comparison: ModelComparison) -> None:
    shown, page = repr(comparison), comparison._repr_html_()
    assert shown.startswith("Comparison of ") and "-9,582.43" in shown and "2,357 customers" in shown
    assert "<table" in page and "noise" in page and "nan" not in page.lower()
    scores = ["log_likelihood", "parameters", "aic", "bic", "elpd_loo", "se", "p_loo", "k_hat"]
    relative = ["elpd_diff", "diff_se", "weight"]
    holdout = ["holdout_log_score", "expected_purchases", "actual_purchases", "bias"]
    assert list(comparison.table()) == scores + relative + holdout
    assert comparison.elpd.index.names == ["frequency", "recency", "T"]


def test_misuse_is_refused(leavers: clv.Histories) -> None:
    with pytest.raises(ModelError, match="no list of models"):
        compare_models([], leavers)
    with pytest.raises(ModelError, match=r"no list of models in BG_NBD.*Write compare_models"):
        compare_models(clv.BG_NBD, leavers)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="BG_NBD is given more than once"):
        compare_models([clv.BG_NBD, clv.NBD, clv.BG_NBD], leavers)
    with pytest.raises(ModelError, match="GAMMA_GAMMA is no model of the times"):
        compare_models([clv.BG_NBD, clv.GAMMA_GAMMA], leavers)  # type: ignore[list-item]
    with pytest.raises(
        ModelError, match="BG_BB has probabilities of opportunities taken, the others densities of times"
    ):
        compare_models([clv.BG_NBD, BG_BB], leavers)
    with pytest.raises(ClvError, match="'mle' gives no posterior draws"):
        compare_models([clv.BG_NBD], leavers, method="mle")  # type: ignore[arg-type]
    with pytest.raises(ClvError, match="at least 100"):
        compare_models([clv.BG_NBD], leavers, draws=20)


def test_a_holdout_that_does_not_follow_is_refused(cdnow: clv.Histories, cdnow_parts: Parts) -> None:
    whole = clv.samples.cdnow_sample()
    with pytest.raises(ClvError, match="same split"):
        compare_models([clv.NBD], cdnow, holdout=whole.split("1997-12-31").holdout)
    with pytest.raises(ClvError, match="1997-09-30"):
        compare_models([clv.NBD], cdnow, holdout=cdnow_parts[0])
    with pytest.raises(ClvError):
        compare_models([clv.NBD], cdnow, holdout=whole.split("1997-06-30").calibration)


ROWS = [("A", "2024-01-01"), ("A", "2024-01-20"), ("B", "2024-01-05"), ("D", "2024-01-08"), ("D", "2024-01-15")]
LATER = [("A", "2024-02-10"), ("A", "2024-02-12"), ("C", "2024-02-20")]


def bare(rows: list[tuple[str, str]], **options: str) -> clv.Transactions:
    frame = pd.DataFrame(rows, columns=["customer", "date"]).assign(amount=1.0)
    return clv.Transactions(frame, customer="customer", date="date", **options)


def test_a_holdout_needs_no_amounts() -> None:
    """A bought on two days; B and D did nothing; C is new."""
    histories = bare(ROWS).histories(period=clv.WEEK, until="2024-02-01")
    found = outcomes(histories, bare(LATER), horizon=19 * clv.DAY, money=False)
    assert found.purchases.tolist() == [2, 0, 0] and np.isnan(found.spend).all()
    assert found.notes == ("1 customers of the holdout are not in the histories and are left out.",)
    with pytest.raises(ClvError, match="no amounts"):
        outcomes(histories, bare(LATER), horizon=19 * clv.DAY)
    with pytest.raises(ClvError, match="No customer of the holdout is in the histories"):
        outcomes(histories, bare([("Z", "2024-02-10")]), horizon=9 * clv.DAY, money=False)
    euros = bare(LATER, amount="amount", currency="EUR")
    dollars = bare(ROWS, amount="amount", currency="USD").histories(period=clv.WEEK, until="2024-02-01")
    assert outcomes(dollars, euros, horizon=19 * clv.DAY, money=False).purchases.tolist() == [2, 0, 0]
    with pytest.raises(ClvError, match="in USD and the holdout in EUR"):
        outcomes(dollars, euros, horizon=19 * clv.DAY)


def test_models_are_compared_on_a_log_without_amounts(cdnow: clv.Histories, cdnow_parts: Parts) -> None:
    counted = clv.Transactions(cdnow_parts[1].purchase_days(), customer="customer_id", date="date")
    table = compare_models([clv.NBD], cdnow, holdout=counted, draws=DRAWS).table()
    assert table.loc["NBD", "actual_purchases"] == 1882


@pytest.fixture(scope="module")
def ticking() -> clv.Histories:
    """400 customers who buy regularly: Erlang waits of three phases."""
    return clv.MBG_CNBD_K(3).simulate((1.0, 1.5, 0.8, 4.0), T=np.full(400, 52.0), period=clv.WEEK, seed=6)


def test_regular_buying_is_told_from_buying_at_random(ticking: clv.Histories) -> None:
    found = compare_models([clv.MBG_NBD, clv.MBG_CNBD_K(1), clv.MBG_CNBD_K(3)], ticking, draws=DRAWS)
    table = found.table()
    assert table.index[0] == "MBG_CNBD_3" and table["elpd_diff"].iloc[1] < -100
    assert table.loc["MBG_NBD", "log_likelihood"] == pytest.approx(table.loc["MBG_CNBD_1", "log_likelihood"], rel=1e-9)
    assert found.elpd.index.names == ["frequency", "recency", "T", "log_intervals"]
    assert found.counts.sum() == 400


def test_the_likelihood_of_regular_buying_is_that_of_all_times(ticking: clv.Histories) -> None:
    """Regularity is estimated from intervals alone; the models' maxima over k are highest at the same k."""
    reached = {k: clv.fit(clv.MBG_CNBD_K(k), ticking, method="mle").loglik for k in range(1, 6)}
    assert max(reached, key=lambda k: reached[k]) == round(clv.regularity(ticking).k) == 3


def test_without_intervals_regular_buying_cannot_be_compared(cdnow: clv.Histories) -> None:
    with pytest.raises(ModelError, match=r"BG_CNBD_2 is judged by the times between purchases.*intervals=True"):
        compare_models([clv.BG_NBD, clv.BG_CNBD_K(2)], cdnow)


def test_models_with_covariates_are_compared_with_those_without() -> None:
    """Customers of the shop buy half as often as the others, and the model that knows it predicts better."""
    rng = np.random.default_rng(8)
    channel = np.where(rng.random(500) < 0.5, "shop", "online")
    theta = (1.5, np.where(channel == "shop", 20.0, 5.0)[:, None], 0.8, 3.0)
    people = clv.BG_NBD.simulate(theta, T=np.full(500, 52.0), period=clv.WEEK, seed=9)
    people = people.with_covariates(pd.DataFrame({"customer_id": people.customer_id, "channel": channel}))
    explained = clv.with_covariates(clv.BG_NBD, purchase="~ channel")
    found = compare_models([clv.BG_NBD, explained], people, draws=DRAWS)
    assert found.scores.index[0] == explained.name and found.table()["elpd_diff"].iloc[1] < -20
    assert found.elpd.index.names == ["frequency", "recency", "T", "channel"]
