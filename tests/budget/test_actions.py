"""Actions, and what takes them away."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.budget.actions import check_actions, media_counts
from clvmodels.budget.allowed import allowed_actions

CALL = clv.Action("call", clv.PlannedContact("TM", 4.0))
LETTERS = clv.Action.repeated("letters", "DM", cost=1.0, times=3, every=2 * clv.WEEK)
BOTH = clv.Action("both", clv.PlannedContact("TM", 4.0, at=3 * clv.WEEK), clv.PlannedContact("DM", 1.0))
MEDIA = ("DM", "TM")
IDS = np.array(["A", "B", "C"])
NEVER = np.full((3, 2), np.inf)


def allowed(**given) -> np.ndarray:
    return allowed_actions((CALL, LETTERS, BOTH), IDS, **({"media": MEDIA, "since": NEVER} | given))


def test_contacts_are_in_the_order_of_time_whatever_the_order_given() -> None:
    assert [contact.medium for contact in BOTH.contacts] == ["DM", "TM"]
    assert media_counts((CALL, LETTERS, BOTH), MEDIA).tolist() == [[0, 0], [0, 1], [3, 0], [1, 1]]


def test_without_rules_everything_is_allowed() -> None:
    assert allowed().all()


def test_consent_is_asked_medium_by_medium() -> None:
    consent = pd.DataFrame({"TM": [True, False]}, index=["A", "B"])
    assert allowed(consent=consent).tolist() == [[True] * 4, [True, False, True, False], [True, False, True, False]]


def test_caps_and_quiet_periods() -> None:
    assert allowed(caps={"DM": 2}).tolist() == [[True, True, False, True]] * 3
    since = np.array([[np.inf, 3.0], [1.0, np.inf], [np.inf, np.inf]])
    found = allowed(since=since, quiet={"TM": 10 * clv.DAY, "DM": 2 * clv.WEEK})
    assert found.tolist() == [[True, False, True, True], [True, True, False, False], [True] * 4]
    assert not allowed(quiet={"DM": 15 * clv.DAY})[:, 2].any(), "letters two weeks apart are too close"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"consent": pd.DataFrame({"fax": [True]}, index=["A"])}, "consent names fax.*DM, TM"),
        ({"caps": {"fax": 1}}, "caps names fax"),
        ({"quiet": {"fax": clv.WEEK}}, "quiet names fax"),
        (
            {"consent": pd.DataFrame({"TM": [True, None]}, index=["A", "B"])},
            "'TM' is neither True nor False in 1 row: B",
        ),
        ({"consent": pd.DataFrame({"TM": [True, False]}, index=["A", "A"])}, "several rows"),
        ({"quiet": {"TM": 10}}, "10 of what"),
    ],
)
def test_rules_that_make_no_sense(given, words) -> None:
    with pytest.raises(clv.ClvError, match=words):
        allowed(**given)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: clv.Action("empty"), "no contacts"),
        (lambda: clv.Action("none", clv.PlannedContact("DM", 1.0)), "name of doing nothing"),
        (lambda: clv.PlannedContact("DM", -1.0), "cost=-1.0"),
        (lambda: clv.PlannedContact("DM", float("nan")), "cost=nan"),
        (lambda: clv.PlannedContact("DM", 1.0, at=2), "2 of what"),
        (lambda: check_actions((), MEDIA), "no actions"),
        (lambda: check_actions((CALL, CALL), MEDIA), "Several actions are called call"),
        (lambda: check_actions((CALL,), ("DM",)), "'call' uses TM.*fitted to: DM"),
    ],
)
def test_actions_that_make_no_sense(make, words) -> None:
    with pytest.raises(clv.ClvError, match=words):
        make()
