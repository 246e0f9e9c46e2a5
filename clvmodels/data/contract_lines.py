"""The rows of a table of contracts under canonical names and types, each with its fault if it cannot be used.

Days are made by the database; the rest is done in memory, since contracts are as many as customers, not as purchases.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.data.days import as_date, check_zone, day
from clvmodels.data.lines import as_number, identity
from clvmodels.data.tables import as_table, fetch, own_zone
from clvmodels.errors import ContractError, TransactionError, missing_column

if TYPE_CHECKING:
    import pandas as pd

DATES = ("start", "end", "observed_from", "observed_until")
NUMBERS = ("tenure", "entry", "price", "margin")
TEXTS = ("status", "reason", "segment", "currency")
RUNNING = ("active", "in force", "inforce", "open", "running", "current", "ongoing", "live", "renewed")
"""Words of a status that mean a running contract, in small letters with blanks."""
YES, NO = ("true", "t", "yes", "y", "1", "1.0"), ("false", "f", "no", "n", "0", "0.0")


@dataclass(frozen=True)
class Fault:
    """What makes a row unusable: its name in the quality report, the column, what is wrong with it, what to do."""

    name: str
    role: str
    problem: str
    remedy: str


FAULTS = (
    Fault("without customer id", "customer_id", "is missing", "Give every contract its customer"),
    Fault("start unreadable", "start", "is not a date", "Write dates as 1997-09-30 (day and month are never guessed)"),
    Fault("end unreadable", "end", "is not a date", "Write dates as 1997-09-30, and leave the end of a running contract empty"),
    Fault("observed from unreadable", "observed_from", "is not a date", "Write dates as 1997-09-30"),
    Fault("observed until unreadable", "observed_until", "is not a date", "Write dates as 1997-09-30 in every row"),
    Fault("tenure unusable", "tenure", "is not a time of zero or more", "Correct the tenures"),
    Fault("entry unusable", "entry", "is not a time of zero or more", "Write the tenure at which observation began; 0 is usual"),
    Fault("event unreadable", "event", "is neither true nor false", "Write 1 where the customer left, 0 where not"),
    Fault("price unusable", "price", "is not a finite number", "Correct the prices; leave them empty if unknown"),
    Fault("margin unusable", "margin", "is not a finite number", "Correct the margins; leave them empty if unknown"),
    Fault("status missing", "status", "is missing", "Give every contract its status"),
    Fault("end not after start", "end", "is not after the start", "Correct the dates; a contract of no day is none"),
    Fault("start after observation", "start", "is after the observation date", "Give a later observed_until=, or leave it out"),
    Fault(
        "end after observation", "end", "is after the observation date", "What has not ended then has no end yet: leave it "
        "empty, say so in status=, or give a later observed_until="
    ),
    Fault("running but ended", "status", "means running, but the contract has ended", "Correct the end, or name the statuses "
        "of running contracts as active="),
    Fault("ended without end", "status", "means ended, but there is no end", "Give the end, or name the statuses of running "
        "contracts as active="),
    Fault("never under observation", "observed_from", "is not before the end of the contract or of observation", "Who left "
        "before observation began was not seen: leave her out"),
    Fault("left before seen", "tenure", "is not after the entry though the customer left", "Who left before observation began "
        "was not seen: leave her out"),
    Fault("duplicated", "customer_id", "has the same contract twice", "Keep each contract once"),
    Fault("overlapping", "start", "is before the end of the customer's contract before", "Correct the dates; if a customer may "
        "hold several contracts at once, name the contract's id as customer="),
)  # fmt: skip


@dataclass(frozen=True)
class ContractRows:
    """Canonical rows.

    Attributes
    ----------
    frame
        customer_id; start, end, observed_from, observed_until (days); ended; and what else is named; `given_` + role is the value
        as given, for messages. Covariates are under `covariate_` + name.
    names
        Role -> the caller's column.
    fault
        Index in FAULTS of each row's first fault, -1 where there is none (n,).
    """

    frame: pd.DataFrame
    names: Mapping[str, str]
    covariates: tuple[str, ...]
    currency: str | None
    fault: NDArray[np.int64]


@contextlib.contextmanager
def contract_errors() -> Iterator[None]:
    """What is refused inside is a `ContractError`: the same reader serves purchases."""
    try:
        yield
    except TransactionError as error:
        raise ContractError(str(error)) from error


def read_contract_rows(
    source: object,
    *,
    roles: Mapping[str, str | None],
    bounds: Mapping[str, str | datetime.date | None],
    covariates: Sequence[str],
    active: Sequence[str] | None,
    currency: str | None,
    timezone: str | None,
) -> ContractRows:
    """The rows of `source`; `bounds` are observed_from and observed_until, each a column or one date for all.

    Raises
    ------
    ContractError
        A column is missing or of a type that cannot play its role.
    """
    with contract_errors():
        table = as_table(source)
        names = {role: name for role, name in roles.items() if name is not None}
        fixed = {}
        for role, value in bounds.items():
            if isinstance(value, str) and value in table.columns:
                names[role] = value
            elif value is not None:
                fixed[role] = as_date(value, name=role)
        label = currency
        if currency in table.columns:
            names["currency"], label = str(currency), None
        for role, name in [*names.items(), *(("covariates", name) for name in covariates)]:
            if name not in table.columns:
                raise ContractError(
                    missing_column(name, role="customer" if role == "customer_id" else role, available=table.columns)
                )
        zone = check_zone(timezone)
        columns = {role: _canonical(source, table, name, role, zone) for role, name in names.items()}
        columns |= {f"given_{role}": table[name].cast("string") for role, name in names.items()}
        columns |= {f"covariate_{name}": table[name] for name in covariates}
        frame = fetch(table.select(**columns)).to_pandas()
    for role in (*DATES, *(role for role in fixed if role not in names)):
        if role in fixed:
            frame[role] = fixed[role]
        if role in frame:
            frame[role] = frame[role].astype("datetime64[s]")
    frame = _ended(frame, names, active)
    rows = ContractRows(frame, names, tuple(covariates), label, np.full(len(frame), -1))
    return _with_faults(rows)


def _canonical(source: object, table: Any, name: str, role: str, zone: str | None) -> Any:
    column = table[name]
    if column.type().is_unknown():  # a column without any value
        column = column.cast("string")
    kind = column.type()
    if role in DATES:
        if not (kind.is_date() or kind.is_timestamp() or kind.is_string() or kind.is_numeric() or kind.is_null()):
            raise ContractError(f"'{name}' (asked for as {role}=) holds {kind}, not dates. Name a column of dates.")
        if zone is None and kind.is_timestamp() and kind.timezone is not None:
            zone = own_zone(source, name) or "UTC"
        return column.cast("date") if kind.is_null() else day(column, zone=zone, backend=table.get_backend().name)
    if role in NUMBERS:
        if not (kind.is_numeric() or kind.is_string() or kind.is_null()):
            raise ContractError(f"'{name}' (asked for as {role}=) holds {kind}, not numbers. Name a column of numbers.")
        return as_number(column)
    if role == "customer_id":
        return identity(column)
    return column.cast("string") if role in (*TEXTS, "event") else column


def _ended(frame: pd.DataFrame, names: Mapping[str, str], active: Sequence[str] | None) -> pd.DataFrame:
    """With `ended`, whether the customer left, and `says_running`, what a status says of it."""
    if "event" in names:
        text = frame["event"].str.strip().str.lower()
        frame["readable"] = text.isin(YES + NO)
        frame["ended"] = text.isin(YES)
    else:
        frame["ended"] = frame["end"].notna()
    if "status" in names:
        text = frame["status"].str.strip()
        running = (
            text.isin(list(active)) if active is not None else text.str.lower().str.replace("_", " ").isin(RUNNING)
        )
        frame["status"], frame["says_running"] = text.where(text != ""), running
        if "event" not in names:
            frame["ended"] &= ~running
    return frame


def _with_faults(rows: ContractRows) -> ContractRows:
    wrong = _wrong(rows.frame, rows.names)
    fault = np.full(len(rows.frame), -1)
    for index, one in enumerate(FAULTS):
        if one.name in wrong:
            fault = np.where((fault < 0) & wrong[one.name].to_numpy(dtype=bool), index, fault)
    if "start" in rows.names:
        fault = _against_each_other(rows.frame, fault)
    return ContractRows(rows.frame, rows.names, rows.covariates, rows.currency, fault)


def _wrong(frame: pd.DataFrame, names: Mapping[str, str]) -> dict[str, Any]:
    """By fault, the rows that have it by themselves."""
    wrong: dict[str, Any] = {"without customer id": frame["customer_id"].isna()}
    for role, name in (("price", "price unusable"), ("margin", "margin unusable")):
        if role in names:
            wrong[name] = ~np.isfinite(frame[role]) & _present(frame[f"given_{role}"])
    if "status" in names:
        wrong["status missing"] = frame["status"].isna()
    return wrong | (_wrong_dates(frame, names) if "start" in names else _wrong_tenures(frame, names))


def _wrong_dates(frame: pd.DataFrame, names: Mapping[str, str]) -> dict[str, Any]:
    start, end, until = frame["start"], frame["end"], frame["observed_until"]
    ended = frame["ended"]
    wrong: dict[str, Any] = {
        "start unreadable": start.isna(),
        "observed until unreadable": until.isna(),
        "end unreadable": end.isna() & _present(frame["given_end"]),
        "end not after start": end.notna() & (end <= start),
        "start after observation": start > until,
        "end after observation": ended & (end > until),
    }
    if "says_running" in frame:
        running = frame["says_running"]
        wrong["running but ended"] = running & end.notna() & (end < until)
        wrong["ended without end"] = ~running & end.isna()
    if "observed_from" in frame:
        begin = frame["observed_from"]
        if "observed_from" in names:
            wrong["observed from unreadable"] = begin.isna() & _present(frame["given_observed_from"])
        wrong["never under observation"] = (begin > until) | (ended & (begin >= end))
    return wrong


def _wrong_tenures(frame: pd.DataFrame, names: Mapping[str, str]) -> dict[str, Any]:
    tenure = frame["tenure"]
    entry = frame["entry"] if "entry" in names else 0.0 * tenure
    wrong: dict[str, Any] = {
        "tenure unusable": ~np.isfinite(tenure) | (tenure < 0),
        "event unreadable": ~frame["readable"],
        "left before seen": (entry > tenure) | (frame["ended"] & (entry >= tenure)),
    }
    if "entry" in names:
        wrong["entry unusable"] = ~np.isfinite(entry) | (entry < 0)
    return wrong


def _against_each_other(frame: pd.DataFrame, fault: NDArray[np.int64]) -> NDArray[np.int64]:
    """Mark contracts that are there twice, and those that begin before the customer's contract before has ended."""
    good = frame[fault < 0]
    until = good["end"].fillna(np.datetime64("9999-12-31", "s"))
    keys = good.assign(until=until)[["customer_id", "start", "until"]]
    twice = keys.duplicated()
    index = {one.name: i for i, one in enumerate(FAULTS)}
    fault = fault.copy()
    fault[good.index[twice]] = index["duplicated"]
    ordered = keys[~twice].sort_values(["customer_id", "start", "until"], kind="stable")
    before = ordered.groupby("customer_id", sort=False)["until"].cummax().shift()
    same = ordered["customer_id"].eq(ordered["customer_id"].shift())
    fault[ordered.index[(same & (ordered["start"] < before)).to_numpy()]] = index["overlapping"]
    return fault


def _present(given: Any) -> Any:
    """Whether the caller's table has a value: neither null nor blank."""
    return given.notna() & (given.str.strip().fillna("") != "") & (given.str.lower() != "nan")
