"""What is true in a simulated market: the media, the people, and the rules of contact."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from clvmodels.duration.futures import draw_rates
from clvmodels.duration.pareto_nbd import PARETO_NBD
from clvmodels.errors import ClvError
from clvmodels.history import History
from clvmodels.quantity.gamma_gamma import GAMMA_GAMMA
from clvmodels.response.cells import Codes, Floats
from clvmodels.units import WEEK, Span, as_span

type Targeting = Literal["value", "recency"]


@dataclass(frozen=True)
class Medium:
    """A medium of a simulated market and what a contact by it truly does.

    Attributes
    ----------
    name
        Of the medium.
    cost
        Of one contact [currency], >= 0.
    effect
        Of a contact on the logit of the probability of a purchase in the window that follows.
    fatigue
        How much less the next contact does: its effect falls by fatigue times log(1 + own stock), >= 0.
    half_life
        Time after which a contact counts half in the stock.
    recency_effect
        What is added to the effect for every week since the last purchase.
    segment_effects
        What is added to the effect in a segment, by its name.
    effect_sd
        How much customers differ: each has an effect of her own, normal about the others with this standard deviation, >= 0.
    share
        Weight with which the medium is chosen among the media of a campaign.
    """

    name: str
    cost: float = 0.0
    effect: float = 0.0
    fatigue: float = 0.0
    half_life: Span = field(default_factory=lambda: 8 * WEEK)
    recency_effect: float = 0.0
    segment_effects: Mapping[str, float] = field(default_factory=dict)
    share: float = 1.0
    effect_sd: float = 0.0

    def __post_init__(self) -> None:
        as_span(self.half_life, name="half_life")
        for name in ("cost", "fatigue", "share", "effect_sd"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise ClvError(f"Medium '{self.name}': {name} must be zero or more, not {value}.")


MEDIA = (
    Medium("email", cost=0.05, effect=0.25, fatigue=0.2, half_life=4 * WEEK),
    Medium("dm", cost=1.0, effect=0.55, fatigue=0.15, half_life=8 * WEEK, segment_effects={"older": 0.3}),
    Medium("tm", cost=4.0, effect=0.9, fatigue=0.3, half_life=12 * WEEK, recency_effect=-0.01),
)
SEGMENTS = {"younger": 0.5, "middle": 0.3, "older": 0.2}


@dataclass(frozen=True)
class World:
    """The parameters of a simulated market; `simulate_market` explains them."""

    customers: int
    weeks: int
    window: int
    joining: float
    media: tuple[Medium, ...]
    segments: Mapping[str, float]
    duration: Any
    quantity: Any
    contact_share: float
    holdout_share: float
    targeting: Targeting | None
    targeting_strength: float
    cross_fatigue: float
    responding: float
    seed: int

    def __post_init__(self) -> None:
        if self.customers < 1 or self.window < 1 or self.weeks % self.window or self.weeks < 2 * self.window:
            raise ClvError(
                f"customers={self.customers}, weeks={self.weeks}, window={self.window}: give at least one customer and "
                "weeks that are two windows or more, in whole windows (104 weeks in windows of 4)."
            )
        if not 0 < self.joining <= self.weeks - self.window:
            raise ClvError(f"joining={self.joining} must be above 0 and end a window before the {self.weeks} weeks do.")
        for name in ("contact_share", "holdout_share", "responding"):
            if not 0 <= getattr(self, name) <= 1:
                raise ClvError(f"{name}={getattr(self, name)} is a share. Give a number from 0 to 1.")
        if self.targeting is not None and self.targeting not in get_args(Targeting.__value__):
            raise ClvError(f"targeting={self.targeting!r} is not known. Write None, 'value' or 'recency'.")
        if self.cross_fatigue < 0:
            raise ClvError(
                f"cross_fatigue={self.cross_fatigue} must be zero or more: contacts tire, they do not refresh."
            )
        _check_segments(self.segments, self.media)

    @property
    def windows(self) -> int:
        """How many windows the history has."""
        return self.weeks // self.window

    @property
    def mean_amount(self) -> float:
        """Mean amount of a purchase over customers [currency]."""
        p, q, v = (float(one) for one in self.quantity)
        return p * v / (q - 1)

    @property
    def choice(self) -> Floats:
        """(media,) probability of each medium in a campaign."""
        shares = np.array([one.share for one in self.media])
        return np.asarray(shares / shares.sum())


class People(NamedTuple):
    """Who lives in the market; arrays (customers,).

    Attributes
    ----------
    segment
        Code of the segment.
    joined
        Time of the first purchase [weeks since the start].
    dropout
        When her lifetime ends [weeks since the start].
    rate
        Purchases per week without any contact, while her lifetime lasts.
    mean_spend
        Mean amount of her purchases [currency].
    own
        (customers, media) what is added to the effect of a contact with her.
    """

    segment: Codes
    joined: Floats
    dropout: Floats
    rate: Floats
    mean_spend: Floats
    own: Floats


def draw_people(world: World) -> People:
    """Draw customers: rates and lifetimes of Pareto/NBD, mean amounts of gamma-gamma, own effects; all independent."""
    rng, n = np.random.default_rng([world.seed, 0]), world.customers
    newcomers = History(np.zeros(n), np.zeros(n), np.zeros(n), WEEK)
    each = draw_rates(PARETO_NBD.individuals(world.duration, newcomers, rng=rng), rng=rng)
    joined = world.joining * rng.random(n)
    p, q, v = world.quantity
    spend = p * v / rng.standard_gamma(q, n)
    segment = rng.choice(len(world.segments), size=n, p=np.array(list(world.segments.values())))
    spread = np.array([one.effect_sd for one in world.media])
    own = spread * np.random.default_rng([world.seed, 4]).standard_normal((n, spread.size))
    return People(segment.astype(np.intp), joined, joined + each.lifetime, each.rate, spend, own)


def as_media(media: Mapping[str, Mapping[str, Any]] | Sequence[Medium | tuple[Any, ...]]) -> tuple[Medium, ...]:
    """Media from values, from tuples (name, cost, effect, fatigue, half life), or from mappings by name.

    Examples
    --------
    >>> [medium] = as_media({"email": {"cost": 0.05, "effect": 0.3}})
    >>> medium == as_media([("email", 0.05, 0.3)])[0]
    True
    """
    known = [one.name for one in fields(Medium)]
    try:
        if isinstance(media, Mapping):
            found = [Medium(name=name, **what) for name, what in media.items()]
        else:
            found = [one if isinstance(one, Medium) else Medium(*one) for one in media]
    except TypeError as error:
        raise ClvError(f"A medium has {', '.join(known)}, and this does not fit: {error}.") from None
    names = [one.name for one in found]
    if not names or len(set(names)) < len(names):
        raise ClvError(f"media={names}: give at least one medium, each under a name of its own.")
    if not sum(one.share for one in found) > 0:
        raise ClvError("All media have share 0. Give at least one of them a positive share.")
    return tuple(found)


def as_theta(duration: Any, quantity: Any) -> tuple[Any, Any]:
    """Parameters checked by their models; amounts need a mean."""
    found = PARETO_NBD.theta(duration), GAMMA_GAMMA.theta(quantity)
    if not found[1].q > 1:
        raise ClvError(f"quantity={quantity}: q must be above 1, otherwise amounts have no mean.")
    return found


def _check_segments(segments: Mapping[str, float], media: Sequence[Medium]) -> None:
    shares = list(segments.values())
    if not shares or min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
        raise ClvError(f"segments={dict(segments)}: give the share of each segment, zero or more and 1 together.")
    for medium in media:
        unknown = set(medium.segment_effects) - set(segments)
        if unknown:
            raise ClvError(
                f"Medium '{medium.name}' has effects in {', '.join(sorted(unknown))}. The segments are {', '.join(segments)}."
            )
