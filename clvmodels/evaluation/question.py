"""One question about the data before a model is fitted: what was found, what it means, and what to draw."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from clvmodels.model import Array

type Verdict = Literal["fine", "doubtful", "cannot support"]
type Concern = Literal["purchases", "spend", "covariates", "contracts"]

VERDICTS: tuple[Verdict, ...] = ("fine", "doubtful", "cannot support")
FEWEST, ENOUGH = 20, 100
"""A shape, or a correlation, estimated from n customers has a relative standard error of about sqrt(2 / n) at best: a third from
20 of them, below which it is a guess, and a seventh from 100."""


@dataclass(frozen=True)
class Question:
    """An answer to one question.

    Attributes
    ----------
    name, concerns, asked
        Its key in a `Check`, what kind of model it is about, and the question in words.
    measure, finding
        What number was looked at, with its unit, and the number; NaN if the data do not tell.
    verdict
        "fine", "doubtful" or "cannot support".
    because
        The facts, as a clause that can follow "because".
    remedy
        Sentences: what follows from them, and what to do.
    evidence
        What `clv.figures.check` draws, arrays by name.
    """

    name: str
    concerns: Concern
    asked: str
    measure: str
    finding: float
    verdict: Verdict
    because: str
    remedy: str
    evidence: Mapping[str, Array] = field(default_factory=dict, repr=False, compare=False)

    @property
    def known(self) -> bool:
        """Whether the data tell."""
        return not math.isnan(self.finding)

    @property
    def meaning(self) -> str:
        """What it means, in words."""
        facts = f"{self.because[0].upper()}{self.because[1:]}" if self.known else f"Cannot be told: {self.because}"
        return f"{facts}. {self.remedy}"

    @property
    def sentence(self) -> str:
        """What it means, as it stands alone."""
        if self.verdict == "cannot support":
            return f"Your data cannot support a model of {self.concerns} because {self.because}. {self.remedy}"
        if self.verdict == "fine":
            return f"{self.name.capitalize()}: {self.because}. {self.remedy}"
        start = "in doubt" if self.known else "cannot be told"
        return f"{self.name.capitalize()} {start}: {self.because}. {self.remedy}"


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def middle(finding: float, *, doubtful: bool, cannot: bool = False) -> Verdict:
    """The verdict; a number that is not known leaves a doubt."""
    if cannot:
        return "cannot support"
    return "doubtful" if doubtful or math.isnan(finding) else "fine"


def counts_up_to(frequency: Array, most: int) -> Array:
    """How many customers have 0, 1, ... repeat purchases; the last entry has `most` and more."""
    return np.bincount(np.minimum(frequency, most).astype(np.intp), minlength=most + 1).astype(float)
