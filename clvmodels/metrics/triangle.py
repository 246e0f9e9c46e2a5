"""Cohort retention: of the customers first seen in a month, how many bought in each month after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clvmodels.data.kaplan_meier import wilson
from clvmodels.data.tables import fetch
from clvmodels.data.transactions import Transactions
from clvmodels.metrics.activity import customer_days

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd


def cohorts(log: Transactions, *, interval: float = 0.95) -> pd.DataFrame:
    """Retention triangle (유지율): for each cohort of first purchases, the share that bought k months later.

    Parameters
    ----------
    log
        `Transactions` with amounts. The log's last month counts as it is, even where it is not over.
    interval
        Probability of Wilson's intervals, 0 to 1.

    Returns
    -------
    DataFrame, tidy: cohort (month of the first day with a net amount above zero), months_since (0, 1, ..., to the end of the
    log), customers (of the cohort), buyers (of those, with such a day in that month), retention, lower, upper (fractions)

    Source: crm_indicators, section C, by cohort; Wilson1927.

    Examples
    --------
    >>> import pandas as pd
    >>> lines = pd.DataFrame({"who": ["A", "A", "B"], "when": ["20240101", "20240215", "20240108"], "paid": [5, 7, 9]})
    >>> found = cohorts(Transactions(lines, customer="who", date="when", amount="paid"))
    >>> found[["cohort", "months_since", "customers", "buyers", "retention"]].to_numpy().tolist()
    [['2024-01', 0, 2, 2, 1.0], ['2024-01', 1, 2, 1, 0.5]]
    """
    import pandas as pd

    cells: pd.DataFrame = fetch(_cells(customer_days(log, None))).to_pandas()
    last = log.until.year * 12 + log.until.month - 1
    starts = sorted(set(cells["start"]))
    rows = [(start, month - start) for start in starts for month in range(start, last + 1)]
    index = pd.MultiIndex.from_tuples(rows, names=["start", "months_since"])
    found = cells.set_index(["start", "months_since"])["buyers"].reindex(index, fill_value=0).reset_index()
    found["customers"] = found.groupby("start")["buyers"].transform("first")
    found["retention"] = found["buyers"] / found["customers"]
    share, trials = (found[name].to_numpy(dtype=np.float64) for name in ("retention", "customers"))
    found["lower"], found["upper"] = wilson(share, trials, interval=interval)
    found.insert(0, "cohort", [f"{start // 12:04d}-{start % 12 + 1:02d}" for start in found["start"]])
    return found[["cohort", "months_since", "customers", "buyers", "retention", "lower", "upper"]]


def _cells(days: ir.Table) -> ir.Table:
    months = days.filter(days.bought).select("customer_id", "month").distinct()
    start: Any = months.month.min().over(group_by=months.customer_id)
    dated = months.mutate(start=start)
    dated = dated.mutate(months_since=dated.month - dated.start)
    return dated.group_by("start", "months_since").aggregate(buyers=dated.count())
