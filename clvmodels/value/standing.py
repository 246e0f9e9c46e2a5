"""Customers under contract as they stand today: renewals made, time to the next one, payments so far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.data.contract_payments import coming_renewals, paid_by_row
from clvmodels.data.contracts import Contracts
from clvmodels.data.tenure import ROUNDING, Tenure, whole
from clvmodels.data.tenures import Tenures
from clvmodels.duration.contractual import Timing
from clvmodels.errors import ContractError
from clvmodels.history import covariates_of
from clvmodels.model import Array
from clvmodels.numerics.distinct import distinct
from clvmodels.units import Period

type Paid = Literal["start of period", "end of period"]
type Rows = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Standing:
    """Customers under contract today, one row per contract.

    Attributes
    ----------
    tenures
        What is known of them, one row each.
    made
        Renewals made (n,): whole.
    wait
        Time to the next renewal, from 0 (it is due now and not decided) to 1 (she has just renewed) [period] (n,).
    there
        Whether the contract runs (n,).
    paid
        Whether a period is paid at its start or at its end.
    now
        Whether the payment of the period that begins this very moment is still to come.
    past
        What was paid and earned before today (n,) by name, where the rows of the contracts say it period by period [currency].
    """

    tenures: Tenures
    made: Array
    wait: Array
    there: NDArray[np.bool_]
    paid: Paid
    now: bool
    past: Mapping[str, Array] = field(default_factory=dict)

    @property
    def period(self) -> Period:
        return self.tenures.period

    @property
    def payments_made(self) -> Array:
        """Payments before today (n,): of every period begun if they are paid at the start, else of every period that is over."""
        exit, left = self.tenures.exit, self.tenures.event == 1
        if self.paid == "end of period":
            return np.floor(exit + ROUNDING)
        begun = np.where(left, np.ceil(exit - ROUNDING), np.floor(exit + ROUNDING) + 1.0)
        return np.asarray(begun - 1.0 * (self.now & self.there))

    def alike(self, rows: Rows, reads: tuple[str, ...], dates: Array) -> Alike:
        """Some of the customers, those that models tell apart once each; `dates` (n,) tells them apart too."""
        there = self.there[rows]
        columns = [self.made, self.wait, dates, *covariates_of(self.tenures, reads)]  # type: ignore[arg-type]
        columns = [
            np.where(there, column[rows], column[rows[0]]) for column in columns
        ]  # who has left is as good as anybody
        *_, inverse, example = distinct(columns)
        made, wait, last, *some = (column[example] for column in columns)
        return Alike(made, wait, last, dict(zip(reads, some, strict=True)), self.period, inverse)


@dataclass(frozen=True, eq=False)
class Alike:
    """Customers who are there and differ: renewals made, time to the next one, payment dates to come, covariates, each (m,).

    `inverse` says which of them each customer is (rows,); `known` and `stays` keep what models have worked out of them, whenever
    they are looked at and as they stand.
    """

    made: Array
    wait: Array
    dates: Array
    covariates: dict[str, Any]
    period: Period
    inverse: Rows
    known: dict[int, Any] = field(default_factory=dict)
    stays: dict[int, Array] = field(default_factory=dict)

    def some(self, which: Rows) -> Alike:
        """Some of those who differ (not which customers they are)."""
        covariates = {name: np.asarray(column)[which] for name, column in self.covariates.items()}
        return Alike(
            self.made[which], self.wait[which], self.dates[which], covariates, self.period, np.arange(which.size)
        )

    def after(self, renewals: float) -> Tenure:
        """The same customers once they have made so many more renewals."""
        return Tenure(self.made + renewals, self.period, covariates=self.covariates or None)

    def renewed(self, renewals: Array) -> Alike:
        """The same customers at the moment of a coming renewal (m,), which they have just made."""
        left = np.maximum(self.dates - renewals, 0.0)
        return replace(self, made=self.made + renewals, wait=np.ones_like(self.wait), dates=left, stays={})

    def today(self) -> Tenure:
        """The same customers now, as long after their last renewal as they are."""
        return Tenure(self.made + 1.0 - self.wait, self.period, covariates=self.covariates or None)


def standing_of(
    contracts: Contracts | Tenures, *, period: Period, discrete: bool, timing: Timing | None, paid: Paid
) -> Standing:
    """How the customers stand today.

    Parameters
    ----------
    contracts
        Contracts with dates say when each renews next; tenures say it by their fraction of a period.
    period
        From one renewal to the next: that of the fit.
    discrete
        Whether the model counts renewals.
    timing
        "before renewal": the next renewal is due now; "after renewal": everybody has just renewed or joined, and that payment is
        still to come. None: as the data say; what was due is paid.
    paid
        When a period is paid.
    """
    for name, value, known in (("timing", timing, Timing), ("paid", paid, Paid)):
        choices = get_args(known.__value__)
        if value not in (*choices, *(() if name == "paid" else (None,))):
            raise ContractError(f"{name}={value!r} is not known. Write {' or '.join(map(repr, choices))}.")
    if isinstance(contracts, Contracts):
        dated = contracts.until is not None
        found = contracts.tenures(period=period, whole=discrete and dated)
        by_calendar = coming_renewals(contracts, period) if discrete and dated and timing is None else None
    else:
        found, by_calendar = _latest(contracts), None
    if found.period != period:
        raise ContractError(
            f"The tenures count {found.period}s and the fit {period}s from one renewal to the next. Make the tenures with the "
            "fit's period."
        )
    found = _one_each(found)
    made = np.floor(found.exit + ROUNDING)
    wait = np.minimum(1.0 - (found.exit - made), 1.0)
    if by_calendar is not None:
        made, wait = by_calendar
    if timing is not None and not whole(found.exit[found.there]):
        raise ContractError(
            f"timing={timing!r} says that everybody is at a renewal, and some tenures are between two. Leave out timing=, or "
            "give whole tenures."
        )
    if timing == "before renewal":
        wait = np.zeros(made.size)
    now = timing == "after renewal" and paid == "start of period"
    standing = Standing(found, made, wait, found.there, paid, now)
    if by_calendar is None or not isinstance(contracts, Contracts):
        return standing
    return replace(standing, past=paid_by_row(contracts, period, standing.payments_made))


def _latest(tenures: Tenures) -> Tenures:
    """The last row of every contract."""
    if tenures.contract is None:
        return tenures
    order = np.lexsort((tenures.exit, tenures.contract))
    number = tenures.contract[order]
    keep = np.zeros(number.size, dtype=bool)
    keep[order[np.append(number[1:] != number[:-1], True)]] = True
    return tenures.select(keep)


def _one_each(tenures: Tenures) -> Tenures:
    """A row for every customer where rows stand for several, numbered: "there after renewal 7 (1)" and so on."""
    if tenures.counts is None:
        return tenures
    counts = np.rint(tenures.counts).astype(np.intp)
    if not whole(tenures.counts):
        raise ContractError("'counts' are not whole numbers, so that customers cannot be drawn. Give whole counts.")
    rows = np.repeat(np.arange(counts.size), counts)
    number = np.arange(rows.size) - np.repeat(np.cumsum(counts) - counts, counts) + 1
    names = [f"{who} ({k})" for who, k in zip(tenures.customer_id[rows], number, strict=True)]
    columns = {
        name: column[rows]
        for name in ("entry", "exit", "event", "running", "reason", "segment", "price", "margin", "contract")
        if (column := getattr(tenures, name)) is not None
    }
    known = {name: column[rows] for name, column in (tenures.covariates or {}).items()}
    return Tenures(
        np.array(names), period=tenures.period, covariates=known or None, until=tenures.until,
        currency=tenures.currency, **columns,
    )  # fmt: skip


def labels_of(standing: Standing) -> pd.DataFrame:
    """The columns that name a row: customer_id, contract where customers have several, segment where there are some."""
    tenures = standing.tenures
    ids = pd.Series(tenures.customer_id)
    columns: dict[str, Any] = {"customer_id": tenures.customer_id}
    if ids.duplicated().any():
        columns["contract"] = ids.groupby(ids).cumcount().to_numpy() + 1
    if tenures.segment is not None:
        columns["segment"] = tenures.segment
    return pd.DataFrame(columns)
