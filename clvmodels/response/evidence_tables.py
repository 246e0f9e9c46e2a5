"""Evidence and balance as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clvmodels.data.tables import fetch
from clvmodels.response.evidence import Evidence

if TYPE_CHECKING:
    import pandas as pd


def evidence_table(occasions: Any, evidence: Sequence[Evidence]) -> pd.DataFrame:
    """A row per medium; see `Occasions.grades`."""
    import pandas as pd

    sent = occasions.drop_null("medium")
    facts = {"known": sent.responded.count(), "responses": sent.responded.sum(), "mean_cost": sent.cost.mean()}
    found = {row["medium"]: row for row in fetch(sent.group_by("medium").aggregate(**facts)).to_pylist()}
    return pd.DataFrame([_grade(one, found.get(one.medium, {})) for one in evidence])


def balance_table(evidence: Sequence[Evidence]) -> pd.DataFrame:
    """A row per medium and feature; see `Occasions.balance`."""
    import pandas as pd

    rows = [
        (one.medium, feature, *values, found.p_value)
        for one in evidence
        if (found := one.balance) is not None
        for feature, *values in zip(found.features, found.contacted, found.not_contacted, found.difference, strict=True)
    ]
    return pd.DataFrame(rows, columns=["medium", "feature", "contacted", "not_contacted", "difference", "p_value"])


def _grade(one: Evidence, facts: Mapping[str, Any]) -> dict[str, Any]:
    feature, size = one.balance.worst if one.balance is not None and one.balance.features else ("", float("nan"))
    responses = float(facts["responses"] or 0) if facts.get("known") else float("nan")
    cost = facts.get("mean_cost")
    return {
        "medium": one.medium,
        "grade": one.grade,
        "reason": one.reason,
        "contacts": one.contacts,
        "baseline": one.baseline,
        "outside": one.outside,
        "p_value": one.balance.p_value if one.balance is not None else float("nan"),
        "worst_feature": feature,
        "worst_difference": size,
        "responses": responses,
        "response_rate": responses / facts["known"] if facts.get("known") else float("nan"),
        "mean_cost": float("nan") if cost is None else float(cost),
    }
