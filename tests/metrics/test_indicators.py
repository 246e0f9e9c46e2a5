"""The table of indicators against hand counts, exact identities and a second computation in pandas."""

from __future__ import annotations

import functools
import math
import warnings
from fractions import Fraction
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels import Transactions, metrics
from clvmodels.errors import ClvError, TransactionError
from clvmodels.metrics.periods import as_unit
from tests.metrics.logs import ROLES, frame, log, random_log, tiers


@functools.cache
def by_hand() -> pd.DataFrame:
    """The table of the small log by month."""
    return metrics.table(log(frame()))


@functools.cache
def random_table(by: str, *, exact: bool = False) -> pd.DataFrame:
    """The table of the random log in its tiers."""
    return metrics.table(log(random_log()), by=by, tier=tiers(), exact=exact)


FREQUENCY = {"week": "W-SUN", "month": "M", "quarter": "Q", "year": "Y"}


def test_returns_follow_the_definitions_to_the_letter() -> None:
    january = by_hand().iloc[0]
    assert january[["customers", "buyers", "purchase_count"]].tolist() == [2, 1, 3]
    assert january[["amount", "quantity", "amount_of_others"]].tolist() == [35, 3, 0]


def test_months_without_data_are_shown_empty() -> None:
    found = by_hand()
    assert found["month"].tolist() == ["2024-01", "2024-02", "2024-03", "2024-04"]
    assert found["lines"].tolist() == [7, 0, 0, 3]
    assert found["buyers"].tolist() == [1, 0, 0, 2]
    assert found["amount"].tolist() == [35, 0, 0, 90]
    assert found["amount_of_others"].tolist() == [0, 0, 0, -5]
    assert found["average_ticket"].isna().tolist() == [False, True, True, False]


def test_rates_count_customers_observed_too_briefly() -> None:
    found = by_hand()
    assert found["new_customers"].tolist() == [2, 0, 0, 1]
    assert found["repurchase_rate_1"].iloc[0] == 0.5  # C again on the 9th
    assert found["too_brief_3"].tolist() == [0, 0, 0, 1]
    assert found["too_brief_6"].tolist() == [2, 0, 0, 1]
    assert np.isnan(found["repurchase_rate_6"].iloc[0])
    assert found["purchase_rate_3"].isna().tolist() == [True, True, False, False]
    assert found["purchase_rate_3"].iloc[2:].tolist() == pytest.approx([1 / 2, 2 / 3])


def test_no_float_times_11_is_15() -> None:
    """Why the identities need fractions: the product rises with the factor, and jumps over 15."""
    ticket = 15 / 11
    around = [math.nextafter(ticket, 0), ticket, math.nextafter(ticket, 2)]
    assert [11 * one < 15 for one in around] == [True, True, False]
    assert 15 not in [11 * one for one in around]


@pytest.mark.parametrize("by", ["week", "month"])
def test_identities_hold_exactly_in_every_row_and_total(by: str) -> None:
    found = random_table(by, exact=True)
    bought = found[found["purchase_count"] > 0]
    priced = bought[bought["quantity"] > 0]
    assert len(priced) > 10
    for row in bought.to_dict("records"):
        assert row["amount"] == row["purchase_count"] * row["average_ticket"]
    for row in priced.to_dict("records"):
        assert row["average_ticket"] == row["unit_price"] * row["units_per_purchase"]


def test_tiers_add_up_to_the_total_and_the_total_to_the_log_exactly() -> None:
    source = random_log()
    found = random_table("month", exact=True)
    assert found["tier"].unique().tolist() == ["gold", "lead", "(none)", "total"]
    total, parts = found[found["tier"] == "total"], found[found["tier"] != "total"]
    for name in (
        "lines",
        "customers",
        "buyers",
        "purchase_count",
        "quantity",
        "amount",
        "amount_of_others",
        "too_brief_6",
    ):
        assert parts.groupby("month")[name].sum().tolist() == total[name].tolist()
    assert total["lines"].sum() == len(source)
    everything = sum((Fraction(f"{amount:.2f}") for amount in source["paid"]), Fraction())
    assert (total["amount"] + total["amount_of_others"]).sum() == everything


