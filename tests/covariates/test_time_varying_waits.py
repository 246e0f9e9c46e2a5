"""When customers will buy next where rates follow the calendar: quantiles, curves, and the uses of a forecast."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.units import WEEK

from .test_time_varying import COEFFICIENTS, THETA, fitted, people

HALF_YEAR = (0.0, 0.4, 1.2, -0.5)


def test_the_time_until_bought_is_the_inverse_of_p_no_purchase() -> None:
    histories = people(30)
    model = clv.time_varying(purchase="~ sin_1 + cos_1", dropout="~ sin_1 + cos_1").on(histories)
    theta = (*THETA, *HALF_YEAR)
    times = {p: model.time_to_next_purchase(theta, histories, probability=p) for p in (0.01, 0.1, 0.3)}
    alive, own = model.p_alive(theta, histories), model.theta(theta)
    at_last = alive * (1 - model.pmf_if_alive(own, histories, 0, 5000.0))
    for p, found in times.items():
        never = np.isinf(found)
        by_then = alive * (1 - model.pmf_if_alive(own, histories, 0, np.where(never, 1.0, found)))
        assert by_then[~never] == pytest.approx(p, rel=1e-8)
        assert np.all(at_last[never] < p)  # she never buys again with that much probability
    assert 0 < sum(np.isinf(found).sum() for found in times.values()) < 60
    assert np.all(times[0.01] < times[0.1]) and np.all(np.isinf(times[0.3][alive < 0.3]))


def test_without_effects_it_is_that_of_pareto_nbd() -> None:
    histories = people(20)
    model = fitted(histories)
    theta = (*THETA, 0, 0, 0, 0)
    # the panel ends half a year ahead: nothing beyond is asked for
    ours = model.time_to_next_purchase(theta, histories, probability=0.02)
    assert ours == pytest.approx(clv.PARETO_NBD.time_to_next_purchase(THETA, histories, probability=0.02), rel=1e-7)
    with pytest.raises(clv.HistoryError, match=r"is not known.*fit.under\(panel\)"):
        model.time_to_next_purchase(theta, histories, probability=0.6)
    one = clv.history.picked(histories, 3)
    assert model.time_to_next_purchase(theta, one, probability=0.02) == pytest.approx(ours[3], rel=1e-9)
    draws = tuple(np.full((2, 1), v) for v in theta)
    assert model.time_to_next_purchase(draws, histories, probability=0.02)[1] == pytest.approx(ours, rel=1e-9)


def test_the_curve_of_waits_is_one_less_p_no_purchase() -> None:
    histories = people(10)
    model, theta = fitted(histories), (*THETA, *COEFFICIENTS)
    times = [0.1, 1.0, 3.7, 12.0, 20.0]
    found = list(model.bought_if_alive(model.theta(theta), histories, times))
    for time, chance in zip(times, found, strict=True):
        none = model.pmf_if_alive(model.theta(theta), histories, 0, time)
        assert chance == pytest.approx(1 - none, rel=1e-8)


@pytest.fixture(scope="module")
def market() -> clv.Histories:
    histories = people(60)
    amounts = np.where(histories.frequency > 0, np.random.default_rng(1).gamma(5, 8, 60), 0.0)
    return clv.Histories(
        histories.customer_id, histories.frequency, histories.recency, histories.T, amounts, WEEK, dates=histories.dates,
        until=histories.until,
    )  # fmt: skip


@pytest.fixture(scope="module")
def fit(market) -> clv.Fit:
    return clv.fit(clv.time_varying(season="fourier(1)"), market, method="map")


def test_next_purchase_of_customers(market, fit) -> None:
    found = clv.next_purchase(fit, market, within=13 * WEEK, draws=20).per_customer()
    theta = fit.model.Theta(*(v[:, None] for v in fit.draws(20, seed=0)))
    bought = 1 - fit.model.p_no_purchase(theta, market, horizon=13 * WEEK).mean(axis=0)
    assert found["p_purchase"].to_numpy() == pytest.approx(bought, rel=1e-8)
    some = np.isfinite(found["next_25"].to_numpy())
    assert 0 < some.sum() < 60
    for row in np.flatnonzero(some)[:3]:
        one = clv.history.picked(market, [row])
        by_then = 1 - fit.model.p_no_purchase(theta, one, horizon=found["next_25"].iloc[row] * WEEK).mean()
        assert by_then == pytest.approx(0.25, abs=0.003)
    labelled = fit.time_to_next_purchase(market, probability=0.1, draws=20)
    assert labelled["mean"].notna().all()


def test_uses_of_a_forecast(market, fit) -> None:
    quantity = clv.fit(clv.GAMMA_GAMMA, market, method="map")
    discount = clv.Rate(0.1, per=clv.YEAR)
    forecast = clv.forecast(fit, quantity, market, horizon=52 * WEEK, discount=discount, draws=20)
    customers = forecast.per_customer()
    risk = clv.value_at_risk(forecast, within=26 * WEEK).per_customer()
    theta = fit.model.Theta(*(v[:, None] for v in forecast.simulation.duration_theta))
    stays = fit.model.p_alive_after(theta, market, horizon=26 * WEEK) / fit.model.p_alive(theta, market)
    assert risk["p_leaves"].to_numpy() == pytest.approx(1 - stays.mean(axis=0), rel=1e-9)
    assert risk["potential"].sum() == pytest.approx(customers["potential"].sum(), rel=1e-9)
    tiers = clv.value_tiers(forecast)
    assert tiers.table()["customers"].sum() == 60
    assert clv.value_loyalty_grid(forecast, tiers=tiers).table()["customers"].sum() == 60
    assert len(clv.letting_go(forecast).per_customer()) == 60
    endless = clv.forecast(fit, quantity, market, horizon=clv.FOREVER, discount=discount, draws=20)
    assert np.all(endless.per_customer()["potential"].to_numpy() >= customers["potential"].to_numpy())


def test_a_perfect_save_keeps_the_season(market, fit) -> None:
    """Never leaving, she buys at her rate times the factor of each day: by hand, from one theta."""
    horizon, force = 20.0, 0.002
    theta = fit.theta._replace(purchase_sin_1=1.0, purchase_cos_1=-0.5)
    found = fit.model.staying_if_alive(theta, market, horizon=horizon, force=force)
    first = np.array([each[0].astype("datetime64[D]").astype(int) for each in market.dates])
    now = first + 7 * market.T
    lowest = fit.model.staying_if_alive(theta._replace(s=1e-9), market, horizon=horizon, force=force)
    assert found == pytest.approx(lowest, rel=1e-12)
    assert found == pytest.approx(
        fit.model.expected_if_alive(theta._replace(s=1e-12), market, horizon=horizon, force=force), rel=1e-9
    )
    day = now[0] + 7 * np.linspace(0, horizon, 280_001)[:-1] + 7 * horizon / 560_000
    middle = np.floor(day) - (np.floor(day) - 4) % 7 + 3.5
    factor = np.exp(np.sin(2 * np.pi * middle / 365.25) - 0.5 * np.cos(2 * np.pi * middle / 365.25))
    worth = np.mean(factor * np.exp(-force * (day - now[0]) / 7)) * horizon
    rate = fit.model.rate_if_alive(theta, market)[0]
    assert found[0] == pytest.approx(rate * worth, rel=1e-4)


def test_a_newcomer_comes_today(market, fit) -> None:
    quantity = clv.fit(clv.GAMMA_GAMMA, market, method="map")
    forecast = clv.forecast(fit, quantity, market, horizon=26 * WEEK, draws=20, margin=1.0)
    found = clv.newcomer_value(forecast, first_amount=10.0)
    new = clv.history.History.new_customer(WEEK, on=market.until, who="somebody")
    theta = forecast.simulation.duration_theta
    bought = fit.model.expected_purchases(theta, new, horizon=26 * WEEK)
    amount = quantity.model.expected_spend(
        forecast.simulation.quantity_theta, clv.history.History(0, 0, 0, WEEK, monetary_value=0.0)
    )
    table = found.table().set_index("source")["mean"]
    assert table.iloc[1] == pytest.approx((bought * amount).mean(), rel=1e-8)
    panel = clv.Panel(
        pd.DataFrame({"customer_id": market.customer_id, "date": "2024-01-01", "p": np.arange(60) % 2}),
        until="2026-12-31",
    )
    own = clv.fit(clv.time_varying(purchase="~ p", panel=panel), market, method="map")
    with pytest.raises(clv.HistoryError, match="not in the panel: newcomer 000000"):
        clv.newcomer_value(clv.forecast(own, quantity, market, horizon=26 * WEEK, draws=20), first_amount=10.0)


def test_a_stack_with_a_model_without_seasons(market, fit) -> None:
    plain = clv.fit(clv.PARETO_NBD, market, method="map")
    quantity = clv.fit(clv.GAMMA_GAMMA, market, method="map")
    both = clv.stack({"seasonal": fit, "plain": plain}, {"seasonal": 0.5, "plain": 0.5})
    waits, saves = [], []
    for one in (fit, both, plain):
        found = clv.next_purchase(one, market, within=10 * WEEK, draws=20, seed=1)
        waits.append(found.per_customer()["p_purchase"].sum())
        forecast = clv.forecast(one, quantity, market, horizon=10 * WEEK, draws=20, seed=1)
        saves.append(clv.max_worth_spending(forecast).sum())
    for seasonal, mixed, without in (waits, saves):
        assert mixed == pytest.approx((seasonal + without) / 2, rel=0.1)
