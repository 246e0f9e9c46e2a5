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
from clvmodels.value.valuation import bounds_of

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
    informed
        Mean over the draws of the sum over customers of their best allowed action's value in that draw: the net value if all
        parameters were known before choosing [currency].
    """

    gross: Array
    cost: Array
    outlay: Array
    spread: Array
    p_positive: Array
    response: Array
    informed: float

    @property
    def net(self) -> Array:
        return self.gross - self.cost


class Part(NamedTuple):
    """Of some customers: the fields of `ActionValues` (6, rows, actions + 1), and the sum of their best values (draws,)."""

    rows: Rows
    fields: Array
    best: Array


def action_values(worth: Worth, actions: Sequence[Action], allowed: NDArray[np.bool_]) -> ActionValues:
    """Value every action for every customer; memory does not grow with the draws.

    Parameters
    ----------
    allowed
        Which actions each customer may be given (n, actions + 1).
    """

    def reduce(block: Block) -> Part:
        best, columns = np.zeros((block.rows.size, worth.draws)), [np.zeros((6, block.rows.size))]
        for number, action in enumerate(actions, start=1):
            column, net = _one(block, action)
            columns.append(column)
            best = np.where(allowed[block.rows, number][:, None], np.maximum(best, net), best)
        return Part(block.rows, np.stack(columns, axis=2), best.sum(axis=0))

    parts = worth.play(reduce, description="Valuing actions", width=8)
    tables = np.empty((6, len(allowed), len(actions) + 1))
    for part in parts:
        tables[:, part.rows] = part.fields
    gross, cost, outlay, spread, p_positive, response = tables
    informed = float(np.sum([part.best for part in parts], axis=0).mean())
    return ActionValues(gross, cost, outlay, spread, p_positive, response, informed)


def _one(block: Block, action: Action) -> tuple[Array, Array]:
    """The fields of `ActionValues` of one action (6, rows), and its net value (rows, draws)."""
    valued = [block.value(contact) for contact in block.programme(action)]
    gross, cost, outlay = (
        np.sum(np.broadcast_arrays(*(getattr(one.value, name) for one in valued)), axis=0) for name in FLOWS
    )
    net = gross - cost
    means = [values.mean(axis=-1) * np.ones(len(net)) for values in (gross, cost, outlay)]
    return np.array([*means, net.std(axis=1), (net > 0).mean(axis=1), valued[0].response.mean(axis=1)]), net


def chosen_bounds(worth: Worth, actions: Sequence[Action], choice: Choice, interval: float) -> tuple[Array, Array]:
    """Interval of the net value of each customer's action, of its mean given the parameters, each (n,)."""
    lower, upper = np.zeros(choice.size), np.zeros(choice.size)

    def fill(block: Block) -> None:
        for number, action in enumerate(actions, start=1):
            some = np.flatnonzero(choice[block.rows] == number)
            if some.size:
                net = _one(block.picked(some), action)[1]
                lower[block.rows[some]], upper[block.rows[some]] = bounds_of(net, interval)

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
