"""What the log does with what is in it: policies, windows, zones, and lines that cannot be used."""

from __future__ import annotations

import datetime
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from clvmodels.data.notice import DataWarning
from clvmodels.data.transactions import Transactions
from clvmodels.errors import TransactionError, UnitError
from clvmodels.units import DAY, WEEK

RETURNED = pd.DataFrame(
    [
        ("A", "2024-01-01", 10.0),
        ("A", "2024-01-05", 20.0),
        ("A", "2024-01-05", -5.0),
        ("A", "2024-01-09", 10.1),
        ("A", "2024-01-09", 20.2),
        ("A", "2024-01-09", -30.3),
        ("A", "2024-01-11", -4.0),
        ("B", "2024-01-02", 0.0),
        ("B", "2024-01-03", 8.0),
        ("C", "2024-01-03", -1.0),
    ],
    columns=["who", "when", "paid"],
)


def log(frame: object = RETURNED, **options: object) -> Transactions:
    return Transactions(frame, customer="who", date="when", amount="paid", **options)  # type: ignore[arg-type]


def with_line(who: object, when: object, paid: object) -> pd.DataFrame:
    line = pd.DataFrame([(who, when, paid)], columns=["who", "when", "paid"], dtype=object)
    return pd.concat([RETURNED.astype(object), line], ignore_index=True)


def rows(found: Transactions, **options: object) -> list[tuple[object, ...]]:
    table = found.histories(period=DAY, **options).to_frame()  # type: ignore[arg-type]
    return list(
        table[["customer_id", "frequency", "recency", "T", "monetary_value", "spend"]].itertuples(
            index=False, name=None
        )
    )


def test_net_returns() -> None:
    """A day netted to zero is no purchase even when the floats leave a residue; a later return lowers the total."""
    assert rows(log()) == [("A", 1, 4, 10, 15.0, 21.0), ("B", 0, 0, 8, 0.0, 8.0)]
    quality = log().quality()
    assert quality["negative amounts"].count == 4
    assert quality["days netted to zero or less"].count == 3
    assert quality["customers without a purchase day"].count == 1


def test_ignored_returns() -> None:
    assert rows(log(returns="ignore")) == [("A", 2, 8, 10, 25.15, 60.3), ("B", 0, 0, 8, 0.0, 8.0)]
    assert log(returns="ignore").quality()["negative amounts"].done == "left out"


def test_free_orders_count_on_request() -> None:
    assert rows(log(free_orders="count"))[1] == ("B", 1, 1, 9, 8.0, 8.0)
    assert log().quality()["free days"].count == 1


def test_every_line_is_accounted_for() -> None:
    frame = pd.concat(
        [with_line(None, "2024-01-01", 1.0), with_line("D", "soon", 1.0), with_line("D", "2024-01-04", "two")]
    )
    quality = log(frame).quality()
    parts = ["lines used", "without customer id", "date unreadable", "amount unreadable"]
    assert sum(quality[part].count for part in parts) == quality.rows == len(frame)
    days = ["purchase days", "days netted to zero or less", "free days", "same-day lines"]
    assert sum(quality[part].count for part in days) == quality.used


def test_counts_only() -> None:
    found = Transactions(RETURNED, customer="who", date="when")
    histories = found.histories(period=DAY)
    assert histories.frequency.tolist() == [3, 1, 0]
    assert np.isnan(histories.monetary_value).all()
    assert np.isnan(found.purchase_days().to_pyarrow()["amount"].to_numpy()).all()


def test_margin_quantity_and_segment() -> None:
    frame = RETURNED.assign(units=2, gain=1.5, kind=["old", "mid", "mid", "x", "y", "z", "new", "b", "b", "c"])
    found = log(frame, quantity="units", margin="gain", segment="kind")
    histories = found.histories(period=DAY)
    assert histories.margin.tolist() == [10.5, 3.0]
    assert histories.segment.tolist() == ["new", "b"]
    assert found.quality()["customers in several segments"].count == 1
    assert found.totals()["margin"].tolist() == [10.5, 3.0, 1.5]
    assert found.purchase_days().to_pyarrow()["quantity"].to_pylist().count(4) == 1
    assert log(frame, segment="kind").split("2024-01-09").calibration.histories(period=DAY).segment.tolist() == [
        "z",
        "b",
    ]


