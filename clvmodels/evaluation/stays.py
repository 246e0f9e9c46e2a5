"""What a fit of contracts says of the customers it is checked on: how likely each stays, and how many should leave when.

Everything here needs of a model the probability alone that a customer stays until some tenure, given that she was there when
observation began. So late entry needs no care of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvmodels.covariates.competing import CompetingModel
from clvmodels.covariates.survival_model import SurvivalModel
from clvmodels.data.tenures import Tenures
from clvmodels.duration.contractual import Contractual
from clvmodels.duration.renewals import insist_on_whole
from clvmodels.errors import ClvError, ModelError, UnitError
from clvmodels.estimation.result import Fit
from clvmodels.evaluation.left_out import in_blocks
from clvmodels.evaluation.question import FEWEST
from clvmodels.history import covariates_of
from clvmodels.model import Array, Model
from clvmodels.numerics.distinct import distinct
from clvmodels.units import Period, Span, as_span

EVALUATIONS, FEWEST_DRAWS = 2e7, 20
"""Likelihoods of one customer under one draw that a check may cost; draws that it has at least."""
STEPS = 60
"""Equal steps of tenure into which continuous times are cut."""


def is_discrete(model: Model) -> bool:
    """Whether it is known of leavers by which whole tenure they left and no more, so that the likelihood is a probability."""
    if isinstance(model, CompetingModel):
        return any(is_discrete(one) for one in model.causes)
    by_period = isinstance(model, SurvivalModel) and model.by_period
    return by_period or (isinstance(model, Contractual) and model.whole)


def insist_on_contracts(fit: Fit, tenures: Tenures) -> None:
    """Refuse a fit of another kind of model, or in another unit than the tenures."""
    if not isinstance(tenures, Tenures):
        raise ClvError(f"A fit of contracts is checked on tenures, not on {type(tenures).__name__}.")
    if not isinstance(fit, Fit) or not isinstance(fit.model, Contractual):
        shown = fit.model if isinstance(fit, Fit) else fit
        raise ModelError(f"{shown!r} is no fit of a model of contracts. Give one such as fit(GEOMETRIC, tenures).")
    if tenures.period != fit.period:
        raise UnitError(
            f"The tenures count {tenures.period}s and the fit {fit.period}s. Make the tenures with the fit's period."
        )
    if is_discrete(fit.model):
        for name in ("exit", "entry"):
            insist_on_whole(fit.model.name, getattr(tenures, name), name, tenures)


def log_stay(model: Any, theta: Array, tenures: Tenures, until: Array) -> tuple[Array, NDArray[np.intp]]:
    """Log probability of being there at tenure `until` (n,) given being there at entry, for customers who differ in it.

    Returns
    -------
    arrays (draws, m) for theta (draws, k), and which of the m each customer is (n,). Where `until` is not after entry: 0.
    """
    *_, inverse, example = distinct([tenures.entry, until, *known_to(model, tenures)])
    more = np.maximum(until - tenures.entry, 0.0)
    draws = model.Theta(*theta.T[:, :, None])

    def block(part: slice) -> tuple[Array]:
        rows = example[part]
        own = model.each(draws, rows_of(tenures, rows))
        return (np.broadcast_to(model.log_stay(own, tenures.entry[rows], more[rows]), (len(theta), rows.size)).T,)

    [found] = in_blocks(block, example.size, len(theta))
    return found.T, inverse


def known_to(model: Any, tenures: Tenures) -> list[NDArray[Any]]:
    """The covariates of customers that the model reads; of a frailty's labels those that are there."""
    return covariates_of(tenures, model.reads_of(tenures))  # type: ignore[arg-type]


def rows_of(tenures: Tenures, rows: NDArray[np.intp]) -> Tenures:
    """Some rows as models read them, one customer each."""
    return Tenures(
        tenures.customer_id[rows], tenures.entry[rows], tenures.exit[rows], tenures.event[rows], tenures.period,
        contract=None if tenures.contract is None else tenures.contract[rows],
        segment=None if tenures.segment is None else tenures.segment[rows],
        covariates={name: column[rows] for name, column in (tenures.covariates or {}).items()} or None,
    )  # fmt: skip


def stay(fit: Fit, theta: Array, tenures: Tenures, ahead: Array) -> Array:
    """Predictive probability that each customer is still there so long after entry, (n, times): the mean over draws."""
    columns = []
    for more in ahead:
        value, inverse = log_stay(fit.model, theta, tenures, tenures.entry + more)
        columns.append(np.exp(value).mean(axis=0)[inverse])
    return np.column_stack(columns)


