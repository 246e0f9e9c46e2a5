"""A log of occasions as policies are judged on it: what was done with which probability, and what followed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from clvmodels.data.tables import as_table, fetch
from clvmodels.errors import SHOWN, ContactError, missing_column, offenders
from clvmodels.response.cells import NONE, Codes, Floats
from clvmodels.response.labels import NOBODY, medium_codes

type OutcomeName = Literal["amount", "bought"]
type PolicyLike = Any
"""A label per row, the name of a medium, None for nobody, or a function from the frame to labels."""

AFTERWARDS = (
    "medium", "arm", "kind", "held_out", "probability", "bought", "amount", "cost", "responded", "own_stock", "other_stock",
)  # fmt: skip
"""Columns that are settled with or after the contact: neither policies nor predictions may see them."""
NO_FEATURES = (*AFTERWARDS, "customer_id", "date", "campaign", "segment", "month")


@dataclass(frozen=True, eq=False)
class PolicyLog:
    """Occasions with a known probability of what was done; arrays (n,).

    Attributes
    ----------
    frame
        What was known before the contact, a row per occasion.
    customer
        Code of the customer, the same whatever the order of the rows.
    media
        Names of the media that occur.
    medium
        Code of what was done, `NONE` for no contact.
    probability
        That it was done.
    reward
        Margin of the outcome less the cost [currency].
    features
        (n, q) standardised columns that predict the reward.
    left_out
        How many occasions had no probability.
    doubt
        Why nothing here is randomised; empty if it is.
    grades
        Evidence grades by medium, as far as known.
    """

    frame: pd.DataFrame = field(repr=False)
    customer: Codes
    media: tuple[str, ...]
    medium: Codes
    probability: Floats
    reward: Floats
    features: Floats
    left_out: int
    doubt: str
    grades: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.medium)

    def codes(self, name: str, policy: PolicyLike) -> Codes:
        """What a policy asks for on each occasion; labels per row are those of all rows of the caller's table."""
        labels = policy(self.frame) if callable(policy) else policy
        whole = len(self) + self.left_out
        if not callable(policy) and np.ndim(labels) == 1 and self.left_out:
            return medium_codes(labels, self.media, rows=whole, policy=name)[self.frame.index]
        return medium_codes(labels, self.media, rows=len(self), policy=name)


def policy_log(
    occasions: Any,
    *,
    outcome: OutcomeName,
    cost: float | Mapping[str, float] | None,
    margin: float,
    smallest_probability: float,
) -> PolicyLog:
    """Read occasions (an object with `.frame()`, or a table) and check them; `evaluate_policies` explains the rest."""
    table = _table(occasions)
    for name in ("customer_id", "medium", outcome):
        if name not in table:
            raise ContactError(missing_column(name, role="occasions", available=[str(c) for c in table]))
    whole = table["probability"].astype(float) if "probability" in table else pd.Series(np.nan, index=table.index)
    doubt = _doubt(table, whole)
    kept = table if doubt else table[whole.notna()]
    media = tuple(sorted({str(one) for one in kept["medium"].dropna().unique()} - {NOBODY}))
    medium = medium_codes(kept["medium"].to_numpy(), media, rows=len(kept), policy="what was done")
    probability = np.asarray(whole[kept.index], dtype=np.float64)
    if not doubt:
        _check_probabilities(kept, probability, smallest_probability)
    reward = margin * _numbers(kept, outcome) - _costs(kept, media, medium, cost)
    frame = kept.drop(columns=[name for name in AFTERWARDS if name in kept])
    return PolicyLog(
        frame, _customers(kept), media, medium, probability, reward, _features(frame), len(table) - len(kept), doubt,
        _grades(occasions),
    )  # fmt: skip


def _table(occasions: Any) -> pd.DataFrame:
    found = occasions.frame() if hasattr(occasions, "frame") else occasions
    frame = found if isinstance(found, pd.DataFrame) else fetch(as_table(found)).to_pandas()
    if not len(frame):
        raise ContactError("There are no occasions. Give a log with a row per customer and occasion.")
    return frame.reset_index(drop=True)


