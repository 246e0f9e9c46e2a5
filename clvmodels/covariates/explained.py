"""`with_covariates`: any model, with parameters that what is known of customers explains."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from clvmodels.coordinates import Coordinates
from clvmodels.covariates.columns import identifiers
from clvmodels.covariates.design import Design
from clvmodels.covariates.differing import DifferingAttrition, DifferingRenewal, DifferingSpend
from clvmodels.covariates.kernels import Links, kernel_of
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.duration.renewals import Renewal
from clvmodels.errors import ModelError
from clvmodels.history import HistoryLike
from clvmodels.model import Array, Model, Parameter
from clvmodels.priors import Normal
from clvmodels.quantity.spend import Spend

RIDGE = 1.0
"""Standard deviation of the prior of a coefficient per standard deviation of its column."""


class Column(NamedTuple):
    """One column of numbers: in which process, its name there, and the entry of theta that is its coefficient."""

    process: str
    name: str
    parameter: str


class Explained(Model):
    """What models of both families with covariates share; made by `with_covariates(...)` when fitted."""

    base: Any
    designs: tuple[Design, ...]
    equal: tuple[str, ...]
    ridge: float

    @cached_property
    def name(self) -> str:  # type: ignore[override]
        said = "; ".join(f"{one.role} {one.formula}" for one in self.designs)
        return f"{self.base.name} with {said}"

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"{self.base.title} with covariates"

    @property
    def source(self) -> str:  # type: ignore[override]
        return f"{self.base.source}; covariates as in Fader and Hardie 2007"

    @cached_property
    def columns_of_numbers(self) -> tuple[Column, ...]:
        """Columns of all processes, in order."""
        found = []
        for one in self.designs:
            own, shared = identifiers(one.role, one.columns), identifiers("shared", one.columns)
            for name, *names in zip(one.columns, own, shared, strict=True):
                equal = any(term in self.equal for term in _terms_of(name))
                found.append(Column(one.role, name, names[equal]))
        return tuple(found)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:  # type: ignore[override]
        coefficients: dict[str, Parameter] = {}
        for one in self.columns_of_numbers:
            meaning = f"effect of {one.name} on {one.process}: exp of it multiplies"
            coefficients.setdefault(
                one.parameter, Parameter(one.parameter, meaning, Normal(0.0, self.ridge), positive=False)
            )
        return (*self.base.parameters, *coefficients.values())

    @cached_property
    def Theta(self) -> Any:  # type: ignore[override]
        return NamedTuple("Theta", [(p.name, Any) for p in self.parameters])

    @cached_property
    def links(self) -> Links:
        """Which parameter each column moves, and by which coefficient."""
        names, moves = self.Theta._fields, {one.process: one for one in self.base.moved}
        moved = [names.index(moves[one.process].parameter) for one in self.columns_of_numbers]
        sign = [float(moves[one.process].sign) for one in self.columns_of_numbers]
        coefficient = [names.index(one.parameter) for one in self.columns_of_numbers]
        return Links(tuple(moved), tuple(sign), tuple(coefficient))

    @cached_property
    def kernel(self) -> Any:  # type: ignore[override]
        return kernel_of(self.base.kernel, len(self.base.columns), len(self.base.parameters), self.links)

    @cached_property
    def reads(self) -> tuple[str, ...]:  # type: ignore[override]
        return tuple(dict.fromkeys(name for one in self.designs for name in one.reads))

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        return (*self.base.columns, *(f"{one.process}: {one.name}" for one in self.columns_of_numbers))

    def coordinates(self) -> Coordinates:
        """Base parameters are sought for a customer with average covariates, coefficients per standard deviation."""
        size = len(self.parameters)
        mixing = np.eye(size)
        centre = np.concatenate([one.centre for one in self.designs])
        scale = np.concatenate([one.scale for one in self.designs])
        for moved, sign, coefficient, mean, sd in zip(*self.links, centre, scale, strict=True):
            mixing[coefficient, coefficient] = 1 / sd
            mixing[moved, coefficient] -= sign * mean / sd
        return Coordinates(np.array([p.positive for p in self.parameters]), mixing)

    def numbers(self, history: HistoryLike) -> Array:
        """Columns of numbers (..., m) of customers (...)."""
        return np.concatenate([one.matrix(history) for one in self.designs], axis=-1)

    def data(self, history: Any) -> tuple[Array, ...]:
        numbers = self.numbers(history)[self.base.informative(history)]
        return (*self.base.data(history), *np.ascontiguousarray(numbers.T))

    def counts(self, history: Any) -> Array | None:
        counts: Array | None = self.base.counts(history)
        return counts

    def informative(self, history: HistoryLike) -> Any:
        return self.base.informative(history)

    def each(self, theta: Any, history: HistoryLike) -> Any:
        """The base model's parameters of each customer; theta and histories broadcast."""
        values = self.theta(theta)
        own, numbers = list(values[: len(self.base.parameters)]), self.numbers(history)
        for c, (moved, sign, coefficient) in enumerate(zip(*self.links, strict=True)):
            own[moved] = own[moved] * np.exp(sign * values[coefficient] * numbers[..., c])
        return self.base.Theta(*own)

    def effects(self, theta: Any) -> dict[str, Array]:
        """What one unit of each column multiplies its process by, exp(coefficient), by parameter name."""
        values = self.theta(theta)
        return {one.parameter: np.exp(getattr(values, one.parameter)) for one in self.columns_of_numbers}


