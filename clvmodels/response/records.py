"""What single customers did on their own occasions: the rows behind the cells, without those that share an outcome."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvmodels.data.frames import labels
from clvmodels.data.tables import fetch
from clvmodels.response.cells import Cells
from clvmodels.response.grouping import KEYS, STOCKS

if TYPE_CHECKING:
    import pyarrow as pa


class Records(NamedTuple):
    """Occasions of customers, those of one customer together and in the order of time.

    Attributes
    ----------
    customer_id
        (n,) the caller's ids, in order.
    starts
        (n + 1,) where each customer's occasions begin.
    cells
        One cell per occasion.
    left_out
        Occasions left out because their window overlaps an earlier one of the customer, or because she was contacted by several
        media on the day.
    """

    customer_id: NDArray[Any]
    starts: NDArray[np.intp]
    cells: Cells
    left_out: int


def record_table(occasions: Any, columns: Sequence[str]) -> pa.Table:
    """Rows of the occasions with what `as_cells` asks for; those of contacts and of held-out customers, dated ones alone."""
    import ibis

    amount = ibis.literal(0.0)
    found = occasions.filter(occasions.date.notnull()).select(
        "customer_id", "date", *KEYS, *columns, *STOCKS, occasions=ibis.literal(1.0),
        buyers=occasions.bought.cast("float64"), purchases_amount=amount, purchases_amount_squared=amount,
    )  # fmt: skip
    return fetch(found.order_by("customer_id", "date", "medium"))


def apart(table: pa.Table, window: float) -> tuple[pa.Table, int]:
    """The rows of customers' occasions whose windows [days] do not overlap, and how many others there are."""
    _, who = np.unique(labels(table["customer_id"].to_numpy()), return_inverse=True)
    day = table["date"].to_numpy().astype("datetime64[D]").astype(np.int64)
    keep = _apart(who.astype(np.int64), day, round(window))
    return table.filter(keep), int((~keep).sum())


def _apart(who: NDArray[np.int64], day: NDArray[np.int64], window: int) -> NDArray[np.bool_]:
    """First come, first kept; days with several occasions of a customer are nobody's."""
    same = (np.diff(who) == 0) & (np.diff(day) == 0)
    several = np.append(same, False) | np.append(False, same)
    left = np.flatnonzero(~several)
    keep = np.zeros(who.size, dtype=bool)
    last_who, last_day = -1, 0
    for row, customer, date in zip(left.tolist(), who[left].tolist(), day[left].tolist(), strict=True):
        if customer != last_who or date >= last_day + window:
            keep[row] = True
            last_who, last_day = customer, date
    return keep


def as_records(table: pa.Table, cells: Cells, left_out: int) -> Records:
    """Records of a table in the order of its customers, and its rows as cells."""
    ids, first = np.unique(labels(table["customer_id"].to_numpy()), return_index=True)
    order = np.argsort(first)
    return Records(ids[order], np.append(first[order], len(table)).astype(np.intp), cells, left_out)
