"""Fitting media response: from contacts or cells to a `MediaFit`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import special

from clvmodels.data.contacts import Contacts
from clvmodels.data.transactions import Transactions
from clvmodels.errors import ClvError, ContactError
from clvmodels.estimation.media_fit import MediaDiagnostics, MediaFit
from clvmodels.estimation.media_half_lives import with_best_half_lives
from clvmodels.estimation.media_laplace import MediaDraws, Settled, media_laplace, settle
from clvmodels.estimation.media_problem import MediaProblem
from clvmodels.estimation.media_shocks import shocks, widened
from clvmodels.estimation.trust import trusted, vouch
from clvmodels.model import Array
from clvmodels.priors import Prior
from clvmodels.response.amounts import amount_ratios
from clvmodels.response.attributed import Replies, attributed_increments
from clvmodels.response.cells import Audience, Cells
from clvmodels.response.from_logs import occasions
from clvmodels.response.layout import Layout
from clvmodels.response.media import MediaResponse
from clvmodels.response.merged import merged
from clvmodels.response.occasions import Occasions
from clvmodels.response.overdispersion import Overdispersion, overdispersion
from clvmodels.response.predictor import Coefficients
from clvmodels.units import DAY
from clvmodels.version import __version__

if TYPE_CHECKING:
    import pandas as pd

METHODS = ("auto", "laplace", "nuts")


def fit_media(
    spec: MediaResponse,
    data: Contacts | Occasions | Cells,
    log: Transactions | None,
    *,
    method: str,
    priors: Mapping[str, Prior] | None,
    draws: int,
    chains: int,
    tune: int,
    seed: int,
) -> MediaFit:
    """Fit media response; what `clv.fit(media_response(...), ...)` does.

    Raises
    ------
    ClvError
        The method has no prior, or the occasions were made with another window.
    ContactError
        Cells that cannot be, or without a baseline.
    ConvergenceError
        The engine cannot vouch for its draws.
    """
    if method not in METHODS:
        raise ClvError(f"{spec.title}: pooling is a prior, and {method!r} has none. Use one of {', '.join(METHODS)}.")
    started = time.perf_counter()
    all_priors = spec.priors(priors)
    seen = _seen(spec, data, log, all_priors)
    cells = merged(seen.cells)
    layout = Layout.of(cells)
    problem = MediaProblem.of(cells, layout, all_priors)
    problem, settled, dispersion = _corrected(problem)
    engine, found = _run(problem, settled, method, draws=draws, chains=chains, tune=tune, seed=seed)
    vouch(spec.title, found.diagnostics)
    rng = np.random.default_rng([seed, 1])
    spreads, shaken = np.exp(found.u), shocks(problem, settled, cells, layout)
    theta = widened(found.theta, found.u, layout, shaken)
    return MediaFit(
        spec=seen.spec,
        method=engine,
        cells=cells,
        layout=layout,
        theta=theta,
        spreads=spreads,
        coefficients=Coefficients.of(layout, theta, spreads, cells, rng),
        attributed=attributed_increments(cells, seen.replies, seen.spec, len(found.theta), rng),
        amount_ratios=amount_ratios(cells, len(found.theta), rng) if spec.amounts == "by medium" else {},
        audience=seen.audience,
        contacts=seen.contacts,
        shocks=shaken,
        diagnostics=MediaDiagnostics.of(found.diagnostics, dispersion, time.perf_counter() - started),
        priors=all_priors,
        seed=seed,
        version=__version__,
    )


class Seen(NamedTuple):
    """What a fit reads: the model with the half-lives used, cells, attributed responses by medium where they are known; and of a
    log its customers today and the contacts made."""

    spec: MediaResponse
    cells: Cells
    replies: Mapping[str, Replies]
    audience: Audience | None
    contacts: pd.DataFrame | None


def _seen(spec: MediaResponse, data: Any, log: Transactions | None, priors: Mapping[str, Prior]) -> Seen:
    """Cells as they are; occasions, or a contact log with the transaction log, the window and half-lives of both made one.

    Of exposures the likeliest half-lives are taken.
    """
    if isinstance(data, Cells):
        return Seen(spec, data, {}, None, None)
    if isinstance(data, Contacts) and log is not None:
        data = occasions(data, log, window=spec.window, half_life=spec.half_lives(data.media))
    if not hasattr(data, "cells"):
        raise ContactError(
            f"{type(data).__name__} is neither cells nor occasions. Write clv.fit(media_response(...), contacts, log), or give "
            "clv.occasions(contacts, log, ...)."
        )
    if data.window.days != spec.window.days:
        raise ClvError(
            f"The occasions were made with a window of {data.window}, the model asks for {spec.window}. Make both the same."
        )
    if isinstance(data, Occasions):
        data = with_best_half_lives(data, priors)
    used = replace(spec, half_life={medium: days * DAY for medium, days in data.half_life.items()})
    return Seen(used, data.cells(), data.attributed_responses(), data.audience(), data.sent())


def _run(
    problem: MediaProblem, settled: Settled, method: str, *, draws: int, chains: int, tune: int, seed: int
) -> tuple[str, MediaDraws]:
    if method != "nuts":
        found = media_laplace(problem, settled, draws=draws, seed=seed)
        if method == "laplace" or trusted(found.diagnostics):
            return "laplace", found
    from clvmodels.estimation.media_nuts import media_nuts

    return "nuts", media_nuts(problem, settled, draws=draws, chains=chains, tune=tune, seed=seed)


def _corrected(problem: MediaProblem) -> tuple[MediaProblem, Settled, Overdispersion]:
    """The problem, its cells weighed down if occasions of a cell are more alike than chance, where it settles, and the test."""
    settled = settle(problem)
    test = _tested(problem, settled)
    if not test.beyond_noise:
        return problem, settled, test
    weights = tuple(1 / (1 + (part.trials - 1) * test.correlation) for part in problem.parts)
    weighed = problem.weighed(weights)
    corrected = Overdispersion(test.correlation, test.z, test.p, corrected=True)
    return weighed, settle(weighed, start=settled), corrected


def _tested(problem: MediaProblem, settled: Settled) -> Overdispersion:
    theta, spreads = settled.top.theta, settled.v[: problem.start.size]
    covariance = np.linalg.inv(problem.curvature(settled.top.slopes) + np.diag(problem.precision(spreads)))
    columns: list[tuple[Array, ...]] = []
    for part in problem.parts:
        chance = special.expit(part.logit(theta))
        jacobian = part.jacobian(theta)
        spread = np.einsum("gi,gi->g", jacobian @ covariance[np.ix_(part.where, part.where)], jacobian)
        columns.append((part.successes, part.trials, chance, part.trials * chance * (1 - chance) * spread))
    successes, trials, chance, leverage = (np.concatenate(column) for column in zip(*columns, strict=True))
    return overdispersion(successes, trials, chance, leverage)
