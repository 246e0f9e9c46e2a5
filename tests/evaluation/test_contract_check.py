"""Checks of contracts and of fits to them: worlds the model is right about, worlds it is wrong about, enumeration, figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import clvmodels as clv
from clvmodels.errors import ClvError, ContractError, ModelError, UnitError
from clvmodels.evaluation.check import Check
from clvmodels.evaluation.contract_calibration import tenths
from clvmodels.evaluation.fit_questions import Checked, even_edges, places
from clvmodels.evaluation.slopes import slopes
from clvmodels.evaluation.stays import flow_of, log_stay, once_each, theta_of

LOYAL = (0.7, 1.5)
"""Customers differ: of a cohort 32 % leave at the first renewal, and 9 % of those left at the ninth."""


def world(n: int = 3000, seed: int = 2, *, late: bool = True) -> clv.Tenures:
    """Customers of SHIFTED_BETA_GEOMETRIC in three segments, some of whom entered late."""
    rng = np.random.default_rng(seed)
    entry = rng.integers(0, 3, n) if late else np.zeros(n)
    found = clv.SHIFTED_BETA_GEOMETRIC.simulate(
        LOYAL, observed=rng.integers(3, 10, n), entry=entry, period=clv.YEAR, seed=seed
    )
    return replace(found, segment=rng.choice(list("ABC"), found.exit.size))


def explained(n: int = 2500, *, fades: float = 0.0, seed: int = 4) -> clv.Tenures:
    """Leaving with odds that a covariate moves, by less and less with the log of tenure if it fades."""
    rng = np.random.default_rng(seed)
    x, label = rng.normal(size=n), rng.choice(["web", "shop"], n)
    observed, exit, event = rng.integers(4, 12, n), np.zeros(n), np.zeros(n)
    for t in range(1, 12):
        odds = 0.15 * np.exp((0.6 - fades * np.log(t)) * x + 0.3 * (label == "web"))
        at_risk = (event == 0) & (t <= observed)
        leaves = at_risk & (rng.uniform(size=n) < odds / (1 + odds))
        exit[at_risk], event[leaves] = t, 1
    return clv.Tenures(np.arange(n), np.zeros(n), exit, event, clv.YEAR, covariates={"x": x, "label": label})


@pytest.fixture(scope="module")
def tenures() -> clv.Tenures:
    return world()


@pytest.fixture(scope="module")
def right(tenures: clv.Tenures) -> clv.Fit:
    return clv.fit(clv.SHIFTED_BETA_GEOMETRIC, tenures, method="laplace")


@pytest.fixture(scope="module")
def wrong(tenures: clv.Tenures) -> clv.Fit:
    return clv.fit(clv.GEOMETRIC, tenures, method="laplace")


@pytest.fixture(scope="module")
def checked(tenures: clv.Tenures, right: clv.Fit) -> Check:
    return clv.check(tenures, right)


def test_staying_is_the_models_survival_given_entry(tenures: clv.Tenures, right: clv.Fit) -> None:
    theta, until = theta_of(right, 20, 1), tenures.entry + np.arange(tenures.exit.size) % 4
    value, inverse = log_stay(right.model, theta, tenures, until)
    at = right.model.Theta(*theta.T[:, :, None])
    expected = right.model.survival(at, until, given=tenures.entry)  # type: ignore[attr-defined]
    assert np.exp(value[:, inverse]) == pytest.approx(expected)


def test_expected_leavers_are_hazards_of_those_at_risk(tenures: clv.Tenures, right: clv.Fit) -> None:
    """Also that late entrants are at risk from their entry on, and leavers those at each tenure, by counting."""
    flow = flow_of(right, tenures, draws=30, seed=1, groups=tenures.segment)
    theta = right.model.Theta(*theta_of(right, 30, 1).T)
    for k, t in enumerate(flow.edges[1:]):
        for g, name in enumerate(flow.names):
            own = tenures.segment == name
            there = own & (tenures.entry < t) & (tenures.exit >= t)
            assert flow.at_risk[g, k] == there.sum()
            assert flow.left[g, k] == (own & (tenures.exit == t) & (tenures.event == 1)).sum()
            hazard = right.model.hazard(theta, t)  # type: ignore[attr-defined]
            assert flow.expected[:, g, k] == pytest.approx(there.sum() * hazard)


def test_share_still_there_is_kaplan_meiers(tenures: clv.Tenures, checked: Check) -> None:
    table, evidence = tenures.kaplan_meier().set_index("tenure")["survival"], checked["curve"].evidence
    assert evidence["seen"] == pytest.approx(table[evidence["tenure"]].to_numpy())
    assert ((evidence["lower"] <= evidence["mean"]) & (evidence["mean"] <= evidence["upper"])).all()


def test_the_right_model_is_fine(checked: Check) -> None:
    assert [one.name for one in checked] == ["curve", "residuals", "calibration", "segments"]
    assert {one.verdict for one in checked} == {"fine"}
    assert checked.ok and checked.supports("contracts")
    assert checked.words()[0] == f"Check of {len(checked.histories):,} customers: 4 of 4 questions are fine."


def test_a_constant_rate_is_told_wrong_where_customers_differ(tenures: clv.Tenures, wrong: clv.Fit) -> None:
    found = clv.check(tenures, wrong)
    assert found["curve"].verdict == found["residuals"].verdict == "doubtful"
    assert "rate of leaving changes with tenure in another way" in found["curve"].meaning
    assert clv.check(tenures)["rate"].verdict == "doubtful"


def test_the_right_model_is_seldom_doubted() -> None:
    """Of twenty worlds none: each question is wrongly doubted in less than one of a hundred."""
    for seed in range(20):
        data = world(800, seed=100 + seed)
        found = clv.check(
            data, clv.fit(clv.SHIFTED_BETA_GEOMETRIC, data, method="laplace", draws=200), draws=60, seed=seed
        )
        assert {one.name: one.verdict for one in found if one.verdict != "fine"} == {}


def test_places_of_leavers_are_even_with_late_entry_and_censoring() -> None:
    """At the truth: randomised residuals are censored unit exponentials, so counts in even bins are chi-square."""
    data, model = world(6000, seed=9), clv.SHIFTED_BETA_GEOMETRIC
    truth = replace(clv.fit(model, data, method="mle"), theta=model.theta(LOYAL), covariance=1e-16 * np.eye(2))
    start, end, event = places(Checked(truth, data, None, 3.0, 2, 1))
    edges = even_edges(end)
    upper = np.append(edges[1:], np.inf)
    expected = (np.minimum(end[:, None], upper) - np.minimum(end[:, None], edges)).sum(axis=0)
    assert expected == pytest.approx(expected.mean()), "bins hold equally many expected leavers"
    left = np.histogram(end[event == 1], np.append(edges, np.inf))[0]
    assert stats.chi2.sf(np.sum((left - expected) ** 2 / expected), 10) > 0.001
    assert end.sum() == pytest.approx(event.sum(), rel=0.05) and not start.any()
    alone = 1 - np.exp(-end[(data.entry == 0) & (data.exit + data.entry > 0)])
    assert np.all((alone >= 0) & (alone < 1))


def test_places_are_uniform_where_nobody_is_censored() -> None:
    model, n = clv.GEOMETRIC, 3000
    data = model.simulate((0.5,), observed=np.full(n, 200), period=clv.MONTH, seed=6)
    truth = replace(clv.fit(model, data, method="mle"), theta=model.theta((0.5,)), covariance=1e-16 * np.eye(1))
    end = places(Checked(truth, data, None, 3.0, 2, 1))[1]
    assert data.event.all()
    assert stats.kstest(1 - np.exp(-end), "uniform").pvalue > 0.001


def test_calibration_groups_are_those_of_equal_predictions(tenures: clv.Tenures, right: clv.Fit) -> None:
    """Three entries make three predictions; of each the share that leaves is Kaplan-Meier's from entry on."""
    found = clv.check(tenures, right, horizon=2 * clv.YEAR)["calibration"].evidence
    theta = right.model.Theta(*theta_of(right, 100, 0).T)
    for entry, mean, seen in zip([2, 1, 0], found["mean"], found["seen"], strict=True):
        chance = right.model.survival(theta, entry + 2.0, given=entry)  # type: ignore[attr-defined]
        assert mean == pytest.approx(1 - chance.mean())
        own = tenures.select(tenures.entry == entry)
        table = replace(own, entry=np.zeros(own.exit.size), exit=own.exit - entry).kaplan_meier().set_index("tenure")
        assert seen == pytest.approx(1 - table.loc[2.0, "survival"])


