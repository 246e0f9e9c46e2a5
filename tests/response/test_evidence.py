"""Grades of evidence on made worlds in which it is known who was contacted, and why."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import clvmodels as clv
from clvmodels.data.tables import as_table
from clvmodels.numerics.splines import natural_spline
from clvmodels.response.balance import balance
from clvmodels.response.evidence import FEWEST
from clvmodels.response.half_lives import half_lives
from clvmodels.response.overlap import score_rule


def experiment(chance: Any, size: int = 4000, seed: int = 0, **columns: Any) -> pd.DataFrame:
    """Customers of whom each is mailed with a chance that may depend on her score and activity, two numbers."""
    rng = np.random.default_rng(seed)
    score, activity = rng.normal(size=size), rng.gamma(2.0, 1.0, size)
    probability = np.broadcast_to(chance(score, activity), size)
    mailed = rng.random(size) < probability
    bought = rng.random(size) < 0.1 + 0.05 * mailed + 0.1 * (score > 0)
    return pd.DataFrame(
        {
            "sent": np.where(mailed, "mail", "none"),
            "bought": bought.astype(int),
            "score": score,
            "activity": activity,
            "truth": probability,
            **columns,
        }
    )


def occasions_of(table: pd.DataFrame, **options: Any) -> clv.Occasions:
    given = {"medium": "sent", "none": "none", "bought": "bought", "features": ["activity"], "window": 2 * clv.WEEK}
    return clv.Occasions.from_frame(table, **(given | options))


def expit(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def test_drawn_by_chance_is_randomised() -> None:
    table = experiment(lambda score, activity: 0.7)
    found = occasions_of(table, score="score")
    [grade] = found.grades.to_dict("records")
    assert grade["grade"] == "randomised"
    assert grade["contacts"] + grade["baseline"] == len(table)
    assert grade["p_value"] > 0.001
    assert set(found.balance()["feature"]) == {"activity", "score"}
    assert found.cells().control_names == ()
    assert found.cells().grades == {"mail": "randomised"}


def test_a_caller_who_knows_better_is_believed() -> None:
    [grade] = occasions_of(experiment(lambda score, activity: 0.7), randomised=False).grades.to_dict("records")
    assert grade["grade"] == "observational"
    assert grade["reason"].startswith("not drawn at random")


def test_targeting_by_activity_is_observational() -> None:
    found = occasions_of(experiment(lambda score, activity: expit(activity - 2)))
    [grade] = found.grades.to_dict("records")
    assert grade["grade"] == "observational"
    assert "those not contacted differ beyond chance" in grade["reason"]
    assert (grade["worst_feature"], grade["worst_difference"] > 0.5) == ("activity", True)


def test_a_known_score_is_adjusted_for_where_contact_was_open() -> None:
    """Chances from next to nothing to next to certainty: those outside [0.02, 0.98] are left out, and counted."""
    table = experiment(lambda score, activity: expit(3 * score), size=20_000)
    found = occasions_of(table, score="score")
    [grade] = found.grades.to_dict("records")
    assert grade["grade"] == "rule-adjusted"
    outside = int(((table["truth"] < 0.02) | (table["truth"] > 0.98)).sum())
    assert grade["outside"] == pytest.approx(outside, rel=0.1)
    cells = found.cells()
    assert cells.occasions.sum() == len(table) - grade["outside"]
    assert found.quality()["without overlap: mail"].count == grade["outside"]
    assert cells.control_names == ("score of mail 1", "score of mail 2", "score of mail 3", "score of mail 4")
    assert cells.controls.shape == (len(cells.occasions), 4)
    assert found.audience().controls.shape == (len(found.frame()), 4)


def test_the_rule_is_recovered() -> None:
    table = experiment(lambda score, activity: expit(2 * score), size=20_000)
    rule = score_rule(table["score"].to_numpy(), (table["sent"] == "mail").to_numpy())
    assert rule is not None
    score = np.linspace(-1.5, 1.5, 31)
    np.testing.assert_allclose(expit(rule.log_odds(score)), expit(2 * score), atol=0.03)
    rows = as_table(table)
    inside = rows.select(odds=rule.log_odds(rows.score), inside=rule.overlap(rows.score)).to_pyarrow().to_pandas()
    probability = expit(inside["odds"])
    assert (inside["inside"] == ((probability >= 0.02) & (probability <= 0.98))).all()
    assert score_rule(np.ones(9), np.arange(9) > 4) is None


@pytest.mark.parametrize("size", [400, 20_000])
def test_a_score_that_decides_alone_adjusts_nothing(size: int) -> None:
    found = occasions_of(experiment(lambda score, activity: (score > 0.5).astype(float), size=size), score="score")
    [grade] = found.grades.to_dict("records")
    assert grade["grade"] == "observational"
    assert "the score decides alone" in grade["reason"]
    assert FEWEST > 1


def log_of(rng: np.random.Generator, customers: int = 60, days: int = 200) -> pd.DataFrame:
    """Customers who buy at different rates, all of them on the first day."""
    rates = rng.gamma(1.0, 0.04, customers)
    who, when = np.nonzero(rng.random((customers, days)) < rates[:, None])
    first = pd.DataFrame({"who": np.arange(customers), "day": 0})
    table = pd.concat([first, pd.DataFrame({"who": who, "day": when})], ignore_index=True)
    return table.assign(when=pd.Timestamp("2023-01-01") + pd.to_timedelta(table["day"], unit="D"), paid=10.0)


def campaigns(chosen: Any, days: tuple[int, ...] = (40, 80, 120, 160), customers: int = 60) -> pd.DataFrame:
    rows = [(who, day, chosen(who, day)) for day in days for who in range(customers)]
    table = pd.DataFrame(rows, columns=["who", "day", "sent"])
    return table.assign(how="mail", when=pd.Timestamp("2023-01-01") + pd.to_timedelta(table["day"], unit="D"))


def from_logs(sent: pd.DataFrame, **roles: str) -> clv.Occasions:
    log = clv.Transactions(log_of(np.random.default_rng(3)), customer="who", date="when", amount="paid")
    contacts = clv.Contacts(sent, customer="who", medium="how", date="when", **roles)
    return clv.occasions(contacts, log, window=14 * clv.DAY)


def test_a_lasting_control_group_is_randomised() -> None:
    """The same customers held out of every campaign: four occasions of one count as one customer in the test."""
    control = np.random.default_rng(4).random(60) < 0.5
    table = campaigns(lambda who, day: not control[who])
    found = from_logs(table.assign(left=~table["sent"]), holdout="left")
    [grade] = found.grades.to_dict("records")
    assert grade["grade"] == "randomised"
    assert grade["contacts"] + grade["baseline"] == 240


def test_nobody_held_out_is_observational() -> None:
    """Contacts of customers with an even number are compared with the others on the same days; the means are controls."""
    rng = np.random.default_rng(5)
    table = campaigns(lambda who, day: bool(rng.random() < (0.7 if who % 2 else 0.2)))
    found = from_logs(table[table["sent"]])
    [grade] = found.grades.to_dict("records")
    assert grade["grade"] == "observational"
    assert grade["baseline"] == 240 - grade["contacts"]
    cells = found.cells()
    assert cells.control_names == ("purchase_rate", "contact_share")
    np.testing.assert_allclose(cells.occasions @ cells.controls, 0.0, atol=1e-6)
    np.testing.assert_allclose(cells.occasions @ cells.controls**2, cells.occasions.sum(), rtol=1e-6)
    share = table.groupby("who")["sent"].mean()
    audience = found.audience()
    place = cells.control_names.index("contact_share")
    assert np.corrcoef(audience.controls[:, place], share)[0, 1] == pytest.approx(1.0)


def test_contacts_of_months_without_holdout_are_left_out() -> None:
    """Nobody was held out in the third campaign, whose month is none of the others': it has nothing to be compared with."""
    table = campaigns(lambda who, day: who % 3 > 0 or day == 120)
    found = from_logs(table.assign(left=~table["sent"]), holdout="left")
    [grade] = found.grades.to_dict("records")
    assert (grade["contacts"], grade["baseline"]) == (120, 60)
    assert "60 contacts of months without any left out" in grade["reason"]
    assert found.quality()["months without holdout: mail"].count == 60
    assert found.cells().occasions.sum() == 180


