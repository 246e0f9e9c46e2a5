"""Posterior draws of a pooled model: segments given the middle and the spreads, these by what all segments say of them.

In the coordinates of a model pooled over segments the posterior is a funnel that no normal fits. Given the middle mu and the
spreads, though, segments are independent of each other, and each is nearly normal. So the likelihood of each segment is
approximated by a normal, which gives the posterior of (mu, log spread) with the segments integrated out; draws of these are
taken from it; given each, a few parameters per segment are proposed, and weighed by the real likelihood. Their mean weight is an
unbiased estimate of the integral over the segment, so that importance weights of (mu, log spread) made of it are exact in the
limit (Andrieu and Roberts 2009); k-hat vouches for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr
from scipy import optimize, stats
from scipy.special import gammaln, logsumexp

from clvmodels.covariates.pooled import Pooled
from clvmodels.estimation.laplace import DEGREES_OF_FREEDOM, OVERSAMPLING, effective, resample, smoothed
from clvmodels.estimation.mode import jacobian
from clvmodels.estimation.outcome import Diagnostics, Outcome, from_posterior
from clvmodels.estimation.problem import THREADS, Problem
from clvmodels.model import Array
from clvmodels.progress import progress

PROPOSALS = 12
"""Parameters proposed per segment for each draw of (mu, log spread)."""
LESSONS = 3
"""Proposals of (mu, log spread), each wiser than the one before."""
CANDIDATES = 8
"""Draws of (mu, log spread) proposed for each that is kept by the approximate posterior, which costs little."""
TEMPER = 0.75
"""Power of the approximate posterior that draws are taken from: below one, so that its tails are heavier than the posterior's."""
ROUNDS = 3
"""Times the segments are approximated anew, each where the last round found them."""
BLOCK = 25
CELLS = 10_000
"""Numbers in the draws that are looked at together: bounds memory."""
STEP = 1e-3
"""Of differences of the approximate posterior, which is smooth."""


class Normals(NamedTuple):
    """Quadratic approximations of the segments' log-likelihoods about `at`: value, slope, curvature."""

    at: Array
    value: Array
    slope: Array
    curvature: Array


class Conditional(NamedTuple):
    """Deviations of S segments given (mu, log spread), by `Normals`; the last is the log of the integral over them (..., S)."""

    mean: Array
    precision: Array
    log_integral: Array


