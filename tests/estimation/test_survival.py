"""Survival simulated without the package and found again; what is ignored biases; engines agree; fits come back from files."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import clvmodels as clv

Array = np.ndarray
MONTH = clv.MONTH
STEPS = np.array([0.02, 0.08, 0.03, 0.05])
ENDS = np.array([3.0, 6.0, 12.0, np.inf])


def piecewise(exponentials: Array) -> Array:
    """Tenures at which a hazard of STEPS until ENDS has used up these standard exponentials."""
    start, left, found = 0.0, exponentials.copy(), np.full(exponentials.size, np.inf)
    for hazard, end in zip(STEPS, ENDS, strict=True):
        inside = np.isinf(found) & (left < hazard * (end - start))
        found[inside] = start + left[inside] / hazard
        left, start = left - hazard * (end - start), end
    return found


def lifetimes(baseline: str, rng: np.random.Generator, eta: Array) -> Array:
    """Tenures of customers whose hazard or time is multiplied by exp(eta)."""
    depth = rng.exponential(size=eta.size)
    if baseline == "exponential":
        return 20 * depth * np.exp(-eta)
    if baseline == "weibull":
        return 15 * (depth * np.exp(-eta)) ** (1 / 1.5)
    if baseline == "gompertz":
        return np.log1p(0.06 * depth * np.exp(-eta) / 0.03) / 0.06
    if baseline == "lognormal":
        return 12 * np.exp(eta + 0.8 * rng.standard_normal(eta.size))
    if baseline == "loglogistic":
        return 12 * np.exp(eta) * np.expm1(depth) ** (1 / 1.8)
    return piecewise(depth * np.exp(-eta))


TRUTH = {
    "exponential": (20.0,),
    "weibull": (15.0, 1.5),
    "gompertz": (0.03, 0.06),
    "lognormal": (12.0, 0.8),
    "loglogistic": (12.0, 1.8),
}


def observed(times: Array, until: Array, *, entry: Any = 0.0, whole: bool = False, **known: Any) -> clv.Tenures:
    """What is seen of lifetimes from an entry until the end of observation."""
    entry = np.broadcast_to(np.asarray(entry, dtype=float), times.shape)
    seen = (times > entry) & (until > entry)
    exit, event = np.minimum(times, until), (times <= until).astype(float)
    exit = np.where(event == 1, np.ceil(exit), exit) if whole else exit
    some = {name: None if column is None else column[seen] for name, column in known.items() if name != "covariates"}
    covariates = {name: column[seen] for name, column in known.get("covariates", {}).items()}
    return clv.Tenures(
        np.flatnonzero(seen), entry[seen], exit[seen], event[seen], MONTH, covariates=covariates or None, **some
    )  # fmt: skip


def world(baseline: str, seed: int, n: int = 4000, *, whole: bool = False) -> clv.Tenures:
    """Customers with a covariate of effect 0.5, a third entered late."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    entry = np.where(rng.random(n) < 1 / 3, rng.integers(1, 7, n), 0)
    times = lifetimes(baseline, rng, 0.5 * (x - x.mean()))
    return observed(times, rng.integers(8, 31, n).astype(float), entry=entry, whole=whole, covariates={"x": x})


def standardised_errors(baseline: str, seed: int, *, whole: bool = False) -> Array:
    some = world(baseline, seed, whole=whole)
    fit = clv.fit(clv.survival(baseline, formula="~ x"), some, method="mle")  # type: ignore[arg-type]
    assert fit.model.by_period == whole
    # who entered late and had left is not seen, so that the mean of x that the baseline is of differs a little
    shift = 0.5 * some.covariates["x"].mean()  # type: ignore[index]
    moved = {
        "exponential": -shift,
        "weibull": -shift / 1.5,
        "gompertz": shift,
        "lognormal": shift,
        "loglogistic": shift,
    }
    truth = np.array([*TRUTH[baseline], 0.5])
    truth[0] *= math.exp(moved[baseline])
    seen = fit.model.coordinates()
    return np.asarray((seen.free(fit.theta) - seen.free(truth)) / np.sqrt(np.diag(fit.covariance)))


@pytest.mark.parametrize("whole", [False, True], ids=["exactly", "by period"])
@pytest.mark.parametrize("baseline", TRUTH)
def test_maximum_likelihood_finds_the_truth(baseline: str, whole: bool) -> None:
    assert np.all(np.abs(standardised_errors(baseline, 4, whole=whole)) < 3.5)