def _doubt(table: pd.DataFrame, probability: pd.Series[float]) -> str:
    """Why nothing was randomised, or an empty text."""
    if probability.isna().all():
        return "the log does not say with which probability anybody was contacted"
    known = table["medium"][probability.notna()]
    if (probability.dropna() == 1).all():
        return "nothing was left to chance: what was done on each occasion was certain"
    if len(known.unique()) == 1:
        return "the same was done on every occasion, so that there is nothing to compare"
    return ""


def _check_probabilities(table: pd.DataFrame, probability: Floats, smallest: float) -> None:
    for wrong, problem, remedy in (
        (~((probability > 0) & (probability <= 1)), "is not a probability above 0 and up to 1",
         "It is the probability of what was done on the occasion."),
        (probability < smallest, f"is below {smallest:g}",
         "A handful of such occasions would decide everything. Leave them out, or lower smallest_probability=."),
    ):  # fmt: skip
        if wrong.any():
            rows = table.index[wrong].tolist()
            raise ContactError(
                offenders(problem, column="probability", rows=rows, values=probability[wrong], remedy=remedy)
            )


def _numbers(table: pd.DataFrame, name: str) -> Floats:
    values = pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    wrong = ~np.isfinite(values)
    if wrong.any():
        rows, remedy = (
            table.index[wrong].tolist(),
            "Write 0 where nothing was bought, and leave out what was not observed.",
        )
        raise ContactError(
            offenders("is not a number", column=name, rows=rows, values=table[name][wrong], remedy=remedy)
        )
    return np.asarray(values)


def _costs(
    table: pd.DataFrame, media: tuple[str, ...], medium: Codes, cost: float | Mapping[str, float] | None
) -> Floats:
    """What the contact made cost, by the caller's word or by the column."""
    contacted = medium != NONE
    if cost is None:
        if "cost" not in table:
            raise ContactError("The occasions have no column 'cost'. Give cost= per contact or by medium, or cost=0.")
        filled = table.assign(cost=table["cost"].where(contacted, 0.0))
        return np.where(contacted, _numbers(filled, "cost"), 0.0)
    price = dict.fromkeys(media, cost) if not isinstance(cost, Mapping) else cost
    missing = [name for name in media if name not in price]
    if missing:
        raise ContactError(
            f"cost= has no entry for {', '.join(missing[:SHOWN])}. Give the cost of a contact by each medium."
        )
    each = np.array([*(float(price[name]) for name in media), 0.0])  # the last one is that of NONE
    return np.asarray(each[medium])


def _customers(table: pd.DataFrame) -> Codes:
    """Codes in the order of a hash of the ids: the same customer has the same place whatever the order of the rows."""
    ids = table["customer_id"]
    if ids.isna().any():
        raise ContactError(
            f"{int(ids.isna().sum()):,} occasions have no customer_id. Leave them out or name the customer."
        )
    mixed = pd.util.hash_array(ids.to_numpy(), categorize=False)
    return np.asarray(np.unique(mixed, return_inverse=True)[1], dtype=np.intp)


def _features(frame: pd.DataFrame) -> Floats:
    """Every column of numbers, and segment and month by their levels; standardised, missing values in the middle."""
    names = [str(name) for name in frame if name not in NO_FEATURES and pd.api.types.is_numeric_dtype(frame[name])]
    columns = [frame[name].to_numpy(dtype=float, na_value=np.nan) for name in names]
    for name in ("segment", "month"):
        if name in frame:
            columns += list(pd.get_dummies(frame[name].astype("string"), dtype=float).to_numpy().T)
    if not columns:
        return np.empty((len(frame), 0))
    return np.column_stack([_standardised(column) for column in columns])


def _standardised(column: Floats) -> Floats:
    known = np.isfinite(column)
    if not known.any():
        return np.zeros(len(column))
    centre, scale = column[known].mean(), column[known].std()
    flat = not scale > 1e-12 * (abs(centre) + 1e-300)
    return np.zeros(len(column)) if flat else np.where(known, (column - centre) / scale, 0.0)


def _grades(occasions: Any) -> dict[str, str]:
    table = getattr(occasions, "grades", None)
    if not isinstance(table, pd.DataFrame):
        return {}
    return dict(zip(table["medium"].astype(str), table["grade"].astype(str), strict=True))
