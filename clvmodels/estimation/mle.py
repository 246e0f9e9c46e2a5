"""Maximum likelihood and maximum a posteriori: a point, and the covariance of the curvature at it."""

from __future__ import annotations

import numpy as np

from clvmodels.errors import ConvergenceError
from clvmodels.estimation.mode import Mode, find_mode
from clvmodels.estimation.outcome import Diagnostics, Outcome
from clvmodels.estimation.problem import Objective, Problem
from clvmodels.model import Array

MLE_ADVICE = (
    "Maximum likelihood has no prior to lean on: try method='laplace' or 'map', or data with more repeat purchases."
)
MAP_ADVICE = "Check the data with histories.to_frame(), or narrow the priors with priors={...}."


def mle(problem: Problem) -> Outcome:
    """Top of the likelihood; its covariance is the inverse observed information.

    A coefficient can run away to where its process stops and nothing leads back, although there is a higher top: what has
    failed from the centre of the priors is tried from the top of the posterior.
    """
    try:
        mode = _climb(problem, problem.log_likelihood, MLE_ADVICE)
    except ConvergenceError:
        if np.all(problem.coordinates.positive):
            raise
        mode = _climb(problem, problem.log_likelihood, MLE_ADVICE, start=posterior_mode(problem).u)
    return at_mode(problem, mode)


def map_(problem: Problem) -> Outcome:
    """Top of the posterior density in the coordinates of the search, which does not depend on the units of the data."""
    return at_mode(problem, posterior_mode(problem))


def posterior_mode(problem: Problem) -> Mode:
    """Where the posterior density in the coordinates of the search is highest, and its curvature there."""
    return _climb(problem, problem.log_posterior, MAP_ADVICE)


def at_mode(problem: Problem, mode: Mode) -> Outcome:
    """A point estimate and the covariance of the curvature there."""
    seen = problem.coordinates
    diagnostics = Diagnostics(decrement=mode.decrement, iterations=mode.iterations)
    return Outcome(seen.theta(mode.u), seen.spread(mode.covariance), None, diagnostics)


def _climb(problem: Problem, objective: Objective, advice: str, *, start: Array | None = None) -> Mode:
    names, title = list(problem.priors), problem.model.title
    first = problem.centre if start is None else start
    return find_mode(objective, first, problem.coordinates, names=names, title=title, advice=advice)
