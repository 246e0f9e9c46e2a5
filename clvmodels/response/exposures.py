"""Exposures joined to occasions: the stock of each region over each window, and what of it can be told from regions and days.

A level on day s leaves level * 2^(-(t - s) / half-life) on each day t >= s. The stock of an occasion is the mean over the days of
its window, so that it covers what ran while the customer could buy. Of it is set apart what is usual in the region and what all
regions have in common on the day (least squares over occasions): only the rest is the exposure's, as in a regression with effects
of regions and days (Mundlak1978).
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import signal

from clvmodels.data.exposures import Exposure
from clvmodels.data.tables import beside, fetch
from clvmodels.errors import ContactError
from clvmodels.numerics.groups import explained
from clvmodels.response.exposure_checks import check_covered, check_told, place_of, places_of, regions_of
from clvmodels.response.exposure_terms import DAY, REGION, WITHIN, Codes, ExposureTerm, Floats

APART, FEW = 500, 200_000
"""So many pairs of region and day are kept apart in cells; any number of them where there are so few occasions."""
FLAT = 1e-9
"""Part of a stock's standard deviation below which something does not vary."""


def source(number: int, part: str) -> str:
    """Column of occasions with a part of the stock of an exposure."""
    return f"exposure{number}_{part}"


@dataclass(frozen=True, eq=False)
class Stock:
    """Sums of an exposure's stock from the first day on (regions, days + 1)."""

    first: np.datetime64
    regions: Mapping[str, int]
    sums: Floats

    @classmethod
    def of(cls, exposure: Exposure, until: datetime.date) -> Stock:
        """Up to a day."""
        labels, codes = np.unique(exposure.regions.astype(str), return_inverse=True)
        first = exposure.days.min()
        level = np.zeros((labels.size, int((np.datetime64(until) - first).astype(int)) + 1))
        level[codes, (exposure.days - first).astype(int)] = exposure.level
        stock = signal.lfilter([1.0], [1.0, -(2.0 ** (-1.0 / exposure.half_life.days))], level, axis=1)
        sums = np.concatenate([np.zeros((labels.size, 1)), np.cumsum(stock, axis=1)], axis=1)
        return cls(first, {label: i for i, label in enumerate(labels.tolist())}, sums)

    def mean(self, regions: Sequence[str], start: NDArray[np.datetime64], window: int) -> Floats:
        """Over the windows that start on some days (n,), in some regions (n,); of the days that are known."""
        rows = np.array([self.regions[region] for region in regions], dtype=np.intp)
        begin = np.maximum((start - self.first).astype(int), 0)
        end = np.maximum((start - self.first).astype(int) + window, begin + 1)
        return np.asarray((self.sums[rows, end] - self.sums[rows, begin]) / (end - begin))


@dataclass(frozen=True, eq=False)
class Exposed:
    """Exposures of an occasions table, and what is needed to say how exposed customers are on another day.

    Attributes
    ----------
    exposures, terms, stocks
        By number.
    usual
        By number, what is usual in each region where there were occasions, and the share of occasions there.
    """

    exposures: tuple[Exposure, ...]
    terms: tuple[ExposureTerm, ...]
    stocks: tuple[Stock, ...]
    usual: tuple[Mapping[str, tuple[float, float]], ...]

    def today(self, found: pa.Table, day: datetime.date, window: int) -> tuple[dict[str, Floats], NDArray[np.object_]]:
        """Columns of the controls, and regions (n, exposures), of customers (customer_id, segment) just before a day.

        They are taken to be exposed as in the window that has just ended.
        """
        columns: dict[str, Floats] = {}
        regions = []
        for number, (exposure, term, stock) in enumerate(zip(self.exposures, self.terms, self.stocks, strict=True)):
            if not day > stock.first.astype(object):
                raise ContactError(f"{term.medium} is known from {stock.first} on. Ask for a later day than {day}.")
            where = regions_of(exposure, found)
            start = np.full(len(stock.regions), np.datetime64(day) - window)
            now = dict(zip(stock.regions, stock.mean(list(stock.regions), start, window), strict=True))
            parts = _parts_today(now, self.usual[number], term)
            columns |= {source(number, part): np.array([by[one] for one in where]) for part, by in parts.items()}
            regions.append(where)
        return columns, np.column_stack(regions) if regions else np.zeros((len(found), 0), dtype=object)


def _parts_today(
    now: Mapping[str, float], usual: Mapping[str, tuple[float, float]], term: ExposureTerm
) -> dict[str, dict[str, float]]:
    """By part, of each region: what regions share today is the mean of what they have beyond the usual."""
    if not term.by_region:
        return {WITHIN: {region: stock - term.mean for region, stock in now.items()}}
    shared = sum(share * (now[region] - term.mean - part) for region, (part, share) in usual.items())
    common = {region: usual.get(region, (0.0, 0.0))[0] for region in now}
    rest = {region: stock - term.mean - common[region] - shared for region, stock in now.items()}
    return {REGION: common, DAY: dict.fromkeys(now, shared), WITHIN: rest}


