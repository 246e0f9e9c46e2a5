"""How likely customers under contract renew, time after time, for one reason to leave or for several, draw by draw.

Reasons compete. Models that count renewals give each reason's share of those who are there that leave for it, and the shares add
up. Models in continuous time give a risk for each reason, and their survivals multiply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clvmodels.data.tenures import Tenures
from clvmodels.duration.renewals import Renewal
from clvmodels.errors import ModelError, UnitError
from clvmodels.model import Array
from clvmodels.numerics.quadrature import NEGLIGIBLE
from clvmodels.units import Period
from clvmodels.value.standing import Alike

ANY = "any reason"
"""What leaving is called where reasons are not told apart."""


@dataclass(frozen=True, eq=False)
class Cause:
    """A model of contracts and its draws, `theta` (draws, 1) each."""

    model: Any
    theta: Any

    @property
    def discrete(self) -> bool:
        """Whether it counts renewals, so that nobody leaves between two."""
        return bool(getattr(self.model, "whole", isinstance(self.model, Renewal)))

    def own(self, people: Alike) -> Any:
        """Each customer's own parameters, once for every set of people."""
        key = id(self)
        if key not in people.known:
            people.known[key] = self.model.each(self.theta, people.after(0.0))
        return people.known[key]

    def stay(self, people: Alike, k: int) -> Array:
        """P(is still there at payment date k | at date k - 1, or today) (draws, m); the dates are the coming renewals."""
        first = k == 1 and not self.discrete
        since = people.made + (1.0 - people.wait if first else k - 1.0)
        if hasattr(self.model, "log_stay"):
            length = people.wait if first else np.ones_like(people.wait)
            return np.asarray(np.exp(self.model.log_stay(self.own(people), since, length)))
        if not first:
            return np.asarray(self.model.survival_after(self.theta, people.after(k - 1.0), horizon=1 * people.period))
        return self._until_first(people)

    def _until_first(self, people: Alike) -> Array:
        found = np.empty((len(self.theta[0]), people.made.size))
        for wait in np.unique(people.wait):
            some = np.flatnonzero(people.wait == wait)
            ahead = float(wait) * people.period
            found[:, some] = self.model.survival_after(self.theta, people.some(some).today(), horizon=ahead)
        return found


class Leaving:
    """Fits of one period, by reason.

    Parameters
    ----------
    causes
        By reason; a single one under `ANY` where reasons are not told apart.
    period
        From one renewal to the next.
    """

    def __init__(self, causes: Mapping[str, Cause], period: Period) -> None:
        self.causes, self.period = dict(causes), period

    @property
    def single(self) -> Cause | None:
        """The one cause, if there is one."""
        return next(iter(self.causes.values())) if len(self.causes) == 1 else None

    @property
    def closed(self) -> bool:
        """Whether sums over payment dates have a formula; if not they are made date by date."""
        return self.single is not None and isinstance(self.single.model, Renewal)

    @property
    def reasons(self) -> list[str]:
        return list(self.causes)

    @property
    def discrete(self) -> bool:
        return next(iter(self.causes.values())).discrete

    @property
    def draws(self) -> int:
        return len(next(iter(self.causes.values())).theta[0])

    def reads(self, tenures: Tenures) -> tuple[str, ...]:
        """Covariates that any of the models reads of these customers."""
        names: list[str] = []
        for cause in self.causes.values():
            asked = getattr(cause.model, "reads_of", None)
            names += getattr(cause.model, "reads", ()) if asked is None else asked(tenures)
        return tuple(dict.fromkeys(names))

    @property
    def title(self) -> str:
        return " + ".join(dict.fromkeys(one.model.title for one in self.causes.values()))

    def leave(self, people: Alike, k: int) -> Array:
        """P(leaves for each reason by payment date k | there at date k - 1, or today) (reasons, draws, m)."""
        stays = np.array([cause.stay(people, k) for cause in self.causes.values()])
        if self.discrete:
            gone = 1.0 - stays
            total = gone.sum(axis=0)
            return np.asarray(gone / np.maximum(total, 1.0))
        with np.errstate(divide="ignore"):
            risk = -np.log(stays)
        gone, total = -np.expm1(-risk.sum(axis=0)), risk.sum(axis=0)
        share = np.where(total > 0, risk / np.where(total > 0, total, 1.0), 0.0)
        return np.asarray(share * gone)

    def stay(self, people: Alike, k: int, *, without: str | None = None) -> Array:
        """P(there at payment date k | there at date k - 1, or today) (draws, m); `without` a reason if it is removed."""
        if without is not None:
            return self._left(self._without(people, k, self.reasons.index(without)))
        if k not in people.stays:
            only = self.single
            people.stays[k] = self._left(self.leave(people, k)) if only is None else only.stay(people, k)
        return people.stays[k]

    def _left(self, gone: Array) -> Array:
        return np.asarray(np.clip(1.0 - gone.sum(axis=0), 0.0, 1.0))

    def _without(self, people: Alike, k: int, removed: int) -> Array:
        others = {name: cause for i, (name, cause) in enumerate(self.causes.items()) if i != removed}
        if not others:
            return np.zeros((1, self.draws, people.made.size))
        return Leaving(others, self.period).leave(people, k)

    def present(self, people: Alike, dates: Array, force: float, *, without: str | None = None) -> Array:
        """Sum over k = 1 .. dates of e^(-force k) P(there at payment date k) (draws, m)."""
        if self.closed and without is None:
            cause = next(iter(self.causes.values()))
            return np.asarray(cause.model.present_renewals(cause.own(people), people.made, dates, force))
        return summed(lambda k: self.stay(people, k, without=without), dates, force)

    def still(self, people: Alike, dates: Array) -> Array:
        """P(there at the last of so many payment dates) (draws, m); of an endless number 0."""
        endless = np.isinf(dates)
        many = np.where(endless, 0.0, dates)
        if self.closed:
            cause = next(iter(self.causes.values()))
            there = np.exp(cause.model.log_stay(cause.own(people), people.made, many))
        else:
            there = last_of(lambda k: self.stay(people, k), many)
        return np.asarray(np.where(endless, 0.0, there))

    def renewals(self, people: Alike, *, force: float, rng: np.random.Generator) -> Array:
        """Draw at how many of the coming payment dates each customer is still there (draws, rows); may be infinite.

        For several reasons only dates within the horizon are looked at, and those worth anything at this force of interest.
        """
        inverse = people.inverse
        if self.single is not None:
            cause, one = self.single, people.after(0.0) if self.discrete else people.today()
            known = {name: np.asarray(column)[inverse] for name, column in people.covariates.items()}
            each = type(one)(np.asarray(one.exit)[inverse], one.period, covariates=known or None)
            drawn = np.asarray(cause.model.draw_residual_lifetimes(cause.theta, each, seed=rng))
            if not self.discrete:
                drawn = np.maximum(np.floor(drawn - people.wait[inverse]) + 1.0, 0.0)
            return np.broadcast_to(drawn, (self.draws, inverse.size))
        luck = rng.random((self.draws, inverse.size))
        there, made = np.ones((self.draws, people.made.size)), np.zeros((self.draws, inverse.size))
        for k in range(1, last_date(people.dates, force) + 1):
            there = there * self.stay(people, k)
            made += luck < there[:, inverse]
        return made


