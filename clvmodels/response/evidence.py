"""What the data say of how a medium's contacts came about, and so how far its increments can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from clvmodels.data.tables import fetch
from clvmodels.errors import ContactError
from clvmodels.response.balance import Balance, balance
from clvmodels.response.cells import Grade
from clvmodels.response.overlap import HIGHEST, LOWEST, ScoreRule, score_rule

FEWEST = 20
"""Contacts, and baseline occasions, that have to be left where the probabilities of contact overlap."""


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
    """

    medium: str
    grade: Grade
    reason: str
    contacts: int
    baseline: int
    balance: Balance | None = None
    rule: ScoreRule | None = None
    outside: int = 0


def comparable(occasions: Any, medium: str, *, held_out: bool) -> Any:
    """The medium's contacts and its baseline: those held out of it, or else pseudo-contacts on its days."""
    mine = (occasions.arm == medium).fill_null(False)
    if held_out:
        return occasions.filter(mine | ((occasions.kind == "held out") & occasions.arm.isnull()))
    sent = occasions.filter(mine & (occasions.kind == "contact"))
    days = sent.select("date").distinct()
    others = occasions.filter(occasions.kind == "pseudo-contact").semi_join(days, "date")
    return sent.union(others)


def weigh(occasions: Any, features: Sequence[str], *, drawn: bool = True) -> tuple[Evidence, ...]:
    """The evidence of each medium with a contact, in alphabetical order.

    Parameters
    ----------
    occasions
        Ibis table of occasions.
    features
        Whose balance is checked, besides the targeting score where it is known.
    drawn
        Whether rows that were held out are said to be held out at random.

    Raises
    ------
    ContactError
        A medium has neither a baseline nor attributed responses.
    """
    counted = occasions.group_by("arm", "kind").aggregate(rows=occasions.count(), replies=occasions.responded.count())
    counts = {(row["arm"], row["kind"]): row for row in fetch(counted).to_pylist()}
    media = sorted(arm for arm, kind in counts if kind == "contact")
    shared = int(counts.get((None, "held out"), {"rows": 0})["rows"])
    found = []
    for medium in media:
        sent = counts[medium, "contact"]
        held = int(counts.get((medium, "held out"), {"rows": 0})["rows"]) + shared
        rows = comparable(occasions, medium, held_out=held > 0)
        if held:
            found.append(_of_held_out(rows, medium, features, int(sent["rows"]), held, drawn=drawn))
        else:
            found.append(_of_pseudo(rows, medium, features, int(sent["rows"]), int(sent["replies"])))
    return tuple(found)


def _of_held_out(rows: Any, medium: str, features: Sequence[str], contacts: int, held: int, *, drawn: bool) -> Evidence:
    facts = fetch(
        rows.aggregate(scores=rows.score.count(), sent=rows.score.count(where=rows.kind == "contact"))
    ).to_pylist()[0]
    scored = facts["sent"] > 0 and facts["scores"] > facts["sent"]
    checked = [*features, "score"] if scored and facts["scores"] == contacts + held else list(features)
    found = balance(rows, checked)
    evidence = Evidence(medium, "randomised", "", contacts, held, found)
    worst, size = found.worst
    if drawn and found.holds:
        reason = f"{held:,} held out; balanced (p = {found.p_value:.2g}, largest difference {size:.3f} sd in {worst})"
        return replace(evidence, reason=reason)
    why = (
        f"those not contacted differ beyond chance (p = {found.p_value:.1g}, {worst} by {size:.2f} sd)"
        if drawn
        else "not drawn at random"
    )
    if not scored:
        return replace(evidence, grade="observational", reason=f"{why}; adjusted for customers' means and periods")
    return _by_rule(rows, replace(evidence, reason=why))


def _by_rule(rows: Any, evidence: Evidence) -> Evidence:
    """The grade where the score behind the contacts is known: adjusted for it, if contact was open at some scores."""
    rule = score_rule(rows)
    if rule is None:
        return replace(
            evidence, grade="observational", reason=f"{evidence.reason}; the target score is the same for all"
        )
    sent = rows.kind == "contact"
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


def _of_pseudo(rows: Any, medium: str, features: Sequence[str], contacts: int, replies: int) -> Evidence:
    others = int(rows.count().to_pyarrow().as_py()) - contacts
    if others:
        found = balance(rows, features)
        worst, size = found.worst
        reason = (
            f"nobody was held out; compared with customers not contacted on the same days, who differ most in {worst} "
            f"({size:.2f} sd); adjusted for customers' means and periods"
        )
        return Evidence(medium, "observational", reason, contacts, others, found)
    if replies:
        reason = "no customer was left without contact on its days: only attributed responses tell of its effect"
        return Evidence(medium, "attributed-only", reason, contacts, 0)
    raise ContactError(
        f"'{medium}' has no baseline: on the days of its {contacts:,} contacts nobody was held out and no customer of the log "
        "was left without contact. Name the held-out rows with Contacts(..., holdout=...), or the replies with responded=."
    )
