"""What a media response model knows of an exposure medium: its scale, what it is compared over, and whether that is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

type Floats = NDArray[np.float64]
type Codes = NDArray[np.intp]

REGION, DAY, WITHIN = "region", "day", "within"
GRADE = "observational"


@dataclass(frozen=True, eq=False)
class ExposureTerm:
    """An exposure in the baseline: stock = mean + scale * (its columns' sum).

    Attributes
    ----------
    medium
        Its name.
    half_life, candidates, window
        Of the stock, those it was chosen from, and of the outcomes [days].
    mean, scale
        Mean and standard deviation of the stock over occasions [units of level].
    parts
        Of the stock, what is usual in a region and what regions share on a day, where they vary: controls of their own, which
        take up whatever else differs between regions, or moves all of them. What is left is the exposure's own column.
    by_region
        Whether regions are compared on the same day; else days are.
    levels, regions, days
        Distinct pairs of region and day behind it.
    left
        Share of the stock's variance that tells its effect: that left after regions and days, or after months of the year.
    own
        Which of its levels each level of the cells is, several exposures having regions of their own.
    groups
        What it is compared within: a code per level (levels,), one array per grouping.
    unit_cost
        Mean cost of one unit of level by region [currency], NaN where not known.
    """

    medium: str
    half_life: float
    candidates: tuple[float, ...]
    window: float
    mean: float
    scale: float
    parts: tuple[str, ...]
    by_region: bool
    levels: int
    regions: int
    days: int
    left: float
    own: Codes
    groups: tuple[Codes, ...]
    unit_cost: Mapping[str, float]

    @property
    def names(self) -> tuple[str, ...]:
        """Of its controls, and its own column last."""
        words = {REGION: "usual in the region", DAY: "shared by regions on the day"}
        return (*(f"{self.medium} {words[part]}" for part in self.parts), self.medium)

    @property
    def carried(self) -> float:
        """Windows' worth of mean stock that one unit of level adds until it is forgotten.

        A unit leaves 2^(-t / half-life) on each of the days t = 0, 1, ... after it, and a window has the mean of its days.
        """
        return float(1 / -np.expm1(-np.log(2) / self.half_life) / self.window)

    @property
    def reason(self) -> str:
        """In words: what is compared, how much there is of it, what stays confounded, and what is taken as given."""
        others = ", ".join(f"{days:g}" for days in self.candidates)
        given = f"a half-life of {self.half_life:g} days is taken as given"
        if len(self.candidates) > 1:
            given = f"a half-life of {self.half_life:g} days fits best of {others}, and intervals hold it for true"
        share = f"{100 * self.left:.2g} % of the stock's variance"
        if self.by_region:
            return (
                f"{self.regions} regions compared on the same {self.days} days, which leaves {share}; whatever else happened in "
                f"a region while it ran there counts as its effect, and what all regions share on a day tells nothing; {given}"
            )
        return (
            f"{self.days} days compared with each other, months of the year apart, which leaves {share}; whatever else happened "
            f"to everybody while it ran counts as its effect; {given}"
        )
