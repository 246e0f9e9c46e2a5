"""Small worlds of customers and actions, and what linear and integer programs make of them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from scipy import optimize, sparse

from clvmodels.budget.constraints import BudgetShare, Capacity, Coverage, EqualTreatment, Setting

type Rows = list[tuple[np.ndarray, float]]
"""Constraints: weights (n, A), whose sum over what is chosen is at most the number."""


def world(rng: np.random.Generator, customers: int | None = None, actions: int | None = None) -> tuple[np.ndarray, ...]:
    """Values, costs and what is allowed, of 8 to 20 customers and 2 to 6 actions unless told otherwise."""
    n, a = customers or int(rng.integers(8, 21)), actions or int(rng.integers(2, 7))
    costs = np.sort(
        rng.gamma(1.0, 1.0, (n, a)) if rng.random() < 0.5 else np.tile(rng.gamma(1.0, 1.0, a), (n, 1)), axis=1
    )
    costs[:, 0] = 0.0
    values = rng.gamma(0.5, 4.0, (n, 1)) * costs ** rng.uniform(0.3, 0.9) * rng.uniform(-0.2, 1.5, (n, a))
    values[:, 0] = 0.0
    allowed = rng.random((n, a)) < 0.9
    allowed[:, 0] = True
    return values, costs, allowed


@st.composite
def menus(draw: Any) -> tuple[np.ndarray, ...]:
    """Customers with whole numbers for values and costs, so that ties and actions in one line are frequent."""
    n, a = draw(st.integers(1, 12)), draw(st.integers(1, 5))
    cells = st.lists(st.integers(0, 6), min_size=n * (a - 1), max_size=n * (a - 1))
    nothing = np.zeros((n, 1))
    values, costs = (np.hstack([nothing, np.reshape(draw(cells), (n, a - 1))]) for _ in range(2))
    return values - (values > 5), costs, np.hstack([nothing == 0, np.reshape(draw(cells), (n, a - 1)) > 0])


def _matrices(allowed: np.ndarray, rows: Rows) -> tuple[sparse.csr_array, np.ndarray, sparse.csr_array]:
    n, actions = allowed.shape
    limits = sparse.csr_array(np.array([weights.ravel() for weights, _ in rows]).reshape(len(rows), n * actions))
    each = sparse.csr_array(sparse.kron(sparse.eye_array(n), np.ones((1, actions))))
    return limits, np.array([bound for _, bound in rows]), each


def integer_optimum(profit: np.ndarray, allowed: np.ndarray, rows: Rows) -> float | None:
    """Largest profit of one action per customer within the rows, by HiGHS; None if there is no such plan."""
    limits, bounds, each = _matrices(allowed, rows)
    constraints = [optimize.LinearConstraint(limits, ub=bounds), optimize.LinearConstraint(each, 1, 1)]
    found = optimize.milp(
        -profit.ravel(), constraints=constraints, integrality=1,
        bounds=optimize.Bounds(0, allowed.ravel().astype(float)),
        options={"mip_rel_gap": 1e-9},
    )  # fmt: skip
    return None if found.x is None else -float(found.fun)


def relaxed_optimum(profit: np.ndarray, allowed: np.ndarray, rows: Rows) -> float | None:
    """Largest profit within the rows where customers may be split, by HiGHS; None if there is no such plan."""
    limits, bounds, each = _matrices(allowed, rows)
    found = optimize.linprog(
        -profit.ravel(), A_ub=limits, b_ub=bounds, A_eq=each, b_eq=np.ones(len(profit)),
        bounds=np.column_stack([np.zeros(allowed.size), allowed.ravel()]),
    )  # fmt: skip
    return None if found.x is None else -float(found.fun)


class Asked(NamedTuple):
    """Constraints of a small world, their setting, and the same in rows, by name, written down independently."""

    constraints: list[Any]
    setting: Setting
    rows: dict[str, Rows]


MEDIA = np.array([[0, 0], [1, 0], [3, 0], [0, 1], [1, 1], [2, 2]], dtype=float)
"""Contacts by "mail" and "call" in actions 0 to 5."""


def asked(rng: np.random.Generator, costs: np.ndarray, budget: float) -> Asked:
    """A mixture of constraints of all kinds on a world with these costs."""
    n, actions = costs.shape
    names = ["none", "a1", "a2", "a3", "a4", "a5"][:actions]
    segments, groups = rng.choice(["x", "y", "z"], n), rng.choice(["f", "m"], n)
    setting = Setting(
        ids=np.arange(n), actions=names, media=("mail", "call"), contacts=MEDIA[:actions], segments=segments
    )
    kinds: list[Any] = []
    rows: dict[str, Rows] = {}
    contact = np.broadcast_to(np.arange(actions) > 0, (n, actions))

    def ask(constraint: Any, *its_rows: tuple[np.ndarray, float]) -> None:
        kinds.append(constraint)
        rows[constraint.name] = list(its_rows)

    if rng.random() < 0.5:
        most = float(rng.integers(0, n))
        ask(Capacity("mail", most), (np.broadcast_to(MEDIA[:actions, 0], (n, actions)), most))
    if rng.random() < 0.3:
        usage = rng.gamma(1.0, 1.0, (n, actions)) * (np.arange(actions) > 0)
        ask(Capacity("agents", 0.3 * n, usage=usage, unit="hour"), (usage, 0.3 * n))
    for segment in np.unique(segments):
        inside = (segments == segment)[:, None]
        if rng.random() < 0.4:
            share, by = rng.uniform(0, 0.7), (rng.choice(names[1:]) if rng.random() < 0.3 else None)
            counts = contact if by is None else np.broadcast_to(np.array(names) == by, (n, actions))
            ask(Coverage(segment=segment, at_least=share, by=by), (-1.0 * counts * inside, -share * inside.sum()))
        if rng.random() < 0.2:
            share = rng.uniform(0.1, 0.6)
            ask(BudgetShare(segment=segment, at_most=share), (costs * inside, share * budget))
        elif rng.random() < 0.1:
            share = rng.uniform(0, 0.2)
            ask(BudgetShare(segment=segment, at_least=share), (-costs * inside, -share * budget))
    if rng.random() < 0.4 and len(np.unique(groups)) == 2:
        within = rng.uniform(0.05, 0.4)
        rate = contact * ((groups == "f") / (groups == "f").sum() - (groups == "m") / (groups == "m").sum())[:, None]
        ask(EqualTreatment(groups, within=within, called="sex"), (rate, within), (-rate, within))
    rows["budget"] = [(costs, budget)]
    return Asked(kinds, setting, rows)
