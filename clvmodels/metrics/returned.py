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

    A purchase is taken back at most once: returns go in the order of their dates, each to the latest purchase before it
    that is still there. A return on the day of the purchase is not matched: the day's net amount settles it.

    Parameters
    ----------
    log
        `Transactions` with product and quantity; a line with a negative quantity is a return.

    Returns
    -------
    DataFrame, one row per returned line, in the order of customer, product, units and date: customer_id, product, units
    [> 0], returned (date), bought (date, missing where no purchase matches)

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
    >>> match_returns(log)["bought"].dt.strftime("%Y-%m-%d").tolist()
    ['2024-01-01']
    """
    import pandas as pd

    lines = log.lines()
    for role in ("product", "quantity"):
        if role not in lines.columns:
            raise TransactionError(
                f"Returns are matched by product and quantity. Name the column of the {role}: {role}=."
            )
    found: pd.DataFrame = fetch(_candidates(lines)).to_pandas()
    found["date"] = pd.to_datetime(found["date"])
    found["bought"] = pd.Series(_pair(found), index=found.index, dtype=found["date"].dtype)
    returns = found[found["is_return"]].rename(columns={"date": "returned"})
    return returns[[*KEY, "returned", "bought"]].reset_index(drop=True)


def _candidates(lines: ir.Table) -> ir.Table:
    """Lines of the customers, products and quantities of which anything was returned; returns first on a day."""
    quantity: Any = lines.quantity
    lines = lines.mutate(units=quantity.abs(), is_return=quantity < 0).filter(quantity != 0)
    keys = lines.filter(lines.is_return).select(*KEY).distinct()
    both = lines.semi_join(keys, list(KEY)).select(*KEY, "date", "is_return")
    return both.order_by(*KEY, both.date, ~both.is_return)


def _pair(lines: pd.DataFrame) -> list[Any]:
    """For each line the date of the purchase it takes back; a stack of purchases per key, the latest on top."""
    stack: list[Any] = []
    current, taken = None, []
    for *key, date, is_return in lines[[*KEY, "date", "is_return"]].itertuples(index=False, name=None):
        if key != current:
            current, stack = key, []
        taken.append(stack.pop() if is_return and stack else None)
        if not is_return:
            stack.append(date)
    return taken
