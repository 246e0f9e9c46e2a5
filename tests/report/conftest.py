"""One valuation of the CDNOW sample, for every figure and page."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.evaluation.compare import Comparison
from clvmodels.evaluation.tracking import tracking


class Valued(NamedTuple):
    log: clv.Transactions
    histories: clv.Histories
    duration: clv.Fit
    quantity: clv.Fit
    forecast: clv.Forecast
    comparison: Comparison
    tracked: pd.DataFrame


@pytest.fixture(scope="session")
def valued(
    cdnow_parts: tuple[clv.Transactions, clv.Transactions],
    cdnow: clv.Histories,
    cdnow_bg_nbd: clv.Fit,
    cdnow_gamma_gamma: clv.Fit,
) -> Valued:
    calibration, holdout = cdnow_parts
    fits = cdnow_bg_nbd, cdnow_gamma_gamma
    rate = clv.Rate(0.10, per=clv.YEAR)
    ahead = clv.forecast(*fits, cdnow, horizon=52 * clv.WEEK, margin=0.3, discount=rate, draws=100, seed=1)
    held_out = clv.forecast(*fits, cdnow, horizon=39 * clv.WEEK, draws=100, seed=1)
    tracked = tracking(cdnow_bg_nbd, clv.samples.cdnow_sample(), until="1997-09-30", period=clv.WEEK, draws=50)
    comparison = clv.compare(held_out, holdout, resamples=50)
    return Valued(calibration, cdnow, *fits, ahead, comparison, tracked)
