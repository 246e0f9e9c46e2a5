"""Repeat purchases over time: what a cohort did, period by period, beside what the model says of newcomers like them."""

from __future__ import annotations

import datetime
import math
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.covariates.time_model import over_time
from clvmodels.data.days import as_date
from clvmodels.data.transactions import Day, Transactions
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.errors import ClvError, ModelError
from clvmodels.estimation.result import Fit
from clvmodels.estimation.stack import Stack
from clvmodels.history import History
from clvmodels.model import Array
from clvmodels.units import Period, as_period
from clvmodels.value.fits import duration_model
from clvmodels.value.valuation import bounds_of

CELLS = 400_000
"""Customers times draws simulated at once."""
SIMULATED = 20_000
"""Customers simulated at most."""


class Cohort(NamedTuple):
    """A cohort by day since its first acquisition: who joined (days,), repeat purchases (days,), the day it was cut."""

    start: datetime.date
    joined: Array
    repeats: Array
    until: int


def tracking(
    duration: Fit | Stack,
    log: Transactions,
    *,
    until: Day,
    period: Period,
    interval: float = 0.90,
    draws: int = 200,
    seed: int = 0,
) -> pd.DataFrame:
    """Actual and expected repeat purchases of the customers acquired until `until`, over the whole log.

    The expectation is unconditional: every customer counts as a newcomer on her first day, and the sum over customers of
    E[X(t - first day)] needs only how many joined on each day. Customers acquired later are left out.

    Parameters
    ----------
    duration
        Fit of a duration model, or a stack of several, usually on the log until `until`.
    log
        The whole log, from the first purchases on, not the holdout part of a split.
    until
        Last day of the calibration. Periods are counted from it in both directions, so that it ends one of them; the first
        period may be shorter, and what is left of the log after the last whole period is not shown.
    period
        Length of a step, such as `WEEK`.
    interval
        Probability of the intervals.
    draws
        Parameter draws; each is also one simulated cohort.
    seed
        Reproduces the draws and the simulation.

    Returns
    -------
    DataFrame by `end`, the last day of each period: part ("calibration" or "holdout"), days; actual and expected
    repeat purchases in the period, expected_lower and expected_upper (of the mean: parameters only), lower and upper
    (predictive: the cohort simulated customer by customer); and all of these since the beginning as cumulative_...

    Raises
    ------
    ClvError
        `until` is outside the log, or the log is the second part of a split and does not know its customers' first days.

    Notes
    -----
    Of a cohort above 20,000 customers a random 20,000 are simulated, and their deviations from expectation are scaled by the
    square root of the ratio.

    Source: Fader, Hardie and Lee 2005, Marketing Science 24(2), 275-284, section 5 and figure 3.
    """
    as_period(period, name="period")
    model, rng = _by_age(duration_model(duration)), np.random.default_rng([seed, 0x7A4C])
    cohort = _cohort(log, until)
    ends = _ends(cohort, period)
    theta = model.Theta(*duration.draws(draws, seed=rng))
    expected = _expected(model, theta, cohort, ends, duration.period)
    simulated = _simulated(model, theta, cohort, ends, duration.period, rng)
    table = pd.DataFrame(
        {
            "part": np.where(ends <= cohort.until, "calibration", "holdout"),
            "days": np.diff(ends, prepend=0),
        },
        index=pd.DatetimeIndex(pd.Timestamp(cohort.start) + pd.to_timedelta(ends, unit="D"), name="end"),
    )
    actual = np.cumsum(cohort.repeats)[ends]
    for prefix, step in (("", _steps), ("cumulative_", np.asarray)):
        columns = _columns(step(actual), step(expected), step(simulated), interval)
        table = table.assign(**{f"{prefix}{name}": values for name, values in columns.items()})
    return table


def _by_age(model: LatentAttrition) -> LatentAttrition:
    """The model, unless what newcomers do depends on the day on which they come."""
    if over_time(model):
        raise ModelError(
            "Tracking counts newcomers by their age, and in a model over time it matters when they came. Look at what "
            "the customers of the calibration do next: clv.forecast(...).stream(per=WEEK)."
        )
    return model


def _columns(actual: Array, expected: Array, simulated: Array, interval: float) -> dict[str, Array]:
    low, high = bounds_of(expected.T, interval)
    lower, upper = bounds_of(simulated.T, interval)
    middle = {"actual": actual, "expected": expected.mean(axis=0)}
    return middle | {"expected_lower": low, "expected_upper": high, "lower": lower, "upper": upper}


def _steps(cumulative: Array) -> Array:
    return np.asarray(np.diff(cumulative, axis=-1, prepend=0))


