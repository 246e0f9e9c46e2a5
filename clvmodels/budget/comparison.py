"""Plans side by side, in the same draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from clvmodels.budget.values import ActionValues, Choice
from clvmodels.errors import ClvError
from clvmodels.model import Array
from clvmodels.value.valuation import bounds_of


class Total(NamedTuple):
    """A plan's outlay [currency], the customers it contacts, and its net value in every joint draw (draws,) [currency]."""

    outlay: float
    customers: int
    net: Array

    @classmethod
    def of(cls, choice: Choice, values: ActionValues, net: Array) -> Total:
        outlay = values.outlay[np.arange(choice.size), choice].sum()
        return cls(float(outlay), int(np.count_nonzero(choice)), net)


def compared(totals: Mapping[str, Total], interval: float) -> pd.DataFrame:
    """The table of `Plan.compare`; differences are from the first."""
    draws = np.array([one.net for one in totals.values()])
    apart = draws[0] - draws
    (lower, upper), (low, high) = bounds_of(draws, interval), bounds_of(apart, interval)
    top = draws >= draws.max(axis=0)
    return pd.DataFrame(
        {
            "outlay": [one.outlay for one in totals.values()], "customers": [one.customers for one in totals.values()],
            "net": draws.mean(axis=1), "lower": lower, "upper": upper,
            "difference": apart.mean(axis=1), "difference_lower": low, "difference_upper": high,
            "p_best": (top / top.sum(axis=0)).mean(axis=1),
        },
        index=pd.Index(list(totals), name="policy"),
    )  # fmt: skip


def as_choice(policy: str, given: Choice | Sequence[str], names: Sequence[str], customers: int) -> Choice:
    """A policy as numbers of actions; a `ClvError` says what is wrong with it."""
    values: Any = np.asarray(given)
    if values.shape != (customers,):
        raise ClvError(f"The policy {policy!r} has {values.size:,} choices for {customers:,} customers. Give one each.")
    if values.dtype.kind in "iu":
        numbers = values.astype(np.intp)
    else:
        numbers = pd.Index(names).get_indexer(pd.Index(values.astype(object)))
    wrong = (numbers < 0) | (numbers >= len(names))
    if wrong.any():
        unknown = sorted({str(value) for value in values[wrong]})
        raise ClvError(f"The policy {policy!r} names {', '.join(unknown)}. The actions are {', '.join(names)}.")
    return np.asarray(numbers, dtype=np.intp)
