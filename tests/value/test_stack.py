"""A stack: what each draw says is what its model says, means are weighted means, and everything that takes a fit takes it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import clvmodels as clv
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.duration.bg_nbd import BgNbd
from clvmodels.duration.futures import Purchases
from clvmodels.duration.mixture import Mixture, braided
from clvmodels.estimation.stack import Stack, allocated, alternating
from clvmodels.evaluation.choose import ModelComparison
from clvmodels.history import upright
from clvmodels.value import simulation

HORIZON = 39 * clv.WEEK
RATE = clv.Rate(0.10, per=clv.YEAR)
WEIGHTS = {"BG_NBD": 0.5, "PARETO_NBD": 0.3, "MBG_NBD": 0.2}
DRAWS = 200


@pytest.fixture(scope="module")
def comparison(cdnow: clv.Histories) -> ModelComparison:
    return clv.compare_models([clv.BG_NBD, clv.PARETO_NBD, clv.MBG_NBD], cdnow, draws=100, seed=1)


@pytest.fixture(scope="module")
def fits(comparison: ModelComparison) -> dict[str, clv.Fit]:
    return dict(comparison.fits)


@pytest.fixture(scope="module")
def three(fits) -> Stack:
    return clv.stack(fits, WEIGHTS)


@pytest.fixture(scope="module")
def quarrel(cdnow_bg_nbd, cdnow) -> Stack:
    """Two models that disagree: in one of them nobody leaves."""
    return clv.stack({"NBD": clv.fit(clv.NBD, cdnow), "BG_NBD": cdnow_bg_nbd}, {"NBD": 0.5, "BG_NBD": 0.5})


@pytest.fixture(scope="module")
def base(three, cdnow_gamma_gamma, cdnow) -> clv.Forecast:
    return clv.forecast(three, cdnow_gamma_gamma, cdnow, horizon=HORIZON, discount=RATE, draws=DRAWS, seed=7)


def by_hand(
    model: Mixture, theta: tuple[np.ndarray, ...]
) -> list[tuple[LatentAttrition, np.ndarray, list[np.ndarray]]]:
    """Each component with its draws' places and parameters, picked by the label and the order of the columns."""
    found, start = [], 1
    for k, component in enumerate(model.components):
        at = np.flatnonzero(theta[0] == k)
        stop = start + len(component.Theta._fields)
        found.append((component, at, [v[at] for v in theta[start:stop]]))
        start = stop
    return found


def test_all_weight_on_one_model_is_its_plain_forecast(fits, cdnow_gamma_gamma, cdnow) -> None:
    one = clv.stack(fits, {"BG_NBD": 0.0, "PARETO_NBD": 1.0, "MBG_NBD": 0.0})

    def made(duration: clv.Fit | Stack) -> clv.Forecast:
        return clv.forecast(duration, cdnow_gamma_gamma, cdnow, horizon=HORIZON, discount=RATE, draws=60, seed=3)

    stacked, plain = made(one), made(fits["PARETO_NBD"])
    pd.testing.assert_frame_equal(stacked.per_customer(), plain.per_customer(), check_exact=True)
    assert np.array_equal(stacked.predictive_draws, plain.predictive_draws)
    pd.testing.assert_frame_equal(stacked.stream(per=clv.MONTH), plain.stream(per=clv.MONTH), check_exact=True)
    pd.testing.assert_frame_equal(one.p_alive(cdnow, draws=50), fits["PARETO_NBD"].p_alive(cdnow, draws=50))


@pytest.mark.parametrize("formula", LatentAttrition.formulas)
def test_every_draw_says_what_its_model_says(three, cdnow, formula) -> None:
    options = {
        "p_alive": {},
        "pmf": {"n": 2, "horizon": HORIZON},
        "discounted_expected_purchases": {"discount": RATE},
        "time_to_next_purchase": {"probability": 0.2},
    }.get(formula, {"horizon": HORIZON})
    model, theta, few = three.model, three.draws(30, seed=2), cdnow.select(cdnow.customer_id[:40])
    mixed = getattr(model, formula)(model.Theta(*(v[:, None] for v in theta)), few, **options)
    crossed = getattr(model, formula)(theta, upright(few), **options)
    assert mixed.shape == (30, 40) and crossed.shape == (40, 30)
    assert mixed == pytest.approx(crossed.T, rel=1e-9)
    for component, at, own in by_hand(model, theta):
        assert at.size == 30 * WEIGHTS[component.name]
        alone = getattr(component, formula)([v[:, None] for v in own], few, **options)
        assert mixed[at] == pytest.approx(alone, rel=1e-12)


