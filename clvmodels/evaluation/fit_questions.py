"""Questions about a fit of contracts: whether customers left when and as often as it says, all of them and each kind."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, norm

from clvmodels.data.kaplan_meier import kaplan_meier
from clvmodels.data.tenures import Tenures
from clvmodels.estimation.result import Fit
from clvmodels.evaluation.contract_calibration import tenths
from clvmodels.evaluation.contract_questions import CHANCE
from clvmodels.evaluation.question import Question, middle, percent
from clvmodels.evaluation.slopes import slopes
from clvmodels.evaluation.stays import Flow, flow_of, is_discrete, log_stay, once_each, stay, theta_of
from clvmodels.model import Array

GAP = 0.01
"""Differences of a probability below it do not matter, however sure they are."""
PILED = 1.5
"""Times the variance of chance that counts of leavers by segment may have."""
PLACES = 10
"""Bins of the places of leavers."""
REPLICATES = 400
"""Worlds in which chance falls otherwise, at least."""
LEVEL = 0.90
"""Of the bands that are drawn."""


@dataclass(frozen=True, eq=False)
class Checked:
    """A fit, the customers it is held against, and how.

    Attributes
    ----------
    groups
        A label per customer, or None.
    horizon
        How long after entry calibration is looked at [period].
    """

    fit: Fit
    tenures: Tenures
    groups: NDArray[np.generic] | None
    horizon: float
    draws: int
    seed: int

    @cached_property
    def flow(self) -> Flow:
        """Leavers by tenure and group."""
        return flow_of(self.fit, self.tenures, draws=self.draws, seed=self.seed, groups=self.groups)

    @cached_property
    def theta(self) -> Array:
        return theta_of(self.fit, self.draws, self.seed)

    @cached_property
    def rng(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, 0xC0A5])

    def span(self, tenure: float) -> str:
        """So much tenure, in words."""
        return repr(round(float(tenure), 1) * self.tenures.period)


def curve(checked: Checked) -> Question:
    """Whether as many are still there at every tenure as the fit says."""
    flow = checked.flow.together().settled()
    seen, model = flow.survival()[0], flow.modelled()[:, 0]
    rounds = [flow.replicated(checked.rng)[:, 0] for _ in range(-(-REPLICATES // len(model)))]
    again, apart = np.concatenate(rounds), np.abs(seen - model).max(axis=1)
    p, mean = float(np.mean([np.abs(one - model).max(axis=1) >= apart for one in rounds])), model.mean(axis=0)
    worst = int(np.argmax(np.abs(seen - mean)))
    gap, then = float(seen[worst] - mean[worst]), percent(seen[worst])
    doubtful = p < CHANCE and abs(gap) > GAP
    because = f"at {checked.span(flow.edges[worst])} {then} are still there, where the fit has {percent(mean[worst])}"
    remedy = (
        "That is more than chance: the rate of leaving changes with tenure in another way. Compare other baselines with "
        "clv.compare_models."
        if doubtful
        else "That is the largest difference, and chance makes such or it does not matter."
    )
    low, high = np.quantile(again, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    evidence = {"tenure": flow.edges, "seen": seen, "mean": mean, "lower": low, "upper": high}
    return Question(
        "curve", "contracts", "Are as many still there at every tenure as the fit says?",
        "largest difference in the share still there", abs(gap), middle(gap, doubtful=doubtful), because, remedy, evidence,
    )  # fmt: skip


def segments(checked: Checked) -> Question:
    """Whether each segment loses as many customers as the fit says."""
    flow = checked.flow
    left, expected = flow.left.sum(axis=1), flow.expected.sum(axis=2)
    mean, variance = expected.mean(axis=0), flow.variance.sum(axis=1) + expected.var(axis=0)
    told = mean >= 1.0
    z = np.where(told, (left - mean) / np.sqrt(np.maximum(variance, 1e-300)), 0.0)
    spread, freedom = float(np.sum(z**2)), int(told.sum())
    ratio = spread / freedom if freedom else math.nan
    doubtful = bool(freedom) and float(chi2.sf(spread, freedom)) < CHANCE and ratio > PILED
    worst = int(np.argmax(np.abs(z)))
    because = (
        f"the numbers of leavers of {freedom} segments vary {ratio:.3g} times as much about what the fit expects as chance has "
        f"it; furthest off is {flow.names[worst]} with {left[worst]:,.0f} leavers where {mean[worst]:,.0f} are expected"
    )
    remedy = (
        "Segments differ in more than the fit knows, and intervals of their totals are too narrow: give the segment to the "
        "model, as a covariate, with clv.pooled or as a frailty."
        if doubtful
        else "Segments leave as the fit says."
    )
    low, high = np.quantile(flow.replicated(checked.rng), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    evidence: dict[str, NDArray[Any]] = {
        "names": np.array(flow.names), "left": left, "expected": mean, "sd": np.sqrt(variance), "tenure": flow.edges,
        "at_risk_at": _reached(flow), "seen": flow.survival(), "mean": flow.modelled().mean(axis=0), "lower": low, "upper": high,
    }  # fmt: skip
    return Question(
        "segments", "contracts", "Does each segment lose as many as the fit says?", "variance of leavers over that of chance",
        ratio, middle(ratio, doubtful=doubtful), because if freedom else "no segment lost a customer", remedy, evidence,
    )  # fmt: skip


def _reached(flow: Flow) -> NDArray[np.bool_]:
    """Edges up to which each segment had customers to be seen (groups, k + 1); the start counts."""
    there = flow.at_risk >= 1.0
    last = np.where(there.any(axis=1), there.shape[1] - np.argmax(there[:, ::-1], axis=1), 0)
    return np.asarray(np.arange(there.shape[1] + 1) <= last[:, None])


def residuals(checked: Checked) -> Question:
    """Whether the places of leavers in their predicted distributions are even (Cox and Snell, randomised for whole tenures)."""
    start, end, event = places(checked)
    edges = even_edges(end)
    low, high = edges, np.append(edges[1:], np.inf)
    inside = np.maximum(np.minimum(end[:, None], high) - np.maximum(start[:, None], low), 0.0)
    expected = inside.sum(axis=0)
    left = np.bincount(np.searchsorted(edges, end[event == 1], side="right") - 1, minlength=PLACES).astype(float)
    z2 = np.divide((left - expected) ** 2, expected, where=expected > 0, out=np.zeros(PLACES))
    told = expected >= 1.0
    p = float(chi2.sf(z2[told].sum(), max(int(told.sum()), 1)))
    table = kaplan_meier(start, end, event, np.ones(end.size), interval=LEVEL)
    table = table[(table["at_risk"] >= 1) & ((table["left"] > 0) | (table["tenure"] == 0))]
    table = table[table["tenure"] <= float(np.quantile(end, 0.98))]
    apart = np.abs(table["survival"].to_numpy() - np.exp(-table["tenure"].to_numpy()))
    gap = float(apart.max(initial=0.0))
    doubtful = p < CHANCE and gap > GAP
    because = (
        f"the places of leavers in the distributions predicted for them are {percent(gap)} away from even at most "
        f"(chance of such or more: {'below 0.001' if p < 0.001 else f'{p:.2g}'})"
    )
    remedy = (
        "The fit is wrong about when customers like these leave: compare other baselines with clv.compare_models, or add what "
        "tells customers apart."
        if doubtful
        else "Leavers fall evenly into what was predicted for them."
    )
    columns = {name: table[name].to_numpy(float) for name in ("tenure", "survival", "lower", "upper")}
    evidence = columns | {"edges": edges, "leavers": left, "expected": expected}
    return Question(
        "residuals", "contracts", "Do leavers fall evenly into what was predicted for them?",
        "largest difference of residuals' survival from exp(-r)", gap, middle(gap, doubtful=doubtful), because, remedy, evidence,
    )  # fmt: skip


def even_edges(end: Array) -> Array:
    """Lower edges of bins of residuals in which equally many leavers are expected (PLACES,)."""
    ordered = np.sort(end)
    beyond = np.arange(ordered.size - 1, -1, -1.0)
    reached = np.cumsum(ordered) + beyond * ordered
    return np.asarray(
        np.interp(np.arange(PLACES) / PLACES * reached[-1], np.append(0.0, reached), np.append(0.0, ordered))
    )


def places(checked: Checked) -> tuple[Array, Array, Array]:
    """Cox-Snell residuals: each customer's cumulative hazard at entry (0) and exit, and whether she left; a row each.

    With whole tenures somebody who left takes a random place between the residuals of her last two tenures: then, too, they are
    censored unit exponentials if the fit is right.

    Source: Cox and Snell 1968, JRSS B 30(2), 248-275; randomisation as in Dunn and Smyth 1996, JCGS 5(3), 236-244.
    """
    tenures = once_each(checked.tenures)
    reached, event = _predictive(checked, tenures, tenures.exit), tenures.event
    if is_discrete(checked.fit.model):
        before = _predictive(checked, tenures, np.where(event == 1, tenures.exit - 1.0, tenures.exit))
        reached = before - (before - reached) * checked.rng.random(reached.size)
    end = -np.log(np.maximum(reached, 1e-300))
    return np.zeros(end.size), end, event


def _predictive(checked: Checked, tenures: Tenures, until: Array) -> Array:
    """Probability of staying until then given entry, the mean over draws (n,)."""
    value, inverse = log_stay(checked.fit.model, checked.theta, tenures, until)
    return np.asarray(np.exp(value).mean(axis=0)[inverse])


def calibration(checked: Checked) -> Question:
    """Whether customers with a high predicted chance of leaving leave that often, by tenths of it."""
    tenures = checked.tenures
    predicted = 1 - stay(checked.fit, checked.theta, tenures, np.array([checked.horizon]))[:, 0]
    group = tenths(predicted, tenures.weights)
    time, number = tenures.exit - tenures.entry, int(group.max()) + 1
    seen, low, high, mean, se = (np.full(number, np.nan) for _ in range(5))
    for g in range(number):
        own = group == g
        table = kaplan_meier(np.zeros(own.sum()), time[own], tenures.event[own], tenures.weights[own], interval=LEVEL)
        mean[g] = float(np.average(predicted[own], weights=tenures.weights[own]))
        row = table[table["tenure"] <= checked.horizon].iloc[-1]
        if float(table["tenure"].max()) < checked.horizon and row["survival"] > 0:
            continue
        seen[g], low[g], high[g] = 1 - row["survival"], 1 - row["upper"], 1 - row["lower"]
        se[g] = max(float(high[g] - low[g]) / (2 * float(norm.ppf((1 + LEVEL) / 2))), 1e-9)
    known = np.isfinite(seen)
    apart = np.where(known, seen - mean, 0.0)
    p = float(chi2.sf(np.sum((apart[known] / se[known]) ** 2), max(int(known.sum()), 1)))
    worst = int(np.argmax(np.abs(apart)))
    doubtful = p < CHANCE and abs(float(apart[worst])) > 2 * GAP
    when = f"within {checked.span(checked.horizon)}"
    because = (
        f"of the group for whom leaving {when} is predicted at {percent(mean[worst])} on average {percent(seen[worst])} leave"
        if known.any()
        else f"nobody was followed for {checked.span(checked.horizon)}"
    )
    remedy = (
        "That is more than chance: predictions for single customers are too high or too low. Look at the other questions for why."
        if doubtful
        else "That is the group furthest off, and chance makes such or it does not matter."
    )
    finding = abs(float(apart[worst])) if known.any() else math.nan
    evidence = {"mean": mean, "seen": seen, "lower": low, "upper": high, "horizon": np.array([checked.horizon])}
    return Question(
        "calibration", "contracts", f"Do customers leave {when} as often as predicted for them?",
        "largest difference in the share of a group that leaves", finding, middle(finding, doubtful=doubtful), because,
        remedy if known.any() else "Give a shorter horizon.", evidence,
    )  # fmt: skip


def proportional(checked: Checked) -> Question:
    """Whether covariates move the chance of leaving at early and late tenures as the fit says."""
    found = slopes(checked.fit, checked.tenures, theta=checked.theta)
    z = np.divide(found.slope, found.error, where=found.error > 0, out=np.zeros(found.slope.size))
    size = max(int((found.error > 0).sum()), 1)
    worst = int(np.argmax(np.abs(z)))
    p = min(1.0, size * 2 * float(norm.sf(abs(z[worst]))))
    doubtful = p < CHANCE
    because = (
        f"with each doubling of tenure the effect of {found.names[worst]} on leaving (log of the hazard per standard deviation) "
        f"differs by {found.slope[worst] * math.log(2):+.3f} from what the fit says (standard error "
        f"{found.error[worst] * math.log(2):.3f})"
    )
    remedy = (
        "Its effect grows or fades with tenure: let early and late tenures have effects of their own, or take a baseline under "
        "which effects are of that kind (accelerated time in place of proportional hazards, or customers who differ)."
        if doubtful
        else "Effects do not change with tenure other than the fit says."
    )
    evidence = {"names": np.array(found.names), "slope": found.slope * math.log(2), "error": found.error * math.log(2)}
    return Question(
        "proportional", "contracts", "Do covariates act at early and late tenures as the fit says?",
        "largest change of an effect, in standard errors", abs(float(z[worst])), middle(z[worst], doubtful=doubtful), because,
        remedy, evidence,
    )  # fmt: skip
