"""How likely each customer is in each tier, by ranking all customers inside every joint draw without keeping the draws.

Two passes over the same simulation. The first counts, draw by draw, how many values fall into each of a few thousand bins; from
the counts follows the bin in which the boundary between two tiers lies, and which share of that bin is above it. The second looks
every value up.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvmodels.model import Array
from clvmodels.value.forecast import Forecast
from clvmodels.value.simulation import Block

BINS = 4096


class Memberships(NamedTuple):
    """Probability of each tier (n, tiers), and the simulated value of each tier in every joint draw (tiers, draws)."""

    probabilities: Array
    simulated: Array


class Cuts(NamedTuple):
    """Where the boundaries below the first, second, ... tier lie in each draw, each (boundaries, draws).

    `bin` is the bin that a boundary cuts, `above` the share of its customers that is above the boundary.
    """

    bin: NDArray[np.intp]
    above: Array


def memberships(forecast: Forecast, codes: NDArray[np.intp], tiers: int, *, by: str) -> Memberships:
    """Rank the customers in each draw and cut the ranking into tiers of the sizes that `codes` has.

    Parameters
    ----------
    codes
        Tier of each customer by her expected value, 0 the best (n,).
    by
        "ltv" or "potential".
    """
    edges = bin_edges(forecast, by)
    counts = counted(forecast, edges, by)
    sizes = np.bincount(codes, minlength=tiers)
    cuts = cuts_of(counts, np.cumsum(sizes)[:-1])

    def reduce(block: Block) -> tuple[NDArray[np.intp], Array, Array]:
        values = simulated_values(forecast, block, by)
        sums = np.zeros((tiers, values.shape[1]))
        np.add.at(sums, codes[block.rows], values)
        return block.rows, p_above(cuts, np.searchsorted(edges, values)), sums

    parts = forecast.simulation.play(reduce, description="Looking customers up in the tiers")
    above = np.zeros((codes.size, tiers + 1))
    above[:, -1] = 1.0
    for rows, chances, _ in parts:
        above[rows, 1:-1] = chances
    return Memberships(np.diff(above, axis=1), np.sum([sums for *_, sums in parts], axis=0))


def simulated_values(forecast: Forecast, block: Block, by: str) -> Array:
    """What each customer of a block will really be worth (customers, draws) [currency]."""
    _, simulated = forecast.valuation.measures(block)
    return simulated.potential if by == "potential" else simulated.realised + simulated.potential


def bin_edges(forecast: Forecast, by: str) -> Array:
    """Edges between bins, close where many values lie: quantiles of the customers' means and bounds [currency] (rising)."""
    known = forecast.customers[[f"{by}_lower", by, f"{by}_upper"]].to_numpy(dtype=float)
    return np.unique(np.quantile(known, np.linspace(0.0, 1.0, BINS - 1)))


def counted(forecast: Forecast, edges: Array, by: str) -> NDArray[np.int64]:
    """How many customers have a value in each bin, in every draw (draws, bins): bin j holds edges[j - 1] < value <= edges[j]."""
    draws, bins = forecast.simulation.draws, edges.size + 1
    counts, lock = np.zeros((draws, bins), dtype=np.int64), threading.Lock()

    def reduce(block: Block) -> None:
        cell = np.searchsorted(edges, simulated_values(forecast, block, by)) + bins * np.arange(draws)
        found = np.bincount(cell.ravel(), minlength=counts.size).reshape(counts.shape)
        with lock:
            np.add(counts, found, out=counts)

    forecast.simulation.play(reduce, description="Ranking customers in each draw")
    return counts


def cuts_of(counts: NDArray[np.int64], ends: NDArray[np.int64]) -> Cuts:
    """The cuts above which the best `ends` (boundaries,) customers lie in each draw.

    Examples
    --------
    >>> cuts_of(np.array([[2, 1, 4]]), np.array([1, 5]))
    Cuts(bin=array([[2],
           [1]]), above=array([[0.25],
           [1.  ]]))
    """
    reached = np.cumsum(counts[:, ::-1], axis=1)  # customers in this bin or a better one, the best bin first
    place = np.array([(reached >= end).argmax(axis=1) for end in ends], dtype=np.intp).reshape(ends.size, len(counts))
    draws = np.arange(len(counts))
    inside = counts[:, ::-1][draws, place]
    better = reached[draws, place] - inside
    return Cuts(counts.shape[1] - 1 - place, (ends[:, None] - better) / np.maximum(inside, 1))


def p_above(cuts: Cuts, bins: NDArray[np.intp]) -> Array:
    """Share of draws in which customers (rows, draws) are above each boundary (rows, boundaries)."""
    return np.column_stack(
        [np.mean((bins > cut) + (bins == cut) * share, axis=1) for cut, share in zip(cuts.bin, cuts.above, strict=True)]
    )