@pytest.mark.slow
@pytest.mark.parametrize("baseline", TRUTH)
def test_twenty_samples_scatter_about_the_truth_as_their_standard_errors_say(baseline: str) -> None:
    errors = np.array([standardised_errors(baseline, seed) for seed in range(20)])
    assert np.all(np.abs(errors.mean(axis=0)) < 3.5 / np.sqrt(20)) and np.all(np.abs(errors) < 4)
    assert np.all((errors.std(axis=0) > 0.5) & (errors.std(axis=0) < 1.6))


@pytest.mark.parametrize("baseline", ["piecewise", "discrete"])
def test_hazards_that_walk_find_the_truth(baseline: str) -> None:
    some = world(baseline, 5, n=8000, whole=baseline == "discrete")
    fit = clv.fit(clv.survival(baseline, formula="~ x"), some, seed=1)  # type: ignore[arg-type]
    assert fit.method == "laplace"
    x0 = float(some.covariates["x"].mean())  # type: ignore[index]
    middle = {"x": x0}
    hazard = fit.hazard(np.array([2.0, 5.0, 9.0, 15.0]), covariates=middle, interval=0.9999)
    expected = STEPS * math.exp(0.5 * x0)
    expected = 1 - np.exp(-expected) if baseline == "discrete" else expected
    assert np.all((hazard["lower"] <= expected) & (expected <= hazard["upper"]))
    table = fit.summary().loc["hazard_x"]
    assert abs(table["estimate"] - 0.5) < 4 * table["sd"]
    assert fit.model.effects(fit.theta)["hazard_x"] == np.exp(fit.theta.hazard_x)  # type: ignore[attr-defined]


def test_leaving_known_by_period_biases_if_taken_for_the_exact_time() -> None:
    some = world("weibull", 6, whole=True)
    truth = TRUTH["weibull"][1]
    for known, right in (("by period", True), ("exactly", False)):
        fit = clv.fit(clv.survival("weibull", formula="~ x", leaving_known=known), some, method="mle")  # type: ignore[arg-type]
        error = (math.log(fit.theta.shape) - math.log(truth)) / math.sqrt(fit.covariance[1, 1])
        assert (abs(error) < 3.5) == right


def test_late_entry_biases_if_ignored() -> None:
    rng = np.random.default_rng(7)
    entry = rng.uniform(0, 15, 6000)
    some = observed(lifetimes("weibull", rng, np.zeros(6000)), entry + 10, entry=entry)
    for tenures, right in (
        (some, True),
        (clv.Tenures(some.customer_id, 0 * some.entry, some.exit, some.event, MONTH), False),
    ):
        fit = clv.fit(clv.survival("weibull"), tenures, method="mle")
        error = (np.log(fit.theta) - np.log(TRUTH["weibull"])) / np.sqrt(np.diag(fit.covariance))
        assert np.all(np.abs(error) < 3.5) == right
        error_of_median = float(fit.survival(10.0)["mean"].iloc[0]) - math.exp(-((10 / 15) ** 1.5))
        assert (abs(error_of_median) < 0.03) == right


def test_who_never_leaves_biases_if_ignored() -> None:
    rng = np.random.default_rng(8)
    n, z = 6000, rng.normal(size=6000)
    never = rng.random(n) < 1 / (1 + np.exp(0.8 - 0.7 * z))
    times = np.where(never, np.inf, lifetimes("weibull", rng, np.zeros(n)))
    some = observed(times, rng.uniform(10, 60, n), covariates={"z": z})
    fit = clv.fit(clv.survival("weibull", cure="~ z"), some, method="mle")
    middle = -0.8 + 0.7 * z.mean()
    truth = np.array([math.log(15.0), math.log(1.5), middle, 0.7])
    error = (fit.model.coordinates().free(fit.theta) - truth) / np.sqrt(np.diag(fit.covariance))
    assert np.all(np.abs(error) < 3.5)
    share = 1 / (1 + math.exp(0.8))
    without = clv.fit(clv.survival("weibull"), some, method="mle")
    ten_years = float(fit.survival(120.0, covariates={"z": 0.0})["mean"].iloc[0])
    assert ten_years == pytest.approx(share, abs=0.03)
    assert abs(float(without.survival(120.0)["mean"].iloc[0]) - np.mean(never)) > 0.1


