"""A model meets data: the log posterior in the coordinates of the search, with its gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from clvmodels.coordinates import Coordinates
from clvmodels.data.histories import Histories
from clvmodels.data.tenures import Tenures
from clvmodels.model import Array, Model, Scale
from clvmodels.numerics.distinct import distinct
from clvmodels.priors import Prior
from clvmodels.progress import progress

THREADS = 2
BLOCK = 64
type Objective = Callable[[Array], tuple[float, Array]]


@dataclass(frozen=True)
class Problem:
    """Distinct histories with their counts, seen through a model.

    Attributes
    ----------
    columns
        What the model's kernel reads: columns with one entry per distinct history, sorted, as `Model.packed` gives them, then the
        model's tables.
    counts
        How many customers share each.
    priors
        Prior of each parameter in the units of the data.
    """

    model: Model
    columns: tuple[Any, ...]
    counts: Array
    priors: Mapping[str, Prior]

    @classmethod
    def of(cls, model: Model, histories: Histories | Tenures, priors: Mapping[str, Prior] | None) -> Problem:
        """Reduce the customers to what the model needs: distinct rows and their counts."""
        first, *rest = model.data(histories)
        # kernels are fastest when sorted by frequency, then age
        (first, *rest), counts, inverse, _ = distinct((first, *rest[::-1]))
        columns = (first, *rest[::-1])
        if (weights := model.counts(histories)) is not None:
            counts = np.asarray(np.bincount(inverse, weights), dtype=float)
        read = (*model.packed(columns), *model.tables(histories))
        return cls(model, read, counts, model.priors_on(data_scale(histories), histories.period, priors))

    @cached_property
    def coordinates(self) -> Coordinates:
        """Where the search moves."""
        return self.model.coordinates()

    @cached_property
    def centre(self) -> Array:
        """Where the priors are centred, the start of every search (k,)."""
        return np.array([prior.start for prior in self.priors.values()])

    def log_likelihood(self, u: Array) -> tuple[float, Array]:
        """Total log-likelihood at u (see `Coordinates`), and its gradient in u."""
        theta = self.coordinates.theta(u)
        if self.model.total is not None:
            summed, slope = self.model.total(theta, self.counts, *self.columns)
            return float(summed), self.coordinates.slope(theta, slope)
        value, gradient = self.model.kernel(theta[None, :], *self.columns)
        return float(self.counts @ value), self.coordinates.slope(theta, self.counts @ gradient)

    def log_likelihood_at(self, theta: Array) -> float:
        """Total log-likelihood of parameters (k,)."""
        # not by `@`: BLAS splits a long product among threads, which costs more than the product
        return float(np.sum(self.counts * self.model.values(theta[None, :], *self.columns)))

    def log_prior(self, u: Array) -> tuple[float, Array]:
        """Log prior density of u, and its gradient."""
        pairs = list(zip(self.priors.values(), u, strict=True))
        value = sum(float(prior.log_density(v)) for prior, v in pairs)
        return value, np.array([float(prior.log_density_gradient(v)) for prior, v in pairs])

    def log_posterior(self, u: Array) -> tuple[float, Array]:
        """Log posterior density of u (up to a constant), and its gradient."""
        likelihood, slope = self.log_likelihood(u)
        prior, prior_slope = self.log_prior(u)
        return likelihood + prior, slope + prior_slope

    def log_posterior_of_draws(self, draws: Array) -> Array:
        """Log posterior density of many points (m, k), in parallel; the order of the results is the order of the draws."""
        prior = sum(p.log_density(u) for p, u in zip(self.priors.values(), draws.T, strict=True))
        blocks = np.array_split(draws, max(1, len(draws) // BLOCK))

        def likelihood(block: Array) -> list[float]:
            thetas = self.coordinates.theta(block)
            return [self.log_likelihood_at(theta) for theta in thetas]

        with (
            progress(f"{self.model.title}: weighing draws", total=len(blocks)) as advance,
            ThreadPoolExecutor(THREADS) as pool,
        ):
            values: list[float] = []
            for part in pool.map(likelihood, blocks):
                values += part
                advance()
        return np.array(values) + prior


def data_scale(histories: Histories | Tenures) -> Scale:
    """Mean age and mean repeat amount of the customers; one where there is none to measure."""
    if isinstance(histories, Tenures):
        return Scale(float(np.average(histories.exit, weights=histories.weights)) or 1.0, 1.0)
    repeat = (histories.frequency > 0) & np.isfinite(histories.monetary_value)
    time = float(np.mean(histories.T))
    money = float(np.mean(histories.monetary_value[repeat])) if repeat.any() else 0.0
    return Scale(time if time > 0 else 1.0, money if money > 0 else 1.0)
