"""The simple formulas as predictors of a holdout."""

from __future__ import annotations

import numpy as np
import pytest

import clvmodels as clv
from clvmodels.units import DAY, MONTH, WEEK
from clvmodels.value.baselines import BASELINES, initial, naive_rate, transaction

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
