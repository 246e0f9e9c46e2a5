"""The simple measures beside the models: whom each wrongly calls lost, and how much value each ranking finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clvmodels.evaluation.constant_retention import RetentionAgainstModel
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
from clvmodels.report.numbers import count, percent, signed_percent
from clvmodels.report.uses_words import UsesWords, uses_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clvmodels.report.canvas import Picture


def simple_against_model(found: SimpleAgainstModel, *, lang: str = "en") -> Picture:
    """Customers wrongly called lost or kept by each measure, and later spend held by those that each ranks best."""
    words, table = uses_words(lang), found.table().to_dict("index")
    everyone = len(found.actual.spend)
    figure, [left, right] = style.picture(
        title=words.simple_title.format(
            simple=P_ACTIVE, lost=count(table[P_ACTIVE]["wrongly_lost"]), model=P_ALIVE,
            model_lost=count(table[P_ALIVE]["wrongly_lost"]), kept=count(table[P_ALIVE]["wrongly_kept"]),
        ),
        caption=words.simple_caption.format(
            customers=count(everyone), horizon=found.forecast.terms.horizon, best=percent(found.best, decimals=0), model=VALUE,
            captured=percent(table[VALUE]["captured"], decimals=0),
        ),
        panels=2, height=4.4,
    )  # fmt: skip
    _wrongly(left, found, words)
    _curves(right, found, words)
    return figure


def _wrongly(axes: Axes, found: SimpleAgainstModel, words: UsesWords) -> None:
    table = found.table().loc[[P_ACTIVE, CONSTANT, P_PURCHASE, P_ALIVE]]
    places = np.arange(len(table))
    looks = (("wrongly_lost", words.simple_lost, style.OTHERS[0]), ("wrongly_kept", words.simple_kept, style.FORMULA))
    for shift, (column, name, colour) in zip((-0.19, 0.19), looks, strict=True):
        axes.barh(places + shift, table[column].to_numpy(dtype=float), color=colour, height=0.36, label=name)
    for place, share, people in zip(places, table["wrongly_lost_spend"], table["wrongly_lost"], strict=True):
        style.note(
            axes, f" {words.simple_row.format(share=percent(share, decimals=0))}", at=(float(people), place - 0.19)
        )
    axes.set_yticks(places, [str(name).replace(" ", "\n") for name in table.index])
    axes.set_ylim(len(table) - 0.4, -1.65)
    axes.grid(visible=False, axis="y")
    axes.locator_params(axis="x", nbins=4)
    style.thousands(axes, x=True, y=False)
    axes.set_xlim(0, 1.3 * float(table[["wrongly_lost", "wrongly_kept"]].to_numpy(dtype=float).max()))
    style.label(axes, x=words.simple_x, y="", title=words.simple_left)
    style.legend(axes, place="upper right")


def _curves(axes: Axes, found: SimpleAgainstModel, words: UsesWords) -> None:
    share, spend = np.linspace(0.0, 1.0, 101), found.actual.spend
    axes.plot(
        share, captured(spend, spend, share), color=style.QUIET, linewidth=1.2, linestyle=":", label=words.simple_ideal
    )
    looks = zip((RFM_SCORE, PAST_VALUE, CONSTANT), style.OTHERS, style.DASHES, strict=False)
    for name, colour, line in looks:
        axes.plot(
            share, captured(spend, found.measures[name], share), color=colour, linestyle=line, linewidth=1.5, label=name
        )
    axes.plot(share, captured(spend, found.measures[VALUE], share), color=style.MODEL, linewidth=2.2, label=VALUE)
    axes.axvline(found.best, color=style.QUIET, linewidth=0.8)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    style.percents(axes, x=True)
    style.label(axes, x=words.simple_share_x, y=words.simple_share_y, title=words.simple_right)
    style.legend(axes, place="lower right")


def constant_retention_against_model(found: RetentionAgainstModel, *, lang: str = "en") -> Picture:
    """Customers still there after each later renewal: what happened, a constant rate, and the model with its band."""
    words, table, values = uses_words(lang), found.table(), found.values().to_dict("index")
    last, model = table.iloc[-1], found.fit.model.title
    figure, [axes] = style.picture(
        title=words.contract_title.format(
            rate=percent(found.rate), constant=count(last["constant"]), now=count(table["actual"].iloc[0]),
            ahead=count(last["ahead"]), actual=count(last["actual"]),
        ),
        caption=words.contract_caption.format(
            interval=percent(found.interval, decimals=0), model=model, error=signed_percent(values[model]["error"]),
            constant=signed_percent(values["constant retention"]["error"]),
        ),
        height=3.8,
    )  # fmt: skip
    axes.fill_between(table["ahead"], table["lower"], table["upper"], color=style.MODEL, alpha=style.BAND, linewidth=0)
    axes.plot(table["ahead"], table["model"], color=style.MODEL, linewidth=2.2, label=model)
    axes.plot(
        table["ahead"],
        table["constant"],
        color=style.OTHERS[0],
        linestyle="--",
        linewidth=1.5,
        label=words.contract_constant,
    )
    axes.plot(table["ahead"], table["actual"], "o", color=style.ACTUAL, markersize=6, label=words.contract_actual)
    axes.set_ylim(bottom=0)
    style.whole_numbers(axes, x=True)
    style.thousands(axes)
    style.label(axes, x=words.contract_x, y=words.contract_y)
    style.legend(axes, place="lower left")
    return figure
