"""`fit`: one call, four engines."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, Protocol

from clvmodels.data.histories import Histories
from clvmodels.errors import ClvError, ConvergenceError
from clvmodels.estimation.hierarchical import hierarchical
from clvmodels.estimation.laplace import K_HAT_LIMIT, laplace
from clvmodels.estimation.mle import map_, mle
from clvmodels.estimation.outcome import Diagnostics, Outcome
from clvmodels.estimation.problem import Problem
from clvmodels.estimation.result import Fit
from clvmodels.model import Model
from clvmodels.priors import Prior
from clvmodels.version import __version__

type Method = Literal["auto", "mle", "map", "laplace", "nuts"]
METHODS = ("auto", "mle", "map", "laplace", "nuts")
R_HAT_LIMIT = 1.01
ESS_LIMIT = 400


class Fittable(Protocol):
    """A model, or what becomes one when it meets customers."""

    def on(self, histories: Histories, /) -> Model: ...


def fit(
    model: Fittable,
    histories: Histories,
    *,
    method: Method = "auto",
    priors: Mapping[str, Prior] | None = None,
    draws: int = 2000,
    chains: int = 4,
    tune: int = 1000,
    seed: int = 0,
) -> Fit:
    """Fit a model to customers.

    Parameters
    ----------
    model
        A value of the catalogue, such as `BG_NBD`, or one of these `with_covariates(...)`.
    histories
        The customers. Equal histories are merged, so time grows with the distinct ones.
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
    Fit

    Raises
    ------
    ConvergenceError
        If there is no interior maximum, the importance weights cannot be trusted (laplace), or the chains disagree (nuts).
    """
    if method not in METHODS:
        raise ClvError(f"method={method!r} is not an engine. Choose one of {', '.join(METHODS)}.")
    if method == "mle" and priors:
        raise ClvError("Maximum likelihood has no priors. Leave out priors=, or use method='map' or 'laplace'.")
    started = time.perf_counter()
    problem = Problem.of(model.on(histories), histories, priors)
    model = problem.model
    if method in ("mle", "map") and model.hierarchical:
        raise ClvError(
            f"{model.title}: pooling is a prior, and maximum likelihood has none. Use method='laplace' or 'nuts'."
        )
    engine, outcome = _run(problem, method, draws=draws, chains=chains, tune=tune, seed=seed)
    _vouch(model.title, outcome.diagnostics)
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
    )


def _run(problem: Problem, method: str, *, draws: int, chains: int, tune: int, seed: int) -> tuple[str, Outcome]:
    if method == "mle":
        return method, mle(problem)
    if method == "map":
        return method, map_(problem)
    if method != "nuts":
        draw = hierarchical if problem.model.hierarchical else laplace
        outcome = draw(problem, draws=draws, seed=seed)
        if method == "laplace" or _trusted(outcome.diagnostics):
            return "laplace", outcome
    from clvmodels.estimation.nuts import nuts

    return "nuts", nuts(problem, draws=draws, chains=chains, tune=tune, seed=seed)


def _trusted(diagnostics: Diagnostics) -> bool:
    return diagnostics.k_hat is None or diagnostics.k_hat <= K_HAT_LIMIT


def _vouch(title: str, found: Diagnostics) -> None:
    if not _trusted(found):
        raise ConvergenceError(
            f"{title}: k-hat is {found.k_hat:.2f}, above {K_HAT_LIMIT}: the posterior is too far from normal for "
            "method='laplace'. Use method='nuts', or 'auto', which turns to it by itself."
        )
    if (
        found.r_hat is not None
        and found.ess is not None
        and not (found.r_hat <= R_HAT_LIMIT and found.ess >= ESS_LIMIT)
    ):
        raise ConvergenceError(
            f"{title}: the chains disagree (R-hat {found.r_hat:.3f}, {found.ess:.0f} effective draws; wanted at most "
            f"{R_HAT_LIMIT} and at least {ESS_LIMIT}). Raise tune= and draws=, or narrow the priors with priors={{...}}."
        )
    if found.divergences:
        raise ConvergenceError(
            f"{title}: {found.divergences} divergent transitions: part of the posterior was not reached. Narrow the priors "
            "with priors={...}, or use method='laplace', whose k-hat tells whether it can be trusted here."
        )
