"""What a model is: parameters with their units and default priors, and pure functions of `(theta, history)`.

A model knows nothing of estimation, an engine knows nothing of models: they meet in `Model.kernel`, the per-customer
log-likelihood with its exact gradient in compiled code. To add a model, write one file with one frozen value and list
that value in `clvmodels.catalogue`; the laws in `tests/laws` then hold it to account.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.errors import HistoryError, ModelError, UnitError, offenders
from clvmodels.units import Period, Span, as_period

Array = NDArray[np.float64]


class HistoryLike(Protocol):
    """What a formula reads of customers: numbers or arrays that broadcast, and the unit of their times."""

    @property
    def frequency(self) -> Any: ...
    @property
    def recency(self) -> Any: ...
    @property
    def T(self) -> Any: ...
    @property
    def monetary_value(self) -> Any: ...
    @property
    def period(self) -> Period: ...


@dataclass(frozen=True)
class History:
    """One customer (or arrays of them) typed in by hand, for example from a paper.

    Parameters
    ----------
    frequency
        Repeat purchases x: days with a purchase after the first [count, >= 0].
    recency
        Age at the last purchase t_x [period, 0 <= t_x <= T]; 0 without repeat purchases.
    T
        Age at the end of observation [period, >= 0].
    period
        Unit of `recency` and `T`.
    monetary_value
        Mean amount of the repeat purchases [currency]; not needed by duration models.

    Examples
    --------
    >>> from clvmodels.units import WEEK
    >>> History(frequency=2, recency=30.43, T=38.86, period=WEEK).T
    38.86
    """

    frequency: Any
    recency: Any
    T: Any
    period: Period
    monetary_value: Any = math.nan

    def __post_init__(self) -> None:
        as_period(self.period, name="period")
        check_history(*as_columns(self, ("frequency", "recency", "T")))

    def to(self, period: Period) -> History:
        """The same history with times in another period."""
        factor = self.period.days / period.days
        return History(
            self.frequency, np.asarray(self.recency) * factor, np.asarray(self.T) * factor, period, self.monetary_value
        )

    @classmethod
    def new_customer(cls, period: Period) -> History:
        """Somebody who bought for the first time this very moment: x = t_x = T = 0."""
        return cls(0.0, 0.0, 0.0, period)


class Scale(NamedTuple):
    """What the data are measured by, so that default priors need no unit: mean age [period] and mean repeat amount [currency]."""

    time: float
    money: float


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
    def log_centre(self) -> float:
        """Log of the centre; a `Span` must have been turned into a number before."""
        return math.log(_number(self.median))

    def scaled(self, factor: float) -> LogNormal:
        """The prior of `factor` times the parameter; a `Span` must have been turned into a number before."""
        return LogNormal(_number(self.median) * factor, self.sigma)

    def log_density(self, u: ArrayLike) -> Array:
        """Log density of u = log(parameter)."""
        z = (np.asarray(u) - self.log_centre) / self.sigma
        return np.asarray(-0.5 * z**2 - math.log(self.sigma) - 0.5 * math.log(2 * math.pi))

    def log_density_gradient(self, u: ArrayLike) -> Array:
        """Derivative of `log_density` in u."""
        return np.asarray(-(np.asarray(u) - self.log_centre) / self.sigma**2)

    def pymc(self) -> tuple[str, dict[str, float]]:
        """Name and arguments of the same distribution in PyMC."""
        return "LogNormal", {"mu": self.log_centre, "sigma": self.sigma}


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
    def log_centre(self) -> float:
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


type Prior = LogNormal | Gamma


def _number(value: float | Span) -> float:
    assert not isinstance(value, Span), "priors are put in the units of the data before they are evaluated"
    return value


@dataclass(frozen=True)
class Parameter:
    """A positive parameter of a model.

    Parameters
    ----------
    name, meaning
        Symbol in the paper, and what it is in words.
    prior
        Default prior of the parameter *divided by its scale in the data* (see `Scale`), so that it needs no unit.
    time, money
        Powers of time and of money in the parameter's unit: `time=1` is a time, `time=-1` a rate.
    """

    name: str
    meaning: str
    prior: Prior
    time: int = 0
    money: int = 0

    def unit_factor(self, scale: Scale) -> float:
        """Size of one scale-free unit of this parameter on `scale`."""
        return float(scale.time**self.time * scale.money**self.money)

    def prior_on(self, scale: Scale, period: Period, override: Prior | None) -> Prior:
        """The prior in the units of the data: the default times its scale, or the caller's own."""
        if override is None:
            return self.prior.scaled(self.unit_factor(scale))
        centre = override.centre
        if isinstance(centre, Span) != (self.time != 0):
            needs = (
                f"a span of time, such as {type(override).__name__}(10 * WEEK, ...)" if self.time else "a plain number"
            )
            raise UnitError(f"The prior of {self.name!r} ({self.meaning}) is {override}. Give {needs}.")
        if not isinstance(centre, Span):
            return override
        width = override.sigma if isinstance(override, LogNormal) else override.shape
        return type(override)(centre.per(period) ** self.time, width)


