"""The command line, thin calls of the package's own functions."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from clvmodels.console import Steps, value_lines, value_of, write_csv
from clvmodels.demo import AHEAD, JOURNEY, SAMPLE, cdnow, complete_journey
from clvmodels.errors import ClvError, UnitError
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
