"""Every action for every customer: what it is worth on average and costs; and what a whole plan is worth, draw by draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvmodels.budget.actions import Action
from clvmodels.budget.worth import Block, Rows, Worth
from clvmodels.model import Array

type Choice = NDArray[np.intp]

FLOWS = ("gross", "cost", "outlay")


@dataclass(frozen=True)
class ActionValues:
    """Of every action, doing nothing first, for every customer: each (n, actions + 1).

    Attributes
    ----------
    gross
        Mean present value of the margin it brings [currency].
    cost
        Mean present value of what it costs [currency].
    outlay
        Mean of the money it takes, not discounted: what a budget counts [currency].
    spread
        Standard deviation over the draws of what it brings less what it costs [currency].
    p_positive
        Probability that its mean effect pays for it.
    response
        P(buy within the window | first contact), 0 for doing nothing.
    """

    gross: Array
    cost: Array
    outlay: Array
    spread: Array
    p_positive: Array
    response: Array

    @property
    def net(self) -> Array:
        return self.gross - self.cost


class Part(NamedTuple):
    """The values of some customers (rows, actions + 1) by field of `ActionValues`."""

    rows: Rows
    fields: tuple[Array, ...]


def action_values(worth: Worth, actions: Sequence[Action]) -> ActionValues:
    """Value every action for every customer; memory does not grow with the draws."""

    def reduce(block: Block) -> Part:
        columns = [np.zeros((6, block.rows.size)), *(_one(block, action) for action in actions)]
        return Part(block.rows, tuple(np.stack([column[k] for column in columns], axis=1) for k in range(6)))

    parts = worth.play(reduce, description="Valuing actions", width=8)
    n = sum(part.rows.size for part in parts)
    tables = [np.empty((n, len(actions) + 1)) for _ in range(6)]
    for part in parts:
        for table, field in zip(tables, part.fields, strict=True):
            table[part.rows] = field
    return ActionValues(*tables)


def _one(block: Block, action: Action) -> Array:
    """The fields of `ActionValues` of one action (6, rows)."""
    valued = [block.value(contact) for contact in block.programme(action)]
    gross, cost, outlay = (
        np.sum(np.broadcast_arrays(*(getattr(one.value, name) for one in valued)), axis=0) for name in FLOWS
    )
    net = gross - cost
    means = [values.mean(axis=-1) * np.ones(len(net)) for values in (gross, cost, outlay)]
    return np.array([*means, net.std(axis=1), (net > 0).mean(axis=1), valued[0].response.mean(axis=1)])


class PlanDraws(NamedTuple):
    """A plan's totals in every joint draw, by medium (media, draws): what its contacts bring and cost, at present value
    [currency], and how many purchases they bring."""

    gross: Array
    cost: Array
    purchases: Array

    @property
    def net(self) -> Array:
        """Over all media (draws,)."""
        return np.asarray((self.gross - self.cost).sum(axis=0))


def plan_draws(worth: Worth, actions: Sequence[Action], choices: Mapping[str, Choice]) -> dict[str, PlanDraws]:
    """Totals of several plans in the same draws, so that they can be compared pair by pair.

    Parameters
    ----------
    choices
        For each plan the number of each customer's action (n,), 0 for nothing.
    """
    media = list(worth.media.media)

    def reduce(block: Block) -> Array:
        sums = np.zeros((len(choices), 3, len(media), worth.draws))
        for number, action in enumerate(actions, start=1):
            chosen = [choice[block.rows] == number for choice in choices.values()]
            some = np.flatnonzero(np.any(chosen, axis=0))
            if some.size == 0:
                continue
            inside = block.picked(some)
            for contact in inside.programme(action):
                valued, medium = inside.value(contact), media.index(contact.planned.medium)
                found = (valued.value.gross, valued.value.cost, valued.purchases)
                for plan, mask in enumerate(chosen):
                    weights = mask[some].astype(float)
                    for k, values in enumerate(found):
                        sums[plan, k, medium] += weights @ np.broadcast_to(values, (some.size, worth.draws))
        return sums

    totals = np.sum(worth.play(reduce, description="Drawing plans", width=8), axis=0)
    return {name: PlanDraws(*total) for name, total in zip(choices, totals, strict=True)}
