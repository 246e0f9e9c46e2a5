"""Posterior draws of models in which some parameters are normal about zero with a scale that is learnt: walks and frailties.

In the coordinates of search such a posterior is a funnel that no normal fits. Given the scales, though, it is nearly normal in
the effects themselves. So the log-likelihood is expanded to second order where it and the prior given the scales are highest,
for some values of the scales; that leaves an approximate posterior of the scales with everything else integrated out, which is
tabulated (Rue, Martino and Chopin 2009). Scales are drawn from the table, effects given the scales from their normal (a Student-t
with many degrees of freedom), and draws are weighed by the real posterior (see `laplace`): exact in the limit, with k-hat to
vouch for them.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import linalg, optimize, stats
from scipy.interpolate import RegularGridInterpolator
from scipy.special import logsumexp

from clvmodels.estimation.laplace import (
    CENTRES,
    DEGREES_OF_FREEDOM,
    K_HAT_GOOD,
    OVERSAMPLING,
    effective,
    resample,
    smoothed,
)
from clvmodels.estimation.latent_expansion import Expansion, Latent
from clvmodels.estimation.outcome import Diagnostics, Outcome, from_posterior
from clvmodels.estimation.problem import BLOCK, THREADS, Problem
from clvmodels.model import Array
from clvmodels.progress import progress

ROUNDS = 3
"""Times the expansion is made anew, each where the last round found the scales."""
APART = 1.2
"""Distance between expansions, in standard deviations of the log scales."""
REACH, KNOTS = 6.0, {1: 41, 2: 17}
"""The table of the scales: standard deviations either way, and knots per scale."""
LEAST_DRAWS = 1000
"""Draws weighed at least: fewer cannot vouch for themselves."""
BATCHES, WORTH = 4, 0.4
"""Proposals are made again until they are worth this share of the draws, so many times at most."""
CANDIDATES = 8
"""Scales proposed for each that is kept."""
LEAST, MOST = 0.15, 2.5
"""Bounds on the standard deviation of a log scale, as the curvature at the top tells it."""


class Table(NamedTuple):
    """The approximate posterior of the log scales: middle, standard deviations, log density by interpolation, expansions."""

    middle: Array
    spread: Array
    log_density: RegularGridInterpolator
    about: list[tuple[Array, Expansion]]

    def nearest(self, phi: Array) -> Expansion:
        return self.about[int(np.argmin([np.sum(((phi - at) / self.spread) ** 2) for at, _ in self.about]))][1]


class _Proposed(NamedTuple):
    """Proposals: log scales (m, g), the rest (m, d), log of posterior over proposal (m,)."""

    phi: Array
    x: Array
    log_ratio: Array

    def joined(self, more: _Proposed) -> _Proposed:
        return _Proposed(*(np.concatenate(pair) for pair in zip(self, more, strict=True)))


def latent(problem: Problem, *, draws: int, seed: int) -> Outcome:
    """Posterior draws of a model with `groups`: `draws` of equal weight in one chain; the caller judges their k-hat."""
    world = Latent(problem)
    rng = np.random.default_rng([seed, 1])
    table = _tabulated(world)
    count = max(LEAST_DRAWS, int(OVERSAMPLING * draws))
    found: _Proposed | None = None
    base: _Base | None = None
    for batch in range(BATCHES):
        phi, rough = _scales(table, count, rng)
        x, log_proposed = _rest(world, table, phi, rng, base)
        more = _Proposed(phi, x, _log_posterior(world, phi, x) - log_proposed)
        # what the first batch taught the second does better
        found = more if found is None or batch == 1 else found.joined(more)
        log_weights, k_hat = smoothed(found.log_ratio)
        weights = np.exp(log_weights - log_weights.max())
        weights /= weights.sum()
        worth = 1 / np.sum(weights**2)
        if not np.isfinite(k_hat) or (worth >= WORTH * draws and k_hat <= K_HAT_GOOD):
            break
        base = _Base.learnt(found, weights, world.member < 0, rng) if batch == 0 else base
    assert found is not None, "there is a first batch"
    chosen = resample(weights, draws, rng)
    u = _as_u(world, found.phi[chosen], found.x[chosen])
    theta = problem.coordinates.theta(u)
    posterior = xr.Dataset({name: (("chain", "draw"), theta[None, :, j]) for j, name in enumerate(problem.priors)})
    ess = 1 / (1 / effective(rough, draws) + 1 / effective(weights, draws))
    return from_posterior(posterior, problem.coordinates, Diagnostics(k_hat=k_hat, ess=ess))


def _as_u(world: Latent, phi: Array, x: Array) -> Array:
    """Coordinates of the search (m, k) from log scales and the rest."""
    u = np.empty((len(x), world.problem.centre.size))
    u[:, world.rest] = np.where(world.member < 0, x, x * np.exp(-phi[:, world.member]))
    u[:, world.scales] = phi
    return u


def _tabulated(world: Latent) -> Table:
    start = np.where(world.member < 0, world.problem.centre[world.rest], 0.0)
    middle = world.problem.centre[world.scales]
    expansion = world.climb(start, middle)
    spread = np.ones(middle.size)
    for _ in range(ROUNDS):
        middle, spread = _top(world, middle, expansion)
        expansion = world.climb(expansion.at, middle, expansion.curvature)
    expansion = world.bent(expansion)
    about = []
    for offsets in itertools.product((0.0, -APART, APART, -2 * APART, 2 * APART), repeat=middle.size):
        if np.count_nonzero(offsets) < 2:
            at = middle + np.array(offsets) * spread
            there = world.climb(expansion.at, at, expansion.curvature) if any(offsets) else expansion
            about.append((at, world.bent(there) if any(offsets) else there))
    axes = [m + s * np.linspace(-REACH, REACH, KNOTS[min(middle.size, 2)]) for m, s in zip(middle, spread, strict=True)]
    found = Table(middle, spread, None, about)
    heights = np.array([_marginal(world, np.array(at), found.nearest(np.array(at))) for at in itertools.product(*axes)])
    grid = heights.reshape([axis.size for axis in axes])
    return found._replace(log_density=RegularGridInterpolator(axes, grid, bounds_error=False, fill_value=None))


def _marginal(world: Latent, phi: Array, about: Expansion) -> float:
    return world.log_prior(phi) + world.given(phi, about).log_integral


def _top(world: Latent, start: Array, about: Expansion) -> tuple[Array, Array]:
    """Where the approximate posterior of the log scales is highest, and its standard deviations there."""

    def depth(phi: Array) -> float:
        return -_marginal(world, phi, about)

    found = optimize.minimize(depth, start, method="Nelder-Mead", options={"xatol": 0.01, "fatol": 0.001}).x
    step = 0.1
    bent = [(depth(found + e) + depth(found - e) - 2 * depth(found)) / step**2 for e in np.eye(found.size) * step]
    return found, np.clip(1 / np.sqrt(np.maximum(bent, 1e-6)), LEAST, MOST)


def _scales(table: Table, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Log scales (count, g) drawn from the table, and the weights that they were resampled with."""
    middle, covariance = table.middle, np.diag(table.spread**2)
    for _ in range(2):
        proposal = stats.multivariate_t(middle, covariance, df=DEGREES_OF_FREEDOM)
        tried = proposal.rvs(size=CANDIDATES * count, random_state=rng).reshape(CANDIDATES * count, -1)
        log_weights = table.log_density(tried) - proposal.logpdf(tried)
        weights = np.exp(log_weights - log_weights.max())
        weights /= weights.sum()
        middle, covariance = weights @ tried, np.atleast_2d(np.cov(tried.T, aweights=weights))
    return tried[resample(weights, count, rng)], weights


