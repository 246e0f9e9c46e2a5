"""The evidence behind contacts in a model of purchases and dropout, as plans print it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from clvmodels.estimation.contact_effects import grades_of, no_effect
from clvmodels.value.valuation import bounds_of

if TYPE_CHECKING:
    from clvmodels.budget.rate_worth import RateWorth


@dataclass(frozen=True, eq=False)
class RateEvidence:
    """What is known of the media of a fit over time."""

    worth: RateWorth

    @property
    def media(self) -> tuple[str, ...]:
        return self.worth.model.media

    @property
    def exposure_media(self) -> tuple[str, ...]:
        return ()

    @property
    def no_effect(self) -> Mapping[str, float]:
        """Probability that a medium moves neither rate."""
        return no_effect(self.worth.fit)

    def grades(self) -> pd.DataFrame:
        """Evidence grade of each medium, the contacts behind it, and why."""
        return grades_of(self.worth.fit)

    def exposures(self, *, interval: float, value: float) -> pd.DataFrame:
        """None: mass media would be covariates of the model."""
        return pd.DataFrame(index=pd.Index([], name="medium"))

    def effects(self, *, interval: float, value: float, cost: Mapping[str, float]) -> pd.DataFrame:
        """What a contact today adds, averaged over the customers, as `MediaFit.effects`; increments are purchases.

        `net` is at present value; `break_even` says how many of the purchases must be bias for it to be zero.
        """
        grades, rows = self.grades(), {}
        for medium in self.media:
            added = self.worth.mean(medium, worth=False)
            gross = float(self.worth.mean(medium, worth=True).mean())
            (lower,), (upper,) = bounds_of(added[None, :], interval)
            increment, net, known = float(added.mean()), gross - cost[medium], grades.loc[medium]
            share = net / gross if gross > 0 and increment > 0 and known["grade"] != "randomised" else np.nan
            rows[medium] = {
                "contacts": known["contacts"], "increment": increment, "lower": lower, "upper": upper,
                "p_positive": float(np.mean(added > 0)), "grade": known["grade"], "net": net,
                "break_even": share * increment, "break_even_share": share, "reason": known["reason"],
            }  # fmt: skip
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("medium")
