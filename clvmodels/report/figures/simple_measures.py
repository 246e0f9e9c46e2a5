"""The simple measures beside the models: whom each wrongly calls lost, and how much value each ranking finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clvmodels.evaluation.scores import captured
from clvmodels.evaluation.simple_measures import (
    CONSTANT,
    P_ACTIVE,
    P_ALIVE,
    P_PURCHASE,
    PAST_VALUE,
    RFM_SCORE,
    VALUE,
    SimpleAgainstModel,
)
from clvmodels.report import style
from clvmodels.report.numbers import count, percent
from clvmodels.report.uses_words import UsesWords, uses_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clvmodels.report.canvas import Picture


def simple_against_model(found: SimpleAgainstModel, *, lang: str = "en") -> Picture:
    """Later spend of customers wrongly called lost by each measure, and later spend held by those that each ranks best."""
    words, table = uses_words(lang), found.table().to_dict("index")
    spend = {name: percent(table[name]["wrongly_lost_spend"], decimals=0) for name in (P_ACTIVE, P_ALIVE)}
    everyone = len(found.actual.spend)
    figure, [left, right] = style.picture(
        title=words.simple_title.format(
            simple=P_ACTIVE, lost=percent(table[P_ACTIVE]["called_lost"] / everyone, decimals=0), spend=spend[P_ACTIVE],
            model=P_ALIVE, model_spend=spend[P_ALIVE],
        ),
        caption=words.simple_caption.format(
            customers=count(everyone), horizon=found.forecast.terms.horizon, best=percent(found.best, decimals=0), model=VALUE,
            captured=percent(table[VALUE]["captured"], decimals=0),
        ),
        panels=2, height=4.2,
    )  # fmt: skip
    _wrongly_lost(left, found, words)
    _curves(right, found, words)
    return figure


def _wrongly_lost(axes: Axes, found: SimpleAgainstModel, words: UsesWords) -> None:
    names = [P_ACTIVE, CONSTANT, P_PURCHASE, P_ALIVE]
    table = found.table().loc[names]
    shares = table["wrongly_lost_spend"].to_numpy(dtype=float)
    places = np.arange(len(names))
    colours = [style.MODEL if of == "model" else style.FORMULA for of in table["of"]]
    axes.barh(places, shares, color=colours, height=0.62)
    for place, share, people in zip(places, shares, table["wrongly_lost"], strict=True):
        text = words.simple_row.format(share=percent(share, decimals=0), customers=count(people))
        style.note(axes, f" {text}", at=(float(share), place))
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.8 * max(float(shares.max()), 0.01))
    axes.grid(visible=False, axis="y")
    axes.locator_params(axis="x", nbins=4)
    style.percents(axes, x=True, y=False)
    style.label(axes, x=words.simple_x, y="", title=words.simple_left)


def _curves(axes: Axes, found: SimpleAgainstModel, words: UsesWords) -> None:
    share, spend = np.linspace(0.0, 1.0, 101), found.actual.spend
    axes.plot(share, captured(spend, spend, share), color=style.QUIET, linewidth=1.2, linestyle=":", label=words.simple_ideal)
    looks = zip((RFM_SCORE, PAST_VALUE, CONSTANT), style.OTHERS, style.DASHES, strict=False)
    for name, colour, line in looks:
        axes.plot(share, captured(spend, found.measures[name], share), color=colour, linestyle=line, linewidth=1.5, label=name)
    axes.plot(share, captured(spend, found.measures[VALUE], share), color=style.MODEL, linewidth=2.2, label=VALUE)
    axes.axvline(found.best, color=style.QUIET, linewidth=0.8)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    style.percents(axes, x=True)
    style.label(axes, x=words.simple_share_x, y=words.simple_share_y, title=words.simple_right)
    style.legend(axes, place="lower right")
