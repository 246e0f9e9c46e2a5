"""Predicted and actual by group of customers: by frequency, by tenth of the ranking."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.evaluation.scores import captured
from clvmodels.value.valuation import bounds_of

type Array = NDArray[np.float64]

TENTHS = np.arange(11) / 10


def group_means(codes: NDArray[np.intp], groups: int, values: Array) -> Array:
    """Mean of `values` (n,) in each group (groups,); NaN for a group of nobody."""
    held = np.bincount(codes, minlength=groups)
    return np.asarray(np.where(held > 0, np.bincount(codes, values, groups) / np.maximum(held, 1), np.nan))


def group_bounds(sums: Array, codes: NDArray[np.intp], *, interval: float) -> tuple[Array, Array]:
    """Predictive interval of the mean of each group from its sums in joint draws (groups, draws)."""
    held = np.maximum(np.bincount(codes, minlength=len(sums)), 1)
    lower, upper = bounds_of(sums, interval)
    return lower / held, upper / held


def tenths(actual: Array, predictions: Mapping[str, Array]) -> pd.DataFrame:
    """Each method's ranking cut into tenths of the customers, ties taken in part.

    Returns
    -------
    DataFrame by (method, decile), 1 the tenth predicted highest: predicted and actual mean per customer, cumulative_share of
    all actuals down to it [0 to 1]
    """
    rows = []
    for method, predicted in predictions.items():
        share = captured(actual, predicted, TENTHS)
        own = captured(predicted, predicted, TENTHS)
        means = {"predicted": np.diff(own) * 10 * predicted.mean(), "actual": np.diff(share) * 10 * actual.mean()}
        frame = pd.DataFrame(means)
        rows.append(frame.assign(method=method, decile=np.arange(1, 11), cumulative_share=share[1:]))
    return pd.concat(rows).set_index(["method", "decile"])
