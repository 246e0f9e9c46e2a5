"""Customers kept without contact at random, so that what contacts do can be read off the next log."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import ClvError


def held_out(customers: NDArray[Any], *, share: float, seed: int) -> NDArray[np.bool_]:
    """Who is held out (n,): each customer with probability `share`, on her own, whatever the order of the rows.

    Parameters
    ----------
    customers
        Distinct ids (n,).
    share
        Probability to be held out, in [0, 1).
    seed
        Reproduces the draw.

    Raises
    ------
    ClvError
        The share is outside its range.

    Examples
    --------
    >>> people = np.array(["A", "B", "C"])
    >>> bool(np.all(held_out(people, share=0.5, seed=1) == held_out(people[::-1], share=0.5, seed=1)[::-1]))
    True
    """
    if not 0 <= share < 1:
        raise ClvError(f"holdout={share} is not a share of customers. Give a number from 0 to below 1, such as 0.05.")
    drawn = np.empty(len(customers))
    drawn[np.argsort(customers, kind="stable")] = np.random.default_rng([seed, 0x40]).random(len(customers))
    return drawn < share