def test_means_are_weighted_means(base, three, fits, cdnow, cdnow_gamma_gamma) -> None:
    """500, 300 and 200 of 1000: exactly, of the very draws; and of forecasts by each model alone up to the draws."""
    table, theta = base.per_customer(), base.simulation.duration_theta
    purchases = sum(
        WEIGHTS[m.name] * m.expected_purchases([v[:, None] for v in own], cdnow, horizon=HORIZON).mean(axis=0)
        for m, _, own in by_hand(three.model, theta)
    )
    alive = sum(
        WEIGHTS[m.name] * m.p_alive([v[:, None] for v in own], cdnow).mean(axis=0)
        for m, _, own in by_hand(three.model, theta)
    )
    assert table["purchases"].to_numpy() == pytest.approx(purchases, rel=1e-9)
    assert table["p_alive"].to_numpy() == pytest.approx(alive, rel=1e-9)
    totals = [_purchases(fits[name], cdnow_gamma_gamma, cdnow)[0] for name in WEIGHTS]
    mean = sum(w * t.mean() for w, t in zip(WEIGHTS.values(), totals, strict=True))
    error = sum(w * t.std() / np.sqrt(t.size * w) for w, t in zip(WEIGHTS.values(), totals, strict=True))
    assert base.total().loc["purchases", "mean"] == pytest.approx(mean, abs=3 * error)


def _purchases(
    duration: clv.Fit | Stack, quantity: clv.Fit, histories: clv.Histories, draws: int = DRAWS
) -> np.ndarray:
    """Of all customers together: expected and simulated (2, draws)."""
    f = clv.forecast(duration, quantity, histories, horizon=HORIZON, draws=draws, seed=5)
    return np.array([f.expected_draws[0], f.predictive_draws[0]])


def test_models_that_disagree_widen_the_interval(quarrel, cdnow_gamma_gamma, cdnow) -> None:
    """Law of total variance; and between the models' own quantiles, wherever they are far apart."""
    few = cdnow.select(cdnow.customer_id[:1000])
    mixed = _purchases(quarrel, cdnow_gamma_gamma, few, 600)[1]
    nbd, bg = (_purchases(fit, cdnow_gamma_gamma, few, 600)[1] for fit in quarrel.fits.values())
    assert nbd.min() > bg.max()
    assert mixed.mean() == pytest.approx((nbd.mean() + bg.mean()) / 2, rel=0.02)
    apart = (nbd.mean() - bg.mean()) / 2
    assert mixed.var() == pytest.approx((nbd.var() + bg.var()) / 2 + apart**2, rel=0.05)
    assert np.sum(mixed < (nbd.mean() + bg.mean()) / 2) == 300
    lower, upper = np.quantile(mixed, [0.05, 0.95])
    assert bg.min() <= lower <= np.quantile(bg, 0.3)
    assert np.quantile(nbd, 0.7) <= upper <= nbd.max()


def test_chances_of_a_customer_are_those_of_the_mixture(quarrel, cdnow_gamma_gamma, cdnow) -> None:
    few = cdnow.select(cdnow.customer_id[:400])
    f = clv.forecast(quarrel, cdnow_gamma_gamma, few, horizon=HORIZON, draws=1000, seed=4)
    once = np.ones(len(few))
    found = f.probability_below(once, once)
    none, one = (
        sum(m.pmf([v[:, None] for v in own], few, n=n, horizon=HORIZON).sum(axis=0) for m, _, own in by_hand(
            quarrel.model, f.simulation.duration_theta
        )) / 1000
        for n in (0, 1)
    )  # fmt: skip
    assert found["purchases_below"].to_numpy() == pytest.approx(none, abs=5 * np.sqrt(0.25 / 1000))
    assert found["purchases_at_most"].to_numpy() == pytest.approx(none + one, abs=5 * np.sqrt(0.25 / 1000))
    z = (found["purchases_below"].to_numpy() - none) / np.sqrt(none * (1 - none) / 1000)
    assert abs(z.mean()) < 4 / np.sqrt(z.size) and z.std() < 1.1


