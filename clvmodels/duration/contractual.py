"""What models of contracts have in common: they read tenures, and say how long customers stay."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from clvmodels.data.tenure import ROUNDING, TenureLike
from clvmodels.errors import ModelError
from clvmodels.model import Array, Model
from clvmodels.units import FOREVER, Period, Rate, Span, as_rate, as_span

type Timing = Literal["before renewal", "after renewal"]


class Contractual(Model):
    """Base of the models that read `Tenures`: renewals one by one, and survival in continuous time."""

    curves: ClassVar[tuple[str, ...]]
    """Formulas of a new customer, by tenure."""
    counted: str = "renewal"
    """What the curves run over."""
    whole: bool = True
    """Whether tenures are whole numbers of periods."""

    def counts(self, history: Any) -> Array | None:
        counts: Array | None = history.counts
        return counts

    def reads_of(self, tenure: TenureLike) -> tuple[str, ...]:
        """The covariates that the formulas read of these customers."""
        return self.reads

    @abstractmethod
    def each(self, theta: Any, tenure: TenureLike) -> Any:
        """Each customer's own parameters, which broadcast with the tenures."""

    def survival_path(self, theta: Any, tenure: TenureLike, *, periods: int) -> Iterator[Array]:
        """`survival_after` 1, 2, .. `periods` periods from now, at less cost than one by one; each (draws, n)."""
        own, done = self.each(theta, tenure), np.asarray(tenure.exit, dtype=float)
        there = np.asarray(tenure.there, dtype=float)
        for ahead in range(1, periods + 1):
            yield np.asarray(there * np.exp(self.log_stay(own, done, float(ahead))))

    @abstractmethod
    def log_stay(self, theta: Any, done: ArrayLike, more: ArrayLike) -> Array:
        """Log probability of staying `more` periods after `done`, for parameters as `each` gives them."""

    @abstractmethod
    def present_renewals(self, theta: Any, done: Any, horizon: Any, force: float) -> Array:
        """Sum over k = 1 .. horizon of exp(-force * k) P(stays k more periods | done), parameters as `each` gives them."""

    @abstractmethod
    def _standing(self, theta: Any, tenure: TenureLike) -> tuple[Any, Array, Array]:
        """Own parameters, tenure reached, and 1 where the customer is there, 0 where she has left."""

    def renewal_probability(self, theta: Any, tenure: TenureLike) -> Array:
        """Probability that the customer renews next time (stays for another period), given that she is there now, in [0, 1]."""
        own, done, there = self._standing(theta, tenure)
        return np.asarray(there * np.exp(self.log_stay(own, done, 1.0)))

    def discounted_expected_residual_lifetime(
        self,
        theta: Any,
        tenure: TenureLike,
        *,
        discount: Rate,
        timing: Timing = "before renewal",
        horizon: Span | Period = FOREVER,
    ) -> Array:
        """Expected renewals to come at their present value (DERL): times the margin per renewal it is residual value.

        With n renewals made and v the worth today of one unit in a period:

        - "before renewal": the next renewal is due now and not yet decided; it counts in full, the one after it v, and so on.
          Sum over k >= 1 of v^(k-1) P(renews k more times). In Fader and Hardie 2010 it is the DERL at the end of period n + 1.
        - "after renewal": she has just renewed (or, with n = 0, just joined); that payment counts in full and is certain, the
          next one v times its probability, and so on. Sum over k >= 0 of v^k P(renews k more times).

        In continuous time renewing is staying for another period from now. So "after" at tenure n is 1 + v "before" at n, and
        "before" at n is the retention rate at n + 1 times "after" at n + 1.

        Parameters
        ----------
        theta
            Parameters; arrays broadcast.
        tenure
            `Tenures`, or a `Tenure`. Who has left is worth 0.
        discount
            Effective rate, such as `Rate(0.10, per=YEAR)`.
        timing
            See above.
        horizon
            How far ahead from now payments count: those at its very end do. By default without end.

        Returns
        -------
        array [payments], >= 0, never rises in the discount

        Source: Fader and Hardie 2010, Marketing Science 29(1), 85-93.
        """
        force, ahead = terms_of(discount, timing, horizon, tenure.period)
        own, done, there = self._standing(theta, tenure)
        if timing == "after renewal":
            return of_those(there, 1.0 + self.present_renewals(own, done, ahead, force))
        return of_those(there, self.present_renewals(own, done, ahead + 1.0, force) * math.exp(force))


def of_those(there: Array, values: Array) -> Array:
    """The values, 0 for customers who have left (also where the value is infinite)."""
    return np.asarray(np.where(there > 0, values, 0.0))


def terms_of(discount: Rate, timing: Timing, horizon: Span | Period, period: Period) -> tuple[float, float]:
    """The force of interest per period, and the whole periods ahead, of payments under contract.

    Raises
    ------
    ModelError
        The timing is not known, or payments without end are not discounted.
    """
    if timing not in get_args(Timing.__value__):
        raise ModelError(f"timing={timing!r} is not known. Write 'before renewal' or 'after renewal'.")
    rate = as_rate(discount, name="discount")
    force = 0.0 if rate is None else rate.force(period)
    ahead = whole_periods(horizon, period)
    if force <= 0.0 and math.isinf(ahead):
        raise ModelError(
            "An endless horizon needs a positive discount rate. Give discount=Rate(0.10, per=YEAR) or a horizon."
        )
    return force, ahead


def whole_periods(horizon: Span | Period, period: Period) -> float:
    """How many whole periods a horizon holds."""
    ahead = as_span(horizon, name="horizon").per(period)
    return math.floor(ahead + ROUNDING) if math.isfinite(ahead) else ahead
