"""The tables of a comparison: every score of every method, and the model against each formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.estimation.result import tail_of
from clvmodels.evaluation import scores
from clvmodels.evaluation.bootstrap import resampled

type Array = NDArray[np.float64]
type Target = Literal["purchases", "spend"]
type Outcome = Any
"""Values per customer by target, as attributes, each (n,): such as `Predicted`."""

TARGETS: tuple[Target, ...] = ("purchases", "spend")
DEVIANCES = {
    "purchases": scores.poisson_deviance, "spend": scores.tweedie_deviance, "payments": scores.poisson_deviance
}  # fmt: skip
SCORES = ("abs_bias", "mae", "rmse", "deviance", "spearman")


def score_table(
    actual: Outcome,
    predictions: Mapping[str, Outcome],
    customers: pd.DataFrame,
    *,
    targets: Sequence[str] = TARGETS,
) -> pd.DataFrame:
    """Every score by (target, method).

    Parameters
    ----------
    actual
        What the customers did.
    predictions
        By method, the model first.
    customers
        With the model's predictive bounds `<target>_lower` and `<target>_upper`.
    """
    model = next(iter(predictions))
    rows = []
    for target in targets:
        happened = getattr(actual, target)
        bounds = (customers[f"{target}_{end}"].to_numpy() for end in ("lower", "upper"))
        held = scores.coverage(happened, *bounds)
        for method, predicted in predictions.items():
            found = {"target": target, "method": method} | _scores(target, happened, getattr(predicted, target))
            rows.append(found | {"coverage": held if method == model else np.nan})
    return pd.DataFrame(rows).set_index(["target", "method"])


def differences(
    actual: Outcome,
    predictions: Mapping[str, Outcome],
    table: pd.DataFrame,
    *,
    targets: Sequence[str] = TARGETS,
    interval: float,
    resamples: int,
    seed: int,
) -> pd.DataFrame:
    """The first method less each other one, by (target, method, score), with paired bootstrap intervals."""
    rows = []
    for target in targets:
        happened = getattr(actual, target)
        predicted = np.array([getattr(one, target) for one in predictions.values()])
        found = _resampled(target, happened, predicted, resamples, seed)
        once = table.xs(target).assign(abs_bias=np.abs(table.xs(target)["bias"]))[list(SCORES)].to_numpy(dtype=float)
        for k, method in list(enumerate(predictions))[1:]:
            for s, score in enumerate(SCORES):
                apart = found[score][:, 0] - found[score][:, k]
                row: dict[str, float | str] = {"target": target, "method": method, "score": score}
                rows.append(row | _difference(score, once[0, s], once[k, s], apart, interval))
    return pd.DataFrame(rows, columns=_COLUMNS).set_index(["target", "method", "score"])


_COLUMNS = ["target", "method", "score", "model", "formula", "difference", "lower", "upper", "better"]


def _scores(target: str, actual: Array, predicted: Array) -> dict[str, float]:
    return {
        "predicted": float(predicted.sum()),
        "actual": float(actual.sum()),
        "bias": scores.bias(actual, predicted),
        "mae": float(scores.absolute_error(actual, predicted).mean()),
        "rmse": float(np.sqrt(scores.squared_error(actual, predicted).mean())),
        "deviance": float(DEVIANCES[target](actual, predicted).mean()),
        "spearman": scores.spearman(actual, predicted),
        "gini": scores.gini(actual, predicted),
        "top_decile_lift": scores.top_decile_lift(actual, predicted),
    }


def _resampled(target: str, actual: Array, predicted: Array, resamples: int, seed: int) -> dict[str, Array]:
    losses = {
        "mae": scores.absolute_error(actual, predicted),
        "rmse": scores.squared_error(actual, predicted),
        "deviance": np.array([DEVIANCES[target](actual, one) for one in predicted]),
    }
    found = resampled(actual, predicted, losses, resamples=resamples, seed=seed)
    return found | {"rmse": np.sqrt(found["rmse"])}


def _difference(score: str, model: float, formula: float, resampled: Array, interval: float) -> dict[str, float | str]:
    lower, upper = (float(v) for v in np.quantile(resampled, [tail_of(interval), 1 - tail_of(interval)]))
    rounding = 1e-9 * (abs(model) + abs(formula))
    better = "unclear"
    if lower > rounding or upper < -rounding:
        better = "model" if (lower > 0) == (score == "spearman") else "formula"
    found = {"model": model, "formula": formula, "difference": model - formula, "lower": lower, "upper": upper}
    return found | {"better": better}
