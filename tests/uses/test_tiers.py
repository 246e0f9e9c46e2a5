"""Value tiers: against ranking by hand in every draw, against what really happens, and totals that add up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import clvmodels as clv
from clvmodels.uses.membership import cuts_of, p_above, simulated_values
from clvmodels.uses.tiers import _assigned
from clvmodels.value.valuation import MEASURES

SHARES = {"gold": 0.2, "silver": 0.3, "bronze": 0.5}


def ranked(forecast: clv.Forecast, by: str) -> np.ndarray:
    """Rank of each customer in each draw, 0 the best, ties sharing their mean place (n, draws)."""
    parts = forecast.simulation.play(lambda block: (block.rows, simulated_values(forecast, block, by)))
    values = np.empty((len(forecast.histories), forecast.simulation.draws))
    for rows, found in parts:
        values[rows] = found
    return values


def membership_by_hand(values: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Mean over the draws of the chance to be in each tier, tied customers in every order alike."""
    found = np.zeros((len(values), ends.size))
    for column in values.T:
        for i, value in enumerate(column):
            better, tied = np.sum(column > value), np.sum(column == value)
            inside = np.clip(ends - better, 0, tied) / tied
            found[i] += np.diff(inside, prepend=0.0)
    return found / values.shape[1]


@pytest.mark.parametrize("by", ["ltv", "potential"])
def test_probabilities_are_those_of_ranking_every_draw(small: clv.Forecast, by: str) -> None:
    tiers = clv.value_tiers(small, shares=SHARES, by=by)  # type: ignore[arg-type]
    ends = np.cumsum(np.bincount(tiers.codes, minlength=3))
    wanted = membership_by_hand(ranked(small, by), ends)
    assert tiers.probabilities == pytest.approx(wanted, abs=0.03)
    assert np.abs(tiers.probabilities - wanted).mean() < 0.002


def test_rows_add_up_to_one_and_columns_to_the_sizes(forecast: clv.Forecast) -> None:
    tiers = clv.value_tiers(forecast)
    assert tiers.probabilities.sum(axis=1) == pytest.approx(np.ones(len(tiers.codes)))
    assert tiers.probabilities.sum(axis=0) == pytest.approx(tiers.table()["customers"].to_numpy(dtype=float))
    assert tiers.probabilities.min() >= 0


def test_totals_are_those_of_the_forecast(forecast: clv.Forecast) -> None:
    table, total = clv.value_tiers(forecast).table(), forecast.total()
    assert table["mean"].sum() == pytest.approx(total.loc["ltv", "mean"])
    assert table["share_of_value"].sum() == pytest.approx(1.0)
    assert table["customers"].sum() == len(forecast.histories)
    codes = clv.value_tiers(forecast).codes
    by_hand = forecast.group_draws(codes, 4)[1][MEASURES.index("ltv")]
    assert table["lower"].to_numpy() == pytest.approx(np.sort(by_hand, axis=1)[:, 4])  # the 5 % of 100 draws, outwards
    assert (table["lower"] < table["mean"]).all() and (table["mean"] < table["upper"]).all()


def test_the_order_of_the_rows_does_not_matter(
    small: clv.Forecast, cdnow_bg_nbd: clv.Fit, cdnow_gamma_gamma: clv.Fit
) -> None:
    turned = small.histories.select(small.histories.customer_id[::-1])
    again = clv.forecast(
        cdnow_bg_nbd, cdnow_gamma_gamma, turned, horizon=52 * clv.WEEK, margin=0.3, cost=clv.Cost(0.5, per=clv.MONTH),
        draws=150, seed=2,
    )  # fmt: skip
    one, other = (clv.value_tiers(f, shares=3).per_customer().set_index("customer_id") for f in (small, again))
    pd.testing.assert_frame_equal(other.sort_index(), one.sort_index())


def test_equal_values_are_in_the_same_the_better_tier() -> None:
    assert _assigned(np.array([5.0, 1, 5, 1, 1]), np.array([0.2, 0.4, 0.4])).tolist() == [0, 1, 0, 1, 1]
    assert _assigned(np.zeros(4), np.array([0.5, 0.5])).tolist() == [0, 0, 0, 0]


def test_ties_across_several_boundaries_share_the_tiers() -> None:
    cuts = cuts_of(np.array([[0, 10, 0]]), np.array([2, 5]))
    assert p_above(cuts, np.array([[1]])).tolist() == [[0.2, 0.5]]


