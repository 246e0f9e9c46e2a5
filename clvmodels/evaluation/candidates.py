"""Which models can be set against each other, and which customers are alike to all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.covariates.time_model import TimeVarying
from clvmodels.data.histories import Histories
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.errors import ModelError
from clvmodels.estimation.estimate import Fittable
from clvmodels.history import COLUMNS, covariates_of
from clvmodels.model import Array
from clvmodels.numerics.distinct import distinct


def candidates(models: Sequence[Fittable], histories: Histories) -> dict[str, LatentAttrition]:
    """The models as they are fitted to these customers, by name; a `ModelError` where their likelihoods cannot be compared."""
    if not isinstance(models, Sequence) or len(models) == 0:
        raise ModelError(f"There is no list of models in {models!r}. Write compare_models([NBD, BG_NBD], histories).")
    found = [_of_times(model.on(histories) if hasattr(model, "on") else model) for model in models]
    named = {model.name: model for model in found}
    if len(named) < len(models):
        twice = sorted({m.name for m in found if sum(m.name == other.name for other in found) > 1})
        raise ModelError(f"{', '.join(twice)} is given more than once. Give each model once.")
    counted = [name for name, model in named.items() if model.discrete]
    if 0 < len(counted) < len(named):
        raise ModelError(
            f"{', '.join(counted)} has probabilities of opportunities taken, the others densities of times: their "
            "likelihoods cannot be compared. Compare both with what happened: clv.compare(forecast, holdout)."
        )
    regular = [name for name, model in named.items() if "log_intervals" in model.columns]
    if regular and histories.log_intervals is None:
        raise ModelError(
            f"{', '.join(regular)} is judged by the times between purchases, which these histories do not have. Make them with "
            "log.histories(period=..., intervals=True)."
        )
    return named


def _of_times(model: object) -> LatentAttrition:
    if isinstance(model, LatentAttrition):
        return model
    raise ModelError(
        f"{model!r} is no model of the times of purchases until an unseen end, so its likelihood cannot be compared. "
        "Give models such as NBD, BG_NBD and MBG_NBD."
    )


def kinds_of(
    named: Mapping[str, LatentAttrition], histories: Histories
) -> tuple[pd.MultiIndex, Array, NDArray[np.intp]]:
    """Customers told apart by what any model reads: their index, how many of each there are, and an example of each."""
    read = {name for model in named.values() for name in model.columns} | set(LatentAttrition.columns)
    covariates = list(dict.fromkeys(name for model in named.values() for name in model.reads))
    names = [name for name in COLUMNS if name in read]
    columns = [getattr(histories, name) for name in names] + covariates_of(histories, covariates)
    for model in named.values():
        if isinstance(model, TimeVarying):
            covariates += [f"{model.name}: {name}" for name in model.columns]
            columns += model.data(histories)
    order = np.argsort([name != "frequency" and name != "T" for name in [*names, *covariates]], kind="stable")
    _, counts, _, example = distinct([columns[k] for k in order])  # kernels are fastest sorted by frequency, then age
    return pd.MultiIndex.from_arrays([c[example] for c in columns], names=[*names, *covariates]), counts, example
