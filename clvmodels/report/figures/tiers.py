"""Figures of value tiers, of value by loyalty, and of products by tier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from clvmodels.model import Array
from clvmodels.report import style
from clvmodels.report.numbers import count, number, percent
from clvmodels.report.uses_words import UsesWords, uses_words
from clvmodels.uses.grid import ValueLoyaltyGrid
from clvmodels.uses.products import KINDS, ProductProfitability
from clvmodels.uses.tiers import ValueTiers

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

    from clvmodels.report.canvas import Picture

MOST_PRODUCTS = 14
"""Products that have a row."""
SHADES = "Blues"


def value_tiers(tiers: ValueTiers, *, lang: str = "en") -> Picture:
    """Share of customers and of value by tier, and where the customers of each tier will really be."""
    words, table = uses_words(lang), tiers.table()
    best = table.iloc[0]
    figure, [left, right] = style.picture(
        title=words.tiers_title.format(
            customers=percent(best["share_of_customers"], decimals=0), name=best["tier"],
            value=percent(best["share_of_value"], decimals=0), right=percent(best["p_tier"], decimals=0),
        ),
        caption=words.tiers_caption.format(by="LTV" if tiers.by == "ltv" else "potential value", horizon=tiers.horizon),
        panels=2, height=3.9,
    )  # fmt: skip
    places = np.arange(len(table))
    shares = (
        ("share_of_customers", words.tiers_customers, style.FORMULA),
        ("share_of_value", words.tiers_value, style.MODEL),
    )
    for shift, (column, name, colour) in zip((-0.2, 0.2), shares, strict=True):
        left.bar(places + shift, table[column], width=0.38, color=colour, label=name)
    left.set_xticks(places, list(table["tier"]))
    left.set_ylim(0, 1.35 * float(table[["share_of_customers", "share_of_value"]].to_numpy().max()))
    style.percents(left)
    style.label(left, x="", y=words.tiers_share, title=words.tiers_left)
    style.legend(left)
    _confusion(right, tiers, words)
    return figure


def _confusion(axes: Axes, tiers: ValueTiers, words: UsesWords) -> None:
    size = len(tiers.names)
    held = np.maximum(np.bincount(tiers.codes, minlength=size), 1)
    shares = np.array([np.bincount(tiers.codes, tiers.probabilities[:, k], size) / held for k in range(size)]).T
    texts = [[percent(share, decimals=0) for share in row] for row in shares]
    heat(axes, shares, texts, rows=list(tiers.names), columns=list(tiers.names), highest=1.0)
    style.label(axes, x=words.tiers_x, y=words.tiers_y, title=words.tiers_right)


def heat(
    axes: Axes, values: Array, texts: list[list[str]], *, rows: list[str], columns: list[str], highest: float, shades: str |
    Colormap = SHADES, lowest: float = 0.0,
) -> None:  # fmt: skip
    """Cells shaded by their value, each with its text."""
    axes.imshow(values, cmap=shades, vmin=lowest, vmax=highest, aspect="auto", interpolation="nearest")
    middle, reach = (lowest + highest) / 2, (highest - lowest) / 2
    for (row, column), value in np.ndenumerate(values):
        dark = abs(value - middle) > 0.6 * reach if lowest < 0 else value > 0.6 * highest
        axes.text(
            column,
            row,
            texts[row][column],
            ha="center",
            va="center",
            fontsize=8.5,
            color="white" if dark else style.INK,
        )
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xticks(range(len(columns)), columns)
    axes.grid(visible=False)


def value_loyalty_grid(grid: ValueLoyaltyGrid, *, lang: str = "en") -> Picture:
    """Value and customers by value tier (rows) and loyalty (columns)."""
    words, table = uses_words(lang), grid.table()
    shape = len(grid.tiers.names), len(grid.levels)
    means, held = (table[name].to_numpy().reshape(shape) for name in ("mean", "customers"))
    shares = np.maximum(table["share_of_value"].to_numpy().reshape(shape), 0.0)
    cuts = grid.notes[0].partition("cut at ")[2].rstrip(".")
    unit = f" [{grid.currency}]" if grid.currency else ""
    figure, [axes] = style.picture(
        title=words.grid_title.format(share=percent(shares[0, 0], decimals=0), name=grid.tiers.names[0]),
        caption=words.grid_caption.format(currency=unit, cuts=cuts.replace(", ", " and ")), height=1.6 + 0.62 * shape[0],
    )  # fmt: skip
    texts = [
        [words.grid_cell.format(value=number(means[r, c]), customers=count(held[r, c])) for c in range(shape[1])]
        for r in range(shape[0])
    ]
    heat(axes, shares, texts, rows=list(grid.tiers.names), columns=list(grid.levels), highest=float(shares.max()))
    named = {"p_alive": words.loyalty_p_alive, "frequency": words.loyalty_frequency, "tenure": words.loyalty_tenure}
    style.label(axes, x=words.grid_x.format(loyalty=named[grid.loyalty]), y=words.grid_y)
    return figure


def _gains() -> Colormap:
    """From losses over nothing to gains."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("gains", [style.OTHERS[0], "white", style.MODEL])


def product_profitability(products: ProductProfitability, *, lang: str = "en") -> Picture:
    """Margin by product (rows, those with the largest gains and losses) and customer tier (columns)."""
    words, table, wide = uses_words(lang), products.table(), products.matrix()
    kinds = table["kind"].to_numpy()
    losing = int(np.isin(kinds, KINDS[2:]).sum())
    size = wide.abs().sum(axis=1).to_numpy()
    shown = np.sort(np.argsort(-size, kind="stable")[:MOST_PRODUCTS])
    hidden = len(table) - shown.size
    unit = f" [{products.currency}]" if products.currency else ""
    title = words.products_title if losing else words.products_title_none
    figure, [axes] = style.picture(
        title=title.format(losing=count(losing), all=count(len(table))),
        caption=words.products_caption.format(currency=unit, left_out=words.left_out.format(count=count(hidden)) if hidden else
        ""), height=1.7 + 0.3 * shown.size,
    )  # fmt: skip
    values = wide.to_numpy()[shown]
    reach = float(np.abs(values).max()) or 1.0
    texts = [[number(value) for value in row] for row in values]
    rows = [words.products_row.format(product=table["product"].iloc[i], kind=kinds[i]) for i in shown]
    heat(axes, np.sqrt(np.abs(values) / reach) * np.sign(values), texts, rows=rows, columns=list(wide.columns), highest=1.0,
         lowest=-1.0, shades=_gains())  # fmt: skip
    style.label(axes, x=words.products_x, y="")
    return figure
