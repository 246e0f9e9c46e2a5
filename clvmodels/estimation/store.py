"""A fit in one file: Parquet with draws and arrays of the model as columns and everything else in a JSON header. No pickle."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import xarray as xr
from numpy.typing import NDArray

from clvmodels.catalogue import model_named
from clvmodels.covariates.stored import arrays_of, described, restored
from clvmodels.errors import ClvError, SavedFitError
from clvmodels.estimation.outcome import Diagnostics
from clvmodels.estimation.result import Fit
from clvmodels.estimation.stored_arrays import as_table, from_table
from clvmodels.files import atomically
from clvmodels.priors import Gamma, HalfNormal, LogNormal, Normal, Prior
from clvmodels.units import Period

PLAIN, WITH_ARRAYS = 1, 2
"""Formats: draws alone, and with arrays that the model holds, such as the panel of a model over time."""
KEY = b"clvmodels"
PRIORS: dict[str, Callable[..., Prior]] = {
    "LogNormal": LogNormal,
    "Gamma": Gamma,
    "Normal": Normal,
    "HalfNormal": HalfNormal,
}


def save(fit: Fit, path: str | os.PathLike[str]) -> Path:
    """Write a fit to one file; the file appears whole or not at all.

    Parameters
    ----------
    fit
        What `clv.fit` returned.
    path
        Where to; `.parquet` is the usual ending. An existing file is replaced.

    Returns
    -------
    The path

    Raises
    ------
    SavedFitError
        If it is something else, such as a fit of media response or a stack: these are made again from what they were fitted
        to; or its model holds covariates that are neither numbers, texts nor dates.
    """
    if not isinstance(fit, Fit):
        raise SavedFitError(
            f"{type(fit).__name__} cannot be saved: only fits of models of the catalogue can, with or without covariates. "
            "Save the fits of a stack one by one, with stack.weights beside them; of media response keep the data and the seed."
        )
    path = Path(path)
    draws, arrays = _draws(fit), arrays_of(fit.model)
    table, kept = as_table(draws | arrays)
    known = {"format": WITH_ARRAYS, "arrays": kept} if arrays else {"format": PLAIN}
    header = json.dumps(_header(fit) | known, default=_refuse).encode()
    with atomically(path) as temporary:
        pq.write_table(table.replace_schema_metadata({KEY: header}), temporary, compression="zstd")
    return path


def load(path: str | os.PathLike[str]) -> Fit:
    """Read a fit that `save` wrote.

    Raises
    ------
    SavedFitError
        If there is no such file, it is damaged, is not a saved fit, or comes from a later format.
    """
    path = Path(path)
    if not path.is_file():
        raise SavedFitError(f"There is no file {path}. Check the path, or fit again and clv.save the result.")
    try:
        table = pq.read_table(path)
        header = json.loads((table.schema.metadata or {})[KEY])
    except (pa.ArrowException, OSError, KeyError, ValueError) as error:
        raise SavedFitError(
            f"{path} is damaged or is not a fit saved by clv.save ({error}). Fit again and save the result."
        ) from error
    if header.get("format") not in (PLAIN, WITH_ARRAYS):
        raise SavedFitError(
            f"{path} has format {header.get('format')!r}; this version reads formats {PLAIN} and {WITH_ARRAYS}. "
            f"It was written by clvmodels {header.get('version')}: install that version or fit again."
        )
    try:
        return _fit(header, table)
    except (KeyError, TypeError, ValueError, ClvError) as error:
        raise SavedFitError(f"{path} lacks part of a saved fit ({error}). Fit again and save the result.") from error


def _refuse(value: Any) -> None:
    raise SavedFitError(
        f"The model knows {value!r} ({type(value).__name__}) as a label, which a file cannot keep. Give labels "
        "as texts, and fit again."
    )


def _draws(fit: Fit) -> dict[str, NDArray[Any]]:
    if fit.posterior is None:
        return {"chain": np.zeros(0, np.int64), "draw": np.zeros(0, np.int64)}
    chain, draw = (fit.posterior.sizes[d] for d in ("chain", "draw"))
    labels = {"chain": np.repeat(np.arange(chain), draw), "draw": np.tile(np.arange(draw), chain)}
    return labels | {str(name): np.ravel(values.to_numpy()) for name, values in fit.posterior.data_vars.items()}


def _header(fit: Fit) -> dict[str, Any]:
    kept = (
        "method",
        "loglik",
        "currency",
        "n_customers",
        "n_informative",
        "n_distinct",
        "fingerprint",
        "seed",
        "version",
    )
    priors = None if fit.priors is None else {n: [type(p).__name__, asdict(p)] for n, p in fit.priors.items()}
    return {name: getattr(fit, name) for name in kept} | {
        "model": described(fit.model),
        "theta": [float(v) for v in fit.theta],
        "covariance": fit.covariance.tolist(),
        "period": asdict(fit.period),
        "diagnostics": {k: None if v is not None and math.isnan(v) else v for k, v in asdict(fit.diagnostics).items()},
        "priors": priors,
    }


def _fit(header: dict[str, Any], table: pa.Table) -> Fit:
    kept = header.pop("arrays", None)
    arrays = {n: table[n].to_numpy() for n in table.column_names} if kept is None else from_table(table, kept)
    model = restored(header.pop("model"), model_named, arrays)
    posterior = None
    if arrays["chain"].size:
        chains = int(arrays["chain"][-1]) + 1
        posterior = xr.Dataset({n: (("chain", "draw"), arrays[n].reshape(chains, -1)) for n in model.Theta._fields})
    priors = header.pop("priors")
    header.pop("format")
    return Fit(
        model=model,
        theta=model.Theta(*header.pop("theta")),
        covariance=np.array(header.pop("covariance")),
        posterior=posterior,
        period=Period(**header.pop("period")),
        diagnostics=Diagnostics(**header.pop("diagnostics")),
        priors=None if priors is None else {n: PRIORS[kind](**values) for n, (kind, values) in priors.items()},
        **header,
    )
