"""Purchases and contracts of the same customers: totals add, nobody is lost, no money counts twice."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.value.combined import CombinedForecast
from tests.contracts import Known

YEARLY = clv.Rate(0.1, per=clv.YEAR)
TERMS = {"horizon": 1 * clv.YEAR, "discount": YEARLY, "draws": 60, "seed": 3}


@pytest.fixture(scope="module")
def purchases(cdnow_bg_nbd, cdnow_gamma_gamma, cdnow) -> clv.Forecast:
    some = cdnow.select(cdnow.customer_id[:200])
    return clv.forecast(cdnow_bg_nbd, cdnow_gamma_gamma, some, margin=0.3, **TERMS)


def held(purchases: clv.Forecast, price: object = 12.0, **options: object) -> clv.ContractForecast:
    """Contracts of 100 of the buyers, two of them with two, and of 50 who buy nothing."""
    ids = np.concatenate([purchases.customer_id[:100], purchases.customer_id[:2], 10_000_000 + np.arange(50)])
    zero = np.zeros(ids.size)
    people = clv.Tenures(ids, zero, np.arange(ids.size) % 5, zero, clv.MONTH)
    fit = Known(clv.SHIFTED_BETA_GEOMETRIC, (0.7, 9.0), clv.MONTH)
    return clv.forecast(fit, people, price=price, **TERMS | options)


@pytest.fixture(scope="module")
def both(purchases: clv.Forecast) -> CombinedForecast:
    return clv.combine(purchases, held(purchases))


def test_totals_add_draw_by_draw(purchases: clv.Forecast, both: CombinedForecast) -> None:
    contracts = both.contracts
    assert both.equity_draws() == pytest.approx(purchases.equity_draws() + contracts.equity_draws(), rel=1e-12)
    for measure in ("spend", "realised", "potential", "ltv"):
        parts = [one.total().loc[measure, "mean"] for one in (purchases, contracts)]
        assert both.total().loc[measure, "mean"] == pytest.approx(sum(parts), rel=1e-12)
        assert both.per_customer()[measure].sum() == pytest.approx(sum(parts), rel=1e-9)


def test_customers_of_one_forecast_are_kept(purchases: clv.Forecast, both: CombinedForecast) -> None:
    table = both.per_customer().set_index("customer_id")
    assert len(table) == 250 and table.index.is_unique
    assert table["there"].isna().sum() == 100 and table["p_alive"].isna().sum() == 50
    alone = purchases.per_customer().set_index("customer_id").iloc[150]
    for name in ("ltv", "ltv_lower", "ltv_upper", "ltv_expected_lower", "ltv_expected_upper"):
        assert table.loc[alone.name, name] == pytest.approx(alone[name])
    twice = both.contracts.per_customer()[lambda t: t["customer_id"] == purchases.customer_id[0]]
    assert len(twice) == 2 and twice["contract"].tolist() == [1, 2]
    assert table.loc[purchases.customer_id[0], "ltv_contracts"] == pytest.approx(twice["ltv"].sum())
    assert (table["ltv"] - table["ltv_purchases"] - table["ltv_contracts"]).abs().max() < 1e-9


def test_intervals_are_of_the_sum_of_the_draws(purchases: clv.Forecast, both: CombinedForecast) -> None:
    codes = np.minimum(np.arange(250), 1)
    drawn = both.group_draws(codes, 2)[1][-1]
    first = both.per_customer().iloc[0]
    ordered = np.sort(drawn[0])
    assert first["ltv_lower"] == pytest.approx(ordered[int(0.05 * 59)])
    assert first["ltv_upper"] == pytest.approx(ordered[int(np.ceil(0.95 * 59))])
    assert drawn.sum(axis=0) == pytest.approx(both.equity_draws(), rel=1e-9)
    groups = both.by(np.where(np.arange(250) < 100, "both", "one"))
    assert groups["ltv"].sum() == pytest.approx(both.total().loc["ltv", "mean"])


def test_plus_is_combine(purchases: clv.Forecast, both: CombinedForecast) -> None:
    contracts = both.contracts
    assert (purchases + contracts).per_customer().equals(both.per_customer())
    assert (contracts + purchases).per_customer().equals(both.per_customer())
    assert "100 customers have both, 150 one of the two" in repr(both)


def test_the_same_money_is_not_counted_twice(purchases: clv.Forecast) -> None:
    """Prices equal to the mean purchase: the log seems to hold the payments."""
    histories = purchases.histories
    usual = np.where(histories.frequency > 0, histories.monetary_value, 15.0)
    prices = pd.Series(usual, index=histories.customer_id)
    prices = pd.concat([prices, pd.Series(15.0, index=10_000_000 + np.arange(50))])
    same = held(purchases, price=prices)
    with pytest.raises(clv.ClvError, match="would count twice"):
        clv.combine(purchases, same)
    assert clv.combine(purchases, same, separate=True).total().notna().all(axis=None)
    with pytest.raises(clv.ClvError, match="count them twice"):
        clv.combine(purchases, held(purchases), separate=False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"draws": 40}, "differ in their number of draws"), ({"horizon": 6 * clv.MONTH}, "differ in their horizon"),
        ({"discount": None}, "differ in their discount"),
    ],
)  # fmt: skip
def test_forecasts_on_other_terms_do_not_add(purchases: clv.Forecast, options: dict[str, object], message: str) -> None:
    with pytest.raises(clv.ClvError, match=message):
        clv.combine(purchases, held(purchases, **options))
    with pytest.raises(clv.ClvError, match="one of contracts"):
        clv.combine(purchases, purchases)
