"""The published examples of customer lifetime value as formulas over plain numbers; public as `clvmodels.formulas`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.errors import ClvError
from clvmodels.numerics.checked import discount as _discount
from clvmodels.numerics.checked import number

if TYPE_CHECKING:
    import pandas as pd

type Array = NDArray[np.float64]
type FirstPayment = Literal["end_of_period", "now"]


def constant_retention(
    *, margin: ArrayLike, retention: ArrayLike, discount: ArrayLike, first_payment: FirstPayment = "end_of_period"
) -> Array:
    """The component model in closed form: the same margin for ever, the same share retained in every period.

    Parameters
    ----------
    margin
        Revenue less cost per period [currency].
    retention
        Share of customers retained from one period to the next [fraction, 0 to 1].
    discount
        Fraction per period, > -1.
    first_payment
        "end_of_period": margin * retention / (1 + discount - retention), paid by those retained, first after one period.
        "now": margin * (1 + discount) / (1 + discount - retention), the same stream and a margin at once.

    Returns
    -------
    array [currency], before acquisition cost

    Raises
    ------
    ClvError
        Retention is outside [0, 1], or 1 + discount - retention is not positive: the sum is infinite.

    Source: Gupta and Lehmann 2003, "Customers as Assets", Journal of Interactive Marketing 17(1), 9-24.

    Examples
    --------
    >>> round(float(constant_retention(margin=100, retention=0.8, discount=0.1)), 4)
    266.6667
    >>> round(float(constant_retention(margin=100, retention=0.8, discount=0.1, first_payment="now")), 4)
    366.6667
    """
    kept, d = number(retention, "retention", low=0, high=1), _discount(discount)
    if np.any(1 + d - kept <= 0):
        raise ClvError(
            "1 + discount - retention must be positive, or the value is infinite. "
            "Give a positive discount, or a retention below 1."
        )
    return number(margin, "margin") * (1 + d if paid_now(first_payment) else kept) / (1 + d - kept)


def berger_nasr(*, contribution: float, promotion: float, retention: float, discount: float, periods: int) -> float:
    """Berger and Nasr's case 1: yearly purchases from now on, promotion in the middle of each period.

        sum_{t=0..n} GC r^t / (1+d)^t - M sum_{t=1..n} r^(t-1) / (1+d)^(t-0.5)

    Parameters
    ----------
    contribution, promotion
        Contribution margin GC and promotion cost M per customer and period [currency].
    retention
        Fraction retained from one period to the next, 0 to 1.
    discount
        Fraction per period, > -1.
    periods
        n, the last period counted [periods, >= 0].

    Returns
    -------
    float [currency]

    Source: BergerNasr1998, case 1.

    Examples
    --------
    >>> round(berger_nasr(contribution=260, promotion=50, retention=0.75, discount=0.20, periods=10), 2)
    568.78
    """
    kept, d = float(number(retention, "retention", low=0, high=1)), float(_discount(discount))
    t = np.arange(_whole(periods) + 1)
    earned = float(number(contribution, "contribution")) * np.sum((kept / (1 + d)) ** t)
    spent = float(number(promotion, "promotion")) * np.sum(kept ** t[:-1] / (1 + d) ** (t[:-1] + 0.5))
    return float(earned - spent)


def reichheld(*, profit: ArrayLike, acquisition_cost: float, defection: float, discount: float) -> float:
    """Reichheld's four steps: the profit pattern by year of life, discounted, summed over the expected lifetime.

    The expected lifetime is 1 / defection; its last year counts by its fraction. Year t is paid at its end.

    Parameters
    ----------
    profit
        Per year of life [currency] (years,): base profit, growth, savings, referrals and price premium, already added up
        (or (sources, years), added up here). It has to reach to the end of the lifetime.
    acquisition_cost
        Paid now [currency].
    defection
        Fraction of customers leaving per year, above 0 to 1.
    discount
        Fraction per year, > -1.

    Returns
    -------
    float [currency]

    Raises
    ------
    ClvError
        The pattern is shorter than the expected lifetime, or nobody ever leaves.

    Source: Reichheld's life-cycle profit pattern (crm_indicators, section E).

    Examples
    --------
    >>> reichheld(profit=[30, 40, 50], acquisition_cost=60, defection=0.4, discount=0.0)
    35.0
    """
    pattern = np.atleast_2d(number(profit, "profit")).sum(axis=0)
    leaving = float(number(defection, "defection", low=0, high=1))
    if leaving == 0 or 1 / leaving > pattern.size * (1 + 1e-12):
        raise ClvError(
            f"profit has {pattern.size} years and defection={leaving:g} needs 1 / defection of them. Give a longer pattern."
        )
    t = np.arange(1, pattern.size + 1)
    lived = np.clip(1 / leaving - (t - 1), 0, 1)
    return float(
        np.sum(pattern * lived / (1 + float(_discount(discount))) ** t) - number(acquisition_cost, "acquisition_cost")
    )


def peppers_rogers(*, fee: ArrayLike, renewal: ArrayLike, discount: float) -> float:
    """Peppers and Rogers' value of a renewal product: each year's fee, if all renewals before it took place.

    Parameters
    ----------
    fee
        First-year fee and the (reduced) prices of renewals [currency] (years,). The first is paid now.
    renewal
        Chance of renewing into each year after the first, 0 to 1 (years - 1,), or one number.
    discount
        Fraction per year, > -1.

    Returns
    -------
    float [currency]

    Source: Peppers and Rogers' renewal products (crm_indicators, section E).

    Examples
    --------
    >>> peppers_rogers(fee=[100, 80, 80], renewal=0.5, discount=0.0)
    160.0
    """
    fees = np.atleast_1d(number(fee, "fee"))
    chance = number(renewal, "renewal", low=0, high=1)
    if chance.ndim and chance.shape != (fees.size - 1,):
        raise ClvError(f"renewal has {chance.size} chances for {fees.size} years. Give one per year after the first.")
    there = np.concatenate([[1.0], np.cumprod(np.broadcast_to(chance, fees.size - 1))])
    return float(np.sum(fees * there / (1 + float(_discount(discount))) ** np.arange(fees.size)))


def sales_calls(
    *,
    revenue: ArrayLike,
    years: ArrayLike,
    margin: ArrayLike,
    cost_per_call: ArrayLike = 0.0,
    calls_per_conversion: ArrayLike = 0.0,
) -> Array:
    """The sales-call example: margin over the years of loyalty, less the calls it took to win the customer.

    Parameters
    ----------
    revenue, years, margin
        Revenue [currency / year], loyalty [years, >= 0], margin as a fraction of revenue.
    cost_per_call, calls_per_conversion
        [currency per call], [calls per customer won]; their product is the acquisition cost.

    Returns
    -------
    array [currency]; nothing is discounted

    Source: the sales-call example (crm_indicators, section E).

    Examples
    --------
    >>> float(sales_calls(revenue=500_000, years=20, margin=0.10, cost_per_call=1_200, calls_per_conversion=1_000))
    -200000.0
    """
    earned = number(revenue, "revenue") * number(years, "years", low=0) * number(margin, "margin")
    calls = number(calls_per_conversion, "calls_per_conversion", low=0)
    return np.asarray(earned - number(cost_per_call, "cost_per_call", low=0) * calls)


def customer_equity(*, ltv: ArrayLike) -> float:
    """The sum of all customers' lifetime values [currency] (n,).

    Source: the definition (crm_indicators, section E).

    Examples
    --------
    >>> customer_equity(ltv=[120, -20, 50])
    150.0
    """
    return float(np.sum(number(ltv, "ltv")))


def explain(
    *, customers: float, count: float, ticket: float, margin: float, retention: float, cost: float, discount: float
) -> pd.DataFrame:
    """What one per cent more of each lever of customer equity is worth, all else as it is.

        customers * (count * ticket * margin - cost) * retention / (1 + discount - retention)

    Parameters
    ----------
    customers, count, ticket
        [customers], purchases per customer and period, amount per purchase [currency].
    margin, retention, discount
        Fractions: of revenue, retained per period, per period. `retention` is raised by one per cent of itself.
    cost
        Of keeping a customer [currency / period].

    Returns
    -------
    DataFrame by lever: now, step [unit of the lever], gain [currency]; a dearer cost gains less than nothing

    Source: GuptaLehmann2003, the closed form of the component model.

    Examples
    --------
    >>> levers = explain(customers=100, count=2, ticket=50, margin=0.4, retention=0.8, cost=10, discount=0.1)
    >>> levers["gain"].round(1).to_dict()
    {'customers': 80.0, 'count': 106.7, 'ticket': 106.7, 'margin': 106.7, 'retention': 301.4, 'cost': -26.7}
    """
    import pandas as pd

    levers = {
        "customers": customers,
        "count": count,
        "ticket": ticket,
        "margin": margin,
        "retention": retention,
        "cost": cost,
    }
    now = np.array([float(number(value, name, low=0)) for name, value in levers.items()])
    raised = now * (1 + 0.01 * np.eye(now.size))
    gain = [_equity(row, float(_discount(discount))) - _equity(now, float(_discount(discount))) for row in raised]
    return pd.DataFrame({"now": now, "step": now / 100, "gain": gain}, index=pd.Index(list(levers), name="lever"))


def _equity(levers: Array, discount: float) -> float:
    customers, count, ticket, margin, retention, cost = levers
    if retention > 1 or 1 + discount <= retention:
        raise ClvError("One per cent more retention leaves no room below 1 or the discount. Give a lower retention.")
    kept = constant_retention(margin=count * ticket * margin - cost, retention=retention, discount=discount)
    return float(customers * kept)


def _whole(periods: int) -> int:
    if periods != int(periods) or periods < 0:
        raise ClvError(f"periods={periods!r} must be a whole number of zero or more.")
    return int(periods)


def paid_now(first_payment: str) -> bool:
    """Whether the first payment is now; a timing that is not known is refused."""
    if first_payment not in get_args(FirstPayment.__value__):
        raise ClvError(f"first_payment={first_payment!r} is not known. Write 'end_of_period' or 'now'.")
    return first_payment == "now"
