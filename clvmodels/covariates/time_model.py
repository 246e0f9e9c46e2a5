"""Pareto/NBD along paths of covariates as a model: what engines read of it and what it says of the future."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.coordinates import Coordinates
from clvmodels.covariates.columns import identifiers
from clvmodels.covariates.contact_terms import ContactTerms, planned_of
from clvmodels.covariates.time_design import TimeDesign, reads
from clvmodels.covariates.time_elements import Elements, arranged, by_customer, shape_of
from clvmodels.covariates.timetable import Timetable, timetable
from clvmodels.data.contacts import Contacts
from clvmodels.data.histories import Histories
from clvmodels.data.panel import Panel
from clvmodels.duration import paths_future, paths_waits
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.duration.expectation import log_negative_binomial
from clvmodels.duration.futures import Future, Individuals, Purchases, purchase_times
from clvmodels.duration.pareto_nbd import ParetoNbd
from clvmodels.duration.paths import Paths
from clvmodels.duration.paths_far import present_sums
from clvmodels.duration.paths_likelihood import ROWS, kernel, log_likelihood, total
from clvmodels.errors import ModelError
from clvmodels.history import History, HistoryLike, as_columns, flat, upright
from clvmodels.model import Array, Parameter
from clvmodels.numerics.quadrature import NEGLIGIBLE
from clvmodels.priors import Normal
from clvmodels.purchase_dates import NO_EVENTS, Events, ragged, repeat_purchases
from clvmodels.units import Period

RIDGE = 1.0
"""Standard deviation of the prior of a coefficient per standard deviation of its column."""
LONGEST, LOOK = 1e6, 28.0
"""Days ahead at most, and at first where it is not known how many are needed."""
MOVED = {"purchase": 1, "dropout": 3}
"""Which parameter each process moves: alpha and beta, both divided."""


NO_TERMS = np.zeros((0, 2), dtype=np.int64)


def total_of(theta: Array, counts: Array, *columns: Any) -> tuple[float, Array]:
    """Log-likelihood of rows with counts and its gradient (k,)."""
    return total(theta, counts, *columns[:ROWS], Paths(*columns[ROWS:]))  # type: ignore[no-any-return]


@dataclass(frozen=True, eq=False, repr=False)
class TimeVarying(LatentAttrition):
    """Pareto/NBD over time, as `time_varying(...)` becomes it when it meets customers.

    Attributes
    ----------
    base, designs, panel, contacts, ridge
        The model, the coding of both processes, covariates over time, contact terms, and the spread of the prior.
    origin, until
        Days since 1970-01-01 from which time is counted, and on which the observation of the customers it was fitted to ended.
    """

    base: ParetoNbd
    designs: tuple[TimeDesign, ...]
    panel: Panel | None
    contacts: ContactTerms | None
    ridge: float
    origin: int
    until: int

    columns = ("path", "first", "frequency", "recency", "T", "event")  # type: ignore[assignment]
    kernel = staticmethod(kernel)
    total = staticmethod(total_of)

    @cached_property
    def name(self) -> str:  # type: ignore[override]
        said = [f"{one.role} {one.formula}" for one in self.designs]
        said += [f"contacts by {', '.join(self.media)}"] if self.media else []
        return f"{self.base.name} over time with {'; '.join(said)}"

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"{self.base.title} over time"

    @property
    def source(self) -> str:  # type: ignore[override]
        return "Bachmann, Meierer and Naef 2021, Marketing Science 40(4), 783-809"

    @property
    def media(self) -> tuple[str, ...]:
        """Media whose contacts move a process, as their log calls them."""
        return () if self.contacts is None else self.contacts.media

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:  # type: ignore[override]
        found = list(self.base.parameters)
        for role in MOVED:
            for one in self._designs_of(role):
                for made, name in zip(identifiers(role, one.columns), one.columns, strict=True):
                    meaning = f"effect of {name} on {role}: exp of it multiplies"
                    found.append(Parameter(made, meaning, Normal(0.0, self.ridge), positive=False))
            found += [] if self.contacts is None else self.contacts.coefficients(role)
        return (*found, *([] if self.contacts is None else self.contacts.carry_over()))

    def _designs_of(self, role: str) -> list[TimeDesign]:
        return [one for one in self.designs if one.role == role]

    @cached_property
    def Theta(self) -> Any:  # type: ignore[override]
        return NamedTuple("Theta", [(p.name, Any) for p in self.parameters])

    def coordinates(self) -> Coordinates:
        """Base parameters are sought for the average of the covariates, coefficients of these per standard deviation."""
        size, at = len(self.parameters), len(self.base.parameters)
        mixing = np.eye(size)
        for role, moved in MOVED.items():
            for part in (part for one in self._designs_of(role) for part in one.parts):
                for mean, sd in zip(part.centre, part.scale, strict=True):
                    mixing[at, at] = 1 / sd
                    mixing[moved, at] += mean / sd
                    at += 1
            at += 0 if self.contacts is None else len(self.contacts.of(role))
        return Coordinates(np.array([p.positive for p in self.parameters]), mixing)

    def under(self, future: Panel | None = None, *, contacts: Contacts | None = None) -> TimeVarying:
        """The same model with another panel, or with contacts, from the day after the end of observation on."""
        model = self
        if future is not None:
            if self.panel is None:
                raise ModelError(f"{self.name} has no panel: the calendar goes on by itself. Forecast without a panel.")
            model = replace(model, panel=self.panel.then(future, self.until))
        if contacts is not None:
            model = replace(
                model, contacts=self._contact_terms().then(planned_of(contacts, self.media, self.until), self.until)
            )
        return model

    def contacted(self, planned: Sequence[tuple[str, float]]) -> TimeVarying:
        """The model in which every customer besides gets these contacts: medium, days after the end of observation."""
        return replace(self, contacts=self._contact_terms().contacted(planned))

    def _contact_terms(self) -> ContactTerms:
        if self.contacts is None:
            raise ModelError(f"{self.name} has no contacts. Fit clv.time_varying(..., contacts=clv.Contacts(...)).")
        return self.contacts

    def _timetable(self, history: HistoryLike, ahead: ArrayLike = 0.0) -> Timetable:
        """`ahead` is in the period of the history, for all or by customer."""
        common, own, crossed = reads(self.designs)
        days = np.ravel(np.minimum(np.asarray(ahead) * history.period.days, LONGEST))
        return timetable(
            history, common=common, own=own, crossed=crossed, panel=self.panel, contacts=self.contacts, ahead=days
        )

    def _numbers(self, table: Timetable, role: str) -> tuple[Array, Array]:
        for one in self.designs:
            if one.role == role:
                return one.numbers(table)
        return np.zeros((table.common_day.size, 0)), np.zeros((int(table.row.max()) + 1, 0))

    def _paths(self, table: Timetable, period: Period, events: Events = NO_EVENTS) -> Paths:
        common, own = zip(*(self._numbers(table, role) for role in MOVED), strict=True)
        start, own_start, contact_start, event_time = (
            (days - self.origin) / period.days for days in (table.common_day, table.day, table.contact_day, events.day)
        )
        known = self.contacts
        codes = [NO_TERMS if known is None else known.codes(role) for role in MOVED]
        saturation = [] if known is None or known.saturation is None else [known.saturation]
        return Paths(
            start, common[0], common[1], table.offset, own_start, table.row, own[0], own[1], table.contact_offset,
            contact_start, table.contacts, codes[0], codes[1],
            np.array(saturation if known is not None else [0.0]), events.offset, event_time,
        )  # fmt: skip

    def data(self, history: HistoryLike) -> tuple[Array, ...]:
        table = self._timetable(history)
        first = (table.first - self.origin) / history.period.days
        columns = [np.ravel(c) for c in as_columns(history, ("frequency", "recency", "T"))]
        return (table.path.astype(float), first, *columns, repeat_purchases(history).of.astype(float))

    def tables(self, history: HistoryLike) -> tuple[NDArray[Any], ...]:
        return tuple(self._paths(self._timetable(history), history.period, repeat_purchases(history)))

    def values(self, theta: Array, *columns: Any) -> Array:
        return np.asarray(log_likelihood(theta, *columns[:ROWS], Paths(*columns[ROWS:]), False)[0])

    def told_apart(self, history: HistoryLike) -> list[NDArray[Any]]:
        """Path, first purchase, frequency, recency and T."""
        table = self._timetable(history)
        return [table.path, table.first, *(np.ravel(c) for c in as_columns(history, ("frequency", "recency", "T")))]

    def told_by_past(self, history: HistoryLike) -> list[NDArray[Any]]:
        """The same without recency: the scales of her rates depend on when she came, and on her path."""
        path, first, frequency, _, T = self.told_apart(history)
        return [path, first, frequency, T]

    def _elements(self, theta: Any, history: HistoryLike, *more: ArrayLike, ahead: ArrayLike = 0.0) -> Elements:
        """Parameters, customers and what else broadcasts with them."""
        theta = self.theta(theta)
        shape = shape_of(history)
        table = self._timetable(flat(history), ahead if np.shape(ahead) == shape else np.max(ahead))
        together = np.broadcast_arrays(*theta)
        rows = np.column_stack([np.ravel(v) for v in together])
        first = (table.first - self.origin) / history.period.days
        known = as_columns(history, ("frequency", "recency", "T"))
        columns = [table.path, first, *(np.ravel(np.broadcast_to(column, shape)) for column in known)]
        return arranged(rows, together[0].shape, columns, shape, more, self._paths(table, history.period))

    def p_alive(self, theta: Any, history: HistoryLike) -> Array:
        """Probability that the customer has not left by T, in [0, 1]."""
        e = self._elements(theta, history)
        return e.put(e.state()[0])

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
