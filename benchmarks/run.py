"""All benchmarks in one run, so that ratios compare like with like: python benchmarks/run.py (about half an hour)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
SCRIPTS = (
    "fits.py", "growth.py", "histories.py", "forecasts.py", "contacts.py", "hillstrom.py", "budget.py", "policies.py",
    "contracts.py", "time_varying.py",
)  # fmt: skip


def main() -> None:
    for name in SCRIPTS:
        options = ["--peers"] if name == "histories.py" else []
        subprocess.run([sys.executable, HERE / name, *options], check=True)


if __name__ == "__main__":
    main()
