"""How many of the customers who are there now will still be there, with predictive intervals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from clvmodels.data.tenure import ROUNDING, Tenure
from clvmodels.data.tenures import Tenures
from clvmodels.duration.contractual import Contractual
from clvmodels.errors import ModelError, UnitError
from clvmodels.estimation.result import Fit, tail_of
from clvmodels.history import covariates_of
from clvmodels.model import Array
from clvmodels.numerics.distinct import distinct
from clvmodels.units import Period, Span, as_span


def survivors(
    fit: Fit,
    tenures: Tenures,
    *,
    horizon: Span | Period,
    by: str | None = None,
    interval: float = 0.90,
    draws: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Predict how many customers are still there after each of the coming renewals, given that they are there now.

    The intervals are predictive: they hold the uncertainty of the parameters, how customers differ, and chance. Parameters are
    shared, so the totals are as uncertain as they are together.

    Parameters
    ----------
    fit
        Of a model of contracts.
    tenures
        Customers; who has left is left out.
    horizon
        How far ahead, such as `5 * YEAR`; counts as the whole renewals in it.
    by
        A covariate or "segment": one forecast for each of its values, drawn together.
    interval
        Probability of the predictive interval.
    draws, seed
        Of the simulation; the seed reproduces it.

    Returns
    -------
    DataFrame: the group if `by` is given, ahead (renewals from now, 0 is now), mean, lower, upper [customers]

    Raises
    ------
    ModelError
        The fit is not of a model of contracts, or nobody is there.
    """
    model: Any = fit.model
    if not isinstance(model, Contractual):
        raise ModelError(f"{model!r} is no model of contracts. Fit one such as SHIFTED_BETA_GEOMETRIC to tenures.")
    if tenures.period != fit.period:
        raise UnitError(
            f"The tenures count {tenures.period}s and the fit {fit.period}s. Make the tenures with the fit's period."
        )
    tail, there = tail_of(interval), tenures.still_there
    groups = np.zeros(there.exit.size) if by is None else covariates_of(there, [by])[0]  # type: ignore[arg-type]
    ahead = int(as_span(horizon, name="horizon").per(fit.period) + ROUNDING)
    theta, rng = model.Theta(*(v[:, None] for v in fit.draws(draws, seed=seed))), np.random.default_rng(seed)
    tables = []
    for group in pd.unique(groups):
        paths = _paths(model, theta, there.select(groups == group), ahead, rng)
        lower, upper = (
            np.quantile(paths, tail, axis=0, method="lower"),
            np.quantile(paths, 1 - tail, axis=0, method="higher"),
        )
        columns = {"ahead": np.arange(ahead + 1), "mean": paths.mean(axis=0), "lower": lower, "upper": upper}
        tables.append(pd.DataFrame(({} if by is None else {by: group}) | columns))
    return pd.concat(tables, ignore_index=True)


def _paths(model: Any, theta: Any, there: Tenures, ahead: int, rng: np.random.Generator) -> Array:
    """Customers still there now and after 1 .. ahead renewals (draws, ahead + 1).

    Given the parameters customers are independent, so of those alike a binomial number renews each time.
    """
    reads = model.reads_of(there)
    known = covariates_of(there, reads)  # type: ignore[arg-type]
    *_, inverse, example = distinct([there.exit, *known])
    one = Tenure(
        there.exit[example], there.period, covariates={n: c[example] for n, c in zip(reads, known, strict=True)}
    )
    own, done = model.each(theta, one), np.rint(one.exit) if model.whole else one.exit
    draws = np.shape(theta[0])[0]
    left = np.broadcast_to(np.rint(np.bincount(inverse, there.weights)), (draws, done.size)).astype(np.int64)
    paths = np.empty((draws, ahead + 1))
    paths[:, 0] = left.sum(axis=1)
    for k in range(ahead):
        left = rng.binomial(left, np.clip(np.exp(model.log_stay(own, done + k, 1.0)), 0.0, 1.0))
        paths[:, k + 1] = left.sum(axis=1)
    return paths
