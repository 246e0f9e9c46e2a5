"""The simple formulas as predictors of a holdout."""

from __future__ import annotations

import numpy as np
import pytest

import clvmodels as clv
from clvmodels import metrics
from clvmodels.units import DAY, MONTH, WEEK
from clvmodels.value.baselines import BASELINES, constant_retention, initial, naive_rate, reichheld, transaction

THREE = clv.Histories(
    ["A", "B", "C"], [4, 0, 1], [30.0, 0.0, 10.0], [40.0, 40.0, 20.0], [10.0, 0.0, 30.0], period=WEEK, spend=[50, 8, 60]
)


def test_naive_rate_by_hand() -> None:
    """A: 4 in 40 weeks is 2 in 20, at 10 each; B never repeated; C: 1 in 20 weeks at 30."""
    found = naive_rate(THREE, 20 * WEEK)
    assert found.purchases == pytest.approx([2, 0, 1])
    assert found.spend == pytest.approx([20, 0, 30])


def test_initial_by_hand() -> None:
    """Half of A's 5 purchases and 50, half of B's 1 and 8, all of C's 2 and 60: the horizon over their ages."""
    found = initial(THREE, 20 * WEEK)
    assert found.purchases == pytest.approx([2.5, 0.5, 2])
    assert found.spend == pytest.approx([25, 4, 60])


def test_transaction_by_hand() -> None:
    """8 purchases and 118 in 100 customer-weeks, 20 weeks ahead, for everybody."""
    found = transaction(THREE, 20 * WEEK)
    assert found.purchases == pytest.approx([1.6] * 3)
    assert found.spend == pytest.approx([23.6] * 3)


def test_without_spend_repeat_purchases_count() -> None:
    bare = clv.Histories(["A", "B"], [4, 0], [30, 0], [40, 40], [10, 0], period=WEEK)
    assert initial(bare, 20 * WEEK).spend == pytest.approx([20, 0])
    assert transaction(bare, 20 * WEEK).spend == pytest.approx([10, 10])


def test_unknown_amount_of_somebody_without_repeats_is_no_trouble() -> None:
    bare = clv.Histories(["A", "B"], [4, 0], [30, 0], [40, 40], [10, np.nan], period=WEEK)
    assert naive_rate(bare, 20 * WEEK).spend == pytest.approx([20, 0])


def test_newcomers_count_as_a_month_old_and_net_returns_as_nothing() -> None:
    new = clv.Histories(["A", "B"], [0, 0], [0, 0], [0, 0], [0, 0], period=DAY, spend=[30, -5])
    found = initial(new, 2 * MONTH)
    assert found.purchases == pytest.approx([2, 2])
    assert found.spend == pytest.approx([60, 0])
    assert naive_rate(new, 2 * MONTH).purchases.tolist() == [0, 0]


@pytest.mark.parametrize("baseline", BASELINES, ids=lambda b: b.name)
def test_the_unit_of_time_does_not_matter(baseline: object) -> None:
    weeks, days = (baseline(THREE.to(period), horizon) for period, horizon in ((WEEK, 20 * WEEK), (DAY, 140 * DAY)))  # type: ignore[operator]
    assert weeks.purchases == pytest.approx(days.purchases)
    assert weeks.spend == pytest.approx(days.spend)


def test_constant_retention_is_the_component_model_customer_by_customer() -> None:
    """Ten weeks a period: A buys 5 in 40 weeks, so 1.25 a period; half, a quarter, and an eighth of half a period are left."""
    found = constant_retention(retention=0.5, per=clv.Period("ten weeks", 70))(THREE, 25 * WEEK)
    assert found.purchases == pytest.approx(np.array([1.25, 0.25, 1.0]) * (0.5 + 0.25 + 0.125 / 2))
    assert found.spend == pytest.approx(np.array([12.5, 2, 30]) * (0.5 + 0.25 + 0.125 / 2))
    assert constant_retention(retention=1, per=WEEK)(THREE, 20 * WEEK).spend == pytest.approx(
        initial(THREE, 20 * WEEK).spend
    )


def test_reichheld_stops_after_the_expected_lifetime() -> None:
    found = reichheld(defection=0.1, per=WEEK)(THREE, 20 * WEEK)
    assert found.purchases == pytest.approx(initial(THREE, 10 * WEEK).purchases)
    assert reichheld(defection=0.1, per=WEEK)(THREE, 5 * WEEK).spend == pytest.approx(initial(THREE, 5 * WEEK).spend)
    with pytest.raises(clv.ClvError, match="nobody ever leaves"):
        reichheld(defection=0, per=WEEK)
    with pytest.raises(clv.UnitError, match="not a period"):
        constant_retention(retention=0.9, per=12)  # type: ignore[arg-type]


def test_all_of_them_feed_compare(
    cdnow: clv.Histories, cdnow_parts: tuple[clv.Transactions, clv.Transactions], cdnow_bg_nbd: clv.Fit,
    cdnow_gamma_gamma: clv.Fit,
) -> None:  # fmt: skip
    """With the retention that the calibration shows by month."""
    rates = metrics.retention(cdnow_parts[0])
    kept = float(rates["still_active"].sum() / rates["active_before"].sum())
    formulas = [
        *BASELINES,
        constant_retention(retention=kept, per=MONTH),
        reichheld(defection=1 - kept, per=MONTH),
    ]
    forecast = clv.forecast(cdnow_bg_nbd, cdnow_gamma_gamma, cdnow, horizon=39 * WEEK, draws=20, seed=1)
    table = clv.compare(forecast, cdnow_parts[1], formulas=formulas, resamples=20).table()
    predicted = table.loc["purchases", "predicted"]
    assert list(predicted.index[1:]) == [one.name for one in formulas]
    lifetime = kept * (1 - kept**9) / (1 - kept)  # nearly nine months: the last one by its fraction
    months = 39 * 7 / MONTH.days
    assert predicted["component model"] == pytest.approx(predicted["initial formula"] / months * lifetime, rel=1e-3)
