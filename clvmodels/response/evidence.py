"""What the data say of how a medium's contacts came about, and so how far its increments can be trusted."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clvmodels.data.tables import fetch
from clvmodels.errors import ContactError
from clvmodels.response.balance import Balance
from clvmodels.response.cells import Grade
from clvmodels.response.fates import CONTACT, HELD_OUT, PSEUDO
from clvmodels.response.overlap import HIGHEST, LOWEST, ScoreRule, score_rule
from clvmodels.response.sampled import Sampled

FEWEST = 20
"""Contacts, and baseline occasions, that have to be left where the probabilities of contact overlap."""


type Counts = dict[tuple[str | None, str, datetime.date | None], tuple[int, int]]


@dataclass(frozen=True)
class Evidence:
    """How a medium's contacts came about.

    Attributes
    ----------
    medium, grade, reason
        The grade, and in words why.
    contacts, baseline
        Occasions with contact, and occasions without that they are compared with.
    balance
        Of the two; None where there is no baseline.
    rule
        How contact depends on the targeting score, of a medium graded "rule-adjusted".
    outside
        Occasions left out because contact was next to certain or next to impossible, or the score is not known.
    alone, alone_on
        Contacts left out because in their calendar month nobody was held out while in others some were; and their days.
    uneven
        Whether chance decided, but for some customers with another known probability than for others.
    """

    medium: str
    grade: Grade
    reason: str
    contacts: int
    baseline: int
    balance: Balance | None = None
    rule: ScoreRule | None = None
    outside: int = 0
    alone: int = 0
    alone_on: tuple[datetime.date, ...] = ()
    uneven: bool = False


def weigh(occasions: Any, features: Sequence[str], *, drawn: bool = True) -> tuple[Evidence, ...]:
    """The evidence of each medium with a contact, in alphabetical order.

    Parameters
    ----------
    occasions
        Ibis table of occasions.
    features
        Whose balance is checked, besides the targeting score where it is known; of very many occasions, on those of some
        customers.
    drawn
        Whether rows that were held out are said to be held out at random.

    Raises
    ------
    ContactError
        A medium has neither a baseline nor attributed responses.
    """
    counts = _counts(occasions)
    some = Sampled.of(occasions, features, rows=sum(count for count, _ in counts.values()))
    found = []
    for medium in sorted({arm for arm, kind, _ in counts if arm is not None and kind == CONTACT}):
        bare, replies = _bare(counts, medium)
        if any(kind == HELD_OUT and arm in (medium, None) for arm, kind, _ in counts) and bare.baseline:
            found.append(_of_held_out(some, occasions, bare, drawn=drawn))
        else:
            found.append(_of_pseudo(some, bare, replies))
    return tuple(found)


def _bare(counts: Counts, medium: str) -> tuple[Evidence, int]:
    """What counting tells of a medium, and how many of its contacts have a known attributed response."""
    sent = {day: count for (arm, kind, day), (count, _) in counts.items() if arm == medium and kind == CONTACT}
    held = {day: count for (arm, kind, day), (count, _) in counts.items() if kind == HELD_OUT and arm in (medium, None)}
    pseudo = sum(count for (_, kind, day), (count, _) in counts.items() if kind == PSEUDO and day in sent)
    replies = sum(known for (arm, kind, _), (_, known) in counts.items() if arm == medium and kind == CONTACT)
    months = {_month(day) for day in held}
    days = tuple(day for day in sent if day is not None and held and _month(day) not in months)
    alone = sum(sent[day] for day in days)
    if alone == sum(sent.values()):
        return Evidence(medium, "attributed-only", "", alone, 0), replies
    contacts = sum(sent.values()) - alone
    return Evidence(
        medium, "randomised", "", contacts, sum(held.values()) or pseudo, alone=alone, alone_on=days
    ), replies


def _month(day: datetime.date | None) -> tuple[int, int] | None:
    return None if day is None else (day.year, day.month)


def _counts(occasions: Any) -> Counts:
    """Occasions, and known attributed responses, by arm, kind and day."""
    counted = occasions.group_by("arm", "kind", "date").aggregate(
        n=occasions.count(), known=occasions.responded.count()
    )
    return {(row["arm"], row["kind"], row["date"]): (row["n"], row["known"]) for row in fetch(counted).to_pylist()}


def without_alone(occasions: Any, one: Evidence) -> Any:
    """Occasions without the medium's contacts of months in which nobody was held out."""
    if not one.alone_on:
        return occasions
    mine = (occasions.arm == one.medium).fill_null(False) & (occasions.kind == CONTACT)
    return occasions.filter(~(mine & occasions.date.isin(one.alone_on)))


