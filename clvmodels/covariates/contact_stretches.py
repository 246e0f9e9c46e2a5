"""The stretches on which contact stocks are constant: from each contact on week by week, longer ones the older the last contact.

How many there are grows with the contacts and with the logarithm of time, not with customers times weeks. A stretch ends where
observation ends, so that what is planned after it changes nothing before.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numba import njit
from numpy.typing import NDArray

from clvmodels.covariates.contact_terms import ContactTerms
from clvmodels.covariates.seasons import MONDAY
from clvmodels.errors import HistoryError
from clvmodels.history import HistoryLike, ids_of
from clvmodels.model import Array
from clvmodels.numerics.ragged import taken

type Whole = NDArray[np.int64]

STEP = 7.0
"""Days of the shortest stretch; they begin on Mondays, as waves of a year do."""
FINE = 8.0
"""A stretch is at most this part of the time since the last contact, or a week."""


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
    made, start, dose = _cut(
        begin, stop, day, medium, count, observed[first], last[first], ahead[order], planned[order], len(terms.media), brief
    )
    return Stretches(of, made, start, dose)


def _lists(terms: ContactTerms, history: HistoryLike, n: int) -> tuple[Whole, Whole, Array, Whole, Array]:
    """Distinct lists of contacts, the first of them empty, and which of them each customer has (n,)."""
    events = terms.events
    ids = ids_of(history)
    if ids is None:
        raise HistoryError(
            "Contacts are looked up by customer, and these histories have no ids. Give Histories, or History(..., who=id)."
        )
    ids = np.broadcast_to(np.ravel(ids), (n,))
    key = pd.Index(events.keys).get_indexer(pd.Index(ids))
    table = np.column_stack([events.day, events.medium, events.count])
    texts = np.array([table[a:b].tobytes() for a, b in zip(events.offset[:-1], events.offset[1:], strict=True)], dtype=object)
    number = np.asarray(pd.factorize(texts)[0], dtype=np.int64)
    example = np.unique(number, return_index=True)[1]
    offset, at = taken(events.offset, example)
    offset = np.insert(offset, 0, 0)
    kind = np.where(key < 0, 0, np.append(number, -1)[key] + 1).astype(np.int64)
    return kind, offset, events.day[at].astype(float), events.medium[at], events.count[at].astype(float)


@njit(cache=True, nogil=True, error_model="numpy")
def _cut(begin, stop, day, medium, count, observed, until, ahead, planned, media, brief):
    """Stretches of every list: where each list's begin (L + 1,), when (C,), and the contacts (C, M)."""
    n, size, room = begin.size, 0, 1024
    offset, start, dose = np.zeros(n + 1, np.int64), np.empty(room), np.zeros((room, media))
    for i in range(n):
        j, p, now, last = begin[i], 0, -np.inf, -np.inf
        while True:
            at_contact = day[j] if j < stop[i] else np.inf
            at_plan = observed[i] + ahead[p] if p < ahead.size else np.inf
            at_end = observed[i] if now < observed[i] and last > -np.inf else np.inf
            cut = last > -np.inf and now < until[i] and not (brief and now < observed[i])
            at_step = _next_step(now, last) if cut else np.inf
            now = min(min(at_contact, at_plan), min(at_end, at_step))
            if now == np.inf:
                break
            if size == room:
                start, dose = _wider(start), _wider_rows(dose)
                room = start.size
            start[size] = now
            while j < stop[i] and day[j] == now:
                dose[size, medium[j]] += count[j]
                last, j = now, j + 1
            while p < ahead.size and observed[i] + ahead[p] == now:
                dose[size, planned[p]] += 1.0
                last, p = now, p + 1
            size += 1
        offset[i + 1] = size
    return offset, start[:size].copy(), dose[:size].copy()


@njit(cache=True, nogil=True, error_model="numpy")
def _next_step(now, last):
    """The next Monday, or one further on the older the last contact is."""
    weeks = max(1.0, np.floor((now - last) / (FINE * STEP)))
    return now - (now - MONDAY) % STEP + STEP * weeks


@njit(cache=True, nogil=True, error_model="numpy")
def _wider(values):
    out = np.empty(2 * values.size)
    out[: values.size] = values
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _wider_rows(values):
    out = np.zeros((2 * values.shape[0], values.shape[1]))
    out[: values.shape[0]] = values
    return out
