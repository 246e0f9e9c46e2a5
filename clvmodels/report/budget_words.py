"""Every word of the figures of a plan."""

from __future__ import annotations

from dataclasses import dataclass

from clvmodels.errors import ClvError


@dataclass(frozen=True)
class BudgetWords:
    """Texts of the figures of a plan. What stands in braces is filled in."""

    frontier_title: str = "{spent} brings {net} after its cost; the next unit of money would bring back {returns}"
    frontier_net: str = "Value of contacts after their cost"
    frontier_x: str = "outlay{currency}"
    frontier_y: str = "net value{currency}"
    frontier_returns: str = "What the next unit of money brings back"
    frontier_worth: str = "more than itself"
    frontier_plan: str = "this plan"
    frontier_caption: str = (
        "Line: the best that any budget could bring, with no constraint but who may be contacted. Band: {interval} interval of "
        "the mean, from what is not known of the effects. Dots: other ways to spend. {left_out}"
    )
    left_out: str = "Not shown, for want of room: {names}."

    comparison_title: str = "{better} of {all} other ways to spend are clearly worse than this plan"
    comparison_x: str = "how much better this plan is{currency}"
    comparison_caption: str = (
        "Net value of this plan less that of each other way to spend, in the same draws, with {interval} intervals; in "
        "brackets what each spends. Rules that rank customers spend no more than this plan."
    )

    media_title: str = "{medium} brings most: {net} after its cost"
    media_nothing: str = "No medium is worth its cost here"
    media_x: str = "at present value{currency}"
    media_gross: str = "margin brought"
    media_cost: str = "cost"
    media_row: str = "{medium}\n{contacts} contacts, {grade}"
    media_caption: str = "Margin that contacts bring, with {interval} interval of its mean, and what they cost."

    page_title: str = "Retention plan"
    page_plan: str = "Who gets what"
    page_money: str = "What the money brings"
    page_media: str = "Which media work"
    page_customers: str = "Why"
    page_evidence: str = "What it rests on"
    page_best: str = "The customers who bring most:"
    page_made: str = "Made by clvmodels {version}."
    head_actions: tuple[str, ...] = ("Action", "Customers")
    head_totals: tuple[str, ...] = ("Over all customers", "Mean", "Interval")
    head_media: tuple[str, ...] = (
        "Medium", "Evidence", "Contacts", "Increment", "Interval", "P(> 0)", "Net per contact", "Break-even bias"
    )  # fmt: skip
    page_break_even: str = (
        "Increment: how much likelier a contact makes a purchase within the window, or the next renewal. Break-even bias: how "
        "much of it must be an error of the comparison for a contact to bring just what it costs; below zero, the increment "
        "would have to be larger than it looks. Randomised media have none."
    )
    page_added: str = (
        "Increment: how many purchases one more contact today adds over the horizon, on average over all customers. Break-even "
        "bias: how many of them must be an error of the comparison for a contact to bring just what it costs. Randomised media "
        "have none."
    )


def budget_words(lang: str) -> BudgetWords:
    """The texts in a language."""
    if lang != "en":
        raise ClvError(f"lang={lang!r}: figures of a plan speak English ('en') so far.")
    return BudgetWords()
