"""Markets in which a mass medium moves what everybody in a region buys, with everything known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

import clvmodels as clv

START = np.datetime64("2024-01-01")
WINDOW = 28
HALF_LIFE = 14
BEFORE = 8
"""Weeks of levels before the first occasion."""


@dataclass(frozen=True)
class Exposed:
    """Purchases, contacts, levels by region and week, and the truth.

    Attributes
    ----------
    stock
        (regions, windows) mean over each window of the stock.
    increment
        (customers, windows) what the exposure added to the probability of a purchase.
    contact_increment
        What a contact added to it, averaged over contacts.
    """

    purchases: pd.DataFrame
    contacts: pd.DataFrame
    levels: pd.DataFrame
    stock: np.ndarray
    increment: np.ndarray
    contact_increment: float

    @property
    def log(self) -> clv.Transactions:
        return clv.Transactions(self.purchases, customer="who", date="when", segment="area")

    @property
    def bare(self) -> clv.Contacts:
        return clv.Contacts(self.contacts, customer="who", medium="how", date="when", holdout="left")

    def exposed(self, **options: Any) -> clv.Contacts:
        given = {"medium": "TV", "date": "week", "level": "grp", "region": "area", "half_life": HALF_LIFE * clv.DAY}
        return self.bare.with_exposure(options.pop("levels", self.levels), **(given | options))


def stock_by_hand(level: np.ndarray, windows: int) -> np.ndarray:
    """Mean over the days of each window of the stock of weekly levels (regions, weeks), one sum at a time."""
    days, first = np.arange(windows * WINDOW), 7 * np.arange(level.shape[1]) - 7 * BEFORE
    age = days[:, None] - first
    left = np.where(age >= 0, 2.0 ** (-np.maximum(age, 0) / HALF_LIFE), 0.0)
    return (level @ left.T).reshape(level.shape[0], windows, WINDOW).mean(axis=2)


def levels_of(rng: np.random.Generator, regions: int, windows: int, *, shared: float) -> np.ndarray:
    """Rating points by region and week: flights of the region, and with a share of `shared` flights of all regions."""
    weeks = BEFORE + 4 * windows
    flights = (rng.random((regions, weeks // 4 + 1)) < 0.5).repeat(4, axis=1)[:, :weeks]
    common = (rng.random(weeks // 4 + 1) < 0.5).repeat(4)[:weeks]
    return np.round(100 * ((1 - shared) * flights + shared * common) * rng.gamma(8.0, 1 / 8, (regions, weeks)), 1)


def exposed_world(
    seed: int,
    *,
    customers: int = 900,
    regions: int = 6,
    windows: int = 13,
    effect: float = 0.004,
    contact: float = 0.3,
    base: float = -1.2,
    shared: float = 0.3,
    shock: float = 0.0,
    month: float = 0.2,
    follow: float = 0.0,
    held_out: bool = True,
    level: np.ndarray | None = None,
) -> Exposed:
    """A campaign at the beginning of each window.

    `effect` is on the log-odds per unit of the window's mean stock; `contact` that of a mail. `shock` is the spread of what
    happens in a region in a window for other reasons, `month` of what happens to everybody then. With `follow` mail goes where
    TV runs: the log-odds of being chosen per standard deviation of the stock.
    """
    rng = np.random.default_rng(seed)
    level = levels_of(rng, regions, windows, shared=shared) if level is None else level
    stock = stock_by_hand(level, windows)
    area = rng.integers(0, regions, customers)
    odds = base + 0.4 * rng.standard_normal(regions)[area, None] + 0.3 * rng.standard_normal((customers, 1))
    odds = odds + month * rng.standard_normal(windows) + shock * rng.standard_normal((regions, windows))[area]
    here = stock[area]
    exposed = odds + effect * here
    apart = (stock - stock.mean()) / stock.std()
    chosen = rng.random((customers, windows)) < expit(-0.6 + follow * apart[area])
    left = chosen & (rng.random((customers, windows)) < 0.3) & held_out
    sent = chosen & ~left
    chance = expit(exposed + contact * sent)
    bought = rng.random((customers, windows)) < chance
    who, when = np.nonzero(bought)
    day = when * WINDOW + rng.integers(0, WINDOW, who.size)
    everybody = np.arange(customers)
    purchases = pd.DataFrame({
        "who": np.concatenate([everybody, who]),
        "when": np.concatenate([START + rng.integers(-60, -1, customers), START + day]),
    })  # fmt: skip
    purchases["area"] = np.array([f"R{k}" for k in range(regions)])[area[purchases["who"]]]
    last = pd.DataFrame({"who": [0], "when": [START + windows * WINDOW - 1], "area": [f"R{area[0]}"]})
    rows, column = np.nonzero(chosen)
    contacts = pd.DataFrame({"who": rows, "how": "DM", "when": START + column * WINDOW, "left": left[rows, column]})
    weeks = START + 7 * (np.arange(level.shape[1]) - BEFORE)
    table = pd.DataFrame({
        "area": np.repeat([f"R{k}" for k in range(regions)], weeks.size), "week": np.tile(weeks, regions), "grp": level.ravel()
    })  # fmt: skip
    plain = expit(exposed)
    gained = float((expit(exposed + contact) - plain)[sent].mean())
    return Exposed(pd.concat([purchases, last]), contacts, table, stock, plain - expit(odds), gained)