class _Base(NamedTuple):
    """Where what has no group is proposed: Student-t about each of some draws (c, b) of it, with a covariance."""

    centres: Array
    covariance: Array

    @classmethod
    def learnt(cls, found: _Proposed, weights: Array, base: NDArray[np.bool_], rng: np.random.Generator) -> _Base:
        x = found.x[:, base]
        return cls(x[resample(weights, CENTRES, rng)], np.atleast_2d(np.cov(x.T, aweights=weights)))

    def drawn(self, count: int, rng: np.random.Generator) -> tuple[Array, Array]:
        """Draws (count, b) and their log densities."""
        part = stats.multivariate_t(np.zeros(len(self.covariance)), self.covariance, df=DEGREES_OF_FREEDOM)
        noise = part.rvs(size=count, random_state=rng).reshape(count, -1)
        x = self.centres[rng.integers(len(self.centres), size=count)] + noise
        return x, logsumexp([part.logpdf(x - centre) for centre in self.centres], axis=0) - np.log(len(self.centres))


def _rest(
    world: Latent, table: Table, phi: Array, rng: np.random.Generator, base: _Base | None = None
) -> tuple[Array, Array]:
    """x (n, d) drawn given each phi, and the log density of both in the proposal, up to a constant.

    What has no group is drawn first, with heavy tails or from `base`; the effects given it, which are nearly normal.
    """
    d = int(np.sum(world.member >= 0))
    own = world.rest.size - d
    z, tails = rng.standard_normal((len(phi), d + own)), max(DEGREES_OF_FREEDOM, 2 * d)
    z[:, :d] /= np.sqrt(rng.chisquare(tails, (len(phi), 1)) / tails)
    z[:, d:] /= np.sqrt(rng.chisquare(DEGREES_OF_FREEDOM, (len(phi), 1)) / DEGREES_OF_FREEDOM)
    log_density = np.asarray(table.log_density(phi)) - (tails + d) / 2 * np.log1p((z[:, :d] ** 2).sum(axis=1) / tails)
    learnt, log_learnt = (None, None) if base is None else base.drawn(len(phi), rng)
    x = np.empty_like(z)
    for i, at in enumerate(phi):
        given = world.given(at, table.nearest(at))
        log_density[i] += np.log(np.diag(given.root)[:d]).sum()
        if learnt is None or log_learnt is None:
            log_density[i] += np.log(np.diag(given.root)[d:]).sum()
            log_density[i] -= (DEGREES_OF_FREEDOM + own) / 2 * np.log1p(z[i, d:] @ z[i, d:] / DEGREES_OF_FREEDOM)
        else:
            z[i, d:] = given.root[d:, d:].T @ (learnt[i] - given.mean[d:])
            log_density[i] += log_learnt[i]
        x[i] = given.mean + linalg.solve_triangular(given.root, z[i], lower=True, trans="T")
    return x, log_density


