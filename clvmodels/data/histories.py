"""Customer histories: all that a model needs to know of each customer, as arrays of plain numbers."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.data.checks import as_numbers, check_dates, check_histories
from clvmodels.data.frames import column_names, fingerprint, frozen, ids, labels, require, rows_of_customers, values
from clvmodels.errors import HistoryError
from clvmodels.numerics.distinct import Distinct, distinct
from clvmodels.purchase_dates import as_dates
from clvmodels.units import Period, as_period

if TYPE_CHECKING:
    import pandas as pd

type Floats = NDArray[np.float64]

EXTRAS = ("spend", "margin", "segment", "log_intervals", "dates")
NUMBERS = ("frequency", "recency", "T", "monetary_value", "spend", "margin", "log_intervals")


@dataclass(frozen=True, eq=False)
class Histories:
    """What is known of n customers at the end of observation.

    Parameters
    ----------
    customer_id
        (n,) the caller's ids, each once.
    frequency
        (n,) purchases after the first, whole numbers from 0.
    recency
        (n,) age at the last purchase [period]: from the first purchase to the last, 0 to T; 0 exactly where
        frequency is 0.
    T
        (n,) age at the end of observation [period]: from the first purchase, 0 or more.
    monetary_value
        (n,) mean amount of the purchases after the first [currency], 0 or more, NaN where it is not known.
    period
        The unit of recency and T.
    spend, margin
        (n,) total amount and margin of all purchases including the first [currency], or None if not known.
    segment
        (n,) a label per customer, or None.
    log_intervals
        (n,) sum over the purchases after the first of the log of the time since the one before [log period], or None if not
        known; 0 where frequency is 0. Models of regular buying read it (`log.histories(..., intervals=True)`).
    covariates
        Columns (n,) of numbers or labels by name, that explain how customers differ, or None; see `with_covariates`.
    dates
        (n,) arrays of the days of all purchases, the first included, or None if not known. Models whose rates change over
        time read them (`log.histories(..., dates=True)`).
    until
        Last day of observation, or None if not known.
    currency
        Currency of the amounts, or None if not known.

    Raises
    ------
    HistoryError
        The columns contradict each other; the message names the column, the rows and what to do.

    Examples
    --------
    >>> from clvmodels.units import DAY, WEEK
    >>> one = Histories(["A", "B"], [2, 0], [30.43, 0.0], [38.86, 38.86], [22.35, 0.0], period=WEEK)
    >>> one
    Histories: 2 customers, 1 with repeat purchases, mean frequency 1.00, mean T 38.86 weeks
    >>> one.to(DAY).T.round(2)
    array([272.02, 272.02])
    """

    customer_id: NDArray[Any]
    frequency: Floats
    recency: Floats
    T: Floats
    monetary_value: Floats
    period: Period
    spend: Floats | None = None
    margin: Floats | None = None
    segment: NDArray[Any] | None = None
    log_intervals: Floats | None = None
    covariates: Mapping[str, NDArray[Any]] | None = None
    dates: NDArray[Any] | None = None
    until: datetime.date | None = None
    currency: str | None = None

    def __post_init__(self) -> None:
        as_period(self.period, name="period")
        for name in NUMBERS:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, frozen(as_numbers(getattr(self, name), name)))
        for name in ("customer_id", "segment"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, frozen(labels(getattr(self, name))))
        if self.covariates is not None:
            columns = {str(name): frozen(labels(column)) for name, column in self.covariates.items()}
            object.__setattr__(self, "covariates", MappingProxyType(columns))
        if self.dates is not None:
            object.__setattr__(self, "dates", frozen(as_dates(self.dates)))
        check_histories(self._arrays(), self.covariates or {})
        if self.dates is not None:
            check_dates(self._arrays(), self.period, self.until)

    def __len__(self) -> int:
        return len(self.customer_id)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        period: Period,
        customer: str = "customer_id",
        frequency: str = "frequency",
        recency: str = "recency",
        T: str = "T",
        monetary_value: str = "monetary_value",
        spend: str = "spend",
        margin: str = "margin",
        segment: str = "segment",
        log_intervals: str = "log_intervals",
        dates: str = "dates",
        covariates: Sequence[str] = (),
        until: datetime.date | None = None,
        currency: str | None = None,
    ) -> Histories:
        """Histories from a ready summary table with one row per customer, such as lifetimes and pymc-marketing make.

        Parameters
        ----------
        frame
            A pandas, polars or Arrow table. The customer id may be the index of a pandas frame.
        period
            The unit in which the table gives recency and T.
        customer, frequency, recency, T
            Names of the columns.
        monetary_value, spend, margin, segment, log_intervals, dates
            Names of columns that may be missing, unless they are given here; without monetary_value it is NaN.
        covariates
            Names of columns that explain how customers differ, such as `["channel", "age"]`.

        Raises
        ------
        HistoryError
            A column is missing, holds something else than numbers, or contradicts another one.

        Examples
        --------
        >>> import pandas as pd
        >>> from clvmodels.units import WEEK
        >>> table = pd.DataFrame({"id": ["A"], "frequency": [2], "recency": [30.43], "T": [38.86]}).set_index("id")
        >>> len(Histories.from_frame(table, period=WEEK, customer="id"))
        1
        """
        frame = frame.collect() if hasattr(frame, "collect") else frame
        names = column_names(frame)
        for role, name in {"frequency": frequency, "recency": recency, "T": T}.items():
            require(name, role, names)
        given = {
            "monetary_value": monetary_value, "spend": spend, "margin": margin, "segment": segment,
            "log_intervals": log_intervals, "dates": dates,
        }  # fmt: skip
        for role, name in given.items():
            if name != role:
                require(name, role, names)
        found: dict[str, Any] = {role: values(frame, name) for role, name in given.items() if name in names}
        found.setdefault("monetary_value", np.full(len(frame), np.nan))
        for name in covariates:
            require(name, "covariates", names)
        return cls(
            customer_id=ids(frame, customer, names),
            frequency=values(frame, frequency),
            recency=values(frame, recency),
            T=values(frame, T),
            period=period,
            until=until,
            currency=currency,
            covariates={name: values(frame, name) for name in covariates} if covariates else None,
            **found,
        )

    def with_covariates(
        self, table: Any, *, customer: str = "customer_id", columns: Sequence[str] | None = None
    ) -> Histories:
        """The same histories with columns of a table of customers beside them, for models made by `clv.with_covariates`.

        Parameters
        ----------
        table
            A pandas, polars or Arrow table with one row for each of these customers; others in it are not used.
        customer
            Column of the customer id; may be the index of a pandas frame.
        columns
            The columns to take; all but the id if not given. Columns of the same name are replaced.

        Raises
        ------
        HistoryError
            A column is missing, a customer has no row or more than one.

        Examples
        --------
        >>> import pandas as pd
        >>> from clvmodels.units import WEEK
        >>> two = Histories(["A", "B"], [2, 0], [30.43, 0.0], [38.86, 38.86], [22.35, 0.0], period=WEEK)
        >>> two.with_covariates(pd.DataFrame({"customer_id": ["B", "A"], "age": [50, 30]})).covariates["age"]
        array([30, 50])
        """
        table = table.collect() if hasattr(table, "collect") else table
        names = column_names(table)
        wanted = [name for name in names if name != customer] if columns is None else list(columns)
        for name in wanted:
            require(name, "columns", names)
        rows = rows_of_customers(
            self.customer_id, ids(table, customer, names), where="the table", remedy="Give each a row."
        )
        found = {name: labels(values(table, name))[rows] for name in wanted}
        return replace(self, covariates={**(self.covariates or {}), **found})

    def _arrays(self) -> dict[str, NDArray[Any]]:
        """The columns there are, by name, not copied and read-only."""
        names = ("customer_id", "frequency", "recency", "T", "monetary_value", *EXTRAS)
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def to_frame(self) -> pd.DataFrame:
        """One row per customer: customer_id, frequency, recency, T, monetary_value; then extras and covariates, as known."""
        import pandas as pd

        return pd.DataFrame({**self._arrays(), **(self.covariates or {})})

    def to(self, period: Period) -> Histories:
        """The same histories with recency and T in `period`s; exact for ages of whole days."""
        as_period(period, name="period")
        if period == self.period:
            return self
        ages: dict[str, Any] = {
            name: _days(getattr(self, name), self.period) / period.days for name in ("recency", "T")
        }
        if self.log_intervals is not None:
            ages["log_intervals"] = self.log_intervals + self.frequency * math.log(self.period.days / period.days)
        return replace(self, period=period, **ages)

    def select(self, which: NDArray[np.bool_] | Sequence[object]) -> Histories:
        """The histories of some customers: a mask (n,) of booleans, or customer ids, whose order is kept.

        Raises
        ------
        HistoryError
            Nobody is selected, the mask has another length, or an id is not there.
        """
        wanted = np.asarray(which)
        if wanted.dtype == bool:
            if wanted.shape != (len(self),):
                raise HistoryError(
                    f"The mask has shape {wanted.shape} for {len(self):,} customers. Give one True or False each."
                )
            rows = np.flatnonzero(wanted)
        else:
            rows = rows_of_customers(
                labels(which), self.customer_id, where="these histories", remedy="Check the ids and their type."
            )
        if len(rows) == 0:
            raise HistoryError("No customer is selected. Check the condition or the ids.")
        picked: dict[str, Any] = {name: column[rows] for name, column in self._arrays().items()}
        if self.covariates is not None:
            picked["covariates"] = {name: column[rows] for name, column in self.covariates.items()}
        return replace(self, **picked)

    def unique(self, columns: Sequence[str] = ("frequency", "recency", "T")) -> Distinct:
        """The distinct rows of some columns, with how many customers have each.

        Examples
        --------
        >>> from clvmodels.units import WEEK
        >>> three = Histories([1, 2, 3], [1, 0, 1], [2, 0, 2], [5, 5, 5], [9, 0, 7], period=WEEK)
        >>> three.unique(("frequency", "T"))[:3]
        ((array([0., 1.]), array([5., 5.])), array([1., 2.]), array([1, 0, 1]))
        """
        return distinct([getattr(self, name) for name in columns])

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that tell the data apart, whatever the order of the rows and the unit of time.

        Ages count to a millionth of a day and amounts to a millionth of the currency; covariates count. Spend, margin,
        segment, dates, `until` and currency do not.
        """
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        ages = _days(self.recency, self.period), _days(self.T, self.period)
        labels = (self.covariates or {}).values()
        return fingerprint(self.customer_id, (self.frequency, *ages, self.monetary_value), labels)

    def __repr__(self) -> str:
        repeaters = int(np.count_nonzero(self.frequency))
        facts = [
            f"{len(self):,} customers",
            f"{repeaters:,} with repeat purchases",
            f"mean frequency {self.frequency.mean():.2f}",
            f"mean T {self.T.mean():.2f} {self.period.name}s",
        ]
        facts += [f"until {self.until}"] if self.until else []
        facts += [self.currency] if self.currency else []
        return f"Histories: {', '.join(facts)}"

    def _repr_html_(self) -> str:
        title, _, rest = repr(self).partition(": ")
        return f"<p><b>{title}</b>: {rest}</p>{self.to_frame().head().to_html()}"


def _days(ages: Floats, period: Period) -> Floats:
    """Ages [days], those within rounding of a whole number made whole."""
    days = ages * period.days
    whole = np.rint(days)
    return np.where(np.abs(days - whole) <= 1e-9 * np.maximum(whole, 1.0), whole, days)
