"""Quotients of plain numbers, refused where they make no sense."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.errors import ClvError, offenders
from clvmodels.numerics.checked import number

type Array = NDArray[np.float64]


def share_of(part: ArrayLike, whole: ArrayLike, part_name: str, whole_name: str) -> Array:
    """A part over its whole."""
    return ratio_of(*part_of(part, whole, part_name, whole_name), part_name, whole_name)


def part_of(part: ArrayLike, whole: ArrayLike, part_name: str, whole_name: str) -> tuple[Array, Array]:
    """Both as arrays, if no part is more than its whole."""
    some, all_ = np.broadcast_arrays(number(part, part_name, low=0), number(whole, whole_name, low=0))
    more = np.flatnonzero(np.ravel(some > all_))
    if more.size:
        shown = [f"{one:g} of {other:g}" for one, other in zip(np.ravel(some)[more], np.ravel(all_)[more], strict=True)]
        remedy = "Check that both count the same."
        problem = f"is more than {whole_name}, of which it is a part,"
        raise ClvError(
            offenders(problem, column=part_name, rows=[f"row {row}" for row in more], values=shown, remedy=remedy)
        )
    return some, all_


def ratio_of(above: ArrayLike, below: ArrayLike, above_name: str, below_name: str) -> Array:
    """A quotient; a divisor of zero or less is refused."""
    divisor = number(below, below_name, low=0)
    if np.any(divisor == 0):
        raise ClvError(f"{below_name} is zero, so there is no rate. Leave such rows out.")
    return np.asarray(number(above, above_name) / divisor)
