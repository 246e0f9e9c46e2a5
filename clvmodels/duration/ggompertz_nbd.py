"""Gamma-Gompertz/NBD: buying at random until a lifetime ends whose hazard grows with age (Bemmaor and Glady 2012)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from numba import njit

from clvmodels.duration import lifetime_nbd
from clvmodels.duration.lifetime_nbd import LifetimeNbd, Standard
from clvmodels.model import Moved, Parameter
from clvmodels.priors import LogNormal


class Theta(NamedTuple):
    r: Any
    alpha: Any
    b: Any
    s: Any
    beta: Any


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(theta, frequency, recency, T):
    """Log-likelihood (n,) and gradient (n, 5); `theta` is (1, 5) or (n, 5)."""
    standard = theta.copy()
    standard[:, 4] /= theta[:, 2]
    value, gradient = lifetime_nbd.log_likelihood(standard, frequency, recency, T)
    for i in range(frequency.size):
        k = i if theta.shape[0] > 1 else 0
        gradient[i, 4] /= theta[k, 2]
        gradient[i, 2] -= gradient[i, 4] * standard[k, 4]
    return value, gradient


@dataclass(frozen=True, repr=False)
class GGompertzNbd(LifetimeNbd):
    """The gamma-Gompertz/NBD model; use the value `GGOMPERTZ_NBD`.

    The hazard of leaving at age tau is eta b e^(b tau), and eta is Gamma(s, beta) over customers. As b falls to zero
    with beta / b fixed, this becomes Pareto/NBD; data that Pareto/NBD describes well do not tell b.

    Default priors, on parameters divided by their scale in the data: r ~ LogNormal(0.5, 1.5), alpha / mean age ~
    LogNormal(0.5, 1.5), b * mean age ~ LogNormal(1, 1.5), s ~ LogNormal(0.5, 1.5), beta ~ LogNormal(1, 1.5).

    Examples
    --------
    >>> from clvmodels.history import History
    >>> from clvmodels.units import WEEK
    >>> customer = History(frequency=2, recency=30.43, T=38.86, period=WEEK)
    >>> nearly_pareto = (0.553, 10.578, 1e-6, 0.606, 11.669e-6)
    >>> round(float(GGOMPERTZ_NBD.p_alive(nearly_pareto, customer)), 4)
    0.8692
    """

    name = "GGOMPERTZ_NBD"
    title = "gamma-Gompertz/NBD"
    source = "Bemmaor and Glady 2012, Management Science 58(5), 1012-1021"
    Theta = Theta
    parameters = (
        Parameter("r", "shape of purchase rates over customers", LogNormal(0.5, 1.5)),
        Parameter("alpha", "scale of purchase rates: mean rate is r / alpha", LogNormal(0.5, 1.5), time=1),
        Parameter("b", "growth of the hazard of leaving with age", LogNormal(1.0, 1.5), time=-1),
        Parameter("s", "shape of dropout over customers", LogNormal(0.5, 1.5)),
        Parameter("beta", "scale of dropout: the mean hazard at age zero is b s / beta", LogNormal(1.0, 1.5)),
    )
    kernel = staticmethod(log_likelihood)
    moved = (Moved("purchase", "alpha", -1), Moved("dropout", "beta", -1))

    def standard(self, theta: Any) -> Standard:
        """g = b, and beta in units of time."""
        r, alpha, b, s, beta = theta
        return Standard(r, alpha, b, s, beta / b)


GGOMPERTZ_NBD = GGompertzNbd()
