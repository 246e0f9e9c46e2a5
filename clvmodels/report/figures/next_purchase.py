"""Figures of when customers will buy next, and of how long categories take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clvmodels.report import style
from clvmodels.report.numbers import count, percent
from clvmodels.report.uses_words import UsesWords, uses_words
from clvmodels.uses.categories import CategoryIntervals
from clvmodels.uses.next_purchase import NextPurchase

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clvmodels.report.canvas import Picture

MOST_CATEGORIES = 15
"""Categories that have a row."""
AHEAD = 4.0
"""How many times as far as `within` the curves go."""


def next_purchase(waits: NextPurchase, *, lang: str = "en") -> Picture:
    """Share of customers who have bought again by each time, and customers by when they are due."""
    words, table = uses_words(lang), waits.table()
    figure, [left, right] = style.picture(
        title=words.next_title.format(
            buyers=count(table["buyers"].sum()), customers=count(table["customers"].sum()), within=waits.within
        ),
        caption=words.next_caption, panels=2, height=3.9,
    )  # fmt: skip
    within = waits.within.per(waits.period)
    for name, colour in zip(waits.curves, style.OTHERS, strict=False):
        left.plot(waits.curves.index, waits.curves[name], color=colour, linewidth=1.8, label=name)
    left.axvline(within, color=style.QUIET, linewidth=1, linestyle="--")
    left.set_xlim(0, AHEAD * within)
    left.set_ylim(0, 1)
    style.percents(left)
    style.label(left, x=words.next_x.format(period=waits.period.name), y=words.next_y, title=words.next_left)
    style.legend(left, place="upper left")
    _due(right, waits, words)
    return figure


def _due(axes: Axes, waits: NextPurchase, words: UsesWords) -> None:
    table = waits.table()
    places = np.arange(len(table))
    axes.barh(places, table["customers"], height=0.7, color=style.FORMULA, label=words.customers)
    axes.barh(
        places, table["buyers"], height=0.35, color=style.MODEL, label=words.next_buyers.format(within=waits.within)
    )
    axes.set_yticks(places, list(table["due"]))
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    style.thousands(axes, x=True, y=False)
    style.label(axes, x=words.customers, y="", title=words.next_right)
    style.legend(axes, place="upper right")


def next_purchase_by_category(categories: CategoryIntervals, *, lang: str = "en") -> Picture:
    """Share bought again within the time asked for, by category with intervals, and the median wait."""
    words = uses_words(lang)
    known = categories.table().dropna(subset=["again_share"])
    table = known.head(MOST_CATEGORIES).sort_values("again_share", ascending=False)
    hidden = len(categories.table()) - len(table)
    figure, [axes] = style.picture(
        title=words.category_title.format(
            within=categories.within, best=table["category"].iloc[0], least=table["category"].iloc[-1],
            high=percent(table["again_share"].iloc[0], decimals=0), low=percent(table["again_share"].iloc[-1], decimals=0),
        ),
        caption=words.category_caption.format(
            interval=percent(categories.interval, decimals=0), left_out=words.left_out.format(count=count(hidden)) if hidden else
            ""
        ),
        height=1.7 + 0.28 * len(table),
    )  # fmt: skip
    places = np.arange(len(table))
    axes.hlines(places, table["lower"], table["upper"], color=style.MODEL, linewidth=2)
    axes.plot(table["again_share"], places, "o", color=style.MODEL, markersize=5)
    medians = table["again_50"] if "again_50" in table else np.full(len(table), np.inf)
    said = [
        words.category_days.format(days=f"{wait:.0f}") if np.isfinite(wait) else words.category_never
        for wait in medians
    ]
    rows = [
        words.category_row.format(category=name, median=text)
        for name, text in zip(table["category"], said, strict=True)
    ]
    axes.set_yticks(places, rows)
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.grid(visible=True, axis="x", color=style.GRID)
    style.percents(axes, x=True, y=False)
    style.label(axes, x=words.category_x.format(within=categories.within), y="")
    return figure