@dataclass(frozen=True, eq=False, repr=False)
class ExplainedAttrition(Explained, DifferingAttrition):  # type: ignore[misc]
    """A latent-attrition model with covariates."""

    base: LatentAttrition
    designs: tuple[Design, ...]
    equal: tuple[str, ...]
    ridge: float


@dataclass(frozen=True, eq=False, repr=False)
class ExplainedSpend(Explained, DifferingSpend):  # type: ignore[misc]
    """A model of amounts with covariates."""

    base: Spend
    designs: tuple[Design, ...]
    equal: tuple[str, ...]
    ridge: float


@dataclass(frozen=True, eq=False, repr=False)
class ExplainedRenewal(Explained, DifferingRenewal):  # type: ignore[misc]
    """A model of contracts with covariates."""

    base: Renewal
    designs: tuple[Design, ...]
    equal: tuple[str, ...]
    ridge: float

    def data(self, history: Any) -> tuple[Array, ...]:
        return super().data(self.checked(history))


def explained(base: Model, designs: tuple[Design, ...], equal: tuple[str, ...], ridge: float) -> Explained:
    """The model of the base's family with these designs."""
    if isinstance(base, Spend):
        return ExplainedSpend(base, designs, equal, ridge)
    if isinstance(base, Renewal):
        return ExplainedRenewal(base, designs, equal, ridge)
    assert isinstance(base, LatentAttrition), "there are three families"
    return ExplainedAttrition(base, designs, equal, ridge)


@dataclass(frozen=True)
class WithCovariates:
    """A model and formulas, before they meet customers: `clv.fit` learns the coding of covariates from them.

    Attributes
    ----------
    base
        The model.
    formulas
        By process.
    equal
        Terms with one coefficient in all processes.
    ridge
        Standard deviation of the prior of a coefficient per standard deviation of its column.
    """

    base: Model
    formulas: Mapping[str, str]
    equal: tuple[str, ...]
    ridge: float

    @property
    def name(self) -> str:
        return f"{self.base.name} with {'; '.join(f'{role} {formula}' for role, formula in self.formulas.items())}"

    def on(self, histories: HistoryLike, /) -> Explained:
        """The model with the coding that these customers' covariates need."""
        designs = tuple(Design.learn(formula, role, histories) for role, formula in self.formulas.items())
        for term in self.equal:
            if not all(any(term in _terms_of(name) for name in one.columns) for one in designs):
                raise ModelError(
                    f"equal={term!r} is not in every formula. Write it in all of them, or leave it out of equal=."
                )
        return explained(self.base, designs, self.equal, self.ridge)

    def __repr__(self) -> str:
        return self.name


