"""`response_curve`: how a response rate grows with spending, from judgement where there is no log of contacts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from clvmodels.errors import ModelError
from clvmodels.response.cells import Floats


@dataclass(frozen=True)
class ResponseCurve:
    """rate = ceiling * (1 - exp(-steepness * spend)); made by `response_curve(...)`.

    Attributes
    ----------
    ceiling
        Rate that unlimited spending would reach, in (0, 1].
    steepness
        [1 / currency] per customer, > 0.
    """

    ceiling: float
    steepness: float

    def rate(self, spend: ArrayLike) -> Floats:
        """Response rate at a spend per customer [currency], from 0 up to the ceiling."""
        return np.asarray(-self.ceiling * np.expm1(-self.steepness * _spend(spend)))

    def marginal(self, spend: ArrayLike) -> Floats:
        """Rise of the rate per unit of money [1 / currency]: falls from ceiling * steepness to 0."""
        return np.asarray(self.ceiling * self.steepness * np.exp(-self.steepness * _spend(spend)))

    def spend_for(self, rate: ArrayLike) -> Floats:
        """Spend per customer [currency] that reaches a rate below the ceiling."""
        wanted = np.asarray(rate, dtype=float)
        if not np.all((wanted >= 0) & (wanted < self.ceiling)):
            raise ModelError(f"No spending reaches a rate of {rate!r}: the ceiling is {self.ceiling:g}. Ask for less.")
        return np.asarray(-np.log1p(-wanted / self.ceiling) / self.steepness)

    def net(self, spend: ArrayLike, *, value: float) -> Floats:
        """Value of the responses minus the spend, per customer [currency]."""
        return np.asarray(value * self.rate(spend) - _spend(spend))

    def optimal_spend(self, *, value: float) -> float:
        """Spend per customer [currency] at which one more unit returns one: 0 if even the first returns less.

        Parameters
        ----------
        value
            Of a response [currency], before what is spent on it.
        """
        first = value * self.ceiling * self.steepness
        return float(np.log(first) / self.steepness) if first > 1 else 0.0

    def __repr__(self) -> str:
        return f"ResponseCurve: {self.ceiling:g} * (1 - exp(-{self.steepness:.4g} * spend))"


def response_curve(*, current_spend: float, current_rate: float, ceiling: float) -> ResponseCurve:
    """A response curve through what is spent and reached today, with the rate that no spending would pass.

    Parameters
    ----------
    current_spend
        Per customer or prospect [currency], > 0.
    current_rate
        Response, acquisition or retention rate reached by it, in (0, ceiling).
    ceiling
        Rate that could be reached if there were no limit to spending, up to 1: a judgement.

    Returns
    -------
    ResponseCurve

    Raises
    ------
    ModelError
        Not 0 < current_rate < ceiling <= 1, or nothing is spent.

    Source: Blattberg and Deighton 1996, Harvard Business Review 74(4), 136-144.

    Examples
    --------
    Spending 10 wins 0.2 of the prospects; twice as much would not win twice as many.

    >>> curve = response_curve(current_spend=10.0, current_rate=0.2, ceiling=0.4)
    >>> round(float(curve.rate(20.0)), 6)
    0.3
    >>> round(curve.optimal_spend(value=100.0), 2)
    14.71
    """
    if not (0 < current_rate < ceiling <= 1):
        raise ModelError(
            f"current_rate={current_rate} and ceiling={ceiling}: a rate lies between 0 and its ceiling, that at most at 1. "
            "Ask what the rate would be if money were no limit."
        )
    if not 0 < current_spend < float("inf"):
        raise ModelError(f"current_spend={current_spend}: a curve through today needs a positive spend per customer.")
    return ResponseCurve(ceiling, float(-np.log1p(-current_rate / ceiling) / current_spend))


def _spend(spend: ArrayLike) -> Floats:
    values = np.asarray(spend, dtype=float)
    if not np.all(values >= 0):
        raise ModelError(f"A spend cannot be {spend!r}. Give zero or more per customer.")
    return values
