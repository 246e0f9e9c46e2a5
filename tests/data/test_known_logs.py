"""Counts of published logs: CDNOW, Complete Journey, and the fixtures of lifetimes' tests."""

from __future__ import annotations

import datetime
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from clvmodels.data import samples
from clvmodels.data.histories import Histories
from clvmodels.data.transactions import Split, Transactions
from clvmodels.units import DAY, WEEK


@pytest.fixture(scope="module")
def cdnow() -> Transactions:
    return samples.cdnow_sample()


@pytest.fixture(scope="module")
def parts(cdnow: Transactions) -> Split:
    return cdnow.split("1997-09-30")


@pytest.fixture(scope="module")
def histories(parts: Split) -> Histories:
    return parts.calibration.histories(period=WEEK)


def test_cdnow_lines_and_days(cdnow: Transactions) -> None:
    """6,919 raw rows of 2,357 customers merge into 6,696 customer-days, 8 of them free (CLVTools' cdnow)."""
    quality = cdnow.quality()
    assert (quality.rows, quality.customers) == (6919, 2357)
    assert (quality.first, quality.last) == (datetime.date(1997, 1, 1), datetime.date(1998, 6, 30))
    assert quality["purchase days"].count == 6696
    assert quality["same-day lines"].count == 6919 - 6696
    assert quality["free days"].count == 8


def test_cdnow_histories(histories: Histories) -> None:
    """Sum of x 2,457, 1,411 customers with x = 0, T from 27 to 38.857142857 weeks (Fader, Hardie and Lee 2005)."""
    assert len(histories) == 2357
    assert histories.frequency.sum() == 2457
    assert np.count_nonzero(histories.frequency == 0) == 1411
    assert histories.T.min() == 27.0
    assert histories.T.max() == pytest.approx(38.857142857, abs=1e-9)
    assert histories.until == datetime.date(1997, 9, 30)


def test_cdnow_monetary_values(histories: Histories) -> None:
    """946 repeat customers: mean 35.08, sd 30.28, median 27.50, max 299.63, corr(x, m) .113888 (BTYD walkthrough)."""
    repeat = histories.frequency > 0
    x, m = histories.frequency[repeat], histories.monetary_value[repeat]
    found = [len(m), m.mean(), m.std(ddof=1), m.min(), np.median(m), m.max()]
    assert found == pytest.approx([946, 35.08, 30.28, 2.99, 27.50, 299.63], abs=0.005)
    assert np.corrcoef(x, m)[0, 1] == pytest.approx(0.113888, abs=5e-7)


def test_cdnow_spend(cdnow: Transactions, parts: Split) -> None:
    found = [log.totals()["spend"].sum() for log in (cdnow, *parts)]
    assert found == pytest.approx([244091.94, 173115.55, 70976.39], abs=0.005)
    assert parts.calibration.histories(period=WEEK).spend.sum() == pytest.approx(173115.55, abs=0.005)


def test_cdnow_holdout(parts: Split) -> None:
    """1,882 transaction-days of 684 customers in 39 weeks."""
    totals = parts.holdout.totals()
    assert (len(totals), totals["purchases"].sum()) == (684, 1882)
    daily = parts.holdout.daily()
    assert (daily["purchases"].sum(), daily["first_purchases"].sum()) == (1882, 0)
    assert (parts.holdout.until - parts.holdout.after).days == 39 * 7


def test_cdnow_population() -> None:
    quality = samples.cdnow().quality()
    assert (quality.rows, quality.customers) == (69659, 23570)


def test_complete_journey() -> None:
    """1,469,307 lines of 2,469 households, 155,848 baskets, total 4,596,039.58."""
    log = samples.complete_journey()
    lines = log.lines()
    found = lines.aggregate(rows=lines.count(), households=lines.customer_id.nunique(), baskets=lines.order.nunique())
    assert found.to_pyarrow().to_pylist() == [{"rows": 1469307, "households": 2469, "baskets": 155848}]
    assert log.totals()["spend"].sum() == pytest.approx(4596039.58, abs=0.005)
    assert log.until == datetime.date(2018, 1, 1)


def test_donations() -> None:
    """11,104 donors in 22 rows, of whom 3,464 never gave again and 1,203 every year (Fader, Hardie and Shang 2010)."""
    table = samples.donations()
    assert len(table) == 22
    assert set(table["T"]) == {6}
    assert table.groupby("frequency")["counts"].sum().tolist() == [3464, 1823, 1430, 1085, 1036, 1063, 1203]


def test_samples_leave_pandas_alone() -> None:
    code = "import sys; from clvmodels.data.samples import donations; donations(); print('lifetimes' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


END = "2015-02-07"
SMALL = [
    (1, "2015-02-01"),
    (1, "2015-02-06"),
    (2, "2015-01-01"),
    (3, "2015-01-01"),
    (3, "2015-01-02"),
    (3, "2015-01-05"),
]
LARGE = [
    *[(1, "2015-01-01", 1.0), (1, "2015-02-06", 2.0), (2, "2015-01-01", 2.0)],
    *[(3, "2015-01-01", 3.0), (3, "2015-01-02", 1.0), (3, "2015-01-05", 5.0)],
    *[(4, "2015-01-16", 6.0), (4, "2015-02-02", 3.0), (4, "2015-02-05", 3.0)],
    *[(5, "2015-01-16", 3.0), (5, "2015-01-17", 1.0), (5, "2015-01-18", 8.0), (6, "2015-02-02", 5.0)],
]


def test_lifetimes_days() -> None:
    """lifetimes tests/test_utils.py: (1, 5, 6), (0, 0, 37), (2, 4, 37) in days, end 2015-02-07."""
    log = Transactions(pd.DataFrame(SMALL, columns=["id", "date"]), customer="id", date="date")
    found = log.histories(period=DAY, until=END)
    rows = np.stack([found.frequency, found.recency, found.T], axis=1)
    assert rows.tolist() == [[1, 5, 6], [0, 0, 37], [2, 4, 37]]
    assert np.isnan(found.monetary_value).all()
    assert found.spend is None


def test_lifetimes_monetary_values() -> None:
    log = Transactions(pd.DataFrame(LARGE, columns=["id", "date", "paid"]), customer="id", date="date", amount="paid")
    found = log.histories(period=DAY, until=END)
    rows = np.stack([found.frequency, found.recency, found.T], axis=1)
    assert rows.tolist() == [[1, 36, 37], [0, 0, 37], [2, 4, 37], [2, 20, 22], [2, 2, 22], [0, 0, 5]]
    assert found.monetary_value.tolist() == [2, 0, 3, 3, 4.5, 0]


def test_lifetimes_weekly_summary_is_accepted() -> None:
    """lifetimes' weekly fixture has calendar weeks, among them a customer with recency = T = 3 and one with T = 0."""
    rows = [(1, 5, 5), (0, 0, 5), (1, 1, 5), (1, 3, 3), (0, 0, 3), (0, 0, 0)]
    table = pd.DataFrame(rows, columns=["frequency", "recency", "T"], index=pd.Index(range(1, 7), name="id"))
    found = Histories.from_frame(table, period=WEEK, customer="id")
    assert found.customer_id.tolist() == [1, 2, 3, 4, 5, 6]
    assert found.recency.tolist() == [5, 0, 1, 3, 0, 0]