def frail(seed: int, segments: int = 12, spread: float = 0.4, n: int = 200) -> tuple[clv.Tenures, Array]:
    rng = np.random.default_rng(seed)
    effects = spread * rng.standard_normal(segments)
    which = np.repeat(np.arange(segments), rng.integers(20, 2 * n, segments))
    times = lifetimes("weibull", rng, effects[which])
    labels = np.array([f"S{k:02d}" for k in which])
    return observed(times, rng.uniform(5, 30, which.size), segment=labels), effects


def test_frailties_of_segments_are_found_and_pooled() -> None:
    some, effects = frail(9)
    fit = clv.fit(clv.survival("weibull", frailty="segment"), some, seed=1)
    assert fit.method == "laplace"
    spread = fit.summary().loc["spread_segment"]
    assert spread["lower"] < 0.4 < spread["upper"]
    draws = fit.draws(2000)
    found = np.array([getattr(draws, f"segment_S{k:02d}") for k in range(effects.size)]) * draws.spread_segment
    found, effects = found - found.mean(axis=0), effects - effects.mean()
    error = (found.mean(axis=1) - effects) / found.std(axis=1)
    assert np.all(np.abs(error) < 4) and np.sqrt(np.mean(error**2)) < 1.7
    factors = fit.model.by_segment(draws, interval=0.9999)  # type: ignore[attr-defined]
    assert list(factors.index) == [f"S{k:02d}" for k in range(12)]
    assert np.corrcoef(np.log(factors["mean"]), effects)[0, 1] > 0.9
    new = fit.survival_after(clv.Tenure(0.0, MONTH, covariates={"segment": "new"}), horizon=clv.YEAR)
    old = fit.survival_after(clv.Tenure(0.0, MONTH, covariates={"segment": "S03"}), horizon=clv.YEAR)
    assert float((new["upper"] - new["lower"]).iloc[0]) > 2 * float((old["upper"] - old["lower"]).iloc[0])


def test_rows_that_vary_over_time_are_judged_by_what_holds_at_the_time() -> None:
    """A price that rises by one at tenure 6 for half of the customers doubles their hazard from then on."""
    rng = np.random.default_rng(10)
    n = 4000
    raised = rng.random(n) < 0.5
    depth = rng.exponential(size=n)
    early = 0.05 * 6
    times = np.where(depth < early, depth / 0.05, 6 + (depth - early) / (0.05 * np.where(raised, 2.0, 1.0)))
    exit, event = np.minimum(times, 20.0), (times <= 20).astype(float)
    past = exit > 6
    ids, second = np.arange(n), np.flatnonzero(past)
    rows = clv.Tenures(
        np.append(ids, second), np.append(np.zeros(n), np.full(second.size, 6.0)), np.append(np.minimum(exit, 6), exit[past]),
        np.append(np.where(past, 0.0, event), event[past]), MONTH, contract=np.append(ids, second),
        running=np.append(~past & (event == 0), event[past] == 0),
        covariates={"price": np.append(np.zeros(n), raised[past].astype(float))},
    )  # fmt: skip
    for baseline in ("exponential", "weibull", "gompertz"):
        fit = clv.fit(clv.survival(baseline, formula="~ price"), rows, method="mle")  # type: ignore[arg-type]
        table = fit.summary().loc["hazard_price"]
        assert abs(table["estimate"] - math.log(2)) < 3.5 * table["sd"]
    with pytest.raises(clv.ContractError, match="row by row"):
        clv.fit(clv.survival("weibull", cure=True), rows)


def test_months_of_persons_give_the_same_as_contracts() -> None:
    """Each contract cut into its months, one row each, is the same likelihood, and equal months are one row with a count."""
    rng = np.random.default_rng(11)
    n = 500
    x = rng.integers(0, 2, n).astype(float)
    some = observed(
        lifetimes("weibull", rng, 0.5 * x), rng.integers(5, 25, n).astype(float), whole=True, covariates={"x": x}
    )
    row = np.repeat(np.arange(n), some.exit.astype(int))
    end = np.concatenate([np.arange(1, t + 1) for t in some.exit.astype(int)]).astype(float)
    months = clv.Tenures(
        row, end - 1, end, np.where(end == some.exit[row], some.event[row], 0.0), MONTH, contract=row,
        running=(end == some.exit[row]) & (some.event[row] == 0), covariates={"x": x[row]},
    )  # fmt: skip
    model = clv.survival("discrete", formula="~ x").on(some)
    theta = tuple(np.where([p.positive for p in model.parameters], 0.1, 0.05))
    whole, cut = model.log_likelihood(theta, some), model.log_likelihood(theta, months)
    assert np.bincount(row, cut) == pytest.approx(whole, rel=1e-10)
    fit = clv.fit(clv.survival("discrete", formula="~ x"), months, draws=200)
    assert fit.n_distinct <= 2 * 2 * 25


