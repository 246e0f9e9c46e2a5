"""A survival model that knows its customers: the coding of their covariates, their segments, the pieces of its hazard."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clvmodels.coordinates import Coordinates
from clvmodels.covariates.columns import identifiers
from clvmodels.covariates.design import Design
from clvmodels.covariates.survival_parameters import of_columns, of_never, of_segments, of_walk
from clvmodels.data.tenure import TenureLike
from clvmodels.data.tenures import Tenures
from clvmodels.duration import survival_kernel
from clvmodels.duration.renewals import insist_on_whole
from clvmodels.duration.survival_baselines import Baseline, Own, piece_of
from clvmodels.duration.survival_formulas import SurvivalFormulas
from clvmodels.errors import ModelError
from clvmodels.history import HistoryLike, known_of
from clvmodels.model import Array, Group, Parameter
from clvmodels.units import Period


@dataclass(frozen=True, eq=False, repr=False)
class SurvivalModel(SurvivalFormulas):
    """Made by `survival(...)` when it is fitted.

    Attributes
    ----------
    baseline
        How the hazard runs over tenure.
    period
        Unit of tenures.
    breaks
        Where the pieces begin [period]; empty without pieces.
    design, never
        Coding of covariates of the hazard or time, and of the share that never leaves, or None.
    cure
        Whether a share never leaves.
    by, segments
        Column of labels whose frailties are pooled, and the labels; or None and none.
    by_period
        Whether it is known only in which period customers left, not when in it.
    """

    baseline: Baseline
    period: Period
    breaks: Array = field(default_factory=lambda: np.zeros(0))
    design: Design | None = None
    never: Design | None = None
    cure: bool = False
    by: str | None = None
    segments: tuple[Any, ...] = ()
    by_period: bool = False

    columns = ("exit", "entry", "event")
    kernel = staticmethod(survival_kernel.by_row)
    total = staticmethod(survival_kernel.total)

    @cached_property
    def name(self) -> str:  # type: ignore[override]
        said = [] if self.design is None else [self.design.formula]
        said += (
            ["with a share that never leaves" + ("" if self.never is None else f" {self.never.formula}")]
            if self.cure
            else []
        )
        said += [f"with frailty by {self.by}"] if self.by else []
        return " ".join([f"survival {self.baseline.name}", *said])

    @property
    def title(self) -> str:  # type: ignore[override]
        said = [] if self.design is None else ["covariates"]
        said += ["a share that never leaves"] if self.cure else []
        said += [f"frailty by {self.by}"] if self.by else []
        joined = f" with {', '.join(said)}" if said else ""
        known = ", left within known periods" if self.by_period and not self.whole else ""
        return f"{self.baseline.title}{joined}{known}"

    @property
    def source(self) -> str:  # type: ignore[override]
        return self.baseline.source

    @property
    def whole(self) -> bool:  # type: ignore[override]
        return self.baseline.whole

    @property
    def counted(self) -> str:  # type: ignore[override]
        return "renewal" if self.whole else "tenure"

    @property
    def hierarchical(self) -> bool:  # type: ignore[override]
        return bool(self.groups)

    @cached_property
    def reads(self) -> tuple[str, ...]:  # type: ignore[override]
        found = [name for one in (self.design, self.never) if one is not None for name in one.reads]
        return tuple(dict.fromkeys([*found, *([self.by] if self.by else [])]))

    def reads_of(self, tenure: TenureLike) -> tuple[str, ...]:
        """The covariates in the formulas, and the segment where it is known."""
        return tuple(name for name in self.reads if name != self.by or name in known_of(tenure))  # type: ignore[arg-type]

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:  # type: ignore[override]
        found = [*self.baseline.parameters, *([of_never()] if self.cure else [])]
        found += of_columns(self.design, f"log of what a unit multiplies the {self.baseline.moves} by")
        found += of_columns(self.never, "log odds of never leaving per unit")
        found += of_walk(self.breaks.size) if self.baseline.pieces else []
        found += of_segments(self.by, self.segments, self.baseline.moves) if self.by else []
        return tuple(found)

    @cached_property
    def Theta(self) -> Any:  # type: ignore[override]
        return NamedTuple("Theta", [(p.name, Any) for p in self.parameters])

    @cached_property
    def groups(self) -> tuple[Group, ...]:  # type: ignore[override]
        """Walk and frailties: what is normal about zero with a scale that is learnt."""
        names = self.Theta._fields
        found = []
        if self.baseline.pieces and self.breaks.size > 1:
            at = names.index("walk")
            found.append(Group(at, tuple(range(at + 1, at + self.breaks.size))))
        if self.by:
            at = names.index(f"spread_{self.by}")
            found.append(Group(at, tuple(range(at + 1, at + 1 + len(self.segments)))))
        return tuple(found)

    def coordinates(self) -> Coordinates:
        """Coefficients are sought per standard deviation of their column."""
        size = np.ones(len(self.parameters))
        at = len(self.baseline.parameters) + self.cure
        for one in (self.design, self.never):
            if one is not None:
                size[at : at + one.scale.size] = 1 / one.scale
                at += one.scale.size
        positive = np.array([p.positive for p in self.parameters])
        return Coordinates(positive, None if np.all(size == 1) else np.diag(size))

    def data(self, history: Any) -> tuple[Array, ...]:
        """Exit, entry, event; columns of numbers of the covariates; the segment's number, -1 where there are none."""
        columns = [np.asarray(getattr(history, name), dtype=float) for name in self.columns]
        if self.by_period:
            for name, values in zip(("exit", "entry"), columns, strict=False):
                insist_on_whole(self.name, values, name, history)
            columns[:2] = [np.rint(values) for values in columns[:2]]
        numbers = [self._numbers(one, history) for one in (self.design, self.never)]
        return (*columns, *np.concatenate(numbers, axis=-1).T.copy(), self.codes(history).astype(float))

    def packed(self, columns: tuple[Array, ...]) -> tuple[Any, ...]:
        exit, entry, event, *numbers, code = columns
        m, of_never = (0 if one is None else one.centre.size for one in (self.design, self.never))
        layout = np.array(
            [
                self.baseline.code, self.by_period, self.cure, len(self.baseline.parameters), m, of_never,
                self.breaks.size, len(self.segments),
            ],
            dtype=np.int64,
        )  # fmt: skip
        low = np.maximum(exit - 1.0, entry) if self.by_period else np.zeros(exit.size)
        times = np.column_stack([entry, low, exit])
        table = np.column_stack(numbers) if numbers else np.zeros((exit.size, 0))
        piece = piece_of(times, self.breaks) if self.breaks.size else np.zeros(times.shape, dtype=np.int64)
        x, z = np.ascontiguousarray(table[:, :m]), np.ascontiguousarray(table[:, m:])
        with np.errstate(divide="ignore"):
            logs = np.log(times)
        return layout, times, logs, event, x, z, code.astype(np.int64), piece.astype(np.int64), self.breaks

    def values(self, theta: Array, *columns: Array) -> Array:
        return np.asarray(survival_kernel.values(np.ravel(theta), *columns))

    def log_likelihood(self, theta: Any, history: HistoryLike) -> Array:
        """Log-likelihood per row: (n,) for numbers, (draws, n) for arrays (draws, 1)."""
        values = self.theta(theta)
        columns = self.packed(self.data(history))
        rows = np.column_stack([np.ravel(one) for one in np.broadcast_arrays(*values)])
        found = np.array([self.values(one, *columns) for one in rows])
        return found if any(np.ndim(one) for one in values) else found[0]

    def each(self, theta: Any, tenure: TenureLike) -> Own:
        values = self.theta(theta)
        at = len(self.baseline.parameters)
        own = [*values[:at], 1.0][:2]
        odds: Any = -np.inf
        if self.cure:
            odds, at = values[at], at + 1
        eta, at = self._sum(self.design, values, at, tenure, np.zeros(()))
        if self.never is not None:
            odds, at = self._sum(self.never, values, at, tenure, odds)
        logs = None
        if self.baseline.pieces:
            logs, at = self._path(values, at), at + self.breaks.size
        if self.by:
            eta = eta + values[at] * self._deviations(values[at + 1 :], tenure)
        return Own(own[0], own[1], eta, odds, logs)

    def _sum(self, design: Design | None, values: Any, at: int, tenure: TenureLike, start: Any) -> tuple[Any, int]:
        if design is None:
            return start, at
        numbers = self._numbers(design, tenure)
        found = start
        for j in range(numbers.shape[-1]):
            found = found + values[at + j] * numbers[..., j]
        return found, at + numbers.shape[-1]

    def _path(self, values: Any, at: int) -> Array:
        """Log hazard of each piece (pieces,), or (draws, pieces)."""
        level = np.log(values[0])
        if self.breaks.size == 1:
            return np.asarray(level)[..., None] if np.ndim(level) == 0 else np.asarray(level)
        steps = _side_by_side(values[at + 1 : at + self.breaks.size])
        walk, start = (np.asarray(one) if steps.ndim > 1 else one for one in (values[at], level))
        path = np.concatenate([np.zeros((*steps.shape[:-1], 1)), np.cumsum(walk * steps, axis=-1)], axis=-1)
        return np.asarray(start + path - path.mean(axis=-1, keepdims=True))

    def _deviations(self, deviations: Any, tenure: TenureLike) -> Array:
        """Frailty of each customer's segment, in spreads; one that was not there at the fit is drawn from the population.

        Draws of theta get a draw each, the same whenever they are asked; a single theta gets the middle of the population.
        """
        codes, table = self.codes(tenure), _side_by_side(deviations)
        if table.ndim == 1:
            return np.asarray(np.where(codes < 0, 0.0, table[codes]))
        found, labels = table[:, np.atleast_1d(codes)], np.atleast_1d(self._labels(tenure))
        for label in set(labels[np.atleast_1d(codes) < 0]):
            rng = np.random.default_rng([zlib.crc32(repr(label).encode()), len(table)])
            found = np.where(labels == label, rng.standard_normal((len(table), 1)), found)
        return found

    def effects(self, theta: Any) -> dict[str, Array]:
        """What a unit of each column multiplies hazard, time or the odds of never leaving by, by parameter name."""
        values = self.theta(theta)
        designs = [one for one in (self.design, self.never) if one is not None]
        names = [name for one in designs for name in identifiers(one.role, one.columns)]
        return {name: np.exp(getattr(values, name)) for name in names}

    def by_segment(self, theta: Any, *, interval: float = 0.90) -> pd.DataFrame:
        """What each segment multiplies the hazard or the time by: mean, lower, upper; theta holds draws (draws,)."""
        if self.by is None:
            raise ModelError(f"{self.name} has no frailty. Write survival(..., frailty='segment').")
        values = self.theta(theta)
        names = identifiers(self.by, self.segments)
        spread = np.ravel(getattr(values, f"spread_{self.by}"))
        factors = np.exp(np.array([spread * np.ravel(getattr(values, name)) for name in names]))
        lower, upper = np.quantile(factors, [(1 - interval) / 2, (1 + interval) / 2], axis=1)
        index = pd.Index(self.segments, name=self.by)
        return pd.DataFrame({"mean": factors.mean(axis=1), "lower": lower, "upper": upper}, index=index)

    def codes(self, history: Any) -> Any:
        """Which segment each customer is of; -1 for one that was not there at the fit, and where there are none."""
        if not self.by:
            return np.full(np.shape(history.exit), -1, dtype=np.intp)
        known = {segment: code for code, segment in enumerate(self.segments)}
        labels = self._labels(history)
        return np.array([known.get(one, -1) for one in np.ravel(labels)], dtype=np.intp).reshape(np.shape(labels))

    def _labels(self, history: Any) -> Any:
        column = known_of(history).get(self.by or "")
        shape = np.shape(history.exit)
        if column is None:
            return np.full(shape, None, dtype=object)
        return np.asarray(column).astype(object)

    def _numbers(self, design: Design | None, history: Any) -> Array:
        """Columns of numbers (..., m) less their means at the fit."""
        if design is None:
            return np.zeros((*np.shape(history.exit), 0))
        return design.matrix(history) - design.centre

    def simulate(
        self,
        theta: Any,
        *,
        observed: Any,
        seed: int | np.random.Generator,
        entry: Any = 0.0,
        covariates: Any = None,
        segment: Any = None,
    ) -> Tenures:
        """Simulate customers from the start of their contracts, in the model's own period.

        Parameters
        ----------
        theta
            Parameters (numbers).
        observed
            Tenure at which each customer's observation ends (n,).
        entry
            Tenure at which it begins (n,): who has left by then is not seen.
        covariates, segment
            Of each customer (n,).

        Returns
        -------
        Tenures of the customers seen, numbered from 0 among the n; leaving at the end of its period if that alone is known
        """
        last = np.atleast_1d(np.asarray(observed, dtype=float))
        first = np.broadcast_to(np.asarray(entry, dtype=float), last.shape)
        known = {name: np.broadcast_to(np.asarray(c), last.shape) for name, c in (covariates or {}).items()}
        label = None if segment is None else np.broadcast_to(np.asarray(segment), last.shape)
        people = Tenures(np.arange(last.size), first * 0, last, last * 0, self.period, segment=label, covariates=known)
        rng = np.random.default_rng(seed)
        stays = self._drawn(self.each(theta, people), np.zeros(last.shape), rng)
        if self.by_period:
            stays = stays + 1.0 if self.whole else np.ceil(stays)
        event = stays <= last
        seen = (stays > first) & (last > first)
        made = Tenures(
            np.arange(last.size), first, np.where(seen, np.minimum(stays, last), first), (event & seen).astype(float),
            self.period, segment=label, covariates=known or None,
        )  # fmt: skip
        return made.select(seen)


def _side_by_side(values: Any) -> Array:
    """Parameters as (m,), or (draws, m) where they are (draws, 1)."""
    stacked = np.stack(np.broadcast_arrays(*values), axis=-1)
    return stacked if stacked.ndim == 1 else stacked.reshape(-1, stacked.shape[-1])
