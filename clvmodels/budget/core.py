"""The few customers whose actions decide between good plans, chosen exactly by a small integer program."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, sparse

from clvmodels.budget.dual import Goal, extras
from clvmodels.budget.menu import Choice, Floats, Menu
from clvmodels.budget.rules import Rules

NODES = 500
"""Branches of an integer program followed at most."""
INSIDE = 1e-6
"""What an integer program may be over a bound by, relative to the largest weight: taken off the bounds where it was."""


class Program(NamedTuple):
    """One action for each of m customers: maximise gain @ x within sums @ x <= room and 0 <= x <= most.

    The first v variables say whether a `customer` (v,) has an `action` (v,); further ones are relaxations. Sums were
    divided by `scale` (K,), gains by `size`.
    """

    gain: Floats
    sums: sparse.csr_array
    room: Floats
    each: sparse.csr_array
    most: Floats
    customer: NDArray[np.intp]
    action: NDArray[np.intp]
    scale: Floats
    size: float


class Settled(NamedTuple):
    """A plan for all customers (n,), and what no other choice for those in the program earns more than."""

    choice: Choice
    bound: float


def program(menu: Menu, rules: Rules, goal: Goal, rows: NDArray[np.intp], fixed: Floats) -> Program:
    """The program of the customers `rows`, with what the others use (K,) taken off the bounds."""
    allowed = menu.allowed if len(menu.allowed) == 1 else menu.allowed[rows]
    customer, action = np.nonzero(np.broadcast_to(allowed, (len(rows), menu.actions)))
    costs = menu.costs if len(menu.costs) == 1 else menu.costs[rows]
    gain = goal.of(menu.values[rows], np.broadcast_to(costs, (len(rows), menu.actions)))[customer, action]
    extra = extras(rules, goal)
    sums = rules.weights(menu, rows)[:, customer, action]
    scale = np.abs(sums).max(axis=1, initial=0.0)
    scale = np.where(scale > 0, scale, rules.scale)
    taken = extra.taken / scale[:, None]
    unit = np.abs(taken).max(axis=0, initial=0.0).clip(1e-300)
    gain = np.concatenate([gain, -extra.cost / unit])
    size = float(np.abs(gain).max(initial=0.0)) or 1.0
    ones = np.ones(len(customer))
    return Program(
        gain / size,
        sparse.csr_array(np.hstack([sums / scale[:, None], -taken / unit])),
        (rules.bound - fixed) / scale,
        sparse.csr_array((ones, (customer, np.arange(len(customer)))), shape=(len(rows), len(gain))),
        np.append(ones, np.full(len(unit), np.inf)),
        customer,
        action,
        scale,
        size,
    )


def relaxed(menu: Menu, rules: Rules, goal: Goal) -> Floats | None:
    """Prices of the constraints (K,) by one linear program of all customers; None if nothing keeps the constraints."""
    p = program(menu, rules, goal, np.arange(menu.customers), np.zeros(len(rules.bound)))
    found = optimize.linprog(
        -p.gain, A_ub=p.sums, b_ub=p.room, A_eq=p.each, b_eq=np.ones(menu.customers),
        bounds=np.column_stack([np.zeros(len(p.most)), p.most]), method="highs-ds",
    )  # fmt: skip
    return None if found.x is None else np.maximum(-found.ineqlin.marginals, 0.0) * p.size / p.scale


def settle(
    menu: Menu, rules: Rules, goal: Goal, choice: Choice, rows: NDArray[np.intp], *, precise: float
) -> Settled | None:
    """The best actions of the customers `rows`, the others as in `choice` (n,); None if the constraints cannot be kept.

    The program ends when it is known to be within a share `precise` of the best.
    """
    now = np.take_along_axis(rules.weights(menu, rows), choice[rows][None, :, None].astype(np.intp), axis=2)[
        :, :, 0
    ].sum(axis=1)
    p = program(menu, rules, goal, rows, rules.sums(menu, choice)[0] - now)
    integral = np.concatenate([np.ones(len(p.action)), np.zeros(len(p.most) - len(p.action))])
    each = optimize.LinearConstraint(p.each, 1.0, 1.0)
    for inside in (0.0, INSIDE):
        found = optimize.milp(
            -p.gain, integrality=integral, bounds=optimize.Bounds(0.0, p.most),
            constraints=[optimize.LinearConstraint(p.sums, ub=p.room - inside), each],
            options={"mip_rel_gap": precise, "node_limit": NODES},
        )  # fmt: skip
        if found.x is None:
            return None
        plan = choice.copy()
        chosen = found.x[: len(p.action)] > 0.5
        plan[rows[p.customer[chosen]]] = p.action[chosen]
        if not np.any((rules.relaxation(menu, plan) > 0) & ~np.isfinite(goal.relaxing)):
            # a program without whole numbers has no such bound: what it found is exact
            bound = found.fun if found.mip_dual_bound is None else found.mip_dual_bound
            return Settled(plan, -float(bound) * p.size)
    return None