def theta_of(fit: Fit, draws: int, seed: int) -> Array:
    """Draws of theta (draws, k)."""
    return np.column_stack(fit.draws(draws, seed=seed))


def affordable(model: Any, tenures: Tenures, *, times: float, draws: int) -> int:
    """So many draws, or fewer where nearly every customer is one of a kind; `times` is how often each is evaluated."""
    kinds = distinct([tenures.entry, *known_to(model, tenures)]).counts.size
    return int(min(draws, max(EVALUATIONS / (kinds * times), FEWEST_DRAWS)))


def periods_of(horizon: Span | Period, tenures: Tenures, *, discrete: bool) -> float:
    """A horizon in the periods of the tenures; whole ones for a discrete model."""
    ahead = as_span(horizon, name="horizon").per(tenures.period)
    ahead = math.floor(ahead + 1e-9) if discrete and math.isfinite(ahead) else ahead
    if not (math.isfinite(ahead) and ahead > 0):
        raise ClvError(f"horizon={horizon!r} is not a time in which somebody could leave. Give some {tenures.period}s.")
    return float(ahead)


def usual_horizon(time: Array, weights: Array, *, discrete: bool) -> float:
    """How long most customers were followed: the time that a quarter of them, leavers too, were followed beyond."""
    order = np.argsort(time)
    cumulated = np.cumsum(weights[order])
    found = float(time[order][np.searchsorted(cumulated, 0.75 * cumulated[-1])])
    return max(1.0, math.floor(found)) if discrete else found


@dataclass(frozen=True, eq=False)
class Flow:
    """Leavers by tenure and group: how many there were, and how many a model expects of those who were still there.

    At each tenure a model says how many of those who are there leave. What they did differs from it by chance alone if the model
    is right, and independently of the tenures before: whatever made customers enter late, or ends their observation.

    Attributes
    ----------
    edges
        Tenures (k + 1,); the steps are between them.
    at_risk, left
        Customers there during each step (for continuous times on average over it) and leavers, by group (groups, k).
    expected
        Leavers expected under each draw (draws, groups, k).
    names
        Of the groups.
    discrete
        Whether customers leave at the edges only.
    """

    edges: Array
    at_risk: Array
    left: Array
    expected: Array = field(repr=False)
    names: tuple[str, ...]
    discrete: bool

    @cached_property
    def hazard(self) -> Array:
        """Chance of leaving in each step under each draw (draws, groups, k)."""
        return np.clip(
            np.divide(self.expected, self.at_risk, where=self.at_risk > 0, out=np.zeros_like(self.expected)), 0, 1
        )

    @property
    def variance(self) -> Array:
        """Of the leavers in each step, given the model (groups, k)."""
        mean = self.expected.mean(axis=0)
        return np.asarray(mean * (1 - self.hazard.mean(axis=0)) if self.discrete else mean)

    def together(self) -> Flow:
        """All groups as one."""
        at_risk, left, expected = (one.sum(axis=-2, keepdims=True) for one in (self.at_risk, self.left, self.expected))
        return Flow(self.edges, at_risk, left, expected, ("all",), self.discrete)

    def settled(self) -> Flow:
        """Without the last tenures, that few customers were seen at."""
        enough = self.at_risk.sum(axis=0) >= FEWEST
        last = int(np.flatnonzero(enough)[-1]) + 1 if enough.any() else 1
        at_risk, left, expected = (one[..., :last] for one in (self.at_risk, self.left, self.expected))
        return Flow(self.edges[: last + 1], at_risk, left, expected, self.names, self.discrete)

    def survival(self) -> Array:
        """Share still there after each step as it was, by group (groups, k + 1)."""
        return _survival(np.divide(self.left, self.at_risk, where=self.at_risk > 0, out=np.zeros_like(self.left)))

    def modelled(self) -> Array:
        """The same as the model has it, under each draw (draws, groups, k + 1)."""
        return _survival(self.hazard)

    def replicated(self, rng: np.random.Generator) -> Array:
        """The same had chance fallen otherwise, once for each draw (draws, groups, k + 1)."""
        there = np.broadcast_to(np.rint(self.at_risk), self.expected.shape)
        if self.discrete:
            left = rng.binomial(there.astype(np.int64), self.hazard)
        else:
            left = np.minimum(rng.poisson(self.expected), there)
        return _survival(np.divide(left, there, where=there > 0, out=np.zeros(there.shape)))


