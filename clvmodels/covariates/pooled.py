"""`pooled`: a model whose parameters differ between segments, which borrow strength from each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clvmodels.covariates.columns import checked, identifiers, levels, refuse_unknown
from clvmodels.covariates.differing import DifferingAttrition, DifferingRenewal, DifferingSpend
from clvmodels.covariates.kernels import pooled_kernel_of
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.duration.renewals import Renewal
from clvmodels.errors import HistoryError, ModelError
from clvmodels.history import HistoryLike, covariates_of
from clvmodels.model import Array, Model, Parameter
from clvmodels.priors import LogNormal, Normal
from clvmodels.quantity.spend import Spend

SPREAD = LogNormal(0.3, 1.0)
"""Prior of the standard deviation over segments of the log of a parameter: 0.3 is a third up or down."""


class Pooled(Model):
    """What pooled models of both families share; made by `pooled(...)` when fitted.

    theta holds the base model's parameters for the middle of the segments, a spread for each pooled one, and for each of these a
    deviation per segment, in spreads: in segment s it is parameter * exp(spread * deviation).
    """

    hierarchical = True
    base: Any
    by: str
    segments: tuple[Any, ...]
    which: tuple[str, ...]

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"{self.base.name} pooled by {self.by}"

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"{self.base.title} pooled by {self.by}"

    @property
    def source(self) -> str:  # type: ignore[override]
        return f"{self.base.source}; pooling as in Gelman and Hill 2007, chapter 12"

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:  # type: ignore[override]
        spreads = [
            Parameter(f"spread_{name}", f"standard deviation of log({name}) over segments", SPREAD)
            for name in self.which
        ]
        deviations = [
            Parameter(made, f"deviation of log({name}) in {segment}, in spreads", Normal(0.0, 1.0), positive=False)
            for name in self.which
            for made, segment in zip(identifiers(name, self.segments), self.segments, strict=True)
        ]
        return (*self.base.parameters, *spreads, *deviations)

    @cached_property
    def Theta(self) -> Any:  # type: ignore[override]
        return NamedTuple("Theta", [(p.name, Any) for p in self.parameters])

    @cached_property
    def kernel(self) -> Any:  # type: ignore[override]
        names = self.base.Theta._fields
        pooled = tuple(names.index(name) for name in self.which)
        return pooled_kernel_of(self.base.kernel, len(self.base.columns), len(names), pooled)

    @property
    def reads(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.by,)

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        return (*self.base.columns, self.by)

    def codes(self, history: HistoryLike) -> Any:
        """Which segment each customer is of, a whole number from 0, in the shape of the histories."""
        column = _labels(self.by, history)
        refuse_unknown(self.by, column, self.segments, history)
        found = {segment: code for code, segment in enumerate(self.segments)}
        return np.array([found[label] for label in np.ravel(column)], dtype=np.intp).reshape(np.shape(column))

    def data(self, history: Any) -> tuple[Array, ...]:
        return (*self.base.data(history), self.codes(history)[self.informative(history)].astype(float))

    def counts(self, history: Any) -> Array | None:
        counts: Array | None = self.base.counts(history)
        return counts

    def informative(self, history: HistoryLike) -> Any:
        return self.base.informative(history)

    def each(self, theta: Any, history: HistoryLike) -> Any:
        """The base model's parameters of each customer; theta and histories broadcast."""
        return self.base.Theta(*self._of(self.theta(theta), self.codes(history)))

    def _of(self, values: Any, codes: Any) -> list[Array]:
        """Parameters in the segments `codes`."""
        own = {name: getattr(values, name) for name in self.base.Theta._fields}
        for name in self.which:
            deviations = [getattr(values, made) for made in identifiers(name, self.segments)]
            spread = getattr(values, f"spread_{name}")
            shape = np.broadcast_shapes(np.shape(spread), np.shape(codes))
            deviation = np.zeros(shape)
            for code, one in enumerate(deviations):
                deviation = np.where(codes == code, one, deviation)
            own[name] = own[name] * np.exp(spread * deviation)
        return list(own.values())

    def by_segment(self, theta: Any, *, interval: float = 0.90) -> pd.DataFrame:
        """The parameters of each segment.

        Parameters
        ----------
        theta
            Draws (draws,), such as `fit.draws(2000)`.
        interval
            Probability of the intervals.

        Returns
        -------
        DataFrame by (segment, parameter): mean, lower, upper
        """
        values = self.theta(theta)
        rows = {}
        for code, segment in enumerate(self.segments):
            for name, draws in zip(self.base.Theta._fields, self._of(values, np.array(code)), strict=True):
                lower, upper = np.quantile(draws, [(1 - interval) / 2, (1 + interval) / 2])
                rows[segment, name] = {"mean": float(np.mean(draws)), "lower": float(lower), "upper": float(upper)}
        table = pd.DataFrame.from_dict(rows, orient="index")
        return table.set_index(pd.MultiIndex.from_tuples(rows, names=[self.by, "parameter"]))


