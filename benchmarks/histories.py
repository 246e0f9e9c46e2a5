"""Transactions to histories: time and peak memory of clvmodels and of the installed peers, each in a fresh process.

    python benchmarks/histories.py [--customers 2000000] [--peers]

The log is simulated once per size: a Parquet file in a temporary folder with about 8.8 purchases per customer over two
years, sorted by date like a shop's own log. Imports count: the time is that of a script from its start to its result.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from harness import Measured, describe, measure, table

DAYS = 730
START = np.datetime64("2022-01-01")
GROWTH = (10_000, 50_000, 200_000, 1_000_000)

OURS = """
from clvmodels.data.transactions import Transactions
from clvmodels.units import WEEK
log = Transactions(path, customer="customer", date="date", amount="amount")
rows = len(log.histories(period=WEEK))
"""

LIFETIMES = """
import pandas as pd
from lifetimes.utils import summary_data_from_transaction_data
log = pd.read_parquet(path)
log["date"] = pd.to_datetime(log["date"])
rows = len(summary_data_from_transaction_data(log, "customer", "date", "amount", freq="D", freq_multiplier=7))
"""

PYMC_MARKETING = """
import pandas as pd
from pymc_marketing.clv.utils import rfm_summary
log = pd.read_parquet(path)
log["date"] = pd.to_datetime(log["date"])
rows = len(rfm_summary(log, "customer", "date", "amount", time_unit="D", time_scaler=7))
"""

PEERS = {"lifetimes": LIFETIMES, "pymc-marketing": PYMC_MARKETING}


def simulate(path: Path, customers: int) -> int:
    """Write a log of gamma-Poisson buyers who come over a year and leave for good; return its number of lines."""
    rng = np.random.default_rng(20)
    first = rng.integers(0, DAYS // 2, customers)
    last = np.minimum(DAYS, first + rng.exponential(600.0, customers))
    repeats = rng.poisson(rng.gamma(0.6, 1 / 27.3, customers) * (last - first))
    who = np.repeat(np.arange(customers), repeats + 1)
    when = np.repeat(first, repeats + 1) + rng.random(len(who)) * np.repeat(last - first, repeats + 1)
    when[np.cumsum(repeats + 1) - repeats - 1] = first
    order = np.argsort(when, kind="stable")
    date = START + np.minimum(when, DAYS - 1).astype("timedelta64[D]")
    amount = np.round(rng.lognormal(3.0, 1.0, len(who)), 2)
    pq.write_table(pa.table({"customer": who[order], "date": date[order], "amount": amount[order]}), path)
    return len(who)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=2_000_000)
    parser.add_argument("--peers", action="store_true", help="also measure lifetimes and pymc-marketing")
    options = parser.parse_args()
    print(describe())
    rows: list[list[object]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        for customers in (*[size for size in GROWTH if size < options.customers], options.customers):
            lines = simulate(path, customers)
            ours = measure(script(OURS, path))
            rows.append(row("clvmodels", lines, ours, ours))
        for name, code in PEERS.items() if options.peers else ():
            rows.append(row(name, lines, measure(script(code, path)), ours))
    table(
        "Transactions to histories",
        ["", "lines", "customers", "seconds", "peak GB", "time / ours", "memory / ours"],
        rows,
    )


def script(code: str, path: Path) -> str:
    """`code` on the file, printing how many customers it found."""
    return f"path = {str(path)!r}\n{code}\nprint(rows)"


def row(name: str, lines: int, found: Measured | str, ours: Measured | str) -> list[object]:
    """One line of the table; ratios are to clvmodels on the same file."""
    if isinstance(found, str) or isinstance(ours, str):
        return [name, f"{lines:,}", f"failed: {found}", "", "", "", ""]
    customers = f"{int(found.figures[0]):,}"
    return [
        name,
        f"{lines:,}",
        customers,
        found.seconds,
        found.gigabytes,
        found.seconds / ours.seconds,
        found.gigabytes / ours.gigabytes,
    ]


if __name__ == "__main__":
    main()
