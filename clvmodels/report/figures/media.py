"""Figures of media response: what a contact by each medium adds, and which medium a customer responds to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvmodels.errors import ContactError
from clvmodels.estimation.media_fit import MediaFit
from clvmodels.model import Array
from clvmodels.report import style
from clvmodels.report.media_words import MediaWords, media_words
from clvmodels.report.numbers import count, money, percent
from clvmodels.response.cells import Audience

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clvmodels.report.canvas import Picture

SURE = 0.95
"""Probability of an increment being positive above which it counts as shown."""
EDGES = ["increment", "lower", "upper"]
"""Point and ends of an interval."""


def media_effects(
    media: MediaFit,
    audience: Audience | None = None,
    *,
    interval: float = 0.90,
    value: float | None = None,
    cost: float | Mapping[str, float] | None = None,
    currency: str | None = None,
    lang: str = "en",
) -> Picture:
    """What a contact by each medium adds to the purchase probability, with its interval and evidence grade.

    Mass media come below, as they ran: what they added per customer and window.

    Parameters
    ----------
    media
        As `clv.fit(clv.media_response(...), ...)` returns it.
    audience
        Customers to average over, instead of those contacted.
    interval
        Probability of the intervals.
    value, cost
        Margin of a purchase and cost of a contact [currency], as in `MediaFit.effects`; with both, the figure shows where a
        contact pays for itself.
    """
    words = media_words(lang)
    table = media.effects(audience, interval=interval, value=value, cost=cost).sort_values("increment", ascending=False)
    title, exposures = _title(words, table), media.exposures(interval=interval)
    table = pd.concat([table, exposures[[*EDGES, "grade", "levels"]]]) if len(exposures) else table
    needed = 100 * (value * table["increment"] - table["net"]) / value if value else table["net"] * np.nan
    told = words.effects_needed if needed.notna().any() else ""
    if len(exposures):
        told = words.effects_exposed.format(names=_listed(words, list(exposures.index))) + told
    figure, [axes] = style.picture(
        title=title,
        caption=words.effects_caption.format(interval=percent(interval, decimals=0), break_even=told),
        height=2.3 + 0.5 * len(table),
    )
    places = np.arange(len(table), dtype=float)
    points = 100 * table[EDGES].to_numpy()
    axes.axvline(0.0, color=style.QUIET, linewidth=1, linestyle="--")
    axes.hlines(places, points[:, 1], points[:, 2], color=style.MODEL, linewidth=2)
    faces = [style.MODEL if grade == "randomised" else "white" for grade in table["grade"]]
    axes.scatter(points[:, 0], places, c=faces, edgecolors=style.MODEL, s=52, linewidths=1.6, zorder=3)
    axes.vlines(needed.to_numpy(), places - 0.22, places + 0.22, color=style.OTHERS[0], linewidth=2, zorder=4)
    _rows(axes, table, points, needed.to_numpy(), words, currency)
    style.label(axes, x=words.effects_x.format(window=media.spec.window), y="")
    return figure


def _rows(
    axes: Axes, table: pd.DataFrame, points: Array, needed: Array, words: MediaWords, currency: str | None
) -> None:
    edges = np.concatenate([points.ravel(), needed[np.isfinite(needed)], [0.0]])
    low, high = float(np.nanmin(edges)), float(np.nanmax(edges))
    width = max(high - low, 1e-6)
    for place, (_, row) in enumerate(table.iterrows()):
        if np.isnan(row["contacts"]):
            text = words.effects_exposure.format(grade=row["grade"], levels=count(row["levels"]))
        else:
            text = words.effects_row.format(grade=row["grade"], contacts=count(row["contacts"]))
        if np.isfinite(row["spend"]):
            text += "\n" + words.effects_spend.format(
                sign="−" if row["spend"] < 0 else "+", spend=money(abs(row["spend"]), currency)
            )
        style.note(axes, text, at=(high + 0.05 * width, float(place)))
    axes.set_xlim(low - 0.05 * width, high + 0.62 * width)
    axes.set_ylim(len(table) - 0.5, -0.5)
    axes.set_yticks(np.arange(len(table)), [str(name) for name in table.index])
    axes.set_xticks([tick for tick in axes.get_xticks() if low - 0.05 * width <= tick <= high + 0.05 * width])
    axes.grid(visible=False, axis="y")


def _title(words: MediaWords, table: pd.DataFrame) -> str:
    shown = (table["p_positive"] > SURE) & (table["grade"] != "attributed-only")
    sure = [str(name) for name in table.index[shown]]
    others = [str(name) for name in table.index if name not in sure]
    if not sure:
        return words.title_none
    rest = words.title_rest.format(names=_listed(words, others)) if others else ""
    return words.title_sure.format(sure=_listed(words, sure), rest=rest)


def _listed(words: MediaWords, names: Sequence[str]) -> str:
    return words.conjunction.join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def media_by_customer(
    media: MediaFit, audience: Audience | None = None, *, customers: int = 20, seed: int = 0, lang: str = "en"
) -> Picture:
    """Which medium a customer responds to: increments of a sample of customers, and the best medium of each.

    Parameters
    ----------
    media
        As `clv.fit(clv.media_response(...), ...)` returns it.
    audience
        Customers; those at the end of the log if the fit was made from occasions.
    customers
        How many are shown, evenly spread from those who respond most to those who respond least.
    """
    words, table = media_words(lang), media.increments(audience, seed=seed)
    names = list(media.media)
    if not len(table):
        raise ContactError("There is no customer in the audience to show. Give one with customers.")
    shape = (-1, len(names))
    gain, best, positive = (table[c].to_numpy(copy=True).reshape(shape) for c in ("increment", "p_best", "p_positive"))
    positive[:, [media.cells.grades[name] == "attributed-only" for name in names]] = np.nan
    ids = table["customer_id"].to_numpy().reshape(shape)[:, 0]
    order = np.argsort(-gain.max(axis=1), kind="stable")
    shown = order[np.unique(np.linspace(0, len(order) - 1, min(customers, len(order))).round().astype(int))]
    figure, [axes] = style.picture(
        title=_best_title(words, media, best),
        caption=words.customers_caption.format(
            shown=count(len(shown)), all=count(len(order)), window=media.spec.window
        ),
        height=2.2 + 0.24 * len(shown),
    )
    _cells(axes, 100 * gain[shown], positive[shown], words)
    _best(axes, names, best[shown], words)
    axes.set_yticks(np.arange(len(shown)), [str(one) for one in ids[shown]])
    heads = ["\n".join([name, *media.cells.grades[name].replace("-", "- ").split()]) for name in names]
    axes.set_xticks([*range(len(names)), len(names) - 0.4], [*heads, words.customers_best])
    axes.get_xticklabels()[-1].set_horizontalalignment("left")
    return figure


def _best_title(words: MediaWords, media: MediaFit, best: Array) -> str:
    names = media.media
    choice = _choice(best)
    votes = np.bincount(choice, minlength=len(names) + 1)
    top = int(votes.argmax())
    share = percent(votes[top] / len(choice), decimals=0)
    if top == len(names):
        return words.customers_title_none.format(share=share)
    return words.customers_title.format(medium=names[top], grade=media.cells.grades[names[top]], share=share)


def _choice(best: Array) -> np.ndarray:
    """Which medium is most probably best for each customer; the number of media where that is none."""
    return np.asarray(np.hstack([best, 1 - best.sum(axis=1, keepdims=True)]).argmax(axis=1))


def _cells(axes: Axes, points: Array, positive: Array, words: MediaWords) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    most = max(float(np.quantile(np.abs(points), 0.95)), 1e-9)
    colours = LinearSegmentedColormap.from_list("increment", [style.OTHERS[0], "#ffffff", style.MODEL])
    image = axes.imshow(points, cmap=colours, vmin=-most, vmax=most, aspect="auto", alpha=0.85)
    for (row, column), value in np.ndenumerate(points):
        axes.text(
            column, row, f"{value:+.2f}".replace("-", "−"), ha="center", va="center", fontsize=style.SMALL,
            color="white" if abs(value) > 0.6 * most else style.INK,
            fontweight="bold" if positive[row, column] > SURE else "normal",
        )  # fmt: skip
    bar = axes.figure.colorbar(image, ax=axes, fraction=0.035, pad=0.02)
    bar.set_label(words.customers_bar, fontsize=style.SMALL, color=style.INK)
    bar.ax.tick_params(labelsize=style.SMALL, length=0)
    bar.outline.set_visible(False)
    axes.grid(visible=False)


def _best(axes: Axes, names: Sequence[str], best: Array, words: MediaWords) -> None:
    labels, choice = [*names, words.customers_none], _choice(best)
    every = np.hstack([best, 1 - best.sum(axis=1, keepdims=True)])
    for row, medium in enumerate(choice):
        text = f"{labels[medium]} {every[row, medium]:.2f}"
        axes.text(len(names) - 0.4, row, text, va="center", fontsize=style.SMALL, color=style.INK)
    axes.set_xlim(-0.5, len(names) + 1.0)
    axes.spines["bottom"].set_visible(False)
    axes.xaxis.tick_top()