def flow_of(fit: Fit, tenures: Tenures, *, draws: int, seed: int, groups: NDArray[np.generic] | None = None) -> Flow:
    """Leavers by tenure and group (n,) of customers, and how many the fit expects."""
    names, code = (np.array(["all"]), np.zeros(tenures.exit.size, np.intp)) if groups is None else _groups(groups)
    edges, theta = edges_of(fit.model, tenures), theta_of(fit, draws, seed)
    found = []
    for step in steps_of(fit.model, theta, tenures, edges):
        weight, own, size = tenures.weights[step.rows], code[step.rows], step.expected.shape[1]
        cells = np.bincount(own * size + step.kind, weight, names.size * size).reshape(names.size, size)
        there, gone = (np.bincount(own, weight * one, names.size) for one in (step.exposure, step.left))
        found.append((there, gone, step.expected @ cells.T))
    at_risk, left, expected = (np.stack(column, axis=-1) for column in zip(*found, strict=True))
    return Flow(edges, at_risk, left, expected, tuple(map(str, names)), is_discrete(fit.model))


class Step(NamedTuple):
    """Customers at risk between two tenures: their rows, for how much of it, who left; leavers expected of each kind of them."""

    low: float
    high: float
    rows: NDArray[np.intp]
    exposure: Array
    left: Array
    expected: Array
    """(draws, kinds)"""
    kind: NDArray[np.intp]

    @property
    def mean(self) -> Array:
        """Leavers expected of each customer, over the draws."""
        return np.asarray(self.expected.mean(axis=0)[self.kind])


def steps_of(model: Any, theta: Array, tenures: Tenures, edges: Array) -> Iterator[Step]:
    """The steps between edges, one after the other."""
    entry, exit, discrete = tenures.entry, tenures.exit, is_discrete(model)
    before, known = np.zeros((len(theta), 1)), np.zeros(exit.size, np.intp)
    for low, high in pairwise(edges):
        rows = np.flatnonzero((exit > low) & (entry < high))
        end, begin = np.minimum(exit[rows], high), np.maximum(entry[rows], low)
        value, inverse = log_stay(model, theta, rows_of(tenures, rows), end)
        code = np.zeros(exit.size, np.intp)
        code[rows] = inverse + 1
        *_, kind, example = distinct([known[rows].astype(float), inverse.astype(float)])
        fall = before[:, known[rows][example]] - value[:, inverse[example]]
        left = tenures.event[rows] * (exit[rows] <= high)
        expected = -np.expm1(-fall) if discrete else fall
        yield Step(low, high, rows, (end - begin) / (high - low), left, expected, kind)
        before, known = np.concatenate([np.zeros((len(theta), 1)), value], axis=1), code


def edges_of(model: Model, tenures: Tenures) -> Array:
    """Every whole tenure from the first entry to the last exit, or equal steps for continuous times."""
    first, last = float(tenures.entry.min()), float(tenures.exit.max())
    if is_discrete(model):
        return np.arange(math.floor(first), math.ceil(last) + 1.0)
    return np.linspace(first, last, STEPS + 1)


def once_each(tenures: Tenures) -> Tenures:
    """A row for each customer where rows stand for several."""
    if tenures.counts is None:
        return tenures
    times = np.rint(tenures.weights).astype(np.int64)
    names = ("customer_id", "entry", "exit", "event", "contract", "running", "reason", "segment", "price", "margin")
    columns: dict[str, Any] = {n: np.repeat(c, times) for n in names if (c := getattr(tenures, n)) is not None}
    known = {name: np.repeat(column, times) for name, column in (tenures.covariates or {}).items()}
    return replace(tenures, **columns, counts=None, covariates=known or None)


def _groups(groups: NDArray[np.generic]) -> tuple[NDArray[np.generic], NDArray[np.intp]]:
    names, code = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    return names, code


def _survival(leaving: Array) -> Array:
    """Share still there from the share that leaves in each step (..., k), with the start (..., k + 1)."""
    start = np.ones((*leaving.shape[:-1], 1))
    return np.concatenate([start, np.cumprod(1 - np.clip(leaving, 0.0, 1.0), axis=-1)], axis=-1)
