"""Units as types: a period of time, a span of so many periods, a rate per period, a cost per period.

A bare number where a span or a rate belongs is refused, because `52` may be weeks or months and `0.10` may be a year's or a
week's. A month is a twelfth of a Julian year (30.4375 days), a year is 365.25 days: fixed lengths, so that a fit in weeks
and a horizon in months meet without a calendar.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from clvmodels.errors import UnitError


@dataclass(frozen=True, slots=True)
class Period:
    """A unit of time of a fixed length in days, such as `WEEK`.

    Examples
    --------
    >>> 52 * WEEK
    52 weeks
    >>> (52 * WEEK).days
    364.0
    """

    name: str
    days: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.days) and self.days > 0):
            raise UnitError(
                f"A period needs a positive length in days, not {self.days!r}. Write Period('quarter', 91.3125)."
            )

    def __mul__(self, count: float) -> Span:
        return Span(float(count), self)

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Span:
    """So many periods, such as `52 * WEEK`; `FOREVER` is the infinite one."""

    count: float
    period: Period

    def __post_init__(self) -> None:
        if math.isnan(self.count) or self.count < 0:
            raise UnitError(f"A span of time cannot be {self.count!r} {self.period.name}s. Give zero or more.")

    @property
    def days(self) -> float:
        """Length [days], from 0 to infinity."""
        return self.count * self.period.days

    def per(self, period: Period) -> float:
        """How many of `period` the span holds.

        Examples
        --------
        >>> (1 * YEAR).per(MONTH)
        12.0
        """
        return self.days / period.days

    def __repr__(self) -> str:
        if math.isinf(self.count):
            return "forever"
        return f"{self.count:g} {self.period.name}{'' if self.count == 1 else 's'}"


DAY: Final = Period("day", 1.0)
WEEK: Final = Period("week", 7.0)
MONTH: Final = Period("month", 365.25 / 12)
YEAR: Final = Period("year", 365.25)
FOREVER: Final = Span(math.inf, YEAR)


@dataclass(frozen=True, slots=True)
class Rate:
    """An effective rate per period, such as `Rate(0.10, per=YEAR)`: one unit grows to 1.10 in a year.

    Parameters
    ----------
    value
        Fraction per period, above -1 (0.10 is ten per cent).
    per
        The period it compounds over.

    Examples
    --------
    >>> round(Rate(0.10, per=YEAR).discount(2 * YEAR), 6)
    0.826446
    """

    value: float
    per: Period

    def __post_init__(self) -> None:
        if not isinstance(self.per, Period):
            raise UnitError(f"A rate needs its period: {self.value!r} per what? Write Rate({self.value!r}, per=YEAR).")
        if not (math.isfinite(self.value) and self.value > -1):
            raise UnitError(f"A rate must be a finite fraction above -1, not {self.value!r}. Ten per cent is 0.10.")

    @classmethod
    def continuous(cls, force: float, *, per: Period) -> Rate:
        """The effective rate equal to continuous compounding at `force` per period (Rate(exp(force) - 1))."""
        return cls(math.expm1(force), per=per)

    def force(self, period: Period) -> float:
        """Continuously compounded rate per `period` (the force of interest)."""
        return math.log1p(self.value) * period.days / self.per.days

    def discount(self, span: Span) -> float:
        """Present value of one unit paid after `span`."""
        return math.exp(-self.force(span.period) * span.count)

    def __repr__(self) -> str:
        return f"{100 * self.value:g} % per {self.per.name}"


@dataclass(frozen=True, slots=True)
class Cost:
    """An amount of money per customer and period, such as `Cost(2.50, per=MONTH)`, spread evenly over the period."""

    amount: float
    per: Period

    def __post_init__(self) -> None:
        if not isinstance(self.per, Period):
            raise UnitError(
                f"A cost needs its period: {self.amount!r} per what? Write Cost({self.amount!r}, per=MONTH)."
            )
        if not math.isfinite(self.amount):
            raise UnitError(f"A cost must be a finite amount of money, not {self.amount!r}.")

    def present_value(self, span: Span, discount: Rate | None) -> float:
        """Value today of paying the cost evenly over `span` [money per customer]; infinite for ever without a discount."""
        periods = span.per(self.per)
        force = discount.force(self.per) if discount is not None else 0.0
        if self.amount == 0.0:
            return 0.0
        return self.amount * (periods if force == 0.0 else -math.expm1(-force * periods) / force)

    def __repr__(self) -> str:
        return f"{self.amount:g} per {self.per.name}"


def as_span(value: object, *, name: str) -> Span:
    """The span meant by `value`: a `Span`, or a `Period` taken once; a bare number is refused.

    Examples
    --------
    >>> as_span(52, name="horizon")
    Traceback (most recent call last):
    clvmodels.errors.UnitError: horizon=52: 52 of what? Write 52 * WEEK (or DAY, MONTH, YEAR).
    """
    if isinstance(value, Span):
        return value
    if isinstance(value, Period):
        return 1 * value
    raise UnitError(f"{name}={value!r}: {value!r} of what? Write {value} * WEEK (or DAY, MONTH, YEAR).")


def as_period(value: object, *, name: str) -> Period:
    """`value` if it is a `Period`; anything else is refused with the periods there are."""
    if isinstance(value, Period):
        return value
    raise UnitError(f"{name}={value!r} is not a period. Use DAY, WEEK, MONTH or YEAR.")


def as_rate(value: object, *, name: str) -> Rate | None:
    """`value` if it is a `Rate` or None (no discounting); a bare number is refused."""
    if value is None or isinstance(value, Rate):
        return value
    raise UnitError(f"{name}={value!r}: per what? Write Rate({value}, per=YEAR).")
