"""Shares of a whole in tables, each with Wilson's interval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.data.kaplan_meier import wilson
from clvmodels.metrics.ratios import part_of

if TYPE_CHECKING:
    import pandas as pd


class Share(NamedTuple):
    """A share and the bounds of its interval, each an array of fractions; NaN where the whole is nothing."""

    share: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


def wilson_interval(*, part: ArrayLike, whole: ArrayLike, interval: float = 0.95) -> Share:
    """Any rate of this package with Wilson's interval: how many of how many.

    Parameters
    ----------
    part, whole
        Counts, the part at most the whole (n,). For weights of a currency there is no such interval.
    interval
        Probability, 0 to 1.

    Returns
    -------
    Share, fractions (n,); NaN where the whole is zero

    Raises
    ------
    ClvError
        A part is more than its whole.

    Source: Wilson1927.

    Examples
    --------
    >>> found = wilson_interval(part=[9, 0], whole=[10, 0])
    >>> [bounds.round(4).tolist() for bounds in found]
    [[0.9, nan], [0.5958, nan], [0.9821, nan]]
    """
    some, all_ = (np.atleast_1d(numbers) for numbers in part_of(part, whole, "part", "whole"))
    there = all_ > 0
    found = np.full((3, *all_.shape), np.nan)
    found[0, there] = some[there] / all_[there]
    found[1:, there] = wilson(found[0, there], all_[there], interval=interval)
    return Share(*found)


def add_share(table: pd.DataFrame, name: str, part: Any, whole: Any, interval: float) -> None:
    """Add a rate, and its bounds with _lower and _upper, to a table; missing where the whole is missing or zero."""
    total = np.nan_to_num(np.asarray(whole, dtype=np.float64))
    found = wilson_interval(part=np.where(total > 0, part, 0.0), whole=total, interval=interval)
    for end, values in zip(("", "_lower", "_upper"), found, strict=True):
        table[f"{name}{end}"] = values
