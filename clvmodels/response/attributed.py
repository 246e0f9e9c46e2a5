"""Media without anybody to compare the contacted with: a share of the attributed responses."""

from __future__ import annotations

import numpy as np

from clvmodels.response.cells import NONE, Cells, Floats
from clvmodels.response.media import MediaResponse

PRIOR_CONTACTS = 10.0
"""What is known of a response rate before any contact counts as much as so many contacts answered at the baseline rate."""


def attributed_increments(cells: Cells, spec: MediaResponse, draws: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Draws of share x response rate of each attributed-only medium (draws,), the same for every customer.

    The rate is of attributed responses per contact; where replies are not recorded, of contacts followed by a purchase, which is
    the most that can be attributed.
    """
    found = {}
    for code, name in enumerate(cells.media):
        if cells.grades.get(name) == "attributed-only":
            responses, contacts, usual = _counts(cells, code)
            a = responses + PRIOR_CONTACTS * usual
            b = contacts - responses + PRIOR_CONTACTS * (1 - usual)
            found[name] = rng.beta(*spec.share(name), size=draws) * rng.beta(a, b, size=draws)
    return found


def _counts(cells: Cells, code: int) -> tuple[float, float, float]:
    """Responses, contacts, and the rate of purchases without contact."""
    ours, none = cells.medium == code, cells.medium == NONE
    counted = cells.buyers if cells.responses is None else cells.responses
    baseline = (cells.buyers[none].sum() + 0.5) / (cells.occasions[none].sum() + 1)
    return float(counted[ours].sum()), float(cells.occasions[ours].sum()), float(baseline)
