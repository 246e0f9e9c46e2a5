"""What happened in a market of contact stocks, as tables: purchases, contacts, customers and media."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from clvmodels.simulation.contact_lives import HELD_OUT, LEFT_ALONE, Campaigns, Lives, Points
from clvmodels.simulation.contact_world import ContactWorld, Customers


def purchases_of(
    world: ContactWorld, people: Customers, buying: Points, bought: Any, *, seed: list[int]
) -> pd.DataFrame:
    """Days with a purchase: customer, day since the start, amount [currency], in order."""
    who = np.repeat(np.arange(world.customers), np.diff(buying.offset))
    p = float(world.quantity[0])
    amount = np.random.default_rng(seed).standard_gamma(p, who.size) / p * people.mean_spend[who]
    table = pd.DataFrame({"customer": who, "day": np.floor(buying.time).astype(np.int64), "amount": amount})
    days: pd.DataFrame = table[bought].groupby(["customer", "day"], as_index=False)["amount"].sum()
    return days


def all_purchases(world: ContactWorld, people: Customers, buying: Points, bought: Any) -> pd.DataFrame:
    """First and later purchases by day: customer, date, amount [currency]."""
    p = float(world.quantity[0])
    first = np.random.default_rng([world.seed, 8]).standard_gamma(p, world.customers) / p * people.mean_spend
    day = np.floor(people.joined).astype(np.int64)
    firsts = pd.DataFrame({"customer": np.arange(world.customers), "day": day, "amount": first})
    more = purchases_of(world, people, buying, bought, seed=[world.seed, 4])
    every = pd.concat([firsts, more]).groupby(["customer", "day"], as_index=False)["amount"].sum()
    date = (world.start + every["day"].to_numpy()).astype("datetime64[s]")
    return pd.DataFrame({"customer": every["customer"], "date": date, "amount": every["amount"]})


def contact_rows(world: ContactWorld, campaigns: Campaigns, lived: Lives) -> pd.DataFrame:
    """A row per customer chosen on a day of a medium."""
    at, who = np.nonzero(lived.fate.T != LEFT_ALONE)
    held = lived.fate[who, at] == HELD_OUT
    medium, share = campaigns.medium[at], world.holdout_share
    columns = {
        "customer": who,
        "medium": pd.Categorical.from_codes(medium, pd.Index(world.names)),
        "date": (world.start + campaigns.day[at]).astype("datetime64[s]"),
        "cost": np.where(held, 0.0, world.each("cost")[medium]),
    }
    if share > 0:
        columns |= {"holdout": held, "assignment_probability": np.where(held, share, 1 - share)}
    return pd.DataFrame(columns)


def customer_rows(
    world: ContactWorld, people: Customers, lived: Lives, alone: Lives, made: pd.DataFrame, without: pd.DataFrame
) -> pd.DataFrame:
    """What customers are, and what they did with and without contacts."""
    index = pd.RangeIndex(world.customers, name="customer")
    table: dict[str, Any] = {
        "joined": people.joined / 7, "rate": 7 * people.rate, "hazard": 7 * people.hazard,
        "mean_spend": people.mean_spend,
    }  # fmt: skip
    for end, one, bought in (("", lived, made), ("_without", alone, without)):
        table |= {
            f"dropout{end}": np.where(np.isinf(one.gone), np.nan, one.gone / 7),
            f"alive{end}": np.isinf(one.gone),
        }
        table |= {f"purchases{end}": np.bincount(bought["customer"], minlength=world.customers) - 1}
    return pd.DataFrame(table, index=index)


def media_rows(world: ContactWorld) -> pd.DataFrame:
    """What contacts truly do."""
    names = ("purchase", "dropout", "half_life", "purchase_later", "dropout_later")
    table = {name: world.each(name) / (7 if name == "half_life" else 1) for name in names}
    return pd.DataFrame(table, index=pd.Index(world.names, name="medium"))
