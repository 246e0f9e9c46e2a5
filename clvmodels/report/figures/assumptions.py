"""A check: a panel for every question, with its verdict; `contract_checks` has the panels of contracts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from clvmodels.duration.regularity import INTERVAL
from clvmodels.evaluation.check import Check
from clvmodels.evaluation.purchase_questions import BURSTS, REGULAR
from clvmodels.evaluation.question import Question
from clvmodels.evaluation.spend_questions import CLOSE, NORMAL
from clvmodels.model import Array
from clvmodels.report import style
from clvmodels.report.check_words import CheckWords, check_words
from clvmodels.report.figures import contract_checks
from clvmodels.report.numbers import count, number, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clvmodels.report.canvas import Picture

COLOURS = {"fine": style.OTHERS[1], "doubtful": style.OTHERS[2], "cannot support": style.OTHERS[0]}
PLACES = 10
"""Bars of the histogram of places; and of ages twice as many."""
HIGHEST = 32.0
"""Shapes above it, up to infinity, are drawn there."""
COLUMNS = 12
"""Covariates that are shown, those with problems first."""


def check(check: Check, *, question: str | None = None, lang: str = "en") -> Picture:
    """What the verdicts of `clv.check` are made of, a panel per question.

    Parameters
    ----------
    check
        As `clv.check` returns it.
    question
        The name of one question, such as "dropout", to see it alone with its meaning.
    """
    words = check_words(lang)
    if question is not None:
        one = check[question]
        figure, [axes] = style.picture(title=one.asked, caption=one.meaning, height=4.0)
        _draw(axes, one, check, words)
        return figure
    asked = check.questions
    caption = words.caption.format(interval=words.interval, regularity=percent(INTERVAL, decimals=0))
    if asked[0].concerns == "contracts":
        of_fit = asked[0].name in contract_checks.OF_FIT
        caption = words.fit_caption if of_fit else words.contracts_caption
        caption = caption.format(interval=words.fit_interval if of_fit else words.interval)
    height = 1.3 + 2.25 * -(-len(asked) // 2)
    figure, panels = style.picture(
        title=_title(check, words), caption=caption, height=height, panels=len(asked), columns=2
    )
    for axes, one in zip(panels, asked, strict=True):
        _draw(axes, one, check, words)
    return figure


def _title(check: Check, words: CheckWords) -> str:
    kinds = {
        words.title_doubtful: [q for q in check if q.verdict == "doubtful" and q.known],
        words.title_unknown: [q for q in check if q.verdict == "doubtful" and not q.known],
        words.title_cannot: [q for q in check if q.verdict == "cannot support"],
    }
    named = {text: ", ".join(words.names[q.name].lower() for q in held) for text, held in kinds.items()}
    rest = "".join(text.format(names=names) for text, names in named.items() if names)
    fine = sum(q.verdict == "fine" for q in check)
    return words.title.format(fine=fine, all=len(check.questions), customers=count(len(check.histories)), rest=rest)


def _draw(axes: Axes, question: Question, check: Check, words: CheckWords) -> None:
    PANELS[question.name](axes, question.evidence, check, words)
    unknown = question.verdict == "doubtful" and not question.known
    said = words.not_known if unknown else words.verdicts[question.verdict]
    title = words.panel.format(name=words.names[question.name], verdict=said)
    axes.set_title(title, fontsize=style.TEXT, fontweight="bold", color=COLOURS[question.verdict], loc="left")


type Evidence = Mapping[str, Array]


def _repeaters(axes: Axes, evidence: Evidence, check: Check, words: CheckWords) -> None:
    people = evidence["customers"]
    names = [*map(str, range(len(people) - 1)), f"{len(people) - 1}+"]
    axes.bar(names, people, color=style.MODEL, alpha=0.75, width=0.72)
    for place, held in enumerate(people):
        axes.text(place, held + 0.03 * people.max(), count(held), ha="center", fontsize=style.SMALL, color=style.INK)
    axes.set_ylim(0, 1.18 * people.max())
    style.label(axes, x=words.repeaters_x, y=words.customers)
    style.thousands(axes)


def _beginning(axes: Axes, evidence: Evidence, check: Check, words: CheckWords) -> None:
    edges, rate = evidence["edges"], evidence["rate"]
    axes.stairs(rate, edges, fill=True, color=style.MODEL, alpha=0.35)
    axes.stairs(rate[:1], edges[:2], fill=True, color=style.MODEL, alpha=0.75)
    if rate.size > 1:
        later = float(rate[1:] @ np.diff(edges)[1:] / np.diff(edges)[1:].sum())
        axes.axhline(later, color=style.QUIET, linewidth=1, linestyle="--")
    axes.set_ylim(0, 1.12 * rate.max())
    style.label(axes, x=words.beginning_x, y=words.beginning_y)
    style.thousands(axes, x=True, pattern="{x:,g}")


def _age(axes: Axes, evidence: Evidence, check: Check, words: CheckWords) -> None:
    ages, usual = evidence["T"], float(evidence["usual"][0])
    last = float(ages.max())
    inside = usual <= 1.5 * last
    heights, _, _ = axes.hist(ages, bins=2 * PLACES, range=(0.0, last or 1.0), color=style.MODEL, alpha=0.75)
    top = 1.45 * float(np.max(heights))
    if inside:
        axes.axvline(usual, color=style.INK, linewidth=1, linestyle="--")
        right = usual < 0.6 * last
        beside = usual + (0.02 if right else -0.02) * last
        text = words.age_line.format(usual=number(usual))
        style.note(axes, text, at=(beside, 0.87 * top), align="left" if right else "right")
    else:
        style.note(axes, words.age_beyond, at=(0.02 * last, 0.87 * top))
    axes.set_ylim(0, top)
    axes.set_xlim(0, 1.05 * max(last, usual if inside else last) or 1.0)
    style.label(axes, x=words.age_x.format(period=check.histories.period.name), y=words.customers)
    style.thousands(axes)


def _dropout(axes: Axes, evidence: Evidence, check: Check, words: CheckWords) -> None:
    """A customer on a grid of days counts evenly over the step of her last purchase (Czado, Gneiting and Held 2009)."""
    low, high = evidence["low"], evidence["high"]
    edges = np.linspace(0.0, 1.0, PLACES + 1)
    if low.size:
        width = np.maximum(high - low, 1e-9)
        below = [float(np.mean(np.clip((edge - low) / width, 0.0, 1.0))) for edge in edges[1:-1]]
        heights = np.diff([0.0, *below, 1.0]) * PLACES
        axes.stairs(heights, edges, fill=True, color=style.MODEL, alpha=0.75)
        axes.set_ylim(0, 1.12 * max(1.3, float(heights.max())))
    axes.axhline(1.0, color=style.INK, linewidth=1, linestyle="--")
    axes.set_xlim(0, 1)
    style.label(axes, x=words.dropout_x, y=words.dropout_y)


def _regularity(axes: Axes, evidence: Evidence, check: Check, words: CheckWords) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    axes.set_yticks([])
    axes.grid(visible=False)
    if not evidence["k"].size:
        axes.set_xticks([])
        text = (
            words.regularity_few
            if getattr(check.histories, "log_intervals", None) is not None
            else words.regularity_none
        )
        axes.annotate(text, (0.5, 0.5), xycoords="axes fraction", ha="center", va="center",
                      fontsize=style.SMALL, color=style.QUIET)  # fmt: skip
        return
    lower, k, upper = (min(float(v), HIGHEST) for v in evidence["k"])
    axes.set_xscale("log")
    axes.set_xlim(min(0.25, lower / 1.2), max(4.0, 1.2 * upper))
    axes.axvspan(BURSTS, REGULAR, color=style.GRID, linewidth=0)
    axes.axvline(1.0, color=style.QUIET, linewidth=1, linestyle="--")
    axes.hlines([0.0], [lower], [upper], color=style.MODEL, linewidth=2.5)
    axes.scatter([k], [0.0], color=style.MODEL, s=46, zorder=3)
    style.note(axes, number(float(evidence["k"][1])), at=(k, 0.28), align="center")
    style.note(axes, words.regularity_bursts, at=(BURSTS / 1.08, 0.8), align="right", color=style.QUIET)
    style.note(axes, words.regularity_regular, at=(REGULAR * 1.08, 0.8), color=style.QUIET)
    axes.set_ylim(-1, 1)
    ends = axes.get_xlim()
    axes.xaxis.set_major_locator(
        FixedLocator([t for t in (0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32) if ends[0] <= t <= ends[1]])
    )
    axes.xaxis.set_minor_locator(NullLocator())
    style.thousands(axes, x=True, y=False, pattern="{x:g}")
    style.label(axes, x=words.regularity_x, y="")


def _amounts(axes: Axes, evidence: Evidence, check: Check, words: CheckWords) -> None:
    people, places = evidence["customers"], np.arange(3)
    axes.barh(places, people, color=[style.MODEL, style.OTHERS[0], style.FORMULA], height=0.6)
    most = float(people.max()) or 1.0
    for place, held in zip(places, people, strict=True):
        share = f" ({percent(held / people.sum())})" if held else ""
        style.note(axes, f"{count(held)}{share}", at=(held + 0.03 * most, float(place)))
    axes.set_xlim(0, 1.75 * most)
    axes.set_ylim(2.6, -0.6)
    axes.set_yticks(places, words.amounts)
    axes.grid(visible=False, axis="y")
    axes.locator_params(axis="x", nbins=4)
    style.thousands(axes, x=True, y=False)
    style.label(axes, x=words.customers, y="")


def _independence(axes: Axes, evidence: Evidence, check: Check, words: CheckWords) -> None:
    mean, reach = evidence["mean"], NORMAL * np.nan_to_num(evidence["error"])
    places = np.arange(mean.size)
    axes.axhline(float(evidence["overall"][0]), color=style.QUIET, linewidth=1, linestyle="--")
    axes.vlines(places, mean - reach, mean + reach, color=style.MODEL, linewidth=1.8)
    axes.scatter(places, mean, color=style.MODEL, s=36, zorder=3)
    names = [_group(*ends) for ends in zip(evidence["first"], evidence["last"], strict=True)]
    axes.set_xticks(places, [f"{name}\n{count(n)}" for name, n in zip(names, evidence["customers"], strict=True)])
    axes.set_xlim(-0.5, mean.size - 0.5)
    axes.set_ylim(0, 1.12 * float(np.max(mean + reach)))
    style.thousands(axes, pattern="{x:,g}")
    style.label(axes, x=words.independence_x, y=_unit(words.independence_y, check))


def _group(first: float, last: float) -> str:
    if np.isinf(last):
        return f"{first:g}+"
    return f"{first:g}" if first == last else f"{first:g}–{last:g}"


def _tail(axes: Axes, evidence: Evidence, check: Check, words: CheckWords) -> None:
    from matplotlib.ticker import LogLocator, NullFormatter

    ordered, k = evidence["amounts"], int(evidence["tail"][0])
    above = np.arange(1, ordered.size + 1) / ordered.size
    axes.loglog(ordered, above, color=style.MODEL, linewidth=1.8)
    index = check["tail"].finding
    if np.isfinite(index):
        ends = ordered[[k, 0]]
        axes.loglog(ends, above[k - 1] * (ends / ordered[k]) ** -index, color=style.INK, linewidth=1, linestyle="--")
        text = words.tail_index.format(index=number(round(index, 1)))
        axes.annotate(text, (0.04, 0.1), xycoords="axes fraction", fontsize=style.SMALL, color=style.INK)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0), numticks=6))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_formatter(NullFormatter())
    axes.tick_params(which="minor", length=0)
    style.thousands(axes, x=True, y=False, pattern="{x:,g}")
    axes.yaxis.set_major_formatter(lambda share, _: percent(share, decimals=max(0, round(-2 - np.log10(share)))))
    style.label(axes, x=_unit(words.tail_x, check), y=words.tail_y)


def _unit(text: str, check: Check) -> str:
    currency = check.histories.currency
    return text.format(currency=f"[{currency}]" if currency else "").replace(" ,", ",").rstrip()


def _covariates(axes: Axes, evidence: Evidence, check: Check, words: CheckWords) -> None:
    nearest, missing, constant = (evidence[name] for name in ("nearest", "missing", "constant"))
    trouble = 2 * (constant > 0) + 2 * (missing > 0) + np.nan_to_num(nearest)
    shown = np.argsort(-trouble, kind="stable")[:COLUMNS]
    places, length = np.arange(shown.size), np.nan_to_num(nearest[shown])
    axes.barh(places, length, color=[style.OTHERS[0] if one >= CLOSE else style.MODEL for one in length], height=0.6)
    axes.axvline(CLOSE, color=style.QUIET, linewidth=1, linestyle="--")
    for place, at in enumerate(shown):
        parts = [words.constant] if constant[at] else [] if np.isfinite(nearest[at]) else [words.label]
        parts += [words.missing.format(n=count(missing[at]))] if missing[at] else []
        inside = length[place] > 0.6
        if parts:
            style.note(axes, ", ".join(parts), at=(0.02 if inside else length[place] + 0.02, float(place)))
    axes.set_xlim(0, 1)
    axes.set_ylim(shown.size - 0.4, -0.6)
    axes.set_yticks(places, [str(evidence["names"][at]) for at in shown])
    axes.grid(visible=False, axis="y")
    style.label(axes, x=words.covariates_x, y="")


PANELS: Mapping[str, Callable[[Axes, Evidence, Check, CheckWords], None]] = {
    "repeaters": _repeaters, "beginning": _beginning, "age": _age, "dropout": _dropout, "regularity": _regularity,
    "amounts": _amounts, "independence": _independence, "tail": _tail, "covariates": _covariates,
    **contract_checks.PANELS,
}  # fmt: skip
