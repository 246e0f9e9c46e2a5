"""Which of some models are nested in others, and the likelihood-ratio tests of these pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import chi2

from clvmodels.covariates.explained import Explained
from clvmodels.covariates.survival_model import SurvivalModel
from clvmodels.model import Model

LIMITS = (
    ("NBD", "BG_NBD"), ("NBD", "MBG_NBD"), ("NBD", "PARETO_NBD"), ("PARETO_NBD", "GGOMPERTZ_NBD"),
    ("GEOMETRIC", "SHIFTED_BETA_GEOMETRIC"), ("GEOMETRIC", "BETA_DISCRETE_WEIBULL"),
)  # fmt: skip
"""Smaller and larger model: the smaller is a limit of the larger."""
INSIDE = (("SHIFTED_BETA_GEOMETRIC", "BETA_DISCRETE_WEIBULL"), ("survival exponential", "survival weibull"))
"""The smaller is the larger with one parameter at a value inside its range."""
BOUNDARY = (
    "Likelihood ratios: where the smaller model lies on the boundary of the larger (nobody leaves, the rate of leaving does not "
    "change with age, or customers do not differ), chi-square p-values are conservative."
)
COVARIATES = (
    "Likelihood ratios of covariates, or of a shape of one: these values are no boundary, so p-values are those of chi-square "
    "with one degree of freedom per coefficient or shape."
)


class Pair(NamedTuple):
    """Names of two models of which the smaller is nested in the larger, and whether it lies on the larger one's boundary."""

    smaller: str
    larger: str
    boundary: bool


def pairs(models: Mapping[str, Model]) -> list[Pair]:
    """The nested pairs among models that were fitted to the same customers: limits of each other, and fewer covariates.

    With the same covariates, limits are nested as the base models are. Nothing else is claimed: where both the base model and
    the covariates differ, coefficients mean nothing at the boundary, and the ratio has no known distribution.
    """
    known = {name: model for name, model in models.items() if not model.hierarchical}
    found = []
    for smaller, one in known.items():
        for larger, other in known.items():
            bases = _base(one), _base(other)
            few, many = _coefficients(one), _coefficients(other)
            if bases in LIMITS + INSIDE and few == many:
                found.append(Pair(smaller, larger, boundary=bases in LIMITS))
            elif bases[0] == bases[1] and len(one.parameters) < len(other.parameters) and _spanned(few, many):
                found.append(Pair(smaller, larger, boundary=False))
    order = {pair: k for k, pair in enumerate(LIMITS)}
    return sorted(found, key=lambda pair: (not pair.boundary, order.get((pair.smaller, pair.larger), len(order))))


def ratios(models: Mapping[str, Model], reached: Mapping[str, float]) -> pd.DataFrame:
    """Likelihood-ratio tests of the nested pairs; `reached` is each log-likelihood at its maximum, NaN where there is none.

    Returns
    -------
    DataFrame by (smaller, larger): statistic, degrees_of_freedom, p_value, conservative
    """
    rows = []
    for smaller, larger, boundary in pairs(models):
        statistic = float(np.maximum(2 * (reached[larger] - reached[smaller]), 0.0))
        freedom = len(models[larger].parameters) - len(models[smaller].parameters)
        rows.append([smaller, larger, statistic, freedom, float(chi2.sf(statistic, freedom)), boundary])
    columns = ["smaller", "larger", "statistic", "degrees_of_freedom", "p_value", "conservative"]
    table = pd.DataFrame(rows, columns=columns).set_index(["smaller", "larger"])
    table.attrs["note"] = note(table)
    return table


def note(table: pd.DataFrame) -> str:
    """What to know of the p-values of these tests."""
    there = set(table["conservative"])
    return " ".join(text for boundary, text in ((True, BOUNDARY), (False, COVARIATES)) if boundary in there)


def _base(model: Model) -> str:
    if isinstance(model, SurvivalModel):
        return f"survival {model.baseline.name}{' with cure' if model.cure else ''}"
    return model.base.name if isinstance(model, Explained) else model.name


def _coefficients(model: Model) -> dict[tuple[str, str], str]:
    """The coefficient of each column of numbers in each process."""
    if isinstance(model, SurvivalModel):
        designs = [one for one in (model.design, model.never) if one is not None]
        return {(one.role, name): f"{one.role} {name}" for one in designs for name in one.columns}
    columns = model.columns_of_numbers if isinstance(model, Explained) else ()
    return {(one.process, one.name): one.parameter for one in columns}


def _spanned(few: Mapping[tuple[str, str], str], many: Mapping[tuple[str, str], str]) -> bool:
    """Whether setting coefficients of `many` to zero or equal gives `few`: what `many` keeps equal must be equal in `few`."""
    tied: dict[str, set[str | None]] = {}
    for column, coefficient in many.items():
        tied.setdefault(coefficient, set()).add(few.get(column))
    return few.keys() <= many.keys() and all(len(ones) == 1 for ones in tied.values())
