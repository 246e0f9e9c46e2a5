"""Every word of the figures of media response; a language is one more value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from clvmodels.report.words import figure_words


@dataclass(frozen=True)
class MediaWords:
    """Texts of the figures. What stands in braces is filled in."""

    title_sure: str = "A contact adds purchases for {sure}{rest}"
    title_rest: str = "; for {names} that is not shown"
    title_none: str = "For no medium is it shown that a contact adds purchases"
    conjunction: str = " and "
    effects_x: str = "increment: points of purchase probability within {window}"
    effects_row: str = "{grade}, {contacts} contacts"
    effects_spend: str = "spend {sign}{spend} per contact"
    effects_caption: str = (
        "Increment: P(buy | contact) − P(buy | none), averaged over those who were contacted; never a response rate. Lines: "
        "{interval} interval. Filled: contacts were assigned at random. Hollow: they were not, and the estimate may be biased; "
        "effects(value=, cost=) says how much bias its net value could bear.{break_even}"
    )
    effects_exposure: str = "{grade} exposure, {levels} levels\nas it ran, per customer and window"
    effects_exposed: str = (
        " {names}: what whole regions were exposed to, as it ran against none, averaged over all occasions; no increment of a "
        "contact."
    )
    effects_needed: str = " Upright dash: increment at which a contact pays for itself."

    customers_title: str = "{medium} ({grade}) is the best medium for most customers: {share} of them"
    customers_title_none: str = "For most customers no contact is as good as any: {share} of them"
    customers_bar: str = "increment [points]"
    customers_none: str = "none"
    customers_best: str = "best, and its probability"
    customers_caption: str = (
        "{shown} of {all} customers, from the largest increment of their best medium to the smallest. Numbers: increment in "
        "points of purchase probability within {window}; bold where it is positive with probability above 95 %. "
        "The probability that a medium is best counts doing nothing among the media, and not what contacts cost."
    )


ENGLISH: Final = MediaWords()
LANGUAGES: Final = {"en": ENGLISH}


def media_words(lang: str) -> MediaWords:
    """The words of the figures in a language; an unknown one is refused with the languages there are."""
    figure_words(lang)
    return LANGUAGES[lang]
