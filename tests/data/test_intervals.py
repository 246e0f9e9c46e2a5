"""The times between purchases, against pandas: on a real log, with returns, on other backends and in any order."""

from __future__ import annotations

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import clvmodels as clv


def by_pandas(days: pd.DataFrame, period: clv.Period) -> pd.Series:
    """Sum of log(time since the purchase day before) by customer."""
    days = days.sort_values(["customer_id", "date"])
    dates = days["date"].to_numpy().astype("datetime64[D]").astype(float)
    gaps = pd.Series(dates, index=days.index).groupby(days["customer_id"]).diff()
    return np.log(gaps / period.days).groupby(days["customer_id"]).sum()


@pytest.mark.parametrize("period", [clv.WEEK, clv.DAY], ids=str)
def test_cdnow(cdnow_parts: tuple[clv.Transactions, clv.Transactions], period: clv.Period) -> None:
    log = cdnow_parts[0]
    found, plain = log.histories(period=period, intervals=True), log.histories(period=period)
    wanted = by_pandas(log.purchase_days().to_pyarrow().to_pandas(), period)
    assert wanted.index.tolist() == found.customer_id.tolist()
    assert found.log_intervals == pytest.approx(wanted.to_numpy(), abs=1e-8)
    assert plain.log_intervals is None
    assert found.to_frame().drop(columns="log_intervals").equals(plain.to_frame())


RETURNED = pd.DataFrame(
    [
        ("A", "2024-01-01", 10.0),
        ("A", "2024-01-05", 20.0),
        ("A", "2024-01-09", 30.0),
        ("A", "2024-01-09", -30.0),
        ("A", "2024-01-15", 7.0),
        ("A", "2024-01-17", -4.0),
        ("B", "2024-01-02", 8.0),
        ("B", "2024-01-03", 0.0),
        ("C", "2024-01-01", -8.0),
        ("C", "2024-01-04", 8.0),
        ("C", "2024-01-11", 8.0),
    ],
    columns=["who", "when", "paid"],
)


@pytest.mark.parametrize("segment", [None, "who"])
def test_days_netted_to_nothing_are_no_purchases(segment) -> None:
    """A: 4 and 10 days, over the day that nets to zero; B: none; C: 7, and the return before the first purchase is none."""
    log = clv.Transactions(RETURNED, customer="who", date="when", amount="paid", segment=segment)
    found = log.histories(period=clv.DAY, intervals=True)
    assert found.log_intervals == pytest.approx([np.log(4) + np.log(10), 0.0, np.log(7)], abs=1e-8)
    counted = clv.Transactions(RETURNED, customer="who", date="when", amount="paid", free_orders="count")
    assert counted.histories(period=clv.DAY, intervals=True).log_intervals[1] == pytest.approx(0.0, abs=1e-8)
    ignored = clv.Transactions(RETURNED, customer="who", date="when", amount="paid", returns="ignore")
    assert ignored.histories(period=clv.DAY, intervals=True).log_intervals[0] == pytest.approx(
        2 * np.log(4) + np.log(6), abs=1e-8
    )


def simulated() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 600), unit="D")
    return pd.DataFrame({"who": rng.integers(0, 40, 600), "when": days, "paid": np.round(rng.normal(20, 15, 600), 2)})


def test_backends_and_order_make_no_difference() -> None:
    frame = simulated()
    sources = [frame, frame.sample(frac=1, random_state=1), ibis.memtable(pa.Table.from_pandas(frame))]
    logs = [clv.Transactions(source, customer="who", date="when", amount="paid") for source in sources]
    found = [log.histories(period=clv.WEEK, intervals=True) for log in logs]
    wanted = by_pandas(logs[0].purchase_days().to_pyarrow().to_pandas(), clv.WEEK)
    assert found[0].log_intervals == pytest.approx(wanted.to_numpy(), abs=1e-8)
    for other in found[1:]:
        assert np.array_equal(other.log_intervals, found[0].log_intervals)


def test_the_end_cuts_intervals_too() -> None:
    log = clv.Transactions(RETURNED, customer="who", date="when", amount="paid")
    found = log.histories(period=clv.DAY, until="2024-01-10", intervals=True)
    assert found.log_intervals == pytest.approx([np.log(4), 0.0, 0.0], abs=1e-8)
