"""Who was contacted by which medium on which day, as arrays in the order of customers: what contact stocks are made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvmodels.data.contacts import Contacts
from clvmodels.data.tables import fetch
from clvmodels.numerics.ragged import taken

type Whole = NDArray[np.int64]


class Lists(NamedTuple):
    """Distinct lists of contacts: which each customer has (n,), where each begins and ends (L + 1,), and when, by
    which medium and how often each contact was made (C,)."""

    of: Whole
    offset: Whole
    day: NDArray[np.float64]
    medium: Whole
    times: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ContactEvents:
    """Contacts that were made, those of a customer in the order of days; a customer without any is not there.

    Attributes
    ----------
    keys
        Ids of customers, sorted (n,).
    offset
        Contacts of customer i are `offset[i]` to `offset[i + 1]` (n + 1,).
    day, medium, count
        Days since 1970-01-01, number of the medium in `media`, and how many on that day (C,).
    media
        As the log calls them.
    """

    keys: NDArray[Any]
    offset: Whole
    day: Whole
    medium: Whole
    count: Whole
    media: tuple[str, ...]

    @classmethod
    def of(cls, contacts: Contacts, media: tuple[str, ...] | None = None) -> ContactEvents:
        """The contacts of a log by some media, in this order; by all of them if not given."""
        media = contacts.media if media is None else media
        rows: Any = contacts.rows()
        sent = rows.filter(~rows.held_out & rows.medium.isin(list(media)))
        counted = sent.group_by("customer_id", "date", "medium").aggregate(count=sent.count())
        found = fetch(counted.order_by("customer_id", "date", "medium"))
        ids = found.column("customer_id").to_numpy(zero_copy_only=False)
        day = found.column("date").to_numpy(zero_copy_only=False).astype("datetime64[D]").astype(np.int64)
        names = found.column("medium").to_pylist()
        code = {name: number for number, name in enumerate(media)}
        keys, who = np.unique(ids, return_inverse=True)
        medium = np.array([code[name] for name in names], dtype=np.int64)
        return _sorted(keys, who, day, medium, _whole(found.column("count")), media)

    @cached_property
    def lists(self) -> Lists:
        """Customers with the same contacts on the same days have one list."""
        import pandas as pd

        table = np.column_stack([self.day, self.medium, self.count])
        texts = np.array(
            [table[a:b].tobytes() for a, b in zip(self.offset[:-1], self.offset[1:], strict=True)], dtype=object
        )
        number = np.asarray(pd.factorize(texts)[0], dtype=np.int64)
        offset, at = taken(self.offset, np.unique(number, return_index=True)[1])
        return Lists(number, offset, self.day[at].astype(float), self.medium[at], self.count[at].astype(float))

    def until(self, day: int) -> ContactEvents:
        """Those up to a day, that day included."""
        return self._kept(self.day <= day)

    def after(self, day: int) -> ContactEvents:
        """Those after a day."""
        return self._kept(self.day > day)

    def joined(self, more: ContactEvents) -> ContactEvents:
        """These and others by the same media."""
        keys = np.unique(np.concatenate([self.keys, more.keys]))
        who = np.concatenate([np.searchsorted(keys, part.keys)[part.owner] for part in (self, more)])
        day, medium, count = (
            np.concatenate([getattr(part, name) for part in (self, more)]) for name in ("day", "medium", "count")
        )
        return _sorted(keys, who, day, medium, count, self.media)

    @property
    def owner(self) -> NDArray[np.intp]:
        """Which customer each contact is of (C,)."""
        return np.repeat(np.arange(self.keys.size), np.diff(self.offset))

    def _kept(self, some: NDArray[np.bool_]) -> ContactEvents:
        keys, who = np.unique(self.owner[some], return_inverse=True)
        return _sorted(self.keys[keys], who, self.day[some], self.medium[some], self.count[some], self.media)


def _sorted(
    keys: NDArray[Any], who: NDArray[np.intp], day: Whole, medium: Whole, count: Whole, media: tuple[str, ...]
) -> ContactEvents:
    order = np.lexsort((medium, day, who))
    offset = np.searchsorted(who[order], np.arange(keys.size + 1)).astype(np.int64)
    return ContactEvents(keys, offset, day[order], medium[order], count[order], media)


def _whole(column: Any) -> Whole:
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.int64)