def test_closed_forms_of_maximum_likelihood() -> None:
    rng = np.random.default_rng(12)
    times = rng.weibull(1.7, 900) * 8
    until = rng.uniform(2, 14, 900)
    some = observed(times, until)
    exponential = clv.fit(clv.survival("exponential"), some, method="mle")
    assert exponential.theta.scale == pytest.approx(some.exit.sum() / some.event.sum(), rel=1e-7)
    assert exponential.covariance[0, 0] == pytest.approx(1 / some.event.sum(), rel=1e-5)
    weibull = clv.fit(clv.survival("weibull"), some, method="mle")

    def score(k: float) -> float:
        """Of the shape, the scale being the best for it (Kalbfleisch and Prentice 2002, section 3.4)."""
        power = some.exit**k
        return float(1 / k + np.log(some.exit[some.event == 1]).mean() - (power @ np.log(some.exit)) / power.sum())

    shape = optimize.brentq(score, 0.5, 4.0, xtol=1e-13)
    assert weibull.theta.shape == pytest.approx(shape, rel=1e-6)
    assert weibull.theta.scale == pytest.approx((np.sum(some.exit**shape) / some.event.sum()) ** (1 / shape), rel=1e-6)
    everybody = observed(times, np.full(900, 1e6))
    lognormal = clv.fit(clv.survival("lognormal"), everybody, method="mle")
    logs = np.log(times)
    assert lognormal.theta == pytest.approx((math.exp(logs.mean()), logs.std()), rel=1e-6)
    shape, _, scale = stats.weibull_min.fit(times, floc=0)
    all_seen = clv.fit(clv.survival("weibull"), everybody, method="mle")
    assert all_seen.theta == pytest.approx((scale, shape), rel=1e-4)


def test_weibull_without_walk_is_the_exponential_at_shape_one_and_pieces_of_one() -> None:
    some = world("exponential", 13, n=500)
    one = clv.survival("exponential", formula="~ x").on(some)
    two = clv.survival("weibull", formula="~ x").on(some)
    three = clv.survival("gompertz", formula="~ x").on(some)
    first = one.log_likelihood((20.0, 0.3), some)
    assert two.log_likelihood((20.0, 1.0, 0.3), some) == pytest.approx(first, rel=1e-12)
    assert three.log_likelihood((0.05, 1e-12, 0.3), some) == pytest.approx(first, rel=1e-9)
    pieces = clv.survival("piecewise", formula="~ x", breaks=[6 * MONTH]).on(some)
    assert pieces.log_likelihood((0.05, 0.3, 0.2, 0.0), some) == pytest.approx(first, rel=1e-12)


@pytest.mark.parametrize(
    ("baseline", "frailty", "cure"),
    [("weibull", None, False), ("discrete", "segment", False), ("lognormal", None, "~ x"), ("piecewise", None, False)],
)
def test_a_fit_comes_back_from_a_file(tmp_path: Any, baseline: Any, frailty: Any, cure: Any) -> None:
    rng = np.random.default_rng(14)
    some = world("weibull", 14, n=400, whole=baseline == "discrete")
    some = clv.Tenures(
        some.customer_id, some.entry, some.exit, some.event, MONTH, covariates=some.covariates,
        segment=rng.choice(["A", "B", "C"], some.exit.size),
    )  # fmt: skip
    fit = clv.fit(clv.survival(baseline, formula="~ x", frailty=frailty, cure=cure), some, method="laplace", draws=100)
    back = clv.load(clv.save(fit, tmp_path / "fit.parquet"))
    assert repr(back) == repr(fit) and back.model.name == fit.model.name and back.priors == fit.priors
    future = some.still_there
    pd.testing.assert_frame_equal(
        back.survival_after(future, horizon=clv.YEAR), fit.survival_after(future, horizon=clv.YEAR)
    )


def test_coefficients_do_not_depend_on_the_unit_of_time() -> None:
    some = world("weibull", 15, n=800)
    days = clv.DAY
    factor = MONTH.days / days.days
    other = clv.Tenures(
        some.customer_id, some.entry * factor, some.exit * factor, some.event, days, covariates=some.covariates
    )
    one, two = (clv.fit(clv.survival("weibull", formula="~ x"), t, method="map").theta for t in (some, other))
    assert two.scale == pytest.approx(one.scale * factor, rel=1e-5)
    assert (two.shape, two.hazard_x) == pytest.approx((one.shape, one.hazard_x), rel=1e-4)


