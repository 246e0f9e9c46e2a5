"""Competing reasons for leaving: a survival model for each, and how likely each is to be the one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from clvmodels.covariates.columns import identifiers
from clvmodels.covariates.survival_model import SurvivalModel
from clvmodels.data.tenure import ROUNDING, Tenure, TenureLike
from clvmodels.duration.contractual import Contractual, of_those
from clvmodels.duration.survival_baselines import Own
from clvmodels.duration.survival_present import smooth_from, summed
from clvmodels.errors import ModelError
from clvmodels.model import Array, Parameter
from clvmodels.units import Period, Span

LATEST = 2.0**40
"""Period up to which a median is sought."""
STEPS = 16
"""Steps per period in which incidences are added up; of a discrete model one."""


@dataclass(frozen=True, eq=False, repr=False)
class CompetingModel(Contractual):
    """Cause-specific survival: each reason has a hazard of its own, and the first to come is the reason for leaving.

    `theta` holds the parameters of all reasons one after the other. Made by `competing(...)`.

    Attributes
    ----------
    reasons, causes
        The reasons, and the survival model of each.
    """

    reasons: tuple[str, ...]
    causes: tuple[SurvivalModel, ...]

    columns = ("exit", "entry", "event")
    curves: ClassVar[tuple[str, ...]] = ("survival", "retention_rate", "cumulative_incidence")
    formulas = (
        *curves, "survival_after", "renewal_probability", "incidence_after", "discounted_expected_residual_lifetime",
        "median_residual_lifetime", "restricted_mean",
    )  # fmt: skip

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"competing {', '.join(self.reasons)}: {self.causes[0].name}"

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"{self.causes[0].title}, by reason ({', '.join(self.reasons)})"

    @property
    def source(self) -> str:  # type: ignore[override]
        return f"{self.causes[0].source}; Prentice et al. 1978 for competing reasons"

    @property
    def period(self) -> Period:
        return self.causes[0].period

    @property
    def whole(self) -> bool:  # type: ignore[override]
        return self.causes[0].whole

    @property
    def counted(self) -> str:  # type: ignore[override]
        return self.causes[0].counted

    @cached_property
    def reads(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(dict.fromkeys(name for one in self.causes for name in one.reads))

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:  # type: ignore[override]
        found = []
        for reason, one in zip(self.reasons, self.causes, strict=True):
            for name, p in zip(identifiers(reason, one.Theta._fields), one.parameters, strict=True):
                found.append(Parameter(name, f"{reason}: {p.meaning}", p.prior, p.time, p.money, p.positive))
        return tuple(found)

    @cached_property
    def Theta(self) -> Any:  # type: ignore[override]
        return NamedTuple("Theta", [(p.name, Any) for p in self.parameters])

    def reads_of(self, tenure: TenureLike) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for one in self.causes for name in one.reads_of(tenure)))

    def kernel(self, *_: Any) -> Any:
        raise ModelError("Reasons are fitted one by one: write clv.competing(model, tenures).")

    def data(self, history: Any) -> tuple[Array, ...]:
        return self.causes[0].data(history)

    def each(self, theta: Any, tenure: TenureLike) -> tuple[Own, ...]:
        """Parameters of each customer, for each reason."""
        values, found, at = tuple(self.theta(theta)), [], 0
        for one in self.causes:
            found.append(one.each(values[at : at + len(one.parameters)], tenure))
            at += len(one.parameters)
        return tuple(found)

    def log_stay(self, theta: Any, done: ArrayLike, more: ArrayLike) -> Array:
        parts = [one.log_stay(own, done, more) for one, own in zip(self.causes, theta, strict=True)]
        return np.asarray(sum(parts[1:], parts[0]))

    def survival(
        self, theta: Any, t: ArrayLike, *, given: ArrayLike = 0, covariates: Mapping[str, Any] | None = None
    ) -> Array:
        """Probability that a customer has not left for any reason by tenure t, if she is there at tenure `given`."""
        start = np.asarray(given, dtype=float)
        return np.exp(self.log_stay(self.each(theta, self._new(covariates)), start, np.asarray(t) - start))

    def retention_rate(self, theta: Any, t: ArrayLike, *, covariates: Mapping[str, Any] | None = None) -> Array:
        """Probability of staying through period t (1, 2, ...) if she was there at its begin."""
        return np.exp(self.log_stay(self.each(theta, self._new(covariates)), np.asarray(t, dtype=float) - 1.0, 1.0))

    def cumulative_incidence(
        self,
        theta: Any,
        t: ArrayLike,
        *,
        reason: str,
        given: ArrayLike = 0,
        covariates: Mapping[str, Any] | None = None,
    ) -> Array:
        """Probability that a customer has left for this reason by tenure t, if she is there at tenure `given`.

        Over all reasons it adds up to one less survival.
        """
        own = self.each(theta, self._new(covariates))
        return self._incidence(own, np.asarray(given, dtype=float), np.asarray(t, dtype=float) - given, reason)

    def survival_after(self, theta: Any, tenure: TenureLike, *, horizon: Span | Period) -> Array:
        """Probability that the customer is still there a `horizon` from now, given that she is there now."""
        own, done, there = self._standing(theta, tenure)
        return np.asarray(there * np.exp(self.log_stay(own, done, self.causes[0].ahead_of(horizon))))

    def incidence_after(self, theta: Any, tenure: TenureLike, *, horizon: Span | Period, reason: str) -> Array:
        """Probability that the customer leaves for this reason within the coming `horizon`, given that she is there now."""
        own, done, there = self._standing(theta, tenure)
        return np.asarray(there * self._incidence(own, done, self.causes[0].ahead_of(horizon), reason))

    def present_renewals(self, theta: Any, done: Any, horizon: Any, force: float) -> Array:
        one_by_one = max(smooth_from(one.baseline, done, one.breaks) for one in self.causes)

        def worth(k: float) -> Array:
            return np.exp(self.log_stay(theta, done, k) - force * k)

        return np.asarray(summed(worth, horizon, force, one_by_one=one_by_one))

    def median_residual_lifetime(self, theta: Any, tenure: TenureLike) -> Array:
        """Time from now by which half of such customers have left, for any reason; as of a survival model."""
        own, done, there = self._standing(theta, tenure)
        low = np.zeros(np.shape(self.log_stay(own, done, 1.0)))
        high = np.full(low.shape, LATEST)
        never = self.log_stay(own, done, high) > np.log(0.5)
        for _ in range(100):
            middle = (low + high) / 2
            half = self.log_stay(own, done, middle) <= np.log(0.5)
            low, high = np.where(half, low, middle), np.where(half, middle, high)
        found = np.ceil(high - ROUNDING) if self.whole else high
        return of_those(there, np.where(never, np.inf, found))

    def restricted_mean(self, theta: Any, tenure: TenureLike, *, horizon: Span | Period) -> Array:
        """Expected time under contract within the coming `horizon` [periods]; in a discrete model the period begun counts."""
        own, done, there = self._standing(theta, tenure)
        ahead = self.causes[0].ahead_of(horizon)
        steps = int(ahead) if self.whole else max(STEPS, int(np.ceil(ahead * STEPS)))
        width = ahead / max(steps, 1)
        stays = [np.exp(self.log_stay(own, done, k * width)) for k in range(steps + 1)]
        total = sum(stays[:-1], np.zeros_like(stays[0]))
        # in continuous time the trapezoidal rule
        return np.asarray(there * width * (total if self.whole else total + (stays[-1] - stays[0]) / 2))

    def draw_residual_lifetimes(self, theta: Any, tenure: TenureLike, *, seed: int | np.random.Generator) -> Array:
        """Draw how much longer each customer stays, whatever the reason; as of a survival model."""
        return self.draw_leaving(theta, tenure, seed=seed)[0]

    def draw_leaving(self, theta: Any, tenure: TenureLike, *, seed: int | np.random.Generator) -> tuple[Array, Array]:
        """Draw how much longer each customer stays, and the number of the reason for which she then leaves (-1: never)."""
        rng = np.random.default_rng(seed)
        own, done, there = self._standing(theta, tenure)
        times = [one.draw_times(its, done, rng) for one, its in zip(self.causes, own, strict=True)]
        table = np.array(np.broadcast_arrays(*times))
        first = table.min(axis=0)
        which = np.where(np.isfinite(first), table.argmin(axis=0), -1)
        stays = self.causes[0].counted_in_periods(first)
        return np.where(there > 0, stays, 0.0), np.where(there > 0, which, -1)

    def _incidence(self, own: tuple[Own, ...], done: Array, ahead: ArrayLike, reason: str) -> Array:
        """Added up over small steps, in each of which the hazards keep their proportions."""
        if reason not in self.reasons:
            raise ModelError(f"reason={reason!r} is not known. The reasons are: {', '.join(self.reasons)}.")
        at, longest = self.reasons.index(reason), float(np.max(ahead))
        steps = max(1, round(longest) if self.whole else int(np.ceil(longest * STEPS)))
        begin = np.zeros(np.shape(ahead))
        total = np.zeros(())
        for k in range(1, steps + 1):
            end = np.minimum(ahead, k * longest / steps)
            here = [-one.log_stay(its, done + begin, end - begin) for one, its in zip(self.causes, own, strict=True)]
            risk = sum(here[1:], here[0])
            share = here[at] / np.where(risk > 0, risk, 1.0)
            total = total + np.exp(self.log_stay(own, done, begin)) * -np.expm1(-risk) * share
            begin = end
        return np.asarray(total)

    def _standing(self, theta: Any, tenure: TenureLike) -> tuple[tuple[Own, ...], Array, Array]:
        done, there = self.causes[0].standing(tenure)
        return self.each(theta, tenure), done, there

    def _new(self, covariates: Mapping[str, Any] | None) -> Tenure:
        return Tenure.new_customer(self.period, covariates=covariates)
