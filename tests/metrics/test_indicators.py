"""The table of indicators against hand counts, identities and a second computation in pandas."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clvmodels import Transactions, metrics
from clvmodels.errors import ClvError, TransactionError

ROLES = {"customer": "who", "date": "when", "amount": "paid", "quantity": "units"}
ROWS = [
    ("A", "2024-01-05", 10.0, 1), ("A", "2024-01-05", -10.0, -1),  # bought and returned the same day: 0
    ("B", "2024-01-06", 20.0, 2), ("B", "2024-01-20", -20.0, -2),  # returned on another day: 1
    ("C", "2024-01-07", 30.0, 3), ("C", "2024-01-07", -10.0, -1),  # partly returned the same day: 1
    ("C", "2024-01-09", 15.0, 1),
    ("C", "2024-04-07", 40.0, 2), ("D", "2024-04-30", 50.0, 4), ("B", "2024-04-10", -5.0, -1),
]  # fmt: skip


def frame() -> pd.DataFrame:
    return pd.DataFrame(ROWS, columns=["who", "when", "paid", "units"])


def log(source: object) -> Transactions:
    return Transactions(source, **ROLES)


def test_returns_follow_the_definitions_to_the_letter() -> None:
    january = metrics.table(log(frame())).iloc[0]
    assert january[["customers", "buyers", "purchase_count"]].tolist() == [2, 1, 3]
    assert january[["amount", "quantity", "amount_of_others"]].tolist() == [35, 3, 0]


def test_months_without_data_are_shown_empty() -> None:
    found = metrics.table(log(frame()))
    assert found["month"].tolist() == ["2024-01", "2024-02", "2024-03", "2024-04"]
    assert found["buyers"].tolist() == [1, 0, 0, 2]
    assert found["amount"].tolist() == [35, 0, 0, 90]
    assert found["amount_of_others"].tolist() == [0, 0, 0, -5]
    assert found["average_ticket"].isna().tolist() == [False, True, True, False]


def test_rates_count_customers_observed_too_briefly() -> None:
    found = metrics.table(log(frame()))
    assert found["new_customers"].tolist() == [2, 0, 0, 1]
    assert found["repurchase_rate_1"].iloc[0] == 0.5  # C again on the 9th
    assert found["too_brief_3"].tolist() == [0, 0, 0, 1]
    assert found["too_brief_6"].tolist() == [2, 0, 0, 1]
    assert np.isnan(found["repurchase_rate_6"].iloc[0])
    assert found["purchase_rate_3"].isna().tolist() == [True, True, False, False]
    assert found["purchase_rate_3"].iloc[2:].tolist() == pytest.approx([1 / 2, 2 / 3])


def test_identities_and_totals_hold_on_a_random_log() -> None:
    source = random_log()
    found = metrics.table(log(source), tier=tiers())
    bought = found[found["purchase_count"] > 0]
    np.testing.assert_allclose(bought["amount"], bought["purchase_count"] * bought["average_ticket"], rtol=1e-15)
    whole = bought[bought["quantity"] > 0]
    np.testing.assert_allclose(whole["average_ticket"], whole["unit_price"] * whole["units_per_purchase"], rtol=1e-15)
    total, parts = found[found["tier"] == "total"], found[found["tier"] != "total"]
    for name in ("customers", "buyers", "purchase_count", "amount", "amount_of_others"):
        np.testing.assert_allclose(parts.groupby("month")[name].sum(), total.set_index("month")[name], atol=1e-6)
    assert (total["amount"] + total["amount_of_others"]).sum() == pytest.approx(source["paid"].sum())


@pytest.mark.parametrize("months", [1, 3, 6, 12])
def test_rates_equal_a_count_in_pandas(months: int) -> None:
    source = random_log()
    found = metrics.table(log(source)).set_index("month")
    days = source.groupby(["who", "when"], as_index=False)["paid"].sum()
    days["when"] = pd.to_datetime(days["when"])
    bought = days[days["paid"] > 0].sort_values("when")
    first = bought.groupby("who")["when"].min()
    second = bought.groupby("who")["when"].nth(1)
    second.index = bought.loc[second.index, "who"]
    for month in ("2023-12", "2023-02"):
        end = pd.Period(month).end_time
        start = (pd.Period(month) - (months - 1)).start_time
        net = days[days["when"].between(start, end)].groupby("who")["paid"].sum()
        expected = (net > 1e-9).sum() / (first <= end).sum() if start >= pd.Timestamp("2023-01-01") else np.nan
        assert found.loc[month, f"purchase_rate_{months}"] == pytest.approx(expected, nan_ok=True)
        new = first[first.dt.to_period("M") == pd.Period(month)]
        limit = new + pd.DateOffset(months=months)
        seen = limit[limit <= days["when"].max()]
        again = (second.reindex(seen.index) <= seen).sum()
        assert found.loc[month, f"too_brief_{months}"] == len(new) - len(seen)
        expected = again / len(seen) if len(seen) else np.nan
        assert found.loc[month, f"repurchase_rate_{months}"] == pytest.approx(expected, nan_ok=True)


def test_order_and_kind_of_table_do_not_matter(tmp_path: Path) -> None:
    source = random_log()
    expected = metrics.table(log(source))
    source.to_csv(tmp_path / "log.csv", index=False)
    source.to_parquet(tmp_path / "log.parquet")
    for other in (source.sample(frac=1, random_state=1), tmp_path / "log.csv", tmp_path / "log.parquet"):
        pd.testing.assert_frame_equal(metrics.table(log(other)), expected, check_exact=True)


def test_korean_headings_are_the_terms_of_the_source() -> None:
    english, korean = metrics.table(log(frame())), metrics.table(log(frame()), lang="ko")
    assert {
        "고객수",
        "신규고객수",
        "구매횟수",
        "객단가",
        "제품단가",
        "회당 구매수량",
        "구매율 3개월",
        "재구매율 12개월",
    } <= set(korean)
    assert not set(english) & set(korean)


def test_refusals() -> None:
    with pytest.raises(ClvError, match="Write 'month'"):
        metrics.table(log(frame()), by="week")
    with pytest.raises(ClvError, match="'en' or 'ko'"):
        metrics.table(log(frame()), lang="de")  # type: ignore[arg-type]
    with pytest.raises(TransactionError, match="no column 'rank'"):
        metrics.table(log(frame()), tier="rank")
    with pytest.raises(TransactionError, match="need amounts"):
        metrics.table(Transactions(frame(), customer="who", date="when"))
    mixed = frame().assign(currency=["EUR", "USD"] * 5)
    with pytest.raises(TransactionError, match="currenc"):
        metrics.table(Transactions(mixed, **ROLES, currency="currency"))


def random_log() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    days = pd.date_range("2023-01-01", "2024-02-29").strftime("%Y-%m-%d").to_numpy()
    units = rng.choice([-1, 1, 2, 3], 1500)
    return pd.DataFrame(
        {"who": rng.integers(1, 301, 1500), "when": rng.choice(days, 1500), "paid": units * 1.25, "units": units}
    )


def tiers() -> pd.DataFrame:
    return pd.DataFrame({"customer_id": range(1, 251), "tier": ["gold", "lead"] * 125})
