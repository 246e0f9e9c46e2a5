"""Arrays of any length as columns of one Parquet table: each is filled up with nulls, which take no room in the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from clvmodels.errors import SavedFitError

NUMBERS, TIMES, TEXTS, MIXED = "biuf", "mM", "text", "json"
PLAIN = (str, bool, int, float, type(None))


def as_table(arrays: Mapping[str, NDArray[Any]]) -> tuple[pa.Table, dict[str, Any]]:
    """The arrays as columns, and what it takes to read them back: by name, length and type.

    Raises
    ------
    SavedFitError
        An array holds something else than numbers, truth values, texts and dates.
    """
    size = max((len(values) for values in arrays.values()), default=0)
    kept = {name: _kind(name, values) for name, values in arrays.items()}
    columns = {name: _padded(_encoded(values, kept[name]), size) for name, values in arrays.items()}
    return pa.table(columns), {name: [len(arrays[name]), kind] for name, kind in kept.items()}


def from_table(table: pa.Table, kept: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """The arrays that `as_table` put there, with their types."""
    return {name: _decoded(table[name].slice(0, length), kind) for name, (length, kind) in kept.items()}


def _kind(name: str, values: NDArray[Any]) -> str:
    if values.dtype.kind in NUMBERS + TIMES + "U":
        return values.dtype.str
    types = {type(value) for value in values}
    if values.dtype.kind != "O" or not types <= set(PLAIN):
        wrong = next((kind.__name__ for kind in types if kind not in PLAIN), str(values.dtype))
        raise SavedFitError(
            f"{name} holds values of type {wrong}, which a file cannot keep. Give numbers, texts or dates in the tables, and fit "
            "again."
        )
    return TEXTS if types <= {str} else MIXED


def _encoded(values: NDArray[Any], kind: str) -> pa.Array:
    if kind == MIXED:
        return pa.array([json.dumps(value) for value in values], pa.string())
    if kind == TEXTS or values.dtype.kind == "U":
        return pa.array(values.tolist(), pa.string())
    return pa.array(values.view(np.int64) if values.dtype.kind in TIMES else values)


def _padded(values: pa.Array, size: int) -> pa.ChunkedArray:
    return pa.chunked_array([values, pa.nulls(size - len(values), values.type)])


def _decoded(column: pa.ChunkedArray, kind: str) -> NDArray[Any]:
    if kind == MIXED:
        return _objects([json.loads(text) for text in column.to_pylist()])
    if kind == TEXTS:
        return _objects(column.to_pylist())
    dtype = np.dtype(kind)
    if dtype.kind == "U":
        return np.array(column.to_pylist(), dtype=dtype)
    values = np.array(column.combine_chunks().to_numpy(zero_copy_only=False))
    return values.view(dtype) if dtype.kind in TIMES else values.astype(dtype, copy=False)


def _objects(values: list[Any]) -> NDArray[Any]:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out
