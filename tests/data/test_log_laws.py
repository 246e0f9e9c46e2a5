"""Laws of a log: where it comes from and in which order its rows stand makes no difference."""

from __future__ import annotations

import datetime
from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clvmodels.data.histories import Histories
from clvmodels.data.transactions import Transactions
from clvmodels.units import DAY, WEEK


def simulated(customers: int = 40, lines: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 200, lines), unit="D")
    return pd.DataFrame(
        {"who": rng.integers(0, customers, lines), "when": days, "paid": np.round(rng.normal(20, 15, lines), 2)}
    )


FRAME = simulated()


def histories(source: object, **options: object) -> Histories:
    return Transactions(source, customer="who", date="when", amount="paid", **options).histories(period=WEEK)  # type: ignore[arg-type]


def same(one: Histories, other: Histories) -> None:
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame(), check_exact=True)


def as_csv(folder: Path) -> object:
    FRAME.to_csv(folder / "log.csv", index=False)
    return folder / "log.csv"


def as_csv_glob(folder: Path) -> object:
    FRAME.iloc[:100].to_csv(folder / "a.csv", index=False)
    FRAME.iloc[100:].to_csv(folder / "b.csv", index=False)
    return str(folder / "*.csv")


def as_parquet(folder: Path) -> object:
    FRAME.to_parquet(folder / "log.parquet")
    return str(folder / "log.parquet")


def as_parquet_folder(folder: Path) -> object:
    FRAME.to_parquet(folder / "part.parquet")
    return folder


def as_ibis(folder: Path) -> object:
    connection = ibis.duckdb.connect()
    connection.con.execute(f"CREATE TABLE log AS FROM read_parquet('{as_parquet(folder)}')")
    return connection.table("log")


SOURCES = {
    "csv": as_csv,
    "csv glob": as_csv_glob,
    "parquet": as_parquet,
    "folder": as_parquet_folder,
    "polars": lambda _: pl.from_pandas(FRAME),
    "lazy": lambda _: pl.from_pandas(FRAME).lazy(),
    "arrow": lambda _: pa.Table.from_pandas(FRAME),
    "batch": lambda _: pa.RecordBatch.from_pandas(FRAME),
    "reader": lambda _: pa.Table.from_pandas(FRAME).to_reader(),
    "categorical": lambda _: FRAME.astype({"paid": str}).astype({"paid": "category"}),
}


@pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
@pytest.mark.parametrize("way", [*SOURCES.values(), as_ibis], ids=[*SOURCES, "ibis"])
def test_same_from_every_source(way: object, tmp_path: Path) -> None:
    same(histories(way(tmp_path)), histories(FRAME))  # type: ignore[operator]


@given(st.randoms(use_true_random=False))
@settings(max_examples=10, deadline=None)
def test_row_order_is_irrelevant(random: object) -> None:
    order = list(range(len(FRAME)))
    random.shuffle(order)  # type: ignore[attr-defined]
    shuffled = FRAME.iloc[order]
    same(histories(shuffled), histories(FRAME))
    assert histories(shuffled).fingerprint() == histories(FRAME).fingerprint()


def test_days_and_weeks_differ_only_in_unit() -> None:
    log = Transactions(FRAME, customer="who", date="when", amount="paid")
    days, weeks = log.histories(period=DAY), log.histories(period=WEEK)
    same(days.to(WEEK), weeks)
    same(weeks.to(DAY), days)
    assert days.fingerprint() == weeks.fingerprint()


def by_hand(lines: pd.DataFrame, until: datetime.date, free: bool) -> dict[int, tuple[float, ...]]:
    """The definition, customer by customer in plain Python with exact whole amounts."""
    found = {}
    for who, mine in lines.groupby("who"):
        nets, free_days = (
            mine.groupby("when")["paid"].sum(),
            mine.groupby("when")["paid"].apply(lambda paid: (paid == 0).all()),
        )
        bought = [day for day in nets.index if nets[day] > 0 or (free and free_days[day])]
        if bought:
            repeats = [nets[day] for day in bought[1:]]
            mean = sum(repeats) / len(repeats) if repeats else 0.0
            first, last = bought[0], bought[-1]
            found[who] = (len(repeats), (last - first).days, (until - first).days, mean, nets.sum())
    return found


LINE = st.tuples(st.integers(1, 4), st.integers(0, 8), st.integers(-3, 5))


@given(st.lists(LINE, min_size=1, max_size=40), st.booleans())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_histories_agree_with_the_definition(drawn: list[tuple[int, int, int]], free: bool) -> None:
    drawn = [*drawn, (9, 0, 1)]  # one certain purchase: a log without any has no histories
    start = datetime.date(2024, 2, 25)
    lines = pd.DataFrame(
        [(who, start + datetime.timedelta(day), float(paid)) for who, day, paid in drawn],
        columns=["who", "when", "paid"],
    )
    options = {"free_orders": "count" if free else "leave_out"}
    found = Transactions(lines, customer="who", date="when", amount="paid", **options).histories(period=DAY)  # type: ignore[arg-type]
    rows = zip(found.frequency, found.recency, found.T, found.monetary_value, found.spend, strict=True)
    expected = by_hand(lines, lines["when"].max(), free)
    assert dict(zip(found.customer_id.tolist(), rows, strict=True)) == {
        who: pytest.approx(row) for who, row in expected.items()
    }


def test_lines_of_a_split_add_up() -> None:
    log = Transactions(FRAME, customer="who", date="when", amount="paid")
    whole, parts = log.daily(), [part.daily() for part in log.split("2024-03-31")]
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Spark and its gateway warn of their own affairs
def test_same_on_spark(tmp_path: Path) -> None:
    from pyspark.sql import SparkSession

    FRAME.assign(kind="a").to_parquet(tmp_path / "log.parquet", coerce_timestamps="us")
    options = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", "spark.ui.enabled": "false"}
    builder = SparkSession.builder.master("local[2]")
    for key, value in options.items():
        builder = builder.config(key, value)
    session = builder.config("spark.sql.shuffle.partitions", "2").getOrCreate()
    try:
        table = ibis.pyspark.connect(session).read_parquet(str(tmp_path / "log.parquet"))
        log = Transactions(table, customer="who", date="when", amount="paid", segment="kind", free_orders="count")
        here = Transactions(
            FRAME.assign(kind="a"), customer="who", date="when", amount="paid", segment="kind", free_orders="count"
        )
        same(log.histories(period=WEEK, intervals=True), here.histories(period=WEEK, intervals=True))
        pd.testing.assert_frame_equal(log.daily(), here.daily(), check_dtype=False)
        assert log.quality().to_frame()["count"].tolist() == here.quality().to_frame()["count"].tolist()
    finally:
        session.stop()
