"""Figures of a duration model: how often, until when, and whether it keeps track over time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import numpy as np
import pandas as pd

from clvmodels.data.histories import Histories
from clvmodels.errors import ModelError
from clvmodels.estimation.result import Fit, tail_of
from clvmodels.estimation.stack import Stack
from clvmodels.history import History
from clvmodels.model import Array
from clvmodels.report import style
from clvmodels.report.numbers import count, number, percent
from clvmodels.report.words import figure_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clvmodels.report.canvas import Picture

BARS = 7
"""The last bar of the histogram holds this many repeat purchases and more."""
AGES = 400
"""Distinct ages that are told apart; more are gathered into as many steps."""


def frequency_table(
    duration: Fit | Stack, histories: Histories, *, interval: float = 0.90, draws: int = 300, seed: int = 0
) -> pd.DataFrame:
    """Customers by repeat purchases, as they are and as the model expects them of new customers of the same ages.

    Returns
    -------
    DataFrame indexed by repeat purchases "0" to "6" and "7+": actual; expected, lower, upper (predictive)
    """
    tail, rng = tail_of(interval), np.random.default_rng(seed)
    ages, people = _ages(histories.to(duration.period).T)
    theta = duration.model.Theta(*(v[:, None] for v in duration.draws(draws, seed=rng)))
    pmf, newcomer, counts = _pmf(duration), History.new_customer(duration.period), np.arange(BARS)
    share = np.empty((draws, ages.size, BARS + 1))
    for k, age in enumerate(ages):
        share[:, k, :BARS] = pmf(theta, newcomer, n=counts, horizon=age * duration.period)
    share[:, :, BARS] = np.maximum(0.0, 1.0 - share[:, :, :BARS].sum(axis=2))
    share /= share.sum(axis=2, keepdims=True)
    simulated = rng.multinomial(people, share).sum(axis=1)
    lower, upper = np.quantile(simulated, [tail, 1 - tail], axis=0)
    expected = np.einsum("dkb,k->b", share, people) / draws
    actual = np.bincount(np.minimum(histories.frequency, BARS).astype(int), minlength=BARS + 1)
    index = pd.Index([*map(str, range(BARS)), f"{BARS}+"], name="repeat purchases")
    return pd.DataFrame({"actual": actual, "expected": expected, "lower": lower, "upper": upper}, index=index)


def frequency_histogram(
    duration: Fit | Stack,
    histories: Histories,
    *,
    interval: float = 0.90,
    draws: int = 300,
    seed: int = 0,
    lang: str = "en",
) -> Picture:
    """Number of customers by repeat purchases: bars as they are, dots as the model expects, with predictive intervals.

    Parameters
    ----------
    duration
        Fit of a duration model, or a stack.
    histories
        The customers it was fitted to, or others.
    interval
        Probability of the intervals.
    """
    words, table = figure_words(lang), frequency_table(duration, histories, interval=interval, draws=draws, seed=seed)
    within = percent(interval, decimals=0)
    wrong = float((table.actual - table.expected).abs().sum() / 2 / table.actual.sum())
    figure, [axes] = style.picture(
        title=words.frequency_title.format(wrong=percent(wrong)),
        caption=words.frequency_caption.format(model=duration.model.title, interval=within),
    )
    axes.bar(table.index, table.actual, color=style.ACTUAL, alpha=0.35, width=0.72, label=words.actual)
    spread = np.array([table.expected - table.lower, table.upper - table.expected]).clip(min=0)
    axes.errorbar(
        table.index, table.expected, yerr=spread, fmt="o", markersize=5, color=style.MODEL, capsize=4,
        label=words.model_interval.format(interval=within),
    )  # fmt: skip
    reach = table[["actual", "upper"]].to_numpy().max(axis=1)
    top = reach.max()
    for x, (height, customers) in enumerate(zip(reach, table.actual, strict=True)):
        axes.text(x, height + 0.03 * top, count(customers), ha="center", fontsize=style.SMALL, color=style.INK)
    axes.set_ylim(0, 1.12 * top)
    style.label(axes, x=words.frequency_x, y=words.customers)
    style.thousands(axes)
    style.legend(axes, place="upper right")
    return figure


def _pmf(duration: Fit | Stack) -> Callable[..., Array]:
    if "pmf" not in duration.model.formulas:
        raise ModelError(f"{duration.model.name} has no pmf to draw. Give the fit of a duration model, such as BG_NBD.")
    return cast(Callable[..., Array], getattr(duration.model, "pmf"))  # noqa: B009


def _ages(T: Array) -> tuple[Array, np.ndarray]:
    """Distinct ages and how many customers have each."""
    ages, people = np.unique(T, return_counts=True)
    if ages.size <= AGES:
        return ages, people
    edges = np.linspace(ages[0], ages[-1], AGES + 1)
    step = np.minimum(np.searchsorted(edges, T, side="right") - 1, AGES - 1)
    people = np.bincount(step, minlength=AGES)
    means = np.bincount(step, weights=T, minlength=AGES) / np.maximum(people, 1)
    return means[people > 0], people[people > 0]


def alive_heatmap(duration: Fit | Stack, histories: Histories, *, lang: str = "en") -> Picture:
    """P(alive) by recency and frequency, for a customer of the median age.

    Parameters
    ----------
    duration
        Fit of a model that has P(alive), or a stack.
    histories
        The customers whose median age, and whose usual frequencies, are shown.
    """
    words, inside = figure_words(lang), histories.to(duration.period)
    age, unit = float(np.median(inside.T)), duration.period.name
    most = int(np.clip(np.quantile(inside.frequency, 0.999), 5, 30))
    recency, frequency = (np.arange(120) + 0.5) * age / 120, np.arange(1.0, most + 1)
    grid = History(
        np.repeat(frequency, recency.size), np.tile(recency, most), np.full(most * recency.size, age), duration.period
    )
    alive = duration.p_alive(grid, draws=200)["mean"].to_numpy().reshape(most, recency.size)
    figure, [axes] = style.picture(
        title=words.alive_title, height=4.4,
        caption=words.alive_caption.format(
            model=duration.model.title, age=number(age), period=unit, never=percent(_alive_if_never(duration, age), decimals=0)
        ),
    )  # fmt: skip
    _heat(figure, axes, recency, frequency, alive, bar=words.alive_bar)
    style.note(axes, words.alive_gone, at=(0.03 * age, 0.88 * most))
    style.note(axes, words.alive_active, at=(0.985 * age, 0.88 * most), align="right")
    style.whole_numbers(axes, y=True)
    style.label(axes, x=words.alive_x.format(period=unit), y=words.alive_y)
    return figure


def _alive_if_never(duration: Fit | Stack, age: float) -> float:
    return float(duration.p_alive(History(0.0, 0.0, age, duration.period), draws=200)["mean"].iloc[0])


def _heat(figure: Picture, axes: Axes, recency: Array, frequency: Array, alive: Array, *, bar: str) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    shades = ListedColormap(colormaps["Blues"](np.linspace(0.0, 0.72, 256)))  # light enough for dark text everywhere
    extent = (0.0, recency[0] + recency[-1], frequency[0] - 0.5, frequency[-1] + 0.5)
    image = axes.imshow(
        alive, origin="lower", extent=extent, aspect="auto", cmap=shades, vmin=0, vmax=1, interpolation="nearest"
    )
    lines = axes.contour(recency, frequency, alive, levels=[0.1, 0.3, 0.5, 0.7, 0.9], colors=style.INK, linewidths=0.7)
    axes.clabel(lines, fmt=lambda level: percent(level, decimals=0), fontsize=style.CAPTION)
    axes.grid(visible=False)
    scale = figure.colorbar(image, ax=axes, aspect=30, pad=0.02)
    scale.outline.set_visible(False)
    scale.ax.tick_params(labelsize=style.SMALL, labelcolor=style.INK, length=0)
    style.percents(scale.ax)
    scale.set_label(bar, fontsize=style.TEXT, color=style.INK)
