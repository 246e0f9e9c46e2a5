"""Data that several tests share, read once."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from hypothesis import settings

import clvmodels as clv

# Timings are no assertions: the first example of a test may have to compile.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

EMAIL, LETTER, BOTH = "e-mail x3", "letter", "letter, then e-mail"


class Shop(NamedTuple):
    """Everything a plan is made of."""

    market: Any
    media: Any
    forecast: clv.Forecast
    duration: clv.Fit
    quantity: clv.Fit
    actions: tuple[clv.Action, ...]


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


@pytest.fixture(scope="session")
def shop() -> Shop:
    """A small market whose contacts were random, its fits and what can be done for its customers."""
    market = clv.simulate_market(
        customers=1500,
        weeks=80,
        media=(("DM", 1.0, 0.9, 0.2, 2 * clv.WEEK), ("e-mail", 0.05, 0.4, 0.1, 1 * clv.WEEK)),
        seed=4,
    )
    contacts = clv.Contacts(
        market.contacts,
        customer="customer",
        medium="medium",
        date="date",
        cost="cost",
        responded="responded",
        holdout="holdout",
    )
    media = clv.fit(clv.media_response(window=4 * clv.WEEK), clv.occasions(contacts, market.log, window=4 * clv.WEEK))
    histories = market.log.histories(period=clv.WEEK)
    duration = clv.fit(clv.PARETO_NBD, histories, method="mle")
    quantity = clv.fit(clv.GAMMA_GAMMA, histories, method="mle")
    forecast = clv.forecast(
        duration,
        quantity,
        histories,
        horizon=52 * clv.WEEK,
        margin=0.3,
        discount=clv.Rate(0.10, per=clv.YEAR),
        draws=60,
        seed=2,
    )
    actions = (
        clv.Action(LETTER, clv.PlannedContact("DM", 1.0)),
        clv.Action.repeated(EMAIL, "e-mail", cost=0.05, times=3, every=16 * clv.WEEK),
        clv.Action(
            BOTH,
            clv.PlannedContact("e-mail", 0.05, at=3 * clv.WEEK, cost_on_response=0.5),
            clv.PlannedContact("DM", 1.0),
        ),
    )
    return Shop(market, media, forecast, duration, quantity, actions)
