"""Customers as they are on a day: what a media response model is asked about."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvmodels.data.frames import labels
from clvmodels.data.tables import fetch
from clvmodels.errors import SHOWN, ContactError
from clvmodels.response.assemble import Assembled
from clvmodels.response.cells import NONE, Audience, Scaling
from clvmodels.response.controls import OBSERVATIONAL, Controls
from clvmodels.response.past import with_past

if TYPE_CHECKING:
    import pyarrow as pa

type Floats = NDArray[np.float64]


def states_on(made: Assembled, day: datetime.date, window: int) -> pa.Table:
    """Customers who had bought before `day`, in the order of their ids, with features and segment as of just before it."""
    import ibis

    there = made.customers.filter(made.customers["first"] < day)
    if not int(there.count().to_pyarrow().as_py()):
        raise ContactError(f"Nobody had bought before {day}. Give a later day as at=.")
    states = there.select("customer_id", "segment", date=ibis.literal(day))
    return fetch(with_past(states, made.purchases, made.responses, window=window).order_by("customer_id"))


def rows_of_table(occasions: Any) -> pa.Table:
    """The customers of a ready table, once each and in the order of their ids: the latest row of one with several."""
    import ibis

    rows = occasions.count().to_pyarrow().as_py()
    if rows != occasions.customer_id.nunique().to_pyarrow().as_py():
        if occasions.date.isnull().any().to_pyarrow().as_py():
            raise ContactError(
                "Some customers have several rows, nobody knows which is the latest. Name the day with date=, or keep one row."
            )
        latest = ibis.row_number().over(ibis.window(group_by=occasions.customer_id, order_by=ibis.desc(occasions.date)))
        occasions = occasions.mutate(latest=latest)
        occasions = occasions.filter(occasions.latest == 0)
    return fetch(occasions.order_by("customer_id"))


def chosen(found: pa.Table, customers: Sequence[object] | None) -> pa.Table:
    """The rows of the customers asked for, in their order."""
    if customers is None:
        return found
    import pandas as pd

    wanted = labels(list(customers))
    rows = pd.Index(found["customer_id"].to_pandas()).get_indexer(pd.Index(wanted))
    unknown = wanted[rows < 0]
    if len(unknown):
        shown = ", ".join(str(one) for one in unknown[:SHOWN])
        raise ContactError(
            f"{len(unknown):,} of the customers had not bought by then: {shown}. Check the ids and their type, or leave them out."
        )
    return found.take(rows)


class PastOf(NamedTuple):
    """Contact stock, number of contacts, and days since the last one (infinite without one), each (n, media)."""

    stock: Floats
    contacts: Floats
    since: Floats


def contacts_until(
    contacts: Any, ids: NDArray[Any], day: datetime.date | None, half_life: Mapping[str, float]
) -> PastOf:
    """What contacts before `day` have left with each customer (n,) by medium (m,)."""
    import ibis
    import pandas as pd

    nothing = np.zeros((len(ids), len(half_life)))
    left = PastOf(nothing, nothing.copy(), np.full(nothing.shape, np.inf))
    if day is None:
        return left
    index = pd.Index(ids)
    for j, (medium, days) in enumerate(half_life.items()):
        sent = contacts.filter((contacts.medium == medium) & (contacts.date < day))
        age = ibis.literal(day).delta(sent.date, unit="day").cast("float64")
        facts = {
            "stock": (ibis.literal(2.0) ** (-age / days)).sum().round(12),
            "contacts": sent.count(),
            "since": age.min(),
        }
        table = fetch(sent.group_by("customer_id").aggregate(**facts))
        rows = index.get_indexer(pd.Index(table["customer_id"].to_pandas()))
        known = rows >= 0
        for name, column in left._asdict().items():
            column[rows[known], j] = table[name].to_numpy()[known]
    return left


def mean_costs(contacts: Any, media: Sequence[str]) -> Floats:
    """Mean cost of a contact by medium [currency], NaN where none is known."""
    sent = contacts.drop_null("medium")
    found = {
        row["medium"]: row["cost"]
        for row in fetch(sent.group_by("medium").aggregate(cost=sent.cost.mean())).to_pylist()
    }
    return np.array([np.nan if found.get(medium) is None else found[medium] for medium in media], dtype=float)


def as_audience(
    found: pa.Table,
    scaling: Scaling,
    controls: Controls,
    extra: Mapping[str, Floats],
    segments: Sequence[str],
    past: PastOf,
    cost: Floats,
) -> Audience:
    """The customers of a table of states as arrays; `extra` are the sources of controls that are not among its columns."""
    features = (
        np.column_stack([found[name].to_numpy() for name in scaling.names])
        if scaling.names
        else np.zeros((len(found), 0))
    )
    at = {label: i for i, label in enumerate(segments)}
    return Audience(
        customer_id=labels(found["customer_id"].to_numpy()),
        features=scaling.standardised(features.astype(float)),
        controls=_controls(found, controls, extra),
        segment=np.array([at.get(one, NONE) for one in found["segment"].to_pylist()], dtype=np.intp),
        own_stock=past.stock,
        contacts=past.contacts,
        cost=cost,
        since=past.since,
    )


def _controls(found: pa.Table, controls: Controls, extra: Mapping[str, Floats]) -> Floats:
    """Controls of customers who are not part of any campaign yet: those of the observational, or of the only rule."""
    block = OBSERVATIONAL if controls.observational else "" if controls.some_without else next(iter(controls.rules), "")
    if controls.shared and controls.rules:
        block = next(iter(controls.rules))
    columns = {name: extra[name] if name in extra else found[name].to_numpy() for name in controls.sources}
    period = controls.periods[-1] if controls.periods else ""
    rule = controls.rules.get(block)
    if rule is not None:
        columns["score"] = np.where(np.isnan(columns["score"]), rule.centre, columns["score"])
    return controls.matrix(np.full(len(found), block, dtype=object), np.full(len(found), period, dtype=object), columns)
