"""What leaving costs, reason by reason: the value that goes, and what removing a reason alone would bring."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from clvmodels.model import Array
from clvmodels.value.contract_simulation import ContractSimulation
from clvmodels.value.contract_terms import series
from clvmodels.value.leaving import ANY, last_date
from clvmodels.value.simulation import CELLS, in_blocks
from clvmodels.value.standing import Alike, Rows
from clvmodels.value.valuation import bounds_of


class Lost(NamedTuple):
    """By reason and draw (reasons, draws): customers who leave within the horizon, value lost, value if it were removed."""

    leavers: Array
    lost: Array
    removed: Array


def lost_value(simulation: ContractSimulation) -> Lost:
    """What customers would pay who leave for each reason, and what would come if nobody left for it.

    A customer who leaves at date k takes with her every payment from then on to the horizon. Over all reasons these add up to
    what never leaving would add.
    """

    def block(rows: Rows, start: int) -> Array:
        people = simulation.alike(rows)
        weight = simulation.standing.there[rows].astype(float)[:, None] * simulation.money.of(rows).earned
        weight = np.broadcast_to(weight, (rows.size, simulation.draws)).T
        count = simulation.standing.there[rows].astype(float)
        left, lost = _by_date(simulation, people)
        base = _flow(simulation, people, None)
        more = np.array([_flow(simulation, people, one) - base for one in simulation.leaving.reasons])
        return np.array([
            (left[..., people.inverse] * count).sum(axis=2),
            (lost[..., people.inverse] * weight).sum(axis=2),
            (more[..., people.inverse] * weight).sum(axis=2),
        ])  # fmt: skip

    size = max(1, CELLS // (simulation.draws * (1 + len(simulation.leaving.reasons))))
    return Lost(*np.sum(in_blocks(block, simulation.order, size=size, description="Leaving by reason"), axis=0))


def _flow(simulation: ContractSimulation, people: Alike, without: str | None) -> Array:
    """Present value of payments of one unit (draws, m); `ANY` removed is never leaving."""
    force = simulation.force - simulation.rise
    if without == ANY:
        return np.broadcast_to(perfect(simulation, people, force), (simulation.draws, people.made.size))
    return simulation.flow(people, force, without=without)


def perfect(simulation: ContractSimulation, people: Alike, force: float) -> Array:
    """Present value of payments of one unit of who never leaves (m,)."""
    dates = np.exp(-force * (people.wait - 1.0)) * series(force, people.dates)
    return np.asarray(dates + float(simulation.standing.now))


def _by_date(simulation: ContractSimulation, people: Alike) -> tuple[Array, Array]:
    """Chance to leave within the horizon, and present value of what that takes away, by reason (reasons, draws, m)."""
    leaving, force = simulation.leaving, simulation.force - simulation.rise
    late = float(simulation.standing.paid == "end of period")
    shape = (len(leaving.reasons), simulation.draws, people.made.size)
    left, lost, there = np.zeros(shape), np.zeros(shape), np.ones(shape[1:])
    rest = np.where(people.dates > 0, series(force, people.dates), 0.0)
    for k in range(1, last_date(people.dates, force) + 1):
        gone = there * leaving.leave(people, k) * (k <= people.dates)
        left += gone
        missed = np.maximum(rest - series(force, k - 1.0 + late), 0.0)
        lost += gone * np.exp(-force * (people.wait - 1.0)) * missed
        there = there * leaving.stay(people, k)
    return left, lost


def lost_table(simulation: ContractSimulation, interval: float) -> pd.DataFrame:
    """As `ContractForecast.lost_to`."""
    found = lost_value(simulation)
    (lower, upper), (low, high) = bounds_of(found.lost, interval), bounds_of(found.removed, interval)
    total = found.lost.sum(axis=0)
    return pd.DataFrame(
        {
            "leavers": found.leavers.mean(axis=1),
            "lost": found.lost.mean(axis=1), "lost_lower": lower, "lost_upper": upper,
            "share": found.lost.mean(axis=1) / total.mean() if total.mean() > 0 else 0.0,
            "if_removed": found.removed.mean(axis=1), "if_removed_lower": low, "if_removed_upper": high,
        },
        index=pd.Index(simulation.leaving.reasons, name="reason"),
    )  # fmt: skip