def test_totals_tell_what_each_customer_did() -> None:
    table = log().totals()
    assert table.to_dict("list") == {"customer_id": ["A", "B", "C"], "purchases": [2, 1, 0], "spend": [21.0, 8.0, -1.0]}
    assert log().totals(until="2024-01-01").to_dict("list") == {"customer_id": ["A"], "purchases": [1], "spend": [10.0]}


def test_daily_knows_who_bought_before_the_split() -> None:
    holdout = log().split("2024-01-02").holdout.daily()
    dates = [str(date.date()) for date in holdout["date"]]
    assert dates == ["2024-01-03", "2024-01-05", "2024-01-09", "2024-01-11"]
    assert holdout["purchases"].tolist() == [1, 1, 0, 0]
    assert holdout["first_purchases"].tolist() == [1, 0, 0, 0]
    assert holdout["amount"].tolist() == [7.0, 15.0, 0.0, -4.0]


@pytest.mark.parametrize(
    "date",
    [
        "2024-01-05",
        datetime.date(2024, 1, 5),
        datetime.datetime(2024, 1, 5, 9),
        pd.Timestamp("2024-01-05"),
        np.datetime64("2024-01-05"),
    ],
)
def test_split_takes_dates_as_they_come(date: object) -> None:
    calibration, holdout = log().split(date)  # type: ignore[arg-type]
    assert (calibration.until, calibration.after) == (datetime.date(2024, 1, 5), None)
    assert (holdout.until, holdout.after) == (datetime.date(2024, 1, 11), datetime.date(2024, 1, 5))
    assert calibration.quality().rows + holdout.quality().rows == len(RETURNED)


def test_split_on_a_day_without_purchases_observes_until_then() -> None:
    calibration = log().split("2024-01-07").calibration
    assert calibration.quality().last == datetime.date(2024, 1, 5)
    assert calibration.histories(period=DAY).T.tolist() == [6, 4]
    again = calibration.split("2024-01-03")
    assert (again.holdout.after, again.holdout.until) == (datetime.date(2024, 1, 3), datetime.date(2024, 1, 7))


@pytest.mark.parametrize("date", ["2023-12-31", "2024-01-11", "2030-01-01"])
def test_split_outside_the_log(date: str) -> None:
    with pytest.raises(TransactionError, match="runs from 2024-01-01 to 2024-01-11"):
        log().split(date)


@pytest.mark.parametrize("date", ["soon", "30.09.1997", 19970930, None, pd.NaT])
def test_a_date_that_is_none(date: object) -> None:
    with pytest.raises(TransactionError, match=r"is not a date\. Write it as"):
        log().split(date)  # type: ignore[arg-type]


def test_until_later_and_earlier() -> None:
    assert rows(log(), until="2024-02-01")[0] == ("A", 1, 4, 31, 15.0, 21.0)
    assert rows(log(), until="2024-01-01") == [("A", 0, 0, 0, 0.0, 10.0)]
    with pytest.raises(
        TransactionError, match=r"until=2023-01-01 is before the log's first date: it runs from 2024-01-01"
    ):
        log().histories(period=DAY, until="2023-01-01")


def test_a_period_is_a_unit() -> None:
    with pytest.raises(UnitError, match="not a period"):
        log().histories(period="week")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            with_line("D", "03/04/2024", 1.0),
            r"'when' is not a date in 1 row: customer D \('03/04/2024'\).*1997-09-30.*invalid='leave_out'",
        ),
        (with_line("D", None, 1.0), r"'when' is not a date in 1 row: customer D \(None\)"),
        (with_line("D", "2024-02-30", 1.0), r"'when' is not a date in 1 row"),
        (
            with_line("D", "2024-01-04", "two"),
            r"'paid' is not a finite number in 1 row: customer D \('two'\).*invalid='leave_out'",
        ),
        (with_line("D", "2024-01-04", None), r"'paid' is not a finite number in 1 row"),
        (with_line("D", "2024-01-04", float("inf")), r"'paid' is not a finite number in 1 row: customer D \(inf\)"),
    ],
)
def test_lines_that_cannot_be_used(frame: pd.DataFrame, message: str) -> None:
    strict, lenient = log(frame), log(frame, invalid="leave_out")
    for result in (
        strict.totals,
        strict.purchase_days,
        strict.lines,
        strict.daily,
        lambda: strict.histories(period=DAY),
    ):
        with pytest.raises(TransactionError, match=message):
            result()
    assert strict.quality().used == len(RETURNED)
    assert rows(lenient) == rows(log())