def test_any_number_of_threads_and_any_row_order_give_the_same(
    base, three, cdnow_gamma_gamma, cdnow, monkeypatch
) -> None:
    monkeypatch.setattr(simulation, "THREADS", 1)
    shuffled = cdnow.select(np.random.default_rng(0).permutation(cdnow.customer_id))
    again = clv.forecast(three, cdnow_gamma_gamma, shuffled, horizon=HORIZON, discount=RATE, draws=DRAWS, seed=7)
    a, b = (f.per_customer().set_index("customer_id").sort_index() for f in (base, again))
    pd.testing.assert_frame_equal(a, b, check_exact=True)
    assert np.array_equal(base.predictive_draws, again.predictive_draws)
    other = clv.forecast(three, cdnow_gamma_gamma, cdnow, horizon=HORIZON, discount=RATE, draws=DRAWS, seed=8)
    assert not np.array_equal(base.predictive_draws, other.predictive_draws)


def test_totals_groups_and_streams_agree(base) -> None:
    table, total = base.per_customer(), base.total()
    by, stream = base.by(np.where(base.histories.frequency > 0, "repeat", "once")), base.stream()
    for measure in ("purchases", "spend", "potential", "ltv"):
        assert total.loc[measure, "mean"] == pytest.approx(table[measure].sum(), rel=1e-10)
        assert by[measure].sum() == pytest.approx(total.loc[measure, "mean"], rel=1e-10)
    assert stream["purchases"].sum() == pytest.approx(base.predictive_draws[0].mean(), rel=1e-12)
    for measure in range(5):
        difference = base.predictive_draws[measure] - base.expected_draws[measure]
        assert abs(difference.mean()) <= 4 * difference.std() / np.sqrt(difference.size) + 1e-9


def test_from_comparing_models_to_the_holdout(comparison, cdnow_gamma_gamma, cdnow, cdnow_parts) -> None:
    """CDNOW: 1,882 purchase days in the holdout (Fader and Hardie 2001); these models expect somewhat fewer."""
    stacked = comparison.stack()  # noqa: PD013
    kept = comparison.weights[comparison.weights >= 1e-3]
    assert stacked.weights.to_dict() == pytest.approx((kept / kept.sum()).to_dict())
    assert set(stacked.left_out) == set(comparison.weights.index) - set(kept.index)
    f = clv.forecast(stacked, cdnow_gamma_gamma, cdnow, horizon=HORIZON, draws=DRAWS)
    compared = clv.compare(f, cdnow_parts[1])
    model = compared.table().xs(compared.model, level="method").loc["purchases"]
    assert model["actual"] == 1882 and abs(model["bias"]) < 0.2
    assert compared.model.startswith("Mixture(") and compared.model.endswith("+ gamma-gamma")
    tracked = clv.tracking(stacked, clv.samples.cdnow_sample(), until="1997-09-30", period=clv.MONTH, draws=60)
    cut = tracked[tracked["part"] == "calibration"].iloc[-1]
    assert cut["cumulative_actual"] == cdnow.frequency.sum()
    assert cut["cumulative_expected"] == pytest.approx(cut["cumulative_actual"], rel=0.1)


def test_tracking_mixes_the_expectations(quarrel) -> None:
    log, quarter = clv.samples.cdnow_sample(), clv.Period("quarter", 91.0)

    def expected(duration: clv.Fit | Stack) -> pd.Series:
        table = clv.tracking(duration, log, until="1997-09-30", period=quarter, draws=60)
        return table["cumulative_expected"]

    mixed, nbd, bg = (expected(one) for one in (quarrel, *quarrel.fits.values()))
    assert mixed.to_numpy() == pytest.approx(((nbd + bg) / 2).to_numpy(), rel=0.03)
    assert (nbd - bg).iloc[-1] > 0.1 * bg.iloc[-1]


