"""Plans under constraints against integer programs: they keep them, and are no further from the best than said."""

from __future__ import annotations

import numpy as np
import pytest

from clvmodels.budget.constraints import BudgetShare, Capacity, Coverage, EqualTreatment, Setting
from clvmodels.budget.resolve import resolve
from clvmodels.budget.solve import Solution, solve
from clvmodels.errors import InfeasiblePlan
from tests.budget.worlds import MEDIA, Asked, Rows, asked, integer_optimum, relaxed_optimum, world


def _instance(seed: int, customers: int | None = None) -> tuple[tuple[np.ndarray, ...], float, Asked]:
    rng = np.random.default_rng([seed, 7])
    values, costs, allowed = world(rng, customers)
    budget = float(rng.uniform(0.05, 0.8) * costs.max(axis=1).sum())
    return (values, costs, allowed), budget, asked(rng, costs, budget)


def _all(rows: dict[str, Rows]) -> Rows:
    return [row for some in rows.values() for row in some]


def _holds(choice: np.ndarray, rows: Rows) -> bool:
    at = np.arange(len(choice))
    return all(w[at, choice].sum() <= bound + 1e-9 * (np.abs(w[at, choice]).sum() + abs(bound)) for w, bound in rows)


def _judge(menu: tuple[np.ndarray, ...], budget: float, ask: Asked, *, spend_all: bool) -> str:
    values, costs, allowed = menu
    kept = 0.0 if spend_all else 1.0
    best = integer_optimum(values - kept * costs, allowed, _all(ask.rows))
    limits = resolve(ask.constraints, ask.setting, budget=budget)
    try:
        found = solve(values, costs, allowed, budget=budget, constraints=limits, spend_all=spend_all)
    except InfeasiblePlan:
        assert best is None
        return "infeasible"
    assert best is not None
    rows = np.arange(len(values))
    assert allowed[rows, found.choice].all()
    assert _holds(found.choice, _all(ask.rows))
    assert found.objective == pytest.approx((values - kept * costs)[rows, found.choice].sum(), abs=1e-9)
    assert found.objective <= best + 1e-6 * abs(best) + 1e-9
    assert best - found.objective <= found.gap + 1e-6 * abs(best) + 1e-9
    return "planned"


@pytest.mark.parametrize("block", range(3))
def test_random_instances(block: int) -> None:
    """Fifty small worlds each, with mixtures of all kinds of constraints; a thousand where tests may be slow."""
    judged = [_judge(*_instance(seed), spend_all=seed % 5 == 0) for seed in range(50 * block, 50 * (block + 1))]
    assert judged.count("planned") > 25


