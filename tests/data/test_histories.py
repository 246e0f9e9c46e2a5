"""Histories: rules on the way in, units, distinct rows, selection."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from clvmodels.data.histories import Histories
from clvmodels.errors import HistoryError, UnitError
from clvmodels.units import DAY, MONTH, WEEK, YEAR

TABLE = pd.DataFrame(
    {
        "customer_id": ["A", "B", "C"],
        "frequency": [2, 0, 1],
        "recency": [30.43, 0.0, 1.0],
        "T": [38.86, 38.86, 1.0],
        "monetary_value": [22.35, 0.0, 5.0],
    }
)


@pytest.mark.parametrize(
    "convert",
    [
        lambda f: f,
        pl.from_pandas,
        lambda f: pl.from_pandas(f).lazy(),
        pa.Table.from_pandas,
        lambda f: f.set_index("customer_id"),
        lambda f: f.convert_dtypes(),
    ],
    ids=["pandas", "polars", "lazy", "arrow", "index", "nullable"],
)
def test_from_every_frame(convert: object) -> None:
    found = Histories.from_frame(convert(TABLE), period=WEEK)  # type: ignore[operator]
    assert found.customer_id.tolist() == ["A", "B", "C"]
    assert found.recency.tolist() == [30.43, 0.0, 1.0]
    assert found.monetary_value.tolist() == [22.35, 0.0, 5.0]


def test_lifetimes_and_pymc_marketing_columns() -> None:
    """lifetimes: ids as a named index, no amounts; pymc-marketing: a column customer_id."""
    lifetimes = TABLE.drop(columns=["customer_id", "monetary_value"]).rename_axis("id")
    assert np.isnan(Histories.from_frame(lifetimes, period=WEEK).monetary_value).all()
    renamed = TABLE.rename(columns={"customer_id": "who", "T": "age"})
    assert len(Histories.from_frame(renamed, period=WEEK, customer="who", T="age")) == 3


def test_extra_columns_are_picked_up() -> None:
    found = Histories.from_frame(TABLE.assign(spend=1.0, segment="x"), period=WEEK, currency="EUR")
    assert list(found.to_frame()) == [*TABLE.columns, "spend", "segment"]
    with pytest.raises(HistoryError, match=r"no column 'sum' \(asked for as spend=\)"):
        Histories.from_frame(TABLE, period=WEEK, spend="sum")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frequency": [2, -1, 1]}, r"'frequency' is not a whole number from 0 in 1 row: customer B \(-1.0\)"),
        (
            {"frequency": [2, 0, 1.5]},
            r"'frequency' is not a whole number from 0 in 1 row: customer C \(1.5\).*subtract one",
        ),
        ({"recency": [40, 0, 9]}, r"'recency' is after T in 2 rows: customer A \(40.0\), customer C \(9.0\)"),
        ({"recency": [-1, 0, 1]}, r"'recency' is negative"),
        ({"recency": [1, 3, 1]}, r"'recency' is above 0 where frequency is 0 in 1 row: customer B \(3.0\)"),
        ({"recency": [1, 0, 0]}, r"'recency' is 0 where frequency is above 0 in 1 row: customer C"),
        ({"T": [38, -1, 1]}, r"'T' is negative in 1 row: customer B"),
        ({"T": [38, np.nan, 1]}, r"'T' is missing or infinite in 1 row: customer B \(nan\)"),
        ({"T": [38, np.inf, 1]}, r"'T' is missing or infinite"),
        (
            {"monetary_value": [-1, 0, 1]},
            r"'monetary_value' is negative or infinite in 1 row: customer A \(-1.0\).*NaN where it is not known",
        ),
        (
            {"customer_id": ["A", "B", "A"]},
            r"'customer_id' is there more than once in 2 rows: row 0 \(A\), row 2 \(A\).*one row per customer",
        ),
        ({"customer_id": ["A", None, "C"]}, r"'customer_id' is missing in 1 row: row 1"),
        ({"frequency": ["2", "none", "1"]}, r"'frequency' holds something else than numbers"),
    ],
)
def test_what_contradicts_itself(change: dict[str, list[object]], message: str) -> None:
    with pytest.raises(HistoryError, match=message):
        Histories.from_frame(TABLE.assign(**change), period=WEEK)


def test_shapes_and_units() -> None:
    with pytest.raises(HistoryError, match="There are no customers"):
        Histories.from_frame(TABLE.iloc[:0], period=WEEK)
    with pytest.raises(HistoryError, match=r"'T' has shape \(1,\) for 2 customers"):
        Histories([1, 2], [0, 0], [0, 0], [1], [0, 0], period=WEEK)
    with pytest.raises(UnitError):
        Histories.from_frame(TABLE, period=7)  # type: ignore[arg-type]
    with pytest.raises(HistoryError, match=r"no column 'T'.*The columns are: customer_id, frequency"):
        Histories.from_frame(TABLE.drop(columns="T"), period=WEEK)


def test_nothing_changes_the_arrays() -> None:
    mine = np.array([2.0, 0.0])
    found = Histories(["A", "B"], mine, [1, 0], [2, 2], [1, 0], period=WEEK)
    with pytest.raises(ValueError, match="read-only"):
        found.frequency[0] = 3
    mine[1] = 0.0


@st.composite
def rows(draw: st.DrawFn) -> Histories:
    size = draw(st.integers(1, 30))
    frequency = np.array(draw(st.lists(st.integers(0, 3), min_size=size, max_size=size)), dtype=float)
    recency = np.where(frequency > 0, frequency * draw(st.integers(1, 3)), 0.0)
    age = recency + np.array(draw(st.lists(st.integers(0, 2), min_size=size, max_size=size)))
    return Histories(np.arange(size), frequency, recency, age, np.where(frequency > 1, np.nan, frequency), period=DAY)


@given(rows(), st.permutations(["frequency", "recency", "T", "monetary_value"]), st.integers(1, 4))
@settings(deadline=None)
def test_distinct_rows_rebuild_all(histories: Histories, columns: list[str], number: int) -> None:
    found = histories.unique(columns[:number])
    table = np.stack(found.values, axis=1)
    np.testing.assert_array_equal(
        table[found.inverse], np.stack([getattr(histories, name) for name in columns[:number]], axis=1)
    )
    expected = np.unique(
        np.stack([getattr(histories, name) for name in columns[:number]], axis=1), axis=0, equal_nan=True
    )
    assert sorted_rows(table) == sorted_rows(expected) if np.isnan(table).any() else table.tolist() == expected.tolist()
    assert found.counts.sum() == len(histories)
    np.testing.assert_array_equal(found.counts, np.bincount(found.inverse))


def sorted_rows(table: NDArray[np.float64]) -> set[str]:
    return {str(row) for row in table.tolist()}


@given(
    rows(),
    st.sampled_from([DAY, WEEK, MONTH, YEAR]),
    st.sampled_from([DAY, WEEK, MONTH, YEAR]),
    st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_unit_and_order_change_nothing_else(histories: Histories, one: object, other: object, random: object) -> None:
    there_and_back = histories.to(one).to(other).to(DAY)  # type: ignore[arg-type]
    np.testing.assert_array_equal(there_and_back.recency, histories.recency)
    np.testing.assert_array_equal(there_and_back.T, histories.T)
    order = list(range(len(histories)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert there_and_back.select(order).fingerprint() == histories.fingerprint()


def test_fingerprint_tells_data_apart() -> None:
    original = Histories.from_frame(TABLE, period=WEEK)
    assert original.fingerprint() == Histories.from_frame(TABLE.iloc[::-1], period=WEEK).fingerprint()
    changes: list[dict[str, list[object]]] = [
        {"customer_id": ["A", "B", "D"]},
        {"frequency": [3, 0, 1]},
        {"monetary_value": [22.36, 0, 5]},
    ]
    prints = {Histories.from_frame(TABLE.assign(**change), period=WEEK).fingerprint() for change in changes}
    assert len(prints | {original.fingerprint(), Histories.from_frame(TABLE, period=DAY).fingerprint()}) == 5


def test_select() -> None:
    found = Histories.from_frame(TABLE, period=WEEK)
    assert found.select(["C", "A"]).frequency.tolist() == [1, 2]
    assert found.select(found.frequency > 0).customer_id.tolist() == ["A", "C"]
    with pytest.raises(HistoryError, match="1 of the customers are not in these histories: Z"):
        found.select(["A", "Z"])
    with pytest.raises(HistoryError, match="No customer is selected"):
        found.select(found.frequency > 9)
    with pytest.raises(HistoryError, match=r"shape \(2,\) for 3 customers"):
        found.select(np.array([True, False]))
    with pytest.raises(HistoryError, match="more than once"):
        found.select(["A", "A"])


def test_display() -> None:
    found = Histories.from_frame(TABLE, period=WEEK, currency="EUR")
    assert (
        repr(found) == "Histories: 3 customers, 2 with repeat purchases, mean frequency 1.00, mean T 26.24 weeks, EUR"
    )
    assert "<table" in found._repr_html_()
