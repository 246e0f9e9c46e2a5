"""Every action for every customer: what it is worth on average and costs; and what a whole plan is worth, draw by draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvmodels.budget.actions import Action
from clvmodels.budget.valuing import Block, Rows, Valuer
from clvmodels.model import Array
from clvmodels.value.valuation import bounds_of

type Choice = NDArray[np.intp]


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
    """The fields of `ActionValues` of some customers (6, rows, actions + 1)."""

    rows: Rows
    fields: Array


def action_values(worth: Valuer, actions: Sequence[Action], *, weights: Array | None = None) -> ActionValues:
    """Value every action for every customer; memory does not grow with the draws.

    Parameters
    ----------
    weights
        Of the joint draws (draws,), adding up to one; equal if not given.
    """
    weight = np.full(worth.draws, 1.0 / worth.draws) if weights is None else weights

    def reduce(block: Block) -> Part:
        columns = [np.zeros((6, block.rows.size)), *(_fields(block, action, weight) for action in actions)]
        return Part(block.rows, np.stack(columns, axis=2))

    parts = worth.play(reduce, description="Valuing actions", width=8)
    tables = np.empty((6, worth.order.size, len(actions) + 1))
    for part in parts:
        tables[:, part.rows] = part.fields
    gross, cost, outlay, spread, p_positive, response = tables
    return ActionValues(gross, cost, outlay, spread, p_positive, response)


def _fields(block: Block, action: Action, weight: Array) -> Array:
    """The fields of `ActionValues` of one action (6, rows)."""
    valued = _programme(block, action, weight.size)
    net = valued.gross - valued.cost
    mean = net @ weight
    spread = np.sqrt(np.maximum((net - mean[:, None]) ** 2 @ weight, 0.0))
    return np.array([*(flow @ weight for flow in valued), spread, (net > 0) @ weight, _first(block, action) @ weight])


class Flows(NamedTuple):
    """What a programme brings, costs and takes (rows, draws) [currency]."""

    gross: Array
    cost: Array
    outlay: Array


def _programme(block: Block, action: Action, draws: int) -> Flows:
    values = [block.value(contact).value for contact in block.programme(action)]
    shape = (block.rows.size, draws)
    return Flows(*(np.sum([np.broadcast_to(one[k], shape) for one in values], axis=0) for k in range(3)))


def _first(block: Block, action: Action) -> Array:
    """P(buy within the window | the action's first contact) (rows, draws)."""
    return block.value(next(block.programme(action))).response


def chosen_bounds(worth: Valuer, actions: Sequence[Action], choice: Choice, interval: float) -> tuple[Array, Array]:
    """Interval of the net value of each customer's action, of its mean given the parameters, each (n,)."""
    lower, upper = np.zeros(choice.size), np.zeros(choice.size)

    def fill(block: Block) -> None:
        for number, action in enumerate(actions, start=1):
            some = np.flatnonzero(choice[block.rows] == number)
            if some.size:
                valued = _programme(block.picked(some), action, worth.draws)
                lower[block.rows[some]], upper[block.rows[some]] = bounds_of(valued.gross - valued.cost, interval)

    worth.play(fill, description="Intervals of the plan", width=8)
    return lower, upper


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


def plan_draws(worth: Valuer, actions: Sequence[Action], choices: Mapping[str, Choice]) -> dict[str, PlanDraws]:
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
