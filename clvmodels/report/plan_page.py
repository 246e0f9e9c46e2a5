"""A retention plan as one self-contained page, for people who do not read code."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from clvmodels.budget.plan import Plan
from clvmodels.files import atomically
from clvmodels.report.budget_words import BudgetWords, budget_words
from clvmodels.report.html import Html, figure, items, joined, page, table, tag
from clvmodels.report.numbers import count, money, number, percent
from clvmodels.version import __version__

if TYPE_CHECKING:
    from clvmodels.report.canvas import Picture

SHOWN = 8
"""Customers explained one by one."""


def write_plan(
    path: str | Path, plan: Plan, *, test: str | None = None, title: str | None = None, lang: str = "en"
) -> Path:
    """Write one self-contained HTML file: what to do, what it brings, against what else, on which evidence.

    Parameters
    ----------
    path
        The file; it appears whole or not at all, and replaces one that is there.
    plan
        As `clv.plan_budget` returns it.
    test
        What a test that would settle the plan looks like, such as `str(clv.design_test(...))`.
    title
        The page's title, instead of the usual one.

    Returns
    -------
    Path of the file
    """
    words, target = budget_words(lang), Path(path)
    comparison = plan.compare()
    heading = title or words.page_title
    sections = [
        (words.page_plan, _plan(plan, words)),
        (words.page_money, _money(plan, comparison, lang)),
        (words.page_media, _media(plan, words, lang)),
        (words.page_customers, _customers(plan, words)),
        (words.page_evidence, _evidence(plan, test)),
    ]
    body = [tag("h1", heading), *(tag("section", tag("h2", name), part) for name, part in sections)]
    body.append(tag("p", words.page_made.format(version=__version__), attributes={"class": "small"}))
    with atomically(target) as temporary:
        temporary.write_text(page(heading, joined(body), lang=lang), encoding="utf-8")
    return target


def plan_pictures(plan: Plan, *, comparison: pd.DataFrame | None = None, lang: str = "en") -> dict[str, Picture]:
    """The figures of a plan by name."""
    from clvmodels.report.figures.budget import budget_frontier, plan_by_medium, plan_comparison

    seen = plan.compare() if comparison is None else comparison
    return {
        "budget_frontier": budget_frontier(plan, comparison=seen, lang=lang),
        "plan_comparison": plan_comparison(plan, comparison=seen, lang=lang),
        "plan_by_medium": plan_by_medium(plan, lang=lang),
    }


def _plan(plan: Plan, words: BudgetWords) -> Html:
    used = pd.Series(plan.choice).value_counts()
    rows = [
        [name, count(float(used.get(number_, 0)))] for number_, name in enumerate(plan.names) if used.get(number_, 0)
    ]
    totals = [
        [str(name), money(row["mean"], None), f"{money(row['lower'], None)} – {money(row['upper'], None)}"]
        for name, row in plan.total().iterrows()
    ]
    limits = [str(sentence) for sentence in plan.binding()["sentence"]]
    return joined([table(words.head_actions, rows), table(words.head_totals, totals), items(limits)])


def _money(plan: Plan, comparison: pd.DataFrame, lang: str) -> Html:
    pictures = plan_pictures(plan, comparison=comparison, lang=lang)
    return joined([figure(pictures["budget_frontier"]), figure(pictures["plan_comparison"])])


def _media(plan: Plan, words: BudgetWords, lang: str) -> Html:
    from clvmodels.report.figures.budget import plan_by_medium

    effects, added = plan.evidence(), plan.worth.increments == "purchases"
    rows = [
        [
            str(medium), str(row["grade"]), count(float(row["contacts"])), _amount(row["increment"], added),
            f"{_amount(row['lower'], added)} – {_amount(row['upper'], added)}", number(float(row["p_positive"])),
            number(float(row["net"])), _amount(row["break_even"], added),
        ]
        for medium, row in effects.iterrows()
    ]  # fmt: skip
    note = tag("p", words.page_added if added else words.page_break_even, attributes={"class": "small"})
    return joined([table(words.head_media, rows, texts=2), note, figure(plan_by_medium(plan, lang=lang))])


def _amount(value: float, purchases: bool) -> str:
    """An increment: purchases, or points of a probability."""
    return number(float(value)) if purchases else percent(float(value))


def _customers(plan: Plan, words: BudgetWords) -> Html:
    best = plan.per_customer().nlargest(SHOWN, "net")["customer_id"]
    return joined([tag("p", words.page_best), items(plan.why(customer) for customer in best)])


def _evidence(plan: Plan, test: str | None) -> Html:
    return items([*plan.notes, *(test.splitlines() if test else [])])
