"""Laplace with correction for media response: spreads by the marginal likelihood, coefficients given spreads, then weighed.

About the top the log-likelihood of the coefficients theta is nearly quadratic. With it in place of the likelihood, theta given the
spreads u is normal, and what is left of u when theta is integrated out is a formula. So u is drawn from that marginal posterior, and
theta given u from its normal; each draw is weighed by likelihood over its quadratic, weights are smoothed (see `laplace`), and
draws are resampled to equal weight: exact in the limit, with k-hat to vouch for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import optimize, stats

from clvmodels.coordinates import Coordinates
from clvmodels.estimation.laplace import DEGREES_OF_FREEDOM, OVERSAMPLING, effective, resample, smoothed
from clvmodels.estimation.media_problem import NUMBERS, MediaProblem, Slopes, Top
from clvmodels.estimation.mode import jacobian
from clvmodels.estimation.outcome import Diagnostics
from clvmodels.model import Array

ROUNDS = 25
"""Times the spreads are estimated anew, each where the last round found the coefficients."""
CLOSE = 0.02
"""Change of a log spread at which the rounds end."""
LESSONS = 2
"""Proposals of the spreads, the second wiser than the first."""
BORDER = 1e200
"""Corner of a matrix whose Cholesky root also solves for its last row; any number that is large enough."""
CANDIDATES = 2
"""Spreads proposed for each that is kept."""


class MediaDraws(NamedTuple):
    """Posterior draws: coefficients theta (draws, p), log spreads u (draws, k), and what vouches for them."""

    theta: Array
    u: Array
    diagnostics: Diagnostics


@dataclass(frozen=True)
class Quadratic:
    """The log-likelihood about a point: constant + pull'theta - theta'curvature theta / 2."""

    problem: MediaProblem
    constant: float
    pull: Array
    curvature: Array

    @classmethod
    def about(cls, problem: MediaProblem, theta: Array, slopes: Slopes) -> Quadratic:
        bent = problem.curvature(slopes)
        pull = slopes.gradient + bent @ theta
        return cls(problem, slopes.value - float(slopes.gradient @ theta) - float(theta @ bent @ theta) / 2, pull, bent)

    def at(self, theta: Array) -> Array:
        """Of theta (draws, p)."""
        return np.asarray(self.constant + theta @ self.pull - np.einsum("dp,dp->d", theta @ self.curvature, theta) / 2)

    def blocks(self, u: Array) -> list[Array]:
        """u (b, k) in pieces whose matrices fit into memory."""
        return np.array_split(u, 1 + u.shape[0] * self.pull.size**2 // NUMBERS)

    def _given(self, u: Array) -> tuple[Array, Array, Array]:
        """Prior precision (b, p), and precision (b, p, p) and its product with the mean (b, p) of theta given u."""
        precision = self.problem.precision(u)
        matrix = self.curvature + precision[:, :, None] * np.eye(self.pull.size)
        return precision, matrix, self.pull + precision * self.problem.prior_mean

    def marginal(self, u: Array) -> Array:
        """Log posterior density of u (b, k) with theta integrated out (b,)."""
        return np.concatenate([self._marginal(part) for part in self.blocks(u)])

    def _marginal(self, u: Array) -> Array:
        precision, matrix, right = self._given(u)
        p = self.pull.size
        bordered = np.zeros((len(u), p + 1, p + 1))
        bordered[:, :p, :p], bordered[:, p, :p] = matrix, right
        bordered[:, p, p] = BORDER
        root = np.linalg.cholesky(bordered)
        volume = np.log(precision).sum(axis=1) / 2 - np.log(np.diagonal(root, axis1=1, axis2=2)[:, :p]).sum(axis=1)
        height = np.sum(root[:, p, :p] ** 2, axis=1) - precision @ self.problem.prior_mean**2
        return np.asarray(self.constant + volume + height / 2 + self.problem.log_prior_of_spreads(u)[0])

    def drawn(self, u: Array, rng: np.random.Generator) -> Array:
        """One theta for each u (b, k): its mean given u plus noise of its precision, both solved for at once (b, p)."""
        half = self.problem.fixed_precision / 2
        roots, axes = np.linalg.eigh(self.curvature + np.diag(half))
        side = axes * np.sqrt(np.maximum(roots, 0.0))

        def block(part: Array) -> Array:
            precision, matrix, right = self._given(part)
            noise = rng.standard_normal(right.shape) @ side.T
            noise += rng.standard_normal(right.shape) * np.sqrt(precision - half)
            return np.asarray(np.linalg.solve(matrix, (right + noise)[..., None])[..., 0])

        return np.concatenate([block(part) for part in self.blocks(u)])

    def objective(self, u: Array) -> tuple[float, Array]:
        """Marginal at u (k,) and its gradient: half of prior variance against what is left of it, coefficient by coefficient."""
        _, [matrix], [right] = self._given(u[None])
        covariance = np.linalg.inv(matrix)
        second = np.diag(covariance) + (covariance @ right - self.problem.prior_mean) ** 2
        pooled = self.problem.pooled
        slope = np.exp(-2 * u) * (pooled @ second) - pooled.sum(axis=1)
        return float(self._marginal(u[None])[0]), slope + self.problem.log_prior_of_spreads(u)[1]


class Settled(NamedTuple):
    """Where spreads and coefficients agree: log spreads (k,), conditional top, the likelihood about it."""

    u: Array
    top: Top
    quadratic: Quadratic


def settle(problem: MediaProblem, *, start: Settled | None = None) -> Settled:
    """Spreads by the marginal likelihood and coefficients at their conditional mode, in turn until both stay.

    Raises
    ------
    ConvergenceError
        If the coefficients have no mode that can be found.
    """
    u = problem.start if start is None else start.u
    top = problem.top(u, problem.prior_mean if start is None else start.top.theta)
    for _ in range(ROUNDS):
        quadratic = Quadratic.about(problem, top.theta, top.slopes)
        before, u = u, _best(quadratic, u)
        top = problem.top(u, top.theta)
        if np.all(np.abs(u - before) < CLOSE):
            break
    return Settled(u, top, Quadratic.about(problem, top.theta, top.slopes))


def _best(quadratic: Quadratic, start: Array) -> Array:
    if not start.size:
        return start

    def depth(u: Array) -> tuple[float, Array]:
        value, slope = quadratic.objective(u)
        return -value, -slope

    bounds = [(at - 10.0, at + 10.0) for at in quadratic.problem.start]
    return np.asarray(optimize.minimize(depth, start, jac=True, method="L-BFGS-B", bounds=bounds).x)


def media_laplace(problem: MediaProblem, settled: Settled, *, draws: int, seed: int) -> MediaDraws:
    """Posterior draws of equal weight; the caller judges their k-hat."""
    rng = np.random.default_rng(seed)
    count = int(OVERSAMPLING * draws)
    u, rough, rough_k = _spreads(settled, count, rng)
    theta = settled.quadratic.drawn(u, rng)
    weights, k_hat = _weights(problem.log_likelihood_of_draws(theta) - settled.quadratic.at(theta))
    chosen = resample(weights, draws, rng)
    ess = 1 / (1 / effective(weights, draws) + (1 / effective(rough, count) if u.shape[1] else 0.0))
    diagnostics = Diagnostics(settled.top.decrement, settled.top.iterations, k_hat=max(k_hat, rough_k), ess=ess)
    return MediaDraws(theta[chosen], u[chosen], diagnostics)


def _weights(log_ratio: Array) -> tuple[Array, float]:
    log_weights, k_hat = smoothed(log_ratio)
    weights = np.exp(log_weights - log_weights.max())
    return weights / weights.sum(), k_hat


def _spreads(settled: Settled, count: int, rng: np.random.Generator) -> tuple[Array, Array, float]:
    """Draws of u (count, k) from its marginal, the weights they were resampled with and their k-hat."""
    u, marginal = settled.u, settled.quadratic.marginal
    if not u.size:
        return np.zeros((count, 0)), np.full(count, 1 / count), -np.inf
    curvature = -jacobian(settled.quadratic.objective, u)
    roots, axes = np.linalg.eigh(curvature)
    covariance = (axes / np.maximum(roots, 0.25)) @ axes.T
    for _ in range(LESSONS):
        proposal = stats.multivariate_t(u, covariance, df=DEGREES_OF_FREEDOM)
        tried = proposal.rvs(size=CANDIDATES * count, random_state=rng).reshape(CANDIDATES * count, -1)
        weights, k_hat = _weights(marginal(tried) - proposal.logpdf(tried))
        u, covariance = weights @ tried, np.atleast_2d(np.cov(tried.T, aweights=weights))
    return tried[resample(weights, count, rng)], weights, k_hat
