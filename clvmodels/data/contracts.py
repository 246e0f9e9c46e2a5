"""Contracts: when each customer's began and ended; who is still there, and since when."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from clvmodels.data.cohorts import cohort_labels, retention_table
from clvmodels.data.contract_checks import is_dated, offenders_of
from clvmodels.data.contract_lines import FAULTS, ContractRows, read_contract_rows
from clvmodels.data.contract_tenures import age_at, from_dates, from_tenures, whole_from_dates
from clvmodels.data.quality import Finding, Quality
from clvmodels.data.spells import Spells, spells_of
from clvmodels.data.tenures import Tenures
from clvmodels.errors import SHOWN, ContractError
from clvmodels.units import DAY, YEAR, Period, Span, as_period, as_span

if TYPE_CHECKING:
    import pandas as pd

type Day = str | datetime.date
type Invalid = Literal["error", "leave_out"]


class Contracts:
    """A table of contracts over any table the transaction log reads. Nothing is read until a result is asked for.

    Rows of one customer that follow on each other are renewals and count as one contract; after a gap she has come back, which
    is a contract of its own.

    Parameters
    ----------
    source
        What `Transactions` reads: a path or glob, a frame, an Arrow table, an Ibis table.
    customer
        Column with the customer's id (or the contract's, if a customer may hold several at once).
    start, end
        Columns with the first day of the contract and the day it ended, empty while it runs. Either these, or tenure and event.
    observed_until
        The last day on which an end would have been seen, or the column with it.
    status
        Column that says whether the contract runs; with it the end of a running contract may be filled in (its term's).
    active
        The statuses that mean running; by default "active", "in force" and the like.
    observed_from
        The day from which on customers were observed, or the column with it, if that was after some contracts began (late entry:
        who had left before is not in the table). With `tenure`, the column with the tenure at which observation began.
    tenure, event
        Columns with the time under contract [period], and whether it ended with the customer leaving (1) or was last seen (0).
    period
        Unit of `tenure`, such as `MONTH`.
    price, margin
        Columns with what is paid and earned per period [currency]; of joined rows the last counts.
    reason
        Column with the reason for leaving, such as "voluntary" or "payment"; by default the status of the ended contracts.
    segment, covariates
        Columns with a label per customer, and with what may explain how long they stay. Of joined rows the first counts, unless
        `tenures(varying=True)` keeps them apart.
    currency
        The currency itself, such as "EUR", or the column with it.
    join_within
        Rows of one customer at most this far apart are renewals; a day by default.
    invalid
        What to do with rows that cannot be used: "error" or "leave_out".
    timezone
        The zone in which instants are turned into days, as in `Transactions`.

    Raises
    ------
    ContractError
        A column is missing or cannot play its role. Results raise it for rows that cannot be used: an end not after the start, or
        after the observation date; a status that contradicts the dates; contracts that are there twice or overlap; a missing
        id; a date that cannot be read.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvmodels.units import MONTH
    >>> rows = pd.DataFrame({"who": ["A", "B"], "from": ["2024-01-01", "2024-02-01"], "to": ["2024-04-01", None]})
    >>> contracts = Contracts(rows, customer="who", start="from", end="to", observed_until="2024-06-30")
    >>> contracts
    Contracts: 2 contracts of 2 customers, 1 ended, 2024-01-01 to 2024-06-30
    >>> contracts.tenures(period=MONTH).to_frame()[["customer_id", "entry", "exit", "event"]]
      customer_id  entry  exit  event
    0           A    0.0   3.0    1.0
    1           B    0.0   4.0    0.0
    """

    def __init__(
        self,
        source: object,
        *,
        customer: str,
        start: str | None = None,
        end: str | None = None,
        observed_until: Day | None = None,
        status: str | None = None,
        active: Sequence[str] | None = None,
        observed_from: Day | None = None,
        tenure: str | None = None,
        event: str | None = None,
        period: Period | None = None,
        price: str | None = None,
        margin: str | None = None,
        reason: str | None = None,
        segment: str | None = None,
        covariates: Sequence[str] = (),
        currency: str | None = None,
        join_within: Span | Period = DAY,
        invalid: Invalid = "error",
        timezone: str | None = None,
    ) -> None:
        if invalid not in get_args(Invalid.__value__):
            raise ContractError(f"invalid={invalid!r} is not known. Write 'error' or 'leave_out'.")
        self._dated = is_dated(
            start=start, end=end, observed_until=observed_until, tenure=tenure, event=event, period=period
        )
        roles = {
            "customer_id": customer,
            "start": start,
            "end": end,
            "status": status,
            "tenure": tenure,
            "event": event,
        }
        roles |= {"price": price, "margin": margin, "reason": reason, "segment": segment}
        bounds = {"observed_from": observed_from, "observed_until": observed_until}
        if not self._dated:
            roles["entry"], bounds = None if observed_from is None else str(observed_from), {}
        self._read = functools.partial(
            read_contract_rows, source, roles=roles, bounds=bounds, covariates=covariates, active=active,
            currency=currency, timezone=timezone,
        )  # fmt: skip
        self._period, self._strict = period, invalid == "error"
        self._gap = as_span(join_within, name="join_within").days

    @property
    def until(self) -> datetime.date | None:
        """The last day of observation, None for tenures without dates."""
        return self._rows.frame["observed_until"].max().date() if self._dated else None

    @property
    def currency(self) -> str | None:
        """The currency of price and margin, None if the caller did not say."""
        if "currency" not in self._rows.names:
            return self._rows.currency
        found = self._rows.frame["currency"].unique()
        if len(found) > 1:
            listed = ", ".join(map(str, found[:SHOWN]))
            raise ContractError(
                f"'{self._rows.names['currency']}' holds several currencies: {listed}. Convert the prices to one, or filter the "
                "contracts to one."
            )
        return str(found[0])

    def to_frame(self) -> pd.DataFrame:
        """One row per contract, renewals joined.

        Columns: customer_id; start, end (NaT while it runs), observed_until, or tenure; ended; reason of who left; and price,
        margin, segment and covariates as named.
        """
        kept = [name for name in self._spells.columns if not name.startswith("given_") and name != "returned"]
        frame: pd.DataFrame = self._spells[kept]
        return frame.rename(columns={f"covariate_{name}": name for name in self._rows.covariates})

    def tenures(self, *, period: Period, whole: bool = True, varying: bool = False) -> Tenures:
        """How long each customer has been there, for models and curves.

        Parameters
        ----------
        period
            Unit; for whole periods the time from one renewal to the next. Months and years are those of the calendar.
        whole
            Count whole periods, as discrete models and period-by-period tables do. Who left during a period left at the renewal
            that ends it. A period that is not over for a customer at the end of observation, or had begun when that began, counts
            neither for nor against her; otherwise those who left early in it would count and those who stay would not.
            False: times as they are, in periods of fixed length.
        varying
            A row for every row of the table, not for every contract: from its start to that of the next, with its own price and
            covariates, for models in which what holds at the time decides. In whole periods a period belongs to the row that
            holds at its end.

        Returns
        -------
        Tenures, in the order of ids and starts

        Raises
        ------
        ContractError
            Whole periods are asked for, and the table has tenures that are not whole: only dates tell which periods are over.
        """
        as_period(period, name="period")
        found = self._tenures(period, whole)
        return self._by_row(found, period, whole) if varying else found

    def _tenures(self, period: Period, whole: bool) -> Tenures:
        frame = self._spells
        if not self._dated:
            entry, exit, event = from_tenures(frame, period, self._period, whole)
        else:
            entry, exit, event = whole_from_dates(frame, period) if whole else from_dates(frame, period)
        reasons = None
        if "reason" in frame:
            said = frame["reason"].astype(object)
            reasons = said.where(said.notna() & (event == 1), None).to_numpy(dtype=object)
        return Tenures(
            frame["customer_id"].to_numpy(), entry, exit, event, period, running=~frame["ended"].to_numpy(dtype=bool),
            reason=reasons, until=self.until, currency=self.currency, **self._known(frame),
        )  # fmt: skip

    def _known(self, frame: pd.DataFrame) -> dict[str, Any]:
        """Price, margin, segment and covariates of rows, as named."""
        given = {name: frame[name].to_numpy() for name in ("price", "margin", "segment") if name in frame}
        covariates = {name: frame[f"covariate_{name}"].to_numpy() for name in self._rows.covariates}
        return given | {"covariates": covariates or None}

    def _by_row(self, found: Tenures, period: Period, whole: bool) -> Tenures:
        """The tenures cut where the rows of a contract follow on each other."""
        if not self._dated:
            raise ContractError(
                "Rows that follow on each other are told by dates. Give start= and end= in place of tenure=."
            )
        rows = self._joined.rows
        number = rows["contract"].to_numpy()
        begin = age_at(self._spells["start"].to_numpy()[number], rows["start"], period, whole)
        last = np.append(number[1:] != number[:-1], True)
        until = np.where(last, np.inf, np.append(begin[1:], 0.0))
        entry, exit = np.maximum(found.entry[number], begin), np.minimum(found.exit[number], until)
        final = found.exit[number] <= until
        keep = (exit > entry) | ((found.exit == found.entry)[number] & last)
        event, running = found.event[number] * final, found.there[number] & last
        reasons = None if found.reason is None else np.where(event == 1, found.reason[number], None)[keep]
        return Tenures(
            found.customer_id[number][keep], np.minimum(entry, exit)[keep], exit[keep], event[keep], period,
            contract=number[keep], running=running[keep], reason=reasons,
            until=self.until, currency=self.currency, **self._known(rows[keep]),
        )  # fmt: skip

    def cohorts(self, *, per: Period = YEAR, period: Period | None = None, interval: float = 0.95) -> pd.DataFrame:
        """Retention by the time the contracts began.

        Parameters
        ----------
        per
            Length of a cohort of starts: `YEAR`, `MONTH`, or another period.
        period
            Unit of tenure; the same as `per` by default.
        interval
            Of the share.

        Returns
        -------
        DataFrame: cohort, customers, tenure, at_risk, left, still_there (at_risk less left), share (of the cohort, by Kaplan and
        Meier: where all are observed equally long still_there / customers), lower, upper. See `Tenures.kaplan_meier`.
        """
        if not self._dated:
            raise ContractError(
                "Cohorts are of starts, and this table has none. Give start= and end= in place of tenure=."
            )
        tenures = self.tenures(period=per if period is None else period)
        return retention_table(tenures, cohort_labels(self._spells["start"], per), interval=interval)

    def kaplan_meier(self, *, period: Period, interval: float = 0.95) -> pd.DataFrame:
        """The share still there by tenure, times as they are; see `Tenures.kaplan_meier`."""
        return self.tenures(period=period, whole=False).kaplan_meier(interval=interval)

    def quality(self) -> Quality:
        """What was found in the table and what was done about it; every row is in exactly one finding up to the last fault."""
        rows, spells = self._rows, self._joined.contracts
        total, good = len(rows.frame), int((rows.fault < 0).sum())
        ended = int(spells["ended"].sum())
        refused = "results raise an error unless invalid='leave_out'" if self._strict else "left out"

        def found(name: str, count: int, done: str) -> Finding:
            return Finding(name, count, count / total if total else 0.0, "of rows", done)

        findings = [
            found("ended", ended, "used: the customer left"),
            found("running", len(spells) - ended, "used: right-censored"),
        ]
        findings.append(found("continuing", good - len(spells), "used: joined to the row it goes on from"))
        findings += [
            found(one.name, int((rows.fault == i).sum()), refused)
            for i, one in enumerate(FAULTS)
            if self._asked(one.role)
        ]
        late = int(spells["late"].sum())
        findings.append(found("entered late", late, "used: counted from the entry on"))
        findings.append(found("came back", int(spells["returned"].sum()), "used: a contract of its own after a gap"))
        days = rows.frame.loc[rows.fault < 0, "start"] if self._dated else None
        first = None if days is None or days.empty else days.min().date()
        customers = spells["customer_id"].nunique()
        return Quality(total, good, customers, first, first and self.until, tuple(findings), unit="contract rows")

    def _asked(self, role: str) -> bool:
        return role in self._rows.names or (role in ("observed_from", "observed_until") and role in self._rows.frame)

    @functools.cached_property
    def _rows(self) -> ContractRows:
        return self._read()

    @functools.cached_property
    def _joined(self) -> Spells:
        return spells_of(self._rows, gap=self._gap, dated=self._dated)

    @property
    def _spells(self) -> pd.DataFrame:
        """Contracts; refuses rows that results would need and cannot use."""
        rows = self._rows
        for index in range(len(FAULTS)) if self._strict else ():
            if np.any(rows.fault == index):
                raise ContractError(offenders_of(rows, index))
        if self._joined.contracts.empty:
            raise ContractError(
                f"The table has no usable contract among {len(rows.frame):,} rows. Check the source; see contracts.quality()."
            )
        return self._joined.contracts

    def __repr__(self) -> str:
        rows, spells = self._rows, self._joined.contracts
        left = int((rows.fault >= 0).sum())
        facts = [
            f"{len(spells):,} contracts of {spells['customer_id'].nunique():,} customers",
            f"{int(spells['ended'].sum()):,} ended",
        ]
        facts += [f"{spells['start'].min().date()} to {self.until}"] if self._dated and len(spells) else []
        facts += [f"{left:,} rows {'not usable' if self._strict else 'left out'} (see quality())"] if left else []
        return f"Contracts: {', '.join(facts)}"

    def _repr_html_(self) -> str:
        title, _, rest = repr(self).partition(": ")
        return f"<p><b>{title}</b>: {rest}</p>"
