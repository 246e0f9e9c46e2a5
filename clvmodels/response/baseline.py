"""Pseudo-contacts: customers who were not contacted on the day of a campaign, where nobody was held out on purpose."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

import numpy as np

from clvmodels.data.tables import fetch


@dataclass(frozen=True)
class Baseline:
    """Days on which customers without contact were looked for, how many customers x days there were, how many were looked at."""

    days: tuple[datetime.date, ...]
    possible: int
    looked_at: int

    @property
    def drawn(self) -> bool:
        """Whether only some were looked at."""
        return self.looked_at < self.possible


def pseudo_contacts(
    used: Any, contacts: Any, customers: Any, *, most: int, seed: int, all_media: bool = False
) -> tuple[Any | None, Baseline]:
    """Customers of the log without any contact on the days of media of which nobody was held out, or of all media.

    Parameters
    ----------
    used
        Contacts and held-out rows that become occasions.
    contacts
        All contacts and held-out rows: who is among them on a day is no pseudo-contact of that day.
    customers
        customer_id, first, segment and row, numbered from 0.
    most
        Most customers x days that are looked at; beyond it they are drawn, more on days with many contacts.
    seed
        Of that draw.

    Returns
    -------
    Ibis table (customer_id, date, segment), None where no medium needs them, and what was done.
    """
    dates = _dates(used, all_media=all_media)
    if not dates:
        return None, Baseline((), 0, 0)
    count = int(customers.count().to_pyarrow().as_py())
    possible = count * len(dates)
    pairs = _all(customers, dates) if possible <= most else _drawn(customers, dates, count, most, seed)
    there = pairs.filter(pairs["first"] < pairs.date)
    alone = there.anti_join(contacts, ["customer_id", "date"])
    return alone.select("customer_id", "date", "segment"), Baseline(tuple(dates), possible, min(possible, most))


def _dates(used: Any, *, all_media: bool) -> dict[Any, int]:
    """Contacts per day by media without held-out rows (none if some customers were held out of every medium), or by all."""
    if all_media:
        return _counted(used.filter(~used.held_out))
    media = used.group_by("medium").aggregate(held=used.held_out.sum())
    held = {row["medium"]: row["held"] for row in fetch(media).to_pylist()}
    lacking = [medium for medium, rows in held.items() if not rows]
    if held.get(None) or not lacking:
        return {}
    return _counted(used.filter(used.medium.isin(lacking)))


def _counted(sent: Any) -> dict[Any, int]:
    counted = sent.group_by("date").aggregate(contacts=sent.count()).order_by("date")
    return {row["date"]: int(row["contacts"]) for row in fetch(counted).to_pylist()}


def _all(customers: Any, dates: dict[Any, int]) -> Any:
    import ibis
    import pyarrow as pa

    return customers.cross_join(ibis.memtable(pa.table({"date": pa.array(list(dates), pa.date32())})))


def _drawn(customers: Any, dates: dict[Any, int], count: int, most: int, seed: int) -> Any:
    """Distinct pairs of day and customer: days in proportion to their contacts, customers evenly."""
    import ibis
    import pyarrow as pa

    rng = np.random.default_rng(seed)
    weights = np.array(list(dates.values()), dtype=float)
    day = np.repeat(np.arange(len(dates)), rng.multinomial(most, weights / weights.sum()))
    codes = np.unique(day * count + rng.integers(0, count, most))
    days = pa.array(list(dates), pa.date32()).take(pa.array(codes // count))
    drawn = ibis.memtable(pa.table({"date": days, "who": pa.array(codes % count)}))
    return drawn.join(customers, drawn.who == customers.row).drop("who")
