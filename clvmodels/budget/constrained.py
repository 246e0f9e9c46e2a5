"""The frontier under constraints: value at chosen budgets, each search starting from what the others have seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from clvmodels.budget.dual import Goal, Pool, parts_of, search
from clvmodels.budget.menu import FLOOR, menu
from clvmodels.budget.planner import feasible
from clvmodels.budget.resolve import BUDGET, spending
from clvmodels.budget.rules import Limit, rules


def constrained_frontier(
    values: ArrayLike,
    costs: ArrayLike,
    allowed: ArrayLike | None = None,
    *,
    budgets: Sequence[float],
    constraints: Callable[[float], Sequence[Limit]],
    spend_all: bool = False,
    keys: ArrayLike | None = None,
) -> pd.DataFrame:
    """The best use of each of some budgets under constraints, a few customers' actions in part.

    Parameters
    ----------
    values, costs, allowed, spend_all, keys
        As in `solve`.
    budgets
        Finite amounts [currency], >= 0.
    constraints
        The limits at a budget, as `resolve` gives them.

    Returns
    -------
    DataFrame with budget, spent, value, net [currency] and marginal_return (of the budget; what is kept counts as
    itself), ascending; NaN at budgets for which no plan keeps the constraints

    Examples
    --------
    >>> constrained_frontier([[0, 4, 6], [0, 2, 9]], [0, 1, 3], budgets=[0.5, 2.5], constraints=lambda budget: ())
       budget  spent  value  net  marginal_return
    0     0.5    0.5    2.0  1.5              4.0
    1     2.5    2.5    8.5  6.0              3.0
    """
    m = menu(values, costs, allowed, keys=keys)
    kept = 0.0 if spend_all else FLOOR
    seen: Pool | None = None
    start, rows = None, []
    for budget in sorted(float(b) for b in budgets):
        joined = rules(
            m, [*(limit for limit in constraints(budget) if limit.name != BUDGET), spending(budget, m.actions)]
        )
        seen = seen or Pool(parts_of(joined))
        if not feasible(m, joined, seen):
            rows.append([budget, *[np.nan] * 4])
            continue
        start = np.zeros(len(joined.bound)) if start is None else start
        dual = search(m, joined, Goal(1.0, kept, np.full(len(joined.limits), np.inf)), seen, [start])
        assert dual is not None
        start = dual.prices
        value, spent = (float((dual.mixture * np.array(totals)).sum()) for totals in (seen.values, seen.costs))
        rows.append([budget, spent, value, value - spent, start[-1] + kept])
    return pd.DataFrame(rows, columns=["budget", "spent", "value", "net", "marginal_return"])
