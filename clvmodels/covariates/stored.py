"""Models with covariates or segments as plain values, for files: formulas, labels and what functions learnt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.covariates.competing import CompetingModel
from clvmodels.covariates.design import Design
from clvmodels.covariates.explained import Explained, explained
from clvmodels.covariates.formula import parsed
from clvmodels.covariates.pooled import Pooled, PooledBy
from clvmodels.covariates.stored_time import arrays_over_time, described_over_time, restored_over_time
from clvmodels.covariates.survival_model import SurvivalModel
from clvmodels.covariates.time_model import TimeVarying
from clvmodels.duration.survival_baselines import baseline_named
from clvmodels.model import Model
from clvmodels.units import Period


def described(model: Model) -> str | dict[str, Any]:
    """What a file keeps of a model: its name, or what a model with covariates or segments is made of."""
    if isinstance(model, Pooled):
        return {"base": model.base.name, "by": model.by, "segments": list(model.segments), "which": list(model.which)}
    if isinstance(model, CompetingModel):
        return {"reasons": list(model.reasons), "causes": [_described_survival(one) for one in model.causes]}
    if isinstance(model, SurvivalModel):
        return _described_survival(model)
    if isinstance(model, TimeVarying):
        return described_over_time(model, _described_design)
    if not isinstance(model, Explained):
        return model.name
    designs = [_described_design(one) for one in model.designs]
    return {"base": model.base.name, "designs": designs, "equal": list(model.equal), "ridge": model.ridge}


def arrays_of(model: Model) -> dict[str, NDArray[Any]]:
    """What a model holds beside its description: arrays by name, of models over time."""
    return arrays_over_time(model) if isinstance(model, TimeVarying) else {}


def _described_design(one: Design) -> dict[str, Any]:
    return {
        "formula": one.formula, "role": one.role, "levels": {k: list(v) for k, v in one.levels.items()},
        "state": _plain(one.state), "reads": list(one.reads), "columns": list(one.columns),
        "centre": one.centre.tolist(), "scale": one.scale.tolist(),
    }  # fmt: skip


def _described_survival(model: SurvivalModel) -> dict[str, Any]:
    designs = {
        name: None if one is None else _described_design(one)
        for name, one in (("design", model.design), ("never", model.never))
    }
    return {
        "survival": model.baseline.name, "period": asdict(model.period), "breaks": model.breaks.tolist(), **designs,
        "cure": model.cure, "by": model.by, "segments": list(model.segments), "by_period": model.by_period,
    }  # fmt: skip


def _restored_survival(kept: Mapping[str, Any]) -> SurvivalModel:
    designs = {name: None if kept[name] is None else _design(kept[name]) for name in ("design", "never")}
    return SurvivalModel(
        baseline_named(kept["survival"]), Period(**kept["period"]), np.array(kept["breaks"], dtype=float), **designs,
        cure=kept["cure"], by=kept["by"], segments=tuple(kept["segments"]), by_period=kept["by_period"],
    )  # fmt: skip


def restored(
    description: str | Mapping[str, Any], named: Callable[[str], Model], arrays: Mapping[str, NDArray[Any]]
) -> Model:
    """The model of a description and the arrays it holds beside; `named` finds a model by name."""
    if isinstance(description, str):
        return named(description)
    if "over_time" in description:
        return restored_over_time(description, arrays, named, _design)
    if "causes" in description:
        causes = tuple(_restored_survival(one) for one in description["causes"])
        return CompetingModel(tuple(description["reasons"]), causes)
    if "survival" in description:
        return _restored_survival(description)
    base: Any = named(description["base"])
    if "by" in description:
        segments, which = (tuple(description[name]) for name in ("segments", "which"))
        return PooledBy(base, description["by"], which).with_segments(segments)
    designs = tuple(_design(one) for one in description["designs"])
    return explained(base, designs, tuple(description["equal"]), description["ridge"])


def _design(kept: Mapping[str, Any]) -> Design:
    parsed(kept["formula"], role=kept["role"], available=kept["reads"])
    return Design(
        kept["formula"],
        kept["role"],
        {name: tuple(values) for name, values in kept["levels"].items()},
        _unplain(kept["state"]),
        tuple(kept["reads"]),
        tuple(kept["columns"]),
        np.array(kept["centre"], dtype=float),
        np.array(kept["scale"], dtype=float),
    )


def _plain(value: Any) -> Any:
    """Nested values as JSON has them; a mapping, whose keys may be numbers, becomes a list of pairs under "pairs"."""
    if isinstance(value, Mapping):
        return {"pairs": [[k, _plain(v)] for k, v in value.items()]}
    if isinstance(value, np.ndarray):
        return {"array": value.tolist()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value.item() if isinstance(value, np.generic) else value


def _unplain(value: Any) -> Any:
    if isinstance(value, list):
        return [_unplain(v) for v in value]
    if not isinstance(value, dict):
        return value
    return np.array(value["array"]) if "array" in value else {k: _unplain(v) for k, v in value["pairs"]}
