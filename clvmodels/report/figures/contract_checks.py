"""Panels of the check of contracts, and of a fit to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from clvmodels.model import Array
from clvmodels.report import style
from clvmodels.report.check_words import CheckWords, check_words
from clvmodels.report.numbers import count, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clvmodels.evaluation.check import Check
    from clvmodels.report.canvas import Picture

type Evidence = Mapping[str, Array]

MOST = 12
"""Segments or covariates that are shown, those furthest off first."""
SURE, SURER = 1.645, 1.96
"""Standard errors of a 90 % and of a 95 % interval."""
PANELS_MOST = 9
"""Segments whose curves are drawn."""


def _leavers(axes: Axes, evidence: Evidence, check: Check, words: CheckWords) -> None:
    people, places = evidence["customers"], np.arange(2)
    axes.barh(places, people, color=[style.MODEL, style.FORMULA], height=0.55)
    for place, held in zip(places, people, strict=True):
        text = f"{count(held)} ({percent(held / people.sum())})"
        style.note(axes, text, at=(float(held) + 0.03 * float(people.max()), float(place)))
    axes.set_xlim(0, 1.6 * float(people.max()))
    axes.set_ylim(1.6, -0.6)
    axes.set_yticks(places, words.leavers)
    axes.grid(visible=False, axis="y")
    axes.locator_params(axis="x", nbins=4)
    style.thousands(axes, x=True, y=False)
    style.label(axes, x=words.customers, y="")


def _follow_up(axes: Axes, evidence: Evidence, check: Check, words: CheckWords) -> None:
    tenure = evidence["tenure"]
    axes.plot(tenure, evidence["survival"], color=style.MODEL, linewidth=1.8)
    axes.fill_between(tenure, evidence["lower"], evidence["upper"], color=style.MODEL, alpha=style.BAND, linewidth=0)
    _shares(axes, check, words, lowest=0.0)


def _rate(axes: Axes, evidence: Evidence, check: Check, words: CheckWords) -> None:
    edges, left, exposed = evidence["edges"], evidence["left"], evidence["exposed"]
    if left.size:
        each, error = left / exposed, np.sqrt(left) / exposed
        middle = (edges[1:] + edges[:-1]) / 2
        axes.stairs(each, edges, fill=True, color=style.MODEL, alpha=0.35)
        axes.vlines(middle, each - SURER * error, each + SURER * error, color=style.MODEL, linewidth=1.8)
        axes.axhline(float(left.sum() / exposed.sum()), color=style.QUIET, linewidth=1, linestyle="--")
        axes.set_ylim(0, 1.1 * float(np.max(each + SURER * error)))
    period = check.histories.period.name
    style.label(axes, x=words.tenure.format(period=period), y=words.rate_y.format(period=period))


def _curve(axes: Axes, evidence: Evidence, check: Check, words: CheckWords, *, key: bool = True) -> None:
    tenure = evidence["tenure"]
    axes.fill_between(tenure, evidence["lower"], evidence["upper"], color=style.MODEL, alpha=style.BAND, linewidth=0)
    axes.plot(tenure, evidence["mean"], color=style.MODEL, linewidth=1.8, label=words.as_fitted)
    few = {"marker": "o", "markersize": 3.5} if tenure.size <= 30 else {}
    axes.plot(tenure, evidence["seen"], color=style.ACTUAL, linewidth=1.2, label=words.as_seen, **few)  # type: ignore[arg-type]
    _shares(axes, check, words, lowest=min(float(np.min(evidence[name])) for name in ("seen", "lower")))
    if key:
        style.legend(axes)


def _shares(axes: Axes, check: Check, words: CheckWords, *, lowest: float) -> None:
    axes.set_ylim(0.0 if lowest < 0.5 else max(0.0, lowest - 0.1), 1.02)
    style.percents(axes)
    style.label(axes, x=words.tenure.format(period=check.histories.period.name), y=words.still_there)


def _residuals(axes: Axes, evidence: Evidence, check: Check, words: CheckWords) -> None:
    r = evidence["tenure"]
    axes.fill_between(r, evidence["lower"], evidence["upper"], color=style.ACTUAL, alpha=style.BAND, linewidth=0)
    axes.plot(r, evidence["survival"], color=style.ACTUAL, linewidth=1.4)
    end = float(r.max()) if r.size else 1.0
    line = np.linspace(0.0, end, 100)
    axes.plot(line, np.exp(-line), color=style.MODEL, linewidth=1.4, linestyle="--")
    axes.set_ylim(0.0 if end > 1 else 0.9 * float(np.min(evidence["survival"])), 1.02)
    style.percents(axes)
    style.label(axes, x=words.residuals_x, y=words.residuals_y)


def _calibration(axes: Axes, evidence: Evidence, check: Check, words: CheckWords) -> None:
    mean, seen = evidence["mean"], evidence["seen"]
    known = np.isfinite(seen)
    ends = np.concatenate([mean, evidence["upper"][known], evidence["lower"][known]])
    room = 0.08 * float(ends.max() - ends.min()) + 0.005
    low, high = max(0.0, float(ends.min()) - room), float(ends.max()) + room
    axes.plot([low, high], [low, high], color=style.QUIET, linewidth=1, linestyle="--")
    axes.vlines(mean[known], evidence["lower"][known], evidence["upper"][known], color=style.MODEL, linewidth=1.8)
    axes.scatter(mean[known], seen[known], color=style.MODEL, s=30, zorder=3)
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.locator_params(nbins=6, steps=[1, 2, 5, 10])
    style.percents(axes, x=True)
    period, horizon = check.histories.period.name, f"{float(evidence['horizon'][0]):.3g}"
    style.label(axes, x=words.calibration_x.format(horizon=horizon, period=period), y=words.calibration_y)


def _segments(axes: Axes, evidence: Evidence, check: Check, words: CheckWords) -> None:
    z = (evidence["left"] - evidence["expected"]) / evidence["sd"]
    shown = np.argsort(-np.abs(z), kind="stable")[:MOST]
    shown = shown[np.argsort(evidence["names"][shown])]
    axes.axvspan(-SURE, SURE, color=style.GRID, linewidth=0)
    axes.axvline(0.0, color=style.QUIET, linewidth=1, linestyle="--")
    _dots(axes, [str(evidence["names"][at]) for at in shown], z[shown])
    reach = 1.15 * max(2.0, float(np.max(np.abs(z[shown]))))
    axes.set_xlim(-reach, reach)
    style.label(axes, x=words.segments_x, y="")


def _proportional(axes: Axes, evidence: Evidence, check: Check, words: CheckWords) -> None:
    slope, error = evidence["slope"], evidence["error"]
    z = np.abs(np.divide(slope, error, where=error > 0, out=np.zeros(slope.size)))
    shown = np.argsort(-z, kind="stable")[:MOST]
    axes.axvline(0.0, color=style.QUIET, linewidth=1, linestyle="--")
    places = np.arange(shown.size)
    axes.hlines(places, (slope - SURE * error)[shown], (slope + SURE * error)[shown], color=style.MODEL, linewidth=1.8)
    _dots(axes, [str(evidence["names"][at]) for at in shown], slope[shown])
    style.label(axes, x=words.proportional_x, y="")


def _dots(axes: Axes, names: list[str], values: Array) -> None:
    places = np.arange(values.size)
    axes.scatter(values, places, color=style.MODEL, s=30, zorder=3)
    axes.set_yticks(places, names)
    axes.set_ylim(values.size - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.locator_params(axis="x", nbins=5)


def contract_curves(check: Check, *, lang: str = "en") -> Picture:
    """Share still there by tenure in each segment: what its customers did, and what a fit has for them.

    Parameters
    ----------
    check
        Of a fit of contracts, by segment: `clv.check(tenures, fit, by=...)`.
    """
    words, found = check_words(lang), check["segments"].evidence
    z = np.abs(found["left"] - found["expected"]) / found["sd"]
    shown = np.argsort(-z, kind="stable")[:PANELS_MOST]
    held = (found["lower"] <= found["seen"]) & (found["seen"] <= found["upper"])
    title = words.curves_title.format(
        segments=count(z.size), held=percent(held[found["at_risk_at"]].mean(), decimals=0)
    )
    rows = -(-shown.size // 3)
    figure, panels = style.picture(
        title=title, caption=words.curves_caption.format(interval=words.fit_interval), height=1.4 + 2.0 * rows,
        panels=shown.size, columns=min(3, shown.size),
    )  # fmt: skip
    for axes, at in zip(panels, shown, strict=True):
        there = found["at_risk_at"][at]
        one = {name: found[name][at][there] for name in ("seen", "mean", "lower", "upper")}
        _curve(axes, one | {"tenure": found["tenure"][there]}, check, words, key=False)
        axes.locator_params(axis="x", nbins=5, integer=True)
        axes.set_ylim(0.0, 1.02)
        axes.set_title(str(found["names"][at]), fontsize=style.TEXT, loc="left", color=style.INK)
    return figure


OF_FIT = ("curve", "residuals", "calibration", "segments", "proportional")
PANELS: Mapping[str, Callable[[Axes, Evidence, Check, CheckWords], None]] = {
    "leavers": _leavers, "follow-up": _follow_up, "rate": _rate, "curve": _curve, "residuals": _residuals,
    "calibration": _calibration, "segments": _segments, "proportional": _proportional,
}  # fmt: skip
