"""What a formula reads of a customer, and what numbers must be to be a purchase history."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import HistoryError, offenders
from clvmodels.purchase_dates import as_dates
from clvmodels.units import Period, as_period

Array = NDArray[np.float64]

COLUMNS = ("frequency", "recency", "T", "monetary_value", "log_intervals")
"""Numbers of a customer that models read."""


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
    def log_intervals(self) -> Any: ...
    @property
    def covariates(self) -> Mapping[str, Any] | None: ...
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
    log_intervals
        Sum over repeat purchases of the log of the time since the purchase before [log period], 0 without them; None if not
        known. Only models of regular buying read it.
    covariates
        Columns of numbers or labels that broadcast with the others, by name, such as `{"channel": "online"}`.
    dates
        Days of all purchases, the first included: for one customer a list of dates, for several an array of such lists. Only
        models whose rates change over time read them.
    who
        Ids by which such models look customers up.

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
    log_intervals: Any = None
    covariates: Mapping[str, Any] | None = None
    dates: Any = None
    who: Any = None

    def __post_init__(self) -> None:
        as_period(self.period, name="period")
        if self.dates is not None:
            object.__setattr__(self, "dates", as_dates(self.dates, one=np.ndim(self.frequency) == 0))
        check_history(*as_columns(self, ("frequency", "recency", "T")))

    def to(self, period: Period) -> History:
        """The same history with times in another period."""
        factor = self.period.days / period.days
        known = self.log_intervals is not None
        return replace(
            self,
            recency=np.asarray(self.recency) * factor,
            T=np.asarray(self.T) * factor,
            period=period,
            log_intervals=self.log_intervals + np.asarray(self.frequency) * math.log(factor) if known else None,
        )

    @classmethod
    def new_customer(
        cls, period: Period, *, covariates: Mapping[str, Any] | None = None, on: Any = None, who: Any = None
    ) -> History:
        """Somebody who bought for the first time this very moment: x = t_x = T = 0; with covariates, one for each of them.

        Models whose rates change over time need to know when that is: `on` is the day, `who` her id in their panel.

        Examples
        --------
        >>> from clvmodels.units import WEEK
        >>> History.new_customer(WEEK, covariates={"channel": ["online", "shop"]}).frequency
        array([0., 0.])
        """
        columns = {name: np.asarray(column) for name, column in (covariates or {}).items()}
        none = np.zeros(np.broadcast_shapes(*(column.shape for column in columns.values())))[()]
        days = None if on is None else as_dates([[on]] * none.size, one=False).reshape(none.shape)[()]
        return cls(none, none, none, period, log_intervals=none, covariates=columns or None, dates=days, who=who)


def picked(history: HistoryLike, rows: Any) -> History:
    """Some customers (m,) of histories (n,)."""
    return _mapped(history, lambda column: column[rows])


def upright(history: HistoryLike) -> History:
    """The customers (n,) as a column (n, 1), which broadcasts with parameters (draws,)."""
    return _mapped(history, lambda column: np.atleast_1d(column)[:, None])


def flat(history: HistoryLike) -> History:
    """The customers as columns (n,) of equal length, also where they were given as single numbers."""
    shape = np.broadcast_shapes(np.shape(history.frequency), np.shape(history.recency), np.shape(history.T), (1,))
    return _mapped(history, lambda column: np.broadcast_to(column, shape).ravel())


def _mapped(history: HistoryLike, change: Callable[[Any], Any]) -> History:
    columns = {name: getattr(history, name) for name in COLUMNS}
    columns |= {"dates": getattr(history, "dates", None), "who": ids_of(history)}
    return History(
        **{name: None if column is None else change(column) for name, column in columns.items()},
        period=history.period,
        covariates={name: change(np.asarray(column)) for name, column in known_of(history).items()} or None,
    )


def ids_of(history: HistoryLike) -> NDArray[Any] | None:
    """Ids of customers, or None where they are not known."""
    ids = getattr(history, "customer_id", getattr(history, "who", None))
    return None if ids is None else np.asarray(ids)


def covariates_of(history: HistoryLike, names: Sequence[str]) -> list[NDArray[Any]]:
    """Some covariates; a `HistoryError` names the first that is not there and those that are."""
    known = known_of(history)
    for name in names:
        if name not in known:
            there = f"The covariates are: {', '.join(known)}." if known else "There are none."
            raise HistoryError(
                f"The model reads the covariate '{name}', which these histories do not have. {there} "
                "Add columns with histories.with_covariates(table)."
            )
    return [np.asarray(known[name]) for name in names]


def known_of(history: HistoryLike) -> dict[str, Any]:
    """Covariates by name; the segment of `Histories` is one of them."""
    segment = getattr(history, "segment", None)
    return ({} if segment is None else {"segment": segment}) | dict(history.covariates or {})


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
