"""Pareto/NBD along paths of covariates as a model: what it says of customers and their future."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.covariates.time_elements import Elements, arranged, by_customer, shape_of
from clvmodels.covariates.time_paths import LONGEST, PathsModel, weeks_of
from clvmodels.data.histories import Histories
from clvmodels.duration import paths_future, paths_waits
from clvmodels.duration.expectation import log_negative_binomial
from clvmodels.duration.futures import Future, Individuals, Purchases, purchase_times
from clvmodels.duration.paths_far import present_sums
from clvmodels.errors import ModelError
from clvmodels.history import History, HistoryLike, as_columns, flat, upright
from clvmodels.model import Array, Model
from clvmodels.numerics.quadrature import NEGLIGIBLE
from clvmodels.purchase_dates import ragged
from clvmodels.units import Period

LOOK = 28.0
"""Days ahead at first where it is not known how many are needed."""


def over_time(model: Model) -> bool:
    """Whether what customers do depends on the day, in the model or in one of those it mixes."""
    return any(isinstance(one, TimeVarying) for one in getattr(model, "components", (model,)))


class Standing(NamedTuple):
    """P(alive) at the end of observation, and the scales alpha + A(T) and beta + D(T) of her rates; arrays broadcast."""

    alive: Array
    scale: Array
    left: Array


@dataclass(frozen=True, eq=False, repr=False)
class TimeVarying(PathsModel):
    """Pareto/NBD over time, as `time_varying(...)` becomes it when it meets customers."""

    def _elements(
        self, theta: Any, history: HistoryLike, *more: ArrayLike, ahead: ArrayLike = 0.0, brief: bool = False
    ) -> Elements:
        """Parameters, customers and what else broadcasts with them."""
        theta = self.theta(theta)
        shape = shape_of(history)
        table = self._timetable(flat(history), ahead if np.shape(ahead) == shape else np.max(ahead), brief=brief)
        together = np.broadcast_arrays(*theta)
        rows = np.column_stack([np.ravel(v) for v in together])
        first = (table.first - self.origin) / history.period.days
        known = as_columns(history, ("frequency", "recency", "T"))
        columns = [table.path, first, *(np.ravel(np.broadcast_to(column, shape)) for column in known)]
        shock = None
        if self.shocks is not None:
            drawn = any(np.ndim(value) for value in theta)
            rows, shock = self.shocks.with_unseen(rows, weeks_of(table), drawn=drawn)
        paths = self._paths(table, history.period, shock=shock)
        return arranged(rows, together[0].shape, columns, shape, more, paths)

    def elements_with(
        self, other: TimeVarying, theta: Any, history: HistoryLike, horizon: float
    ) -> tuple[Elements, NDArray[np.int64], Elements]:
        """Elements under this future, the paths of the same under another one of the same model, and the elements of that."""
        mine, others = (model._elements(theta, history, ahead=horizon) for model in (self, other))
        return mine, mine.sorted(others.put(others.path.astype(float))).astype(np.int64), others

    def p_alive(self, theta: Any, history: HistoryLike) -> Array:
        """Probability that the customer has not left by T, in [0, 1]."""
        e = self._elements(theta, history)
        return e.put(e.state()[0])

    def standing(self, theta: Any, history: HistoryLike) -> Standing:
        """What the past says of customers, whatever comes after the end of observation."""
        e = self._elements(theta, history)
        return Standing(*(e.put(values) for values in e.state()))

    def survival_if_alive(self, theta: Any, history: HistoryLike, horizon: ArrayLike) -> Array:
        """P(not left by T + horizon | alive at T)."""
        e = self._elements(theta, history, horizon, ahead=horizon)
        left = e.scales()[1]
        gone = paths_future.sums_ahead(e.theta, e.which, e.path, e.now, e.sorted(horizon), e.paths)[1]
        return e.put(np.exp(-e.theta[e.which, 2] * np.log1p(gone / left)))

    def expected_purchases_if_alive(self, theta: Any, history: HistoryLike, horizon: ArrayLike) -> Array:
        """Her mean rate (r + x) / (alpha + A(T)) times the factor of purchase, as long as she stays."""
        return self._expected(theta, history, horizon, 0.0)

    def expected_if_alive(self, theta: Any, history: HistoryLike, *, horizon: float, force: float) -> Array:
        return self._expected(theta, history, _finite(horizon, force), force)

    def staying_if_alive(self, theta: Any, history: HistoryLike, *, horizon: float, force: float) -> Array:
        return self._expected(theta, history, _finite(horizon, force), force, stays=True)

    def expected_standing(
        self, standing: Standing, theta: Any, history: HistoryLike, *, horizon: float, forces: Sequence[float]
    ) -> Array:
        """`expected_if_alive` of customers whose standing is known, for several forces of interest (forces, ...).

        Futures that differ only in what comes after the end of observation are so compared at the cost of these alone.
        """
        reach = _finite(horizon, min(forces))
        e = self._elements(theta, history, reach, ahead=reach, brief=True)
        mean = (e.theta[e.which, 0] + e.columns[1]) / e.sorted(standing.scale)
        left, ahead = e.sorted(standing.left), e.sorted(reach)
        found = {
            force: e.put(mean * present_sums(e.theta, e.which, e.path, e.now, left, ahead, force, e.paths))
            for force in set(forces)
        }
        return np.array([found[force] for force in forces])

    def _expected(
        self, theta: Any, history: HistoryLike, horizon: ArrayLike, force: float, *, stays: bool = False
    ) -> Array:
        e = self._elements(theta, history, horizon, ahead=horizon)
        scale, left = e.scales()
        known = e.theta.copy()
        known[:, 2] *= not stays  # s = 0: nobody leaves
        sums = present_sums(known, e.which, e.path, e.now, left, e.sorted(horizon), force, e.paths)
        return e.put((e.theta[e.which, 0] + e.columns[1]) / scale * sums)

    def pmf_if_alive(self, theta: Any, history: HistoryLike, n: ArrayLike, horizon: ArrayLike) -> Array:
        """P(n purchases in (T, T + horizon] | alive at T): she stays and buys n times, or buys n times and leaves."""
        e = self._elements(theta, history, n, horizon, ahead=horizon)
        scale, left = e.scales()
        count, reach, x = e.sorted(n), e.sorted(horizon), e.columns[1]
        bought, gone = paths_future.sums_ahead(e.theta, e.which, e.path, e.now, reach, e.paths)
        stayed = log_negative_binomial(count, e.theta[e.which, 0] + x, bought / scale)
        stayed -= e.theta[e.which, 2] * np.log1p(gone / left)
        leaves = paths_future.left_after(e.theta, e.which, e.path, e.now, x, scale, left, count, reach, e.paths)
        return e.put(np.exp(stayed) + leaves)

    def rate_if_alive(self, theta: Any, history: HistoryLike) -> Array:
        """Mean purchase rate of a customer alive at a factor of one, as long as she stays [purchases per period]."""
        e = self._elements(theta, history)
        return e.put((e.theta[e.which, 0] + e.columns[1]) / e.scales()[0])

    def individuals(self, theta: Any, history: HistoryLike, *, rng: np.random.Generator) -> Individuals:
        """Rate ~ Gamma(r + x, alpha + A(T)) at a factor of one; what is left of a lifetime depends on the path: see `future`."""
        raise ModelError(
            f"In {self.name} a customer's rate depends on the day, so she has no single one. Ask p_alive, expected_purchases, "
            "pmf or clv.forecast."
        )

    def future(self, theta: Any, history: HistoryLike, *, horizon: float, rng: np.random.Generator) -> Future:
        """Every customer's purchases in the coming `horizon` [period]: drawn in sums of the purchase factor, then dated."""
        return self._drawn(theta, history, np.asarray(horizon), rng)

    def _drawn(self, theta: Any, history: HistoryLike, horizon: Array, rng: np.random.Generator) -> Future:
        e = self._elements(theta, history, horizon, ahead=horizon)
        alive, scale, left = e.state()
        exponential = e.sorted(rng.standard_exponential(e.shape))
        gone = left * np.expm1(exponential / e.theta[e.which, 2])
        life = paths_future.until_gone(e.theta, e.which, e.path, e.now, e.sorted(horizon), gone, e.paths)
        shape = e.put(e.theta[e.which, 0] + e.columns[1])
        one, none = np.array(1.0), np.array(0.0)
        people = Individuals(e.put(alive), shape, e.put(scale), none, one, e.put(life))
        offsets, times = purchase_times(people, horizon=float(np.max(life)), rng=rng)
        paths_future.on_the_calendar(e.theta, e.which, e.path, e.now, e.order, offsets, times, e.paths)
        return Future(e.put(alive), Purchases(offsets, times))

    def simulate(  # type: ignore[override]
        self, theta: Any, *, first: Any, until: Any, period: Period, seed: int | np.random.Generator, who: Any = None,
        covariates: Any = None,
    ) -> Histories:  # fmt: skip
        """Simulate customers from their first purchase to the end of observation, purchases dated by the day they fall on.

        Parameters
        ----------
        theta
            Parameters (numbers) in `period`.
        first
            Days of the first purchases (n,).
        until
            Last day of observation.
        who, covariates
            Ids of the customers in the panel (n,), numbers from 0 if not given; covariates that do not change, by name (n,).

        Returns
        -------
        Histories with dates, without monetary value
        """
        rng = np.random.default_rng(seed)
        start = np.asarray(first, dtype="datetime64[D]")
        end: Any = np.datetime64(until, "D")
        none = np.zeros(start.size)
        ids = np.arange(start.size) if who is None else np.asarray(who)
        people = History(
            none, none, none, period, covariates=covariates, dates=ragged([day[None] for day in start]), who=ids
        )
        ages = (end - start).astype(float)
        offsets, times = self._drawn(theta, upright(people), ages[:, None] / period.days, rng).purchases
        days = [
            np.unique(np.append(day, day + np.floor(times[a:b] * period.days).astype("timedelta64[D]")))
            for day, a, b in zip(start, offsets[:-1], offsets[1:], strict=True)
        ]
        frequency = np.array([len(each) - 1.0 for each in days])
        recency = np.array([(each[-1] - each[0]).astype(float) for each in days])
        unknown = np.full(start.size, np.nan)
        return Histories(
            ids, frequency, recency / period.days, ages / period.days, unknown, period, covariates=covariates,
            dates=ragged(days), until=end.astype(object),
        )  # fmt: skip

    def bought_if_alive(self, theta: Any, history: HistoryLike, times: Sequence[float]) -> Iterator[Array]:
        e, total = self._elements(theta, history, ahead=max(times)), np.zeros(())
        wanted = np.full(e.order.size, np.inf)
        for begin, time in itertools.pairwise([0.0, *times]):
            total = total + e.put(self._waits(e.up_to(time), wanted, begin, time)[0])
            yield total

    def _waits(self, e: Elements, wanted: Array, begin: float, horizon: float) -> tuple[Array, Array]:
        """Probabilities of a purchase in a stretch of time ahead, and when they reach `wanted`, by element."""
        scale, left = e.scales()
        span = (np.full(e.order.size, moment) for moment in (begin, horizon))
        found = paths_waits.bought(e.theta, e.which, e.path, e.now, e.columns[1], scale, left, *span, wanted, e.paths)
        return np.asarray(found[0]), np.asarray(found[1])

    def _time_until_bought(self, theta: Any, history: HistoryLike, probability: float) -> Array:
        """Looks twice as far ahead each time, for those who have not bought enough: no more of the future need be known."""
        alive = self.p_alive(theta, history)
        with np.errstate(divide="ignore"):
            wanted = probability / alive
        time, longest = np.where(wanted >= 1, np.inf, np.nan), LONGEST / history.period.days
        begin, reach = 0.0, LOOK / history.period.days
        while begin < longest and np.isnan(time).any():
            e = self._elements(theta, history, wanted, ahead=by_customer(np.isnan(time), history) * reach)
            chance, found = (
                e.put(v) for v in self._waits(e, e.sorted(np.where(np.isnan(time), wanted, np.nan)), begin, reach)
            )
            time, wanted = np.where(np.isnan(time), found, time), wanted - chance
            begin, reach = reach, min(2 * reach, longest)
        return np.where(np.isnan(time), np.inf, time)


def _finite(horizon: float, force: float) -> float:
    """The horizon, or how far ahead there is anything worth counting."""
    if not math.isinf(horizon):
        return horizon
    if force <= 0.0:
        raise ModelError(
            "An endless horizon needs a discount rate. Give discount=Rate(0.10, per=YEAR) or a finite horizon."
        )
    return NEGLIGIBLE / force
