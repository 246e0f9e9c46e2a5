"""The value of a perfect save: nothing where nobody leaves, and what never leaving would really bring."""

from __future__ import annotations

import math

import numpy as np
import pytest

import clvmodels as clv
from clvmodels.numerics.quadrature import annuity

HORIZON = 52 * clv.WEEK


def test_where_nobody_leaves_nothing_can_be_saved(cdnow, cdnow_gamma_gamma) -> None:
    forever = clv.fit(clv.NBD, cdnow, method="mle")
    forecast = clv.forecast(forever, cdnow_gamma_gamma, cdnow, horizon=HORIZON, draws=30)
    assert clv.max_worth_spending(forecast).to_numpy() == pytest.approx(np.zeros(len(cdnow)), abs=1e-9)


def test_it_is_what_staying_for_ever_would_add(cdnow, cdnow_bg_nbd, cdnow_gamma_gamma) -> None:
    """Against futures drawn at each customer's own rate without end, discounted."""
    rate = clv.Rate(0.10, per=clv.YEAR)
    forecast = clv.forecast(
        cdnow_bg_nbd, cdnow_gamma_gamma, cdnow, horizon=HORIZON, margin=0.3, discount=rate, draws=400
    )
    worth = clv.max_worth_spending(forecast)
    assert (worth >= 0).all() and list(worth.index) == list(cdnow.customer_id)
    sim = forecast.simulation
    rates = clv.BG_NBD.draw_rates(sim.duration_theta, cdnow, seed=1).rate
    amounts = clv.GAMMA_GAMMA.expected_spend([v[:, None] for v in sim.quantity_theta], cdnow).T
    staying = 0.3 * (rates * amounts).mean(axis=1).sum() * annuity(52.0, rate.force(clv.WEEK), whole=False)
    leaving = forecast.total().loc["potential", "mean"]
    assert worth.sum() == pytest.approx(staying - leaving, rel=0.02)


def test_opportunities_are_paid_at_their_end() -> None:
    assert annuity(3.0, math.log(1.1), whole=True) == pytest.approx(1 / 1.1 + 1 / 1.21 + 1 / 1.331)
    assert annuity(3.0, 0.0, whole=True) == 3.0


def test_an_endless_horizon_needs_interest(cdnow, cdnow_bg_nbd, cdnow_gamma_gamma) -> None:
    endless = clv.forecast(
        cdnow_bg_nbd, cdnow_gamma_gamma, cdnow.select(cdnow.customer_id[:50]), horizon=clv.FOREVER,
        discount=clv.Rate(0.15, per=clv.YEAR), draws=30,
    )  # fmt: skip
    assert np.isfinite(clv.max_worth_spending(endless)).all()
