"""Occasions as cells: equal ones together, or alike ones, with the means of what they differ in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.data.tables import fetch
from clvmodels.response.cells import NONE, Cells, Grade, Scaling
from clvmodels.response.controls import Controls

if TYPE_CHECKING:
    import pyarrow as pa

EXACT = 20_000
"""So many distinct occasions are kept apart."""
MOST = 200_000
"""So many cells are aimed at where occasions are grouped."""
TRIED = (6, 5, 4, 3, 2)
STOCKS = ("own_stock", "other_stock")
KEYS = ("medium", "segment", "month", "period", "block")

type Floats = NDArray[np.float64]


def standard_scaling(occasions: Any, features: Sequence[str]) -> Scaling:
    """Mean and standard deviation of the features over all occasions; 1 where a feature does not vary."""
    if not features:
        return Scaling((), np.zeros(0), np.ones(0))
    facts = {f"mean{j}": occasions[name].mean() for j, name in enumerate(features)}
    facts |= {f"sd{j}": occasions[name].std(how="pop") for j, name in enumerate(features)}
    [found] = fetch(occasions.aggregate(**facts)).to_pylist()
    centre = np.array([found[f"mean{j}"] for j in range(len(features))])
    scale = np.array([found[f"sd{j}"] for j in range(len(features))])
    flat = scale <= 1e-9 * np.maximum(np.abs(centre), 1.0)
    return Scaling(tuple(features), centre, np.where(flat, 1.0, scale))


def group(occasions: Any, columns: Sequence[str], bins: int | None) -> tuple[pa.Table, int | None]:
    """Cells as a table, and the number of quantile bins of each of `columns`, None where equal occasions alone are merged.

    With `bins=None` it is chosen: exact up to `EXACT` distinct occasions, otherwise the most of `TRIED` with up to `MOST` cells.
    """
    if bins is None and _distinct(occasions, columns) <= EXACT:
        return _exact(occasions, columns), None
    tried = TRIED if bins is None else (bins,)
    cuts = _cuts(occasions, columns, tried)
    sizes = _sizes(occasions, columns, cuts) if bins is None else {bins: 0}
    few = [number for number in tried if sizes[number] <= MOST]
    chosen = few[0] if few else tried[-1]
    return _binned(occasions, columns, cuts[chosen]), chosen


def _distinct(occasions: Any, columns: Sequence[str]) -> int:
    rows = int(occasions.count().to_pyarrow().as_py())
    if rows <= EXACT:
        return rows
    mixed = _mixed(occasions, (*KEYS, *columns))
    return int(mixed.approx_nunique().to_pyarrow().as_py())


def _mixed(occasions: Any, names: Sequence[str]) -> Any:
    """A whole number per row that is equal for rows with equal columns, and else hardly ever."""
    import ibis

    hashes = [occasions[name].hash() // (16 + j) for j, name in enumerate(names)]
    return sum((hashed.fill_null(j) for j, hashed in enumerate(hashes)), ibis.literal(0, type="int64"))


def _outcome(occasions: Any) -> dict[str, Any]:
    amount = occasions.amount
    return {
        "occasions": occasions.count(),
        "buyers": occasions.bought.sum(),
        "purchases_amount": amount.sum(),
        "purchases_amount_squared": (amount * amount).sum(),
    }


def _exact(occasions: Any, columns: Sequence[str]) -> pa.Table:
    keys = (*KEYS, *columns)
    return fetch(occasions.group_by(*keys).aggregate(**_outcome(occasions)).order_by(*keys))


def _cuts(occasions: Any, columns: Sequence[str], tried: Sequence[int]) -> dict[int, dict[str, Floats]]:
    """Inner quantiles by number of bins and column, equal ones once; of stocks those of contacts."""
    levels = sorted({k / number for number in tried for k in range(1, number)})
    facts = {}
    for i, name in enumerate(columns):
        where = occasions.medium.notnull() if name in STOCKS else occasions[name].notnull()
        facts[f"cuts{i}"] = occasions[name].quantile(levels, where=where)
    [found] = fetch(occasions.aggregate(**facts)).to_pylist()
    by_column = {
        name: dict(zip(levels, found[f"cuts{i}"] or [0.0] * len(levels), strict=True)) for i, name in enumerate(columns)
    }
    return {
        number: {name: np.unique([cut[k / number] for k in range(1, number)]) for name, cut in by_column.items()}
        for number in tried
    }


def _code(occasions: Any, columns: Sequence[str], cuts: Mapping[str, Floats]) -> Any:
    """One whole number for the bins of all columns."""
    import ibis

    code: Any = ibis.literal(0, type="int64")
    for name in columns:
        above = [(occasions[name] > float(cut)).fill_null(False).cast("int64") for cut in cuts[name]]
        code = code * (len(above) + 1) + sum(above, ibis.literal(0, type="int64"))
    return code


def _sizes(occasions: Any, columns: Sequence[str], cuts: Mapping[int, Mapping[str, Floats]]) -> dict[int, int]:
    rows = occasions.mutate(**{f"code{n}": _code(occasions, columns, cut) for n, cut in cuts.items()})
    facts = {f"cells{n}": _mixed(rows, (*KEYS, f"code{n}")).approx_nunique() for n in cuts}
    [found] = fetch(rows.aggregate(**facts)).to_pylist()
    return {n: int(found[f"cells{n}"]) for n in cuts}


def _binned(occasions: Any, columns: Sequence[str], cuts: Mapping[str, Floats]) -> pa.Table:
    rows = occasions.mutate(code=_code(occasions, columns, cuts))
    means = {name: rows[name].mean().round(9) for name in columns}
    keys = (*KEYS, "code")
    return fetch(rows.group_by(*keys).aggregate(**_outcome(rows), **means).order_by(*keys))


def as_cells(
    table: pa.Table, media: tuple[str, ...], scaling: Scaling, controls: Controls, grades: Mapping[str, Grade]
) -> Cells:
    """The rows of `group` as arrays, with features standardised and controls worked out."""
    columns = {
        name: np.asarray(table[name].to_numpy(), dtype=float) for name in (*scaling.names, *controls.sources, *STOCKS)
    }
    names = {name: np.asarray(table[name].to_numpy(zero_copy_only=False), dtype=object) for name in KEYS}
    segments, months = _labels(names["segment"]), _labels(names["month"])
    features = (
        np.column_stack([columns[name] for name in scaling.names]) if scaling.names else np.zeros((len(table), 0))
    )
    outcome = {
        name: np.asarray(table[name].to_numpy(), dtype=float)
        for name in ("occasions", "buyers", "purchases_amount", "purchases_amount_squared")
    }
    return Cells(
        media=media,
        medium=_codes(names["medium"], media),
        **outcome,
        features=scaling.standardised(features),
        scaling=scaling,
        controls=controls.matrix(names["block"], names["period"], columns),
        control_names=controls.names,
        segment=_codes(names["segment"], segments),
        segments=segments,
        month=_codes(names["month"], months),
        months=months,
        own_stock=columns["own_stock"],
        other_stock=columns["other_stock"],
        grades=dict(grades),
    )


def _labels(values: NDArray[Any]) -> tuple[str, ...]:
    return tuple(sorted(set(values.tolist())))


def _codes(values: NDArray[Any], labels: Sequence[str]) -> NDArray[np.intp]:
    """Index of each value among the labels, `NONE` where it is not among them."""
    at = {label: i for i, label in enumerate(labels)}
    return np.array([at.get(value, NONE) for value in values.tolist()], dtype=np.intp)