def test_equal_values_stay_together_in_tenths() -> None:
    values = np.array([0.1] * 50 + [0.2] * 30 + list(np.linspace(0.3, 0.9, 20)))
    group = tenths(values, np.ones(100))
    assert len(set(group[:50])) == len(set(group[50:80])) == 1
    assert np.all(np.diff(group) >= 0) and group.min() == 0
    assert len(set(tenths(np.arange(100.0), np.ones(100)))) == 10


def test_segments_that_leave_otherwise_are_found_and_named(tenures: clv.Tenures) -> None:
    rng = np.random.default_rng(3)
    other = clv.SHIFTED_BETA_GEOMETRIC.simulate((2.0, 1.5), observed=np.full(500, 6), period=clv.YEAR, seed=5)
    mixed = clv.Tenures(
        np.arange(tenures.exit.size + 500),
        *(np.concatenate([getattr(tenures, name), getattr(other, name)]) for name in ("entry", "exit", "event")),
        clv.YEAR,
        segment=np.concatenate([np.asarray(tenures.segment), np.full(500, "D")]),
    )
    found = clv.check(mixed, clv.fit(clv.SHIFTED_BETA_GEOMETRIC, mixed, method="laplace"))["segments"]
    assert found.verdict == "doubtful" and "furthest off is D" in found.because
    shuffled = replace(mixed, segment=rng.permutation(np.asarray(mixed.segment)))
    assert (
        clv.check(shuffled, clv.fit(clv.SHIFTED_BETA_GEOMETRIC, shuffled, method="laplace"))["segments"].verdict
        == "fine"
    )


