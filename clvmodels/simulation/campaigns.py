"""A campaign of a simulated market: who is chosen, who is held out, and what a contact adds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.response.cells import NONE, Codes, Floats
from clvmodels.simulation.windows import Bought, State, effects, exposure, step
from clvmodels.simulation.world import People, World


class Campaign(NamedTuple):
    """Who was chosen for a campaign at the beginning of a window, in the order of the customers; all arrays of one length."""

    who: Codes
    window: Codes
    medium: Codes
    held: NDArray[np.bool_]
    responded: NDArray[np.bool_]
    score: Floats
    increment: Floats


def run_campaign(world: World, people: People, state: State) -> tuple[Campaign, Bought]:
    """Choose, assign and contact customers at the beginning of the state's window, and play it."""
    window, n = state.window, world.customers
    rng = np.random.default_rng([world.seed, 3, window])
    chosen, held, assigned, responding = (rng.random(n) for _ in range(4))
    scores = _scores(world, state)
    eager = special.expit(special.logit(world.contact_share) + world.targeting_strength * scores)
    who = np.flatnonzero((chosen < eager) & (people.joined < window * world.window))
    medium = np.searchsorted(np.cumsum(world.choice)[:-1], assigned[who], side="right")
    out = held[who] < world.holdout_share
    added = increment(world, people, state, who, medium)
    contact = np.full(n, NONE)
    contact[who[~out]] = medium[~out]
    _, bought = step(world, people, state, contact, seed=world.seed)
    buyer = np.zeros(n, dtype=bool)
    buyer[bought.who] = True
    responded = ~out & buyer[who] & (responding[who] < world.responding)
    score = scores[who] if world.targeting else np.full(len(who), np.nan)
    return Campaign(who, np.full(len(who), window), medium, out, responded, score, added), bought


def _scores(world: World, state: State) -> Floats:
    """By which the rule of targeting chooses, with 0 the score of somebody typical."""
    if world.targeting == "value":
        return np.asarray(np.log(state.spend / world.mean_amount))
    if world.targeting == "recency":
        weeks = state.window * world.window - state.last_day / 7
        return np.asarray(np.log((1 + world.window) / (1 + np.maximum(weeks, 0.0))))
    return np.zeros(world.customers)


def increment(world: World, people: People, state: State, rows: Codes, medium: Codes) -> Floats:
    """What contacts of customers `rows` by `medium` add to the probability of a purchase in the state's window."""
    mean = people.rate[rows] * exposure(world, people, state.window)[1][rows]
    some, none, effect = -np.expm1(-mean), np.exp(-mean), effects(world, people, state, rows, medium)
    return np.asarray(some * none * np.expm1(effect) / (none + some * np.exp(effect)))
