"""Occasions on which customers were contacted or not, equal ones together: what a media response model is fitted to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from clvmodels.response.exposure_terms import ExposureTerm

type Floats = NDArray[np.float64]
type Codes = NDArray[np.intp]
type Grade = Literal["randomised", "rule-adjusted", "observational", "attributed-only"]

NONE = -1
"""Code of the medium of an occasion without contact."""


@dataclass(frozen=True)
class Scaling:
    """How features were standardised: z = (value - centre) / scale, column by column.

    Attributes
    ----------
    names
        Of the features, such as "recency", "frequency", "log_spend", "tenure", "responses".
    centre, scale
        (q,) in the units of the features; scale > 0.
    """

    names: tuple[str, ...]
    centre: Floats
    scale: Floats

    def standardised(self, values: Floats) -> Floats:
        """Features (n, q) in their own units as z (n, q)."""
        return (values - self.centre) / self.scale


@dataclass(frozen=True)
class Cells:
    """Occasions with the same medium, features, segment and month, and what followed within the window.

    Attributes
    ----------
    media
        Names of the media, without "none".
    medium
        (g,) index into `media`, or `NONE` where nobody was contacted: the baseline.
    occasions
        (g,) how many, > 0.
    buyers
        (g,) how many of them were followed by a purchase within the window.
    purchases_amount, purchases_amount_squared
        (g,) sum, and sum of squares, of the amounts bought within the window on occasions with a purchase [currency].
    features
        (g, q) standardised, the columns of `scaling`: what the effect of a contact may depend on, and the baseline too.
    controls
        (g, c) further columns of the baseline alone: a spline of the targeting score, customers' means, period effects.
    segment, month
        (g,) codes into `segments`, `months`.
    own_stock, other_stock
        (g,) discounted number of earlier contacts by the same and by other media; 0 where nobody was contacted.
    grades
        Evidence grade of each medium.
    exposures
        Mass media whose stocks are the last columns of `controls`, one each, per standard deviation of theirs.
    level
        (g,) number of the pair of region and day; None, or all 0, where they are not kept apart.
    """

    media: tuple[str, ...]
    medium: Codes
    occasions: Floats
    buyers: Floats
    purchases_amount: Floats
    purchases_amount_squared: Floats
    features: Floats
    scaling: Scaling
    controls: Floats
    control_names: tuple[str, ...]
    segment: Codes
    segments: tuple[str, ...]
    month: Codes
    months: tuple[str, ...]
    own_stock: Floats
    other_stock: Floats
    grades: Mapping[str, Grade]
    exposures: tuple[ExposureTerm, ...] = ()
    level: Codes | None = None


@dataclass(frozen=True)
class Audience:
    """Customers as they are on a day, as a media response model sees them.

    Attributes
    ----------
    customer_id
        (n,) the caller's ids.
    features
        (n, q) standardised by the `Scaling` of the cells that the model was fitted to.
    controls
        (n, c) further columns of the baseline.
    segment
        (n,) codes into the cells' segments, -1 for one that was not there.
    own_stock
        (n, media) discounted number of contacts so far, by medium.
    contacts
        (n, media) number of contacts so far, by medium.
    cost
        (media,) mean cost of a contact [currency], NaN where not known.
    since
        (n, media) time since the last contact [days], infinite where there was none; None where that is not known.
    regions
        (n, exposures) region of each customer, by exposure; None without exposures.
    """

    customer_id: NDArray[np.generic]
    features: Floats
    controls: Floats
    segment: Codes
    own_stock: Floats
    contacts: Floats
    cost: Floats
    since: Floats | None = None
    regions: NDArray[np.object_] | None = None

    def picked(self, rows: Codes) -> Audience:
        """Some of the customers (m,)."""
        by_customer = ("customer_id", "features", "controls", "segment", "own_stock", "contacts")
        found = {name: getattr(self, name)[rows] for name in by_customer}
        since = None if self.since is None else self.since[rows]
        regions = None if self.regions is None else self.regions[rows]
        return replace(self, **found, since=since, regions=regions)
