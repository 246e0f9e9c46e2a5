"""Constant retention beside a model of contracts, on renewals that came later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from clvmodels.data.tenures import Tenures
from clvmodels.errors import ContractError
from clvmodels.estimation.result import Fit
from clvmodels.estimation.survivors import survivors
from clvmodels.model import Array
from clvmodels.units import Rate, as_rate
from clvmodels.value import formulas


@dataclass(frozen=True, eq=False, repr=False)
class RetentionAgainstModel:
    """The outcome of `clv.constant_retention_against_model`.

    Attributes
    ----------
    fit
        Of the model of contracts.
    rate
        The constant retention rate: renewals over chances to renew, so far.
    survivors
        As `table` returns it.
    money
        As `values` returns it.
    interval
        Probability of the predictive interval.
    """

    fit: Fit
    rate: float
    survivors: pd.DataFrame = field(repr=False)
    money: pd.DataFrame = field(repr=False)
    interval: float

    def table(self) -> pd.DataFrame:
        """Customers still there after each renewal: ahead (0: now), actual, constant, model with lower and upper (predictive)."""
        return self.survivors.copy()

    def values(self) -> pd.DataFrame:
        """Value of all customers [currency] of "what happened", "constant retention" and the model: observed (of renewals of the
        holdout), error (over what happened, less one), endless (of all renewals to come; NaN for what happened, and where nothing
        is discounted)."""
        return self.money.copy()

    def __repr__(self) -> str:
        return f"Retention of {100 * self.rate:.1f} % for ever beside {self.fit.model.title}\n{self.survivors}\n{self.money}"


def constant_retention_against_model(
    fit: Fit,
    tenures: Tenures,
    later: Sequence[float],
    *,
    margin: float = 1.0,
    discount: Rate | None = None,
    interval: float = 0.90,
    draws: int = 1000,
    seed: int = 0,
) -> RetentionAgainstModel:
    """Set constant retention beside a model of contracts, and both against how many customers were still there later.

    The constant rate is that of all renewals so far, early ones of customers included who were bound to leave; those still there
    are the loyal ones, so it expects too little of them.

    Parameters
    ----------
    fit
        Of a model of contracts to `tenures`.
    tenures
        What was known at the end of the calibration.
    later
        How many of those still there were so after 0, 1, 2, ... further renewals.
    margin
        Per customer and renewal [currency], paid at the renewal; the first one is a period away.
    discount
        Effective rate such as `Rate(0.10, per=YEAR)`.
    interval, draws, seed
        Of the model's predictive interval.

    Returns
    -------
    RetentionAgainstModel

    Raises
    ------
    ContractError
        `later` does not begin with the customers still there, or rises.

    Source: FaderHardie2010; the formula is `formulas.constant_retention`.
    """
    there = tenures.still_there
    actual = _checked(later, float(there.weights.sum()))
    ahead = actual.size - 1
    predicted = survivors(fit, tenures, horizon=ahead * tenures.period, interval=interval, draws=draws, seed=seed)
    chances = float(tenures.weights @ (tenures.exit - tenures.entry))
    rate = 1.0 - float(tenures.weights @ tenures.event) / chances
    table = pd.DataFrame(
        {"ahead": np.arange(ahead + 1), "actual": actual, "constant": actual[0] * rate ** np.arange(ahead + 1)}
        | {"model": predicted["mean"], "lower": predicted["lower"], "upper": predicted["upper"]}
    )
    return RetentionAgainstModel(fit, rate, table, _values(fit, there, table, rate, margin, discount), interval)


def _checked(later: Sequence[float], now: float) -> Array:
    actual = np.asarray(later, dtype=float)
    if (
        actual.ndim != 1
        or actual.size < 2
        or not np.all(np.isfinite(actual))
        or np.any(np.diff(actual) > 0)
        or actual[-1] < 0
    ):
        raise ContractError(
            f"later={later!r} are not customers still there after 0, 1, ... renewals: give numbers that never rise."
        )
    if abs(actual[0] - now) > 0.5:
        raise ContractError(
            f"later begins with {actual[0]:g} customers, but {now:g} are still there in the tenures. Begin with now."
        )
    return actual


def _values(
    fit: Fit, there: Tenures, table: pd.DataFrame, rate: float, margin: float, discount: Rate | None
) -> pd.DataFrame:
    yearly = as_rate(discount, name="discount")
    per_period = 0.0 if yearly is None else float(np.expm1(yearly.force(there.period)))
    worth = margin / (1 + per_period) ** table["ahead"].to_numpy()[1:]
    names = {"what happened": "actual", "constant retention": "constant", fit.model.title: "model"}
    observed = np.array([float(table[column].to_numpy()[1:] @ worth) for column in names.values()])
    endless = [np.nan] * 3
    if yearly is not None and per_period > 0:
        each = fit.discounted_expected_residual_lifetime(there, discount=yearly, draws=200)["mean"].to_numpy()
        model = margin / (1 + per_period) * float(there.weights @ each)
        constant = float(formulas.constant_retention(margin=margin, retention=rate, discount=per_period))
        endless = [np.nan, constant * float(there.weights.sum()), model]
    error = observed / observed[0] - 1 if observed[0] > 0 else np.full(3, np.nan)
    return pd.DataFrame(
        {"observed": observed, "error": error, "endless": endless}, index=pd.Index(list(names), name="method")
    )
