"""A fit: a model, what was learned of its parameters, and how much to trust it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import update_wrapper
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clvmodels.covariates.time_model import TimeVarying
from clvmodels.data.contacts import Contacts
from clvmodels.data.histories import Histories
from clvmodels.data.panel import Panel
from clvmodels.data.tenure import Tenure
from clvmodels.data.tenures import Tenures
from clvmodels.duration.contractual import Contractual
from clvmodels.duration.renewals import insist_on_tenure
from clvmodels.errors import ClvError, ModelError, UnitError
from clvmodels.estimation.contact_effects import (
    ContactGrounds,
    contact_lines,
    doubts,
    effects_of_contacts,
    effects_table,
)
from clvmodels.estimation.outcome import Diagnostics
from clvmodels.estimation.trust import hardly_told
from clvmodels.history import History, HistoryLike, covariates_of, flat, ids_of, picked
from clvmodels.model import Array, Model
from clvmodels.numerics.distinct import distinct
from clvmodels.priors import Prior
from clvmodels.units import Period

if TYPE_CHECKING:
    import xarray as xr

CELLS = 4_000_000
"""Draws times customers evaluated at once: bounds memory whatever the number of either."""


@dataclass(frozen=True, eq=False, repr=False)
class Fit:
    """The outcome of `clv.fit`.

    Every formula of the model is also a method of the fit, with customers labelled and intervals attached:
    `duration.p_alive(histories)` is a DataFrame by customer id with the columns mean, lower and upper.

    Attributes
    ----------
    theta
        Point estimate: the top for mle and map, the posterior mean for laplace and nuts.
    loglik
        Total log-likelihood at `theta`.
    n_customers, n_informative, n_distinct
        Customers given; those the likelihood reads (gamma-gamma reads only paid repeat purchases); distinct ones of these.
    covariance
        Of theta, the positive parameters as logarithms, (k, k): from the curvature (mle, map) or the draws (laplace, nuts).
    posterior
        xarray Dataset with dimensions (chain, draw), or None (mle, map).
    grounds
        What the effects of contacts rest on, for models over time with contacts; see `contact_effects`.
    """

    model: Model
    method: str
    theta: Any
    loglik: float
    covariance: Array = field(repr=False)
    posterior: xr.Dataset | None = field(repr=False)
    diagnostics: Diagnostics
    priors: Mapping[str, Prior] | None
    period: Period
    currency: str | None
    n_customers: int
    n_informative: int
    n_distinct: int
    fingerprint: str
    seed: int | None
    version: str
    grounds: ContactGrounds | None = field(default=None, repr=False)

    def draws(self, count: int, *, seed: int | np.random.Generator = 0) -> Any:
        """`Theta` of arrays (count,): posterior draws; after mle or map, draws of a normal with `covariance`.

        Posterior draws are taken in random order, without repetition as long as there are enough.
        """
        rng = np.random.default_rng(seed)
        if self.posterior is None:
            seen = self.model.coordinates()
            free = rng.multivariate_normal(seen.free(self.theta), self.covariance, size=count, method="cholesky")
            return self.model.Theta(*seen.from_free(free).T)
        flat = [np.ravel(self.posterior[name].values) for name in self.model.Theta._fields]
        chosen = np.concatenate([rng.permutation(flat[0].size) for _ in range(-(-count // flat[0].size))])[:count]
        return self.model.Theta(*(values[chosen] for values in flat))

    def summary(self, *, interval: float = 0.90) -> pd.DataFrame:
        """One row per parameter: estimate, sd, lower, upper, and what vouches for them (ess, r_hat, k_hat)."""
        tail = tail_of(interval)
        if self.posterior is None:
            samples = np.asarray(self.draws(4000))
            positive = self.model.coordinates().positive
            sd = np.sqrt(np.diag(self.covariance)) * np.where(positive, self.theta, 1.0)
        else:
            samples = np.array([np.ravel(self.posterior[name].values) for name in self.model.Theta._fields])
            sd = samples.std(axis=1, ddof=1)
        lower, upper = np.quantile(samples, [tail, 1 - tail], axis=1)
        table = pd.DataFrame(
            {"estimate": np.asarray(self.theta), "sd": sd, "lower": lower, "upper": upper},
            index=pd.Index(self.model.Theta._fields, name="parameter"),
        )
        for column in ("ess", "r_hat", "k_hat"):
            value = getattr(self.diagnostics, column)
            table[column] = np.nan if value is None else value
        return table

    def to_arviz(self) -> Any:
        """The posterior as an ArviZ DataTree, with the fit's facts as attributes; mle and map have none to give."""
        if self.posterior is None:
            raise ModelError(f"A fit by {self.method!r} has no posterior draws. Fit with method='laplace' or 'nuts'.")
        import xarray as xr

        return xr.DataTree.from_dict({"posterior": self.posterior})

    def under(self, future: Panel | None = None, *, contacts: Contacts | None = None) -> Fit:
        """The same fit with another future: covariates and contacts after the end of observation, for `clv.time_varying`.

        Parameters
        ----------
        future
            A panel with the columns that the model was fitted with, from the day after the end of observation on. A panel that
            says nothing of its end holds for ever.
        contacts
            A plan: contacts by media that the model was fitted to, of which those after the end of observation count. Without
            it nobody is contacted any more.

        Examples
        --------
        `clv.forecast(fit.under(clv.Panel(plan)), quantity, histories, horizon=26 * WEEK)`
        """
        if not isinstance(self.model, TimeVarying):
            raise ModelError(
                f"{self.model.name} has no covariates over time. Fit clv.time_varying(..., panel=clv.Panel(table))."
            )
        return replace(self, model=self.model.under(future, contacts=contacts))

    def contact_effects(self, interval: float = 0.90) -> pd.DataFrame:
        """What one fresh contact does to both rates of a customer who remembers no other, and how that is known.

        The evidence is weighed when it is first asked for: the contacted of each day are compared with everybody who was not.

        Returns
        -------
        DataFrame by medium and process ("purchase", "dropout"), those that the model has: effect (on the log rate, at once) with
        lower and upper, factor (exp of it, by which the rate is multiplied), p_positive, p_no_effect (that it moves neither
        rate, given even odds before the data), half_life with half_life_lower and half_life_upper [days], grade, contacts,
        reason. For dropout a positive effect means that contacts drive customers away.

        Raises
        ------
        ModelError
            The model has no contacts.
        """
        if not isinstance(self.model, TimeVarying) or not self.model.media:
            raise ModelError(
                f"{self.model.name} has no contacts. Fit clv.time_varying(..., contacts=clv.Contacts(...))."
            )
        return effects_table(self, tail=tail_of(interval))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the data hardly tell, and effects that chance did not assign, in words."""
        seen = self.model.coordinates()
        contacts = effects_of_contacts(self)
        names = self.model.Theta._fields
        pooled = {names[place] for group in self.model.groups for place in group.members}
        weak = hardly_told(seen.free(self.theta), self.covariance, names, seen, besides={*contacts, *pooled})
        return (*weak, *(doubts(self) if contacts else ()))

    def in_period(self, history: HistoryLike) -> HistoryLike:
        """The histories in this fit's unit of time."""
        return history if history.period == self.period else history.to(self.period)  # type: ignore[attr-defined]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name in type(self).__dataclass_fields__ or name not in self.model.formulas:
            known = ", ".join(self.model.formulas) if "model" in self.__dict__ else ""
            raise AttributeError(f"{type(self).__name__} has no {name!r}; the formulas of this model are {known}.")
        return labelled(self, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.model.formulas})

    def __repr__(self) -> str:
        point = ", ".join(f"{n} = {float(v):.4g}" for n, v in zip(self.model.Theta._fields, self.theta, strict=True))
        effects = [f"\n{one}" for one in contact_lines(self)] if getattr(self.model, "media", ()) else []
        return (
            f"{self.model.title} by {self.method}: {self.n_informative:,} of {self.n_customers:,} customers inform it "
            f"({self.n_distinct:,} distinct), time in {self.period.name}s\n{point}\n"
            f"log-likelihood {self.loglik:,.3f}\n{self.diagnostics}"
        ) + "".join([*effects, *(f"\n{one}" for one in self.warnings)])

    def _repr_html_(self) -> str:
        title, *rest = repr(self).split("\n")
        table = self.summary().dropna(axis=1, how="all").to_html(float_format="{:.4g}".format)
        return f"<b>{title}</b>{table}<small>{'; '.join(rest[1:])}</small>"


