"""Any table-like thing as an Ibis table: a CSV or Parquet path or glob, a pandas, polars or Arrow table, an Ibis table.

Everything but an Ibis table is read by one embedded DuckDB, so tables from different sources can be joined. Its session
runs in UTC: the same data give the same days on every machine. The connection is not meant for several threads at once.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import itertools
import warnings
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clvmodels.errors import TransactionError
from clvmodels.progress import watched

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd
    import pyarrow as pa
    from ibis.backends.duckdb import Backend

CSV = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz")
PARQUET = (".parquet", ".pq")
WHOLE = r"^-?(0|[1-9][0-9]{0,17})$"
DECIMAL = r"^-?([0-9]+|[0-9]*\.[0-9]+|[0-9]+\.)$"
KINDS = "a CSV or Parquet path or glob, a pandas or polars frame, an Arrow table, an Ibis table"

_names = (f"clvmodels_{number}" for number in itertools.count())


@functools.cache
def duckdb() -> Backend:
    """The embedded DuckDB connection of this process, with its time zone set to UTC.

    One thread more than it would take by itself keeps all cores busy while one waits for memory: a sixth faster on two cores.
    Where somebody watches it shows its own bar for queries of more than two seconds.
    """
    import duckdb as engine
    import ibis

    connection = ibis.duckdb.connect()
    [(threads,)] = connection.con.sql("SELECT current_setting('threads')").fetchall()
    for setting in ("TimeZone = 'UTC'", "preserve_insertion_order = false", f"threads = {threads + 1}"):
        connection.con.execute(f"SET {setting}")
    with contextlib.suppress(
        engine.Error
    ):  # in a notebook without widgets there is no bar to switch, and DuckDB says so
        connection.con.execute(f"SET enable_progress_bar = {watched()}")
    return connection


def as_table(source: object) -> ir.Table:
    """The Ibis table meant by `source`.

    Parameters
    ----------
    source
        A path or glob of CSV (`.csv`, `.tsv`, `.txt`; the first two also gzipped) or Parquet (`.parquet`, `.pq`, or a
        folder of them), a pandas DataFrame, a polars DataFrame or LazyFrame, a pyarrow Table, RecordBatch or
        RecordBatchReader, or an Ibis table, which is returned as it is and stays on its own backend.

    Returns
    -------
    ibis Table
        In a CSV file a column is a number only if all of its values are (the file is read once to know), and whole
        numbers with leading zeros stay text, so that the ids '0012' and '12' remain two. Dates stay text, since
        guessing could swap day and month.

    Raises
    ------
    TransactionError
        The path does not exist, the glob matches nothing, the extension or the type is not known.

    Examples
    --------
    >>> import pandas as pd
    >>> as_table(pd.DataFrame({"customer": ["A", "B"]})).columns
    ('customer',)
    """
    import ibis.expr.types as ir

    if isinstance(source, ir.Table):
        return source
    with _calling_deprecated():
        return _from_path(str(source)) if isinstance(source, str | Path) else _register(_to_arrow(source))


def fetch(table: ir.Table) -> pa.Table:
    """The rows of an expression; asked of the embedded DuckDB directly, since Ibis would import pandas first (0.5 s)."""
    import ibis

    if table.get_backend() is not duckdb():
        return table.to_pyarrow()
    found = duckdb().con.sql(str(ibis.to_sql(table, dialect="duckdb"))).to_arrow_table()
    return found.cast(table.schema().to_pyarrow())


def kept(expression: ir.Table) -> ir.Table:
    """The rows of an expression computed once, as a temporary table of its backend until the last expression over it is gone.

    (Ibis' own `cache` also drops its tables while Python shuts down, when SQL can no longer be built, and prints the failure.)
    """
    return _temporary(expression.get_backend(), expression)


def beside(expression: ir.Table, rows: pa.Table) -> ir.Table:
    """Rows as a temporary table of the backend of an expression, to be joined with it."""
    import ibis

    return _temporary(expression.get_backend(), ibis.memtable(rows))


def _temporary(backend: Any, rows: ir.Table) -> ir.Table:
    name = next(_names)
    with _calling_deprecated():
        table: ir.Table = backend.create_table(name, obj=rows, temp=True)
    weakref.finalize(table.op(), backend.raw_sql, f"DROP TABLE IF EXISTS {name}").atexit = False
    return table


@contextlib.contextmanager
def _calling_deprecated() -> Iterator[None]:
    """Ibis 12 calls `fetch_arrow_table` when it makes a table, which DuckDB 2 deprecates."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="fetch_arrow_table", category=DeprecationWarning)
        yield


def own_zone(source: Any, column: str) -> str | None:
    """The time zone that a date column of `source` names itself, or None where it has none or cannot say."""
    if isinstance(source, str | Path):
        return _parquet_zone(str(source), column)
    schema: Any = getattr(source, "schema", None)
    if hasattr(schema, "field"):  # Arrow
        return getattr(schema.field(column).type, "tz", None)
    if hasattr(source, "collect_schema"):  # polars
        return getattr(source.collect_schema()[column], "time_zone", None)
    if hasattr(source, "dtypes"):  # pandas
        zone = getattr(source.dtypes[column], "tz", None)
        return None if zone is None else _zone_name(zone)
    return getattr(as_table(source)[column].type(), "timezone", None)


def _zone_name(zone: object) -> str:
    import pyarrow as pa

    return str(pa.lib.tzinfo_to_string(zone))


def _parquet_zone(path: str, column: str) -> str | None:
    import pyarrow.parquet as pq

    files = [] if "://" in path else _files(path)
    if not files or not files[0].lower().endswith(PARQUET):
        return None
    return getattr(pq.read_schema(files[0]).field(column).type, "tz", None)


def _from_path(path: str) -> ir.Table:
    files = [path] if "://" in path else _files(path)
    if all(name.lower().endswith(PARQUET) for name in files):
        return duckdb().read_parquet(files)
    if all(name.lower().endswith(CSV) for name in files):
        return _typed(_read_csv(files))
    raise TransactionError(
        f"'{path}' is neither CSV ({', '.join(CSV)}) nor Parquet ({', '.join(PARQUET)}) by its extension. "
        "Rename the file, or read it yourself and pass the DataFrame."
    )


def _files(path: str) -> list[str]:
    """The files meant by a path, a folder or a glob, sorted."""
    if Path(path).is_dir():
        path = str(Path(path) / "*.parquet")
    elif Path(path).exists():
        return [path]
    files = sorted(glob.glob(path, recursive=True))  # noqa: PTH207 (Path.glob takes no absolute pattern)
    if files:
        return files
    if glob.has_magic(path):
        raise TransactionError(f"No file matches '{path}'. Check the pattern; it is read from '{Path.cwd()}'.")
    raise TransactionError(f"There is no file '{path}'. Check the path; it is read from '{Path.cwd()}'.")


def _read_csv(files: list[str]) -> ir.Table:
    import duckdb as engine

    try:
        return duckdb().read_csv(files, all_varchar=True)
    except engine.Error as error:
        reason = str(error).splitlines()[0]
        raise TransactionError(
            f"'{files[0]}' cannot be read as CSV: {reason}. Check its separator and quotes."
        ) from error


def _typed(text: ir.Table) -> ir.Table:
    """A table of text with the columns that hold only numbers made numbers, judged by all of their values."""
    facts = {f"whole_{i}": text[name].re_search(WHOLE).all() for i, name in enumerate(text.columns)}
    facts |= {f"decimal_{i}": text[name].re_search(DECIMAL).all() for i, name in enumerate(text.columns)}
    [found] = text.aggregate(**facts).to_pyarrow().to_pylist()
    numbers = {
        name: text[name].cast("int64" if found[f"whole_{i}"] else "float64")
        for i, name in enumerate(text.columns)
        if found[f"whole_{i}"] or (found[f"decimal_{i}"] and not _leading_zeros(text, name))
    }
    return text.mutate(**numbers) if numbers else text


def _leading_zeros(text: ir.Table, name: str) -> bool:
    return bool(text[name].re_search(r"^-?0[0-9]").any().to_pyarrow().as_py())


def _to_arrow(source: Any) -> pa.Table:
    import pyarrow as pa

    if isinstance(source, pa.RecordBatchReader):
        return source.read_all()
    if isinstance(source, pa.RecordBatch):
        return pa.Table.from_batches([source])
    if isinstance(source, pa.Table):
        return source
    if type(source).__module__.startswith("polars") and hasattr(source, "lazy"):
        return source.lazy().collect().to_arrow()
    if type(source).__module__.startswith("pandas") and hasattr(source, "columns"):
        return _from_pandas(source)
    raise TransactionError(f"Cannot read a {type(source).__name__} as a table. Pass {KINDS}.")


def _from_pandas(frame: pd.DataFrame) -> pa.Table:
    import pyarrow as pa

    names = [str(name) for name in frame.columns]
    return pa.table([_column(frame.iloc[:, i]) for i in range(len(names))], names=names)


def _column(series: pd.Series) -> pa.Array:
    """A column as Arrow; one of mixed types, or of several time zones, as text, so that its odd values can be named."""
    import pyarrow as pa

    if series.dtype == object and any(getattr(value, "tzinfo", None) for value in series):
        return _as_text(series)
    try:
        return pa.Array.from_pandas(series)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return _as_text(series)


def _as_text(series: pd.Series) -> pa.Array:
    import pyarrow as pa

    return pa.array(
        [None if missing else str(value) for value, missing in zip(series, series.isna(), strict=True)], pa.string()
    )


def _register(table: pa.Table) -> ir.Table:
    """The Arrow table under a name in DuckDB, not copied, until the last expression over it is gone."""
    connection, name = duckdb(), next(_names)
    connection.con.register(name, _plain(table))
    registered = connection.table(name)
    weakref.finalize(registered.op(), connection.con.unregister, name).atexit = False
    return registered


def _plain(table: pa.Table) -> pa.Table:
    """The table with dictionary (categorical) columns written out."""
    import pyarrow as pa

    fields = [pa.field(f.name, f.type.value_type) if pa.types.is_dictionary(f.type) else f for f in table.schema]
    return table.cast(pa.schema(fields)) if fields != list(table.schema) else table
