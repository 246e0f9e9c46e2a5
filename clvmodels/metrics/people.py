"""Measures of each customer from a log: time between purchases, P(active), past value, share of wallet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.data.lines import MONEY
from clvmodels.data.tables import fetch, joinable
from clvmodels.data.transactions import Transactions
from clvmodels.errors import ClvError, TransactionError, missing_column
from clvmodels.metrics.activity import MILLION, customer_days
from clvmodels.metrics.wallet import individual_share_of_wallet
from clvmodels.metrics.words import Language, check_language, in_language
from clvmodels.units import DAY, Period, Rate, as_period, as_rate

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd


def customer_activity(log: Transactions, *, period: Period, lang: Language = "en") -> pd.DataFrame:
    """Inter-purchase time (평균구매시간) in every reading of the source, and P(active) (P(Active)), of each customer.

    Parameters
    ----------
    log
        `Transactions` with amounts; a purchase is a day with a net amount above zero. Observation ends at `log.until`.
    period
        The unit of times, such as `WEEK`; they are fractional and come from days.
    lang
        "en", or "ko" for Korean headings.

    Returns
    -------
    DataFrame, one row per customer with a purchase, in the order of the ids: customer_id, purchases (n), first, last (dates),
    observed (N, from the first purchase to the log's end), time_between = (last - first) / (n - 1), time_observed =
    N / (n - 1), time_by_rate = N / n, which is 1 / purchases per period [period]; the first two are NaN for n = 1, all are
    from n purchases. p_active = (T / N)^n with T = last - first: 0 for a single purchase (0^1), and NaN for N = 0.

    Source: crm_indicators, section C.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvmodels.units import DAY
    >>> lines = pd.DataFrame({"who": ["A", "A", "B"], "when": ["20240101", "20240109", "20240111"], "paid": [5, 7, 9]})
    >>> found = customer_activity(Transactions(lines, customer="who", date="when", amount="paid"), period=DAY)
    >>> found[["customer_id", "time_between", "time_observed", "time_by_rate", "p_active"]].round(2).to_numpy().tolist()
    [['A', 8.0, 10.0, 5.0, 0.64], ['B', nan, nan, 0.0, nan]]
    """
    import ibis

    check_language(lang)
    as_period(period, name="period")
    days = customer_days(log)
    bought: Any = days.filter(days.amount > 0)
    each: Any = bought.group_by("customer_id").aggregate(
        purchases=bought.count(), first=bought.date.min(), last=bought.date.max()
    )
    until = ibis.literal(log.until)
    n, span = each.purchases.cast("float64"), each["last"].delta(each["first"], unit="day") / period.days
    observed, gaps = until.delta(each["first"], unit="day") / period.days, (n > 1).ifelse(n - 1, ibis.null("float64"))
    share = span / (observed > 0).ifelse(observed, ibis.null("float64"))
    found = each.mutate(
        observed=observed,
        time_between=span / gaps,
        time_observed=observed / gaps,
        time_by_rate=observed / n,
        p_active=share**n,
    )
    frame: pd.DataFrame = fetch(found.order_by("customer_id")).to_pandas(date_as_object=False)
    return in_language(frame, lang)


def past_value(
    log: Transactions, *, rate: Rate | None, margin: float | None = None, lang: Language = "en"
) -> pd.DataFrame:
    """Past customer value (이전고객가치): contribution so far, compounded to the log's last day, sum of GC (1 + r)^n.

    Parameters
    ----------
    log
        `Transactions`; returns count as they are, below zero.
    rate
        The rate r at which money grows, such as `Rate(0.10, per=YEAR)`; n counts its periods since each purchase, fractional
        and from days. None adds up what was contributed.
    margin
        Contribution as a fraction of the amount; None takes the margins of the log.
    lang
        "en", or "ko" for Korean headings.

    Returns
    -------
    DataFrame, one row per customer, in the order of the ids: customer_id, past_value [currency]

    Raises
    ------
    TransactionError
        There is neither a margin nor a column of margins.

    Source: crm_indicators, section D; `formulas.past_customer_value` is the same over plain numbers.

    Examples
    --------
    >>> import pandas as pd
    >>> from clvmodels.units import WEEK
    >>> lines = pd.DataFrame({"who": ["A", "A"], "when": ["2024-01-01", "2024-01-15"], "paid": [100, 50]})
    >>> log = Transactions(lines, customer="who", date="when", amount="paid")
    >>> past_value(log, rate=Rate(0.10, per=WEEK), margin=1)["past_value"].tolist()
    [171.0]
    """
    import ibis

    check_language(lang)
    force = 0.0 if as_rate(rate, name="rate") is None else rate.force(DAY)  # type: ignore[union-attr]
    lines = log.lines()
    grown: Any = (ibis.literal(log.until).delta(lines.date, unit="day") * force).exp()
    worth = lines.select("customer_id", worth=_contribution(lines, margin) * grown)
    total = worth.group_by("customer_id").aggregate(past_value=worth.worth.sum().round(MONEY)).order_by("customer_id")
    frame: pd.DataFrame = fetch(total).to_pandas()
    return in_language(frame, lang)


def _contribution(lines: ir.Table, margin: float | None) -> Any:
    if margin is None:
        if "margin" not in lines.columns:
            raise TransactionError("Past value needs margins. Give margin=0.30, or name their column: margin=.")
        return lines.margin.fill_null(0.0)
    if "amount" not in lines.columns:
        raise TransactionError("A margin is a share of the amount. Name the column of amounts: amount=.")
    if not np.isfinite(margin):
        raise ClvError(f"margin={margin!r} is not a number. Give a fraction of the amount, such as 0.30.")
    return lines.amount * margin


def wallets(log: Transactions, *, wallet: object, lang: Language = "en") -> pd.DataFrame:
    """Individual share of wallet (개별 지갑점유율) of each buyer: her net amount in the log over what she spends in the category.

    Sum the columns for `aggregate_share_of_wallet` and `share_of_category_requirement`.

    Parameters
    ----------
    log
        `Transactions` with amounts.
    wallet
        What customers spend in the category at all firms, over the time of the log [currency]: a Series by customer id, or a
        table with customer_id and wallet.
    lang
        "en", or "ko" for Korean headings.

    Returns
    -------
    DataFrame, one row per customer with a net amount above zero, in the order of the ids: customer_id, amount [currency],
    size_of_wallet [currency], individual_share_of_wallet (fraction); the last two NaN where no wallet is given

    Raises
    ------
    ClvError
        A wallet is smaller than what was bought here.

    Source: crm_indicators, section B (there in per cent).

    Examples
    --------
    >>> import pandas as pd
    >>> lines = pd.DataFrame({"who": ["A", "B"], "when": ["20240101", "20240109"], "paid": [30, 20]})
    >>> log = Transactions(lines, customer="who", date="when", amount="paid")
    >>> wallets(log, wallet=pd.Series({"A": 60, "B": 80}))["individual_share_of_wallet"].tolist()
    [0.5, 0.25]
    """
    import pandas as pd

    check_language(lang)
    if isinstance(wallet, pd.Series):
        wallet = wallet.rename("wallet").rename_axis("customer_id").reset_index()
    days = customer_days(log)
    given = joinable(wallet, days)
    for name in ("customer_id", "wallet"):
        if name not in given.columns:
            raise TransactionError(missing_column(name, role="wallet", available=given.columns))
    own: Any = days.group_by("customer_id").aggregate(amount=days.amount.sum())
    joined = own.filter(own.amount > 0).left_join(given, "customer_id")
    joined = joined.select("customer_id", amount=joined.amount / MILLION, size_of_wallet=joined.wallet.cast("float64"))
    found: pd.DataFrame = fetch(joined.order_by("customer_id")).to_pandas()
    known = found["size_of_wallet"].notna()
    if not found["customer_id"].is_unique:
        raise TransactionError("A customer has several wallets. Give every customer one.")
    share = individual_share_of_wallet(own=found.loc[known, "amount"], wallet=found.loc[known, "size_of_wallet"])
    found.loc[known, "individual_share_of_wallet"] = share
    return in_language(found, lang)
