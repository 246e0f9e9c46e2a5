"""The report: one HTML file that needs nothing else, for people who do not read code."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from clvmodels.data.transactions import Transactions
from clvmodels.errors import ClvError
from clvmodels.estimation.result import Fit
from clvmodels.estimation.stack import Stack
from clvmodels.evaluation.compare import Comparison
from clvmodels.files import atomically
from clvmodels.report.material import Material
from clvmodels.report.numbers import count
from clvmodels.report.words import report_words
from clvmodels.value.forecast import Forecast
from clvmodels.version import __version__

if TYPE_CHECKING:
    from clvmodels.report.canvas import Picture


def write_report(
    path: str | Path,
    *,
    log: Transactions,
    duration: Fit | Stack,
    quantity: Fit,
    forecast: Forecast,
    comparison: Comparison | None = None,
    tracking: pd.DataFrame | None = None,
    pictures: Mapping[str, Picture] | None = None,
    title: str | None = None,
    lang: str = "en",
) -> Path:
    """Write one self-contained HTML file: summary, value, comparison with what happened, models, data, assumptions.

    Parameters
    ----------
    path
        The file; it appears whole or not at all, and replaces one that is there.
    log
        The log that the histories were made of, for its quality.
    duration, quantity, forecast
        The fits and the forecast of value made with them; `duration` may be a stack, such as `comparison.stack()`.
    comparison
        From `clv.compare`, of a forecast over a holdout; it may look less far ahead than `forecast`.
    tracking
        Repeat purchases over time, from `tracking(duration, log, ...)`.
    pictures
        The figures, if they are drawn already: as `clv.figures.gallery` returns them.
    title
        The page's title, instead of the usual one.
    lang
        Language of the page.

    Returns
    -------
    Path of the file
    """
    target = Path(path)
    if target.is_dir():
        raise ClvError(f"{target} is a folder. Give the name of a file, such as {target / 'report.html'}.")
    from clvmodels.report.figures.gallery import gallery

    if pictures is None:
        pictures = gallery(duration, forecast, comparison=comparison, table=tracking, lang=lang)
    material = Material(report_words(lang), lang, log.quality(), duration, quantity, forecast, comparison, pictures)
    with atomically(target) as temporary:
        temporary.write_text(_page(material, title or material.words.title), encoding="utf-8")
    return target


def _page(material: Material, heading: str) -> str:
    from clvmodels.report.html import joined, page, tag

    words, forecast = material.words, material.forecast
    until = forecast.histories.until or words.unknown_day
    lead = words.lead.format(customers=count(len(forecast.histories)), until=until, horizon=forecast.terms.horizon)
    parts = [
        (f"part-{k}", name, part) for k, (name, part) in enumerate(zip(words.contents, _parts(material), strict=True))
    ]
    links = [tag("a", name, attributes={"href": f"#{anchor}"}) for anchor, name, _ in parts[1:]]
    top = [tag("h1", heading), tag("p", lead, attributes={"class": "lead"}), tag("nav", *links)]
    body = [tag("section", tag("h2", name, attributes={"id": anchor}), part) for anchor, name, part in parts]
    return page(heading, joined([*top, *body]), lang=material.lang)


def _parts(material: Material) -> list[str]:
    """The sections in the order of `words.contents`."""
    from clvmodels.report import sections
    from clvmodels.report.summary import summary

    today, ours = str(datetime.date.today()), __version__
    return [
        summary(material), sections.value(material), sections.check(material), sections.models(material),
        sections.data(material), sections.made(material, version=ours, day=today),
    ]  # fmt: skip
