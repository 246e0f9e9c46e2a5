"""Common shocks: what a calendar week does to everybody's purchase rate, weeks that nobody has seen yet included.

Shocks are normal about zero with a spread that is learnt. Weeks that the model was not fitted to, above all those to come, have
shocks of their own in every joint draw of the parameters, drawn from the spread of that draw. They follow from the draw itself:
from a key made of its known shocks, and the number of the week. So all customers share them, two plans that are compared under
the same draws do too, and neither the horizon nor the order in which anything is asked changes them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.covariates import seasons
from clvmodels.covariates.columns import identifiers
from clvmodels.covariates.formula import read
from clvmodels.errors import ModelError
from clvmodels.model import Array, Group, Parameter
from clvmodels.numerics.hashed import keys_of, normal_of
from clvmodels.priors import HalfNormal, Normal

type Whole = NDArray[np.int64]

TERM = seasons.WEEK
SPREAD = HalfNormal(0.3)
"""Prior of the standard deviation of the weekly shocks of the log purchase rate."""
FURTHEST = 520
"""Weeks after the last one seen for which shocks are drawn; later ones are what they are on average."""


class Rows(NamedTuple):
    """Parameters with the shocks of unseen weeks after them (m, k + f), and where the shock of each common row is (K,)."""

    theta: Array
    at: Whole


@dataclass(frozen=True, eq=False)
class Shocks:
    """The weeks that a model was fitted to, by their first days since 1970-01-01, sorted (W,)."""

    weeks: Whole

    @classmethod
    def between(cls, first: int, last: int) -> Shocks:
        """All weeks from one day to another."""
        begin, end = seasons.week_of(np.array([first, last]))
        return cls(np.arange(begin, end + 1, seasons.WEEK_DAYS))

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The spread of the shocks, then the shocks in spreads."""
        days = self.weeks.astype("datetime64[D]").astype(str)
        each = [
            Parameter(name, f"log purchase rate in the week from {day}, in spreads", Normal(0.0, 1.0), positive=False)
            for name, day in zip(identifiers(TERM, days), days, strict=True)
        ]
        return (Parameter(f"spread_{TERM}", "standard deviation of the weekly log purchase rate", SPREAD), *each)

    def group(self, size: int) -> Group:
        """Where they are among so many parameters: they come last."""
        begin = size - self.weeks.size
        return Group(begin - 1, tuple(range(begin, size)))

    def seen(self, weeks: Whole, size: int) -> Whole:
        """Where among so many parameters the shocks of weeks (K,) are; -1 for weeks that were not seen."""
        at = np.searchsorted(self.weeks, weeks).clip(max=self.weeks.size - 1)
        return np.where(self.weeks[at] == weeks, size - self.weeks.size + at, -1)

    def with_unseen(self, theta: Array, weeks: Whole, *, drawn: bool) -> Rows:
        """Parameters (m, k) with shocks for the weeks (K,) that were not seen.

        Drawn; or if the parameters are no draws, and for weeks too far away, half the square of the spread: then the rate is what
        it is on average over the shocks.
        """
        size = theta.shape[1]
        at = self.seen(weeks, size)
        average = theta[:, [size - self.weeks.size - 1]] / 2
        near = (weeks <= self.weeks[-1] + FURTHEST * seasons.WEEK_DAYS) & drawn
        unseen = np.unique(weeks[(at < 0) & near])
        known = theta[:, size - self.weeks.size :]
        more = normal_of(keys_of(known), unseen) if unseen.size else np.empty((len(theta), 0))
        place = size + np.where(near, np.searchsorted(unseen, weeks), unseen.size)
        return Rows(np.hstack([theta, more, average]), np.where(at < 0, place, at))

    def by_week(self, theta: Any, interval: float) -> pd.DataFrame:
        """What each week multiplies the purchase rate by: mean, lower, upper; theta holds draws (draws,)."""
        values = np.array([np.ravel(value) for value in theta])
        known = values[-self.weeks.size :]
        factors = np.exp(values[-self.weeks.size - 1] * known)
        lower, upper = np.quantile(factors, [(1 - interval) / 2, (1 + interval) / 2], axis=1)
        index = pd.DatetimeIndex(self.weeks.astype("datetime64[D]"), name=TERM)
        return pd.DataFrame({"mean": factors.mean(axis=1), "lower": lower, "upper": upper}, index=index)


def shocks_apart(formulas: Mapping[str, str], others: Collection[str]) -> tuple[dict[str, str], bool]:
    """Formulas without the term `week`, and whether that of purchases had it; unless another covariate has that name.

    Raises
    ------
    ModelError
        It is in dropout, or in a product or a function.
    """
    if TERM in others:
        return dict(formulas), False
    rest: dict[str, str] = {}
    found = False
    for role, formula in formulas.items():
        terms = [term for term in map(str, read(formula, role=role)) if term != "1"]
        used = [term for term in terms if re.search(rf"(?<!\w){TERM}(?!\w)", term)]
        if used and role == "dropout":
            raise ModelError(
                f"'{used[0]}' in dropout=: nobody sees in which week a customer leaves, so weekly shocks of leaving cannot be "
                f"told from those of buying. Write purchase='~ {TERM}'."
            )
        if used and used != [TERM]:
            raise ModelError(
                f"'{used[0]}' in {role}= uses the weekly shock in a product or function. It stands alone: write '+ {TERM}'."
            )
        found = found or bool(used)
        left = [term for term in terms if term not in used]
        if left:
            rest[role] = f"~ {' + '.join(left)}"
    return rest, found
