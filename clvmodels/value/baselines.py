"""Simple formulas as predictors: what each says every customer will do over a horizon, undiscounted.

They are what a model has to beat. A predictor is any function of the histories and a span that returns purchases and spend
per customer; the ones here carry a name. Those in `BASELINES` need nothing but the histories; `constant_retention` (the
component model, and Berger and Nasr's case 1, which differs from it by costs and discount alone) and `reichheld` need the
retention or defection rate of the firm, such as `metrics.retention` finds.

The other formulas say nothing of what single customers will do: Peppers and Rogers' is about a contract's fees, the sales-call
example is the initial formula less a cost, customer equity is a sum, past customer value looks back, and `explain` compares
levers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from clvmodels.data.histories import Histories
from clvmodels.errors import ClvError
from clvmodels.model import Array
from clvmodels.numerics.checked import number
from clvmodels.units import MONTH, Period, Span, as_period
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


def constant_retention(*, retention: float, per: Period) -> Baseline:
    """The component model: every customer goes on as in `initial`, and each period the same share of them is retained.

    Parameters
    ----------
    retention
        Fraction retained from one period to the next, 0 to 1. Payments are at the ends of periods; the last one counts by its
        fraction.
    per
        The period, such as `MONTH`.

    Examples
    --------
    >>> from clvmodels.units import WEEK
    >>> one = Histories(["A"], [1], [30], [40], [25], period=WEEK, spend=[60])
    >>> constant_retention(retention=0.5, per=Period("twenty weeks", 140)).predict(one, 40 * WEEK)
    Predicted(purchases=array([0.75]), spend=array([22.5]))
    """
    as_period(per, name="per")
    kept = float(number(retention, "retention", low=0, high=1))

    def predict(histories: Histories, horizon: Span) -> Predicted:
        t = np.arange(1, math.ceil(horizon.per(per)) + 1)
        lived = np.clip(horizon.per(per) - (t - 1), 0, 1)
        periods = formulas.component(survival=kept**t * lived, revenue=1.0, cost=0.0, discount=0.0)
        return Predicted(*(values * float(periods) for values in initial(histories, 1 * per)))

    return Baseline("component model", f"as the initial formula, with {kept:.1%} retained per {per}", predict)


def reichheld(*, defection: float, per: Period) -> Baseline:
    """Reichheld's expected lifetime: every customer goes on as in `initial` for 1 / defection periods, then stops.

    His profit pattern by year of life is one of the firm, not of its customers, so only the lifetime is in it.

    Parameters
    ----------
    defection
        Fraction of customers leaving per period, above 0 to 1.
    per
        The period, such as `YEAR`.

    Examples
    --------
    >>> from clvmodels.units import WEEK
    >>> one = Histories(["A"], [1], [30], [40], [25], period=WEEK, spend=[60])
    >>> reichheld(defection=0.1, per=WEEK).predict(one, 20 * WEEK)
    Predicted(purchases=array([0.5]), spend=array([15.]))
    """
    as_period(per, name="per")
    leaving = float(number(defection, "defection", low=0, high=1))
    if leaving == 0:
        raise ClvError("defection=0: nobody ever leaves, so there is no lifetime. Use `initial`.")

    def predict(histories: Histories, horizon: Span) -> Predicted:
        return initial(histories, min(horizon.per(per), 1 / leaving) * per)

    return Baseline("Reichheld", f"as the initial formula, for {1 / leaving:.3g} {per}s", predict)


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
