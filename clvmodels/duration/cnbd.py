"""BG/CNBD-k and MBG/CNBD-k: regular buying, and a chance to leave after every purchase (Reutterer, Platzer and Schroeder 2021).

The time from one purchase to the next is Erlang(k): k phases at the customer's rate lambda each, so the mean is k / lambda and
the larger k, the more regular she is. After each repeat purchase (in MBG/CNBD-k after the first purchase too) she leaves with her
probability p. Rates are Gamma(r, alpha) over customers, probabilities Beta(a, b), independent of each other. With k = 1 these
are BG/NBD and MBG/NBD.

How far a customer has come towards her next purchase depends on how long ago the last one is: someone who buys every month and
bought yesterday will not buy today. So of a customer known to be alive, recency tells something of the future too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from clvmodels.duration import cnbd_expectation as expectation
from clvmodels.duration import cnbd_likelihood as likelihood
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.duration.bg_nbd import Theta
from clvmodels.duration.futures import Individuals
from clvmodels.errors import ModelError
from clvmodels.history import HistoryLike, as_columns
from clvmodels.model import Array, Moved, Parameter
from clvmodels.numerics.quadrature import NEGLIGIBLE
from clvmodels.priors import LogNormal

MOST = 12
"""Largest k."""


@dataclass(frozen=True, repr=False)
class BgCnbd(LatentAttrition):
    """The BG/CNBD-k model; write `BG_CNBD_K(2)`.

    The likelihood is that of all purchase times, as in the other models, so that models and values of k can be compared. It
    needs `log_intervals` of the histories for that (`log.histories(period=..., intervals=True)`). Without them their factor,
    in which there are no parameters, is left out, as if they were 0: estimates are the same, but likelihoods cannot be
    compared.

    Default priors are those of BG/NBD on the same quantities: k alpha / mean age ~ LogNormal(0.5, 1.5), because the mean rate of
    purchases is r / (k alpha); r ~ LogNormal(0.5, 1.5), a ~ LogNormal(1, 1.5), b ~ LogNormal(2, 1.5).

    Parameters
    ----------
    k
        Phases to a purchase, a whole number from 1 to 12.

    Raises
    ------
    ModelError
        k is something else.

    Examples
    --------
    >>> from clvmodels.history import History
    >>> from clvmodels.units import WEEK
    >>> monthly = History(frequency=[8, 8], recency=[34, 38], T=[38, 38], period=WEEK)
    >>> BG_CNBD_K(3).expected_purchases((0.5, 2.0, 0.8, 4.0), monthly, horizon=2 * WEEK).round(2)
    array([0.46, 0.12])
    """

    k: int = 2

    letters: ClassVar[str] = "BG"
    chances: ClassVar[float] = 0.0
    """Occasions to leave before the first repeat purchase."""
    source = "Reutterer, Platzer and Schroeder 2021, International Journal of Research in Marketing 38(1), 194-215"
    Theta = Theta
    kernel = staticmethod(likelihood.log_likelihood)
    past = ("frequency", "recency", "T")
    moved = (Moved("purchase", "alpha", -1), Moved("dropout", "a", 1))

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, int) or not 1 <= self.k <= MOST:
            raise ModelError(
                f"k={self.k!r} is not a whole number of phases from 1 to {MOST}. Write {self.letters}_CNBD_K(2)."
            )
        facts = {
            "name": f"{self.letters}_CNBD_{self.k}",
            "title": f"{self.letters}/CNBD-{self.k}",
            "parameters": _parameters(self.k),
            "columns": (*self.past, "log_intervals", "phases"),
        }
        for name, value in facts.items():
            object.__setattr__(self, name, value)

    def data(self, history: HistoryLike) -> tuple[Array, ...]:
        """Frequency, recency, T, log_intervals (0 where they are not known) and k for everybody."""
        x, t_x, T = as_columns(history, self.past)
        known = history.log_intervals is not None
        logs = np.asarray(history.log_intervals, dtype=float) if known else np.zeros_like(x)
        return x, t_x, T, logs, np.full_like(x, self.k)

    def p_alive(self, theta: Any, history: HistoryLike) -> Array:
        """Probability that the customer has not left by T.

        Parameters
        ----------
        theta
            r, alpha [period], a, b; arrays broadcast.
        history
            Customers, in the same period.

        Returns
        -------
        array in [0, 1]; never falls when recency grows; in BG/CNBD-k 1 where frequency is 0
        """
        columns = as_columns(history, self.past)
        return np.asarray(likelihood.p_alive(*self.theta(theta), *columns, float(self.k), self.chances))

    def _own(self, theta: Any, history: HistoryLike) -> tuple[Array, Array, Array, Array, Array]:
        """Of customers alive: shape of the phase rate at the last purchase, silence and scale today, Beta(leave, stay)."""
        (r, alpha, a, b), (x, t_x, T) = theta, as_columns(history, self.past)
        return r + self.k * x, (T - t_x) / (alpha + T), alpha + T, a, b + x + self.chances

    def expected_purchases_if_alive(self, theta: Any, history: HistoryLike, horizon: ArrayLike) -> Array:
        """Expected purchases in (T, T + horizon] given alive at T."""
        shape, share, scale, leave, stay = self._own(theta, history)
        return expectation.expected_count(shape, share, leave, stay, np.divide(horizon, scale), self.k)

    def survival_if_alive(self, theta: Any, history: HistoryLike, horizon: ArrayLike) -> Array:
        """P(not left by T + horizon | alive at T)."""
        shape, share, scale, leave, stay = self._own(theta, history)
        return expectation.stay_probability(shape, share, leave, stay, np.divide(horizon, scale), self.k)

    def pmf_if_alive(self, theta: Any, history: HistoryLike, n: ArrayLike, horizon: ArrayLike) -> Array:
        """P(n purchases in (T, T + horizon] | alive at T): n waits and she stays, or at least n and she leaves at the n-th."""
        shape, share, scale, leave, stay = self._own(theta, history)
        return expectation.pmf(n, shape, share, leave, stay, np.divide(horizon, scale), self.k)

    def expected_if_alive(self, theta: Any, history: HistoryLike, *, horizon: float, force: float) -> Array:
        """As in the family; without end, what depends on theta and frequency alone is computed once for all ages."""
        if not horizon * force >= NEGLIGIBLE:
            return super().expected_if_alive(theta, history, horizon=horizon, force=force)
        shape, share, scale, leave, stay = self._own(theta, history)
        order: Literal["C", "F"] = "F" if np.shape(history.frequency)[-1:] == (1,) else "C"
        return expectation.discounted_count(
            shape, share, scale, leave, stay, force, least=theta[1], phases=self.k, order=order
        )

    def rate_if_alive(self, theta: Any, history: HistoryLike) -> Array:
        """Mean purchase rate of a customer known to be alive, as long as she stays, whatever phase she is in [per period]."""
        shape, share, scale, _, _ = self._own(theta, history)
        done = sum(j * weight for j, weight in enumerate(expectation.phase_weights(shape, share, self.k)))
        return np.asarray((shape + done) / scale / self.k)

    def individuals(self, theta: Any, history: HistoryLike, *, rng: np.random.Generator) -> Individuals:
        """Phase rate ~ Gamma(r + k x + phases done, alpha + T) and dropout ~ Beta(a, b + x) of those alive; phases are drawn."""
        theta = self.theta(theta)
        shape, share, scale, leave, stay = self._own(theta, history)
        p_alive = self.p_alive(theta, history)
        u, below, done = rng.random(p_alive.shape), np.zeros(()), np.zeros(p_alive.shape)
        for weight in expectation.phase_weights(shape, share, self.k)[:-1]:
            below = below + weight
            done += u > below
        phases = np.array(float(self.k))
        return Individuals(p_alive, shape + done, scale, leave, stay, np.array(np.inf), phases, done)


@dataclass(frozen=True, repr=False)
class MbgCnbd(BgCnbd):
    """The MBG/CNBD-k model; write `MBG_CNBD_K(2)`. As BG/CNBD-k, but she may also leave right after her first purchase.

    Examples
    --------
    >>> from clvmodels.history import History
    >>> from clvmodels.units import WEEK
    >>> silent = History(frequency=0, recency=0, T=[10, 40], period=WEEK)
    >>> MBG_CNBD_K(2).p_alive((0.5, 3.0, 0.9, 1.6), silent).round(2)
    array([0.54, 0.41])
    """

    letters = "MBG"
    kernel = staticmethod(likelihood.log_likelihood_of_m)
    chances = 1.0


def _parameters(k: int) -> tuple[Parameter, ...]:
    scale = "scale of phase rates: mean rate of purchases is r / (k alpha)"
    return (
        Parameter("r", "shape of purchase rates over customers", LogNormal(0.5, 1.5)),
        Parameter("alpha", scale, LogNormal(0.5 / k, 1.5), time=1),
        Parameter("a", "dropout: mean probability is a / (a + b)", LogNormal(1.0, 1.5)),
        Parameter("b", "dropout: mean probability is a / (a + b)", LogNormal(2.0, 1.5)),
    )


def BG_CNBD_K(k: int = 2) -> BgCnbd:
    """The BG/CNBD-k model: as BG/NBD, but customers buy regularly.

    Parameters
    ----------
    k
        Phases to a purchase, a whole number from 1 to 12: 1 is BG/NBD, and the larger, the more regular. `regularity` estimates
        it from the intervals, `compare_models` compares models of different k.

    Returns
    -------
    The model, named BG_CNBD_2 where k is 2

    Raises
    ------
    ModelError
        k is something else.

    Examples
    --------
    >>> BG_CNBD_K(k=3)
    BG_CNBD_3

    Source: ReuttererPlatzerSchroder2021, derived here from its definition.
    """
    return BgCnbd(k)


def MBG_CNBD_K(k: int = 2) -> MbgCnbd:
    """The MBG/CNBD-k model: as `BG_CNBD_K`, but customers may also leave right after their first purchase.

    Examples
    --------
    >>> MBG_CNBD_K(k=2)
    MBG_CNBD_2

    Source: ReuttererPlatzerSchroder2021, derived here from its definition.
    """
    return MbgCnbd(k)
