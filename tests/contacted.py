"""Small worlds of customers whose contacts move both rates, and fits whose parameters are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

import clvmodels as clv
from clvmodels.units import WEEK

START, UNTIL = "2023-01-02", "2024-06-30"
BASE = {"r": 0.9, "alpha": 6.0, "s": 0.7, "beta": 30.0, "half_life_e_mail": 1.0, "half_life_DM": 3.0}
COSTS = {"e-mail": 0.1, "DM": 1.0}


class World(NamedTuple):
    """Customers, the table of their contacts, the log of it, and the specification with it."""

    histories: clv.Histories
    table: pd.DataFrame
    contacts: clv.Contacts
    spec: Any


def log_of(table: pd.DataFrame, **columns: str) -> clv.Contacts:
    return clv.Contacts(table, customer="who", medium="how", date="when", cost="cost", **columns)


def campaigns(first: Any, *, seed: int, share: float = 0.3, held: float = 0.2, every: int = 28) -> pd.DataFrame:
    """A campaign by one of two media in turn: each customer there is in it with chance `share`, and then held out or not."""
    rng, parts = np.random.default_rng(seed), []
    for number, day in enumerate(np.arange(np.datetime64(START) + 20, np.datetime64(UNTIL), every)):
        medium = list(COSTS)[number % 2]
        some = np.flatnonzero((first < day) & (rng.random(first.size) < share))
        parts.append(
            pd.DataFrame({
                "who": some, "how": medium, "when": day, "cost": COSTS[medium], "held": rng.random(some.size) < held
            })
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def world(n: int, *, seed: int = 1, truth: dict[str, float] | None = None, **options: Any) -> World:
    """Customers who came in half a year, and bought as BASE and `truth` say; other effects are zero."""
    rng = np.random.default_rng(seed)
    first = np.datetime64(START) + rng.integers(0, 180, n)
    table = campaigns(first, seed=seed + 1, **options)
    contacts = log_of(table, holdout="held")
    born = clv.Transactions(pd.DataFrame({"who": np.arange(n), "day": first}), customer="who", date="day")
    spec = clv.time_varying(contacts=contacts)
    model = spec.on(born.histories(period=WEEK, until=UNTIL, dates=True))
    drawn = model.simulate(theta_of(model, **(truth or {})), first=first, until=UNTIL, period=WEEK, seed=seed + 2)
    amounts = np.where(drawn.frequency > 0, rng.gamma(5.0, 8.0, n), 0.0)
    return World(replace(drawn, monetary_value=amounts), table, contacts, spec)


def theta_of(model: Any, **values: float) -> Any:
    """Parameters of a model: those given, those of BASE, and no effects else."""
    return model.Theta(*((BASE | values).get(name, 0.0) for name in model.Theta._fields))


def stated(fit: clv.Fit, *, spread: float = 0.03, **values: float) -> clv.Fit:
    """The fit with known parameters, and next to nothing unknown."""
    size = len(fit.model.Theta._fields)
    return replace(fit, theta=theta_of(fit.model, **values), covariance=spread**2 * np.eye(size), posterior=None)


def plan_log(histories: clv.Histories, choice: Any, actions: Any) -> clv.Contacts:
    """What customers (n,) get by the number of their action, as contacts after the end of observation."""
    today = pd.Timestamp(str(histories.until))
    rows = [
        {"who": who, "how": one.medium, "when": today + pd.Timedelta(days=one.at.days), "cost": one.cost}
        for who, number in zip(histories.customer_id, choice, strict=True) if number
        for one in actions[number - 1].contacts
    ]  # fmt: skip
    return log_of(pd.DataFrame(rows))
