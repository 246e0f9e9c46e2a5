"""What a plan asks of whoever values contacts: customers in blocks, programmes contact by contact, and the evidence behind them.

Everything downstream (values, frontier, constraints, tables, words) knows only this.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from clvmodels.budget.actions import Action
from clvmodels.model import Array
from clvmodels.value.contacts import ContactValue
from clvmodels.value.simulation import CELLS, in_blocks

if TYPE_CHECKING:
    import pandas as pd

type Rows = NDArray[np.intp]


class Valued(Protocol):
    """A contact with some customers, valued (rows, draws).

    Its value, the purchases (or renewals) it brings, and the probability of one with the contact.
    """

    @property
    def value(self) -> ContactValue: ...
    @property
    def purchases(self) -> Array: ...
    @property
    def response(self) -> Array: ...


class Found(NamedTuple):
    """The same, all found at once."""

    value: ContactValue
    purchases: Array
    response: Array


class Block(ABC):
    """Some customers, with all that is needed to value contacts with them."""

    rows: Rows

    @abstractmethod
    def programme(self, action: Action) -> Iterator[Any]:
        """The contacts of an action in the order of time, each as those before it leave the customers."""

    @abstractmethod
    def value(self, contact: Any) -> Valued:
        """What a contact brings and costs."""

    @abstractmethod
    def picked(self, some: Rows) -> Block:
        """Some of the customers, by their place in the block."""


class Evidence(Protocol):
    """What is known of the media."""

    @property
    def media(self) -> tuple[str, ...]: ...
    @property
    def exposure_media(self) -> tuple[str, ...]: ...
    @property
    def no_effect(self) -> Mapping[str, float]: ...
    def grades(self) -> pd.DataFrame: ...
    def exposures(self, *, interval: float, value: float | None) -> pd.DataFrame: ...
    def effects(self, *, interval: float, value: float | None, cost: Mapping[str, float] | None) -> pd.DataFrame: ...


class Valuer(ABC):
    """Customers of a forecast, what is known of the media, and joint draws of everything unknown."""

    brings: ClassVar[str]
    """What a successful contact brings, as a column of tables calls it."""
    increments: ClassVar[str] = "probability"
    """Of what increments are an addition to: a probability, or a number of purchases."""
    forecast: Any
    """A forecast as `Totals`."""
    media: Any
    """What is known of the media, as `Evidence`."""

    @property
    @abstractmethod
    def order(self) -> Rows:
        """Customers in an order that does not depend on that of their rows."""

    @abstractmethod
    def block(self, rows: Rows) -> Any:
        """Some customers of the forecast."""

    @abstractmethod
    def margin(self) -> float:
        """Mean margin of one success [currency]."""

    def notes(self) -> list[str]:
        """What else to know when reading a plan."""
        return []

    @property
    def draws(self) -> int:
        return int(self.forecast.draws)

    def play[Result](self, reduce: Callable[[Any], Result], *, description: str, width: int = 1) -> list[Result]:
        """Reduce every block of customers, in parallel; results in the order of the blocks.

        `width` says how many numbers `reduce` holds at once per customer and draw.
        """
        size = max(1, CELLS // (self.draws * width))
        return in_blocks(lambda rows, start: reduce(self.block(rows)), self.order, size=size, description=description)
