"""The retention triangle and the matching of returns, by hand."""

from __future__ import annotations

import pandas as pd
import pytest

from clvmodels import Transactions, metrics
from clvmodels.errors import TransactionError


def test_triangle_by_hand() -> None:
    rows = [
        ("A", "2024-01-05", 5),
        ("A", "2024-03-05", 5),
        ("B", "2024-01-09", 5),
        ("B", "2024-02-01", -5),
        ("C", "2024-03-31", 5),
    ]
    source = pd.DataFrame(rows, columns=["who", "when", "paid"])
    found = metrics.cohorts(Transactions(source, customer="who", date="when", amount="paid"))
    cells = found[["cohort", "months_since", "customers", "buyers", "retention"]].to_numpy().tolist()
    assert cells == [
        ["2024-01", 0, 2, 2, 1.0], ["2024-01", 1, 2, 0, 0.0], ["2024-01", 2, 2, 1, 0.5], ["2024-03", 0, 1, 1, 1.0],
    ]  # fmt: skip
    assert ((found["lower"] <= found["retention"]) & (found["retention"] <= found["upper"])).all()


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_returns_take_the_latest_purchase_that_is_still_there(seed: int | None) -> None:
    rows = [
        ("A", "2024-01-01", "x", 2), ("A", "2024-01-03", "x", 2), ("A", "2024-01-05", "x", -2), ("A", "2024-01-06", "x", -2),
        ("A", "2024-01-07", "x", -2),  # nothing left
        ("A", "2024-01-02", "y", 3), ("A", "2024-01-04", "y", -1),  # another quantity
        ("B", "2024-01-09", "x", -2), ("B", "2024-01-10", "x", 2),  # before the purchase
        ("C", "2024-01-01", "x", 1), ("C", "2024-01-01", "x", -1),  # the same day
    ]  # fmt: skip
    source = pd.DataFrame(rows, columns=["who", "when", "what", "units"])
    source = source if seed is None else source.sample(frac=1, random_state=seed)
    found = metrics.match_returns(Transactions(source, customer="who", date="when", product="what", quantity="units"))
    days = list(zip(found["customer_id"], found["product"], found["bought"].dt.day.fillna(0), strict=True))
    assert days == [("A", "x", 3), ("A", "x", 1), ("A", "x", 0), ("A", "y", 0), ("B", "x", 0), ("C", "x", 0)]


def test_matching_needs_product_and_quantity() -> None:
    source = pd.DataFrame({"who": ["A"], "when": ["2024-01-01"]})
    with pytest.raises(TransactionError, match="product="):
        metrics.match_returns(Transactions(source, customer="who", date="when"))
