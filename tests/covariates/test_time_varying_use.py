"""Models over time where other models are used: engines, forecasts, comparison; and what they refuse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.covariates.timetable import timetable
from clvmodels.units import WEEK

from .test_time_varying import UNTIL, panel_of, people, purchases


@pytest.fixture(scope="module")
def market() -> clv.Histories:
    """Customers of one year and another with twice the purchases in its second half."""
    rng = np.random.default_rng(4)
    first = np.datetime64("2022-01-01") + rng.integers(0, 300, 250)
    born = clv.Transactions(pd.DataFrame({"who": np.arange(250), "day": first}), customer="who", date="day")
    spec = clv.time_varying(season="fourier(1)")
    model = spec.on(born.histories(period=WEEK, until="2023-12-31", dates=True))
    drawn = model.simulate((0.8, 8.0, 0.5, 12.0, 0.1, 0.7), first=first, until="2023-12-31", period=WEEK, seed=5)
    amounts = np.where(drawn.frequency > 0, rng.gamma(5, 8, 250), 0.0)
    return clv.Histories(
        drawn.customer_id, drawn.frequency, drawn.recency, drawn.T, amounts, WEEK, dates=drawn.dates, until=drawn.until
    )


@pytest.fixture(scope="module")
def seasonal(market) -> clv.Fit:
    return clv.fit(clv.time_varying(season="fourier(1)"), market, method="laplace", draws=200, seed=1)


@pytest.mark.slow
def test_posterior_engines_agree(market, seasonal) -> None:
    sampled = clv.fit(
        clv.time_varying(season="fourier(1)"), market, method="nuts", draws=1500, chains=2, tune=500, seed=1
    )
    one, other = (fit.posterior for fit in (seasonal, sampled))
    for name in ("r", "purchase_sin_1", "purchase_cos_1"):
        spread = float(other[name].std())
        assert abs(float(one[name].mean()) - float(other[name].mean())) < 0.35 * spread
    assert seasonal.diagnostics.k_hat < 0.7
    truth = {"purchase_sin_1": 0.1, "purchase_cos_1": 0.7}
    for name, value in truth.items():
        assert abs(float(other[name].mean()) - value) < 4 * float(other[name].std())


def test_forecast_expects_what_it_simulates(market, seasonal) -> None:
    quantity = clv.fit(clv.GAMMA_GAMMA, market, method="mle")
    forecast = clv.forecast(
        seasonal, quantity, market, horizon=26 * WEEK, discount=clv.Rate(0.1, per=clv.YEAR), draws=200, seed=2
    )
    total = forecast.total().loc["purchases"]
    simulated = forecast.predictive_draws[0]
    assert total["mean"] == pytest.approx(simulated.mean(), abs=4 * simulated.std() / np.sqrt(200))
    labelled = seasonal.expected_purchases(market, horizon=26 * WEEK, draws=200)
    assert labelled["mean"].sum() == pytest.approx(total["mean"], rel=0.05)
    stream = forecast.stream(per=clv.Period("quarter", 91))
    assert stream["purchases"].iloc[0] > 1.2 * stream["purchases"].iloc[1]  # winter before spring


@pytest.mark.slow
def test_the_season_is_found_to_predict_customers_left_out(market) -> None:
    comparison = clv.compare_models([clv.PARETO_NBD, clv.time_varying(season="fourier(1)")], market, draws=200, seed=1)
    table = comparison.table()
    assert "over time" in table.index[0]
    assert table["elpd_loo"].iloc[0] - table["elpd_loo"].iloc[1] > 10


def test_a_stack_with_a_model_without_seasons_is_between_them(market, seasonal) -> None:
    plain = clv.fit(clv.PARETO_NBD, market, method="laplace", draws=200, seed=1)
    both = clv.stack({"seasonal": seasonal, "plain": plain}, {"seasonal": 0.5, "plain": 0.5})
    horizon = 8 * WEEK
    found = [float(fit.expected_purchases(market, horizon=horizon)["mean"].sum()) for fit in (seasonal, both, plain)]
    assert found[1] == pytest.approx((found[0] + found[2]) / 2, rel=0.05)


def test_another_future_is_another_forecast() -> None:
    histories = people(30)
    table = pd.DataFrame({"customer_id": histories.customer_id, "date": "2023-12-31", "promotion": 0.0})
    changed = table.assign(date="2024-05-01", promotion=np.arange(30) % 2.0)
    spec = clv.time_varying(purchase="~ promotion", panel=clv.Panel(pd.concat([table, changed])))
    fit = clv.fit(spec, histories, method="map")
    with pytest.raises(
        clv.HistoryError, match=r"not known for 30 customers.*2025-01-01 to 2025-01-.*fit.under\(panel\)"
    ):
        fit.expected_purchases(histories, horizon=4 * WEEK)
    future = table.assign(date="2025-01-01")
    quiet, loud = (fit.under(clv.Panel(future.assign(promotion=p))) for p in (0.0, 1.0))
    sums = [one.expected_purchases(histories, horizon=4 * WEEK, draws=50)["mean"].sum() for one in (quiet, loud)]
    point = [one.model.expected_purchases(fit.theta, histories, horizon=0.14 * WEEK) for one in (quiet, loud)]
    assert sums[0] != sums[1]
    effect = np.exp(fit.theta.purchase_promotion)
    # up to the end of the day of the last observation the past still holds
    later = [one.model.expected_purchases(fit.theta, histories, horizon=0.16 * WEEK) for one in (quiet, loud)]
    started = np.array(later) - np.array(point)
    assert started[1] / started[0] == pytest.approx(effect, rel=0.15)
    with pytest.raises(clv.HistoryError, match="fitted with promotion"):
        fit.under(clv.Panel(future.assign(price=1.0)))
    with pytest.raises(clv.ModelError, match="has no panel"):
        clv.fit(clv.time_varying(season="fourier(1)"), histories, method="map").under(clv.Panel(future.assign(p=1.0)))
    with pytest.raises(clv.ModelError, match="no covariates over time"):
        clv.fit(clv.PARETO_NBD, histories, method="map").under(clv.Panel(future.assign(p=1.0)))


def test_only_changes_are_kept_and_equal_paths_once() -> None:
    histories = people(50)
    days = pd.date_range("2023-12-31", "2025-01-05", freq="7D")
    grid = pd.MultiIndex.from_product([histories.customer_id, days], names=["customer_id", "date"]).to_frame(
        index=False
    )
    grid["contacted"] = ((grid["customer_id"] < 5) & (grid["date"] == days[20])).astype(float)
    panel = clv.Panel(grid, every=WEEK)
    assert panel.own.day.size == 5 * 4 + 45 * 2  # off, on, off and the end; off and the end
    table = timetable(histories, common=["month"], own=["contacted"], panel=panel)
    assert sorted(np.bincount(table.path)) == [5, 45]
    assert table.day.size == 4 + 2 and table.common_day.size == 12


def test_a_panel_says_what_is_missing() -> None:
    histories = people(6)
    days = pd.date_range("2023-12-31", "2025-01-05", freq="7D")
    grid = pd.MultiIndex.from_product([histories.customer_id, days], names=["customer_id", "date"]).to_frame(
        index=False
    )
    grid["price"] = np.random.default_rng(1).normal(size=len(grid))

    def on(table, **options):
        spec = clv.time_varying(purchase="~ price", panel=clv.Panel(table, **options))
        return spec.on(histories)

    on(grid, every=WEEK)
    holes = grid.drop(index=grid.index[(grid["customer_id"] == 3) & (grid["date"] == "2024-09-29")])
    with pytest.raises(
        clv.HistoryError, match=r"price in the panel is not known for 1 customers.*3 \(2024-09-29 to 2024-10-05\)"
    ):
        on(holes, every=WEEK)
    on(holes)  # without a grid a row holds until the next
    empty = grid.assign(price=grid["price"].where(grid["date"] != "2024-09-29"))
    with pytest.raises(clv.HistoryError, match="not known for 6 customers"):
        on(empty)
    with pytest.raises(clv.HistoryError, match="1 of the customers are not in the panel: 2"):
        on(grid[grid["customer_id"] != 2])
    with pytest.raises(clv.HistoryError, match="2024-12-22 to 2024-12-31"):
        on(grid[grid["date"] < "2024-12-20"], until="2024-12-21")
    with pytest.raises(clv.HistoryError, match="same date as another one: customer 0 on 2023-12-31"):
        clv.Panel(pd.concat([grid, grid.head(1)]))
    with pytest.raises(clv.HistoryError, match="hold for 14 days"):
        clv.Panel(grid, every=2 * WEEK)
    with pytest.raises(clv.HistoryError, match="no date in 1 rows"):
        clv.Panel(grid.astype({"date": str}).replace({"date": {"2024-09-29": "soon"}}).head(45))
    with pytest.raises(clv.HistoryError, match="no column 'when'"):
        clv.Panel(grid, date="when")
    with pytest.raises(clv.HistoryError, match="no covariates beside"):
        clv.Panel(grid[["customer_id", "date"]])
    with pytest.raises(clv.HistoryError, match="in both tables"):
        clv.Panel(grid, common=pd.DataFrame({"date": ["2024-01-01"], "price": [1.0]}))
    with pytest.raises(clv.HistoryError, match="a table of customers"):
        clv.Panel()
    short = pd.DataFrame({"date": ["2024-03-01"], "holiday": [0]})
    with pytest.raises(clv.HistoryError, match="'holiday', common to all customers, is not known from 2024-01"):
        clv.time_varying(purchase="~ holiday", panel=clv.Panel(common=short)).on(histories)


def test_what_cannot_be_is_refused() -> None:
    histories, month = people(40), clv.time_varying(season="month")
    panel = panel_of(histories)
    with pytest.raises(clv.ModelError, match="Only PARETO_NBD can"):
        clv.time_varying(clv.BG_NBD, season="month")
    with pytest.raises(clv.ModelError, match="There is no formula"):
        clv.time_varying()
    with pytest.raises(clv.ModelError, match=r"is not known. Write 'month'"):
        clv.time_varying(season="fourier(9)")
    with pytest.raises(clv.ModelError, match="is not a panel"):
        clv.time_varying(season="month", panel=pd.DataFrame())
    with pytest.raises(clv.ModelError, match="not a positive number"):
        clv.time_varying(season="month", ridge=0)
    with pytest.raises(clv.HistoryError, match=r"no covariate 'pryce'.*columns of the panel"):
        clv.time_varying(purchase="~ pryce", panel=panel).on(histories)
    with pytest.raises(clv.HistoryError, match="the same for all"):
        still = pd.DataFrame({"date": ["2023-01-01"], "holiday": [0]})
        clv.time_varying(purchase="~ holiday", panel=clv.Panel(common=still)).on(histories)
    with pytest.raises(clv.HistoryError, match=r"Make the histories with log.histories\(period=..., dates=True\)"):
        plain = clv.Transactions(purchases(40, 1), customer="who", date="day").histories(period=WEEK, until=UNTIL)
        clv.fit(month, plain)
    short = people(40, until="2024-08-31")
    fit = clv.fit(clv.time_varying(season="month", ridge=0.5), short, method="map")
    with pytest.raises(
        clv.HistoryError, match="'month' in purchase= is 09, 10 at some time, which the model has not seen"
    ):
        fit.expected_purchases(short, horizon=8 * WEEK)
    with pytest.raises(clv.ModelError, match="depends on the day"):
        fit.model.draw_rates(fit.theta, short, seed=1)
    log = clv.Transactions(purchases(40, 1), customer="who", date="day")
    with pytest.raises(clv.ModelError, match="it matters when they came"):
        clv.tracking(fit, log, until="2024-07-31", period=WEEK)


def test_a_fit_says_what_the_data_hardly_tell() -> None:
    histories = people(40)
    spec = clv.time_varying(purchase="~ quarter", dropout="~ quarter", ridge=3.0)
    fit = clv.fit(spec, histories, method="map")
    assert any("dropout_quarter" in one and "hardly tell" in one for one in fit.warnings)
    assert fit.warnings[0] in repr(fit)
    assert clv.fit(clv.PARETO_NBD, histories, method="map").warnings == ()
