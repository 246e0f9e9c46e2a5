"""Whom to let go: customers who are worth less than nothing, even under the best plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, NamedTuple, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.budget.plan import Plan
from clvmodels.errors import ClvError
from clvmodels.model import Array
from clvmodels.units import Span
from clvmodels.uses.membership import simulated_values
from clvmodels.uses.result import UseOfValue
from clvmodels.uses.tiers import Worth
from clvmodels.value.forecast import Forecast
from clvmodels.value.simulation import Block

NO_PLAN: Final = "no plan: as forecast"
BEST_PLAN: Final = "best plan"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class LettingGo(UseOfValue):
    """The outcome of `clv.letting_go`; `by` is the value that counts, `basis` whether a plan was given, over a `horizon`."""

    title: ClassVar[str] = "Whom to let go"

    by: Worth
    basis: str
    horizon: Span

    def listed(self) -> pd.DataFrame:
        """The customers to let go, the most negative first."""
        found = self.per_customer()
        return found[found["let_go"]].sort_values(["best", "customer_id"]).reset_index(drop=True)


class Best(NamedTuple):
    """Of each customer (n,): name of the best action, and what it adds to going on as before [currency]."""

    action: NDArray[Any]
    change: Array
    held_out: NDArray[np.bool_]


def letting_go(forecast: Forecast, *, plan: Plan | None = None, by: Worth = "ltv") -> LettingGo:
    """Customers whose value is negative even under the best plan for them.

    The best plan for a customer is the action that is worth most for her among those she may be given, whatever the budget;
    what it changes is counted from going on as before, which is in the forecast (as in `plan.per_customer()`).
    Without a plan it is not known whether an action would make her worth keeping, and the table says so.

    Parameters
    ----------
    forecast
        As `clv.forecast` returns it; nobody is worth less than nothing unless keeping a customer costs something or a margin is
        negative.
    plan
        As `clv.plan_budget` returns it, of the same customers.
    by
        "ltv", as the definition has it, or "potential". What a customer brought in the past is there either way: to decide about
        the future, "potential" is what counts.

    Returns
    -------
    LettingGo. `per_customer()`: customer_id, realised, potential, ltv [currency], action (the best one; missing without a plan),
    change (what it adds to going on as before [currency]), best (the value with it), p_negative (probability that she will be
    worth less than nothing even then), held_out, let_go. `listed()`: those to let go. `table()`, a row: basis, customers,
    let_go, best (their sum), saved (what letting them go saves: the negative of their potential value with the best action)
    [currency]

    Raises
    ------
    ClvError
        The plan is of other customers, or `by` is not known.

    Source: crm_indicators, section G.
    """
    if by not in get_args(Worth.__value__):
        raise ClvError(f"by={by!r} is not known. Write 'ltv' or 'potential'.")
    best = _without(forecast) if plan is None else _best(forecast, plan)
    basis = NO_PLAN if plan is None else BEST_PLAN
    customers = _customers(forecast, best, by)
    gone = customers[customers["let_go"]]
    saved = -float((gone["potential"] + gone["change"]).sum()) if len(gone) else 0.0
    row = {
        "basis": basis,
        "customers": len(customers),
        "let_go": len(gone),
        "best": float(gone["best"].sum()),
        "saved": saved,
    }
    return LettingGo(
        summary=pd.DataFrame([row]), customers=customers, notes=_notes(forecast, plan, by),
        currency=forecast.histories.currency, by=by, basis=basis, horizon=forecast.terms.horizon,
    )  # fmt: skip


def _without(forecast: Forecast) -> Best:
    n = len(forecast.histories)
    return Best(np.full(n, None, dtype=object), np.zeros(n), np.zeros(n, dtype=bool))


def _best(forecast: Forecast, plan: Plan) -> Best:
    if not np.array_equal(plan.customers, forecast.histories.customer_id):
        raise ClvError("The plan is of other customers than the forecast. Make it with plan_budget(forecast, ...).")
    net = np.where(plan.allowed, plan.values.net, -np.inf)
    chosen = np.argmax(net, axis=1)
    before = plan.before.net if plan.before is not None else 0.0
    return Best(np.array(plan.names, dtype=object)[chosen], net[np.arange(chosen.size), chosen] - before, plan.held_out)


def _customers(forecast: Forecast, best: Best, by: Worth) -> pd.DataFrame:
    negative = np.empty(len(forecast.histories))

    def reduce(block: Block) -> None:
        value = simulated_values(forecast, block, by) + best.change[block.rows][:, None]
        negative[block.rows] = np.mean(value < 0, axis=1)

    forecast.simulation.play(reduce, description="Looking for customers to let go")
    table = forecast.customers[["customer_id", "realised", "potential", "ltv"]].copy()
    table["action"], table["change"], table["best"] = best.action, best.change, table[by] + best.change
    return table.assign(p_negative=negative, held_out=best.held_out, let_go=table["best"] < 0)


def _notes(forecast: Forecast, plan: Plan | None, by: Worth) -> tuple[str, ...]:
    notes = [
        f"Value is {'realised and potential value' if by == 'ltv' else 'potential value'} over {forecast.terms.horizon}."
    ]
    if plan is None:
        notes.append(
            "No plan was given: whether an action would make these customers worth keeping is not known. Give plan=."
        )
    elif plan.before is None:
        notes.append("Past contacts are not known, so the plan is taken as an addition to what was done before.")
    if plan is not None and plan.held_out.any():
        notes.append(f"{plan.held_out.sum():,} customers are held out of the plan, so their best action is none.")
    if forecast.terms.cost is None and forecast.valuation.margins.min() >= 0:
        notes.append("Nothing is charged for keeping a customer, so only returned goods can make a value negative.")
    return tuple(notes)
