"""Time cut into stretches on which contact stocks are constant: at each contact, then week by week, at longer steps later.

How many there are grows with the contacts and with the logarithm of time, not with customers times weeks. A stretch ends where
observation ends, so that what is planned after it changes nothing before.
"""

from __future__ import annotations

import numpy as np
from numba import njit

STEP = 7.0
"""Days of the shortest stretch."""
MONDAY = 4.0
"""Stretches begin on Mondays, as waves of a year do; days since 1970-01-01."""
FINE = 4.0
"""A stretch is at most this part of the time since the last contact, or a week."""


@njit(cache=True, nogil=True, error_model="numpy")
def cut(begin, stop, day, medium, count, observed, until, ahead, planned, media, brief=False):
    """Stretches of every list: where each list's begin (L + 1,), when (C,), and the contacts (C, M).

    `brief` makes none between contacts up to the end of observation.
    """
    n, size, room = begin.size, 0, 1024
    offset, start, dose = np.zeros(n + 1, np.int64), np.empty(room), np.zeros((room, media))
    for i in range(n):
        j, p, now, last = begin[i], 0, -np.inf, -np.inf
        while True:
            at_contact = day[j] if j < stop[i] else np.inf
            at_plan = observed[i] + ahead[p] if p < ahead.size else np.inf
            at_end = observed[i] if now < observed[i] and last > -np.inf else np.inf
            steps = last > -np.inf and now < until[i] and not (brief and now < observed[i])
            at_step = _next_step(now, last) if steps else np.inf
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
