"""Plans by a fit over time: contacts are worth what they change in the forecast, and nothing is counted twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.budget import rate_worth
from clvmodels.budget.rate_planning import since_contact
from clvmodels.budget.rate_worth import RateWorth
from clvmodels.budget.values import action_values, plan_draws
from clvmodels.report.figures.gallery import gallery
from clvmodels.units import DAY, WEEK
from clvmodels.value.forecast import made_of
from tests.contacted import World, log_of, plan_log, stated, world

EFFECTS = {"purchase_e_mail": 0.6, "purchase_DM": 0.3, "dropout_e_mail": 0.2, "dropout_DM": -0.5}
TERMS: dict[str, Any] = {
    "horizon": 13 * WEEK, "margin": 0.4, "discount": clv.Rate(0.1, per=clv.YEAR), "draws": 20, "seed": 2,
}  # fmt: skip
MAIL = clv.Action("mail", clv.PlannedContact("e-mail", 0.1, at=1 * DAY))
MANY = clv.Action(
    "many", clv.PlannedContact("e-mail", 0.1, at=3 * DAY), clv.PlannedContact("DM", 1.0, at=17 * DAY),
    clv.PlannedContact("e-mail", 0.1, at=45 * DAY),
)  # fmt: skip
ACTIONS = (MAIL, MANY)


@pytest.fixture(scope="module")
def small() -> World:
    return world(60, truth=EFFECTS, held=0.4)


@pytest.fixture(scope="module")
def fitted(small: World) -> clv.Fit:
    return clv.fit(small.spec, small.histories, method="map")


@pytest.fixture(scope="module")
def fit(fitted: clv.Fit) -> clv.Fit:
    return stated(fitted, **EFFECTS)


@pytest.fixture(scope="module")
def quantity(small: World) -> clv.Fit:
    return clv.fit(clv.GAMMA_GAMMA, small.histories, method="mle")


@pytest.fixture(scope="module")
def forecast(small: World, fit: clv.Fit, quantity: clv.Fit) -> clv.Forecast:
    return clv.forecast(fit, quantity, small.histories, **TERMS)


def present_values(forecast: clv.Forecast) -> np.ndarray:
    """Expected margin of each customer at present value, in every draw, as the forecast itself has it (n, draws)."""
    found = np.empty((len(forecast.histories), forecast.draws))
    for block in forecast.simulation.play(lambda block: (block.rows, forecast.valuation.measures(block)[0].potential)):
        found[block[0]] = block[1]
    return found


def test_a_programme_is_worth_what_it_changes_in_the_forecast(small, fit, quantity, forecast) -> None:
    """Customer by customer and draw by draw: the forecast under the plan less the forecast, to 1e-9."""
    choice = np.arange(60) % 3
    other = clv.forecast(
        fit.under(contacts=plan_log(small.histories, choice, ACTIONS)), quantity, small.histories, **TERMS
    )
    worth = RateWorth(forecast, fit)
    found, total = action_values(worth, ACTIONS), plan_draws(worth, ACTIONS, {"": choice})[""]
    difference = present_values(other) - present_values(forecast)
    assert found.gross[np.arange(60), choice] == pytest.approx(difference.mean(axis=1), rel=1e-9)
    assert total.gross.sum(axis=0) == pytest.approx(difference.sum(axis=0), rel=1e-9)
    assert np.all(
        total.purchases.sum(axis=0) == pytest.approx(other.expected_draws[0] - forecast.expected_draws[0], rel=1e-9)
    )
    assert np.abs(difference).max() > 1.0


def test_the_difference_of_two_futures_written_out(small, fit, quantity, forecast) -> None:
    """P(alive) times what a customer alive buys, discounted by the fit's own formula, times mean amount and margin."""
    worth = RateWorth(forecast, fit)
    found = action_values(worth, ACTIONS)
    theta, rows = forecast.simulation.duration_theta, np.argsort(-small.histories.frequency)[:5]
    people = small.histories.select(small.histories.customer_id[rows])
    upright = clv.History(people.frequency[:, None], people.recency[:, None], people.T[:, None], WEEK,
                          monetary_value=people.monetary_value[:, None], dates=people.dates[:, None],
                          who=people.customer_id[:, None])  # fmt: skip
    made = [("e-mail", 3.0), ("DM", 17.0), ("e-mail", 45.0)]
    asked = {"horizon": 13 * WEEK, "discount": TERMS["discount"]}
    with_, without = (
        model.discounted_expected_purchases(theta, upright, **asked) for model in (fit.model.contacted(made), fit.model)
    )
    amount = clv.GAMMA_GAMMA.expected_spend(forecast.simulation.quantity_theta, upright)
    force = np.log(1.1) * 7 / 365.25
    costs = sum(c * np.exp(-force * d / 7) for c, d in ((0.1, 3), (1.0, 17), (0.1, 45)))
    assert found.gross[rows, 2] == pytest.approx((0.4 * amount * (with_ - without)).mean(axis=1), rel=1e-9)
    assert found.cost[rows, 2] == pytest.approx(costs, rel=1e-12)
    assert found.outlay[rows, 2] == pytest.approx(1.2)


