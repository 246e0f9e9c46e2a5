"""Recency, frequency and monetary value: the classical scores of direct marketing."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

type Array = NDArray[np.float64]


class Rfm(NamedTuple):
    """Quintile codes (n,), whole numbers from 1 (the worst fifth) to 5 (the best)."""

    recency: Array
    frequency: Array
    monetary: Array

    @property
    def score(self) -> Array:
        """The unweighted sum of the three codes, 3 to 15."""
        return self.recency + self.frequency + self.monetary


def quintiles(values: ArrayLike) -> Array:
    """Fifths of customers by rising values: 1 to 5. Equal values get equal codes, so the fifths need not be of one size.

    Examples
    --------
    >>> quintiles([10, 20, 30, 50, 50]).tolist()
    [1.0, 2.0, 3.0, 4.0, 4.0]
    """
    numbers = np.asarray(values, dtype=float)
    order = np.sort(numbers)
    below = np.searchsorted(order, numbers, side="left")
    return np.floor(5.0 * below / numbers.size) + 1.0


def rfm(histories: Any) -> Rfm:
    """Codes of customers' time since the last purchase (the shorter the better), purchases, and mean amount.

    Parameters
    ----------
    histories
        `Histories` (n,); an unknown mean amount counts as zero.

    Returns
    -------
    Rfm

    Source: RFM analysis (crm_indicators, section D).

    Examples
    --------
    >>> from clvmodels.data.histories import Histories
    >>> from clvmodels.units import WEEK
    >>> two = Histories(["A", "B"], [2, 0], [30.0, 0.0], [38.0, 38.0], [20.0, 0.0], period=WEEK)
    >>> rfm(two).score.tolist()
    [9.0, 3.0]
    """
    money = np.nan_to_num(np.asarray(histories.monetary_value, dtype=float))
    return Rfm(quintiles(histories.recency - histories.T), quintiles(histories.frequency), quintiles(money))
