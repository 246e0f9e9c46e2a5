"""Mass media as exposure: how much of a medium ran in which region on which day.

It reaches everybody there, and nobody in particular.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.data.contact_lines import contact_errors
from clvmodels.data.facts import refuse_mixed_zones
from clvmodels.data.lines import Lines, as_number, finite, identity, read_lines
from clvmodels.data.tables import as_table, fetch
from clvmodels.errors import ContactError, missing_column, offenders
from clvmodels.units import Period, Span, as_span

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

EVERYWHERE = "everywhere"
"""The one region of an exposure without regions."""

type Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Exposure:
    """An exposure medium: a row per region and day.

    Attributes
    ----------
    medium
        Its name.
    half_life, candidates
        Time in which it loses half of its effect, and those that it may be; one where it is given.
    days, regions, level, cost
        (n,) day, region (`EVERYWHERE` where there is one region for all), how much ran, and what that cost [currency], NaN if
        not known.
    by_region
        Whether levels were given by region.
    residents
        Ibis table of customer_id and region; None where the log's segment is the region.
    """

    medium: str
    half_life: Span
    candidates: tuple[Span, ...]
    days: NDArray[np.datetime64]
    regions: NDArray[np.object_]
    level: Floats
    cost: Floats
    by_region: bool
    residents: ir.Table | None

    def __repr__(self) -> str:
        where = f" in {np.unique(self.regions.astype(str)).size} regions" if self.by_region else ""
        return f"{self.medium}{where}, {self.days.min()} to {self.days.max()}, half-life {' or '.join(map(str, self.candidates))}"


def read_exposure(
    source: object,
    *,
    medium: str,
    date: str,
    level: str,
    region: str | None,
    cost: str | None,
    half_life: Span | Period | Sequence[Span | Period],
    residents: object | None,
    customer: str,
    timezone: str | None,
) -> Exposure:
    """An exposure from a table; see `Contacts.with_exposure`.

    Raises
    ------
    ContactError
        A column is missing or cannot play its role; a row without day, region or level, a negative level or cost, two rows of
        one region and day.
    """
    spans = _spans(half_life, medium)
    if residents is not None and region is None:
        raise ContactError(
            f"residents= says where customers live, but {medium} has no regions. Name them with region=."
        )
    roles = {"date": date, "level": level, "region": region, "cost": cost}
    with contact_errors():
        lines = read_lines(source, roles=roles, currency=None, timezone=timezone)
        refuse_mixed_zones(lines, _offsets(lines), zone_given=timezone is not None)
    table = fetch(_typed(lines, medium))
    _refuse(table, lines, medium)
    columns = {name: np.asarray(table[name].to_numpy(zero_copy_only=False)) for name in ("level", "cost")}
    return Exposure(
        medium, spans[0], spans, table["date"].to_numpy().astype("datetime64[D]"),
        np.array(table["region"].to_pylist(), dtype=object), columns["level"].astype(float), columns["cost"].astype(float),
        region is not None, None if residents is None or region is None else _residents(residents, customer, region),
    )  # fmt: skip


def _spans(half_life: Span | Period | Sequence[Span | Period], medium: str) -> tuple[Span, ...]:
    """One or several half-lives, checked."""
    given = half_life if isinstance(half_life, Sequence) else [half_life]
    spans = tuple(as_span(one, name="half_life") for one in given)
    wrong = [span for span in spans if not 0 < span.days < float("inf")]
    if wrong or not spans:
        raise ContactError(
            f"half_life={wrong[0] if wrong else half_life} of {medium}. Give a positive, finite span, such as 2 * WEEK, or "
            "several."
        )
    return spans


def _offsets(lines: Lines) -> tuple[str | None, str | None]:
    """Smallest and largest zone offset of dates written with one."""
    if "offset" not in lines.table.columns:
        return None, None
    [found] = fetch(lines.table.aggregate(low=lines.table.offset.min(), high=lines.table.offset.max())).to_pylist()
    return found["low"], found["high"]


def _typed(lines: Lines, medium: str) -> ir.Table:
    """date, region, level and cost, null where they cannot be used, with what was given for them."""
    import ibis

    table: Any = lines.table
    found = {"date": table.date, "region": ibis.literal(EVERYWHERE)}
    if lines.has("region"):
        text = table.region.cast("string").strip()
        found["region"] = (text == "").ifelse(ibis.null("string"), text)
    for role in ("level", "cost"):
        found[role] = _number(lines, role, medium) if lines.has(role) else ibis.literal(float("nan"))
    return table.select(**found, **{f"given_{role}": lines.as_given(role).cast("string") for role in lines.names})


def _number(lines: Lines, role: str, medium: str) -> Any:
    import ibis

    column: Any = lines.as_given(role)
    if not (column.type().is_numeric() or column.type().is_string() or column.type().is_null()):
        raise ContactError(
            f"'{lines.column(role)}' (asked for as {role}= of {medium}) holds {column.type()}, not numbers. "
            "Name a column of numbers."
        )
    number = as_number(column)
    usable: Any = finite(number) & (number >= 0)
    return usable.ifelse(number, ibis.null("float64"))


REMEDIES = {
    "date": ("is not a date", "Write dates as 1997-09-30 (day and month are never guessed)."),
    "region": ("is missing", "Give every row its region, or leave out region= where levels are the same everywhere."),
    "level": ("is negative or no number", "Write how much ran, zero where nothing did."),
    "cost": ("is negative or no number", "Write what it cost, zero or more."),
}


def _refuse(table: pa.Table, lines: Lines, medium: str) -> None:
    if not len(table):
        raise ContactError(f"The table of {medium} has no rows. Give the days on which it ran, zero where it did not.")
    for role, (problem, remedy) in REMEDIES.items():
        bad = table.filter(table[role].is_null()) if lines.has(role) else table.slice(0, 0)
        if len(bad):
            where = zip(bad["region"].to_pylist(), bad["given_date"].to_pylist(), strict=True)
            rows = [f"{region}, {day}" for region, day in where]
            values = bad[f"given_{role}"].to_pylist()
            raise ContactError(offenders(problem, column=lines.column(role), rows=rows, values=values, remedy=remedy))
    counted = table.group_by(["region", "date"]).aggregate([("level", "count")]).sort_by("region")
    twice = [row for row in counted.to_pylist() if row["level_count"] > 1]
    if twice:
        raise ContactError(
            offenders(
                "is there more than once for a region", column=lines.column("date"),
                rows=[f"{row['region']}, {row['date']}" for row in twice],
                values=[f"{row['level_count']} rows" for row in twice],
                remedy=f"Give one row per region and day: add up the levels of {medium}.",
            )
        )  # fmt: skip


def _residents(source: object, customer: str, region: str) -> ir.Table:
    """customer_id and region of the customers that have one."""
    with contact_errors():
        table: Any = as_table(source)
    for role, name in (("customer", customer), ("region", region)):
        if name not in table.columns:
            raise ContactError(missing_column(name, role=f"{role} of residents", available=table.columns))
    known = table.select(customer_id=identity(table[customer]), region=table[region].cast("string").strip())
    known = known.filter(known.customer_id.notnull() & known.region.notnull() & (known.region != ""))
    several = known.group_by("customer_id").aggregate(regions=known.region.nunique())
    wrong = fetch(several.filter(several.regions > 1).order_by("customer_id")).to_pylist()
    if wrong:
        raise ContactError(
            offenders(
                "differs for one customer", column=region, rows=[row["customer_id"] for row in wrong],
                values=[f"{row['regions']} regions" for row in wrong], remedy="Give every customer one region.",
            )
        )  # fmt: skip
    return known.distinct()
