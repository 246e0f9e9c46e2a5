"""Rates that change over time: limits, gradients, brute force, and that predictions agree with simulation."""

from __future__ import annotations

import itertools

import mpmath
import numpy as np
import pandas as pd
import pytest
from scipy import integrate

import clvmodels as clv
from clvmodels.estimation.problem import Problem
from clvmodels.units import WEEK

THETA = (0.8, 9.0, 0.7, 12.0)
UNTIL = "2024-12-31"


def people(n: int = 60, *, seed: int = 1, until: str = UNTIL) -> clv.Histories:
    """Customers who came at different times of a year, and their purchase days."""
    log = purchases(n, seed)
    return clv.Transactions(log, customer="who", date="day").histories(period=WEEK, until=until, dates=True)


def purchases(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for who in range(n):
        first, more = rng.integers(0, 150), rng.integers(0, 9) * (rng.random() < 0.7)
        days = np.unique(np.append(first, first + rng.integers(1, 200, int(more))))
        rows += [(who, day) for day in days]
    table = pd.DataFrame(rows, columns=["who", "day"])
    return table.assign(day=pd.Timestamp("2024-01-03") + pd.to_timedelta(table["day"], unit="D"))


def panel_of(histories: clv.Histories, *, seed: int = 2, weeks: int = 60) -> clv.Panel:
    """A promotion of one's own, changing at random days, and a price common to all."""
    rng = np.random.default_rng(seed)
    rows = []
    for who in histories.customer_id:
        days = np.unique(np.append(0, rng.integers(1, 7 * weeks, rng.integers(0, 6))))
        rows += [(who, day, value) for day, value in zip(days, rng.normal(size=days.size), strict=True)]
    own = pd.DataFrame(rows, columns=["customer_id", "date", "promotion"])
    price = pd.DataFrame({"date": np.arange(0, 7 * weeks, 23), "price": rng.normal(size=-(-7 * weeks // 23))})
    start = pd.Timestamp("2024-01-01")
    own, price = (t.assign(date=start + pd.to_timedelta(t["date"], unit="D")) for t in (own, price))
    return clv.Panel(own, common=price, until="2025-06-30")


def fitted(histories: clv.Histories, panel: clv.Panel | None = None):
    panel = panel or panel_of(histories)
    spec = clv.time_varying(purchase="~ price + promotion", dropout="~ promotion + price", panel=panel)
    return spec.on(histories)


COEFFICIENTS = (0.3, -0.4, 0.2, 0.5)


def test_coefficients_of_zero_are_pareto_nbd() -> None:
    histories = people()
    model, theta = fitted(histories), (*THETA, 0, 0, 0, 0)
    plain = clv.PARETO_NBD
    assert model.log_likelihood(theta, histories) == pytest.approx(plain.log_likelihood(THETA, histories), rel=1e-11)
    assert model.p_alive(theta, histories) == pytest.approx(plain.p_alive(THETA, histories), rel=1e-10)
    for formula, options in (
        ("p_alive_after", {"horizon": 10 * WEEK}),
        ("expected_purchases", {"horizon": 20 * WEEK}),
        ("expected_purchases", {"horizon": 20 * WEEK, "discount": clv.Rate(0.1, per=clv.YEAR)}),
        ("pmf", {"n": 0, "horizon": 20 * WEEK}),
        ("pmf", {"n": 3, "horizon": 20 * WEEK}),
        ("p_no_purchase", {"horizon": 5 * WEEK}),
    ):
        ours, theirs = (getattr(m, formula)(t, histories, **options) for m, t in ((model, theta), (plain, THETA)))
        assert ours == pytest.approx(theirs, rel=1e-8), formula


def test_covariates_that_do_not_change_are_the_static_model() -> None:
    histories = people()
    known = pd.DataFrame({"customer_id": histories.customer_id, "age": np.linspace(-1, 1, len(histories))})
    histories = histories.with_covariates(known)
    still = clv.with_covariates(clv.PARETO_NBD, purchase="~ age", dropout="~ age").on(histories)
    moving = clv.time_varying(purchase="~ age", dropout="~ age").on(histories)
    panel = clv.Panel(known.assign(date="2023-12-31"), until="2026-01-01")
    bare = people()
    paneled = clv.time_varying(purchase="~ age", dropout="~ age", panel=panel).on(bare)
    theta = (*THETA, 0.4, -0.6)
    horizon = 30 * WEEK
    for model, given in ((moving, histories), (paneled, bare)):
        assert model.log_likelihood(theta, given) == pytest.approx(still.log_likelihood(theta, histories), rel=1e-11)
        ours, theirs = (
            m.expected_purchases(theta, h, horizon=horizon) for m, h in ((model, given), (still, histories))
        )
        assert ours == pytest.approx(theirs, rel=1e-10)


def test_a_shift_of_all_dates_changes_nothing() -> None:
    table, shift = purchases(40, 3), pd.Timedelta(days=7 * 1000)
    found = []
    for move in (pd.Timedelta(0), shift):
        log = clv.Transactions(table.assign(day=table["day"] + move), customer="who", date="day")
        histories = log.histories(period=WEEK, until=pd.Timestamp(UNTIL) + move, dates=True)
        own = pd.DataFrame(
            {"customer_id": histories.customer_id, "date": pd.Timestamp("2024-01-01") + move, "promotion": 0.0}
        )
        later = own.assign(date=own["date"] + pd.Timedelta(days=100), promotion=1.0)
        panel = clv.Panel(pd.concat([own, later]))
        model = clv.time_varying(purchase="~ promotion", dropout="~ promotion", panel=panel).on(histories)
        found.append(model.log_likelihood((*THETA, 0.4, -0.7), histories))
    assert found[0] == pytest.approx(found[1], rel=1e-13)


@pytest.mark.parametrize("theta", [(*THETA, *COEFFICIENTS), (3.0, 40.0, 0.2, 2.0, -1.0, 0.8, -2.0, 1.5)])
def test_gradient_equals_central_differences(theta) -> None:
    histories = people()
    model = fitted(histories)
    problem = Problem.of(model, histories, None)
    u = np.linalg.solve(problem.coordinates.mixing, problem.coordinates.free(theta))
    slope = problem.log_likelihood(u)[1]
    step = 1e-5
    for j, axis in enumerate(np.eye(u.size) * step):
        difference = (problem.log_likelihood(u + axis)[0] - problem.log_likelihood(u - axis)[0]) / (2 * step)
        assert slope[j] == pytest.approx(difference, rel=1e-6, abs=1e-5)


def test_per_row_parameters_and_the_value_alone() -> None:
    histories = people(20)
    model = fitted(histories)
    theta = np.array([*THETA, *COEFFICIENTS])
    columns, tables = model.data(histories), model.tables(histories)
    value, slope = model.kernel(theta[None], *columns, *tables)
    rows, row_slope = model.kernel(np.tile(theta, (20, 1)), *columns, *tables)
    assert rows == pytest.approx(value, rel=1e-13) and row_slope == pytest.approx(slope, rel=1e-9, abs=1e-9)
    assert model.values(theta[None], *columns, *tables) == pytest.approx(value, rel=1e-13)


def factors_by_hand(histories, panel, row, coefficients):
    """The factors of one customer as functions of age [weeks], read from the long tables."""
    own, common = panel.own, panel.common
    key = int(np.searchsorted(own.keys, histories.customer_id[row]))
    first = histories.dates[row][0].astype(int)

    def at(part, k, age):
        days = part.day[part.offset[k] : part.offset[k + 1]]
        i = np.searchsorted(days, first + 7 * age, side="right") - 1
        return next(iter(part.columns.values()))[part.row[part.offset[k] + i]]

    def purchase(age):
        return np.exp(coefficients[0] * at(common, 0, age) + coefficients[1] * at(own, key, age))

    def dropout(age):
        return np.exp(coefficients[2] * at(common, 0, age) + coefficients[3] * at(own, key, age))

    edges = [(part.day[part.offset[k] : part.offset[k + 1]] - first) / 7 for part, k in ((own, key), (common, 0))]
    return purchase, dropout, np.unique(np.concatenate(edges))


@pytest.mark.parametrize("row", range(8))
def test_the_likelihood_is_that_of_the_definition(row) -> None:
    """Over lambda and mu: Poisson at lambda a(t) until a lifetime with hazard mu d(t) ends, by quadrature."""
    histories = people(8)
    panel = panel_of(histories)
    model = fitted(histories, panel)
    purchase, dropout, edges = factors_by_hand(histories, panel, row, COEFFICIENTS)
    r, alpha, s, beta = THETA
    x, t_x, T = (float(getattr(histories, name)[row]) for name in ("frequency", "recency", "T"))

    def total(function, start, stop):
        points = np.unique(np.clip(np.concatenate([[start, stop], edges]), start, stop))
        return sum(function((a + b) / 2) * (b - a) for a, b in itertools.pairwise(points))

    def leaving(tau):
        return (
            dropout(tau) * (alpha + total(purchase, 0, tau)) ** -(r + x) * (beta + total(dropout, 0, tau)) ** -(s + 1)
        )

    points = [t_x, *(e for e in edges if t_x < e < T), T]
    gone = sum(integrate.quad(leaving, a, b, epsabs=0, epsrel=1e-11)[0] for a, b in itertools.pairwise(points))
    alive = (alpha + total(purchase, 0, T)) ** -(r + x) * (beta + total(dropout, 0, T)) ** -s
    days = (histories.dates[row][1:] - histories.dates[row][0]).astype(int) / 7
    front = (
        float(mpmath.log(mpmath.rf(r, x)))
        + r * np.log(alpha)
        + s * np.log(beta)
        + sum(np.log(purchase(t)) for t in days)
    )
    theta = (*THETA, *COEFFICIENTS)
    # the columns of dropout are in the order common, own
    assert model.log_likelihood(theta, histories)[row] == pytest.approx(front + np.log(alive + s * gone), rel=1e-10)
    assert model.p_alive(theta, histories)[row] == pytest.approx(alive / (alive + s * gone), rel=1e-9)


def test_probabilities_of_counts_sum_to_one_and_to_the_expectation() -> None:
    histories = people(12)
    model, theta, horizon = fitted(histories), (*THETA, *COEFFICIENTS), 20 * WEEK
    chance = np.array([model.pmf(theta, histories, n=n, horizon=horizon) for n in range(60)])
    assert chance.sum(axis=0) == pytest.approx(1, abs=1e-6)
    expected = model.expected_purchases(theta, histories, horizon=horizon)
    assert np.arange(60) @ chance == pytest.approx(expected, rel=1e-5, abs=1e-8)


def test_expectation_agrees_with_simulation_period_by_period() -> None:
    histories = people(12)
    model, draws = fitted(histories), 20_000
    theta = tuple(np.full(draws, v) for v in (*THETA, *COEFFICIENTS))
    each = clv.history.upright(histories)
    p_alive, (offsets, times) = model.future(theta, each, horizon=24.0, rng=np.random.default_rng(5))
    counts = np.diff(offsets).reshape(12, draws)
    for horizon in (4.0, 12.0, 24.0):
        inside = np.concatenate([[0], np.cumsum(times <= horizon)])
        drawn = (inside[offsets[1:]] - inside[offsets[:-1]]).reshape(12, draws)
        point = model.expected_purchases((*THETA, *COEFFICIENTS), histories, horizon=horizon * WEEK)
        z = (drawn.mean(axis=1) - point) / np.maximum(drawn.std(axis=1) / np.sqrt(draws), 1e-3)
        assert np.abs(z).max() < 4.5
    none = model.p_no_purchase((*THETA, *COEFFICIENTS), histories, horizon=24 * WEEK)
    assert (counts == 0).mean(axis=1) == pytest.approx(none, abs=0.02)
    assert np.all(np.diff(times)[np.diff(np.repeat(np.arange(offsets.size - 1), np.diff(offsets))) == 0] > 0)
    assert p_alive[:, 0] == pytest.approx(model.p_alive((*THETA, *COEFFICIENTS), histories), rel=1e-12)


def test_present_value_is_the_discounted_stream() -> None:
    histories = people(6)
    model, theta, rate = fitted(histories), (*THETA, *COEFFICIENTS), clv.Rate(0.3, per=clv.YEAR)
    times = np.linspace(0, 20, 201)
    plain = np.array([model.expected_purchases(theta, histories, horizon=t * WEEK) for t in times[1:]])
    steps = np.diff(np.vstack([np.zeros(6), plain]), axis=0)
    middle = np.exp(-rate.force(WEEK) * (times[1:] + times[:-1]) / 2)
    assert model.expected_purchases(theta, histories, horizon=20 * WEEK, discount=rate) == pytest.approx(
        middle @ steps, rel=1e-6
    )
    whole = clv.time_varying(season="month").on(histories)
    value = whole.discounted_expected_purchases((*THETA, *np.zeros(11)), histories, discount=rate)
    assert value == pytest.approx(
        clv.PARETO_NBD.discounted_expected_purchases(THETA, histories, discount=rate), rel=1e-7
    )


def test_a_fit_finds_effects_of_both_signs_on_both_processes() -> None:
    """A promotion that brings purchases and burns customers, drawn at random; starts all year, observed for two years."""
    rng = np.random.default_rng(8)
    n = 4000
    first = np.datetime64("2022-01-01") + rng.integers(0, 365, n)
    rows = [(who, day) for who in range(n) for day in np.datetime64("2022-01-01") + np.arange(0, 1096, 28)]
    table = pd.DataFrame(rows, columns=["customer_id", "date"]).assign(promotion=rng.integers(0, 2, len(rows)))
    panel = clv.Panel(table, until="2024-12-31")
    seed = clv.Transactions(pd.DataFrame({"who": np.arange(n), "day": first}), customer="who", date="day")
    seed = seed.histories(period=WEEK, until="2024-12-31", dates=True)
    spec = clv.time_varying(purchase="~ promotion", dropout="~ promotion", panel=panel)
    truth = (1.0, 12.0, 0.8, 20.0, 0.5, 0.6)
    drawn = spec.on(seed).simulate(truth, first=first, until="2024-12-31", period=WEEK, seed=3)
    fit = clv.fit(spec, drawn, method="mle")
    seen = fit.model.coordinates()
    z = (seen.free(fit.theta) - seen.free(truth)) / np.sqrt(np.diag(fit.covariance))
    assert np.all(np.abs(z) < 3.5)
    assert fit.theta.purchase_promotion > 0.4 and fit.theta.dropout_promotion > 0.2
