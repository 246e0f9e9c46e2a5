"""Plans: values against sums written out, the identity with the status quo, totals, words, and who gets what."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import clvmodels as clv
from clvmodels.budget.status_quo import past_contacts, status_quo
from clvmodels.budget.values import action_values, plan_draws
from clvmodels.budget.worth import Worth
from tests.conftest import BOTH, EMAIL, LETTER, Shop


@pytest.fixture(scope="module")
def plan(shop: Shop) -> clv.Plan:
    return clv.plan_budget(shop.forecast, shop.media, shop.actions, budget=150.0, seed=5)


@pytest.fixture(scope="module")
def worth(shop: Shop) -> Worth:
    return Worth(shop.forecast, shop.media, shop.media.audience, seed=5)


def test_values_written_out(shop: Shop, worth: Worth) -> None:
    """Increment x margin x chance to be there, discounted; fatigue from the contact before; an offer paid to all who buy."""
    n, forecast, media = 4, shop.forecast, shop.media
    simulation = forecast.simulation
    rows = np.argsort(-forecast.histories.frequency)[:n]
    values = action_values(worth, shop.actions)
    who = media.audience.picked(worth.places[rows])
    draws = {"draws": simulation.draws, "seed": 5}
    first = media.increment_draws(who, medium="DM", **draws)[0]
    stock = who.own_stock * 0.5 ** (21.0 / np.array([media.spec.half_lives(media.media)[m].days for m in media.media]))
    stock[:, media.media.index("DM")] += 0.5 ** (21.0 / media.spec.half_lives(media.media)["DM"].days)
    then = media.increment_draws(who, medium="e-mail", own_stock=stock, **draws)[0]
    people = clv.History(*(getattr(forecast.histories, c)[rows][:, None] for c in ("frequency", "recency", "T")), clv.WEEK,
                         forecast.histories.monetary_value[rows][:, None])  # fmt: skip
    theta = simulation.duration_theta
    margin = 0.3 * clv.GAMMA_GAMMA.expected_spend(simulation.quantity_theta, people)
    force = np.log(1.10) * 7 / 365.25

    def there(week: float) -> np.ndarray:
        return clv.PARETO_NBD.p_alive_after(theta, people, horizon=week * clv.WEEK) / clv.PARETO_NBD.p_alive(
            theta, people
        )

    gross = first * margin * there(2) * np.exp(-2 * force) + then * margin * there(5) * np.exp(-5 * force)
    response = then + media.base_draws(who, **draws)
    cost = 1.0 + (0.05 + 0.5 * response * there(5)) * np.exp(-3 * force)
    assert values.gross[rows, 3] == pytest.approx(gross.mean(axis=1), rel=1e-9)
    assert values.cost[rows, 3] == pytest.approx(cost.mean(axis=1), rel=1e-9)
    assert values.outlay[rows, 3] == pytest.approx((1.05 + 0.5 * response * there(5)).mean(axis=1), rel=1e-9)
    assert values.p_positive[rows, 3] == pytest.approx((gross > cost).mean(axis=1))
    assert values.spread[rows, 3] == pytest.approx((gross - cost).std(axis=1), rel=1e-9)


def test_going_on_as_before_returns_the_forecast(shop: Shop, worth: Worth) -> None:
    """The plan that repeats the past is worth the forecast: two ways to value the same contacts agree."""
    histories, horizon = shop.forecast.histories, shop.forecast.terms.horizon
    until = pd.Timestamp(histories.until)
    days = {
        "letter": [("DM", 0.0, 1.0)],
        "mails": [("e-mail", 0.0, 0.05), ("e-mail", 112.0, 0.05), ("e-mail", 224.0, 0.05)],
    }
    choice = np.arange(len(histories)) % 3
    rows = [
        {"customer_id": customer, "medium": medium, "cost": cost, "date": until - pd.Timedelta(days=horizon.days - day)}
        for customer, number in zip(histories.customer_id, choice, strict=True)
        for medium, day, cost in ([], days["letter"], days["mails"])[number]
    ]
    shifted = pd.DataFrame(rows)
    shifted["date"] += pd.Timedelta(days=1)  # a past contact is after the horizon's beginning
    actions = (
        clv.Action("letter", clv.PlannedContact("DM", 1.0, at=1 * clv.DAY)),
        clv.Action("mails", *(clv.PlannedContact("e-mail", 0.05, at=(1 + d) * clv.DAY) for d in (0, 112, 224))),
    )
    before = status_quo(worth, past_contacts(shifted, histories.customer_id, until=until, horizon=horizon))
    drawn = plan_draws(worth, actions, {"as before": choice})["as before"]
    assert drawn.net == pytest.approx(before.draws.net, rel=1e-9)
    assert drawn.gross == pytest.approx(before.draws.gross, rel=1e-9)
    assert before.net.sum() == pytest.approx(before.draws.net.mean(), rel=1e-9)
    plan = clv.plan_budget(shop.forecast, shop.media, actions, contacts=shifted, holdout=0.0, seed=5)
    repeated = replace(plan, solution=replace(plan.solution, choice=choice.astype(np.int16)))
    potential = repeated.total().loc["potential under plan", "mean"]
    assert potential == pytest.approx(shop.forecast.total().loc["potential", "mean"], rel=1e-9)
    assert repeated.per_customer()["ltv_under_plan"].to_numpy() == pytest.approx(
        repeated.per_customer()["ltv"].to_numpy(), rel=1e-9
    )


def test_stopping_all_contact_is_a_plan(shop: Shop, plan: clv.Plan) -> None:
    nothing = replace(plan, solution=replace(plan.solution, choice=np.zeros(len(plan.customers), dtype=np.int16)))
    total = nothing.total()["mean"]
    assert total["net"] == 0
    assert total["potential under plan"] == pytest.approx(
        shop.forecast.total().loc["potential", "mean"] - plan.before.net.sum()
    )


def test_tables_add_up(plan: clv.Plan) -> None:
    table, total, media = plan.per_customer(), plan.total(), plan.by_medium()
    for name in ("outlay", "gross", "cost", "net"):
        assert table[name].sum() == pytest.approx(total.loc[name, "mean"], rel=1e-9)
    assert media["net"].sum() == pytest.approx(total.loc["net", "mean"], rel=1e-9)
    assert total.loc["outlay", "mean"] == pytest.approx(plan.solution.spent)
    assert plan.solution.spent <= 150.0
    assert np.all(table["lower"] <= table["net"] + 1e-12) and np.all(table["net"] <= table["upper"] + 1e-12)
    letters = table["action"].isin([LETTER, BOTH]).sum()
    assert media.loc["DM", "customers"] == letters == media.loc["DM", "contacts"]
    assert media.loc["e-mail", "contacts"] == 3 * (table["action"] == EMAIL).sum() + (table["action"] == BOTH).sum()


def test_held_out_customers_get_nothing_and_are_logged(plan: clv.Plan) -> None:
    table = plan.per_customer()
    assert 0.03 < table["held_out"].mean() < 0.07
    assert (table.loc[table["held_out"], "action"] == "none").all()
    assert (table["holdout_probability"] == 0.05).all()


def test_the_best_for_the_money(plan: clv.Plan) -> None:
    """No rule that spends as much brings more on average; the frontier is concave and says so too."""
    table = plan.compare()
    ranked = table.loc[["top RFM", "top LTV", "highest churn risk", "highest response rate", "highest increment"]]
    assert (ranked["outlay"] <= plan.solution.spent * (1 + 1e-9)).all()
    assert (ranked["difference"] > -plan.solution.gap).all()
    assert table["p_best"].sum() == pytest.approx(1.0)
    assert table.loc["nobody", ["difference", "difference_lower", "difference_upper"]].tolist() == pytest.approx(
        plan.total().loc["net", ["mean", "lower", "upper"]].tolist()
    )
    frontier = plan.frontier()
    assert np.all(np.diff(np.diff(frontier["net"]) / np.diff(frontier["budget"])) < 0.05)
    assert frontier["net"].max() * (1 + 1e-12) >= plan.total().loc["net", "mean"] - plan.solution.gap  # sums round


def test_policies_of_the_caller(plan: clv.Plan) -> None:
    letters = [LETTER] * len(plan.customers)
    table = plan.compare({"letters": letters, "letters again": np.ones(len(plan.customers), dtype=int)})
    assert table.loc["letters"].tolist() == table.loc["letters again"].tolist()
    with pytest.raises(clv.ClvError, match="names fax"):
        plan.compare({"fax": ["fax"] * len(plan.customers)})
    with pytest.raises(clv.ClvError, match="1 choices for 1,500"):
        plan.compare({"short": [LETTER]})


def test_currency_and_order_of_customers_do_not_matter(shop: Shop, plan: clv.Plan) -> None:
    terms = {"horizon": 52 * clv.WEEK, "discount": clv.Rate(0.10, per=clv.YEAR), "draws": 60, "seed": 2}
    histories = shop.forecast.histories
    order = np.random.default_rng(1).permutation(len(histories))
    fits = shop.duration, shop.quantity
    shuffled = clv.forecast(*fits, histories.select(histories.customer_id[order]), margin=0.3, **terms)
    again = clv.plan_budget(shuffled, shop.media, shop.actions, budget=150.0, seed=5)
    assert again.per_customer()["action"].tolist() == plan.per_customer()["action"].to_numpy()[order].tolist()
    rich = clv.forecast(*fits, histories, margin=300.0, **terms)
    dear = [
        clv.Action(
            a.name, *(replace(c, cost=1000 * c.cost, cost_on_response=1000 * c.cost_on_response) for c in a.contacts)
        )
        for a in shop.actions
    ]
    past = shop.media.contacts.assign(cost=1000 * shop.media.contacts["cost"])
    thousandfold = clv.plan_budget(rich, shop.media, dear, budget=150_000.0, seed=5, contacts=past)
    assert thousandfold.choice.tolist() == plan.choice.tolist()
    assert thousandfold.total()["mean"].tolist() == pytest.approx([1000 * v for v in plan.total()["mean"]], rel=1e-9)


def test_constraints_reach_the_plan(shop: Shop) -> None:
    limited = clv.plan_budget(
        shop.forecast, shop.media, shop.actions, constraints=[clv.Capacity("DM", 20)], caps={"e-mail": 1}, seed=5
    )
    assert limited.by_medium().loc["DM", "contacts"] <= 20
    assert EMAIL not in set(limited.per_customer()["action"])
    assert bool(limited.binding().set_index("name").loc["at most 20 of DM", "binds"])
    with pytest.raises(clv.InfeasiblePlan, match="contacted"):
        clv.plan_budget(shop.forecast, shop.media, shop.actions, budget=1.0, constraints=[clv.Coverage(at_least=0.9)])


def test_effects_that_are_only_brought_forward_are_worth_less(shop: Shop, plan: clv.Plan) -> None:
    half = clv.plan_budget(shop.forecast, shop.media, shop.actions, budget=150.0, seed=5, pull_forward=0.5)
    assert half.values.gross == pytest.approx(0.5 * plan.values.gross, rel=1e-9)
    unsure = clv.plan_budget(shop.forecast, shop.media, shop.actions, seed=5, pull_forward=stats.beta(5, 5))
    assert unsure.values.gross.sum() == pytest.approx(half.values.gross.sum(), rel=0.15)
    with pytest.raises(clv.ClvError, match="pull_forward=2 is not a share"):
        clv.plan_budget(shop.forecast, shop.media, shop.actions, pull_forward=2)


def test_a_sentence_for_everybody(shop: Shop) -> None:
    consent = pd.DataFrame(
        dict.fromkeys(("DM", "e-mail"), shop.forecast.histories.customer_id % 7 > 0),
        index=shop.forecast.histories.customer_id,
    )
    plan = clv.plan_budget(shop.forecast, shop.media, shop.actions, budget=60.0, consent=consent, seed=5)
    table = plan.per_customer().set_index("customer_id")
    barred = table.index[(table.index % 7 == 0) & ~table["held_out"]][0]
    held = table.index[table["held_out"]][0]
    contacted = table.index[table["action"] != "none"][0]
    waiting = table.index[(table["action"] == "none") & (table["runner_up_net"] > 0)][0]
    hopeless = table.index[
        (table["action"] == "none") & (table["runner_up_net"] < 0) & ~table["held_out"] & (table.index % 7 > 0)
    ][0]
    assert "consent" in plan.why(barred) and "held out at random (5 % of customers are)" in plan.why(held)
    assert f"gets {table.loc[contacted, 'action']}" in plan.why(contacted)
    assert "worth more elsewhere" in plan.why(waiting) and "no action is expected to pay for itself" in plan.why(
        hopeless
    )
    with pytest.raises(clv.ClvError, match="no customer 'nobody'"):
        plan.why("nobody")


def test_the_list_for_those_who_make_the_contacts(plan: clv.Plan, tmp_path) -> None:
    listed = pd.read_csv(plan.to_csv(tmp_path / "contacts.csv"))
    assert len(listed) == plan.by_medium()["contacts"].sum()
    assert listed.groupby("medium")["cost"].sum().sum() <= 150.0
    assert set(listed.columns) == {"customer_id", "medium", "days_from_today", "cost", "action"}


def test_knowing_more_is_never_worth_less_than_nothing(plan: clv.Plan) -> None:
    risk, information = plan.risk(0.10), plan.perfect_information(6)
    assert risk.cvar <= risk.mean == pytest.approx(plan.total().loc["net", "mean"])
    assert risk.probability_of_gain == np.mean(plan.draws.net > 0)
    assert 0 <= information.value < risk.mean


def test_a_cautious_plan_is_no_worse_where_it_is_bad(shop: Shop, plan: clv.Plan) -> None:
    careful = clv.plan_budget(shop.forecast, shop.media, shop.actions, budget=150.0, seed=5, worst=0.10)
    assert careful.risk(0.10).cvar >= plan.risk(0.10).cvar - 1e-9
    assert careful.risk(0.10).mean <= plan.risk(0.10).mean + plan.solution.gap
    assert careful.solution.spent <= 150.0


def test_what_cannot_be_planned(shop: Shop) -> None:
    few = replace(shop.media.audience.picked(np.arange(10)))
    with pytest.raises(clv.ClvError, match="unknown to the media response"):
        clv.plan_budget(shop.forecast, shop.media, shop.actions, audience=few)
    without = shop.media.contacts.assign(cost=np.nan)
    with pytest.raises(clv.ClvError, match="have no cost"):
        clv.plan_budget(shop.forecast, shop.media, shop.actions, contacts=without)


def test_a_mass_medium_is_told_of_and_cannot_be_planned(shop: Shop) -> None:
    """Rating points that did nothing: no action for customers, but a sentence in the notes, with a break-even cost."""
    rng, market = np.random.default_rng(3), shop.market
    weeks = pd.date_range(market.start, market.until, freq="7D")
    spots = pd.DataFrame([(w, s, rng.integers(0, 90)) for w in weeks for s in ("younger", "middle", "older")])
    mail = clv.Contacts(
        market.contacts, customer="customer", medium="medium", date="date", cost="cost", holdout="holdout"
    )
    exposed = mail.with_exposure(
        spots.set_axis(["week", "area", "grp"], axis=1), medium="TV", date="week", level="grp", region="area",
        half_life=2 * clv.WEEK,
    )  # fmt: skip
    seen = clv.occasions(
        exposed, market.log, window=4 * clv.WEEK, features=(), half_life=dict.fromkeys(market.media, 0.01 * clv.DAY)
    )
    media = clv.fit(clv.media_response(window=4 * clv.WEEK), seen)
    plan = clv.plan_budget(shop.forecast, media, shop.actions, budget=100.0, seed=1)
    row = plan.exposures().loc["TV"]
    assert row["lower"] < 0 < row["upper"] and np.isfinite(row["break_even_cost"])
    [note] = [one for one in plan.notes if one.startswith("TV reaches whole regions")]
    assert f"{row['break_even_cost']:,.2f}" in note
    spot = clv.Action("spots", clv.PlannedContact("TV", 1.0))
    with pytest.raises(clv.ClvError, match=r"cannot be aimed at a customer.*media\.exposure_value\('TV'"):
        clv.plan_budget(shop.forecast, media, [*shop.actions, spot])
