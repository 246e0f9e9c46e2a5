"""A small market whose contacts were random, and a plan for it."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

import clvmodels as clv

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
def shop() -> Shop:
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
