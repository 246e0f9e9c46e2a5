"""What models of contracts have in common: they read tenures, and say how long customers stay."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from clvmodels.data.tenure import ROUNDING, TenureLike
from clvmodels.errors import ModelError
from clvmodels.model import Array, Model
from clvmodels.units import Period, Rate, Span, as_rate, as_span

type Timing = Literal["before renewal", "after renewal"]


class Contractual(Model):
    """Base of the models that read `Tenures`: renewals one by one, and survival in continuous time."""

    curves: ClassVar[tuple[str, ...]]
    """Formulas of a new customer, by tenure."""
    counted: str = "renewal"
    """What the curves run over."""
    whole: bool = True
    """Whether tenures are whole numbers of periods."""

    def counts(self, history: Any) -> Array | None:
        counts: Array | None = history.counts
        return counts

    def reads_of(self, tenure: TenureLike) -> tuple[str, ...]:
        """The covariates that the formulas read of these customers."""
        return self.reads

    @abstractmethod
    def each(self, theta: Any, tenure: TenureLike) -> Any:
        """Each customer's own parameters, which broadcast with the tenures."""

    def survival_path(self, theta: Any, tenure: TenureLike, *, periods: int) -> Iterator[Array]:
        """`survival_after` 1, 2, .. `periods` periods from now, at less cost than one by one; each (draws, n)."""
        own, done = self.each(theta, tenure), np.asarray(tenure.exit, dtype=float)
        there = np.asarray(tenure.there, dtype=float)
        for ahead in range(1, periods + 1):
            yield np.asarray(there * np.exp(self.log_stay(own, done, float(ahead))))

    @abstractmethod
    def log_stay(self, theta: Any, done: ArrayLike, more: ArrayLike) -> Array:
        """Log probability of staying `more` periods after `done`, for parameters as `each` gives them."""


def terms_of(discount: Rate, timing: Timing, horizon: Span | Period, period: Period) -> tuple[float, float]:
    """The force of interest per period, and the whole periods ahead, of payments under contract.

    Raises
    ------
    ModelError
        The timing is not known, or payments without end are not discounted.
    """
    if timing not in get_args(Timing.__value__):
        raise ModelError(f"timing={timing!r} is not known. Write 'before renewal' or 'after renewal'.")
    rate = as_rate(discount, name="discount")
    force = 0.0 if rate is None else rate.force(period)
    ahead = whole_periods(horizon, period)
    if force <= 0.0 and math.isinf(ahead):
        raise ModelError(
            "An endless horizon needs a positive discount rate. Give discount=Rate(0.10, per=YEAR) or a horizon."
        )
    return force, ahead


def whole_periods(horizon: Span | Period, period: Period) -> float:
    """How many whole periods a horizon holds."""
    ahead = as_span(horizon, name="horizon").per(period)
    return math.floor(ahead + ROUNDING) if math.isfinite(ahead) else ahead