@pytest.mark.parametrize("seed", range(20))
def test_prices_by_column_generation_are_as_good(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The way of many customers, on few: every instance as before, with a core of a handful to begin with."""
    monkeypatch.setattr("clvmodels.budget.planner.WHOLE", 0)
    monkeypatch.setattr("clvmodels.budget.planner.CORE", 4)
    _judge(*_instance(seed), spend_all=seed % 5 == 0)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(10))
def test_a_thousand_random_instances_both_ways(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = range(100 * block, 100 * (block + 1))
    judged = [_judge(*_instance(seed), spend_all=seed % 5 == 0) for seed in seeds]
    assert judged.count("planned") > 50
    monkeypatch.setattr("clvmodels.budget.planner.WHOLE", 0)
    monkeypatch.setattr("clvmodels.budget.planner.CORE", 4)
    assert judged == [_judge(*_instance(seed), spend_all=seed % 5 == 0) for seed in seeds]


def _thousands(customers: int = 2_000) -> tuple[tuple[np.ndarray, ...], float, Asked]:
    """A world of thousands with a capacity, coverages, a share of the budget and equal treatment that all bind."""
    rng = np.random.default_rng(3)
    values, costs, allowed = world(rng, customers, 5)
    budget = 0.08 * costs.max(axis=1).sum()
    names = ("none", "a1", "a2", "a3", "a4")
    segments, groups = rng.choice(["x", "y", "z"], customers), rng.choice(["f", "m"], customers)
    values[:, 1:] *= np.where(segments == "z", 0.05, 1.0)[:, None] * np.where(groups == "f", 0.7, 1.0)[:, None]
    setting = Setting(np.arange(customers), names, ("mail", "call"), MEDIA[:5], segments)
    contact = np.broadcast_to(np.arange(5) > 0, values.shape)
    z, x = (segments == "z")[:, None], (segments == "x")[:, None]
    rate = contact * ((groups == "f") / (groups == "f").sum() - (groups == "m") / (groups == "m").sum())[:, None]
    constraints = [
        Capacity("call", 0.1 * customers),
        Coverage(segment="z", at_least=0.5),
        BudgetShare(segment="x", at_most=0.2),
        EqualTreatment(groups, within=0.01),
    ]
    rows = {
        constraints[0].name: [(np.broadcast_to(MEDIA[:5, 1], values.shape), 0.1 * customers)],
        constraints[1].name: [(-1.0 * contact * z, -0.5 * z.sum())],
        constraints[2].name: [(costs * x, 0.2 * budget)],
        constraints[3].name: [(rate, 0.01), (-rate, 0.01)],
        "budget": [(costs, budget)],
    }
    return (values, costs, allowed), budget, Asked(constraints, setting, rows)


@pytest.fixture(scope="module")
def many() -> tuple[tuple[np.ndarray, ...], float, Asked, Solution]:
    menu, budget, ask = _thousands()
    limits = resolve(ask.constraints, ask.setting, budget=budget)
    return menu, budget, ask, solve(*menu, budget=budget, constraints=limits)


def test_the_bound_of_thousands_is_the_linear_program(
    many: tuple[tuple[np.ndarray, ...], float, Asked, Solution],
) -> None:
    (values, costs, allowed), _, ask, found = many
    best = relaxed_optimum(values - costs, allowed, _all(ask.rows))
    assert best is not None
    assert found.bound == pytest.approx(best, rel=1e-6)
    assert _holds(found.choice, _all(ask.rows))
    assert found.relative_gap < 1e-3
    assert [price.name for price in found.prices if not price.binds] == [ask.constraints[0].name]


def test_prices_are_what_relaxing_is_worth(many: tuple[tuple[np.ndarray, ...], float, Asked, Solution]) -> None:
    """The linear program's value with a bound moved a little, either way, brackets what the price says."""
    (values, costs, allowed), budget, ask, found = many
    steps = {name: np.zeros(len(_all(ask.rows))) for name in ask.rows}
    size = {
        "budget": 1.0,
        ask.constraints[0].name: 1.0,
        ask.constraints[1].name: 0.01 * -ask.rows[ask.constraints[1].name][0][1] / 0.5,
    }
    size |= {ask.constraints[2].name: 0.01 * budget, ask.constraints[3].name: 0.01}
    at = 0
    for name, some in ask.rows.items():
        steps[name][at : at + len(some)] = size[name]
        at += len(some)
    base = _all(ask.rows)
    for name, step in steps.items():
        higher, lower = (
            relaxed_optimum(
                values - costs, allowed, [(w, b + sign * d) for (w, b), d in zip(base, 1e-3 * step, strict=True)]
            )
            for sign in (1, -1)
        )
        assert higher is not None
        assert lower is not None
        price = found.price(name).price - (1.0 if name == "budget" else 0.0)
        slope = (higher - lower) / 2e-3
        assert price == pytest.approx(slope, rel=0.05, abs=1e-6), name


def test_the_order_of_rows_and_the_unit_of_money_change_nothing(
    many: tuple[tuple[np.ndarray, ...], float, Asked, Solution],
) -> None:
    menu, budget, ask, found = many
    shuffled = np.random.default_rng(0).permutation(len(found.choice))
    setting = Setting(
        ask.setting.ids[shuffled],
        ask.setting.actions,
        ask.setting.media,
        ask.setting.contacts,
        ask.setting.segments[shuffled],
    )
    constraints = [*ask.constraints[:3], EqualTreatment(ask.constraints[3].groups[shuffled], within=0.01)]
    values, costs, allowed = (array[shuffled] for array in menu)
    limits = resolve(constraints, setting, budget=1024 * budget)
    other = solve(1024 * values, 1024 * costs, allowed, budget=1024 * budget, constraints=limits, keys=setting.ids)
    np.testing.assert_array_equal(other.choice, found.choice[shuffled])
    assert other.bound == pytest.approx(1024 * found.bound, rel=1e-12)
    assert other.price(ask.constraints[0].name).price == pytest.approx(1024 * found.prices[0].price, rel=1e-9)
    assert other.price("budget").price == pytest.approx(found.price("budget").price, rel=1e-9)


def test_twice_the_customers_and_the_bounds_have_twice_the_value(
    many: tuple[tuple[np.ndarray, ...], float, Asked, Solution],
) -> None:
    menu, budget, ask, found = many
    setting = Setting(
        np.arange(2 * len(found.choice)),
        ask.setting.actions,
        ask.setting.media,
        ask.setting.contacts,
        np.tile(ask.setting.segments, 2),
    )
    capacity, coverage, share, equal = ask.constraints
    constraints = [
        Capacity("call", 2 * capacity.at_most), coverage, share, EqualTreatment(np.tile(equal.groups, 2), within=0.01)
    ]  # fmt: skip
    double = solve(
        *(np.concatenate([array, array]) for array in menu), budget=2 * budget,
        constraints=resolve(constraints, setting, budget=2 * budget),
    )  # fmt: skip
    assert double.bound == pytest.approx(2 * found.bound, rel=1e-7)
    assert double.objective == pytest.approx(2 * found.objective, rel=1e-3)


def test_many_alike_are_divided() -> None:
    """All 2,500 customers of a segment are alike, so that prices alone cannot tell who is contacted."""
    n = 5_000
    segments = np.repeat(["x", "y"], n // 2)
    values = np.where(segments == "x", 3.0, 2.5)[:, None] * np.array([0.0, 1.0, 1.6])
    setting = Setting(
        np.arange(n), ("none", "mail", "call"), ("mail", "call"), np.array([[0, 0], [1, 0], [0, 1]]), segments
    )
    constraints = [Capacity("call", 617), Coverage(segment="y", at_least=0.3)]
    found = solve(values, [0.0, 1.0, 1.5], budget=2_160.5, constraints=resolve(constraints, setting, budget=2_160.5))
    counts = np.array([[np.sum((segments == s) & (found.choice == a)) for a in range(3)] for s in ("x", "y")])
    assert counts[:, 2].sum() <= 617
    assert counts[1, 1:].sum() >= 750
    assert found.spent <= 2_160.5
    assert found.relative_gap < 1e-4


def test_a_constraint_that_does_not_bind_costs_nothing_and_leaves_the_frontier() -> None:
    values, costs, allowed = world(np.random.default_rng(0), 50, 3)
    setting = Setting(np.arange(50), ("none", "mail", "call"), ("mail", "call"), np.array([[0, 0], [1, 0], [0, 1]]))
    budget = 0.2 * costs.max(axis=1).sum()
    alone = solve(values, costs, allowed, budget=budget)
    found = solve(
        values, costs, allowed, budget=budget, constraints=resolve([Capacity("call", 50)], setting, budget=budget)
    )
    np.testing.assert_array_equal(found.choice, alone.choice)
    calls, money = found.prices
    assert not calls.binds
    assert "costs nothing" in calls.sentence
    assert money.sentence == f"The next unit of money returns {money.price:,.2f}."
    assert money.price == pytest.approx(found.frontier.marginal_return_at(budget))


@pytest.mark.parametrize("seed", range(10))
def test_without_effects_nothing_is_spent_but_what_is_asked_for(seed: int) -> None:
    (values, costs, allowed), budget, _ = _instance(seed)
    found = solve(0 * values, costs, allowed, budget=budget)
    assert not found.choice.any()
    assert found.bound == 0
    setting = Setting(np.arange(len(values)), ("none", *"abcdefgh"[: values.shape[1] - 1]))
    everyone = np.ones_like(allowed)
    limits = resolve([Coverage(at_least=0.5)], setting, budget=np.inf)
    forced = solve(0 * values, costs, everyone, budget=np.inf, constraints=limits)
    cheapest = np.sort(np.where(np.arange(costs.shape[1]) > 0, costs, np.inf).min(axis=1))
    assert forced.spent == pytest.approx(cheapest[: int(np.ceil(len(values) / 2))].sum())
