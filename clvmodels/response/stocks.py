"""Contact stocks: the discounted number of earlier contacts, G(t) = sum over contacts s < t of 2^-((t - s) / half-life).

A running sum of 2^(s / half-life) would overflow in a long log, so days are counted from the start of a block of `BLOCK`
half-lives: a contact counts within its own block and the next, beyond which nothing is left of it (2^-512).
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import Any

BLOCK = 512
EPOCH = datetime.date(1970, 1, 1)


def with_stocks(contacts: Any, half_life: Mapping[str, float]) -> Any:
    """Contacts with own_stock and other_stock, by the same and by other media, as they were just before the day.

    Parameters
    ----------
    contacts
        Ibis table with customer_id, date, medium and held_out; one row per customer, day, medium and held_out.
    half_life
        By medium [days].

    Returns
    -------
    Ibis table
        own_stock and other_stock are 0 for the held out, who are not contacted.
    """
    import ibis

    dated = contacts.mutate(day=contacts.date.delta(EPOCH, unit="day"))
    [span] = dated.aggregate(first=dated.day.min(), last=dated.day.max()).to_pyarrow().to_pylist()
    first, last = int(span["first"]), int(span["last"])
    stocks = {
        f"stock_{i}": _stock(dated, medium, days, first, last) for i, (medium, days) in enumerate(half_life.items())
    }
    found = dated.mutate(**stocks)
    zero, sent = ibis.literal(0.0), ~found.held_out
    own, other = zero, zero
    for i, medium in enumerate(half_life):
        same: Any = found.medium == medium
        own = same.ifelse(found[f"stock_{i}"], own)
        other = other + same.ifelse(zero, found[f"stock_{i}"])
    found = found.mutate(own_stock=sent.ifelse(own, zero), other_stock=sent.ifelse(other, zero))
    return found.drop("day", *stocks)


def _stock(dated: Any, medium: str, half_life: float, first: int, last: int) -> Any:
    """Stock of one medium at each row of its customer, from days counted within blocks of an even or odd number."""
    import ibis

    length = math.ceil(BLOCK * half_life)
    since = dated.day - first
    block, age = since // length, (since % length).cast("float64") / half_life
    counts = (dated.medium == medium) & ~dated.held_out
    several = last - first >= length
    frame = ibis.range_window(
        group_by=dated.customer_id, order_by=dated.day, preceding=(length if several else None, 1)
    )
    zero, two = ibis.literal(0.0), ibis.literal(2.0)
    own = counts & (block % 2 == 0) if several else counts
    even = own.ifelse(two.pow(age), zero).sum().over(frame).fill_null(0.0)
    if not several:
        return even * two.pow(-age)
    odd = (counts & (block % 2 == 1)).ifelse(two.pow(age), zero).sum().over(frame).fill_null(0.0)
    same = (block % 2 == 0).ifelse(even, odd)
    before = (block % 2 == 0).ifelse(odd, even)
    return same * two.pow(-age) + before * two.pow(-age - length / half_life)
