"""Figures of a comparison with what happened: by frequency, by interval, and the model against the simple formulas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvmodels.evaluation.compare import Comparison
from clvmodels.evaluation.tables import Target
from clvmodels.model import Array
from clvmodels.report import style
from clvmodels.report.numbers import count, number, percent, signed_percent
from clvmodels.report.words import FigureWords, figure_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from clvmodels.report.canvas import Picture

BINS = 20


def conditional_expectation(comparison: Comparison, *, target: Target = "purchases", lang: str = "en") -> Picture:
    """Mean in the holdout by repeat purchases before it: actual, model with predictive band, and each formula."""
    words, table, forecast = figure_words(lang), comparison.by_frequency(target), comparison.forecast
    figure, [axes] = style.picture(
        title=_expectation_title(words, comparison, table, target),
        caption=words.expectation_caption.format(interval=percent(forecast.interval, decimals=0)),
        height=4.4,
    )
    places = np.arange(len(table))
    formulas = [name for name in comparison.predictions if name != comparison.model]
    for name, colour, line in zip(formulas, style.OTHERS, style.DASHES, strict=False):
        axes.plot(places, table[name], color=colour, linestyle=line, linewidth=1.5, label=name)
    axes.fill_between(places, table.lower, table.upper, color=style.MODEL, alpha=style.BAND, linewidth=0)
    axes.plot(places, table[comparison.model], color=style.MODEL, linewidth=2.2, label=comparison.model)
    axes.plot(places, table.actual, "o", color=style.ACTUAL, markersize=6, label=words.actual)
    held = zip(table.index, table.customers, strict=True)
    axes.set_xticks(places, [f"{frequency}\n{count(people)}" for frequency, people in held])
    axes.set_ylim(bottom=0)
    unit = words.expectation_y_purchases if target == "purchases" else words.expectation_y_spend
    y = unit.format(currency=forecast.histories.currency or "")
    style.label(axes, x=words.expectation_x, y=y, title=words.expectation_panel.format(horizon=forecast.terms.horizon))
    if target == "spend":
        style.thousands(axes)
    style.legend(axes, place="upper left")
    return figure


def _expectation_title(words: FigureWords, comparison: Comparison, table: pd.DataFrame, target: Target) -> str:
    """Say that formulas ask too much of frequent buyers where every one of them that tells customers apart does."""
    ends = {
        name: (table[name].iloc[0], table[name].iloc[-1]) for name in comparison.predictions if name != comparison.model
    }
    formulas = [last for first, last in ends.values() if last > 1.01 * first]
    rising = table.actual.is_monotonic_increasing
    above = bool(formulas) and min(formulas) > table.actual.iloc[-1]
    if not (rising and above):
        return words.expectation_title_plain
    return words.expectation_title_purchases if target == "purchases" else words.expectation_title_spend


def interval_calibration(comparison: Comparison, *, lang: str = "en") -> Picture:
    """Stated against actual coverage of the predictive intervals, and the places of outcomes in their distributions."""
    words, level = figure_words(lang), comparison.forecast.interval
    stated = comparison.calibration([level]).iloc[0].astype(float)
    figure, [left, right] = style.picture(
        title=words.calibration_title.format(
            interval=percent(level, decimals=0),
            purchases=percent(float(stated["purchases"])),
            spend=percent(float(stated["spend"])),
        ),
        caption=words.calibration_caption,
        panels=2,
    )
    named = (
        ("purchases", words.calibration_purchases, style.MODEL),
        ("spend", words.calibration_spend, style.OTHERS[0]),
    )
    levels = np.round(np.linspace(0.05, 0.95, 19), 2)
    table, pit = comparison.calibration([*levels, 0.99]), comparison.pit()
    left.plot([0, 1], [0, 1], color=style.QUIET, linewidth=1, linestyle="--", label=words.calibration_perfect)
    right.axhline(1.0, color=style.QUIET, linewidth=1, linestyle="--")
    for target, name, colour in named:
        left.plot(table.index, table[target], color=colour, marker="o", markersize=3, linewidth=1.2, label=name)
        heights, edges = np.histogram(pit[target], bins=BINS, range=(0, 1))
        right.stairs(heights * BINS / len(pit), edges, color=colour, linewidth=1.6, label=name, baseline=None)
    _frame_calibration(left, right, words)
    return figure


def _frame_calibration(left: Axes, right: Axes, words: FigureWords) -> None:
    left.set_xlim(0, 1)
    left.set_ylim(0, 1)
    right.set_xlim(0, 1)
    right.set_ylim(0, max(1.5, 1.08 * right.get_ylim()[1]))
    style.label(left, x=words.calibration_x, y=words.calibration_y, title=words.calibration_left)
    style.label(right, x=words.calibration_place, y=words.calibration_density, title=words.calibration_right)
    style.percents(left, x=True)
    style.legend(left, place="upper left")
    style.legend(right, place="lower center")


def model_against_formulas(comparison: Comparison, *, target: Target = "purchases", lang: str = "en") -> Picture:
    """Miss of the total, error per customer and order of customers, by method, with the intervals of the differences."""
    words, differences = figure_words(lang), _where(comparison.differences(), "target", target)
    methods = list(comparison.predictions)
    figure, panels = style.picture(
        title=_against_title(words, comparison, target, differences),
        caption=words.against_caption.format(
            customers=count(len(comparison.actual.purchases)), horizon=comparison.forecast.terms.horizon,
            interval=percent(comparison.interval, decimals=0),
        ),
        height=1.75 + 0.42 * len(methods), panels=3,
    )  # fmt: skip
    currency = comparison.forecast.histories.currency or ""
    error = (
        words.against_error_purchases if target == "purchases" else words.against_error_spend.format(currency=currency)
    )
    bias = {name: signed_percent(value) for name, value in _biases(comparison, target).items()}
    said = (
        ("abs_bias", words.against_total, words.against_total_x, words.against_lower, bias),
        ("rmse", words.against_error, error, words.against_lower, None),
        ("spearman", words.against_order, words.against_order_x, words.against_higher, None),
    )
    for axes, (score, title, unit, better, texts) in zip(panels, said, strict=True):
        _score_bars(axes, _where(differences, "score", score), methods, texts)
        style.label(axes, x=f"{unit}\n({better})", y="", title=title)
        axes.set_yticks(np.arange(len(methods)), methods if axes is panels[0] else [""] * len(methods))
    style.percents(panels[0], x=True, y=False)
    style.thousands(panels[1], x=True, y=False, pattern="{x:,g}")
    return figure


def _where(table: pd.DataFrame, level: str, value: str) -> pd.DataFrame:
    """The rows with this value of a level of the index, without that level."""
    return table[table.index.get_level_values(level) == value].droplevel(level)


def _biases(comparison: Comparison, target: Target) -> dict[str, float]:
    rows = _where(comparison.table(), "target", target)
    return dict(zip(rows.index, rows["bias"].to_numpy(dtype=float), strict=True))


def _score_bars(axes: Axes, rows: pd.DataFrame, methods: list[str], texts: Mapping[str, str] | None) -> None:
    """A bar per method; on a formula's bar the interval of its difference from the model, seen from the model's value."""
    own = float(rows["model"].iloc[0])
    values = np.array([own, *rows["formula"].loc[methods[1:]]])
    wins = [better == "formula" for better in rows["better"].loc[methods[1:]]]
    colours = [style.MODEL, *(style.OTHERS[0] if won else style.FORMULA for won in wins)]
    places = np.arange(len(methods))
    axes.barh(places, values, color=colours, height=0.62)
    upper, lower = (own - rows[end].loc[methods[1:]].to_numpy(dtype=float) for end in ("lower", "upper"))
    axes.hlines(places[1:], lower, upper, color=style.INK, linewidth=1.6)
    axes.axvline(own, color=style.MODEL, linewidth=1, linestyle="--")
    _value_labels(axes, values, np.concatenate([[own], np.maximum(values[1:], upper)]), texts, methods)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", labelsize=style.SMALL)


def _value_labels(axes: Axes, values: Array, ends: Array, texts: Mapping[str, str] | None, methods: list[str]) -> None:
    reach = float(ends.max())
    for place, (name, value, end) in enumerate(zip(methods, values, ends, strict=True)):
        text = number(value) if texts is None else texts[name]
        style.note(axes, text, at=(end + 0.03 * reach, place))
    axes.set_xlim(min(0.0, float(values.min())), 1.42 * reach)
    axes.locator_params(axis="x", nbins=4)


def _against_title(words: FigureWords, comparison: Comparison, target: Target, differences: pd.DataFrame) -> str:
    bias = _biases(comparison, target)
    nearest = min((name for name in bias if name != comparison.model), key=lambda name: abs(bias[name]))
    order = _where(differences, "score", "spearman")["better"]
    winners = [str(name) for name in order.index[order == "formula"]]
    title = words.against_title.format(
        target=words.against_purchases if target == "purchases" else words.against_spend,
        model=signed_percent(bias[comparison.model]), formula=signed_percent(bias[nearest]),
    )  # fmt: skip
    if not winners:
        return title
    return title + (words.against_winner if len(winners) == 1 else words.against_winners).format(
        names=words.against_and.join(winners)
    )