def test_without_discounting_and_without_keeping_values(small, fit, quantity, monkeypatch) -> None:
    plain = clv.forecast(fit, quantity, small.histories, **TERMS | {"discount": None})
    kept = action_values(RateWorth(plain, fit), ACTIONS)
    monkeypatch.setattr(rate_worth, "KEPT", 0)
    anew, choice = RateWorth(plain, fit), np.arange(60) % 3
    assert not anew.keeps
    assert action_values(anew, ACTIONS).gross == pytest.approx(kept.gross, rel=1e-12)
    totals = plan_draws(anew, ACTIONS, {"": choice})[""]
    assert totals.gross.sum(axis=0).mean() == pytest.approx(kept.gross[np.arange(60), choice].sum(), rel=1e-12)


@pytest.fixture(scope="module")
def plan(forecast, fit) -> clv.Plan:
    return clv.plan_budget(forecast, fit, ACTIONS, budget=30.0, holdout=0.1, seed=3)


def test_going_on_as_before_is_not_in_the_forecast(small, fit, quantity, forecast, plan) -> None:
    """It is worth the forecast in which the past quarter comes once more, less the forecast; the plan adds to the latter."""
    sent = small.table[
        ~small.table["held"] & (small.table["when"] > pd.Timestamp("2024-06-30") - pd.Timedelta(days=91))
    ]
    again = log_of(sent.assign(when=sent["when"] + pd.Timedelta(days=91)))
    other = clv.forecast(fit.under(contacts=again), quantity, small.histories, **TERMS)
    difference = present_values(other) - present_values(forecast)
    assert plan.before.gross == pytest.approx(difference.mean(axis=1), rel=1e-9)
    assert plan.before.draws.gross.sum(axis=0) == pytest.approx(difference.sum(axis=0), rel=1e-9)
    assert plan.before.outlay.sum() == pytest.approx(sent["cost"].sum())
    total, potential = plan.total()["mean"], forecast.total().loc["potential", "mean"]
    assert total["potential under plan"] == pytest.approx(potential + total["net"], rel=1e-9)
    assert total["net against status quo"] == pytest.approx(total["net"] - plan.before.net.sum(), rel=1e-9)
    table = plan.per_customer()
    assert (table["ltv_under_plan"] - table["ltv"]).to_numpy() == pytest.approx(table["net"].to_numpy(), abs=1e-9)
    assert "status quo" in plan.compare().index
    assert any("nothing is in it" in note for note in plan.notes)


