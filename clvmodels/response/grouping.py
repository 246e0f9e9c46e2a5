"""Occasions as cells: equal ones together, or alike ones, with the means of what they differ in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvmodels.data.tables import fetch, kept
from clvmodels.response.cells import NONE, Cells, Grade, Scaling
from clvmodels.response.controls import Controls

if TYPE_CHECKING:
    import pyarrow as pa

EXACT = 20_000
"""So many distinct occasions are kept apart."""
MOST = 200_000
"""So many cells are aimed at where occasions are grouped."""
TRIED = ((6, 6), (6, 3), (3, 3), (3, 2), (2, 2))
"""Numbers of quantile bins of features, and of stocks and controls: bins of all are unions of the first."""
SAMPLE = 1_000_000
"""Quantiles of more occasions than that are those of some customers' occasions."""
STOCKS = ("own_stock", "other_stock")
KEYS = ("medium", "segment", "month", "period", "block", "level")
OUTCOME = ("occasions", "buyers", "purchases_amount", "purchases_amount_squared")

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


class Bins(NamedTuple):
    """Numbers of quantile bins of features, and of stocks and controls."""

    features: int
    others: int


def group(
    occasions: Any, features: Sequence[str], others: Sequence[str], bins: int | None
) -> tuple[pa.Table, Bins | None]:
    """Cells as a table, and the number of quantile bins of its columns, None where equal occasions alone are merged.

    With `bins=None` it is chosen: exact up to `EXACT` distinct occasions, otherwise the first of `TRIED` with up to `MOST` cells.
    """
    columns = (*features, *others)
    rows = _with_outcome(occasions, columns)
    count = int(rows.count().to_pyarrow().as_py())
    if bins is None and _few_distinct(rows, columns, count):
        return _exact(rows, columns), None
    tried = [Bins(*pair) for pair in TRIED] if bins is None else [Bins(bins, bins)]
    cuts = _cuts(rows, columns, sorted({number for pair in tried for number in pair}), count)
    fine = {name: cuts[tried[0].features if name in features else tried[0].others][name] for name in columns}
    finest = cells = kept(_merged(rows, columns, _code(rows, fine)))
    used = tried[0]
    for fewer in tried[1:]:
        if int(cells.count().to_pyarrow().as_py()) <= MOST:
            break
        coarse = {name: cuts[fewer.features if name in features else fewer.others][name] for name in columns}
        cells, used = kept(_merged(finest, columns, _recode(finest, fine, coarse))), fewer
    means = {name: (cells[f"sum_{name}"] / cells.occasions).round(9) for name in columns}
    return fetch(cells.select(*KEYS, *OUTCOME, **means).order_by(*KEYS, *columns)), used


def _with_outcome(occasions: Any, columns: Sequence[str]) -> Any:
    """Each occasion as a cell of one, with `sum_` of the columns."""
    import ibis

    amount = occasions.amount
    outcome = dict(
        zip(OUTCOME, (ibis.literal(1), occasions.bought.cast("int64"), amount, amount * amount), strict=True)
    )
    return occasions.select("customer_id", *KEYS, **outcome, **{f"sum_{name}": occasions[name] for name in columns})


def _few_distinct(rows: Any, columns: Sequence[str], count: int) -> bool:
    """Whether there are no more than `EXACT` distinct rows; some rows are looked at first, which mostly settles it."""
    values = [*KEYS, *(f"sum_{name}" for name in columns)]
    for some in (rows.limit(10 * EXACT), rows) if count > EXACT else ():
        if int(some.select(*values).distinct().count().to_pyarrow().as_py()) > EXACT:
            return False
    return True


def _exact(rows: Any, columns: Sequence[str]) -> pa.Table:
    values = {name: rows[f"sum_{name}"] for name in columns}
    named = rows.select(*KEYS, *OUTCOME, **values)
    keys = (*KEYS, *columns)
    return fetch(named.group_by(*keys).aggregate(**{name: named[name].sum() for name in OUTCOME}).order_by(*keys))


def _cuts(rows: Any, columns: Sequence[str], tried: Sequence[int], count: int) -> dict[int, dict[str, Floats]]:
    """Inner quantiles by number of bins and column, equal ones once; of stocks those of contacts."""
    share = -(-count // SAMPLE)
    some = rows.filter(rows.customer_id.hash() % share == 0) if share > 1 else rows
    levels = sorted({k / number for number in tried for k in range(1, number)})
    facts = {}
    for i, name in enumerate(columns):
        column = some[f"sum_{name}"]
        facts[f"cuts{i}"] = column.quantile(levels, where=some.medium.notnull() if name in STOCKS else column.notnull())
    [found] = fetch(some.aggregate(**facts)).to_pylist()
    found = {
        name: dict(zip(levels, found[f"cuts{i}"] or [0.0] * len(levels), strict=True)) for i, name in enumerate(columns)
    }
    return {
        number: {name: np.unique([cut[k / number] for k in range(1, number)]) for name, cut in found.items()}
        for number in tried
    }


def _code(rows: Any, cuts: Mapping[str, Floats]) -> Any:
    """One whole number for the bins of all columns: how many cuts lie below a value, in a system of mixed bases."""
    import ibis

    code: Any = ibis.literal(0, type="int64")
    for name, edges in cuts.items():
        above = [(rows[f"sum_{name}"] > float(edge)).fill_null(False).cast("int64") for edge in edges]
        code = code * (len(edges) + 1) + sum(above, ibis.literal(0, type="int64"))
    return code


def _recode(cells: Any, fine: Mapping[str, Floats], coarse: Mapping[str, Floats]) -> Any:
    """The code of coarser bins from that of finer ones, whose cuts include theirs."""
    import ibis

    rest, stride, code = cells.code, 1, ibis.literal(0, type="int64")
    for name in reversed(list(fine)):
        size = len(fine[name]) + 1
        place = rest % size
        above = [(place > int(np.searchsorted(fine[name], edge))).cast("int64") for edge in coarse[name]]
        code = code + stride * sum(above, ibis.literal(0, type="int64"))
        rest, stride = rest // size, stride * (len(coarse[name]) + 1)
    return code


def _merged(rows: Any, columns: Sequence[str], code: Any) -> Any:
    """Rows of the same keys and code as one, with their sums."""
    coded = rows.mutate(code=code)
    facts = {name: coded[name].sum() for name in (*OUTCOME, *(f"sum_{name}" for name in columns))}
    return coded.group_by(*KEYS, "code").aggregate(**facts)


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
    outcome = {name: np.asarray(table[name].to_numpy(), dtype=float) for name in OUTCOME}
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
        exposures=controls.exposures,
        level=np.asarray(table["level"].to_numpy(), dtype=np.intp),
    )


def _labels(values: NDArray[Any]) -> tuple[str, ...]:
    return tuple(sorted(set(values.tolist())))


def _codes(values: NDArray[Any], labels: Sequence[str]) -> NDArray[np.intp]:
    """Index of each value among the labels, `NONE` where it is not among them."""
    at = {label: i for i, label in enumerate(labels)}
    return np.array([at.get(value, NONE) for value in values.tolist()], dtype=np.intp)
