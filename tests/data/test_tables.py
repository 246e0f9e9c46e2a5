"""Reading tables: what is a number, what stays text, and what is refused."""

from __future__ import annotations

import gc
from pathlib import Path

import pandas as pd
import pytest

from clvmodels.data.tables import as_table, duckdb
from clvmodels.errors import ClvError, TransactionError


def csv(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text)
    return path


def test_csv_types_are_judged_by_all_values(tmp_path: Path) -> None:
    late = "\n".join(["id,zip,price,day,odd", *["1,0012,2,2024-01-01,5"] * 30000, "2,12,2.5,03/04/2024,five"])
    table = as_table(csv(tmp_path, late))
    assert [str(kind) for kind in table.schema().types] == ["int64", "string", "float64", "string", "string"]
    assert table.filter(table.odd == "five").count().to_pyarrow().as_py() == 1


def test_csv_gaps_are_null(tmp_path: Path) -> None:
    table = as_table(csv(tmp_path, "id,price\n1,\n,2\n")).to_pyarrow().to_pydict()
    assert table == {"id": [1, None], "price": [None, 2]} or table == {"id": [None, 1], "price": [2, None]}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere.csv", r"There is no file 'nowhere.csv'. Check the path; it is read from '/"),
        ("nowhere/*.parquet", r"No file matches 'nowhere/\*.parquet'. Check the pattern"),
        (7, r"Cannot read a int as a table. Pass a CSV or Parquet path"),
        ([{"a": 1}], r"Cannot read a list as a table"),
    ],
)
def test_what_is_no_table(source: object, message: str) -> None:
    with pytest.raises(TransactionError, match=message):
        as_table(source)


def test_unknown_extension(tmp_path: Path) -> None:
    path = tmp_path / "log.xlsx"
    path.touch()
    with pytest.raises(TransactionError, match=r"neither CSV .* nor Parquet .* by its extension. Rename the file"):
        as_table(path)


def test_broken_csv(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"a,b\n\xff\xfe\x00,1\n")
    with pytest.raises(TransactionError, match=r"cannot be read as CSV: .* Check its separator and quotes"):
        as_table(path)


def test_sources_can_be_joined(tmp_path: Path) -> None:
    one, other = as_table(pd.DataFrame({"id": [1, 2]})), as_table(csv(tmp_path, "id,x\n1,a\n"))
    assert one.inner_join(other, "id").count().to_pyarrow().as_py() == 1


def test_frames_are_released() -> None:
    def held() -> int:
        return (
            duckdb().con.sql("SELECT count(*) FROM duckdb_views() WHERE view_name LIKE 'clvmodels_%'").fetchall()[0][0]
        )

    gc.collect()
    before = held()
    expression = as_table(pd.DataFrame({"id": range(10)})).count()
    assert held() == before + 1
    assert expression.to_pyarrow().as_py() == 10
    del expression
    gc.collect()
    assert held() == before


def test_missing_sample_package(monkeypatch: pytest.MonkeyPatch) -> None:
    from clvmodels.data import samples

    with pytest.raises(ClvError, match=r"package no-such-package. Install it with: pip install 'clvmodels\[samples\]'"):
        samples._file("no-such-package", "data.csv")
