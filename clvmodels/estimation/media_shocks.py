"""Whether whole regions move together on a day by more than exposures explain, and what that takes from their certainty.

A level of an exposure is shared by everybody in a region on a day, and so is a heat wave there: with few levels, thousands of
customers are no thousands of witnesses (Moulton1990). The residuals of each level are compared with what chance makes, after
regions and days; where they vary more, the data count for as much less on the exposure.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from clvmodels.estimation.media_laplace import Settled
from clvmodels.estimation.media_problem import MediaProblem, rows_by_medium
from clvmodels.model import Array
from clvmodels.numerics.groups import explained
from clvmodels.response.cells import Cells
from clvmodels.response.layout import Layout


def shocks(problem: MediaProblem, settled: Settled, cells: Cells, layout: Layout) -> dict[str, float]:
    """By exposure, the variance of residuals of region and day over that of chance; NaN where levels are not kept apart."""
    level = np.zeros(cells.medium.size, dtype=np.intp) if cells.level is None else cells.level
    if not cells.exposures or not level.any():
        return {term.medium: float("nan") for term in cells.exposures}
    level = level[_rows(cells, layout)]
    return {
        term.medium: _excess(*_by_level(problem, settled, term.own[level]), term.groups) for term in cells.exposures
    }


def _rows(cells: Cells, layout: Layout) -> np.ndarray:
    """Rows of the cells in the order of the problem's parts."""
    return np.concatenate([rows for _, rows in rows_by_medium(cells, layout)])


def _by_level(problem: MediaProblem, settled: Settled, level: np.ndarray) -> tuple[Array, Array]:
    """Sums of residuals and of their variance by chance (levels,)."""
    columns = []
    for part in problem.parts:
        chance = special.expit(part.logit(settled.top.theta))
        columns.append((part.successes - part.trials * chance, part.trials * chance * (1 - chance)))
    surprise, weight = (np.concatenate(column) for column in zip(*columns, strict=True))
    return np.bincount(level, surprise).astype(float), np.bincount(level, weight).astype(float)


def _excess(surprise: Array, weight: Array, groups: tuple[np.ndarray, ...]) -> float:
    there = np.flatnonzero(weight > 0)
    codes = [np.unique(one[there], return_inverse=True)[1] for one in groups]
    used = sum(int(one.max()) + 1 for one in codes) - (len(codes) - 1) + 1
    if there.size <= used:
        return float("nan")
    rest = explained(surprise[there] / weight[there], weight[there], codes).rest
    return float(weight[there] @ rest**2) / (there.size - used)


def widened(theta: Array, u: Array, layout: Layout, found: dict[str, float]) -> Array:
    """Posterior draws (draws, p) in which the data count for 1 / shocks of what they seem to tell of each exposure.

    With prior precision q and what the data tell, t = 1 / variance - q, the mean and the variance become those under t / shocks.
    """
    if "spread_exposures" not in layout.spreads:
        return theta
    theta, at = theta.copy(), range(*layout.blocks["spread_exposures"].indices(layout.size))
    prior = float(np.median(np.exp(-2 * u[:, layout.spreads.index("spread_exposures")])))
    for column, shock in zip(at, found.values(), strict=True):
        if shock > 1:
            mean, variance = float(theta[:, column].mean()), float(theta[:, column].var())
            told = max(1 / variance - prior, 0.0)
            less = 1 / (told / shock + prior)
            middle = mean * (less / shock) / variance if told else 0.0
            theta[:, column] = middle + np.sqrt(less / variance) * (theta[:, column] - mean)
    return theta
