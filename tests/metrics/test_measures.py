"""The plain measures: hand calculations and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from clvmodels import metrics
from clvmodels.errors import ClvError


def test_survival_is_the_product_of_retention() -> None:
    kept = metrics.retention_rate(active_before=[100, 80, 60], still_active=[80, 60, 30])
    np.testing.assert_allclose(metrics.survival_rate(retention=kept), [1, 0.8, 0.6, 0.3])
    np.testing.assert_allclose(metrics.defection_rate(active_before=80, still_active=60), 0.25)


def test_a_single_purchase_has_p_active_zero_and_no_time_between() -> None:
    assert float(metrics.p_active(purchases=1, last=0, length=12)) == 0
    assert np.isnan(metrics.average_interpurchase_time(purchases=1, first=3, last=3))


def test_category_measures_leave_out_customers_of_others_only() -> None:
    assert metrics.aggregate_share_of_wallet(own=[10, 0], wallet=[40, 1000]) == 0.25
    assert metrics.size_of_wallet(spending=[10, 30]).tolist() == 40


def test_refusals() -> None:
    with pytest.raises(
        ClvError, match=r"'sales' is more than category_sales, of which it is a part, in 1 row: row 0 \(2 of 1\)"
    ):
        metrics.market_share(sales=2, category_sales=1)
    with pytest.raises(ClvError, match=r"in 1 row: row 1 \(9 of 8\)"):
        metrics.share_of_category_requirement(own=[1, 9, 0], category=[90, 8, 4])
    with pytest.raises(ClvError, match="last is before first"):
        metrics.average_interpurchase_time(purchases=2, first=3, last=1)
    with pytest.raises(ClvError, match="acquired is zero"):
        metrics.acquisition_cost(spend=1, acquired=0)
    with pytest.raises(ClvError, match="'last' is more than length"):
        metrics.p_active(purchases=2, last=13, length=12)