def test_effects_that_fade_with_tenure_are_found() -> None:
    model = clv.with_covariates(clv.GEOMETRIC, dropout="~ x + label")
    fading, steady = explained(fades=0.3), explained()
    found = clv.check(fading, clv.fit(model, fading, method="laplace"), draws=20)["proportional"]
    assert found.verdict == "doubtful" and "the effect of x on leaving" in found.because
    names = list(found.evidence["names"])
    assert found.evidence["slope"][names.index("x")] < 0
    fit = clv.fit(model, steady, method="laplace")
    assert clv.check(steady, fit, draws=20)["proportional"].verdict == "fine"


def test_slope_is_the_coefficient_of_an_interaction() -> None:
    """One step from the fit comes near the maximum of a likelihood that has the interaction with log tenure, by Newton here."""
    data = explained(2500, fades=0.1, seed=8)
    fit = clv.fit(clv.with_covariates(clv.GEOMETRIC, dropout="~ x"), data, method="mle")
    found = slopes(fit, data, theta=np.array([np.asarray(fit.theta)]))
    x = np.asarray(data.covariates["x"], dtype=float)  # type: ignore[index]
    z = (x - x.mean()) / x.std()
    rows = [
        (i, t, float(data.event[i] == 1 and t == data.exit[i]))
        for i in range(x.size)
        for t in range(1, int(data.exit[i]) + 1)
    ]
    i, t, y = (np.array(column) for column in zip(*rows, strict=True))
    log_t = np.log(t)
    design = np.column_stack([np.ones(i.size), z[i.astype(int)], log_t, z[i.astype(int)] * log_t])
    beta = np.zeros(4)
    for _ in range(30):
        p = 1 / (1 + np.exp(-design @ beta))
        information = design.T @ (design * (p * (1 - p))[:, None])
        beta += np.linalg.solve(information, design.T @ (y - p))
    assert found.slope[0] == pytest.approx(beta[3], abs=0.3 * found.error[0])
    assert found.error[0] == pytest.approx(np.sqrt(np.linalg.inv(information)[3, 3]), rel=0.1)


def test_rows_of_a_cohort_table_count_as_often_as_they_say() -> None:
    cohort = clv.Tenures.from_cohort([1000, 631, 468, 382, 326, 289, 262, 241])
    long = once_each(cohort)
    assert long.counts is None and long.exit.size == 1000 and len(long) == 1000
    fit = clv.fit(clv.SHIFTED_BETA_GEOMETRIC, cohort, method="laplace")
    short, written = (clv.check(one, fit)["curve"] for one in (cohort, long))
    assert short.finding == pytest.approx(written.finding)
    assert short.verdict == "fine"


def test_questions_before_a_fit() -> None:
    few = clv.Tenures.from_cohort([100, 95, 90])
    found = clv.check(few)
    assert [one.name for one in found] == ["leavers", "follow-up", "rate"]
    assert found["leavers"].verdict == "cannot support" and found["leavers"].finding == 10
    assert found["follow-up"].finding == pytest.approx(0.90) and found["follow-up"].verdict == "doubtful"
    steady = clv.GEOMETRIC.simulate((0.2,), observed=np.full(4000, 12), period=clv.MONTH, seed=3)
    assert {one.verdict for one in clv.check(steady)} == {"fine"}