def test_new_customers_are_simulated_by_the_model_of_the_draw(three) -> None:
    model, theta = three.model, three.draws(10, seed=1)
    ages = np.linspace(5.0, 40.0, 50)
    for component, at, own in by_hand(model, theta):
        one = [v[at[0]] for v in theta]
        mixed, alone = (
            m.simulate(t, T=ages, period=clv.WEEK, seed=6) for m, t in ((model, one), (component, [v[0] for v in own]))
        )
        assert np.array_equal(mixed.frequency, alone.frequency) and np.array_equal(mixed.recency, alone.recency)


def test_rates_are_those_of_the_models(three, cdnow) -> None:
    """Mean rate of the draws of each model: P(alive) (r + x) / (alpha + T), as in all three of them."""
    theta, few = three.draws(2000, seed=3), cdnow.select(cdnow.customer_id[:20])
    rates = three.model.draw_rates(theta, few, seed=1)
    for component, at, own in by_hand(three.model, theta):
        p_alive = component.p_alive(own, upright(few))
        shape, scale = own[0] + few.frequency[:, None], own[1] + few.T[:, None]
        wanted, variance = p_alive * shape / scale, p_alive * shape * (1 + shape) / scale**2
        z = (rates.rate[:, at].mean(axis=1) - wanted.mean(axis=1)) / np.sqrt(variance.mean(axis=1) / at.size)
        assert np.max(np.abs(z)) < 4.5
        assert np.all(np.isinf(rates.lifetime[:, at])) == (component.name != "PARETO_NBD")
    people = three.model.individuals(theta, upright(few), rng=np.random.default_rng(0))
    assert people.shape == pytest.approx(theta_of(three.model, theta, "r") + few.frequency[:, None])


def theta_of(model: Mixture, theta: tuple[np.ndarray, ...], name: str) -> np.ndarray:
    """A parameter that all components have, under every draw."""
    out = np.empty(len(theta[0]))
    for component, at, own in by_hand(model, theta):
        out[at] = own[component.Theta._fields.index(name)]
    return out


@dataclass(frozen=True, repr=False)
class Louder(BgNbd):
    """BG/NBD in which a covariate of the customer shortens the time between her purchases."""

    name = "LOUDER"
    reads = ("loud",)

    def each(self, theta, history):
        theta = self.theta(theta)
        return theta._replace(alpha=theta.alpha * np.exp(-np.asarray(history.covariates["loud"])))

    def p_alive(self, theta, history):
        return super().p_alive(self.each(theta, history), history)

    def individuals(self, theta, history, *, rng):
        own = self.each(theta, history)
        return clv.BG_NBD.individuals(own, history, rng=rng)


def test_components_may_have_parameters_of_each_customer() -> None:
    x, t_x, T = (np.array(v) for v in ([0.0, 2.0, 5.0, 1.0], [0.0, 20.0, 30.0, 3.0], [30.0, 35.0, 38.0, 20.0]))
    loud = np.array([0.0, 0.5, -0.5, 1.0])
    people = clv.History(x, t_x, T, clv.WEEK, covariates={"loud": loud})
    model = Mixture((clv.NBD, Louder()))
    theta = model.joined([1, 0, 1], {0: ([0.4], [12.0]), 1: ([0.2, 0.3], [4.0, 5.0], [0.8, 0.7], [2.4, 2.0])})
    found = model.expected_purchases(theta, upright(people), horizon=HORIZON)
    for column, (r, alpha, a, b) in ((0, (0.2, 4.0, 0.8, 2.4)), (2, (0.3, 5.0, 0.7, 2.0))):
        own = (r, alpha * np.exp(-loud), a, b)
        assert found[:, column] == pytest.approx(clv.BG_NBD.expected_purchases(own, people, horizon=HORIZON))
    assert found[:, 1] == pytest.approx((0.4 + x) / (12.0 + T) * 39)
    many = model.joined(
        np.tile([0, 1], 4000),
        {0: (np.full(4000, 0.4), np.full(4000, 12.0)), 1: [np.full(4000, v) for v in (0.2, 4.0, 0.8, 2.4)]},
    )
    p_alive, (offsets, _) = model.future(many, upright(people), horizon=39.0, rng=np.random.default_rng(1))
    counts = np.diff(offsets).reshape(4, -1)
    assert p_alive.shape == counts.shape
    assert counts[:, ::2].mean(axis=1) == pytest.approx(found[:, 1], rel=0.12)
    assert counts[:, 1::2].mean(axis=1) == pytest.approx(found[:, 0], rel=0.12)


