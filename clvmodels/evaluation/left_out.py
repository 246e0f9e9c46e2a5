"""Customers left out and time held out: what the posterior draws of a model say of data they have not seen.

Histories are distinct and stand for as many customers as their counts say. They are gone through in blocks, so that memory
does not grow with the number of draws.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp

from clvmodels.data.histories import Histories
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.history import picked
from clvmodels.model import Array, Model
from clvmodels.numerics.distinct import distinct
from clvmodels.units import Span

SAME = 1e-10
"""Range of the log-likelihood over the draws below which all draws say the same of a history."""
CELLS = 500_000
"""Draws times histories that a thread holds at once: bounds memory whatever the number of either."""
THREADS = 2


class LeftOut(NamedTuple):
    """What leaving one customer with each history out says (n,): log predictive density, effective parameters, Pareto k."""

    elpd: Array
    p_loo: Array
    k_hat: Array


def leave_one_out(log_likelihood: Array) -> LeftOut:
    """Predictive density of each history from the posterior without one customer who has it, by smoothed importance weights.

    Parameters
    ----------
    log_likelihood
        Of each history under each posterior draw (n, draws).

    Source: Vehtari, Gelman and Gabry 2017, Statistics and Computing 27(5), 1413-1432; smoothing of Vehtari2024. Where all
    draws agree there is nothing to weigh and k is 0; where the tail cannot be fitted k is infinite.
    """
    from arviz_stats.base import array_stats

    whole = logsumexp(log_likelihood, axis=1) - np.log(log_likelihood.shape[1])
    elpd, k_hat = whole.copy(), np.zeros(whole.size)
    vary = np.ptp(log_likelihood, axis=1) > SAME
    if vary.any():
        log_weights, k = array_stats.psislw(log_likelihood[vary])
        elpd[vary] = logsumexp(log_weights + log_likelihood[vary], axis=1)
        k_hat[vary] = np.where(np.isnan(k), np.inf, k)
    return LeftOut(elpd, whole - elpd, k_hat)


def pointwise(model: Model, theta: Array, columns: tuple[Array, ...], tables: tuple[NDArray[Any], ...] = ()) -> LeftOut:
    """`leave_one_out` of the columns that the model reads (n,), with its tables, under draws (draws, k), block by block."""

    def block(part: slice) -> LeftOut:
        rows = model.packed(tuple(column[part] for column in columns))
        return leave_one_out(np.column_stack([model.values(one[None, :], *rows, *tables) for one in theta]))

    return LeftOut(*in_blocks(block, columns[0].size, len(theta)))


class HeldOut(NamedTuple):
    """What a model says of purchases in the holdout, over all customers: log predictive probability, expected number."""

    log_score: float
    expected: float


def held_out(model: LatentAttrition, theta: Array, histories: Histories, purchases: Array, horizon: Span) -> HeldOut:
    """Log score and expectation of each customer's number of purchases (n,) within the horizon, under draws (draws, k)."""
    known = model.told_by_past(histories)
    _, counts, _, example = distinct((histories.frequency, histories.T, histories.recency, purchases, *known))
    draws = model.Theta(*theta.T[:, :, None])

    def block(part: slice) -> tuple[Array, Array]:
        history = picked(histories, example[part])
        chance = model.pmf(draws, history, n=purchases[example[part]], horizon=horizon)
        expected = model.expected_purchases(draws, history, horizon=horizon)
        return chance.mean(axis=0), expected.mean(axis=0)

    chance, expected = in_blocks(block, example.size, len(theta))
    with np.errstate(divide="ignore"):
        score = float(counts @ np.log(np.maximum(chance, 0.0)))
    return HeldOut(score, float(counts @ expected))


def stacking_weights(elpd: Array, counts: Array) -> Array:
    """Weights w (k,) on the simplex that maximise sum_i counts_i log(sum_k w_k exp(elpd_ik)), a concave function.

    Parameters
    ----------
    elpd
        Log predictive densities (n, k).
    counts
        Customers per row (n,).
    """
    size = elpd.shape[1]
    density, share = np.exp(elpd - elpd.max(axis=1, keepdims=True)), counts / counts.sum()

    def loss(w: Array) -> tuple[float, Array]:
        mixture = density @ w
        return -float(share @ np.log(mixture)), -(share / mixture) @ density

    simplex = {"type": "eq", "fun": lambda w: w.sum() - 1.0, "jac": lambda w: np.ones(size)}
    start, bounds, exact = np.full(size, 1 / size), [(1e-12, 1.0)] * size, {"ftol": 1e-13, "maxiter": 1000}
    found = minimize(loss, start, jac=True, method="SLSQP", bounds=bounds, constraints=simplex, options=exact)
    return np.asarray(found.x / found.x.sum())


def standard_error(values: Array, counts: Array) -> float:
    """Of the sum over customers of a value per history (n,), by its spread over customers."""
    n = counts.sum()
    return float(np.sqrt(counts @ (values - counts @ values / n) ** 2 * n / max(n - 1, 1)))


def in_blocks[Part: tuple[Array, ...]](block: Callable[[slice], Part], n: int, draws: int) -> list[Array]:
    """What `block` returns for slices of n rows, put together again, column by column."""
    step = max(1, CELLS // draws)
    with ThreadPoolExecutor(THREADS) as pool:
        parts = list(pool.map(block, [slice(start, start + step) for start in range(0, n, step)]))
    return [np.concatenate(column) for column in zip(*parts, strict=True)]
