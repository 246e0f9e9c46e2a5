"""What may be done with each customer, what it is worth and what it costs: checked, in the order of the ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.errors import ClvError, offenders

type Floats = NDArray[np.float64]
type Choice = NDArray[np.int16]

FLOOR = 1.0
"""Marginal return below which money is better kept."""


@dataclass(frozen=True, eq=False)
class Menu:
    """Customers' actions; action 0 is to do nothing, costs nothing and is worth nothing.

    Attributes
    ----------
    values
        (n, A) mean value of an action relative to doing nothing, gross of its cost [currency].
    costs
        (n, A), or (1, A) where it does not depend on the customer, >= 0 [currency].
    allowed
        (n, A) or (1, A) which actions may be chosen.
    order
        Row i here is row `order[i]` of the caller; None where the orders are the same.
    """

    values: Floats
    costs: Floats
    allowed: NDArray[np.bool_]
    order: NDArray[np.intp] | None = None

    @property
    def customers(self) -> int:
        return len(self.values)

    @property
    def actions(self) -> int:
        return int(self.values.shape[1])

    def by_caller(self, choice: Choice) -> Choice:
        """A choice for the rows here as a choice for the rows of the caller."""
        if self.order is None:
            return choice
        found = np.empty_like(choice)
        found[self.order] = choice
        return found

    def by_key(self, of_caller: NDArray[Any]) -> NDArray[Any]:
        """An array over the rows of the caller as one over the rows here."""
        return of_caller if self.order is None else of_caller[self.order]

    def totals(self, choice: Choice, rows: NDArray[np.intp] | None = None) -> tuple[float, float]:
        """Value and cost of a choice for the rows here, or for some of them."""
        where = np.arange(self.customers) if rows is None else rows
        costs = self.costs[0][choice] if len(self.costs) == 1 else self.costs[where, choice]
        return float(self.values[where, choice].sum()), float(costs.sum())


def menu(
    values: ArrayLike, costs: ArrayLike, allowed: ArrayLike | None = None, *, keys: ArrayLike | None = None
) -> Menu:
    """Check and arrange what a plan chooses from.

    Parameters
    ----------
    values
        (n, A) value of an action relative to doing nothing [currency]; column 0 is nothing.
    costs
        (n, A), (A,) or what broadcasts [currency], >= 0.
    allowed
        (n, A) or (A,); None allows everything.
    keys
        (n,) distinct ids of the customers: equally good plans are told apart by them, whatever the order of the rows.

    Raises
    ------
    ClvError
        If a number is missing, a cost is negative, doing nothing has a cost or a value or is forbidden, or a key
        comes twice.
    """
    worth = np.ascontiguousarray(values, dtype=np.float64)
    if worth.ndim != 2 or not worth.size:
        raise ClvError(f"values have the shape {worth.shape}, not (customers, actions). Give one row per customer.")
    price = _rows(costs, worth.shape, "costs", np.float64)
    free = _rows(True if allowed is None else allowed, worth.shape, "allowed", np.bool_)
    rows = np.arange(len(worth)) if keys is None else np.asarray(keys)
    _refuse(
        ~np.isfinite(worth),
        worth,
        rows,
        "value",
        "is not a number",
        "Give every action a value, 0 where it has no effect.",
    )
    _refuse(
        ~(np.isfinite(price) & (price >= 0)),
        price,
        rows,
        "cost",
        "is negative or no number",
        "Give costs of 0 or more.",
    )
    _refuse(
        worth[:, :1] != 0,
        worth,
        rows,
        "value",
        "of action 0 is not 0",
        "Values are relative to action 0, doing nothing.",
    )
    _refuse(
        price[:, :1] != 0, price, rows, "cost", "of action 0 is not 0", "Action 0 is to do nothing: it costs nothing."
    )
    _refuse(~free[:, :1], free, rows, "allowed", "is False for action 0", "Doing nothing is always allowed.")
    order = None if keys is None else _order(rows, len(worth))
    if order is None:
        return Menu(worth, price, free)
    price = price if len(price) == 1 else price[order]
    free = free if len(free) == 1 else free[order]
    return Menu(worth[order], price, free, order)


def _rows(given: ArrayLike, shape: tuple[int, ...], name: str, kind: Any) -> NDArray[Any]:
    """`given` as (n, A), or (1, A) if it is the same for all customers."""
    array = np.asarray(given, dtype=kind)
    if array.ndim < 2 or len(array) == 1:
        shape = (1, shape[1])
    try:
        return np.ascontiguousarray(np.broadcast_to(array, shape))
    except ValueError:
        raise ClvError(
            f"{name} have the shape {array.shape}; values are {shape}. Give one {name} row per customer."
        ) from None


def _refuse(
    bad: NDArray[np.bool_], values: NDArray[Any], rows: NDArray[Any], column: str, problem: str, remedy: str
) -> None:
    if bad.any():
        where, action = np.nonzero(bad)
        who = list(rows[where]) if len(bad) == len(rows) else ["all customers"]
        raise ClvError(offenders(problem, column=column, rows=who, values=list(values[where, action]), remedy=remedy))


def _order(keys: NDArray[Any], customers: int) -> NDArray[np.intp] | None:
    """The order that sorts distinct keys, or None if they are sorted."""
    if keys.shape != (customers,):
        raise ClvError(f"keys have the shape {keys.shape}; there are {customers:,} customers. Give one key for each.")
    try:
        if bool(np.all(keys[1:] > keys[:-1])):
            return None
        order = _sorted(keys)
    except TypeError as mixed:
        kinds = ", ".join(sorted({type(key).__name__ for key in keys}))
        raise ClvError(f"keys are of several types ({kinds}), which have no order. Give text or numbers.") from mixed
    twice = np.flatnonzero(keys[order[1:]] == keys[order[:-1]])
    if twice.size:
        shown = list(keys[order[twice]])
        raise ClvError(
            offenders("comes twice", column="keys", rows=shown, values=shown, remedy="Give each customer one row.")
        )
    return order


def _sorted(keys: NDArray[Any]) -> NDArray[np.intp]:
    """The order that sorts keys; of text by Arrow, three times faster."""
    if keys.dtype != object:
        return np.argsort(keys, kind="stable")
    import pyarrow as pa
    from pyarrow import compute

    return np.asarray(compute.sort_indices(pa.array(keys)), dtype=np.intp)
