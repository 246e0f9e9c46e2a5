"""Latent attrition: customers buy at random until they leave, and nobody sees them leave.

The structure shared by the family. Given that a customer is alive at the end of observation, her future depends on her past
only through part of it (in most models her frequency and her age), so every expectation is

    E[future | history] = P(alive | history) * E[future | alive, that part]

and a model states the two factors. Discounting, draws and simulation follow.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.data.histories import Histories
from clvmodels.duration.futures import Future, Individuals, Purchases, Rates, draw_rates, log_intervals, purchase_times
from clvmodels.errors import ModelError
from clvmodels.history import History, HistoryLike, as_columns, covariates_of, upright
from clvmodels.model import Array, Model
from clvmodels.numerics.quadrature import annuity, discounted_nodes
from clvmodels.units import FOREVER, Period, Rate, Span, as_rate, as_span

SOONEST, LATEST, HALVINGS = -30.0, 30.0, 60
"""Logs of the times [period] between which the next purchase is sought, and how often their distance is halved."""


class LatentAttrition(Model):
    """Base of the models of purchasing until an unseen end. All times are in the period of the history, and so is theta.

    Methods whose name ends in `_if_alive` take each customer's own parameters, as `each` gives them.
    """

    discrete: ClassVar[bool] = False
    """Whether time is counted in opportunities: one per period, at most one purchase at each, histories in whole numbers."""

    past: ClassVar[tuple[str, ...]] = ("frequency", "T")
    """Columns that tell the future of a customer known to be alive."""

    columns = ("frequency", "recency", "T")
    formulas = (
        "p_alive", "p_alive_after", "expected_purchases", "discounted_expected_purchases", "pmf", "p_no_purchase",
        "time_to_next_purchase",
    )  # fmt: skip

    def data(self, history: HistoryLike) -> tuple[Array, ...]:
        return as_columns(history, self.columns)

    def told_by_past(self, history: HistoryLike) -> list[NDArray[Any]]:
        """Columns (n,) that tell the future of customers known to be alive."""
        return [*as_columns(history, self.past), *covariates_of(history, self.reads)]

    def each(self, theta: Any, history: HistoryLike) -> Any:
        """Each customer's own parameters, which broadcast with the histories: here the same for all."""
        return self.theta(theta)

    @abstractmethod
    def p_alive(self, theta: Any, history: HistoryLike) -> Array:
        """Probability that the customer has not left by the end of observation, in [0, 1]."""

    @abstractmethod
    def survival_if_alive(self, theta: Any, history: HistoryLike, horizon: ArrayLike) -> Array:
        """Probability that a customer known to be alive at T has not left by T + horizon, in [0, 1]."""

    @abstractmethod
    def expected_purchases_if_alive(self, theta: Any, history: HistoryLike, horizon: ArrayLike) -> Array:
        """Expected number of purchases in (T, T + horizon] of a customer known to be alive at T [count, >= 0]."""

    @abstractmethod
    def pmf_if_alive(self, theta: Any, history: HistoryLike, n: ArrayLike, horizon: ArrayLike) -> Array:
        """Probability of exactly n purchases in (T, T + horizon] of a customer known to be alive at T."""

    def bought_if_alive(self, theta: Any, history: HistoryLike, times: Sequence[float]) -> Iterator[Array]:
        """Probability that a customer known to be alive buys within each of some rising times [period], one after the other."""
        for time in times:
            yield 1 - self.pmf_if_alive(theta, history, 0, time)

    def rate_if_alive(self, theta: Any, history: HistoryLike) -> Array:
        """Mean purchase rate of a customer known to be alive, as long as she stays [purchases per period, >= 0]."""
        people = self.individuals(theta, history, rng=np.random.default_rng(0))
        return np.asarray(people.shape / people.scale / people.phases)

    def staying_if_alive(self, theta: Any, history: HistoryLike, *, horizon: float, force: float) -> Array:
        """Expected purchases of a customer known to be alive if she never left, at present value (force [1/period])."""
        return self.rate_if_alive(theta, history) * annuity(horizon, force, whole=self.discrete)

    @abstractmethod
    def individuals(self, theta: Any, history: HistoryLike, *, rng: np.random.Generator) -> Individuals:
        """What each customer's history says of her own rates; parameters and histories broadcast.

        `rng` is for models whose lifetimes are drawn.
        """

    def future(self, theta: Any, history: HistoryLike, *, horizon: float, rng: np.random.Generator) -> Future:
        """Draw every customer's purchases in the coming `horizon` [period], exactly, given her history.

        Parameters
        ----------
        theta, history
            Parameters (draws,) and customers (n, 1), or what else broadcasts to (customers, draws).
        """
        people = self.individuals(theta, history, rng=rng)
        return Future(people.p_alive, purchase_times(people, horizon=horizon, rng=rng))

    def draw_rates(self, theta: Any, history: HistoryLike, *, seed: int | np.random.Generator) -> Rates:
        """Draw each customer's own rates given her history and the population parameters.

        Parameters
        ----------
        theta
            Parameters, numbers or arrays (draws,).
        history
            Customers (n,).

        Returns
        -------
        Rates: alive, rate [per period], dropout, lifetime [period], each (n, draws)
        """
        rng = np.random.default_rng(seed)
        return draw_rates(self.individuals(theta, upright(history), rng=rng), rng=rng)

    def p_alive_after(self, theta: Any, history: HistoryLike, *, horizon: Span | Period) -> Array:
        """Probability that the customer will not have left a `horizon` from now, in [0, 1]; never rises in the horizon."""
        ahead = as_span(horizon, name="horizon").per(history.period)
        return self.p_alive(theta, history) * self.survival_if_alive(self.each(theta, history), history, ahead)

    def expected_purchases(
        self, theta: Any, history: HistoryLike, *, horizon: Span | Period, discount: Rate | None = None
    ) -> Array:
        """Expected number of purchases in the coming `horizon`, discounted to today if a rate is given.

        Parameters
        ----------
        theta
            Parameters in the history's unit of time; arrays broadcast, so draws shaped (draws, 1) give (draws, n).
        history
            Histories (n,), or `History.new_customer(period)` for somebody who has just made her first purchase.
        horizon
            Length of the future, such as `39 * WEEK`; `FOREVER` needs a `discount`.
        discount
            Effective rate, such as `Rate(0.10, per=YEAR)`: purchases count at their present value.

        Returns
        -------
        array [purchases], >= 0, zero at horizon zero, never falling in the horizon
        """
        return self.p_alive(theta, history) * self.expected_if_alive(
            self.each(theta, history),
            history,
            horizon=as_span(horizon, name="horizon").per(history.period),
            force=_force(discount, history.period),
        )

    def discounted_expected_purchases(
        self, theta: Any, history: HistoryLike, *, discount: Rate, horizon: Span | Period = FOREVER
    ) -> Array:
        """Expected purchases still to come, each at its present value (discounted expected residual transactions).

        Parameters
        ----------
        theta, history
            As in `expected_purchases`.
        discount
            Effective rate, such as `Rate(0.10, per=YEAR)`.
        horizon
            How far ahead; by default without end.

        Returns
        -------
        array [purchases], >= 0
        """
        return self.expected_purchases(theta, history, horizon=horizon, discount=discount)

    def expected_if_alive(self, theta: Any, history: HistoryLike, *, horizon: float, force: float) -> Array:
        """`expected_purchases_if_alive` at its present value: `force` is the force of interest [1/period], 0 for none."""
        if horizon == 0.0:
            return np.zeros(np.broadcast_shapes(*(np.shape(v) for v in (*theta, history.frequency, history.T))))
        if force <= 0.0 and math.isinf(horizon):
            raise ModelError(
                "An endless horizon needs a discount rate. Give discount=Rate(0.10, per=YEAR) or a finite horizon."
            )
        if force == 0.0:
            return self.expected_purchases_if_alive(theta, history, horizon)
        slow = 1.0 / abs(force)
        times, weights = discounted_nodes(horizon, force, min(float(np.mean(history.T)) or slow, slow))
        total: Array = np.zeros(())
        for time, weight in zip(times, weights, strict=True):
            total = total + weight * self.expected_purchases_if_alive(theta, history, time)
        return total

    def pmf(self, theta: Any, history: HistoryLike, *, n: ArrayLike, horizon: Span | Period) -> Array:
        """Probability of exactly n purchases in the coming `horizon`.

        Parameters
        ----------
        theta, history
            As in `expected_purchases`; `History.new_customer(period)` gives the distribution of a new customer's count.
        n
            Whole number of purchases, >= 0; arrays broadcast.

        Returns
        -------
        array in [0, 1]; sums to one over n
        """
        count = np.asarray(n, dtype=float)
        if np.any((count < 0) | (count != np.floor(count))):
            raise ModelError(f"n={n!r} is not a whole number of purchases. Give 0, 1, 2, ...")
        alive = self.p_alive(theta, history)
        span = as_span(horizon, name="horizon").per(history.period)
        return np.asarray(
            (count == 0) * (1 - alive) + alive * self.pmf_if_alive(self.each(theta, history), history, count, span)
        )

    def p_no_purchase(self, theta: Any, history: HistoryLike, *, horizon: Span | Period) -> Array:
        """Probability of no purchase in the coming `horizon`, in [0, 1]; never rises in the horizon."""
        return self.pmf(theta, history, n=0, horizon=horizon)

    def time_to_next_purchase(self, theta: Any, history: HistoryLike, *, probability: float = 0.5) -> Array:
        """Time by which the customer has bought again with the given probability; 0.5 gives the median.

        Parameters
        ----------
        theta, history
            As in `expected_purchases`.
        probability
            Strictly between 0 and 1.

        Returns
        -------
        array [period], > 0, whole numbers if the model is `discrete`; infinite for a customer who may never buy again with
        more than the remaining probability
        """
        if not 0 < probability < 1:
            raise ModelError(f"probability={probability!r} is not strictly between 0 and 1. Write 0.5 for the median.")
        return self._time_until_bought(theta, history, probability)

    def _time_until_bought(self, theta: Any, history: HistoryLike, probability: float) -> Array:
        """First time at which the probability of a purchase until then is `probability`, by halving."""
        own, alive = self.each(theta, history), self.p_alive(theta, history)

        def bought(log_time: Array) -> Array:
            return alive * (1 - self.pmf_if_alive(own, history, 0, np.exp(log_time)))

        low, high = np.full(alive.shape, SOONEST), np.full(alive.shape, LATEST)
        never = bought(high) < probability
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            enough = bought(middle) >= probability
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        return np.where(never, np.inf, np.exp(high))

    def purchases_of_new(
        self, theta: Any, newcomers: HistoryLike, ages: Array, *, rng: np.random.Generator
    ) -> Purchases:
        """Draw every purchase of new customers (n, 1) until their ages (n, 1) [period]."""
        people = self.individuals(theta, newcomers, rng=rng)
        people = people._replace(lifetime=np.minimum(people.lifetime, ages))
        return purchase_times(people, horizon=float(ages.max()), rng=rng)

    def simulate(self, theta: Any, *, T: ArrayLike, period: Period, seed: int | np.random.Generator) -> Histories:
        """Simulate customers from their first purchase to the age `T`.

        Parameters
        ----------
        theta
            Parameters (numbers) in `period`.
        T
            Age of each customer at the end of observation [period], (n,).

        Returns
        -------
        Histories of n customers numbered from 0, with log_intervals, without monetary value
        """
        rng = np.random.default_rng(seed)
        ages = np.atleast_1d(np.asarray(T, dtype=float))[:, None]
        newcomers = History(np.zeros_like(ages), np.zeros_like(ages), np.zeros_like(ages), period)
        offsets, times = purchases = self.purchases_of_new(theta, newcomers, ages, rng=rng)
        frequency = np.diff(offsets).astype(float)
        recency = np.where(frequency > 0, np.append(times, 0.0)[offsets[1:] - 1], 0.0)
        unknown, intervals = np.full(ages.size, np.nan), log_intervals(purchases)
        return Histories(np.arange(ages.size), frequency, recency, ages[:, 0], unknown, period, log_intervals=intervals)


def _force(discount: Rate | None, period: Period) -> float:
    rate = as_rate(discount, name="discount")
    return 0.0 if rate is None else rate.force(period)
