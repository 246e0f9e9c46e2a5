"""Media without anybody to compare the contacted with: a share of the attributed responses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from clvmodels.response.cells import NONE, Cells, Floats
from clvmodels.response.media import MediaResponse

PRIOR_CONTACTS = 10.0
"""What is known of a response rate before any contact counts as much as so many contacts answered at the baseline rate."""


class Replies(Protocol):
    """Contacts of which it is known whether there was a reply, and those with one."""

    @property
    def contacts(self) -> int: ...
    @property
    def responses(self) -> int: ...


def attributed_increments(
    cells: Cells, replies: Mapping[str, Replies], spec: MediaResponse, draws: int, rng: np.random.Generator
) -> dict[str, Floats]:
    """Draws of share x response rate of each attributed-only medium (draws,), the same for every customer.

    The rate is of attributed responses per contact; where replies are not recorded, of contacts followed by a purchase, which is
    the most that can be attributed.
    """
    found = {}
    for code, name in enumerate(cells.media):
        if cells.grades[name] == "attributed-only":
            responses, contacts = _counts(cells, code, replies.get(name))
            usual = _usual(cells)
            a = responses + PRIOR_CONTACTS * usual
            b = contacts - responses + PRIOR_CONTACTS * (1 - usual)
            found[name] = rng.beta(*spec.share(name), size=draws) * rng.beta(a, b, size=draws)
    return found


def _counts(cells: Cells, code: int, replies: Replies | None) -> tuple[float, float]:
    """Responses, and contacts that could have had one."""
    if replies is not None and replies.contacts:
        return float(replies.responses), float(replies.contacts)
    ours = cells.medium == code
    return float(cells.buyers[ours].sum()), float(cells.occasions[ours].sum())


def _usual(cells: Cells) -> float:
    """Rate of purchases without contact, or of all where there is nobody without."""
    none = cells.medium == NONE
    rows = none if none.any() else np.ones_like(none)
    return float((cells.buyers[rows].sum() + 0.5) / (cells.occasions[rows].sum() + 1))
