"""The rows of a contact log under canonical names and types, each with its fault if it cannot be used.

Nothing is dropped here: a row that contradicts itself carries the name of its first fault, and the values as they were
given stay beside it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clvmodels.data.facts import refuse_mixed_zones
from clvmodels.data.lines import Lines, as_number, finite, read_lines
from clvmodels.data.tables import fetch
from clvmodels.errors import SHOWN, ContactError, TransactionError, offenders

if TYPE_CHECKING:
    import ibis.expr.types as ir

YES, NO = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
NUMBERS = ("cost", "assignment_probability", "target_score")
TRUTHS = ("responded", "holdout")
TEXTS = ("campaign", "region")
ROLES = ("customer_id", "date", "medium", "amount", *NUMBERS, *TRUTHS, *TEXTS)


@dataclass(frozen=True)
class Fault:
    """What makes a row unusable: its name in the quality report, the column, what is wrong with it, what to do."""

    name: str
    role: str
    problem: str
    remedy: str


FAULTS = (
    Fault("without customer id", "customer_id", "is missing", "Give every contact its customer"),
    Fault("without medium", "medium", "is missing", "Give every contact its medium, such as 'e-mail'"),
    Fault("date unreadable", "date", "is not a date", "Write dates as 1997-09-30 (day and month are never guessed)"),
    Fault(
        "cost unusable", "cost", "is negative or no number", "A contact costs zero or more; leave it empty if unknown"
    ),
    Fault("amount unusable", "amount", "is not a finite number", "Correct the amounts; leave them empty if unknown"),
    Fault(
        "score unusable", "target_score", "is not a finite number", "Correct the scores; leave them empty if unknown"
    ),
    Fault(
        "probability outside (0, 1)",
        "assignment_probability",
        "is not between 0 and 1",
        "It is the probability, strictly between 0 and 1, of what was drawn for the row: contact, or none if held out",
    ),
    Fault("responded unreadable", "responded", "is neither true nor false", "Write true or false, or 1 or 0"),
    Fault("holdout unreadable", "holdout", "is neither true nor false", "Write true or false, or 1 or 0, in every row"),
    Fault(
        "response while held out",
        "responded",
        "is a reply by a customer who was held out",
        "Who was not contacted cannot reply: correct the holdout flag or the response",
    ),
)


@dataclass(frozen=True)
class ContactFacts:
    """Counts over all rows of a contact log; one with several faults counts under the first."""

    rows: int
    used: int
    faults: Mapping[str, int]
    held_out: int
    responded: int
    first: datetime.date | None
    last: datetime.date | None
    customers: int
    currency: tuple[str | None, str | None]  # smallest and largest
    without_currency: int
    offsets: tuple[str | None, str | None]  # smallest and largest


@contextlib.contextmanager
def contact_errors() -> Iterator[None]:
    """What is refused inside is a `ContactError`: the same reader serves purchases and contacts."""
    try:
        yield
    except TransactionError as error:
        raise ContactError(str(error)) from error


def read_contacts(
    source: object, *, roles: Mapping[str, str | None], none: str | None, currency: str | None, timezone: str | None
) -> Lines:
    """The canonical rows of `source`: a column for every role (null where not named), `held_out` and `fault`.

    Raises
    ------
    ContactError
        A named column is missing or of a type that cannot play its role, or the currency or time zone makes no sense.
    """
    with contact_errors():
        lines = read_lines(source, roles=roles, currency=currency, timezone=timezone)
    for role in (*NUMBERS, *TRUTHS):
        _check_kind(lines, role)
    table = lines.table
    columns = {role: _typed(lines, role) for role in ROLES if role not in ("customer_id", "date")}
    held: Any = columns["holdout"].fill_null(False)
    if none is not None:
        held = held | (columns["medium"] == none).fill_null(False)
        columns["medium"] = columns["medium"].nullif(none)
    typed = table.mutate(**columns, held_out=held)
    typed = typed.mutate(fault=_fault(dataclasses.replace(lines, table=typed), nobody=none is not None))
    return dataclasses.replace(lines, table=typed)


def _check_kind(lines: Lines, role: str) -> None:
    kind: Any = lines.as_given(role).type() if lines.has(role) else None
    if kind is not None and (kind.is_temporal() or kind.is_nested()):
        wanted = "numbers" if role in NUMBERS else "true and false"
        raise ContactError(
            f"'{lines.column(role)}' (asked for as {role}=) holds {kind}, not {wanted}. Name a column of {wanted}."
        )


def _typed(lines: Lines, role: str) -> Any:
    import ibis

    if not lines.has(role):
        kind = "float64" if role in ("amount", *NUMBERS) else "boolean" if role in TRUTHS else "string"
        return ibis.null(kind)
    column: Any = lines.table[role]
    if role in NUMBERS:
        number = as_number(column)
        return finite(number).ifelse(number, ibis.null("float64"))
    if role in TRUTHS:
        return _truth(column)
    if role == "amount":
        return finite(column).ifelse(column, ibis.null("float64"))
    text = column.cast("string").strip()
    return (text == "").ifelse(ibis.null("string"), text)


def _truth(column: Any) -> Any:
    """True, false, or null for anything else."""
    import ibis

    kind = column.type()
    if kind.is_boolean() or kind.is_null() or kind.is_unknown():
        return column.cast("boolean")
    if kind.is_string():
        text = column.strip().lower()
        yes, no = text.isin(YES), text.isin(NO)
    else:
        yes, no = column == 1, column == 0
    return ibis.cases((yes, True), (no, False), else_=ibis.null("boolean"))


def _present(column: Any) -> Any:
    """Whether the caller's table has a value: neither null, nor NaN, nor blank."""
    kind = column.type()
    if kind.is_floating():
        return column.notnull() & ~column.isnan()
    return column.notnull() & (column.strip() != "") if kind.is_string() else column.notnull()


