"""The frontier of the budget against linear programs, its laws, and its plans against integer programs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvmodels.budget.frontier import Frontier, frontier
from clvmodels.errors import ClvError
from tests.budget.worlds import integer_optimum, menus, relaxed_optimum, world


@pytest.mark.parametrize("seed", range(40))
def test_the_frontier_is_the_linear_program_at_every_budget(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, costs, allowed = world(rng)
    found = frontier(values, costs, allowed)
    for budget in rng.uniform(0, 1.2 * found.spent[-1] + 0.1, 3):
        expected = relaxed_optimum(values, allowed, [(costs, budget)])
        assert found.value_at(budget) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("spend_all", [False, True])
@pytest.mark.parametrize("seed", range(40))
def test_plans_keep_to_the_budget_and_to_their_bound(seed: int, spend_all: bool) -> None:
    rng = np.random.default_rng(seed)
    values, costs, allowed = world(rng)
    found = frontier(values, costs, allowed)
    kept = 0.0 if spend_all else 1.0
    budget = rng.uniform(0, 1.2 * found.spent[-1] + 0.1)
    choice = found.choice_at(budget, spend_all=spend_all)
    rows = np.arange(len(choice))
    value, spent = values[rows, choice].sum(), costs[rows, choice].sum()
    assert allowed[rows, choice].all()
    assert spent <= budget * (1 + 1e-9)
    bound_value, bound_spent = found.bound_at(budget, spend_all=spend_all)
    best = integer_optimum(values - kept * costs, allowed, [(costs, budget)])
    reached, bound = value - kept * spent, bound_value - kept * bound_spent
    assert reached <= best + 1e-6
    assert best - reached <= bound - reached + 1e-6


@given(menus())
def test_the_frontier_never_falls_and_bends_down(menu: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    found = frontier(*menu)
    assert np.all(np.diff(found.returns) <= 0)
    assert np.all(found.returns > 0)
    assert np.all(np.diff(found.spent) > 0)
    assert np.all(np.diff(found.value) >= 0)


@given(menus(), st.sampled_from([0.25, 1024.0]), st.sampled_from(np.linspace(0, 1, 14)))
def test_the_unit_of_money_changes_nothing(menu: tuple[np.ndarray, ...], unit: float, share: float) -> None:
    values, costs, allowed = menu
    plain, scaled = frontier(values, costs, allowed), frontier(values * unit, costs * unit, allowed)
    budget = share * plain.spent[-1]
    assert scaled.value_at(budget * unit) == plain.value_at(budget) * unit
    np.testing.assert_array_equal(scaled.choice_at(budget * unit), plain.choice_at(budget))


@given(menus(), st.integers(0, 2**32 - 1), st.sampled_from(np.linspace(0, 1, 14)))
def test_the_order_of_the_rows_changes_nothing(menu: tuple[np.ndarray, ...], seed: int, share: float) -> None:
    """Customers are few and alike, so that ties are many."""
    keys = np.array([f"C{i:03d}" for i in range(len(menu[0]))], dtype=object)
    shuffled = np.random.default_rng(seed).permutation(len(keys))
    plain = frontier(*menu, keys=keys)
    other = frontier(*(array[shuffled] for array in menu), keys=keys[shuffled])
    budget = share * plain.spent[-1]
    np.testing.assert_array_equal(other.spent, plain.spent)
    np.testing.assert_array_equal(other.choice_at(budget), plain.choice_at(budget)[shuffled])


@given(menus(), st.sampled_from(np.linspace(0, 1, 14)))
def test_twice_the_customers_and_the_budget_have_twice_the_value(menu: tuple[np.ndarray, ...], share: float) -> None:
    plain, double = frontier(*menu), frontier(*(np.concatenate([array, array]) for array in menu))
    budget = share * plain.spent[-1]
    assert double.value_at(2 * budget) == pytest.approx(2 * plain.value_at(budget), rel=1e-12)
    assert double.stops_at == pytest.approx(2 * plain.stops_at, rel=1e-12)


@given(menus())
def test_dominated_actions_are_never_chosen(menu: tuple[np.ndarray, ...]) -> None:
    values, costs, allowed = menu
    found = frontier(values, costs, allowed)
    for budget in np.linspace(0, found.spent[-1], 5):
        choice = found.choice_at(budget, spend_all=True)
        rows = np.arange(len(choice))
        chosen_value, chosen_cost = values[rows, choice][:, None], costs[rows, choice][:, None]
        better = allowed & (values >= chosen_value) & (costs <= chosen_cost)
        strictly = better & ((values > chosen_value) | (costs < chosen_cost))
        assert not strictly.any()


def test_without_effects_nothing_is_spent() -> None:
    costs = np.array([0.0, 1.0, 5.0])
    found = frontier(np.zeros((100, 3)), costs)
    assert not found.choice_at(1e6, spend_all=True).any()
    assert found.stops_at == 0


def test_money_that_returns_less_than_itself_is_kept_unless_all_is_to_be_spent() -> None:
    found = frontier([[0, 3, 3.5]], [0, 1, 2])
    assert found.choice_at(10.0).tolist() == [1]
    assert found.choice_at(10.0, spend_all=True).tolist() == [2]
    assert found.stops_at == 1


def test_many_blocks_are_one_frontier(monkeypatch: pytest.MonkeyPatch) -> None:
    values, costs, allowed = world(np.random.default_rng(5), customers=500)
    whole = frontier(values, costs, allowed)
    monkeypatch.setattr("clvmodels.budget.blocks.BLOCK", 37)
    parts = frontier(values, costs, allowed)
    assert isinstance(parts, Frontier)
    np.testing.assert_array_equal(whole.returns, parts.returns)
    np.testing.assert_array_equal(whole.choice_at(20.0), parts.choice_at(20.0))


def test_at_scale_the_gap_is_small_and_the_table_is_the_curve() -> None:
    values, costs, allowed = world(np.random.default_rng(1), customers=20_000, actions=5)
    found = frontier(values, costs, allowed)
    budget = 0.4 * found.stops_at
    value, spent = found.menu.totals(found.choice_at(budget))
    bound_value, bound_spent = found.bound_at(budget)
    assert 0 <= (bound_value - bound_spent) - (value - spent) < 1e-4 * (bound_value - bound_spent)
    table = found.table(11)
    np.testing.assert_allclose(table["value"], found.value_at(table["budget"]))
    np.testing.assert_array_equal(table["marginal_return"], found.marginal_return_at(table["budget"]))


@pytest.mark.parametrize(
    ("values", "costs", "message"),
    [
        ([[0, np.nan]], [0, 1], "is not a number"),
        ([[0, 1.0]], [0, -1], "negative"),
        ([[1.0, 1.0]], [0, 1], "action 0"),
        ([[0, 1.0]], [1, 1], "action 0"),
        ([0, 1.0], [0, 1], "shape"),
        ([[0, 1.0]], [0, 1, 2], "shape"),
    ],
)
def test_what_is_no_menu_is_refused(values: list[object], costs: list[float], message: str) -> None:
    with pytest.raises(ClvError, match=message):
        frontier(values, costs)


def test_a_key_that_comes_twice_is_refused() -> None:
    with pytest.raises(ClvError, match="'keys' comes twice in 1 row: 7"):
        frontier([[0, 1.0]] * 3, [0, 1], keys=[7, 3, 7])


def test_keys_without_an_order_are_refused() -> None:
    with pytest.raises(ClvError, match=r"several types \(int, str\)"):
        frontier([[0, 1.0]] * 3, [0, 1], keys=np.array([7, "a", 3], dtype=object))