def test_rates_are_leavers_over_time_at_risk() -> None:
    data = clv.Tenures(list("abcd"), [0.0, 0, 1, 0], [1.0, 2, 3, 3], [1.0, 1, 1, 0], clv.YEAR)  # type: ignore[arg-type]
    evidence = clv.check(data)["rate"].evidence
    assert evidence["left"].tolist() == [1, 1, 1]
    assert evidence["exposed"].tolist() == [3, 3, 2]


def test_what_is_refused(tenures: clv.Tenures, right: clv.Fit, cdnow: clv.Histories, cdnow_bg_nbd: clv.Fit) -> None:
    with pytest.raises(ModelError, match="no fit of a model of contracts"):
        clv.check(tenures, cdnow_bg_nbd)
    with pytest.raises(ClvError, match="Only fits of contracts are checked"):
        clv.check(cdnow, cdnow_bg_nbd)
    with pytest.raises(UnitError, match="The tenures count months and the fit years"):
        clv.check(replace(tenures, period=clv.MONTH), right)
    with pytest.raises(ContractError, match="'exit' is not a whole number of renewals"):
        clv.check(replace(tenures, exit=tenures.exit + 0.5), right)
    with pytest.raises(ClvError, match="is not a time in which somebody could leave"):
        clv.check(tenures, right, horizon=1 * clv.MONTH)
    with pytest.raises(ClvError, match="covariate 'colour'"):
        clv.check(tenures, right, by="colour")


def test_panels_show_what_was_found(checked: Check, tenures: clv.Tenures) -> None:
    figure = clv.figures.check(checked)
    curve, residuals, calibration, segments = figure.axes
    seen = {str(line.get_label()): np.asarray(line.get_ydata()) for line in curve.get_lines()}
    assert seen["customers (Kaplan-Meier)"] == pytest.approx(checked["curve"].evidence["seen"])
    line = residuals.get_lines()[1]
    assert line.get_ydata() == pytest.approx(np.exp(-np.asarray(line.get_xdata())))
    points = np.asarray(calibration.collections[-1].get_offsets())
    assert points == pytest.approx(np.column_stack([checked["calibration"].evidence[k] for k in ("mean", "seen")]))
    assert [text.get_text() for text in segments.get_yticklabels()] == ["A", "B", "C"]
    assert figure.message == f"{len(tenures):,} customers: 4 of 4 questions are fine"
    before = clv.figures.check(clv.check(tenures))
    assert before.message.endswith("in doubt: rate of leaving")
    for one in checked:
        assert clv.figures.check(checked, question=one.name).axes


def test_curves_by_segment_are_kaplan_meiers(checked: Check, tenures: clv.Tenures) -> None:
    figure = clv.figures.contract_curves(checked)
    assert sorted(axes.get_title(loc="left") for axes in figure.axes) == ["A", "B", "C"]
    for axes in figure.axes:
        own = tenures.select(tenures.segment == axes.get_title(loc="left")).kaplan_meier().set_index("tenure")
        seen = axes.get_lines()[1]
        assert seen.get_ydata() == pytest.approx(own.loc[np.asarray(seen.get_xdata()), "survival"].to_numpy())


def test_rows_that_follow_on_each_other_are_judged_row_by_row() -> None:
    """A covariate that changes at renewal 2: the flow counts every period once, under the covariate of its time."""
    data = clv.Tenures(
        np.array(["a", "a", "b", "b"]), np.array([0.0, 2, 0, 2]), np.array([2.0, 4, 2, 3]), np.array([0.0, 1, 0, 0]), clv.YEAR,
        contract=np.array([0, 0, 1, 1]), covariates={"x": np.array([0.0, 1, 0, 1])},
    )  # fmt: skip
    many = clv.Tenures(
        np.arange(400), *(np.tile(c, 100) for c in (data.entry, data.exit, data.event)), clv.YEAR,
        contract=np.repeat(np.arange(200), 2), covariates={"x": np.tile([0.0, 1, 0, 1], 100)},
    )  # fmt: skip
    fit = clv.fit(clv.with_covariates(clv.GEOMETRIC, dropout="~ x"), many, method="laplace")
    flow = flow_of(fit, many, draws=10, seed=0)
    assert flow.at_risk[0].tolist() == [200, 200, 200, 100]
    assert flow.left[0].tolist() == [0, 0, 0, 100]
    assert [one.name for one in clv.check(many, fit)] == ["curve", "residuals", "proportional"]
    with pytest.raises(ContractError, match="these contracts have several rows each"):
        clv.score_contracts(fit, many)


