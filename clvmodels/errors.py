"""Errors, each built from facts and each ending with what to do.

All of them are `ClvError`, so one `except` catches whatever the package refuses. The helpers here put the facts
into words once: how many rows offend, which come first, what they look like.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

SHOWN = 5


class ClvError(ValueError):
    """Something the package refuses to do; the message ends with the remedy."""


class TransactionError(ClvError):
    """A transaction log that cannot be read as one: a missing column, rows without a usable date or amount."""


class HistoryError(ClvError):
    """Customer histories that contradict themselves, such as a last purchase after the end of observation."""


class UnitError(ClvError):
    """A number whose unit is missing or is the wrong one: a horizon without weeks, a rate without its period."""


class ModelError(ClvError):
    """A model asked for what it does not have, or parameters outside its support."""


class ConvergenceError(ClvError):
    """A fit that did not settle; nothing half-made is returned."""


class ContactError(ClvError):
    """A contact log that cannot be read as one, or that contradicts the transaction log."""


class ContractError(ClvError):
    """A table of contracts that cannot be read as one: an end before its start, contracts of one customer that overlap."""


class InfeasiblePlan(ClvError):
    """Constraints that no plan satisfies; the message names those that clash and the smallest relaxation.

    Parameters
    ----------
    clash
        Names of the constraints that cannot hold together.
    relaxations
        By how much a constraint has to be relaxed, in its own measure, for a plan to exist: each alone is enough, the smallest
        first; if `together`, none alone is enough and all of them are needed.
    """

    def __init__(
        self,
        message: str,
        *,
        clash: Sequence[str] = (),
        relaxations: Mapping[str, float] | None = None,
        together: bool = False,
    ) -> None:
        super().__init__(message)
        self.clash = tuple(clash)
        self.relaxations = dict(relaxations or {})
        self.together = together


class SavedFitError(ClvError):
    """A file that is not a saved fit, is damaged, or was written by a later version of the format."""


def offenders(problem: str, *, column: str, rows: Sequence[object], values: Iterable[object], remedy: str) -> str:
    """One sentence naming the column, how many rows offend, the first of them with their values, and the remedy.

    Examples
    --------
    >>> offenders("is after T", column="recency", rows=["C1", "C9"], values=[9.0, 7.5], remedy="Check the units.")
    "'recency' is after T in 2 rows: C1 (9.0), C9 (7.5). Check the units."
    """
    shown = ", ".join(f"{row} ({value})" for row, value in zip(rows[:SHOWN], values, strict=False))
    more = f" and {len(rows) - SHOWN:,} more" if len(rows) > SHOWN else ""
    noun = "row" if len(rows) == 1 else "rows"
    return f"'{column}' {problem} in {len(rows):,} {noun}: {shown}{more}. {remedy}"


def missing_column(column: str, *, role: str, available: Iterable[str], remedy: str = "") -> str:
    """Say that a column is not there, what was to be found in it and which columns there are.

    Examples
    --------
    >>> missing_column("cust", role="customer", available=["customer_id", "date"])
    "There is no column 'cust' (asked for as customer=). The columns are: customer_id, date."
    """
    text = f"There is no column '{column}' (asked for as {role}=). The columns are: {', '.join(available)}."
    return f"{text} {remedy}".strip()
