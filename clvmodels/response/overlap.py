"""Contact by a rule: the probability of contact given the targeting score, and where it is neither too low nor too high."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from clvmodels.numerics.splines import natural_spline

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


def score_rule(score: Floats, contacted: NDArray[np.bool_]) -> ScoreRule | None:
    """The rule behind contacts with a known score (n,); None where the score does not vary."""
    cuts = np.quantile(score, np.arange(1, GROUPS) / GROUPS) if len(score) else np.zeros(0)
    knots = tuple(sorted({float(knot) for knot in np.quantile(score, KNOTS)})) if len(score) else ()
    if len(knots) < 2:
        return None
    rule = ScoreRule(knots, np.zeros(1), float(np.median(score)), knots[-1] - knots[0])
    at = np.searchsorted(np.unique(cuts), score)
    rows = np.bincount(at)
    some = rows > 0
    means = np.bincount(at, score)[some] / rows[some]
    basis = np.column_stack([np.ones(len(means)), *rule.columns(means)])
    contacts = np.bincount(at, contacted.astype(float))[some]
    return ScoreRule(knots, _logistic(basis, rows[some].astype(float), contacts.astype(float)), rule.centre, rule.scale)


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