def _of_held_out(some: Sampled, occasions: Any, bare: Evidence, *, drawn: bool) -> Evidence:
    rows = some.held_out_of(bare.medium, bare.alone_on)
    scored = ~np.isnan(some.score) & rows
    found = some.balance(rows, score=bool((scored == rows).all()))
    evidence = replace(bare, balance=found)
    if drawn and found.holds:
        left = f"; {bare.alone:,} contacts of months without any left out" if bare.alone else ""
        uneven = some.uneven(rows)
        odds = ", drawn with different probabilities" if uneven else ""
        return replace(evidence, reason=f"{bare.baseline:,} held out{odds}; {alike(found)}{left}", uneven=uneven)
    why = unlike(found) if drawn else "not drawn at random"
    if not (scored & some.contacted).any() or not (scored & ~some.contacted).any():
        return replace(evidence, grade="observational", reason=f"{why}; adjusted for customers' means and periods")
    rule = score_rule(some.score[scored], some.contacted[scored])
    mine = (occasions.arm == bare.medium).fill_null(False) | ((occasions.kind == HELD_OUT) & occasions.arm.isnull())
    return _by_rule(without_alone(occasions.filter(mine), bare), rule, replace(evidence, reason=why))


def alike(found: Balance) -> str:
    """In words, that the contacted and the others differ no more than chance makes them."""
    worst, size = found.worst
    if found.p_value != found.p_value:
        return "too few customers, or nothing known of them, to test the balance"
    return f"balanced (p = {found.p_value:.2g}, largest difference {size:.3f} sd in {worst})"


def unlike(found: Balance) -> str:
    """In words, how they differ beyond chance."""
    worst, size = found.worst
    if not found.comparable:
        return "on no day are there both contacts and held-out customers"
    return f"those not contacted differ beyond chance (p = {found.p_value:.1g}, {worst} by {size:.2f} sd)"


def _by_rule(rows: Any, rule: ScoreRule | None, evidence: Evidence) -> Evidence:
    """The grade where the score behind the contacts is known: adjusted for it, if contact was open at some scores."""
    if rule is None:
        return replace(
            evidence, grade="observational", reason=f"{evidence.reason}; the target score is the same for all"
        )
    sent = rows.kind == CONTACT
    inside = rule.overlap(rows.score).fill_null(False)
    facts = {"sent": (inside & sent).sum(), "held": (inside & ~sent).sum()}
    facts |= {"low": rows.score.min(where=inside & sent), "high": rows.score.max(where=inside & ~sent)}
    facts |= {"highest": rows.score.max(where=inside & sent), "lowest": rows.score.min(where=inside & ~sent)}
    [found] = fetch(rows.aggregate(**facts)).to_pylist()
    sent_in, held_in = int(found["sent"] or 0), int(found["held"] or 0)
    bounds = f"a probability of contact within [{LOWEST}, {HIGHEST}]"
    apart = not sent_in or not held_in or found["low"] > found["high"] or found["lowest"] > found["highest"]
    if apart or min(sent_in, held_in) < FEWEST:
        reason = (
            f"{evidence.reason}; the score decides alone: {sent_in:,} contacts and {held_in:,} others have {bounds}"
        )
        return replace(evidence, grade="observational", reason=reason)
    outside = evidence.contacts + evidence.baseline - sent_in - held_in
    return replace(
        evidence,
        grade="rule-adjusted",
        reason=f"{evidence.reason}; adjusted for a spline of the score, {outside:,} occasions without {bounds} left out",
        rule=rule,
        outside=outside,
    )


def _of_pseudo(some: Sampled, bare: Evidence, replies: int) -> Evidence:
    if bare.baseline:
        rows = some.around(bare.medium)
        found = some.balance(rows, score=False)
        known = some.known[rows & some.contacted].all()
        if known and found.holds:
            reason = f"drawn with known probabilities; customers not contacted on the same days are {alike(found)}"
            return replace(bare, reason=reason, balance=found)
        worst, size = found.worst
        reason = (
            f"nobody was held out; compared with customers not contacted on the same days, who differ most in {worst} "
            f"({size:.2f} sd); adjusted for customers' means and periods"
        )
        return replace(bare, grade="observational", reason=reason, balance=found)
    if replies:
        reason = "no customer was left without contact on its days: only attributed responses tell of its effect"
        return replace(bare, grade="attributed-only", reason=reason)
    raise ContactError(
        f"'{bare.medium}' has no baseline: on the days of its {bare.contacts:,} contacts nobody was held out and no customer "
        "of the log was left alone. Name the held-out rows with Contacts(..., holdout=...), or the replies with responded=."
    )