def test_tables_add_up_and_say_how_it_is_known(plan: clv.Plan) -> None:
    table, media, total = plan.per_customer(), plan.by_medium(), plan.total()["mean"]
    for name in ("outlay", "gross", "cost", "net"):
        assert table[name].sum() == pytest.approx(total[name], rel=1e-9)
    assert media["net"].sum() == pytest.approx(total["net"], rel=1e-9)
    assert plan.solution.spent <= 30.0 and (table.loc[table["held_out"], "action"] == "none").all()
    evidence = plan.evidence()
    assert (evidence["grade"] == "randomised").all() and evidence["reason"].str.contains("held out").all()
    assert evidence["break_even"].isna().all() and (evidence["p_positive"] > 0.9).all()


def test_what_one_contact_adds_is_the_mean_over_customers(forecast, fit, plan: clv.Plan) -> None:
    today = clv.Action("today", clv.PlannedContact("DM", 0.0))
    worth = RateWorth(forecast, fit)
    added = plan_draws(worth, (today,), {"": np.ones(60, dtype=np.intp)})[""]
    row = plan.evidence().loc["DM"]
    assert row["increment"] == pytest.approx(added.purchases.sum(axis=0).mean() / 60)
    assert row["net"] == pytest.approx(added.gross.sum(axis=0).mean() / 60 - 1.0)


def test_the_order_of_rows_does_not_matter(small, fit, quantity, forecast, plan) -> None:
    turned = small.histories.select(small.histories.customer_id[::-1])
    other = clv.plan_budget(
        clv.forecast(fit, quantity, turned, **TERMS), fit, ACTIONS, budget=30.0, holdout=0.1, seed=3
    )
    one, same = (made.per_customer().set_index("customer_id").sort_index() for made in (plan, other))
    assert (one["action"] == same["action"]).all()
    assert same["net"].to_numpy() == pytest.approx(one["net"].to_numpy(), rel=1e-9)


def test_another_currency_is_another_unit(small, fit, quantity, plan) -> None:
    """Amounts and costs in cents: the same plan, a hundred times the money."""
    cents = replace(small.histories, monetary_value=100 * small.histories.monetary_value)
    p, q, v = quantity.theta
    hundred = replace(quantity, theta=quantity.model.Theta(p, q, 100 * v))
    dearer = [
        clv.Action(one.name, *(clv.PlannedContact(c.medium, 100 * c.cost, c.at) for c in one.contacts))
        for one in ACTIONS
    ]
    past = small.table[~small.table["held"]].rename(columns={"who": "customer_id", "how": "medium", "when": "date"})
    forecast = clv.forecast(fit, hundred, cents, **TERMS)
    other = clv.plan_budget(
        forecast, fit, dearer, budget=3000.0, holdout=0.1, seed=3, contacts=past.assign(cost=100 * past["cost"])
    )
    assert (other.choice == plan.choice).all()
    for name in ("gross", "net", "net against status quo"):
        assert other.total().loc[name, "mean"] == pytest.approx(100 * plan.total().loc[name, "mean"], rel=1e-9)


def test_who_is_driven_away_is_left_alone(small, fitted, quantity) -> None:
    """Mail brings purchases at once, and costs the customer: over a quarter nobody should get it, over a week everybody."""
    burning = stated(fitted, purchase_e_mail=0.5, dropout_e_mail=4.0)
    free = (clv.Action("mail", clv.PlannedContact("e-mail", 0.0)),)
    nets = {}
    for weeks in (1, 13):
        ahead = clv.forecast(burning, quantity, small.histories, **TERMS | {"horizon": weeks * WEEK})
        plan = clv.plan_budget(ahead, burning, free, holdout=0.0)
        nets[weeks] = (plan.values.gross[:, 1].sum(), int((plan.choice > 0).sum()))
    assert nets[1][0] > 0 and nets[1][1] > 50
    assert nets[13][0] < 0 and nets[13][1] == 0


def test_what_helps_and_costs_nothing_goes_to_everybody(forecast, fitted, small, quantity) -> None:
    helpful = stated(fitted, purchase_DM=0.4, dropout_DM=-0.3)
    ahead = clv.forecast(helpful, quantity, small.histories, **TERMS)
    plan = clv.plan_budget(ahead, helpful, (clv.Action("letter", clv.PlannedContact("DM", 0.0)),), holdout=0.0)
    assert (plan.choice == 1).all() and (plan.values.p_positive[:, 1] == 1).all()


