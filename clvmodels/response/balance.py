"""Whether the contacted and the not contacted were alike before the contact, day by day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.001
"""Assignment by chance fails the test once in a thousand."""

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]
type Codes = NDArray[np.intp]


@dataclass(frozen=True)
class Balance:
    """Comparison of the contacted with the not contacted of one medium.

    Attributes
    ----------
    features
        Names (q).
    contacted, not_contacted
        (q,) means, weighted by 1 / assignment probability where it is known.
    difference
        (q,) mean difference within days and campaigns, in standard deviations.
    p_value
        Probability of differences at least as large together if chance decided who was contacted; NaN where nothing can be
        compared. Occasions of one customer count together.
    comparable
        Whether on some day there are both.
    """

    features: tuple[str, ...]
    contacted: Floats
    not_contacted: Floats
    difference: Floats
    p_value: float
    comparable: bool

    @property
    def holds(self) -> bool:
        """Whether both are there on some day, and differ no more than chance makes them."""
        return self.comparable and not self.p_value < LEVEL

    @property
    def worst(self) -> tuple[str, float]:
        """The feature that differs most, and by how many standard deviations."""
        if not self.features:
            return "", 0.0
        size = np.nan_to_num(np.abs(self.difference))
        at = int(np.argmax(size))
        return self.features[at], float(size[at])


def balance(
    names: tuple[str, ...], features: Floats, contacted: Flags, weight: Floats, customer: Codes, stratum: Codes
) -> Balance:
    """Balance of the features between rows with contact and rows without.

    Parameters
    ----------
    names, features
        (q,) and (n, q).
    contacted
        (n,) whether there was a contact.
    weight
        (n,) 1 / assignment probability, or 1 where it is not known.
    customer, stratum
        (n,) codes from 0: rows of one customer are one cluster, and rows are compared within strata.

    Source: Hotelling1931 (the test).
    """
    a = contacted.astype(float)
    pull = weight * (a - _within(a, weight, stratum))
    centred = (_centred(column, weight, stratum) for column in features.T)
    sums = [np.bincount(customer, pull * column).astype(float) for column in centred]
    each = np.column_stack(sums) if names else features[:0]
    size = float((pull * (a - _within(a, weight, stratum))).sum())
    means, spread = _arm(features, weight, contacted)
    others, other_spread = _arm(features, weight, ~contacted)
    scores = each.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = np.where(np.abs(scores) > 0, scores / size / np.sqrt((spread + other_spread) / 2), 0.0)
    p_value = _joint_test(scores, each.T @ each, len(np.unique(customer)))
    return Balance(names, means, others, difference, p_value, size > 1e-9)


def _within(x: Floats, weight: Floats, stratum: Codes) -> Floats:
    """Weighted mean of each row's stratum."""
    return (np.bincount(stratum, weight * x) / np.maximum(np.bincount(stratum, weight), 1e-300))[stratum]


def _centred(x: Floats, weight: Floats, stratum: Codes) -> Floats:
    """Difference from the stratum's mean, exactly 0 where only rounding differs."""
    difference = x - _within(x, weight, stratum)
    return np.where(np.abs(difference) > 1e-12 * np.abs(x).max(initial=0.0), difference, 0.0)


def _arm(features: Floats, weight: Floats, rows: Flags) -> tuple[Floats, Floats]:
    """Weighted mean and variance of the features over some rows, NaN where there are none."""
    if not rows.any():
        nothing = np.full(features.shape[1], np.nan)
        return nothing, nothing
    share = weight[rows] / weight[rows].sum()
    means = share @ features[rows]
    return means, share @ (features[rows] - means) ** 2


def _joint_test(scores: Floats, spread: Floats, customers: int) -> float:
    """P-value of Hotelling's T-squared for sums of independent customers' terms; directions without spread do not count."""
    from scipy.stats import f

    scale = np.sqrt(np.diag(spread))
    some = scale > 0
    if not some.any():
        return float("nan")
    correlation = spread[np.ix_(some, some)] / np.outer(scale[some], scale[some])
    values, vectors = np.linalg.eigh(correlation)
    firm = values > 1e-8 * values.max()
    z = vectors[:, firm].T @ (scores[some] / scale[some])
    rank = int(firm.sum())
    if customers <= rank + 1:
        return float("nan")
    statistic = float((z**2 / values[firm]).sum())
    return float(f.sf(statistic * (customers - rank) / (rank * customers), rank, customers - rank))