def regression(n: int = 1500, shape: float = 2.0, seed: int = 3) -> clv.Tenures:
    """Weibull times in months that a number and a label move, observed for up to 30 months, a third of them from late on."""
    rng = np.random.default_rng(seed)
    x, label = rng.normal(size=n), rng.choice(["web", "shop"], n)
    scale = 18.0 * np.exp(-(0.4 * x + 0.5 * (label == "web")) / shape)
    stays, entry, end = (
        scale * rng.weibull(shape, n),
        np.where(rng.uniform(size=n) < 0.3, 6.0, 0.0),
        rng.uniform(8, 30, n),
    )
    seen = stays > entry
    data = clv.Tenures(
        np.arange(n), entry, np.maximum(np.minimum(stays, end), entry), ((stays <= end) & seen).astype(float), clv.MONTH,
        covariates={"x": x, "label": label},
    )  # fmt: skip
    return data.select(seen)


@pytest.fixture(scope="module")
def times() -> clv.Tenures:
    return regression()


def test_continuous_survival_is_checked_the_same_way(times: clv.Tenures) -> None:
    """At the right baseline all is fine, also with late entry; at a constant hazard the curve is told wrong."""
    formula = "~ x + label"
    right, constant = (
        clv.fit(clv.survival(one, formula=formula), times, method="mle") for one in ("weibull", "exponential")
    )
    found = clv.check(times, right, by="label", draws=60)
    assert [one.name for one in found] == ["curve", "residuals", "calibration", "segments", "proportional"]
    assert {one.verdict for one in found} == {"fine"}
    doubted = {one.name for one in clv.check(times, constant, draws=60) if one.verdict == "doubtful"}
    assert {"curve", "residuals"} <= doubted
    assert len(clv.figures.check(found).axes) == 5
    end = places(Checked(right, times, None, 12.0, 20, 1))[1]
    theta = theta_of(right, 20, 1)
    value, kind = log_stay(right.model, theta, times, times.exit)
    assert end == pytest.approx(-np.log(np.exp(value).mean(axis=0))[kind])


def test_expected_leavers_in_continuous_time_are_cumulative_hazards(times: clv.Tenures) -> None:
    fit = clv.fit(clv.survival("weibull"), times, method="mle")
    flow, (scale, shape) = flow_of(fit, times, draws=1, seed=4), theta_of(fit, 1, 4)[0]
    begin = np.minimum(times.exit[:, None], np.maximum(times.entry[:, None], flow.edges))
    end = np.minimum(times.exit[:, None], flow.edges[1:])
    own = np.maximum((end / scale) ** shape - (begin[:, :-1] / scale) ** shape, 0.0)
    assert flow.expected[0, 0] == pytest.approx(own.sum(axis=0))
    assert flow.left.sum() == times.event.sum()
    assert flow.survival()[0, -1] == pytest.approx(times.kaplan_meier()["survival"].iloc[-1], abs=0.02)


def test_whole_months_of_continuous_survival_are_judged_by_month(times: clv.Tenures) -> None:
    late = np.ceil(times.exit)
    whole = replace(times, exit=np.where(times.event == 1, late, np.floor(times.exit)))
    whole = whole.select(whole.exit > whole.entry)
    fit = clv.fit(clv.survival("weibull", formula="~ x + label"), whole, method="mle")
    found = clv.check(whole, fit, draws=60)
    assert found["curve"].evidence["tenure"].tolist() == list(range(found["curve"].evidence["tenure"].size))
    assert found["residuals"].verdict == "fine"


def test_frailties_meet_the_segments() -> None:
    """Segments that differ: without frailty their leavers are piled up, with it they are as expected."""
    rng = np.random.default_rng(6)
    n, names = 3000, np.array(list("ABCDEFGH"))
    segment = rng.integers(0, 8, n)
    rate = 0.05 * np.exp(np.linspace(-0.8, 0.8, 8))[segment]
    stays, end = rng.exponential(1 / rate), rng.uniform(6, 24, n)
    data = clv.Tenures(
        np.arange(n),
        np.zeros(n),
        np.minimum(stays, end),
        (stays <= end).astype(float),
        clv.MONTH,
        segment=names[segment],
    )
    plain, frail = (clv.survival("exponential", frailty=one) for one in (None, "segment"))
    assert clv.check(data, clv.fit(plain, data, method="mle"), draws=40)["segments"].verdict == "doubtful"
    assert clv.check(data, clv.fit(frail, data, method="laplace", seed=1), draws=40)["segments"].verdict == "fine"