@pytest.mark.parametrize("by", ["week", "month", "quarter", "year"])
def test_everything_equals_a_count_in_pandas(by: str) -> None:
    """Of every 7th period: counts, sums and rates of customers in `gold`, from the definitions, day by day."""
    source = random_log()
    found = random_table(by)
    gold = found[found["tier"] == "gold"].reset_index(drop=True)
    own = source[source["who"].isin(tiers().index[tiers() == "gold"])]
    days = (
        own.assign(when=pd.to_datetime(own["when"])).groupby(["who", "when"], as_index=False)[["paid", "units"]].sum()
    )
    days["paid"] = days["paid"].round(6)
    bought = days[days["paid"] > 0].sort_values("when")
    first, last_day = bought.groupby("who")["when"].min(), pd.to_datetime(source["when"]).max()
    second = bought[bought["when"] > bought["who"].map(first)].groupby("who")["when"].min().reindex(first.index)
    begin = pd.Period(pd.to_datetime(source["when"]).min(), FREQUENCY[by])
    step = 1 if len(gold) < 20 else 7
    for number, row in gold.iloc[::step].iterrows():
        period = begin + number  # type: ignore[operator]
        start, end = period.start_time, min(period.end_time.normalize(), last_day)
        net = days[days["when"].between(start, end)].groupby("who")[["paid", "units"]].sum().round(6)
        buyers = net[net["paid"] > 0]
        assert [row["buyers"], row["customers"]] == [len(buyers), (first <= end).sum()]
        assert row["purchase_count"] == bought["when"].between(start, end).sum()
        assert [row["amount"], row["quantity"]] == pytest.approx([buyers["paid"].sum(), buyers["units"].sum()])
        new = first[first.between(start, end)]
        for k in (1, 3, 6, 12):
            since = days[(days["when"] + pd.DateOffset(months=k) > end) & (days["when"] <= end)]
            recent = (since.groupby("who")["paid"].sum().round(6) > 0).sum()
            observed = begin.start_time - pd.Timedelta(days=1) + pd.DateOffset(months=k) <= end
            assert row[f"purchase_rate_{k}"] == pytest.approx(
                recent / (first <= end).sum() if observed else np.nan, nan_ok=True
            )
            seen = new[new + pd.DateOffset(months=k) <= last_day]
            again = (second[seen.index] <= seen + pd.DateOffset(months=k)).sum()
            assert row[f"too_brief_{k}"] == len(new) - len(seen)
            assert row[f"repurchase_rate_{k}"] == pytest.approx(again / len(seen) if len(seen) else np.nan, nan_ok=True)


@pytest.mark.parametrize(("by", "year"), [("week", 52), ("month", 12), ("quarter", 4), ("year", 1)])
def test_changes_since_the_period_and_the_year_before(by: str, year: int) -> None:
    """In weeks the same number: the log's years have 52 of them each, so that is 52 weeks before."""
    found = random_table(by)
    found = found[found["tier"] == "total"]
    assert found["complete"].tolist() == [True] * (len(found) - 1) + [False]
    for name in ("amount", "buyers", "purchase_count", "average_ticket"):
        for since, before in (("previous", 1), ("year", year)):
            expected = (found[name] / found[name].shift(before) - 1).where(found["complete"])
            np.testing.assert_allclose(found[f"{name}_change_{since}"], expected)


def test_a_53rd_week_has_none_a_year_before() -> None:
    source = pd.DataFrame(
        {"who": ["A"] * 4, "when": ["2019-12-30", "2020-12-28", "2021-01-04", "2021-12-31"], "paid": [1, 2, 3, 4]}
    )
    found = metrics.table(Transactions(source, customer="who", date="when", amount="paid"), by=clv.WEEK).set_index(
        "week"
    )
    assert found.loc[["2020-W01", "2020-W53", "2021-W01"], "amount"].tolist() == [1, 2, 3]
    assert np.isnan(found.loc["2020-W53", "amount_change_year"])
    assert found.loc["2021-W01", "amount_change_year"] == 2


