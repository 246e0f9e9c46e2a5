"""What one contact does to purchases and to leaving, day after day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvmodels.estimation.contact_effects import PROCESSES, after_contact, grades_of
from clvmodels.estimation.result import Fit, tail_of
from clvmodels.evaluation.words import listed
from clvmodels.report import style
from clvmodels.report.difference_words import CarryOverWords, carry_over_words
from clvmodels.report.numbers import percent

if TYPE_CHECKING:
    from clvmodels.report.canvas import Picture

REACH = 5.0
"""Half-lives of the slowest medium that are drawn."""


def contact_effects(fit: Fit, *, interval: float = 0.90, lang: str = "en") -> Picture:
    """Factor by which one contact multiplies the purchase rate, and the hazard of leaving, in the weeks after it.

    Parameters
    ----------
    fit
        Of `clv.time_varying(..., contacts=...)`.
    interval
        Probability of the bands.
    """
    words, tail, table = carry_over_words(lang), tail_of(interval), fit.contact_effects(interval)
    media = list(dict.fromkeys(table.index.get_level_values("medium")))
    days = int(np.ceil(REACH * table["half_life"].max()))
    grades = grades_of(fit)["grade"]
    figure, panels = style.picture(
        title=_title(table, words), caption=words.caption.format(interval=percent(interval, decimals=0)),
        height=3.9, panels=2,
    )  # fmt: skip
    weeks = (np.arange(days) + 0.5) / 7
    for medium, colour in zip(media, (style.MODEL, *style.OTHERS), strict=False):
        found = after_contact(fit, medium, days=days)
        for axes, process in zip(panels, PROCESSES, strict=True):
            if process in found:
                low, high = np.quantile(found[process], [tail, 1 - tail], axis=0)
                axes.fill_between(weeks, low, high, color=colour, alpha=style.BAND, linewidth=0)
                label = words.medium.format(medium=medium, grade=grades[medium])
                axes.plot(weeks, found[process].mean(axis=0), color=colour, linewidth=1.8, label=label)
    for axes, title in zip(panels, (words.purchase, words.dropout), strict=True):
        axes.axhline(1.0, color=style.QUIET, linewidth=1)
        axes.margins(x=0.01)
        style.label(axes, x=words.x, y=words.y, title=title)
    with_lines = [axes for axes in panels if axes.get_legend_handles_labels()[0]]
    style.legend(with_lines[0], place="upper right")
    return figure


def _title(table: pd.DataFrame, words: CarryOverWords) -> str:
    """What is sure: media that bring purchases, keep customers, or drive them away."""
    sure = table[(table["lower"] > 0) | (table["upper"] < 0)]
    said = []
    for process, up, down in (("purchase", words.brings, words.costs), ("dropout", words.burns, words.saves)):
        rows = sure[sure.index.get_level_values("process") == process]
        for text, some in ((up, rows[rows["effect"] > 0]), (down, rows[rows["effect"] < 0])):
            if len(some):
                said.append(text.format(media=listed(list(some.index.get_level_values("medium")))))
    return "; ".join(said) if said else words.nothing