def test_a_second_mail_adds_less_than_the_first_and_one_long_after_as_much(small, fitted, quantity) -> None:
    """Saturation with what she remembers: log2(1 + S) of a stock S, so that two mails of a day do 1.58 times what one does."""
    mild = stated(fitted, purchase_e_mail=0.02)
    forecast = clv.forecast(mild, quantity, small.histories, **TERMS)
    days = {"once": (1,), "twice": (1, 1), "later": (1, 56), "late": (56,)}
    actions = tuple(
        clv.Action(name, *(clv.PlannedContact("e-mail", 0.0, at=d * DAY) for d in at)) for name, at in days.items()
    )
    once, twice, later, late = action_values(RateWorth(forecast, mild), actions).gross[:, 1:].sum(axis=0)
    assert 1.5 < twice / once < 1.8
    assert later - once == pytest.approx(late, rel=5e-3)


def test_a_world_without_effects_gets_no_money() -> None:
    """Contacts drawn at random that do nothing: what looks like an effect is chance, and the plan says no."""
    nothing = world(100, seed=5)
    fit = clv.fit(nothing.spec, nothing.histories, method="map")
    spend = clv.fit(clv.GAMMA_GAMMA, nothing.histories, method="mle")
    ahead = clv.forecast(fit, spend, nothing.histories, **TERMS | {"draws": 30})
    offers = (
        clv.Action("mail", clv.PlannedContact("e-mail", 0.1)), clv.Action("letter", clv.PlannedContact("DM", 1.0))
    )  # fmt: skip
    plan = clv.plan_budget(ahead, fit, offers, holdout=0.0, certainty=0.8)
    assert (plan.choice == 0).all()
    bold = clv.plan_budget(ahead, fit, offers, holdout=0.0, certainty=0.0)
    assert {one.medium for one in plan.kept_back} == {
        m for m, row in bold.by_medium().iterrows() if row["contacts"] > 0
    }


def test_a_forecast_under_a_plan_is_what_actions_come_on_top_of(small, fit, quantity) -> None:
    """Everybody gets a mail in any case: a second one is worth what two change less what one does."""
    everybody = np.ones(60, dtype=np.intp)
    ahead = fit.under(contacts=plan_log(small.histories, everybody, ACTIONS))
    under = clv.forecast(ahead, quantity, small.histories, **TERMS)
    both = clv.Action("both", *MAIL.contacts, *MANY.contacts)
    more = clv.forecast(
        fit.under(contacts=plan_log(small.histories, everybody, (both,))), quantity, small.histories, **TERMS
    )
    for asked in (fit, ahead):
        plan = clv.plan_budget(under, asked, ACTIONS, holdout=0.0, certainty=0.0)
        difference = (present_values(more) - present_values(under)).mean(axis=1)
        assert plan.values.gross[:, 2] == pytest.approx(difference, rel=1e-9)
        assert any("comes on top of it" in note for note in plan.notes)
        total = plan.total()["mean"]
        assert total["net against status quo"] == total["net"]
        assert total["potential under plan"] == pytest.approx(under.total().loc["potential", "mean"] + total["net"])


def test_quiet_periods_know_the_last_contact(small, forecast, fit) -> None:
    since = since_contact(RateWorth(forecast, fit))
    sent = small.table[~small.table["held"]]
    last = sent.pivot_table(index="who", columns="how", values="when", aggfunc="max")
    wanted = (pd.Timestamp("2024-06-30") - last).apply(lambda column: column.dt.days).reindex(range(60))
    assert since == pytest.approx(wanted[list(fit.model.media)].fillna(np.inf).to_numpy())
    plan = clv.plan_budget(forecast, fit, (MAIL,), quiet={"e-mail": 60 * DAY}, holdout=0.0)
    soon = since[:, fit.model.media.index("e-mail")] + 1 < 60
    assert soon.any() and (plan.choice[soon] == 0).all()


