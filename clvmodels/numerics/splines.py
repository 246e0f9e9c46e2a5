"""Natural cubic splines: smooth curves that are straight lines beyond their outer knots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def natural_spline(x: Any, knots: Sequence[float]) -> list[Any]:
    """Columns whose combinations are all natural cubic splines without an intercept: x itself, and one per inner knot.

    Parameters
    ----------
    x
        An array, or a column of a database (anything with arithmetic and `clip`).
    knots
        Increasing, at least three.

    Returns
    -------
    list of len(knots) - 1 columns, in the unit of x, linear outside the outer knots.

    Source: HarrellLeePollock1988.

    Examples
    --------
    >>> import numpy as np
    >>> [column.round(4) for column in natural_spline(np.array([0.0, 2.0, 4.0]), [1.0, 2.0, 3.0])]
    [array([0., 2., 4.]), array([0.  , 0.25, 3.  ])]
    """
    last, before = knots[-1], knots[-2]
    size = (last - knots[0]) ** 2

    def cube(knot: float) -> Any:
        return (x - knot).clip(0.0, None) ** 3

    curved = [
        (
            cube(knot)
            - cube(before) * ((last - knot) / (last - before))
            + cube(last) * ((before - knot) / (last - before))
        )
        / size
        for knot in knots[:-2]
    ]
    return [x, *curved]