def _fault(lines: Lines, *, nobody: bool) -> Any:
    """Name of the first fault of each row, null where there is none; `nobody` says that a medium may mean none."""
    import ibis

    table: Any = lines.table
    held, replied = table.held_out, table.responded.fill_null(False) | (table.amount.fill_null(0.0) != 0)
    wrong = {
        "without customer id": table.customer_id.isnull(),
        "without medium": table.medium.isnull() & ~held if nobody else table.medium.isnull(),
        "date unreadable": table.date.isnull(),
        "response while held out": held & replied,
    }
    for fault in FAULTS:
        if fault.name not in wrong and lines.has(fault.role):
            wrong[fault.name] = _unreadable(lines, fault.role)
    cases = [(wrong[fault.name], fault.name) for fault in FAULTS if fault.name in wrong]
    return ibis.cases(*cases, else_=ibis.null("string"))


def _unreadable(lines: Lines, role: str) -> Any:
    column: Any = lines.table[role]
    if role == "holdout":
        return column.isnull()
    unreadable = _present(lines.as_given(role)) & column.isnull()
    if role == "cost":
        return unreadable | (column < 0).fill_null(False)
    if role == "assignment_probability":
        return unreadable | ((column <= 0) | (column >= 1)).fill_null(False)
    return unreadable


def look_at_contacts(lines: Lines) -> ContactFacts:
    """The facts of a contact log, from one aggregate query."""
    table: Any = lines.table
    used = table.fault.isnull()
    sums: dict[str, Any] = {f"fault_{i}": (table.fault == fault.name).sum() for i, fault in enumerate(FAULTS)}
    sums |= {"rows": table.count(), "used": used.sum(), "held_out": (used & table.held_out).sum()}
    sums |= {"responded": (used & table.responded).sum(), "customers": table.customer_id.nunique(where=used)}
    sums |= {"first": table.date.min(where=used), "last": table.date.max(where=used)}
    if lines.has("currency"):
        sums["without_currency"] = (used & table.currency.isnull()).sum()
    for role in ("currency", "offset"):
        if role in table.columns:
            sums |= {f"low_{role}": table[role].min(where=used), f"high_{role}": table[role].max(where=used)}
    [found] = fetch(table.aggregate(**sums)).to_pylist()
    faults = {fault.name: int(found.pop(f"fault_{i}") or 0) for i, fault in enumerate(FAULTS)}
    pairs = {role: (found.pop(f"low_{role}", None), found.pop(f"high_{role}", None)) for role in ("currency", "offset")}
    dates = {name: found.pop(name) for name in ("first", "last")}
    counts = {"without_currency": 0} | {name: int(value or 0) for name, value in found.items()}
    return ContactFacts(faults=faults, currency=pairs["currency"], offsets=pairs["offset"], **dates, **counts)


