"""What was found in a log and what was done about each finding."""

from __future__ import annotations

import datetime
import html
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from clvmodels.data.facts import Facts
from clvmodels.data.lines import Lines, by_day, usable
from clvmodels.errors import ClvError

if TYPE_CHECKING:
    import pandas as pd

FENCE = 3.0  # Tukey's "far out": so many interquartile ranges above the upper quartile
WARM_UP = 12  # left truncation compares the first twelfth of the log with the rest


@dataclass(frozen=True)
class Policies:
    """What the caller chose to do with returns, free orders, unusable lines and time zones."""

    returns: str
    free_orders: str
    invalid: str
    zone_given: bool


@dataclass(frozen=True)
class Finding:
    """One thing found: how many, what share of which whole (NaN where it has none), what was done."""

    finding: str
    count: int
    share: float
    of: str
    done: str


@dataclass(frozen=True)
class Quality:
    """The quality report of a log: its size and dates, and a list of findings.

    Every line is in exactly one of `lines used`, `without customer id`, `date unreadable` and `amount unreadable`.
    """

    rows: int
    used: int
    customers: int  # with a usable line
    first: datetime.date | None
    last: datetime.date | None
    findings: tuple[Finding, ...]
    unit: str = "lines"

    def __getitem__(self, finding: str) -> Finding:
        for found in self.findings:
            if found.finding == finding:
                return found
        raise ClvError(
            f"There is no finding '{finding}'. There are: {', '.join(found.finding for found in self.findings)}."
        )

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def to_frame(self) -> pd.DataFrame:
        """One row per finding: finding, count, share (0 to 1), of (the whole the share is of), done."""
        import pandas as pd

        names = [field.name for field in fields(Finding)]
        return pd.DataFrame([[getattr(found, name) for name in names] for found in self.findings], columns=names)

    def _title(self) -> str:
        return f"Quality of {self.rows:,} {self.unit} of {self.customers:,} customers, {self.first} to {self.last}"

    def __repr__(self) -> str:
        width = max(len(found.finding) for found in self.findings)
        rows = [f"  {f.finding:<{width}}  {f.count:>12,}  {_percent(f):>7} {f.of:<13}  {f.done}" for f in self.findings]
        return "\n".join([self._title(), *(row.rstrip() for row in rows)])

    def _repr_html_(self) -> str:
        cells = [(f.finding, f"{f.count:,}", f"{_percent(f)} {f.of}".strip(), f.done) for f in self.findings]
        rows = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in cells)
        head = "<tr><th>finding</th><th>count</th><th>share</th><th>what was done</th></tr>"
        return f"<p><b>{html.escape(self._title())}</b></p><table>{head}{rows}</table>"


def _percent(found: Finding) -> str:
    if found.share != found.share:
        return ""
    return "< 0.1 %" if 0 < found.share < 0.001 else f"{100 * found.share:.1f} %"


def measure(
    lines: Lines, facts: Facts, policies: Policies, *, after: datetime.date | None, until: datetime.date | None
) -> Quality:
    """The quality report of the lines after `after` and up to `until`."""
    days = by_day(lines, after=after, until=until, returns=policies.returns, free_orders=policies.free_orders)
    found = _count_days(days, lines) | _count_customers(days, lines, facts)
    counts = found | {"duplicates": _duplicates(lines), "outliers": _outliers(days, lines)}
    findings = [*_line_findings(facts, lines, policies, counts), *_day_findings(facts, lines, policies, counts)]
    findings += _customer_findings(lines, facts, counts)
    return Quality(facts.rows, facts.used, counts["customers"], facts.first, facts.last, tuple(findings))


def _one(expression: Any) -> dict[str, int]:
    [row] = expression.to_pyarrow().to_pylist()
    return {name: int(value or 0) for name, value in row.items()}


def _count_days(days: Any, lines: Lines) -> dict[str, int]:
    facts = {"days": days.count(), "kept": days.lines.sum(), "purchase_days": days.bought.sum()}
    if lines.has("amount"):
        free = (days.amount == 0) & (days.lowest >= 0)
        facts |= {"free": free.sum(), "netted": ((days.amount <= 0) & ~free).sum()}
    return {"free": 0, "netted": 0} | _one(days.aggregate(**facts))


def _count_customers(days: Any, lines: Lines, facts: Facts) -> dict[str, int]:
    table: Any = lines.table.filter(usable(lines))
    per_customer = table.group_by("customer_id").aggregate(first=table.date.min(), **_segments(table, lines))
    counts: dict[str, Any] = {"customers": per_customer.count()}
    if lines.has("segment"):
        counts["moved"] = (per_customer.low != per_customer.high).sum()
    if facts.first and facts.last:
        early = facts.first + (facts.last - facts.first) / WARM_UP
        counts["early"] = (per_customer.first <= early).sum()
    return (
        {"moved": 0, "early": 0}
        | _one(per_customer.aggregate(**counts))
        | _one(days.aggregate(buyers=days.customer_id.nunique(where=days.bought)))
    )


