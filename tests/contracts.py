"""Models of contracts whose parameters are known, in the shape of a fit, for tests of what is done with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

import clvmodels as clv


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


def tenures(exit: Any, *, period: clv.Period = clv.YEAR, **columns: Any) -> clv.Tenures:
    """Customers who are there after so many periods."""
    made = np.atleast_1d(np.asarray(exit, dtype=float))
    zero = np.zeros(made.size)
    return clv.Tenures(np.arange(made.size), zero, made, zero, period, **columns)
