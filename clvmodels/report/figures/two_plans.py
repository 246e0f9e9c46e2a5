"""What one plan brings over another, over time and part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvmodels.report import style
from clvmodels.report.difference_words import DifferenceWords, difference_words
from clvmodels.report.numbers import count, number, percent
from clvmodels.units import Period
from clvmodels.value.plan_parts import PlanDifference
from clvmodels.value.two_plans import IN_VALUE, PARTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clvmodels.report.canvas import Picture

COLOURS = (style.MODEL, style.OTHERS[2], style.OTHERS[3], style.OTHERS[5], style.OTHERS[1], style.OTHERS[0])
"""Of the parts."""
ROOM = 0.4
"""For the legend, as a share of the height of what is drawn."""


def plan_difference(difference: PlanDifference, *, per: Period | None = None, lang: str = "en") -> Picture:
    """Purchases that one plan brings over another: together since today, and by period with what becomes of them.

    Parameters
    ----------
    difference
        As `clv.plan_difference` returns it.
    per
        Length of a step; the period of the histories if not given.
    """
    words, table = difference_words(lang), difference.stream(per=per)
    figure, [above, below] = style.picture(
        title=_title(words, difference),
        caption=words.caption.format(
            customers=count(len(difference.plans.order)), interval=percent(difference.interval, decimals=0)
        ),
        height=5.8, panels=2, stacked=True,
    )  # fmt: skip
    _band(above, table, "cumulative", words)
    _bars(below, table, words)
    _band(below, table, "net", words)
    name = str(table.index.name)
    style.label(above, x="", y=words.y, title=words.since)
    style.label(below, x=words.x.format(period=name), y=words.y, title=words.each.format(period=name))
    style.whole_numbers(below, x=True)
    low, high = above.get_ylim()
    above.set_ylim(low, high + ROOM * (high - low))
    style.legend(above, of=below, place="upper left", columns=4)
    return figure


def _title(words: DifferenceWords, difference: PlanDifference) -> str:
    if not len(difference.plans.order):
        return words.title_same
    total = difference.total()
    names = ["purchases_expected", "purchases_expected_lower", "purchases_expected_upper"]
    net, low, high = total.loc["net", names].to_numpy(dtype=float)
    pulled, put_off = total["purchases"][["pulled forward", "put off"]].to_numpy(dtype=float)
    text = words.title_unclear if low <= 0 <= high else words.title_more if net > 0 else words.title_fewer
    moved = (words.title_pulled_forward if pulled >= put_off else words.title_put_off) if pulled + put_off > 0 else ""
    size, most = number(abs(net)), number(max(pulled, put_off))
    return text.format(net=size, horizon=difference.horizon, moved=moved.format(moved=most))


def _band(axes: Axes, table: pd.DataFrame, column: str, words: DifferenceWords) -> None:
    """A curve of net purchases with its band: at the middle of each period, or together from today to its end."""
    names = [column, f"{column}_lower", f"{column}_upper"]
    places, values = table.index.to_numpy(dtype=float), table[names].to_numpy(dtype=float).T
    if column == "cumulative":
        places, values = np.append(0.0, places), np.hstack([np.zeros((3, 1)), values])
    else:
        places = places - 0.5
    mean, lower, upper = values
    axes.axhline(0.0, color=style.QUIET, linewidth=1)
    axes.fill_between(places, lower, upper, color=style.INK, alpha=style.BAND / 2, linewidth=0)
    axes.plot(places, mean, color=style.INK, linewidth=1.8, label=words.net)
    axes.margins(x=0.01)
    style.thousands(axes, pattern="{x:,g}")


def _bars(axes: Axes, table: pd.DataFrame, words: DifferenceWords) -> None:
    """Parts one upon the other, those that cost purchases below zero; parts that nothing is in are left out."""
    top, bottom = np.zeros(len(table)), np.zeros(len(table))
    for name, text, sign, colour in zip(PARTS, words.parts, IN_VALUE, COLOURS, strict=True):
        heights = sign * table[name.replace(" ", "_")].to_numpy(dtype=float)
        if not heights.any():
            continue
        base = np.where(heights >= 0, top, bottom)
        axes.bar(table.index.to_numpy() - 0.5, heights, bottom=base, width=0.85, color=colour, alpha=0.8, label=text)
        top, bottom = top + np.maximum(heights, 0), bottom + np.minimum(heights, 0)
