"""Customers' own effects: integrals against brute force, recovery of known effects, and silence where there are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from scipy.special import expit

import clvmodels as clv
from clvmodels.estimation.media_own import LOG_WEIGHTS, NODES, OwnEffects, OwnTest, own_effects
from clvmodels.numerics.own_effects import own_moments, own_noise
from clvmodels.response.cells import NONE
from clvmodels.response.predictor import People, increment
from clvmodels.response.records import Records, apart
from tests.response.worlds import audience_of, cells_of

SPEC = clv.media_response(window=28 * clv.DAY)


def test_moments_are_those_of_the_integral() -> None:
    """Three dimensions on a fine grid, for one customer with and one without contacts by the second medium."""
    odds = np.array([0.3, 0.2, 0.5, 0.4, 1.5, 0.3, 0.7])
    medium, bought = np.array([-1, -1, 0, 0, 1, -1, 0]), np.array([1, 0, 1, 0, 1, 0, 1])
    starts, spread = np.array([0, 5, 7]), np.array([0.8, 0.5, 0.7])
    value, mean, second, surprise = np.empty(2), np.empty((2, 3)), np.empty((2, 3, 3)), np.empty(3)
    own_moments(odds, medium, bought, starts, NODES, LOG_WEIGHTS, spread, value, mean, second, surprise)
    axis = np.linspace(-6, 6, 81)
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij")) * spread[:, None, None, None]
    prior = np.exp(-np.sum((grid / spread[:, None, None, None]) ** 2, axis=0) / 2)
    missed = np.zeros(3)
    for i, rows in enumerate((range(5), range(5, 7))):
        density, gone = prior / prior.sum(), np.zeros((3, *prior.shape))
        for r in rows:
            beyond = grid[0] + (grid[1 + medium[r]] if medium[r] >= 0 else 0.0)
            chance = expit(np.log(odds[r]) + beyond)
            density = density * (chance if bought[r] else 1 - chance)
            gone[0] += bought[r] - chance
            if medium[r] >= 0:
                gone[1 + medium[r]] += bought[r] - chance
        assert value[i] == pytest.approx(np.log(density.sum()), abs=1e-4)
        density = density / density.sum()
        assert mean[i] == pytest.approx([(density * g).sum() for g in grid], abs=1e-4)
        products = [[(density * a * b).sum() for b in grid] for a in grid]
        assert second[i] == pytest.approx(np.array(products), abs=1e-4)
        missed += [(density * g).sum() for g in gone]
    assert surprise == pytest.approx(missed, abs=1e-4)


def test_noise_belongs_to_customer_and_draw() -> None:
    keys = np.arange(300, dtype=np.uint64) ** 5
    noise = own_noise(keys, np.arange(400), 2)
    assert np.array_equal(noise[:, 7:9, 3:4], own_noise(keys[7:9], np.array([3]), 2))
    assert stats.kstest(noise.ravel()[::7], "norm").pvalue > 0.01
    assert np.abs(np.corrcoef(noise.reshape(2, -1))[0, 1]) < 0.01


def test_occasions_that_share_an_outcome_are_left_out() -> None:
    days = np.datetime64("2024-01-01") + np.array([0, 10, 28, 60, 60, 95, 5, 40])
    table = pa.table({"customer_id": ["a"] * 6 + ["b"] * 2, "date": days, "row": np.arange(8)})
    found, left_out = apart(table, 28.0)
    assert found["row"].to_pylist() == [0, 2, 5, 6, 7]
    assert left_out == 3


def people(seed: int, sd: float, customers: int = 300, each: int = 100) -> tuple[Records, np.ndarray]:
    """Customers with baselines of their own and effects of two media that differ by `sd`; what they did on each occasion."""
    rng = np.random.default_rng(seed)
    u, v = rng.normal(0, 0.7, customers), rng.normal(0, sd, (customers, 2))
    log_odds, effect = -1.5 + u, np.array([0.4, 0.6]) + v
    medium = rng.integers(NONE, 2, (customers, each))
    none = np.column_stack([effect, np.zeros(customers)])
    y = rng.random(medium.shape) < expit(log_odds[:, None] + np.take_along_axis(none, medium, axis=1))
    cells = cells_of(medium.ravel(), np.ones(medium.size), y.ravel(), media=2)
    records = Records(np.arange(customers), np.arange(0, medium.size + 1, each), cells, 0)
    return records, expit(log_odds[:, None] + effect) - expit(log_odds)[:, None]


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_own_effects_are_found_again(seed: int) -> None:
    """Increments of single customers are nearer to the truth than their average, and 90 % intervals hold it."""
    records, truth = people(seed, 0.7)
    fit = clv.fit(SPEC, records.cells, draws=1000)
    own = own_effects(records, fit.layout, fit.coefficients, seed=0)
    assert isinstance(own, OwnEffects)
    assert own.test.sigma_v == pytest.approx(0.7, abs=0.12)
    who = audience_of(np.zeros((300, 0)), np.zeros(300, dtype=int), media=2)
    chosen = np.arange(400)
    seen, coefficients = People.of(who, fit.layout), fit.coefficients[chosen]
    beyond = own.drawn(records.customer_id, seen, who.own_stock, coefficients, chosen)
    base = coefficients.log_odds(seen)
    zeros = np.zeros(300)
    gain = np.stack([
        increment(base + beyond[0], coefficients.effect(seen, m, zeros, zeros) + beyond[1 + m]) for m in range(2)
    ])  # fmt: skip
    pooled = np.stack([increment(base, coefficients.effect(seen, m, zeros, zeros)) for m in range(2)])
    off, before = (np.sqrt(np.mean((g.mean(axis=2).T - truth) ** 2)) for g in (gain, pooled))
    assert off < 0.8 * before
    assert min(stats.spearmanr(gain[m].mean(axis=1), truth[:, m]).statistic for m in range(2)) > 0.5
    lower, upper = np.quantile(gain, [0.05, 0.95], axis=2)
    assert 0.85 <= np.mean((truth >= lower.T) & (truth <= upper.T)) <= 0.95
    weights = own.weights(records.customer_id)
    assert weights.shape == (300, 2)
    assert np.all((weights > 0) & (weights < 1))
    assert own.weights(np.array([-1])).tolist() == [[0.0, 0.0]], "nothing of one who was never seen"
    stranger = own.drawn(np.array([-1]), seen[:1], who.own_stock[:1], coefficients, chosen)
    assert stranger[1].std() == pytest.approx(own.spread[1], rel=0.15)


def test_customers_who_do_not_differ_are_not_told_apart() -> None:
    found = own_effects_of(people(4, 0.0))
    assert isinstance(found, OwnTest)
    assert not found.beyond_noise
    assert "no sign that effects differ" in str(found)


@pytest.mark.slow
def test_the_test_of_differences_is_rarely_wrong() -> None:
    """At one per cent, with 30 worlds without differences: four or more alarms happen once in 4,000 times."""
    alarms = sum(isinstance(own_effects_of(people(seed, 0.0, 150, 60)), OwnEffects) for seed in range(30))
    assert alarms <= 3


def own_effects_of(world: tuple[Records, np.ndarray]) -> OwnEffects | OwnTest:
    fit = clv.fit(SPEC, world[0].cells, draws=200)
    return own_effects(world[0], fit.layout, fit.coefficients, seed=0)


def test_features_made_of_the_same_purchases_are_told() -> None:
    test = OwnTest(0.3, 0.7, 100.0, 1e-20, 500, 20_000, 0, ("frequency",))
    assert "frequency tell of the same purchases once more" in str(test)
    assert "once more" not in str(test._replace(repeated=()))


def market_of(seed: int, sd: float, customers: int, *, weeks: int = 156) -> Any:
    """A market with an occasion in most fortnights, whose customers react by themselves."""
    return clv.simulate_market(
        customers=customers,
        weeks=weeks,
        window=2,
        media={name: {"cost": 0.05, "effect": 0.3, "effect_sd": sd} for name in ("email", "push")},
        contact_share=0.7,
        holdout_share=0.3,
        cross_fatigue=0.0,
        duration=(1.5, 10.0, 0.5, 400.0),
        seed=seed,
    )


def fitted(market: Any, pooled_to: str, *, window: clv.Span = 14 * clv.DAY) -> clv.MediaFit:
    columns = ("customer", "medium", "date", "cost", "responded", "holdout")
    contacts = clv.Contacts(market.contacts, **{name: name for name in columns})
    occasions = clv.occasions(contacts, market.log, window=window, features=[])
    return clv.fit(clv.media_response(window=window, pooled_to=pooled_to), occasions)


@pytest.mark.parametrize(("customers", "weeks"), [(250, 104), pytest.param(1_000, 208, marks=pytest.mark.slow)])
def test_a_market_whose_customers_react_by_themselves(customers: int, weeks: int) -> None:
    """The table, probabilities and the plan go by what each customer's own contacts say."""
    market = market_of(3, 1.0, customers, weeks=weeks)
    alone, together = (fitted(market, to) for to in ("customer", "segment"))
    assert "customers' own effects differ" in repr(alone)
    there = np.flatnonzero(market.truth.customers.loc[alone.audience.customer_id, "alive"])
    who = alone.audience.picked(there)
    truth = market.truth.increments.loc[who.customer_id, list(alone.media)].to_numpy().ravel()
    table, before = alone.increments(who), together.increments(who)
    off, less = (np.sqrt(np.mean((one["increment"] - truth) ** 2)) for one in (table, before))
    assert off < 0.85 * less
    assert stats.spearmanr(table["increment"], truth).statistic > 0.5
    assert 0.85 <= np.mean((table["lower"] <= truth) & (truth <= table["upper"])) <= 0.95
    assert (before["own"] == 0).all()
    assert stats.spearmanr(table["own"], table["contacts"]).statistic > 0
    best = truth.reshape(-1, 2).argmax(axis=1)
    chance = table["p_best"].to_numpy().reshape(-1, 2)
    assert np.mean(chance.argmax(axis=1) == best) > 0.6
    histories = market.log.histories(period=clv.WEEK)
    fits = (clv.fit(model, histories, method="laplace") for model in (clv.PARETO_NBD, clv.GAMMA_GAMMA))
    forecast = clv.forecast(*fits, histories, horizon=26 * clv.WEEK, margin=0.3, draws=100)
    actions = [clv.Action(name, clv.PlannedContact(name, 0.5)) for name in alone.media]
    spend, added = market.truth.customers["mean_spend"], market.truth.increments
    brought = []
    for media in (alone, together):
        plan = clv.plan_budget(forecast, media, actions, holdout=0.0, seed=1)
        choice = plan.per_customer().set_index("customer_id")["action"]
        used = choice[choice != "none"]
        brought.append(
            sum(0.3 * spend[i] * added.loc[i, medium] - 0.5 for i, medium in used.items())
        )  # fmt: skip
    assert brought[0] > brought[1]


def test_where_customers_do_not_differ_nothing_changes() -> None:
    market = market_of(5, 0.0, 120, weeks=78)
    alone, together = (fitted(market, to) for to in ("customer", "segment"))
    assert alone.own is None
    assert "no sign that effects differ" in repr(alone)
    assert alone.increments().equals(together.increments())


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_windows_that_overlap_do_not_look_like_own_effects(seed: int) -> None:
    """Outcomes of four weeks counted on occasions two weeks apart."""
    market = market_of(seed, 0.0, 400)
    assert fitted(market, "customer", window=28 * clv.DAY).own is None


def test_cells_have_no_customers() -> None:
    with pytest.raises(clv.ContactError, match="pooled_to='customer' needs what single customers did"):
        clv.fit(clv.media_response(window=14 * clv.DAY, pooled_to="customer"), people(1, 0.0, 20, 20)[0].cells)
    with pytest.raises(clv.ModelError, match="pooled_to='nobody'"):
        clv.media_response(window=14 * clv.DAY, pooled_to="nobody")
