"""The simple formulas of the textbooks, over plain numbers; arrays broadcast as in NumPy.

Time has no unit here: every rate, cost and length counts the same abstract period. A discount or retention of 0.10 is ten
per cent per that period. A `Rate` per year becomes a fraction per month with `math.expm1(rate.force(MONTH))`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.errors import ClvError
from clvmodels.numerics.checked import discount as _discount
from clvmodels.numerics.checked import number as _number
from clvmodels.value.textbook import FirstPayment, paid_now
from clvmodels.value.textbook import berger_nasr as berger_nasr
from clvmodels.value.textbook import constant_retention as constant_retention
from clvmodels.value.textbook import customer_equity as customer_equity
from clvmodels.value.textbook import explain as explain
from clvmodels.value.textbook import peppers_rogers as peppers_rogers
from clvmodels.value.textbook import reichheld as reichheld
from clvmodels.value.textbook import sales_calls as sales_calls

if TYPE_CHECKING:
    import pandas as pd

type Array = NDArray[np.float64]

__all__ = [
    "berger_nasr", "component", "constant_retention", "customer_equity", "explain", "initial", "naive_rate",
    "past_customer_value", "peppers_rogers", "reichheld", "sales_calls", "transaction", "transaction_levers",
]  # fmt: skip


def initial(*, average_amount: ArrayLike, duration: ArrayLike) -> Array:
    """What a customer spends per period, times the periods she stays.

    Parameters
    ----------
    average_amount
        Average purchase amount per period [currency / period].
    duration
        Length of the relationship [periods, >= 0].

    Returns
    -------
    array [currency]; nothing is discounted

    Source: the initial formula of customer lifetime value (crm_indicators, section E).

    Examples
    --------
    >>> float(initial(average_amount=50, duration=24))
    1200.0
    """
    return _number(average_amount, "average_amount") * _number(duration, "duration", low=0)


def transaction(*, transactions: ArrayLike, customers: ArrayLike, revenue: ArrayLike, duration: ArrayLike) -> Array:
    """The value of an average customer from three averages: how often, how much, how long.

        (transactions / customers) * (revenue / transactions) * duration

    Parameters
    ----------
    transactions, revenue
        Of all customers in one period [count / period, > 0; currency / period].
    customers
        How many customers made them [count, > 0].
    duration
        Length of the relationship [periods, >= 0].

    Returns
    -------
    array [currency per customer]; equals `initial` with average_amount = revenue / customers

    Raises
    ------
    ClvError
        There are no customers or no transactions.

    Source: the transaction formula of customer lifetime value (crm_indicators, section E).

    Examples
    --------
    >>> float(transaction(transactions=200, customers=100, revenue=5000, duration=24))
    1200.0
    """
    often, much, long = _levers(transactions, customers, revenue, duration)
    return often * much * long


def transaction_levers(*, transactions: float, customers: float, revenue: float, duration: float) -> pd.DataFrame:
    """What one per cent more of each lever of `transaction` is worth.

    A product gains one per cent whichever factor does, so the levers are worth the same; what differs is what one per cent is
    in each lever's own unit (`step`), and so what it takes to get it.

    Parameters
    ----------
    transactions, customers, revenue, duration
        As in `transaction`, single numbers.

    Returns
    -------
    DataFrame, one row per lever and one for all of them: now, step [unit of the lever], gain_per_customer and gain
    (all customers) [currency]

    Examples
    --------
    >>> levers = transaction_levers(transactions=200, customers=100, revenue=5000, duration=24)
    >>> levers["gain"].round(2).tolist()
    [1200.0, 1200.0, 1200.0, 3636.12]
    """
    import pandas as pd

    now = np.array([float(v) for v in _levers(transactions, customers, revenue, duration)] + [np.nan])
    gain = float(np.prod(now[:3])) * (np.array([1.01, 1.01, 1.01, 1.01**3]) - 1)
    names = pd.Index(["transactions per customer", "revenue per transaction", "duration", "all three"], name="lever")
    return pd.DataFrame(
        {"now": now, "step": now / 100, "gain_per_customer": gain, "gain": gain * customers}, index=names
    )


def component(
    *,
    survival: ArrayLike,
    revenue: ArrayLike,
    cost: ArrayLike,
    discount: ArrayLike,
    acquisition_cost: ArrayLike = 0.0,
    first_payment: FirstPayment = "end_of_period",
) -> Array:
    """The component model: surviving margin, discounted and summed over a horizon, less the cost of acquisition.

        sum over t of survival_t * (revenue_t - cost_t) / (1 + discount)^t - acquisition_cost

    Parameters
    ----------
    survival
        Share of customers still there at each payment [fraction, never rising], periods along the last axis.
    revenue, cost
        Per surviving customer at each payment [currency]; one number, or one per period along the last axis.
    discount
        Fraction per period, > -1.
    acquisition_cost
        What winning the customer cost, paid now [currency].
    first_payment
        How t counts. "end_of_period": the first entry is paid after one period (t = 1, 2, ..., n). "now": the first entry is
        paid at once and not discounted (t = 0, 1, ..., n - 1); its survival is 1 for a customer who is there.

    Returns
    -------
    array [currency], the shape of `survival` without its last axis

    Raises
    ------
    ClvError
        Survival is outside [0, 1] or rises.

    Source: the component model (crm_indicators, section E).

    Examples
    --------
    >>> round(float(component(survival=[0.8, 0.64], revenue=100, cost=40, discount=0.10)), 4)
    75.3719
    """
    share = np.atleast_1d(_number(survival, "survival", low=0, high=1))
    if np.any(np.diff(share, axis=-1) > 0):
        raise ClvError(
            "survival rises over time: nobody comes back from having left. Give the share still there, not rates."
        )
    margin = _number(revenue, "revenue") - _number(cost, "cost")
    t = np.arange(share.shape[-1]) + (0 if paid_now(first_payment) else 1)
    growth = 1 + _discount(discount)[..., None]
    return np.asarray(np.sum(share * margin / growth**t, axis=-1) - _number(acquisition_cost, "acquisition_cost"))


def past_customer_value(*, contribution: ArrayLike, periods_ago: ArrayLike, rate: ArrayLike) -> Array:
    """What a customer has contributed so far, compounded to today: sum of contribution * (1 + rate)^periods_ago.

    Parameters
    ----------
    contribution
        Contribution margin of each purchase [currency], purchases along the last axis.
    periods_ago
        Periods since each purchase [periods, >= 0].
    rate
        Fraction per period at which money grows, > -1.

    Returns
    -------
    array [currency], without the last axis

    Source: past customer value (crm_indicators, section D).

    Examples
    --------
    >>> float(past_customer_value(contribution=[100, 50], periods_ago=[2, 0], rate=0.10).round(6))
    171.0
    """
    grown = (1 + _discount(rate, "rate")[..., None]) ** _number(periods_ago, "periods_ago", low=0)
    return np.asarray(np.sum(np.atleast_1d(_number(contribution, "contribution") * grown), axis=-1))


def naive_rate(*, frequency: ArrayLike, T: ArrayLike) -> Array:
    """Repeat purchases per period so far, x / T: the rate that carrying on as before would mean.

    Parameters
    ----------
    frequency
        Repeat purchases x [count, >= 0].
    T
        Age at the end of observation [period, >= 0].

    Returns
    -------
    array [purchases per period]; 0 at T = 0, where there has been no time to buy again

    Raises
    ------
    ClvError
        There are repeat purchases at T = 0.

    Source: the definition itself; it treats the rate seen as the rate to come.

    Examples
    --------
    >>> naive_rate(frequency=[2, 0], T=[40, 0])
    array([0.05, 0.  ])
    """
    x, age = np.broadcast_arrays(_number(frequency, "frequency", low=0), _number(T, "T", low=0))
    if np.any((x > 0) & (age == 0)):
        raise ClvError(
            "frequency is positive at T = 0: repeat purchases without time to make them. Check the unit of T."
        )
    return np.asarray(x / np.where(age == 0, 1.0, age))


def _levers(
    transactions: ArrayLike, customers: ArrayLike, revenue: ArrayLike, duration: ArrayLike
) -> tuple[Array, ...]:
    count, people = _number(transactions, "transactions", low=0), _number(customers, "customers", low=0)
    if np.any(people == 0) or np.any(count == 0):
        raise ClvError(
            "The averages need at least one customer and one transaction. Choose a period in which somebody bought."
        )
    return count / people, _number(revenue, "revenue") / count, _number(duration, "duration", low=0)
