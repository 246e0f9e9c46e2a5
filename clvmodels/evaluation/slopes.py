"""Whether effects of covariates change with tenure: what leavers say beyond the fit, covariate by covariate."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from clvmodels.data.tenures import Tenures
from clvmodels.estimation.result import Fit
from clvmodels.evaluation.stays import edges_of, is_discrete, known_to, steps_of
from clvmodels.model import Array


class Slopes(NamedTuple):
    """Change of each effect per unit of log tenure, beyond what the fit says: log hazard per standard deviation, its error."""

    names: tuple[str, ...]
    slope: Array
    error: Array


def slopes(fit: Fit, tenures: Tenures, *, theta: Array) -> Slopes:
    """Score test of an effect that changes with the log of tenure, one for each covariate (a label against the others).

    Leavers less those expected are weighed by covariate and log tenure, after what the level, log tenure and the covariates
    themselves explain has been taken out; divided by its information it is the first step towards the effect's slope.

    Source: Grambsch and Therneau 1994, Biometrika 81(3), 515-526, with the fit's own hazards in place of Cox's.
    """
    names, z = numbers(fit, tenures)
    discrete, plain = is_discrete(fit.model), np.column_stack([np.ones(len(z)), z])
    size = plain.shape[1]
    information, scores = np.zeros((3, size, size)), np.zeros((2, size))
    for step in steps_of(fit.model, theta, tenures, edges_of(fit.model, tenures)):
        expected, weight, own = step.mean, tenures.weights[step.rows], plain[step.rows]
        spread = expected * (1 - expected) if discrete else expected
        log_tenure = np.log(step.high if discrete else (step.low + step.high) / 2)
        information += log_tenure ** np.arange(3)[:, None, None] * (own.T @ (own * (weight * spread)[:, None]))
        scores += np.array([[1.0], [log_tenure]]) * (own.T @ (weight * (step.left - expected)))
    return Slopes(names, *_beyond(information, scores))


def _beyond(information: Array, scores: Array) -> tuple[Array, Array]:
    """Slope and standard error of each covariate times log tenure, given level, log tenure and covariates."""
    zero, first, second = information
    nuisance = np.block([[zero, first[:, :1]], [first[:1], second[:1, :1]]])
    cross = np.vstack([first[:, 1:], second[:1, 1:]])
    known = np.linalg.pinv(nuisance, hermitian=True)
    score = scores[1, 1:] - cross.T @ known @ np.append(scores[0], scores[1, 0])
    held = np.diag(second[1:, 1:] - cross.T @ known @ cross)
    told = held > 1e-9 * np.maximum(np.diag(second)[1:], 1e-300)
    safe = np.where(told, held, 1.0)
    return np.where(told, score / safe, 0.0), np.where(told, 1 / np.sqrt(safe), 0.0)


def numbers(fit: Fit, tenures: Tenures) -> tuple[tuple[str, ...], Array]:
    """The covariates that the model reads as standardised columns (n, m); of labels one column for each but the first."""
    names: list[str] = []
    columns: list[Array] = []
    for name, values in zip(fit.model.reads, known_to(fit.model, tenures), strict=True):
        if np.issubdtype(values.dtype, np.number) or values.dtype == bool:
            names, columns = [*names, name], [*columns, values.astype(float)]
            continue
        labels = [str(one) for one in pd.unique(values.astype(str))]
        for label in sorted(labels)[1:]:
            names, columns = [*names, f"{name} {label}"], [*columns, (values.astype(str) == label).astype(float)]
    matrix = np.column_stack(columns)
    spread = matrix.std(axis=0)
    return tuple(names), (matrix - matrix.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
