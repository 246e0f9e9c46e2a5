"""Customer histories: all that a model needs to know of each customer, as arrays of plain numbers."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.data.checks import as_numbers, check_histories
from clvmodels.errors import SHOWN, HistoryError, missing_column
from clvmodels.numerics.distinct import Distinct, distinct
from clvmodels.units import Period, as_period

if TYPE_CHECKING:
    import pandas as pd

type Floats = NDArray[np.float64]

EXTRAS = ("spend", "margin", "segment")


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
    until: datetime.date | None = None
    currency: str | None = None

    def __post_init__(self) -> None:
        as_period(self.period, name="period")
        for name in ("frequency", "recency", "T", "monetary_value", "spend", "margin"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _frozen(as_numbers(getattr(self, name), name)))
        for name in ("customer_id", "segment"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, _frozen(_labels(getattr(self, name))))
        check_histories(self._arrays())

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
        monetary_value, spend, margin, segment
            Names of columns that may be missing, unless they are given here; without monetary_value it is NaN.

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
        names = [str(name) for name in getattr(frame, "column_names", getattr(frame, "columns", ()))]
        for role, name in {"frequency": frequency, "recency": recency, "T": T}.items():
            _require(name, role, names)
        given = {"monetary_value": monetary_value, "spend": spend, "margin": margin, "segment": segment}
        for role, name in given.items():
            if name != role:
                _require(name, role, names)
        found: dict[str, Any] = {role: _values(frame, name) for role, name in given.items() if name in names}
        found.setdefault("monetary_value", np.full(len(frame), np.nan))
        return cls(
            customer_id=_ids(frame, customer, names),
            frequency=_values(frame, frequency),
            recency=_values(frame, recency),
            T=_values(frame, T),
            period=period,
            until=until,
            currency=currency,
            **found,
        )

    def _arrays(self) -> dict[str, NDArray[Any]]:
        """The columns there are, by name, not copied and read-only."""
        names = ("customer_id", "frequency", "recency", "T", "monetary_value", *EXTRAS)
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def to_frame(self) -> pd.DataFrame:
        """One row per customer: customer_id, frequency, recency, T, monetary_value; and the extras that are known."""
        import pandas as pd

        return pd.DataFrame(self._arrays())

    def to(self, period: Period) -> Histories:
        """The same histories with recency and T in `period`s; exact for ages of whole days."""
        as_period(period, name="period")
        if period == self.period:
            return self
        ages: dict[str, Any] = {
            name: _days(getattr(self, name), self.period) / period.days for name in ("recency", "T")
        }
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
            rows = self._rows(_labels(which))
        if len(rows) == 0:
            raise HistoryError("No customer is selected. Check the condition or the ids.")
        picked: dict[str, Any] = {name: column[rows] for name, column in self._arrays().items()}
        return replace(self, **picked)

    def _rows(self, ids: NDArray[Any]) -> NDArray[np.intp]:
        import pandas as pd

        rows = np.asarray(pd.Index(self.customer_id).get_indexer(pd.Index(ids)), dtype=np.intp)
        unknown = ids[rows < 0]
        if len(unknown):
            shown = ", ".join(str(one) for one in unknown[:SHOWN])
            raise HistoryError(
                f"{len(unknown):,} of the customers are not in these histories: {shown}. Check the ids and their type."
            )
        return rows

    def unique(self, columns: Sequence[str] = ("frequency", "recency", "T")) -> Distinct:
        """The distinct rows of some columns, with how many customers have each.

        Examples
        --------
        >>> from clvmodels.units import WEEK
        >>> three = Histories([1, 2, 3], [1, 0, 1], [2, 0, 2], [5, 5, 5], [9, 0, 7], period=WEEK)
        >>> three.unique(("frequency", "T"))
        Distinct(values=(array([0., 1.]), array([5., 5.])), counts=array([1., 2.]), inverse=array([1, 0, 1]))
        """
        return distinct([getattr(self, name) for name in columns])

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that tell the data apart, whatever the order of the rows and the unit of time.

        Ages count to a millionth of a day and amounts to a millionth of the currency. Spend, margin, segment, `until`
        and currency do not count.
        """
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        import pandas as pd

        ages = [_days(self.recency, self.period), _days(self.T, self.period)]
        columns = [np.round(column, 6) + 0.0 for column in (self.frequency, *ages, self.monetary_value)]
        mixed = pd.util.hash_array(self.customer_id, categorize=False)
        for column in columns:
            mixed = mixed * np.uint64(1099511628211) ^ pd.util.hash_array(np.where(np.isnan(column), np.nan, column))
        return hashlib.sha256(np.sort(mixed).tobytes()).hexdigest()[:16]

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


def _frozen(column: NDArray[Any]) -> NDArray[Any]:
    """A read-only view; the caller's own array stays writable."""
    view = column.view()
    view.flags.writeable = False
    return view


def _labels(values: Any) -> NDArray[Any]:
    """Ids or labels as an array; texts as objects, which pandas and hashing take as they are."""
    array = np.asarray(values)
    return array.astype(object) if array.dtype.kind in "US" else array


def _days(ages: Floats, period: Period) -> Floats:
    """Ages [days], those within rounding of a whole number made whole."""
    days = ages * period.days
    whole = np.rint(days)
    return np.where(np.abs(days - whole) <= 1e-9 * np.maximum(whole, 1.0), whole, days)


def _require(name: str, role: str, names: Sequence[str]) -> None:
    if name not in names:
        raise HistoryError(missing_column(name, role=role, available=names))


def _values(frame: Any, name: str) -> NDArray[Any]:
    return np.asarray(frame[name].to_numpy())


def _ids(frame: Any, customer: str, names: Sequence[str]) -> NDArray[Any]:
    """The ids: the column, or the index of a pandas frame where the column is missing."""
    index = getattr(frame, "index", None)
    if customer not in names and index is not None and customer in ("customer_id", index.name):
        return np.asarray(index.to_numpy())
    _require(customer, "customer", names)
    return _values(frame, customer)
