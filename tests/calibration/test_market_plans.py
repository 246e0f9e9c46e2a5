"""Media response and plans in worlds whose truth is known: recovery, ranking, regret; honesty where targeting confounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

import clvmodels as clv
from clvmodels.budget.solve import solve

pytestmark = pytest.mark.slow
WINDOW = 28 * clv.DAY
MARGIN = 0.30
SEEN = 20_000
"""Customers whose increments are ranked."""


def contacts_of(market: Any) -> clv.Contacts:
    return clv.Contacts(
        market.contacts,
        customer="customer",
        medium="medium",
        date="date",
        cost="cost",
        responded="responded",
        holdout="holdout",
    )


def planned(market: Any, media: clv.MediaFit) -> clv.Plan:
    histories = market.log.histories(period=clv.WEEK)
    duration = clv.fit(clv.PARETO_NBD, histories, method="mle")
    quantity = clv.fit(clv.GAMMA_GAMMA, histories, method="mle")
    forecast = clv.forecast(duration, quantity, histories, horizon=52 * clv.WEEK, margin=MARGIN, draws=50)
    actions = [clv.Action(one.name, clv.PlannedContact(one.name, one.cost)) for one in market.truth.world.media]
    return clv.plan_budget(forecast, media, actions, budget=0.1 * len(histories), holdout=0.0, seed=3)


@pytest.mark.parametrize("customers", [10_000, 1_000_000])
def test_recovery_ranking_and_regret(customers: int) -> None:
    market = clv.simulate_market(customers=customers, weeks=104, seed=7)
    media = clv.fit(clv.media_response(window=WINDOW), contacts_of(market), market.log)
    made = market.contacts.assign(added=market.truth.contact_increments).query("not holdout")
    truth = made.groupby("medium")["added"].mean()
    effects = media.effects()
    off = (effects["increment"] - truth[effects.index]) / ((effects["upper"] - effects["lower"]) / (2 * 1.645))
    assert set(effects["grade"]) == {"randomised"}

    some = media.audience.picked(np.linspace(0, customers - 1, min(SEEN, customers)).astype(np.intp))
    found = media.increment_mean(some)
    true = market.truth.increments.loc[some.customer_id, list(media.media)].to_numpy().T
    ranks = [stats.spearmanr(a, b).statistic for a, b in zip(found, true, strict=True)]

    plan = planned(market, media)
    spend = market.truth.customers.loc[plan.customers, "mean_spend"].to_numpy()
    costs = np.array([0.0, *(action.contacts[0].cost for action in plan.actions)])
    added = market.truth.increments.loc[plan.customers, [action.name for action in plan.actions]].to_numpy()
    values = np.column_stack([np.zeros(len(spend)), MARGIN * added * spend[:, None]])

    def gained(choice: np.ndarray) -> float:
        return float((values[np.arange(choice.size), choice] - costs[choice]).sum())

    best = gained(solve(values, costs, budget=plan.budget).choice.astype(np.intp))
    ours = gained(plan.choice)
    rules = {name: gained(choice) for name, choice in plan.policies().items()}
    assert np.abs(off).max() < 4.5
    assert min(ranks) > 0.5
    assert ours > 0.7 * best
    assert ours > max(rules.values())


@pytest.mark.parametrize("rule", ["value", "recency"])
def test_where_targeting_confounds_rates_are_wrong_and_grades_say_so(rule: str) -> None:
    market = clv.simulate_market(customers=3_000, weeks=104, seed=7, targeting=rule, holdout_share=0.0)
    occasions = clv.occasions(contacts_of(market), market.log, window=WINDOW)
    frame = occasions.frame()
    rates = frame.groupby(frame["medium"].fillna("none"))["bought"].mean()
    truth = market.contacts.assign(added=market.truth.contact_increments).groupby("medium")["added"].mean()
    media = clv.fit(clv.media_response(window=WINDOW), occasions)
    effects = media.effects(value=5.0, cost=1.0)
    naive = (rates[truth.index] - rates["none"] - truth).abs()
    ours = (effects["increment"][truth.index] - truth).abs()
    assert (naive > 0.05).all(), "response rates alone are visibly wrong"
    assert (ours < 0.5 * naive).all()
    assert set(effects["grade"]) == {"observational"}, "not graded better than they are"
    assert effects["break_even"].notna().all()
