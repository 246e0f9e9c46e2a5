"""Data that several tests share, read once."""

from __future__ import annotations

import pytest
from hypothesis import settings

import clvmodels as clv

# Timings are no assertions: the first example of a test may have to compile.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def cdnow_parts() -> tuple[clv.Transactions, clv.Transactions]:
    """The CDNOW sample, calibration to 1997-09-30 and 39 weeks of holdout."""
    return clv.samples.cdnow_sample().split("1997-09-30")


@pytest.fixture(scope="session")
def cdnow(cdnow_parts: tuple[clv.Transactions, clv.Transactions]) -> clv.Histories:
    """Histories of the 2,357 customers of the CDNOW sample, in weeks."""
    return cdnow_parts[0].histories(period=clv.WEEK)


@pytest.fixture(scope="session")
def cdnow_intervals(cdnow_parts: tuple[clv.Transactions, clv.Transactions]) -> clv.Histories:
    """The same histories with the times between purchases."""
    return cdnow_parts[0].histories(period=clv.WEEK, intervals=True)


@pytest.fixture(scope="session")
def donors() -> clv.Histories:
    """Histories of the 11,104 donors of 1995, in years, each with six opportunities to give again."""
    table = clv.samples.donations()
    each = table.loc[table.index.repeat(table["counts"])].reset_index(drop=True)
    return clv.Histories.from_frame(each.reset_index(names="customer_id"), period=clv.YEAR)


@pytest.fixture(scope="session")
def cdnow_bg_nbd(cdnow: clv.Histories) -> clv.Fit:
    return clv.fit(clv.BG_NBD, cdnow, seed=1)


@pytest.fixture(scope="session")
def cdnow_gamma_gamma(cdnow: clv.Histories) -> clv.Fit:
    return clv.fit(clv.GAMMA_GAMMA, cdnow, seed=1)
