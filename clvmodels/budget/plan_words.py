"""The plan in plain words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from clvmodels.budget.actions import NOTHING

if TYPE_CHECKING:
    import pandas as pd

    from clvmodels.budget.certainty import KeptBack
    from clvmodels.budget.plan import Plan

WEAK = {
    "rule-adjusted": "adjusted for the rule by which customers were chosen",
    "observational": "observed, not randomised: customers who were contacted may differ in ways the log does not show",
    "judgement": "judgement, not measured",
    "attributed-only": "replies alone, without anybody who was not contacted",
}


class Facts(NamedTuple):
    """What a sentence needs to know besides the customer's row: the price is what the next unit of money returns, `doubted` are
    the media of her best action that were kept back."""

    currency: str | None
    interval: float
    price: float
    any_allowed: bool
    best: str
    certainty: float
    doubted: Sequence[KeptBack]


def sentence(row: pd.Series[Any], facts: Facts) -> str:
    """What a customer gets, why, and what came next."""
    who, unit = f"Customer {row['customer_id']}", f" {facts.currency}" if facts.currency else ""
    if row["held_out"]:
        share = f"{100 * row['holdout_probability']:g} %"
        return (
            f"{who} is held out at random ({share} of customers are), so that the next log can tell what contacts do."
        )
    if not facts.any_allowed:
        return f"{who} gets nothing: consent, caps or quiet periods leave no action."
    if row["action"] == NOTHING:
        if facts.best == NOTHING:
            return (
                f"{who} gets nothing: no action is expected to pay for itself; the best, {row['runner_up']}, would bring "
                f"{row['runner_up_net']:,.2f}{unit} after its cost."
            )
        if facts.doubted:
            weakest = min(facts.doubted, key=lambda one: one.sure)
            return (
                f"{who} gets nothing although {facts.best} would on average bring {row['runner_up_net']:,.2f}{unit} after its "
                f"cost: the evidence is weak. Contacts by {weakest.medium} pay at all with probability {weakest.sure:.2f}, and "
                f"the plan asks for {facts.certainty:g}."
            )
        return (
            f"{who} gets nothing although {facts.best} would bring {row['runner_up_net']:,.2f}{unit} after its cost: the money "
            f"or a capacity is worth more elsewhere (the next unit of money returns {facts.price:,.2f})."
        )
    within = f"{100 * facts.interval:g} % interval {row['lower']:,.2f} to {row['upper']:,.2f}"
    less = row["net"] - row["runner_up_net"]
    second = (
        f"{row['runner_up']} is next, {less:,.2f} less"
        if less >= 0
        else f"{row['runner_up']} would bring {-less:,.2f} more for more money"
    )
    return (
        f"{who} gets {row['action']}: it costs {row['cost']:,.2f} and is expected to bring {row['gross']:,.2f}{unit} of margin, "
        f"so {row['net']:,.2f} ({within}; it pays with probability {row['p_positive']:.2f}); {second}."
    )


def plan_notes(plan: Plan) -> list[str]:
    """What to know when reading a plan."""
    solution, money = plan.solution, plan.worth.forecast.currency or "the currency of the log"
    gap = (
        ""
        if solution.relative_gap < 1e-9
        else f" by more than {solution.gap:,.4g} ({100 * solution.relative_gap:.2g} %)"
    )
    share, limit = f"{100 * plan.interval:g} %", "" if plan.budget == float("inf") else f" of {plan.budget:,.2f}"
    notes = [
        f"Money in {money}, at present value over {plan.worth.forecast.horizon}; intervals hold {share} and are of means.",
        f"{solution.spent:,.2f} is spent{limit}; no plan under these constraints is better{gap}.",
    ]
    notes += [
        f"{one.medium} is not used because the evidence is weak: its contacts pay with probability {one.sure:.2f}, and the plan "
        f"asks for {plan.certainty:g} (certainty=). On average they would bring {one.net:,.2f} more than they cost "
        f"({one.cost:,.2f}): that is what caution forgoes. clv.design_test says how large a test would settle it."
        for one in plan.kept_back
    ]
    if plan.judged.obliged:
        notes.append("Constraints ask for contacts whatever they bring, so certainty= has no say.")
    table = plan.by_medium()
    judged = table.index.isin([one.medium for one in plan.kept_back])
    used = table.loc[(table["contacts"] > 0) | judged, "grade"]
    for grade, why in WEAK.items():
        media = ", ".join(used.index[used == grade])
        if media:
            notes.append(
                f"What {media} brings is {why}. The plan is not validated: clv.design_test says how large a test would be."
            )
    notes += [_exposed(str(medium), row, share, money) for medium, row in plan.exposures().iterrows()]
    notes += plan.worth.notes()
    if plan.before is None:
        endless = plan.worth.forecast.horizon.days == float("inf")
        why = "An endless horizon has no past" if endless else "Past contacts, or what they cost, are not known"
        notes.append(f"{why}, so the plan is valued against nobody and not against going on as before.")
    return notes


def _exposed(medium: str, row: pd.Series[Any], share: str, money: str) -> str:
    """What is known of a mass medium, which no plan for customers holds."""
    gain, lower, upper = (100 * row[name] for name in ("increment", "lower", "upper"))
    worth = ""
    if row["break_even_cost"] == row["break_even_cost"]:
        worth = (
            f" One more unit of it in all regions brings a margin of {row['break_even_cost']:,.2f} (from "
            f"{row['break_even_lower']:,.2f} to {row['break_even_upper']:,.2f}, in {money}) from the customers there today: that "
            "is the most it may cost."
        )
    return (
        f"{medium} reaches whole regions and cannot be planned for a customer. As it ran, it went with {gain:+.2f} points of "
        f"purchase probability per customer and window ({share} interval {lower:+.2f} to {upper:+.2f}; observed, not "
        f"randomised).{worth}"
    )
