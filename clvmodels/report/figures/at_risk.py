"""Figures of value at risk, of the value of a newcomer, and of whom to let go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clvmodels.model import Array
from clvmodels.report import style
from clvmodels.report.concentration import share_of_value
from clvmodels.report.numbers import count, money, percent
from clvmodels.report.uses_words import UsesWords, uses_words
from clvmodels.uses.letting_go import NO_PLAN, LettingGo
from clvmodels.uses.newcomers import NewcomerValue
from clvmodels.uses.risk import ValueAtRisk

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clvmodels.report.canvas import Picture

BINS = 40


def value_at_risk(risk: ValueAtRisk, *, lang: str = "en") -> Picture:
    """Value at risk and win-back value by P(alive), and how few customers hold most of each."""
    words, table = uses_words(lang), risk.table()
    back, ahead = (float(table[name].sum()) for name in ("win_back", "value_at_risk"))
    figure, [left, right] = style.picture(
        title=words.risk_title.format(risk=money(ahead, risk.currency), within=risk.within, back=money(back, risk.currency)),
        caption=words.risk_caption.format(within=risk.within, horizon=risk.horizon), panels=2, height=3.9,
    )  # fmt: skip
    looks = (("value_at_risk", words.risk_value, style.MODEL), ("win_back", words.risk_back, style.OTHERS[0]))
    places, people = np.arange(len(table)), risk.per_customer()
    for shift, (column, name, colour) in zip((-0.2, 0.2), looks, strict=True):
        left.bar(places + shift, table[column], width=0.38, color=colour, label=name)
        shares = share_of_value(people[column]) if people[column].sum() > 0 else np.zeros(len(people) + 1)
        right.plot(np.linspace(0, 1, shares.size), shares, color=colour, linewidth=1.8, label=name)
    names = [f"{low:g}–{high:g}" for low, high in zip(table["from"], table["to"], strict=True)]
    left.set_xticks(places, names, fontsize=7.5)
    unit = f" [{risk.currency}]" if risk.currency else ""
    left.set_ylim(top=1.3 * left.get_ylim()[1])
    style.thousands(left)
    style.label(left, x=words.risk_x, y=words.risk_y.format(currency=unit), title=words.risk_left)
    style.legend(left)
    right.set_xlim(0, 1)
    right.set_ylim(0, 1.02)
    style.percents(right, x=True)
    style.label(right, x=words.risk_share_x, y=words.risk_share_y, title=words.risk_right)
    return figure


def newcomer_value(newcomer: NewcomerValue, *, lang: str = "en") -> Picture:
    """What single newcomers will really bring, and the mean, which is the most to pay for one."""
    words, row, values = uses_words(lang), newcomer.table().iloc[-1], newcomer.simulated
    figure, [axes] = style.picture(
        title=words.newcomer_title.format(
            mean=money(newcomer.most, newcomer.currency), share=percent(newcomer.p_worth(newcomer.most), decimals=0)
        ),
        caption=words.newcomer_caption.format(
            horizon=newcomer.horizon, count=count(values.size), interval=percent(newcomer.interval, decimals=0)
        ),
        height=3.6,
    )  # fmt: skip
    low, high = np.quantile(values, [0.0, 0.99])
    edges = np.linspace(low, high if high > low else low + 1.0, BINS + 1)
    axes.hist(
        np.minimum(values, edges[-1]),
        bins=list(edges),
        weights=np.full(values.size, 1 / values.size),
        color=style.MODEL,
        alpha=0.6,
    )
    axes.axvspan(row["expected_lower"], row["expected_upper"], color=style.INK, alpha=0.18, linewidth=0)
    axes.axvline(newcomer.most, color=style.INK, linewidth=1.2)
    texts = {
        "mean": money(newcomer.most, None),
        "lower": money(row["expected_lower"], None),
        "upper": money(row["expected_upper"], None),
    }
    style.note(
        axes, f" {words.newcomer_most.format(**texts)}", at=(float(row["expected_upper"]), 0.88 * axes.get_ylim()[1])
    )
    unit = f" [{newcomer.currency}]" if newcomer.currency else ""
    style.percents(axes)
    style.label(axes, x=words.newcomer_x.format(currency=unit), y=words.newcomer_y)
    return figure


def letting_go(letting: LettingGo, *, lang: str = "en") -> Picture:
    """Customers by their value with the best action for them; those below zero stand out."""
    words, people, row = uses_words(lang), letting.per_customer(), letting.table().iloc[0]
    planned = letting.basis != NO_PLAN
    figure, [axes] = style.picture(
        title=words.letting_title.format(
            count=count(row["let_go"]), all=count(row["customers"]), plan=words.letting_plan if planned else words.letting_no_plan
        ),
        caption=words.letting_caption.format(horizon=letting.horizon, saved=money(float(row["saved"]), letting.currency)),
        height=3.4,
    )  # fmt: skip
    _values(axes, people["best"].to_numpy(dtype=float), words)
    unit = f" [{letting.currency}]" if letting.currency else ""
    by = "LTV" if letting.by == "ltv" else "potential value"
    style.label(
        axes,
        x=words.letting_x.format(by=by, plan=words.letting_with if planned else "", currency=unit),
        y=words.customers,
    )
    style.legend(axes)
    return figure


def _values(axes: Axes, values: Array, words: UsesWords) -> None:
    low, high = np.quantile(values, [0.005, 0.95])
    step = (max(high, 0.0) - min(low, 0.0)) / BINS or 1.0
    edges = step * np.arange(np.floor(min(low, 0.0) / step), np.ceil(max(high, 0.0) / step) + 1)
    shown = np.clip(values, edges[0], edges[-1])
    parts = ((values < 0, words.letting_gone, style.OTHERS[0]), (values >= 0, words.letting_kept, style.FORMULA))
    for mask, name, colour in parts:
        axes.hist(shown[mask], bins=list(edges), color=colour, label=name)
    axes.axvline(0.0, color=style.INK, linewidth=1.0)
    style.thousands(axes, x=True)
