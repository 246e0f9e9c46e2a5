"""Constraints that no plan keeps: the right ones are named, and what is said to be enough is enough and needed."""

from __future__ import annotations

import numpy as np
import pytest

from clvmodels.budget.constraints import BudgetShare, Capacity, Constraint, Coverage, EqualTreatment, Setting
from clvmodels.budget.resolve import resolve
from clvmodels.budget.solve import solve
from clvmodels.errors import InfeasiblePlan
from tests.budget.worlds import Rows, asked, integer_optimum, relaxed_optimum, world


def _refused(
    menu: tuple[np.ndarray, ...], budget: float, constraints: list[Constraint], setting: Setting
) -> InfeasiblePlan:
    with pytest.raises(InfeasiblePlan) as caught:
        solve(*menu, budget=budget, constraints=resolve(constraints, setting, budget=budget))
    return caught.value


def _plain(customers: int, *, kinds: int = 2) -> tuple[tuple[np.ndarray, ...], Setting]:
    """Mail at 1, call at 4; half of the customers are VIP; values are of no matter."""
    values = np.random.default_rng(0).gamma(1.0, 2.0, (customers, 3)) * [0, 1, 2]
    costs = np.tile([0.0, 1.0, 4.0], (customers, 1))
    segments = np.array(["VIP", "new", "old", "odd"])[np.arange(customers) % kinds]
    setting = Setting(
        np.arange(customers), ("none", "mail", "call"), ("mail", "call"), np.array([[0, 0], [1, 0], [0, 1]]), segments
    )
    return (values, costs, np.ones((customers, 3), dtype=bool)), setting


@pytest.mark.parametrize("customers", [20, 2_000])
def test_a_coverage_and_a_budget_that_clash(customers: int) -> None:
    """Half of the customers at 4 each, 80 % of them, cost 1.6 per customer; there is 1."""
    menu, setting = _plain(customers)
    coverage = Coverage(segment="VIP", at_least=0.8, by="call")
    error = _refused(menu, customers * 1.0, [Capacity("mail", customers), coverage], setting)
    assert error.clash == (coverage.name, "budget")
    assert error.relaxations == pytest.approx({"budget": 0.6 * customers, coverage.name: 0.3})
    assert list(error.relaxations) == [coverage.name, "budget"]
    assert (
        f"'{coverage.name}' by 30 percentage points, or 'a budget of {customers:,}' by {0.6 * customers:,.10g} units"
        in str(error)
    )
    assert not error.together


