"""Can these data support a model of purchasing until an unseen end? Five questions, asked before one is fitted."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln

from clvmodels.data.histories import Histories
from clvmodels.duration.regularity import INTERVAL, Regularity
from clvmodels.duration.regularity import regularity as estimate_regularity
from clvmodels.evaluation.question import ENOUGH, FEWEST, Question, counts_up_to, middle, percent
from clvmodels.model import Array

BARS = 5
"""The last bar of the histogram of repeat purchases holds this many and more."""
WINDOWS = 12
"""The first twelfth of the time in which customers joined is set against the rest, as in `log.quality()`."""
PILE_UP = 2.0
"""So many times as many joiners as later are a spike; seasons and growth move the rate of joining by less."""
CERTAIN = 3.0
"""Standard errors that a spike has to be above the later rate."""
COHORT = 0.1
"""Customers who all joined within this share of the observation are one cohort: there is no later rate to compare with."""
COARSE, SHARED = 60, 5
"""Fewer days of joining than five a window, shared by five customers or more, are cohorts: they are counted, not time."""
SHORT, TOO_SHORT = 0.5, 0.9
"""Share of customers younger than one usual time between purchases: they have had no time to be silent for too long."""
CHANCE = 2.0
"""Standard errors by which silence has to be longer than chance would make it."""
BURSTS, REGULAR = 0.8, 1.3
"""Between these shapes k of the time between purchases the Poisson models predict as well as those that know k."""


FEW_DAYS = 10.0
"""Purchases of one day count as one, so intervals of less than about ten days look more regular than they are."""


def repeaters(histories: Histories) -> Question:
    """Enough customers with two repeat purchases or more: one says that somebody came back, only the second how she differs."""
    x, people = histories.frequency, len(histories)
    once, twice = int(np.count_nonzero(x >= 1)), int(np.count_nonzero(x >= 2))
    verdict = middle(twice, doubtful=twice < ENOUGH, cannot=twice < FEWEST)
    few = "" if verdict == "fine" else "only "
    told = {
        "fine": "How customers differ can be learnt from them.",
        "doubtful": f"How customers differ will be uncertain and lean on the priors; {ENOUGH} would do. Use method='nuts' or "
        "'laplace' and report the intervals, observe for longer, or add customers.",
        "cannot support": f"How customers differ would be a guess with fewer than {FEWEST}. Observe for longer or add customers.",
    }[verdict]
    return Question(
        "repeaters", "purchases", "Are there enough repeat buyers?", "customers with 2 or more repeat purchases", float(twice),
        verdict,
        f"{few}{twice:,} of {people:,} customers ({percent(twice / people)}) bought again twice or more, and {once:,} "
        f"({percent(once / people)}) at least once",
        told, {"customers": counts_up_to(x, BARS)},
    )  # fmt: skip


def beginning(histories: Histories) -> Question:
    """No spike of first purchases when the log begins: it would be old customers, seen for the first time and taken for new."""
    joined = np.round((histories.T.max() - histories.T) * histories.period.days, 6)
    span, longest = float(joined.max()), float(histories.T.max()) * histories.period.days
    asked, measure = "Are first purchases really the first?", "joiners per day in the first twelfth, over later ones"
    if span <= COHORT * longest:
        within = f"within {span:,.0f} days" if span else "at one time"
        evidence = {"edges": np.array([0.0, max(span, 1.0)]), "rate": np.array([len(histories) / max(span, 1.0)])}
        return Question(
            "beginning", "purchases", asked, measure, math.nan, "doubtful",
            f"all customers joined {within}, one short cohort, and a cohort that was won then looks just like old "
            "customers whom a log that starts late shows for the first time",
            "If they were new then, all is well. If the log was cut there, leave out who was a customer before.", evidence,
        )  # fmt: skip
    found = _joining(joined, span)
    first, later = found.people[0], float(found.people[1:].sum())
    expected = later / found.exposure[1:].sum() * found.exposure[0]
    ratio = float(first / expected)
    error = math.sqrt(expected * (1 + found.exposure[0] / found.exposure[1:].sum()))
    spike = ratio > PILE_UP and first - expected > CERTAIN * error
    until, young = f"{found.edges[1]:,.0f} days", histories.T.max() - found.edges[1] / histories.period.days
    remedy = (
        "Either there was a campaign, or the log begins late and these customers were not new: their first purchase here is not "
        "their first, and they are taken for younger than they are. Keep the later ones, "
        f"histories.select(histories.T < {young:.4g}) or fewer, or get an older log."
        if spike
        else "No sign that the log cuts off earlier purchases."
        if ratio <= PILE_UP
        else "With so few customers that is no more than chance."
    )
    return Question(
        "beginning", "purchases", asked, measure, ratio, middle(ratio, doubtful=spike),
        f"in the first {until} of the {span:,.0f} in which customers joined, {ratio:.1f} times as many joined per day as later "
        f"({int(first):,} of {len(histories):,} customers)",
        remedy, {"edges": found.edges, "rate": found.people / np.diff(found.edges)},
    )  # fmt: skip


class _Joining(NamedTuple):
    """Windows of the time in which customers joined: how many did, how long it is or how many days of joining it holds."""

    people: Array
    exposure: Array
    edges: Array


def _joining(joined: Array, span: float) -> _Joining:
    days, people = np.unique(joined, return_counts=True)
    if days.size < COARSE and days.size * SHARED <= joined.size:
        groups = np.array_split(np.arange(days.size), min(WINDOWS, days.size))
        starts = [days[group[0]] for group in groups]
        edges = np.array([*starts, span + (days[-1] - days[-2])])
        return _Joining(
            np.array([people[g].sum() for g in groups], float), np.array([g.size for g in groups], float), edges
        )
    end = span + float(np.diff(days).min())  # the last day counts in full
    held, edges = np.histogram(joined, bins=WINDOWS, range=(0.0, end))
    return _Joining(held.astype(float), np.diff(edges), edges)


def age(histories: Histories) -> Question:
    """Customers observed for longer than they usually take to come back: before, nobody has been silent for too long.

    The usual time between purchases is that of customers who came back, as if they bought at one rate: the maximum likelihood of
    counts of which the zeros are not seen, so that a short observation, which shows quick returns only, does not make it short.
    """
    usual, unit = usual_interval(histories), histories.period.name
    share = float(np.mean(usual > histories.T))
    verdict = middle(share, doubtful=share > SHORT, cannot=share > TOO_SHORT)
    if math.isinf(usual):
        because = "nobody bought again more than once, so the time between purchases is longer than the observation"
    else:
        because = f"who comes back takes {usual:.1f} {unit}s to do so, and {percent(share)} of customers were observed for less"
    remedy = {
        "fine": "Customers were watched long enough to be missed.",
        "doubtful": "Young customers say little about leaving; the older ones decide. Observe for longer, or show P(alive) with "
        "its interval.",
        "cannot support": "Silence cannot be told from waiting for the next purchase, so who left cannot be seen. Observe for "
        "several times that long, or fit NBD, in which nobody leaves.",
    }[verdict]
    return Question(
        "age", "purchases", "Is the observation long enough to see customers leave?",
        "share of customers younger than one usual time between purchases", share, verdict, because, remedy,
        {"T": histories.T, "usual": np.array([usual])},
    )  # fmt: skip


def usual_interval(histories: Histories) -> float:
    """Time between purchases of customers who came back [period, > 0]; infinite if none of them came back twice.

    Solves sum(x) = sum(rate T / (1 - exp(-rate T))) over repeat buyers: zero-truncated Poisson maximum likelihood.

    Source: DavidJohnson1952, here with an exposure T per customer.
    """
    again = histories.frequency > 0
    x, T = histories.frequency[again], histories.T[again]
    if not np.any(x > 1):
        return math.inf

    def excess(log_rate: float) -> float:
        load = np.exp(log_rate) * T
        return float(np.sum(load / -np.expm1(-load)) - x.sum())

    # load < load / (1 - exp(-load)) < 1 + load
    low, high = math.log((x - 1).sum() / T.sum()), math.log(x.sum() / T.sum())
    return math.exp(-brentq(excess, low - 1e-9, high + 1e-9))


def dropout(histories: Histories) -> Question:
    """Silence since the last purchase longer than chance makes it if nobody leaves.

    Given x purchases at random times in T, the last is at T times a Beta(x, 1), so (t_x / T)^x is uniform. Its mean is one half
    if nobody leaves, and lower if customers fall silent, whatever their rates. Dates on a grid of days (or opportunities) are x
    of T days without repetition, and take the middle of their step, whose mean is one half as well.
    """
    low, high = places(histories)
    place, n = (low + high) / 2, low.size
    mean = float(np.mean(place)) if n else math.nan
    error = 1 / math.sqrt(12 * n) if n else math.nan
    if not n:
        because = "nobody bought again, or everybody at every opportunity, so there is no silence to look at"
        remedy = "Observe for longer."
    else:
        facts = f"the mean place of the last purchase of {n:,} repeat buyers is {mean:.3f} (standard error {error:.3f})"
        side, remedy = _about_dropout(mean, error, n)
        because = f"{facts}, {side} the 0.5 of customers who never leave"
    return Question(
        "dropout", "purchases", "Do the data show that customers leave?",
        "mean of (recency / T)^frequency of repeat buyers", mean,
        middle(mean, doubtful=mean + CHANCE * error >= 0.5), because, remedy, {"low": low, "high": high},
    )  # fmt: skip


def _about_dropout(mean: float, error: float, n: int) -> tuple[str, str]:
    """On which side of one half, and what follows."""
    if mean + CHANCE * error < 0.5:
        return "below", (
            "They fall silent for longer than chance: leaving is to be seen (bursts of purchases would look alike)."
        )
    if n < ENOUGH:
        return "too few to tell it from", (
            "Parameters of leaving will come from the prior. Observe for longer, or add customers."
        )
    if mean - CHANCE * error > 0.5:
        return "above", (
            "Purchases crowd towards the end: a season, growing rates or regular buying hide whoever leaves, and these data show "
            "no dropout. Parameters of leaving will come from the prior; compare with NBD."
        )
    return "which does not differ from", (
        "These data show no dropout: parameters of leaving will come from the prior, and maximum likelihood may have no maximum. "
        "NBD is enough; observe for longer to see who leaves."
    )


def places(histories: Histories) -> tuple[Array, Array]:
    """Probability of an earlier last purchase, and of one as early, if nobody leaves: (m,), (m,) of repeat buyers; equal in
    continuous time. Who bought at every opportunity is left out.
    """
    again = histories.frequency > 0
    x, t, T = (v[again] for v in (histories.frequency, histories.recency, histories.T))
    for step in (1.0, 1.0 / histories.period.days):
        last, steps = np.rint(t / step), np.rint(T / step)
        if np.all(np.abs(last * step - t) + np.abs(steps * step - T) < 1e-6 * step) and np.all(x <= last):
            free = x < steps
            x, last, steps = x[free], last[free], steps[free]
            return _at_most(last - 1, x, steps), _at_most(last, x, steps)
    share = (t / T) ** x
    return share, share


def _at_most(last: Array, x: Array, steps: Array) -> Array:
    """Probability that x of the days 1 to `steps`, each at most once, are all at or before `last`."""
    inside = np.maximum(last, x)
    logs = gammaln(inside + 1) - gammaln(inside - x + 1) - gammaln(steps + 1) + gammaln(steps - x + 1)
    return np.where(last >= x, np.exp(np.minimum(logs, 0.0)), 0.0)


def regularity(histories: Histories) -> Question:
    """Times between a customer's purchases are exponential: gamma with shape k = 1; above it more regular, below it in bursts."""
    found = _regularity(histories)
    if found is None:
        known = histories.log_intervals is not None
        because = (
            "no customer has two repeat purchases" if known else "the histories do not hold the times between purchases"
        )
        remedy = "Make them with log.histories(period=..., intervals=True), or give the table a column log_intervals."
        remedy = "Observe for longer." if known else remedy
        return _about_k(math.nan, because, remedy, None)
    facts = (
        f"the shape k of the time between purchases is {found.k:.2f} ({100 * INTERVAL:.0f} % interval {found.lower:.2f} to "
        f"{found.upper:.2f}; "
        f"{found.customers:,.0f} customers)"
    )
    if found.lower > REGULAR:
        remedy = "Models of random purchases see silence too late. Use BG_CNBD_K(k=2), and compare_models with BG_NBD."
        if usual_interval(histories) * histories.period.days < FEW_DAYS:
            remedy += f" Or it comes from counting by the day: purchases here are less than {FEW_DAYS:g} days apart."
        return _about_k(found.k, f"{facts}, more regular than chance (k = 1)", remedy, found)
    if found.upper < BURSTS:
        return _about_k(
            found.k, f"{facts}, in bursts (k = 1 is chance)",
            "The time between purchases is overdispersed: after a burst, models of random purchases declare customers dead too "
            "soon. Count orders that belong together as one, take a longer period, and check the forecast on a holdout.",
            found,
        )  # fmt: skip
    return _about_k(
        found.k, f"{facts}, near the 1 of purchases at random", "Models of purchases at random will do.", found
    )


def _about_k(k: float, because: str, remedy: str, found: Regularity | None) -> Question:
    interval = np.array([] if found is None else [found.lower, found.k, found.upper])
    doubtful = found is None or found.lower > REGULAR or found.upper < BURSTS
    return Question(
        "regularity", "purchases", "Do customers buy at random times?", "shape k of the time between purchases", k,
        middle(k, doubtful=doubtful), because, remedy, {"k": interval},
    )  # fmt: skip


def _regularity(histories: Histories) -> Regularity | None:
    if histories.log_intervals is None or not np.any(histories.frequency >= 2):
        return None
    return estimate_regularity(histories)
