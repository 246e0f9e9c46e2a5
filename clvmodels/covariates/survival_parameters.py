"""The parameters of a survival model in the order in which the kernel reads them, and their default priors."""

from __future__ import annotations

from typing import Any

from clvmodels.covariates.columns import identifiers
from clvmodels.covariates.design import Design
from clvmodels.model import Parameter
from clvmodels.priors import HalfNormal, Normal

RIDGE = 1.0
"""Standard deviation of the prior of a coefficient per standard deviation of its column."""
WALK = HalfNormal(0.5)
"""Prior of the standard deviation of the steps of the log hazard from one piece to the next."""
SPREAD = HalfNormal(0.5)
"""Prior of the standard deviation over segments of the log of hazard or time."""
NEVER = Normal(-1.0, 1.5)
"""Prior of the log odds of never leaving: the share is 3 % to 81 % with probability 0.90."""


def of_never() -> Parameter:
    """The log odds of never leaving of a customer with average covariates."""
    return Parameter("never", "log odds of never leaving", NEVER, positive=False)


def of_columns(design: Design | None, meaning: str) -> list[Parameter]:
    """A coefficient for each column of numbers."""
    if design is None:
        return []
    return [
        Parameter(name, f"{meaning} of {column}", Normal(0.0, RIDGE), positive=False)
        for name, column in zip(identifiers(design.role, design.columns), design.columns, strict=True)
    ]


def of_walk(pieces: int) -> list[Parameter]:
    """The scale of the walk and its steps, in walks."""
    steps = [
        Parameter(f"step_{k}", f"step of the log hazard to piece {k + 1}, in walks", Normal(0.0, 1.0), positive=False)
        for k in range(1, pieces)
    ]
    return [Parameter("walk", "standard deviation of the steps of the log hazard", WALK), *steps]


def of_segments(by: str, segments: tuple[Any, ...], moves: str) -> list[Parameter]:
    """The spread of the segments and their deviations, in spreads."""
    deviations = [
        Parameter(name, f"log({moves}) of {label}, in spreads", Normal(0.0, 1.0), positive=False)
        for name, label in zip(identifiers(by, segments), segments, strict=True)
    ]
    return [Parameter(f"spread_{by}", f"standard deviation of log({moves}) over {by}", SPREAD), *deviations]