def _segments(table: Any, lines: Lines) -> dict[str, Any]:
    return {"low": table.segment.min(), "high": table.segment.max()} if lines.has("segment") else {}


def _duplicates(lines: Lines) -> int:
    """Lines that repeat another one in every column of the caller's table."""
    whole: Any = lines.table.select(*lines.given.values())
    return int(whole.count().to_pyarrow().as_py()) - int(whole.distinct().count().to_pyarrow().as_py())


def _outliers(days: Any, lines: Lines) -> int:
    """Purchase days far out on the scale of the logarithm, where amounts are nearly symmetric."""
    if not lines.has("amount"):
        return 0
    paid = days.filter(days.amount > 0)
    quartiles = paid.aggregate(low=paid.amount.quantile(0.25), high=paid.amount.quantile(0.75))
    [row] = quartiles.to_pyarrow().to_pylist()
    if row["low"] is None:
        return 0
    limit = row["high"] * (row["high"] / row["low"]) ** FENCE
    return int(paid.filter(paid.amount > limit).count().to_pyarrow().as_py())


def _line(finding: str, count: int, facts: Facts, done: str) -> Finding:
    return Finding(finding, count, count / facts.rows if facts.rows else 0.0, "of lines", done)


def _line_findings(facts: Facts, lines: Lines, policies: Policies, counts: dict[str, int]) -> list[Finding]:
    refused = "left out" if policies.invalid == "leave_out" else "results raise an error unless invalid='leave_out'"
    from_sum = "left out of the sum of margins" if policies.invalid == "leave_out" else refused
    negative = "left out" if policies.returns == "ignore" else "netted within their day"
    found = [
        _line("lines used", facts.used, facts, "used"),
        _line("without customer id", facts.missing_ids, facts, "left out: they belong to nobody"),
        _line("date unreadable", facts.bad_dates, facts, refused),
        _line("amount unreadable", facts.bad_amounts, facts, refused),
        _line("negative amounts", facts.negative, facts, negative),
        _line("zero amounts", facts.zero, facts, "kept; a day of nothing else is a free order"),
        _line(
            "exact duplicates",
            counts["duplicates"],
            facts,
            "kept: equal purchases are possible; drop loading errors first",
        ),
    ]
    if lines.has("margin"):
        found.append(_line("margin unreadable", facts.bad_margins, facts, from_sum))
    if lines.has("quantity"):
        found.append(_line("quantity unreadable", facts.bad_quantities, facts, "left out of the sum of quantities"))
    if lines.has("currency"):
        single = facts.currency[0] == facts.currency[1] and not facts.without_currency
        done = "one currency" if single else "results raise an error: several currencies cannot be added"
        found.append(_line("without currency", facts.without_currency, facts, done))
    return [*found, Finding("time zone", 0, float("nan"), "", _zone(facts, lines))]


def _zone(facts: Facts, lines: Lines) -> str:
    low, high = facts.offsets
    if lines.instants:
        return f"timestamps are instants, counted by their day in {lines.zone}"
    if high:
        written = low if low == high else f"{low or '(none)'} to {high}"
        where = f"counted by their day in {lines.zone}" if lines.zone else "counted by the day written"
        return f"dates are written with offsets ({written}), {where}"
    return "none in the dates: counted by the day written"


def _day_findings(facts: Facts, lines: Lines, policies: Policies, counts: dict[str, int]) -> list[Finding]:
    def day(finding: str, count: int, done: str) -> Finding:
        return Finding(finding, count, count / counts["days"] if counts["days"] else 0.0, "of days", done)

    free = (
        "counted as purchases of amount 0"
        if policies.free_orders == "count"
        else "no purchase; free_orders='count' counts them"
    )
    return [
        _line(
            "same-day lines", counts["kept"] - counts["days"], facts, "added up into one purchase a day and customer"
        ),
        day("purchase days", counts["purchase_days"], "customer-days that count as a purchase"),
        day("days netted to zero or less", counts["netted"], "no purchase; the amount counts in the customer's total"),
        day("free days", counts["free"], free),
        day(
            "outlying days",
            counts["outliers"],
            "kept; amount above Q3 x (Q3/Q1)^3, three interquartile ranges on the log scale",
        ),
    ]


def _customer_findings(lines: Lines, facts: Facts, counts: dict[str, int]) -> list[Finding]:
    customers = counts["customers"]

    def customer(finding: str, count: int, done: str) -> Finding:
        return Finding(finding, count, count / customers if customers else 0.0, "of customers", done)

    found = [
        customer(
            "customers without a purchase day", customers - counts["buyers"], "no history; only returns or free orders"
        ),
        customer("first seen in the first twelfth", counts["early"], _truncation(counts["early"], customers)),
    ]
    if lines.has("segment"):
        found.append(customer("customers in several segments", counts["moved"], "the most recent segment counts"))
    return found


def _truncation(early: int, customers: int) -> str:
    even = f"{100 / WARM_UP:.0f} % if customers came evenly"
    if customers and early / customers > 2 / WARM_UP:
        return f"{even}: either one cohort, or the log begins late and many first purchases here are not the first"
    return f"{even}: no sign that the log cuts off earlier purchases"
