"""Which model predicts customers left out best, and whether that is more than noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from clvmodels.evaluation.choose import ModelComparison
from clvmodels.evaluation.words import NOISE, is_noise
from clvmodels.report import style
from clvmodels.report.numbers import count
from clvmodels.report.words import FigureWords, figure_words

if TYPE_CHECKING:
    from clvmodels.report.canvas import Picture


def model_comparison(comparison: ModelComparison, *, lang: str = "en") -> Picture:
    """How far each model is behind the best in predicting customers left out, with two standard errors of the difference.

    Parameters
    ----------
    comparison
        As `clv.compare_models` returns it.
    """
    words, table = figure_words(lang), comparison.table()
    names, places = [str(name) for name in table.index], np.arange(len(table))
    behind, twice = table["elpd_diff"].to_numpy(), 2 * table["diff_se"].to_numpy()
    noise = [is_noise(*pair) for pair in zip(behind, twice / 2, strict=True)]
    figure, [axes] = style.picture(
        title=_title(words, names, noise),
        caption=words.models_caption.format(customers=count(comparison.counts.sum()), noise=f"{NOISE:g}"),
        height=1.9 + 0.42 * len(names),
    )
    axes.axvline(0.0, color=style.QUIET, linewidth=1, linestyle="--")
    axes.hlines(places[1:], (behind - twice)[1:], (behind + twice)[1:], color=style.MODEL, linewidth=1.8)
    faces = [style.MODEL, *("white" if small else style.MODEL for small in noise[1:])]
    axes.scatter(behind, places, c=faces, edgecolors=style.MODEL, s=46, linewidths=1.6, zorder=3)
    lowest, highest = float(np.min(behind - twice)), float(np.max(behind + twice))
    width = max(highest - lowest, 2 * NOISE)
    texts = [words.models_one.format(elpd=_signed(float(table["elpd_loo"].iloc[0])))]
    texts += [
        words.models_other.format(difference=_signed(one), twice=f"{two:,.1f}")
        for one, two in zip(behind[1:], twice[1:], strict=True)
    ]
    for place, text in zip(places, texts, strict=True):
        style.note(axes, text, at=(highest + 0.05 * width, float(place)))
    axes.set_xlim(min(lowest, highest - width) - 0.04 * width, highest + 0.3 * width)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(places, names)
    axes.locator_params(axis="x", nbins=7)
    axes.set_xticks([tick for tick in axes.get_xticks() if axes.get_xlim()[0] <= tick <= highest])
    axes.grid(visible=False, axis="y")
    style.thousands(axes, x=True, y=False, pattern="{x:,g}")
    style.label(axes, x=style.wrapped(words.models_x.format(best=names[0]), style.TEXT * 1.4), y="")
    return figure


def _title(words: FigureWords, names: Sequence[str], noise: Sequence[bool]) -> str:
    best, *others = names
    small = [name for name, one in zip(others, noise[1:], strict=True) if one]
    large = [name for name in others if name not in small]
    said = {"best": best, "noise": _list(words, small), "behind": _list(words, large)}
    if not others:
        return words.models_alone.format(**said)
    if not large:
        return words.models_all_noise.format(**said)
    return (words.models_some_noise if small else words.models_clear).format(**said)


def _list(words: FigureWords, names: Sequence[str]) -> str:
    return words.models_and.join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _signed(value: float) -> str:
    """With one decimal, and a minus as wide as a digit."""
    return f"{value:,.1f}".replace("-", "−")
