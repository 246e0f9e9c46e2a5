"""One window of a simulated market after the other: who buys when, given who is contacted.

Whether and when somebody buys in a window comes from random numbers that belong to the seed, the customer and the window. Two
policies played with one seed therefore differ only where a contact makes the difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from clvmodels.response.cells import NONE, Codes, Floats
from clvmodels.simulation.world import People, World

LARGE = 30.0
"""Above it, log(exp(x) - 1) is x."""


class Bought(NamedTuple):
    """Purchases of a window in the order of customers and time: row of the customer, day since the start, amount."""

    who: Codes
    day: NDArray[np.int64]
    amount: Floats


@dataclass
class State:
    """What a market knows of its customers at the beginning of a window; arrays (customers,), `stock` (customers, media).

    `last_day` is the day of the last purchase since the start, `stock` the number of contacts so far, discounted by half life.
    """

    window: int
    last_day: NDArray[np.int64]
    purchases: Floats
    spend: Floats
    stock: Floats

    def copy(self) -> State:
        return State(self.window, self.last_day.copy(), self.purchases.copy(), self.spend.copy(), self.stock.copy())


@njit(cache=True, nogil=True)
def _exponential(seed, customer, window, k):  # type: ignore[no-untyped-def]
    """The k-th exponential draw of a customer and window: a hash, so that it hangs on nothing else."""
    z = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(customer) * np.uint64(0xD1342543DE82EF95)
    z += np.uint64(window) * np.uint64(0xAF251AF3B0F025B5) + np.uint64(k) * np.uint64(0x2545F4914F6CDD1D)
    for _ in range(2):
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return -math.log((np.float64(z >> np.uint64(11)) + 0.5) * 2.0**-53)


@njit(cache=True, nogil=True)
def _purchases(seed, window, means, who, when):  # type: ignore[no-untyped-def]
    """Write purchases as long as there is room: customer, and time as a share of her time in the window; return their number."""
    used = 0
    for i in range(means.size):
        mean = means[i]
        if mean <= 0.0:
            continue
        reached = _exponential(seed, i, window, 0)
        k = 0
        while reached < mean:
            if used < who.size:
                who[used] = i
                when[used] = reached / mean
            used += 1
            k += 1
            reached += _exponential(seed, i, window, k)
    return used


def purchases(seed: int, window: int, means: Floats) -> tuple[Codes, Floats]:
    """Poisson purchases with these means: rows of the customers, and when, as a share of their time in the window."""
    room = int(1.1 * means.sum()) + 1000
    who, when = np.empty(room, np.intp), np.empty(room)
    used = _purchases(seed, window, means, who, when)
    if used > room:
        who, when = np.empty(used, np.intp), np.empty(used)
        _purchases(seed, window, means, who, when)
    return who[:used], when[:used]


def with_contact(mean: Floats, effect: Floats) -> Floats:
    """Expected purchases such that the logit of the probability of any is raised by `effect`.

    P(any) = 1 - exp(-mean), so its logit is log(exp(mean) - 1), and mean' = log(1 + (exp(mean) - 1) exp(effect)).
    """
    small = np.log1p(np.expm1(np.minimum(mean, LARGE)) * np.exp(effect))
    return np.asarray(np.where(mean > LARGE, np.maximum(mean + effect, 0.0), small))


def day_of(world: World, window: int | NDArray[np.intp], share: Floats) -> NDArray[np.int64]:
    """Day since the start of a moment in a window; the window's first day, that of contacts, has no purchases."""
    days = 7 * world.window
    return np.asarray(window * days + 1 + np.floor((days - 1) * share), dtype=np.int64)


def first_state(world: World, people: People, amounts: Floats) -> State:
    """Every customer's first purchase; until she joins, nothing else happens to her."""
    window = np.floor(people.joined / world.window).astype(np.intp)
    day = day_of(world, window, people.joined / world.window - window)
    n = len(people.rate)
    return State(0, day, np.ones(n), amounts.copy(), np.zeros((n, len(world.media))))


def exposure(world: World, people: People, window: int) -> tuple[Floats, Floats]:
    """When each customer's time in the window begins, and how long it is [weeks]; 0 before she joins and after she left."""
    start = float(window * world.window)
    begin = np.maximum(people.joined, start)
    return begin, np.maximum(np.minimum(people.dropout, start + world.window) - begin, 0.0)


def effects(world: World, people: People, state: State, rows: Codes, medium: Codes) -> Floats:
    """Effect on the logit, in the state's window, of contacting customers `rows` by media `medium` (both of one length)."""
    by_segment = np.array([[m.effect + m.segment_effects.get(s, 0.0) for m in world.media] for s in world.segments])
    per_week, fatigue = (np.array([getattr(m, name) for m in world.media]) for name in ("recency_effect", "fatigue"))
    weeks = state.window * world.window - state.last_day[rows] / 7
    own = state.stock[rows, medium]
    others = np.maximum(state.stock[rows].sum(axis=1) - own, 0.0)
    fresh = by_segment[people.segment[rows], medium] + per_week[medium] * weeks + people.own[rows, medium]
    return np.asarray(fresh - fatigue[medium] * np.log1p(own) - world.cross_fatigue * np.log1p(others))


def step(world: World, people: People, state: State, medium: Codes, *, seed: int) -> tuple[Floats, Bought]:
    """Play the state's window with these contacts (codes of media or `NONE`), and move the state to the next one.

    Returns
    -------
    expected purchases of each customer in the window, and the purchases made
    """
    window = state.window
    begin, length = exposure(world, people, window)
    means, rows = people.rate * length, np.flatnonzero(medium != NONE)
    means[rows] = with_contact(means[rows], effects(world, people, state, rows, medium[rows]))
    who, when = purchases(seed, window, means)
    share = (begin[who] + when * length[who]) / world.window - window
    day = day_of(world, window, np.clip(share, 0.0, np.nextafter(1.0, 0.0)))
    p, rng = float(world.quantity[0]), np.random.default_rng([seed, 2, window])
    amount = rng.standard_gamma(p, len(who)) / p * people.mean_spend[who]
    state.last_day[who] = day
    state.purchases += np.bincount(who, minlength=len(means))
    state.spend += np.bincount(who, amount, minlength=len(means))
    state.stock[rows, medium[rows]] += 1
    state.stock *= [0.5 ** (world.window * 7 / m.half_life.days) for m in world.media]
    state.window += 1
    return means, Bought(who, day, amount)