def test_unfinished_last_period_ends_with_the_observation() -> None:
    """On 10 February, who bought on 20 January has bought within the last month; the month cannot be compared."""
    source = pd.DataFrame(
        {"who": ["A", "B", "C"], "when": ["2024-01-01", "2024-01-20", "2024-02-10"], "paid": [1, 1, 1]}
    )
    last = metrics.table(Transactions(source, customer="who", date="when", amount="paid")).iloc[-1]
    assert last["purchase_rate_1"] == pytest.approx(2 / 3)
    assert not last["complete"]
    assert np.isnan(last["amount_change_previous"])


def test_periods_of_the_package_name_calendar_periods() -> None:
    quarter = clv.Period("quarter", 3 * clv.MONTH.days)
    units = [as_unit(by).name for by in (clv.WEEK, clv.MONTH, quarter, clv.YEAR)]
    assert units == ["week", "month", "quarter", "year"]


def test_floats_are_the_fractions_rounded_once() -> None:
    exact, floats = (random_table("month", exact=exact) for exact in (True, False))
    for name in ("amount", "quantity", "average_ticket", "unit_price", "units_per_purchase"):
        assert floats[name].dropna().tolist() == [float(value) for value in exact[name] if value is not None]


def test_segment_is_the_most_recent_one() -> None:
    segment = ["new"] * 7 + ["loyal", "loyal", None]
    found = metrics.table(log(frame().assign(segment=segment), segment="segment"), tier="segment")
    april = found[found["month"] == "2024-04"].set_index("tier")
    assert april.index.tolist() == ["loyal", "new", "total"]
    assert april["customers"].tolist() == [
        2,
        1,
        3,
    ]  # C and D are loyal now, and count as that from their first purchase
    assert found[found["month"] == "2024-01"].set_index("tier")["customers"].to_dict() == {
        "loyal": 1,
        "new": 1,
        "total": 2,
    }


def test_categories_without_customers_are_shown_empty_in_their_order() -> None:
    kind = pd.CategoricalDtype(["platinum", "gold", "lead"], ordered=True)
    tier = pd.Series(["lead", "gold", "lead"], index=["B", "C", "D"]).astype(kind)
    found = metrics.table(log(frame()), tier=tier)
    april = found[found["month"] == "2024-04"]
    assert april["tier"].tolist() == ["platinum", "gold", "lead", "(none)", "total"]  # A, who kept nothing, has none
    assert april["buyers"].tolist() == [0, 1, 1, 0, 2]


def test_negative_totals_are_kept_and_flagged() -> None:
    rows = [("A", "2024-01-05", 10.0, 1), ("A", "2024-02-05", -30.0, -2), ("B", "2024-03-05", 5.0, -1)]
    found = metrics.table(log(pd.DataFrame(rows, columns=["who", "when", "paid", "units"])))
    assert found["amount_of_others"].tolist() == [0, -30, 0]
    assert found["negative_total"].tolist() == [False, True, True]  # in March a quantity below zero
    assert found["quantity"].tolist() == [1, 0, -1]
    assert found["unit_price"].isna().tolist() == [False, True, True]


def test_order_and_kind_of_table_do_not_matter(tmp_path: Path) -> None:
    source = random_log()
    expected = random_table("month")
    source.to_csv(tmp_path / "log.csv", index=False)
    source.sample(frac=1, random_state=1).to_parquet(tmp_path / "log.parquet")
    elsewhere = ibis.duckdb.connect()
    elsewhere.con.execute(f"CREATE TABLE log AS FROM read_parquet('{tmp_path / 'log.parquet'}')")
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message="fetch_arrow_table", category=DeprecationWarning
        )  # Ibis 12 on DuckDB 2
        warehouse = elsewhere.table("log")
    for other in (tmp_path / "log.csv", tmp_path / "log.parquet", warehouse):
        pd.testing.assert_frame_equal(metrics.table(log(other), tier=tiers()), expected, check_exact=True)


