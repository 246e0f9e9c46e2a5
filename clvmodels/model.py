"""What a model is: parameters with their units and default priors, and pure functions of `(theta, history)`.

A model knows nothing of estimation, an engine knows nothing of models: they meet in `Model.kernel`, the per-customer
log-likelihood with its exact gradient in compiled code. To add a model, write one file with one frozen value and list
that value in `clvmodels.catalogue`; the laws in `tests/laws` then hold it to account.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvmodels.coordinates import Coordinates
from clvmodels.errors import ModelError, UnitError
from clvmodels.history import COLUMNS, HistoryLike, covariates_of
from clvmodels.priors import Gamma, HalfNormal, LogNormal, Normal, Prior
from clvmodels.units import Period, Span

Array = NDArray[np.float64]


class Scale(NamedTuple):
    """What the data are measured by, so that default priors need no unit: mean age [period] and mean repeat amount [currency]."""

    time: float
    money: float


class Moved(NamedTuple):
    """How covariates move a process ("purchase", "dropout", "spend"): they multiply a parameter, to the power `sign`."""

    process: str
    parameter: str
    sign: int


@dataclass(frozen=True)
class Parameter:
    """A parameter of a model.

    Parameters
    ----------
    name, meaning
        Symbol in the paper, and what it is in words.
    prior
        Default prior of the parameter *divided by its scale in the data* (see `Scale`), so that it needs no unit; or of a time
        that is known whatever the data, centred at a `Span`.
    time, money
        Powers of time and of money in the parameter's unit: `time=1` is a time, `time=-1` a rate.
    positive
        Whether it is positive; otherwise it is any number, such as the coefficient of a covariate.
    """

    name: str
    meaning: str
    prior: Prior
    time: int = 0
    money: int = 0
    positive: bool = True

    def unit_factor(self, scale: Scale) -> float:
        """Size of one scale-free unit of this parameter on `scale`."""
        return float(scale.time**self.time * scale.money**self.money)

    def prior_on(self, scale: Scale, period: Period, override: Prior | None) -> Prior:
        """The prior in the units of the data: the default times its scale, or the caller's own."""
        if override is None:
            if not isinstance(self.prior.centre, Span):
                return self.prior.scaled(self.unit_factor(scale))
            override = self.prior
        if isinstance(override, Normal) == self.positive:
            kind = "positive: give LogNormal, Gamma or HalfNormal" if self.positive else "a coefficient: give Normal"
            raise ModelError(f"The prior of {self.name!r} ({self.meaning}) is {override}. The parameter is {kind}.")
        centre = override.centre
        if isinstance(centre, Span) != (self.time != 0):
            kind = "LogNormal" if isinstance(override, HalfNormal) else type(override).__name__
            needs = f"a span of time, such as {kind}(10 * WEEK, ...)" if self.time else "a plain number"
            raise UnitError(f"The prior of {self.name!r} ({self.meaning}) is {override}. Give {needs}.")
        if not isinstance(override, (LogNormal, Gamma)) or not isinstance(centre, Span):
            return override
        width = override.sigma if isinstance(override, LogNormal) else override.shape
        return type(override)(centre.per(period) ** self.time, width)


class Model(ABC):
    """A frozen value that describes one probability model of customers.

    A subclass states `name`, `title`, `source`, `parameters`, `Theta` (a NamedTuple of them in the paper's order), `columns`
    (what the likelihood reads of a history) and `kernel`.

    `kernel(theta, *columns)` takes theta (1, k) for all rows alike or (n, k) row by row, columns (n,), then what `tables` gives,
    and returns the log-likelihood (n,) and its gradient (n, k).
    """

    name: str
    title: str
    source: str
    parameters: tuple[Parameter, ...]
    Theta: type[Any]
    columns: tuple[str, ...]
    kernel: Callable[..., tuple[Array, Array]]
    formulas: tuple[str, ...]
    """Names of the methods that a fit offers with labels and intervals."""
    total: Callable[..., tuple[float, Array]] | None = None
    """Compiled sum of `kernel` over counted rows, `total(theta (k,), counts (n,), *columns)`, where that costs less."""
    hierarchical: bool = False
    """Whether some parameters are drawn from others, so that there is nothing to maximise without the prior."""
    reads: tuple[str, ...] = ()
    """Covariates that tell customers apart."""
    moved: tuple[Moved, ...] = ()
    """What covariates move."""

    @abstractmethod
    def data(self, history: Any) -> tuple[Array, ...]:
        """The columns of those customers that inform the likelihood, checked; a clear error if none does."""

    def tables(self, history: Any) -> tuple[NDArray[Any], ...]:
        """What the rows of `data` refer to and share: the kernel takes these arrays, of any shape, after the columns."""
        return ()

    def values(self, theta: Array, *columns: Array) -> Array:
        """Log-likelihood per row as `kernel` returns it, for those who do not need its gradient."""
        return self.kernel(theta, *columns)[0]

    def counts(self, history: Any) -> Array | None:
        """How many customers each of these rows stands for, or None: one each."""
        return None

    def packed(self, columns: tuple[Array, ...]) -> tuple[Any, ...]:
        """What the kernel reads of distinct rows of `data`: the columns themselves, unless it wants them in another form."""
        return columns

    def on(self, histories: HistoryLike, /) -> Model:
        """The model as it is fitted to these customers: itself, unless it has something to learn from them first."""
        return self

    def coordinates(self) -> Coordinates:
        """Where engines search: the logarithms of positive parameters, and the others."""
        return Coordinates(np.array([p.positive for p in self.parameters]))

    def told_apart(self, history: HistoryLike) -> list[NDArray[Any]]:
        """Columns (n,) by which formulas tell customers apart: those alike in all of them are asked about once."""
        known = (getattr(history, name) for name in COLUMNS)
        return [*(column for column in known if column is not None), *covariates_of(history, self.reads)]

    def informative(self, history: HistoryLike) -> Any:
        """Which customers the likelihood reads: a mask (n,), or all; a clear error if there are none."""
        return slice(None)

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
        value = self.values(rows, *(a.flatten() for a in arrays[k:]), *self.tables(history))
        return value.reshape(arrays[0].shape)

    def theta(self, values: Any) -> Any:
        """`values` (a NamedTuple, sequence or mapping) as this model's `Theta` of float arrays, their support checked."""
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
        for parameter, value in zip(self.parameters, arrays, strict=True):
            if not (np.all(np.isfinite(value)) and (not parameter.positive or np.all(value > 0))):
                kind = "positive and finite" if parameter.positive else "finite"
                raise ModelError(
                    f"{self.name}: {parameter.name} must be {kind}, not {value}. Check the order {', '.join(names)}."
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
