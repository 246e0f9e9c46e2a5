"""How long a contact is remembered, by medium."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from clvmodels.errors import ContactError
from clvmodels.units import WEEK, Period, Span, as_span

OTHERWISE = 2 * WEEK
USUAL = {
    "email": 1 * WEEK,
    "directmail": 4 * WEEK,
    "dm": 4 * WEEK,
    "telemarketing": 2 * WEEK,
    "tm": 2 * WEEK,
    "telephone": 2 * WEEK,
    "phone": 2 * WEEK,
    "call": 2 * WEEK,
    "personalselling": 8 * WEEK,
    "visit": 8 * WEEK,
}
"""By name without spaces and hyphens."""


def half_lives(media: Iterable[str], chosen: Mapping[str, Span | Period] | None = None) -> dict[str, float]:
    """Half-life of the memory of a contact by each medium [days]: the caller's, the usual one, or two weeks.

    Raises
    ------
    ContactError
        A half-life is of a medium that is not there, or is not positive and finite.

    Examples
    --------
    >>> half_lives(["E-Mail", "TM", "leaflet"], {"TM": 3 * WEEK})
    {'E-Mail': 7.0, 'TM': 21.0, 'leaflet': 14.0}
    """
    media, chosen = list(media), dict(chosen or {})
    unknown = sorted(set(chosen) - set(media))
    if unknown:
        raise ContactError(f"half_life= names {', '.join(unknown)}. The media of the contacts are: {', '.join(media)}.")
    found = {
        medium: as_span(chosen.get(medium, _usual(medium)), name=f"half_life[{medium!r}]").days for medium in media
    }
    for medium, days in found.items():
        if not 0 < days < float("inf"):
            raise ContactError(
                f"half_life[{medium!r}] is {days:g} days. Give a positive, finite span, such as 2 * WEEK."
            )
    return found


def _usual(medium: str) -> Span:
    return USUAL.get(re.sub(r"[\W_]+", "", medium.lower()), OTHERWISE)
