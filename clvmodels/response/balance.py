"""Whether the contacted and the not contacted were alike before the contact, day by day."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.data.tables import fetch
from clvmodels.response.fates import CONTACT

LEVEL = 0.001
"""Assignment by chance fails the test once in a thousand."""
NEVER = datetime.date(1970, 1, 1)

type Floats = NDArray[np.float64]


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


def balance(occasions: Any, features: Sequence[str]) -> Balance:
    """Balance of the features between rows of kind "contact" and all others.

    Parameters
    ----------
    occasions
        Ibis table with customer_id, date, campaign, kind, probability and the features.
    features
        Names of columns of numbers.

    Source: Hotelling1931 (the test); occasions of a customer are one cluster.
    """
    import ibis

    named = bool(occasions.campaign.notnull().all().to_pyarrow().as_py())
    rows = _prepared(occasions, features, named=named)
    arms = _arms(rows, len(features))
    scores, spread, size, customers = _scores(rows, len(features))
    if named and not size:  # contacts and held-out rows name their campaigns differently
        scores, spread, size, customers = _scores(rows.mutate(campaign=ibis.literal("")), len(features))
    with np.errstate(invalid="ignore", divide="ignore"):
        deviation = np.sqrt(np.maximum((arms[1][1] + arms[0][1]) / 2, 0.0))
        difference = scores / size / deviation
    difference = np.where(scores == 0, 0.0, difference)
    p_value = _joint_test(scores, spread, customers)
    return Balance(tuple(features), arms[1][0], arms[0][0], difference, p_value, size > 0)


def _prepared(occasions: Any, features: Sequence[str], *, named: bool) -> Any:
    """Rows with a (contacted), w (weight), x0, x1, ... and their stratum: the day, and the campaign where all have one."""
    import ibis

    return occasions.select(
        "customer_id",
        a=(occasions.kind == CONTACT).cast("float64"),
        w=(1.0 / occasions.probability).fill_null(1.0),
        day=occasions.date.fill_null(NEVER),
        campaign=occasions.campaign if named else ibis.literal(""),
        **{f"x{j}": occasions[name].cast("float64") for j, name in enumerate(features)},
    )


def _arms(rows: Any, count: int) -> dict[int, tuple[Floats, Floats]]:
    """Weighted mean and variance of the features, of the not contacted (0) and the contacted (1)."""
    facts = {"weight": rows.w.sum()}
    for j in range(count):
        x = rows[f"x{j}"]
        facts |= {f"mean{j}": (rows.w * x).sum() / rows.w.sum(), f"square{j}": (rows.w * x * x).sum() / rows.w.sum()}
    found = {int(row["a"]): row for row in fetch(rows.group_by("a").aggregate(**facts)).to_pylist()}
    nothing = (np.full(count, np.nan), np.full(count, np.nan))
    arms = {0: nothing, 1: nothing}
    for arm, row in found.items():
        means = np.array([row[f"mean{j}"] for j in range(count)], dtype=float)
        squares = np.array([row[f"square{j}"] for j in range(count)], dtype=float)
        arms[arm] = (means, squares - means**2)
    return arms


def _scores(rows: Any, count: int) -> tuple[Floats, Floats, float, int]:
    """Sum over customers of w (a - mean of a) (x - mean of x), its covariance, sum of w (a - mean of a)^2, and the customers."""
    strata = rows.group_by("day", "campaign").aggregate(
        share=(rows.w * rows.a).sum() / rows.w.sum(),
        **{f"centre{j}": (rows.w * rows[f"x{j}"]).sum() / rows.w.sum() for j in range(count)},
    )
    joined = rows.join(strata, ["day", "campaign"])
    pull = joined.w * (joined.a - joined.share)
    sums = {f"u{j}": (pull * (joined[f"x{j}"] - joined[f"centre{j}"])).sum() for j in range(count)}
    each = joined.group_by("customer_id").aggregate(size=(pull * (joined.a - joined.share)).sum(), **sums)
    facts = {"size": each["size"].sum(), "customers": each.count()} | {
        f"t{j}": each[f"u{j}"].sum() for j in range(count)
    }
    facts |= {f"v{j}_{k}": (each[f"u{j}"] * each[f"u{k}"]).sum() for j in range(count) for k in range(j, count)}
    [row] = fetch(each.aggregate(**facts)).to_pylist()
    scores = np.array([row[f"t{j}"] or 0.0 for j in range(count)])
    spread = np.array([[row[f"v{min(j, k)}_{max(j, k)}"] or 0.0 for k in range(count)] for j in range(count)])
    return scores, spread, float(row["size"] or 0.0), int(row["customers"])


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
