"""Customers held out at random, so that the next contact log shows what contacts do."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from clvmodels.errors import ClvError
from clvmodels.numerics.hashed import mixed


class Holdout(NamedTuple):
    """Who is held out (n,), and the probability of it (n,), to be kept with the log."""

    held: NDArray[np.bool_]
    probability: NDArray[np.float64]


def hold_out(keys: ArrayLike, *, share: float = 0.05, seed: int = 0) -> Holdout:
    """Hold customers out, each with the same probability and by herself.

    Whether a customer is held out depends on her id and the seed alone: not on the order of the rows or on who else
    is there.

    Parameters
    ----------
    keys
        (n,) distinct customer ids.
    share
        Probability in [0, 1).
    seed
        Another seed holds out others, independently.

    Examples
    --------
    >>> found = hold_out(np.arange(10_000), share=0.05, seed=1)
    >>> int(found.held.sum()), found.probability[0]
    (497, np.float64(0.05))
    """
    if not 0 <= share < 1:
        raise ClvError(f"The holdout share is {share}. Give a share from 0 to below 1, such as 0.05.")
    ids = np.asarray(keys)
    hashed = np.asarray(pd.util.hash_array(ids, categorize=False), dtype=np.uint64)
    uniform = mixed(hashed ^ mixed(np.array([seed], dtype=np.int64).view(np.uint64))) / 2.0**64
    return Holdout(uniform < share, np.full(len(ids), float(share)))
