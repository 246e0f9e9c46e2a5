"""Plain numbers that a formula can be given: finite, within their limits and without a unit."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clvmodels.errors import ClvError, UnitError
from clvmodels.units import Rate, Span

type Array = NDArray[np.float64]


def discount(value: ArrayLike, name: str = "discount") -> Array:
    """`value` as an array, if it is a fraction per period above -1."""
    numbers = number(value, name)
    if np.any(numbers <= -1):
        raise ClvError(f"{name}={value!r} must be above -1. Ten per cent per period is 0.10.")
    return numbers


def number(value: ArrayLike, name: str, *, low: float = -np.inf, high: float = np.inf) -> Array:
    """`value` as an array of finite numbers from `low` to `high`; a number with a unit is refused."""
    if isinstance(value, Rate | Span):
        raise UnitError(
            f"{name}={value!r} has a unit; these formulas count abstract periods. Give a plain number per period, for a rate "
            "math.expm1(rate.force(MONTH)), for a span span.per(MONTH)."
        )
    numbers = np.asarray(value, dtype=float)
    if not np.all(np.isfinite(numbers) & (numbers >= low) & (numbers <= high)):
        limits = (
            f"from {low:g} to {high:g}" if np.isfinite(high) else "of zero or more" if low == 0 else "that is finite"
        )
        raise ClvError(
            f"{name}={value!r} is not a number {limits}. Correct it; fractions are written 0.10 for ten per cent."
        )
    return numbers
