"""Laplace with correction for media response: spreads and fatigue by the marginal likelihood, the rest given them, then weighed.

About the top the log-likelihood is nearly quadratic in the linear coefficients b and in the fatigue phi. With that quadratic in
place of the likelihood, b given the outer parameters v = (log spreads, log fatigue) is normal, and what is left of v when b is
integrated out is a formula. So v is drawn from that marginal posterior, and b given v from its normal; each draw is weighed by
likelihood over quadratic, weights are smoothed (see `laplace`), and draws are resampled to equal weight: exact in the limit, with
k-hat to vouch for it.

A quadratic that touches at the top is a poor guide far from it, where a medium with three contacts may be. Where weights do not
vouch for it, one takes its place whose slope and curvature are the posterior means of the likelihood's, found from draws in some
rounds: the condition that the normal approximation nearest to the posterior fulfils (Opper and Archambeau 2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import optimize, special, stats

from clvmodels.estimation.laplace import DEGREES_OF_FREEDOM, K_HAT_LIMIT, OVERSAMPLING, effective, resample, smoothed
from clvmodels.estimation.media_moves import log_ratio, moved
from clvmodels.estimation.media_problem import NUMBERS, MediaProblem, Slopes, Top, gram
from clvmodels.estimation.mode import jacobian
from clvmodels.estimation.outcome import Diagnostics
from clvmodels.model import Array

ROUNDS = 25
"""Times the spreads are estimated anew, each where the last round found the coefficients."""
CLOSE = 0.02
"""Change of a log spread at which the rounds end."""
LESSONS = (600, 600, 600)
"""Draws that proposals learn from."""
LEAST = 1000
"""Draws weighed at least: fewer cannot vouch for themselves."""
MOST_STEPS = 10
WIDER = 1.6
"""The proposals' covariance over that of the posterior: spreads have longer tails to the right than a normal."""
BORDER = 1e200
"""Corner of a matrix whose Cholesky root also solves for its last row; any number that is large enough."""
CANDIDATES = 3
"""Outer parameters proposed for each that is kept."""


class MediaDraws(NamedTuple):
    """Posterior draws: coefficients theta (draws, p), log spreads u (draws, k), and what vouches for them."""

    theta: Array
    u: Array
    diagnostics: Diagnostics


