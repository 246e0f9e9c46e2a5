"""What an engine hands back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from clvmodels.coordinates import Coordinates
from clvmodels.model import Array

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class Diagnostics:
    """What vouches for a fit; a value that the method does not produce is None.

    Attributes
    ----------
    decrement
        Gap to the top of the log density that the quadratic model predicts (mle, map, laplace).
    iterations
        Steps of the search for the top.
    k_hat
        Shape of the tail of the importance weights (laplace); trusted up to 0.7.
    r_hat
        Largest split R-hat over the parameters (nuts); trusted up to 1.01.
    ess
        Effective number of posterior draws, the smallest over the parameters.
    divergences
        Divergent transitions (nuts).
    compiling
        Seconds of it that PyMC's model took to compile (nuts).
    seconds
        Time the fit took.
    """

    decrement: float | None = None
    iterations: int | None = None
    k_hat: float | None = None
    r_hat: float | None = None
    ess: float | None = None
    divergences: int | None = None
    compiling: float | None = None
    seconds: float | None = None

    def __str__(self) -> str:
        words = {
            "k_hat": "k-hat {:.2f}", "r_hat": "R-hat {:.3f}", "ess": "{:,.0f} effective draws",
            "divergences": "{} divergences", "iterations": "{} steps", "compiling": "compiled in {:.2g} s", "seconds": "{:.2g} s",
        }  # fmt: skip
        return ", ".join(
            text.format(getattr(self, name)) for name, text in words.items() if getattr(self, name) is not None
        )


class Outcome(NamedTuple):
    """Point estimate of theta (k,), covariance of its free form (k, k), posterior draws (chain, draw) if any, diagnostics."""

    theta: Array
    covariance: Array
    posterior: xr.Dataset | None
    diagnostics: Diagnostics


def from_posterior(posterior: xr.Dataset, coordinates: Coordinates, diagnostics: Diagnostics) -> Outcome:
    """Posterior mean of theta and covariance of its free form."""
    samples = np.array([np.ravel(values.to_numpy()) for values in posterior.data_vars.values()])
    covariance = np.atleast_2d(np.cov(coordinates.free(samples.T).T))
    return Outcome(samples.mean(axis=1), covariance, posterior, diagnostics)
