"""Grades of contacts where a model takes every contact as it came: the contacted against everybody who was not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.response.contact_evidence import contact_evidence

DAYS = pd.date_range("2024-03-04", "2024-11-25", freq="28D")
N = 200
RATE = np.random.default_rng(7).gamma(1.0, 0.2, N)
"""Purchases per week of each customer."""


@pytest.fixture(scope="module")
def histories() -> clv.Histories:
    rng = np.random.default_rng(8)
    first = np.datetime64("2024-01-01") + rng.integers(0, 30, N)
    parts = [pd.DataFrame({"who": np.arange(N), "day": first})]
    for who in range(N):
        days = first[who] + 1 + np.cumsum(np.floor(rng.exponential(7 / RATE[who], 60)).astype(int) + 1)
        parts.append(pd.DataFrame({"who": who, "day": days[days < np.datetime64("2024-12-31")]}))
    log = clv.Transactions(pd.concat(parts), customer="who", date="day")
    return log.histories(period=clv.WEEK, until="2024-12-30", dates=True)


def table(chosen: Any, *, held: Any = 0.0, days: Any = DAYS, medium: str = "mail", seed: int = 1) -> pd.DataFrame:
    """Campaigns in which each customer is with her chance `chosen`, and then held out with chance `held` (by day)."""
    rng = np.random.default_rng(seed)
    grid = pd.MultiIndex.from_product([days, range(N)], names=["when", "who"]).to_frame(index=False)
    chance = np.broadcast_to(chosen, (len(days), N)).ravel()
    grid = grid[rng.random(len(grid)) < chance].assign(how=medium)
    share = pd.Series(np.broadcast_to(held, len(days)), index=days)
    return grid.assign(held=rng.random(len(grid)) < share[grid["when"]].to_numpy())


def graded(rows: pd.DataFrame, histories: clv.Histories, **columns: str) -> dict[str, Any]:
    log = clv.Contacts(rows, customer="who", medium="how", date="when", **{"holdout": "held"} | columns)
    return {one.medium: one for one in contact_evidence(log, histories)}


def test_chance_alone_is_randomised(histories) -> None:
    rows = table(0.4, held=0.3)
    found = graded(rows, histories)["mail"]
    assert found.grade == "randomised" and "held out; customers not contacted" in found.reason
    assert found.contacts == (~rows["held"]).sum()


def test_held_out_at_random_of_those_who_were_chosen_by_what_they_buy(histories) -> None:
    """A media response, which compares within the campaign, is randomised here; a model that compares with all is not."""
    log = clv.Contacts(
        rows := table(np.clip(RATE, 0.02, 0.9), held=0.4), customer="who", medium="how", date="when", holdout="held"
    )
    found = graded(rows, histories)["mail"]
    assert found.grade == "observational" and "chance alone" in found.reason and "frequency" in found.reason
    days = pd.DataFrame({
        "who": np.repeat(histories.customer_id, [len(days) for days in histories.dates]),
        "day": np.concatenate(histories.dates),
    })  # fmt: skip
    purchases = clv.Transactions(days, customer="who", date="day")
    assert clv.occasions(log, purchases).grades["grade"].tolist() == ["randomised"]


def test_nobody_held_out_is_observed(histories) -> None:
    found = graded(table(0.4), histories)["mail"]
    assert found.grade == "observational" and found.reason.startswith("nobody was held out; customers not contacted")


def test_nobody_left_alone_is_observed_and_no_error(histories) -> None:
    """Attributed responses or none: everybody gets it, so only the calendar tells."""
    rows = table(1.0).assign(answered=1)
    for columns in ({}, {"responded": "answered"}):
        found = graded(rows, histories, **columns)["mail"]
        assert found.grade == "observational" and "nobody was left without contact" in found.reason


def test_a_known_drawing_needs_no_held_out_rows(histories) -> None:
    even = graded(table(0.4).assign(chance=0.4), histories, assignment_probability="chance")["mail"]
    assert even.grade == "randomised" and even.reason.startswith("drawn with known probabilities")
    by_rate = np.clip(2 * RATE, 0.05, 0.95)
    rows = table(by_rate)
    rows["chance"] = by_rate[rows["who"]]
    uneven = graded(rows, histories, assignment_probability="chance")["mail"]
    assert uneven.grade == "observational" and "differ beyond chance" in uneven.reason
    by_day = np.resize([0.2, 0.6], len(DAYS))
    rows = table(np.repeat(by_day[:, None], N, axis=1))
    rows["chance"] = rows["when"].map(dict(zip(DAYS, by_day, strict=True)))
    assert graded(rows, histories, assignment_probability="chance")["mail"].grade == "randomised"


def test_months_without_held_out_customers_count(histories) -> None:
    """They cannot be left out of a stock."""
    half = graded(table(0.4, held=np.where(np.arange(len(DAYS)) < 5, 0.3, 0.0)), histories)["mail"]
    assert half.grade == "observational" and "are of months in which some were held out" in half.reason


def test_media_are_graded_apart_and_others_are_not_looked_at(histories) -> None:
    """Contacts of strangers, before the first purchase and after the end are not counted."""
    mail, call = (
        table(0.3, held=0.3),
        table(np.clip(RATE, 0.02, 0.9), medium="call", seed=2, days=DAYS + pd.Timedelta("3D")),
    )
    odd = pd.DataFrame({
        "who": [N + 5, 1, 1], "how": "mail", "when": pd.to_datetime(["2024-05-01", "2023-12-01", "2025-02-01"]), "held": False
    })  # fmt: skip
    found = graded(pd.concat([mail, call, odd]), histories)
    assert {name: one.grade for name, one in found.items()} == {"call": "observational", "mail": "randomised"}
    assert found["mail"].contacts == (~mail["held"]).sum()
    some = histories.select(histories.customer_id < 200)
    assert graded(mail, some)["mail"].contacts == (~mail["held"] & (mail["who"] < 200)).sum()


def test_ids_of_another_type_are_refused(histories) -> None:
    rows = table(0.4, held=0.3)
    with pytest.raises(clv.ClvError, match="ids are string"):
        graded(rows.assign(who=rows["who"].astype(str)), histories)
