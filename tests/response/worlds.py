"""Simulated contacts with known effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from clvmodels.response.cells import NONE, Audience, Cells, Grade, Scaling


@dataclass(frozen=True)
class Truth:
    """What the cells were made from, and what it means for each cell."""

    features: np.ndarray
    segment: np.ndarray
    month: np.ndarray
    medium: np.ndarray
    medium_features: np.ndarray
    medium_segment: np.ndarray
    fatigue: np.ndarray
    fatigue_other: float
    baseline: float

    def log_odds(self, z: np.ndarray, segment: np.ndarray, month: np.ndarray | int = 0) -> np.ndarray:
        return self.baseline + z @ self.features + self.segment[segment] + self.month[month]

    def effect(self, m: Any, z: np.ndarray, segment: np.ndarray, own: Any = 0.0, other: Any = 0.0) -> np.ndarray:
        by_feature = np.sum(z * self.medium_features[m], axis=-1)
        tired = self.fatigue[m] * np.log1p(own) + self.fatigue_other * np.log1p(other)
        return self.medium[m] + by_feature + self.medium_segment[m, segment] - tired

    def increment(self, m: Any, z: np.ndarray, segment: np.ndarray, own: Any = 0.0, other: Any = 0.0) -> np.ndarray:
        base = self.log_odds(z, segment)
        return expit(base + self.effect(m, z, segment, own, other)) - expit(base)

    def average(self, cells: Cells, m: int) -> float:
        """Increment of a medium, averaged over the occasions of contact by it."""
        rows = cells.medium == m
        base = self.log_odds(cells.features, cells.segment, cells.month)[rows]
        stocks = cells.own_stock[rows], cells.other_stock[rows]
        effect = self.effect(m, cells.features[rows], cells.segment[rows], *stocks)
        return float(np.average(expit(base + effect) - expit(base), weights=cells.occasions[rows]))


def world(
    seed: int,
    *,
    media: int = 3,
    q: int = 1,
    segments: int = 3,
    months: int = 1,
    cells: int = 300,
    occasions: int = 60,
    medium: float = 0.4,
    modifiers: float = 0.15,
    fatigue: float = 0.0,
    baseline: float = -3.0,
) -> tuple[Cells, Truth]:
    """Randomised contacts: effects of media normal with sd `medium`, of what changes them with sd `modifiers`."""  # fmt: skip
    rng = np.random.default_rng(seed)
    truth = Truth(
        features=rng.normal(0, 0.4, q),
        segment=rng.normal(0, 0.3, segments) * (segments > 1),
        month=rng.normal(0, 0.2, months) * (months > 1),
        medium=rng.normal(0, medium, media),
        medium_features=rng.normal(0, modifiers, (media, q)),
        medium_segment=rng.normal(0, modifiers, (media, segments)) * (segments > 1),
        fatigue=np.full(media, fatigue),
        fatigue_other=fatigue / 2,
        baseline=baseline,
    )
    m = rng.choice(np.arange(NONE, media), size=cells, p=[0.4] + [0.6 / media] * media)
    z = (rng.integers(0, 4, (cells, q)) - 1.5) / np.sqrt(1.25)
    segment, month = rng.integers(0, segments, cells), rng.integers(0, months, cells)
    tired = (m != NONE) * (fatigue > 0)
    own, other = rng.choice([0.0, 0.5, 1.5, 3.0], cells) * tired, rng.choice([0.0, 1.0, 2.0], cells) * tired
    effect = np.where(m == NONE, 0.0, truth.effect(m, z, segment, own, other))
    n = rng.integers(occasions // 2, 2 * occasions, cells).astype(float)
    y = rng.binomial(n.astype(int), expit(truth.log_odds(z, segment, month) + effect)).astype(float)
    return cells_of(m, n, y, z, segment=segment, month=month, own=own, other=other, media=media), truth


def cells_of(
    m: Any,
    n: Any,
    y: Any,
    z: Any = None,
    *,
    segment: Any = None,
    month: Any = None,
    own: Any = None,
    other: Any = None,
    media: int = 1,
    grades: dict[str, Grade] | None = None,
    amount: float = 30.0,
    responses: Any = None,
) -> Cells:
    """Cells from bare columns; each purchase is of the same amount."""  # fmt: skip
    m, n, y = np.asarray(m), np.asarray(n, dtype=float), np.asarray(y, dtype=float)
    zeros, codes = np.zeros(m.size), np.zeros(m.size, dtype=int)
    z = np.zeros((m.size, 0)) if z is None else z
    names = tuple(f"medium {k}" for k in range(media))
    segment, month = (codes if c is None else np.asarray(c) for c in (segment, month))
    return Cells(
        media=names,
        medium=m,
        occasions=n,
        buyers=y,
        purchases_amount=amount * y,
        purchases_amount_squared=amount**2 * y,
        features=z,
        scaling=Scaling(tuple(f"feature {k}" for k in range(z.shape[1])), np.zeros(z.shape[1]), np.ones(z.shape[1])),
        controls=np.zeros((m.size, 0)),
        control_names=(),
        segment=segment,
        segments=tuple(f"s{k}" for k in range(segment.max() + 1)),
        month=month,
        months=tuple(f"{k + 1:02d}" for k in range(month.max() + 1)),
        own_stock=zeros if own is None else np.asarray(own, dtype=float),
        other_stock=zeros if other is None else np.asarray(other, dtype=float),
        grades=grades or dict.fromkeys(names, "randomised"),
    )


def audience_of(z: np.ndarray, segment: np.ndarray, *, media: int, own: Any = 0.0, cost: Any = np.nan) -> Audience:
    """Customers with these features and segments."""
    n = len(segment)
    stock = np.broadcast_to(own, (n, media)).astype(float)
    ids = np.array([f"C{k}" for k in range(n)])
    return Audience(ids, z, np.zeros((n, 0)), segment, stock, stock, np.broadcast_to(cost, media).astype(float))