@given(
    arrays(np.int64, array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=7), elements=st.integers(0, 3)),
    st.data(),
)
def test_tied_customers_share_the_tiers_exactly(values: np.ndarray, data: st.DataObject) -> None:
    ends = np.array([*sorted(data.draw(st.lists(st.integers(0, len(values)), min_size=1, max_size=3))), len(values)])
    counts = np.array([np.bincount(column, minlength=4) for column in values.T])
    above = p_above(cuts_of(counts, ends[:-1]), values)
    found = np.diff(np.column_stack([np.zeros(len(values)), above, np.ones(len(values))]), axis=1)
    assert found == pytest.approx(membership_by_hand(values, ends))


def test_shares_that_are_none_are_refused(small: clv.Forecast) -> None:
    for shares in ({"a": 0.5, "b": 0.4}, {"a": 1.0}, {"a": 1.2, "b": -0.2}, 1, 2.5):
        with pytest.raises(clv.ClvError, match="shares="):
            clv.value_tiers(small, shares=shares)  # type: ignore[arg-type]
    with pytest.raises(clv.ClvError, match="by='spend'"):
        clv.value_tiers(small, by="spend")  # type: ignore[arg-type]


def world(n: int, rng: np.random.Generator, *, until: float, ahead: float) -> tuple[clv.Histories, np.ndarray]:
    """Customers who buy and leave as in BG/NBD and spend as in gamma-gamma: their histories, and what they spend afterwards."""
    rate, leave = rng.gamma(0.8, 1 / 8.0, n), rng.beta(0.8, 2.5, n)
    level = rng.gamma(4.0, 1 / 15.0, n)  # q and 1 / v of gamma-gamma; amounts Gamma(p, level)
    start = rng.uniform(0, 12, n)
    columns, later = np.zeros((4, n)), np.zeros(n)
    for i in range(n):
        last, now, paid, first = 0.0, 0.0, 0.0, rng.gamma(6.0, 1 / level[i])
        count, end = 0, until + ahead - start[i]
        while (now := now + rng.exponential(1 / rate[i])) < end:
            amount = rng.gamma(6.0, 1 / level[i])
            if now <= until - start[i]:
                count, last, paid = count + 1, now, paid + amount
            else:
                later[i] += amount
            if rng.random() < leave[i]:
                break
        columns[:, i] = count, last, paid / max(count, 1), paid + first
    frequency, recency, money, spend = columns
    return clv.Histories(np.arange(n), frequency, recency, until - start, money, period=clv.WEEK, spend=spend), later


def test_a_probability_of_eight_in_ten_is_right_eight_times_in_ten() -> None:
    n, rng = 3000, np.random.default_rng(11)
    histories, later = world(n, rng, until=40.0, ahead=52.0)
    fits = clv.fit(clv.BG_NBD, histories, method="mle"), clv.fit(clv.GAMMA_GAMMA, histories, method="mle")
    forecast = clv.forecast(*fits, histories, horizon=52 * clv.WEEK, margin=0.3, draws=200, seed=1)
    tiers = clv.value_tiers(forecast, shares=SHARES)
    really = _assigned(0.3 * (histories.spend + later), np.bincount(tiers.codes) / n)
    right = really == tiers.codes
    own = tiers.per_customer()["p_tier"].to_numpy()
    edges = np.quantile(own, np.linspace(0, 1, 6))
    band = np.clip(np.searchsorted(edges, own, side="right") - 1, 0, 4)
    for k in range(5):
        stated, happened, size = own[band == k].mean(), right[band == k].mean(), (band == k).sum()
        assert happened == pytest.approx(stated, abs=4 * np.sqrt(stated * (1 - stated) / size) + 0.01), (k, size)
    for k in range(3):  # the probability of every tier, not only of her own
        assert np.corrcoef(tiers.probabilities[:, k], really == k)[0, 1] > 0.5
    assert own.mean() < 0.97, "somebody is in doubt"


def test_tiers_go_into_the_table_of_indicators(
    forecast: clv.Forecast, cdnow_parts: tuple[clv.Transactions, clv.Transactions]
) -> None:
    tiers = clv.value_tiers(forecast, shares={"best": 0.2, "rest": 0.8})
    table = clv.metrics.table(cdnow_parts[0], tier=tiers.tier)
    last = table[table["month"] == "1997-09"].set_index("tier")
    assert set(last.index) == {"best", "rest", "total"}
    assert last.loc["best", "average_ticket"] > last.loc["rest", "average_ticket"]
    assert last.loc["best", "amount"] + last.loc["rest", "amount"] == pytest.approx(last.loc["total", "amount"])
