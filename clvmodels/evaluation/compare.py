"""The model and the simple formulas on the same holdout: who is better at what, and by more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, get_args, overload

import numpy as np
import pandas as pd

from clvmodels.data.contracts import Contracts
from clvmodels.data.tenures import Tenures
from clvmodels.data.transactions import Transactions
from clvmodels.errors import ClvError
from clvmodels.estimation.result import tail_of
from clvmodels.evaluation.calibration import coverage_at, pit_of
from clvmodels.evaluation.contract_compare import ContractComparison, compare_contracts
from clvmodels.evaluation.groups import group_bounds, group_means, tenths
from clvmodels.evaluation.outcomes import outcomes
from clvmodels.evaluation.tables import TARGETS, Target, differences, score_table
from clvmodels.evaluation.words import sentences
from clvmodels.model import Array
from clvmodels.value.baselines import BASELINES, Baseline, Predicted, Predictor
from clvmodels.value.contract_forecast import ContractForecast
from clvmodels.value.forecast import Forecast
from clvmodels.value.valuation import MEASURES


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """The outcome of `clv.compare`.

    Targets are the purchases [count] and the spend [currency] of each customer over the horizon, undiscounted. Methods are the
    model and the formulas, by name.

    Attributes
    ----------
    forecast
        The forecast compared.
    actual
        What the customers did, in the order of the histories.
    predictions
        What each method said they would, the model first.
    interval, resamples, seed
        Of the bootstrap of the differences.
    notes
        What was left out or cut.
    """

    forecast: Forecast
    actual: Predicted = field(repr=False)
    predictions: Mapping[str, Predicted] = field(repr=False)
    interval: float
    resamples: int
    seed: int
    notes: tuple[str, ...]

    @property
    def model(self) -> str:
        """Name of the model's row."""
        return next(iter(self.predictions))

    @property
    def note(self) -> str:
        """What to know when reading the tables."""
        return " ".join([
            f"{len(self.actual.purchases):,} customers over {self.forecast.terms.horizon}, nothing discounted.",
            *self.notes,
            "Deviance is Poisson for purchases and Tweedie (power 1.5) for spend; where something happened, a prediction "
            "below a thousandth of the mean counts as that.",
            "The mean absolute error rewards predicting zero, because most customers do nothing.",
            f"Coverage is of the model's {100 * self.forecast.interval:g} % predictive intervals; counts are whole, so "
            "intervals of counts hold at least that if they are right.",
        ])  # fmt: skip

    @cached_property
    def customers(self) -> pd.DataFrame:
        """One row per customer: customer_id, frequency, actual_purchases, actual_spend; model_purchases, model_spend with
        `_lower` and `_upper` (predictive); for each formula `<name>_purchases` and `<name>_spend`, blanks as underscores."""
        histories, own = self.forecast.histories, self.forecast.customers
        columns = {"customer_id": histories.customer_id, "frequency": histories.frequency}
        columns |= {f"actual_{t}": getattr(self.actual, t) for t in TARGETS}
        columns |= {f"model_{t}{end}": own[f"{t}{end}"].to_numpy() for t in TARGETS for end in ("", "_lower", "_upper")}
        for name, predicted in list(self.predictions.items())[1:]:
            columns |= {f"{name.replace(' ', '_')}_{t}": getattr(predicted, t) for t in TARGETS}
        return pd.DataFrame(columns)

    def table(self) -> pd.DataFrame:
        """Every score of every method.

        Returns
        -------
        DataFrame by (target, method): predicted and actual totals, bias, mae, rmse, deviance, spearman, gini, top_decile_lift,
        coverage (of the model's predictive intervals; NaN for formulas, which have none)
        """
        return self._table.copy()

    def differences(self) -> pd.DataFrame:
        """The model against each formula, with paired bootstrap intervals over customers.

        Returns
        -------
        DataFrame by (target, method, score), method a formula and score one of abs_bias, mae, rmse, deviance (lower is better)
        and spearman (higher is better): model, formula, difference (model less formula), lower, upper, better ("model",
        "formula", or "unclear" where the interval holds zero)
        """
        return self._differences.copy()

    def words(self) -> list[str]:
        """Plain sentences: the totals, what the model is better at, what the formulas are better at, what is noise."""
        zeros: dict[str, float] = {t: float(np.abs(getattr(self.actual, t)).mean()) for t in TARGETS}
        return sentences(self._table, self._differences, model=self.model, interval=self.forecast.interval, zeros=zeros)

    def by_frequency(self, target: Target = "purchases", *, most: int = 7) -> pd.DataFrame:
        """Mean in the holdout by number of repeat purchases before it (the conditional expectation).

        Parameters
        ----------
        target
            "purchases" or "spend".
        most
            Customers with this frequency or more are one group.

        Returns
        -------
        DataFrame by frequency "0", "1", ..., "7+": customers, actual, one column per method, and lower and upper, the
        predictive interval of the group's mean by the model
        """
        _check_target(target)
        codes = np.minimum(self.forecast.histories.frequency, most).astype(np.intp)
        names = pd.Index([*(str(x) for x in range(most)), f"{most}+"], name="frequency")
        columns = {"actual": self.actual, **self.predictions}
        table = {name: group_means(codes, most + 1, getattr(found, target)) for name, found in columns.items()}
        if most not in self._sums:
            self._sums[most] = self.forecast.group_draws(codes, most + 1)[1]
        sums = self._sums[most][MEASURES.index(target)]
        lower, upper = group_bounds(sums, codes, interval=self.forecast.interval)
        held = np.bincount(codes, minlength=most + 1)
        found = pd.DataFrame({"customers": held, **table, "lower": lower, "upper": upper}, index=names)
        return found[found["customers"] > 0]

    def deciles(self, target: Target = "purchases") -> pd.DataFrame:
        """Customers in tenths by each method's prediction, 1 the highest; customers that tie share their tenths.

        Returns
        -------
        DataFrame by (method, decile): predicted and actual mean per customer, cumulative_share of all actuals [0 to 1]
        """
        _check_target(target)
        return tenths(getattr(self.actual, target), {m: getattr(p, target) for m, p in self.predictions.items()})

    def calibration(self, levels: Sequence[float] = (0.10, 0.25, 0.50, 0.75, 0.80, 0.90, 0.95)) -> pd.DataFrame:
        """Share of customers inside the model's central predictive intervals of each level, ties placed at random.

        Returns
        -------
        DataFrame by level: purchases, spend [fraction], standard_error (what chance alone would move a share by)
        """
        return coverage_at(self._pit, levels)

    def pit(self) -> pd.DataFrame:
        """Place of each outcome in its predictive distribution, by customer id: purchases, spend [0 to 1].

        Uniform over customers where the forecast is right. Outcomes that tie with draws are placed at random, by the seed.
        """
        return self._pit.copy()

    @cached_property
    def _sums(self) -> dict[int, Array]:
        """Simulated sums by frequency, kept by the largest group once they have been played."""
        return {}

    @cached_property
    def _pit(self) -> pd.DataFrame:
        return pit_of(self.forecast, self.actual.purchases, self.actual.spend, seed=self.seed)

    @cached_property
    def _table(self) -> pd.DataFrame:
        return score_table(self.actual, self.predictions, self.forecast.customers)

    @cached_property
    def _differences(self) -> pd.DataFrame:
        return differences(
            self.actual, self.predictions, self._table, interval=self.interval, resamples=self.resamples, seed=self.seed
        )

    def __repr__(self) -> str:
        table = self._table.to_string(float_format="{:,.3f}".format, na_rep="")
        head = f"Comparison of {self.model} with {len(self.predictions) - 1} formulas"
        return "\n".join([head, table, *self.words(), self.note])

    def _repr_html_(self) -> str:
        table = self._table.to_html(float_format="{:,.3f}".format, na_rep="")
        said = "".join(f"<li>{sentence}</li>" for sentence in self.words())
        return f"<b>{self.model} and the simple formulas</b>{table}<ul>{said}</ul><small>{self.note}</small>"


