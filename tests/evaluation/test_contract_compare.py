"""Forecasts of contracts against what customers then did: published cohorts, and a simulated table with dates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels import SHIFTED_BETA_GEOMETRIC, YEAR
from tests.contracts import Known, tenures

HIGH_END = [1000, 869, 743, 653, 593, 551, 517, 491, 468, 445, 427, 409, 394]


def each_of(table: list[int]) -> clv.Tenures:
    """A cohort as one row per customer."""
    lost = -np.diff(table)
    exit = np.concatenate([np.repeat(np.arange(1.0, len(table)), lost), np.full(table[-1], len(table) - 1.0)])
    event = (np.arange(exit.size) < exit.size - table[-1]).astype(float)
    return clv.Tenures(np.arange(exit.size), np.zeros(exit.size), exit, event, YEAR)


@pytest.fixture(scope="module")
def comparison():
    """Fader and Hardie 2007, High End: fitted on seven renewals, observed until the twelfth."""
    seven = each_of(HIGH_END[:8])
    fit = clv.fit(SHIFTED_BETA_GEOMETRIC, seven, method="mle")
    forecast = clv.forecast(fit, seven, price=100, horizon=5 * YEAR, draws=400, seed=1)
    later = each_of(HIGH_END)
    assert np.all(later.exit[:509] == seven.exit[:509])  # the same customers, those who left first
    return clv.compare(forecast, later, seed=2)


def test_years_eight_to_twelve(comparison) -> None:
    actual = sum(HIGH_END[8:])
    table = comparison.table().loc["payments"]
    assert table["actual"].tolist() == [actual, actual]
    assert abs(table.loc["Shifted beta-geometric", "bias"]) < 0.03
    rate = 1 - 509 / sum(HIGH_END[:7])
    assert table.loc["constant retention", "predicted"] == pytest.approx(491 * sum(rate**k for k in range(1, 6)))
    assert table.loc["constant retention", "bias"] < -0.15
    better = comparison.differences()
    assert better.loc[("payments", "constant retention", "abs_bias"), "better"] == "model"
    assert table.loc["Shifted beta-geometric", "coverage"] > 0.85
    assert "491 customers who were there" in repr(comparison)


def test_survivors_by_tenure(comparison) -> None:
    table = comparison.by_tenure()
    assert table.index.tolist() == ["7", "all"] and table.loc["all", "customers"] == 491
    row = table.loc["all"]
    assert row["survivors"] == 394 and row["payments"] == sum(HIGH_END[8:])
    assert row["survivors_lower"] <= 394 <= row["survivors_upper"]
    assert row["payments_lower"] <= row["payments"] <= row["payments_upper"]


def test_coverage_by_dates() -> None:
    """A table with calendar dates: seen until the end of 2021, then until the end of 2023; monthly renewals."""
    rng = np.random.default_rng(5)
    n, theta = 1500, (1.2, 20.0)
    start = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 600, n), unit="D")
    made = SHIFTED_BETA_GEOMETRIC.draw_residual_lifetimes(theta, clv.Tenure(np.zeros(n), clv.MONTH), seed=4)
    end = pd.Series([s + pd.DateOffset(months=int(m) + 1) for s, m in zip(start, np.minimum(made, 900), strict=True)])

    def seen(until: str) -> clv.Contracts:
        ended = end.where(end <= pd.Timestamp(until))
        rows = pd.DataFrame({"who": [f"C{i:04d}" for i in range(n)], "from": start, "to": ended})
        return clv.Contracts(rows, customer="who", start="from", end="to", observed_until=until)

    before, after = seen("2021-12-31"), seen("2023-12-31")
    fit = clv.fit(SHIFTED_BETA_GEOMETRIC, before.tenures(period=clv.MONTH), method="mle")
    forecast = clv.forecast(fit, before, price=5.0, horizon=24 * clv.MONTH, draws=200, seed=2)
    comparison = clv.compare(forecast, after)
    expected = [
        sum(1 for k in range(1, 25) if m >= done + k)
        for m, done in zip(made[forecast.standing.there], forecast.standing.made[forecast.standing.there], strict=True)
    ]
    assert comparison.actual.payments.tolist() == expected
    assert comparison.table()["coverage"].iloc[0] > 0.86
    row = comparison.by_tenure().loc["all"]
    assert row["payments_lower"] <= row["payments"] <= row["payments_upper"]
    with pytest.raises(clv.ClvError, match="not observed to the end of the horizon"):
        clv.compare(forecast, seen("2022-12-31"))


def test_paid_at_the_end_the_current_period_counts() -> None:
    forecast = clv.forecast(Known(clv.GEOMETRIC, [0.2]), tenures([2, 2, 2, 2]), price=1, horizon=3 * YEAR,
                            paid="end of period", draws=20)  # fmt: skip
    later = clv.Tenures(np.arange(4), np.zeros(4), [3, 4, 5, 6], [1, 1, 0, 0], YEAR)
    assert clv.compare(forecast_with_leavers(forecast), later).actual.payments.tolist() == [1, 2, 3, 3]


def forecast_with_leavers(forecast: clv.ContractForecast) -> clv.ContractForecast:
    """The same customers and one who has left, so that a constant rate is known."""
    people = clv.Tenures([0, 1, 2, 3, 9], np.zeros(5), [2, 2, 2, 2, 1], [0, 0, 0, 0, 1], YEAR)
    return clv.forecast(Known(clv.GEOMETRIC, [0.2]), people, price=1, horizon=forecast.horizon, paid="end of period",
                        draws=20)  # fmt: skip


def test_other_customers_are_refused(comparison) -> None:
    strangers = clv.Tenures(np.arange(5), np.zeros(5), np.ones(5), np.zeros(5), YEAR)
    with pytest.raises(clv.ClvError, match="not among the later contracts"):
        clv.compare(comparison.forecast, strangers)
    with pytest.raises(clv.ClvError, match="formulas= is for purchases"):
        clv.compare(comparison.forecast, strangers, formulas={})