@dataclass(frozen=True)
class Hierarchy:
    """A pooled model's data by segment; phi = (mu, log spread) holds k + m numbers."""

    problem: Problem
    columns: tuple[tuple[Array, ...], ...]
    counts: tuple[Array, ...]
    which: Array

    @classmethod
    def of(cls, problem: Problem) -> Hierarchy:
        model = problem.model
        assert isinstance(model, Pooled), "only pooled models have segments"
        *columns, segment = problem.columns
        masks = [segment == code for code in range(len(model.segments))]
        parts = tuple(tuple(np.ascontiguousarray(c[mask]) for c in columns) for mask in masks)
        names = model.base.Theta._fields
        return cls(
            problem, parts, tuple(problem.counts[m] for m in masks), np.array([names.index(n) for n in model.which])
        )

    @property
    def k(self) -> int:
        return len(self.problem.model.base.parameters)  # type: ignore[attr-defined]

    def log_likelihood(self, segment: int, free: Array) -> tuple[float, Array]:
        """Of one segment at log(parameters) (k,), with its gradient."""
        theta = np.exp(free)
        kernel = self.problem.model.base.kernel  # type: ignore[attr-defined]
        value, gradient = kernel(theta[None, :], *self.columns[segment])
        counts = self.counts[segment]
        return float(counts @ value), (counts @ gradient) * theta

    def log_prior(self, phi: Array) -> Array:
        """Of mu and log spread (..., k + m), (...)."""
        priors = list(self.problem.priors.values())[: phi.shape[-1]]
        return np.asarray(np.sum([prior.log_density(phi[..., j]) for j, prior in enumerate(priors)], axis=0))

    def normals(self, middle: Array, spread: Array) -> Normals:
        """Each segment's log-likelihood approximated where it and a normal about the middle (k,) with spread (k,) agree."""
        found = [self._normal(segment, middle, spread) for segment in range(len(self.counts))]
        return Normals(*(np.array(values) for values in zip(*found, strict=True)))

    def _normal(self, segment: int, middle: Array, spread: Array) -> tuple[Array, float, Array, Array]:
        def loss(free: Array) -> tuple[float, Array]:
            value, slope = self.log_likelihood(segment, free)
            z = (free - middle) / spread
            return 0.5 * float(z @ z) - value, z / spread - slope

        top = optimize.minimize(loss, middle, jac=True, method="L-BFGS-B").x
        value, slope = self.log_likelihood(segment, top)
        curvature = -jacobian(lambda free: self.log_likelihood(segment, free), top)
        roots, axes = np.linalg.eigh(curvature)
        return top, value, slope, (axes * np.maximum(roots, 0.0)) @ axes.T

    def conditional(self, phi: Array, normals: Normals) -> Conditional:
        """What (mu, log spread), any number of them (..., k + m), leave of the segments: normal, by the approximations."""
        mu, log_spread = phi[..., None, : self.k], phi[..., None, self.k :]
        off = mu - normals.at
        bent = np.einsum("sij,...sj->...si", normals.curvature, off)
        level = normals.value + np.sum(off * (normals.slope - bent / 2), axis=-1)
        pull = (normals.slope - bent)[..., self.which]
        apart = np.exp(-2 * log_spread)[..., None] * np.eye(self.which.size)
        precision = normals.curvature[:, self.which][:, :, self.which] + apart
        mean = np.linalg.solve(precision, pull[..., None])[..., 0]
        volume = np.linalg.slogdet(precision)[1] / 2 + log_spread.sum(axis=-1)
        return Conditional(mean, precision, level + np.sum(pull * mean, axis=-1) / 2 - volume)

    def approximate(self, phi: Array, normals: Normals) -> Array:
        """Log posterior density of (mu, log spread) (..., k + m) by the approximations, up to a constant (...)."""
        parts = np.array_split(np.atleast_2d(phi), 1 + phi.size // CELLS)
        integrals = [self.conditional(part, normals).log_integral.sum(axis=-1) for part in parts]
        return np.asarray(self.log_prior(phi) + np.concatenate(integrals).reshape(phi.shape[:-1]))

    def weigh(self, phi: Array, normals: Normals, rng: np.random.Generator) -> tuple[float, Array]:
        """Log of an unbiased estimate of the posterior density of phi, and deviations (S, m) of the segments drawn given phi."""
        tried, log_density = _proposals(self.conditional(phi, normals), rng)
        joint = [self._log_joint(segment, phi, deviations) for segment, deviations in enumerate(tried)]
        log_ratio = np.array(joint) - log_density
        each = logsumexp(log_ratio, axis=1, keepdims=True)
        share = np.exp(log_ratio - each).cumsum(axis=1)
        picked = (rng.random((len(tried), 1)) * share[:, -1:] > share).sum(axis=1)
        return float(self.log_prior(phi) + np.sum(each - np.log(PROPOSALS))), tried[np.arange(len(tried)), picked]

    def _log_joint(self, segment: int, phi: Array, deviations: Array) -> Array:
        """Log-likelihood of a segment and log density of its deviations (p, m)."""
        mu, log_spread = phi[: self.k], phi[self.k :]
        free = np.tile(mu, (len(deviations), 1))
        free[:, self.which] += deviations
        base, columns = self.problem.model.base, self.columns[segment]  # type: ignore[attr-defined]
        likelihood = [float(self.counts[segment] @ base.values(np.exp(one)[None, :], *columns)) for one in free]
        z = deviations / np.exp(log_spread)
        constant = log_spread.sum() + log_spread.size * np.log(2 * np.pi) / 2
        return np.asarray(likelihood - 0.5 * np.sum(z**2, axis=1) - constant)


def _proposals(given: Conditional, rng: np.random.Generator) -> tuple[Array, Array]:
    """Student-t deviations of every segment (S, PROPOSALS, m), and their log densities (S, PROPOSALS)."""
    size, df = given.mean.shape, DEGREES_OF_FREEDOM
    z = rng.standard_normal((size[0], PROPOSALS, size[1]))
    tails = rng.chisquare(df, (size[0], PROPOSALS)) / df
    root = np.linalg.cholesky(given.precision)
    tried = (
        given.mean[:, None]
        + np.linalg.solve(root.transpose(0, 2, 1)[:, None], z[..., None])[..., 0] / np.sqrt(tails)[..., None]
    )
    constant = gammaln((df + size[1]) / 2) - gammaln(df / 2) - size[1] / 2 * np.log(df * np.pi)
    volume = np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)[:, None]
    return tried, constant + volume - (df + size[1]) / 2 * np.log1p(np.sum(z**2, axis=2) / tails / df)


