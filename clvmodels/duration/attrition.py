"""Latent attrition: customers buy at random until they leave, and nobody sees them leave.

The structure shared by the family. Given that a customer is alive at the end of observation, her future depends on her past
only through her frequency and her age, so every expectation is

    E[future | history] = P(alive | history) * E[future | alive, frequency, T]

and a model states the two factors. Discounting, draws and simulation follow.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from clvmodels.data.histories import Histories
from clvmodels.duration.futures import Individuals, Rates, draw_rates, purchase_times
from clvmodels.errors import ModelError
from clvmodels.history import History, HistoryLike, as_columns
from clvmodels.model import Array, Model
from clvmodels.numerics.quadrature import discounted_nodes
from clvmodels.units import Period, Rate, Span, as_rate, as_span


class LatentAttrition(Model):
    """Base of the models of purchasing until an unseen end. All times are in the period of the history, and so is theta."""

    columns = ("frequency", "recency", "T")
    formulas = ("p_alive", "expected_purchases", "pmf")

    def data(self, history: HistoryLike) -> tuple[Array, ...]:
        return as_columns(history, self.columns)

    @abstractmethod
    def p_alive(self, theta: Any, history: HistoryLike) -> Array:
        """Probability that the customer has not left by the end of observation, in [0, 1]."""

    @abstractmethod
    def expected_purchases_if_alive(self, theta: Any, frequency: Array, T: Array, horizon: ArrayLike) -> Array:
        """Expected number of purchases in (T, T + horizon] of a customer known to be alive at T [count, >= 0]."""

    @abstractmethod
    def pmf_if_alive(self, theta: Any, frequency: Array, T: Array, n: ArrayLike, horizon: float) -> Array:
        """Probability of exactly n purchases in (T, T + horizon] of a customer known to be alive at T."""

    @abstractmethod
    def individuals(self, theta: Any, history: HistoryLike, *, rng: np.random.Generator) -> Individuals:
        """What each customer's history says of her own rates; parameters and histories broadcast.

        `rng` is for models whose lifetimes are drawn.
        """

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
        Rates: alive, rate [per period], dropout, each (n, draws)
        """
        rng = np.random.default_rng(seed)
        x, t_x, T = (np.atleast_1d(c)[:, None] for c in as_columns(history, self.columns))
        each = History(x, t_x, T, history.period)
        return draw_rates(self.individuals(theta, each, rng=rng), rng=rng)

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
        theta = self.theta(theta)
        x, T = as_columns(history, ("frequency", "T"))
        return self.p_alive(theta, history) * self.expected_if_alive(
            theta,
            x,
            T,
            horizon=as_span(horizon, name="horizon").per(history.period),
            force=_force(discount, history.period),
        )

    def expected_if_alive(self, theta: Any, frequency: Array, T: Array, *, horizon: float, force: float) -> Array:
        """`expected_purchases_if_alive` at its present value: `force` is the force of interest [1/period], 0 for none."""
        if horizon == 0.0:
            return np.zeros(np.broadcast_shapes(*(np.shape(v) for v in (*theta, frequency, T))))
        if force == 0.0:
            if math.isinf(horizon):
                raise ModelError(
                    "An endless horizon needs a discount rate. Give discount=Rate(0.10, per=YEAR) or a finite horizon."
                )
            return self.expected_purchases_if_alive(theta, frequency, T, horizon)
        typical = float(np.mean(T)) or 1.0 / force
        times, weights = discounted_nodes(horizon, force, min(typical, 1.0 / force))
        total: Array = np.zeros(())
        for time, weight in zip(times, weights, strict=True):
            total = total + weight * self.expected_purchases_if_alive(theta, frequency, T, time)
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
        theta = self.theta(theta)
        x, T = as_columns(history, ("frequency", "T"))
        count = np.asarray(n, dtype=float)
        if np.any((count < 0) | (count != np.floor(count))):
            raise ModelError(f"n={n!r} is not a whole number of purchases. Give 0, 1, 2, ...")
        alive = self.p_alive(theta, history)
        span = as_span(horizon, name="horizon").per(history.period)
        return np.asarray((count == 0) * (1 - alive) + alive * self.pmf_if_alive(theta, x, T, count, span))

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
        Histories of n customers numbered from 0, without monetary value
        """
        rng = np.random.default_rng(seed)
        ages = np.atleast_1d(np.asarray(T, dtype=float))[:, None]
        newcomers = History(np.zeros_like(ages), np.zeros_like(ages), np.zeros_like(ages), period)
        people = self.individuals(theta, newcomers, rng=rng)
        people = people._replace(lifetime=np.minimum(people.lifetime, ages))
        offsets, times = purchase_times(people, horizon=float(ages.max()), rng=rng)
        frequency = np.diff(offsets).astype(float)
        recency = np.where(frequency > 0, np.append(times, 0.0)[offsets[1:] - 1], 0.0)
        unknown = np.full(ages.size, np.nan)
        return Histories(np.arange(ages.size), frequency, recency, ages[:, 0], unknown, period)


def _force(discount: Rate | None, period: Period) -> float:
    rate = as_rate(discount, name="discount")
    return 0.0 if rate is None else rate.force(period)
