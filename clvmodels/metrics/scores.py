"""Recency, frequency and monetary value: the classical scores of direct marketing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.errors import ClvError
from clvmodels.metrics.measures import break_even_response
from clvmodels.metrics.shares import add_share
from clvmodels.numerics.checked import number

if TYPE_CHECKING:
    import pandas as pd

type Array = NDArray[np.float64]


class Rfm(NamedTuple):
    """Quintile codes (n,), whole numbers from 1 (the worst fifth) to 5 (the best)."""

    recency: Array
    frequency: Array
    monetary: Array

    @property
    def score(self) -> Array:
        """The unweighted sum of the three codes, 3 to 15."""
        return self.recency + self.frequency + self.monetary


def quintiles(values: ArrayLike) -> Array:
    """Fifths of customers by rising values: 1 to 5. Equal values get equal codes, so the fifths need not be of one size.

    Examples
    --------
    >>> quintiles([10, 20, 30, 50, 50]).tolist()
    [1.0, 2.0, 3.0, 4.0, 4.0]
    """
    numbers = np.atleast_1d(number(values, "values"))
    order = np.sort(numbers)
    below = np.searchsorted(order, numbers, side="left")
    return np.floor(5.0 * below / max(numbers.size, 1)) + 1.0


def rfm(histories: Any) -> Rfm:
    """Codes of customers' time since the last purchase (the shorter the better), purchases, and mean amount.

    Parameters
    ----------
    histories
        `Histories` (n,); an unknown mean amount counts as zero.

    Returns
    -------
    Rfm

    Source: RFM analysis (crm_indicators, section D).

    Examples
    --------
    >>> from clvmodels.data.histories import Histories
    >>> from clvmodels.units import WEEK
    >>> two = Histories(["A", "B"], [2, 0], [30.0, 0.0], [38.0, 38.0], [20.0, 0.0], period=WEEK)
    >>> rfm(two).score.tolist()
    [9.0, 3.0]
    """
    money = np.nan_to_num(np.asarray(histories.monetary_value, dtype=float))
    return Rfm(quintiles(histories.recency - histories.T), quintiles(histories.frequency), quintiles(money))


def weighted_score(codes: Rfm, *, weights: ArrayLike) -> Array:
    """RFM score (RFM 분석) with given weights: a R + b F + c M.

    Parameters
    ----------
    codes
        `Rfm`: quintile codes, or values of one's own in their place (n,).
    weights
        a, b, c (3,).

    Returns
    -------
    array (n,)

    Source: RFM analysis (crm_indicators, section D).

    Examples
    --------
    >>> weighted_score(Rfm(np.array([5.0]), np.array([3.0]), np.array([1.0])), weights=[0.5, 0.3, 0.2]).round(6).tolist()
    [3.6]
    """
    factors = number(weights, "weights")
    if factors.shape != (3,):
        raise ClvError(f"weights has {factors.size} numbers. Give three, for recency, frequency and monetary value.")
    return np.asarray(np.column_stack(codes) @ factors)


def regression_weights(codes: Rfm, *, response: ArrayLike) -> Array:
    """The weights of R, F and M by least squares of a response on the codes, with a constant that is left out of the score.

    Parameters
    ----------
    codes
        `Rfm` (n,).
    response
        What they answered to: 0 or 1, or an amount [currency] (n,).

    Returns
    -------
    array (3,), for `weighted_score` [response per code]

    Raises
    ------
    ClvError
        The codes do not differ enough to tell the three weights apart.

    Source: RFM analysis (crm_indicators, section D), weights estimated by regression.

    Examples
    --------
    >>> four = Rfm(np.array([1.0, 2, 1, 1]), np.array([1.0, 1, 2, 1]), np.array([1.0, 1, 1, 2]))
    >>> regression_weights(four, response=[0, 3, 2, 1]).round(6).tolist()
    [3.0, 2.0, 1.0]
    """
    columns = np.column_stack([np.ones(len(codes.recency)), *codes])
    found, _, rank, _ = np.linalg.lstsq(columns, _per_customer(response, codes), rcond=None)
    if rank < 4:
        raise ClvError("The codes do not tell three weights apart: two of them move together. Give weights instead.")
    return np.asarray(found[1:])


def cells(codes: Rfm, *, response: ArrayLike, cost: float, margin: float, interval: float = 0.95) -> pd.DataFrame:
    """The classical 5 x 5 x 5 cells: how many responded in each, and whether that is above break-even = cost / margin.

    Parameters
    ----------
    codes
        `Rfm` (n,).
    response
        Whether each customer responded to a contact, 0 or 1 (n,).
    cost, margin
        [currency per contact], [currency per response, > 0].
    interval
        Probability of Wilson's intervals, 0 to 1.

    Returns
    -------
    DataFrame, one row per cell with customers: recency, frequency, monetary (codes), customers, responses, response_rate with
    _lower and _upper, break_even (fractions), pays (rate at or above break-even)

    Raises
    ------
    ClvError
        Codes are not whole numbers from 1 to 5, or responses something else than 0 and 1, one per customer.

    Source: RFM analysis (crm_indicators, section D); Wilson1927.

    Examples
    --------
    >>> two = Rfm(np.array([5.0, 5, 1]), np.array([5.0, 5, 1]), np.array([5.0, 5, 1]))
    >>> cells(two, response=[1, 0, 0], cost=1, margin=10)[["customers", "response_rate", "pays"]].to_numpy().tolist()
    [[1, 0.0, False], [2, 0.5, True]]
    """
    import pandas as pd

    data = pd.DataFrame({name: _whole(code, name) for name, code in codes._asdict().items()})
    data["responses"] = _per_customer(response, codes)
    if not data["responses"].isin((0, 1)).all():
        raise ClvError("response has values other than 0 and 1. Say for each customer whether she responded.")
    keys = ["recency", "frequency", "monetary"]
    found: pd.DataFrame = data.groupby(keys)["responses"].agg(customers="size", responses="sum").reset_index()
    add_share(found, "response_rate", found["responses"], found["customers"], interval)
    found["break_even"] = float(break_even_response(cost=cost, margin=margin))
    return found.assign(pays=found["response_rate"] >= found["break_even"])


def _per_customer(response: ArrayLike, codes: Rfm) -> Array:
    numbers = number(response, "response")
    if numbers.shape != np.shape(codes.recency):
        raise ClvError(
            f"response has shape {numbers.shape} for {np.size(codes.recency):,} customers. Give one value each."
        )
    return numbers


def _whole(code: Array, name: str) -> Array:
    numbers = number(code, name, low=1, high=5)
    if np.any(numbers != np.round(numbers)):
        raise ClvError(f"{name} has codes that are not whole numbers. Cells are of quintiles, such as rfm() gives.")
    return np.asarray(numbers, dtype=int)