@pytest.mark.parametrize("customers", [20, 2_000])
def test_a_coverage_that_consent_makes_impossible_stands_alone(customers: int) -> None:
    (values, costs, allowed), setting = _plain(customers)
    allowed[: customers // 2, 1:] = False
    coverage = Coverage(segment="new", at_least=0.9)
    error = _refused((values, costs, allowed), 10.0 * customers, [coverage, Capacity("call", 3)], setting)
    assert error.clash == (coverage.name,)
    assert error.relaxations == pytest.approx({coverage.name: 0.4})
    assert str(error).startswith(f"No plan can have '{coverage.name}'. It is enough to relax '{coverage.name}' by 40 ")


@pytest.mark.parametrize("customers", [40, 4_000])
def test_several_that_only_clash_all_together(customers: int) -> None:
    """Two coverages of a quarter each at 1, and a budget that covers less than both."""
    menu, setting = _plain(customers, kinds=4)
    coverages = [Coverage(segment="VIP", at_least=0.8), Coverage(segment="new", at_least=0.8)]
    error = _refused(menu, 0.3 * customers, coverages, setting)
    assert error.clash == (coverages[0].name, coverages[1].name, "budget")
    assert error.relaxations == pytest.approx(
        {coverages[0].name: 0.4, coverages[1].name: 0.4, "budget": 0.1 * customers}
    )


@pytest.mark.parametrize("customers", [40, 4_000])
def test_two_clashes_at_once_need_more_than_one_relaxation(customers: int) -> None:
    (values, costs, allowed), setting = _plain(customers)
    allowed[::2, 1:] = False
    impossible = Coverage(segment="VIP", at_least=0.5)
    calls = Coverage(segment="new", at_least=1.0, by="call")
    capacity = Capacity("call", 0.25 * customers)
    error = _refused((values, costs, allowed), np.inf, [impossible, calls, capacity], setting)
    assert error.clash == (impossible.name,)
    assert error.together
    assert impossible.name in error.relaxations
    assert error.relaxations[impossible.name] == pytest.approx(0.5)
    assert "no single one is enough" in str(error)


def test_equal_treatment_that_consent_makes_impossible() -> None:
    (values, costs, allowed), setting = _plain(2_000)
    sex = np.array(["f", "m"])[np.arange(2_000) % 2]
    allowed[sex == "m", 1:] = False
    equal = EqualTreatment(sex, within=0.02, called="sex")
    coverage = Coverage(at_least=0.25)
    error = _refused((values, costs, allowed), np.inf, [equal, coverage], setting)
    assert error.clash == (equal.name, coverage.name)
    assert error.relaxations == pytest.approx({equal.name: 0.48, coverage.name: 0.24})


def _loosened(constraint: Constraint, budget: float, segments: np.ndarray) -> float:
    if isinstance(constraint, Coverage):
        return float(np.sum(segments == constraint.segment))
    return budget if isinstance(constraint, BudgetShare) else 1.0


def _possible(menu: tuple[np.ndarray, ...], rows: dict[str, Rows], names: tuple[str, ...]) -> bool:
    return integer_optimum(0 * menu[0], menu[2], [row for name in names for row in rows[name]]) is not None


def test_random_clashes_are_the_ones_and_their_relaxations_are_the_least() -> None:
    refused = 0
    for seed in range(45):
        rng = np.random.default_rng([seed, 99])
        menu = world(rng)
        budget = float(0.15 * menu[1].max(axis=1).sum())
        ask = asked(rng, menu[1], budget)
        if _possible(menu, ask.rows, tuple(ask.rows)):
            continue
        refused += 1
        error = _refused(menu, budget, ask.constraints, ask.setting)
        assert not _possible(menu, ask.rows, error.clash)
        for left_out in error.clash:
            assert _possible(menu, ask.rows, tuple(name for name in error.clash if name != left_out))
        per = {c.name: _loosened(c, budget, ask.setting.segments) for c in ask.constraints} | {"budget": 1.0}
        for name, amount in {} if error.together else error.relaxations.items():
            for share, enough in ((1 + 1e-6, True), (1 - 1e-4, False)):
                loose = [(w, b + share * amount * per[name]) for w, b in ask.rows[name]]
                assert _possible(menu, ask.rows | {name: loose}, tuple(ask.rows)) == enough
    assert refused >= 5


@pytest.mark.parametrize("seed", [0, 1])
def test_among_thousands_the_relaxation_is_that_of_the_linear_program(seed: int) -> None:
    """A whole customer more than the program asks for, at most."""
    rng = np.random.default_rng(seed)
    values, costs, allowed = world(rng, 1_000, 4)
    segments = rng.choice(["x", "y"], 1_000)
    setting = Setting(np.arange(1_000), ("none", "a", "b", "c"), segments=segments)
    coverage = Coverage(segment="x", at_least=0.6, by="b")
    inside = (segments == "x")[:, None] * (np.arange(4) == 2)
    assert relaxed_optimum(-costs, allowed, [(-1.0 * inside, -0.6 * (segments == "x").sum())]) is not None
    least = -relaxed_optimum(-costs, allowed, [(-1.0 * inside, -0.6 * (segments == "x").sum())])
    budget = 0.9 * least
    error = _refused((values, costs, allowed), budget, [coverage], setting)
    assert error.clash == (coverage.name, "budget")
    assert 0.1 * least * (1 - 1e-6) <= error.relaxations["budget"] <= 0.1 * least + costs.max()
