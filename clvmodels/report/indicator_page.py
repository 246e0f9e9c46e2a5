"""The indicators as one self-contained page, for people who do not read code."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from clvmodels.data.transactions import Transactions
from clvmodels.files import atomically
from clvmodels.metrics.counts import LENGTHS
from clvmodels.metrics.indicators import COMPARED
from clvmodels.metrics.indicators import table as indicators
from clvmodels.metrics.periods import By
from clvmodels.metrics.tiers import TOTAL
from clvmodels.metrics.triangle import cohorts
from clvmodels.metrics.words import Language, in_language
from clvmodels.report.html import Html, joined, page, tag
from clvmodels.report.html import table as html_table
from clvmodels.report.indicator_words import IndicatorWords, indicator_words
from clvmodels.report.numbers import count, money, number, percent, signed_percent
from clvmodels.version import __version__

if TYPE_CHECKING:
    import pandas as pd

SHOWN = 24
"""Periods shown of each tier, and cohorts; CSV files have them all."""
COUNTED = ("customers", "new_customers", "buyers", "purchase_count", "quantity")
PRICED = ("amount", "average_ticket", "unit_price", "units_per_purchase")
CHANGES = tuple(f"{name}_change_{since}" for name in COMPARED for since in ("previous", "year"))
KINDS = ("purchase", "repurchase")

type Row = Mapping[Hashable, Any]


class Indicators(NamedTuple):
    """What the page shows, in English headings: the table of indicators and the cohort triangle."""

    table: pd.DataFrame
    cohorts: pd.DataFrame


def indicators_of(log: Transactions, *, by: By, tier: object = None, interval: float = 0.95) -> Indicators:
    """The tables of the page, from a log."""
    return Indicators(indicators(log, by=by, tier=tier, interval=interval), cohorts(log, by=by, interval=interval))


def write_indicators(
    path: str | Path, found: Indicators, log: Transactions, *, lang: Language = "en", interval: float = 0.95
) -> Path:
    """Write one self-contained HTML file: customers and sales, rates, tiers, cohorts, and what the log was like.

    Parameters
    ----------
    path
        The file; it appears whole or not at all, and replaces one that is there.
    found
        As `indicators_of` returns it.
    log
        The log they are of.
    lang
        "en" or "ko".
    interval
        Probability of the intervals in `found`, 0 to 1.

    Returns
    -------
    Path of the file
    """
    words, target = indicator_words(lang), Path(path)
    heading, quality, whole = words.title, log.quality(), found.table[found.table["tier"] == TOTAL]
    currency = f", {log.currency}" if log.currency else ""
    lead = words.lead.format(
        customers=count(float(whole["customers"].iloc[-1])), lines=count(float(quality.used)), first=quality.first,
        last=quality.last, currency=currency,
    )  # fmt: skip
    note = words.rates_note.format(interval=percent(interval, decimals=0))
    tiers = [name for name in found.table["tier"].unique() if name != TOTAL]
    parts = [
        (words.activity, joined([_activity(whole, words, lang), _small(words.definitions)])),
        (words.rates, joined([*(_rates(whole, kind, lang) for kind in KINDS), _small(note)])),
        *((words.tier.format(tier=name), _tier(found.table, name, words, lang)) for name in tiers),
        (words.cohorts, _cohorts(found, words, lang)),
        (words.quality, _quality(quality, words)),
    ]
    body = [tag("h1", heading), tag("p", lead, attributes={"class": "lead"})]
    body += [tag("section", tag("h2", name), part) for name, part in parts]
    body.append(tag("p", words.made.format(version=__version__), attributes={"class": "small"}))
    with atomically(target) as temporary:
        temporary.write_text(page(heading, joined(body), lang=lang), encoding="utf-8")
    return target


def _tier(table: pd.DataFrame, name: str, words: IndicatorWords, lang: Language) -> Html:
    own = table[table["tier"] == name]
    return joined([_activity(own, words, lang), *(_rates(own, kind, lang) for kind in KINDS)])


def _activity(table: pd.DataFrame, words: IndicatorWords, lang: Language) -> Html:
    """Counts and money, and their changes; a period without a line in the log is a row of empty cells."""
    shown = table.tail(SHOWN)
    notes = [words.shown.format(shown=SHOWN, all=len(table))] if len(table) > SHOWN else []
    notes += [words.unfinished] if not shown["complete"].all() else []
    notes += [words.negative] if shown["negative_total"].any() else []
    notes += [words.empty] if not shown["lines"].all() else []
    return joined([_cells(shown, (*COUNTED, *PRICED), lang), _cells(shown, CHANGES, lang), _small(" ".join(notes))])


def _cells(shown: pd.DataFrame, names: tuple[str, ...], lang: Language) -> Html:
    """A table of those columns that have anything in them."""
    unit = str(shown.columns[0])
    there = [name for name in names if shown[name].notna().any()]
    if not there:
        return Html("")
    rows = [[_period(row, unit), *(_cell(name, row) for name in there)] for row in shown.to_dict("records")]
    return html_table(_headings(shown[[unit, *there]], lang), rows)


def _headings(table: pd.DataFrame, lang: Language) -> list[str]:
    return [str(name).replace("_", " ") for name in in_language(table, lang).columns]


def _small(text: str) -> Html:
    return tag("p", text, attributes={"class": "small"})


def _period(row: Row, unit: str) -> str:
    return f"{row[unit]}{'' if row['complete'] else '*'}{'†' if row['negative_total'] else ''}"


def _cell(name: str, row: Row) -> str:
    value = row[name]
    if not row["lines"] and name != "customers":
        return ""
    if value is None or value != value:
        return "–"
    if name in COUNTED:
        return count(value) if value == round(value) else number(value)
    if "_change_" in name:
        return signed_percent(value)
    return number(value) if name == "units_per_purchase" else money(value, None)


def _rates(table: pd.DataFrame, kind: str, lang: Language) -> Html:
    """Rates with their intervals below them, and how many were observed too briefly."""
    unit, shown = str(table.columns[0]), table.tail(SHOWN)
    names = [f"{kind}_rate_{k}" for k in LENGTHS]
    rows = [[_period(row, unit), *(_rate(name, row) for name in names)] for row in shown.to_dict("records")]
    return html_table(_headings(shown[[unit, *names]], lang), rows)


def _rate(name: str, row: Row) -> Html:
    brief = row[f"too_brief_{name.rsplit('_', 1)[1]}"] if name.startswith("re") else 0
    left_out = f" +{count(float(brief))}" if brief else ""
    if row[name] != row[name]:
        return tag("span", f"–{left_out}")
    between = "{}–{}".format(
        *(percent(row[f"{name}{end}"]).split("\N{NO-BREAK SPACE}%")[0] for end in ("_lower", "_upper"))
    )
    return joined([percent(row[name]), tag("div", between + left_out, attributes={"class": "small"})])


def _cohorts(found: Indicators, words: IndicatorWords, lang: Language) -> Html:
    """The triangle, darker where more customers came back."""
    triangle = found.cohorts
    since = str(triangle.columns[1])
    wide = triangle.set_index(["cohort", since])["retention"].unstack().tail(SHOWN)  # noqa: PD010
    sizes = triangle.groupby("cohort")["customers"].first()
    steps = [step for step in wide.columns.to_numpy(dtype=int).tolist() if 0 < step <= SHOWN]
    rows = [
        [str(cohort), count(float(sizes[cohort])), *(_shade(wide.loc[cohort, step]) for step in steps)]
        for cohort in wide.index
    ]
    notes = [words.cohorts_note] + ([] if found.table["complete"].iloc[-1] else [words.cohorts_unfinished])
    head = _headings(triangle[["cohort", "customers"]], lang) + [str(step) for step in steps]
    return joined([html_table(head, rows), _small(" ".join(notes))])


def _shade(share: float) -> Html:
    """A share on a background as strong as it is; nothing where the log has ended."""
    if share != share:
        return Html("")
    style = f"background: rgba(0, 114, 178, {0.6 * share:.3f}); padding: .1rem .3rem"
    return tag("span", f"{100 * share:.0f}", attributes={"style": style})


def _quality(quality: Any, words: IndicatorWords) -> Html:
    rows = [
        [f.finding, f.done, count(f.count), f"{percent(f.share)} {f.of}" if f.of else ""] for f in quality if f.count
    ]
    return html_table(words.head_quality, rows, texts=2)
