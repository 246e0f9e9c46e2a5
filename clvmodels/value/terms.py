"""The terms of a valuation: how far ahead, at what rate, at what margin and cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.data.histories import Histories
from clvmodels.errors import ClvError, UnitError, offenders
from clvmodels.model import Array
from clvmodels.units import Cost, Period, Rate, Span, as_rate, as_span


class Distribution(Protocol):
    """A frozen distribution, such as `scipy.stats.beta(30, 70)`."""

    def rvs(self, *, size: int, random_state: np.random.Generator) -> Any: ...


type Margin = float | pd.Series | Mapping[Any, float] | Distribution


@dataclass(frozen=True)
class Terms:
    """How future purchases become money today.

    Parameters
    ----------
    horizon
        How far ahead; `FOREVER` needs a discount rate.
    discount
        Effective rate, or None. A purchase is discounted from the moment it is made.
    margin
        Contribution per unit of spend: a number, a Series by customer id, or a distribution (one draw of it per posterior draw,
        the same for all customers: what is unknown is the margin of the business).
    cost
        What keeping a customer costs per period, paid over the whole horizon whether she is alive or not, because nobody sees
        her leave; or None.
    """

    horizon: Span
    discount: Rate | None = None
    margin: Margin = 1.0
    cost: Cost | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "horizon", as_span(self.horizon, name="horizon"))
        as_rate(self.discount, name="discount")
        if self.cost is not None and not isinstance(self.cost, Cost):
            raise UnitError(f"cost={self.cost!r}: per what? Write Cost({self.cost!r}, per=MONTH).")
        if self.horizon.count == 0:
            raise UnitError("The horizon is zero. Give the future a length, such as 52 * WEEK.")
        if math.isinf(self.horizon.count) and (self.discount is None or self.discount.value <= 0):
            raise UnitError(
                "An endless horizon needs a positive discount rate. Give discount=Rate(0.10, per=YEAR), or a finite horizon."
            )

    def force(self, period: Period) -> float:
        """Force of interest per `period`; 0 without a discount rate."""
        return 0.0 if self.discount is None else self.discount.force(period)

    @property
    def present_cost(self) -> float:
        """What keeping one customer over the horizon costs, in today's money."""
        return 0.0 if self.cost is None else self.cost.present_value(self.horizon, self.discount)

    def margins(self, histories: Histories, draws: int, rng: np.random.Generator) -> Array:
        """Margin per customer and draw, (n or 1, draws or 1)."""
        return by_customer(self.margin, histories.customer_id, draws, rng, name="margin", example="0.30")


def by_customer(
    value: Margin, customers: NDArray[Any], draws: int, rng: np.random.Generator, *, name: str, example: str
) -> Array:
    """A number, a Series by customer id, or draws of a distribution as an array (n or 1, draws or 1).

    Parameters
    ----------
    value
        A distribution is drawn once per joint draw, the same for all customers.
    name, example
        What it is called and how one is written, for the errors.
    """
    if isinstance(value, int | float):
        return finite(np.array([[float(value)]]), [name], name, example)
    if hasattr(value, "rvs"):
        drawn = np.asarray(value.rvs(size=draws, random_state=rng), dtype=float)
        return finite(drawn[None, :], [name] * draws, name, example)
    if isinstance(value, pd.Series | Mapping):
        found = pd.Series(value).reindex(pd.Index(customers)).to_numpy(dtype=float)
        return finite(found[:, None], list(customers), name, example)
    raise ClvError(
        f"{name}={value!r} is not a {name}. Give a number such as {example}, a Series by customer id, or a distribution such as "
        "scipy.stats.beta(30, 70)."
    )


def finite(numbers: Array, rows: Any, name: str, example: str) -> Array:
    """Numbers, if all are; `rows` are whose they are."""
    wrong = np.flatnonzero(~np.isfinite(np.ravel(numbers)))
    if wrong.size:
        remedy = f"Give every customer a finite one, such as {example}."
        values = np.ravel(numbers)[wrong]
        raise ClvError(
            offenders(
                "is missing or not finite", column=name, rows=[rows[i] for i in wrong], values=values, remedy=remedy
            )
        )
    return numbers
