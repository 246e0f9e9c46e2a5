"""What an evaluation of policies says, in plain sentences."""

from __future__ import annotations

from typing import Any

import pandas as pd

FEW = 50
"""Effective occasions below which a value hangs on a few of them."""
REMEDY = "A randomised test would settle it: clv.design_test() says how large."


def policy_sentences(
    values: pd.DataFrame, differences: pd.DataFrame | None, support: pd.DataFrame, *, interval: float, outcome: str
) -> list[str]:
    """What each policy is worth, whether that differs from the first, and what is not validated and why.

    Parameters
    ----------
    values, differences, support
        Tables of a `PolicyEvaluation`, of one estimator; differences are from the first policy, None if it is alone.
    interval
        Probability of the intervals.
    outcome
        Of which the values are the margin.
    """
    level = f"{100 * interval:g} %"
    sure = [name for name in values.index if not support.loc[name, "reason"]]
    said = [_value(name, values.loc[name], level, outcome) for name in sure]
    if differences is not None:
        said += [_difference(name, differences.loc[name], level) for name in differences.index if name in sure]
    sizes = support["effective_sample_size"][sure]
    said += [_few(str(name), size) for name, size in sizes[sizes < FEW].items()]
    return said + _not_validated(support["reason"][support["reason"] != ""])


def _value(name: str, row: pd.Series[Any], level: str, outcome: str) -> str:
    of = "amount" if outcome == "amount" else "purchases"
    spread = f"{level} interval {row['lower']:,.4g} to {row['upper']:,.4g}"
    return f"'{name}' is worth {row['value']:,.4g} per occasion (margin of the {of} less cost; {spread})."


def _difference(name: str, row: pd.Series[Any], level: str) -> str:
    against = row["against"]
    if row["better"] == "not validated":
        return f"'{name}' cannot be compared with '{against}', which is not validated."
    if row["differ"] == 0:
        return f"'{name}' and '{against}' ask for the same on every occasion."
    verdict = {"policy": "more than chance", "against": "more than chance", "unclear": "which may be chance"}[
        row["better"]
    ]
    way = "more" if row["difference"] >= 0 else "less"
    spread = f"{level} interval of the difference {row['lower']:,.4g} to {row['upper']:,.4g}"
    return f"'{name}' is worth {abs(row['difference']):,.4g} {way} than '{against}' ({spread}): {verdict}."


def _few(name: str, size: float) -> str:
    return f"'{name}' hangs on few occasions: they are worth {size:,.0f} equally weighted ones."


def _not_validated(reasons: pd.Series[str]) -> list[str]:
    """One sentence per reason, with the policies that share it, and what to do."""
    out = []
    for reason, names in reasons.groupby(reasons, sort=False).groups.items():
        who = " and ".join(f"'{name}'" for name in names)
        out.append(f"{who}: not validated, because {reason}. {REMEDY}")
    return out
