"""The tables of a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvmodels.budget.actions import media_counts
from clvmodels.model import Array
from clvmodels.value.valuation import bounds_of

if TYPE_CHECKING:
    from clvmodels.budget.plan import Plan
    from clvmodels.budget.values import Choice


def customers_table(plan: Plan, bounds: tuple[Array, Array], second: Choice) -> pd.DataFrame:
    """As `Plan.per_customer`; `second` is each customer's next best action."""
    rows, chosen = np.arange(plan.choice.size), plan.choice
    values = plan.values
    lower, upper = bounds
    ltv = plan.worth.forecast.customers["ltv"].to_numpy()
    change = values.net[rows, chosen] - (plan.before.in_forecast.net if plan.before else 0.0)
    names = np.array(plan.names, dtype=object)
    columns = {name: getattr(values, name)[rows, chosen] for name in ("outlay", "gross", "cost", "net")}
    return pd.DataFrame(
        {"customer_id": plan.customers, "action": names[chosen], "held_out": plan.held_out}
        | {"holdout_probability": plan.holdout}
        | columns
        | {"lower": lower, "upper": upper, "p_positive": values.p_positive[rows, chosen]}
        | {"runner_up": names[second], "runner_up_net": values.net[rows, second]}
        | {"ltv": ltv, "ltv_under_plan": ltv + change}
    )


def media_table(plan: Plan) -> pd.DataFrame:
    """As `Plan.by_medium`."""
    counts = media_counts(plan.actions, plan.worth.media.media)[plan.choice]
    net = plan.draws.gross - plan.draws.cost
    lower, upper = bounds_of(net, plan.interval)
    table = pd.DataFrame(
        {"customers": (counts > 0).sum(axis=0), "contacts": counts.sum(axis=0).astype(int)}
        | {name: getattr(plan.draws, name).mean(axis=1) for name in ("gross", "cost")}
        | {
            "net": net.mean(axis=1),
            "lower": lower,
            "upper": upper,
            plan.worth.brings: plan.draws.purchases.mean(axis=1),
        },
        index=pd.Index(plan.worth.media.media, name="medium"),
    )
    return table.join(plan.worth.media.grades()["grade"])


def evidence_table(plan: Plan) -> pd.DataFrame:
    """As `Plan.evidence`."""
    made = [contact for action in plan.actions for contact in action.contacts]
    cost = {m: float(np.mean([c.cost for c in made if c.medium == m])) for m in {c.medium for c in made}}
    media = plan.worth.media
    used = {medium: cost.get(medium, np.nan) for medium in media.media}
    columns = [
        "contacts",
        "increment",
        "lower",
        "upper",
        "p_positive",
        "grade",
        "net",
        "break_even",
        "break_even_share",
    ]
    table: pd.DataFrame = media.effects(interval=plan.interval, value=plan.worth.margin(), cost=used)
    return table[columns + (["reason"] if "reason" in table else [])]


def exposures_table(plan: Plan) -> pd.DataFrame:
    """As `Plan.exposures`."""
    table: pd.DataFrame = plan.worth.media.exposures(interval=plan.interval, value=plan.worth.margin())
    return table


def total_table(plan: Plan) -> pd.DataFrame:
    """As `Plan.total`."""
    draws, outlay = plan.draws, float(plan.values.outlay[np.arange(plan.choice.size), plan.choice].sum())
    rows = {
        "outlay": np.full(plan.worth.draws, outlay), "gross": draws.gross.sum(axis=0), "cost": draws.cost.sum(axis=0),
        "net": draws.net,
    }  # fmt: skip
    if plan.before is not None:
        rows |= {
            "net against status quo": draws.net - plan.before.draws.net,
            "potential under plan": plan.worth.forecast.expected_draws[-2]
            + (draws.net - plan.before.in_forecast.draws.net),
        }
    table = np.array(list(rows.values()))
    lower, upper = bounds_of(table, plan.interval)
    return pd.DataFrame({"mean": table.mean(axis=1), "lower": lower, "upper": upper}, index=list(rows))


def frontier_table(plan: Plan, points: int) -> pd.DataFrame:
    """As `Plan.frontier`."""
    curve = plan.solution.frontier
    reach = 1.15 * max(curve.stops_at, min(plan.budget, float(curve.spent[-1])))
    budgets = reach * np.linspace(0.0, 1.0, points) ** 2
    choices = {f"{k}": np.asarray(curve.choice_at(b), dtype=np.intp) for k, b in enumerate(budgets)}
    net = np.array([one.net for one in plan.drawn(choices).values()])
    lower, upper = bounds_of(net, plan.interval)
    returns = [float(curve.marginal_return_at(b)) for b in budgets]
    return pd.DataFrame(
        {"budget": budgets, "net": net.mean(axis=1), "lower": lower, "upper": upper, "marginal_return": returns}
    )
