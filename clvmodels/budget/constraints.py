"""What a plan has to keep besides its budget, in the words of those who ask for it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.errors import ClvError


@dataclass(frozen=True, eq=False)
class Capacity:
    """At most so much of a resource: calls, visits, letters.

    Parameters
    ----------
    resource
        Name of a medium, whose contacts are counted, or of anything else, with `usage`.
    at_most
        How much there is, >= 0.
    usage
        How much an action takes: by name of the action (0 where it is not named), (actions,) or (customers, actions).
    unit
        What there is, as in "one more call hour is worth ...".

    Examples
    --------
    >>> Capacity("TM", 2_000).name
    'at most 2,000 of TM'
    >>> Capacity("agents", 400, usage={"TM": 0.25, "visit": 3.0}, unit="call hour").name
    'at most 400 of agents'
    """

    resource: str
    at_most: float
    _: KW_ONLY
    usage: Mapping[str, float] | ArrayLike | None = None
    unit: str | None = None

    def __post_init__(self) -> None:
        _at_least_zero("Capacity", "at_most", self.at_most)

    @property
    def name(self) -> str:
        return f"at most {self.at_most:,.10g} of {self.resource}"


@dataclass(frozen=True, eq=False)
class Coverage:
    """At least a share of some customers is contacted.

    Parameters
    ----------
    at_least
        Share in [0, 1], of the customers who are not held out.
    segment, customers
        A segment's label; or a mask (customers,) or a boolean Series by customer id. Neither means everybody.
    by
        Name of an action or a medium that counts; None counts every action but to do nothing.
    called
        What the customers are called in words, if they are given by `customers`.

    Examples
    --------
    >>> Coverage(segment="VIP", at_least=0.2).name
    'at least 20% of VIP contacted'
    """

    _: KW_ONLY
    at_least: float
    segment: str | None = None
    customers: Any = None
    by: str | None = None
    called: str | None = None

    def __post_init__(self) -> None:
        _share("Coverage", "at_least", self.at_least)
        _one_of("Coverage", self.segment, self.customers)

    @property
    def name(self) -> str:
        return f"at least {_percent(self.at_least)} of {_called(self)} contacted{_by(self.by)}"


@dataclass(frozen=True, eq=False)
class BudgetShare:
    """At least or at most a share of the budget is spent on some customers, whether or not all of it is spent.

    Parameters
    ----------
    at_least, at_most
        Shares of the budget in [0, 1]; one or both.
    segment, customers, called
        As in `Coverage`.

    Examples
    --------
    >>> BudgetShare(segment="new", at_least=0.1, at_most=0.3).name
    'at least 10% and at most 30% of the budget for new'
    """

    _: KW_ONLY
    at_least: float | None = None
    at_most: float | None = None
    segment: str | None = None
    customers: Any = None
    called: str | None = None

    def __post_init__(self) -> None:
        given = {
            side: share for side, share in (("at_least", self.at_least), ("at_most", self.at_most)) if share is not None
        }
        if not given:
            raise ClvError("BudgetShare has no share. Give at_least=, at_most= or both.")
        for side, share in given.items():
            _share("BudgetShare", side, share)
        _one_of("BudgetShare", self.segment, self.customers)

    @property
    def name(self) -> str:
        sides = (("at least", self.at_least), ("at most", self.at_most))
        words = " and ".join(f"{side} {_percent(share)}" for side, share in sides if share is not None)
        return f"{words} of the budget for {_called(self)}"


@dataclass(frozen=True, eq=False)
class EqualTreatment:
    """The shares of groups that are contacted differ by no more than `within`.

    Parameters
    ----------
    groups
        Labels (customers,) or a Series by customer id; who has none (None, NaN) is in no group. Customers held out do
        not count.
    within
        Largest difference of two groups' shares, in [0, 1].
    by
        As in `Coverage`.
    called
        What the groups are called in words, such as "sex".

    Examples
    --------
    >>> EqualTreatment(["f", "m", "f"], within=0.02, called="sex").name
    'sex treated alike within 2%'
    """

    groups: Any
    _: KW_ONLY
    within: float
    by: str | None = None
    called: str | None = None

    def __post_init__(self) -> None:
        _share("EqualTreatment", "within", self.within)

    @property
    def name(self) -> str:
        return f"{self.called or 'groups'} treated alike within {_percent(self.within)}{_by(self.by)}"


type Constraint = Capacity | Coverage | BudgetShare | EqualTreatment


@dataclass(frozen=True, eq=False)
class Setting:
    """What constraints refer to.

    Attributes
    ----------
    ids
        (n,) customer ids.
    actions
        Names of the actions; the first is to do nothing.
    media
        Names of the media.
    contacts
        (A, media) contacts by each medium in each action.
    segments
        (n,) labels; None where there are none.
    held
        (n,) who is held out.
    """

    ids: NDArray[Any]
    actions: Sequence[str]
    media: Sequence[str] = ()
    contacts: NDArray[np.float64] | None = None
    segments: NDArray[Any] | None = None
    held: NDArray[np.bool_] | None = None

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Customers whom shares are of."""
        return np.ones(len(self.ids), dtype=bool) if self.held is None else ~self.held

    def members(self, who: Coverage | BudgetShare) -> NDArray[np.bool_]:
        """Mask (n,) of the customers a constraint speaks of."""
        if who.segment is not None:
            mask = self._in_segment(who.segment)
            if not mask.any():
                known = sorted({str(label) for label in (() if self.segments is None else self.segments)})
                has = ", ".join(known[:10]) or "none"
                raise ClvError(f"There is no customer in segment {who.segment!r}. Segments are: {has}.")
            return mask
        if who.customers is None:
            return np.ones(len(self.ids), dtype=bool)
        mask = np.asarray(self.aligned(who.customers, who.name), dtype=bool)
        if not mask.any():
            raise ClvError(f"{who.name!r} speaks of no customer. Give a mask that is True for some.")
        return mask

    def _in_segment(self, segment: str) -> NDArray[np.bool_]:
        if self.segments is None:
            return np.zeros(len(self.ids), dtype=bool)
        return np.asarray(self.segments == segment, dtype=bool)

    def aligned(self, given: Any, name: str) -> NDArray[Any]:
        """A Series by customer id, or an array in the order of the customers, as an array (n,)."""
        import pandas as pd

        if isinstance(given, pd.Series):
            found = given.reindex(self.ids)
            missing = ~pd.Index(self.ids).isin(given.index)
            if missing.any():
                first = ", ".join(str(i) for i in self.ids[missing][:5])
                raise ClvError(
                    f"{name!r}: the Series lacks {int(missing.sum()):,} customers: {first}. Give one value for each id."
                )
            return np.asarray(found)
        array = np.asarray(given)
        if array.shape != (len(self.ids),):
            raise ClvError(
                f"{name!r}: the array has the shape {array.shape}; there are {len(self.ids):,} customers. "
                "Give one value per customer, or a Series by customer id."
            )
        return array

    def counting(self, by: str | None, name: str) -> NDArray[np.bool_]:
        """Which actions (A,) count as a contact: all but nothing, or those of a name or with a medium."""
        if by is None:
            return np.arange(len(self.actions)) > 0
        if by in self.actions:
            return np.array([action == by for action in self.actions])
        return self.contacts_by(by, name) > 0

    def contacts_by(self, medium: str, name: str) -> NDArray[np.float64]:
        """Contacts by a medium in each action (A,)."""
        if self.contacts is None or medium not in self.media:
            raise ClvError(
                f"{name!r}: there is no medium {medium!r}. Media are: {', '.join(self.media) or 'none'}; actions are: "
                f"{', '.join(self.actions)}."
            )
        return np.asarray(self.contacts, dtype=float)[:, list(self.media).index(medium)]


def _called(who: Coverage | BudgetShare) -> str:
    if who.called is not None:
        return who.called
    if who.segment is not None:
        return who.segment
    return "all customers" if who.customers is None else "the customers given"


def _by(by: str | None) -> str:
    return "" if by is None else f" by {by}"


def _percent(share: float) -> str:
    return f"{100 * share:.6g}%"


def _share(kind: str, name: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise ClvError(f"{kind}: {name} is {share}, not a share. Give a number from 0 to 1, such as 0.2 for 20 %.")


def _at_least_zero(kind: str, name: str, number: float) -> None:
    if not 0 <= number < math.inf:
        raise ClvError(f"{kind}: {name} is {number}. Give a number of 0 or more.")


def _one_of(kind: str, segment: str | None, customers: Any) -> None:
    if segment is not None and customers is not None:
        raise ClvError(f"{kind} has both segment= and customers=. Give one of them.")
