"""Models of contracts whose parameters are known, in the shape of a fit, for tests of what is done with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import clvmodels as clv
from clvmodels.duration.renewals import Renewal


@dataclass(frozen=True)
class Known:
    """What a forecast asks of a fit, where nothing is unknown."""

    model: Any
    at: Sequence[float]
    period: clv.Period = clv.YEAR

    def draws(self, count: int, *, seed: Any = 0) -> Any:
        return self.model.Theta(*(np.full(count, float(v)) for v in self.at))


class Scale(NamedTuple):
    scale: Any
    shape: Any


class Weibull:
    """Leaving at any time: P(T > t) = exp(-(t / scale)^shape), as a model in continuous time offers it."""

    name = title = "Weibull"
    Theta = Scale
    reads = ()

    def hazard(self, theta: Any, t: Any) -> Any:
        return (np.asarray(t) / theta.scale) ** theta.shape

    def survival_after(self, theta: Any, tenure: Any, *, horizon: clv.Span) -> Any:
        now = np.asarray(tenure.exit)
        return np.exp(self.hazard(theta, now) - self.hazard(theta, now + horizon.per(tenure.period)))

    def draw_residual_lifetimes(self, theta: Any, tenure: Any, *, seed: Any) -> Any:
        now = np.asarray(tenure.exit)
        more = np.random.default_rng(seed).exponential(size=np.broadcast_shapes(now.shape, np.shape(theta.scale)))
        return (self.hazard(theta, now) + more) ** (1.0 / theta.shape) * theta.scale - now


class RegressionWeibull(Weibull):
    """The same with what a regression offers besides: each customer's own parameters, and the log of staying."""

    whole = False

    def each(self, theta: Any, tenure: Any) -> Any:
        return theta

    def log_stay(self, theta: Any, done: Any, more: Any) -> Any:
        return self.hazard(theta, done) - self.hazard(theta, np.asarray(done) + more)


class Together:
    """Several models as one that tells reasons apart: the parameters of all, one after the other."""

    name = title = "together"

    def __init__(self, **causes: Any) -> None:
        self.reasons, self.causes = tuple(causes), tuple(causes.values())
        names = [f"{reason}_{name}" for reason, one in causes.items() for name in one.Theta._fields]
        self.Theta = NamedTuple("Theta", [(name, Any) for name in names])  # type: ignore[misc]


def tenures(exit: Any, *, period: clv.Period = clv.YEAR, **columns: Any) -> clv.Tenures:
    """Customers who are there after so many periods."""
    made = np.atleast_1d(np.asarray(exit, dtype=float))
    zero = np.zeros(made.size)
    return clv.Tenures(np.arange(made.size), zero, made, zero, period, **columns)


class Nothing(NamedTuple):
    nothing: Any


class Retention(Renewal):
    """Renewal rates stated one by one: what a forecast is when some of them are really moved."""

    name = title = "stated retention"
    Theta = Nothing

    def __init__(self, rates: Any) -> None:
        self.logs = np.append(0.0, np.cumsum(np.log(rates)))

    def each(self, theta: Any, tenure: Any) -> Any:
        return theta

    def log_stay(self, theta: Any, done: Any, more: Any) -> Any:
        made = np.asarray(done, dtype=int)
        return self.logs[made + np.asarray(more, dtype=int)] - self.logs[made] + 0.0 * theta.nothing

    def present_renewals(self, theta: Any, done: Any, horizon: Any, force: float) -> Any:
        total: Any = 0.0 * theta.nothing + 0.0 * np.asarray(done)
        for k in range(1, int(np.max(horizon, initial=0)) + 1):
            inside = k <= np.asarray(horizon)
            total = total + np.where(
                inside, np.exp(self.log_stay(theta, done, np.where(inside, k, 0)) - force * k), 0.0
            )
        return total

    def draw_residual(self, theta: Any, done: Any, *, rng: np.random.Generator) -> Any:
        luck = np.log(rng.random(np.broadcast_shapes(np.shape(done), np.shape(theta.nothing))))
        made = np.asarray(done, dtype=int)
        return sum((self.logs[made + k] - self.logs[made] > luck).astype(float) for k in range(1, 40))


def stated(rates: Any, period: clv.Period = clv.YEAR) -> Known:
    """A fit of rates that are known."""
    return Known(Retention(rates), [0.0], period)
