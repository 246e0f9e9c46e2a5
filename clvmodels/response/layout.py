"""Where each coefficient of a media response model stands, and what its prior is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clvmodels.errors import ContactError
from clvmodels.response.cells import NONE, Cells, Floats


@dataclass(frozen=True)
class Layout:
    """The terms of a model for some cells; coefficients are one vector in the order of `blocks`.

    Attributes
    ----------
    media
        Media whose increment the cells tell: all but the attributed-only.
    codes
        (media,) their codes in the cells.
    features, controls, exposures
        Names of the columns; those of exposures are the last of the controls in the cells.
    segments, months
        Names, empty if there are fewer than two.
    fatigued
        Codes into `media` of those with earlier contacts by the same medium.
    other
        Whether there are earlier contacts by other media.
    """

    media: tuple[str, ...]
    codes: tuple[int, ...]
    features: tuple[str, ...]
    controls: tuple[str, ...]
    exposures: tuple[str, ...]
    segments: tuple[str, ...]
    months: tuple[str, ...]
    fatigued: tuple[int, ...]
    other: bool

    @classmethod
    def of(cls, cells: Cells) -> Layout:
        """The terms that these cells can say something about."""
        codes = tuple(m for m, name in enumerate(cells.media) if cells.grades[name] != "attributed-only")
        if codes and not np.any(cells.medium == NONE):
            raise ContactError(
                "There is no occasion without contact, so there is nothing to compare the contacted with. Give occasions of "
                "customers who were held out, or pseudo occasions."
            )
        told = np.isin(cells.medium, codes)
        others = len(cells.control_names) - len(cells.exposures)
        fatigued = tuple(k for k, m in enumerate(codes) if np.any(cells.own_stock[cells.medium == m] > 0))
        return cls(
            media=tuple(cells.media[m] for m in codes),
            codes=codes,
            features=cells.scaling.names,
            controls=cells.control_names[:others],
            exposures=cells.control_names[others:],
            segments=cells.segments if np.unique(cells.segment).size > 1 else (),
            months=cells.months if np.unique(cells.month).size > 1 else (),
            fatigued=fatigued,
            other=bool(np.any(cells.other_stock[told] > 0)),
        )

    @cached_property
    def blocks(self) -> dict[str, slice]:
        """Where each kind of coefficient stands, by the name of its prior or of the prior of its spread."""
        q, s, m = len(self.features), len(self.segments), len(self.media)
        sizes = {
            "baseline": 1, "baseline_features": q, "controls": len(self.controls),
            "spread_exposures": len(self.exposures), "spread_segments": s, "spread_months": len(self.months),
            "spread_media": m, "spread_features": m * q, "spread_media_segments": m * s,
            "fatigue": len(self.fatigued), "fatigue_other": int(self.other),
        }  # fmt: skip
        ends = np.cumsum(list(sizes.values()))
        return {name: slice(end - size, end) for (name, size), end in zip(sizes.items(), ends.tolist(), strict=True)}

    @property
    def size(self) -> int:
        """Number of coefficients."""
        return int(self.blocks["fatigue_other"].stop)

    @cached_property
    def spreads(self) -> tuple[str, ...]:
        """Names of the spreads that there are."""
        return tuple(name for name, at in self.blocks.items() if name.startswith("spread_") and at.stop > at.start)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What each coefficient is, in words."""
        by_feature = [f"{m} x {f}" for m in self.media for f in self.features]
        by_segment = [f"{m} x segment {s}" for m in self.media for s in self.segments]
        fatigue = [f"log fatigue of {self.media[k]}" for k in self.fatigued]
        return (
            "baseline", *self.features, *(f"control {c}" for c in self.controls),
            *(f"exposure {e}" for e in self.exposures), *(f"segment {s}" for s in self.segments),
            *(f"month {m}" for m in self.months), *self.media, *by_feature, *by_segment,
            *fatigue, *(["log fatigue of other media"] if self.other else []),
        )  # fmt: skip

    def columns(self, medium: int) -> np.ndarray:
        """Which coefficients the linear part of cells of a medium (a code into `media`, or NONE) depends on."""
        base = np.arange(self.blocks["spread_media"].start)
        if medium == NONE:
            return base
        q, s = len(self.features), len(self.segments)
        first = (self.blocks[n].start for n in ("spread_media", "spread_features", "spread_media_segments"))
        own = [start + medium * size + np.arange(size) for start, size in zip(first, (1, q, s), strict=True)]
        return np.concatenate([base, *own])

    def fatigue_columns(self, medium: int) -> np.ndarray:
        """Which coefficients the fatigue of a medium depends on: its own, if it has one, then that by other media."""
        if medium == NONE:
            return np.zeros(0, dtype=int)
        own = [self.blocks["fatigue"].start + self.fatigued.index(medium)] if medium in self.fatigued else []
        return np.array([*own, *([self.blocks["fatigue_other"].start] if self.other else [])], dtype=int)

    def linear(self, cells: Cells, rows: np.ndarray, medium: int) -> Floats:
        """Design matrix of some cells of a medium, the columns of `columns(medium)`."""
        z = cells.features[rows]
        segment = _dummies(cells.segment[rows], len(self.segments))
        month = _dummies(cells.month[rows], len(self.months))
        ones = np.ones((z.shape[0], 1))
        base = [ones, z, cells.controls[rows], segment, month]
        return np.ascontiguousarray(np.hstack(base if medium == NONE else [*base, ones, z, segment]))

    def stock(self, cells: Cells, rows: np.ndarray, medium: int) -> Floats:
        """What fatigue of some cells of a medium is proportional to, the columns of `fatigue_columns(medium)`."""
        own = [np.log1p(cells.own_stock[rows])] if medium in self.fatigued else []
        other = [np.log1p(cells.other_stock[rows])] if self.other and medium != NONE else []
        return np.column_stack([*own, *other]) if own or other else np.zeros((len(rows), 0))


def _dummies(codes: np.ndarray, size: int) -> Floats:
    """One column per code; none if the term is left out."""
    return np.asarray(codes[:, None] == np.arange(size), dtype=np.float64)
