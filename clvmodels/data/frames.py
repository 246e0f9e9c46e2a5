"""Columns and ids of tables with one row per customer, whatever library made them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import SHOWN, HistoryError, missing_column

HASH_STEP = np.uint64(1099511628211)
"""Prime of the FNV hash, which mixes the hashes of columns."""


def frozen(column: NDArray[Any]) -> NDArray[Any]:
    """A read-only view; the caller's own array stays writable."""
    view = column.view()
    view.flags.writeable = False
    return view


def labels(values: Any) -> NDArray[Any]:
    """Ids or labels as an array; texts as objects, which pandas and hashing take as they are."""
    array = np.asarray(values)
    return array.astype(object) if array.dtype.kind in "US" else array


def column_names(table: Any) -> list[str]:
    """Names of the columns of a pandas, polars or Arrow table."""
    return [str(name) for name in getattr(table, "column_names", getattr(table, "columns", ()))]


def require(name: str, role: str, names: Sequence[str]) -> None:
    """Raise a `HistoryError` if a column is not there; `role` is the argument that asked for it."""
    if name not in names:
        raise HistoryError(missing_column(name, role=role, available=names))


def values(table: Any, name: str) -> NDArray[Any]:
    """A column as an array."""
    return np.asarray(table[name].to_numpy())


def ids(table: Any, customer: str, names: Sequence[str]) -> NDArray[Any]:
    """The customers' ids: the column, or the index of a pandas frame where the column is missing."""
    index = getattr(table, "index", None)
    if customer not in names and index is not None and customer in ("customer_id", index.name):
        return labels(index.to_numpy())
    require(customer, "customer", names)
    return labels(values(table, customer))


def rows_of_customers(wanted: NDArray[Any], known: NDArray[Any], *, where: str, remedy: str) -> NDArray[np.intp]:
    """Where each of the wanted ids is among the known ones; a `HistoryError` lists those that are not, or not once."""
    import pandas as pd

    index = pd.Index(known)
    if not index.is_unique:
        twice = index[index.duplicated()].unique()
        raise HistoryError(
            f"{len(twice):,} customers are in {where} more than once: {_first(twice)}. Keep one row per customer."
        )
    rows = np.asarray(index.get_indexer(pd.Index(wanted)), dtype=np.intp)
    unknown = wanted[rows < 0]
    if len(unknown):
        raise HistoryError(f"{len(unknown):,} of the customers are not in {where}: {_first(unknown)}. {remedy}")
    return rows


def _first(found: Sequence[object] | Any) -> str:
    return ", ".join(str(one) for one in found[:SHOWN])


def fingerprint(customer_id: NDArray[Any], numbers: Iterable[NDArray[Any]], labels: Iterable[NDArray[Any]]) -> str:
    """Sixteen hexadecimal digits of what customers' ids and columns hold, whatever the order of the rows.

    Numbers count to a millionth.
    """
    import pandas as pd

    mixed = pd.util.hash_array(customer_id, categorize=False)
    for column in numbers:
        rounded = np.round(column, 6) + 0.0
        mixed = mixed * HASH_STEP ^ pd.util.hash_array(np.where(np.isnan(rounded), np.nan, rounded))
    for column in labels:
        mixed = mixed * HASH_STEP ^ pd.util.hash_array(column, categorize=False)
    return hashlib.sha256(np.sort(mixed).tobytes()).hexdigest()[:16]
