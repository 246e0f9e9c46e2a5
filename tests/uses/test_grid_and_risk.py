"""The grid, value at risk and newcomers: against sums written out, closed forms and published numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from tests.uses.conftest import PUBLISHED


def test_cells_of_the_grid_count_and_value_their_customers(small: clv.Forecast) -> None:
    tiers = clv.value_tiers(small, shares=3)
    grid = clv.value_loyalty_grid(small, tiers=tiers, loyalty="frequency", cuts=[1, 3])
    table, people = grid.table(), grid.per_customer()
    x = small.histories.frequency
    by_hand = np.select([x < 1, x < 3], ["low", "middle"], "high")
    assert people["loyalty"].tolist() == by_hand.tolist()
    for row in table.itertuples():
        inside = (people["tier"] == row.tier) & (by_hand == row.loyalty)
        assert row.customers == inside.sum()
        assert row.mean == pytest.approx(small.customers.loc[inside.to_numpy(), "ltv"].sum())
    assert table["mean"].sum() == pytest.approx(small.total().loc["ltv", "mean"])
    assert len(table) == 9
    filled = table[table["customers"] > 0]
    assert (filled["lower"] <= filled["mean"]).all() and (filled["mean"] <= filled["upper"]).all()


def test_loyalty_is_p_alive_and_says_where_that_misleads(small: clv.Forecast, cdnow: clv.Histories) -> None:
    grid = clv.value_loyalty_grid(small)
    people = grid.per_customer()
    assert (people.loc[people["loyalty"] == "low", "p_alive"] < 0.3).all()
    assert (people.loc[people["loyalty"] == "high", "p_alive"] >= 0.7).all()
    silent = int((small.histories.frequency == 0).sum())
    assert f"{silent:,} who never bought again count as alive for certain" in " ".join(grid.notes)
    fits = clv.fit(clv.MBG_NBD, cdnow, method="mle"), clv.fit(clv.GAMMA_GAMMA, cdnow, method="mle")
    can = clv.forecast(*fits, small.histories, horizon=26 * clv.WEEK, draws=20)
    assert "for certain" not in " ".join(clv.value_loyalty_grid(can).notes)
    assert clv.value_loyalty_grid(can, loyalty="tenure", cuts=[30]).levels == ("low", "high")


def test_a_grid_that_makes_no_sense_is_refused(small: clv.Forecast, forecast: clv.Forecast) -> None:
    with pytest.raises(clv.ClvError, match="loyalty='age'"):
        clv.value_loyalty_grid(small, loyalty="age")  # type: ignore[arg-type]
    with pytest.raises(clv.ClvError, match="rising numbers"):
        clv.value_loyalty_grid(small, cuts=[0.7, 0.3])
    with pytest.raises(clv.ClvError, match="tiers are of other customers"):
        clv.value_loyalty_grid(small, tiers=clv.value_tiers(forecast))


def test_value_at_risk_written_out(small: clv.Forecast) -> None:
    risk = clv.value_at_risk(small, within=13 * clv.WEEK)
    people, sim = risk.per_customer(), small.simulation
    theta = [v[:, None] for v in sim.duration_theta]
    one = small.histories
    alive = clv.BG_NBD.p_alive(theta, one)
    stays = clv.BG_NBD.p_alive_after(theta, one, horizon=13 * clv.WEEK) / alive
    amount = clv.GAMMA_GAMMA.expected_spend([v[:, None] for v in sim.quantity_theta], one)
    value = 0.3 * amount * clv.BG_NBD.expected_purchases(theta, one, horizon=52 * clv.WEEK) / alive
    wanted = {
        "potential": alive * value, "potential_if_alive": value, "p_leaves": 1 - stays,
        "win_back": (1 - alive) * value, "value_at_risk": (1 - stays) * alive * value,
    }  # fmt: skip
    for name, values in wanted.items():
        assert people[name].to_numpy() == pytest.approx(values.mean(axis=0)), name
    assert (people["win_back_lower"] <= people["win_back"]).all()
    assert people["max_worth_spending"].to_numpy() == pytest.approx(clv.max_worth_spending(small).to_numpy())
    kept = small.terms.present_cost
    assert people["potential"].to_numpy() - kept == pytest.approx(small.customers["potential"].to_numpy())


def test_bands_and_lists_of_value_at_risk(small: clv.Forecast) -> None:
    risk = clv.value_at_risk(small, within=13 * clv.WEEK)
    table, people = risk.table(), risk.per_customer()
    assert table["customers"].sum() == len(people)
    for name in ("potential", "win_back", "value_at_risk", "max_worth_spending"):
        assert table[name].sum() == pytest.approx(people[name].sum())
        for row in table.itertuples():
            inside = (people["p_alive"] >= row[1]) & ((people["p_alive"] < row.to) | (row.to == 1.0))
            assert getattr(row, name) == pytest.approx(people.loc[inside, name].sum())
    assert risk.keep(5)["value_at_risk"].tolist() == sorted(people["value_at_risk"], reverse=True)[:5]
    assert risk.win_back(3)["win_back"].tolist() == sorted(people["win_back"], reverse=True)[:3]
    with pytest.raises(clv.ClvError, match="most=0"):
        risk.keep(0)
    with pytest.raises(clv.UnitError, match="13 of what"):
        clv.value_at_risk(small, within=13)  # type: ignore[arg-type]
    with pytest.raises(clv.UnitError, match="no time to leave in"):
        clv.value_at_risk(small, within=clv.FOREVER)


@pytest.fixture(scope="module")
def newcomers(published: clv.Fit, cdnow: clv.Histories, cdnow_gamma_gamma: clv.Fit) -> clv.Forecast:
    return clv.forecast(published, cdnow_gamma_gamma, cdnow, horizon=39 * clv.WEEK, margin=0.3, draws=400, seed=3)


def test_a_newcomer_is_worth_her_published_purchases(newcomers: clv.Forecast) -> None:
    """E[X(39)] = 1.19672319 for a new customer at the published parameters (30-digit arithmetic)."""
    found = clv.newcomer_value(newcomers, first_amount=40.0)
    table = found.table().set_index("source")
    amount = clv.GAMMA_GAMMA.expected_spend(
        newcomers.simulation.quantity_theta, clv.History(0, 0, 0, clv.WEEK, monetary_value=0.0)
    ).mean()
    assert table.loc["first purchase", "mean"] == pytest.approx(0.3 * 40.0)
    assert table.loc["repeat purchases", "mean"] == pytest.approx(0.3 * amount * 1.19672319, rel=1e-6)
    assert found.most == pytest.approx(12.0 + 0.3 * amount * 1.19672319, rel=1e-6)
    error = found.simulated.std() / np.sqrt(found.simulated.size)
    assert found.simulated.mean() == pytest.approx(found.most, abs=4 * error)
    assert np.mean(found.simulated > 0) == 1.0, "the first purchase is certain"
    assert found.p_worth(found.most) == np.mean(found.simulated >= found.most)


def test_who_buys_once_is_worth_her_first_purchase(
    published: clv.Fit, cdnow_gamma_gamma: clv.Fit, cdnow: clv.Histories
) -> None:
    """P(no repeat purchase within 39 weeks) = .57378635 for a new customer (published, reproduced in 30 digits)."""
    some = cdnow.select(cdnow.customer_id[::10])
    one = clv.forecast(published, cdnow_gamma_gamma, some, horizon=39 * clv.WEEK, draws=1000, seed=4)
    found = clv.newcomer_value(one)
    first = clv.newcomer_value(one, first_amount=0.0)
    share = np.mean(first.simulated == 0.0)
    assert share == pytest.approx(0.57378635, abs=4 * np.sqrt(0.25 / first.simulated.size))
    spend = some.spend - some.frequency * some.monetary_value
    wide = found.table().set_index("source").loc["first purchase"]
    assert wide["mean"] == pytest.approx(spend.mean(), rel=0.01)
    assert wide["expected_upper"] - wide["expected_lower"] == pytest.approx(
        2 * 1.645 * spend.std() / np.sqrt(spend.size), rel=0.1
    )


def test_costs_and_covariates_of_newcomers(small: clv.Forecast) -> None:
    table = clv.newcomer_value(small).table().set_index("source")["mean"]
    assert table["cost of keeping"] == pytest.approx(-small.terms.present_cost)
    assert table["lifetime value"] == pytest.approx(table.drop("lifetime value").sum())
    with pytest.raises(clv.ClvError, match="first_amount=-1"):
        clv.newcomer_value(small, first_amount=-1)


def test_a_newcomer_needs_the_covariates_that_the_model_reads() -> None:
    rng = np.random.default_rng(5)
    channel = np.repeat(["online", "shop"], 100)
    histories = clv.BG_NBD.simulate(PUBLISHED, T=np.full(200, 60.0), period=clv.WEEK, seed=6)
    money = np.where(histories.frequency > 0, rng.gamma(8.0, 4.0, 200), 0.0)
    frame = histories.to_frame().assign(monetary_value=money, channel=channel).drop(columns="log_intervals")
    people = clv.Histories.from_frame(frame, period=clv.WEEK, covariates=["channel"])
    model = clv.with_covariates(clv.BG_NBD, purchase="channel")
    forecast = clv.forecast(
        clv.fit(model, people, method="map"), clv.fit(clv.GAMMA_GAMMA, people, method="map"), people,
        horizon=26 * clv.WEEK, draws=50,
    )  # fmt: skip
    with pytest.raises(clv.ClvError, match="read channel of a customer"):
        clv.newcomer_value(forecast)
    sim = forecast.simulation
    amount = clv.GAMMA_GAMMA.expected_spend(sim.quantity_theta, clv.History(0, 0, 0, clv.WEEK, monetary_value=0.0))
    for name in ("online", "shop"):
        one = clv.History.new_customer(clv.WEEK, covariates={"channel": [name]})
        bought = sim.duration.expected_purchases(sim.duration_theta, one, horizon=26 * clv.WEEK)
        found = clv.newcomer_value(forecast, first_amount=0.0, covariates={"channel": name})
        assert found.most == pytest.approx(np.mean(amount * bought))


def test_lists_are_tables_of_customers(small: clv.Forecast) -> None:
    for found in (clv.value_at_risk(small, within=clv.MONTH), clv.value_loyalty_grid(small), clv.value_tiers(small)):
        assert isinstance(found.per_customer(), pd.DataFrame)
        assert found.per_customer()["customer_id"].tolist() == small.histories.customer_id.tolist()
    with pytest.raises(clv.ClvError, match="no list of customers"):
        clv.newcomer_value(small).per_customer()
