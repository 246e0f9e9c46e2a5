"""Prior knowledge of a parameter: of a positive one by its logarithm u, of any other by its own value u."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.errors import ModelError
from clvmodels.units import Span

Array = NDArray[np.float64]

HALF_NORMAL_MEDIAN = 0.6744897501960817


@dataclass(frozen=True)
class LogNormal:
    """A prior whose logarithm is normal: `sigma` = 1.5 puts 90 % between a twelfth and twelve times the median.

    Parameters
    ----------
    median
        Median of the parameter. A `Span` for a parameter that is a time (`LogNormal(10 * WEEK, 1.0)`), a number otherwise.
    sigma
        Standard deviation of the logarithm, > 0.
    """

    median: float | Span
    sigma: float

    def __post_init__(self) -> None:
        size = self.median.count if isinstance(self.median, Span) else self.median
        if not (size > 0 and self.sigma > 0):
            raise ModelError(
                f"{self}: median and sigma must be positive. Give a typical value and its spread on the log scale."
            )

    @property
    def centre(self) -> float | Span:
        """Where the prior is centred: its median."""
        return self.median

    @property
    def start(self) -> float:
        """Log of the centre; a `Span` must have been turned into a number before."""
        return math.log(_number(self.median))

    def scaled(self, factor: float) -> LogNormal:
        """The prior of `factor` times the parameter; a `Span` must have been turned into a number before."""
        return LogNormal(_number(self.median) * factor, self.sigma)

    def log_density(self, u: ArrayLike) -> Array:
        """Log density of u = log(parameter)."""
        z = (np.asarray(u) - self.start) / self.sigma
        return np.asarray(-0.5 * z**2 - math.log(self.sigma) - 0.5 * math.log(2 * math.pi))

    def log_density_gradient(self, u: ArrayLike) -> Array:
        """Derivative of `log_density` in u."""
        return np.asarray(-(np.asarray(u) - self.start) / self.sigma**2)

    def pymc(self) -> tuple[str, dict[str, float]]:
        """Name and arguments of the same distribution in PyMC."""
        return "LogNormal", {"mu": self.start, "sigma": self.sigma}


@dataclass(frozen=True)
class Gamma:
    """A gamma prior given by its mean and shape (standard deviation = mean / sqrt(shape)).

    Parameters
    ----------
    mean
        Mean of the parameter; a `Span` for a parameter that is a time.
    shape
        Shape, > 0; 1 is the exponential distribution.
    """

    mean: float | Span
    shape: float

    def __post_init__(self) -> None:
        size = self.mean.count if isinstance(self.mean, Span) else self.mean
        if not (size > 0 and self.shape > 0):
            raise ModelError(f"{self}: mean and shape must be positive. Give a typical value and a shape such as 2.")

    @property
    def centre(self) -> float | Span:
        """Where the prior is centred: its mean."""
        return self.mean

    @property
    def start(self) -> float:
        """Log of the centre; a `Span` must have been turned into a number before."""
        return math.log(_number(self.mean))

    def scaled(self, factor: float) -> Gamma:
        """The prior of `factor` times the parameter; a `Span` must have been turned into a number before."""
        return Gamma(_number(self.mean) * factor, self.shape)

    @property
    def rate(self) -> float:
        """Rate of the gamma density."""
        return self.shape / _number(self.mean)

    def log_density(self, u: ArrayLike) -> Array:
        """Log density of u = log(parameter)."""
        u = np.asarray(u)
        return np.asarray(self.shape * (u + math.log(self.rate)) - self.rate * np.exp(u) - math.lgamma(self.shape))

    def log_density_gradient(self, u: ArrayLike) -> Array:
        """Derivative of `log_density` in u."""
        return np.asarray(self.shape - self.rate * np.exp(np.asarray(u)))

    def pymc(self) -> tuple[str, dict[str, float]]:
        """Name and arguments of the same distribution in PyMC."""
        return "Gamma", {"alpha": self.shape, "beta": self.rate}


@dataclass(frozen=True)
class Normal:
    """A prior of a coefficient, which may be negative; about zero it is a ridge.

    Parameters
    ----------
    mean
        Mean of the coefficient.
    sigma
        Standard deviation, > 0.
    """

    mean: float
    sigma: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.mean) and self.sigma > 0):
            raise ModelError(f"{self}: mean must be a number and sigma positive. Normal(0, 1) is usual.")

    @property
    def centre(self) -> float:
        """Where the prior is centred: its mean."""
        return self.mean

    @property
    def start(self) -> float:
        """The centre."""
        return self.mean

    def scaled(self, factor: float) -> Normal:
        """The prior of `factor` times the coefficient."""
        return Normal(self.mean * factor, self.sigma * factor)

    def log_density(self, u: ArrayLike) -> Array:
        """Log density of u, the coefficient itself."""
        z = (np.asarray(u) - self.mean) / self.sigma
        return np.asarray(-0.5 * z**2 - math.log(self.sigma) - 0.5 * math.log(2 * math.pi))

    def log_density_gradient(self, u: ArrayLike) -> Array:
        """Derivative of `log_density` in u."""
        return np.asarray(-(np.asarray(u) - self.mean) / self.sigma**2)

    def pymc(self) -> tuple[str, dict[str, float]]:
        """Name and arguments of the same distribution in PyMC."""
        return "Normal", {"mu": self.mean, "sigma": self.sigma}


@dataclass(frozen=True)
class HalfNormal:
    """A half-normal prior, of a spread: two thirds of it lie below `sigma`, and its density is highest at zero.

    Parameters
    ----------
    sigma
        Scale, > 0.
    """

    sigma: float

    def __post_init__(self) -> None:
        if not self.sigma > 0:
            raise ModelError(f"{self}: sigma must be positive. HalfNormal(0.5) is usual for spreads of a log.")

    @property
    def centre(self) -> float:
        """Where the prior is centred: its median."""
        return HALF_NORMAL_MEDIAN * self.sigma

    @property
    def start(self) -> float:
        """Log of the centre."""
        return math.log(self.centre)

    def scaled(self, factor: float) -> HalfNormal:
        """The prior of `factor` times the parameter."""
        return HalfNormal(self.sigma * factor)

    def log_density(self, u: ArrayLike) -> Array:
        """Log density of u = log(parameter)."""
        u = np.asarray(u)
        return np.asarray(
            u - 0.5 * np.exp(2 * (u - math.log(self.sigma))) - math.log(self.sigma) + 0.5 * math.log(2 / math.pi)
        )

    def log_density_gradient(self, u: ArrayLike) -> Array:
        """Derivative of `log_density` in u."""
        return np.asarray(1.0 - np.exp(2 * (np.asarray(u) - math.log(self.sigma))))

    def pymc(self) -> tuple[str, dict[str, float]]:
        """Name and arguments of the same distribution in PyMC."""
        return "HalfNormal", {"sigma": self.sigma}


type Prior = LogNormal | Gamma | Normal | HalfNormal


def _number(value: float | Span) -> float:
    assert not isinstance(value, Span), "priors are put in the units of the data before they are evaluated"
    return value
