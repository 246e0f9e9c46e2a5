"""Which actions a customer may be given: consent, caps and quiet periods take actions away."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.budget.actions import Action
from clvmodels.errors import ClvError, offenders
from clvmodels.units import Period, Span, as_span

type Mask = NDArray[np.bool_]


def allowed_actions(
    actions: Sequence[Action],
    customers: NDArray[np.generic],
    *,
    media: Sequence[str],
    since: NDArray[np.float64],
    consent: pd.DataFrame | None = None,
    caps: Mapping[str, int] | None = None,
    quiet: Mapping[str, Span | Period] | None = None,
) -> Mask:
    """Which customer may be given which action (n, actions + 1); doing nothing, the first, always.

    Parameters
    ----------
    customers
        Ids (n,).
    media
        Names of the media, the columns of `since`.
    since
        Time since the last contact by each medium [days], infinite without one (n, media).
    consent
        True where a customer may be contacted by a medium: rows by customer id (the index), one column per medium; a medium
        without a column may be used for everybody, a customer without a row may not be contacted by any medium in the table.
    caps
        The most contacts by a medium that one customer may be given.
    quiet
        The least time between two contacts by a medium, the last one of the log included.

    Raises
    ------
    ClvError
        A medium is not known, or consent holds something else than True and False.
    """
    for role, given in (("consent", list(consent) if consent is not None else []), ("caps", caps), ("quiet", quiet)):
        unknown = sorted(set(map(str, given or ())) - set(media))
        if unknown:
            raise ClvError(f"{role} names {', '.join(unknown)}, which is no medium. The media are {', '.join(media)}.")
    agreed = {str(medium): _agreed(consent, medium, customers) for medium in (() if consent is None else consent)}
    mask = np.ones((len(customers), len(actions) + 1), dtype=bool)
    for column, action in enumerate(actions, start=1):
        for medium in action.media:
            times = np.array([c.at.days for c in action.contacts if c.medium == medium])
            if caps and times.size > caps.get(medium, times.size):
                mask[:, column] = False
            if quiet and medium in quiet:
                least = as_span(quiet[medium], name="quiet").days
                calm = bool(np.all(np.diff(times) >= least))
                mask[:, column] &= calm & (since[:, media.index(medium)] + times[0] >= least)
            if medium in agreed:
                mask[:, column] &= agreed[medium]
    return mask


def _agreed(consent: pd.DataFrame | None, medium: Hashable, customers: NDArray[np.generic]) -> Mask:
    assert consent is not None
    if consent.index.has_duplicates:
        twice = list(consent.index[consent.index.duplicated()])
        raise ClvError(
            offenders("has several rows", column="consent", rows=twice, values=twice, remedy="Give each customer one.")
        )
    column = consent[medium]
    wrong = column[~column.isin([True, False])]
    if len(wrong):
        remedy = "Write True where the customer may be contacted, False where not."
        raise ClvError(
            offenders(
                "is neither True nor False", column=str(medium), rows=list(wrong.index), values=wrong, remedy=remedy
            )
        )
    found: Mask = column.astype(bool).reindex(pd.Index(customers), fill_value=False).to_numpy()
    return found
