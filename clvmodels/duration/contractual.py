"""What models of contracts have in common: they read tenures, and say how long customers stay."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from clvmodels.data.tenure import TenureLike
from clvmodels.model import Array, Model

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
