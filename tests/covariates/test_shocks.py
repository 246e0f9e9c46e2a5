"""Common weekly shocks: found where they are, absent where they are not, and carried into totals of weeks to come."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.covariates.shocks import FURTHEST, Shocks
from clvmodels.estimation.problem import Problem
from clvmodels.units import WEEK

START = np.datetime64("2022-01-03")  # a Monday
PARETO = (0.9, 8.0, 0.6, 25.0)


class World(NamedTuple):
    """Customers up to a Sunday, true shocks of the weeks of observation, and purchases in each week to come."""

    histories: clv.Histories
    shocks: np.ndarray
    ahead: np.ndarray


def world(*, spread: float, seed: int, n: int = 800, weeks: int = 52, ahead: int = 20) -> World:
    """Pareto/NBD with rates times exp(shock) in each calendar week, drawn purchase by purchase; newcomers on 20 Mondays."""
    rng = np.random.default_rng(seed)
    r, alpha, s, beta = PARETO
    shocks = spread * rng.standard_normal(weeks + ahead)
    born = 7 * rng.integers(0, 20, n)
    rate = rng.gamma(r, 1 / alpha, n) / 7
    gone = born + 7 * rng.exponential(1 / rng.gamma(s, 1 / beta, n))
    begin = 7.0 * np.arange(weeks + ahead)
    alive = np.clip(np.minimum(gone[:, None], begin + 7) - np.maximum(born[:, None], begin), 0, None)
    counts = rng.poisson(rate[:, None] * np.exp(shocks) * alive)
    who, week = (np.repeat(one, counts.ravel()) for one in np.divmod(np.arange(counts.size), weeks + ahead))
    time = np.maximum(born[who], begin[week]) + rng.random(who.size) * alive[who, week]
    table = pd.DataFrame({"who": np.append(np.arange(n), who), "day": np.append(born, np.floor(time)).astype(int)})
    table = table.drop_duplicates()
    later = table["day"] >= 7 * weeks
    table["date"] = START + table["day"].to_numpy().astype("timedelta64[D]")
    table["amount"] = rng.gamma(5.0, 8.0, len(table))
    log = clv.Transactions(table[~later], customer="who", date="date", amount="amount")
    until = START + np.timedelta64(7 * weeks - 1, "D")
    histories = log.histories(period=WEEK, until=until.astype(object), dates=True)
    # as models count time: a purchase of a day is at its beginning, and what is to come begins with the last day observed
    since = table["day"] - (7 * weeks - 1)
    future = np.bincount(since[since >= 0] // 7, minlength=ahead)[:ahead].astype(float)
    return World(histories, shocks[:weeks], future)


def fitted(histories: clv.Histories, season: str = "week", *, draws: int = 400) -> clv.Fit:
    return clv.fit(clv.time_varying(season=season), histories, method="laplace", draws=draws, seed=1)


def weekly(fit: clv.Fit, one: World, *, seed: int = 1, draws: int = 300) -> pd.DataFrame:
    """The forecast of each week to come."""
    quantity = clv.fit(clv.GAMMA_GAMMA, one.histories, method="map")
    horizon = one.ahead.size * WEEK
    return clv.forecast(fit, quantity, one.histories, horizon=horizon, draws=draws, seed=seed).stream()


def inside(stream: pd.DataFrame, one: World) -> float:
    """Share of the weeks within their intervals."""
    held = (stream["purchases_lower"] <= one.ahead) & (one.ahead <= stream["purchases_upper"])
    return float(held.mean())


@pytest.fixture(scope="module")
def shaken() -> World:
    return world(spread=0.5, seed=3)


@pytest.fixture(scope="module")
def shaken_fit(shaken: World) -> clv.Fit:
    return fitted(shaken.histories)


@pytest.fixture(scope="module")
def plain_fit(shaken: World) -> clv.Fit:
    return clv.fit(clv.PARETO_NBD, shaken.histories, method="laplace", draws=400, seed=1)


def test_the_spread_and_the_shocks_are_found(shaken, shaken_fit) -> None:
    found = shaken_fit.summary()
    assert found.loc["spread_week", "lower"] < 0.5 < found.loc["spread_week", "upper"]
    effects = shaken_fit.model.by_week(shaken_fit.draws(400))
    assert effects.index[0] == pd.Timestamp(START) and len(effects) == 52
    known = slice(6, None)  # before, hardly anybody was there
    assert np.corrcoef(np.log(effects["mean"][known]), shaken.shocks[known])[0, 1] > 0.9
    held = (np.log(effects["lower"]) < shaken.shocks) & (shaken.shocks < np.log(effects["upper"]))
    assert held.mean() > 0.75


def test_the_level_stays_with_the_base_parameters(shaken_fit, plain_fit) -> None:
    """Shocks are about zero: their sum does not run away with r / alpha."""
    draws = shaken_fit.draws(400)
    spread, each = draws.spread_week, np.array(draws[-52:])
    assert abs(float(each.mean())) < 0.35
    levels = [float(np.mean(d.r / d.alpha)) for d in (draws, plain_fit.draws(400))]
    jensen = float(np.mean(np.exp(spread**2 / 2)))
    assert levels[0] * jensen == pytest.approx(levels[1], rel=0.15)


@pytest.mark.slow
def test_intervals_of_weeks_to_come_hold_what_happens(shaken, shaken_fit, plain_fit) -> None:
    """Twenty weeks that nobody has seen: a model without shocks is far too sure of them."""
    with_shocks, without = (weekly(fit, shaken) for fit in (shaken_fit, plain_fit))
    assert inside(with_shocks, shaken) >= 0.75
    assert inside(without, shaken) <= 0.6
    assert with_shocks["purchases"].sum() == pytest.approx(without["purchases"].sum(), rel=0.1)
    width = [s["purchases_upper"] - s["purchases_lower"] for s in (with_shocks, without)]
    assert (width[0] > 1.5 * width[1]).all()


def test_a_seed_reproduces_weeks_to_come_whatever_the_blocks(shaken, shaken_fit, monkeypatch) -> None:
    one = weekly(shaken_fit, shaken, draws=40)
    pd.testing.assert_frame_equal(one, weekly(shaken_fit, shaken, draws=40))
    assert not one.equals(weekly(shaken_fit, shaken, draws=40, seed=2))
    theta = shaken_fit.model.Theta(*(v[:, None] for v in shaken_fit.draws(30)))
    whole = shaken_fit.model.expected_purchases(theta, shaken.histories, horizon=8 * WEEK)
    part = clv.history.picked(shaken.histories, np.array([5, 90]))
    some = shaken_fit.model.Theta(*(v[[7, 3]] for v in theta))
    again = shaken_fit.model.expected_purchases(some, part, horizon=8 * WEEK)
    assert again == pytest.approx(whole[[7, 3]][:, [5, 90]], rel=1e-13)
    monkeypatch.setattr("clvmodels.value.simulation.CELLS", 4_000)
    expected = clv.forecast(
        shaken_fit,
        clv.fit(clv.GAMMA_GAMMA, shaken.histories, method="map"),
        shaken.histories,
        horizon=8 * WEEK,
        draws=30,
    )
    monkeypatch.undo()
    whole_again = clv.forecast(
        shaken_fit,
        clv.fit(clv.GAMMA_GAMMA, shaken.histories, method="map"),
        shaken.histories,
        horizon=8 * WEEK,
        draws=30,
    )
    assert expected.expected_draws[0] == pytest.approx(whole_again.expected_draws[0], rel=1e-12)


def test_a_shock_to_come_is_one_for_all_customers(shaken, shaken_fit) -> None:
    """In one draw, a week to come has the same factor for every customer, and in the next draw another."""
    model, draws = shaken_fit.model, shaken_fit.draws(200)
    people = clv.history.picked(shaken.histories, np.arange(50))
    theta = model.Theta(*(v[:, None] for v in draws))
    calm = theta._replace(spread_week=np.full((200, 1), 1e-12))
    mondays = np.arange(5, 8) + 1 / 7  # observation ends with the beginning of a Sunday
    weeks = np.array(
        [[model.expected_if_alive(one, people, horizon=h, force=0.0) for h in mondays] for one in (theta, calm)]
    )
    moved, usual = (each[1] / each[0] for each in np.diff(weeks, axis=1))
    factor = moved / usual
    assert factor == pytest.approx(np.repeat(factor[:, :1], 50, axis=1), rel=1e-7)
    assert np.log(factor[:, 0]).std() > 0.4  # of two shocks with a spread of about a half


def test_weeks_to_come_have_the_mean_of_weeks_gone_by(shaken_fit) -> None:
    """Drawn shocks are normal with the spread of the draw; without draws the rate is what it is on average."""
    model = shaken_fit.model
    last = model.shocks.weeks[-1]
    weeks = last + 7 * np.arange(1, 1 + FURTHEST + 40)
    theta = np.column_stack(shaken_fit.draws(400))
    rows, at = model.shocks.with_unseen(theta, weeks, drawn=True)
    z = rows[:, at[:FURTHEST]]
    assert z.mean() == pytest.approx(0, abs=4 / np.sqrt(z.size)) and z.std() == pytest.approx(1, abs=0.01)
    assert np.abs(np.corrcoef(z[:, :40].T)[~np.eye(40, dtype=bool)]).max() < 0.25
    spread = theta[:, [model.groups[0].scale]]
    assert np.array_equal(spread * rows[:, at[FURTHEST:]], np.repeat(spread**2 / 2, 40, axis=1))
    point, where = model.shocks.with_unseen(theta[:1], np.append(weeks, last), drawn=False)
    assert np.all(point[0, where[:-1]] == spread[0] / 2) and where[-1] == theta.shape[1] - 1


def test_a_point_expects_what_its_draws_do_on_average(shaken, shaken_fit) -> None:
    model, people = shaken_fit.model, clv.history.picked(shaken.histories, np.arange(5))
    point = model.expected_purchases(shaken_fit.theta, people, horizon=10 * WEEK)
    rng = np.random.default_rng(1)
    size = len(model.parameters)
    rows = np.tile(shaken_fit.theta, (4000, 1))
    rows[:, -1] += 1e-9 * rng.standard_normal(4000)
    drawn = model.expected_purchases(model.Theta(*rows.T[:, :, None]), people, horizon=10 * WEEK)
    assert size == 4 + 1 + 52
    error = drawn.std(axis=0) / np.sqrt(4000)
    assert np.all(np.abs(drawn.mean(axis=0) - point) < 4 * error)


def test_the_gradient_is_that_of_central_differences(shaken) -> None:
    histories = shaken.histories.select(np.arange(len(shaken.histories)) < 80)
    model = clv.time_varying(purchase="~ week", dropout="~ quarter").on(histories)
    problem = Problem.of(model, histories, None)
    u = problem.centre + 0.3 * np.random.default_rng(1).standard_normal(problem.centre.size)
    value, slope = problem.log_likelihood(u)
    assert problem.log_likelihood_at(problem.coordinates.theta(u)) == pytest.approx(value, rel=1e-13)
    step = 1e-5
    for j, axis in enumerate(np.eye(u.size) * step):
        difference = (problem.log_likelihood(u + axis)[0] - problem.log_likelihood(u - axis)[0]) / (2 * step)
        assert slope[j] == pytest.approx(difference, rel=1e-6, abs=1e-5)


def test_shocks_are_a_covariate_like_any_other(shaken) -> None:
    """A column of the panel that holds the shocks, with a coefficient of one, has the same likelihood."""
    histories = shaken.histories
    days = START + np.timedelta64(7, "D") * np.arange(52)
    panel = clv.Panel(common=pd.DataFrame({"date": days, "shock": shaken.shocks}))
    known = clv.time_varying(purchase="~ shock", panel=panel).on(histories)
    model = clv.time_varying(purchase="~ week").on(histories)
    given = known.log_likelihood((*PARETO, 1.0), histories)
    found = model.log_likelihood((*PARETO, 0.5, *(shaken.shocks / 0.5)), histories)
    assert found == pytest.approx(given, rel=1e-11)


@pytest.mark.slow
def test_without_shocks_in_the_world_there_are_hardly_any() -> None:
    quiet = world(spread=0.0, seed=4)
    fit, plain = fitted(quiet.histories), clv.fit(clv.PARETO_NBD, quiet.histories, method="laplace", draws=400, seed=1)
    assert fit.summary().loc["spread_week", "estimate"] < 0.12
    totals = [weekly(one, quiet)["purchases"].sum() for one in (fit, plain)]
    assert totals[0] == pytest.approx(totals[1], rel=0.05)


def test_what_cannot_be_is_refused(shaken) -> None:
    histories = shaken.histories
    with pytest.raises(clv.ModelError, match=r"'week' in dropout=: nobody sees in which week a customer leaves"):
        clv.fit(clv.time_varying(dropout="~ week"), histories)
    with pytest.raises(clv.ModelError, match=r"'week:quarter' in purchase= uses the weekly shock in a product"):
        clv.fit(clv.time_varying(purchase="~ week:quarter"), histories)
    with pytest.raises(clv.ClvError, match="Use method='laplace' or 'nuts'"):
        clv.fit(clv.time_varying(season="week"), histories, method="map")
    with pytest.raises(clv.ModelError, match="has no weekly shocks"):
        fit = clv.fit(clv.time_varying(season="quarter"), histories, method="map")
        fit.model.by_week(fit.draws(10))


def test_a_covariate_named_week_is_that_covariate(shaken) -> None:
    panel = clv.Panel(common=pd.DataFrame({"date": ["2022-01-01", "2022-06-01"], "week": [0.0, 1.0]}))
    model = clv.time_varying(purchase="~ week", panel=panel).on(shaken.histories)
    assert model.Theta._fields[-1] == "purchase_week" and not model.hierarchical


def test_weeks_are_those_from_the_first_purchase_to_the_end() -> None:
    found = Shocks.between(9, 27)  # a Saturday and a Wednesday of January 1970
    assert found.weeks.tolist() == [4, 11, 18, 25]
    names = [one.name for one in found.parameters]
    assert names[:2] == ["spread_week", "week_1970_01_05"] and len(names) == 5


def test_a_saved_fit_has_the_same_future(shaken, shaken_fit, tmp_path) -> None:
    again = clv.load(clv.save(shaken_fit, tmp_path / "fit.parquet"))
    people = clv.history.picked(shaken.histories, np.arange(5))
    ours, theirs = (one.expected_purchases(people, horizon=10 * WEEK, draws=50) for one in (shaken_fit, again))
    pd.testing.assert_frame_equal(ours, theirs)


def test_an_endless_future_becomes_the_average(shaken, shaken_fit) -> None:
    model, people = shaken_fit.model, clv.history.picked(shaken.histories, np.arange(3))
    theta = model.Theta(*(v[:, None] for v in shaken_fit.draws(100)))
    rate = clv.Rate(0.15, per=clv.YEAR)
    endless = model.discounted_expected_purchases(theta, people, discount=rate)
    long = model.expected_purchases(theta, people, horizon=40 * clv.YEAR, discount=rate)
    assert np.all(endless >= long * (1 - 1e-9)) and endless == pytest.approx(long, rel=0.02)


@pytest.mark.slow
def test_posterior_engines_agree() -> None:
    small = world(spread=0.6, seed=6, n=400, weeks=24, ahead=1)
    one = fitted(small.histories, draws=2000)
    spec = clv.time_varying(season="week")
    other = clv.fit(spec, small.histories, method="nuts", draws=1000, chains=2, tune=1000, seed=1)
    for name in ("spread_week", "r", "week_2022_04_04", "week_2022_06_06"):
        spread = float(other.posterior[name].std())
        assert abs(float(one.posterior[name].mean() - other.posterior[name].mean())) < 0.25 * spread
        assert float(one.posterior[name].std()) == pytest.approx(spread, rel=0.25)


@pytest.mark.slow
def test_ninety_percent_of_weeks_to_come_are_inside() -> None:
    """Over worlds, and the sums of their weeks are neither too high nor too low: a mean of exp(shock) above one is no bias."""
    held, plain, ratio = [], [], []
    for seed in range(24):
        one = world(spread=0.4, seed=100 + seed, n=1200)
        fit = fitted(one.histories)
        without = clv.fit(clv.PARETO_NBD, one.histories, method="laplace", draws=400, seed=1)
        stream = weekly(fit, one)
        held.append(inside(stream, one))
        plain.append(inside(weekly(without, one), one))
        ratio.append(stream["purchases"].sum() / one.ahead.sum())
    print(
        f"inside with shocks {np.mean(held):.3f}, without {np.mean(plain):.3f}, forecast / actual {np.mean(ratio):.3f}"
    )
    assert 0.84 < np.mean(held) < 0.96
    assert np.mean(plain) < 0.6
    # 20 weeks of shocks of 0.4 average out to about 0.1 a world, and to 0.02 over 24 worlds
    assert np.mean(ratio) == pytest.approx(1, abs=0.06)
