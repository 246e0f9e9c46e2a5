"""What the commands say and write: steps on a terminal, totals as text or plain values, files that are whole or not there."""

from __future__ import annotations

import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clvmodels.files import atomically
from clvmodels.metrics.tiers import TOTAL
from clvmodels.report.numbers import count, money, percent, signed_percent

if TYPE_CHECKING:
    import pandas as pd

    from clvmodels.data.transactions import Transactions
    from clvmodels.evaluation.compare import Comparison
    from clvmodels.value.forecast import Forecast

LAST = 13
"""Periods printed: a year and the same period before it."""
BOUNDS = ("mean", "lower", "upper", "expected_lower", "expected_upper")


class Steps:
    """Says on a terminal what is being done, after how many seconds; silent where nobody watches."""

    def __init__(self) -> None:
        self.start = time.perf_counter()

    def __call__(self, text: str) -> None:
        if sys.stderr.isatty():
            print(f"{time.perf_counter() - self.start:5.1f} s  {text}", file=sys.stderr)


def write(path: Path, content: bytes) -> Path:
    """The file with this content."""
    with atomically(path) as temporary:
        temporary.write_bytes(content)
    return path


def write_csv(path: Path, table: pd.DataFrame, *, digits: int | None = 6, encoding: str = "utf-8") -> Path:
    """The table as a file, numbers to so many digits, or with all that they have."""
    form = None if digits is None else f"%.{digits}g"
    with atomically(path) as temporary:
        table.to_csv(temporary, index=False, float_format=form, encoding=encoding)
    return path


def value_of(forecast: Forecast) -> dict[str, Any]:
    """The totals of a forecast as plain values; what is not a number (endless purchases) is null."""
    totals = forecast.total().astype(object).where(lambda table: table.notna(), None)
    found = {str(name): {bound: row[bound] for bound in BOUNDS} for name, row in totals.to_dict("index").items()}
    histories = forecast.histories
    facts = {"customers": len(histories), "until": str(histories.until), "currency": histories.currency}
    return facts | {"horizon": str(forecast.terms.horizon), "interval": forecast.interval, "total": found}


def held_out_of(comparison: Comparison) -> dict[str, Any]:
    """Expected and actual totals of a holdout as plain values."""
    totals = comparison.forecast.total().to_dict("index")
    held = {
        target: {bound: totals[target][bound] for bound in BOUNDS} | {"actual": float(actual.sum())}
        for target, actual in comparison.actual._asdict().items()
    }
    return {"holdout": {"horizon": str(comparison.forecast.terms.horizon), **held}, "words": comparison.words()}


def value_lines(forecast: Forecast) -> list[str]:
    """The totals of a forecast as text."""
    histories, terms = forecast.histories, forecast.terms
    head = f"Next {terms.horizon}" + (f", in {histories.currency}" if histories.currency else "")
    lines = [f"{count(len(histories))} customers observed until {histories.until or 'an unknown day'}; margin "
             f"{terms.margin}, discount {terms.discount or 'none'}", ""]  # fmt: skip
    lines.append(f"{head:<28}{'mean':>12}   {percent(forecast.interval, decimals=0)} predictive interval")
    names = {"ltv": "customer equity", "realised": "  realised value", "potential": "  potential value"}
    names |= {"purchases": "purchases", "spend": "spend"}
    totals = forecast.total().to_dict("index")
    lines += [f"{text:<28}{_mean(totals[name]):>12}   {_between(totals[name])}" for name, text in names.items()]
    return lines


def _mean(row: Mapping[Any, float]) -> str:
    return money(row["mean"], None) if row["mean"] == row["mean"] else "–"


def _between(row: Mapping[Any, float]) -> str:
    """The predictive interval; nothing for what is known or not defined."""
    return f"{money(row['lower'], None)} to {money(row['upper'], None)}" if row["lower"] < row["upper"] else ""


def held_out_lines(comparison: Comparison) -> list[str]:
    """Expected and actual totals of a holdout as text, and what was learnt."""
    forecast = comparison.forecast
    lines = [
        f"{f'{forecast.terms.horizon} held out':<28}{'expected':>12}   {'happened':>12}   {'bias':>8}   predictive interval"
    ]
    totals = forecast.total().to_dict("index")
    for target, actual in comparison.actual._asdict().items():
        row, happened = totals[target], float(actual.sum())
        off = signed_percent(row["mean"] / happened - 1) if happened else ""
        lines.append(
            f"{target:<28}{money(row['mean'], None):>12}   {money(happened, None):>12}   {off:>8}   {_between(row)}"
        )
    said = [
        textwrap.fill(sentence, 110, initial_indent="- ", subsequent_indent="  ") for sentence in comparison.words()
    ]
    return [*lines, "", *said]


def indicators_of_log(table: pd.DataFrame, log: Transactions) -> dict[str, Any]:
    """The indicators as plain values, one record per period and tier; what is missing is null."""
    plain = table.astype(object).where(table.notna(), None)
    facts = {"lines": int(table.loc[table["tier"] == TOTAL, "lines"].sum()), "until": str(log.until)}
    return facts | {"currency": log.currency, "indicators": plain.to_dict("records")}


def indicator_lines(table: pd.DataFrame, log: Transactions) -> list[str]:
    """The last periods of the total as text."""
    total = table[table["tier"] == TOTAL].tail(LAST)
    unit = str(table.columns[0])
    head = f"Observed until {log.until}" + (f", in {log.currency}" if log.currency else "")
    lines = [head, "", f"{unit:<10}{'customers':>12}{'buyers':>12}{'purchases':>12}{'amount':>16}{'ticket':>12}"]
    for row in total.to_dict("records"):
        counts = "".join(f"{count(row[name]):>12}" for name in ("customers", "buyers", "purchase_count"))
        ticket = money(row["average_ticket"], None) if row["average_ticket"] == row["average_ticket"] else "–"
        unfinished = "" if row["complete"] else "  (not over)"
        lines.append(f"{row[unit]:<10}{counts}{money(row['amount'], None):>16}{ticket:>12}{unfinished}")
    return lines


def files_lines(files: Sequence[Path]) -> list[str]:
    """Where to look."""
    report, *others = files
    tables = [file.name for file in others if file.suffix == ".csv"]
    figures = f" and {len(others) - len(tables)} figures (PNG)" if len(others) > len(tables) else ""
    return [f"Open {report} in a browser. Beside it are {', '.join(tables)}{figures}."]
