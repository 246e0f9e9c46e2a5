"""Logs that the tests of the indicators share."""

from __future__ import annotations

import numpy as np
import pandas as pd

from clvmodels import Transactions

ROLES = {"customer": "who", "date": "when", "amount": "paid", "quantity": "units"}
ROWS = [
    ("A", "2024-01-05", 10.0, 1), ("A", "2024-01-05", -10.0, -1),  # bought and returned the same day: 0
    ("B", "2024-01-06", 20.0, 2), ("B", "2024-01-20", -20.0, -2),  # returned on another day: 1
    ("C", "2024-01-07", 30.0, 3), ("C", "2024-01-07", -10.0, -1),  # partly returned the same day: 1
    ("C", "2024-01-09", 15.0, 1),
    ("C", "2024-04-07", 40.0, 2), ("D", "2024-04-30", 50.0, 4), ("B", "2024-04-10", -5.0, -1),
]  # fmt: skip


def frame() -> pd.DataFrame:
    return pd.DataFrame(ROWS, columns=["who", "when", "paid", "units"])


def log(source: object, **more: str) -> Transactions:
    return Transactions(source, **ROLES, **more)


def random_log() -> pd.DataFrame:
    """Three years with returns, free lines and amounts that no float holds exactly; most customers have returned something."""
    rng = np.random.default_rng(1)
    days = pd.date_range("2021-03-01", "2024-02-20").strftime("%Y-%m-%d").to_numpy()
    units = rng.choice([-2, -1, 0, 1, 2, 3], 2500, p=[0.05, 0.1, 0.05, 0.4, 0.2, 0.2])
    paid = np.round(units * rng.choice([1.1, 2.35, 0.07], 2500), 2)
    return pd.DataFrame(
        {"who": rng.integers(1, 401, 2500), "when": rng.choice(days, 2500), "paid": paid, "units": units}
    )


def tiers() -> pd.Series:
    """A tier for customers 1 to 350 of the random log; 351 to 400 have none."""
    return pd.Series(["gold", "lead"] * 175, index=range(1, 351))