def hierarchical(problem: Problem, *, draws: int, seed: int) -> Outcome:
    """Posterior draws of a pooled model: `draws` of equal weight in one chain; the caller judges their k-hat."""
    world = Hierarchy.of(problem)
    phi, covariance, normals = _mode(world)
    rng = np.random.default_rng([seed, 1])
    tried, rough = _drawn(world, phi, covariance, normals, int(OVERSAMPLING * draws), rng)
    weighed, deviations = _weighed(world, tried, normals, seed)
    fine = _weights(weighed - TEMPER * world.approximate(tried, normals))
    chosen = resample(fine.weights, draws, rng)
    spread = np.exp(tried[chosen, world.k :])
    in_spreads = (deviations[chosen] / spread[:, None, :]).transpose(0, 2, 1).reshape(draws, -1)
    theta = np.column_stack([np.exp(tried[chosen, : world.k]), spread, in_spreads])
    posterior = xr.Dataset({name: (("chain", "draw"), theta[None, :, j]) for j, name in enumerate(problem.priors)})
    ess = 1 / (1 / effective(rough.weights, draws) + 1 / effective(fine.weights, draws))
    return from_posterior(posterior, problem.coordinates, Diagnostics(k_hat=max(rough.k_hat, fine.k_hat), ess=ess))


class Weights(NamedTuple):
    """Importance weights that sum to one, and the k-hat of their tail."""

    weights: Array
    k_hat: float


def _weights(log_ratio: Array) -> Weights:
    log_weights, k_hat = smoothed(log_ratio)
    weights = np.exp(log_weights - log_weights.max())
    return Weights(weights / weights.sum(), k_hat)


def _drawn(
    world: Hierarchy, phi: Array, covariance: Array, normals: Normals, count: int, rng: np.random.Generator
) -> tuple[Array, Weights]:
    """Draws of (mu, log spread) (count, k + m) from the approximate posterior, and the weights that they were resampled with.

    The proposal learns from the weights of the one before: spreads have long tails, which the curvature at the top does not show.
    """
    for _ in range(LESSONS):
        proposal = stats.multivariate_t(phi, covariance, df=DEGREES_OF_FREEDOM)
        tried = proposal.rvs(size=CANDIDATES * count, random_state=rng).reshape(CANDIDATES * count, -1)
        found = _weights(TEMPER * world.approximate(tried, normals) - proposal.logpdf(tried))
        phi, covariance = found.weights @ tried, np.cov(tried.T, aweights=found.weights)
    return tried[resample(found.weights, count, rng)], found


def _mode(world: Hierarchy) -> tuple[Array, Array, Normals]:
    """Where the approximate posterior of (mu, log spread) is highest, its covariance there, and the segments' approximations."""
    phi = world.problem.centre[: world.k + world.which.size]
    spread = np.ones(world.k)
    normals = world.normals(phi[: world.k], spread)
    for _ in range(ROUNDS):
        phi = _top(world, phi, normals)
        spread[world.which] = np.exp(phi[world.k :])
        normals = world.normals(phi[: world.k], spread)
    return phi, _covariance(lambda at: float(world.approximate(at, normals)), phi), normals


def _top(world: Hierarchy, start: Array, normals: Normals) -> Array:
    def depth(phi: Array) -> float:
        return -float(world.approximate(phi, normals))

    with np.errstate(all="ignore"):
        return np.asarray(optimize.minimize(depth, start, method="BFGS", options={"gtol": 1e-3}).x)


def _covariance(height: Callable[[Array], float], phi: Array) -> Array:
    """Inverse curvature by differences; directions that hardly bend get the spread of a wide prior."""
    axes = np.eye(phi.size) * STEP
    bent = np.array([
        [(height(phi + a + b) - height(phi + a - b) - height(phi - a + b) + height(phi - a - b)) / (4 * STEP**2) for b in axes]
        for a in axes
    ])  # fmt: skip
    roots, sides = np.linalg.eigh(-(bent + bent.T) / 2)
    return np.asarray((sides / np.maximum(roots, 0.25)) @ sides.T)


def _weighed(world: Hierarchy, proposed: Array, normals: Normals, seed: int) -> tuple[Array, Array]:
    """Log weights (n,) and deviations (n, S, m) of proposals (n, k + m), in parallel; the same whatever the threads."""

    def block(start: int) -> list[tuple[float, Array]]:
        rng = np.random.default_rng([seed, 2, start])
        return [world.weigh(phi, normals, rng) for phi in proposed[start : start + BLOCK]]

    def done() -> Iterator[tuple[float, Array]]:
        starts = range(0, len(proposed), BLOCK)
        title = f"{world.problem.model.title}: weighing draws"
        with progress(title, total=len(starts)) as advance, ThreadPoolExecutor(THREADS) as pool:
            for part in pool.map(block, starts):
                yield from part
                advance()

    log_weights, deviations = zip(*done(), strict=True)
    return np.array(log_weights), np.array(deviations)
