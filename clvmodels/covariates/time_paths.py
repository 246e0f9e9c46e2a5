"""Pareto/NBD along paths of covariates as engines read it: its parameters, its futures, and what customers are to its kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from clvmodels.coordinates import Coordinates
from clvmodels.covariates.columns import identifiers
from clvmodels.covariates.contact_terms import ContactTerms, planned_of
from clvmodels.covariates.shocks import TERM, Shocks
from clvmodels.covariates.time_design import TimeDesign, reads
from clvmodels.covariates.timetable import Timetable, timetable
from clvmodels.data.contacts import Contacts
from clvmodels.data.panel import Panel
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.duration.pareto_nbd import ParetoNbd
from clvmodels.duration.paths import Paths
from clvmodels.duration.paths_likelihood import ROWS, kernel, log_likelihood, total_kernel
from clvmodels.errors import ModelError
from clvmodels.history import HistoryLike, as_columns
from clvmodels.model import Array, Group, Parameter
from clvmodels.priors import Normal
from clvmodels.purchase_dates import NO_EVENTS, Events, repeat_purchases
from clvmodels.units import Period

RIDGE = 1.0
"""Standard deviation of the prior of a coefficient per standard deviation of its column."""
LONGEST = 1e6
"""Days ahead at most."""
MOVED = {"purchase": 1, "dropout": 3}
"""Which parameter each process moves: alpha and beta, both divided."""


NO_TERMS = np.zeros((0, 2), dtype=np.int64)


def weeks_of(table: Timetable) -> NDArray[np.int64]:
    """The week of each common row (K,)."""
    return np.asarray(table.common.covariates[TERM])


@dataclass(frozen=True, eq=False, repr=False)
class PathsModel(LatentAttrition):
    """What a model over time is, and how its kernel reads customers; `TimeVarying` says what they will do.

    Attributes
    ----------
    base, designs, panel, contacts, shocks, ridge
        The model, the coding of both processes, covariates over time, contact terms, weekly shocks of the purchase rate, and the
        spread of the prior.
    origin, until
        Days since 1970-01-01 from which time is counted, and on which the observation of the customers it was fitted to ended.
    """

    base: ParetoNbd
    designs: tuple[TimeDesign, ...]
    panel: Panel | None
    contacts: ContactTerms | None
    shocks: Shocks | None
    ridge: float
    origin: int
    until: int

    columns = ("path", "first", "frequency", "recency", "T", "event")  # type: ignore[assignment]
    kernel = staticmethod(kernel)
    total = staticmethod(total_kernel)

    @cached_property
    def name(self) -> str:  # type: ignore[override]
        said = [f"{one.role} {one.formula}" for one in self.designs]
        said += [f"contacts by {', '.join(self.media)}"] if self.media else []
        said += ["weekly shocks"] if self.shocks else []
        return f"{self.base.name} over time with {'; '.join(said)}"

    @property
    def title(self) -> str:  # type: ignore[override]
        return f"{self.base.title} over time"

    @property
    def source(self) -> str:  # type: ignore[override]
        return "Bachmann, Meierer and Naef 2021, Marketing Science 40(4), 783-809"

    @property
    def assumed(self) -> tuple[str, ...]:  # type: ignore[override]
        if self.contacts is None:
            return ()
        terms = self.contacts
        if terms.planned or (terms.events.day > self.until).any():
            return (
                f"After {np.datetime64(self.until, 'D')} customers are contacted as planned with fit.under(contacts=...).",
            )
        return (
            f"After {np.datetime64(self.until, 'D')} nobody is contacted by {', '.join(self.media)}. For what is planned, or was "
            "done in a holdout, forecast fit.under(contacts=...).",
        )

    @property
    def media(self) -> tuple[str, ...]:
        """Media whose contacts move a process, as their log calls them."""
        return () if self.contacts is None else self.contacts.media

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:  # type: ignore[override]
        found = list(self.base.parameters)
        for role in MOVED:
            for one in self._designs_of(role):
                for made, name in zip(identifiers(role, one.columns), one.columns, strict=True):
                    meaning = f"effect of {name} on {role}: exp of it multiplies"
                    found.append(Parameter(made, meaning, Normal(0.0, self.ridge), positive=False))
            found += [] if self.contacts is None else self.contacts.coefficients(role)
        found += [] if self.contacts is None else self.contacts.carry_over()
        return (*found, *(() if self.shocks is None else self.shocks.parameters))

    @cached_property
    def groups(self) -> tuple[Group, ...]:  # type: ignore[override]
        """The weekly shocks: normal about zero with a spread that is learnt."""
        return () if self.shocks is None else (self.shocks.group(len(self.parameters)),)

    @property
    def hierarchical(self) -> bool:  # type: ignore[override]
        return bool(self.groups)

    def _designs_of(self, role: str) -> list[TimeDesign]:
        return [one for one in self.designs if one.role == role]

    @cached_property
    def Theta(self) -> Any:  # type: ignore[override]
        return NamedTuple("Theta", [(p.name, Any) for p in self.parameters])

    def coordinates(self) -> Coordinates:
        """Base parameters are sought for the average of the covariates, coefficients of these per standard deviation."""
        size, at = len(self.parameters), len(self.base.parameters)
        mixing = np.eye(size)
        for role, moved in MOVED.items():
            for part in (part for one in self._designs_of(role) for part in one.parts):
                for mean, sd in zip(part.centre, part.scale, strict=True):
                    mixing[at, at] = 1 / sd
                    mixing[moved, at] += mean / sd
                    at += 1
            at += 0 if self.contacts is None else len(self.contacts.of(role))
        return Coordinates(np.array([p.positive for p in self.parameters]), mixing)

    def under(self, future: Panel | None = None, *, contacts: Contacts | None = None) -> Self:
        """The same model with another panel, or with contacts, from the day after the end of observation on."""
        model = self
        if future is not None:
            if self.panel is None:
                raise ModelError(f"{self.name} has no panel: the calendar goes on by itself. Forecast without a panel.")
            model = replace(model, panel=self.panel.then(future, self.until))
        if contacts is not None:
            model = replace(
                model, contacts=self._contact_terms().then(planned_of(contacts, self.media, self.until), self.until)
            )
        return model

    def contacted(self, planned: Sequence[tuple[str, float]]) -> Self:
        """The model in which every customer besides gets these contacts: medium, days after the end of observation."""
        return replace(self, contacts=self._contact_terms().contacted(planned))

    def by_week(self, theta: Any, *, interval: float = 0.90) -> pd.DataFrame:
        """What each week of the past multiplies the purchase rate by: mean, lower, upper by its Monday.

        Parameters
        ----------
        theta
            Draws (draws,), such as `fit.draws(2000)`.
        """
        if self.shocks is None:
            raise ModelError(f"{self.name} has no weekly shocks. Write clv.time_varying(purchase='~ {TERM}').")
        return self.shocks.by_week(self.theta(theta), interval)

    def _contact_terms(self) -> ContactTerms:
        if self.contacts is None:
            raise ModelError(f"{self.name} has no contacts. Fit clv.time_varying(..., contacts=clv.Contacts(...)).")
        return self.contacts

    def _timetable(self, history: HistoryLike, ahead: ArrayLike = 0.0, *, brief: bool = False) -> Timetable:
        """`ahead` is in the period of the history, for all or by customer; `brief` leaves out what is over."""
        common, own, crossed = reads(self.designs)
        common = [*common, *([] if self.shocks is None else [TERM])]
        days = np.ravel(np.minimum(np.asarray(ahead) * history.period.days, LONGEST))
        return timetable(
            history,
            common=common,
            own=own,
            crossed=crossed,
            panel=self.panel,
            contacts=self.contacts,
            ahead=days,
            brief=brief,
        )

    def _numbers(self, table: Timetable, role: str) -> tuple[Array, Array]:
        for one in self.designs:
            if one.role == role:
                return one.numbers(table)
        return np.zeros((table.common_day.size, 0)), np.zeros((int(table.row.max()) + 1, 0))

    def _paths(
        self, table: Timetable, period: Period, events: Events = NO_EVENTS, shock: NDArray[np.int64] | None = None
    ) -> Paths:
        """`shock` says where the shocks of the common rows are, in theta if it is not given."""
        common, own = zip(*(self._numbers(table, role) for role in MOVED), strict=True)
        start, own_start, contact_start, event_time = (
            (days - self.origin) / period.days for days in (table.common_day, table.day, table.contact_day, events.day)
        )
        known = self.contacts
        codes = [NO_TERMS if known is None else known.codes(role) for role in MOVED]
        saturation = [] if known is None or known.saturation is None else [known.saturation]
        if shock is None:
            none = np.full(start.size, -1)
            shock = none if self.shocks is None else self.shocks.seen(weeks_of(table), len(self.parameters))
        return Paths(
            start, common[0], common[1], table.offset, own_start, table.row, own[0], own[1], table.contact_offset,
            contact_start, table.contacts, codes[0], codes[1],
            np.array(saturation if known is not None else [0.0]), events.offset, event_time, shock,
        )  # fmt: skip

    def data(self, history: HistoryLike) -> tuple[Array, ...]:
        table = self._timetable(history)
        first = (table.first - self.origin) / history.period.days
        columns = [np.ravel(c) for c in as_columns(history, ("frequency", "recency", "T"))]
        return (table.path.astype(float), first, *columns, repeat_purchases(history).of.astype(float))

    def tables(self, history: HistoryLike) -> tuple[NDArray[Any], ...]:
        return tuple(self._paths(self._timetable(history), history.period, repeat_purchases(history)))

    def values(self, theta: Array, *columns: Any) -> Array:
        return np.asarray(log_likelihood(theta, *columns[:ROWS], Paths(*columns[ROWS:]), False)[0])

    def told_apart(self, history: HistoryLike) -> list[NDArray[Any]]:
        """Path, first purchase, frequency, recency and T."""
        table = self._timetable(history)
        return [table.path, table.first, *(np.ravel(c) for c in as_columns(history, ("frequency", "recency", "T")))]

    def told_by_past(self, history: HistoryLike) -> list[NDArray[Any]]:
        """The same without recency: the scales of her rates depend on when she came, and on her path."""
        path, first, frequency, _, T = self.told_apart(history)
        return [path, first, frequency, T]
