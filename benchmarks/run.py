"""All benchmarks in one run, so that ratios compare like with like: python benchmarks/run.py (about eleven minutes)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> None:
    scripts = ("fits.py", "growth.py", "histories.py", "forecasts.py", "budget.py", "hillstrom.py", "policies.py")
    for name in scripts:
        options = ["--peers"] if name == "histories.py" else []
    for name, options in (
        ("fits.py", []),
        ("histories.py", ["--peers"]),
        ("forecasts.py", []),
        ("policies.py", []),
        ("contracts.py", []),
    ):
        subprocess.run([sys.executable, HERE / name, *options], check=True)


if __name__ == "__main__":
    main()
