"""What policies are worth on a randomised log, and how they differ from one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvmodels.evaluation.policy_evaluation import PolicyEvaluation, by_policy
from clvmodels.report import style
from clvmodels.report.numbers import count, number, percent
from clvmodels.report.words import FigureWords, figure_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clvmodels.report.canvas import Picture


def policy_values(
    evaluation: PolicyEvaluation, *, against: str | None = None, currency: str | None = None, lang: str = "en"
) -> Picture:
    """Value per occasion of each policy, and its paired difference from one of them, with intervals.

    Parameters
    ----------
    evaluation
        As `clv.evaluate_policies` returns it.
    against
        The policy to compare with; the first by default.
    currency
        Of the values.
    """
    words = figure_words(lang)
    values = by_policy(evaluation.table())
    differences = by_policy(evaluation.differences(against))
    other = next(iter(values.index)) if against is None else against
    figure, [left, right] = style.picture(
        title=_title(words, values, differences, other),
        caption=_caption(words, evaluation),
        height=2.3 + 0.42 * len(values),
        panels=2,
    )
    unit = f" [{currency}]" if currency else ""
    names = [str(name) for name in values.index]
    _dots(left, values, "value", [style.MODEL] * len(names), words)
    left.set_yticks(range(len(names)), names)
    style.label(left, x=words.policies_x + unit, y="", title=words.policies_left)
    if differences["difference"].notna().any():
        right.axvline(0.0, color=style.QUIET, linewidth=1, linestyle="--")
    aligned = differences.reindex(values.index)
    colours = [style.FORMULA if better == "unclear" else style.MODEL for better in aligned["better"]]
    _dots(right, aligned, "difference", colours, words, skip=names.index(other))
    right.set_yticks(range(len(names)), [""] * len(names))
    style.label(right, x=words.policies_x + unit, y="", title=words.policies_right.format(other=other))
    return figure


def _dots(
    axes: Axes, table: pd.DataFrame, column: str, colours: list[str], words: FigureWords, *, skip: int | None = None
) -> None:
    """A dot with its interval per policy, the first on top; in place of what is not validated, words that say so."""
    places, found = np.arange(len(table)), table[column].to_numpy()
    known = np.isfinite(found)
    bounds = table["lower"].to_numpy()[known], table["upper"].to_numpy()[known]
    shown = [colour for colour, one in zip(colours, known, strict=True) if one]
    axes.hlines(places[known], *bounds, color=shown, linewidth=1.8)
    axes.scatter(found[known], places[known], c=shown, s=46, zorder=3)
    axes.margins(x=0.12)
    left = float(np.mean(axes.get_xlim()))
    for place in places[~known]:
        if place != skip:
            style.note(axes, words.policies_not_validated, at=(left, float(place)), align="center", color=style.QUIET)
    axes.set_ylim(len(table) - 0.5, -0.5)
    if known.any():
        axes.locator_params(axis="x", nbins=6)
    else:
        axes.set_xticks([])
    axes.grid(visible=False, axis="y")
    style.thousands(axes, x=True, y=False, pattern="{x:,g}")


def _caption(words: FigureWords, evaluation: PolicyEvaluation) -> str:
    if len(evaluation.reasons) == len(evaluation.asked):
        return words.policies_none_caption.format(reasons="; ".join(dict.fromkeys(evaluation.reasons.values())))
    return words.policies_caption.format(
        occasions=count(len(evaluation.log)), interval=percent(evaluation.interval, decimals=0)
    )


def _title(words: FigureWords, values: pd.DataFrame, differences: pd.DataFrame, other: str) -> str:
    """The best policy, and whether it is better than the one compared with by more than chance."""
    known = values["value"].dropna()
    if known.empty:
        return words.policies_none
    best = str(known.idxmax())
    if best == other or best not in differences.index or differences.loc[best, "better"] == "not validated":
        return words.policies_best.format(best=best, value=number(known.max()))
    text = words.policies_better if differences["better"][best] == "policy" else words.policies_unclear
    return text.format(best=best, other=other, difference=number(differences["difference"].astype(float)[best]))