@overload
def compare(
    forecast: Forecast,
    holdout: Transactions,
    *,
    formulas: Sequence[Baseline] | Mapping[str, Predictor] = ...,
    interval: float = ...,
    resamples: int = ...,
    seed: int = ...,
) -> Comparison: ...
@overload
def compare(
    forecast: ContractForecast,
    holdout: Contracts | Tenures,
    *,
    interval: float = ...,
    resamples: int = ...,
    seed: int = ...,
) -> ContractComparison: ...
def compare(
    forecast: Forecast | ContractForecast,
    holdout: Any,
    *,
    formulas: Sequence[Baseline] | Mapping[str, Predictor] = BASELINES,
    interval: float = 0.90,
    resamples: int = 1000,
    seed: int = 0,
) -> Comparison | ContractComparison:
    """Compare a forecast and simple formulas with what the customers then did.

    Parameters
    ----------
    forecast
        Made at the end of the calibration, over a horizon no longer than the holdout.
    holdout
        What followed: the second part of `log.split(date)`. Customers of the forecast who do not appear did nothing.
        For contracts: the same contracts, observed until the end of the horizon or later.
    formulas
        Predictors to compare with: `Baseline`s, or functions by name that take the histories and the horizon and return
        purchases and spend per customer.
    interval
        Probability of the bootstrap intervals of the differences. (Coverage is of the forecast's own intervals.)
    resamples
        Bootstrap resamples of the customers.
    seed
        Reproduces the resamples and the random places of ties.

    Returns
    -------
    Comparison, or ContractComparison

    Raises
    ------
    ClvError
        The holdout is shorter than the horizon by a day or more or does not fit the forecast, or a formula returns something
        else than a finite prediction of zero or more for every customer.
    """
    tail_of(interval)
    if resamples < 20:
        raise ClvError(f"resamples={resamples} is too few for an interval. Use at least 20; 1000 is usual.")
    if isinstance(forecast, ContractForecast):
        if formulas is not BASELINES:
            raise ClvError("Contracts are compared with constant retention; formulas= is for purchases. Leave it out.")
        return compare_contracts(forecast, holdout, interval=interval, resamples=resamples, seed=seed)
    histories, horizon = forecast.histories, forecast.terms.horizon
    happened = outcomes(histories, holdout, horizon=horizon)
    named = formulas if isinstance(formulas, Mapping) else {one.name: one for one in formulas}
    own = Predicted(*(forecast.customers[t].to_numpy(dtype=float) for t in TARGETS))
    simulation = forecast.simulation
    predictions = {f"{simulation.duration.title} + {simulation.quantity.title}": own}
    predictions |= {
        name: _checked(name, predict(histories, horizon), len(histories)) for name, predict in named.items()
    }
    actual = Predicted(happened.purchases, happened.spend)
    notes = (*happened.notes, *simulation.duration.assumed)
    return Comparison(forecast, actual, predictions, interval, resamples, seed, notes)


def _checked(name: str, predicted: tuple[Array, Array], n: int) -> Predicted:
    found = Predicted(*(np.asarray(values, dtype=float) for values in predicted))
    for target, values in zip(TARGETS, found, strict=True):
        if values.shape != (n,) or not np.all(np.isfinite(values) & (values >= 0)):
            raise ClvError(
                f"The formula {name!r} must predict {target} as {n:,} finite numbers of zero or more, one per customer. "
                f"It returned an array {values.shape}, from {np.min(values, initial=np.inf):g}."
            )
    return found


def _check_target(target: str) -> None:
    if target not in get_args(Target.__value__):
        raise ClvError(f"target={target!r} is not known. Write 'purchases' or 'spend'.")
