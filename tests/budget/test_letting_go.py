"""Whom to let go under the best plan: the best action that is allowed, whatever the budget, less going on as before."""

from __future__ import annotations

import numpy as np
import pytest

import clvmodels as clv
from tests.conftest import Shop


@pytest.fixture(scope="module")
def costly(shop: Shop) -> clv.Forecast:
    some = shop.forecast.histories.select(shop.forecast.histories.customer_id[::6])
    cost = clv.Cost(0.8, per=clv.MONTH)
    return clv.forecast(
        shop.duration, shop.quantity, some, horizon=52 * clv.WEEK, margin=0.3, cost=cost, draws=60, seed=2
    )


@pytest.fixture(scope="module")
def plan(shop: Shop, costly: clv.Forecast) -> clv.Plan:
    return clv.plan_budget(costly, shop.media, shop.actions, budget=20.0, seed=5)


def test_under_the_best_plan(costly: clv.Forecast, plan: clv.Plan) -> None:
    found, alone = clv.letting_go(costly, plan=plan, by="potential"), clv.letting_go(costly, by="potential")
    people = found.per_customer()
    best = np.where(plan.allowed, plan.values.net, -np.inf).max(axis=1)
    assert plan.before is not None
    change = best - plan.before.net
    assert people["change"].to_numpy() == pytest.approx(change)
    assert people["best"].to_numpy() == pytest.approx(costly.customers["potential"].to_numpy() + change)
    listed = found.table().iloc[0]
    assert 0 < listed["let_go"] == (people["best"] < 0).sum()
    assert listed["let_go"] != alone.table()["let_go"].iloc[0]
    assert listed["basis"] == "best plan"
    assert listed["saved"] == pytest.approx(-people.loc[people["let_go"], "best"].sum())


def test_the_plan_itself_is_no_better_for_anybody(costly: clv.Forecast, plan: clv.Plan) -> None:
    people = clv.letting_go(costly, plan=plan).per_customer()
    under_plan = plan.per_customer()["ltv_under_plan"].to_numpy()
    assert np.all(people["best"].to_numpy() >= under_plan - 1e-9)
    done = plan.choice > 0
    same = done & (people["action"].to_numpy() == np.array(plan.names, dtype=object)[plan.choice])
    assert same.any()
    assert people["best"].to_numpy()[same] == pytest.approx(under_plan[same])
    assert (people.loc[people["held_out"], "action"] == "none").all()


def test_a_plan_of_others_is_refused(shop: Shop, costly: clv.Forecast, plan: clv.Plan) -> None:
    with pytest.raises(clv.ClvError, match="plan is of other customers"):
        clv.letting_go(shop.forecast, plan=plan)
    with pytest.raises(clv.ClvError, match="by='spend'"):
        clv.letting_go(costly, by="spend")  # type: ignore[arg-type]
    notes = " ".join(clv.letting_go(costly, plan=plan).notes)
    assert "held out" in notes and "No plan" not in notes


def test_the_figure_says_that_a_plan_was_weighed(costly: clv.Forecast, plan: clv.Plan) -> None:
    figure = clv.figures.letting_go(clv.letting_go(costly, plan=plan, by="potential"))
    assert "even under the best plan for them" in figure.message
    assert figure.axes[0].get_xlabel().startswith("potential value with the best action")