def test_arguments_that_do_not_go_together_are_refused() -> None:
    some = world("weibull", 16, n=50)
    with pytest.raises(clv.ModelError, match="Choose one of exponential, weibull"):
        clv.survival("cox")  # type: ignore[arg-type]
    with pytest.raises(clv.ModelError, match="knows leaving by period"):
        clv.survival("discrete", leaving_known="exactly")
    with pytest.raises(clv.ModelError, match="breaks= are of baseline='piecewise'"):
        clv.survival("weibull", breaks=[3 * MONTH])
    with pytest.raises(clv.ModelError, match="must rise"):
        clv.survival("piecewise", breaks=[3 * MONTH, 2 * MONTH])
    with pytest.raises(clv.ContractError, match="whole number of renewals"):
        clv.fit(clv.survival("discrete"), some)
    with pytest.raises(clv.ClvError, match="pooling is a prior"):
        clv.fit(clv.survival("piecewise"), some, method="mle")
    with pytest.raises(clv.HistoryError, match="segment"):
        clv.fit(clv.survival("weibull", frailty="segment"), some)
    with pytest.raises(clv.ClvError, match="reads tenures"):
        clv.fit(clv.survival("weibull"), clv.samples.cdnow_sample().histories(period=clv.WEEK))


@pytest.mark.slow
@pytest.mark.parametrize("baseline", ["weibull", "discrete"])
def test_laplace_agrees_with_nuts(baseline: Any) -> None:
    some, _ = frail(17, segments=5, n=60)
    if baseline == "discrete":
        some = clv.Tenures(some.customer_id, some.entry, np.ceil(some.exit), some.event, MONTH, segment=some.segment)
    model = clv.survival(baseline, frailty="segment")
    a, b = (clv.fit(model, some, method=m, seed=2).summary() for m in ("laplace", "nuts"))  # type: ignore[arg-type]
    error = 4 * np.sqrt(1 / a["ess"] + 1 / b["ess"]).to_numpy()
    sd = b["sd"].to_numpy()
    assert np.all(np.abs(a["estimate"] - b["estimate"]) < error * sd)
    assert np.all(np.abs(a["sd"] / b["sd"] - 1) < 0.2)


def test_curves_of_several_kinds_of_customers() -> None:
    fit = clv.fit(clv.survival("weibull", formula="~ x"), world("weibull", 18, n=400), method="map")
    both = fit.survival([1.0, 5.0], covariates={"x": [0.0, 1.0]})
    assert list(both.index.names) == ["customer", "tenure"] and len(both) == 4
    pd.testing.assert_frame_equal(both.loc[1], fit.survival([1.0, 5.0], covariates={"x": 1.0}))
    assert np.all(both.loc[1]["mean"] < both.loc[0]["mean"])
    with pytest.raises(clv.ModelError, match="of a new customer, by tenure"):
        fit.survival(clv.Tenure(3.0, MONTH))


def test_half_normal_prior_of_a_spread() -> None:
    prior, u = clv.HalfNormal(0.7), np.linspace(-6, 2, 30)
    assert prior.log_density(u) == pytest.approx(stats.halfnorm.logpdf(np.exp(u), scale=0.7) + u, rel=1e-12)
    step = 1e-5
    slope = (prior.log_density(u + step) - prior.log_density(u - step)) / (2 * step)
    assert prior.log_density_gradient(u) == pytest.approx(slope, rel=1e-6, abs=1e-8)
    assert prior.centre == pytest.approx(stats.halfnorm.median(scale=0.7), rel=1e-12)
    with pytest.raises(clv.ModelError, match="sigma must be positive"):
        clv.HalfNormal(0.0)


def test_a_narrow_prior_of_the_spread_makes_segments_alike() -> None:
    some, _ = frail(19, segments=4, n=60)
    model = clv.survival("weibull", frailty="segment")
    wide, narrow = (
        clv.fit(model, some, priors={"spread_segment": clv.HalfNormal(s)}, draws=400, seed=1) for s in (1.0, 0.001)
    )
    apart = [
        np.ptp(np.log(fit.model.by_segment(fit.draws(400))["mean"].to_numpy()))  # type: ignore[attr-defined]
        for fit in (wide, narrow)
    ]
    assert apart[1] < 0.01 < 0.1 < apart[0]