def test_what_cannot_be_planned_is_refused(small, fit, fitted, quantity, forecast) -> None:
    other = clv.fit(clv.NBD, small.histories, method="map")
    with pytest.raises(clv.ClvError, match="fit of NBD says nothing of contacts"):
        clv.plan_budget(forecast, other, ACTIONS)
    assert made_of(forecast, fit) and not made_of(forecast, other)
    with pytest.raises(clv.ClvError, match="not made of this fit"):
        clv.plan_budget(forecast, fitted, ACTIONS)
    with pytest.raises(clv.ClvError, match="uses fax, of which"):
        clv.plan_budget(forecast, fit, (clv.Action("fax", clv.PlannedContact("fax", 1.0)),))
    offer = clv.Action("offer", clv.PlannedContact("DM", 1.0, cost_on_response=2.0))
    with pytest.raises(clv.ClvError, match=r"cost_on_response of offer.*into cost="):
        clv.plan_budget(forecast, fit, (offer,))
    with pytest.raises(clv.ClvError, match="pull_forward= is for a media response"):
        clv.plan_budget(forecast, fit, ACTIONS, pull_forward=0.2)
    with pytest.raises(clv.ClvError, match="Contacts by DM, e-mail have no cost"):
        past = small.table.rename(columns={"who": "customer_id", "how": "medium", "when": "date"})
        clv.plan_budget(forecast, fit, ACTIONS, contacts=past.assign(cost=np.nan))


def test_without_costs_of_the_past_there_is_no_status_quo(small, quantity, fit, forecast) -> None:
    unpriced = clv.Contacts(small.table, customer="who", medium="how", date="when", holdout="held")
    blind = replace(fit, grounds=replace(fit.grounds, contacts=unpriced))
    plan = clv.plan_budget(forecast, blind, ACTIONS)
    assert plan.before is None and any("or what they cost, are not known" in note for note in plan.notes)
    loaded = clv.plan_budget(forecast, replace(fit, grounds=None), ACTIONS)
    assert loaded.before is None and (loaded.evidence()["grade"] == "observational").all()


def test_pages_say_who_is_contacted_and_how_it_is_known(small, fit, quantity, forecast, plan, tmp_path) -> None:
    page = clv.write_plan(tmp_path / "plan.html", plan).read_text(encoding="utf-8")
    assert "how many purchases one more contact" in page and "randomised" in page
    days = pd.DataFrame({
        "who": np.repeat(small.histories.customer_id, [len(days) for days in small.histories.dates]),
        "day": np.concatenate(small.histories.dates), "paid": 1.0,
    })  # fmt: skip
    log = clv.Transactions(days, customer="who", date="day", amount="paid")
    parts = {"log": log, "duration": fit, "quantity": quantity, "forecast": forecast}
    report = clv.write_report(tmp_path / "report.html", **parts, pictures={}).read_text(encoding="utf-8")
    assert "nobody is contacted by DM, e-mail" in report and "by a fresh contact" in report
    assert set(gallery(fit, forecast)) == {"customer_equity", "ltv_distribution"}


def test_a_holdout_is_compared_with_what_was_done_in_it(small, fit, quantity, forecast) -> None:
    bought = pd.DataFrame({"who": [1, 2], "day": ["2024-07-01", "2024-10-01"], "paid": 5.0})
    before = pd.DataFrame({"who": small.histories.customer_id, "day": "2024-06-30", "paid": 1.0})
    holdout = clv.Transactions(pd.concat([before, bought]), customer="who", date="day", amount="paid").split(
        "2024-06-30"
    )[1]
    other = fit.under(contacts=plan_log(small.histories, np.ones(60, dtype=np.intp), ACTIONS))
    forecasts = (forecast, clv.forecast(other, quantity, small.histories, **TERMS))
    said = [" ".join(clv.compare(one, holdout, resamples=20).notes) for one in forecasts]
    assert "nobody is contacted" in said[0] and "contacted as planned with fit.under" in said[1]
