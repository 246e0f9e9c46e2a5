"""Everything of the indicators that adds up over customers, counted by period and tier."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from clvmodels.data.tables import fetch, kept
from clvmodels.data.transactions import Transactions
from clvmodels.metrics import activity
from clvmodels.metrics.periods import Dates, Unit
from clvmodels.metrics.tiers import NO_TIER, TOTAL, Tiers, read_tiers

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

LENGTHS: Final = (1, 3, 6, 12)
AT_ONCE: Final = 250_000
"""Customers with returns whose nets are taken at once: each has a row per window of time and length, which takes memory."""
MONEY: Final = ("quantity", "amount", "amount_of_others")


@dataclass(frozen=True)
class Span:
    """From the first period with a line (the first of a part of a log) to that of the last day of observation, by number."""

    unit: Unit
    first: int
    last: int
    after: datetime.date | None
    until: datetime.date

    @property
    def numbers(self) -> range:
        """All periods."""
        return range(self.first, self.last + 1)

    def ends(self, numbers: Any) -> Dates:
        """Last observed days of periods by number (n,)."""
        return np.minimum(self.unit.ends(numbers), np.datetime64(self.until))

    def complete(self, numbers: Any) -> NDArray[np.bool_]:
        """Whether periods were over when observation ended (n,); the first of a whole log is taken to have been observed."""
        begun = True if self.after is None else self.unit.starts(numbers) > np.datetime64(self.after)
        return np.asarray((self.unit.ends(numbers) <= np.datetime64(self.until)) & begun)


def count_all(log: Transactions, *, unit: Unit, tier: object) -> tuple[pd.DataFrame, Span]:
    """Counts and sums by (period, tier) on the full grid, the total last; sums are exact fractions, counts whole numbers."""
    import pandas as pd

    tiers = None if tier is None else read_tiers(tier, log.lines())
    days = kept(activity.customer_days(log))
    span = span_of(log, days, unit)
    dates = activity.calendar(days, unit, first=span.first, until=span.until, lengths=LENGTHS)
    dated = days.join(kept(dates), "date")
    people, names = _people(dated, span, tiers)
    grid = pd.MultiIndex.from_product([span.numbers, names], names=["period", "tier"])
    keys = ["period"] if tier is None else ["period", "tier"]
    second = activity.second_purchase(days, people)
    newcomers = activity.newcomers(people, second, until=span.until, lengths=LENGTHS, keys=keys)
    parts = [
        _frame(activity.plain_activity(dated, people, keys=keys), grid),
        _frame(newcomers, grid),
        _plain_recent(people, span, keys, grid),
        *_netted(dated, people, keys, grid),
    ]
    whole = _exactly(_added(parts))
    return whole if tier is None else _with_total(whole, span, names), span


def span_of(log: Transactions, days: ir.Table, unit: Unit) -> Span:
    """The periods of a log whose customer-days are `days`."""
    [found] = fetch(days.aggregate(first=days.date.min())).to_pylist()
    begin = found["first"] if log.after is None else log.after + datetime.timedelta(days=1)
    return Span(unit, unit.number_of(begin), unit.number_of(log.until), log.after, log.until)


def _people(dated: ir.Table, span: Span, tiers: Tiers | None) -> tuple[ir.Table, tuple[str, ...]]:
    """One row per customer with her tier, and the tiers there are."""
    bits = [name for k in (0, *LENGTHS) for name, _ in activity.words(k, span.first, span.last)]
    people: Any = activity.customers(dated, bits=bits)
    if tiers is None:
        return kept(people), (TOTAL,)
    joined = people.left_join(tiers.table, "customer_id").drop("customer_id_right")
    joined = kept(joined.mutate(tier=joined.tier.fill_null(NO_TIER)))
    without = fetch(joined.filter(joined.tier == NO_TIER).limit(1)).num_rows
    return joined, (*tiers.names, NO_TIER) if without else tiers.names


def _frame(expression: Any, grid: pd.MultiIndex) -> pd.DataFrame:
    """The rows of an expression on the full grid, zero where there is none; sums are whole numbers of any size."""
    frame: pd.DataFrame = fetch(expression).to_pandas()
    if "tier" not in frame:
        frame["tier"] = TOTAL
    frame = frame.set_index(["period", "tier"]).reindex(grid, fill_value=0)
    for name in frame.columns:
        numbers = [0 if value is None else int(value) for value in frame[name]]
        frame[name] = np.array(numbers, dtype=object if name in MONEY else np.int64)
    return frame


def _plain_recent(people: Any, span: Span, keys: list[str], grid: pd.MultiIndex) -> pd.DataFrame:
    """Plain customers who bought in the last k months at the end of each period, `recent_k`; from their bits."""
    import pandas as pd

    words = {k: activity.words(k, span.first, span.last) for k in (0, *LENGTHS)}
    tier = [key for key in keys if key == "tier"]
    bits = [name for each in words.values() for name, _ in each]
    shared = fetch(activity.plain_recent(people, keys=tier, names=bits)).to_pandas()
    names = grid.get_level_values("tier").unique()
    code = pd.Categorical(shared["tier"], categories=names).codes if tier else np.zeros(len(shared), dtype=np.intp)
    counted = {f"recent_{k}": np.zeros((len(span.numbers), len(names))) for k in words}
    for k, each in words.items():
        for name, start in each:
            for period in range(start, min(start + activity.WORD, span.last + 1)):
                there = (shared[name].to_numpy(dtype=np.int64) >> (period - start)) & 1
                count = np.bincount(code, there * shared["customers"].to_numpy(), minlength=len(names))
                counted[f"recent_{k}"][period - span.first] = count
    return pd.DataFrame({name: table.ravel().astype(np.int64) for name, table in counted.items()}, index=grid)


def _netted(dated: Any, people: Any, keys: list[str], grid: pd.MultiIndex) -> list[pd.DataFrame]:
    """The same and their activity of customers with a day of zero or less, if there are any: so many at a time that fit."""
    others = people.filter(~people.plain)
    [[count]] = fetch(others.aggregate(count=others.count())).to_pandas().to_numpy().tolist()
    frames: list[pd.DataFrame] = []
    number = -(-count // AT_ONCE)
    for part in range(number):
        own = kept(activity.part_of(dated, others, part, number, keys=keys))
        frames.append(_frame(activity.netted_activity(own, keys=keys), grid))
        for k in LENGTHS:
            recent = activity.netted_recent(own, months=k, keys=keys)
            frames.append(_frame(recent.rename({f"recent_{k}": "recent"}), grid))
    return frames


def _added(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """The sum of frames on one grid, whichever of them has a column."""
    whole = parts[0].copy()
    for part in parts[1:]:
        for name, column in part.items():
            whole[name] = whole[name] + column if name in whole else column
    return whole


def _exactly(counts: pd.DataFrame) -> pd.DataFrame:
    """Sums of millionths as fractions."""
    counts = counts if "amount_of_others" in counts else counts.assign(amount_of_others=0)
    for name in MONEY:
        if name in counts:
            counts[name] = counts[name].map(lambda value: Fraction(value, activity.MILLION))
    return counts.astype({name: np.int64 for name in counts if name not in MONEY}).rename(
        columns={"recent_0": "buyers"}
    )


def _with_total(counts: pd.DataFrame, span: Span, names: tuple[str, ...]) -> pd.DataFrame:
    """The counts with the sum of all tiers after them in each period."""
    import pandas as pd

    total = counts.groupby(level="period").sum()
    total.index = pd.MultiIndex.from_product([total.index, [TOTAL]], names=["period", "tier"])
    grid = pd.MultiIndex.from_product([span.numbers, [*names, TOTAL]], names=["period", "tier"])
    return pd.concat([counts, total]).reindex(grid)
