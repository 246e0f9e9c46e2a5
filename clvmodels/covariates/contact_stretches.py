"""Which contacts each customer had, and the stretches of time on which their stocks are constant."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.covariates.columns import looked_up
from clvmodels.covariates.contact_terms import ContactTerms
from clvmodels.duration.stretches import cut
from clvmodels.history import HistoryLike
from clvmodels.model import Array

type Whole = NDArray[np.int64]


class Stretches(NamedTuple):
    """Which list of contacts each customer has (n,), and the stretches by list.

    Attributes
    ----------
    of
        List of each customer (n,).
    offset, day, dose
        Stretches of list i are `offset[i]` to `offset[i + 1]`: when each begins [days since 1970-01-01], and contacts by each
        medium at its beginning (C, M).
    """

    of: Whole
    offset: Whole
    day: Array
    dose: Array


def no_stretches(n: int, media: int = 0) -> Stretches:
    """Nobody is contacted."""
    return Stretches(np.zeros(n, dtype=np.int64), np.zeros(2, dtype=np.int64), np.zeros(0), np.zeros((0, media)))


def stretches(
    terms: ContactTerms, history: HistoryLike, observed: Array, until: Array, *, brief: bool = False
) -> Stretches:
    """Stretches of customers whose observation ends on a day (n,), up to another day (n,).

    `brief` cuts only what comes after the end of observation: stocks are right from there on, and not before.
    """
    kind, offset, day, medium, count = _lists(terms, history, observed.size)
    last = np.full(observed.size, until.max())
    frame = pd.DataFrame({"list": kind, "observed": observed})
    of = frame.groupby(["list", "observed"], sort=False).ngroup().to_numpy().astype(np.int64)
    first = np.unique(of, return_index=True)[1]
    ahead = np.array([days for _, days in terms.planned], dtype=float)
    planned = np.array([medium for medium, _ in terms.planned], dtype=np.int64)
    order = np.argsort(ahead, kind="stable")
    begin, stop = offset[kind[first]], offset[kind[first] + 1]
    made, start, dose = cut(
        begin,
        stop,
        day,
        medium,
        count,
        observed[first],
        last[first],
        ahead[order],
        planned[order],
        len(terms.media),
        brief,
    )
    return Stretches(of, made, start, dose)


def _lists(terms: ContactTerms, history: HistoryLike, n: int) -> tuple[Whole, Whole, Array, Whole, Array]:
    """Distinct lists of contacts, the first of them empty, and which of them each customer has (n,)."""
    events = terms.events
    key = looked_up(history, events.keys, n)[1]
    lists = events.lists
    kind = np.where(key < 0, 0, np.append(lists.of, -1)[key] + 1).astype(np.int64)
    return kind, np.insert(lists.offset, 0, 0), lists.day, lists.medium, lists.times
