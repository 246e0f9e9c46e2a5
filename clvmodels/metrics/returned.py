"""Which purchase a return belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clvmodels.data.tables import fetch
from clvmodels.data.transactions import Transactions
from clvmodels.errors import TransactionError

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

KEY = ("customer_id", "product", "units")


def match_returns(log: Transactions) -> pd.DataFrame:
    """Each return (반품) with the purchase it takes back: same customer, product and quantity, on an earlier date.

    A purchase is taken back at most once. Purchases and returns of one day settle each other first, as they do in the day's net
    amount. The other returns go in the order of their dates, each to the latest purchase before it that is still there.

    Parameters
    ----------
    log
        `Transactions` with product and quantity; a line with a negative quantity is a return.

    Returns
    -------
    DataFrame, one row per returned line, in the order of customer, product, units and date: customer_id, product, units
    [> 0], returned (date), bought (date of the purchase, missing where none matches), match ("earlier day", "same day" or
    "no purchase")

    Raises
    ------
    TransactionError
        The log has no product or no quantity.

    Source: the separate matching rule of the returns in crm_indicators, section F.

    Examples
    --------
    >>> import pandas as pd
    >>> lines = pd.DataFrame({"who": ["A", "A"], "when": ["20240101", "20240105"], "what": ["x", "x"], "units": [2, -2]})
    >>> log = Transactions(lines, customer="who", date="when", product="what", quantity="units")
    >>> match_returns(log)[["bought", "match"]].astype(str).to_numpy().tolist()
    [['2024-01-01', 'earlier day']]
    """
    lines = log.lines()
    for role in ("product", "quantity"):
        if role not in lines.columns:
            raise TransactionError(
                f"Returns are matched by product and quantity. Name the column of the {role}: {role}=."
            )
    columns = [*KEY, "returned", "bought", "match"]
    matched = _matched(_candidates(lines)).select(*columns).order_by(*columns[:-1])
    frame: pd.DataFrame = fetch(matched).to_pandas(date_as_object=False)
    return frame


def _candidates(lines: ir.Table) -> ir.Table:
    """Lines of the customers, products and quantities of which anything was returned; `settled` if within their day.

    The first purchase and the first return of a day settle each other, the second ones do, and so on.
    """
    import ibis

    quantity: Any = lines.quantity
    lines = lines.mutate(units=quantity.abs(), is_return=quantity < 0).filter(quantity != 0)
    both = lines.semi_join(lines.filter(lines.is_return), list(KEY)).select(*KEY, "date", "is_return")
    day = ibis.window(group_by=[*KEY, "date"])
    counted = both.mutate(
        place=ibis.row_number().over(ibis.window(group_by=[*KEY, "date", "is_return"], order_by="date")),
        returns=both.is_return.sum().over(day),
        purchases=(~both.is_return).sum().over(day),
    )
    return counted.mutate(settled=counted.place < counted.is_return.ifelse(counted.purchases, counted.returns))


def _matched(candidates: Any) -> ir.Table:
    """Returns with the date of their purchase.

    Purchases still there form a stack: a purchase puts one on it, a return takes one off. Its height is a walk of steps up and
    down. Between two heights, steps up and down alternate, so the step before a step down, between the same two heights, is the
    step up that put there what it takes off; without one there was nothing to take.
    """
    import ibis

    left = candidates.filter(~candidates.settled)
    walk = ibis.window(group_by=list(KEY), order_by=[left.date, left.place], rows=(None, 0))
    height = left.is_return.ifelse(-1, 1).sum().over(walk)
    step = left.mutate(top=height + left.is_return.cast("int64"), order=ibis.row_number().over(walk))
    same = ibis.window(group_by=[*KEY, "top"], order_by=step.order)
    before = step.mutate(earlier=step.date.lag().over(same), purchase=(~step.is_return).lag().over(same))
    matches = before.purchase.fill_null(False)
    bought = matches.ifelse(before.earlier, ibis.null("date"))
    found = before.mutate(bought=bought, match=matches.ifelse("earlier day", "no purchase")).filter(before.is_return)
    settled = candidates.filter(candidates.is_return & candidates.settled)
    settled = settled.mutate(bought=settled.date, match=ibis.literal("same day"))
    names = [*KEY, "date", "bought", "match"]
    return found.select(*names).union(settled.select(*names)).rename(returned="date")