def test_covariates_are_told_apart(cdnow_gamma_gamma, cdnow) -> None:
    """Customers alike in all but a covariate that one of the models reads: by customer, what the formulas say of the draws."""
    known = dataclasses.replace(cdnow, covariates={"loud": np.arange(len(cdnow)) % 2})
    fits = {model.name: clv.fit(model, known) for model in (clv.BG_NBD, Louder())}
    two = clv.stack(fits, {"BG_NBD": 0.5, "LOUDER": 0.5})
    f = clv.forecast(two, cdnow_gamma_gamma, known, horizon=HORIZON, draws=40)
    wanted = sum(
        m.expected_purchases([v[:, None] for v in own], known, horizon=HORIZON).sum(axis=0) / 40
        for m, _, own in by_hand(two.model, f.simulation.duration_theta)
    )
    assert f.per_customer()["purchases"].to_numpy() == pytest.approx(wanted, rel=1e-9)
    labelled = two.expected_purchases(known, horizon=HORIZON, draws=40)["mean"].to_numpy()
    wanted = sum(
        m.expected_purchases([v[:, None] for v in own], known, horizon=HORIZON).sum(axis=0) / 40
        for m, _, own in by_hand(two.model, two.draws(40))
    )
    assert labelled == pytest.approx(wanted, rel=1e-9)


@dataclass(frozen=True, repr=False)
class Regular(BgNbd):
    past = ("frequency", "recency", "T")
    columns = ("frequency", "recency", "T", "log_intervals")


def test_a_mixture_reads_what_any_of_its_models_reads() -> None:
    model = Mixture((clv.NBD, Regular(), Louder()))
    assert model.reads == ("loud",) and model.past == ("frequency", "T", "recency")
    assert model.columns == ("frequency", "recency", "T", "log_intervals")


def test_opportunities_mix_with_opportunities_only() -> None:
    twice, draws = Mixture((clv.BG_BB, clv.BG_BB)), 3000
    keen, idle = (np.full(draws, v) for v in (8.0, 2.0))
    theta = twice.joined(np.repeat([0, 1], draws), {0: (keen, idle, idle / 2, keen), 1: (idle, keen, idle / 2, keen)})
    donor = clv.History(np.array([[2.0]]), np.array([[4.0]]), np.array([[6.0]]), clv.YEAR)
    assert twice.discrete
    p_alive, (offsets, times) = twice.future(theta, donor, horizon=5.0, rng=np.random.default_rng(2))
    assert np.all(times == np.rint(times)) and times.max() == 5
    counts = np.diff(offsets)
    for half, own in ((slice(0, draws), (8.0, 2.0, 1.0, 8.0)), (slice(draws, None), (2.0, 8.0, 1.0, 8.0))):
        assert p_alive[0, half] == pytest.approx(float(clv.BG_BB.p_alive(own, donor).item()))
        wanted = clv.BG_BB.expected_purchases(own, donor, horizon=5 * clv.YEAR).item()
        assert counts[half].mean() == pytest.approx(wanted, abs=4 * counts[half].std() / np.sqrt(draws))
    half_way = twice.time_to_next_purchase(theta, donor, probability=0.3)
    assert half_way.shape == (1, 2 * draws) and np.all(half_way == np.rint(half_way))
    with pytest.raises(clv.ModelError, match="BG_BB counts opportunities and BG_NBD measures time"):
        Mixture((clv.BG_NBD, clv.BG_BB))


def test_braiding_puts_every_purchase_in_its_place() -> None:
    rng = np.random.default_rng(3)
    customers, places = 7, np.split(rng.permutation(12), [5, 6])
    counts = rng.poisson(1.0, size=(customers, 12))
    cells = {(i, s): np.sort(rng.random(counts[i, s])) for i in range(customers) for s in range(12)}
    parts = []
    for where in places:
        own = [cells[i, s] for i in range(customers) for s in where]
        parts.append(Purchases(np.cumsum([0, *(len(v) for v in own)]), np.concatenate(own)))
    offsets, times = braided(parts, places)
    for (i, s), wanted in cells.items():
        k = i * 12 + s
        assert np.array_equal(times[offsets[k] : offsets[k + 1]], wanted)
    assert offsets[-1] == counts.sum()


