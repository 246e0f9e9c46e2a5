"""The command line, thin calls of the package's own functions."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from clvmodels.console import Steps, files_lines, indicator_lines, indicators_of_log, value_lines, value_of, write_csv
from clvmodels.demo import AHEAD, JOURNEY, SAMPLE, cdnow, complete_journey
from clvmodels.errors import ClvError, UnitError
from clvmodels.metrics.periods import UNITS
from clvmodels.units import DAY, FOREVER, MONTH, WEEK, YEAR, Rate, Span


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
        "--sample", nargs="?", const=SAMPLE, choices=(SAMPLE, JOURNEY), help="the published tenth of CDNOW's customers "
        "instead of all 23,570, or households with mailings, for a retention plan",
    )  # fmt: skip
    demo.set_defaults(run=_demo)
    ahead = commands.add_parser("forecast", help="value the customers of a CSV or Parquet file")
    _log_columns(ahead, required=True)
    ahead.add_argument("--until", metavar="DATE", help="last day of observation (default: the log's last date)")
    ahead.add_argument("--horizon", type=_span, default=AHEAD, help="such as '52 weeks', '12 months' or 'forever'")
    ahead.add_argument(
        "--margin", type=float, default=1.0, help="contribution per unit of spend (default: %(default)s)"
    )
    ahead.add_argument("--discount", type=_rate, help="rate per year, such as 0.10 (default: none)")
    ahead.add_argument("--out", type=Path, default=Path("customers.csv"), help="CSV file (default: %(default)s)")
    ahead.set_defaults(run=_forecast)
    for command in (demo, ahead):
        command.add_argument("--seed", type=int, default=1, help="reproduces the results (default: %(default)s)")
        command.add_argument("--draws", type=int, default=500, help="joint draws (default: %(default)s)")
    indicators = commands.add_parser("metrics", help="the indicators of a log by period and tier")
    _log_columns(indicators, required=False)
    indicators.add_argument("--quantity", metavar="COLUMN", help="column with the number of units")
    indicators.add_argument(
        "--tier", metavar="COLUMN", help="column with the customer's tier, the most recent one counts"
    )
    indicators.add_argument("--by", choices=tuple(UNITS), default="month", help="(default: %(default)s)")
    indicators.add_argument("--lang", choices=("en", "ko"), default="en", help="of headings (default: %(default)s)")
    indicators.add_argument("--interval", type=float, default=0.95, help="of rates (default: %(default)s)")
    indicators.add_argument("--leave-out", action="store_true", help="go on without lines that cannot be used")
    indicators.add_argument(
        "--out", type=Path, default=Path("out"), help="folder for the results (default: %(default)s)"
    )
    indicators.set_defaults(run=_metrics)
    for command in (demo, ahead, indicators):
        command.add_argument("--json", action="store_true", help="print machine-readable results")
    return parser


def _log_columns(command: argparse.ArgumentParser, *, required: bool) -> None:
    """The file and the columns of a log; where they are not required, they have the names of the package's own tables."""
    command.add_argument("file", metavar="FILE", help="transaction log, one row per purchase line")
    roles = {"customer": ("customer_id", "id of the customer"), "date": ("date", "day of the purchase")}
    roles |= {"amount": ("amount", "amount paid")}
    for name, (default, text) in roles.items():
        usual = {} if required else {"default": default}
        shown = f"column with the {text}" + ("" if required else " (default: %(default)s)")
        command.add_argument(f"--{name}", required=required, metavar="COLUMN", help=shown, **usual)
    command.add_argument("--currency", help="currency of the amounts")


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


def _demo(options: argparse.Namespace) -> None:
    (complete_journey if options.sample == JOURNEY else cdnow)(options)


def _forecast(options: argparse.Namespace) -> None:
    import clvmodels as clv

    step = Steps()
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
    file = write_csv(options.out, value.per_customer())
    if options.json:
        print(json.dumps(value_of(value) | {"files": [str(file)]}, indent=2))
    else:
        print("\n".join([*value_lines(value), "", f"{file} has {len(histories):,} customers."]))


def _metrics(options: argparse.Namespace) -> None:
    import clvmodels as clv
    from clvmodels.metrics.words import in_language
    from clvmodels.report.indicator_page import indicators_of, write_indicators

    step = Steps()
    step("Reading the log")
    log = clv.Transactions(
        options.file, customer=options.customer, date=options.date, amount=options.amount, quantity=options.quantity,
        segment=options.tier, currency=options.currency, invalid="leave_out" if options.leave_out else "error",
    )  # fmt: skip
    step("Counting")
    tier = "segment" if options.tier else None
    found = indicators_of(log, by=options.by, tier=tier, interval=options.interval)
    step("Writing")
    page = write_indicators(options.out / "indicators.html", found, log, lang=options.lang, interval=options.interval)
    encoding = "utf-8-sig" if options.lang == "ko" else "utf-8"  # spreadsheets take text without a mark for Latin
    files = [page] + [
        write_csv(options.out / f"{name}.csv", in_language(table, options.lang), digits=None, encoding=encoding)
        for name, table in (("indicators", found.table), ("cohorts", found.cohorts))
    ]
    if options.json:
        print(json.dumps(indicators_of_log(found.table, log) | {"files": [str(file) for file in files]}, indent=2))
    else:
        print("\n".join([*indicator_lines(found.table, log), "", *files_lines(files)]))
