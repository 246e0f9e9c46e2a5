"""Whether probabilities mean what they say: where outcomes fall in their predictive distributions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.estimation.result import tail_of
from clvmodels.value.forecast import Forecast

type Array = NDArray[np.float64]


def randomised_pit(below: Array, at_most: Array, *, draws: int, rng: np.random.Generator) -> Array:
    """Place of each outcome in its predictive distribution [0 to 1], uniform where the forecast is right.

    An outcome that ties with draws (a count always does) takes a random place among them; counting the outcome itself among
    the draws makes the place exactly uniform for any number of draws.

    Parameters
    ----------
    below, at_most
        Share of draws below the outcome, and at or below it (n,).

    Source: Czado, Gneiting and Held 2009, Biometrics 65(4), 1254-1261 (there without randomisation, for counts).

    Examples
    --------
    >>> place = randomised_pit(np.array([0.0]), np.array([1.0]), draws=99, rng=np.random.default_rng(0))
    >>> bool(0 < place[0] < 1)
    True
    """
    ties = draws * (at_most - below) + 1
    return np.asarray((draws * below + rng.random(len(below)) * ties) / (draws + 1))


def coverage_at(pit: pd.DataFrame, levels: Sequence[float]) -> pd.DataFrame:
    """Share of outcomes inside central predictive intervals of every level.

    Parameters
    ----------
    pit
        Places of the outcomes, one column per target.
    levels
        Probabilities of the intervals, each between 0 and 1.

    Returns
    -------
    DataFrame by `level`: a column per target [fraction], and standard_error, what chance alone would move the share by

    Examples
    --------
    >>> coverage_at(pd.DataFrame({"spend": [0.02, 0.3, 0.5, 0.7]}), [0.5])["spend"].tolist()
    [0.75]
    """
    tails = np.array([tail_of(level) for level in levels])
    places = pit.to_numpy()
    inside = (places[None] > tails[:, None, None]) & (places[None] < 1 - tails[:, None, None])
    table = pd.DataFrame(inside.mean(axis=1), columns=pit.columns, index=pd.Index(levels, name="level", dtype=float))
    table["standard_error"] = np.sqrt(table.index.to_numpy() * (1 - table.index.to_numpy()) / len(pit))
    return table


def pit_of(forecast: Forecast, purchases: Array, spend: Array, *, seed: int) -> pd.DataFrame:
    """Place of what every customer did in the forecast, by customer id: purchases, spend [0 to 1]."""
    share = forecast.probability_below(purchases, spend)
    rng, draws = np.random.default_rng([seed, 0x9170]), forecast.simulation.draws
    places = {
        target: randomised_pit(
            share[f"{target}_below"].to_numpy(), share[f"{target}_at_most"].to_numpy(), draws=draws, rng=rng
        )
        for target in ("purchases", "spend")
    }
    return pd.DataFrame(places, index=share.index)
