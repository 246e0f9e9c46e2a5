"""Plans under constraints against integer programs: they keep what they should, and are no further from the best than they say."""

from __future__ import annotations

import numpy as np
import pytest

from clvmodels.budget.constraints import BudgetShare, Capacity, Coverage, EqualTreatment, Setting
from clvmodels.budget.resolve import resolve
from clvmodels.budget.solve import Solution, solve
from clvmodels.errors import ClvError, InfeasiblePlan
from tests.budget.worlds import Asked, Rows, asked, integer_optimum, world


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
    best = integer_optimum(values - kept * costs, costs, allowed, _all(ask.rows))
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


@pytest.mark.parametrize("block", range(10))
def test_random_instances(block: int) -> None:
    """A hundred small worlds each, with mixtures of all kinds of constraints."""
    seeds = range(100 * block, 100 * (block + 1))
    judged = [_judge(*_instance(seed), spend_all=seed % 5 == 0) for seed in seeds]
    assert judged.count("planned") > 50
