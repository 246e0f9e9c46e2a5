"""Models over time as plain values and arrays, for files: the coding, the changes in the panel, and the contacts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import NDArray

from clvmodels.covariates.contact_terms import ContactTerms, Term
from clvmodels.covariates.design import Design
from clvmodels.covariates.time_design import TimeDesign
from clvmodels.covariates.time_model import TimeVarying
from clvmodels.data.contact_events import ContactEvents
from clvmodels.data.panel import Changes, Panel
from clvmodels.model import Model

CODED = ("common", "own", "mixed")
"""Of a design over time."""
PARTS = ("own", "common")
"""Of a panel."""
CHANGES = ("keys", "offset", "day", "row")
"""Arrays of changes, beside their columns."""
EVENTS = ("keys", "offset", "day", "medium", "count")
"""Arrays of contacts."""


def described_over_time(model: TimeVarying, described_design: Callable[[Design], dict[str, Any]]) -> dict[str, Any]:
    """What the header of a file keeps of a model over time; its arrays are in `arrays_over_time`."""
    designs = [
        {"role": one.role, "formula": one.formula, "crossed": list(one.crossed)}
        | {part: None if (found := getattr(one, part)) is None else described_design(found) for part in CODED}
        for one in model.designs
    ]
    return {
        "over_time": model.base.name, "designs": designs, "ridge": model.ridge, "origin": model.origin,
        "until": model.until, "panel": None if model.panel is None else _described_panel(model.panel),
        "contacts": None if model.contacts is None else _described_contacts(model.contacts),
    }  # fmt: skip


def restored_over_time(
    kept: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    named: Callable[[str], Model],
    design: Callable[[Mapping[str, Any]], Design],
) -> TimeVarying:
    """The model of a description and its arrays."""
    designs = []
    for one in kept["designs"]:
        coded = {part: None if one[part] is None else design(one[part]) for part in CODED}
        designs.append(TimeDesign(one["role"], one["formula"], crossed=tuple(one["crossed"]), **coded))
    panel = None if kept["panel"] is None else _panel(kept["panel"], arrays)
    contacts = None if kept["contacts"] is None else _contacts(kept["contacts"], arrays)
    base: Any = named(kept["over_time"])
    return TimeVarying(base, tuple(designs), panel, contacts, kept["ridge"], kept["origin"], kept["until"])


def arrays_over_time(model: TimeVarying) -> dict[str, NDArray[Any]]:
    """The arrays of a model over time by name: of each part of the panel its changes and distinct values; the contacts."""
    found: dict[str, NDArray[Any]] = {}
    for part in PARTS if model.panel is not None else ():
        changes: Changes | None = getattr(model.panel, part)
        if changes is not None:
            found |= {f"panel {part} {name}": getattr(changes, name) for name in CHANGES}
            found |= {f"panel {part} column {name}": column for name, column in changes.columns.items()}
    if model.contacts is not None:
        found |= {f"contacts {name}": getattr(model.contacts.events, name) for name in EVENTS}
    return found


def _described_panel(panel: Panel) -> dict[str, Any]:
    columns = {part: changes and list(changes.columns) for part, changes in ((p, getattr(panel, p)) for p in PARTS)}
    return {"open": panel.open, **columns}


def _panel(kept: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Panel:
    made = {part: None if kept[part] is None else _changes(part, kept[part], arrays) for part in PARTS}
    return Panel.of(**made, open=kept["open"])


def _changes(part: str, columns: list[str], arrays: Mapping[str, NDArray[Any]]) -> Changes:
    of = f"panel {part}"
    found = {name: arrays[f"{of} {name}"] for name in CHANGES}
    return Changes(**found, columns={name: arrays[f"{of} column {name}"] for name in columns})


def _described_contacts(terms: ContactTerms) -> dict[str, Any]:
    return {
        "media": list(terms.media), "purchase": [list(one) for one in terms.purchase],
        "dropout": [list(one) for one in terms.dropout], "saturation": terms.saturation,
        "planned": [list(one) for one in terms.planned],
    }  # fmt: skip


def _contacts(kept: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> ContactTerms:
    events = ContactEvents(**{name: arrays[f"contacts {name}"] for name in EVENTS}, media=tuple(kept["media"]))
    purchase, dropout = (tuple(Term(*one) for one in kept[role]) for role in ("purchase", "dropout"))
    planned = tuple((medium, days) for medium, days in kept["planned"])
    return ContactTerms(events, purchase, dropout, kept["saturation"], planned)
