"""Which of several half-lives of an exposure the data are likeliest under."""

from __future__ import annotations

from collections.abc import Mapping

from clvmodels.estimation.media_laplace import settle
from clvmodels.estimation.media_problem import MediaProblem
from clvmodels.priors import Prior
from clvmodels.response.layout import Layout
from clvmodels.response.merged import merged
from clvmodels.response.occasions import Occasions


def with_best_half_lives(occasions: Occasions, priors: Mapping[str, Prior]) -> Occasions:
    """The occasions with each exposure's half-life chosen from its candidates, one exposure after the other."""
    for exposure in occasions.exposures:
        if len(exposure.candidates) > 1:
            tried = [occasions.with_half_life(exposure.medium, span) for span in exposure.candidates]
            occasions = max(tried, key=lambda one: _height(one, priors))
    return occasions


def _height(occasions: Occasions, priors: Mapping[str, Prior]) -> float:
    """Log marginal likelihood, up to a constant, at the spreads and fatigue where it is highest."""
    cells = merged(occasions.cells())
    found = settle(MediaProblem.of(cells, Layout.of(cells), priors))
    return float(found.quadratic.marginal(found.v[None])[0])
