"""Simple formulas as predictors: what each says every customer will do over a horizon, undiscounted.

They are what a model has to beat. A predictor is any function of the histories and a span that returns purchases and spend
per customer; the ones here carry a name and are listed in `BASELINES`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from clvmodels.data.histories import Histories
from clvmodels.model import Array
from clvmodels.units import MONTH, Span
from clvmodels.value import formulas


class Predicted(NamedTuple):
    """What customers are predicted to do: purchases [count] and spend [currency], each (n,)."""

    purchases: Array
    spend: Array


type Predictor = Callable[[Histories, Span], tuple[Array, Array]]


@dataclass(frozen=True)
class Baseline:
    """A simple formula as a predictor.

    Attributes
    ----------
    name
        What tables and reports call it.
    meaning
        What it assumes, in one sentence.
    predict
        Function of the histories and the horizon.
    """

    name: str
    meaning: str
    predict: Callable[[Histories, Span], Predicted]

    def __call__(self, histories: Histories, horizon: Span) -> Predicted:
        return self.predict(histories, horizon)


def naive_rate(histories: Histories, horizon: Span) -> Predicted:
    """Every customer goes on at her own repeat rate x / T and her own mean repeat amount.

    Customers without a repeat purchase are predicted to buy nothing.

    Examples
    --------
    >>> from clvmodels.units import WEEK
    >>> two = Histories(["A", "B"], [2, 0], [30, 0], [40, 40], [25, 0], period=WEEK)
    >>> naive_rate(two, 20 * WEEK)
    Predicted(purchases=array([1., 0.]), spend=array([25.,  0.]))
    """
    purchases = formulas.naive_rate(frequency=histories.frequency, T=histories.T) * horizon.per(histories.period)
    return Predicted(purchases, purchases * _repeat_amount(histories))


def initial(histories: Histories, horizon: Span) -> Predicted:
    """`formulas.initial` customer by customer: her own purchases and spend per period so far, times the horizon.

    The first purchase counts. Where the histories have no `spend`, it is frequency * monetary_value, which is without the
    first purchase. Customers younger than a month count as a month old, so that one who bought today is not predicted to
    buy every day; a spend below zero (more returned than bought) counts as zero.

    Examples
    --------
    >>> from clvmodels.units import WEEK
    >>> one = Histories(["A"], [1], [30], [40], [25], period=WEEK, spend=[60])
    >>> initial(one, 20 * WEEK)
    Predicted(purchases=array([1.]), spend=array([30.]))
    """
    age, duration = _age(histories), horizon.per(histories.period)
    purchases, spend = (
        formulas.initial(average_amount=total / age, duration=duration)
        for total in (histories.frequency + 1, _spend(histories))
    )
    return Predicted(purchases, spend)


def transaction(histories: Histories, horizon: Span) -> Predicted:
    """`formulas.transaction`: everybody is the average customer of three averages.

    Purchases (the first ones count) and spend per customer and period of age, times the horizon. Ages and missing `spend`
    as in `initial`.

    Examples
    --------
    >>> from clvmodels.units import WEEK
    >>> two = Histories(["A", "B"], [2, 0], [30, 0], [40, 40], [25, 0], period=WEEK, spend=[60, 20])
    >>> transaction(two, 20 * WEEK)
    Predicted(purchases=array([1., 1.]), spend=array([20., 20.]))
    """
    customers, age = len(histories), _age(histories).mean()
    transactions = float(np.sum(histories.frequency + 1)) / age
    purchases = transactions / customers * horizon.per(histories.period)
    spend = formulas.transaction(
        transactions=transactions,
        customers=customers,
        revenue=float(_spend(histories).sum()) / age,
        duration=horizon.per(histories.period),
    )
    return Predicted(np.full(customers, purchases), np.full(customers, float(spend)))


def _repeat_amount(histories: Histories) -> Array:
    return np.where(histories.frequency > 0, np.nan_to_num(histories.monetary_value), 0.0)


def _spend(histories: Histories) -> Array:
    if histories.spend is None:
        return histories.frequency * _repeat_amount(histories)
    return np.maximum(histories.spend, 0.0)


def _age(histories: Histories) -> Array:
    return np.maximum(histories.T, MONTH.days / histories.period.days)


BASELINES: Final = (
    Baseline("naive rate", "every customer goes on at her own repeat rate x / T and mean repeat amount", naive_rate),
    Baseline("initial formula", "every customer goes on at her own purchases and spend per period", initial),
    Baseline("transaction formula", "every customer is the average customer", transaction),
)
