"""Actions: what can be done for a customer. A contact programme says which media, when and at what cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import ClvError
from clvmodels.units import DAY, Period, Span, as_span

NOTHING = "none"
"""Name of the action of contacting nobody, which always comes first."""


@dataclass(frozen=True)
class PlannedContact:
    """One contact of a programme.

    Parameters
    ----------
    medium
        As in the contact log that the media response was fitted to.
    cost
        Of making it, whether she answers or not [currency, >= 0].
    at
        How long after today, such as `2 * WEEK`.
    cost_on_response
        What a purchase within the window of the contact costs besides, such as a discount; it is also paid by those who would
        have bought anyway [currency, >= 0].
    """

    medium: str
    cost: float
    at: Span = 0 * DAY
    cost_on_response: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", as_span(self.at, name="at"))
        for name in ("cost", "cost_on_response"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ClvError(
                    f"{name}={getattr(self, name)!r} of a contact by {self.medium} is not an amount of money. "
                    "Give what it costs, zero or more."
                )


@dataclass(frozen=True)
class Action:
    """A contact programme that a customer can be given.

    Parameters
    ----------
    name
        How tables and figures call it.
    contacts
        Its contacts, in any order.

    Raises
    ------
    ClvError
        There are no contacts, or the name is that of doing nothing.

    Examples
    --------
    >>> from clvmodels.units import WEEK
    >>> letter_and_call = Action("letter, then call", PlannedContact("DM", 1.2), PlannedContact("TM", 6.0, at=2 * WEEK))
    >>> letter_and_call.media
    ('DM', 'TM')
    >>> Action.repeated("e-mail x4", "e-mail", cost=0.05, times=4, every=13 * WEEK).contacts[-1].at
    39 weeks
    """

    name: str
    contacts: tuple[PlannedContact, ...]

    def __init__(self, name: str, *contacts: PlannedContact) -> None:
        if not contacts:
            raise ClvError(f"The action {name!r} has no contacts. Doing nothing is always there, as {NOTHING!r}.")
        if name == NOTHING:
            raise ClvError(f"{NOTHING!r} is the name of doing nothing. Call the action something else.")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "contacts", tuple(sorted(contacts, key=lambda one: one.at.days)))

    @classmethod
    def repeated(
        cls,
        name: str,
        medium: str,
        *,
        cost: float,
        times: int,
        every: Span | Period,
        cost_on_response: float = 0.0,
    ) -> Action:
        """The same contact so many `times`, the first today."""
        step = as_span(every, name="every")
        ahead = (Span(k * step.count, step.period) for k in range(times))
        return cls(name, *(PlannedContact(medium, cost, at, cost_on_response) for at in ahead))

    @property
    def media(self) -> tuple[str, ...]:
        """The media it uses, each once, in the order of their first contact."""
        return tuple(dict.fromkeys(contact.medium for contact in self.contacts))


def check_actions(actions: Sequence[Action], media: Sequence[str], exposures: Sequence[str] = ()) -> tuple[Action, ...]:
    """The actions, if their names differ and the media are known; a `ClvError` says which are not, or are exposures."""
    if not actions:
        raise ClvError("There are no actions to choose from. Give at least one clv.Action.")
    names = [action.name for action in actions]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ClvError(f"Several actions are called {', '.join(twice)}. Give each a name of its own.")
    for action in actions:
        exposed = [medium for medium in action.media if medium in exposures]
        if exposed:
            raise ClvError(
                f"The action {action.name!r} uses {', '.join(exposed)}, to which everybody in a region is exposed: it cannot be "
                f"aimed at a customer, and is the same for her whatever she is given. Leave it out of the actions; "
                f"media.exposure_value({exposed[0]!r}, value=...) says what one unit of it is worth, to hold against its cost."
            )
        unknown = [medium for medium in action.media if medium not in media]
        if unknown:
            raise ClvError(
                f"The action {action.name!r} uses {', '.join(unknown)}, of which the media response knows nothing. "
                f"It was fitted to: {', '.join(media)}."
            )
    return tuple(actions)


def media_counts(actions: Iterable[Action], media: Sequence[str]) -> NDArray[np.float64]:
    """How many contacts by each medium an action has, doing nothing first (actions + 1, media)."""
    rows = [[sum(c.medium == medium for c in action.contacts) for medium in media] for action in actions]
    return np.array([[0] * len(media), *rows], dtype=float)
