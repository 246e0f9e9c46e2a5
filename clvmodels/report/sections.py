"""The sections of the report: each turns results into HTML, and says nothing that is not in them."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from clvmodels.estimation.contact_effects import contact_lines
from clvmodels.estimation.result import Fit
from clvmodels.estimation.stack import Stack
from clvmodels.evaluation.compare import Comparison
from clvmodels.evaluation.tables import SCORES, TARGETS
from clvmodels.report.html import Html, figure, items, joined, table, tag
from clvmodels.report.material import Material, diagnostics, total
from clvmodels.report.numbers import SPACE, count, money, number, percent, signed_percent
from clvmodels.report.words import ReportWords
from clvmodels.value.valuation import MEASURES

BEST = 10
"""Customers shown by name."""


def value(material: Material) -> Html:
    """Totals, the best customers and how value is spread."""
    words, forecast = material.words, material.forecast
    return joined([
        tag("h3", words.value_totals), _totals(material),
        tag("p", words.value_totals_note.format(horizon=forecast.terms.horizon), attributes={"class": "small"}),
        items([words.interval_expected, words.interval_predictive]),
        _drawn(material, "customer_equity"),
        _drawn(material, "ltv_distribution"),
        tag("h3", words.value_best.format(count=min(BEST, len(forecast.histories)))), _best(material),
        tag("p", words.value_best_note, attributes={"class": "small"}),
    ])  # fmt: skip


def _totals(material: Material) -> Html:
    rows = []
    for name, text in zip(MEASURES, material.words.measures, strict=True):
        found = total(material.forecast, name)
        say = count if name == "purchases" else lambda amount: money(amount, None)
        between = (f"{say(found[f'{k}lower'])} – {say(found[f'{k}upper'])}" for k in ("expected_", ""))
        unit = f" [{material.currency}]" if material.currency and name != "purchases" else ""
        rows.append([f"{text}{unit}", say(found["mean"]), *between])
    return table(material.words.head_totals, rows)


def _best(material: Material) -> Html:
    customers = material.forecast.per_customer()
    customers["frequency"] = material.forecast.histories.frequency
    rows = [
        [
            str(one["customer_id"]), count(one["frequency"]), percent(one["p_alive"], decimals=0), f"{one['purchases']:,.1f}",
            money(one["potential"], None), f"{money(one['potential_lower'], None)} – {money(one['potential_upper'], None)}",
            money(one["realised"], None), money(one["ltv"], None),
        ]
        for one in customers.nlargest(BEST, "potential").to_dict("records")
    ]  # fmt: skip
    return table(material.words.head_best, rows)


def check(material: Material) -> Html:
    """The holdout: over time, by frequency, intervals, and the model against the simple formulas."""
    words, comparison = material.words, material.comparison
    over_time = _drawn(material, "tracking")
    if comparison is None:
        return joined([tag("p", words.check_none), over_time])
    return joined([
        over_time, *(_drawn(material, f"model_against_formulas_{target}") for target in TARGETS),
        tag("h3", words.check_winners), _winners(material, comparison),
        tag("h3", words.check_scores), _scores(material, comparison),
        tag("p", comparison.note, attributes={"class": "small"}),
        tag("h3", words.check_words), items(comparison.words()),
        *(_drawn(material, f"conditional_expectation_{target}") for target in TARGETS), _drawn(material, "interval_calibration"),
    ])  # fmt: skip


def _drawn(material: Material, name: str) -> Html:
    """The figure of this name, or nothing where there is none."""
    return figure(material.pictures[name]) if name in material.pictures else Html("")


def _named(words: ReportWords, target: str) -> str:
    return words.purchases if target == "purchases" else words.spend


def _winners(material: Material, comparison: Comparison) -> Html:
    words, better = material.words, comparison.differences()["better"]
    said: dict[str, str] = {
        "model": tag("span", words.better_model, attributes={"class": "better"}),
        "formula": tag("span", words.better_formula, attributes={"class": "worse"}),
        "unclear": words.better_unclear,
    }
    rows = []
    for target in TARGETS:
        for method in list(comparison.predictions)[1:]:
            name = words.target_row.format(target=_named(words, target), method=method)
            rows.append([name, *(said[str(better.loc[(target, method, score)])] for score in SCORES)])
    return table(words.head_winners, rows)


def _scores(material: Material, comparison: Comparison) -> Html:
    words, rows = material.words, []
    for row in comparison.table().reset_index().to_dict("records"):
        target = _named(words, str(row["target"]))
        if row["method"] == comparison.model:
            happened = tag("b", words.actual_row.format(target=target)), tag("b", count(row["actual"]))
            rows.append([*happened, *[""] * (len(words.head_scores) - 2)])
        rest = [number(row[score]) for score in ("mae", "rmse", "deviance", "spearman", "gini", "top_decile_lift")]
        inside = "" if np.isnan(row["coverage"]) else percent(row["coverage"])
        rows.append([str(row["method"]), count(row["predicted"]), signed_percent(row["bias"]), *rest, inside])
    return table(words.head_scores, rows)


def models(material: Material) -> Html:
    """How each model was fitted, its parameters and what it looks like."""
    shown = (_drawn(material, name) for name in ("frequency_histogram", "alive_heatmap"))
    together = _stack(material.duration, material) if isinstance(material.duration, Stack) else Html("")
    return joined([together, *(_fit(fit, material) for fit in material.fits), *shown])


def _stack(stack: Stack, material: Material) -> Html:
    words = material.words
    rows = [[str(row["model"]), str(row["method"]), percent(row["weight"])] for row in stack.table().to_dict("records")]
    said = [tag("p", words.stack_made.format(count=len(rows))), table(words.head_stack, rows, texts=2)]
    if stack.left_out:
        said.append(tag("p", words.stack_left_out.format(names=", ".join(stack.left_out))))
    return joined([tag("h3", words.stack_weights), *said])


def _fit(fit: Fit, material: Material) -> Html:
    words, interval = material.words, material.forecast.interval
    meaning = {parameter.name: parameter.meaning for parameter in fit.model.parameters}
    rows = [
        [
            str(row["parameter"]),
            meaning[str(row["parameter"])],
            number(row["estimate"]),
            number(row["sd"]),
            _between(row),
        ]
        for row in fit.summary(interval=interval).reset_index().to_dict("records")
    ]
    made = words.fit_made.format(
        model=fit.model.title, source=fit.model.source, method=fit.method, informative=count(fit.n_informative),
        all=count(fit.n_customers), distinct=count(fit.n_distinct), loglik=f"{fit.loglik:,.1f}",
    )  # fmt: skip
    head = [text.format(interval=material.interval) for text in words.head_fit]
    vouched = tag("p", words.fit_diagnostics.format(diagnostics=diagnostics(fit, words)))
    contacts = items([*contact_lines(fit), *fit.warnings]) if getattr(fit.model, "media", ()) else Html("")
    return joined([tag("h3", fit.model.title), tag("p", made), vouched, table(head, rows, texts=2), contacts])


def _between(row: dict[Hashable, Any]) -> str:
    return f"{number(row['lower'])} – {number(row['upper'])}"


def data(material: Material) -> Html:
    """What the log was like, and what was done about each finding."""
    words, histories, quality = material.words, material.forecast.histories, material.quality
    described = words.data_histories.format(
        customers=count(len(histories)), repeaters=count(float(np.count_nonzero(histories.frequency))),
        frequency=number(float(histories.frequency.mean())), age=number(float(histories.T.mean())), period=histories.period.name,
    )  # fmt: skip
    there = [found for found in quality if found.count or not found.of]
    rows = [[f.finding, f.done, count(f.count), f"{percent(f.share)} {f.of}" if f.of else ""] for f in there]
    absent = ", ".join(found.finding for found in quality if found not in there)
    looked = [tag("p", words.data_absent.format(findings=absent))] if absent else []
    return joined([tag("p", described), table(words.head_quality, rows, texts=2), *looked])


def made(material: Material, *, version: str, day: str) -> Html:
    """The assumptions, and what is needed to make the same report again."""
    words, terms, fit = material.words, material.forecast.terms, material.fits[0]
    said = [
        words.made_horizon.format(horizon=terms.horizon),
        words.made_margin.format(margin=_margin(terms.margin, words)),
    ]
    said += [words.made_cost.format(cost=terms.cost)] if terms.cost else []
    said += list(material.forecast.notes)
    simulation = material.forecast.simulation
    said.append(
        words.made_draws.format(
            draws=count(simulation.draws),
            seed=simulation.seed,
            version=f"clvmodels{SPACE}{fit.version}",
            fingerprint=fit.fingerprint,
        )
    )
    return joined(
        [items(said), tag("p", words.made_by.format(version=version, day=day), attributes={"class": "small"})]
    )


def _margin(margin: Any, words: ReportWords) -> str:
    if isinstance(margin, int | float):
        return percent(float(margin), decimals=0)
    return words.made_margin_distribution if hasattr(margin, "rvs") else words.made_margin_by_customer