@dataclass(frozen=True)
class Model(ABC):
    """A frozen value that describes one probability model of customers.

    A subclass states `name`, `title`, `source`, `parameters`, `Theta` (a NamedTuple of them in the paper's order), `columns`
    (what the likelihood reads of a history) and `kernel`.

    `kernel(theta, *columns)` takes theta (1, k) for all rows alike or (n, k) row by row, columns (n,), and returns the
    log-likelihood (n,) and its gradient (n, k).
    """

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    parameters: ClassVar[tuple[Parameter, ...]]
    Theta: ClassVar[type[Any]]
    columns: ClassVar[tuple[str, ...]]
    kernel: ClassVar[Callable[..., tuple[Array, Array]]]
    formulas: ClassVar[tuple[str, ...]]
    """Names of the methods that a fit offers with labels and intervals."""

    @abstractmethod
    def data(self, history: HistoryLike) -> tuple[Array, ...]:
        """The columns of those customers that inform the likelihood, checked; a clear error if none does."""

    def log_likelihood(self, theta: Any, history: HistoryLike) -> Array:
        """Log-likelihood per customer.

        Parameters
        ----------
        theta
            Parameters in the order of `Theta`; numbers, or arrays that broadcast with the histories.
        history
            `Histories` or `History`; customers the likelihood ignores are left out as in `data`.

        Returns
        -------
        array, the broadcast shape of parameters and histories
        """
        columns = self.data(history)
        arrays = np.broadcast_arrays(*self.theta(theta), *columns)
        k = len(self.parameters)
        rows = np.column_stack([np.ravel(a) for a in arrays[:k]])
        value, _ = self.kernel(rows, *(np.ascontiguousarray(np.ravel(a)) for a in arrays[k:]))
        return value.reshape(arrays[0].shape)

    def theta(self, values: Any) -> Any:
        """`values` (a NamedTuple, sequence or mapping) as this model's `Theta` of float arrays, checked to be positive."""
        names = self.Theta._fields
        if isinstance(values, Mapping):
            if set(values) != set(names):
                raise ModelError(
                    f"{self.name} has the parameters {', '.join(names)}; these were given: {', '.join(values)}."
                )
            values = [values[name] for name in names]
        values = list(values)
        if len(values) != len(names):
            raise ModelError(f"{self.name} has {len(names)} parameters ({', '.join(names)}), not {len(values)}.")
        arrays = [np.asarray(v, dtype=float) for v in values]
        for name, value in zip(names, arrays, strict=True):
            if not (np.all(np.isfinite(value)) and np.all(value > 0)):
                raise ModelError(
                    f"{self.name}: {name} must be positive and finite, not {value}. Check the order {', '.join(names)}."
                )
        return self.Theta(*arrays)

    def priors_on(self, scale: Scale, period: Period, overrides: Mapping[str, Prior] | None = None) -> dict[str, Prior]:
        """Every parameter's prior in the units of the data; `overrides` replaces some by name."""
        overrides = dict(overrides or {})
        unknown = set(overrides) - {p.name for p in self.parameters}
        if unknown:
            raise ModelError(
                f"{self.name} has no parameter {', '.join(sorted(unknown))}. Its parameters are {', '.join(self.Theta._fields)}."
            )
        return {p.name: p.prior_on(scale, period, overrides.get(p.name)) for p in self.parameters}

    def __repr__(self) -> str:
        return self.name

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td><i>{p.name}</i></td><td>{p.meaning}</td></tr>" for p in self.parameters)
        return f"<b>{self.title}</b> ({self.source})<table>{rows}</table>"


def as_columns(history: HistoryLike, names: Sequence[str]) -> tuple[Array, ...]:
    """The named columns of a history as float arrays."""
    return tuple(np.asarray(getattr(history, name), dtype=float) for name in names)


def check_history(frequency: Array, recency: Array, T: Array, *, customers: NDArray[Any] | None = None) -> None:
    """Make sure that numbers can be purchase histories; a `HistoryError` names the column and the first offenders.

    `customers` are their ids, for the message; otherwise they are numbered from 0.
    """
    first = "Frequency counts purchases after the first: subtract one if the first is counted."
    age = "Recency is the age at the last purchase, not the time since, and T the age at the end of observation: check the dates."
    columns = {"frequency": frequency, "recency": recency, "T": T}
    unknown = [
        (name, ~np.isfinite(values), "is missing or infinite", "Leave these customers out or correct them.")
        for name, values in columns.items()
    ]
    rules = [
        *unknown,
        ("frequency", (frequency < 0) | (frequency != np.rint(frequency)), "is not a whole number from 0", first),
        ("T", T < 0, "is negative", age),
        ("recency", recency < 0, "is negative", age),
        ("recency", recency > T, "is after T", age),
        ("recency", (frequency == 0) & (recency > 0), "is above 0 where frequency is 0", first),
        ("recency", (frequency > 0) & (recency == 0), "is 0 where frequency is above 0", first),
    ]
    for column, wrong, problem, remedy in rules:
        if np.any(wrong):
            at = np.flatnonzero(wrong)
            shown = np.ravel(np.broadcast_to(columns[column], wrong.shape))[at]
            names = at if customers is None else customers[at]
            raise HistoryError(
                offenders(problem, column=column, rows=[f"customer {n}" for n in names], values=shown, remedy=remedy)
            )
