"""What a formula reads of a customer, and what numbers must be to be a purchase history."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import HistoryError, offenders
from clvmodels.units import Period, as_period

Array = NDArray[np.float64]


class HistoryLike(Protocol):
    """What a formula reads of customers: numbers or arrays that broadcast, and the unit of their times."""

    @property
    def frequency(self) -> Any: ...
    @property
    def recency(self) -> Any: ...
    @property
    def T(self) -> Any: ...
    @property
    def monetary_value(self) -> Any: ...
    @property
    def period(self) -> Period: ...


@dataclass(frozen=True)
class History:
    """One customer (or arrays of them) typed in by hand, for example from a paper.

    Parameters
    ----------
    frequency
        Repeat purchases x: days with a purchase after the first [count, >= 0].
    recency
        Age at the last purchase t_x [period, 0 <= t_x <= T]; 0 without repeat purchases.
    T
        Age at the end of observation [period, >= 0].
    period
        Unit of `recency` and `T`.
    monetary_value
        Mean amount of the repeat purchases [currency]; not needed by duration models.

    Examples
    --------
    >>> from clvmodels.units import WEEK
    >>> History(frequency=2, recency=30.43, T=38.86, period=WEEK).T
    38.86
    """

    frequency: Any
    recency: Any
    T: Any
    period: Period
    monetary_value: Any = math.nan

    def __post_init__(self) -> None:
        as_period(self.period, name="period")
        check_history(*as_columns(self, ("frequency", "recency", "T")))

    def to(self, period: Period) -> History:
        """The same history with times in another period."""
        factor = self.period.days / period.days
        return History(
            self.frequency, np.asarray(self.recency) * factor, np.asarray(self.T) * factor, period, self.monetary_value
        )

    @classmethod
    def new_customer(cls, period: Period) -> History:
        """Somebody who bought for the first time this very moment: x = t_x = T = 0."""
        return cls(0.0, 0.0, 0.0, period)


def as_columns(history: HistoryLike, names: Sequence[str]) -> tuple[Array, ...]:
    """The named columns of a history as float arrays."""
    return tuple(np.asarray(getattr(history, name), dtype=float) for name in names)


def check_history(frequency: Array, recency: Array, T: Array, *, customers: NDArray[Any] | None = None) -> None:
    """Make sure that numbers can be purchase histories; a `HistoryError` names the column and the first offenders.

    `customers` are their ids, for the message; otherwise they are numbered from 0.
    """
    first = "Frequency counts purchases after the first: subtract one if the first is counted."
    age = "Recency is the age at the last purchase, not the time since, and T the age at the end of observation: check the dates."
    columns = {"frequency": frequency, "recency": recency, "T": T}
    unknown = [
        (name, ~np.isfinite(values), "is missing or infinite", "Leave these customers out or correct them.")
        for name, values in columns.items()
    ]
    rules = [
        *unknown,
        ("frequency", (frequency < 0) | (frequency != np.rint(frequency)), "is not a whole number from 0", first),
        ("T", T < 0, "is negative", age),
        ("recency", recency < 0, "is negative", age),
        ("recency", recency > T, "is after T", age),
        ("recency", (frequency == 0) & (recency > 0), "is above 0 where frequency is 0", first),
        ("recency", (frequency > 0) & (recency == 0), "is 0 where frequency is above 0", first),
    ]
    for column, wrong, problem, remedy in rules:
        if np.any(wrong):
            at = np.flatnonzero(wrong)
            shown = np.ravel(np.broadcast_to(columns[column], wrong.shape))[at]
            names = at if customers is None else customers[at]
            raise HistoryError(
                offenders(problem, column=column, rows=[f"customer {n}" for n in names], values=shown, remedy=remedy)
            )
