"""One customer in a contract, typed in by hand; and what numbers must be to be tenures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from clvmodels.errors import ContractError, offenders
from clvmodels.units import Period, as_period

type Floats = NDArray[np.float64]
type Rule = tuple[str, NDArray[Any], NDArray[np.bool_], str, str]

ROUNDING = 1e-9
"""How far from a whole number a count of periods may be [periods]."""


class TenureLike(Protocol):
    """What a formula reads of customers in a contract: numbers or arrays that broadcast, and the unit of their times."""

    @property
    def exit(self) -> Any: ...
    @property
    def there(self) -> Any: ...
    @property
    def covariates(self) -> Mapping[str, Any] | None: ...
    @property
    def period(self) -> Period: ...


@dataclass(frozen=True)
class Tenure:
    """One customer in a contract (or arrays of them) typed in by hand.

    Parameters
    ----------
    exit
        Tenure so far [period, >= 0]: in discrete models the number of renewals made.
    period
        Its unit; in discrete models the time from one renewal to the next.
    event
        1 if the customer has left at `exit`, 0 if she is still there.
    covariates
        Columns of numbers or labels that broadcast with the others, by name, such as `{"channel": "online"}`.

    Examples
    --------
    >>> from clvmodels.units import YEAR
    >>> Tenure(3, YEAR).exit
    3
    """

    exit: Any
    period: Period
    event: Any = 0
    covariates: Mapping[str, Any] | None = None

    @classmethod
    def new_customer(cls, period: Period, *, covariates: Mapping[str, Any] | None = None) -> Tenure:
        """Somebody who joins this very moment; with covariates, one for each of them.

        Examples
        --------
        >>> from clvmodels.units import YEAR
        >>> Tenure.new_customer(YEAR, covariates={"channel": ["online", "shop"]}).exit
        array([0., 0.])
        """
        columns = {name: np.asarray(column) for name, column in (covariates or {}).items()}
        none = np.zeros(np.broadcast_shapes(*(column.shape for column in columns.values())))[()]
        return cls(none, period, covariates=columns or None)

    @property
    def there(self) -> Any:
        """Whether she is in the contract now."""
        return np.asarray(self.event) == 0

    def __post_init__(self) -> None:
        as_period(self.period, name="period")
        refuse(_rules_of_one(np.asarray(self.exit, dtype=float), np.asarray(self.event)), None)


def whole(values: Any) -> bool:
    """Whether all are whole numbers but for rounding."""
    return bool(np.all(np.abs(values - np.rint(values)) <= ROUNDING))


def _rules_of_one(exit: Floats, event: NDArray[Any]) -> list[Rule]:
    start, flag = "Count from the contract's start.", "Write 1 if the customer left, 0 if not."
    return [
        ("exit", exit, ~(np.isfinite(exit) & (exit >= 0)), "is not a time of zero or more", start),
        ("event", event, (event != 0) & (event != 1), "is neither 0 nor 1", flag),
    ]


def rules(entry: Floats, exit: Floats, event: Floats) -> list[Rule]:
    unseen = "Who left before observation began was never seen: leave her out."
    return [
        (
            "entry",
            entry,
            ~(np.isfinite(entry) & (entry >= 0)),
            "is not a time of zero or more",
            "Count from the start.",
        ),
        *_rules_of_one(exit, event),
        ("exit", exit, exit < entry, "is before entry", unseen),
        ("exit", exit, (event == 1) & (exit <= entry), "is no later than entry though the customer left", unseen),
    ]


def refuse(rules: list[Rule], customers: NDArray[Any] | None) -> None:
    """Refuse numbers that cannot be tenures."""
    for column, values, wrong, problem, remedy in rules:
        if np.any(wrong):
            at = np.flatnonzero(wrong)
            rows = [f"customer {n}" for n in (at if customers is None else customers[at])]
            shown = np.ravel(np.broadcast_to(values, wrong.shape))[at]
            raise ContractError(offenders(problem, column=column, rows=rows, values=shown, remedy=remedy))