@dataclass(frozen=True)
class Quadratic:
    """The log-likelihood of psi = (b, phi) about a point: constant + pull'psi - psi'curvature psi / 2."""

    problem: MediaProblem
    constant: float
    pull: Array
    curvature: Array

    @classmethod
    def about(cls, problem: MediaProblem, theta: Array, slopes: Slopes) -> Quadratic:
        psi = problem.natural(theta)
        per = np.ones_like(psi)
        per[problem.linear :] = 1 / psi[problem.linear :]
        gradient, bent = per * slopes.gradient, per[:, None] * slopes.information * per
        return cls(
            problem, slopes.value - float(gradient @ psi) - float(psi @ bent @ psi) / 2, gradient + bent @ psi, bent
        )

    def learned(self, theta: Array, weights: Array) -> Quadratic:
        """The one with the mean slope and curvature of the likelihood over weighted draws theta (draws, p)."""
        psi, columns = self.problem.natural(theta), np.ascontiguousarray(theta.T)
        middle = weights @ psi
        gradient, bent = np.zeros_like(middle), np.zeros_like(self.curvature)
        for part in self.problem.parts:
            chance = special.expit(part.logit(columns))
            design = np.hstack([part.linear, -part.stock])
            gradient[part.where] += design.T @ (part.successes - part.trials * (chance @ weights))
            bent[np.ix_(part.where, part.where)] += gram(design, part.trials * ((chance * (1 - chance)) @ weights))
        return Quadratic(self.problem, 0.0, gradient + bent @ middle, bent)

    def at(self, theta: Array) -> Array:
        """Of theta (draws, p)."""
        psi = self.problem.natural(theta)
        return np.asarray(self.constant + psi @ self.pull - np.einsum("dp,dp->d", psi @ self.curvature, psi) / 2)

    def blocks(self, v: Array) -> list[Array]:
        """v (n, k) in pieces whose matrices fit into memory."""
        return np.array_split(v, 1 + v.shape[0] * self.pull.size**2 // NUMBERS)

    def _given(self, v: Array) -> tuple[Array, Array, Array]:
        """Prior precision of b (n, q) given v, and its precision (n, q, q) and the product of that with its mean (n, q)."""
        q, spreads = self.problem.linear, self.problem.start.size
        precision = self.problem.precision(v[:, :spreads])[:, :q]
        matrix = np.tile(self.curvature[:q, :q], (len(v), 1, 1))
        matrix[:, np.arange(q), np.arange(q)] += precision
        right = (
            self.pull[:q] - np.exp(v[:, spreads:]) @ self.curvature[q:, :q] + precision * self.problem.prior_mean[:q]
        )
        return precision, matrix, right

    def marginal(self, v: Array) -> Array:
        """Log posterior density of v (n, k) with b integrated out (n,)."""
        return np.concatenate([self._marginal(part) for part in self.blocks(v)])

    def _marginal(self, v: Array) -> Array:
        precision, matrix, right = self._given(v)
        q, phi = self.problem.linear, np.exp(v[:, self.problem.start.size :])
        bordered = np.zeros((len(v), q + 1, q + 1))
        bordered[:, :q, :q], bordered[:, q, :q] = matrix, right
        bordered[:, q, q] = BORDER
        root = np.linalg.cholesky(bordered)
        volume = np.log(precision).sum(axis=1) / 2 - np.log(np.diagonal(root, axis1=1, axis2=2)[:, :q]).sum(axis=1)
        height = np.sum(root[:, q, :q] ** 2, axis=1) - precision @ self.problem.prior_mean[:q] ** 2
        tired = phi @ self.pull[q:] - np.einsum("np,np->n", phi @ self.curvature[q:, q:], phi) / 2
        return np.asarray(self.constant + volume + height / 2 + tired + self.problem.log_prior_of_outer(v)[0])

    def drawn(self, v: Array, rng: np.random.Generator) -> Array:
        """One theta for each v (n, k): b is normal given v (n, p)."""
        middle, _, noise = self.means_and_noise(v, v, rng)
        return np.hstack([middle + noise, v[:, self.problem.start.size :]])

    def means_and_noise(self, v: Array, other: Array, rng: np.random.Generator) -> tuple[Array, Array, Array]:
        """Mean of b given v, given another v with the same spreads, and noise of its covariance; each (n, q)."""
        roots, axes = np.linalg.eigh(self.curvature[: self.problem.linear, : self.problem.linear])
        side = axes * np.sqrt(np.maximum(roots, 0.0))

        def block(here: Array, there: Array) -> Array:
            precision, matrix, right = self._given(here)
            noise = rng.standard_normal(right.shape) @ side.T + rng.standard_normal(right.shape) * np.sqrt(precision)
            return np.linalg.solve(matrix, np.stack([right, self._given(there)[2], noise], axis=-1))

        found = np.concatenate([block(*pair) for pair in zip(self.blocks(v), self.blocks(other), strict=True)])
        return found[..., 0], found[..., 1], found[..., 2]

    def objective(self, v: Array) -> tuple[float, Array]:
        """Marginal at v (k,) and its gradient: half of prior variance against what is left of it, coefficient by coefficient."""
        _, [matrix], [right] = self._given(v[None])
        q, spreads, pooled = self.problem.linear, self.problem.start.size, self.problem.pooled[:, : self.problem.linear]
        covariance = np.linalg.inv(matrix)
        mean, phi = covariance @ right, np.exp(v[spreads:])
        second = np.diag(covariance) + (mean - self.problem.prior_mean[:q]) ** 2
        by_spread = np.exp(-2 * v[:spreads]) * (pooled @ second) - pooled.sum(axis=1)
        by_phi = self.pull[q:] - self.curvature[q:, q:] @ phi - self.curvature[q:, :q] @ mean
        slope = np.concatenate([by_spread, phi * by_phi])
        return float(self._marginal(v[None])[0]), slope + self.problem.log_prior_of_outer(v)[1]


class Settled(NamedTuple):
    """Where outer parameters and coefficients agree: v (k,), conditional top given its spreads, the likelihood about it."""

    v: Array
    top: Top
    quadratic: Quadratic


def settle(problem: MediaProblem, *, start: Settled | None = None) -> Settled:
    """Outer parameters by the marginal likelihood and coefficients at their conditional mode, in turn until both stay.

    Raises
    ------
    ConvergenceError
        If the coefficients have no mode that can be found.
    """
    spreads = problem.start.size
    u = problem.start if start is None else start.v[:spreads]
    top = problem.top(u, problem.prior_mean if start is None else start.top.theta)
    for _ in range(ROUNDS):
        quadratic = Quadratic.about(problem, top.theta, top.slopes)
        before, v = u, _best(quadratic, np.concatenate([u, top.theta[problem.linear :]]))
        u = v[:spreads]
        if np.all(np.abs(u - before) < CLOSE):
            break
        top = problem.top(u, top.theta)
    return Settled(v, top, quadratic)


def _best(quadratic: Quadratic, start: Array) -> Array:
    if not start.size:
        return start

    def depth(v: Array) -> tuple[float, Array]:
        value, slope = quadratic.objective(v)
        return -value, -slope

    bounds = [(at - 10.0, at + 10.0) for at in quadratic.problem.outer_start]
    return np.asarray(optimize.minimize(depth, start, jac=True, method="L-BFGS-B", bounds=bounds).x)


def media_laplace(problem: MediaProblem, settled: Settled, *, draws: int, seed: int) -> MediaDraws:
    """Posterior draws of equal weight; the caller judges their k-hat."""
    rng, count = np.random.default_rng(seed), max(LEAST, int(OVERSAMPLING * draws))
    quadratic, proposal = settled.quadratic, _first(settled)
    for size in LESSONS:
        v, _ = _outer(quadratic, proposal, size, rng)
        proposal = Proposal.of(v, np.full(size, 1 / size))
    v, theta, weights = _drawn(quadratic, proposal, count, rng)
    if weights.k_hat > K_HAT_LIMIT:
        v, theta, weights = _far_from_normal(quadratic, proposal, count, rng)
    chosen = resample(weights.weights, draws, rng)
    ess = 1 / (1 / effective(weights.weights, draws) + 1 / weights.before)
    diagnostics = Diagnostics(settled.top.decrement, settled.top.iterations, k_hat=weights.k_hat, ess=ess)
    return MediaDraws(theta[chosen], v[chosen, : problem.start.size], diagnostics)


def _far_from_normal(
    quadratic: Quadratic, proposal: Proposal, count: int, rng: np.random.Generator
) -> tuple[Array, Array, Weights]:
    """Draws and weights by a quadratic that has learned, taken in steps where one would be too long."""
    for size in (*LESSONS, count):
        v, theta, weights = _drawn(quadratic, proposal, size, rng)
        if weights.k_hat > K_HAT_LIMIT:
            v, theta, weights = _in_steps(quadratic, v, theta, weights, rng)
        quadratic, proposal = quadratic.learned(theta, weights.weights), Proposal.of(v, weights.weights)
    return v, theta, weights


def _in_steps(
    quadratic: Quadratic, v: Array, theta: Array, whole: Weights, rng: np.random.Generator
) -> tuple[Array, Array, Weights]:
    """Draws whose weights have been taken in so many steps that each is short, with moves between, and their k-hat."""
    steps = min(MOST_STEPS, 2 + int(np.ceil(4 * min(whole.k_hat, MOST_STEPS))))
    ratio, before, k_hat = log_ratio(quadratic, theta), whole.before, whole.rough
    for step in range(1, steps + 1):
        found = _weights(ratio / steps)
        k_hat, before = max(k_hat, found.k_hat), 1 / (1 / before + 1 / effective(found.weights, len(v)))
        chosen = resample(found.weights, len(v), rng)
        v, theta, ratio = moved(quadratic, v[chosen], theta[chosen], step / steps, rng)
    return v, theta, Weights(np.full(len(v), 1 / len(v)), k_hat, before, whole.rough)


class Weights(NamedTuple):
    """Weights that sum to one, the largest k-hat so far, how many draws those before weighing are worth, and their k-hat."""

    weights: Array
    k_hat: float
    before: float = np.inf
    rough: float = -np.inf


class Proposal(NamedTuple):
    """Mean (k,) and covariance (k, k) of outer parameters."""

    mean: Array
    covariance: Array

    @classmethod
    def of(cls, v: Array, weights: Array) -> Proposal:
        """From weighted draws (n, k)."""
        off = v - weights @ v
        return cls(weights @ v, (off * weights[:, None]).T @ off)


def _first(settled: Settled) -> Proposal:
    """About the top of the marginal; directions that hardly bend get the spread of a wide prior."""
    if not settled.v.size:
        return Proposal(settled.v, np.zeros((0, 0)))
    roots, axes = np.linalg.eigh(-jacobian(settled.quadratic.objective, settled.v))
    return Proposal(settled.v, (axes / np.maximum(roots, 0.25)) @ axes.T)


def _drawn(
    quadratic: Quadratic, proposal: Proposal, count: int, rng: np.random.Generator
) -> tuple[Array, Array, Weights]:
    """Draws of v (count, k) and theta (count, p) by the quadratic, and the weights that make them the posterior's."""
    v, rough = _outer(quadratic, proposal, count, rng)
    theta = quadratic.drawn(v, rng)
    fine = _weights(log_ratio(quadratic, theta))
    return v, theta, Weights(fine.weights, max(rough.k_hat, fine.k_hat), rough.before, rough.k_hat)


def _weights(log_ratio: Array) -> Weights:
    log_weights, k_hat = smoothed(log_ratio)
    weights = np.exp(log_weights - log_weights.max())
    return Weights(weights / weights.sum(), k_hat)


def _outer(quadratic: Quadratic, proposal: Proposal, count: int, rng: np.random.Generator) -> tuple[Array, Weights]:
    """Draws of v (count, k) from its marginal; the k-hat and the worth of the weights that they were resampled with."""
    k = proposal.mean.size
    if not k:
        return np.zeros((count, 0)), Weights(np.full(count, 1 / count), -np.inf)
    student = stats.multivariate_t(proposal.mean, WIDER * proposal.covariance, df=DEGREES_OF_FREEDOM)
    tried = student.rvs(size=CANDIDATES * count, random_state=rng).reshape(CANDIDATES * count, k)
    found = _weights(quadratic.marginal(tried) - student.logpdf(tried))
    return tried[resample(found.weights, count, rng)], Weights(
        found.weights, found.k_hat, effective(found.weights, count)
    )
