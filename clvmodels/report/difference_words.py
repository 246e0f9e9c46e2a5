"""Every word of the figure of two plans; a language is one more value."""

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


ENGLISH: Final = DifferenceWords()
LANGUAGES: Final = {"en": ENGLISH}


def difference_words(lang: str) -> DifferenceWords:
    """The words of the figure in a language; an unknown one is refused with the languages there are."""
    figure_words(lang)
    return LANGUAGES[lang]
