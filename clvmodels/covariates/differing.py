"""Customers whose parameters differ: every formula is that of the base model, at each customer's own parameters."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.data.histories import Histories
from clvmodels.data.tenure import Tenure, TenureLike
from clvmodels.data.tenures import Tenures
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.duration.futures import Future, Individuals, Rates
from clvmodels.duration.renewals import Renewal
from clvmodels.errors import ContractError
from clvmodels.history import History, HistoryLike, upright
from clvmodels.model import Array
from clvmodels.quantity.spend import Spend
from clvmodels.units import DAY, Period


class DifferingAttrition(LatentAttrition):
    """A latent-attrition model in which customers differ in what is known of them; a subclass states `each`."""

    base: LatentAttrition

    @property
    def discrete(self) -> bool:  # type: ignore[override]
        return self.base.discrete

    @property
    def past(self) -> tuple[str, ...]:  # type: ignore[override]
        return self.base.past

    @abstractmethod
    def each(self, theta: Any, history: HistoryLike) -> Any:
        """The base model's parameters of each customer; theta and histories broadcast."""

    def p_alive(self, theta: Any, history: HistoryLike) -> Array:
        return self.base.p_alive(self.each(theta, history), history)

    def survival_if_alive(self, theta: Any, history: HistoryLike, horizon: ArrayLike) -> Array:
        return self.base.survival_if_alive(theta, history, horizon)

    def expected_purchases_if_alive(self, theta: Any, history: HistoryLike, horizon: ArrayLike) -> Array:
        return self.base.expected_purchases_if_alive(theta, history, horizon)

    def expected_if_alive(self, theta: Any, history: HistoryLike, *, horizon: float, force: float) -> Array:
        return self.base.expected_if_alive(theta, history, horizon=horizon, force=force)

    def pmf_if_alive(self, theta: Any, history: HistoryLike, n: ArrayLike, horizon: ArrayLike) -> Array:
        return self.base.pmf_if_alive(theta, history, n, horizon)

    def rate_if_alive(self, theta: Any, history: HistoryLike) -> Array:
        return self.base.rate_if_alive(theta, history)

    def individuals(self, theta: Any, history: HistoryLike, *, rng: np.random.Generator) -> Individuals:
        return self.base.individuals(self.each(theta, history), history, rng=rng)

    def future(self, theta: Any, history: HistoryLike, *, horizon: float, rng: np.random.Generator) -> Future:
        return self.base.future(self.each(theta, history), history, horizon=horizon, rng=rng)

    def draw_rates(self, theta: Any, history: HistoryLike, *, seed: int | np.random.Generator) -> Rates:
        return self.base.draw_rates(self.each(theta, upright(history)), history, seed=seed)

    def _time_until_bought(self, theta: Any, history: HistoryLike, probability: float) -> Array:
        return self.base._time_until_bought(self.each(theta, history), history, probability)

    def simulate(
        self,
        theta: Any,
        *,
        T: ArrayLike,
        period: Period,
        seed: int | np.random.Generator,
        covariates: Mapping[str, Any] | None = None,
    ) -> Histories:
        """As the base model simulates; `covariates` are what is known of each customer, by name (n,)."""
        ages = np.atleast_1d(np.asarray(T, dtype=float))
        known = {name: np.broadcast_to(np.asarray(column), ages.shape) for name, column in (covariates or {}).items()}
        own = self.each(theta, upright(History.new_customer(period, covariates=known)))
        return replace(self.base.simulate(own, T=ages, period=period, seed=seed), covariates=known)


class DifferingRenewal(Renewal):
    """A model of contracts in which customers differ in what is known of them; a subclass states `each`."""

    base: Renewal
    curves = ()
    formulas = tuple(name for name in Renewal.formulas if name not in Renewal.curves)

    def checked(self, tenures: Tenures) -> Tenures:
        """The tenures, unless covariates change over time in a model where that cannot be judged row by row."""
        if tenures.contract is not None and self.base.mixture:
            raise ContractError(
                f"In {self.base.name} customers differ beyond their covariates, so rows of one contract with covariates of their "
                "own cannot be judged apart. Give contracts.tenures(period=...) without varying=True, or use GEOMETRIC."
            )
        return tenures

    @abstractmethod
    def each(self, theta: Any, tenure: TenureLike) -> Any:
        """The base model's parameters of each customer; theta and tenures broadcast."""

    def log_stay(self, theta: Any, done: ArrayLike, more: ArrayLike) -> Array:
        return self.base.log_stay(theta, done, more)

    def present_renewals(self, theta: Any, done: ArrayLike, horizon: ArrayLike, force: float) -> Array:
        return self.base.present_renewals(theta, done, horizon, force)

    def draw_residual(self, theta: Any, done: ArrayLike, *, rng: np.random.Generator) -> Array:
        return self.base.draw_residual(theta, done, rng=rng)

    def simulate(
        self,
        theta: Any,
        *,
        observed: ArrayLike,
        period: Period,
        seed: int | np.random.Generator,
        entry: ArrayLike = 0,
        covariates: Mapping[str, Any] | None = None,
    ) -> Tenures:
        """As the base model simulates; `covariates` are what is known of each customer, by name (n,)."""
        last = np.atleast_1d(np.asarray(observed, dtype=float))
        known = {name: np.broadcast_to(np.asarray(column), last.shape) for name, column in (covariates or {}).items()}
        own = self.each(theta, Tenure(np.zeros(last.shape), period, covariates=known))
        return self.base._simulated(own, last, period, seed, entry, known)


class DifferingSpend(Spend):
    """A model of amounts in which customers differ in what is known of them; a subclass states `each`."""

    base: Spend

    @abstractmethod
    def each(self, theta: Any, history: HistoryLike) -> Any:
        """The base model's parameters of each customer; theta and histories broadcast."""

    def expected_spend(self, theta: Any, history: HistoryLike) -> Array:
        return self.base.expected_spend(self.each(theta, history), history)

    def draw_totals(
        self, theta: Any, history: HistoryLike, counts: NDArray[np.int64], *, rng: np.random.Generator
    ) -> Array:
        return self.base.draw_totals(self.each(theta, upright(history)), history, counts, rng=rng)

    def draw_spend(
        self,
        theta: Any,
        history: HistoryLike,
        offsets: NDArray[np.int64],
        *,
        totals: Array | None = None,
        rng: np.random.Generator,
    ) -> Array:
        return self.base.draw_spend(self.each(theta, upright(history)), history, offsets, totals=totals, rng=rng)

    def simulate(
        self,
        theta: Any,
        frequency: Array,
        *,
        seed: int | np.random.Generator,
        covariates: Mapping[str, Any] | None = None,
    ) -> Array:
        """As the base model simulates; `covariates` are what is known of each customer, by name (n,)."""
        own = self.each(theta, History.new_customer(DAY, covariates=covariates))
        return self.base.simulate(own, frequency, seed=seed)
