"""Whether an exposure and a log belong together: regions of customers, days covered, and something left to compare."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clvmodels.data.exposures import EVERYWHERE, Exposure
from clvmodels.data.tables import beside, fetch
from clvmodels.errors import SHOWN, ContactError
from clvmodels.response.exposure_terms import Codes

LEAST_SHARED = 1e-6
"""Share of the variance of a stock below which regions do not differ."""
FEWEST = 5
"""Comparisons of regions and days, or of days, that an effect has to rest on."""
LEAST_SEASON = 0.01
"""The same for days within months of the year, which the model holds to be alike."""


def place_of(rows: Any, exposure: Exposure, name: str) -> Any:
    """Rows (customer_id, segment) with the customer's region, null where it is not known."""
    import ibis

    if not exposure.by_region:
        return rows.mutate(**{name: ibis.literal(EVERYWHERE)})
    if exposure.residents is None:
        return rows.mutate(**{name: rows.segment})
    residents: Any = _beside(rows, exposure.residents)
    known = residents.select(**{"resident_": residents.customer_id, name: residents.region})
    if rows.customer_id.type().is_string() != known.resident_.type().is_string():
        raise ContactError(
            f"The customer ids are {rows.customer_id.type()} in the log and {known.resident_.type()} among the residents of "
            f"{exposure.medium}: none would match. Convert one of the columns."
        )
    return rows.left_join(known, rows.customer_id == known.resident_).drop("resident_")


def _beside(rows: Any, residents: Any) -> Any:
    """The residents where the rows are."""
    return residents if residents.get_backend() is rows.get_backend() else beside(rows, fetch(residents))


def places_of(exposure: Exposure, customers: Any) -> None:
    """A `ContactError` where customers live in no region, or in one without levels."""
    located = place_of(customers.select("customer_id", "segment"), exposure, "place")
    facts = {"customers": located.count(), "example": located.customer_id.min()}
    found = fetch(located.group_by("place").aggregate(**facts).order_by("place")).to_pylist()
    known = set(exposure.regions.tolist())
    lost = [row for row in found if row["place"] is None]
    if lost:
        raise ContactError(
            f"{lost[0]['customers']:,} customers of the log are not among the residents of {exposure.medium}, such as "
            f"{lost[0]['example']}. Give each of them a region."
        )
    lacking = [row for row in found if row["place"] not in known]
    if lacking:
        shown = ", ".join(f"{row['place']} ({row['customers']:,} customers)" for row in lacking[:SHOWN])
        more = f" and {len(lacking) - SHOWN} more" if len(lacking) > SHOWN else ""
        where = "the segments of the log" if exposure.residents is None else "the residents"
        raise ContactError(
            f"{exposure.medium} has no rows of {shown}{more}. Its regions are {_listed(known)}, compared with {where}. Give the "
            "level of every region, 0 where nothing ran, or say where customers live with residents=."
        )


def _listed(names: set[str]) -> str:
    some = sorted(names)
    return ", ".join(some[:SHOWN]) + (f" and {len(some) - SHOWN} more" if len(some) > SHOWN else "")


def check_covered(exposure: Exposure, first: np.datetime64, until: datetime.date) -> None:
    """A `ContactError` where days are after the log, or occasions and the log's end are not covered."""
    last, days = np.datetime64(until), np.unique(exposure.days)
    late = int((exposure.days > last).sum())
    if late:
        raise ContactError(
            f"{exposure.medium} has {late:,} rows after the log's end on {until}, the last of them on {days[-1]}. They say "
            "nothing of the purchases in the log: leave them out."
        )
    if days[0] > first:
        raise ContactError(
            f"{exposure.medium} is known from {days[0]} on, and the first occasion is on {first}. Give rows from then on, "
            "better from some half-lives before; 0 where nothing ran."
        )
    longest = int(np.diff(days).astype(int).max(initial=1))
    if int((last - days[-1]).astype(int)) >= max(longest, 7):
        raise ContactError(
            f"{exposure.medium} is known until {days[-1]}, and the log ends on {until}. Give rows until then; 0 where "
            "nothing ran."
        )


def check_told(
    exposure: Exposure, spread: float, left: float, levels: int, groups: tuple[Codes, ...], *, flat: float
) -> None:
    """A `ContactError` where nothing, or next to nothing, is left that could tell the effect."""
    if spread <= flat:
        raise ContactError(
            f"The stock of {exposure.medium} is the same on all occasions, so that nothing can be compared. Leave it out."
        )
    if exposure.by_region and left < LEAST_SHARED:
        raise ContactError(
            f"The effect of {exposure.medium} is not identified: its stock is the same in all regions on a day, but for what "
            "is usual in each, and what all regions share on a day cannot be told from everything else that happened then. Give "
            "levels that differ between regions over time; or one level per day without region=, so that days are compared "
            "with each other."
        )
    if not exposure.by_region and left < LEAST_SEASON:
        raise ContactError(
            f"The effect of {exposure.medium} is not identified: the month of the year explains {100 * (1 - left):.3g} % of the "
            "variance of its stock, and what happens in a month every year cannot be told from it. Give levels by region with "
            "region=, or a log of several years, or leave the medium out."
        )
    comparisons = levels - sum(int(one.max()) + 1 for one in groups) + len(groups) - 1
    if comparisons < FEWEST:
        apart = "regions and days are" if exposure.by_region else "months of the year are"
        what = "pairs of region and day" if exposure.by_region else "days"
        raise ContactError(
            f"{levels} {what} of {exposure.medium} leave {comparisons} comparison{'' if comparisons == 1 else 's'} once {apart} "
            f"set apart, fewer than {FEWEST}: too few to tell an effect from chance. Give levels by region, more days with "
            "occasions, or leave the medium out."
        )


def regions_of(exposure: Exposure, found: pa.Table) -> NDArray[np.object_]:
    """Regions (n,) of a table of customers (customer_id, segment)."""
    if not exposure.by_region:
        return np.full(len(found), EVERYWHERE, dtype=object)
    if exposure.residents is None:
        return np.array(found["segment"].to_pylist(), dtype=object)
    import pandas as pd

    known = fetch(exposure.residents).to_pandas().set_index("customer_id")["region"]
    return np.asarray(known.reindex(pd.Index(found["customer_id"].to_pandas())), dtype=object)
