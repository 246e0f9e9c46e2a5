"""From coefficients to probabilities: what customers buy without a contact, and how much more with one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from clvmodels.errors import ContactError
from clvmodels.numerics.binomial import added
from clvmodels.numerics.elementary import elementwise
from clvmodels.response.cells import Audience, Cells, Codes, Floats
from clvmodels.response.layout import Layout

USUAL = -1
"""Code of a month that is none in particular: the average of those seen, and of a segment that was not there: one like them."""


@dataclass(frozen=True)
class People:
    """Customers as the baseline sees them: features (n, q), controls (n, c), codes of segments and months (n,)."""

    features: Floats
    controls: Floats
    segment: Codes
    month: Codes

    @classmethod
    def of(cls, who: Audience | Cells, layout: Layout) -> People:
        """Their columns, checked against the model's."""
        for name, columns in (("features", layout.features), ("controls", (*layout.controls, *layout.exposures))):
            found = getattr(who, name)
            if found.shape[1] != len(columns):
                raise ContactError(
                    f"There are {found.shape[1]} {name}, the model was fitted to {len(columns)} ({', '.join(columns)}). Make the "
                    "audience from the same occasions."
                )
        month = who.month if isinstance(who, Cells) else np.full(len(who.segment), USUAL)
        return cls(who.features, who.controls, who.segment, month)

    def __getitem__(self, rows: slice | np.ndarray) -> People:
        """Some of them."""
        return People(self.features[rows], self.controls[rows], self.segment[rows], self.month[rows])


@dataclass(frozen=True)
class Coefficients:
    """Draws of the coefficients, kind by kind; the last segment is one that was not there, the last month the average one.

    Attributes
    ----------
    baseline, features, controls, segment, month
        (draws,), (draws, q), (draws, c), (draws, segments + 1), (draws, months + 1); of the log-odds without contact.
    medium, medium_features, medium_segment
        (draws, media), (draws, media, q), (draws, media, segments + 1); of the effect of a contact.
    fatigue, fatigue_other
        (draws, media), (draws,); >= 0.
    reach
        (media, 2, q) smallest and largest features of those contacted by each medium. Beyond them the effect is that on the
        nearest who was contacted: nothing is known of the others, and a line goes on for ever.
    """

    baseline: Floats
    features: Floats
    controls: Floats
    segment: Floats
    month: Floats
    medium: Floats
    medium_features: Floats
    medium_segment: Floats
    fatigue: Floats
    fatigue_other: Floats
    reach: Floats

    @classmethod
    def of(cls, layout: Layout, theta: Floats, spreads: Floats, cells: Cells, rng: np.random.Generator) -> Coefficients:
        """From theta (draws, p) and the spreads (draws, k); a new segment is drawn like the others, whose spread is known."""
        draws, media, q = len(theta), len(layout.media), len(layout.features)
        at = {name: theta[:, where] for name, where in layout.blocks.items()}
        spread = dict(zip(layout.spreads, spreads.T, strict=True))
        new = spread.get("spread_segments", np.zeros(draws)) * rng.standard_normal(draws)
        new_effect = spread.get("spread_media_segments", np.zeros(draws))[:, None] * rng.standard_normal((draws, media))
        segment = at["spread_segments"] if layout.segments else np.zeros((draws, len(cells.segments)))
        effect = (
            at["spread_media_segments"].reshape(draws, media, -1)
            if layout.segments
            else np.zeros((draws, media, len(cells.segments)))
        )
        month = at["spread_months"] if layout.months else np.zeros((draws, len(cells.months)))
        share = np.bincount(cells.month, weights=cells.occasions, minlength=len(cells.months)) / cells.occasions.sum()
        fatigue = np.zeros((draws, media))
        fatigue[:, layout.fatigued] = np.exp(at["fatigue"])
        return cls(
            at["baseline"][:, 0], at["baseline_features"], np.hstack([at["controls"], at["spread_exposures"]]),
            np.column_stack([segment, new]), np.column_stack([month, month @ share]),
            at["spread_media"], at["spread_features"].reshape(draws, media, q),
            np.concatenate([effect, new_effect[:, :, None]], axis=2),
            fatigue, np.exp(at["fatigue_other"][:, 0]) if layout.other else np.zeros(draws),
            _reach(layout, cells),
        )  # fmt: skip

    def __getitem__(self, chosen: np.ndarray) -> Coefficients:
        """Some of the draws."""
        drawn = {name: getattr(self, name)[chosen] for name in self.__dataclass_fields__ if name != "reach"}
        return replace(self, **drawn)

    def log_odds(self, people: People) -> Floats:
        """Of a purchase without a contact (n, draws)."""
        ones = np.ones((len(people.segment), 1))
        slopes = np.column_stack([self.features, self.controls, self.baseline])
        value = np.hstack([people.features, people.controls, ones]) @ slopes.T
        for effects, codes in ((self.segment, people.segment), (self.month, people.month)):
            if effects.any():
                value += effects.T[codes]
        return np.asarray(value)

    def effect(self, people: People, medium: int, own: Floats, other: Floats) -> Floats:
        """What a contact by a medium (code into the layout's) adds to them (n, draws); stocks (n,)."""
        columns = [np.clip(people.features, *self.reach[medium]), np.log1p(own), np.log1p(other), np.ones(len(own))]
        slopes = (
            self.medium_features[:, medium], -self.fatigue[:, medium], -self.fatigue_other, self.medium[:, medium]
        )  # fmt: skip
        value = np.column_stack(columns) @ np.column_stack(slopes).T
        if self.medium_segment.any():
            value += self.medium_segment[:, medium].T[people.segment]
        return np.asarray(value)


def _reach(layout: Layout, cells: Cells) -> Floats:
    """Of the features of those contacted by each medium; of everybody where that is nobody."""
    rows = [cells.medium == code for code in layout.codes]
    seen = [cells.features[row if row.any() else slice(None)] for row in rows]
    ends = [np.stack([one.min(axis=0), one.max(axis=0)]) for one in seen]
    return np.array(ends).reshape(len(rows), 2, len(layout.features))


def increment(log_odds: Floats, effect: Floats) -> Floats:
    """P(buy | contact) - P(buy | none) from log-odds without contact and the effect on them; exact for small effects.

    Examples
    --------
    >>> float(increment(np.array(-4.0), np.array(1e-12))).__round__(16)
    1.77e-14
    """
    return np.asarray(elementwise(added, log_odds, effect))
