"""Which fits can be trusted, and the refusal of the others."""

from __future__ import annotations

from collections.abc import Container, Sequence

import numpy as np

from clvmodels.coordinates import Coordinates
from clvmodels.errors import ConvergenceError
from clvmodels.estimation.laplace import K_HAT_LIMIT
from clvmodels.estimation.outcome import Diagnostics
from clvmodels.model import Array

R_HAT_LIMIT = 1.01
ESS_LIMIT = 400
NORMAL_90 = 1.645
EVEN = 0.5
"""Probability before the data that a medium does nothing."""
DOUBTED = 0.05
"""Probability of no effect that is worth a word."""


def trusted(diagnostics: Diagnostics) -> bool:
    """Whether importance weights, if there are any, vouch for themselves."""
    return diagnostics.k_hat is None or diagnostics.k_hat <= K_HAT_LIMIT


WIDE = 20.0
"""How many times the other one end of an effect's 90 % interval may be before the data hardly tell it."""


def hardly_told(
    free: Array, covariance: Array, names: Sequence[str], coordinates: Coordinates, *, besides: Container[str] = ()
) -> list[str]:
    """Sentences on the coefficients that data hardly tell: of two standard deviations of their column, the effect's interval.

    Parameters
    ----------
    free, covariance
        Estimate (k,) and its covariance (k, k) in the free form of `Coordinates`.
    besides
        Names of coefficients that are not of columns.
    """
    if coordinates.mixing is None:
        return []
    found = []
    for j in (j for j in np.flatnonzero(~coordinates.positive).tolist() if names[j] not in besides):
        reach = 2.0 / coordinates.mixing[j, j] * np.sqrt(covariance[j, j]) * NORMAL_90
        middle = 2.0 / coordinates.mixing[j, j] * free[j]
        if 2 * reach > np.log(WIDE):
            low, high = np.exp([middle - reach, middle + reach])
            found.append(
                f"The data hardly tell {names[j]}: where its column is high rather than low (two standard deviations), the "
                f"process is multiplied by anything from {low:.2g} to {high:.2g} (90 %)."
            )
    return found


def vouch(title: str, found: Diagnostics) -> None:
    """Refuse a fit whose diagnostics do not vouch for it.

    Raises
    ------
    ConvergenceError
        Naming the limit that was missed, and what to do.
    """
    if not trusted(found):
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
