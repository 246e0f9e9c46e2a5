"""Figures of value: how it is spread over customers, and how sure the total is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvmodels.report import style
from clvmodels.report.concentration import customers_with_half, share_of_value
from clvmodels.report.numbers import count, money, percent
from clvmodels.report.words import FigureWords, figure_words
from clvmodels.value.forecast import Forecast

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clvmodels.report.canvas import Picture


def ltv_distribution(forecast: Forecast, *, lang: str = "en") -> Picture:
    """Customers by expected LTV on a logarithmic axis, and the share of value held by the best of them."""
    words, table = figure_words(lang), forecast.per_customer()
    half, everyone = customers_with_half(table.ltv), len(table)
    poor = int((table.ltv <= 0).sum())
    left_out = words.value_left_out.format(count=count(poor)) if poor else ""
    figure, [left, right] = style.picture(
        title=words.value_title.format(half=count(half), all=count(everyone), share=percent(half / everyone)),
        caption=words.value_caption.format(horizon=forecast.terms.horizon, left_out=left_out),
        panels=2,
    )
    currency = forecast.histories.currency or ""
    _histogram(left, table.ltv, words, currency)
    _shares(right, table, words)
    return figure


def _histogram(axes: Axes, ltv: pd.Series, words: FigureWords, currency: str) -> None:
    from matplotlib.ticker import NullFormatter

    worth = ltv[ltv > 0].to_numpy()
    lowest, highest = np.quantile(worth, [0.0005, 1.0])
    edges = np.geomspace(0.99 * lowest, 1.01 * highest, 41)
    axes.hist(np.maximum(worth, edges[0]), bins=list(edges), color=style.MODEL, alpha=0.75)
    axes.set_xscale("log")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(which="minor", length=0)
    top = axes.get_ylim()[1]
    median, mean = float(np.median(ltv.to_numpy())), float(np.mean(ltv.to_numpy()))
    for value, text, height in (
        (median, words.value_median.format(median=money(median, None)), 0.97),
        (mean, words.value_mean.format(mean=money(mean, None)), 0.87),
    ):
        if value > 0:
            axes.axvline(value, color=style.INK, linewidth=0.9, linestyle="--", ymax=height)
            style.note(axes, f" {text}", at=(value, height * top))
    axes.set_ylim(0, top)
    style.label(axes, x=words.value_x.format(currency=currency), y=words.customers, title=words.value_histogram)
    style.thousands(axes, x=True)


def _shares(axes: Axes, table: pd.DataFrame, words: FigureWords) -> None:
    everyone = np.linspace(0, 1, len(table) + 1)
    shown = np.unique(np.linspace(0, len(table), 400).astype(int))
    for name, text, line in (("ltv", words.value_ltv, "-"), ("potential", words.value_potential, "--")):
        axes.plot(
            everyone[shown],
            share_of_value(table[name])[shown],
            color=style.MODEL,
            linestyle=line,
            linewidth=1.8,
            label=text,
        )
    half = customers_with_half(table.ltv) / len(table)
    axes.plot([half], [0.5], "o", color=style.INK, markersize=5)
    style.note(axes, words.value_half.format(share=percent(half)), at=(half + 0.05, 0.47))
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    style.label(axes, x=words.value_share_x, y=words.value_share_y, title=words.value_share)
    style.percents(axes, x=True)
    style.legend(axes, place="lower right")


def customer_equity(forecast: Forecast, *, lang: str = "en") -> Picture:
    """Distribution of customer equity over the joint draws, with the interval of its mean and of what will happen."""
    words, draws = figure_words(lang), forecast.equity_draws()
    total = forecast.total().to_dict("index")["ltv"]
    mean, lower, upper, low, high = (
        total[name] for name in ("mean", "lower", "upper", "expected_lower", "expected_upper")
    )
    currency = forecast.histories.currency
    within = percent(forecast.interval, decimals=0)
    figure, [axes] = style.picture(
        title=words.equity_title.format(
            mean=money(mean, currency), lower=money(lower, None), upper=money(upper, None), interval=within
        ),
        caption=words.equity_caption.format(
            customers=count(len(forecast.histories)), horizon=forecast.terms.horizon, draws=count(draws.size), interval=within
        ),
        height=3.4,
    )  # fmt: skip
    heights, _, _ = axes.hist(draws, bins=min(20, max(6, draws.size // 20)), color=style.MODEL, alpha=0.35)
    top = float(np.max(heights))
    bars = ((1.24, lower, upper, words.equity_predictive), (1.10, low, high, words.equity_expected))
    for level, start, end, text in bars:
        axes.plot([start, end], [level * top] * 2, color=style.MODEL, linewidth=3, solid_capstyle="butt")
        axes.plot([mean], [level * top], "o", color="white", markeredgecolor=style.MODEL, markersize=5)
        style.note(axes, f"  {text}", at=(end, level * top))
    axes.set_xlim(right=axes.get_xlim()[1] + 0.22 * (axes.get_xlim()[1] - axes.get_xlim()[0]))
    axes.set_ylim(0, 1.34 * top)
    axes.set_yticks([])
    style.label(axes, x=words.equity_x.format(currency=currency or ""), y="")
    style.thousands(axes, x=True, y=False)
    return figure
