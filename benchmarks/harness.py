"""What the benchmarks share: a process of its own for every measurement, and one line about the machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

PACKAGES = ("numpy", "pandas", "numba", "duckdb", "ibis-framework", "pymc", "nutpie", "lifetimes", "pymc-marketing")


class Measured(NamedTuple):
    """A script's wall time and peak memory as a process, and the figures that it printed on its last line."""

    seconds: float
    gigabytes: float
    figures: list[float]


def measure(code: str) -> Measured | str:
    """Run `code` in a fresh interpreter; what went wrong, if it did."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        begin = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-c", code], stdout=out, stderr=errors, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - begin
        out.seek(0), errors.seek(0)
        if status:
            return (errors.read().strip().splitlines() or [f"exit status {process.returncode}"])[-1]
        return Measured(seconds, gigabytes(usage), [float(v) for v in out.read().strip().splitlines()[-1].split()])


def gigabytes(usage: resource.struct_rusage) -> float:
    """Peak resident memory; macOS counts bytes, Linux kilobytes."""
    return usage.ru_maxrss / (1e9 if sys.platform == "darwin" else 1e6)


def describe() -> str:
    """The machine and the versions, in one paragraph."""
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}; {versions}"


def version(name: str) -> str:
    """The installed version of a package."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def table(title: str, columns: list[str], rows: list[list[object]]) -> None:
    """Print rows under their columns, numbers to three digits."""
    cells = [[f"{v:.3g}" if isinstance(v, float) else str(v) for v in row] for row in rows]
    widths = [max(len(r[i]) for r in [columns, *cells]) for i in range(len(columns))]
    print(f"\n{title}")
    for row in [columns, *cells]:
        print(
            "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))),
            flush=True,
        )
