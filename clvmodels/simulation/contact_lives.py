"""The lives of customers under contacts, in continuous time and by thinning: exact, with stocks that decay at every moment.

Candidates of purchases and of leaving are points under a ceiling that the rates never reach; a point counts if it lies below the
rate at its moment. The points belong to the seed and do not depend on contacts, so two worlds differ only by what contacts do.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from clvmodels.errors import ClvError
from clvmodels.response.cells import Codes, Floats
from clvmodels.simulation.contact_world import ContactWorld, Customers

LATER = 4.0
"""How many times the half-life the stock of what comes after has."""
HIGHEST = 1000.0
"""Factor up to which rates are simulated."""
LEFT_ALONE, CONTACTED, HELD_OUT = 0, 1, 2


class Rules(NamedTuple):
    """What contacts do.

    Attributes
    ----------
    decay
        Of the stock of each medium [per day] (media,).
    purchase, dropout, purchase_later, dropout_later
        Effects on the two log rates (media,).
    irritation
        Effect of the square of all stocks on the two log rates (2,).
    saturation
        w in log(1 + w S) / log(1 + w).
    log_season
        Log factor of the purchase rate on each day since the start.
    """

    decay: Floats
    purchase: Floats
    dropout: Floats
    purchase_later: Floats
    dropout_later: Floats
    irritation: Floats
    saturation: float
    log_season: Floats


class Campaigns(NamedTuple):
    """Days of the media in order (C,), whose they are, and how customers are chosen.

    Attributes
    ----------
    day, medium, logit
        Day since the start, medium, and logit of its share (C,).
    score
        What is added to the logit of each customer (customers,).
    by_recency
        What is added per log of weeks since the last purchase, plus one, less log 5.
    held
        Share of those chosen who are not contacted after all.
    luck
        Uniform numbers (customers, C).
    """

    day: Codes
    medium: Codes
    logit: Floats
    score: Floats
    by_recency: float
    held: float
    luck: Floats


class Given(NamedTuple):
    """Contacts that are made in any case: those of customer i are `offset[i]` to `offset[i + 1]`, in order of days."""

    offset: NDArray[np.int64]
    day: Floats
    medium: Codes


class Points(NamedTuple):
    """Candidates, ragged by customer and in order of time: moment [days since the start] and height in units of her rate."""

    offset: NDArray[np.int64]
    time: Floats
    height: Floats


class Lives(NamedTuple):
    """What happened.

    Attributes
    ----------
    bought
        Which of the purchase candidates are purchases.
    gone
        When each customer left [days since the start], infinite if she has not.
    fate
        Of each customer on each day of the media: left alone, contacted or held out (customers, C).
    """

    bought: NDArray[np.bool_]
    gone: Floats
    fate: NDArray[np.int8]


def rules_of(world: ContactWorld, days: int) -> Rules:
    """The world's rules for so many days from its start."""
    return Rules(
        math.log(2) / world.each("half_life"), world.each("purchase"), world.each("dropout"),
        world.each("purchase_later"), world.each("dropout_later"), np.array(world.irritation), float(world.saturation),
        world.log_season(days),
    )  # fmt: skip


def ceilings(rules: Rules, peak: Floats, later_peak: Floats) -> tuple[int, int]:
    """Whole numbers that the factors of both rates stay below, when stocks stay below these (media,)."""
    found = []
    lasting = (rules.purchase_later, rules.dropout_later)
    season = (float(rules.log_season.max()), 0.0)
    for k, effect in enumerate((rules.purchase, rules.dropout)):
        top = sum(max(e, 0.0) * saturated(s, rules.saturation) for e, s in zip(effect, peak, strict=True))
        top += float(np.maximum(lasting[k], 0.0) @ later_peak) + max(rules.irritation[k], 0.0) * float(peak.sum()) ** 2
        if top + season[k] > math.log(HIGHEST):
            raise ClvError(
                f"With these effects a rate may rise to {math.exp(top + season[k]):,.0f} times itself. Give weaker ones, or "
                "contact less often."
            )
        found.append(math.floor(math.exp(top + season[k])) + 1)
    return found[0], found[1]


def points(rate: Floats, begin: Floats, end: float, *, ceiling: int, seed: list[int]) -> Points:
    """Candidates at `rate` per day from `begin` to `end` under a ceiling; those under a lower ceiling are among them."""
    length, layers = np.maximum(end - begin, 0.0), []
    for layer in range(ceiling):
        rng = np.random.default_rng([*seed, layer])
        owner = np.repeat(np.arange(rate.size), rng.poisson(rate * length))
        time = begin[owner] + length[owner] * rng.random(owner.size)
        layers.append((owner, time, layer + rng.random(owner.size)))
    who, when, height = (np.concatenate(one) for one in zip(*layers, strict=True))
    order = np.lexsort((when, who))
    offset = np.searchsorted(who[order], np.arange(rate.size + 1)).astype(np.int64)
    return Points(offset, when[order], height[order])


