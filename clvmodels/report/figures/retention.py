"""Retention by cohort: curves with their intervals, and the triangle of shares still there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvmodels.data.contracts import Contracts
from clvmodels.report import style
from clvmodels.report.numbers import count, percent
from clvmodels.report.words import FigureWords, figure_words
from clvmodels.units import YEAR, Period

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clvmodels.report.canvas import Picture

MOST_TEXTS = 16
"""Tenures in a row of the triangle up to which its cells have their share written in."""
MOST_CURVES = 8
"""Cohorts up to which every curve has its name and its band; of more the first and the last have a name."""
SHADES = "Blues"


def retention(
    contracts: Contracts, *, per: Period = YEAR, period: Period | None = None, interval: float = 0.95, lang: str = "en"
) -> Picture:
    """Share of each cohort of starts that is still there by tenure: as curves with intervals, and as a triangle.

    Parameters
    ----------
    contracts
        With dates.
    per, period, interval
        As in `contracts.cohorts`.
    """
    words, table = figure_words(lang), _settled(contracts.cohorts(per=per, period=period, interval=interval))
    names = list(table["cohort"].unique())
    unit = words.periods.format(period=(period or per).name)
    figure, [above, below] = style.picture(
        title=_title(words, table, unit),
        caption=words.retention_caption.format(
            customers=count(table.groupby("cohort")["customers"].first().sum()), interval=percent(interval, decimals=0)
        ),
        height=4.2 + 0.24 * min(len(names), 30),
        panels=2,
        stacked=True,
    )
    everybody = None
    if len(names) > MOST_CURVES:
        everybody = contracts.tenures(period=period or per).kaplan_meier(interval=interval)
    _curves(above, table, names, everybody, words)
    _triangle(below, table, names)
    style.label(below, x=words.retention_x.format(unit=unit), y=words.retention_cohort)
    style.whole_numbers(below, x=True)
    return figure


def _settled(table: pd.DataFrame) -> pd.DataFrame:
    """Without the tenures that most of a cohort's remaining customers have not been observed to: few say little."""
    before = table.groupby("cohort")["still_there"].shift()
    reached = before.isna() | (table["at_risk"] >= before / 2)
    return table[reached.groupby(table["cohort"]).cummin()]


def _curves(
    axes: Axes, table: pd.DataFrame, names: list[str], everybody: pd.DataFrame | None, words: FigureWords
) -> None:
    """One curve per cohort, with bands if they are few; of many, everybody's too."""
    from matplotlib import colormaps

    few = everybody is None
    shades = colormaps[SHADES](np.linspace(0.35, 1.0, len(names)))
    for i, name in enumerate(names):
        own = table[table["cohort"] == name]
        named = few or i in (0, len(names) - 1)
        axes.plot(
            own["tenure"], own["share"], color=shades[i], linewidth=1.8 if few else 0.8, label=name if named else None
        )
        if few:
            axes.fill_between(own["tenure"], own["lower"], own["upper"], color=shades[i], alpha=style.BAND, linewidth=0)
    if everybody is not None:
        axes.plot(everybody["tenure"], everybody["survival"], color=style.INK, linewidth=2.2, label=words.retention_all)
        band = everybody["tenure"], everybody["lower"], everybody["upper"]
        axes.fill_between(*band, color=style.INK, alpha=style.BAND, linewidth=0)
    axes.set_ylim(0.0, 1.02)
    style.percents(axes)
    style.label(axes, x="", y=words.retention_y)
    style.legend(axes, place="lower left")


def _triangle(axes: Axes, table: pd.DataFrame, names: list[str]) -> None:
    wide = table.pivot_table(index="cohort", columns="tenure", values="share", sort=True).loc[names]
    shares = wide.to_numpy()
    tenures = wide.columns.to_numpy(dtype=float)
    last = float(tenures.max())
    axes.imshow(
        shares, cmap=SHADES, vmin=0.0, vmax=1.0, aspect="auto", extent=(-0.5, last + 0.5, len(names) - 0.5, -0.5),
        interpolation="nearest",
    )  # fmt: skip
    if shares.shape[1] <= MOST_TEXTS:
        for (row, column), share in np.ndenumerate(shares):
            if np.isfinite(share):
                color = "white" if share > 0.55 else style.INK
                place = float(tenures[column]), float(row)
                axes.text(*place, percent(share, decimals=0), ha="center", va="center", fontsize=7.5, color=color)
    step = max(1, len(names) // 20)
    axes.set_yticks(range(0, len(names), step), names[::step])
    axes.grid(visible=False)


def _title(words: FigureWords, table: pd.DataFrame, unit: str) -> str:
    """What is left at the last tenure that half of the cohorts have reached."""
    reached = np.sort(table.groupby("cohort")["tenure"].max())[::-1]
    tenure = reached[(len(reached) - 1) // 2]
    shares = table.loc[table["tenure"] == tenure, "share"]
    low, high = percent(shares.min(), decimals=0), percent(shares.max(), decimals=0)
    text = words.retention_title if low != high else words.retention_title_one
    return text.format(tenure=f"{tenure:g}", unit=unit, low=low, high=high)
