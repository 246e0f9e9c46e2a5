"""Two futures of one model over time: who they differ for, what is expected of each, and what is drawn of both together."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clvmodels.covariates.time_model import TimeVarying
from clvmodels.duration.paths_difference import Differing, differing, unequal
from clvmodels.history import HistoryLike, upright
from clvmodels.model import Array


class Futures(NamedTuple):
    """Customers (n) by draws under a plan and under another future.

    Attributes
    ----------
    expected, present
        Purchases expected under the plan less those under the other, plain and at present value; the same array without
        discounting.
    purchases
        Drawn purchases that only one of both has.
    """

    expected: Array
    present: Array
    purchases: Differing


def differs(
    plan: TimeVarying, against: TimeVarying, theta: Any, people: HistoryLike, *, horizon: float
) -> NDArray[np.bool_]:
    """Whether some factor of a customer differs between two futures within the horizon, in some draw (n,)."""
    e, beside, others = plan.elements_with(against, theta, upright(people), horizon)
    found = unequal(e.theta, e.which, e.path, beside, e.now, horizon, e.paths, others.paths)
    return np.asarray(e.put(found).any(axis=1))


def futures(
    plan: TimeVarying, against: TimeVarying, theta: Any, people: HistoryLike, *,
    horizon: float, force: float, rng: np.random.Generator,
) -> Futures:  # fmt: skip
    """What a plan changes for customers (n,) under parameters (draws,), expected and drawn."""
    e, beside, others = plan.elements_with(against, theta, upright(people), horizon)
    state = e.state()
    means, purchases = differing(
        rng, e.theta, e.which, e.path, beside, e.now, e.columns[1], state, horizon, force, e.order, e.paths, others.paths
    )  # fmt: skip
    expected, *present = (e.put(one) for one in means)
    return Futures(expected, present[0] if present else expected, purchases)