def nobody(customers: Customers) -> tuple[Campaigns, Given]:
    """No campaigns and no contacts."""
    n, none = customers.rate.size, np.zeros(0)
    whole = np.zeros(0, dtype=np.intp)
    return (
        Campaigns(whole, whole, none, np.zeros(n), 0.0, 0.0, np.zeros((n, 0))),
        Given(np.zeros(n + 1, dtype=np.int64), none, whole),
    )


@njit(cache=True, nogil=True)
def saturated(stock, w):  # type: ignore[no-untyped-def]
    """What a stock counts: one where it is one."""
    return stock if w == 0.0 else math.log1p(w * stock) / math.log1p(w)


@njit(cache=True, nogil=True)
def _factor(effect, later, irritation, w, stock, slow):  # type: ignore[no-untyped-def]
    """What stocks multiply a rate by."""
    total = together = 0.0
    for m in range(stock.size):
        total += effect[m] * saturated(stock[m], w) + later[m] * (slow[m] - stock[m])
        together += stock[m]
    return math.exp(total + irritation * together * together)


@njit(cache=True, nogil=True)
def peaks(given, decay):  # type: ignore[no-untyped-def]
    """The highest stock of each medium that these contacts lead to (media,)."""
    top, stock, now = np.zeros(decay.size), np.zeros(decay.size), 0.0
    for i in range(given.offset.size - 1):
        stock[:] = 0.0
        for k in range(given.offset[i], given.offset[i + 1]):
            if k > given.offset[i]:
                stock *= np.exp(-decay * (given.day[k] - now))
            now = given.day[k]
            stock[given.medium[k]] += 1.0
            top = np.maximum(top, stock)
    return top


@njit(cache=True, nogil=True)
def _chosen(campaigns, i, c, last):  # type: ignore[no-untyped-def]
    """The fate of customer i on the c-th day of the media."""
    logit = campaigns.logit[c] + campaigns.score[i]
    if campaigns.by_recency != 0.0:
        weeks = (campaigns.day[c] - math.floor(last)) / 7.0
        logit += campaigns.by_recency * math.log((1.0 + weeks) / 5.0)
    share = 1.0 / (1.0 + math.exp(-logit))
    if campaigns.luck[i, c] >= share:
        return LEFT_ALONE
    return HELD_OUT if campaigns.luck[i, c] < share * campaigns.held else CONTACTED


@njit(cache=True, nogil=True)
def lives(joined, buying, leaving, campaigns, given, rules):  # type: ignore[no-untyped-def]
    """Every customer's life; on one day contacts come before purchases. See `Lives`."""
    n, media, days = joined.size, rules.decay.size, campaigns.day.size
    bought, gone = np.zeros(buying.time.size, np.bool_), np.full(n, np.inf)
    fate, stock, slow = np.zeros((n, days), np.int8), np.zeros(media), np.zeros(media)
    for i in range(n):
        stock[:] = 0.0
        slow[:] = 0.0
        now, last, c, g, b, d = 0.0, joined[i], 0, given.offset[i], buying.offset[i], leaving.offset[i]
        while True:
            at_campaign = campaigns.day[c] if c < days else np.inf
            at_given = given.day[g] if g < given.offset[i + 1] else np.inf
            at_buying = buying.time[b] if b < buying.offset[i + 1] else np.inf
            at_leaving = leaving.time[d] if d < leaving.offset[i + 1] else np.inf
            then = min(min(at_campaign, at_given), min(at_buying, at_leaving))
            if then == np.inf:
                break
            for m in range(media):
                stock[m] *= math.exp(-rules.decay[m] * (then - now))
                slow[m] *= math.exp(-rules.decay[m] / LATER * (then - now))
            now = then
            medium = -1
            if at_campaign == then:
                if joined[i] < then:
                    fate[i, c] = _chosen(campaigns, i, c, last)
                    medium = campaigns.medium[c] if fate[i, c] == CONTACTED else -1
                c += 1
            elif at_given == then:
                medium = given.medium[g]
                g += 1
            elif at_buying == then:
                if gone[i] == np.inf:
                    season = math.exp(rules.log_season[int(then)])
                    factor = season * _factor(
                        rules.purchase, rules.purchase_later, rules.irritation[0], rules.saturation, stock, slow
                    )
                    if buying.height[b] < factor:
                        bought[b], last = True, then
                b += 1
            else:
                factor = _factor(rules.dropout, rules.dropout_later, rules.irritation[1], rules.saturation, stock, slow)
                if gone[i] == np.inf and leaving.height[d] < factor:
                    gone[i] = then
                d += 1
            if medium >= 0:
                stock[medium] += 1.0
                slow[medium] += 1.0
    return Lives(bought, gone, fate)