def test_known_probabilities_make_those_not_contacted_a_holdout() -> None:
    """Half of all customers drawn anew for each campaign, and only the contacts logged."""
    rng = np.random.default_rng(8)
    table = campaigns(lambda who, day: bool(rng.random() < 0.5))
    sent = table[table["sent"]].assign(chance=0.5)
    [grade] = from_logs(sent, assignment_probability="chance").grades.to_dict("records")
    assert grade["grade"] == "randomised"
    assert grade["reason"].startswith("drawn with known probabilities")


def test_known_probabilities_undo_that_some_are_drawn_more_often() -> None:
    """Buyers of long standing were drawn with 0.8, others with 0.3: weighted they are alike, and the odds are a control."""
    rng = np.random.default_rng(9)
    table = campaigns(lambda who, day: bool(rng.random() < (0.8 if who < 30 else 0.3)))
    contact = np.where(table["who"] < 30, 0.8, 0.3)
    rows = table.assign(left=~table["sent"], chance=np.where(table["sent"], contact, 1 - contact))
    found = from_logs(rows, holdout="left", assignment_probability="chance")
    [grade] = found.grades.to_dict("records")
    assert grade["grade"] == "randomised"
    assert "drawn with different probabilities" in grade["reason"]
    cells = found.cells()
    assert cells.control_names == ("log odds of contact",)
    odds = np.log(contact / (1 - contact))
    assert sorted(np.repeat(cells.controls[:, 0], cells.occasions.astype(int))) == pytest.approx(sorted(odds))
    np.testing.assert_allclose(found.audience().controls[:, 0], odds[:60])


