"""Baselines of survival: how the hazard of a typical customer runs over her tenure, before covariates move it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from clvmodels.duration import survival_kernel as kernel
from clvmodels.errors import ModelError
from clvmodels.model import Array, Parameter
from clvmodels.priors import LogNormal, Normal

LARGEST = 700.0
"""Exponents are kept below it, so that a survival of zero is not an overflow."""


class Own(NamedTuple):
    """Parameters of each customer; all broadcast with her tenure, but `logs`.

    Attributes
    ----------
    first, second
        Of the baseline.
    eta
        Log of what multiplies her hazard or her time.
    odds
        Log odds of never leaving, minus infinity where everybody leaves in the end.
    logs
        Log hazard of each piece (..., pieces), without the dimension of customers; None where there are no pieces.
    """

    first: Any
    second: Any
    eta: Any
    odds: Any
    logs: Any


@dataclass(frozen=True)
class Baseline:
    """One baseline.

    Attributes
    ----------
    name, title, source
        In words.
    code
        Of the kernel.
    moves
        What a covariate multiplies: "hazard" (proportional hazards) or "time" (accelerated time).
    parameters
        Its own, of a customer with average covariates.
    pieces
        Whether the hazard is constant within pieces and walks from one to the next.
    whole
        Whether time is counted in whole periods: contracts that are renewed or not.
    """

    name: str
    title: str
    source: str
    code: int
    moves: Literal["hazard", "time"]
    parameters: tuple[Parameter, ...]
    pieces: bool = False
    whole: bool = False

    def cumulative_hazard(self, own: Own, t: ArrayLike, breaks: Array) -> Array:
        """Cumulative hazard at tenure t [period, >= 0] of those who leave in the end, parameters and t broadcast."""
        t = np.asarray(t, dtype=float)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            if self.pieces:
                return np.asarray(np.exp(own.eta) * _reached(own.logs, t, breaks))
            found = _CUMULATIVE[self.code](own, t)
        return np.asarray(np.where(t > 0, found, 0.0))

    def inverse(self, own: Own, H: ArrayLike, breaks: Array) -> Array:
        """Tenure at which the cumulative hazard is H; infinite where it never is."""
        H = np.asarray(H, dtype=float)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            if self.pieces:
                return _reached_at(own.logs, H * np.exp(-np.asarray(own.eta)), breaks)
            found = _INVERSE[self.code](own, H)
        return np.asarray(np.where(H > 0, found, 0.0))

    def log_hazard(self, own: Own, t: ArrayLike, breaks: Array) -> Array:
        """Log hazard at tenure t > 0 of those who leave in the end [log 1/period]."""
        t = np.asarray(t, dtype=float)
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            if self.pieces:
                return np.asarray(own.eta + _picked(np.asarray(own.logs), piece_of(t, breaks)))
            return np.asarray(_LOG_HAZARD[self.code](own, t))


def piece_of(t: Array, breaks: Array) -> Any:
    """In which piece a tenure is: begin < t <= end; tenure 0 is in the first."""
    return np.clip(np.searchsorted(breaks, t, side="left") - 1, 0, breaks.size - 1)


def _reached(logs: Array, t: Array, breaks: Array) -> Array:
    hazard = np.exp(np.asarray(logs))
    before = np.concatenate(
        [np.zeros((*hazard.shape[:-1], 1)), np.cumsum(hazard[..., :-1] * np.diff(breaks), axis=-1)], axis=-1
    )
    k = piece_of(t, breaks)
    return np.asarray(_picked(before, k) + (t - breaks[k]) * _picked(hazard, k))


def _picked(values: Array, k: Any) -> Array:
    """Of (pieces,) or (draws, pieces) those of the pieces k: (), (n,) or (draws, n), which differ from draw to draw."""
    if values.ndim == 1:
        return np.asarray(values[k])
    if np.ndim(k) < 2:
        return np.asarray(values[:, np.atleast_1d(k)])
    rows = np.broadcast_to(k, (len(values), np.shape(k)[1]))
    return np.take_along_axis(values, rows, axis=-1)


def _reached_at(logs: Array, target: Array, breaks: Array) -> Array:
    """Tenure at which the cumulative hazard of the pieces is `target` (draws, n) or (n,)."""
    hazard = np.atleast_2d(np.exp(np.asarray(logs)))
    ends = np.cumsum(hazard[:, :-1] * np.diff(breaks), axis=-1)
    shape = np.broadcast_shapes(np.shape(target), () if np.ndim(logs) == 1 else (len(hazard), 1))
    wanted = np.broadcast_to(target, shape).reshape(len(hazard), -1)
    found = np.empty(wanted.shape)
    for row, h, edge, t in zip(found, hazard, ends, wanted, strict=True):
        k = np.searchsorted(edge, t, side="left")
        row[:] = breaks[k] + (t - np.append(0.0, edge)[k]) / h[k]
    return found.reshape(shape)


def _power(own: Own, t: Array) -> Array:
    """exp of it is the cumulative hazard of Weibull and exponential."""
    return np.asarray(own.second * (np.log(t) - np.log(own.first)) + own.eta)


def _gompertz(own: Own, t: Array) -> Array:
    x = own.second * t
    small = np.abs(x) < 1e-8
    factor = np.where(small, 1.0 + 0.5 * x, np.expm1(np.minimum(x, LARGEST)) / np.where(small, 1.0, x))
    return np.asarray(own.first * np.exp(own.eta) * t * factor)


def _gompertz_inverse(own: Own, H: Array) -> Array:
    x = H / (own.first * np.exp(own.eta))
    growth = np.asarray(own.second, dtype=float)
    grown = growth * x
    found = np.where(
        np.abs(grown) < 1e-8, x * (1 - 0.5 * grown), np.log1p(grown) / np.where(growth == 0.0, 1.0, growth)
    )
    return np.asarray(np.where(grown <= -1.0, np.inf, found))


def _standard(own: Own, t: Array) -> Array:
    """Standard score of log time, by the spread of the log-normal."""
    return np.asarray((np.log(t) - np.log(own.first) - own.eta) / own.second)


def _lognormal_log_hazard(own: Own, t: Array) -> Array:
    z = _standard(own, t)
    return np.asarray(-0.5 * z**2 - kernel.HALF_LOG_2PI - np.log(own.second * t) - special.log_ndtr(-z))


def _lognormal_inverse(own: Own, H: Array) -> Array:
    # ndtri_exp inverts the logarithm of the distribution function, also far out in its tail
    return np.asarray(own.first * np.exp(own.eta - own.second * special.ndtri_exp(-H)))


def _logistic(own: Own, t: Array) -> Array:
    return np.asarray(own.second * (np.log(t) - np.log(own.first) - own.eta))


def _logistic_inverse(own: Own, H: Array) -> Array:
    log_growth = np.where(H < LARGEST / 20, np.log(np.expm1(np.minimum(H, LARGEST / 20))), H)
    return np.asarray(own.first * np.exp(np.minimum(own.eta + log_growth / own.second, LARGEST)))


_CUMULATIVE = {
    kernel.EXPONENTIAL: lambda own, t: np.exp(own.eta) * t / own.first,
    kernel.WEIBULL: lambda own, t: np.exp(np.minimum(_power(own, t), LARGEST)),
    kernel.GOMPERTZ: _gompertz,
    kernel.LOGNORMAL: lambda own, t: -special.log_ndtr(-_standard(own, t)),
    kernel.LOGLOGISTIC: lambda own, t: np.logaddexp(0.0, _logistic(own, t)),
}
_INVERSE = {
    kernel.EXPONENTIAL: lambda own, H: H * own.first * np.exp(-np.asarray(own.eta)),
    kernel.WEIBULL: lambda own, H: own.first * np.exp(np.minimum((np.log(H) - own.eta) / own.second, LARGEST)),
    kernel.GOMPERTZ: _gompertz_inverse,
    kernel.LOGNORMAL: _lognormal_inverse,
    kernel.LOGLOGISTIC: _logistic_inverse,
}
_LOG_HAZARD = {
    kernel.EXPONENTIAL: lambda own, t: own.eta - np.log(own.first) + 0.0 * t,
    kernel.WEIBULL: lambda own, t: np.log(own.second / t) + _power(own, t),
    kernel.GOMPERTZ: lambda own, t: np.log(own.first) + own.eta + own.second * t,
    kernel.LOGNORMAL: _lognormal_log_hazard,
    kernel.LOGLOGISTIC: lambda own, t: np.log(own.second / t) - np.logaddexp(0.0, -_logistic(own, t)),
}

_SCALE = Parameter("scale", "tenure at which the cumulative hazard is one", LogNormal(2.0, 2.0), time=1)
_MEDIAN = Parameter("median", "tenure by which half have left", LogNormal(2.0, 2.0), time=1)
_RATE = Parameter("rate", "hazard, geometric mean over the pieces", LogNormal(0.5, 2.0), time=-1)
_SHAPE = "hazard rises with tenure above one, falls below"

BASELINES = {
    one.name: one
    for one in (
        Baseline(
            "exponential", "Exponential survival", "Kalbfleisch and Prentice 2002, section 2.2.1", kernel.EXPONENTIAL,
            "hazard", (_SCALE,),
        ),
        Baseline(
            "weibull", "Weibull survival", "Kalbfleisch and Prentice 2002, section 2.2.2", kernel.WEIBULL, "hazard",
            (_SCALE, Parameter("shape", _SHAPE, LogNormal(1.0, 0.7))),
        ),
        Baseline(
            "gompertz", "Gompertz survival", "Kalbfleisch and Prentice 2002, section 2.2", kernel.GOMPERTZ, "hazard",
            (
                Parameter("rate", "hazard at the start", LogNormal(0.5, 2.0), time=-1),
                Parameter("growth", "growth of the log hazard; below zero some never leave", Normal(0.0, 1.0), time=-1,
                          positive=False),
            ),
        ),
        Baseline(
            "lognormal", "Log-normal survival", "Kalbfleisch and Prentice 2002, section 2.2.4", kernel.LOGNORMAL, "time",
            (_MEDIAN, Parameter("sigma", "standard deviation of log tenure", LogNormal(1.0, 0.7))),
        ),
        Baseline(
            "loglogistic", "Log-logistic survival", "Kalbfleisch and Prentice 2002, section 2.2.6", kernel.LOGLOGISTIC,
            "time", (_MEDIAN, Parameter("shape", "hazard rises, then falls, above one; falls below", LogNormal(1.5, 0.7))),
        ),
        Baseline(
            "piecewise", "Piecewise-constant hazard", "Friedman 1982; Fahrmeir and Lang 2001 for the walk",
            kernel.PIECEWISE, "hazard", (_RATE,), pieces=True,
        ),
        Baseline(
            "discrete", "Hazard per period", "Prentice and Gloeckler 1978; Fahrmeir and Lang 2001 for the walk",
            kernel.PIECEWISE, "hazard", (_RATE,), pieces=True, whole=True,
        ),
    )
}  # fmt: skip


def baseline_named(name: object) -> Baseline:
    """The baseline of that name; a `ModelError` lists them."""
    if name not in BASELINES:
        raise ModelError(f"baseline={name!r} is not known. Choose one of {', '.join(BASELINES)}.")
    return BASELINES[str(name)]
