"""A warning that belongs beside every use of P(alive)."""

from __future__ import annotations

import numpy as np

from clvmodels.value.forecast import Forecast


def never_lost(forecast: Forecast) -> list[str]:
    """A note where the model counts everybody who never bought again as alive for certain."""
    silent = forecast.histories.frequency == 0
    if not silent.any() or np.any(forecast.customers["p_alive"].to_numpy()[silent] <= 1 - 1e-9):
        return []
    title = forecast.simulation.duration.title
    return [
        f"{title} cannot lose a customer before her first repeat purchase: {silent.sum():,} who never bought again count as "
        "alive for certain. MBG_NBD or PARETO_NBD can."
    ]
