"""Where a search for parameters moves: logarithms of the positive ones, the others as they are, possibly mixed.

Three ways to write the same parameters: theta, as people read them; free, with the logarithm of each positive one, where any
number is allowed; and u, where the search and the priors are, from which free = mixing @ u.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Coordinates:
    """Parameters (..., k) seen as theta, free or u.

    Parameters
    ----------
    positive
        Which parameters are positive (k,).
    mixing
        Matrix (k, k) that leads from u to free, invertible; None where they are the same.
    """

    positive: NDArray[np.bool_]
    mixing: Array | None = None

    def theta(self, u: ArrayLike) -> Array:
        """Parameters at u."""
        u = np.asarray(u, dtype=float)
        return self.from_free(u if self.mixing is None else u @ self.mixing.T)

    def from_free(self, free: Array) -> Array:
        """Parameters from their logarithms and plain values."""
        return np.exp(free, out=free.copy(), where=self.positive)

    def free(self, theta: Any) -> Array:
        """Logarithms of the positive parameters, the others as they are."""
        values = np.asarray(theta, dtype=float)
        return np.asarray(np.log(values, out=values.copy(), where=self.positive))

    def slope(self, theta: Array, gradient: Array) -> Array:
        """A gradient in theta (k,) as the gradient in u."""
        free = np.where(self.positive, theta, 1.0) * gradient
        return np.asarray(free if self.mixing is None else free @ self.mixing)

    def spread(self, covariance: Array) -> Array:
        """A covariance of u as the covariance of free."""
        return covariance if self.mixing is None else np.asarray(self.mixing @ covariance @ self.mixing.T)
