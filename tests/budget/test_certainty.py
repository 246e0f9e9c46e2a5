"""A market where contacts do nothing gets no money, end to end; one where they do something gets it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import clvmodels as clv
from clvmodels.budget.certainty import Judge
from clvmodels.budget.solve import Solution, solve
from clvmodels.budget.values import PlanDraws
from tests.conftest import Shop

WINDOW = 28 * clv.DAY
COSTS = {"email": 0.05, "dm": 1.0, "tm": 4.0}
NOTHING = {name: {"cost": cost} for name, cost in COSTS.items()}
BUDGET = 3_000.0


def market(media: Any, seed: int, customers: int, *, weeks: int = 104) -> tuple[clv.MediaFit, clv.Forecast]:
    """Fits of a market whose contacts were random, as a user makes them."""
    found = clv.simulate_market(customers=customers, weeks=weeks, media=media, seed=seed)
    columns = ("customer", "medium", "date", "cost", "responded", "holdout")
    contacts = clv.Contacts(found.contacts, **{name: name for name in columns})
    histories = found.log.histories(period=clv.WEEK)
    fits = (clv.fit(model, histories, method="mle") for model in (clv.PARETO_NBD, clv.GAMMA_GAMMA))
    forecast = clv.forecast(*fits, histories, horizon=52 * clv.WEEK, margin=0.30, draws=200)
    return clv.fit(clv.media_response(window=WINDOW), contacts, found.log), forecast


def planned(media: clv.MediaFit, forecast: clv.Forecast, **terms: Any) -> clv.Plan:
    actions = [clv.Action(name, clv.PlannedContact(name, cost)) for name, cost in COSTS.items()]
    return clv.plan_budget(forecast, media, actions, budget=BUDGET, holdout=0.0, **terms)


def test_weak_evidence_gets_no_money_and_says_so() -> None:
    """Where by expected values alone chance would be paid for."""
    media, forecast = market(NOTHING, 1, 2_000, weeks=52)
    plan, rash = planned(media, forecast), planned(media, forecast, certainty=0.0)
    assert rash.solution.spent > 0
    assert plan.solution.spent == 0
    email = plan.kept_back[0]
    assert email.medium == "email"
    assert email.sure < 0.8
    assert email.net == pytest.approx(rash.by_medium().loc["email", "net"])
    lured = rash.customers[np.flatnonzero(rash.choice)[0]]
    assert "the evidence is weak" in plan.why(lured)
    assert any("email is not used because the evidence is weak" in note for note in plan.notes)
    assert plan.perfect_information(4).value > 0, "a test is worth something"
    told = planned(media, forecast, constraints=[clv.Coverage(at_least=0.1)])
    assert told.solution.spent > 0
    assert not told.kept_back, "who asks for contacts gets them"
    assert any("certainty= has no say" in note for note in told.notes)


def test_evidence_of_something_gets_money(shop: Shop) -> None:
    plan = clv.plan_budget(shop.forecast, shop.media, shop.actions, budget=150.0, seed=5)
    assert plan.solution.spent > 100
    assert not plan.kept_back


@pytest.mark.slow
@pytest.mark.parametrize("customers", [3_000, 10_000])
@pytest.mark.parametrize("seed", range(1, 13))
def test_a_world_without_effects_spends_nothing(seed: int, customers: int) -> None:
    plan = planned(*market(NOTHING, seed, customers))
    assert plan.solution.spent == 0
    assert not plan.choice.any()


def judge(sure: list[float], works: list[float], certainty: float, constraints: Any = ()) -> Judge:
    """Two media, ten customers, each of which likes the first medium best; draws that pay with some probability."""
    values, costs = np.tile([0.0, 3.0, 2.0], (10, 1)), np.array([0.0, 1.0, 1.0])
    shares = np.arange(100) < 100 * np.array(sure)[:, None]

    def drawn(choice: np.ndarray) -> PlanDraws:
        counts = np.bincount(choice, minlength=3)[1:, None]
        return PlanDraws(counts * np.where(shares, 3.0, 0.0), counts * np.ones((2, 100)), np.zeros((2, 100)))

    def solved(may: np.ndarray) -> Solution:
        return solve(values, costs, np.tile(may, (10, 1)), budget=100.0, constraints=constraints)

    uses = np.array([[False, False], [True, False], [False, True]])
    return Judge(["first", "second"], uses, certainty, np.array(works), solved, drawn, obliged=False, spend_all=False)


def test_the_next_best_medium_takes_over() -> None:
    found = judge([0.5, 0.95], [1.0, 1.0], 0.9).judged()
    assert found.solution.choice.tolist() == [2] * 10
    assert [one.medium for one in found.kept_back] == ["first"]
    assert found.kept_back[0].net == pytest.approx(10 * (0.5 * 3 - 1))
    assert judge([0.5, 0.95], [1.0, 1.0], 0.0).judged().solution.choice.tolist() == [1] * 10


def test_doubt_whether_a_medium_works_counts() -> None:
    found = judge([0.95, 0.95], [0.9, 0.6], 0.9).judged()
    assert [(one.medium, round(one.sure, 3)) for one in found.kept_back] == [("first", 0.855), ("second", 0.57)]
    assert found.solution.spent == 0
    with pytest.raises(clv.ClvError, match=r"certainty=1\.0 is not a probability below 1"):
        judge([0.95, 0.95], [1.0, 1.0], 1.0)
