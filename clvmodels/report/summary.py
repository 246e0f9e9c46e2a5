"""The top of the report: a few numbers, and what is to be known in plain sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from clvmodels.evaluation.compare import Comparison
from clvmodels.evaluation.tables import SCORES
from clvmodels.report.concentration import customers_with_half
from clvmodels.report.html import Html, items, joined, tag
from clvmodels.report.material import Material, diagnostics, total
from clvmodels.report.numbers import count, money, percent, signed_percent


def tiles(material: Material) -> Html:
    """The four numbers to remember."""
    words, forecast, currency = material.words, material.forecast, material.currency
    equity, potential = total(forecast, "ltv"), total(forecast, "potential")
    everyone = len(forecast.histories)
    half = customers_with_half(forecast.per_customer()["ltv"])
    share = words.tile_half_below.format(share=percent(half / everyone), all=count(everyone))
    shown = [
        _tile(words.tile_equity, money(equity["mean"], currency), _bounds_below(material, equity, money)),
        _tile(
            words.tile_potential.format(horizon=forecast.terms.horizon), money(potential["mean"], currency),
            _bounds_below(material, potential, money),
        ),
        _tile(words.tile_half, count(half), share),
    ]  # fmt: skip
    if material.comparison is not None:
        shown.append(_check_tile(material, material.comparison))
    return tag("div", *shown, attributes={"class": "tiles"})


def _bounds_below(material: Material, found: dict[str, float], say: Callable[[float, None], str]) -> str:
    lower, upper = say(found["lower"], None), say(found["upper"], None)
    return material.words.tile_equity_below.format(lower=lower, upper=upper, interval=material.interval)


def _tile(name: str, value: str, below: str) -> Html:
    label = tag("span", name, attributes={"class": "name"})
    return tag("div", label, tag("b", value), tag("span", below), attributes={"class": "tile"})


def _check_tile(material: Material, comparison: Comparison) -> Html:
    words, found = material.words, total(comparison.forecast, "purchases")
    below = {name: count(found[name]) for name in ("lower", "upper")}
    return _tile(
        words.tile_total.format(horizon=comparison.forecast.terms.horizon),
        count(float(comparison.actual.purchases.sum())),
        words.tile_total_below.format(expected=count(found["mean"]), **below),
    )


def summary(material: Material) -> Html:
    """What is to be known, in plain sentences."""
    sentences = [_equity_sentence(material), _half_sentence(material)]
    if material.comparison is None:
        sentences.append(material.words.check_none)
    else:
        sentences += [
            _holdout_sentence(material, material.comparison),
            *_score_sentences(material, material.comparison),
        ]
    fits = "; ".join(f"{fit.model.title}: {diagnostics(fit, material.words)}" for fit in material.fits)
    sentences += [_data_sentence(material), material.words.summary_fit.format(fits=fits)]
    return joined([tiles(material), items(sentences)])


def _equity_sentence(material: Material) -> str:
    forecast, currency = material.forecast, material.currency
    potential = total(forecast, "potential")
    return material.words.summary_equity.format(
        equity=money(total(forecast, "ltv")["mean"], currency), realised=money(total(forecast, "realised")["mean"], currency),
        potential=money(potential["mean"], currency), horizon=forecast.terms.horizon, interval=material.interval,
        lower=money(potential["lower"], None), upper=money(potential["upper"], None),
    )  # fmt: skip


def _half_sentence(material: Material) -> str:
    customers = material.forecast.per_customer()
    ltv, potential = (customers_with_half(customers[name]) for name in ("ltv", "potential"))
    return material.words.summary_half.format(
        ltv=count(ltv), ltv_share=percent(ltv / len(customers)),
        potential=count(potential), potential_share=percent(potential / len(customers)),
    )  # fmt: skip


def _holdout_sentence(material: Material, comparison: Comparison) -> str:
    words, found, actual = (
        material.words,
        total(comparison.forecast, "purchases"),
        float(comparison.actual.purchases.sum()),
    )
    inside = found["lower"] <= actual <= found["upper"]
    return (words.summary_inside if inside else words.summary_outside).format(
        horizon=comparison.forecast.terms.horizon, actual=count(actual), expected=count(found["mean"]),
        bias=signed_percent(found["mean"] / actual - 1) if actual else "–",
        lower=count(found["lower"]), upper=count(found["upper"]),
        interval=percent(comparison.forecast.interval, decimals=0),
    )  # fmt: skip


def _score_sentences(material: Material, comparison: Comparison) -> list[str]:
    words, better = material.words, comparison.differences()["better"]
    if better.empty:
        return []
    won = Counter(better)
    said = [
        words.summary_scores.format(all=len(better), model=won["model"], formula=won["formula"], unclear=won["unclear"])
    ]
    lost = [
        words.summary_lost_one.format(formula=method, score=words.scores[SCORES.index(score)], target=target)
        for target, method, score in better.index[better == "formula"]
    ]
    return said + ([words.summary_lost.format(where="; ".join(lost))] if lost else [])


def _data_sentence(material: Material) -> str:
    words, quality = material.words, material.quality
    doubtful = ("without customer id", "date unreadable", "amount unreadable", "exact duplicates", "outlying days")
    found = [f"{f.finding} {count(f.count)}" for f in quality if f.finding in doubtful and f.count]
    left = words.summary_some_left.format(findings=", ".join(found)) if found else words.summary_none_left
    return words.summary_data.format(rows=count(quality.rows), used=count(quality.used), left=left)
