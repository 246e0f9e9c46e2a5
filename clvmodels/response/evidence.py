"""What the data say of how a medium's contacts came about, and so how far its increments can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from clvmodels.data.tables import fetch, kept
from clvmodels.errors import ContactError
from clvmodels.response.balance import Balance, balance
from clvmodels.response.cells import Grade
from clvmodels.response.fates import CONTACT, HELD_OUT, PSEUDO
from clvmodels.response.overlap import HIGHEST, LOWEST, ScoreRule, score_rule

SAMPLE = 4_000_000
"""Of more occasions than that, those of some customers are looked at for balance and for the rule behind a score."""
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


def weigh(occasions: Any, features: Sequence[str], *, drawn: bool = True) -> tuple[Evidence, ...]:
    """The evidence of each medium with a contact, in alphabetical order.

    Parameters
    ----------
    occasions
        Ibis table of occasions.
    features
        Whose balance is checked, besides the targeting score where it is known; with more than `SAMPLE` occasions, on those of
        some customers.
    drawn
        Whether rows that were held out are said to be held out at random.

    Raises
    ------
    ContactError
        A medium has neither a baseline nor attributed responses.
    """
    counts = _counts(occasions)
    share = -(-sum(count for count, _ in counts.values()) // SAMPLE)
    some = occasions.filter(occasions.customer_id.hash() % share == 0) if share > 1 else occasions
    some = kept(some.select("customer_id", "date", "campaign", "kind", "arm", "probability", "score", *features))
    found = []
    for medium in sorted({arm for arm, kind, _ in counts if kind == CONTACT}):
        sent = {day: count for (arm, kind, day), (count, _) in counts.items() if arm == medium and kind == CONTACT}
        held = sum(count for (arm, kind, _), (count, _) in counts.items() if kind == HELD_OUT and arm in (medium, None))
        pseudo = sum(count for (_, kind, day), (count, _) in counts.items() if kind == PSEUDO and day in sent)
        replies = sum(known for (arm, kind, _), (_, known) in counts.items() if arm == medium and kind == CONTACT)
        bare = Evidence(medium, "randomised", "", sum(sent.values()), held or pseudo)
        rows = _comparable(some, medium, held_out=held > 0)
        if held:
            found.append(_of_held_out(rows, _comparable(occasions, medium, held_out=True), bare, features, drawn=drawn))
        else:
            found.append(_of_pseudo(rows, bare, features, replies))
    return tuple(found)


def _counts(occasions: Any) -> dict[tuple[Any, str, Any], tuple[int, int]]:
    """Occasions, and known attributed responses, by arm, kind and day."""
    counted = occasions.group_by("arm", "kind", "date").aggregate(
        n=occasions.count(), known=occasions.responded.count()
    )
    return {(row["arm"], row["kind"], row["date"]): (row["n"], row["known"]) for row in fetch(counted).to_pylist()}


def _comparable(occasions: Any, medium: str, *, held_out: bool) -> Any:
    """The medium's contacts and its baseline: those held out of it, or else pseudo-contacts on its days."""
    mine = (occasions.arm == medium).fill_null(False)
    if held_out:
        return occasions.filter(mine | ((occasions.kind == HELD_OUT) & occasions.arm.isnull()))
    sent = occasions.filter(mine)
    others = occasions.filter(occasions.kind == PSEUDO).semi_join(sent.select("date").distinct(), "date")
    return sent.union(others)


def _of_held_out(rows: Any, whole: Any, bare: Evidence, features: Sequence[str], *, drawn: bool) -> Evidence:
    """`rows` are those whose balance is looked at, `whole` all of them."""
    sent = rows.kind == CONTACT
    [known] = fetch(
        rows.aggregate(rows=rows.count(), scores=rows.score.count(), sent=rows.score.count(where=sent))
    ).to_pylist()
    scored = 0 < known["sent"] < known["scores"]
    found = balance(rows, [*features, "score"] if known["scores"] == known["rows"] else list(features))
    evidence = replace(bare, balance=found)
    worst, size = found.worst
    if drawn and found.holds:
        reason = f"{bare.baseline:,} held out; balanced (p = {found.p_value:.2g}, largest difference {size:.3f} sd in {worst})"
        return replace(evidence, reason=reason)
    beyond = f"those not contacted differ beyond chance (p = {found.p_value:.1g}, {worst} by {size:.2f} sd)"
    why = beyond if drawn else "not drawn at random"
    if not scored:
        return replace(evidence, grade="observational", reason=f"{why}; adjusted for customers' means and periods")
    return _by_rule(whole, score_rule(rows), replace(evidence, reason=why))


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


def _of_pseudo(rows: Any, bare: Evidence, features: Sequence[str], replies: int) -> Evidence:
    if bare.baseline:
        found = balance(rows, features)
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
