"""What is true in a market whose contacts move both rates: the media, the rules of contact, and the people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from clvmodels.errors import ClvError
from clvmodels.response.cells import Codes, Floats
from clvmodels.units import WEEK, Span, as_span

type ContactTargeting = Literal["random", "rate", "recency"]
MONTHS = 12


@dataclass(frozen=True)
class MediumOfStocks:
    """A medium whose contacts leave a stock behind that moves how often a customer buys and how soon she leaves.

    Attributes
    ----------
    name
        Of the medium.
    purchase, dropout
        What one fresh contact does to the log of the purchase rate and of the dropout hazard; below zero in dropout it saves,
        above zero it burns.
    half_life
        Time in which a contact loses half of its stock.
    cost
        Of one contact [currency], >= 0.
    share
        Probability of being chosen on one of the medium's days, where nothing targets [above 0, below 1].
    every
        Time from one of the medium's days to the next, in whole days.
    purchase_later, dropout_later
        The same for what comes after: a stock with four times the half-life less the stock itself.
    """

    name: str
    purchase: float = 0.0
    dropout: float = 0.0
    half_life: Span = field(default_factory=lambda: 2 * WEEK)
    cost: float = 0.0
    share: float = 0.3
    every: Span = field(default_factory=lambda: 4 * WEEK)
    purchase_later: float = 0.0
    dropout_later: float = 0.0

    def __post_init__(self) -> None:
        days = as_span(self.every, name="every").days
        if not (days >= 1 and days == round(days)):
            raise ClvError(f"Medium '{self.name}': every={self.every} is not in whole days. Write 4 * WEEK.")
        half = as_span(self.half_life, name="half_life").days
        if not 0 < half < math.inf:
            raise ClvError(f"Medium '{self.name}': half_life={self.half_life} must be positive. Write 2 * WEEK.")
        if not 0 < self.share < 1:
            raise ClvError(f"Medium '{self.name}': share={self.share} must be above 0 and below 1.")
        if not (math.isfinite(self.cost) and self.cost >= 0):
            raise ClvError(f"Medium '{self.name}': cost must be zero or more, not {self.cost}.")

    @property
    def peak(self) -> float:
        """The stock of somebody contacted on every day of the medium."""
        return 1 / -math.expm1(-math.log(2) * self.every.days / self.half_life.days)

    @property
    def later_peak(self) -> float:
        """The same with four times the half-life."""
        return 1 / -math.expm1(-math.log(2) * self.every.days / (4 * self.half_life.days))


STOCK_MEDIA = (
    MediumOfStocks("email", purchase=0.3, half_life=1 * WEEK, cost=0.05, share=0.4, every=2 * WEEK),
    MediumOfStocks("dm", purchase=0.5, dropout=-0.7, half_life=2 * WEEK, cost=1.0),
    MediumOfStocks("tm", purchase=0.4, dropout=0.6, half_life=4 * WEEK, cost=4.0, share=0.2, every=8 * WEEK),
)


@dataclass(frozen=True)
class ContactWorld:
    """The parameters of a market whose contacts move both rates; `simulate_contact_market` explains them."""

    customers: int
    weeks: int
    joining: float
    media: tuple[MediumOfStocks, ...]
    duration: Any
    quantity: Any
    season: tuple[float, ...]
    saturation: float
    irritation: tuple[float, float]
    targeting: ContactTargeting
    targeting_strength: float
    holdout_share: float
    start: np.datetime64
    seed: int

    def __post_init__(self) -> None:
        if self.customers < 1 or self.weeks < 1 or not 0 < self.joining <= self.weeks:
            raise ClvError(
                f"customers={self.customers}, weeks={self.weeks}, joining={self.joining}: give at least one customer, one week, "
                "and joining that is above 0 and no longer than the weeks."
            )
        if self.targeting not in get_args(ContactTargeting.__value__):
            raise ClvError(f"targeting={self.targeting!r} is not known. Write 'random', 'rate' or 'recency'.")
        if not 0 <= self.holdout_share < 1:
            raise ClvError(f"holdout_share={self.holdout_share} is a share. Give a number from 0 to below 1.")
        if len(self.season) != MONTHS or not min(self.season) > 0:
            raise ClvError(f"season={self.season}: give a positive factor for each of the twelve months.")
        if not (math.isfinite(self.saturation) and self.saturation >= 0):
            raise ClvError(f"saturation={self.saturation} must be zero or more.")

    @property
    def days(self) -> int:
        """How many the market is observed for."""
        return 7 * self.weeks

    @property
    def names(self) -> tuple[str, ...]:
        """Of the media."""
        return tuple(one.name for one in self.media)

    def each(self, name: str) -> Floats:
        """An attribute of the media, half-lives in days (media,)."""
        values = [getattr(one, name) for one in self.media]
        return np.array([one.days if isinstance(one, Span) else one for one in values], dtype=float)

    def schedule(self) -> tuple[Codes, Codes]:
        """Days of the media since the start, and whose they are, in order; the second medium begins a week after the first."""
        days = [np.arange(7 * (k + 1), self.days, round(one.every.days)) for k, one in enumerate(self.media)]
        media = [np.full(one.size, k) for k, one in enumerate(days)]
        day, medium = np.concatenate(days).astype(np.intp), np.concatenate(media).astype(np.intp)
        order = np.lexsort((medium, day))
        return day[order], medium[order]

    def log_season(self, days: int) -> Floats:
        """Log of the factor of the purchase rate on each day since the start (days,)."""
        months = (self.start + np.arange(days)).astype("datetime64[M]").astype(np.int64) % MONTHS
        return np.asarray(np.log(self.season)[months], dtype=float)


class Customers(NamedTuple):
    """Who lives in the market; arrays (customers,), times in days since the start.

    Attributes
    ----------
    joined
        Moment of the first purchase.
    rate, hazard
        Purchases per day, and hazard of leaving per day, at factors of one.
    mean_spend
        Mean amount of her purchases [currency].
    """

    joined: Floats
    rate: Floats
    hazard: Floats
    mean_spend: Floats


def draw_customers(world: ContactWorld) -> Customers:
    """Draw customers: when they join, gamma rates and hazards, mean amounts; all independent."""
    rng, n = np.random.default_rng([world.seed, 0]), world.customers
    r, alpha, s, beta = (float(one) for one in world.duration)
    p, q, v = (float(one) for one in world.quantity)
    joined = 7 * world.joining * rng.random(n)
    rate, hazard = rng.standard_gamma(r, n) / alpha / 7, rng.standard_gamma(s, n) / beta / 7
    return Customers(joined, rate, hazard, p * v / rng.standard_gamma(q, n))


def as_stock_media(
    media: Mapping[str, Mapping[str, Any]] | Sequence[MediumOfStocks],
) -> tuple[MediumOfStocks, ...]:
    """Media from values, or from mappings by name.

    Examples
    --------
    >>> [medium] = as_stock_media({"dm": {"purchase": 0.5, "half_life": 2 * WEEK}})
    >>> medium == MediumOfStocks("dm", purchase=0.5)
    True
    """
    try:
        if isinstance(media, Mapping):
            found = tuple(MediumOfStocks(name=name, **what) for name, what in media.items())
        else:
            found = tuple(media)
    except TypeError as error:
        known = ", ".join(one.name for one in fields(MediumOfStocks))
        raise ClvError(f"A medium has {known}, and this does not fit: {error}.") from None
    names = [getattr(one, "name", None) for one in found]
    if not all(isinstance(one, MediumOfStocks) for one in found) or not names or len(set(names)) < len(names):
        raise ClvError(
            f"media={names}: give at least one medium by name, each once, such as {{'dm': {{'purchase': 0.5}}}}."
        )
    return found
