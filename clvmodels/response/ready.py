"""A ready table of an experiment as occasions: one row per customer with what was assigned and what followed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clvmodels.data.contact_lines import contact_errors
from clvmodels.data.lines import as_number, finite
from clvmodels.data.tables import as_table, fetch, kept
from clvmodels.errors import SHOWN, ContactError, missing_column, offenders
from clvmodels.response.assemble import COLUMNS
from clvmodels.response.fates import CONTACT, HELD_OUT
from clvmodels.response.past import EVERYBODY

NUMBERS = ("bought", "amount", "probability", "cost", "score")


def ready_occasions(
    frame: object,
    *,
    none: str,
    columns: dict[str, str | None],
    features: Sequence[str],
    probability: str | float | None,
) -> Any:
    """Ibis table of occasions with the columns of `assemble`.

    Parameters
    ----------
    frame
        Any table.
    none
        Value of the medium that means no contact.
    columns
        By role ("medium", "bought", "amount", "segment", "month", "customer", "date", "cost", "responded", "score",
        "campaign"), the caller's column or None.
    features
        Columns of numbers.
    probability
        Column with the probability of what was assigned, or the one probability of all rows.

    Raises
    ------
    ContactError
        A column is missing, or holds what cannot be used.
    """
    import ibis

    with contact_errors():
        table: Any = as_table(frame)
    named = {role: name for role, name in columns.items() if name is not None}
    if isinstance(probability, str):
        named["probability"] = probability
    for role, name in [*named.items(), *(("features", name) for name in features)]:
        if name not in table.columns:
            raise ContactError(missing_column(name, role=role, available=table.columns))
    clash = sorted(set(features) & {*COLUMNS, "bought", "amount", "month", "date", "arm", "kind"})
    if clash:
        raise ContactError(f"features= names '{clash[0]}', which is a column of occasions. Rename the column.")
    table = table.mutate(row_number_=ibis.row_number())
    found = {role: _column(table, named.get(role), role) for role in NUMBERS}
    if isinstance(probability, int | float):
        found["probability"] = ibis.literal(float(probability))
    text = {
        role: table[named[role]].cast("string") if role in named else ibis.null("string")
        for role in ("medium", "campaign")
    }
    medium = text["medium"].strip()
    held = medium == none
    made = table.select(
        customer_id=table[named["customer"]] if "customer" in named else table.row_number_,
        date=table[named["date"]].cast("date") if "date" in named else ibis.null("date"),
        assigned=medium,
        medium=held.ifelse(ibis.null("string"), medium),
        arm=held.ifelse(ibis.null("string"), medium),
        kind=held.ifelse(HELD_OUT, CONTACT),
        campaign=text["campaign"],
        segment=table[named["segment"]].cast("string").fill_null("none")
        if "segment" in named
        else ibis.literal(EVERYBODY),
        month=_month(table, named),
        responded=table[named["responded"]].cast("boolean") if "responded" in named else ibis.null("boolean"),
        attributed_amount=ibis.null("float64"),
        own_stock=ibis.literal(0.0),
        other_stock=ibis.literal(0.0),
        purchase_rate=ibis.literal(0.0),
        **found,
        **{name: _column(table, name, "features") for name in features},
    )
    _refuse(made, named, features, none)
    made = made.mutate(bought=made.bought.cast("int8"))
    return kept(made.drop("assigned"))


def _month(table: Any, named: dict[str, str]) -> Any:
    import ibis

    if "month" in named:
        column = table[named["month"]]
        return column.cast("string").lpad(2, "0")
    return table[named["date"]].cast("date").strftime("%m") if "date" in named else ibis.literal(EVERYBODY)


def _column(table: Any, name: str | None, role: str) -> Any:
    """A column of floats, null where it is missing or no finite number; null throughout where it is not named."""
    import ibis

    if name is None:
        return ibis.null("float64") if role != "amount" else ibis.literal(float("nan"))
    kind = table[name].type()
    if kind.is_null() or kind.is_unknown():
        return ibis.null("float64")
    if not (kind.is_numeric() or kind.is_boolean() or kind.is_string()):
        raise ContactError(f"'{name}' (asked for as {role}=) holds {kind}, not numbers. Name a column of numbers.")
    number = as_number(table[name])
    return finite(number).ifelse(number, ibis.null("float64"))


def _refuse(made: Any, named: dict[str, str], features: Sequence[str], none: str) -> None:
    wrong = {
        "medium": (
            made.assigned.isnull() | (made.assigned == ""),
            "is missing",
            f"Write '{none}' where nobody was contacted",
        )
    }
    wrong["bought"] = (
        ~made.bought.isin((0.0, 1.0)).fill_null(False),
        "is neither 0 nor 1",
        "Say whether the customer bought",
    )
    if "amount" in named:
        wrong["amount"] = (made.amount.isnull(), "is not a finite number", "Write 0 where nothing was bought")
    if "cost" in named:
        wrong["cost"] = ((made.cost < 0).fill_null(False), "is negative", "A contact costs zero or more")
    outside = ((made.probability <= 0) | (made.probability >= 1)).fill_null(False)
    wrong["probability"] = (outside, "is not between 0 and 1", "It is the probability of what was assigned to the row")
    wrong |= {
        name: (made[name].isnull(), "is not a finite number", "Correct or fill the feature, or leave it out")
        for name in features
    }
    counts = {f"wrong{i}": bad.sum() for i, (bad, _, _) in enumerate(wrong.values())}
    facts = {"rows": made.count(), "none": (made.kind == HELD_OUT).sum(), "sent": (made.kind == CONTACT).sum()}
    [found] = fetch(made.aggregate(**counts, **facts)).to_pylist()
    for i, (name, (bad, problem, remedy)) in enumerate(wrong.items()):
        if found[f"wrong{i}"]:
            value = "assigned" if name == "medium" else name
            bad_rows = (
                made.filter(bad)
                .select(who=made.customer_id.cast("string"), value=made[value])
                .order_by("who")
                .limit(SHOWN)
            )
            shown = bad_rows.to_pyarrow().to_pylist()
            rows = [f"row of {row['who']}" for row in shown] + [""] * (int(found[f"wrong{i}"]) - len(shown))
            column = named.get(name, name)
            raise ContactError(
                offenders(
                    problem, column=column, rows=rows, values=[row["value"] for row in shown], remedy=f"{remedy}."
                )
            )
    if not found["none"] or not found["sent"]:
        lacking = f"no row where the medium is '{none}'" if not found["none"] else f"nothing but '{none}'"
        raise ContactError(
            f"'{named['medium']}' has {lacking}, so there is no {'baseline' if not found['none'] else 'contact'}. "
            "Name the value that means no contact as none=."
        )