def with_exposures(
    rows: Any, exposures: tuple[Exposure, ...], customers: Any, until: datetime.date | None, window: int
) -> tuple[Any, Exposed]:
    """Occasions with the parts of each exposure's stock and `level`, the number of their pair of region and day.

    Parameters
    ----------
    rows
        Ibis table of occasions.
    customers
        Ibis table of the log's customers: customer_id, segment.
    until
        The log's last day.
    window
        Days of the outcome.

    Raises
    ------
    ContactError
        An exposure does not cover the log, or the regions of its customers, or cannot be told from regions, days or months.
    """
    import ibis

    if not exposures or until is None:
        return rows.mutate(level=ibis.literal(0)), Exposed((), (), (), ())
    for exposure in exposures:
        places_of(exposure, customers)
    for number, exposure in enumerate(exposures):
        rows = place_of(rows, exposure, f"place{number}")
    keys = [f"place{number}" for number in range(len(exposures))]
    table = fetch(rows.group_by(*keys, "date").aggregate(there=rows.count()).order_by(*keys, "date"))
    dates = table["date"].to_numpy().astype("datetime64[D]")
    found = [_one(number, exposure, table, dates, until, window) for number, exposure in enumerate(exposures)]
    columns = {name: values for one in found for name, values in one.columns.items()}
    apart = len(table) <= APART or int(np.sum(table["there"].to_numpy())) <= FEW
    level = np.arange(len(table)) if apart else np.zeros(len(table), dtype=int)
    known = pa.table({
        **{f"at_{key}": table[key] for key in keys}, "at_date": table["date"], "level": level, **columns
    })  # fmt: skip
    there: Any = beside(rows, known)
    matching = [rows.date == there.at_date, *(rows[key] == there[f"at_{key}"] for key in keys)]
    joined = rows.join(there, matching).drop("at_date", *(f"at_{key}" for key in keys), *keys)
    return joined, Exposed(
        exposures,
        tuple(one.term for one in found),
        tuple(one.stock for one in found),
        tuple(one.usual for one in found),
    )


@dataclass(frozen=True, eq=False)
class _Found:
    """What is found of one exposure."""

    term: ExposureTerm
    stock: Stock
    usual: Mapping[str, tuple[float, float]]
    columns: Mapping[str, Floats]


def _one(
    number: int, exposure: Exposure, table: pa.Table, dates: NDArray[np.datetime64], until: datetime.date, window: int
) -> _Found:
    """The stock at each place and date of a table, taken apart over the exposure's own regions and days."""
    check_covered(exposure, dates.min(), until)
    labels, codes = np.unique(np.array(table[f"place{number}"].to_pylist(), dtype=str), return_inverse=True)
    pairs, own = np.unique(np.stack([codes, dates.astype(int)]), axis=1, return_inverse=True)
    places, days = labels[pairs[0]].tolist(), pairs[1].astype("datetime64[D]")
    there = np.bincount(own, np.asarray(table["there"].to_numpy(), dtype=float)).astype(float)
    stock = Stock.of(exposure, until)
    values = stock.mean(places, days, window)
    groups = _groups(exposure, pairs[0], days)
    parts = explained(values, there, groups)
    spread = float(np.sqrt(np.average((values - parts.mean) ** 2, weights=there)))
    left = float(np.average(parts.rest**2, weights=there)) / spread**2 if spread > FLAT else 0.0
    check_told(exposure, spread, left, len(places), groups, flat=FLAT)
    split = dict(zip((REGION, DAY), parts.parts, strict=True)) if exposure.by_region else {}
    rest = parts.rest if exposure.by_region else values - parts.mean
    columns = {source(number, part): column[own] for part, column in (split | {WITHIN: rest}).items()}
    varying = tuple(part for part, column in split.items() if np.ptp(column) > FLAT * spread)
    tried = tuple(one.days for one in exposure.candidates)
    term = ExposureTerm(
        exposure.medium, exposure.half_life.days, tried, float(window), parts.mean, spread, varying, exposure.by_region,
        len(places), labels.size, np.unique(days).size, left, own, groups, _unit_costs(exposure),
    )  # fmt: skip
    return _Found(term, stock, _usual(places, split, there), columns)


def _groups(exposure: Exposure, regions: NDArray[np.intp], days: NDArray[np.datetime64]) -> tuple[Codes, ...]:
    """What is compared within: regions and days, or months of the year."""
    within = (regions, days) if exposure.by_region else (days.astype("datetime64[M]").astype(int) % 12,)
    return tuple(np.unique(one, return_inverse=True)[1] for one in within)


def _usual(places: Sequence[str], split: Mapping[str, Floats], there: Floats) -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = {}
    part = split.get(REGION, np.zeros(len(places)))
    for place, value, count in zip(places, part.tolist(), (there / there.sum()).tolist(), strict=True):
        found[place] = (value, found.get(place, (0.0, 0.0))[1] + count)
    return found


def _unit_costs(exposure: Exposure) -> dict[str, float]:
    """Cost of all rows of a region over their level, where costs are known."""
    found = {}
    for region in np.unique(exposure.regions.astype(str)):
        rows = exposure.regions == region
        level = float(exposure.level[rows].sum())
        found[str(region)] = float(exposure.cost[rows].sum()) / level if level > 0 else float("nan")
    return found
