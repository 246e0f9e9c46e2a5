"""What became of every contact row, and how occasions were made cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clvmodels.data.quality import Finding, Quality
from clvmodels.data.tables import fetch
from clvmodels.response.assemble import Assembled
from clvmodels.response.cells import Cells
from clvmodels.response.evidence import Evidence
from clvmodels.response.fates import CONTACT, DOUBLY, EARLY, HELD_OUT, LATE, PSEUDO, REPEATS, UNKNOWN
from clvmodels.response.grouping import Bins
from clvmodels.units import Span

DONE = {
    CONTACT: "occasions with contact",
    HELD_OUT: "occasions without contact: the baseline",
    REPEATS: "one occasion per customer, medium and day; costs are added up",
    LATE: "left out: what followed is not known",
    UNKNOWN: "left out: not in the log",
    EARLY: "left out: nothing is known of the customer yet",
    DOUBLY: "left out: no occasion without contact",
}


def measure_occasions(
    occasions: Any,
    made: Assembled | None,
    evidence: Sequence[Evidence],
    window: Span,
    grouped: tuple[Cells, Bins | None],
) -> Quality:
    """The quality report of occasions; contact rows are in exactly one of the findings with a share "of contact rows"."""
    facts = {"rows": occasions.count(), "customers": occasions.customer_id.nunique()}
    facts |= {"first": occasions.date.min(), "last": occasions.date.max()}
    facts |= {f"kind{i}": (occasions.kind == kind).sum() for i, kind in enumerate((CONTACT, HELD_OUT, PSEUDO))}
    [found] = fetch(occasions.aggregate(**facts)).to_pylist()
    counts = {kind: int(found[f"kind{i}"] or 0) for i, kind in enumerate((CONTACT, HELD_OUT, PSEUDO))}
    accounts = dict(made.accounts) if made is not None else {kind: counts[kind] for kind in (CONTACT, HELD_OUT)}
    whole = sum(accounts.values())
    findings = [
        Finding(name, accounts.get(name, 0), accounts.get(name, 0) / whole, "of contact rows", DONE[name])
        for name in DONE
    ]
    findings += _baseline(counts[PSEUDO], made)
    nan = float("nan")
    findings += [
        Finding(
            f"without overlap: {one.medium}", one.outside, nan, "", "left out: contact next to certain or impossible"
        )
        for one in evidence
        if one.outside
    ]
    findings += [
        Finding(f"months without holdout: {one.medium}", one.alone, nan, "", "left out: nobody to compare with")
        for one in evidence
        if one.alone
    ]
    findings += _crowded(occasions, window, counts[CONTACT])
    findings.append(Finding("cells", len(grouped[0].occasions), nan, "", _cells(grouped[1])))
    return Quality(
        whole,
        counts[CONTACT],
        int(found["customers"]),
        found["first"],
        found["last"],
        tuple(findings),
        unit="contact rows",
    )


def _baseline(count: int, made: Assembled | None) -> list[Finding]:
    if made is None or not made.baseline.days:
        return []
    how = made.baseline
    of = (
        f"{how.possible:,} customers x {len(how.days):,} days"
        if not how.drawn
        else (f"{how.looked_at:,} drawn from {how.possible:,} pairs of customer and day")
    )
    done = f"baseline where nobody was held out: who had bought before and was not contacted that day, of {of}"
    return [Finding(PSEUDO, count, count / how.looked_at, "of pairs", done)]


def _crowded(occasions: Any, window: Span, contacts: int) -> list[Finding]:
    """Contacts whose outcome another contact may share."""
    import ibis

    sent = occasions.filter((occasions.kind == CONTACT) & occasions.date.notnull())
    own = ibis.window(group_by=sent.customer_id, order_by=[sent.date, sent.medium])
    following = sent.select(wait=sent.date.lead().over(own).delta(sent.date, unit="day"))
    facts = {"same": (following.wait == 0).sum(), "within": (following.wait < round(window.days)).sum()}
    [found] = fetch(following.aggregate(**facts)).to_pylist()
    same, within = int(found["same"] or 0), int(found["within"] or 0)
    share = [count / contacts if contacts else 0.0 for count in (same, within)]
    return [
        Finding("contacts of two media on one day", same, share[0], "of contacts", "kept: both have the same outcome"),
        Finding("windows with another contact", within, share[1], "of contacts", "kept: the outcomes overlap"),
    ]


def _cells(bins: Bins | None) -> str:
    if bins is None:
        return "equal occasions are one cell"
    cut = f"features cut into {bins.features} quantile bins, stocks and controls into {bins.others}"
    return f"{cut}; a cell has the means of its occasions"
