"""Next purchases: quantiles against the model's own and against simulated futures; categories against counts by hand."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.uses.next_purchase import NextPurchase, quantile_of
from tests.uses.conftest import known

WITHIN = 39 * clv.WEEK


@pytest.fixture(scope="module")
def waits(published: clv.Fit, cdnow: clv.Histories) -> NextPurchase:
    return clv.next_purchase(published, cdnow, within=WITHIN, draws=2)


def test_unconditional_quantiles_are_the_models(waits, published: clv.Fit, cdnow: clv.Histories) -> None:
    people = waits.per_customer()
    for level in (0.25, 0.50, 0.75):
        exact = clv.BG_NBD.time_to_next_purchase(published.theta, cdnow, probability=level)
        near = exact < 5000  # a century is 5,200 weeks
        found = people[f"next_{100 * level:.0f}"].to_numpy()
        assert found[near] == pytest.approx(exact[near], rel=5e-3)
        assert (found[~near] > 4900).all()


def test_if_alive_is_the_unconditional_wait_of_a_customer_known_to_be_there(waits, published, cdnow) -> None:
    alive = clv.BG_NBD.p_alive(published.theta, cdnow)
    found = waits.per_customer()["if_alive_50"].to_numpy()
    for row in np.flatnonzero(cdnow.frequency > 0)[::60]:
        one = cdnow.select(cdnow.customer_id[[row]])
        exact = clv.BG_NBD.time_to_next_purchase(published.theta, one, probability=0.5 * float(alive[row]))
        assert found[row] == pytest.approx(float(exact[0]), rel=5e-3)


def test_quantiles_against_simulated_futures(waits, published: clv.Fit, cdnow: clv.Histories) -> None:
    rows = np.flatnonzero(cdnow.frequency >= 3)[:40]
    people, draws = cdnow.select(cdnow.customer_id[rows]), 3000
    each = clv.History(people.frequency[:, None], people.recency[:, None], people.T[:, None], clv.WEEK)
    theta = [np.full(draws, float(v)) for v in published.theta]
    p_alive, (offsets, times) = clv.BG_NBD.future(theta, each, horizon=600.0, rng=np.random.default_rng(7))
    first = np.full(offsets.size - 1, np.inf)
    some = np.diff(offsets) > 0
    first[some] = times[offsets[:-1][some]]
    first = first.reshape(rows.size, draws)
    found = waits.per_customer().iloc[rows]
    for level in (25, 50, 75):
        wanted = level / 100 * np.broadcast_to(p_alive, first.shape)[:, 0]
        seen = np.mean(first <= found[f"if_alive_{level}"].to_numpy()[:, None], axis=1)
        known_by = found[f"if_alive_{level}"].to_numpy() < 600
        assert np.abs(seen - wanted)[known_by].max() < 4 * np.sqrt(0.25 / draws) + 0.003


def test_p_purchase_is_the_published_chance(published: clv.Fit) -> None:
    """P(X(39) = 0) = .57378635 for a new customer (30-digit arithmetic; published to seven digits)."""
    new = clv.Histories(["A"], [0], [0], [0], [0], period=clv.WEEK)
    found = clv.next_purchase(published, new, within=WITHIN, draws=2).per_customer()
    assert found["p_purchase"].iloc[0] == pytest.approx(1 - 0.57378635, abs=1e-8)
    assert found["p_alive"].iloc[0] == 1.0


def test_pareto_nbd_and_opportunities(cdnow: clv.Histories, donors: clv.Histories) -> None:
    some = cdnow.select(cdnow.customer_id[::40])
    fit = known(clv.fit(clv.PARETO_NBD, cdnow, method="mle"), (0.553, 10.578, 0.606, 11.669))
    found = clv.next_purchase(fit, some, within=WITHIN, draws=2).per_customer()
    assert found["p_purchase"].to_numpy() == pytest.approx(
        1 - clv.PARETO_NBD.p_no_purchase(fit.theta, some, horizon=WITHIN)
    )
    exact = clv.PARETO_NBD.time_to_next_purchase(fit.theta, some, probability=0.25)
    assert found["next_25"].to_numpy()[exact < 5000] == pytest.approx(exact[exact < 5000], rel=5e-3)
    each = donors.select(donors.customer_id[::500])
    yearly = known(clv.fit(clv.BG_BB, donors, method="mle"), (1.204, 0.750, 0.657, 2.783))
    people = clv.next_purchase(yearly, each, within=2 * clv.YEAR, draws=2).per_customer()
    for level in (0.25, 0.5, 0.75):
        exact = clv.BG_BB.time_to_next_purchase(yearly.theta, each, probability=level)
        assert people[f"next_{100 * level:.0f}"].tolist() == exact.tolist()


def test_dates_groups_and_curves(waits, cdnow: clv.Histories) -> None:
    people, table = waits.per_customer(), waits.table()
    assert table["customers"].sum() == len(cdnow)
    assert table["buyers"].sum() == pytest.approx(people["p_purchase"].sum())
    first = people.iloc[0]
    start = pd.Timestamp(cdnow.until)
    assert first["offer_from"] == start + pd.Timedelta(days=int(7 * first["if_alive_25"]))
    assert first["offer_until"] == start + pd.Timedelta(days=int(7 * first["if_alive_75"]))
    assert people["offer_until"].isna().sum() == (people["if_alive_75"] * 7 > 36525).sum()
    values = waits.curves.to_numpy()
    assert np.all(np.diff(values, axis=0) >= 0) and values.min() >= 0 and values.max() <= 1
    assert list(waits.curves.columns) == ["0", "1", "2 to 3", "4+"]
    unknown = clv.Histories(["A"], [2], [30.43], [38.86], [22.35], period=clv.WEEK)
    assert (
        clv.next_purchase(known_fit(cdnow), unknown, within=WITHIN, draws=2).per_customer()["offer_from"].isna().all()
    )


def known_fit(cdnow: clv.Histories) -> clv.Fit:
    return clv.fit(clv.BG_NBD, cdnow, method="mle")


def test_quantiles_between_times_are_interpolated() -> None:
    by_time, times = np.array([[0.1, 0.3, 0.5]]), np.array([1.0, 10.0, 100.0])
    assert quantile_of(by_time, times, np.array([0.2]), discrete=False) == pytest.approx([np.sqrt(10.0)])
    assert quantile_of(by_time, times, np.array([0.6]), discrete=False) == [np.inf]
    assert quantile_of(by_time, times, np.array([0.2]), discrete=True) == [10.0]


def test_what_is_no_window_is_refused(published: clv.Fit, cdnow: clv.Histories) -> None:
    for levels in ((0.5,), (0.75, 0.25), (0.0, 0.5), (0.255, 0.5)):
        with pytest.raises(clv.ClvError, match="probabilities="):
            clv.next_purchase(published, cdnow, within=WITHIN, probabilities=levels)
    with pytest.raises(clv.UnitError, match="no time to buy in"):
        clv.next_purchase(published, cdnow, within=0 * clv.WEEK)


LINES = pd.DataFrame(
    [
        ("A", "2024-01-01", "milk", 2.0), ("A", "2024-01-05", "milk", 2.0), ("A", "2024-01-05", "milk", 1.0),
        ("A", "2024-01-15", "milk", 2.0), ("B", "2024-01-02", "milk", 2.0), ("B", "2024-01-22", "milk", 2.0),
        ("B", "2024-01-03", "soap", 5.0), ("C", "2024-01-04", "milk", 3.0), ("C", "2024-01-04", "milk", -3.0),
        ("C", "2024-01-31", "soap", 5.0),
    ],
    columns=["who", "when", "what", "paid"],
)  # fmt: skip


def log() -> clv.Transactions:
    return clv.Transactions(LINES, customer="who", date="when", amount="paid", product="what")


def test_waits_of_a_category_by_hand() -> None:
    """Milk: waits of 4, 10 and 20 days end; 16 (A) and 9 (B) are cut off by the end of January. C brought hers back at once."""
    found = clv.next_purchase_by_category(log(), within=10 * clv.DAY, probabilities=(0.2, 0.5))
    table = found.table().set_index("category")
    assert list(table.index) == ["milk", "soap"]
    milk = table.loc["milk"]
    assert (milk["buyers"], milk["purchases"], milk["intervals"]) == (2, 5, 3)
    at_ten = 1 - (4 / 5) * (2 / 3)  # 5 at risk at day 4; 9 is cut off before day 10, so 3 are left there
    assert milk["again_share"] == pytest.approx(at_ten)
    assert (milk["again_20"], milk["again_50"]) == (4.0, 20.0)
    assert milk["lower"] < at_ten < milk["upper"]
    soap = table.loc["soap"]
    assert (soap["buyers"], soap["intervals"], soap["again_share"], soap["again_50"]) == (2, 0, 0.0, np.inf)


def test_categories_that_are_not_shown_are_counted() -> None:
    found = clv.next_purchase_by_category(log(), within=10 * clv.DAY, most=1)
    assert found.table()["category"].tolist() == ["milk"]
    assert "Not shown, with fewer buyers: 1 " in found.notes[1]


def test_a_log_without_categories_is_refused() -> None:
    bare = clv.Transactions(LINES, customer="who", date="when", amount="paid")
    with pytest.raises(clv.TransactionError, match="product="):
        clv.next_purchase_by_category(bare, within=10 * clv.DAY)
    with pytest.raises(clv.UnitError, match="no time"):
        clv.next_purchase_by_category(log(), within=0 * clv.DAY)
    with pytest.raises(clv.ClvError, match="most=0"):
        clv.next_purchase_by_category(log(), within=clv.DAY, most=0)
    assert log().until == datetime.date(2024, 1, 31)


def test_due_is_by_the_median_whatever_quantiles_are_asked_for(
    waits: NextPurchase, published: clv.Fit, cdnow: clv.Histories
) -> None:
    other = clv.next_purchase(published, cdnow, within=WITHIN, probabilities=(0.1, 0.9), draws=2)
    pd.testing.assert_frame_equal(other.table(), waits.table())
    by_hand = np.searchsorted([7, 30, 91, 182, 365], 7 * waits.per_customer()["if_alive_50"])
    assert waits.table()["customers"].tolist() == np.bincount(by_hand, minlength=6).tolist()