@pytest.mark.parametrize("seed", range(5))
def test_shares_are_the_nearest_whole_numbers_and_alternate(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights, count = rng.dirichlet(np.full(4, 0.5)), int(rng.integers(20, 2000))
    shares = allocated(weights, count)
    assert shares.sum() == count and np.all(np.abs(shares - weights * count) < 1)
    labels = alternating(shares)
    assert np.bincount(labels, minlength=4) == pytest.approx(shares)
    for stop in (count // 3, count // 2):
        assert np.bincount(labels[:stop], minlength=4) == pytest.approx(shares * stop / count, abs=2)
    assert allocated(np.array([0.1, 0.2, 0.7]), 10).tolist() == [1, 2, 7]


def test_draws_are_those_of_the_fits(three, fits) -> None:
    """As often as the weights say, and each a row of the posterior of its fit."""
    theta = three.draws(100, seed=1)
    assert np.bincount(theta.component).tolist() == [50, 30, 20]
    for component, at, own in by_hand(three.model, theta):
        posterior = fits[component.name].posterior
        rows = set(zip(*(np.ravel(posterior[name]) for name in component.Theta._fields), strict=True))
        drawn = set(zip(*own, strict=True))
        assert drawn <= rows and len(drawn) > 0.9 * at.size  # rows of a corrected posterior repeat now and then
    again = three.draws(100, seed=1)
    assert all(np.array_equal(a, b, equal_nan=True) for a, b in zip(theta, again, strict=True))
    assert np.bincount(three.draws(1, seed=1).component).tolist() == [1]


def test_intervals_of_formulas_hold_all_models(quarrel, cdnow) -> None:
    """In NBD everybody is alive, so half of the draws say one."""
    table = quarrel.p_alive(cdnow, draws=200)
    bg = quarrel.fits["BG_NBD"].p_alive(cdnow, draws=200)
    assert list(table) == ["mean", "lower", "upper"] and table.index.equals(bg.index)
    assert table["upper"].to_numpy() == pytest.approx(1.0)
    assert table["mean"].to_numpy() == pytest.approx((1 + bg["mean"].to_numpy()) / 2, abs=0.02)
    assert np.all(table["lower"] < bg["upper"] + 1e-12)
    days = quarrel.expected_purchases(cdnow.to(clv.DAY), horizon=HORIZON, draws=200)
    weeks = quarrel.expected_purchases(cdnow, horizon=HORIZON, draws=200)
    pd.testing.assert_frame_equal(days, weeks, rtol=1e-9)


def test_a_margin_in_draws_and_an_endless_horizon(three, cdnow_gamma_gamma, cdnow) -> None:
    few, rate = cdnow.select(cdnow.customer_id[:100]), clv.Rate(0.5, per=clv.YEAR)
    endless, long = (
        clv.forecast(
            three, cdnow_gamma_gamma, few, horizon=h, discount=rate, margin=stats.beta(30, 70), draws=40
        ).total()
        for h in (clv.FOREVER, 40 * clv.YEAR)
    )
    assert endless.loc["potential", "mean"] == pytest.approx(long.loc["potential", "mean"], rel=1e-6)


def test_it_shows_itself(three, fits) -> None:
    assert "0.500  BG_NBD" in repr(three) and "0.300  PARETO_NBD" in repr(three) and "2,357 customers" in repr(three)
    assert "Left out" not in repr(three) and "<table" in three._repr_html_()
    assert three.table()["weight"].to_dict() == pytest.approx(WEIGHTS)
    two = clv.stack(fits, {"BG_NBD": 0.5995, "PARETO_NBD": 0.4, "MBG_NBD": 0.0005})
    assert two.left_out == ("MBG_NBD",) and list(two.fits) == ["BG_NBD", "PARETO_NBD"]
    assert two.weights.sum() == pytest.approx(1) and two.weights["BG_NBD"] == pytest.approx(0.5995 / 0.9995)
    assert "Left out, weight below 0.001: MBG_NBD" in repr(two) and "MBG_NBD" in two._repr_html_()
    assert "p_alive" in dir(three) and "Beta" not in repr(three.model) and "MBG/NBD" in three.model._repr_html_()


def test_what_does_not_belong_together_is_refused(fits, cdnow_gamma_gamma) -> None:
    bg, pareto = fits["BG_NBD"], fits["PARETO_NBD"]
    half = {"a": 0.5, "b": 0.5}

    def pair(**changes: object) -> dict[str, clv.Fit]:
        return {"a": bg, "b": dataclasses.replace(pareto, **changes)}

    with pytest.raises(clv.ClvError, match=r"different histories: a \(fingerprint .*\), b \(fingerprint other\)"):
        clv.stack(pair(fingerprint="other"), half)
    with pytest.raises(clv.ClvError, match=r"different units of time: a .*week.*, b .*day"):
        clv.stack(pair(period=clv.DAY), half)
    with pytest.raises(clv.ClvError, match=r"different currencies: a .*USD.*, b .*EUR"):
        clv.stack(pair(currency="EUR"), half)
    with pytest.raises(clv.ModelError, match="counts opportunities"):
        clv.stack(pair(model=clv.BG_BB), half)
    with pytest.raises(clv.ModelError, match="'b' is GAMMA_GAMMA, no fit of a duration model"):
        clv.stack({"a": bg, "b": cdnow_gamma_gamma}, half)
    with pytest.raises(clv.ModelError, match="'b' is BgNbd"):
        clv.stack({"a": bg, "b": clv.BG_NBD}, half)
    with pytest.raises(clv.ModelError, match="no fits by name"):
        clv.stack({}, {})


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ({"BG_NBD": 1.0}, "The weights are of BG_NBD, the fits of BG_NBD, PARETO_NBD"),
        ({"BG_NBD": 0.5, "pareto": 0.5}, "The weights are of BG_NBD, pareto"),
        ({"BG_NBD": 1.2, "PARETO_NBD": -0.2}, r"not PARETO_NBD \(-0.2\)"),
        ({"BG_NBD": 1.0, "PARETO_NBD": np.nan}, r"not PARETO_NBD \(nan\)"),
        ({"BG_NBD": 0.5, "PARETO_NBD": 0.4}, "sum to 0.9, not to one"),
    ],
)
def test_weights_are_shares(fits, weights, message) -> None:
    with pytest.raises(clv.ClvError, match=message):
        clv.stack({name: fits[name] for name in ("BG_NBD", "PARETO_NBD")}, weights)


