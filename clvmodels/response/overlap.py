"""Contact by a rule: the probability of contact given the targeting score, and where it is neither too low nor too high."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from clvmodels.data.tables import fetch
from clvmodels.numerics.splines import natural_spline
from clvmodels.response.fates import CONTACT

LOWEST, HIGHEST = 0.02, 0.98
GROUPS = 200
KNOTS = (0.05, 0.275, 0.5, 0.725, 0.95)
RIDGE = 1e-3
"""Keeps the curve finite where a score separates the contacted from the others completely."""

type Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ScoreRule:
    """Log odds of contact as a natural cubic spline of the score.

    Attributes
    ----------
    knots
        Of the spline, in the unit of the score: quantiles; equal ones once.
    coefficients
        Intercept, then one per column of the spline of (score - centre) / scale.
    centre, scale
        Median and distance of the outer knots.
    """

    knots: tuple[float, ...]
    coefficients: Floats
    centre: float
    scale: float

    @property
    def size(self) -> int:
        """Number of columns of the spline."""
        return max(len(self.knots) - 1, 1)

    def columns(self, score: Any) -> list[Any]:
        """The spline of scores, of an array or of a column of a database."""
        x = (score - self.centre) / self.scale
        knots = [(knot - self.centre) / self.scale for knot in self.knots]
        return natural_spline(x, knots) if len(knots) >= 3 else [x]

    def log_odds(self, score: Any) -> Any:
        """Log odds of contact given the score."""
        return sum(
            (b * column for b, column in zip(self.coefficients[1:], self.columns(score), strict=True)),
            self.coefficients[0],
        )

    def overlap(self, score: Any) -> Any:
        """Whether the probability of contact is between `LOWEST` and `HIGHEST`."""
        odds = self.log_odds(score)
        bound = float(np.log(HIGHEST / LOWEST))
        return (odds >= -bound) & (odds <= bound)


def score_rule(occasions: Any) -> ScoreRule | None:
    """The rule behind rows of kind "contact" and all others with a known score; None where the score does not vary."""
    scored = occasions.filter(occasions.score.notnull())
    levels = sorted({*KNOTS, *(np.arange(1, GROUPS) / GROUPS).tolist()})
    [found] = fetch(scored.aggregate(cuts=scored.score.quantile(levels))).to_pylist()
    cuts = dict(zip(levels, found["cuts"], strict=True)) if found["cuts"] else {}
    knots = tuple(sorted({float(cuts[level]) for level in KNOTS})) if cuts else ()
    if len(knots) < 2:
        return None
    groups = _groups(scored, np.unique(list(cuts.values())))
    rule = ScoreRule(knots, np.zeros(1), float(cuts[0.5]), knots[-1] - knots[0])
    basis = np.column_stack([np.ones(len(groups[0])), *rule.columns(groups[0])])
    return ScoreRule(knots, _logistic(basis, groups[1], groups[2]), rule.centre, rule.scale)


def _groups(scored: Any, cuts: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean score, rows and contacts of groups of like scores."""
    import pyarrow as pa

    from clvmodels.data.tables import as_table

    edges = as_table(pa.table({"edge": cuts, "group": np.arange(len(cuts))}))
    placed = scored.select("score", contacted=(scored.kind == CONTACT).cast("int64"))
    placed = placed.asof_join(edges, on=placed.score >= edges.edge)
    grouped = placed.group_by(group=placed.group.fill_null(-1)).aggregate(
        score=placed.score.mean(), rows=placed.count(), contacts=placed.contacted.sum()
    )
    table = fetch(grouped.order_by("group"))
    return tuple(np.asarray(table[name].to_numpy(), dtype=float) for name in ("score", "rows", "contacts"))  # type: ignore[return-value]


def _logistic(basis: Floats, rows: Floats, contacts: Floats) -> Floats:
    """Coefficients of a logistic regression with a slight pull to zero, by Newton's method."""
    b = np.zeros(basis.shape[1])
    for _ in range(100):
        p = expit(basis @ b)
        gradient = basis.T @ (contacts - rows * p) - RIDGE * b
        curvature = (basis * (rows * p * (1 - p))[:, None]).T @ basis + RIDGE * np.eye(len(b))
        step = np.linalg.solve(curvature, gradient)
        b = b + step / max(1.0, float(np.abs(step).max()) / 5.0)
        if np.abs(step).max() < 1e-10:
            break
    return b
