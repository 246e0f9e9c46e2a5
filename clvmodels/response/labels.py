"""Policies as people write them, a medium per row or nobody, as codes of media."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from clvmodels.errors import SHOWN, ContactError
from clvmodels.response.cells import NONE, Codes

NOBODY = "none"
"""Label of no contact, beside a missing value."""


def medium_codes(labels: Any, media: Sequence[str], *, rows: int, policy: str) -> Codes:
    """Codes of the media that a policy asks for.

    Parameters
    ----------
    labels
        The name of one medium for every row, None for nobody, or one label per row (rows,): a medium, or a missing value or
        "none" for no contact.
    media
        Names that there are.
    rows
        How many rows there are.
    policy
        What the policy is called in errors.

    Returns
    -------
    array (rows,) of indices into `media`, `NONE` where nobody is contacted

    Raises
    ------
    ContactError
        There is not one label per row, or a label is not among the media.

    Examples
    --------
    >>> medium_codes(["dm", None, "none"], ["email", "dm"], rows=3, policy="mine").tolist()
    [1, -1, -1]
    """
    import pandas as pd

    one_for_all = labels is None or isinstance(labels, str)
    found = pd.Series([labels] if one_for_all else np.asarray(labels, dtype=object), dtype=object)
    if not one_for_all and len(found) != rows:
        raise ContactError(
            f"Policy '{policy}' has {len(found):,} labels for {rows:,} rows. Give one medium per row, or None for nobody."
        )
    nobody = found.isna() | (found == NOBODY)
    codes = np.where(nobody, NONE, pd.Index(list(media)).get_indexer(pd.Index(found)))
    unknown = found[~nobody & (codes < 0)].unique()
    if len(unknown):
        shown = ", ".join(repr(one) for one in unknown[:SHOWN])
        raise ContactError(
            f"Policy '{policy}' asks for {shown}, which never occurs. The media are {', '.join(media)}; write None for nobody."
        )
    return np.asarray(np.repeat(codes, rows) if one_for_all else codes, dtype=np.intp)
