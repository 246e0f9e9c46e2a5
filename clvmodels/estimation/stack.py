"""A stack: several fits of the same customers that predict together, each with its weight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.duration.attrition import LatentAttrition
from clvmodels.duration.mixture import Mixture
from clvmodels.errors import ClvError, ModelError
from clvmodels.estimation.result import Fit, labelled
from clvmodels.history import HistoryLike
from clvmodels.units import Period

LEAST = 1e-3
"""Weights below it are taken as none."""
TOLERANCE = 1e-6
"""How far from one the sum of the weights may be."""


@dataclass(frozen=True, eq=False, repr=False)
class Stack:
    """The outcome of `clv.stack`: takes the place of a duration fit in `clv.forecast` and `clv.tracking`.

    Every formula of the models is also a method, with customers labelled and intervals attached, as in `Fit`:
    `stack.p_alive(histories)` is a DataFrame by customer id with the columns mean, lower and upper, of the mixture.

    Attributes
    ----------
    fits
        The fits that predict, by name.
    weights
        Of these, by name; they sum to one.
    left_out
        Names of the fits with a weight below 0.001, whose weights the others share.
    """

    fits: Mapping[str, Fit]
    weights: pd.Series[float]
    left_out: tuple[str, ...] = ()

    @cached_property
    def model(self) -> Mixture:
        """The models as one, in the order of `fits`."""
        models = [fit.model for fit in self.fits.values()]
        return Mixture(tuple(model for model in models if isinstance(model, LatentAttrition)))

    @property
    def period(self) -> Period:
        return self._first.period

    @property
    def currency(self) -> str | None:
        return self._first.currency

    @property
    def fingerprint(self) -> str:
        """Of the histories all were fitted to."""
        return self._first.fingerprint

    @property
    def _first(self) -> Fit:
        return next(iter(self.fits.values()))

    def draws(self, count: int, *, seed: int | np.random.Generator = 0) -> Any:
        """`Theta` of the mixture, arrays (count,): each draw is a posterior draw of one of the fits.

        Each fit has draws in proportion to its weight, to the nearest whole number (the largest remainders are rounded up), and
        they alternate evenly. A fit whose share is a small part of one draw has none.
        """
        rng = np.random.default_rng(seed)
        shares = allocated(np.asarray(self.weights, dtype=float), count)
        thetas = {
            k: fit.draws(int(share), seed=rng)
            for k, (fit, share) in enumerate(zip(self.fits.values(), shares, strict=True))
            if share
        }
        return self.model.joined(alternating(shares), thetas)

    def in_period(self, history: HistoryLike) -> HistoryLike:
        """The histories in the unit of time of the fits."""
        return self._first.in_period(history)

    def __getattr__(self, name: str) -> Any:
        if name in LatentAttrition.formulas:
            return labelled(self, name)  # type: ignore[arg-type]
        if name in {field.name for field in fields(Fit)}:
            raise AttributeError(
                f"A stack has no {name!r} of its own, its fits have: stack.fits[{next(iter(self.fits))!r}].{name}. To keep a "
                "stack, clv.save its fits one by one, with stack.weights beside them."
            )
        raise AttributeError(f"Stack has no {name!r}; its formulas are {', '.join(LatentAttrition.formulas)}.")

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *LatentAttrition.formulas})

    def table(self) -> pd.DataFrame:
        """One row per fit that predicts: model, method, weight."""
        said = [(fit.model.title, fit.method) for fit in self.fits.values()]
        return pd.DataFrame(said, columns=["model", "method"], index=self.weights.index).assign(weight=self.weights)

    @property
    def _heading(self) -> str:
        return f"Stack of {len(self.fits)} fit{'' if len(self.fits) == 1 else 's'}"

    @property
    def _notes(self) -> list[str]:
        facts = f"Fitted to {self._first.n_customers:,} customers, time in {self.period.name}s."
        left_out = f"Left out, weight below {LEAST:g}: {', '.join(self.left_out)}."
        return [facts, left_out] if self.left_out else [facts]

    def __repr__(self) -> str:
        lines = [f"{weight:6.3f}  {name}" for name, weight in self.weights.items()]
        return "\n".join([self._heading, *lines, *self._notes])

    def _repr_html_(self) -> str:
        table = self.table().to_html(float_format="{:.3f}".format)
        return f"<b>{self._heading}</b>{table}<small>{' '.join(self._notes)}</small>"


def stack(fits: Mapping[str, Fit], weights: Mapping[str, float] | pd.Series[float]) -> Stack:
    """Let several fits of the same customers predict together: the mixture of their predictions, in proportion to the weights.

    Each joint draw of a forecast is then a draw of one of the models. Expected values are weighted means of those of the models,
    intervals are of the mixture and so also hold what the models disagree on.

    Parameters
    ----------
    fits
        Fits of duration models to the same histories, by name, such as `ModelComparison.fits`.
    weights
        Of the same names, each >= 0, with sum one, such as `ModelComparison.weights`. Fits with a weight below 0.001 are
        left out.

    Returns
    -------
    Stack

    Raises
    ------
    ClvError
        Names do not match, weights are negative or do not sum to one, or the fits are of different histories, units of time or
        currencies.
    ModelError
        There is no fit, one is not of a duration model, or models of opportunities and of time are mixed.

    Source: Yao, Vehtari, Simpson and Gelman 2018, Bayesian Analysis 13(3), 917-1007, section 3.
    """
    _check_fits(fits)
    given = pd.Series(dict(weights), dtype=float)
    _check_weights(given, list(fits))
    kept = {name: fit for name, fit in fits.items() if given[name] >= LEAST}
    shares = given[list(kept)].rename("weight")
    found = Stack(kept, shares / shares.sum(), tuple(name for name in fits if name not in kept))
    assert len(found.model.components) == len(kept)
    return found


def allocated(weights: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Whole numbers that sum to `count`, in proportion to the weights, by largest remainder.

    Examples
    --------
    >>> allocated(np.array([0.5, 0.3, 0.2]), 9)
    array([4, 3, 2])
    """
    exact = weights * count
    shares = np.floor(exact + 1e-9).astype(np.intp)
    order = np.argsort(shares - exact, kind="stable")
    shares[order[: count - shares.sum()]] += 1
    return shares


