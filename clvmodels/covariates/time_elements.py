"""Parameters and customers broadcast together, in the order in which kernels can share most of their work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.duration import paths_future
from clvmodels.duration.paths import Paths
from clvmodels.duration.paths_far import until
from clvmodels.history import HistoryLike
from clvmodels.model import Array


class Elements(NamedTuple):
    """Parameters and customers broadcast together, sorted by parameters and then by what customers share, for the kernels.

    Attributes
    ----------
    theta
        Distinct parameters (m, k).
    which, path, now, columns
        By element in sorted order (n,): its parameters, its path, the end of its observation, then first purchase,
        frequency, recency and T.
    order, shape
        Where each element belongs in the broadcast shape.
    """

    theta: Array
    which: NDArray[np.intp]
    path: NDArray[np.int64]
    now: Array
    columns: tuple[Array, ...]
    paths: Paths
    order: NDArray[np.intp]
    shape: tuple[int, ...]

    def scales(self) -> tuple[Array, Array]:
        """alpha + A(T) and beta + D(T)."""
        first, _, _, T = self.columns
        bought, gone = paths_future.sums_ahead(self.theta, self.which, self.path, first, T, self.up_to(0.0).paths)
        return self.theta[self.which, 1] + bought, self.theta[self.which, 3] + gone

    def up_to(self, ahead: float) -> Elements:
        """The same without what changes for all later than `ahead` after everybody's end of observation."""
        return self._replace(paths=until(self.paths, float(self.now.max(initial=-math.inf)) + ahead))

    def state(self) -> tuple[Array, Array, Array]:
        """P(alive at T), alpha + A(T) and beta + D(T)."""
        found: tuple[Array, Array, Array] = paths_future.state(
            self.theta, self.which, self.path, *self.columns, self.up_to(0.0).paths
        )
        return found

    def put(self, values: Array) -> Array:
        """Values in sorted order as an array of the broadcast shape."""
        out = np.empty(self.order.size)
        out[self.order] = values
        return out.reshape(self.shape)

    def sorted(self, values: ArrayLike) -> Array:
        """Values that broadcast as a flat array in sorted order."""
        return np.broadcast_to(np.asarray(values, dtype=float), self.shape).reshape(-1)[self.order]


def arranged(
    theta: Array,
    parameters: tuple[int, ...],
    columns: Sequence[NDArray[Any]],
    customers: tuple[int, ...],
    more: Sequence[ArrayLike],
    paths: Paths,
) -> Elements:
    """Distinct parameters (m, k) of a shape, columns (n,) of customers of a shape, and what else broadcasts with them.

    The columns are path, first purchase, frequency, recency and T.
    """
    path, first, x, t_x, T = columns
    order = np.lexsort((t_x, x, T, first, path))
    place = np.empty(order.size, dtype=np.intp)
    place[order] = np.arange(order.size)
    number = np.arange(len(theta)).reshape(parameters)
    shape = np.broadcast_shapes(parameters, customers, *(np.shape(one) for one in more))
    key = np.ravel(np.broadcast_to(number, shape)) * order.size + np.ravel(
        np.broadcast_to(place.reshape(customers), shape)
    )
    once = math.prod(np.broadcast_shapes(parameters, customers)) == key.size == len(theta) * order.size
    if once:  # each pair of parameters and customer
        sorted_order = np.empty(key.size, dtype=np.intp)
        sorted_order[key] = np.arange(key.size)
        which, who = np.repeat(np.arange(len(theta)), order.size), np.tile(order, len(theta))
    else:
        sorted_order = np.argsort(key, kind="stable")
        which, who = np.divmod(key[sorted_order], order.size)
        who = order[who]
    path, first, x, t_x, T = (column[who] for column in columns)
    return Elements(theta, which, path, first + T, (first, x, t_x, T), paths, sorted_order, shape)


def by_customer(some: NDArray[np.bool_], history: HistoryLike) -> NDArray[np.bool_]:
    """Which customers some parameters hold of, in the shape of the histories."""
    shape = shape_of(history)
    aligned = (1,) * (some.ndim - len(shape)) + shape
    alone = tuple(axis for axis, size in enumerate(aligned) if size == 1)
    return np.asarray(np.any(some, axis=alone, keepdims=True).reshape(shape))


def shape_of(history: HistoryLike) -> tuple[int, ...]:
    """What the columns of customers broadcast to."""
    return np.broadcast_shapes(*(np.shape(getattr(history, n)) for n in ("frequency", "recency", "T", "dates")))