def _cohort(log: Transactions, until: Day) -> Cohort:
    """Two queries, a row per day each: first days, and purchases after them."""
    cut = as_date(until, name="until")
    if log.after is not None:
        raise ClvError(
            "This log starts after a split and does not know when its customers first bought. Give the whole log and until=."
        )
    days = log.purchase_days()
    firsts = days.group_by("customer_id").aggregate(first=days.date.min())
    firsts = firsts.filter(firsts.first <= cut)
    joined = firsts.group_by("first").aggregate(count=firsts.count()).to_pyarrow().to_pandas(date_as_object=False)
    if joined.empty or cut > log.until:
        raise ClvError(
            f"until={cut} is outside the log, which ends on {log.until}. Give a day between its first and last."
        )
    later = days.join(firsts, "customer_id")
    later = later.filter(later.date > later.first)
    repeats = later.group_by("date").aggregate(count=later.count()).to_pyarrow().to_pandas(date_as_object=False)
    start = joined["first"].min()
    size = (pd.Timestamp(log.until) - start).days + 1
    new, again = (
        np.bincount((dates - start).dt.days, weights, size).astype(float)
        for dates, weights in ((joined["first"], joined["count"]), (repeats["date"], repeats["count"]))
    )
    return Cohort(start.date(), new, again, (pd.Timestamp(cut) - start).days)


def _ends(cohort: Cohort, period: Period) -> NDArray[np.intp]:
    """Last days of the periods, counted from the cohort's first day; the calibration ends with one of them."""
    last = len(cohort.joined) - 1
    before = math.ceil(cohort.until / period.days)
    after = math.floor((last - cohort.until) / period.days + 1e-9)
    ends = cohort.until + np.rint(np.arange(-before, after + 1) * period.days).astype(np.intp)
    inside = np.unique(ends[(ends > 0) & (ends <= last)])
    if inside.size == 0:
        raise ClvError(f"The log has no whole {period} after its first day. Take a shorter period or a longer log.")
    return inside


def _expected(
    model: LatentAttrition, theta: tuple[Array, ...], cohort: Cohort, ends: NDArray[np.intp], unit: Period
) -> Array:
    """Expected repeat purchases of the whole cohort up to each end (draws, ends)."""
    ages = np.arange(1, ends[-1] + 1) * (1 / unit.days)
    columns = model.Theta(*(v[:, None] for v in theta))
    newcomer = History.new_customer(unit)
    own = model.each(columns, newcomer)
    each = model.p_alive(columns, newcomer) * model.expected_purchases_if_alive(own, newcomer, ages)
    by_age = np.concatenate([np.zeros((len(each), 1)), each], axis=1)
    first, end = np.flatnonzero(cohort.joined), ends[:, None]
    weights = np.zeros((len(ends), by_age.shape[1]))
    np.add.at(weights, (np.arange(len(ends))[:, None], np.maximum(end - first, 0)), cohort.joined[first])
    return np.asarray(by_age @ weights.T)


def _simulated(
    model: LatentAttrition,
    theta: tuple[Array, ...],
    cohort: Cohort,
    ends: NDArray[np.intp],
    unit: Period,
    rng: np.random.Generator,
) -> Array:
    """Simulated repeat purchases of the whole cohort up to each end (draws, ends)."""
    everybody = np.repeat(np.arange(len(cohort.joined)), cohort.joined.astype(np.intp))
    first = everybody if everybody.size <= SIMULATED else np.sort(rng.choice(everybody, SIMULATED, replace=False))
    sample = cohort._replace(joined=np.bincount(first, minlength=len(cohort.joined)).astype(float))
    draws, size = len(theta[0]), max(1, CELLS // len(theta[0]))
    counts = np.zeros((draws, len(ends)))
    for start in range(0, first.size, size):
        counts += _play(model, theta, first[start : start + size], ends, unit, rng)
    deviation = np.cumsum(counts, axis=1) - _expected(model, theta, sample, ends, unit)
    return _expected(model, theta, cohort, ends, unit) + math.sqrt(everybody.size / first.size) * deviation


def _play(
    model: LatentAttrition,
    theta: tuple[Array, ...],
    first: NDArray[np.intp],
    ends: NDArray[np.intp],
    unit: Period,
    rng: np.random.Generator,
) -> Array:
    """Simulated repeat purchases in each period of customers who joined on the days `first` (draws, ends)."""
    draws = len(theta[0])
    zeros = np.zeros((first.size, 1))
    oldest = max(float(ends[-1] - first.min()), 0.0) / unit.days
    newcomers = History(zeros, zeros, zeros, unit)
    offsets, times = model.future(theta, newcomers, horizon=oldest, rng=rng).purchases
    cells = np.repeat(np.arange(first.size * draws), np.diff(offsets))
    day = first[cells // draws] + times * unit.days
    inside = day <= ends[-1]  # who joined later is not yet as old
    row, period = cells[inside] % draws, np.searchsorted(ends, day[inside])
    held = np.bincount(row * len(ends) + period, minlength=draws * len(ends))
    return np.asarray(held.reshape(draws, len(ends)), dtype=float)