def tail_of(interval: float) -> float:
    """Probability in each tail outside a central interval, e.g. 0.05 for 0.90."""
    if not 0 < interval < 1:
        raise ClvError(f"interval={interval!r} is not a probability strictly between 0 and 1. Write 0.90 for 90 %.")
    return (1 - interval) / 2


def labelled(fit: Fit, name: str) -> Callable[..., pd.DataFrame]:
    """The model's formula `name` over the fit's draws, one row per customer: mean, lower, upper.

    The limits are draws, the nearest outward: between draws that are infinite or whole numbers there is nothing.
    """
    if isinstance(fit.model, Contractual):
        return labelled_contracts(fit, name)
    formula = getattr(fit.model, name)

    def evaluate(
        histories: Histories | History, *, interval: float = 0.90, draws: int = 500, **options: Any
    ) -> pd.DataFrame:
        inside = fit.in_period(histories)
        people = flat(inside)
        *_, inverse, example = distinct(fit.model.told_apart(people))
        theta = fit.model.Theta(*(v[:, None] for v in fit.draws(draws)))
        table = over_draws(
            lambda part: formula(theta, picked(people, example[part]), **options),
            size=example.size,
            draws=draws,
            interval=interval,
        )
        ids = np.arange(inverse.size) if (known := ids_of(histories)) is None else np.ravel(known)
        return pd.DataFrame(table[inverse], columns=["mean", "lower", "upper"], index=pd.Index(ids, name="customer_id"))

    update_wrapper(evaluate, formula, assigned=("__doc__", "__name__"))
    return evaluate


