"""A valuation of the CDNOW sample at known parameters, and a small one that can be ranked by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import clvmodels as clv

PUBLISHED = (0.243, 4.414, 0.793, 2.426)


def known(fit: clv.Fit, theta: tuple[float, ...]) -> clv.Fit:
    """The fit with parameters that are known."""
    nothing = 1e-24 * np.eye(len(theta))
    return replace(fit, theta=fit.model.theta(theta), covariance=nothing, posterior=None)


@pytest.fixture(scope="session")
def published(cdnow: clv.Histories) -> clv.Fit:
    return known(clv.fit(clv.BG_NBD, cdnow, method="mle"), PUBLISHED)


@pytest.fixture(scope="session")
def forecast(cdnow: clv.Histories, cdnow_bg_nbd: clv.Fit, cdnow_gamma_gamma: clv.Fit) -> clv.Forecast:
    rate = clv.Rate(0.10, per=clv.YEAR)
    return clv.forecast(
        cdnow_bg_nbd, cdnow_gamma_gamma, cdnow, horizon=52 * clv.WEEK, margin=0.3, discount=rate, draws=100, seed=1
    )


@pytest.fixture(scope="session")
def small(cdnow: clv.Histories, cdnow_bg_nbd: clv.Fit, cdnow_gamma_gamma: clv.Fit) -> clv.Forecast:
    some = cdnow.select(cdnow.customer_id[::39])
    cost = clv.Cost(0.5, per=clv.MONTH)
    return clv.forecast(
        cdnow_bg_nbd, cdnow_gamma_gamma, some, horizon=52 * clv.WEEK, margin=0.3, cost=cost, draws=150, seed=2
    )
