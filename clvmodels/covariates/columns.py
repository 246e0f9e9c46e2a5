"""Columns of covariates as they come: numbers or labels, none missing; and names for what they become."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import HistoryError, offenders
from clvmodels.history import HistoryLike, ids_of


def checked(name: str, column: NDArray[Any], history: HistoryLike) -> NDArray[Any]:
    """The column as floats or labels; a `HistoryError` names the customers for whom it is missing."""
    import pandas as pd

    missing = np.ravel(pd.isna(column))
    if missing.any():
        remedy = f"Fill the gaps (for example with a label of their own) or leave these customers out: select() them by '{name}'."
        raise HistoryError(_said("is missing", name, missing, column, history, remedy))
    numbers: NDArray[Any] | None
    if column.dtype.kind in "biuf":
        numbers = column.astype(float)
    elif column.dtype.kind in "OUS":
        try:
            numbers = None if any(isinstance(v, (str, bytes)) for v in np.ravel(column)) else column.astype(float)
        except (TypeError, ValueError):
            numbers = None
    else:
        raise HistoryError(f"'{name}' holds {column.dtype}. Give numbers or labels, for example a year or an age.")
    if numbers is None:
        return column.astype(object)
    if not np.isfinite(numbers).all():
        raise HistoryError(_said("is infinite", name, ~np.isfinite(np.ravel(numbers)), column, history, "Correct it."))
    return numbers


def levels(column: NDArray[Any]) -> tuple[Any, ...]:
    """The labels there are, in alphabetical order."""
    return tuple(sorted(set(np.ravel(column)), key=str))


def refuse_unknown(name: str, column: NDArray[Any], known: tuple[Any, ...], history: HistoryLike) -> None:
    """Raise a `HistoryError` for labels that were not there when the model was fitted."""
    new = np.array([value not in known for value in np.ravel(column)])
    if new.any():
        remedy = (
            f"It knows {', '.join(map(str, known))}. Fit with such customers too, or give them one of these labels."
        )
        raise HistoryError(_said("has a label that the model has not seen", name, new, column, history, remedy))


def _said(
    problem: str, name: str, wrong: NDArray[np.bool_], column: NDArray[Any], history: HistoryLike, remedy: str
) -> str:
    at = np.flatnonzero(wrong)
    ids = getattr(history, "customer_id", None)
    rows = [f"customer {one}" for one in (at if ids is None else ids[at])]
    return offenders(problem, column=name, rows=rows, values=np.ravel(column)[at], remedy=remedy)


def looked_up(history: HistoryLike, keys: NDArray[Any], n: int) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Ids of customers (n,), and which of the keys of a panel or of a log of contacts each is, -1 for none (n,)."""
    import pandas as pd

    ids = ids_of(history)
    if ids is None:
        raise HistoryError(
            "Panels and contacts are looked up by customer, and these histories have no ids. Give Histories, or "
            "History(..., who=id)."
        )
    ids = np.broadcast_to(np.ravel(ids), (n,))
    return ids, pd.Index(keys).get_indexer(pd.Index(ids))


def identifiers(prefix: str, names: Iterable[object]) -> tuple[str, ...]:
    """Names of parameters: "purchase" and "channel[T.shop]" give purchase_channel_shop; each once, or a `HistoryError`.

    Examples
    --------
    >>> identifiers("purchase", ["age", "channel[T.shop]"])
    ('purchase_age', 'purchase_channel_shop')
    """
    found: dict[str, object] = {}
    for name in names:
        made = f"{prefix}_{re.sub(r'[^0-9a-zA-Z_가-힣]+', '_', str(name).replace('[T.', '[')).strip('_')}"
        if made in found:
            raise HistoryError(
                f"'{found[made]}' and '{name}' would both be called {made}. Rename one so that letters or digits tell them apart."
            )
        found[made] = name
    return tuple(found)