def over_draws(values_of: Callable[[slice], Array], *, size: int, draws: int, interval: float) -> Array:
    """Mean, lower and upper limit over draws of so many values (size, 3); `values_of` gives some of them, (draws, m)."""
    tail, table = tail_of(interval), np.empty((size, 3))
    step = max(1, CELLS // draws)
    for start in range(0, size, step):
        part = slice(start, min(start + step, size))
        values = np.broadcast_to(values_of(part), (draws, part.stop - start))
        table[part, 0] = values.mean(axis=0)
        table[part, 1] = np.quantile(values, tail, axis=0, method="lower")
        table[part, 2] = np.quantile(values, 1 - tail, axis=0, method="higher")
    return table


def labelled_contracts(fit: Fit, name: str) -> Callable[..., pd.DataFrame]:
    """The formula `name` of a model of contracts over the fit's draws: by tenure for a new customer, else by customer."""
    model: Any = fit.model
    evaluate: Any = _curves(fit, name) if name in model.curves else _customers(fit, name)
    update_wrapper(evaluate, getattr(model, name), assigned=("__doc__", "__name__"))
    return evaluate  # type: ignore[no-any-return]


def _curves(fit: Fit, name: str) -> Callable[..., pd.DataFrame]:
    """By tenure, of a new customer; of each kind of customers, where covariates hold several values."""
    model: Any = fit.model
    formula = getattr(model, name)

    def curve(t: Any, *, interval: float = 0.90, draws: int = 500, **options: Any) -> pd.DataFrame:
        if isinstance(t, (Tenure, Tenures)):
            raise ModelError(
                f"{name}(t) is of a new customer, by {model.counted}. For customers who are there already, given that they "
                "are, write survival_after(tenures, horizon=...) or renewal_probability(tenures)."
            )
        theta = model.Theta(*(v[:, None] for v in fit.draws(draws)))
        times = np.atleast_1d(np.asarray(t))

        def of(kind: dict[str, Any] | None) -> pd.DataFrame:
            some = options | ({} if kind is None else {"covariates": kind})
            table = over_draws(
                lambda part: formula(theta, times[part], **some), size=times.size, draws=draws, interval=interval
            )
            return pd.DataFrame(table, columns=["mean", "lower", "upper"], index=pd.Index(times, name=model.counted))

        tables = [of(kind) for kind in _kinds(options.pop("covariates", None))]
        return tables[0] if len(tables) == 1 else pd.concat(dict(enumerate(tables)), names=["customer"])

    return curve


def _customers(fit: Fit, name: str) -> Callable[..., pd.DataFrame]:
    """By customer, given that she is there."""
    model: Any = fit.model
    formula = getattr(model, name)

    def customers(
        tenure: Tenure | Tenures, *, interval: float = 0.90, draws: int = 500, **options: Any
    ) -> pd.DataFrame:
        insist_on_tenure(tenure)
        if tenure.period != fit.period:
            raise UnitError(
                f"The tenures count {tenure.period}s and the fit {fit.period}s from one renewal to the next. Make the tenures "
                f"with the fit's period."
            )
        theta = model.Theta(*(v[:, None] for v in fit.draws(draws)))
        people, inverse = _distinct_tenures(tenure, model.reads_of(tenure))
        table = over_draws(
            lambda part: formula(theta, people(part), **options), size=inverse.max() + 1, draws=draws, interval=interval
        )
        ids = getattr(tenure, "customer_id", np.arange(inverse.size))
        return pd.DataFrame(table[inverse], columns=["mean", "lower", "upper"], index=pd.Index(ids, name="customer_id"))

    return customers


def _kinds(covariates: Mapping[str, Any] | None) -> list[dict[str, Any] | None]:
    """Kinds of customers one by one, where covariates hold several values."""
    if covariates is None:
        return [None]
    columns = np.broadcast_arrays(*(np.atleast_1d(np.asarray(column)) for column in covariates.values()))
    return [dict(zip(covariates, values, strict=True)) for values in zip(*columns, strict=True)]


def _distinct_tenures(tenure: Tenure | Tenures, reads: Sequence[str]) -> tuple[Callable[[slice], Tenure], Any]:
    """Customers who are alike in what formulas read, some of them at a time, and which of them each customer is."""
    known = covariates_of(tenure, reads)  # type: ignore[arg-type]
    columns = [np.ravel(c) for c in np.broadcast_arrays(np.atleast_1d(tenure.exit), tenure.there, *known)]
    *_, inverse, example = distinct(columns)

    def people(part: slice) -> Tenure:
        exit, there, *some = (column[example[part]] for column in columns)
        return Tenure(exit, tenure.period, 1 - there, dict(zip(reads, some, strict=True)))

    return people, inverse