@dataclass(frozen=True, eq=False, repr=False)
class PooledAttrition(Pooled, DifferingAttrition):  # type: ignore[misc]
    """A latent-attrition model pooled over segments."""

    base: LatentAttrition
    by: str
    segments: tuple[Any, ...]
    which: tuple[str, ...]


@dataclass(frozen=True, eq=False, repr=False)
class PooledSpend(Pooled, DifferingSpend):  # type: ignore[misc]
    """A model of amounts pooled over segments."""

    base: Spend
    by: str
    segments: tuple[Any, ...]
    which: tuple[str, ...]


@dataclass(frozen=True, eq=False, repr=False)
class PooledRenewal(Pooled, DifferingRenewal):  # type: ignore[misc]
    """A model of contracts pooled over segments."""

    base: Renewal
    by: str
    segments: tuple[Any, ...]
    which: tuple[str, ...]

    def data(self, history: Any) -> tuple[Array, ...]:
        return super().data(self.checked(history))


@dataclass(frozen=True)
class PooledBy:
    """A model and a column of segments, before they meet customers."""

    base: Model
    by: str
    which: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.base.name} pooled by {self.by}"

    def on(self, histories: HistoryLike, /) -> Pooled:
        """The model with the segments that these customers have."""
        segments = levels(_labels(self.by, histories))
        if len(segments) < 2:
            raise HistoryError(
                f"All customers have the same {self.by}, '{segments[0]}': there is nothing to pool. Fit {self.base.name} itself."
            )
        return self.with_segments(segments)

    def with_segments(self, segments: tuple[Any, ...]) -> Pooled:
        """The model of these segments."""
        renewal = PooledRenewal if isinstance(self.base, Renewal) else PooledAttrition
        kind: Any = PooledSpend if isinstance(self.base, Spend) else renewal
        return kind(self.base, self.by, segments, self.which)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return self.name


def pooled(model: Model, *, by: str = "segment", parameters: Sequence[str] | None = None) -> PooledBy:
    """A model whose parameters differ between segments or cohorts, with a common distribution: small segments borrow strength.

    In segment s, log(parameter) is normal about its middle, with a spread of its own that is learnt: near zero the segments are
    alike, and a segment with few customers stays near the middle. Default priors: those of the model for the middle,
    LogNormal(0.3, 1) for spreads.

    Parameters
    ----------
    model
        A value of the catalogue.
    by
        The column of labels: the `segment` of the histories or one of their covariates.
    parameters
        Names of the parameters that differ between segments; all if not given.

    Returns
    -------
    PooledBy, for `clv.fit` with any method but "mle". `fit.model.by_segment(fit.draws(2000))` tabulates the parameters.

    Raises
    ------
    ModelError
        The model has no such parameter, or is pooled or has covariates already.

    Source: Gelman and Hill 2007, Data Analysis Using Regression and Multilevel/Hierarchical Models, chapter 12.

    Examples
    --------
    >>> from clvmodels.duration.bg_nbd import BG_NBD
    >>> pooled(BG_NBD, by="channel")
    BG_NBD pooled by channel
    """
    if not isinstance(model, Model) or model.reads:
        raise ModelError(f"{model!r} cannot be pooled. Give a model of the catalogue, such as BG_NBD.")
    names = model.Theta._fields
    chosen = names if parameters is None else tuple(parameters)
    unknown = [name for name in chosen if name not in names]
    if unknown or not chosen:
        raise ModelError(
            f"{model.name} has no parameter {', '.join(unknown) or 'to pool'}. Its parameters are {', '.join(names)}."
        )
    return PooledBy(model, by, tuple(chosen))


def _labels(by: str, history: HistoryLike) -> Any:
    (column,) = covariates_of(history, (by,))
    found = checked(by, column, history)
    return found if found.dtype == object else np.asarray(column).astype(object)
