"""Two engines that share nothing but the kernel find the same posterior, for every model of the catalogue."""

from __future__ import annotations

import arviz as az
import numpy as np
import pytest
import xarray as xr
from scipy import stats

import clvmodels as clv
from clvmodels.catalogue import catalogue
from clvmodels.model import Model
from tests.laws.conftest import discrete
from tests.laws.test_latent_attrition import TYPICAL

AMOUNTS = (6.25, 3.74, 15.44)
"""Fader and Hardie 2013, the gamma-gamma model of CDNOW."""
CUSTOMERS = 600


def people(model: Model) -> clv.Histories:
    """Customers of 40 to 120 weeks, or of 6 to 20 opportunities, simulated from typical parameters."""
    rng = np.random.default_rng(1)
    T = rng.integers(6, 20, CUSTOMERS) if discrete(model) else rng.integers(40 * 7, 120 * 7, CUSTOMERS) / 7
    if model is not clv.GAMMA_GAMMA:
        return model.simulate(TYPICAL[model.name], T=T.astype(float), period=clv.WEEK, seed=2)  # type: ignore[attr-defined, no-any-return]
    buyers = clv.BG_NBD.simulate(TYPICAL["BG_NBD"], T=T, period=clv.WEEK, seed=2)
    amounts = clv.GAMMA_GAMMA.simulate(AMOUNTS, buyers.frequency, seed=3)
    return clv.Histories.from_frame(buyers.to_frame().assign(monetary_value=amounts), period=clv.WEEK)


@pytest.mark.slow
@pytest.mark.parametrize("model", catalogue, ids=lambda m: m.name)
def test_laplace_agrees_with_nuts(model: Model) -> None:
    """Means and standard deviations of the parameters (logarithms of the positive ones), within four Monte Carlo standard errors.

    Those of laplace: sd / sqrt(ess), and sd sqrt((kurtosis - 1) / (4 ess)); those of nuts: what ArviZ makes of the chains.
    """
    customers = people(model)
    laplace = clv.fit(model, customers, method="laplace", draws=8000, seed=2)
    nuts = clv.fit(model, customers, method="nuts", draws=1000, chains=4, seed=2)
    ess = laplace.diagnostics.ess
    assert laplace.diagnostics.k_hat < 0.7 and ess > 1000
    for parameter in model.parameters:
        name, free = parameter.name, np.log if parameter.positive else np.asarray
        ours = free(np.ravel(laplace.posterior[name].values))
        chains = xr.Dataset({name: (("chain", "draw"), free(nuts.posterior[name].values))})
        errors = {kind: float(az.mcse(chains, method=kind)[name]) for kind in ("mean", "sd")}
        theirs = np.ravel(chains[name].values)
        of_mean = np.hypot(ours.std() / np.sqrt(ess), errors["mean"])
        of_sd = np.hypot(ours.std() * np.sqrt((stats.kurtosis(ours, fisher=False) - 1) / (4 * ess)), errors["sd"])
        z = (ours.mean() - theirs.mean()) / of_mean, (ours.std() - theirs.std()) / of_sd
        assert np.all(np.abs(z) < 4), name
