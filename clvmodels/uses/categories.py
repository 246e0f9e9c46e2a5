"""How long customers take to buy again in each product category."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from clvmodels.data.kaplan_meier import kaplan_meier
from clvmodels.data.lines import MONEY
from clvmodels.data.tables import fetch
from clvmodels.data.transactions import Transactions
from clvmodels.errors import ClvError, TransactionError, UnitError
from clvmodels.units import Period, Span, as_span
from clvmodels.uses.next_purchase import _levels
from clvmodels.uses.result import UseOfValue

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class CategoryIntervals(UseOfValue):
    """The outcome of `clv.next_purchase_by_category`; `curves`: category, days, bought_again (share), lower, upper."""

    title: ClassVar[str] = "Time between purchases by category"

    curves: pd.DataFrame = field(repr=False)
    within: Span
    interval: float


def next_purchase_by_category(
    log: Transactions,
    *,
    within: Span | Period,
    probabilities: Sequence[float] = (0.25, 0.50),
    interval: float = 0.95,
    most: int = 20,
) -> CategoryIntervals:
    """How long after a purchase in a category the same customer buys in it again; empirical, no model is fitted.

    After every day on which a customer bought in a category the wait for her next such day is looked at; a wait that the end of
    the log cuts off counts as longer than seen (Kaplan and Meier), so categories that are bought rarely do not look quick. Every
    purchase counts, so frequent buyers weigh more. For the window of one customer, fit a model to the category's histories and
    use `clv.next_purchase`.

    Parameters
    ----------
    log
        With product=, the column of the category. With amounts, a day counts if its net amount in the category is above zero.
    within
        Time for which again_share holds, such as `30 * DAY`.
    probabilities
        Of the quantiles, rising, in whole per cent.
    interval
        Probability of the intervals of again_share; purchases count as independent.
    most
        How many categories, those with most buyers.

    Returns
    -------
    CategoryIntervals. `table()`, a row per category, most buyers first: category, buyers, purchases (days), intervals (waits
    seen to their end), again_share (bought again within) with lower and upper, again_25, again_50, ... [days until such a share
    has bought again; infinite where fewer have by the end of the log]

    Raises
    ------
    TransactionError
        The log has no product; UnitError: `within` is zero or endless.

    Source: crm_indicators, section G; KaplanMeier1958, Wilson1927.
    """
    span, levels = as_span(within, name="within"), _levels(probabilities)
    if not 0 < span.count < np.inf:
        raise UnitError(f"within={span} is no time to buy in. Write for example within=30 * DAY.")
    if most < 1:
        raise ClvError(f"most={most!r} categories make no table. Ask for one or more.")
    days = _category_days(log)
    sizes: pd.DataFrame = fetch(_sizes(days)).to_pandas()
    sizes = sizes.sort_values(["buyers", "category"], ascending=[False, True]).reset_index(drop=True)
    shown = sizes.head(most)
    waits: pd.DataFrame = fetch(_waits(days, log.until, list(shown["category"]))).to_pandas()
    curves = pd.concat([_curve(name, waits[waits["category"] == name], interval) for name in shown["category"]])
    notes = [f"Empirical (Kaplan and Meier), not a model. again_share is within {span}; quantiles in days."]
    if len(sizes) > most:
        notes.append(f"Not shown, with fewer buyers: {len(sizes) - most:,} categories. Raise most= to see them.")
    rows = [_row(one, curves[curves["category"] == one["category"]], span, levels) for one in shown.to_dict("records")]
    return CategoryIntervals(
        summary=pd.DataFrame(rows), customers=None, notes=tuple(notes), currency=None, curves=curves.reset_index(drop=True),
        within=span, interval=interval,
    )  # fmt: skip


def _category_days(log: Transactions) -> ir.Table:
    """One row per customer, category and day with a purchase."""
    lines: Any = log.lines()
    if "product" not in lines.columns:
        raise TransactionError("Categories need a column. Name it when reading the log: product=.")
    lines = lines.mutate(category=lines["product"].cast("string")).filter(lambda table: table.category.notnull())  # noqa: PD004
    keys = ("customer_id", "category", "date")
    if "amount" not in lines.columns:
        return lines.select(*keys).distinct()
    days = lines.group_by(*keys).aggregate(amount=lines.amount.sum().round(MONEY))
    return days.filter(days.amount > 0).select(*keys)


def _sizes(days: Any) -> ir.Table:
    return days.group_by("category").aggregate(buyers=days.customer_id.nunique(), purchases=days.count())


def _waits(days: Any, until: Any, categories: list[str]) -> ir.Table:
    """How many waits of each length (days) in each category ended with a purchase, and how many were cut off."""
    import ibis

    days = days.filter(days.category.isin(categories))
    window = ibis.window(group_by=[days.customer_id, days.category], order_by=days.date)
    ahead = days.mutate(following=days.date.lead().over(window))
    end = ibis.coalesce(ahead.following, ibis.literal(until).cast("date"))
    waits = ahead.mutate(length=end.delta(ahead.date, unit="day").cast("float64"), seen=ahead.following.notnull())  # noqa: PD004
    return waits.group_by("category", "length", "seen").aggregate(waits=waits.count())


def _curve(category: str, waits: pd.DataFrame, interval: float) -> pd.DataFrame:
    length, seen, counts = (waits[name].to_numpy(dtype=np.float64) for name in ("length", "seen", "waits"))
    found = kaplan_meier(np.zeros(length.size), length, seen, counts, interval=interval)
    shares = {"days": found["tenure"], "bought_again": 1 - found["survival"]}
    shares |= {"lower": 1 - found["upper"], "upper": 1 - found["lower"], "ended": found["left"]}
    return pd.DataFrame({"category": category, **shares})


def _row(size: dict[Any, Any], curve: pd.DataFrame, span: Span, levels: tuple[float, ...]) -> dict[str, Any]:
    last = curve[curve["days"] <= span.days].iloc[-1]
    reached = curve["days"].max() >= span.days
    row = {name: size[name] for name in ("category", "buyers", "purchases")} | {"intervals": int(curve["ended"].sum())}
    row |= {"again_share": last["bought_again"] if reached else np.nan}
    row |= {end: last[end] if reached else np.nan for end in ("lower", "upper")}
    for level in levels:
        enough = curve.loc[curve["bought_again"] >= level - 1e-12, "days"]
        row[f"again_{100 * level:.0f}"] = enough.iloc[0] if len(enough) else np.inf
    return row
