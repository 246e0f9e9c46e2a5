"""The share of customers still there, without a model, and how sure of it one can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import ClvError

if TYPE_CHECKING:
    import pandas as pd

type Floats = NDArray[np.float64]


def kaplan_meier(
    entry: Floats, exit: Floats, event: Floats, counts: Floats, *, interval: float, whole: bool = False
) -> pd.DataFrame:
    """Survival by tenure from tenures (n,); see `Tenures.kaplan_meier`.

    At risk at tenure t are those with entry < t <= exit. `whole`: a row for every whole tenure up to the last.
    """
    import pandas as pd

    from_start = float(counts[entry <= 0].sum())
    seen = exit > entry  # the others were at risk at no tenure
    entry, exit, event, counts = entry[seen], exit[seen], event[seen], counts[seen]
    times = np.unique(np.append(exit, np.arange(1.0, exit.max(initial=0.0) + 1.0) if whole else []))
    place = np.searchsorted(times, exit)
    last, left = (np.bincount(place, weights, times.size) for weights in (counts, counts * event))
    order = np.argsort(entry)
    entered = np.append(0.0, np.cumsum(counts[order]))[np.searchsorted(entry[order], times, side="left")]
    at_risk = entered - (np.cumsum(last) - last)
    with np.errstate(divide="ignore", invalid="ignore"):
        stayed = (at_risk - left) / at_risk
        survival = np.cumprod(stayed)
        ratio = np.cumsum(
            np.where(stayed < 1, left / (at_risk * (at_risk - left)), 0.0)
        )  # Greenwood: variance / survival^2
        effective = np.where(ratio > 0, (1 - survival) / (survival * ratio), at_risk)
    effective = np.where(survival > 0, effective, np.maximum(at_risk, 1.0))
    lower, upper = wilson(survival, np.maximum(effective, 1e-12), interval=interval)
    start = {"tenure": 0.0, "at_risk": from_start, "left": 0.0, "survival": 1.0, "lower": 1.0, "upper": 1.0}
    table = {"tenure": times, "at_risk": at_risk, "left": left, "survival": survival, "lower": lower, "upper": upper}
    return pd.concat([pd.DataFrame([start]), pd.DataFrame(table)], ignore_index=True)


def wilson(share: Floats, trials: Floats, *, interval: float) -> tuple[Floats, Floats]:
    """Wilson's interval of a share seen in so many trials.

    Examples
    --------
    >>> low, high = wilson(np.array([0.9]), np.array([10.0]), interval=0.95)
    >>> (low.round(4), high.round(4))
    (array([0.5958]), array([0.9821]))
    """
    from scipy import special

    if not 0 < interval < 1:
        raise ClvError(f"interval={interval!r} is not a probability strictly between 0 and 1. Write 0.95 for 95 %.")
    z2 = float(special.ndtri((1 + interval) / 2)) ** 2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = np.sqrt(z2 * (share * (1 - share) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    return np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)
