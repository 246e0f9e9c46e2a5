"""`fit`: one call, four engines."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, Protocol, overload

from clvmodels.covariates.survival import Survival
from clvmodels.covariates.time_varying import TimeVaryingSpec
from clvmodels.data.contacts import Contacts
from clvmodels.data.histories import Histories
from clvmodels.data.tenures import Tenures
from clvmodels.data.transactions import Transactions
from clvmodels.duration.contractual import Contractual
from clvmodels.errors import ClvError
from clvmodels.estimation.contact_effects import ContactGrounds
from clvmodels.estimation.hierarchical import hierarchical
from clvmodels.estimation.laplace import laplace
from clvmodels.estimation.latent import latent
from clvmodels.estimation.media import fit_media
from clvmodels.estimation.media_fit import MediaFit
from clvmodels.estimation.mle import map_, mle
from clvmodels.estimation.outcome import Outcome
from clvmodels.estimation.problem import Problem
from clvmodels.estimation.result import Fit
from clvmodels.estimation.trust import trusted, vouch
from clvmodels.model import Model
from clvmodels.priors import Prior
from clvmodels.response.cells import Cells
from clvmodels.response.media import MediaResponse
from clvmodels.response.occasions import Occasions
from clvmodels.version import __version__

type Method = Literal["auto", "mle", "map", "laplace", "nuts"]
METHODS = ("auto", "mle", "map", "laplace", "nuts")


class Fittable(Protocol):
    """A model, or what becomes one when it meets customers."""

    def on(self, histories: Any, /) -> Model: ...


@overload
def fit(
    model: Fittable,
    histories: Histories | Tenures,
    *,
    method: Method = ...,
    priors: Mapping[str, Prior] | None = ...,
    draws: int = ...,
    chains: int = ...,
    tune: int = ...,
    seed: int = ...,
) -> Fit: ...
@overload
def fit(
    model: MediaResponse,
    histories: Occasions | Cells,
    *,
    method: Method = ...,
    priors: Mapping[str, Prior] | None = ...,
    draws: int = ...,
    chains: int = ...,
    tune: int = ...,
    seed: int = ...,
) -> MediaFit: ...
@overload
def fit(
    model: MediaResponse,
    histories: Contacts,
    log: Transactions,
    *,
    method: Method = ...,
    priors: Mapping[str, Prior] | None = ...,
    draws: int = ...,
    chains: int = ...,
    tune: int = ...,
    seed: int = ...,
) -> MediaFit: ...
def fit(
    model: Fittable | MediaResponse,
    histories: Any,
    log: Transactions | None = None,
    *,
    method: Method = "auto",
    priors: Mapping[str, Prior] | None = None,
    draws: int = 2000,
    chains: int = 4,
    tune: int = 1000,
    seed: int = 0,
) -> Fit | MediaFit:
    """Fit a model to customers.

    Parameters
    ----------
    model
        A value of the catalogue, such as `BG_NBD`, or one of these `with_covariates(...)`; `survival(...)`; or
        `media_response(...)`.
    histories
        The customers. Equal histories are merged, so time grows with the distinct ones. For models of contracts: `Tenures`.
        For media response: the contact log, or occasions that were made from one, or cells.
    log
        For media response to a contact log: the transaction log.
    method
        "mle": maximum likelihood. "map": top of the posterior. "laplace": posterior draws by corrected normal
        approximation, seconds. "nuts": posterior draws by Hamiltonian Monte Carlo (PyMC and nutpie), the reference.
        "auto": laplace, and nuts if laplace cannot vouch for itself (k-hat > 0.7).
    priors
        Replaces default priors by parameter name, e.g. `{"alpha": LogNormal(10 * WEEK, 1.0)}`.
    draws
        Posterior draws (laplace in all, nuts per chain).
    chains, tune
        Chains and warm-up draws per chain (nuts).
    seed
        Reproduces the fit.

    Returns
    -------
    Fit, or MediaFit of media response

    Raises
    ------
    ConvergenceError
        If there is no interior maximum, the importance weights cannot be trusted (laplace), or the chains disagree (nuts).
    """
    if method not in METHODS:
        raise ClvError(f"method={method!r} is not an engine. Choose one of {', '.join(METHODS)}.")
    if method == "mle" and priors:
        raise ClvError("Maximum likelihood has no priors. Leave out priors=, or use method='map' or 'laplace'.")
    if isinstance(model, MediaResponse):
        return fit_media(
            model, histories, log, method=method, priors=priors, draws=draws, chains=chains, tune=tune, seed=seed
        )
    if log is not None:
        raise ClvError(
            f"{model!r} is fitted to histories alone. Leave out the log: log.histories(period=...) made them."
        )
    _insist_on_data_of(model, histories)
    started, spec = time.perf_counter(), model
    problem = Problem.of(model.on(histories), histories, priors)
    model = problem.model
    if method in ("mle", "map") and model.hierarchical:
        raise ClvError(
            f"{model.title}: pooling is a prior, and maximum likelihood has none. Use method='laplace' or 'nuts'."
        )
    engine, outcome = _run(problem, method, draws=draws, chains=chains, tune=tune, seed=seed)
    vouch(model.title, outcome.diagnostics)
    return Fit(
        model=model,
        method=engine,
        theta=model.Theta(*map(float, outcome.theta)),
        loglik=problem.log_likelihood_at(outcome.theta),
        covariance=outcome.covariance,
        posterior=outcome.posterior,
        diagnostics=replace(outcome.diagnostics, seconds=time.perf_counter() - started),
        priors=None if engine == "mle" else problem.priors,
        period=histories.period,
        currency=histories.currency,
        n_customers=len(histories),
        n_informative=int(problem.counts.sum()),
        n_distinct=problem.counts.size,
        fingerprint=histories.fingerprint(),
        seed=None if outcome.posterior is None else seed,
        version=__version__,
        grounds=_grounds(spec, histories),
    )


def _grounds(spec: Fittable, histories: Any) -> ContactGrounds | None:
    """What effects of contacts rest on, if the model has any."""
    known = isinstance(spec, TimeVaryingSpec) and spec.contacts is not None
    return ContactGrounds(spec.contacts, histories) if known else None  # type: ignore[attr-defined]


def _insist_on_data_of(model: Fittable, data: Any) -> None:
    """Models of contracts read tenures, the others histories."""
    reads_tenures = isinstance(getattr(model, "base", model), (Contractual, Survival))
    if reads_tenures and not isinstance(data, Tenures):
        raise ClvError(
            f"{model!r} is a model of contracts and reads tenures, not {type(data).__name__}. Give contracts.tenures(period=...) "
            "or Tenures.from_cohort([...])."
        )
    if isinstance(data, Tenures) and not reads_tenures:
        raise ClvError(
            f"{model!r} does not read tenures of contracts. Give log.histories(period=...), or fit a model of contracts such as "
            "SHIFTED_BETA_GEOMETRIC or survival()."
        )


def _run(problem: Problem, method: str, *, draws: int, chains: int, tune: int, seed: int) -> tuple[str, Outcome]:
    if method == "mle":
        return method, mle(problem)
    if method == "map":
        return method, map_(problem)
    if method != "nuts":
        draw = _posterior_engine(problem.model)
        outcome = draw(problem, draws=draws, seed=seed)
        if method == "laplace" or trusted(outcome.diagnostics):
            return "laplace", outcome
    from clvmodels.estimation.nuts import nuts

    return "nuts", nuts(problem, draws=draws, chains=chains, tune=tune, seed=seed)


def _posterior_engine(model: Model) -> Callable[..., Outcome]:
    """The approximation that suits how the model's parameters hang together."""
    if not model.hierarchical:
        return laplace
    return latent if model.groups else hierarchical