def test_many_offenders_are_counted_and_few_are_shown() -> None:
    frame = pd.DataFrame({"who": [f"C{i}" for i in range(1000)], "when": "never", "paid": 1.0})
    with pytest.raises(TransactionError, match=r"in 1,000 rows: customer C0 .* and 995 more"):
        log(frame).totals()


def test_unreadable_margins() -> None:
    frame = RETURNED.assign(gain=[None, *[1.0] * 9])
    with pytest.raises(TransactionError, match="'gain' is not a finite number in 1 row"):
        log(frame, margin="gain").totals()
    assert log(frame, margin="gain", invalid="leave_out").totals()["margin"].tolist() == [6.0, 2.0, 1.0]


@pytest.mark.parametrize("missing", [None, "", "  ", float("nan")])
def test_lines_without_a_customer_warn_once(missing: object) -> None:
    found = log(with_line(missing, "2024-01-04", 5.0))
    with pytest.warns(DataWarning, match="1 of 11 lines have no customer in 'who'"):
        found.totals()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found.totals()
        found.split("2024-01-05").calibration.totals()
        assert rows(log(with_line(missing, "2024-01-04", 5.0), invalid="leave_out")) == rows(log())
    assert found.quality()["without customer id"].count == 1


def test_numeric_ids_with_gaps() -> None:
    frame = pd.DataFrame({"who": [1.0, float("nan"), 2.0], "when": "2024-01-01", "paid": 1.0})
    assert len(log(frame, invalid="leave_out").totals()) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"customer": "cust"}, r"no column 'cust' \(asked for as customer=\). The columns are: who, when, paid"),
        ({"date": "day"}, r"no column 'day' \(asked for as date=\)"),
        ({"amount": "price"}, r"no column 'price' \(asked for as amount=\)"),
        ({"segment": "kind"}, r"no column 'kind' \(asked for as segment=\)"),
        ({"currency": "curency"}, r"no column 'curency' \(asked for as currency=\).*capital letters"),
        ({"returns": "drop"}, r"returns='drop' is not known. Write 'net' or 'ignore'"),
        ({"invalid": "ignore"}, r"Write 'error' or 'leave_out'"),
        ({"free_orders": True}, r"Write 'leave_out' or 'count'"),
        ({"timezone": "Mars/Base"}, r"timezone='Mars/Base' is not a time zone.*Europe/Berlin"),
    ],
)
def test_what_the_constructor_refuses(options: dict[str, str], message: str) -> None:
    with pytest.raises(TransactionError, match=message):
        Transactions(RETURNED, **({"customer": "who", "date": "when", "amount": "paid"} | options))  # type: ignore[arg-type]


def test_columns_of_the_wrong_type() -> None:
    frame = RETURNED.assign(day=pd.to_datetime(RETURNED["when"]), flag=True)
    with pytest.raises(TransactionError, match=r"'day' \(asked for as amount=\) holds timestamp.*not numbers"):
        Transactions(frame, customer="who", date="when", amount="day")
    with pytest.raises(TransactionError, match=r"'flag' \(asked for as date=\) holds boolean, not dates"):
        Transactions(frame, customer="who", date="flag")


def test_empty_log() -> None:
    empty = log(RETURNED.iloc[:0])
    assert empty.quality().rows == 0
    assert "0 lines of 0 customers" in repr(empty)
    for result in (empty.totals, lambda: empty.until, lambda: empty.split("2024-01-01")):
        with pytest.raises(TransactionError, match="no usable line among 0 rows"):
            result()


