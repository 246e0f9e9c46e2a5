"""Whether a duration model keeps track of its customers over time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from clvmodels.errors import ClvError
from clvmodels.report import style
from clvmodels.report.numbers import count, number, percent, signed_percent
from clvmodels.report.words import FigureWords, figure_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clvmodels.report.canvas import Picture

NEEDED = ("part", "days", *(f"{p}{c}" for p in ("", "cumulative_") for c in ("actual", "expected", "lower", "upper")))


def tracking(table: pd.DataFrame, *, interval: float = 0.90, lang: str = "en") -> Picture:
    """Repeat purchases since the beginning and in each period: as they happened, and as the model expects with its band.

    Parameters
    ----------
    table
        As `evaluation.tracking.tracking` returns it.
    interval
        The probability that was asked for there, for the caption.
    """
    missing = [name for name in NEEDED if name not in table.columns]
    if missing:
        raise ClvError(
            f"The table has no column {missing[0]!r}. Give the table that tracking(duration, log, ...) returns."
        )
    words = figure_words(lang)
    figure, [above, below] = style.picture(
        title=_title(words, table[table["part"] == "holdout"]),
        caption=words.tracking_caption.format(interval=percent(interval, decimals=0)),
        height=5.4, panels=2, stacked=True,
    )  # fmt: skip
    _panel(above, table, "cumulative_", words)
    _panel(below, table, "", words)
    days = number(float(table["days"].median()))
    style.label(above, x="", y=words.tracking_y, title=words.tracking_cumulative)
    style.label(below, x="", y=words.tracking_y, title=words.tracking_incremental.format(days=days))
    style.dates(below)
    style.legend(above, place="upper left")
    return figure


def _title(words: FigureWords, held_out: pd.DataFrame) -> str:
    actual, expected = float(held_out["actual"].sum()), float(held_out["expected"].sum())
    if actual == 0:
        return words.tracking_title_in_sample
    bias = signed_percent(expected / actual - 1)
    return words.tracking_title.format(actual=count(actual), expected=count(expected), bias=bias)


def _panel(axes: Axes, table: pd.DataFrame, prefix: str, words: FigureWords) -> None:
    ends = table.index.to_numpy()
    lower, upper, expected, actual = (
        table[f"{prefix}{name}"].to_numpy() for name in ("lower", "upper", "expected", "actual")
    )
    axes.fill_between(ends, lower, upper, color=style.MODEL, alpha=style.BAND, linewidth=0)
    axes.plot(ends, expected, color=style.MODEL, linewidth=2, label=words.model)
    axes.plot(ends, actual, color=style.ACTUAL, linewidth=1.5, label=words.actual)
    axes.set_ylim(bottom=0)
    axes.margins(x=0.01)
    style.thousands(axes)
    seen = table.index[table["part"] == "calibration"]
    if 0 < len(seen) < len(table):
        axes.axvline(seen[-1], color=style.QUIET, linewidth=1, linestyle="--")
        style.note(axes, words.tracking_split, at=(seen[-1], 0.06 * axes.get_ylim()[1]), color=style.QUIET)
