"""Holding out at random, and plans that fear the worst draws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from clvmodels.budget.holdout import hold_out
from clvmodels.budget.risk import cautious, cvar, perfect_information, risk_of
from clvmodels.budget.solve import Solution, solve
from clvmodels.errors import ClvError


@pytest.mark.parametrize("keys", [np.arange(100_000), np.array([f"C{i}" for i in range(100_000)], dtype=object)])
def test_the_share_held_out_is_the_one_asked_for_and_seeds_are_independent(keys: np.ndarray) -> None:
    one, two = hold_out(keys, share=0.1, seed=1), hold_out(keys, share=0.1, seed=2)
    sd = np.sqrt(0.1 * 0.9 / len(keys))
    assert abs(one.held.mean() - 0.1) < 4 * sd
    assert abs((one.held & two.held).mean() - 0.01) < 4 * np.sqrt(0.01 * 0.99 / len(keys))
    assert (one.probability == 0.1).all()
    halves = one.held.reshape(2, -1).mean(axis=1)
    assert abs(halves[0] - halves[1]) < 4 * 2 * sd


def test_who_is_held_out_depends_on_the_id_alone() -> None:
    keys = np.arange(1_000)
    shuffled = np.random.default_rng(0).permutation(keys)[:300]
    np.testing.assert_array_equal(hold_out(shuffled, seed=3).held, hold_out(keys, seed=3).held[shuffled])


def test_a_holdout_of_everybody_is_refused() -> None:
    with pytest.raises(ClvError, match="holdout share is 1"):
        hold_out(np.arange(3), share=1.0)


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=30), st.floats(0.01, 1.0))
def test_cvar_is_the_least_mean_that_weights_can_make(draws: list[int], share: float) -> None:
    """Against the linear program over weights of at most 1 / (share x draws)."""
    net = np.array(draws, dtype=float)
    most = max(1 / (share * net.size), 1 / net.size)
    least = optimize.linprog(net, A_eq=np.ones((1, net.size)), b_eq=[1.0], bounds=(0, most))
    assert cvar(net, share=share) == pytest.approx(least.fun, abs=1e-6)


class _World:
    """Two media with effects uncertain for all customers alike: one is better on average, the other is safer."""

    def __init__(self, customers: int = 300, draws: int = 400) -> None:
        rng = np.random.default_rng(11)
        self.costs = np.array([0.0, 1.0, 1.0])
        effect = np.column_stack([np.zeros(draws), rng.normal(1.0, 0.9, draws), rng.normal(0.85, 0.2, draws)])
        size = rng.gamma(2.0, 1.5, (customers, 1)) * np.array([0.0, 1.0, 1.0]) * rng.uniform(0.7, 1.3, (customers, 3))
        self.size, self.effect, self.draws = size, effect, draws

    def solved(self, weights: np.ndarray) -> Solution:
        return solve(self.size * (weights @ self.effect), self.costs, budget=150.0)

    def totals_of(self, choice: np.ndarray) -> np.ndarray:
        chosen = np.zeros(3)
        np.add.at(chosen, choice, self.size[np.arange(len(choice)), choice])
        return self.effect @ chosen


def test_the_cautious_plan_is_better_in_the_worst_draws_and_close_to_its_bound() -> None:
    world = _World()
    found = cautious(world.solved, world.totals_of, draws=world.draws, share=0.1)
    mean = world.solved(np.full(world.draws, 1 / world.draws))
    plain = risk_of(world.totals_of(mean.choice) - mean.spent, share=0.1)
    assert found.risk_of_mean == plain
    assert found.risk.cvar > plain.cvar + 20
    assert found.risk.mean <= plain.mean
    assert 0 <= found.gap <= 0.02 * abs(found.bound)
    assert found.weights.sum() == pytest.approx(1)


def test_a_share_of_everything_is_the_mean() -> None:
    world = _World()
    found = cautious(world.solved, world.totals_of, draws=world.draws, share=1.0)
    assert found.rounds == 1
    assert found.risk == found.risk_of_mean


def test_no_plan_of_a_grid_has_a_larger_cvar_than_the_bound() -> None:
    """One customer's actions weigh little, so plans that split customers by a cut-off come close to all there are."""
    world = _World()
    found = cautious(world.solved, world.totals_of, draws=world.draws, share=0.1)
    for risky in np.linspace(0, 3, 13):
        choice = solve(world.size * [0, risky, 1.0], world.costs, budget=150.0).choice
        spent = world.costs[choice].sum()
        assert cvar(world.totals_of(choice) - spent, share=0.1) <= found.bound + 1e-9


def test_perfect_information_is_worth_the_mean_of_the_best_less_the_best_mean() -> None:
    """One customer, one action that costs 1: worth 3 or 0 with equal chances, so knowing saves 1 half of the time."""
    effect = np.array([3.0, 0.0])
    solved = lambda weights: solve([[0.0, float(weights @ effect)]], [0.0, 1.0], budget=10.0)  # noqa: E731
    mean = solved(np.array([0.5, 0.5]))
    found = perfect_information(solved, mean, lambda choice: effect * choice[0], draws=2)
    assert mean.net == 0.5
    assert found.value == pytest.approx(1.0 - 0.5)


def test_risk_of_a_plan() -> None:
    found = risk_of([-1.0, 1.0, 2.0, 2.0], share=0.25)
    assert (found.mean, found.cvar, found.probability_of_gain) == (1.0, -1.0, 0.75)


def test_a_share_of_no_draws_is_refused() -> None:
    with pytest.raises(ClvError, match="share of worst draws is 0"):
        cvar([1.0], share=0.0)
