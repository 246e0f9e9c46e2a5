"""The expansion of a posterior whose scales are set apart, to second order where it is highest given the scales.

See `latent`, which draws from such posteriors.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from scipy import linalg

from clvmodels.errors import ConvergenceError
from clvmodels.estimation.problem import THREADS, Problem
from clvmodels.model import Array

STEPS, CLOSE, FAST = 60, 1e-6, 0.25
"""Newton steps at most, the gap to the top at which they end, and what a step has to leave of it for the curvature to be kept."""
LONGEST, STEP = 2.0, 1e-5
"""Steps at most, which far from the top may lead anywhere; steps of differences of slopes."""


class Expansion(NamedTuple):
    """Log-likelihood and prior of what has no group, about a point: value, slope, curvature."""

    at: Array
    value: float
    slope: Array
    curvature: Array


class Given(NamedTuple):
    """What scales leave of the rest: mean, Cholesky root (lower) of its precision, log of the integral."""

    mean: Array
    root: Array
    log_integral: float


@dataclass(frozen=True)
class Latent:
    """A problem whose scales are set apart: phi holds their logarithms, x everything else, effects in place of deviations."""

    problem: Problem

    @cached_property
    def scales(self) -> list[int]:
        return [group.scale for group in self.problem.model.groups]

    @cached_property
    def rest(self) -> Array:
        """Places of x in u: the effects first."""
        effects = [j for group in self.problem.model.groups for j in group.members]
        return np.array([*effects, *(j for j in range(self.problem.centre.size) if j not in {*effects, *self.scales})])

    @cached_property
    def member(self) -> Array:
        """The group of each entry of x, -1 where it has none."""
        of = np.full(self.problem.centre.size, -1)
        for g, group in enumerate(self.problem.model.groups):
            of[list(group.members)] = g
        return np.asarray(of[self.rest])

    @cached_property
    def priors(self) -> list[Any]:
        return list(self.problem.priors.values())

    def placed(self, x: Array) -> Array:
        """u with scales of one, so that deviations are effects."""
        u = np.zeros(self.problem.centre.size)
        u[self.rest] = x
        return u

    def height(self, x: Array) -> tuple[float, Array]:
        """Log-likelihood and prior of what has no group, and the gradient in x."""
        value, gradient = self.problem.log_likelihood(self.placed(x))
        slope = gradient[self.rest]
        for j in np.flatnonzero(self.member < 0):
            prior = self.priors[self.rest[j]]
            value += float(prior.log_density(x[j]))
            slope[j] += float(prior.log_density_gradient(x[j]))
        return value, slope

    def precision(self, phi: Array) -> Array:
        """Of the effects given log scales, zero where there is no group (d,)."""
        return np.asarray(np.where(self.member < 0, 0.0, np.exp(-2.0 * phi[self.member])))

    def log_prior(self, phi: Array) -> float:
        return float(sum(self.priors[j].log_density(v) for j, v in zip(self.scales, phi, strict=True)))

    def climb(self, x: Array, phi: Array, curvature: Array | None = None) -> Expansion:
        """The expansion where height and the effects' prior given phi are highest.

        Newton's steps with a curvature from elsewhere, which is made anew only where it does not lead on fast.
        """
        pull, before = self.precision(phi), np.inf
        value, slope = self.height(x)
        fresh = curvature is None
        for _ in range(STEPS):
            if curvature is None:
                curvature, fresh, before = self.curvature(x, slope), True, np.inf
            target = slope - pull * x
            step = _solved(curvature + np.diag(pull), target)
            gap = float(target @ step) / 2
            if gap < CLOSE:
                return Expansion(x, value, slope, curvature)
            if not (fresh or gap < FAST * before):
                curvature = None
                continue
            if not np.isfinite(gap):
                break
            now, before = value - 0.5 * float(pull @ x**2), gap
            step = step * min(1.0, LONGEST / float(np.abs(step).max()))
            for shrink in 0.5 ** np.arange(30):
                trial = x + shrink * step
                found = self.height(trial)
                if found[0] - 0.5 * float(pull @ trial**2) > now:
                    break
            else:
                return Expansion(x, value, slope, curvature)
            x, (value, slope), fresh = trial, found, False
        raise ConvergenceError(
            f"{self.problem.model.title}: no top of the posterior was found. Check the data with to_frame(), or narrow the "
            "priors with priors={...}."
        )

    def curvature(self, x: Array, slope: Array) -> Array:
        """Of the height (d, d), by differences of its slope, in parallel."""
        with ThreadPoolExecutor(THREADS) as pool:
            rows = list(pool.map(lambda e: (self.height(x + STEP * e)[1] - slope) / STEP, np.eye(x.size)))
        return -(np.array(rows) + np.array(rows).T) / 2

    def bent(self, about: Expansion) -> Expansion:
        """The expansion with the curvature of its own point."""
        return about._replace(curvature=self.curvature(about.at, about.slope))

    def given(self, phi: Array, about: Expansion) -> Given:
        """What is left of x given log scales, by an expansion."""
        pull = self.precision(phi)
        root = _root(about.curvature + np.diag(pull))
        target = about.slope - pull * about.at
        step = linalg.cho_solve((root, True), target)
        groups = self.member[self.member >= 0]
        level = about.value - 0.5 * float(pull @ about.at**2) + 0.5 * float(target @ step)
        log_integral = level - float(np.log(np.diag(root)).sum()) - float(phi[groups].sum())
        return Given(about.at + step, root, log_integral)


def _root(matrix: Array) -> Array:
    """Cholesky root of a matrix that is positive definite but for what is flat in it."""
    try:
        return np.asarray(linalg.cholesky(matrix, lower=True))
    except linalg.LinAlgError:
        roots, axes = np.linalg.eigh((matrix + matrix.T) / 2)
        return np.asarray(linalg.cholesky((axes * np.maximum(roots, 1e-6 * roots[-1])) @ axes.T, lower=True))


def _solved(matrix: Array, target: Array) -> Array:
    """A step uphill: convex directions are taken as if they were concave."""
    try:
        return np.asarray(linalg.solve(matrix, target, assume_a="pos"))
    except (linalg.LinAlgError, ValueError):
        roots, axes = np.linalg.eigh((matrix + matrix.T) / 2)
        return np.asarray(axes @ ((axes.T @ target) / np.maximum(np.abs(roots), 1e-3 * np.abs(roots).max())))
