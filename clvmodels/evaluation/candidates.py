"""Which models can be set against each other, and which customers are alike to all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.covariates.time_model import TimeVarying
from clvmodels.data.histories import Histories
from clvmodels.data.tenures import Tenures
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.duration.contractual import Contractual
from clvmodels.errors import ContractError, ModelError
from clvmodels.estimation.estimate import Fittable
from clvmodels.evaluation.stays import is_discrete, rows_of
from clvmodels.history import COLUMNS, covariates_of, picked
from clvmodels.model import Array, Model
from clvmodels.numerics.distinct import distinct


def candidates(models: Sequence[Fittable], data: Histories | Tenures) -> dict[str, Any]:
    """The models as they are fitted to these customers, by name; a `ModelError` where their likelihoods cannot be compared."""
    if not isinstance(models, Sequence) or len(models) == 0:
        raise ModelError(f"There is no list of models in {models!r}. Write compare_models([NBD, BG_NBD], histories).")
    of_kind = _of_contracts if isinstance(data, Tenures) else _of_times
    found = [of_kind(model.on(data) if hasattr(model, "on") else model) for model in models]
    named: dict[str, Any] = {model.name: model for model in found}
    if len(named) < len(models):
        twice = sorted({m.name for m in found if sum(m.name == other.name for other in found) > 1})
        raise ModelError(f"{', '.join(twice)} is given more than once. Give each model once.")
    if isinstance(data, Tenures):
        _insist_on_one_measure(named)
    else:
        _insist_on_one_kind(named, data)
    return named


def _insist_on_one_measure(named: Mapping[str, Model]) -> None:
    """Densities of times cannot be set against probabilities of whole periods."""
    whole = [name for name, model in named.items() if is_discrete(model)]
    if 0 < len(whole) < len(named):
        raise ModelError(
            f"{', '.join(whole)} has probabilities of whole periods, the others densities of times: their likelihoods cannot be "
            "compared. Compare what they predict: clv.score_contracts(fits, tenures)."
        )


def _insist_on_one_kind(named: Mapping[str, LatentAttrition], histories: Histories) -> None:
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


def _of_times(model: object) -> LatentAttrition:
    if isinstance(model, LatentAttrition):
        return model
    raise ModelError(
        f"{model!r} is no model of the times of purchases until an unseen end, so its likelihood cannot be compared. "
        "Give models such as NBD, BG_NBD and MBG_NBD."
    )


def _of_contracts(model: object) -> Model:
    if isinstance(model, Contractual):
        return model
    raise ModelError(
        f"{model!r} is no model of contracts, and these are tenures. Give models such as GEOMETRIC and SHIFTED_BETA_GEOMETRIC."
    )


class Kinds(NamedTuple):
    """Customers who are alike to all models: what they share, how many of each there are, one of each as models read them."""

    rows: pd.MultiIndex
    counts: Array
    people: Any


def kinds_of_tenures(named: Mapping[str, Model], tenures: Tenures) -> Kinds:
    """Contracts told apart by what any model reads, at the tenures at which they were first and last seen."""
    if tenures.contract is not None:
        raise ContractError(
            "Customers are left out one by one, and these contracts have several rows each. Make the tenures without "
            "varying=True."
        )
    covariates = list(dict.fromkeys(name for model in named.values() for name in model.reads))
    names = ["exit", "entry", "event"]
    columns = [getattr(tenures, name) for name in names] + covariates_of(tenures, covariates)  # type: ignore[arg-type]
    _, _, inverse, example = distinct(columns)
    counts = np.asarray(np.bincount(inverse, tenures.weights), dtype=float)
    index = pd.MultiIndex.from_arrays([c[example] for c in columns], names=[*names, *covariates])
    return Kinds(index, counts, rows_of(tenures, example))


def kinds_of(named: Mapping[str, LatentAttrition], histories: Histories) -> Kinds:
    """Customers told apart by what any model reads."""
    index, counts, example = _distinct_histories(named, histories)
    return Kinds(index, counts, picked(histories, example))


def _distinct_histories(
    named: Mapping[str, LatentAttrition], histories: Histories
) -> tuple[pd.MultiIndex, Array, NDArray[np.intp]]:
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
