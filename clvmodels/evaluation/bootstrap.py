"""Paired bootstrap: how scores of several predictions differ, had other customers of the same kind been observed.

Customers are drawn with replacement, the same ones for every prediction, and every score is computed afresh, ranks included.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

type Array = NDArray[np.float64]

BLOCK_CELLS = 500_000
"""Resamples times customers held at once."""


def resampled(
    actual: Array, predicted: Array, losses: Mapping[str, Array], *, resamples: int, seed: int
) -> dict[str, Array]:
    """Scores of each prediction in each resample of the customers.

    Parameters
    ----------
    actual
        What customers did (n,).
    predicted
        Predictions (methods, n).
    losses
        Losses per customer by name, each (methods, n); their scores are means.
    resamples, seed
        How many resamples; the seed that makes them.

    Returns
    -------
    arrays (resamples, methods): the mean of every loss, "abs_bias" and "spearman"
    """
    n, methods = len(actual), len(predicted)
    columns = np.vstack([actual[None], predicted, *losses.values()])
    order = np.lexsort(
        columns[: methods + 1]
    )  # the order of the rows does not matter, and neighbours are read together
    columns = np.ascontiguousarray(columns[:, order].T)
    series = [Ranked(values) for values in columns[:, : methods + 1].T]
    sums, orders = [], []
    for weights in _weights(n, resamples, seed):
        sums.append(weights @ columns)
        orders += [_spearman(series, row) for row in weights]
    found = np.vstack(sums)
    total, rest = found[:, :1], found[:, 1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        out = {"abs_bias": np.abs(rest[:, :methods] / total - 1)}
    for k, name in enumerate(losses, start=1):
        out[name] = rest[:, k * methods : (k + 1) * methods] / n
    return out | {"spearman": np.array(orders)}


class Ranked:
    """Values as codes of their distinct sizes, so that ranks under any weights take one pass."""

    def __init__(self, values: Array) -> None:
        distinct, code = np.unique(values, return_inverse=True)
        self.code, self.size = code, len(distinct)

    def centred(self, weights: Array) -> tuple[Array, float]:
        """Mid-rank of every customer less the mean rank (n,), and their sum of squares, both under the weights."""
        held = np.bincount(self.code, weights, self.size)
        below: Array = np.cumsum(held, dtype=float)
        ranks = below - 0.5 * (held + below[-1])
        return ranks[self.code], _dot(held * ranks, ranks)


def _spearman(series: list[Ranked], weights: Array) -> list[float]:
    actual, spread = series[0].centred(weights)
    held = weights * actual
    out = []
    for ranked in series[1:]:
        ranks, own = ranked.centred(weights)
        both = spread * own
        out.append(_dot(held, ranks) / both**0.5 if both > 0 else (0.0 if spread > 0 else np.nan))
    return out


def _dot(a: Array, b: Array) -> float:
    """Sum of products without BLAS, whose threads cost more than so short a sum."""
    return float(np.einsum("i,i->", a, b))


def _weights(n: int, resamples: int, seed: int) -> Iterator[Array]:
    """How often each customer is drawn, in blocks (some resamples, n)."""
    rng = np.random.default_rng([seed, 0xB007])
    size = max(1, BLOCK_CELLS // n)
    for start in range(0, resamples, size):
        rows = min(size, resamples - start)
        yield np.array([np.bincount(rng.integers(n, size=n), minlength=n) for _ in range(rows)], dtype=float)
