"""Constraints as they are asked for: what they refer to, who counts, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from clvmodels.budget.constrained import constrained_frontier
from clvmodels.budget.constraints import BudgetShare, Capacity, Coverage, EqualTreatment, Setting
from clvmodels.budget.frontier import frontier
from clvmodels.budget.holdout import hold_out
from clvmodels.budget.resolve import resolve
from clvmodels.budget.solve import solve
from clvmodels.errors import ClvError
from tests.budget.worlds import integer_optimum, relaxed_optimum, world

SETTING = Setting(
    ids=np.array(["C1", "C2", "C3", "C4"]),
    actions=("none", "mail", "call"),
    media=("mail", "call"),
    contacts=np.array([[0, 0], [2, 0], [0, 1.0]]),
    segments=np.array(["VIP", "VIP", "new", "new"]),
)
VALUES, COSTS = np.tile([0.0, 3.0, 9.0], (4, 1)), np.array([0.0, 1.0, 4.0])


def _choice(*constraints: Any, budget: float = 100.0, **options: Any) -> list[int]:
    found = solve(VALUES, COSTS, budget=budget, constraints=resolve(constraints, SETTING, budget=budget), **options)
    return sorted(found.choice.tolist())


def test_capacities_count_contacts_or_what_is_said_to_be_used() -> None:
    assert _choice() == [2, 2, 2, 2]
    assert _choice(Capacity("call", 1)) == [1, 1, 1, 2]
    assert _choice(Capacity("call", 1), Capacity("mail", 4)) == [0, 1, 1, 2]
    assert _choice(Capacity("hours", 1.0, usage={"call": 0.5})) == [1, 1, 2, 2]
    assert _choice(Capacity("hours", 1.0, usage=[0, 0, 0.5])) == [1, 1, 2, 2]
    by_customer = np.outer([1, 2, 3, 4], [0, 0, 1])
    assert _choice(Capacity("hours", 6.0, usage=by_customer)) == [1, 2, 2, 2]


def test_customers_are_a_segment_a_mask_or_a_series_by_id() -> None:
    series = pd.Series({"C4": False, "C3": False, "C2": True, "C1": True})
    for who in ({"segment": "VIP"}, {"customers": [True, True, False, False]}, {"customers": series}):
        limits = resolve([BudgetShare(at_most=0.0, **who)], SETTING, budget=100.0)
        found = solve(VALUES, COSTS, budget=100.0, constraints=limits, keys=SETTING.ids)
        assert found.choice.tolist() == [0, 0, 2, 2]


def test_a_share_of_the_budget_has_two_sides() -> None:
    """With 8 to spend, a quarter at least is 2 and a half at most is 4."""
    both = BudgetShare(segment="VIP", at_least=0.25, at_most=0.5)
    assert [limit.name for limit in resolve([both], SETTING, budget=8.0)] == [
        "at least 25% of the budget for VIP",
        "at most 50% of the budget for VIP",
        "budget",
    ]
    found = solve(VALUES, COSTS, budget=8.0, constraints=resolve([both], SETTING, budget=8.0))
    assert 2 <= COSTS[found.choice[:2]].sum() <= 4


def test_those_held_out_do_not_count() -> None:
    held = np.array([True, False, False, False])
    allowed = np.ones((4, 3), dtype=bool)
    allowed[held, 1:] = False
    setting = Setting(SETTING.ids, SETTING.actions, segments=SETTING.segments, held=held)
    constraints = [Coverage(segment="VIP", at_least=1.0), EqualTreatment(SETTING.segments, within=0.0)]
    limits = resolve(constraints, setting, budget=np.inf)
    found = solve(0 * VALUES, COSTS, allowed, budget=np.inf, constraints=limits)
    assert found.choice.tolist() == [0, 1, 1, 1]


def test_a_plan_around_a_random_holdout_leaves_it_alone() -> None:
    held = hold_out(np.arange(2_000), share=0.05, seed=4).held
    allowed = np.broadcast_to(~held[:, None] | (np.arange(3) == 0), (2_000, 3))
    found = solve(np.tile(VALUES[0], (2_000, 1)), COSTS, allowed, budget=np.inf)
    np.testing.assert_array_equal(found.choice == 0, held)


def test_groups_are_those_with_a_label() -> None:
    labels = np.array(["f", "m", None, None], dtype=object)
    limits = resolve(
        [EqualTreatment(labels, within=0.0), BudgetShare(customers=labels == "f", at_most=0.0)], SETTING, budget=9.0
    )
    assert solve(VALUES, COSTS, budget=9.0, constraints=limits).choice.tolist()[:2] == [0, 0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Coverage(at_least=20), "at_least is 20, not a share"),
        (lambda: Coverage(at_least=0.2, segment="VIP", customers=[True]), "both segment= and customers="),
        (lambda: BudgetShare(segment="VIP"), "has no share"),
        (lambda: Capacity("call", -1), "at_most is -1"),
        (lambda: Capacity("call", np.inf), "at_most is inf"),
        (lambda: EqualTreatment(["f"], within=2), "within is 2"),
    ],
)
def test_numbers_that_make_no_constraint_are_refused(make: Any, message: str) -> None:
    with pytest.raises(ClvError, match=message):
        make()


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        (Capacity("visit", 3), "no medium 'visit'. Media are: mail, call"),
        (Capacity("hours", 3, usage={"cal": 1.0}), "no action is called cal"),
        (Capacity("hours", 3, usage=[1.0, 2.0]), "usage has the shape"),
        (Capacity("hours", 3, usage=[0.0, 1.0, -2.0]), "negative or missing"),
        (Coverage(segment="old", at_least=0.1), "no customer in segment 'old'. Segments are: VIP, new"),
        (Coverage(customers=[False] * 4, at_least=0.1), "speaks of no customer"),
        (Coverage(customers=[True] * 3, at_least=0.1), "shape"),
        (Coverage(by="visit", at_least=0.1), "no medium 'visit'"),
        (Coverage(customers=pd.Series({"C1": True}), at_least=0.1), "lacks 3 customers: C2, C3, C4"),
        (EqualTreatment(["f"] * 4, within=0.1), "fewer than two groups"),
        ("a wish", "is not a constraint"),
    ],
)
def test_what_is_not_there_is_refused(constraint: Any, message: str) -> None:
    with pytest.raises(ClvError, match=message):
        resolve([constraint], SETTING, budget=10.0)


def test_shares_of_no_budget_and_names_that_come_twice_are_refused() -> None:
    with pytest.raises(ClvError, match="Give a budget"):
        resolve([BudgetShare(segment="VIP", at_most=0.5)], SETTING, budget=np.inf)
    with pytest.raises(ClvError, match="come twice: at most 3 of call"):
        resolve([Capacity("call", 3), Capacity("call", 3)], SETTING, budget=1.0)
    with pytest.raises(ClvError, match="The budget is -1"):
        solve(VALUES, COSTS, budget=-1.0)
    with pytest.raises(ClvError, match=r"no constraint 'money'\. Constraints are: budget"):
        solve(VALUES, COSTS, budget=1.0).price("money")


def test_the_constrained_frontier_is_the_linear_program_and_bends_down() -> None:
    values, costs, allowed = world(np.random.default_rng(4), 60, 3)
    setting = Setting(np.arange(60), ("none", "mail", "call"), segments=np.array(["x", "y"])[np.arange(60) % 2])
    coverage = Coverage(segment="x", at_least=0.6, by="mail")
    inside = -1.0 * (np.arange(60) % 2 == 0)[:, None] * (np.arange(3) == 1)
    budgets = np.linspace(0.0, 0.5, 11) * costs.sum()
    table = constrained_frontier(
        values,
        costs,
        allowed,
        budgets=budgets[::-1],
        constraints=lambda budget: resolve([coverage], setting, budget=budget),
    )
    expected = [relaxed_optimum(values - costs, allowed, [(inside, -18.0), (costs, b)]) for b in budgets]
    np.testing.assert_allclose(table["net"], [np.nan if e is None else e for e in expected], rtol=1e-6, atol=1e-9)
    net = table["net"].dropna().to_numpy()
    assert 2 <= len(net) < len(budgets)
    assert np.all(np.diff(net) >= -1e-9)
    assert np.all(np.diff(net, 2) <= 1e-6)


def test_without_constraints_the_constrained_frontier_is_the_frontier() -> None:
    values, costs, allowed = world(np.random.default_rng(6), 40, 4)
    plain = frontier(values, costs, allowed)
    budgets = np.array([0.21, 0.52, 0.83]) * plain.stops_at
    table = constrained_frontier(values, costs, allowed, budgets=list(budgets), constraints=lambda budget: ())
    np.testing.assert_allclose(table["value"], plain.value_at(budgets), rtol=1e-6)
    np.testing.assert_allclose(table["marginal_return"], plain.marginal_return_at(budgets), rtol=1e-4)


def test_a_budget_of_a_few_customers_is_spent_as_well_as_can_be() -> None:
    """The steps bought in order leave a gap that an integer program closes."""
    for seed in range(10):
        values, costs, allowed = world(np.random.default_rng(seed), 10, 4)
        budget = 0.1 * costs.max(axis=1).sum()
        found = solve(values, costs, allowed, budget=budget)
        best = integer_optimum(values - costs, allowed, [(costs, budget)])
        assert found.objective == pytest.approx(best, rel=1e-4)
        assert found.relative_gap <= 2e-4