def with_covariates(
    model: Model,
    *,
    purchase: str | None = None,
    dropout: str | None = None,
    spend: str | None = None,
    equal: Sequence[str] = (),
    ridge: float = RIDGE,
) -> WithCovariates:
    """A model in which covariates of customers explain how often they buy, how soon they leave or how much they spend.

    Each formula multiplies one parameter by exp(z coefficients). A positive coefficient always means more of the process:

    - `purchase`: more purchases. The mean purchase rate is multiplied (alpha is divided); in BG_BB the odds of buying.
    - `dropout`: leaving sooner. The mean rate of leaving is multiplied (beta is divided) in PARETO_NBD and GGOMPERTZ_NBD; in
      BG_NBD, MBG_NBD and BG_BB the odds a / b (gamma / delta) of leaving; in models of contracts the odds of leaving at the
      first renewal (odds in GEOMETRIC, alpha / beta in SHIFTED_BETA_GEOMETRIC and BETA_DISCRETE_WEIBULL: alpha is multiplied).
    - `spend`: higher amounts. The mean amount is multiplied (v), in GAMMA_GAMMA.

    The model's own parameters are those of a customer whose columns are all zero: the first label of each, and number 0.
    Coefficients are per unit of their column. Inside, columns are standardised: default priors are of the parameters of a
    customer with average covariates, and Normal(0, `ridge`) for coefficients per standard deviation; `priors=` of `clv.fit` too.

    Parameters
    ----------
    model
        A value of the catalogue.
    purchase, dropout, spend
        Formulas over the covariates of the histories, such as "~ channel + log(age)"; `segment` is one of them.
    equal
        Covariates whose coefficients are the same in all formulas, such as `["channel"]`.
    ridge
        Standard deviation of the prior of coefficients, > 0; small ones shrink. Maximum likelihood has no prior.

    Returns
    -------
    WithCovariates, for `clv.fit` and `clv.compare_models`. The fit's model has the coding; `fit.summary()` the coefficients.

    Raises
    ------
    ModelError
        There is no formula, the model does not have the process, or the model has covariates already.

    Source: Fader and Hardie 2007, Incorporating time-invariant covariates into the Pareto/NBD and BG/NBD models.

    Examples
    --------
    >>> from clvmodels.duration.pareto_nbd import PARETO_NBD
    >>> with_covariates(PARETO_NBD, purchase="~ channel + age", dropout="~ channel")
    PARETO_NBD with purchase ~ channel + age; dropout ~ channel
    """
    if not isinstance(model, Model) or isinstance(model, Explained):
        raise ModelError(f"{model!r} is not a model that can be given covariates. Give one such as PARETO_NBD.")
    given = {"purchase": purchase, "dropout": dropout, "spend": spend}
    formulas = {role: formula for role, formula in given.items() if formula is not None}
    has = [one.process for one in model.moved]
    for role in formulas:
        if role not in has:
            raise ModelError(f"{model.name} has no {role}. Covariates can move its {' and '.join(has) or 'nothing'}.")
    if not formulas:
        raise ModelError(f'There is no formula. Write for example {has[0]}="~ channel".')
    if not (np.isfinite(ridge) and ridge > 0):
        raise ModelError(f"ridge={ridge!r} is not a positive number. Write 1.0 for the usual prior.")
    return WithCovariates(model, formulas, tuple(equal), float(ridge))


def _terms_of(column: str) -> list[str]:
    """Covariates in a column's name: "channel[T.shop]:age" gives channel and age."""
    return [re.sub(r"\[.*\]$", "", part) for part in column.split(":")]
