"""The report: one HTML file that needs nothing else, for people who do not read code."""

from __future__ import annotations

import datetime
from importlib.metadata import version
from pathlib import Path

import pandas as pd

from clvmodels.data.transactions import Transactions
from clvmodels.errors import ClvError
from clvmodels.estimation.result import Fit
from clvmodels.evaluation.compare import Comparison
from clvmodels.files import atomically
from clvmodels.report.material import Material
from clvmodels.report.numbers import count
from clvmodels.report.words import report_words
from clvmodels.value.forecast import Forecast


def write_report(
    path: str | Path,
    *,
    log: Transactions,
    duration: Fit,
    quantity: Fit,
    forecast: Forecast,
    comparison: Comparison | None = None,
    tracking: pd.DataFrame | None = None,
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
        The fits and the forecast of value made with them.
    comparison
        From `clv.compare`, of a forecast over a holdout; it may look less far ahead than `forecast`.
    tracking
        Repeat purchases over time, from `tracking(duration, log, ...)`.
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
    from clvmodels.report import sections
    from clvmodels.report.html import joined, page, tag
    from clvmodels.report.summary import summary

    words = report_words(lang)
    material = Material(words, lang, log.quality(), duration, quantity, forecast, comparison, tracking)
    parts = (
        summary(material), sections.value(material), sections.check(material), sections.models(material),
        sections.data(material), sections.made(material, version=version("clvmodels"), day=str(datetime.date.today())),
    )  # fmt: skip
    named = list(zip(words.contents, (f"part-{k}" for k in range(1, len(parts) + 1)), parts, strict=True))
    heading = title or words.title
    links = tag("nav", *(tag("a", name, attributes={"href": f"#{anchor}"}) for name, anchor, _ in named[1:]))
    lead = words.lead.format(
        customers=count(len(forecast.histories)),
        until=forecast.histories.until or words.unknown_day,
        horizon=forecast.terms.horizon,
    )
    top = [tag("h1", heading), tag("p", lead, attributes={"class": "lead"}), links]
    body = [tag("section", tag("h2", name, attributes={"id": anchor}), part) for name, anchor, part in named]
    with atomically(target) as temporary:
        temporary.write_text(page(heading, joined([*top, *body]), lang=lang), encoding="utf-8")
    return target