def test_customers_with_returns_are_netted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clvmodels.metrics.counts.AT_ONCE", 60)  # of some 300
    parts = metrics.table(log(random_log()), tier=tiers())
    pd.testing.assert_frame_equal(parts, random_table("month"), check_exact=True)


def test_more_periods_than_bits_in_a_word() -> None:
    """The 150 weeks of the random log take three words; shifting all days by whole weeks changes nothing."""
    source = random_log()
    later = source.assign(when=(pd.to_datetime(source["when"]) + pd.Timedelta(weeks=40)).dt.strftime("%Y-%m-%d"))
    old = random_table("week")
    old, new = old[old["tier"] == "total"], metrics.table(log(later), by="week")
    assert len(old) > 2 * 62
    for name in ("buyers", "purchase_count", "amount", "customers"):
        assert old[name].tolist() == new[name].tolist()


def test_korean_headings_are_the_terms_of_the_source() -> None:
    english, korean = by_hand(), metrics.table(log(frame()), tier=pd.Series({"C": "VIP"}), lang="ko")
    terms = {
        "고객수",
        "신규고객수",
        "당월 구매 고객수",
        "구매횟수",
        "구매수량",
        "구매금액",
        "객단가",
        "제품단가",
        "회당 구매수량",
    }
    assert terms | {"구매율 3개월", "재구매율 12개월", "구매금액 전월 대비", "구매금액 전년 대비"} <= set(korean)
    assert not set(english) & set(korean)
    assert korean["등급"].unique().tolist() == ["VIP", "(등급 없음)", "전체"]
    assert "당분기 구매 고객수" in metrics.table(log(frame()), by="quarter", lang="ko")


def test_quality_accounts_for_the_lines_that_the_table_does_not_have() -> None:
    source = frame()
    source.loc[[0, 4], "who"] = None
    source["paid"] = source["paid"].astype(object)
    source.loc[9, "paid"] = "?"
    lines = log(source, invalid="leave_out")
    quality = lines.quality()
    left_out = quality["without customer id"].count + quality["amount unreadable"].count
    assert metrics.table(lines)["lines"].sum() + left_out == len(source) == quality.rows


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": "fortnight"}, "Write one of 'week', 'month', 'quarter', 'year'"),
        ({"by": clv.DAY}, "by=day is not known"),
        ({"lang": "de"}, "'en' or 'ko'"),
        ({"tier": "rank"}, "There is no tier 'rank'"),
        ({"tier": "segment"}, "Name a column of the log with segment="),
        ({"tier": pd.DataFrame({"customer": ["A"]})}, "no column 'customer_id'"),
        ({"tier": pd.Series(["x", "y"], index=["A", "A"])}, r"'tier' differs in 1 row: customer A \(x, y\)"),
        ({"tier": pd.Series(["x"], index=["Z"])}, "None of the customers with a tier is in the log"),
        ({"tier": pd.Series(["x"], index=[7])}, r"tiers are of \[7\] \(int64\)"),
        ({"tier": pd.Series(["total"], index=["A"])}, "A tier is called 'total'"),
        ({"interval": 1.0}, "interval=1.0 is not a probability"),
    ],
)
def test_refusals(options: dict[str, object], message: str) -> None:
    with pytest.raises(ClvError, match=message):
        metrics.table(log(frame()), **options)  # type: ignore[arg-type]


def test_logs_that_are_refused() -> None:
    with pytest.raises(TransactionError, match="need amounts"):
        metrics.table(Transactions(frame(), customer="who", date="when"))
    mixed = frame().assign(currency=["EUR", "USD"] * 5)
    with pytest.raises(TransactionError, match="currenc"):
        metrics.table(Transactions(mixed, **ROLES, currency="currency"))
    with pytest.raises(TransactionError, match="The amount of a line is 2e"):
        metrics.table(log(frame().assign(paid=2e12)))
