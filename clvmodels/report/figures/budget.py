"""Figures of a plan: what every budget could bring, other ways to spend, and what each medium brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvmodels.budget.plan import PLAN, Plan
from clvmodels.report import style
from clvmodels.report.budget_words import BudgetWords, budget_words
from clvmodels.report.numbers import count, money, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clvmodels.report.canvas import Picture

SMOOTH = 400
"""Points of a line."""
ROOM = 1.15
"""How far beyond the frontier other policies are shown."""


def budget_frontier(plan: Plan, *, comparison: pd.DataFrame | None = None, lang: str = "en") -> Picture:
    """Budget against net value with its band, other policies as points, and what the next unit of money returns.

    Parameters
    ----------
    plan
        As `clv.plan_budget` returns it.
    comparison
        As `plan.compare()` returns it, if it is there already.
    """
    words, table = budget_words(lang), plan.frontier()
    others = (plan.compare() if comparison is None else comparison).drop(index=PLAN)
    currency, net = plan.worth.forecast.currency, float(plan.draws.net.mean())
    reach, lowest = ROOM * max(float(table["budget"].max()), plan.solution.spent), float(table["lower"].min())
    span = float(table["upper"].max()) - min(lowest, 0.0)
    seen = (others["outlay"] <= reach) & (others["net"] >= min(lowest, 0.0) - 0.25 * span)
    hidden = ", ".join(others.index[~seen])
    returns = float(plan.solution.frontier.marginal_return_at(plan.solution.spent))
    figure, [left, right] = style.picture(
        title=words.frontier_title.format(
            spent=money(plan.solution.spent, currency), net=money(net, currency), returns=f"{returns:,.2f}"
        ),
        caption=words.frontier_caption.format(
            interval=percent(plan.interval, decimals=0), left_out=words.left_out.format(names=hidden) if hidden else ""
        ),
        height=4.8,
        panels=2,
    )
    _value(left, plan, table, others[seen], words)
    style.legend(right, place="upper right", of=left)
    _returns(right, plan, float(table["budget"].iloc[-1]), words, f" [{currency}]" if currency else "")
    return figure


def _value(axes: Axes, plan: Plan, table: pd.DataFrame, others: pd.DataFrame, words: BudgetWords) -> None:
    currency = plan.worth.forecast.currency
    unit = f" [{currency}]" if currency else ""
    budget, curve = np.linspace(0.0, float(table["budget"].iloc[-1]), SMOOTH), plan.solution.frontier
    axes.fill_between(table["budget"], table["lower"], table["upper"], color=style.MODEL, alpha=style.BAND, linewidth=0)
    axes.plot(budget, curve.value_at(budget) - np.minimum(budget, curve.spent[-1]), color=style.MODEL, linewidth=1.8)
    axes.plot(
        [plan.solution.spent],
        [plan.draws.net.mean()],
        "o",
        color=style.INK,
        markersize=7,
        zorder=4,
        label=words.frontier_plan,
    )
    looks = zip(
        others.iterrows(), np.resize(style.OTHERS, len(others)), np.resize(list("s^vDPX<>"), len(others)), strict=True
    )
    for (name, row), colour, marker in looks:
        axes.plot([row["outlay"]], [row["net"]], marker, color=colour, markersize=5, zorder=3, label=str(name))
    axes.axhline(0.0, color=style.QUIET, linewidth=0.8)
    style.label(
        axes,
        x=words.frontier_x.format(currency=unit),
        y=words.frontier_y.format(currency=unit),
        title=words.frontier_net,
    )
    style.thousands(axes, x=True)
    axes.locator_params(axis="x", nbins=5)


def _returns(axes: Axes, plan: Plan, reach: float, words: BudgetWords, unit: str) -> None:
    budget = np.linspace(0.0, reach, SMOOTH)[1:]
    returns = plan.solution.frontier.marginal_return_at(budget)
    axes.step(budget[returns > 0], returns[returns > 0], color=style.MODEL, linewidth=1.8, where="post")
    axes.axhline(1.0, color=style.QUIET, linewidth=1, linestyle="--")
    axes.axvline(plan.solution.spent, color=style.INK, linewidth=0.9)
    axes.set_yscale("log")
    axes.minorticks_off()
    style.label(axes, x=words.frontier_x.format(currency=unit), y="", title=words.frontier_returns)
    style.thousands(axes, x=True)
    style.thousands(axes, pattern="{x:g}")
    axes.locator_params(axis="x", nbins=5)


def plan_comparison(plan: Plan, *, comparison: pd.DataFrame | None = None, lang: str = "en") -> Picture:
    """How much better the plan is than every other way to spend, with paired intervals; parameters as in `budget_frontier`."""
    words = budget_words(lang)
    table = (plan.compare() if comparison is None else comparison).drop(index=PLAN).iloc[::-1]
    currency = plan.worth.forecast.currency
    clear = table["difference_lower"] > 0
    figure, [axes] = style.picture(
        title=words.comparison_title.format(better=count(int(clear.sum())), all=count(len(table))),
        caption=words.comparison_caption.format(interval=percent(plan.interval, decimals=0)),
        height=1.9 + 0.32 * len(table),
    )
    places = np.arange(len(table))
    colours = np.where(clear, style.MODEL, style.QUIET)
    axes.hlines(places, table["difference_lower"], table["difference_upper"], colors=list(colours), linewidth=1.8)
    axes.scatter(table["difference"], places, c=list(colours), s=40, zorder=3)
    axes.axvline(0.0, color=style.QUIET, linewidth=1, linestyle="--")
    names = [f"{name} ({money(outlay, None)})" for name, outlay in zip(table.index, table["outlay"], strict=True)]
    axes.set_yticks(places, names)
    axes.set_xscale("symlog", linthresh=max(1.0, float(np.median(np.abs(table["difference"])))))
    axes.grid(visible=False, axis="y")
    style.label(axes, x=words.comparison_x.format(currency=f" [{currency}]" if currency else ""), y="")
    style.thousands(axes, x=True, y=False)
    return figure


def plan_by_medium(plan: Plan, *, lang: str = "en") -> Picture:
    """What each medium brings and costs under the plan."""
    words, table = budget_words(lang), plan.by_medium().sort_values("net")
    currency = plan.worth.forecast.currency
    best = table.iloc[-1]
    said = words.media_title.format(medium=table.index[-1], net=money(float(best["net"]), currency))
    figure, [axes] = style.picture(
        title=said if best["contacts"] > 0 else words.media_nothing,
        caption=words.media_caption.format(interval=percent(plan.interval, decimals=0)),
        height=1.8 + 0.55 * len(table),
    )  # fmt: skip
    places = np.arange(len(table))
    axes.barh(places + 0.18, table["gross"], height=0.32, color=style.MODEL, alpha=0.8, label=words.media_gross)
    axes.hlines(
        places + 0.18, table["lower"] + table["cost"], table["upper"] + table["cost"], color=style.INK, linewidth=1.4
    )
    axes.barh(places - 0.18, table["cost"], height=0.32, color=style.FORMULA, label=words.media_cost)
    rows = zip(table.index, table["contacts"], table["grade"], strict=True)
    axes.set_yticks(places, [words.media_row.format(medium=m, contacts=count(float(n)), grade=g) for m, n, g in rows])
    axes.grid(visible=False, axis="y")
    axes.grid(visible=True, axis="x", color=style.GRID, linewidth=0.8)
    style.label(axes, x=words.media_x.format(currency=f" [{currency}]" if currency else ""), y="")
    style.thousands(axes, x=True, y=False)
    style.legend(axes, place="lower right")
    return figure
