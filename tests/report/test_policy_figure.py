"""The figure of policy values shows the numbers of the tables, and none where nothing is validated."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.evaluation.policy_evaluation import PolicyEvaluation, by_policy


@pytest.fixture(scope="module")
def log() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    drawn = rng.integers(3, size=3000)
    amount = rng.exponential(1.0, 3000) + np.array([0.0, 1.0, 0.02])[drawn]
    medium = np.array([None, "dm", "email"], dtype=object)[drawn]
    return pd.DataFrame({"customer_id": range(3000), "medium": medium, "probability": 1 / 3, "amount": amount})


def evaluated(log: pd.DataFrame) -> PolicyEvaluation:
    policies = {"nobody": None, "dm": "dm", "email": "email"}
    return clv.evaluate_policies(policies, log, cost=0.0, resamples=100)


def test_dots_and_lines_are_the_tables(log: pd.DataFrame) -> None:
    found = evaluated(log)
    figure = clv.figures.policy_values(found, against="email", currency="USD")
    differences = by_policy(found.differences("email"))
    for axes, table, column in zip(
        figure.axes, (by_policy(found.table()), differences), ("value", "difference"), strict=True
    ):
        lines, dots = axes.collections
        assert np.asarray(dots.get_offsets())[:, 0] == pytest.approx(table[column].to_numpy())
        ends = np.array([segment[:, 0] for segment in lines.get_segments()])  # type: ignore[attr-defined]
        assert ends == pytest.approx(table[["lower", "upper"]].to_numpy())
        top, bottom = axes.get_ylim()
        assert top > bottom, "the first policy is on top"
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["nobody", "dm", "email"]
    gain = differences["difference"]["dm"]
    assert figure.message == f"‘dm’ is worth {gain:.3g} per occasion more than ‘email’, and that is more than chance"


def test_titles_say_no_more_than_is_known(log: pd.DataFrame) -> None:
    assert clv.figures.policy_values(evaluated(log), against="dm").message.startswith("‘dm’ is worth most: ")
    two = clv.evaluate_policies({"nobody": None, "email": "email"}, log, cost=0.0, resamples=100)
    assert by_policy(two.differences())["better"]["email"] == "unclear"
    best = by_policy(two.table())["value"].idxmax()
    other = "nobody" if best == "email" else "email"
    title = clv.figures.policy_values(two, against=other).message
    assert title.startswith(f"‘{best}’ did best, but its ")
    assert title.endswith(f"over ‘{other}’ may be chance")


def test_what_is_not_validated_has_no_dots(log: pd.DataFrame) -> None:
    nothing = evaluated(log.drop(columns="probability"))
    figure = clv.figures.policy_values(nothing)
    assert figure.message == "Nothing is validated: this log cannot say what the policies are worth"
    assert "does not say with which probability" in figure.caption
    for axes, missing in zip(figure.axes, (3, 2), strict=True):
        assert not len(axes.get_xticks())
        assert [text.get_text() for text in axes.texts] == ["not validated"] * missing
    in_part = evaluated(log.assign(probability=np.where(log["medium"] == "email", 0.1, 1 / 3)))
    left, right = clv.figures.policy_values(in_part).axes
    assert len(np.asarray(left.collections[1].get_offsets())) == 2
    assert [text.get_text() for text in right.texts] == ["not validated"]
