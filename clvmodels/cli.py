"""The command line: `clvmodels demo` and `clvmodels forecast`, thin calls of the package's own functions."""

from __future__ import annotations

import argparse
import json
import re
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clvmodels.errors import ClvError, UnitError
from clvmodels.files import atomically
from clvmodels.report.numbers import count, money, percent, signed_percent
from clvmodels.units import DAY, FOREVER, MONTH, WEEK, YEAR, Rate, Span

if TYPE_CHECKING:
    import pandas as pd

    from clvmodels.evaluation.compare import Comparison
    from clvmodels.value.forecast import Forecast

SPLIT, HELD_OUT, AHEAD = "1997-09-30", 39 * WEEK, 52 * WEEK
MARGIN, DISCOUNT = 0.30, Rate(0.10, per=YEAR)
BOUNDS = ("mean", "lower", "upper", "expected_lower", "expected_upper")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 if it went well, 2 with one sentence on stderr if the input cannot be used."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (ClvError, OSError) as error:
        print(f"clvmodels: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("clvmodels: stopped; files are whole or not there.", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="clvmodels", description="Customer lifetime value with honest intervals.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    demo = commands.add_parser("demo", help="the whole way on CDNOW: fit, forecast, compare, report")
    demo.add_argument(
        "--out", type=Path, default=Path("out/demo"), help="folder for the results (default: %(default)s)"
    )
    demo.add_argument(
        "--sample", action="store_true", help="the published tenth of the customers instead of all 23,570"
    )
    demo.set_defaults(run=_demo)
    ahead = commands.add_parser("forecast", help="value the customers of a CSV or Parquet file")
    ahead.add_argument("file", metavar="FILE", help="transaction log, one row per purchase line")
    for name, text in (("customer", "id of the customer"), ("date", "day of the purchase"), ("amount", "amount paid")):
        ahead.add_argument(f"--{name}", required=True, metavar="COLUMN", help=f"column with the {text}")
    ahead.add_argument("--until", metavar="DATE", help="last day of observation (default: the log's last date)")
    ahead.add_argument("--horizon", type=_span, default=AHEAD, help="such as '52 weeks', '12 months' or 'forever'")
    ahead.add_argument(
        "--margin", type=float, default=1.0, help="contribution per unit of spend (default: %(default)s)"
    )
    ahead.add_argument("--discount", type=_rate, help="rate per year, such as 0.10 (default: none)")
    ahead.add_argument("--currency", help="currency of the amounts")
    ahead.add_argument("--out", type=Path, default=Path("customers.csv"), help="CSV file (default: %(default)s)")
    ahead.set_defaults(run=_forecast)
    for command in (demo, ahead):
        command.add_argument("--seed", type=int, default=1, help="reproduces the results (default: %(default)s)")
        command.add_argument("--draws", type=int, default=500, help="joint draws (default: %(default)s)")
        command.add_argument("--json", action="store_true", help="print machine-readable results")
    return parser


def _span(text: str) -> Span:
    """`52 weeks`, `1 year` or `forever`; a number without a unit is refused.

    Examples
    --------
    >>> _span("12 months"), _span("forever")
    (12 months, forever)
    """
    if text.strip().lower() == "forever":
        return FOREVER
    found = re.fullmatch(r"\s*([\d.]+)\s*(day|week|month|year)s?\s*", text.lower())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no unit of time; write '52 weeks', '12 months' or 'forever'")
    return float(found[1]) * {"day": DAY, "week": WEEK, "month": MONTH, "year": YEAR}[found[2]]


def _rate(text: str) -> Rate:
    try:
        return Rate(float(text), per=YEAR)
    except (ValueError, UnitError) as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate per year; ten per cent is 0.10") from error


class _Steps:
    """Says on a terminal what is being done, after how many seconds; silent where nobody watches."""

    def __init__(self) -> None:
        self.start = time.perf_counter()

    def __call__(self, text: str) -> None:
        if sys.stderr.isatty():
            print(f"{time.perf_counter() - self.start:5.1f} s  {text}", file=sys.stderr)


def _demo(options: argparse.Namespace) -> None:
    import clvmodels as clv
    from clvmodels.evaluation.tracking import tracking

    step = _Steps()
    step("Reading CDNOW")
    log = clv.samples.cdnow_sample() if options.sample else clv.samples.cdnow()
    calibration, holdout = log.split(SPLIT)
    histories = calibration.histories(period=WEEK)
    step("Fitting")
    duration = clv.fit(clv.BG_NBD, histories, seed=options.seed)
    quantity = clv.fit(clv.GAMMA_GAMMA, histories, seed=options.seed)
    step("Forecasting")
    chance = {"draws": options.draws, "seed": options.seed}
    value = clv.forecast(duration, quantity, histories, horizon=AHEAD, margin=MARGIN, discount=DISCOUNT, **chance)
    held_out = clv.forecast(duration, quantity, histories, horizon=HELD_OUT, margin=MARGIN, **chance)
    step("Comparing with what happened")
    comparison = clv.compare(held_out, holdout, seed=options.seed)
    comparison.differences()
    table = tracking(duration, log, until=SPLIT, period=WEEK, seed=options.seed)
    step("Drawing")
    pictures = clv.figures.gallery(duration, value, comparison=comparison, table=table)
    step("Writing")
    files = [
        clv.write_report(
            options.out / "report.html", log=calibration, duration=duration, quantity=quantity, forecast=value,
            comparison=comparison, pictures=pictures, title="Customer lifetime value: CDNOW",
        ),
        _write_csv(options.out / "customers.csv", value.per_customer()),
        _write_csv(options.out / "comparison.csv", comparison.table().reset_index()),
        *(_write(options.out / f"{name}.png", picture.png()) for name, picture in pictures.items()),
    ]  # fmt: skip
    if options.json:
        print(json.dumps(_value(value) | _held_out(comparison) | {"files": [str(file) for file in files]}, indent=2))
    else:
        print("\n".join([*_value_lines(value), "", *_held_out_lines(comparison), "", *_files_lines(files)]))


def _forecast(options: argparse.Namespace) -> None:
    import clvmodels as clv

    step = _Steps()
    step("Reading the log")
    log = clv.Transactions(
        options.file, customer=options.customer, date=options.date, amount=options.amount, currency=options.currency
    )
    histories = log.histories(period=WEEK, until=options.until)
    step("Fitting")
    duration = clv.fit(clv.BG_NBD, histories, seed=options.seed)
    quantity = clv.fit(clv.GAMMA_GAMMA, histories, seed=options.seed)
    step("Forecasting")
    value = clv.forecast(
        duration, quantity, histories, horizon=options.horizon, margin=options.margin, discount=options.discount,
        draws=options.draws, seed=options.seed,
    )  # fmt: skip
    file = _write_csv(options.out, value.per_customer())
    if options.json:
        print(json.dumps(_value(value) | {"files": [str(file)]}, indent=2))
    else:
        print("\n".join([*_value_lines(value), "", f"{file} has {len(histories):,} customers."]))


def _write(path: Path, content: bytes) -> Path:
    with atomically(path) as temporary:
        temporary.write_bytes(content)
    return path


def _write_csv(path: Path, table: pd.DataFrame) -> Path:
    with atomically(path) as temporary:
        table.to_csv(temporary, index=False, float_format="%.6g")
    return path


def _value(forecast: Forecast) -> dict[str, Any]:
    """The totals of a forecast as plain values; what is not a number (endless purchases) is null."""
    totals = forecast.total().astype(object).where(lambda table: table.notna(), None)
    found = {str(name): {bound: row[bound] for bound in BOUNDS} for name, row in totals.to_dict("index").items()}
    histories = forecast.histories
    facts = {"customers": len(histories), "until": str(histories.until), "currency": histories.currency}
    return facts | {"horizon": str(forecast.terms.horizon), "interval": forecast.interval, "total": found}


def _held_out(comparison: Comparison) -> dict[str, Any]:
    totals = comparison.forecast.total().to_dict("index")
    held = {
        target: {bound: totals[target][bound] for bound in BOUNDS} | {"actual": float(actual.sum())}
        for target, actual in comparison.actual._asdict().items()
    }
    return {"holdout": {"horizon": str(comparison.forecast.terms.horizon), **held}, "words": comparison.words()}


def _value_lines(forecast: Forecast) -> list[str]:
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


def _held_out_lines(comparison: Comparison) -> list[str]:
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


def _files_lines(files: Sequence[Path]) -> list[str]:
    report, *others = files
    tables = [file.name for file in others if file.suffix == ".csv"]
    figures = len(others) - len(tables)
    return [f"Open {report} in a browser. Beside it are {', '.join(tables)} and {figures} figures (PNG)."]
