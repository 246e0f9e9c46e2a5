"""Pareto/NBD: buying at random until a lifetime of constant hazard ends (Schmittlein, Morrison and Colombo 1987)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from clvmodels.duration import lifetime_nbd
from clvmodels.duration.lifetime_nbd import LifetimeNbd, Standard
from clvmodels.model import Moved, Parameter
from clvmodels.priors import LogNormal


class Theta(NamedTuple):
    r: Any
    alpha: Any
    s: Any
    beta: Any


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(theta, frequency, recency, T):
    """Log-likelihood (n,) and gradient (n, 4); `theta` is (1, 4) or (n, 4)."""
    standard = np.zeros((theta.shape[0], 5))
    standard[:, :2], standard[:, 3:] = theta[:, :2], theta[:, 2:]
    value, slope = lifetime_nbd.log_likelihood(standard, frequency, recency, T)
    gradient = np.empty((frequency.size, 4))
    gradient[:, :2], gradient[:, 2:] = slope[:, :2], slope[:, 3:]
    return value, gradient


@dataclass(frozen=True, repr=False)
class ParetoNbd(LifetimeNbd):
    """The Pareto/NBD model; use the value `PARETO_NBD`.

    Default priors, on parameters divided by their scale in the data: r ~ LogNormal(0.5, 1.5), alpha / mean age ~
    LogNormal(0.5, 1.5), s ~ LogNormal(0.5, 1.5), beta / mean age ~ LogNormal(0.5, 1.5).

    Examples
    --------
    >>> from clvmodels.history import History
    >>> from clvmodels.units import WEEK
    >>> theta = (0.553, 10.578, 0.606, 11.669)
    >>> customer = History(frequency=2, recency=30.43, T=38.86, period=WEEK)
    >>> round(float(PARETO_NBD.p_alive(theta, customer)), 4)
    0.8692
    >>> round(float(PARETO_NBD.expected_purchases(theta, customer, horizon=39 * WEEK)), 4)
    1.4551
    """

    name = "PARETO_NBD"
    title = "Pareto/NBD"
    source = "Schmittlein, Morrison and Colombo 1987, Management Science 33(1), 1-24"
    Theta = Theta
    parameters = (
        Parameter("r", "shape of purchase rates over customers", LogNormal(0.5, 1.5)),
        Parameter("alpha", "scale of purchase rates: mean rate is r / alpha", LogNormal(0.5, 1.5), time=1),
        Parameter("s", "shape of dropout rates over customers", LogNormal(0.5, 1.5)),
        Parameter("beta", "scale of dropout rates: mean rate is s / beta", LogNormal(0.5, 1.5), time=1),
    )
    kernel = staticmethod(log_likelihood)
    moved = (Moved("purchase", "alpha", -1), Moved("dropout", "beta", -1))

    def standard(self, theta: Any) -> Standard:
        """g = 0: the hazard does not change with age."""
        r, alpha, s, beta = theta
        return Standard(r, alpha, 0.0, s, beta)


PARETO_NBD = ParetoNbd()
