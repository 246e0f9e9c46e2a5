"""When each customer will buy next: the window in which to offer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.data.histories import Histories
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.errors import ClvError, UnitError
from clvmodels.estimation.result import Fit
from clvmodels.estimation.stack import Stack
from clvmodels.history import picked, upright
from clvmodels.model import Array
from clvmodels.units import DAY, YEAR, Period, Span, as_span
from clvmodels.uses.result import UseOfValue
from clvmodels.value.fits import duration_model
from clvmodels.value.simulation import CELLS, in_blocks, past_of

POINTS, SOONEST, LATEST = 120, 0.5 * DAY, 100 * YEAR
"""Times, evenly apart in their logarithm, at which the distribution is computed; between them it is interpolated."""
OPPORTUNITIES = 200
"""Opportunities that are looked at where time is counted in them."""
DUE: Final = (7.0, 30.0, 91.0, 182.0, 365.0)
"""Ends of the groups of median waits [days]."""
GROUPS: Final = (0, 1, 2, 4)
"""Repeat purchases with which the groups of the curves begin."""


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class NextPurchase(UseOfValue):
    """The outcome of `clv.next_purchase`.

    Attributes
    ----------
    curves
        Share of customers who have bought again by each time, by number of repeat purchases so far: DataFrame by time [period].
    within
        The time for which p_purchase holds.
    period
        Unit of the times.
    probabilities
        Of the quantiles.
    """

    title: ClassVar[str] = "Next purchase"

    curves: pd.DataFrame = field(repr=False)
    within: Span
    period: Period
    probabilities: tuple[float, ...]


class Waits(NamedTuple):
    """Of some customers: P(alive), P(a purchase within the time asked for), the median wait if alive, and the quantiles (rows,
    columns); and over them, by group of repeat purchases, the sums of P(a purchase by each time) (groups, times)."""

    rows: NDArray[np.intp]
    table: Array
    bought_again: Array


def next_purchase(
    duration: Fit | Stack,
    histories: Histories,
    *,
    within: Span | Period,
    probabilities: Sequence[float] = (0.25, 0.50, 0.75),
    draws: int = 100,
    seed: int = 0,
) -> NextPurchase:
    """When each customer will buy next: quantiles of the time to her next purchase, and the days between which to offer.

    Two distributions. *If alive*: given that she still is a customer, which is what a date for an offer rests on. Unconditional:
    it also holds the chance that she has left, so a quantile is infinite where she may never buy again. Both are averaged over
    the draws of the parameters.

    Parameters
    ----------
    duration
        A fit of a duration model, or a stack.
    histories
        The customers. For one product category, fit and ask with the histories of that category's purchases.
    within
        Time for which p_purchase holds, such as `13 * WEEK`.
    probabilities
        Two or more, strictly between 0 and 1, rising, in whole per cent; the first and the last are the window for an offer.
    draws, seed
        Of the parameters.

    Returns
    -------
    NextPurchase. `per_customer()`: customer_id, p_alive, p_purchase (within), if_alive_25, if_alive_50, ... and next_25, ...
    [period of the fit; to half a per cent], offer_from and offer_until (dates of the first and the last quantile
    if alive; missing where the end of the histories is not known, or the date is over a century away). `table()`, a row per group
    of median waits if alive: due, customers, p_alive and p_purchase (means), buyers (expected, within)

    Raises
    ------
    ClvError
        The probabilities do not rise from above 0 to below 1; UnitError: `within` is zero or endless.

    Source: crm_indicators, section G; quantiles of the model's own distribution (`time_to_next_purchase`).
    """
    model, span = duration_model(duration), as_span(within, name="within")
    if not 0 < span.count < np.inf:
        raise UnitError(f"within={span} is no time to buy in. Write for example within=13 * WEEK.")
    levels = _levels(probabilities)
    inside = histories.to(duration.period)
    theta = duration.draws(draws, seed=seed)
    times = _times(model, inside.period)
    group = np.searchsorted(GROUPS, inside.frequency, side="right") - 1
    blocks = _waits(model, theta, inside, times, span.per(inside.period), levels, group)
    table = np.empty((len(inside), 3 + 2 * len(levels)))
    for block in blocks:
        table[block.rows] = block.table
    customers = _customers(inside, np.delete(table, 2, axis=1), levels)
    notes = (
        f"Times in {inside.period}s from {inside.until or 'the end of observation'}, by {model.title}. if_alive: given that "
        f"she is still a customer; next: with the chance that she is not. p_purchase and buyers are within {span}.",
    )
    return NextPurchase(
        summary=_due(table[:, 0], table[:, 1], table[:, 2], inside.period), customers=customers, notes=notes, currency=None,
        curves=_curves(group, blocks, times), within=span, period=inside.period, probabilities=levels,
    )  # fmt: skip


def _levels(probabilities: Sequence[float]) -> tuple[float, ...]:
    levels = np.asarray(probabilities, dtype=float)
    whole = np.abs(100 * levels - np.rint(100 * levels)) < 1e-9
    if (
        levels.ndim != 1
        or levels.size < 2
        or not np.all((levels > 0) & (levels < 1) & whole)
        or np.any(np.diff(levels) <= 0)
    ):
        raise ClvError(
            f"probabilities={probabilities!r} are not two or more rising ones in whole per cent. Write for example (0.25, "
            f"0.50, 0.75)."
        )
    return tuple(float(level) for level in levels)


def _times(model: LatentAttrition, period: Period) -> Array:
    if model.discrete:
        return np.arange(1.0, OPPORTUNITIES + 1.0)
    return np.geomspace(SOONEST.per(period), LATEST.per(period), POINTS)


def _waits(
    model: LatentAttrition,
    theta: Any,
    histories: Histories,
    times: Array,
    ahead: float,
    levels: tuple[float, ...],
    group: NDArray[np.intp],
) -> list[Waits]:
    draws = np.size(theta[0])

    def block(rows: NDArray[np.intp], start: int) -> Waits:
        people = picked(histories, rows)
        alive = np.broadcast_to(model.p_alive(theta, upright(people)), (rows.size, draws))
        past = past_of(model, theta, people)
        bought = np.mean(alive * past.bought(ahead)[past.inverse], axis=1)
        later = [np.mean(alive * chance[past.inverse], axis=1) for chance in past.bought_by(times.tolist())]
        by_time, there = np.column_stack(later), alive.mean(axis=1)
        wanted = [*(level * there for level in (0.5, *levels)), *(np.full(rows.size, level) for level in levels)]
        found = [quantile_of(by_time, times, one, discrete=model.discrete) for one in wanted]
        sums = np.zeros((len(GROUPS), times.size))
        np.add.at(sums, group[rows], by_time)
        return Waits(rows, np.column_stack([there, bought, *found]), sums)

    order = np.lexsort((histories.recency, histories.T, histories.frequency))
    return in_blocks(block, order, size=max(1, CELLS // draws), description="Looking for next purchases")


def quantile_of(by_time: Array, times: Array, wanted: Array, *, discrete: bool) -> Array:
    """First time at which a distribution function (rows, times) reaches `wanted` (rows,); infinite where it never does.

    Examples
    --------
    >>> quantile_of(np.array([[0.2, 0.6]]), np.array([1.0, 2.0]), np.array([0.6]), discrete=True)
    array([2.])
    """
    place = np.sum(by_time < wanted[:, None], axis=1)
    rows, at = np.arange(len(by_time)), np.minimum(place, times.size - 1)
    if discrete:
        found = times[at]
    else:
        before = np.maximum(at - 1, 0)
        low, high = by_time[rows, before], by_time[rows, at]
        part = np.where(at > 0, np.minimum((wanted - low) / np.where(high > low, high - low, 1.0), 1.0), 1.0)
        found = np.exp(np.log(times[before]) + part * (np.log(times[at]) - np.log(times[before])))
    return np.where(place < times.size, found, np.inf)


def _customers(histories: Histories, table: Array, levels: tuple[float, ...]) -> pd.DataFrame:
    names = [f"{kind}_{100 * level:.0f}" for kind in ("if_alive", "next") for level in levels]
    frame = pd.DataFrame(table, columns=["p_alive", "p_purchase", *names])
    frame.insert(0, "customer_id", histories.customer_id)
    for name, column in (("offer_from", names[0]), ("offer_until", names[len(levels) - 1])):
        frame[name] = _date(histories, frame[column].to_numpy())
    return frame


def _date(histories: Histories, waits: Array) -> NDArray[np.datetime64]:
    """The day after such waits [period]; missing where it is not known or over a century away."""
    days = waits * histories.period.days
    known = np.isfinite(days) & (days <= LATEST.days) if histories.until else np.zeros(days.size, dtype=bool)
    start = np.datetime64(histories.until or "1970-01-01", "D")
    dates = start + np.where(known, days, 0).astype("timedelta64[D]")
    return np.where(known, dates, np.datetime64("NaT")).astype("datetime64[s]")


def _due(alive: Array, bought: Array, median: Array, period: Period) -> pd.DataFrame:
    place, groups = np.searchsorted(DUE, median * period.days, side="left"), len(DUE) + 1
    names = [f"{'up to' if not k else 'to'} {end:.0f} days" for k, end in enumerate(DUE)]
    held, buyers = np.bincount(place, minlength=groups), np.bincount(place, bought, groups)
    size = np.where(held > 0, held, np.nan)
    return pd.DataFrame(
        {"due": [*names, f"after {DUE[-1]:.0f} days"], "customers": held}
        | {"p_alive": np.bincount(place, alive, groups) / size, "p_purchase": buyers / size, "buyers": buyers}
    )


def _curves(group: NDArray[np.intp], blocks: list[Waits], times: Array) -> pd.DataFrame:
    sums = np.sum([block.bought_again for block in blocks], axis=0)
    held = np.bincount(group, minlength=len(GROUPS))
    ends = [*(later - 1 for later in GROUPS[1:]), None]
    names = [f"{a}+" if b is None else f"{a}" if a == b else f"{a} to {b}" for a, b in zip(GROUPS, ends, strict=True)]
    shares = {name: row / size for name, row, size in zip(names, sums, held, strict=True) if size}
    return pd.DataFrame(shares, index=pd.Index(times, name="time"))
