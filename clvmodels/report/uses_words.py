"""Every word of the figures of the uses of lifetime value."""

from __future__ import annotations

from dataclasses import dataclass

from clvmodels.errors import ClvError


@dataclass(frozen=True)
class UsesWords:
    """Texts of the figures of the uses of lifetime value. What stands in braces is filled in."""

    customers: str = "customers"

    tiers_title: str = (
        "{customers} of customers are {name} and hold {value} of the value; {right} of them will really be {name}"
    )
    tiers_left: str = "Who they are and what they hold"
    tiers_right: str = "Where they will really be"
    tiers_customers: str = "of customers"
    tiers_value: str = "of value"
    tiers_share: str = "share of the total"
    tiers_x: str = "really in"
    tiers_y: str = "put in"
    tiers_caption: str = (
        "Tiers by expected {by} over {horizon}. Right: where the customers of each row will be when the value is known, by "
        "ranking all customers in each joint draw; the diagonal is the probability of having been put in the right tier."
    )

    grid_title: str = "{share} of the value lies with {name} customers of low loyalty"
    grid_x: str = "loyalty: {loyalty}"
    grid_y: str = "value tier"
    grid_cell: str = "{value}\n{customers} customers"
    grid_caption: str = (
        "Expected value of each cell{currency} and its customers; the darker, the more value. "
        "Low, middle and high are cut at {cuts}."
    )
    loyalty_p_alive: str = "P(alive)"
    loyalty_frequency: str = "repeat purchases"
    loyalty_tenure: str = "time since the first purchase"

    risk_title: str = "{risk} is at risk within {within}; winning back all who have left would be worth {back}"
    risk_left: str = "By how sure it is that they are customers"
    risk_right: str = "Few hold most of it"
    risk_x: str = "P(alive)"
    risk_y: str = "value{currency}"
    risk_share_x: str = "customers, most first"
    risk_share_y: str = "share of the total"
    risk_value: str = "at risk: may leave"
    risk_back: str = "win back: has left"
    risk_caption: str = (
        "At risk: P(alive) times the chance to leave within {within} times potential value. Win back: the chance that a "
        "customer has left times what she would be worth. Both are upper limits, over {horizon} and before costs."
    )

    newcomer_title: str = "A newcomer is worth {mean}; {share} of newcomers bring in as much"
    newcomer_x: str = "lifetime value of one newcomer{currency}"
    newcomer_y: str = "share of newcomers"
    newcomer_most: str = "most to pay: {mean}\n({lower} to {upper})"
    newcomer_caption: str = (
        "Margin of the first purchase and of all later ones over {horizon}, less costs, for {count} simulated newcomers; "
        "the last bar holds all above it. Line: the mean, with its {interval} interval from unknown parameters."
    )

    next_title: str = "{buyers} of {customers} customers are expected to buy within {within}"
    next_left: str = "Have bought again, by repeat purchases so far"
    next_right: str = "Customers by when they are due"
    next_x: str = "{period}s from now"
    next_y: str = "share of customers"
    next_due: str = "median wait if she is a customer"
    next_buyers: str = "expected to buy within {within}"
    next_caption: str = (
        "Left: chance of a purchase by each time, with the chance that a customer has left; a curve levels off at those who come "
        "back. Right: customers by the median of their wait, given that they still are customers."
    )

    category_title: str = "Within {within}, {best} is most often bought again ({high}), {least} least ({low})"
    category_x: str = "bought again within {within}"
    category_row: str = "{category} ({median})"
    category_days: str = "{days} days"
    category_never: str = "not half"
    category_caption: str = (
        "Share of purchase days in the category after which the same customer bought in it again, by Kaplan and Meier, "
        "with {interval} intervals; in brackets the median wait. {left_out}"
    )
    left_out: str = "{count} more are in the table."

    products_title: str = "Products that lose money with some tier of customers: {losing} of {all}"
    products_title_none: str = "Every one of the {all} products earns money with every tier that bought it"
    products_row: str = "{product} ({kind})"
    products_x: str = "customer tier"
    products_caption: str = (
        "Margin{currency} by product and tier of customers: blue is gained, orange is lost. {left_out}"
    )

    letting_title: str = "{count} of {all} customers are worth less than nothing{plan}"
    letting_plan: str = ", even under the best plan for them"
    letting_no_plan: str = "; whether a plan would change that is not known"
    letting_x: str = "{by}{plan}{currency}"
    letting_with: str = " with the best action"
    letting_gone: str = "worth less than nothing"
    letting_kept: str = "others"
    letting_caption: str = (
        "Customers by their expected value over {horizon}; the last bars hold all beyond them. Letting go of those below "
        "zero saves {saved} in that time."
    )

    simple_title: str = (
        "{simple} calls {lost} customers lost who buy again; {model} {model_lost}, and it keeps {kept} who do not"
    )
    simple_left: str = "Wrongly called lost or kept"
    simple_right: str = "Spend found by each ranking"
    simple_x: str = "customers"
    simple_lost: str = "called lost, bought again"
    simple_kept: str = "called kept, bought nothing"
    simple_share_x: str = "customers, best first"
    simple_share_y: str = "share of spend in the holdout"
    simple_row: str = "{share} of spend"
    simple_ideal: str = "in hindsight"
    simple_caption: str = (
        "{customers} customers over {horizon} held out. Left: customers called lost (below 0.5, or inactive in the last "
        "period) who bought again, with their share of all later spend, and customers called kept who did not. Right: the "
        "higher the curve, the less value goes to the wrong customers; by {model} the best {best} hold {captured}."
    )

    contract_title: str = (
        "A constant {rate} expects {constant} of {now} customers after {ahead} renewals; {actual} were there"
    )
    contract_x: str = "renewals from now"
    contract_y: str = "customers still there"
    contract_actual: str = "what happened"
    contract_constant: str = "constant retention"
    contract_caption: str = (
        "Customers still there after each renewal that came later. Band: {interval} predictive interval of {model}. Value "
        "of these renewals: constant retention {constant}, {model} {error} against what happened."
    )


def uses_words(lang: str) -> UsesWords:
    """The texts in a language."""
    if lang != "en":
        raise ClvError(f"lang={lang!r}: figures of the uses of value speak English ('en') so far.")
    return UsesWords()