def test_held_out_on_other_days_proves_nothing() -> None:
    table = campaigns(lambda who, day: day in (40, 160), days=(40, 45, 160, 165))
    [grade] = from_logs(table.assign(left=~table["sent"]), holdout="left").grades.to_dict("records")
    assert grade["grade"] == "observational"
    assert grade["reason"].startswith("on no day are there both contacts and held-out customers")


def test_attributed_responses_and_outcomes_are_two_things() -> None:
    table = campaigns(lambda who, day: who % 2 == 0).assign(replied=lambda t: t["who"] % 10 == 0, gain=3.0)
    found = from_logs(table[table["sent"]], responded="replied", amount="gain")
    replies, outcomes = found.attributed_responses(), found.outcomes()
    assert (replies["mail"], replies["mail"].rate) == ((120, 24, 360.0), 0.2)
    frame = found.frame().fillna({"medium": "none"})
    for medium, rows in frame.groupby("medium"):
        outcome = outcomes[str(medium)]
        assert (outcome.occasions, outcome.buyers) == (len(rows), rows["bought"].sum())
        assert outcome.amount == pytest.approx(rows["amount"].sum())
        assert outcome.rate == pytest.approx(rows["bought"].mean())


def test_without_anybody_left_alone_only_responses_tell() -> None:
    table = campaigns(lambda who, day: True)
    found = from_logs(table.assign(replied=table["who"] % 10 == 0), responded="replied")
    [grade] = found.grades.to_dict("records")
    assert (grade["grade"], grade["responses"], grade["response_rate"]) == ("attributed-only", 24, 0.1)
    assert found.balance().empty
    with pytest.raises(
        clv.ContactError, match="'mail' has no baseline: on the days of its 240 contacts nobody was held out"
    ):
        from_logs(table)


