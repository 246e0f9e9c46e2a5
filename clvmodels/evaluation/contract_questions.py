"""Questions about contracts before a model is fitted: who left, how far one can see, and whether the risk of leaving changes."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from scipy.stats import chi2

from clvmodels.data.tenures import Tenures
from clvmodels.evaluation.question import ENOUGH, FEWEST, Question, middle, percent
from clvmodels.model import Array

CHANCE = 0.01
"""A difference from what a model expects is doubted if chance alone makes one as large less often than this."""
SEEN = 0.5
"""Share still there at the last tenure above which most of a lifetime is extrapolated."""
STEADY = 0.1
"""Relative difference between the rates of leaving of early and late tenures below which it does not matter."""
BINS = 8
"""Stretches of tenure with about as many leavers each, over which the rate of leaving is compared."""


def leavers(tenures: Tenures) -> Question:
    """Whether enough customers left to estimate how they leave."""
    left = float(tenures.weights @ tenures.event)
    late = float(tenures.weights[tenures.entry > 0].sum())
    because = f"{left:,.0f} of {len(tenures):,} customers were seen leaving"
    because += f", and {late:,.0f} entered late and count from then on" if late else ""
    remedy = {
        "fine": "That is enough for a rate and its change with tenure.",
        "doubtful": "A rate of leaving can be estimated, its change with tenure hardly: intervals will be wide.",
        "cannot support": "A rate estimated from so few is a guess: observe longer or more customers.",
    }
    verdict = middle(left, doubtful=left < ENOUGH, cannot=left < FEWEST)
    return Question(
        "leavers", "contracts", "Did enough customers leave?", "customers seen leaving [count]", left, verdict, because,
        remedy[verdict], {"customers": np.array([left, tenures.weights.sum() - left])},
    )  # fmt: skip


def follow_up(tenures: Tenures) -> Question:
    """How much of the lifetimes lies beyond the longest tenure that was seen."""
    table = tenures.kaplan_meier()
    held = table[table["at_risk"] >= FEWEST]
    row = held.iloc[-1] if len(held) else table.iloc[0]
    share, last = float(row["survival"]), repr(round(float(row["tenure"]), 1) * tenures.period)
    because = f"{percent(share)} of customers are still there at {last}, the longest tenure at which {FEWEST} or more were seen"
    good = "The greater part of most lifetimes is in the data."
    poor = (
        "What lies beyond is extrapolated and hangs on the model: give a horizon that was seen, or compare what several models "
        "say with clv.compare_models."
    )
    doubtful = share > SEEN
    evidence = {name: held[name].to_numpy(float) for name in ("tenure", "survival", "lower", "upper")}
    return Question(
        "follow-up", "contracts", "Were customers followed long enough?", "share still there at the longest tenure seen",
        share, middle(share, doubtful=doubtful), because, poor if doubtful else good, evidence,
    )  # fmt: skip


def rate(tenures: Tenures) -> Question:
    """Whether the chance of leaving is the same at every tenure."""
    edges, left, exposed = leaving_by_stretch(tenures)
    asked, measure = "Is the chance of leaving the same at every tenure?", "rate of leaving, last stretch over first"
    evidence = {"edges": edges, "left": left, "exposed": exposed}
    if left.size < 2:
        text = "too few customers left at different tenures"
        return Question("rate", "contracts", asked, measure, math.nan, "doubtful", text, "Observe longer.", evidence)
    overall = left.sum() / exposed.sum()
    expected = overall * exposed
    chance = float(chi2.sf(np.sum((left - expected) ** 2 / expected), left.size - 1))
    each = left / exposed
    ratio = float(each[-1] / each[0])
    changes = chance < CHANCE and float(np.max(np.abs(each / overall - 1))) > STEADY
    name = tenures.period.name
    because = (
        f"the rate of leaving is {each[0]:.3g} per {name} in the first stretch of tenure and {each[-1]:.3g} in the last"
    )
    remedy = (
        "A constant rate, and every formula that assumes one (GEOMETRIC, 1/churn), is wrong for them: take a model in which it "
        "changes, such as SHIFTED_BETA_GEOMETRIC."
        if changes
        else "A constant rate is enough for them; models in which it changes will say the same."
    )
    return Question(
        "rate", "contracts", asked, measure, ratio, middle(ratio, doubtful=changes), because, remedy, evidence
    )


def leaving_by_stretch(tenures: Tenures) -> tuple[Array, Array, Array]:
    """Edges of stretches of tenure (k + 1,), and in each the leavers and the time at risk (k,)."""
    left = tenures.event == 1
    if not left.any():
        return np.zeros(1), np.zeros(0), np.zeros(0)
    order = np.argsort(tenures.exit[left])
    times, weights = tenures.exit[left][order], tenures.weights[left][order]
    share = np.cumsum(weights) / weights.sum()
    inner = times[np.searchsorted(share, np.arange(1, BINS) / BINS)]
    edges = np.unique([tenures.entry.min(), *inner, times[-1]])
    gone, exposed = [], []
    for low, high in pairwise(edges):
        there = np.maximum(np.minimum(tenures.exit, high) - np.maximum(tenures.entry, low), 0.0)
        exposed.append(float(tenures.weights @ there))
        gone.append(float(tenures.weights[left] @ ((tenures.exit[left] > low) & (tenures.exit[left] <= high))))
    return edges, np.array(gone), np.array(exposed)
