"""Contracts that are renewed or not: the customer tells when she leaves, at one of the renewals that come one by one.

One period of the tenures is the time from one renewal to the next. A customer of tenure n has renewed n times; she leaves at
renewal t (`exit` t, `event` 1) if she has renewed t - 1 times and then does not. What the models say of a *new* customer
(`survival`, `hazard`, `retention_rate`, `pmf`) is a function of the renewal t alone. What they say of a customer who is
there already is conditional on her being there: of a cohort those with a low chance of leaving remain, so that her prospects
are better than a new customer's were. Those formulas take a `Tenure` or `Tenures`.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.data.tenure import ROUNDING, TenureLike
from clvmodels.data.tenures import Tenures
from clvmodels.duration.contractual import Contractual, of_those, whole_periods
from clvmodels.errors import ContractError, ModelError, offenders
from clvmodels.model import Array
from clvmodels.units import Period, Span

LATEST = 2.0**60
"""Renewal up to which a median is sought."""


class Renewal(Contractual):
    """Base of the discrete models of contracts; a subclass states `log_stay`, `present_renewals` and `draw_residual`."""

    columns = ("exit", "entry", "event")
    mixture: ClassVar[bool] = True
    """Whether customers differ beyond their covariates, so that what she did under earlier ones tells of her."""
    curves: ClassVar[tuple[str, ...]] = ("survival", "hazard", "retention_rate", "pmf")
    """Formulas of a new customer, by renewal."""
    formulas = (
        *curves, "survival_after", "renewal_probability", "expected_residual_lifetime",
        "discounted_expected_residual_lifetime", "median_residual_lifetime", "restricted_mean",
    )  # fmt: skip

    def data(self, history: Any) -> tuple[Array, ...]:
        """Exit, entry and event; a `ContractError` names the first tenures that are not whole numbers of renewals."""
        columns = tuple(np.asarray(getattr(history, name), dtype=float) for name in self.columns)
        for name, values in zip(("exit", "entry"), columns, strict=False):
            self._insist_on_whole(values, name, history)
        return np.rint(columns[0]), np.rint(columns[1]), columns[2]

    def each(self, theta: Any, tenure: TenureLike) -> Any:
        """Each customer's own parameters, which broadcast with the tenures: here the same for all."""
        return self.theta(theta)

    @abstractmethod
    def draw_residual(self, theta: Any, done: ArrayLike, *, rng: np.random.Generator) -> Array:
        """Draw how many more renewals a customer makes after `done`, parameters as `each` gives them; may be infinite."""

    def survival(self, theta: Any, t: ArrayLike, *, given: ArrayLike = 0) -> Array:
        """Probability that a customer is still there after renewal t, if she is there after renewal `given`.

        Parameters
        ----------
        theta
            Parameters; arrays broadcast.
        t
            Renewals, whole numbers from `given`.
        given
            Renewals made already; 0 for a new customer.

        Returns
        -------
        array in [0, 1]; 1 at t = given, never rises in t
        """
        end, start = self._whole(t, "t"), self._whole(given, "given")
        if np.any(end < start):
            raise ModelError(f"t={t!r} is below given={given!r}. Survival so far is certain: give t from {given!r} on.")
        return np.exp(self.log_stay(self.theta(theta), start, end - start))

    def hazard(self, theta: Any, t: ArrayLike) -> Array:
        """Probability of leaving at renewal t (1, 2, ...) if she has made t - 1 renewals, in [0, 1]."""
        return -np.expm1(self.log_stay(self.theta(theta), self._before(t), 1.0))

    def retention_rate(self, theta: Any, t: ArrayLike) -> Array:
        """Probability of renewing at t (1, 2, ...) if she has made t - 1 renewals: survival(t) / survival(t - 1), in [0, 1]."""
        return np.exp(self.log_stay(self.theta(theta), self._before(t), 1.0))

    def pmf(self, theta: Any, t: ArrayLike, *, given: ArrayLike = 0) -> Array:
        """Probability of leaving at renewal t > `given`, if she is there after renewal `given`; sums to one over t."""
        return self.survival(theta, self._before(t), given=given) * self.hazard(theta, t)

    def survival_after(self, theta: Any, tenure: TenureLike, *, horizon: Span | Period) -> Array:
        """Probability that the customer is still there a `horizon` from now, given that she is there now.

        Parameters
        ----------
        theta
            Parameters; arrays broadcast.
        tenure
            `Tenures`, or a `Tenure`. Who has left has left: 0.
        horizon
            Counts as the whole renewals in it.

        Returns
        -------
        array in [0, 1], never rises in the horizon
        """
        own, done, there = self._standing(theta, tenure)
        return np.asarray(there * np.exp(self.log_stay(own, done, whole_periods(horizon, tenure.period))))

    def expected_residual_lifetime(self, theta: Any, tenure: TenureLike) -> Array:
        """Expected number of further renewals of a customer who is there now [periods, >= 0]; infinite where the mean is."""
        own, done, there = self._standing(theta, tenure)
        return of_those(there, self.present_renewals(own, done, math.inf, 0.0))

    def median_residual_lifetime(self, theta: Any, tenure: TenureLike) -> Array:
        """Number of the coming renewal by which half of such customers have left [periods, whole, >= 1]; 0 for who has left."""
        own, done, there = self._standing(theta, tenure)
        shape = np.broadcast_shapes(done.shape, *(np.shape(v) for v in own))
        low, high = np.zeros(shape), np.full(shape, LATEST)
        never = self.log_stay(own, done, high) > math.log(0.5)
        while np.any(high - low > 1):
            middle = np.floor((low + high) / 2)
            half = self.log_stay(own, done, middle) <= math.log(0.5)
            low, high = np.where(half, low, middle), np.where(half, middle, high)
        return of_those(there, np.where(never, np.inf, high))

    def restricted_mean(self, theta: Any, tenure: TenureLike, *, horizon: Span | Period) -> Array:
        """Expected number of periods under contract within the coming `horizon`, the one that begins now included.

        The restricted mean of the residual lifetime: sum over k = 0 .. horizon - 1 of P(renews k more times) [periods].
        """
        own, done, there = self._standing(theta, tenure)
        ahead = whole_periods(horizon, tenure.period)
        if ahead == 0:
            return np.zeros(np.broadcast_shapes(done.shape, *(np.shape(v) for v in own)))
        return of_those(there, 1.0 + self.present_renewals(own, done, ahead - 1.0, 0.0))

    def draw_residual_lifetimes(self, theta: Any, tenure: TenureLike, *, seed: int | np.random.Generator) -> Array:
        """Draw how many more renewals each customer makes, given that she is there now.

        Parameters
        ----------
        theta
            Parameters: numbers, or arrays (draws, 1) for draws by customers.
        tenure
            Customers (n,).

        Returns
        -------
        array, parameters and customers broadcast [renewals, whole, >= 0; infinite where she never leaves]
        """
        own, done, there = self._standing(theta, tenure)
        done = np.broadcast_to(done, np.broadcast_shapes(done.shape, *(np.shape(v) for v in own)))
        return of_those(there, self.draw_residual(own, done, rng=np.random.default_rng(seed)))

    def simulate(
        self,
        theta: Any,
        *,
        observed: ArrayLike,
        period: Period,
        seed: int | np.random.Generator,
        entry: ArrayLike = 0,
    ) -> Tenures:
        """Simulate customers from the start of their contracts.

        Parameters
        ----------
        theta
            Parameters (numbers).
        observed
            Renewals that each customer could have made by the end of observation, (n,).
        period
            Time from one renewal to the next.
        entry
            Renewal after which observation begins (n,): who has left by then is not seen, as with a late entry.

        Returns
        -------
        Tenures of the customers seen, numbered from 0 among the n
        """
        return self._simulated(self.theta(theta), observed, period, seed, entry, None)

    def _simulated(
        self, own: Any, observed: ArrayLike, period: Period, seed: Any, entry: ArrayLike, covariates: Any
    ) -> Tenures:
        last = np.atleast_1d(self._whole(observed, "observed"))
        first = np.broadcast_to(self._whole(entry, "entry"), last.shape)
        made = self.draw_residual(own, np.zeros(last.shape), rng=np.random.default_rng(seed))
        seen = (made >= first) & (last >= first)
        event = (made < last).astype(float)
        exit = np.where(event == 1, made + 1, last)
        known = None if covariates is None else {name: column[seen] for name, column in covariates.items()}
        return Tenures(np.flatnonzero(seen), first[seen], exit[seen], event[seen], period, covariates=known)

    def _standing(self, theta: Any, tenure: TenureLike) -> tuple[Any, Array, Array]:
        """Own parameters, renewals made, and 1 where the customer is there, 0 where she has left."""
        insist_on_tenure(tenure)
        done = np.asarray(tenure.exit, dtype=float)
        self._insist_on_whole(done, "exit", tenure)
        there = np.asarray(tenure.there, dtype=float)
        return self.each(theta, tenure), np.rint(done), there

    def _before(self, t: ArrayLike) -> Array:
        number = self._whole(t, "t")
        if np.any(number < 1):
            raise ModelError(f"t={t!r}: the first renewal is number 1. Give 1, 2, 3, ...")
        return number - 1.0

    def _whole(self, values: ArrayLike, name: str) -> Array:
        number = np.asarray(values, dtype=float)
        if not np.all(np.isfinite(number) & (number >= 0) & (number == np.floor(number))):
            raise ModelError(f"{name}={values!r} is not a whole number of renewals. Give 0, 1, 2, ...")
        return number

    def _insist_on_whole(self, values: Array, column: str, history: Any) -> None:
        insist_on_whole(self.name, values, column, history)


def insist_on_whole(name: str, values: Array, column: str, history: Any) -> None:
    """Refuse tenures that are not whole numbers of renewals, in the words of the model called `name`."""
    wrong: NDArray[np.bool_] = np.abs(values - np.rint(values)) > ROUNDING
    if np.any(wrong):
        at = np.flatnonzero(wrong)
        ids = getattr(history, "customer_id", None)
        rows = [f"customer {one}" for one in (at if ids is None else ids[at])]
        remedy = (
            f"{name} counts renewals, one per {history.period}: make whole periods with "
            "contracts.tenures(period=..., whole=True), or give the period from one renewal to the next."
        )
        problem = "is not a whole number of renewals"
        raise ContractError(offenders(problem, column=column, rows=rows, values=np.ravel(values)[at], remedy=remedy))


def insist_on_tenure(tenure: object) -> None:
    """Refuse a bare number, whose unit is not known."""
    if not hasattr(tenure, "exit"):
        raise ModelError(f"{tenure!r} of what? Write Tenure({tenure!r}, YEAR) for a customer who has renewed so often.")
