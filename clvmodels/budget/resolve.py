"""From constraints in words to constraints in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import singledispatch
from itertools import permutations

import numpy as np
import pandas as pd

from clvmodels.budget.constraints import BudgetShare, Capacity, Constraint, Coverage, EqualTreatment, Setting
from clvmodels.budget.menu import Floats
from clvmodels.budget.rules import Limit, Wording, in_points
from clvmodels.errors import ClvError

BUDGET = "budget"


def resolve(constraints: Sequence[Constraint], setting: Setting, *, budget: float) -> tuple[Limit, ...]:
    """Constraints and the budget as limits on sums over customers, in the order given; the budget last.

    Parameters
    ----------
    setting
        Customers, actions and media that the constraints refer to.
    budget
        What may be spent [currency]; infinite where nothing limits it.

    Raises
    ------
    ClvError
        If a constraint refers to a medium, segment or customer that is not there, or is named twice.
    """
    limits = [limit for constraint in constraints for limit in limited(constraint, setting, budget)]
    if np.isfinite(budget):
        limits.append(spending(budget, len(setting.actions)))
    names = [limit.name for limit in limits]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ClvError(
            f"Constraints come twice: {', '.join(sorted(twice))}. Tell them apart with called=, or leave one out."
        )
    return tuple(limits)


def spending(budget: float, actions: int) -> Limit:
    """The budget as a limit."""
    nothing = np.zeros((1, 1, actions))
    wording = Wording(f"a budget of {budget:,.10g}", "unit of money", "units of money")
    return Limit(BUDGET, wording, np.array([budget]), nothing, np.ones((1, 1)), np.ones(1), np.array([budget or 1.0]))


@singledispatch
def limited(constraint: object, setting: Setting, budget: float) -> list[Limit]:
    """The limits that a constraint sets."""
    kinds = "Capacity, Coverage, BudgetShare and EqualTreatment"
    raise ClvError(f"{constraint!r} is not a constraint. Constraints are {kinds}.")


@limited.register
def _(constraint: Capacity, setting: Setting, budget: float) -> list[Limit]:
    actions = len(setting.actions)
    taken = _taken(constraint, setting)
    alike = taken.ndim == 1
    count = (taken if alike else np.zeros(actions))[None, None, :]
    unit, units = constraint.unit, f"{constraint.unit}s"
    if unit is None:
        unit, units = (f"{word} by {constraint.resource}" for word in ("contact", "contacts"))
    bound = np.array([float(constraint.at_most)])
    scale = np.array([constraint.at_most or float(taken.max(initial=0.0)) or 1.0])
    return [
        Limit(
            constraint.name, Wording(constraint.name, unit, units), bound, count, np.zeros((1, 1)), np.ones(1), scale,
            usage=None if alike else np.ascontiguousarray(taken),
        )
    ]  # fmt: skip


def _taken(constraint: Capacity, setting: Setting) -> Floats:
    """How much each action takes: (A,) or (n, A), checked."""
    usage, actions = constraint.usage, list(setting.actions)
    if usage is None:
        return setting.contacts_by(constraint.resource, constraint.name)
    if isinstance(usage, Mapping):
        unknown = sorted(set(usage) - set(actions))
        if unknown:
            raise ClvError(
                f"{constraint.name!r}: no action is called {', '.join(unknown)}. Actions are: {', '.join(actions)}."
            )
        usage = [usage.get(action, 0.0) for action in actions]
    taken = np.asarray(usage, dtype=float)
    if taken.shape not in ((len(actions),), (len(setting.ids), len(actions))):
        raise ClvError(
            f"{constraint.name!r}: usage has the shape {taken.shape}. Give one number per action ({len(actions)}), "
            f"or a row of them per customer ({len(setting.ids):,})."
        )
    if not (np.isfinite(taken).all() and (taken >= 0).all()):
        raise ClvError(f"{constraint.name!r}: usage is negative or missing somewhere. Give 0 or more.")
    return taken


@limited.register
def _(constraint: Coverage, setting: Setting, budget: float) -> list[Limit]:
    members = setting.members(constraint) & setting.counted
    size = int(members.sum())
    needed = constraint.at_least * size
    count = np.zeros((1, 2, len(setting.actions)))
    count[0, 1] = -1.0 * setting.counting(constraint.by, constraint.name)
    bound, loosened, scale = (np.array([float(number)]) for number in (-needed, size, max(needed, 1.0)))
    group = members.astype(np.int8)
    wording = in_points(constraint.name)
    return [Limit(constraint.name, wording, bound, count, np.zeros((1, 2)), loosened, scale, group=group)]


@limited.register
def _(constraint: BudgetShare, setting: Setting, budget: float) -> list[Limit]:
    if not (np.isfinite(budget) and budget > 0):
        raise ClvError(f"{constraint.name!r} is a share of a budget, and the budget is {budget}. Give a budget.")
    members = setting.members(constraint)
    out = []
    sides = (("at_least", -1.0, constraint.at_least), ("at_most", 1.0, constraint.at_most))
    for side, sign, share in sides:
        if share is None:
            continue
        alone = BudgetShare(
            **{side: share}, segment=constraint.segment, customers=constraint.customers, called=constraint.called
        )
        out.append(
            Limit(
                alone.name, in_points(alone.name), np.array([sign * share * budget]),
                np.zeros((1, 2, len(setting.actions))), np.array([[0.0, sign]]), np.array([budget]),
                np.array([max(share, 0.01) * budget]), group=members.astype(np.int8),
            )
        )  # fmt: skip
    return out


@limited.register
def _(constraint: EqualTreatment, setting: Setting, budget: float) -> list[Limit]:
    labels = setting.aligned(constraint.groups, constraint.name)
    codes, found = pd.factorize(labels, sort=True)
    codes = np.where(setting.counted, codes, -1) + 1
    sizes = np.bincount(codes, minlength=len(found) + 1)[1:]
    groups = np.flatnonzero(sizes) + 1
    if len(groups) < 2:
        raise ClvError(f"{constraint.name!r}: there are fewer than two groups. Give a label to each customer.")
    counting = setting.counting(constraint.by, constraint.name)
    rate = np.zeros((len(groups), len(found) + 1, len(setting.actions)))
    rate[np.arange(len(groups)), groups] = counting / sizes[groups - 1, None]
    pairs = np.array(list(permutations(range(len(groups)), 2)))
    ones = np.ones(len(pairs))
    return [
        Limit(
            constraint.name, in_points(constraint.name), ones * constraint.within,
            rate[pairs[:, 0]] - rate[pairs[:, 1]], np.zeros((len(pairs), len(found) + 1)), ones, ones, group=codes,
        )
    ]  # fmt: skip
