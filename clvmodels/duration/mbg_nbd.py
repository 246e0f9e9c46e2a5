"""MBG/NBD: as BG/NBD, but a customer may also leave right after her first purchase (Batislam, Denizel and Filiztekin 2007).

So a customer who has not bought again need not be alive. The same model is called CBG/NBD by Hoppe and Wagner (2007).
"""

from __future__ import annotations

from dataclasses import dataclass

from numba import njit

from clvmodels.duration import bg_nbd
from clvmodels.duration.bg_nbd import BgNbd


@njit(cache=True, nogil=True, error_model="numpy")
def log_likelihood(theta, frequency, recency, T):
    """Log-likelihood (n,) and gradient (n, 4); as in BG/NBD with one more occasion to leave, at age zero."""
    return bg_nbd.log_likelihood(theta, frequency, recency, T, 1.0)


@dataclass(frozen=True, repr=False)
class MbgNbd(BgNbd):
    """The MBG/NBD model; use the value `MBG_NBD`. Parameters and default priors are those of BG/NBD.

    Examples
    --------
    >>> from clvmodels.history import History
    >>> from clvmodels.units import WEEK
    >>> theta = (0.525, 6.183, 0.891, 1.614)
    >>> silent = History(frequency=0, recency=0, T=38.86, period=WEEK)
    >>> round(float(MBG_NBD.p_alive(theta, silent)), 4)
    0.3897
    """

    name = "MBG_NBD"
    title = "MBG/NBD"
    source = "Batislam, Denizel and Filiztekin 2007, International Journal of Research in Marketing 24(3), 201-209"
    kernel = staticmethod(log_likelihood)
    chances = 1.0


MBG_NBD = MbgNbd()
