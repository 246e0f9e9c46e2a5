"""Amount of a purchase, independent of how often a customer buys: what every such model offers."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import HistoryError, offenders
from clvmodels.history import HistoryLike, as_columns
from clvmodels.model import Array, Model


class Spend(Model):
    """Base of the models of the amount of a purchase. Money is in the currency of the histories, and so is theta."""

    columns = ("frequency", "monetary_value")
    formulas = ("expected_spend",)

    @abstractmethod
    def expected_spend(self, theta: Any, history: HistoryLike) -> Array:
        """Expected amount of a coming purchase [currency]."""

    @abstractmethod
    def draw_totals(
        self, theta: Any, history: HistoryLike, counts: NDArray[np.int64], *, rng: np.random.Generator
    ) -> Array:
        """Draw what customers spend in `counts` purchases (n, draws), given their histories; (n, draws) [currency]."""

    @abstractmethod
    def draw_spend(
        self,
        theta: Any,
        history: HistoryLike,
        offsets: NDArray[np.int64],
        *,
        totals: Array | None = None,
        rng: np.random.Generator,
    ) -> Array:
        """Draw the amount of each simulated purchase given the customer's history, and given their totals if these are known.

        Parameters
        ----------
        theta
            Parameters: numbers, arrays (draws,), or (n, draws) where customers differ.
        history
            Customers (n,).
        offsets
            Where the purchases of customer i in draw s lie: `offsets[k]:offsets[k + 1]` with k = i * draws + s, (n * draws + 1,).
        totals
            What each customer spends in each draw (n, draws), from `draw_totals`.

        Returns
        -------
        array (offsets[-1],) [currency per purchase]
        """

    @abstractmethod
    def simulate(self, theta: Any, frequency: Array, *, seed: int | np.random.Generator) -> Array:
        """Mean amount of `frequency` repeat purchases (n,) for new customers [currency]; NaN where frequency is 0."""

    def data(self, history: HistoryLike) -> tuple[Array, ...]:
        """Frequency and mean amount of the customers who inform the likelihood."""
        paid = self.informative(history)
        x, m = (np.atleast_1d(v) for v in np.broadcast_arrays(*as_columns(history, self.columns)))
        return x[paid], m[paid]

    def informative(self, history: HistoryLike) -> NDArray[np.bool_]:
        """Who has paid for a repeat purchase (n,): the others say nothing about amounts.

        Raises
        ------
        HistoryError
            If an amount is missing or negative, or nobody has paid for a repeat purchase.
        """
        x, m = (np.atleast_1d(v) for v in np.broadcast_arrays(*as_columns(history, self.columns)))
        wrong = (x > 0) & ~(np.isfinite(m) & (m >= 0))
        if wrong.any():
            at = np.flatnonzero(wrong)
            names = np.atleast_1d(getattr(history, "customer_id", np.arange(x.size)))
            remedy = (
                f"{self.name} needs amounts: give amount= with the log, or leave these customers out with select()."
            )
            raise HistoryError(
                offenders(
                    "is not an amount of zero or more",
                    column="monetary_value",
                    rows=list(names[at]),
                    values=m[at],
                    remedy=remedy,
                )
            )
        paid = (x > 0) & (m > 0)
        if not paid.any():
            raise HistoryError(
                "No customer has paid for a repeat purchase, so there is no amount to learn from. Observe for longer."
            )
        return np.asarray(paid)