def test_currency() -> None:
    assert log(currency="GBP").histories(period=WEEK).currency == "GBP"
    assert log(RETURNED.assign(money="EUR"), currency="money").currency == "EUR"
    mixed = log(RETURNED.assign(money=["EUR"] * 7 + ["USD"] * 2 + [None]), currency="money")
    with pytest.raises(TransactionError, match=r"'money' holds several currencies, by rows: EUR 7, USD 2, \(none\) 1"):
        mixed.totals()
    assert "error" in mixed.quality()["without currency"].done


NIGHT = ["2024-01-01 23:30:00+00:00", "2024-01-03 12:00:00+00:00"]


def days_of(frame: object, **options: object) -> list[str]:
    found = log(frame, **options).purchase_days().order_by("date").to_pyarrow()
    return [str(date) for date in found["date"].to_pylist()]


def nights(when: object) -> pd.DataFrame:
    return pd.DataFrame({"who": "A", "when": when, "paid": 1.0})


def test_instants_count_by_their_day_in_the_zone() -> None:
    utc = nights(pd.to_datetime(NIGHT))
    berlin = utc.assign(when=utc["when"].dt.tz_convert("Europe/Berlin"))
    assert days_of(utc) == ["2024-01-01", "2024-01-03"]
    assert days_of(utc, timezone="Europe/Berlin") == ["2024-01-02", "2024-01-03"]
    assert days_of(utc, timezone="+02:00") == ["2024-01-02", "2024-01-03"]
    assert days_of(berlin) == ["2024-01-02", "2024-01-03"]
    assert days_of(berlin, timezone="UTC") == ["2024-01-01", "2024-01-03"]
    assert "their day in Europe/Berlin" in log(berlin).quality()["time zone"].done


def test_zone_of_every_source(tmp_path: Path) -> None:
    """The same instants give the same days from every source that can say its zone."""
    berlin = nights(pd.to_datetime(NIGHT).tz_convert("Europe/Berlin"))
    berlin.to_parquet(tmp_path / "log.parquet")
    for source in (tmp_path / "log.parquet", pa.Table.from_pandas(berlin), pl.from_pandas(berlin)):
        assert days_of(source) == ["2024-01-02", "2024-01-03"]


def test_texts_with_offsets() -> None:
    assert days_of(nights(NIGHT)) == ["2024-01-01", "2024-01-03"]
    assert days_of(nights(NIGHT), timezone="Europe/Berlin") == ["2024-01-02", "2024-01-03"]
    mixed = nights(["2024-01-01T23:30:00Z", "2024-01-03T12:00:00+02:00"])
    with pytest.raises(
        TransactionError, match=r"'when' mixes time zones, by rows: \+02:00 1, Z 1.*timezone='Europe/Berlin'"
    ):
        log(mixed).totals()
    assert days_of(mixed, timezone="UTC") == ["2024-01-01", "2024-01-03"]


def test_objects_of_several_zones() -> None:
    when = [pd.Timestamp(NIGHT[0]), pd.Timestamp("2024-01-03", tz="Europe/Berlin")]
    mixed = nights(pd.Series(when, dtype=object))
    with pytest.raises(TransactionError, match="mixes time zones"):
        log(mixed).totals()
    assert days_of(mixed, timezone="Europe/Berlin") == ["2024-01-02", "2024-01-03"]


@pytest.mark.parametrize(
    "when",
    [
        "20240102",
        "2024-01-02",
        "2024/01/02",
        "2024-01-02 10:11",
        "2024-01-02T10:11:12.5",
        " 2024-01-02 ",
        20240102,
        20240102.0,
    ],
)
def test_ways_to_write_a_day(when: object) -> None:
    assert days_of(nights([when])) == ["2024-01-02"]


def test_display() -> None:
    found = log(with_line("D", "soon", 1.0))
    dates = "2024-01-01 to 2024-01-11, currency not given"
    assert repr(found) == f"Transactions: 11 lines of 3 customers, {dates}, 1 not usable (see quality())"
    assert found._repr_html_().startswith("<p><b>Transactions</b>")
    quality = found.quality()
    assert "date unreadable" in repr(quality)
    assert "<table>" in quality._repr_html_()
    assert list(quality.to_frame().columns) == ["finding", "count", "share", "of", "done"]
