"""The posterior of a media response model: its height, slope and curvature, and its top given the spreads.

theta holds every coefficient in the order of `Layout`; u the logarithms of the spreads. Given u, coefficients are independently
normal before the data are seen, those of fatigue as logarithms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import special

from clvmodels.errors import ConvergenceError
from clvmodels.estimation.problem import THREADS
from clvmodels.model import Array
from clvmodels.numerics.binomial import binomial_log_likelihood
from clvmodels.priors import Gamma, Prior
from clvmodels.response.cells import NONE, Cells
from clvmodels.response.layout import Layout

NEWTON_STEPS = 100
DECREMENT = 1e-9
"""Accepted gap to the top, in units of log density, as the quadratic model of the surface predicts it."""
NUMBERS = 4_000_000
"""Numbers worked on at once: bounds memory."""


@dataclass(frozen=True)
class Part:
    """Cells of one medium: design, columns of theta that it belongs to, and what happened.

    logit p = linear @ theta[columns] - stock @ exp(theta[fatigue])
    """

    linear: Array
    columns: np.ndarray
    stock: Array
    fatigue: np.ndarray
    trials: Array
    successes: Array

    def logit(self, theta: Array) -> Array:
        """Log-odds of a purchase (g,), or (g, draws) for coefficients (p, draws)."""
        value = self.linear @ theta[self.columns]
        return np.asarray(value - self.stock @ np.exp(theta[self.fatigue]) if self.fatigue.size else value)

    def log_likelihood(self, theta: Array) -> Array:
        """Of coefficients (p, draws), without the binomial coefficient (draws,)."""
        return np.asarray(binomial_log_likelihood(self.logit(theta), self.successes, self.trials))

    def jacobian(self, theta: Array) -> Array:
        """Derivative of the log-odds (g, columns + fatigue)."""
        return np.hstack([self.linear, -self.stock * np.exp(theta[self.fatigue])])

    @cached_property
    def where(self) -> np.ndarray:
        """Columns of the jacobian in theta."""
        return np.concatenate([self.columns, self.fatigue])


class Slopes(NamedTuple):
    """Log-likelihood at theta, its gradient, and minus its second derivatives: `information`, which is never negative, and what
    the curvature of exp adds on the diagonal."""

    value: float
    gradient: Array
    information: Array
    bend: Array


class Top(NamedTuple):
    """Conditional mode of theta given the spreads: where, slopes there, predicted gap and steps."""

    theta: Array
    slopes: Slopes
    decrement: float
    iterations: int


@dataclass(frozen=True)
class MediaProblem:
    """Cells seen through a media response model.

    Attributes
    ----------
    layout
        Where coefficients stand.
    parts
        The cells, medium by medium.
    priors
        By name.
    control_scale
        (c,) standard deviation of each control, that its prior is relative to.
    """

    layout: Layout
    parts: tuple[Part, ...]
    priors: Mapping[str, Prior]
    control_scale: Array

    @classmethod
    def of(cls, cells: Cells, layout: Layout, priors: Mapping[str, Prior]) -> MediaProblem:
        """Of merged cells, without those of attributed-only media; if there are no others, they stand in for the baseline."""
        parts = tuple(
            Part(
                layout.linear(cells, rows, medium), layout.columns(medium), layout.stock(cells, rows, medium),
                layout.fatigue_columns(medium), cells.occasions[rows], cells.buyers[rows],
            )
            for medium, rows in rows_by_medium(cells, layout)
        )  # fmt: skip
        weights = cells.occasions / cells.occasions.sum()
        spread = np.sqrt(weights @ (cells.controls - weights @ cells.controls) ** 2)
        return cls(layout, parts, priors, np.where(spread > 0, spread, 1.0))

    def weighed(self, weights: tuple[Array, ...]) -> MediaProblem:
        """The same with each cell counting for a part of its occasions only."""
        parts = tuple(
            replace(p, trials=w * p.trials, successes=w * p.successes) for p, w in zip(self.parts, weights, strict=True)
        )
        return replace(self, parts=parts)

    @cached_property
    def start(self) -> Array:
        """Logarithms of the spreads where their priors are centred (k,)."""
        return np.array([self.priors[name].start for name in self.layout.spreads])

    @cached_property
    def prior_mean(self) -> Array:
        """Of theta (p,)."""
        return self._filled(lambda name: self.priors[name].start)

    @cached_property
    def fixed_precision(self) -> Array:
        """Of theta (p,) where no spread has a say, 0 elsewhere."""
        found = self._filled(lambda name: _sigma(self.priors[name]) ** -2)
        found[self.layout.blocks["controls"]] *= self.control_scale[: len(self.layout.controls)] ** 2
        return found

    @cached_property
    def pooled(self) -> Array:
        """(k, p) which coefficients each spread is of."""
        found = np.zeros((len(self.layout.spreads), self.layout.size))
        for k, name in enumerate(self.layout.spreads):
            found[k, self.layout.blocks[name]] = 1.0
        return found

    def _filled(self, value: Callable[[str], float]) -> Array:
        found = np.zeros(self.layout.size)
        for name, at in self.layout.blocks.items():
            if not name.startswith("spread_"):
                found[at] = value(name)
        return found

    def precision(self, u: Array) -> Array:
        """Prior precision of theta (..., p) at u (..., k)."""
        return np.asarray(self.fixed_precision + np.exp(-2 * u) @ self.pooled)

    @property
    def linear(self) -> int:
        """How many coefficients are linear; those of fatigue, which are logarithms, come after them."""
        return int(self.layout.blocks["fatigue"].start)

    @cached_property
    def outer_start(self) -> Array:
        """Outer parameters, log spreads and then log fatigue, where their priors are centred (k,)."""
        return np.concatenate([self.start, self.prior_mean[self.linear :]])

    def log_prior_of_outer(self, v: Array) -> tuple[Array, Array]:
        """Log prior density (...) of outer parameters v (..., k), and its gradient (..., k)."""
        fatigue = ["fatigue"] * len(self.layout.fatigued) + ["fatigue_other"] * self.layout.other
        pairs = [(self.priors[name], v[..., k]) for k, name in enumerate([*self.layout.spreads, *fatigue])]
        value = np.sum([prior.log_density(at) for prior, at in pairs], axis=0)
        slope = np.stack([prior.log_density_gradient(at) for prior, at in pairs], axis=-1)
        return np.asarray(value), slope

    def natural(self, theta: Array) -> Array:
        """psi (..., p): theta with fatigue itself in place of its logarithm."""
        return np.concatenate([theta[..., : self.linear], np.exp(theta[..., self.linear :])], axis=-1)

    def log_likelihood(self, theta: Array) -> float:
        """At theta (p,)."""
        return float(self.log_likelihood_of_draws(theta[None])[0])

    def log_likelihood_of_draws(self, theta: Array) -> Array:
        """At many theta (draws, p), in parallel."""
        most = max(part.trials.size for part in self.parts)
        blocks = np.array_split(theta, max(1, theta.shape[0] * most // NUMBERS))

        def block(some: Array) -> Array:
            columns = np.ascontiguousarray(some.T)
            return np.asarray(np.sum([part.log_likelihood(columns) for part in self.parts], axis=0))

        with ThreadPoolExecutor(THREADS) as pool:
            return np.asarray(np.concatenate(list(pool.map(block, blocks))))

    def slopes(self, theta: Array) -> Slopes:
        """Log-likelihood at theta (p,), its gradient (p,) and second derivatives."""
        size = self.layout.size
        value, gradient, information, bend = 0.0, np.zeros(size), np.zeros((size, size)), np.zeros(size)
        for part in self.parts:
            logit = part.logit(theta)
            chance = special.expit(logit)
            value += float(part.successes @ logit - part.trials @ np.logaddexp(0.0, logit))
            surprise = part.successes - part.trials * chance
            weight = part.trials * chance * (1 - chance)
            jacobian = part.jacobian(theta)
            gradient[part.where] += jacobian.T @ surprise
            information[np.ix_(part.where, part.where)] += gram(jacobian, weight)
            bend[part.fatigue] += np.exp(theta[part.fatigue]) * (part.stock.T @ surprise)
        return Slopes(value, gradient, information, bend)

    def curvature(self, slopes: Slopes) -> Array:
        """Minus the second derivatives of the log-likelihood (p, p), kept from being so negative that no prior could mend it."""
        return np.asarray(slopes.information + np.diag(np.maximum(slopes.bend, -self.fixed_precision / 2)))

    def top(self, u: Array, start: Array) -> Top:
        """Conditional mode of theta given u (k,) by Newton's method with steps that are halved until they climb.

        Raises
        ------
        ConvergenceError
            If the search does not settle.
        """
        precision, theta = self.precision(u), start
        found, height = self._at(theta, precision)
        for iteration in range(1, NEWTON_STEPS + 1):
            gradient = found.gradient - precision * (theta - self.prior_mean)
            step = np.linalg.solve(self.curvature(found) + np.diag(precision), gradient)
            decrement = float(gradient @ step) / 2
            if decrement < DECREMENT:
                return Top(theta, found, decrement, iteration)
            for _ in range(40):
                trial, new = self._at(theta + step, precision)
                if new >= height - 1e-9 * max(1.0, abs(height)) * (decrement < 1e-3):
                    break
                step = step / 2
            theta, found, height = theta + step, trial, new
        raise ConvergenceError(
            f"Media response: the search stopped {decrement:.2g} log-density units short of a top after {NEWTON_STEPS} steps. "
            "Narrow the priors with priors={...}, or use method='nuts'."
        )

    def _at(self, theta: Array, precision: Array) -> tuple[Slopes, float]:
        found = self.slopes(theta)
        return found, found.value - float(precision @ (theta - self.prior_mean) ** 2) / 2


def rows_by_medium(cells: Cells, layout: Layout) -> list[tuple[int, np.ndarray]]:
    """Medium (a code of the layout, or NONE) and rows of the cells of each part; if no medium is told, all are the baseline."""
    baseline = cells.medium == NONE if layout.media else np.ones(cells.medium.size, dtype=bool)
    found = [(NONE, np.flatnonzero(baseline))]
    found += [(medium, np.flatnonzero(cells.medium == code)) for medium, code in enumerate(layout.codes)]
    return [(medium, rows) for medium, rows in found if rows.size]


def _sigma(prior: Prior) -> float:
    assert not isinstance(prior, Gamma), "priors of coefficients are normal, of fatigue log-normal"
    return prior.sigma


def gram(rows: Array, weight: Array) -> Array:
    """rows' diag(weight) rows, some rows at a time."""
    step = max(1, NUMBERS // max(1, rows.shape[1]))
    parts = [
        rows[i : i + step].T @ (rows[i : i + step] * weight[i : i + step, None]) for i in range(0, len(rows), step)
    ]
    return np.asarray(sum(parts))