def alternating(shares: NDArray[np.intp]) -> NDArray[np.intp]:
    """The numbers 0, 1, ... as often as `shares` says, spread evenly.

    Examples
    --------
    >>> alternating(np.array([4, 2]))
    array([0, 1, 0, 0, 1, 0])
    """
    when = np.concatenate([(np.arange(share) + 0.5) / max(share, 1) for share in shares])
    return np.repeat(np.arange(len(shares)), shares)[np.argsort(when, kind="stable")]


def _check_fits(fits: Mapping[str, Fit]) -> None:
    if not isinstance(fits, Mapping) or not fits:
        raise ModelError(
            f"There are no fits by name in {fits!r}. Write comparison.stack(), or clv.stack({{'BG_NBD': fit}}, weights)."
        )
    for name, fit in fits.items():
        if not isinstance(fit, Fit) or not isinstance(fit.model, LatentAttrition):
            what = fit.model.name if isinstance(fit, Fit) else type(fit).__name__
            raise ModelError(f"{name!r} is {what}, no fit of a duration model. Give fits of models such as BG_NBD.")
    facts = {
        "histories": "fingerprint {0.fingerprint}",
        "units of time": "{0.period}",
        "currencies": "{0.currency}",
    }
    for what, template in facts.items():
        seen = {name: template.format(fit) for name, fit in fits.items()}
        if len(set(seen.values())) > 1:
            listed = ", ".join(f"{name} ({value})" for name, value in seen.items())
            raise ClvError(
                f"The fits are of different {what}: {listed}. Fit all models to the same histories, as compare_models does."
            )


def _check_weights(weights: pd.Series[float], names: list[str]) -> None:
    if set(weights.index) != set(names):
        raise ClvError(
            f"The weights are of {', '.join(map(str, weights.index))}, the fits of {', '.join(names)}. Give every fit a weight."
        )
    if not (np.isfinite(weights) & (weights >= 0)).all():
        wrong = ", ".join(f"{name} ({value:g})" for name, value in weights.items() if not value >= 0 or np.isinf(value))
        raise ClvError(f"A weight is a finite number of zero or more, not {wrong}. Give shares that sum to one.")
    if abs(weights.sum() - 1) > TOLERANCE:
        raise ClvError(f"The weights sum to {weights.sum():.6g}, not to one. Divide each by their sum.")
