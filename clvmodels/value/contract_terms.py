"""The terms of a contract's value: what a payment is, how it changes, when it is made, what serving a customer costs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.data.tenure import ROUNDING
from clvmodels.errors import ClvError, UnitError
from clvmodels.model import Array
from clvmodels.units import Period, Rate, as_rate
from clvmodels.value.standing import Standing
from clvmodels.value.terms import Margin, Terms, by_customer, finite


class Money(NamedTuple):
    """Of each customer [currency], each (n or 1, draws or 1): what a payment is today, what of it is earned, and what all
    payments before today have earned."""

    price: Array
    earned: Array
    realised: Array

    def of(self, rows: NDArray[np.intp]) -> Money:
        """The same of some customers."""
        return Money(*(table if table.shape[0] == 1 else table[rows] for table in self))


@dataclass(frozen=True)
class ContractTerms(Terms):
    """How future payments become money today.

    Parameters
    ----------
    horizon, discount
        As in `Terms`.
    margin
        What is earned of a payment, as a share: a number, a Series by customer id, a distribution. None: the contracts' column
        of margins where there is one, and otherwise all of it.
    cost
        Of serving a customer, paid evenly as long as she is under contract.
    price
        A payment today [currency]: a number, a Series by customer id, a distribution. None: the contracts' column of prices.
    growth
        How prices rise, such as `Rate(0.02, per=YEAR)`; a payment is made at the price of its day.
    """

    margin: Margin | None = None  # type: ignore[assignment]
    price: Margin | None = None
    growth: Rate | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        as_rate(self.growth, name="price_growth")
        if math.isinf(self.horizon.count) and self._net_force() <= 0:
            raise UnitError(
                "An endless horizon needs a discount rate above the growth of prices. Give a higher one, or a finite horizon."
            )

    def _net_force(self) -> float:
        return self.force(self.horizon.period) - self.rise(self.horizon.period)

    def rise(self, period: Period) -> float:
        """Force of growth of prices per `period`; 0 if they stay."""
        return 0.0 if self.growth is None else self.growth.force(period)

    def cost_force(self, period: Period) -> float:
        """What serving a customer costs per `period` [currency], spread evenly over it."""
        return 0.0 if self.cost is None else self.cost.amount * period.days / self.cost.per.days

    def money(self, standing: Standing, draws: int, rng: np.random.Generator) -> Money:
        """Price and earnings of a payment of each customer in each joint draw."""
        tenures, ids = standing.tenures, standing.tenures.customer_id
        price = None
        if self.price is not None:
            price = by_customer(self.price, ids, draws, rng, name="price", example="39.90")
        elif tenures.price is not None:
            price = finite(tenures.price[:, None], ids, "price", "39.90")
        made, past = (
            standing.payments_made[:, None],
            {name: finite(column[:, None], ids, name, "39.90") for name, column in standing.past.items()},
        )
        if self.margin is None and self.price is None and tenures.margin is not None:
            earned = finite(tenures.margin[:, None], ids, "margin", "12.50")
            return Money(earned if price is None else price, earned, past.get("margin", made * earned))
        if price is None:
            raise ClvError(
                "Nobody knows what a payment is. Name the column when reading the contracts, Contracts(..., price='fee'), or "
                "give price= (a number, a Series by customer id, or a distribution)."
            )
        given = 1.0 if self.margin is None else self.margin
        share = by_customer(given, ids, draws, rng, name="margin", example="0.30")
        spent = past.get("price") if self.price is None else None
        return Money(price, price * share, share * (made * price if spent is None else spent))


def dates_within(horizon: float, wait: Array) -> Array:
    """How many payment dates lie within the horizon, the first after `wait`; one at its very end does [may be infinite]."""
    return np.asarray(np.maximum(np.floor(horizon - wait + ROUNDING) + 1.0, 0.0))


def series(force: float, terms: ArrayLike) -> Array:
    """Sum over j = 1 .. terms of e^(-force j); `terms` may be infinite if the force is positive.

    Examples
    --------
    >>> series(0.0, [0, 3])
    array([0., 3.])
    >>> round(float(series(0.1, float("inf"))), 6), round(float(1 / np.expm1(0.1)), 6)
    (9.508332, 9.508332)
    """
    count = np.asarray(terms, dtype=float)
    if force == 0.0:
        return count
    return np.asarray(np.expm1(-force * count) / -np.expm1(force))


def annuity(force: float, length: ArrayLike) -> Array:
    """Present value of one unit a period paid evenly over a `length` [period], which may be infinite if the force is positive."""
    span = np.asarray(length, dtype=float)
    return span if force == 0.0 else np.asarray(-np.expm1(-force * span) / force)
