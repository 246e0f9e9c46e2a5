"""Every word of the figures of contacts that move rates, and of two plans; a language is one more value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from clvmodels.report.words import figure_words


@dataclass(frozen=True)
class DifferenceWords:
    """Texts of the figure. What stands in braces is filled in."""

    title_more: str = "The plan brings {net} purchases net within {horizon}{moved}"
    title_fewer: str = "The plan costs {net} purchases net within {horizon}{moved}"
    title_unclear: str = "It is not clear whether the plan brings purchases net within {horizon}{moved}"
    title_same: str = "The two futures are the same for all customers"
    title_pulled_forward: str = "; {moved} are only pulled forward"
    title_put_off: str = "; {moved} are only put off"
    since: str = "Since today"
    each: str = "In each {period}"
    x: str = "{period}s from today"
    y: str = "purchases"
    net: str = "net"
    parts: tuple[str, ...] = ("induced", "pulled forward", "put off", "forgone", "saved", "lost")
    caption: str = (
        "{customers} customers for whom the two futures differ. Bars: purchases under the plan that the other future does not "
        "have, less those that only the other has; purchases pulled forward or put off are above zero where they are made and "
        "below where they would have been; saved and lost are those of customers who stay or leave because of the plan. Lines: "
        "net of all parts; bands: {interval} of what will happen."
    )


@dataclass(frozen=True)
class CarryOverWords:
    """Texts of the figure of what one contact does. What stands in braces is filled in."""

    brings: str = "Contacts by {media} bring purchases"
    costs: str = "contacts by {media} cost purchases"
    burns: str = "contacts by {media} drive customers away"
    saves: str = "contacts by {media} keep customers"
    nothing: str = "No contact is sure to move purchases or leaving"
    purchase: str = "Purchase rate"
    dropout: str = "Hazard of leaving"
    x: str = "weeks after the contact"
    y: str = "factor"
    medium: str = "{medium} ({grade})"
    caption: str = (
        "By what one contact multiplies a customer's rates who remembers no other. Bands: {interval} of the factor. How the "
        "effect of a medium is known stands behind its name."
    )


ENGLISH: Final = DifferenceWords()
LANGUAGES: Final = {"en": ENGLISH}
CARRY_OVER: Final = {"en": CarryOverWords()}


def difference_words(lang: str) -> DifferenceWords:
    """The words of the figure in a language; an unknown one is refused with the languages there are."""
    figure_words(lang)
    return LANGUAGES[lang]


def carry_over_words(lang: str) -> CarryOverWords:
    """The words of the figure of what one contact does; an unknown language is refused."""
    figure_words(lang)
    return CARRY_OVER[lang]
