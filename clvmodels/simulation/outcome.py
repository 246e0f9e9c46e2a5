"""The future of a simulated market under a policy: what it truly brings."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from clvmodels.errors import ClvError
from clvmodels.response.cells import NONE, Codes, Floats
from clvmodels.response.labels import medium_codes
from clvmodels.simulation.windows import State, step
from clvmodels.simulation.world import People, World
from clvmodels.units import WEEK, Rate, Span, as_rate, as_span


@dataclass(frozen=True, eq=False, repr=False)
class Outcome:
    """What a policy brings in a simulated market over a horizon.

    Attributes
    ----------
    customers
        DataFrame by customer: contacts, cost [currency], purchases (expected), spend (expected) [currency], value (margin of
        the expected spend less cost) [currency], both at present value if discounted; bought (how often she did buy in this
        simulation).
    horizon
        Over which.
    """

    customers: pd.DataFrame = field(repr=False)
    horizon: Span

    @property
    def value(self) -> float:
        """Of all customers [currency]."""
        return float(self.customers["value"].sum())

    @property
    def cost(self) -> float:
        """Of all contacts [currency]."""
        return float(self.customers["cost"].sum())

    def __repr__(self) -> str:
        contacts = int(self.customers["contacts"].sum())
        return f"Outcome over {self.horizon}: value {self.value:,.2f} after {self.cost:,.2f} for {contacts:,} contacts"


def played(
    world: World,
    people: People,
    state: State,
    policy: Any,
    horizon: Span,
    *,
    contacts: int,
    margin: float,
    discount: Rate | None,
    seed: int,
) -> Outcome:
    """Play the windows of the horizon from `state`, which is used up; `Market.outcome` explains the rest."""
    windows = _windows(world, horizon)
    force, ahead = _force(world, discount), as_span(horizon, name="horizon")
    own = int(np.random.SeedSequence([world.seed, seed]).generate_state(1)[0])
    price = np.array([*(m.cost for m in world.media), 0.0])  # the last one is that of NONE
    totals = {name: np.zeros(world.customers) for name in ("contacts", "cost", "purchases", "spend", "value", "bought")}
    for k in range(windows):
        medium = _contacted(world, people, state, policy, k, contacts=contacts, windows=windows)
        expected, bought = step(world, people, state, medium, seed=own)
        cost, spend = price[medium] * math.exp(-force * k), expected * people.mean_spend * math.exp(-force * (k + 0.5))
        added = (medium != NONE, cost, expected, spend, margin * spend - cost)
        for name, one in zip(totals, added, strict=False):
            totals[name] += one
        totals["bought"] += np.bincount(bought.who, minlength=world.customers)
    counts = {name: totals[name].astype(np.int64) for name in ("contacts", "bought")}
    return Outcome(pd.DataFrame(totals | counts, index=pd.RangeIndex(world.customers, name="customer")), ahead)


def _windows(world: World, horizon: Span) -> int:
    count = as_span(horizon, name="horizon").per(WEEK) / world.window
    if not (math.isfinite(count) and count >= 1 and abs(count - round(count)) < 1e-9):
        raise ClvError(
            f"horizon={horizon} is not a whole number of windows. Give a multiple of {world.window} weeks, "
            f"such as {13 * world.window} * WEEK."
        )
    return round(count)


def _force(world: World, discount: Rate | None) -> float:
    """Of interest per window."""
    rate = as_rate(discount, name="discount")
    return 0.0 if rate is None else rate.force(WEEK) * world.window


def _contacted(
    world: World, people: People, state: State, policy: Any, k: int, *, contacts: int, windows: int
) -> Codes:
    """Codes of the media of the k-th window ahead."""
    names, n = [m.name for m in world.media], world.customers
    several = not callable(policy) and np.ndim(policy) == 2
    reach = np.shape(policy)[-1] if several else contacts
    if not 0 <= reach <= windows:
        raise ClvError(
            f"{reach} contacts do not fit the {windows} windows of the horizon. Give fewer, or a longer horizon."
        )
    if k >= reach:
        return np.full(n, NONE)
    if callable(policy):
        labels = policy(_seen(world, people, state))
    else:
        labels = np.asarray(policy, dtype=object)[:, k] if several else policy
    return medium_codes(labels, names, rows=n, policy=getattr(policy, "__name__", "policy"))


def _seen(world: World, people: People, state: State) -> pd.DataFrame:
    """What the market's owner knows of the customers at the beginning of the state's window."""
    now = float(state.window * world.window)
    tenure: Floats = now - people.joined
    return pd.DataFrame({
        "customer": np.arange(world.customers),
        "segment": pd.Categorical.from_codes(people.segment, pd.Index(list(world.segments))),
        "recency": now - state.last_day / 7,
        "frequency": state.purchases - 1,
        "spend": state.spend,
        "tenure": tenure,
    })  # fmt: skip
