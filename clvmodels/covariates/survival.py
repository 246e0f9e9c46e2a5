"""`survival`: how long customers stay, by tenure, covariates and segment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from clvmodels.covariates.columns import levels
from clvmodels.covariates.design import Design
from clvmodels.covariates.survival_model import SurvivalModel
from clvmodels.data.tenure import whole
from clvmodels.data.tenures import Tenures
from clvmodels.duration.survival_baselines import Baseline, baseline_named
from clvmodels.errors import ClvError, ContractError, ModelError
from clvmodels.history import covariates_of
from clvmodels.model import Array
from clvmodels.units import Period, Span, as_span

type BaselineName = Literal["weibull", "exponential", "lognormal", "loglogistic", "gompertz", "piecewise", "discrete"]
type Known = Literal["auto", "exactly", "by period"]
PIECES = 12
"""Pieces of a piecewise hazard, with about equally many leaving in each."""


@dataclass(frozen=True)
class Survival:
    """A survival model before it meets customers; made by `survival(...)`."""

    baseline: Baseline
    formula: str | None
    frailty: str | None
    cure: bool
    of_never: str | None
    known: Known
    breaks: tuple[Span, ...] | None

    hierarchical = False

    @property
    def name(self) -> str:
        said = [] if self.formula is None else [self.formula]
        said += ["with a share that never leaves" + (f" {self.of_never}" if self.of_never else "")] if self.cure else []
        said += [f"with frailty by {self.frailty}"] if self.frailty else []
        return " ".join([f"survival {self.baseline.name}", *said])

    def on(self, tenures: Tenures, /) -> SurvivalModel:
        """The model with the coding, segments and pieces that these customers need."""
        if not isinstance(tenures, Tenures):
            raise ClvError(
                f"{self.name} reads tenures, not {type(tenures).__name__}. Give contracts.tenures(period=...)."
            )
        if self.cure and tenures.contract is not None:
            raise ContractError(
                "A share that never leaves cannot be told row by row where a contract has several. Give "
                "contracts.tenures(period=...) without varying=True, or leave out cure=."
            )
        by_period = self.baseline.whole or (
            self.known == "by period" or (self.known == "auto" and whole(tenures.exit) and whole(tenures.entry))
        )
        segments = _segments(self.frailty, tenures) if self.frailty else ()
        known: Any = tenures
        return SurvivalModel(
            baseline=self.baseline,
            period=tenures.period,
            breaks=self._breaks(tenures),
            design=None if self.formula is None else Design.learn(self.formula, self.baseline.moves, known),
            never=None if self.of_never is None else Design.learn(self.of_never, "never", known),
            cure=self.cure,
            by=self.frailty,
            segments=segments,
            by_period=by_period,
        )

    def _breaks(self, tenures: Tenures) -> Array:
        if not self.baseline.pieces:
            return np.zeros(0)
        if self.baseline.whole:
            return np.arange(max(1.0, float(np.ceil(tenures.exit.max()))))
        if self.breaks is not None:
            return np.array([0.0, *(one.per(tenures.period) for one in self.breaks)])
        left = tenures.exit[tenures.event == 1]
        cuts = np.quantile(left, np.linspace(0, 1, PIECES + 1)[1:-1]) if left.size else np.zeros(0)
        return np.unique(np.append(0.0, cuts))

    def __repr__(self) -> str:
        return self.name


def survival(
    baseline: BaselineName = "weibull",
    *,
    formula: str | None = None,
    frailty: str | None = None,
    cure: bool | str = False,
    leaving_known: Known = "auto",
    breaks: Sequence[Span | Period] | None = None,
) -> Survival:
    """A survival model of contracts: how long customers stay, what moves it, and how sure that is.

    Likelihood: right-censored, late entries counted from their entry on, several rows per contract with covariates of their own
    (`contracts.tenures(varying=True)`): the hazard at a time is that of a customer who had the row's covariates all along.

    Parameters
    ----------
    baseline
        How the hazard of leaving runs over tenure:

        - "exponential": constant; "weibull": a power of tenure; "gompertz": grows or falls exponentially.
        - "piecewise": constant within pieces, a random walk from one to the next whose scale is learnt.
        - "discrete": contracts renewed period by period; the hazard of each period is free but for the same walk; complementary
          log-log link, so that effects are those of proportional hazards.
        - "lognormal", "loglogistic": the hazard rises and falls again.

        In the first five covariates multiply the hazard (proportional hazards), in the last two the time (accelerated time).
        Weibull survival is both: its coefficients divided by minus the shape multiply time.
    formula
        Covariates, such as "~ channel + log(price)". Baseline parameters are those of a customer with average covariates.
    frailty
        "segment" or a covariate of labels: each has a factor of its own on hazard or time, log-normal over labels with a spread
        that is learnt, so that small ones borrow strength. A label that was not there at the fit is drawn from the population.
    cure
        True: a share never leaves. A formula: covariates of the odds of never leaving.
    leaving_known
        "exactly", or "by period" where tenures say only in which period a customer left. "auto": by period if all tenures are
        whole numbers, as `contracts.tenures(whole=True)` makes them.
    breaks
        Where the pieces of a piecewise hazard end, such as `[3 * MONTH, 1 * YEAR]`; by default twelve with equally many leaving.
        After the last the hazard stays what it was, and so does that of a discrete model after the last period observed.

    Returns
    -------
    Survival, for `clv.fit(model, tenures)`

    Raises
    ------
    ModelError
        Arguments that are not known or do not go together.

    Default priors (times in mean tenures): scale and median LogNormal(2, 2), shape LogNormal(1, 0.7), rates LogNormal(0.5, 2);
    coefficients Normal(0, 1) per standard deviation of their column; scale of the walk and spread of frailties HalfNormal(0.5);
    log odds of never leaving Normal(-1, 1.5).

    Examples
    --------
    >>> survival("weibull", formula="~ channel", frailty="segment")
    survival weibull ~ channel with frailty by segment
    """
    found = baseline_named(baseline)
    if leaving_known not in ("auto", "exactly", "by period"):
        raise ModelError(f"leaving_known={leaving_known!r} is not known. Write 'auto', 'exactly' or 'by period'.")
    if found.whole and leaving_known == "exactly":
        raise ModelError(
            "A discrete model knows leaving by period. Use baseline='piecewise', or leave out leaving_known=."
        )
    if breaks is not None and (not found.pieces or found.whole):
        raise ModelError(f"breaks= are of baseline='piecewise', not of {baseline!r}. Leave them out.")
    spans = None if breaks is None else tuple(as_span(one, name="breaks") for one in breaks)
    if spans is not None and not np.all(np.diff([0.0, *(one.days for one in spans)]) > 0):
        raise ModelError(f"breaks={list(spans)} must rise from above zero. Give for example [3 * MONTH, 1 * YEAR].")
    return Survival(found, formula, frailty, bool(cure), cure if isinstance(cure, str) else None, leaving_known, spans)


def _segments(by: str, tenures: Tenures) -> tuple[Any, ...]:
    (column,) = covariates_of(tenures, (by,))  # type: ignore[arg-type]
    labels = np.asarray(column).astype(object)
    if pd.isna(labels).any():
        raise ContractError(
            f"'{by}' is missing for {int(pd.isna(labels).sum()):,} rows. Fill the gaps or leave them out."
        )
    found = levels(labels)
    if len(found) < 2:
        raise ContractError(f"All customers have the same {by}, '{found[0]}': leave out frailty=.")
    return found
