"""Which model: likelihood, prediction of customers left out, stacking weights and the holdout, on one scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple, get_args

import numpy as np
import pandas as pd

from clvmodels.data.histories import Histories
from clvmodels.data.tenures import Tenures
from clvmodels.data.transactions import Transactions
from clvmodels.errors import ClvError, ConvergenceError
from clvmodels.estimation.estimate import Fittable, fit
from clvmodels.estimation.result import Fit
from clvmodels.estimation.stack import Stack, stack
from clvmodels.evaluation import scores
from clvmodels.evaluation.candidates import candidates, kinds_of, kinds_of_tenures
from clvmodels.evaluation.left_out import HeldOut, LeftOut, held_out, pointwise, stacking_weights, standard_error
from clvmodels.evaluation.nested import ratios
from clvmodels.evaluation.outcomes import outcomes
from clvmodels.evaluation.words import choice_sentences, ratio_sentences
from clvmodels.model import Array, Model
from clvmodels.units import DAY, Span

type Method = Literal["auto", "laplace", "nuts"]

FEWEST = 100
"""Draws that leave a tail to smooth."""
SETTLED = 1000
"""Draws a posterior is fitted with at least, so that it can vouch for itself."""
DECIMALS = {
    "log_likelihood": 2, "parameters": 0, "k_hat": 2, "weight": 3, "expected_purchases": 0, "actual_purchases": 0,
    "bias": 3,
}  # fmt: skip
"""Of the columns shown; one for the others."""


@dataclass(frozen=True, eq=False, repr=False)
class ModelComparison:
    """The outcome of `clv.compare_models`.

    Models go by their names, such as "BG_NBD". All log-likelihoods are of the times of the same customers' purchases, or of the
    same customers' leaving, in the same unit of time, so that they can be set against each other.

    Attributes
    ----------
    fits
        The fit with posterior draws of each model.
    maxima
        The maximum likelihood fit of each model that has one.
    elpd
        Expected log predictive density of a customer when left out, one column per model, by what any of the models reads of her:
        (frequency, recency, T), and where it is read log_intervals and covariates; of contracts (exit, entry, event), covariates.
    counts
        How many customers have each of these histories.
    scores
        What does not depend on the other models, the best model first; `table` has all.
    notes
        What was left out or not found.
    """

    fits: Mapping[str, Fit]
    maxima: Mapping[str, Fit]
    elpd: pd.DataFrame = field(repr=False)
    counts: Array = field(repr=False)
    scores: pd.DataFrame = field(repr=False)
    notes: tuple[str, ...]

    @property
    def note(self) -> str:
        """What to know when reading the tables."""
        about = f"{self.counts.sum():,.0f} customers, each predicted from all others; elpd and scores are sums of logs."
        return " ".join([about, *self.notes, self.nested().attrs["note"]]).strip()

    @cached_property
    def weights(self) -> pd.Series[float]:
        """Stacking weights by model: the mixture of predictions that would have predicted customers left out best.

        They are not probabilities of being true: models that predict alike share a weight almost at random. `stack` predicts
        with them.

        Source: Yao, Vehtari, Simpson and Gelman 2018, Bayesian Analysis 13(3), 917-1007, section 3.
        """
        found = stacking_weights(self.elpd[self.scores.index].to_numpy(), self.counts)
        return pd.Series(found, index=self.scores.index, name="weight")

    def table(self) -> pd.DataFrame:
        """Every score of every model, the best prediction of customers left out first.

        Returns
        -------
        DataFrame by model: log_likelihood (at its maximum; NaN, as aic and bic, where there is none), parameters, aic, bic,
        elpd_loo with its standard error se, p_loo (effective parameters), k_hat (the largest; trusted up to 0.7), elpd_diff
        (to the best, never above 0) and diff_se (of differences paired by customer), weight (stacking); with a holdout
        holdout_log_score (of each customer's number of purchases), expected_purchases, actual_purchases, bias [fraction]
        """
        table = self.scores.copy()
        apart = {name: (self.elpd[name] - self.elpd[table.index[0]]).to_numpy() for name in table.index}
        after = list(table).index("k_hat") + 1
        table.insert(after, "elpd_diff", [float(self.counts @ one) for one in apart.values()])
        table.insert(after + 1, "diff_se", [standard_error(one, self.counts) for one in apart.values()])
        table.insert(after + 2, "weight", self.weights)
        return table

    def nested(self) -> pd.DataFrame:
        """Likelihood-ratio tests of the pairs in which the smaller model is nested in the larger.

        A model is nested in itself with covariates, and with fewer covariates in itself with more. With no effect the
        coefficients are zero, so p-values are those of chi-square with one degree of freedom per coefficient more.

        A model that is a limit of another lies on its boundary: nobody leaves (NBD), or the rate of leaving does not change with
        age (PARETO_NBD in GGOMPERTZ_NBD). There the chi-square p-value is conservative, larger than the right one. Halving it
        would be right for one parameter on the boundary only; it is not halved. Often the larger model has no maximum because
        its likelihood is highest at that boundary: then the smaller one is enough.

        Returns
        -------
        DataFrame by (smaller, larger): statistic (twice the gain in log-likelihood, >= 0), degrees_of_freedom, p_value (NaN
        where a maximum is missing), conservative (whether the p-value is). `attrs["note"]` says the same in words.
        """
        models = {name: one.model for name, one in self.fits.items()}
        return ratios(models, {str(name): value for name, value in self.scores["log_likelihood"].items()})

    def stack(self) -> Stack:
        """The fits as one that predicts with these weights: `clv.forecast(comparison.stack(), quantity, histories, ...)`."""
        return stack(self.fits, self.weights)

    def words(self) -> list[str]:
        """Plain sentences: the best model, what is noise, what cannot be trusted or is missing, nested models, the holdout."""
        return choice_sentences(self.table(), set(self.maxima)) + ratio_sentences(self.nested())

    def __repr__(self) -> str:
        head = f"Comparison of {', '.join(self.scores.index)}"
        return "\n".join([head, shown(self.table()).to_string(), *self.words(), self.note])

    def _repr_html_(self) -> str:
        said = "".join(f"<li>{sentence}</li>" for sentence in self.words())
        return f"<b>Which model</b>{shown(self.table()).to_html()}<ul>{said}</ul><small>{self.note}</small>"


def compare_models(
    models: Sequence[Fittable],
    histories: Histories | Tenures,
    *,
    holdout: Transactions | None = None,
    method: Method = "auto",
    draws: int = 1000,
    seed: int = 0,
) -> ModelComparison:
    """Fit several models to the same customers and compare them.

    Each is fitted by maximum likelihood, for AIC, BIC and likelihood ratios, and with posterior draws, for the prediction of
    customers left out. A model without a maximum keeps its row, and a note says why. Instead of choosing one, let them predict
    together: `clv.forecast(comparison.stack(), quantity, histories, ...)`.

    Parameters
    ----------
    models
        Models of purchasing until an unseen end, such as `[NBD, BG_NBD, MBG_NBD]`, or of contracts, such as
        `[GEOMETRIC, SHIFTED_BETA_GEOMETRIC]`, each once; with covariates too.
    histories
        The customers; for models of contracts their tenures. Time grows with the distinct ones. Models of regular buying need
        their `log_intervals`.
    holdout
        What followed: the second part of `log.split(date)`, with or without amounts. Customers who do not
        appear bought nothing. For contracts see `clv.score_contracts`.
    method
        How posterior draws are made: "auto", "laplace" or "nuts".
    draws
        Posterior draws that weigh each customer, at least 100.
    seed
        Reproduces the comparison.

    Returns
    -------
    ModelComparison

    Raises
    ------
    ModelError
        There is no model, one is given twice or is of another family, times and opportunities (of contracts: times and whole
        periods) are mixed, or a model of regular buying is compared on histories without `log_intervals`.
    ContractError
        Contracts have several rows each.
    ConvergenceError
        The posterior of a model cannot be drawn from.
    ClvError
        The method has no posterior draws, there are too few draws, or the holdout does not fit the histories.
    """
    named = candidates(models, histories)
    if method not in get_args(Method.__value__):
        raise ClvError(f"method={method!r} gives no posterior draws. Choose 'auto', 'laplace' or 'nuts'.")
    if draws < FEWEST:
        raise ClvError(f"draws={draws} is too few to weigh customers. Use at least {FEWEST}; 1000 is usual.")
    future = None if holdout is None else _future(histories, holdout)
    if isinstance(histories, Tenures):
        kinds, counts, people = kinds_of_tenures(named, histories)
    else:
        kinds, counts, people = kinds_of(named, histories)
    maxima, notes = _maxima(named, histories)
    fits = {name: _posterior(model, histories, method, draws, seed) for name, model in named.items()}
    theta = {name: np.column_stack(one.draws(draws, seed=seed)) for name, one in fits.items()}
    left_out = {
        name: pointwise(model, theta[name], model.data(people), model.tables(people)) for name, model in named.items()
    }
    rows = {}
    for name, model in named.items():
        rows[name] = _likelihood_scores(maxima.get(name), len(model.parameters), counts)
        rows[name] |= _left_out_scores(left_out[name], counts)
        if future is not None and isinstance(histories, Histories):
            found = held_out(model, theta[name], histories, future.purchases, future.horizon)
            rows[name] |= _holdout_scores(found, future.purchases)
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("model").astype({"parameters": int})
    table = table.sort_values("elpd_loo", ascending=False, kind="stable")
    elpd = pd.DataFrame({name: one.elpd for name, one in left_out.items()}, index=kinds)
    return ModelComparison(fits, maxima, elpd, counts, table, notes + (future.notes if future else ()))


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """The table as text, rounded to what can be read; blank where there is nothing."""
    places = {name: DECIMALS.get(str(name), 1) for name in table}
    return pd.DataFrame(
        {name: ["" if np.isnan(v) else f"{v:,.{places[name]}f}" for v in table[name]] for name in table},
        index=table.index,
    )


def _maxima(named: Mapping[str, Model], histories: Histories | Tenures) -> tuple[dict[str, Fit], tuple[str, ...]]:
    """The maximum likelihood fits there are, and why the others are missing."""
    found, notes = {}, []
    for name, model in named.items():
        try:
            if model.hierarchical:
                raise ConvergenceError("pooling is a prior, and maximum likelihood has none.")
            found[name] = fit(model, histories, method="mle")
        except ConvergenceError as error:
            notes.append(f"{name} has no maximum likelihood: {error}")
    return found, tuple(notes)


def _posterior(model: Model, histories: Histories | Tenures, method: Method, draws: int, seed: int) -> Fit:
    try:
        return fit(model, histories, method=method, draws=max(draws, SETTLED), seed=seed)
    except ConvergenceError as error:
        raise ConvergenceError(f"{error} Or leave {model.name} out of the comparison.") from error


class _Future(NamedTuple):
    """Purchases of each customer in all of the holdout (n,), how long that is, and what was left out."""

    purchases: Array
    horizon: Span
    notes: tuple[str, ...]


def _future(histories: Histories | Tenures, holdout: Transactions) -> _Future:
    if isinstance(histories, Tenures):
        raise ClvError(
            "A holdout of purchases does not belong to tenures. Score what fits predict of a later time: clv.score_contracts."
        )
    start = histories.until or holdout.after or holdout.until
    horizon = max((holdout.until - start).days, 0) * DAY
    found = outcomes(histories, holdout, horizon=horizon, money=False)
    return _Future(found.purchases, horizon, found.notes)


def _likelihood_scores(top: Fit | None, k: int, counts: Array) -> dict[str, float]:
    value = np.nan if top is None else top.loglik
    aic, bic = 2 * k - 2 * value, k * float(np.log(counts.sum())) - 2 * value
    return {"log_likelihood": value, "parameters": k, "aic": aic, "bic": bic}


def _left_out_scores(found: LeftOut, counts: Array) -> dict[str, float]:
    error = standard_error(found.elpd, counts)
    totals = {"elpd_loo": float(counts @ found.elpd), "se": error, "p_loo": float(counts @ found.p_loo)}
    return totals | {"k_hat": float(found.k_hat.max())}


def _holdout_scores(found: HeldOut, actual: Array) -> dict[str, float]:
    totals = {"expected_purchases": found.expected, "actual_purchases": float(actual.sum())}
    return {"holdout_log_score": found.log_score} | totals | {"bias": scores.bias(actual, np.array([found.expected]))}