def test_a_log_of_several_years_has_period_effects() -> None:
    log = log_of(np.random.default_rng(6), days=800)
    contacts = campaigns(lambda who, day: (who + day) % 3 == 0, days=(40, 400, 405, 770))
    found = clv.occasions(
        clv.Contacts(contacts[contacts["sent"]], customer="who", medium="how", date="when"),
        clv.Transactions(log, customer="who", date="when", amount="paid"),
        window=14 * clv.DAY,
    )
    names = found.cells().control_names
    assert names == ("purchase_rate", "contact_share", "period 2024-02", "period 2025-02")
    assert found.audience().controls[0, -2:].tolist() == [0.0, 1.0]


def test_balance_is_what_it_says() -> None:
    """Differences within days and Hotelling's test with customers as clusters, by hand."""
    rng = np.random.default_rng(7)
    size, people, days = 400, 60, 3
    who, day = rng.integers(0, people, size), rng.integers(0, days, size)
    table = pd.DataFrame(
        {"customer_id": who, "a": rng.random(size) < 0.3 + 0.2 * day, "x": rng.normal(size=size) + day}
    )
    table["y"] = table["x"] + rng.exponential(size=size)
    found = balance(
        ("x", "y"),
        table[["x", "y"]].to_numpy(),
        table["a"].to_numpy(),
        np.ones(size),
        who.astype(np.intp),
        day.astype(np.intp),
    )
    a, x = table["a"].to_numpy(float), table[["x", "y"]].to_numpy()
    within = np.array([a - a[day == d].mean() for d in range(days)])[day, np.arange(size)]
    centred = np.stack([x - x[day == d].mean(axis=0) for d in range(days)])[day, np.arange(size)]
    each = np.stack([(within[:, None] * centred)[who == one].sum(axis=0) for one in np.unique(who)])
    deviation = np.sqrt((x[a == 1].var(axis=0) + x[a == 0].var(axis=0)) / 2)
    np.testing.assert_allclose(found.difference, each.sum(axis=0) / (within**2).sum() / deviation, rtol=1e-9)
    n, total = len(each), each.sum(axis=0)
    statistic = total @ np.linalg.solve(each.T @ each, total)
    assert found.p_value == pytest.approx(stats.f.sf(statistic * (n - 2) / (2 * n), 2, n - 2), rel=1e-6)
    np.testing.assert_allclose(found.contacted, x[a == 1].mean(axis=0))


@pytest.mark.slow
def test_chance_fails_the_test_as_often_as_it_should() -> None:
    """P-values of 300 experiments with a lasting control group are uniform."""
    found = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        people, times = 200, 5
        control, level = rng.random(people) < 0.3, rng.gamma(1.0, 1.0, people)
        who = np.repeat(np.arange(people), times)
        features = np.column_stack([level[who] + rng.normal(size=len(who)), level[who] ** 2])
        once = np.zeros(len(who), dtype=np.intp)
        found.append(balance(("x", "y"), features, ~control[who], np.ones(len(who)), who, once).p_value)
    assert stats.kstest(found, "uniform").pvalue > 0.01


def test_natural_splines_are_straight_outside_and_smooth_inside() -> None:
    knots = [0.0, 1.0, 2.5, 4.0]
    x = np.array([-3.0, -2.0, -1.0, 4.5, 5.5, 6.5])
    for column in natural_spline(x, knots):
        assert np.diff(column[:3], 2) == pytest.approx(0.0, abs=1e-9)
        assert np.diff(column[3:], 2) == pytest.approx(0.0, abs=1e-9)
    for column in natural_spline(np.array([2.5 - 2e-4, 2.5 - 1e-4, 2.5, 2.5 + 1e-4, 2.5 + 2e-4]), knots):
        second = np.diff(column, 2) / 1e-8
        assert second == pytest.approx(second[1], abs=0.01)


def test_half_lives_are_the_usual_ones_unless_chosen() -> None:
    assert half_lives(["DM", "E mail", "TM", "visit", "TV"]) == {"DM": 28, "E mail": 7, "TM": 14, "visit": 56, "TV": 14}
    assert half_lives(["DM"], {"DM": 3 * clv.WEEK}) == {"DM": 21}
