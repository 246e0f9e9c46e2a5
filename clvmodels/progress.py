"""A progress bar for work that takes more than two seconds, and silence where nobody watches."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Protocol

PATIENCE = 2.0
"""Seconds before a bar appears."""


class Advance(Protocol):
    def __call__(self, steps: int = 1) -> None: ...


def watched() -> bool:
    """Whether somebody sees a bar: on a terminal, or in a notebook that has widgets."""
    return sys.stderr.isatty() or ("ipykernel" in sys.modules and find_spec("ipywidgets") is not None)


@contextmanager
def progress(description: str, *, total: int) -> Iterator[Advance]:
    """Yield a function to call after each step; a bar appears after two seconds on a terminal or in a notebook with widgets."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    seen = watched()
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    task = bar.add_task(description, total=total)
    start, shown = time.monotonic(), False

    def advance(steps: int = 1) -> None:
        nonlocal shown
        bar.advance(task, steps)
        if seen and not shown and time.monotonic() - start > PATIENCE:
            bar.start()
            shown = True

    try:
        yield advance
    finally:
        if shown:
            bar.stop()
