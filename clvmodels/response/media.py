"""`media_response`: what a customer does when contacted, against what she would have done anyway.

On occasions of contact and on occasions without one it is seen whether a purchase follows within a window. Occasions that are
alike form a cell g; of its n_g occasions y_g are followed by a purchase:

    y_g ~ Binomial(n_g, p_g)
    logit p_g = alpha + x_g'beta + s_g'delta + u_segment + season_month + [m_g != none] * tau_g
    tau_g     = mu_m + z_g'gamma_m + w_{m,segment} - phi_m*log(1 + G_own) - phi_0*log(1 + G_other)

x are features and controls, z the features alone, G the stock of contacts so far, s the stock of mass media in the customer's
region over the window, see `Contacts.with_exposure`. Segments, months, media, what changes their effect, and exposures are
pooled: normal about zero, with spreads that are estimated. For media and exposures zero means *no effect*, so that weak evidence
costs money instead of earning it. A customer whose features lie beyond those of everybody contacted by a medium is taken to be
affected like the nearest of these. Fatigue phi is positive: more contacts never make the next one better. A term without data
(one segment, one month, no contacts before, no controls) is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal, get_args

from clvmodels.errors import ModelError
from clvmodels.priors import Gamma, LogNormal, Normal, Prior
from clvmodels.response.half_lives import half_lives
from clvmodels.units import DAY, Period, Span, as_span

type Amounts = Literal["same", "by medium"]

SHARE: Final = (2.0, 2.0)
"""Beta distribution of the share of attributed responses that would not have happened without the contact."""
PRIORS: Final[Mapping[str, Prior]] = MappingProxyType({
    "baseline": Normal(0.0, 5.0),
    "baseline_features": Normal(0.0, 2.0),
    "controls": Normal(0.0, 2.0),
    "fatigue": LogNormal(0.1, 1.0),
    "fatigue_other": LogNormal(0.1, 1.0),
    "spread_exposures": LogNormal(0.1, 1.0),
    "spread_segments": LogNormal(0.3, 1.0),
    "spread_months": LogNormal(0.2, 1.0),
    "spread_media": LogNormal(0.3, 0.75),
    "spread_features": LogNormal(0.15, 1.0),
    "spread_media_segments": LogNormal(0.15, 1.0),
})  # fmt: skip
"""Default priors on the scale of log-odds; of features, controls and exposures per standard deviation of theirs."""


@dataclass(frozen=True)
class MediaResponse:
    """The specification of a media response model; made by `media_response(...)`.

    Attributes
    ----------
    window
        Within which a purchase counts as following the occasion.
    half_life
        Of the stock of contacts, one for all media or by medium; None for the usual ones.
    attributed_share
        (a, b) of the Beta distribution of the incremental share, by medium that is `attributed-only`.
    amounts
        "same": a purchase after a contact is as large as any other. "by medium": its mean amount shifts by medium.
    """

    window: Span
    half_life: Span | Mapping[str, Span] | None = None
    attributed_share: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    amounts: Amounts = "same"

    title = "Media response"
    name = "media_response"
    source = "Hierarchical logistic regression (Gelman and Hill 2007, chapter 14)"

    def share(self, medium: str) -> tuple[float, float]:
        """Beta distribution of the share of attributed responses to a medium that are incremental."""
        return self.attributed_share.get(medium, SHARE)

    def half_lives(self, media: Sequence[str]) -> dict[str, Span]:
        """Half-life of the stock of contacts by each medium."""
        given = self.half_life
        chosen = given if isinstance(given, Mapping) else {} if given is None else dict.fromkeys(media, given)
        return {name: days * DAY for name, days in half_lives(media, chosen).items()}

    def priors(self, overrides: Mapping[str, Prior] | None) -> dict[str, Prior]:
        """Every prior, some replaced by name."""
        overrides = dict(overrides or {})
        if unknown := set(overrides) - set(PRIORS):
            raise ModelError(
                f"Media response has no prior {', '.join(sorted(unknown))}. Its priors are {', '.join(PRIORS)}."
            )
        for name, prior in overrides.items():
            if isinstance(prior, Normal) != isinstance(PRIORS[name], Normal) or isinstance(prior, Gamma):
                kind = type(PRIORS[name]).__name__
                raise ModelError(f"The prior of {name!r} is {prior}; give a {kind}, such as {PRIORS[name]}.")
            if isinstance(prior.centre, Span):
                raise ModelError(f"The prior of {name!r} is {prior}. It has no unit of time: give a plain number.")
        return {**PRIORS, **overrides}


def media_response(
    *,
    window: Span | Period,
    half_life: Span | Period | Mapping[str, Span | Period] | None = None,
    attributed_share: Mapping[str, tuple[float, float]] | None = None,
    amounts: Amounts = "same",
) -> MediaResponse:
    """A model of which media a customer responds to, for `clv.fit(media_response(...), contacts, log)`.

    Parameters
    ----------
    window
        Time after an occasion in which a purchase counts as following it, such as `28 * DAY`.
    half_life
        Time in which an earlier contact loses half of its weight in the stock of contacts that fatigue depends on; one for all
        media, or by medium. Not given, or for media not named: as long as is usual for such a medium.
    attributed_share
        For media that are `attributed-only`: (a, b) of the Beta distribution of the share of attributed responses that are
        incremental, by medium, (2, 2) where not given. `share_from_lift_test` turns the result of a test into such a pair.
    amounts
        "same": a purchase is as large after a contact as without one, which `fit.amounts()` tests. "by medium": the mean amount
        of a purchase after a contact shifts by medium, as that test estimates it; plans and increments in spend then count it.

    Returns
    -------
    MediaResponse

    Raises
    ------
    UnitError
        A span is a bare number.
    ModelError
        A window or half-life is not positive and finite, or a Beta distribution is not one.

    Examples
    --------
    >>> from clvmodels.units import DAY
    >>> media_response(window=28 * DAY).window
    28 days
    """
    spans = {"window": as_span(window, name="window")}
    if isinstance(half_life, Mapping):
        spans |= {
            f"half_life of {name}": as_span(span, name=f"half_life of {name}") for name, span in half_life.items()
        }
        halves: Span | Mapping[str, Span] | None = {name: spans[f"half_life of {name}"] for name in half_life}
    elif half_life is None:
        halves = None
    else:
        halves = spans["half_life"] = as_span(half_life, name="half_life")
    for name, span in spans.items():
        if not 0 < span.days < float("inf"):
            raise ModelError(f"{name} is {span}. It must be positive and finite, such as 28 * DAY.")
    shares = dict(attributed_share or {})
    for medium, (a, b) in shares.items():
        if not (0 < a < float("inf") and 0 < b < float("inf")):
            raise ModelError(
                f"attributed_share of {medium!r} is Beta({a}, {b}). Give two positive numbers, such as (2, 2)."
            )
    if amounts not in get_args(Amounts.__value__):
        raise ModelError(f"amounts={amounts!r} is not known. Write 'same' or 'by medium'.")
    return MediaResponse(spans["window"], halves, shares, amounts)


def share_from_lift_test(share: float, *, standard_error: float) -> tuple[float, float]:
    """(a, b) of the Beta distribution with a mean and standard deviation that a lift test found for the incremental share.

    Parameters
    ----------
    share
        Increment in the test divided by its attributed response rate, between 0 and 1.
    standard_error
        Of the share, below sqrt(share * (1 - share)).

    Examples
    --------
    >>> share_from_lift_test(0.5, standard_error=0.05 ** 0.5)
    (2.0, 2.0)
    """
    spread = standard_error**2
    if not (0 < share < 1 and 0 < spread < share * (1 - share)):
        raise ModelError(
            f"No Beta distribution has mean {share} and standard deviation {standard_error}. The share lies between 0 and 1, the "
            "standard error below sqrt(share * (1 - share))."
        )
    size = share * (1 - share) / spread - 1
    return round(share * size, 9), round((1 - share) * size, 9)