def _log_posterior(world: Latent, phi: Array, x: Array) -> Array:
    """Log posterior density of (phi, x), up to a constant, in parallel."""
    inside = world.member >= 0
    scaled = x[:, inside] * np.exp(-phi[:, world.member[inside]])
    prior = -0.5 * np.sum(scaled**2, axis=1) - phi[:, world.member[inside]].sum(axis=1)
    prior += sum(world.priors[j].log_density(v) for j, v in zip(world.scales, phi.T, strict=True))
    for j in np.flatnonzero(~inside):
        prior += world.priors[world.rest[j]].log_density(x[:, j])
    u = np.zeros((len(x), world.problem.centre.size))
    u[:, world.rest] = x
    thetas = world.problem.coordinates.theta(u)
    blocks = np.array_split(thetas, max(1, len(thetas) // BLOCK))

    def likelihood(block: Array) -> list[float]:
        return [world.problem.log_likelihood_at(theta) for theta in block]

    def done() -> Iterator[float]:
        title = f"{world.problem.model.title}: weighing draws"
        with progress(title, total=len(blocks)) as advance, ThreadPoolExecutor(THREADS) as pool:
            for part in pool.map(likelihood, blocks):
                yield from part
                advance()

    return np.asarray(np.array(list(done())) + prior)