def test_misuse_is_named(three, comparison, cdnow_gamma_gamma, cdnow, tmp_path) -> None:
    with pytest.raises(clv.ModelError, match=r"duration= is ModelComparison, not a fit.*comparison.stack\(\)"):
        clv.forecast(comparison, cdnow_gamma_gamma, cdnow, horizon=HORIZON)
    with pytest.raises(clv.ModelError, match=r"quantity= is a fit of MIXTURE.*Give second"):
        clv.forecast(three, three, cdnow, horizon=HORIZON)
    with pytest.raises(clv.ModelError, match="Give first a fit of a duration model"):
        clv.forecast(cdnow_gamma_gamma, cdnow_gamma_gamma, cdnow, horizon=HORIZON)
    with pytest.raises(clv.ModelError, match=r"has no likelihood. Fit its models one by one"):
        clv.fit(three.model, cdnow)
    with pytest.raises(clv.SavedFitError, match=r"Save the fits of a stack one by one"):
        clv.save(three, tmp_path / "stack.parquet")
    with pytest.raises(AttributeError, match="Stack has no 'p_alife'; its formulas are p_alive"):
        _ = three.p_alife
    with pytest.raises(clv.ModelError, match="takes draws along one axis"):
        three.model.p_alive([np.zeros((2, 3))] * 13, cdnow)
    with pytest.raises(clv.ModelError, match="whole number from 0 to 2"):
        three.model.p_alive([np.full(4, 3)] + [np.ones(4)] * 12, upright(cdnow))
    with pytest.raises(clv.ModelError, match="has 13 parameters"):
        three.model.theta([0, 1.0])
