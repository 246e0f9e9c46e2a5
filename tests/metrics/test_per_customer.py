"""Measures of each customer and of each period that a log and outside numbers give together."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels import Transactions, formulas, metrics
from clvmodels.errors import ClvError, TransactionError
from clvmodels.metrics.words import in_language
from tests.metrics.logs import frame, log, random_log


def test_activity_equals_the_plain_formulas() -> None:
    source = random_log()
    found = metrics.customer_activity(log(source), period=clv.WEEK).set_index("customer_id")
    days = source.groupby(["who", "when"], as_index=False)["paid"].sum().query("paid > 1e-6")
    each = pd.to_datetime(days["when"]).groupby(days["who"]).agg(["size", "min", "max"])
    until = pd.to_datetime(source["when"]).max()
    weeks = [((each["max"] - each["min"]).dt.days / 7).to_numpy(), ((until - each["min"]).dt.days / 7).to_numpy()]
    n = each["size"].to_numpy()
    assert found.index.tolist() == each.index.tolist()
    assert found["purchases"].tolist() == n.tolist()
    expected = metrics.average_interpurchase_time(purchases=n, first=0, last=weeks[0])
    np.testing.assert_allclose(found["time_between"], expected)
    np.testing.assert_allclose(found["p_active"], metrics.p_active(purchases=n, last=weeks[0], length=weeks[1]))
    np.testing.assert_allclose(found["time_by_rate"], 1 / (n / weeks[1]))
    np.testing.assert_allclose(found["time_observed"], np.where(n > 1, weeks[1] / np.maximum(n - 1, 1), np.nan))
    assert (found.loc[n == 1, "p_active"] == 0).all()
    assert (n == 1).any()


def test_past_value_equals_the_plain_formula() -> None:
    source = random_log()[:200]
    rate = clv.Rate(0.10, per=clv.YEAR)
    found = metrics.past_value(log(source), rate=rate, margin=0.3).set_index("customer_id")["past_value"]
    ago = (pd.to_datetime(source["when"]).max() - pd.to_datetime(source["when"])).dt.days / 365.25
    for who, lines in source.groupby("who"):
        own = formulas.past_customer_value(contribution=0.3 * lines["paid"], periods_ago=ago[lines.index], rate=0.10)
        assert found[who] == pytest.approx(float(own), abs=1e-6)
    margins = log(source.assign(gain=0.3 * source["paid"]), margin="gain")
    pd.testing.assert_series_equal(metrics.past_value(margins, rate=rate).set_index("customer_id")["past_value"], found)
    assert metrics.past_value(log(source), rate=None, margin=1)["past_value"].sum() == pytest.approx(
        source["paid"].sum()
    )


def test_wallets_leave_out_who_bought_nothing() -> None:
    """C kept 75 of 100, D 50 of 50; B returned more than she bought; A nothing."""
    found = metrics.wallets(log(frame()), wallet=pd.Series({"C": 100, "D": 50, "B": 900}))
    assert found.to_numpy().tolist() == [["C", 75, 100, 0.75], ["D", 50, 50, 1.0]]
    sums = found[["amount", "size_of_wallet"]]
    share = metrics.aggregate_share_of_wallet(own=sums["amount"], wallet=sums["size_of_wallet"])
    assert share == pytest.approx(125 / 150)


def test_sales_and_acquisition_by_hand() -> None:
    found = metrics.sales(log(frame()), by="quarter", category_sales=pd.Series({"2024-Q2": 170}))
    assert found["sales"].tolist() == [35, 85]
    assert found["sales_growth"].iloc[1] == pytest.approx(metrics.sales_growth(sales=85, previous=35))
    assert found["market_share"].iloc[1] == 0.5
    won = metrics.acquisition(
        log(frame()), targeted=pd.Series({"2024-01": 8, "2024-02": 5}), spend=pd.Series({"2024-01": 10})
    )
    assert won["acquisition_rate"].tolist() == pytest.approx([0.25, 0, np.nan, np.nan], nan_ok=True)
    assert won["acquisition_cost"].tolist() == pytest.approx([5, np.nan, np.nan, np.nan], nan_ok=True)
    bounds = metrics.wilson_interval(part=2, whole=8)
    assert won[["acquisition_rate_lower", "acquisition_rate_upper"]].iloc[0].tolist() == [*bounds.lower, *bounds.upper]


def test_wilson_bounds_solve_their_equation() -> None:
    """A bound b of k of n is where (k/n - b)^2 = z^2 b (1 - b) / n, z = 1.959964 for 95 % (normal tables)."""
    found = metrics.wilson_interval(part=[3, 10, 0], whole=[10, 10, 7])
    for bound, side in ((found.lower, -1), (found.upper, 1)):
        miss = (found.share - bound) ** 2 - 1.959963984540054**2 * bound * (1 - bound) / np.array([10, 10, 7])
        np.testing.assert_allclose(miss, 0, atol=1e-12)
        assert (side * (bound - found.share) >= -1e-12).all()


def test_korean_terms_of_the_source() -> None:
    lines = log(frame())
    one = clv.Rate(0.1, per=clv.YEAR)
    tables = [
        metrics.customer_activity(lines, period=clv.DAY, lang="ko"),
        metrics.past_value(lines, rate=one, margin=1, lang="ko"),
        metrics.wallets(lines, wallet=pd.Series({"C": 100}), lang="ko"),
        in_language(
            pd.DataFrame(columns=["sales_growth", "market_share", "acquisition_rate", "acquisition_cost"]), "ko"
        ),
        metrics.retention(lines, lang="ko"),
    ]
    names = {name for table in tables for name in table.columns}
    assert {
        "P(Active)", "이전고객가치", "범주지출액", "개별 지갑점유율", "매출액 성장률", "시장점유율", "획득률", "획득비용",
        "유지율", "이탈률", "생존율",
    } <= names  # fmt: skip
    assert any(name.startswith("평균구매시간") for name in names)


def test_refusals() -> None:
    lines = log(frame())
    with pytest.raises(TransactionError, match="Past value needs margins"):
        metrics.past_value(lines, rate=None)
    with pytest.raises(TransactionError, match="Name the column of amounts"):
        metrics.past_value(Transactions(frame(), customer="who", date="when"), rate=None, margin=0.3)
    with pytest.raises(ClvError, match="wallet"):
        metrics.wallets(lines, wallet=pd.Series({"C": 10}))
    with pytest.raises(TransactionError, match="several wallets"):
        metrics.wallets(lines, wallet=pd.Series([90, 95], index=["C", "C"]))
    with pytest.raises(ClvError, match=r"'targeted' has periods that the log does not have in 1 row: 2023-01 \(9\)"):
        metrics.acquisition(lines, targeted=pd.Series({"2023-01": 9}))
    with pytest.raises(ClvError, match="'new_customers' is more than targeted"):
        metrics.acquisition(lines, targeted=pd.Series({"2024-01": 1}))
    with pytest.raises(ClvError, match="'sales' is more than category_sales"):
        metrics.sales(lines, category_sales=pd.Series({"2024-01": 1}))
