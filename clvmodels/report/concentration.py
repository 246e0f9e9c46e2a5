"""How much of the value few customers hold."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clvmodels.model import Array


def share_of_value(values: pd.Series | Array) -> Array:
    """Share of the total held by the best k of n customers, k = 0..n (n + 1,); the last is 1.

    Examples
    --------
    >>> share_of_value(np.array([1.0, 6.0, 3.0])).tolist()
    [0.0, 0.6, 0.9, 1.0]
    """
    best_first = np.sort(np.asarray(values, dtype=float))[::-1]
    return np.concatenate([[0.0], np.cumsum(best_first) / best_first.sum()])


def customers_with_half(values: pd.Series | Array) -> int:
    """The fewest customers who together hold half of the total.

    Examples
    --------
    >>> customers_with_half(np.array([1.0, 6.0, 3.0]))
    1
    """
    return int(np.argmax(share_of_value(values) >= 0.5))