def summed(stay: Any, dates: Array, force: float) -> Array:
    """Sum over k = 1 .. dates of e^(-force k) P(there at date k), `stay(k)` being the chance to stay until then (draws, m)."""
    there: Any = 1.0
    total: Any = 0.0
    for k in range(1, last_date(dates, force) + 1):
        there = there * stay(k)
        total = total + np.where(k <= dates, there * np.exp(-force * k), 0.0)
    return np.asarray(total) if np.ndim(total) else np.zeros((1, dates.size))


def last_of(stay: Any, dates: Array) -> Array:
    """P(there at the last of so many payment dates) (draws, m); `stay(k)` as in `summed`."""
    there: Any = np.ones((1, dates.size))
    for k in range(1, last_date(dates, 0.0) + 1):
        there = np.where(k <= dates, there * stay(k), there)
    return np.asarray(there)


def last_date(dates: Array, force: float) -> int:
    """The last payment date that counts: the last there is, or that is worth anything at this force of interest."""
    most = float(np.max(dates, initial=0.0))
    if np.isfinite(most):
        return int(most)
    if force <= 0:
        raise ModelError(
            "For ever without discount above the growth of prices: the sum has no end. Give a finite horizon."
        )
    return int(np.ceil(NEGLIGIBLE / force))


def leaving_of(fits: Any, draws: int, rng: np.random.Generator) -> Leaving:
    """The fits as `Leaving`, with joint draws.

    Parameters
    ----------
    fits
        A fit of a model of contracts, which may tell reasons apart by itself, or such fits by reason.
    """
    named = fits if isinstance(fits, Mapping) else {ANY: fits}
    if not named:
        raise ModelError("There is no fit. Give one of a model of contracts, or one for each reason to leave.")
    causes: dict[str, Cause] = {}
    for reason, fit in named.items():
        if not is_contractual(fit):
            what = getattr(getattr(fit, "model", None), "name", type(fit).__name__)
            raise ModelError(
                f"{what} is no fit of a model of contracts. Fit one such as SHIFTED_BETA_GEOMETRIC to tenures."
            )
        columns = [np.asarray(v) for v in fit.draws(draws, seed=rng)]
        causes |= _causes(str(reason), fit.model, [v[:, None] if v.ndim == 1 else v for v in columns])
    periods = {fit.period for fit in named.values()}
    if len(periods) > 1 or len({one.discrete for one in causes.values()}) > 1:
        raise UnitError(
            "The fits by reason count different periods, or only some of them renewals. Fit all reasons to the same tenures."
        )
    return Leaving(causes, periods.pop())


def _causes(reason: str, model: Any, values: list[Array]) -> dict[str, Cause]:
    """A model with its draws, or the models that it is made of, where it tells reasons apart by itself."""
    if not hasattr(model, "causes"):
        return {reason: Cause(model, model.Theta(*values))}
    found, at = {}, 0
    for name, one in zip(model.reasons, model.causes, strict=True):
        size = len(one.Theta._fields)
        found[str(name)] = Cause(one, one.Theta(*values[at : at + size]))
        at += size
    return found


def is_contractual(fit: Any) -> bool:
    """Whether a fit, or every one of several by reason, is of a model of contracts."""
    if isinstance(fit, Mapping):
        return bool(fit) and all(is_contractual(one) for one in fit.values())
    model = getattr(fit, "model", None)
    return hasattr(model, "draw_residual_lifetimes") or hasattr(model, "causes")
