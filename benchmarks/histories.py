"""Transactions to histories: time and peak memory of clvmodels and of the installed peers, each in a fresh process.

    python benchmarks/histories.py [--customers 2000000] [--peers]

The log is simulated once per size: a Parquet file in a temporary folder with about 8.8 purchases per customer over two
years, sorted by date like a shop's own log. Imports count: the time is that of a script from its start to its result.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

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


def measure(code: str, path: Path) -> tuple[float, float, int] | str:
    """Seconds, peak resident memory [GB] and customers found by `code` in a process of its own, or what went wrong."""
    script = f"path = {str(path)!r}\n{code}\nprint(rows)"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        begin = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-c", script], stdout=out, stderr=errors, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - begin
        out.seek(0), errors.seek(0)
        if status:
            return (errors.read().strip().splitlines() or [f"exit status {process.returncode}"])[-1]
        return seconds, gigabytes(usage), int(out.read().split()[-1])


def gigabytes(usage: resource.struct_rusage) -> float:
    """Peak resident memory; macOS counts bytes, Linux kilobytes."""
    return usage.ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)


def describe() -> str:
    """The machine and the versions, in one paragraph."""
    names = ("numpy", "pandas", "pyarrow", "duckdb", "ibis-framework", *PEERS)
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    return f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}; {versions}"


def version(name: str) -> str:
    """The installed version of a package."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def row(name: str, lines: int, found: tuple[float, float, int] | str, ours: tuple[float, float, int] | str) -> str:
    """One line of the table; ratios are to clvmodels on the same file."""
    if isinstance(found, str):
        return f"{name:<16} {lines:>12,}  failed: {found}"
    ratios = "" if isinstance(ours, str) else f"{found[0] / ours[0]:>7.1f}x {found[1] / ours[1]:>7.1f}x"
    return f"{name:<16} {lines:>12,} {found[2]:>11,} {found[0]:>9.2f} {found[1]:>9.2f} {ratios}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=2_000_000)
    parser.add_argument("--peers", action="store_true", help="also measure lifetimes and pymc-marketing")
    options = parser.parse_args()
    print(describe())
    print(f"{'':<16} {'lines':>12} {'customers':>11} {'seconds':>9} {'peak GB':>9} {'time':>8} {'memory':>8}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.parquet"
        for customers in (*[size for size in GROWTH if size < options.customers], options.customers):
            lines = simulate(path, customers)
            ours = measure(OURS, path)
            print(row("clvmodels", lines, ours, ours), flush=True)
        for name, code in PEERS.items() if options.peers else ():
            print(row(name, lines, measure(code, path), ours), flush=True)


if __name__ == "__main__":
    main()
