"""Which contact stocks move which process: the terms of formulas that name media, apart from the rest."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvmodels.covariates.columns import identifiers
from clvmodels.covariates.formula import read
from clvmodels.data.contact_events import ContactEvents
from clvmodels.data.contacts import Contacts
from clvmodels.duration.stocks import IRRITATION, LATER, STOCK
from clvmodels.errors import ContactError, HistoryError, ModelError
from clvmodels.model import Parameter
from clvmodels.priors import LogNormal, Normal
from clvmodels.response.half_lives import half_lives
from clvmodels.units import DAY

ALL, TOGETHER, AFTERWARDS = "contacts", "irritation", "_later"
"""Names in formulas: the stocks of all media, their square together, and what follows the name of a medium."""
HALF_LIFE_SPREAD = 0.5
"""Of the prior of log half-lives: 0.44 to 2.3 times the usual one with probability 0.90."""
SATURATION = LogNormal(1.0, 1.0)
EFFECT = 1.0
"""Standard deviation of the prior of what one fresh contact does to a log rate."""


class Term(NamedTuple):
    """One contact term: its kind and medium, see `stocks`, and its name in formulas."""

    kind: int
    medium: int
    name: str


@dataclass(frozen=True, eq=False)
class ContactTerms:
    """Contact terms of both processes, and the contacts they are made of.

    Attributes
    ----------
    events
        Of the media that some term needs, up to the end of observation, and those planned after it.
    purchase, dropout
        Terms of each process.
    saturation
        0 or more; None if it is estimated.
    planned
        Contacts with every customer besides: number of the medium, days after the end of her observation.
    """

    events: ContactEvents
    purchase: tuple[Term, ...]
    dropout: tuple[Term, ...]
    saturation: float | None
    planned: tuple[tuple[int, float], ...] = ()

    @property
    def media(self) -> tuple[str, ...]:
        return self.events.media

    @property
    def idents(self) -> tuple[str, ...]:
        """Names of the media in formulas and parameters."""
        return names_of(self.media)

    def of(self, role: str) -> tuple[Term, ...]:
        return self.purchase if role == "purchase" else self.dropout

    def codes(self, role: str) -> NDArray[np.int64]:
        """Kind and medium of the terms of a process, for the kernel (terms, 2)."""
        return np.array([one[:2] for one in self.of(role)], dtype=np.int64).reshape(-1, 2)

    def coefficients(self, role: str) -> list[Parameter]:
        """What each term does to the log rate of a process, one parameter each."""
        terms = self.of(role)
        return [
            Parameter(
                name, f"effect of {_meaning(one, self.media)} on {role}: exp of it multiplies", Normal(0.0, EFFECT),
                positive=False,
            )
            for name, one in zip(identifiers(role, [one.name for one in terms]), terms, strict=True)
        ]  # fmt: skip

    def carry_over(self) -> list[Parameter]:
        """Half-lives, and the saturation if it is estimated."""
        usual = half_lives(self.media)
        found = [
            Parameter(
                name, f"time in which a contact by {medium} loses half of its effect",
                LogNormal(usual[medium] * DAY, HALF_LIFE_SPREAD), time=1,
            )
            for name, medium in zip(identifiers("half_life", self.idents), self.media, strict=True)
        ]  # fmt: skip
        if self.saturation is None:
            found.append(Parameter("saturation", "how soon further contacts add less", SATURATION))
        return found

    def then(self, plan: ContactEvents, day: int) -> ContactTerms:
        """The same with other contacts after a day than those it has."""
        return replace(self, events=self.events.until(day).joined(plan))

    def contacted(self, planned: Sequence[tuple[str, float]]) -> ContactTerms:
        """The same with these contacts with everybody besides: medium, days after the end of observation."""
        more = []
        for medium, days in planned:
            if medium not in self.media:
                raise ModelError(f"The model has no contacts by {medium!r}. It was fitted to: {', '.join(self.media)}.")
            if not days >= 0:
                raise ModelError(
                    f"A contact {days:g} days after the end of observation is in the past. Plan from 0 on."
                )
            more.append((self.media.index(medium), float(days)))
        return replace(self, planned=(*self.planned, *more))


def terms_of(
    contacts: Contacts, formulas: Mapping[str, str], saturation: float | None, until: int
) -> tuple[dict[str, str], ContactTerms]:
    """Formulas without their contact terms, and these, of contacts up to a day."""
    media = contacts.media
    rest, found = terms_apart(formulas, media)
    used = sorted({m for terms in found.values() for one in terms for m in _needs(one, len(media))})
    place = {m: k for k, m in enumerate(used)}
    events = ContactEvents.of(contacts, tuple(media[m] for m in used)).until(until)
    placed = {
        role: tuple(one._replace(medium=place.get(one.medium, 0)) for one in found.get(role, ()))
        for role in ("purchase", "dropout")
    }
    _refuse_unused(events)
    return rest, ContactTerms(events, placed["purchase"], placed["dropout"], saturation)


def _needs(term: Term, media: int) -> Sequence[int]:
    return range(media) if term.kind == IRRITATION else [term.medium]


def _refuse_unused(events: ContactEvents) -> None:
    counts = np.bincount(events.medium, events.count, len(events.media))
    if not counts.all():
        name = events.media[int(np.argmin(counts))]
        raise ContactError(
            f"There is no contact by {name!r} up to the end of observation. Leave it out of the formulas."
        )


def planned_of(contacts: Contacts, media: Sequence[str], day: int) -> ContactEvents:
    """The contacts of a plan after a day; by other media than these there must be none."""
    unknown = sorted(set(contacts.media) - set(media))
    if unknown:
        raise ContactError(
            f"The plan has contacts by {', '.join(unknown)}, of which the model knows nothing. It was fitted to: "
            f"{', '.join(media)}."
        )
    found = ContactEvents.of(contacts, tuple(media)).after(day)
    if not found.day.size:
        raise ContactError(
            f"The plan has no contacts after {np.datetime64(day, 'D')}, the end of observation. Forecast without a plan."
        )
    return found


def names_of(media: Sequence[str]) -> tuple[str, ...]:
    """Media as names in a formula.

    Examples
    --------
    >>> names_of(["e-mail", "DM"])
    ('e_mail', 'DM')
    """
    try:
        return tuple(name.removeprefix("m_") for name in identifiers("m", media))
    except HistoryError as error:
        raise ContactError(str(error)) from None


def terms_apart(
    formulas: Mapping[str, str], media: Sequence[str]
) -> tuple[dict[str, str], dict[str, tuple[Term, ...]]]:
    """What is left of formulas without the terms that name media, and these; all media in both where none is named.

    Raises
    ------
    ModelError
        A stock is in a product or a function.
    """
    idents = names_of(media)
    kinds = {name: Term(STOCK, m, name) for m, name in enumerate(idents)}
    kinds |= {f"{name}{AFTERWARDS}": Term(LATER, m, f"{name}{AFTERWARDS}") for m, name in enumerate(idents)}
    kinds[TOGETHER] = Term(IRRITATION, 0, TOGETHER)
    everything = tuple(kinds[name] for name in idents)
    rest: dict[str, str] = {}
    found: dict[str, tuple[Term, ...]] = {}
    for role, formula in formulas.items():
        rest[role], found[role] = _split(formula, role, kinds, everything)
    if not any(found.values()):
        return dict(formulas), dict.fromkeys(("purchase", "dropout"), everything)
    return {role: text for role, text in rest.items() if text}, found


def _split(
    formula: str, role: str, kinds: Mapping[str, Term], everything: tuple[Term, ...]
) -> tuple[str, tuple[Term, ...]]:
    left: list[str] = []
    found: list[Term] = []
    for term in (str(term) for term in read(formula, role=role)):
        if term == ALL:
            found += everything
        elif term in kinds:
            found.append(kinds[term])
        elif used := [name for name in (*kinds, ALL) if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", term)]:
            raise ModelError(
                f"'{term}' in {role}= uses the contact stock '{used[0]}' in a product or function. Stocks stand alone: write "
                f"'+ {used[0]}'."
            )
        elif term != "1":
            left.append(term)
    return f"~ {' + '.join(left)}" if left else "", tuple(dict.fromkeys(found))


def _meaning(term: Term, media: Sequence[str]) -> str:
    if term.kind == IRRITATION:
        return "the square of all contacts together"
    return f"{'what comes after ' if term.kind == LATER else ''}a fresh contact by {media[term.medium]}"
