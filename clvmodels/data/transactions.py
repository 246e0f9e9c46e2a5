"""The transaction log: who bought on which day for how much; read from any table, split in time, made histories."""

from __future__ import annotations

import datetime
import functools
import warnings
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from clvmodels.data import customers
from clvmodels.data.days import as_date
from clvmodels.data.facts import NOTHING, Facts, look, refuse_mixed_zones, refuse_unusable
from clvmodels.data.histories import Histories
from clvmodels.data.lines import Lines, by_day, read_lines, usable, within
from clvmodels.data.notice import DataWarning
from clvmodels.data.quality import Policies, Quality, measure
from clvmodels.errors import TransactionError
from clvmodels.units import Period, as_period

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

type Day = str | datetime.date
type Returns = Literal["net", "ignore"]
type FreeOrders = Literal["leave_out", "count"]
type Invalid = Literal["error", "leave_out"]


class Split(NamedTuple):
    """A log in two: up to and including the split date, and after it."""

    calibration: Transactions
    holdout: Transactions


class Transactions:
    """A log of purchase lines over any table. Nothing is read until a result is asked for; it never changes.

    Purchases of a customer on one day are one purchase: the day's amounts are added up.

    Parameters
    ----------
    source
        A CSV or Parquet path or glob, a pandas or polars frame, an Arrow table, or an Ibis table, which stays on its
        own backend.
    customer, date
        Columns with the customer's id and the date. Texts are dates as `1997-09-30` or `19970930`; timestamps count by
        the day.
    amount
        Column with the line's amount [currency], negative for a return. Without it only purchases are counted and
        every monetary value is NaN.
    quantity, order, product, margin, segment
        Columns with the number of units, ids of order and product, the margin [currency] and the customer's segment.
    currency
        The column with the currency (which has to hold a single one), or the currency itself, such as `"GBP"`.
    returns
        `"net"`: a return lowers its day's amount, and a day with a net amount of zero or less is no purchase, though it
        counts in the customer's total. `"ignore"`: lines with a negative amount are left out.
    free_orders
        Whether a day with nothing but lines of amount zero is a purchase: `"leave_out"` (it is not) or `"count"`.
    invalid
        What to do with lines whose date, amount or margin cannot be read: `"error"` or `"leave_out"` (a margin that
        cannot be read is left out of the sum of margins only).
    timezone
        The zone in which instants (timestamps that have a time zone) are turned into days, such as `"Europe/Berlin"`;
        by default the column's own, or UTC. Timestamps without a zone are days as they are written.

    Raises
    ------
    TransactionError
        A column is missing or cannot play its role. Results raise it for lines that cannot be used.

    Warns
    -----
    DataWarning
        Once per log, with `invalid="error"`: lines without a customer id belong to nobody and are left out.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvmodels.units import WEEK
    >>> lines = pd.DataFrame({"who": ["A", "A", "B"], "when": ["20240101", "20240115", "20240108"], "paid": [5, 7, 9]})
    >>> log = Transactions(lines, customer="who", date="when", amount="paid", currency="EUR")
    >>> log
    Transactions: 3 lines of 2 customers, 2024-01-01 to 2024-01-15, EUR
    >>> log.histories(period=WEEK).to_frame()[["customer_id", "frequency", "recency", "T", "monetary_value"]]
      customer_id  frequency  recency    T  monetary_value
    0           A        1.0      2.0  2.0             7.0
    1           B        0.0      0.0  1.0             0.0
    """

    def __init__(
        self,
        source: object,
        *,
        customer: str,
        date: str,
        amount: str | None = None,
        quantity: str | None = None,
        order: str | None = None,
        product: str | None = None,
        margin: str | None = None,
        segment: str | None = None,
        currency: str | None = None,
        returns: Returns = "net",
        free_orders: FreeOrders = "leave_out",
        invalid: Invalid = "error",
        timezone: str | None = None,
    ) -> None:
        _check_choice("returns", returns, get_args(Returns.__value__))
        _check_choice("free_orders", free_orders, get_args(FreeOrders.__value__))
        _check_choice("invalid", invalid, get_args(Invalid.__value__))
        roles = {"customer_id": customer, "date": date, "amount": amount, "quantity": quantity, "order": order}
        roles |= {"product": product, "margin": margin, "segment": segment}
        self._whole: Lines = read_lines(source, roles=roles, currency=currency, timezone=timezone)
        self._policies = Policies(returns, free_orders, invalid, timezone is not None)
        self._after: datetime.date | None = None
        self._until: datetime.date | None = None
        self._warned: set[type[Warning]] = set()  # shared by the parts of a split: one warning per log

    @property
    def currency(self) -> str | None:
        """The currency of all amounts, None if the caller did not say."""
        return self._facts.currency[0] if self._whole.has("currency") else self._whole.label

    @property
    def after(self) -> datetime.date | None:
        """The day after which this part of a split log starts (the split date); None for a log from its beginning."""
        return self._after

    @property
    def until(self) -> datetime.date:
        """The last day of observation: the split date for a calibration part, otherwise the log's last date."""
        return self._until or self._dates[1]

    def quality(self) -> Quality:
        """What was found in the log and what was done about it; every line is accounted for."""
        return measure(self._lines, self._facts, self._policies, after=self._after, until=self._until)

    def split(self, date: Day) -> Split:
        """The log up to and including `date`, and from the day after it to its end.

        Parameters
        ----------
        date
            Last day of the calibration, from the log's first date to the day before its last.

        Raises
        ------
        TransactionError
            The date is outside the log or leaves the holdout empty.
        """
        refuse_mixed_zones(self._lines, self._facts.offsets, zone_given=self._policies.zone_given)
        day, (first, last) = as_date(date, name="date"), self._dates
        if not first <= day < self.until:
            raise TransactionError(
                f"Cannot split at {day}: the log runs from {first} to {last}. "
                f"Split at a date from {first} up to the day before {self.until}."
            )
        return Split(self._part(self._after, day), self._part(day, self.until))

    def lines(self) -> ir.Table:
        """Ibis expression of the usable lines: customer_id, date and the named columns under their canonical names."""
        self._require()
        roles = [role for role in self._lines.names if role != "currency"]
        table = self._lines.table.filter(usable(self._lines))
        return table.select(*roles)

    def purchase_days(self) -> ir.Table:
        """Ibis expression, one row per customer and purchase day.

        Columns: customer_id, date, amount [currency] (NaN in a log without amounts), quantity and margin if named.
        """
        self._require()
        days = self._days()
        extras = [role for role in ("quantity", "margin") if self._whole.has(role)]
        return days.filter(days.bought).select("customer_id", "date", "amount", *extras)

    def histories(
        self, *, period: Period, until: Day | None = None, intervals: bool = False, dates: bool = False
    ) -> Histories:
        """Each customer's history, in the order of the ids.

        Parameters
        ----------
        period
            The unit of recency and T, such as `WEEK`; they are fractional and come from days, never calendar weeks.
        until
            Last day of observation, by default `log.until`. An earlier one cuts the log; a later one means that the
            customers were observed until then and bought nothing more.
        intervals
            Whether to look at the times between purchases too, for `log_intervals`, which costs some time: `regularity` and
            the models of regular buying (`BG_CNBD_K`, `MBG_CNBD_K`) read them.
        dates
            Whether to keep the days of all purchases, which takes memory: models whose rates change over time
            (`time_varying`) read them.

        Returns
        -------
        Histories
            Customers with at least one purchase day. frequency: purchase days after the first; recency and T
            [period]: from the first purchase day to the last one and to `until`; monetary_value [currency]: mean amount
            of the purchase days after the first, 0 where there are none; spend [currency]: net amount of all days;
            log_intervals [log period] and dates, if asked for: sum of log(time since the purchase day before), purchase days.
        """
        as_period(period, name="period")
        self._require()
        end = self._end(until)
        returns = self._facts.negative > 0
        days = self._days(end, signed=returns)
        found = customers.histories(days, self._whole, returns=returns, intervals=intervals)
        return customers.as_histories(
            found,
            period=period,
            until=end,
            currency=self.currency,
            priced=self._whole.has("amount"),
            days=days.filter(days.bought) if dates else None,
        )

    def totals(self, *, until: Day | None = None) -> pd.DataFrame:
        """What each customer did in this log, in the order of the ids.

        Columns: customer_id, purchases (purchase days), spend [currency] and, if named, margin [currency]. A customer
        who only returned goods is there, with no purchases and a spend of zero or less.
        """
        self._require()
        frame: pd.DataFrame = customers.totals(self._days(self._end(until)), self._whole).to_pyarrow().to_pandas()
        return frame

    def daily(self) -> pd.DataFrame:
        """Activity per date with any.

        Columns: date, purchases (customers with a purchase day), first_purchases (of those, customers new to the log),
        amount (net) [currency]. A holdout looks back: whoever bought before the split is not new, so purchases less
        first_purchases are the repeat purchases.
        """
        self._require()
        table = customers.daily(self._days_since(None, self.until), after=self._after)
        frame: pd.DataFrame = table.to_pyarrow().to_pandas(date_as_object=False)
        return frame

    @functools.cached_property
    def _lines(self) -> Lines:
        """The lines of this part, and those without a usable date, which may belong to it."""
        table = within(self._whole.table, after=self._after, until=self._until, undated=True)
        return Lines(
            table, self._whole.names, self._whole.given, self._whole.label, self._whole.zone, self._whole.instants
        )

    @functools.cached_property
    def _facts(self) -> Facts:
        return look(self._lines)

    @property
    def _dates(self) -> tuple[datetime.date, datetime.date]:
        """First and last date of the usable lines."""
        facts = self._facts
        if facts.first is None or facts.last is None:
            raise TransactionError(NOTHING.format(facts.rows))
        return facts.first, facts.last

    def _part(self, after: datetime.date | None, until: datetime.date) -> Transactions:
        part = object.__new__(Transactions)
        part._whole, part._policies, part._warned = self._whole, self._policies, self._warned
        part._after, part._until = after, until
        return part

    def _end(self, until: Day | None) -> datetime.date:
        end = self.until if until is None else as_date(until, name="until")
        first, last = self._dates
        if end < first:
            raise TransactionError(
                f"until={end} is before the log's first date: it runs from {first} to {last}. Give a later date."
            )
        return end

    def _days(self, until: datetime.date | None = None, *, signed: bool = True) -> ir.Table:
        ends = [end for end in (until, self._until) if end is not None]
        return self._days_since(self._after, min(ends) if ends else None, signed=signed)

    def _days_since(self, after: datetime.date | None, until: datetime.date | None, *, signed: bool = True) -> ir.Table:
        returns, free_orders = self._policies.returns, self._policies.free_orders
        return by_day(self._whole, after=after, until=until, returns=returns, free_orders=free_orders, signed=signed)

    def _require(self) -> None:
        """Refuse lines that a result would need and cannot use; warn of those that belong to nobody."""
        facts, strict = self._facts, self._policies.invalid == "error"
        refuse_unusable(self._lines, facts, strict=strict, zone_given=self._policies.zone_given)
        if strict and facts.missing_ids and DataWarning not in self._warned:
            self._warned.add(DataWarning)
            message = (
                f"{facts.missing_ids:,} of {facts.rows:,} lines have no customer in "
                f"'{self._whole.column('customer_id')}' and are left out. "
                "Pass invalid='leave_out' to accept that in silence; log.quality() counts them."
            )
            warnings.warn(message, DataWarning, stacklevel=3)

    def __repr__(self) -> str:
        facts = self._facts
        buyers = self._lines.table.filter(usable(self._lines)).customer_id.nunique().to_pyarrow().as_py()
        dates = f"{facts.first} to {facts.last}" if facts.first else "no usable date"
        left = facts.rows - facts.used
        lenient = self._policies.invalid == "leave_out" or left == facts.missing_ids
        parts = [f"{facts.rows:,} lines of {buyers:,} customers", dates, self.currency or "currency not given"]
        parts += [f"{left:,} {'left out' if lenient else 'not usable'} (see quality())"] if left else []
        return f"Transactions: {', '.join(parts)}"

    def _repr_html_(self) -> str:
        title, _, rest = repr(self).partition(": ")
        return f"<p><b>{title}</b>: {rest}</p>"


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise TransactionError(
            f"{name}={value!r} is not known. Write {' or '.join(repr(choice) for choice in choices)}."
        )
