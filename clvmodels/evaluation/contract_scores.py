"""How well fits of contracts predict who leaves when: concordance and Brier scores with intervals, and their differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from clvmodels.data.tenures import Tenures
from clvmodels.errors import ClvError, ContractError
from clvmodels.estimation.result import Fit, tail_of
from clvmodels.evaluation.contract_calibration import by_tenth
from clvmodels.evaluation.stays import (
    affordable,
    insist_on_contracts,
    is_discrete,
    periods_of,
    stay,
    theta_of,
    usual_horizon,
)
from clvmodels.evaluation.survival_scores import (
    Resampled,
    brier,
    integrated,
    resampled_scores,
    share_there,
)
from clvmodels.model import Array
from clvmodels.units import Period, Span

TIMES = 20
"""Times at which the Brier score is evaluated."""
NOBODY = "nobody told apart"
"""The prediction to beat: the share still there by Kaplan and Meier, for everybody."""
ORDERS = ("concordance", "concordance_observed")


@dataclass(frozen=True, eq=False, repr=False)
class ContractScores:
    """The outcome of `clv.score_contracts`.

    Attributes
    ----------
    period
        Unit of time.
    at
        Times since entry at which the Brier score was evaluated [period].
    survival
        Predicted probability of being there at each of them, by name of the fit (n, times).
    values, resamples
        Scores, (methods,) and (resamples, methods) by name.
    brier
        By fit and time since entry: value, lower, upper.
    calibration
        By fit and tenth of its predicted chance of leaving by the last time (1 the lowest; fewer where many predictions are
        equal): customers, predicted, left (by Kaplan and Meier), lower, upper.
    notes
        What to know when reading the tables.
    """

    period: Period
    at: Array
    survival: Mapping[str, Array] = field(repr=False)
    values: Mapping[str, Array] = field(repr=False)
    resamples: Mapping[str, Array] = field(repr=False)
    brier: pd.DataFrame = field(repr=False)
    calibration: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...]
    interval: float

    @property
    def names(self) -> list[str]:
        return [*self.survival, NOBODY]

    def table(self) -> pd.DataFrame:
        """Every score of every fit.

        Returns
        -------
        DataFrame by (model, score): value, lower, upper (intervals by drawing other customers). Scores: concordance (Harrell),
        concordance_observed (Uno: does not depend on how long customers were followed), brier (at the horizon),
        integrated_brier (mean over time up to it), skill (1 less the ratio of integrated_brier to that of telling nobody apart:
        1 is perfect, 0 no better, below 0 worse)
        """
        rows = {}
        for k, name in enumerate(self.names):
            for score, values in self.values.items():
                rows[name, score] = (values[k], *self._limits(self.resamples[score][:, k]))
        return _framed(rows, ["model", "score"])

    def differences(self) -> pd.DataFrame:
        """Each fit less the best by integrated_brier, the same customers drawn for both.

        Returns
        -------
        DataFrame by (model, score): value, lower, upper, and clear, whether the interval leaves out zero
        """
        order = np.argsort(self.values["integrated_brier"], kind="stable")
        best, rows = int(order[0]), {}
        for k in order[1:]:
            for score, values in self.values.items():
                apart = self.resamples[score][:, k] - self.resamples[score][:, best]
                rows[self.names[k], score] = (values[k] - values[best], *self._limits(apart))
        table = _framed(rows, ["model", "score"])
        table["clear"] = (table["lower"] > 0) | (table["upper"] < 0)
        table.attrs["best"] = self.names[best]
        return table

    def words(self) -> list[str]:
        """Plain sentences: whether the fits tell customers apart, whether their probabilities are right, what is noise."""
        table, apart, said = self.table(), self.differences(), []
        for name in self.survival:
            order, low, high = table.loc[(name, "concordance"), ["value", "lower", "upper"]]
            skill = self.values["skill"][self.names.index(name)]
            said.append(
                f"{name}: of two customers the one who left first was predicted to leave sooner in "
                f"{order:.1%} of pairs ({low:.1%} to {high:.1%}; guessing gives 50 %); skill "
                f"{skill:+.1%} over telling nobody apart."
            )
        best = apart.attrs["best"]
        for name in apart.index.unique("model"):
            row = apart.loc[(name, "integrated_brier")]
            verdict = "more than noise" if row["clear"] else "no more than noise"
            said.append(f"{name} is {row['value']:.4f} of integrated Brier score behind {best}: {verdict}.")
        return [*said, *self.notes]

    def _limits(self, values: Array) -> tuple[float, float]:
        tail = tail_of(self.interval)
        low, high = np.nanquantile(values, [tail, 1 - tail]) if np.isfinite(values).any() else (np.nan, np.nan)
        return float(low), float(high)

    @cached_property
    def _shown(self) -> pd.DataFrame:
        return pd.DataFrame(dict(self.values), index=self.names).round(4)

    @property
    def _head(self) -> str:
        return f"Scores of predictions up to {self.at[-1]:g} {self.period.name}s after entry"

    def __repr__(self) -> str:
        return "\n".join([self._head, self._shown.to_string(), *self.words()])

    def _repr_html_(self) -> str:
        said = "".join(f"<li>{sentence}</li>" for sentence in self.words())
        return f"<b>{self._head}</b>{self._shown.to_html()}<ul>{said}</ul>"


def score_contracts(
    fits: Fit | Sequence[Fit] | Mapping[str, Fit],
    tenures: Tenures,
    *,
    horizon: Span | Period | None = None,
    interval: float = 0.90,
    resamples: int = 200,
    draws: int = 200,
    seed: int = 0,
) -> ContractScores:
    """Score what fits predict of each customer from the moment she is first seen against what she did.

    Time counts from entry, so that who entered late is predicted given that she was there then. Score customers the fits have
    not seen, or a later time: contracts made with `observed_from=` the day of the fit, whose tenures enter on that day.

    Parameters
    ----------
    fits
        Of models of contracts, in the same period: one, several, or several by name.
    tenures
        Customers, a row each; those who share a `customer_id` are drawn together.
    horizon
        Up to when to predict; by default as long as a quarter of the customers were followed.
    interval, resamples
        Probability of the intervals; how often customers are drawn anew for them.
    draws
        Posterior draws to predict with; fewer where every customer is one of a kind.
    seed
        Reproduces it.

    Returns
    -------
    ContractScores

    Raises
    ------
    ModelError, UnitError
        A fit is not of contracts, or counts other periods.
    ContractError
        Contracts have several rows each, or nobody left within the horizon.

    Examples
    --------
    >>> from clvmodels.duration.geometric import GEOMETRIC
    >>> from clvmodels.estimation.estimate import fit
    >>> cohort = Tenures.from_cohort([1000, 869, 743, 653])
    >>> scores = score_contracts(fit(GEOMETRIC, cohort, method="mle"), cohort, resamples=20)
    >>> float(scores.table().loc[("GEOMETRIC", "concordance"), "value"])
    0.5
    """
    named = _named(fits)
    for fit in named.values():
        insist_on_contracts(fit, tenures)
    if tenures.contract is not None:
        raise ContractError(
            "Predictions are scored from entry on, and these contracts have several rows each. Make the tenures without "
            "varying=True."
        )
    discrete = all(is_discrete(fit.model) for fit in named.values())
    time, event, weights = tenures.exit - tenures.entry, tenures.event, tenures.weights
    last = (
        usual_horizon(time, weights, discrete=discrete)
        if horizon is None
        else periods_of(horizon, tenures, discrete=discrete)
    )
    if not np.any((event == 1) & (time <= last)):
        raise ContractError(f"Nobody left within {last:g} {tenures.period.name}s of entry. Give a longer horizon.")
    at = _times(last, discrete)
    survival = {}
    for name, fit in named.items():
        enough = affordable(fit.model, tenures, times=at.size, draws=draws)
        survival[name] = stay(fit, theta_of(fit, enough, seed), tenures, at)
    everybody = np.broadcast_to(share_there(time, event, at, weights), (time.size, at.size))
    stacked = np.stack([*survival.values(), everybody])
    redrawn = draw_customers(tenures, resamples, seed)
    drawn = resampled_scores(time, event, stacked, at, redrawn)
    values = _scores(_observed(time, event, stacked, at, weights), at)
    tail = tail_of(interval)
    tables = {
        name: by_tenth(time, event, 1 - s[:, -1], last, weights, redrawn, tail=tail) for name, s in survival.items()
    }
    calibration = pd.concat(tables, names=["model"])
    low, high = np.quantile(drawn.brier, [tail, 1 - tail], axis=0)
    table = _by_time(
        [*survival, NOBODY], at, np.stack([brier(time, event, s, at, weights) for s in stacked]), low, high
    )
    found = {name: column[0] for name, column in values.items()}
    return ContractScores(
        tenures.period, at, survival, found, _scores(drawn, at), table, calibration, _notes(named, tenures), interval
    )


def draw_customers(tenures: Tenures, resamples: int, seed: int) -> Array:
    """How often each row was drawn, (resamples, n): customers with replacement, all rows of one together."""
    rng = np.random.default_rng([seed, 0xB0075])
    if tenures.counts is not None:
        total = round(float(tenures.counts.sum()))
        return rng.multinomial(total, tenures.counts / tenures.counts.sum(), size=resamples).astype(float)
    code, names = pd.factorize(tenures.customer_id)
    drawn = rng.integers(len(names), size=(resamples, len(names)), dtype=np.int32)
    return np.stack([np.bincount(one, minlength=len(names))[code] for one in drawn]).astype(float)


def _named(fits: Fit | Sequence[Fit] | Mapping[str, Fit]) -> dict[str, Fit]:
    if isinstance(fits, Fit):
        return {fits.model.name: fits}
    if isinstance(fits, Mapping):
        return {str(name): fit for name, fit in fits.items()}
    named = {getattr(getattr(fit, "model", fit), "name", repr(fit)): fit for fit in fits}
    if not named or len(named) < len(fits):
        raise ClvError(
            "Several fits have the same name, or there is none. Give them by name: {'plain': ..., 'more': ...}."
        )
    return named


def _times(last: float, discrete: bool) -> Array:
    if not discrete:
        return np.linspace(0.0, last, TIMES + 1)[1:]
    return np.unique(np.rint(np.linspace(0.0, last, min(TIMES, round(last)) + 1)))[1:]


def _observed(time: Array, event: Array, survival: Array, at: Array, weights: Array) -> Resampled:
    """The scores of all customers as if they were one resample."""
    return resampled_scores(time, event, survival, at, weights[None])


def _scores(found: Resampled, at: Array) -> dict[str, Array]:
    mean = integrated(found.brier, at)
    values = {"concordance": found.concordance, "concordance_observed": found.observed}
    return values | {"brier": found.brier[..., -1], "integrated_brier": mean, "skill": 1 - mean / mean[:, -1:]}


def _by_time(names: list[str], at: Array, value: Array, low: Array, high: Array) -> pd.DataFrame:
    index = pd.MultiIndex.from_product([names, at], names=["model", "ahead"])
    return pd.DataFrame({"value": value.ravel(), "lower": low.ravel(), "upper": high.ravel()}, index=index)


def _notes(named: Mapping[str, Fit], tenures: Tenures) -> tuple[str, ...]:
    late = float(tenures.weights[tenures.entry > 0].sum())
    told = [
        f"{late:,.0f} of {len(tenures):,} customers entered late: predicted from their entry on, given that they were there."
    ]
    own = [name for name, fit in named.items() if fit.fingerprint == tenures.fingerprint()]
    seen = [f"{', '.join(own)}: scored on the customers it was fitted to, which flatters it a little."]
    return tuple((told if late else []) + (seen if own else []))


def _framed(rows: Mapping[tuple[str, str], tuple[float, ...]], names: list[str]) -> pd.DataFrame:
    index = pd.MultiIndex.from_tuples(list(rows), names=names)
    return pd.DataFrame(list(rows.values()), index=index, columns=["value", "lower", "upper"])
