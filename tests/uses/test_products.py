"""Customer tier by product: sums against pandas, kinds by hand, nothing lost on the way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv

ROWS = [
    ("A", "good", 10.0, 4.0), ("B", "good", 10.0, 1.0), ("C", "good", 8.0, 2.0),
    ("A", "fair", 5.0, 1.0), ("C", "fair", 5.0, 1.0),
    ("A", "split", 5.0, 2.0), ("C", "split", 5.0, -1.0),
    ("B", "bad", 5.0, -1.0), ("C", "bad", 5.0, -2.0),
    ("D", "good", 9.0, 3.0), ("A", None, 2.0, 1.0),
]  # fmt: skip
TIERS = pd.DataFrame({"customer_id": ["A", "B", "C"], "tier": ["1 high", "1 high", "2 low"]})


def log(rows: list[tuple[object, ...]] = ROWS, **roles: str) -> clv.Transactions:
    lines = pd.DataFrame(rows, columns=["who", "what", "paid", "earned"]).assign(when="2024-01-05")
    wanted = {"product": "what", "margin": "earned"} | roles
    return clv.Transactions(lines, customer="who", date="when", amount="paid", **wanted)  # type: ignore[arg-type]


def test_kinds_by_hand() -> None:
    found = clv.product_profitability(log(), TIERS)
    table = found.table().set_index("product")
    assert table["kind"].to_dict() == {
        "good": "highly profitable", "fair": "profitable", "split": "mixed", "bad": "unprofitable", "(none)": "profitable"
    }  # fmt: skip
    assert list(table.index) == ["good", "fair", "(none)", "split", "bad"], "most margin first, names in order"
    assert table.loc["good", ["customers", "purchases", "amount", "margin", "margin_rate"]].tolist() == [
        3,
        3,
        28.0,
        7.0,
        0.25,
    ]
    assert table.loc["split", ["margin_1 high", "margin_2 low"]].tolist() == [2.0, -1.0]
    assert found.matrix().loc["bad"].tolist() == [-1.0, -2.0]
    assert found.matrix().loc["(none)"].tolist() == [1.0, 0.0]
    assert "1 lines of customers without a tier (margin 3.00) are left out." in found.notes


def test_cells_are_the_sums_of_pandas() -> None:
    rng = np.random.default_rng(2)
    n = 3000
    frame = pd.DataFrame(
        {"who": rng.integers(0, 50, n), "what": rng.choice(list("abcdefgh"), n), "paid": rng.normal(20, 8, n)}
    ).assign(earned=lambda t: t["paid"] * rng.normal(0.05, 0.3, n), when="2024-02-01")
    source = clv.Transactions(frame, customer="who", date="when", amount="paid", product="what", margin="earned")
    tiers = pd.DataFrame({"customer_id": np.arange(50), "tier": np.where(np.arange(50) < 10, "top", "rest")})
    found = clv.product_profitability(source, tiers)
    frame["tier"] = np.where(frame["who"] < 10, "top", "rest")
    wanted = frame.groupby(["what", "tier"]).agg(
        customers=("who", "nunique"), purchases=("who", "size"), margin=("earned", "sum")
    )
    cells = found.cells.set_index(["product", "tier"]).sort_index()
    for name in wanted:
        assert cells[name].to_numpy(dtype=float) == pytest.approx(
            wanted.sort_index()[name].to_numpy(dtype=float), abs=1e-5
        )
    assert found.matrix().to_numpy().sum() == pytest.approx(frame["earned"].sum(), abs=1e-4)
    for row in found.table().to_dict("records"):
        margins = wanted.loc[row["what"] if "what" in row else row["product"], "margin"]
        kinds = {
            (True, False): ("profitable", "highly profitable"),
            (True, True): ("mixed",),
            (False, True): ("unprofitable",),
        }
        assert row["kind"] in kinds[bool((margins > 0).any()), bool((margins <= 0).any())]


def test_tiers_of_value_are_taken_as_they_are(small: clv.Forecast) -> None:
    tiers = clv.value_tiers(small, shares={"best": 0.5, "rest": 0.5})
    rows = [(int(who), "x", 10.0, 1.0) for who in small.histories.customer_id]
    found = clv.product_profitability(log(rows), tiers)
    assert found.tiers == ("best", "rest")
    assert found.matrix().loc["x"].tolist() == tiers.table()["customers"].tolist()


def test_what_is_missing_is_refused() -> None:
    with pytest.raises(clv.TransactionError, match="margin of each line"):
        clv.product_profitability(log(margin=None), TIERS)  # type: ignore[arg-type]
    with pytest.raises(clv.TransactionError, match="product of each line"):
        clv.product_profitability(log(product=None), TIERS)  # type: ignore[arg-type]
    with pytest.raises(clv.TransactionError, match="no column 'tier'"):
        clv.product_profitability(log(), TIERS.rename(columns={"tier": "level"}))
    with pytest.raises(clv.ClvError, match="No customer of the log has a tier"):
        clv.product_profitability(log(), TIERS.assign(customer_id=["x", "y", "z"]))
    with pytest.raises(clv.ClvError, match="highly=0"):
        clv.product_profitability(log(), TIERS, highly=0)
