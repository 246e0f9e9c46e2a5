"""What a survival model says of new customers and of those who are there already, given that they are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from clvmodels.data.tenure import ROUNDING, Tenure, TenureLike
from clvmodels.duration.contractual import Contractual, of_those, whole_periods
from clvmodels.duration.renewals import insist_on_tenure
from clvmodels.duration.survival_baselines import Baseline, Own
from clvmodels.duration.survival_present import present_periods, present_time, whole_mean
from clvmodels.errors import ModelError
from clvmodels.model import Array
from clvmodels.units import Period, Span, as_span


class SurvivalFormulas(Contractual):
    """Formulas of survival models; a subclass states `baseline`, `breaks`, `period` and `each`."""

    curves: ClassVar[tuple[str, ...]] = ("survival", "hazard", "retention_rate")
    formulas = (
        *curves, "survival_after", "renewal_probability", "expected_residual_lifetime",
        "discounted_expected_residual_lifetime", "median_residual_lifetime", "restricted_mean",
    )  # fmt: skip
    baseline: Baseline
    breaks: Array
    period: Period

    def log_survival(self, own: Own, t: ArrayLike) -> Array:
        """Log probability that a customer with parameters `own` is there at tenure t, seen from her start."""
        H = self.baseline.cumulative_hazard(own, t, self.breaks)
        if np.ndim(own.odds) == 0 and own.odds == -np.inf:
            return -H
        return np.asarray(np.logaddexp(own.odds, -H) - np.logaddexp(0.0, own.odds))

    def log_stay(self, theta: Any, done: ArrayLike, more: ArrayLike) -> Array:
        done = np.asarray(done, dtype=float)
        return np.minimum(self.log_survival(theta, done + more) - self.log_survival(theta, done), 0.0)

    def survival(
        self, theta: Any, t: ArrayLike, *, given: ArrayLike = 0, covariates: Mapping[str, Any] | None = None
    ) -> Array:
        """Probability that a customer is still there at tenure t, if she is there at tenure `given`.

        Parameters
        ----------
        theta
            Parameters: numbers, or arrays (draws, 1).
        t
            Tenures [period], from `given` on.
        given
            Tenure reached already; 0 for a new customer.
        covariates
            Of this kind of customer, by name, single values or (as t).

        Returns
        -------
        array in [0, 1]; 1 at t = given, never rises in t
        """
        end, start = self._times(t, "t"), self._times(given, "given")
        if np.any(end < start):
            raise ModelError(f"t={t!r} is below given={given!r}. Survival so far is certain: give t from {given!r} on.")
        own = self.each(theta, self._new(covariates))
        return np.exp(self.log_stay(own, start, end - start))

    def hazard(self, theta: Any, t: ArrayLike, *, covariates: Mapping[str, Any] | None = None) -> Array:
        """Hazard of leaving at tenure t > 0 of those there [1/period]; in a discrete model the probability at renewal t."""
        end = self._times(t, "t")
        if np.any(end <= 0):
            raise ModelError(f"t={t!r}: a hazard is of a tenure above zero.")
        own = self.each(theta, self._new(covariates))
        if self.whole:
            return -np.expm1(self.log_stay(own, end - 1.0, 1.0))
        of_leavers = self.baseline.log_hazard(own, end, self.breaks)
        H = self.baseline.cumulative_hazard(own, end, self.breaks)
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(of_leavers) / (1.0 + np.exp(own.odds + H)))

    def retention_rate(self, theta: Any, t: ArrayLike, *, covariates: Mapping[str, Any] | None = None) -> Array:
        """Probability of staying through period t (1, 2, ...) if she was there at its begin: survival(t) / survival(t - 1)."""
        end = self._times(t, "t")
        if np.any(end < 1):
            raise ModelError(f"t={t!r}: the first period ends at tenure 1. Give 1, 2, 3, ...")
        own = self.each(theta, self._new(covariates))
        return np.exp(self.log_stay(own, end - 1.0, 1.0))

    def survival_after(self, theta: Any, tenure: TenureLike, *, horizon: Span | Period) -> Array:
        """Probability that the customer is still there a `horizon` from now, given that she is there now.

        Parameters
        ----------
        theta
            Parameters: numbers, or arrays (draws, 1).
        tenure
            `Tenures`, or a `Tenure`. Who has left has left: 0.
        horizon
            In a discrete model it counts as the whole periods in it.

        Returns
        -------
        array in [0, 1], never rises in the horizon
        """
        own, done, there = self._standing(theta, tenure)
        return np.asarray(there * np.exp(self.log_stay(own, done, self.ahead_of(horizon))))

    def survival_path(self, theta: Any, tenure: TenureLike, *, periods: int) -> Iterator[Array]:
        own, done, there = self._standing(theta, tenure)
        now = self.log_survival(own, done)
        for ahead in range(1, periods + 1):
            yield np.asarray(there * np.exp(np.minimum(self.log_survival(own, done + ahead) - now, 0.0)))

    def expected_residual_lifetime(self, theta: Any, tenure: TenureLike) -> Array:
        """Expected time from now to leaving [periods, >= 0]; in a discrete model the number of further renewals.

        Infinite where the mean is: where some never leave, and in log-logistic survival up to shape one.
        """
        own, done, there = self._standing(theta, tenure)
        mean = (
            self.present_renewals(own, done, math.inf, 0.0)
            if self.whole
            else whole_mean(self.baseline, own, done, self.breaks)
        )
        return of_those(there, np.where(self._never(own, done) > 0, np.inf, mean))

    def median_residual_lifetime(self, theta: Any, tenure: TenureLike) -> Array:
        """Time from now by which half of such customers have left [periods]; infinite if more than half never leave.

        In a discrete model the number of the coming renewal, as in `Renewal`.
        """
        own, done, there = self._standing(theta, tenure)
        never = self._never(own, done)
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = np.where(never < 0.5, -np.log((0.5 - never) / (1.0 - never)), np.inf)
        found = self._residual(own, done, depth)
        return of_those(there, np.ceil(found - ROUNDING) if self.whole else found)

    def restricted_mean(self, theta: Any, tenure: TenureLike, *, horizon: Span | Period) -> Array:
        """Expected time under contract within the coming `horizon` [periods]; in a discrete model the period begun counts."""
        own, done, there = self._standing(theta, tenure)
        ahead = self.ahead_of(horizon)
        if not self.whole:
            never = self._never(own, done)
            of_leavers = present_time(self.baseline, own, done, ahead, self.breaks)
            return of_those(there, never * ahead + (1.0 - never) * of_leavers)
        shape = np.broadcast_shapes(done.shape, np.shape(own.eta), np.shape(own.first))
        if ahead == 0:
            return np.zeros(shape)
        return of_those(there, 1.0 + self.present_renewals(own, done, ahead - 1.0, 0.0))

    def draw_residual_lifetimes(self, theta: Any, tenure: TenureLike, *, seed: int | np.random.Generator) -> Array:
        """Draw how much longer each customer stays, given that she is there now.

        Parameters
        ----------
        theta
            Parameters: numbers, or arrays (draws, 1) for draws by customers.
        tenure
            Customers (n,).

        Returns
        -------
        array, parameters and customers broadcast [periods, >= 0; in a discrete model whole renewals; infinite where she never
        leaves]
        """
        own, done, there = self._standing(theta, tenure)
        return of_those(there, self._drawn(own, done, np.random.default_rng(seed)))

    def _drawn(self, own: Own, done: Array, rng: np.random.Generator) -> Array:
        return self.counted_in_periods(self.draw_times(own, done, rng))

    def counted_in_periods(self, times: Array) -> Array:
        """Times from now as further renewals in a discrete model; as they are in continuous time."""
        return np.maximum(np.ceil(times - ROUNDING) - 1.0, 0.0) if self.whole else times

    def draw_times(self, own: Own, done: Array, rng: np.random.Generator) -> Array:
        """Draw times from tenure `done` to leaving, of a discrete model as if its hazard ran on within periods."""
        shape = np.broadcast_shapes(done.shape, np.shape(own.eta), np.shape(own.first), np.shape(own.odds))
        if own.logs is not None and np.ndim(own.logs) > 1:
            shape = np.broadcast_shapes(shape, (len(own.logs), 1))
        depth = rng.exponential(size=shape)
        never = self._never(own, done)
        if np.any(never > 0):
            depth = np.where(rng.random(shape) < never, np.inf, depth)
        return self._residual(own, done, depth)

    def _residual(self, own: Own, done: Array, depth: Array) -> Array:
        """Time from tenure `done` over which the cumulative hazard grows by `depth` (infinite: for ever)."""
        reached = self.baseline.cumulative_hazard(own, done, self.breaks)
        finite = np.where(np.isinf(depth), 1.0, depth)
        end = self.baseline.inverse(own, reached + finite, self.breaks)
        return np.where(np.isinf(depth), np.inf, np.maximum(end - done, 0.0))

    def _never(self, own: Own, done: Array) -> Array:
        """Probability that a customer who is there at `done` never leaves."""
        if np.ndim(own.odds) == 0 and own.odds == -np.inf:
            return np.zeros(())
        reached = self.baseline.cumulative_hazard(own, done, self.breaks)
        return np.asarray(np.exp(own.odds - np.logaddexp(own.odds, -reached)))

    def present_renewals(self, theta: Any, done: Any, horizon: Any, force: float) -> Array:
        never = self._never(theta, done)
        found = present_periods(self.baseline, theta, done, horizon, force, self.breaks)
        if not np.any(never > 0):
            return found
        worth = math.exp(-force)
        certain = horizon if force == 0.0 else worth * -math.expm1(-force * horizon) / -math.expm1(-force)
        return np.asarray(never * certain + (1.0 - never) * found)

    def _standing(self, theta: Any, tenure: TenureLike) -> tuple[Own, Array, Array]:
        """Own parameters, tenure reached, and 1 where the customer is there, 0 where she has left."""
        done, there = self.standing(tenure)
        return self.each(theta, tenure), done, there

    def standing(self, tenure: TenureLike) -> tuple[Array, Array]:
        """Tenure reached, and 1 where the customer is there, 0 where she has left."""
        insist_on_tenure(tenure)
        return self._times(np.asarray(tenure.exit, dtype=float), "exit"), np.asarray(tenure.there, dtype=float)

    def _new(self, covariates: Mapping[str, Any] | None) -> Tenure:
        return Tenure.new_customer(self.period, covariates=covariates)

    def ahead_of(self, horizon: Span | Period) -> float:
        """A horizon in periods; of a discrete model the whole ones."""
        if self.whole:
            return whole_periods(horizon, self.period)
        return float(as_span(horizon, name="horizon").per(self.period))

    def _times(self, values: ArrayLike, name: str) -> Array:
        times = np.asarray(values, dtype=float)
        if not np.all(np.isfinite(times) & (times >= 0)):
            raise ModelError(f"{name}={values!r} is not a time of zero or more [{self.period.name}s].")
        if self.whole and np.any(np.abs(times - np.rint(times)) > ROUNDING):
            raise ModelError(f"{name}={values!r} is not a whole number of renewals. Give 0, 1, 2, ...")
        return np.rint(times) if self.whole else times