def refuse_contacts(lines: Lines, facts: ContactFacts, *, strict: bool, zone_given: bool) -> None:
    """Raise a `ContactError` for what no result can be made from; with `strict` also for rows to be left out."""
    with contact_errors():
        refuse_mixed_zones(lines, facts.offsets, zone_given=zone_given)
    for fault in FAULTS if strict else ():
        if facts.faults[fault.name]:
            raise ContactError(_offenders(lines, fault, facts.faults[fault.name]))
    if facts.used == 0:
        raise ContactError(
            f"The contact log has no usable row among {facts.rows:,}. Check the source; contacts.quality() tells more."
        )
    low, high = facts.currency
    if lines.has("currency") and (low != high or facts.without_currency):
        raise ContactError(
            f"'{lines.column('currency')}' holds several currencies or none: from {low} to {high}, missing in "
            f"{facts.without_currency:,} rows. Convert costs and amounts to one currency, or filter the log to one of them."
        )
    _refuse_contradicting_probabilities(lines)


def _offenders(lines: Lines, fault: Fault, count: int) -> str:
    table: Any = lines.table.filter(lines.table.fault == fault.name)
    role = fault.role if lines.has(fault.role) else "amount"
    shown = table.select(
        customer=table.customer_id.cast("string"),
        date=table.date.cast("string"),
        value=table[lines.given[lines.names[role]]],
    )
    found = shown.order_by("customer", "date", "value").limit(SHOWN).to_pyarrow().to_pylist()
    rows = [f"customer {row['customer']}, {row['date']}" for row in found] + [""] * (count - len(found))
    return offenders(
        fault.problem,
        column=lines.column(role),
        rows=rows,
        values=[repr(row["value"]) for row in found],
        remedy=f"{fault.remedy}, or pass invalid='leave_out' to go on without them; contacts.quality() counts them.",
    )


def _refuse_contradicting_probabilities(lines: Lines) -> None:
    """Held-out and contacted customers of one drawing exclude each other: their probabilities cannot exceed 1 together."""
    if not (lines.has("holdout") and lines.has("assignment_probability")):
        return
    table: Any = lines.table.filter(lines.table.fault.isnull() & lines.table.medium.notnull())
    chance, held = table.assignment_probability, table.held_out
    facts = {"low": chance.min(where=~held), "high": chance.max(where=~held)}
    facts |= {"low_held": chance.min(where=held), "high_held": chance.max(where=held)}
    drawn = table.group_by("medium", "date", "campaign").aggregate(**facts, count=table.count())
    constant = (drawn.low == drawn.high) & (drawn.low_held == drawn.high_held)
    wrong = drawn.filter(constant & (drawn.high + drawn.high_held > 1 + 1e-9))
    found = wrong.order_by("medium", "date", "campaign").to_pyarrow().to_pylist()
    if found:
        rows = [f"{row['medium']}, {row['date']}" for row in found]
        values = [f"contacted {row['high']:g}, held out {row['high_held']:g}" for row in found]
        raise ContactError(
            offenders(
                "contradicts the holdout flag",
                column=lines.column("assignment_probability"),
                rows=rows,
                values=values,
                remedy="It is the probability of what was drawn: with a holdout of 5 %, 0.95 for the contacted and 0.05 "
                "for the held out.",
            )
        )


def canonical(lines: Lines) -> ir.Table:
    """The usable rows with their canonical columns alone."""
    table: Any = lines.table.filter(lines.table.fault.isnull())
    return table.select(
        "customer_id",
        "date",
        "medium",
        "held_out",
        "cost",
        "responded",
        "campaign",
        "region",
        attributed_amount=table.amount,
        probability=table.assignment_probability,
        score=table.target_score,
    )
