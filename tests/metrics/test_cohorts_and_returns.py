"""Retention by period and by cohort, and the matching of returns: by hand, and against plain loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from clvmodels import Transactions, metrics
from clvmodels.errors import ClvError, TransactionError
from tests.metrics.logs import log, random_log

ROWS = [
    ("A", "2024-01-05", 5),
    ("A", "2024-03-05", 5),
    ("B", "2024-01-09", 5),
    ("B", "2024-02-01", -5),
    ("C", "2024-03-31", 5),
    ("C", "2024-04-01", 5),
]


def small() -> Transactions:
    return Transactions(pd.DataFrame(ROWS, columns=["who", "when", "paid"]), customer="who", date="when", amount="paid")


def test_triangle_by_hand() -> None:
    found = metrics.cohorts(small())
    cells = found[["cohort", "months_since", "customers", "buyers", "retention"]].to_numpy().tolist()
    assert cells == [
        ["2024-01", 0, 2, 2, 1.0], ["2024-01", 1, 2, 0, 0.0], ["2024-01", 2, 2, 1, 0.5], ["2024-01", 3, 2, 0, 0.0],
        ["2024-03", 0, 1, 1, 1.0], ["2024-03", 1, 1, 1, 1.0],
    ]  # fmt: skip
    assert ((found["retention_lower"] <= found["retention"]) & (found["retention"] <= found["retention_upper"])).all()
    assert metrics.cohorts(small(), by="quarter", lang="ko").columns[:2].tolist() == ["코호트", "경과 분기"]


def test_retention_by_hand() -> None:
    """Of A and B in January nobody in February; nobody in February; of A and C in March C in April."""
    found = metrics.retention(small())
    assert found[["month", "active_before", "still_active"]].to_numpy().tolist() == [
        ["2024-02", 2, 0], ["2024-03", 0, 0], ["2024-04", 2, 1],
    ]  # fmt: skip
    assert found["retention_rate"].tolist() == pytest.approx([0, np.nan, 0.5], nan_ok=True)
    assert found["survival_rate"].tolist() == pytest.approx([0, np.nan, np.nan], nan_ok=True)
    by_cohort = metrics.retention(small(), per_cohort=True)
    assert by_cohort["cohort"].tolist() == ["2024-01"] * 3 + ["2024-03"]
    assert by_cohort["still_active"].tolist() == [0, 0, 0, 1]


@pytest.mark.parametrize("by", ["week", "month"])
def test_retention_equals_sets_of_customers(by: str) -> None:
    source = random_log().query("'2021-03-01' <= when < '2021-06-01'")
    found = metrics.retention(log(source), by=by, per_cohort=True)
    days = source.groupby(["who", "when"], as_index=False)["paid"].sum().query("paid > 1e-6")
    period = pd.to_datetime(days["when"]).dt.to_period("W-SUN" if by == "week" else "M")
    active = {one: set(group) for one, group in days.groupby(period)["who"]}
    start = days.assign(period=period).groupby("who")["period"].min()
    expected = [
        (len(members & active[one]), len(members & active[one] & active[one + 1]))
        for cohort in sorted(set(start))
        for members in [set(start[start == cohort].index)]
        for one in pd.period_range(cohort, period.max() - 1, freq=period.dt.freq)
    ]
    assert found[["active_before", "still_active"]].to_numpy().tolist() == [list(pair) for pair in expected]
    known = found.dropna()
    rates = {name: known[name].to_numpy() for name in ("active_before", "still_active")}
    np.testing.assert_array_equal(known["retention_rate"], metrics.retention_rate(**rates))
    np.testing.assert_allclose(known["defection_rate"], metrics.defection_rate(**rates))
    np.testing.assert_allclose(known["defection_rate_lower"], 1 - known["retention_rate_upper"])
    first = found[found["cohort"] == found["cohort"].iloc[0]]
    seen = int(np.argmax(np.append(first["retention_rate"].isna(), True)))  # up to where nobody is left to be retained
    survival = metrics.survival_rate(retention=first["retention_rate"].iloc[:seen])[1:]
    np.testing.assert_allclose(first["survival_rate"].iloc[:seen], survival)
    assert first["survival_rate"].iloc[seen:].isna().all()


def test_same_from_csv_and_parquet(tmp_path: Path) -> None:
    source = random_log().assign(what=lambda table: table["who"] % 3)
    source.to_csv(tmp_path / "log.csv", index=False)
    source.to_parquet(tmp_path / "log.parquet")
    here = log(source, product="what")
    for name in ("log.csv", "log.parquet"):
        there = log(tmp_path / name, product="what")
        pd.testing.assert_frame_equal(metrics.cohorts(there), metrics.cohorts(here), check_exact=True)
        pd.testing.assert_frame_equal(metrics.match_returns(there), metrics.match_returns(here))


@pytest.mark.parametrize("seed", [None, 1])
def test_returns_take_the_latest_purchase_that_is_still_there(seed: int | None) -> None:
    rows = [
        ("A", "2024-01-01", "x", 2), ("A", "2024-01-03", "x", 2), ("A", "2024-01-05", "x", -2), ("A", "2024-01-06", "x", -2),
        ("A", "2024-01-07", "x", -2),  # nothing left
        ("A", "2024-01-02", "y", 3), ("A", "2024-01-04", "y", -1),  # another quantity
        ("B", "2024-01-09", "x", -2), ("B", "2024-01-10", "x", 2),  # before the purchase
        ("C", "2024-01-01", "x", 1), ("C", "2024-01-02", "x", 1), ("C", "2024-01-02", "x", -1),  # the same day, first
        ("C", "2024-01-03", "x", -1),
    ]  # fmt: skip
    source = pd.DataFrame(rows, columns=["who", "when", "what", "units"])
    source = source if seed is None else source.sample(frac=1, random_state=seed)
    found = metrics.match_returns(Transactions(source, customer="who", date="when", product="what", quantity="units"))
    days = list(zip(found["customer_id"], found["product"], found["bought"].dt.day.fillna(0), strict=True))
    assert days == [
        ("A", "x", 3), ("A", "x", 1), ("A", "x", 0), ("A", "y", 0), ("B", "x", 0), ("C", "x", 2), ("C", "x", 1),
    ]  # fmt: skip
    assert found["match"].tolist() == [*["earlier day"] * 2, *["no purchase"] * 3, "same day", "earlier day"]


@pytest.mark.parametrize("seed", range(3))
def test_matching_equals_a_stack_of_purchases(seed: int) -> None:
    """Many lines of few customers on few days, against a stack per customer and product."""
    rng = np.random.default_rng(seed)
    size = 400
    source = pd.DataFrame(
        {
            "who": rng.integers(0, 4, size),
            "what": rng.integers(0, 3, size),
            "units": rng.choice([-1, 1], size),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 25, size), unit="D"),
        }
    )
    found = metrics.match_returns(Transactions(source, customer="who", date="when", product="what", quantity="units"))
    expected = []
    for (who, what), group in source.groupby(["who", "what"]):
        stack: list[pd.Timestamp] = []
        for day, lines in group.groupby("when"):
            bought, returned = (lines["units"] == 1).sum(), (lines["units"] == -1).sum()
            settled = min(bought, returned)
            stack += [day] * (bought - settled)
            taken = [stack.pop() if stack else pd.NaT for _ in range(returned - settled)]
            expected += [(who, what, day, one) for one in [*[day] * settled, *taken]]
    rows = found[["customer_id", "product", "returned", "bought"]].itertuples(index=False)
    assert sorted(tuple(map(str, row)) for row in rows) == sorted(tuple(map(str, row)) for row in expected)


def test_refusals() -> None:
    source = pd.DataFrame({"who": ["A"], "when": ["2024-01-01"]})
    with pytest.raises(TransactionError, match="product="):
        metrics.match_returns(Transactions(source, customer="who", date="when"))
    for function in (metrics.cohorts, metrics.retention):
        with pytest.raises(ClvError, match="by='day' is not known"):
            function(small(), by="day")
        with pytest.raises(ClvError, match="lang='de'"):
            function(small(), lang="de")
