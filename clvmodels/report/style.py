"""The common look of all figures: every size, colour and line is set here, and nothing global is touched.

A figure has a title that says what is to be seen, axes with units, and a caption that explains its bands. Colours are those
of Okabe and Ito, which colour-blind people can tell apart.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clvmodels.report.canvas import Picture

INK = "#222222"
QUIET = "#6b6b6b"
GRID = "#e3e3e3"
ACTUAL = "#3a3a3a"
MODEL = "#0072B2"
OTHERS = ("#D55E00", "#009E73", "#E69F00", "#CC79A7", "#56B4E9", "#8c6d31", "#7f7f7f")
FORMULA = "#b9b9b9"
DASHES = ("--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)))
BAND = 0.22
"""Opacity of an interval band."""

TITLE, TEXT, SMALL, CAPTION = 12.5, 10.0, 9.0, 8.5
WIDTH = 7.2
"""Inches; one width for all figures, so that their texts have one size on a page."""

COUNT = "{x:,.0f}"
LETTER = 0.575  # mean width of a letter of DejaVu Sans, in its size; a bold one is a sixth wider


def picture(
    *, title: str, caption: str, height: float = 4.0, panels: int = 1, stacked: bool = False, columns: int = 0
) -> tuple[Picture, list[Axes]]:
    """An empty figure with its title, caption and dressed axes.

    They are side by side, or one above the other with a common x, or row by row in so many columns.
    """
    from clvmodels.report.canvas import Picture

    figure = Picture(figsize=(WIDTH, height), layout="constrained", facecolor="white")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08, wspace=0.04)  # type: ignore[union-attr, call-arg]
    figure.caption = caption
    place = {"x": 0.08 / WIDTH, "ha": "left"}
    message = wrapped(title, TITLE * 1.17, even=True)
    above = figure.suptitle(message, fontsize=TITLE, fontweight="bold", color=INK, **place)
    below = figure.supxlabel(wrapped(caption, CAPTION), fontsize=CAPTION, color=QUIET, linespacing=1.35, **place)
    figure.around = (above, below)
    across = 1 if stacked else columns or panels
    axes = list(figure.subplots(-(-panels // across), across, squeeze=False, sharex=stacked).ravel())
    for one in axes[panels:]:
        one.remove()
    axes = axes[:panels]
    for one in axes:
        dress(one)
    return figure, axes


def wrapped(text: str, size: float, *, even: bool = False) -> str:
    """The text in as few lines as the figure's width allows; `even` makes them about equally long."""
    letters = int(WIDTH * 72 / (size * LETTER))
    lines = textwrap.wrap(text, letters)
    if even and len(lines) > 1:
        shorter = (textwrap.wrap(text, width) for width in range(letters // 2, letters))
        lines = next((tried for tried in shorter if len(tried) == len(lines)), lines)
    return "\n".join(lines)


def dress(axes: Axes) -> None:
    """Quiet axes: a horizontal grid behind the data, no frame but the ground line."""
    axes.set_facecolor("white")
    axes.set_axisbelow(True)
    axes.grid(visible=True, axis="y", color=GRID, linewidth=0.8)
    axes.tick_params(labelsize=SMALL, labelcolor=INK, color=GRID, length=0, pad=5)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(QUIET)


def label(axes: Axes, *, x: str, y: str, title: str = "") -> None:
    """Axis labels with their units, and a panel's own title."""
    axes.set_xlabel(x, fontsize=TEXT, color=INK)
    axes.set_ylabel(y, fontsize=TEXT, color=INK)
    if title:
        axes.set_title(title, fontsize=TEXT, color=INK, loc="left")


type Place = Literal["best", "upper left", "upper right", "lower left", "lower right", "lower center"]


def legend(axes: Axes, *, place: Place = "best", of: Axes | None = None, columns: int = 1) -> None:
    """A legend without a frame; of the axes it stands on, or of others."""
    handles, labels = (axes if of is None else of).get_legend_handles_labels()
    box = axes.legend(
        handles, labels, loc=place, ncols=columns, fontsize=SMALL, labelcolor=INK, framealpha=0.85, edgecolor="none"
    )
    box.set_zorder(5)


def thousands(axes: Axes, *, x: bool = False, y: bool = True, pattern: str = COUNT) -> None:
    """Thousands separators on the axes named."""
    from matplotlib.ticker import StrMethodFormatter

    for wanted, axis in ((x, axes.xaxis), (y, axes.yaxis)):
        if wanted:
            axis.set_major_formatter(StrMethodFormatter(pattern))


def percents(axes: Axes, *, x: bool = False, y: bool = True) -> None:
    """Shares written as per cent on the axes named."""
    from matplotlib.ticker import PercentFormatter

    for wanted, axis in ((x, axes.xaxis), (y, axes.yaxis)):
        if wanted:
            axis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))


def whole_numbers(axes: Axes, *, x: bool = False, y: bool = False) -> None:
    """Ticks at whole numbers only, on the axes named."""
    from matplotlib.ticker import MaxNLocator

    for wanted, axis in ((x, axes.xaxis), (y, axes.yaxis)):
        if wanted:
            axis.set_major_locator(MaxNLocator(integer=True))


def note(axes: Axes, text: str, *, at: tuple[Any, float], align: str = "left", color: str = INK) -> None:
    """A short text on the data, readable over a grid."""
    from matplotlib.patheffects import withStroke

    effects = [withStroke(linewidth=3, foreground="white")]
    axes.annotate(text, at, ha=align, va="center", fontsize=SMALL, color=color, path_effects=effects, linespacing=1.3)


def dates(axes: Axes) -> None:
    """Dates on the x axis, as short as they are clear."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=5, maxticks=9)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.xaxis.get_offset_text().set_fontsize(SMALL)
