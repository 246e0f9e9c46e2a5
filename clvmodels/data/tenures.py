"""Tenures: how long customers have been in a contract, and whether they left; what models of contracts read."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.data.checks import as_numbers
from clvmodels.data.frames import fingerprint, frozen, labels
from clvmodels.data.kaplan_meier import kaplan_meier
from clvmodels.data.tenure import refuse, rules, whole
from clvmodels.errors import ContractError
from clvmodels.numerics.distinct import Distinct, distinct
from clvmodels.units import Period, as_period

if TYPE_CHECKING:
    import pandas as pd

type Floats = NDArray[np.float64]

NUMBERS = ("entry", "exit", "event", "counts", "price", "margin")
LABELS = ("customer_id", "contract", "reason", "segment")
OPTIONAL = ("counts", "contract", "running", "reason", "segment", "price", "margin")


@dataclass(frozen=True, eq=False)
class Tenures:
    """What is known of contracts at the end of observation, one row each.

    Parameters
    ----------
    customer_id
        (n,) the caller's ids; a customer who came back after a gap is there once per contract.
    entry
        (n,) tenure at which observation began [period]: 0 if it began with the contract, more after a late entry.
    exit
        (n,) tenure at the end [period], `entry` or more: at leaving if `event` is 1, otherwise when last seen.
    event
        (n,) 1 if the customer left at `exit`, 0 if she was still there (right censoring).
    period
        The unit of entry and exit.
    counts
        (n,) how many customers each row stands for, or None: one each.
    running
        (n,) whether the contract runs at the end of observation, or None: where `event` is 0. It differs for who left in a period
        that is not over, which counts neither for nor against her (see `Contracts.tenures`).
    reason
        (n,) why the customer left, None where she is still there; or None if not known.
    segment
        (n,) a label per row, or None.
    covariates
        Columns (n,) of numbers or labels by name, or None.
    contract
        (n,) which contract each row is of, where a contract has several rows one after the other, each with covariates of its own
        (see `Contracts.tenures`); or None: one row each.
    price, margin
        (n,) per period [currency], or None.
    until
        Last day of observation, or None if not known.
    currency
        Of price and margin.

    Raises
    ------
    ContractError
        The columns contradict each other; the message names the column, the rows and what to do.

    Examples
    --------
    >>> cohort = Tenures.from_cohort([1000, 631, 468, 382])
    >>> cohort
    Tenures: 1,000 customers, 618 left, tenure up to 3 years
    """

    customer_id: NDArray[Any]
    entry: Floats
    exit: Floats
    event: Floats
    period: Period
    counts: Floats | None = None
    contract: NDArray[Any] | None = None
    running: NDArray[np.bool_] | None = None
    reason: NDArray[Any] | None = None
    segment: NDArray[Any] | None = None
    covariates: Mapping[str, NDArray[Any]] | None = None
    price: Floats | None = None
    margin: Floats | None = None
    until: datetime.date | None = None
    currency: str | None = None

    def __post_init__(self) -> None:
        as_period(self.period, name="period")
        for name in NUMBERS:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, frozen(as_numbers(getattr(self, name), name)))
        if self.running is not None:
            object.__setattr__(self, "running", frozen(np.asarray(self.running, dtype=bool)))
        for name in LABELS:
            if getattr(self, name) is not None:
                object.__setattr__(self, name, frozen(labels(getattr(self, name))))
        if self.covariates is not None:
            columns = {str(name): frozen(labels(column)) for name, column in self.covariates.items()}
            object.__setattr__(self, "covariates", MappingProxyType(columns))
        sizes = {name: len(column) for name, column in (self._arrays() | dict(self.covariates or {})).items()}
        if len(set(sizes.values())) > 1:
            raise ContractError(f"The columns have different lengths: {sizes}. Give every column one value per row.")
        if len(self.customer_id) == 0:
            raise ContractError("There is no contract. Check the source, or what was selected from it.")
        refuse(rules(self.entry, self.exit, self.event), self.customer_id)
        if self.running is not None and np.any((np.asarray(self.running) == 1) & (self.event == 1)):
            raise ContractError("'running' is true where 'event' is 1: who left is not there. Correct one of them.")
        if self.counts is not None and not np.all(self.counts > 0):
            raise ContractError("'counts' must be above zero: the number of customers that a row stands for.")

    def __len__(self) -> int:
        """How many customers (contracts) the rows stand for."""
        rows = slice(None) if self.contract is None else np.unique(self.contract, return_index=True)[1]
        return round(float(self.weights[rows].sum()))

    @classmethod
    def from_cohort(
        cls, survivors: Sequence[float] | Mapping[str, Sequence[float]], *, period: Period | None = None
    ) -> Tenures:
        """A table of survivors: how many customers of a cohort were still there after 0, 1, 2, ... renewals.

        Parameters
        ----------
        survivors
            Whole numbers that never rise; or several cohorts by name, which becomes the segment.
        period
            The time from one renewal to the next; a year if not given.

        Raises
        ------
        ContractError
            A number is negative, is not whole, or is larger than the one before it.

        Examples
        --------
        >>> Tenures.from_cohort([10, 6, 5]).to_frame()[["exit", "event", "counts"]]
           exit  event  counts
        0   1.0    1.0     4.0
        1   2.0    1.0     1.0
        2   2.0    0.0     5.0
        """
        from clvmodels.units import YEAR

        cohorts = survivors if isinstance(survivors, Mapping) else {"": survivors}
        rows = [
            (name, *row) for name, table in cohorts.items() for row in _rows_of(name, np.asarray(table, dtype=float))
        ]
        names, exits, events, counts = (np.array(column) for column in zip(*rows, strict=True))
        said = [f"{'left at' if e else 'there after'} renewal {x:g} {n}".strip() for n, x, e, _ in rows]
        segment = names if isinstance(survivors, Mapping) else None
        return cls(np.array(said), np.zeros(exits.size), exits, events, period or YEAR, counts, segment=segment)

    @property
    def weights(self) -> Floats:
        """How many customers each row stands for (n,)."""
        return np.ones(len(self.customer_id)) if self.counts is None else self.counts

    @property
    def there(self) -> NDArray[np.bool_]:
        """Whether each contract runs at the end of observation (n,)."""
        return self.event == 0 if self.running is None else self.running

    @property
    def still_there(self) -> Tenures:
        """The contracts that run at the end of observation."""
        if not self.there.any():
            raise ContractError("Nobody of these customers is still there. Check the dates, or what was selected.")
        return self.select(self.there)

    def select(self, which: NDArray[np.bool_]) -> Tenures:
        """The rows where a mask (n,) is true."""
        wanted = np.asarray(which)
        if wanted.dtype != bool or wanted.shape != self.exit.shape:
            raise ContractError(
                f"Rows are selected by a mask of {self.exit.size:,} booleans, not by {wanted.dtype} of shape {wanted.shape}. "
                "Write for example tenures.select(tenures.segment == 'A')."
            )
        picked: dict[str, Any] = {name: column[wanted] for name, column in self._arrays().items()}
        if self.covariates is not None:
            picked["covariates"] = {name: column[wanted] for name, column in self.covariates.items()}
        return replace(self, **picked)

    def because_of(self, reason: str) -> Tenures:
        """The same contracts, where only leaving for this reason counts; who left for another is seen until then and no longer.

        That is the cause-specific view of competing reasons.
        """
        known = [] if self.reason is None else sorted({str(one) for one in self.reason[self.event == 1]})
        if self.reason is None or reason not in known:
            raise ContractError(
                f"Nobody left because of {reason!r}. The reasons are: {', '.join(known) or 'none; name their column as reason='}."
            )
        event = np.where(self.reason == reason, self.event, 0.0)
        kept = np.array([one if left else None for one, left in zip(self.reason, event, strict=True)], dtype=object)
        return replace(self, event=event, running=self.there, reason=kept)

    def unique(self) -> Distinct:
        """The distinct rows of exit, entry and event, and how many customers have each (`counts`)."""
        found = distinct([self.exit, self.entry, self.event])
        return found._replace(counts=np.asarray(np.bincount(found.inverse, self.weights), dtype=float))

    def kaplan_meier(self, *, interval: float = 0.95) -> pd.DataFrame:
        """The share still there by tenure, without a model; who entered late counts from her entry on.

        Returns
        -------
        DataFrame, one row per tenure at which somebody left or was last seen: tenure [period], at_risk, left, survival, lower,
        upper. The first row is tenure 0. Intervals are Wilson's, for the number of customers that would give Greenwood's
        variance; where nothing is censored they are Wilson's of a share.

        Source: KaplanMeier1958; CutlerEderer1958 for the effective number; Wilson1927.
        """
        return kaplan_meier(self.entry, self.exit, self.event, self.weights, interval=interval)

    def fingerprint(self) -> str:
        """Sixteen hexadecimal digits that tell the data apart, whatever the order of the rows; covariates count."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        days = (self.entry * self.period.days, self.exit * self.period.days)
        return fingerprint(self.customer_id, (*days, self.event, self.weights), (self.covariates or {}).values())

    def to_frame(self) -> pd.DataFrame:
        """One row per contract: customer_id, entry, exit, event; then what else is known, and covariates."""
        import pandas as pd

        return pd.DataFrame({**self._arrays(), **(self.covariates or {})})

    def _arrays(self) -> dict[str, NDArray[Any]]:
        names = ("customer_id", "entry", "exit", "event", *OPTIONAL)
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def __repr__(self) -> str:
        left = float(self.weights @ self.event)
        late = float(self.weights[self.entry > 0].sum())
        facts = [
            f"{len(self):,} customers",
            f"{left:,.0f} left",
            f"tenure up to {self.exit.max():g} {self.period.name}s",
        ]
        facts += [f"{late:,.0f} entered late"] if late else []
        facts += [f"until {self.until}"] if self.until else []
        return f"Tenures: {', '.join(facts)}"


def _rows_of(name: str, table: Floats) -> list[tuple[float, float, float]]:
    """Exit, event and count of one cohort."""
    of = f" of {name!r}" if name else ""
    if (
        table.size < 2
        or not np.all(np.isfinite(table))
        or not whole(table)
        or table[-1] < 0
        or np.any(np.diff(table) > 0)
    ):
        raise ContractError(
            f"The survivors{of} are {table.tolist()}. Give whole numbers of customers after 0, 1, 2, ... renewals, at least "
            "two, that never rise; round counts that were made from percentages."
        )
    lost = -np.diff(table)
    rows = [(float(t), 1.0, float(n)) for t, n in enumerate(lost, start=1) if n > 0]
    return [*rows, (float(table.size - 1), 0.0, float(table[-1]))] if table[-1] > 0 else rows
