"""Whether predicted chances of leaving mean what they say: by tenths of the customers, those least likely to leave first."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.evaluation.survival_scores import share_there
from clvmodels.model import Array

GROUPS = 10


def tenths(values: Array, weights: Array) -> NDArray[np.intp]:
    """Ten groups of customers in the order of a value, equal values together; fewer where there are few values (n,)."""
    _, code = np.unique(np.round(values, 12), return_inverse=True)
    held = np.bincount(code, weights)
    place = np.minimum(((np.cumsum(held) - held / 2) / held.sum() * GROUPS).astype(np.intp), GROUPS - 1)
    return np.unique(place, return_inverse=True)[1][code]


def by_tenth(
    time: Array, event: Array, predicted: Array, horizon: float, weights: Array, redrawn: Array, *, tail: float
) -> pd.DataFrame:
    """Predicted and observed share that leaves within the horizon by tenth of the prediction, with bootstrap limits.

    Parameters
    ----------
    time, event, weights
        As in `survival_scores` (n,).
    predicted
        Chance of leaving within the horizon (n,).
    redrawn
        How often each customer was drawn (resamples, n).
    tail
        Probability outside either limit.

    Returns
    -------
    DataFrame by tenth (1, 2, ...): customers, predicted, left, lower, upper; NaN where nobody was followed so long
    """
    group, rows = tenths(predicted, weights), {}
    for g in range(int(group.max()) + 1):
        own = group == g
        mean = float(np.average(predicted[own], weights=weights[own]))
        reached = bool(np.any(time[own] >= horizon)) or bool(event[own].all())
        drawn = np.array([_left(time[own], event[own], horizon, weight[own]) for weight in redrawn])
        left = _left(time[own], event[own], horizon, weights[own])
        low, high = np.nanquantile(drawn, [tail, 1 - tail])
        known = [left, low, high] if reached else [np.nan] * 3
        rows[g + 1] = [float(weights[own].sum()), mean, *known]
    columns = ["customers", "predicted", "left", "lower", "upper"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("tenth")


def _left(time: Array, event: Array, horizon: float, weight: Array) -> float:
    if weight.sum() == 0:
        return np.nan
    return 1.0 - float(share_there(time, event, np.array([horizon]), weight)[0])
