"""The terms of a valuation: how far ahead, at what rate, at what margin and cost."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

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
        margin = self.margin
        if isinstance(margin, int | float):
            return _checked(np.array([[float(margin)]]), ["margin"])
        if hasattr(margin, "rvs"):
            return _checked(
                np.asarray(margin.rvs(size=draws, random_state=rng), dtype=float)[None, :], ["margin"] * draws
            )
        if isinstance(margin, pd.Series | Mapping):
            series = pd.Series(margin)
            found = series.reindex(pd.Index(histories.customer_id)).to_numpy(dtype=float)
            return _checked(found[:, None], list(histories.customer_id))
        raise ClvError(
            f"margin={margin!r} is not a margin. Give a number such as 0.30, a Series by customer id, or a distribution such as "
            "scipy.stats.beta(30, 70)."
        )


def _checked(margins: Array, rows: list[Any]) -> Array:
    wrong = np.flatnonzero(~np.isfinite(np.ravel(margins)))
    if wrong.size:
        remedy = "Give every customer a finite share of spend, such as 0.30."
        values = np.ravel(margins)[wrong]
        raise ClvError(
            offenders(
                "is missing or not finite", column="margin", rows=[rows[i] for i in wrong], values=values, remedy=remedy
            )
        )
    return margins
