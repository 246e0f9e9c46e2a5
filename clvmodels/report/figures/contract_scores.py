"""How good predictions of who is still there are, by how far ahead they look."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clvmodels.evaluation.contract_scores import NOBODY, ContractScores
from clvmodels.report import style
from clvmodels.report.check_words import CheckWords, check_words
from clvmodels.report.numbers import percent

if TYPE_CHECKING:
    from clvmodels.report.canvas import Picture


def contract_scores(scores: ContractScores, *, lang: str = "en") -> Picture:
    """Brier score of each fit by time since entry, with intervals, beside telling nobody apart.

    Parameters
    ----------
    scores
        As `clv.score_contracts` returns it.
    """
    words = check_words(lang)
    figure, [axes] = style.picture(
        title=_title(scores, words),
        caption=words.scores_caption.format(interval=percent(scores.interval, decimals=0)),
        height=4.2,
    )
    colours = (style.MODEL, *style.OTHERS)
    for k, name in enumerate(scores.survival):
        table, colour = scores.brier.loc[name], colours[k % len(colours)]
        axes.plot(scores.at, table["value"], color=colour, linewidth=1.8, label=name)
        axes.fill_between(scores.at, table["lower"], table["upper"], color=colour, alpha=style.BAND, linewidth=0)
    axes.plot(
        scores.at, scores.brier.loc[NOBODY]["value"], color=style.INK, linewidth=1.2, linestyle="--", label=NOBODY
    )
    axes.set_ylim(bottom=0.0)
    axes.set_xlim(left=0.0)
    style.label(axes, x=words.scores_x.format(period=scores.period.name), y=words.scores_y)
    style.legend(axes, place="lower right")
    return figure


def _title(scores: ContractScores, words: CheckWords) -> str:
    apart = scores.differences()
    rows = apart.xs("integrated_brier", level="score")
    noise = [str(name) for name in rows.index[~rows["clear"]]]
    verdict = words.scores_noise.format(name=noise[0]) if noise else words.scores_clear
    horizon = f"{scores.at[-1]:g}"
    return words.scores_title.format(
        best=apart.attrs["best"], horizon=horizon, period=scores.period.name, verdict=verdict
    )
