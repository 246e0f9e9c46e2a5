"""A fit of media response: what each medium adds for each customer, how sure that is, and what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import special

from clvmodels.errors import ClvError, ContactError
from clvmodels.estimation.media_exposures import exposure_value_table, exposures_table
from clvmodels.estimation.media_tables import effects_table, increments_table, said
from clvmodels.estimation.outcome import Diagnostics
from clvmodels.estimation.result import tail_of
from clvmodels.model import Array
from clvmodels.priors import Prior
from clvmodels.response.amounts import amounts
from clvmodels.response.cells import Audience, Cells
from clvmodels.response.layout import Layout
from clvmodels.response.media import MediaResponse
from clvmodels.response.overdispersion import Overdispersion
from clvmodels.response.predictor import Coefficients, People, increment

NUMBERS = 100_000
"""Draws times customers worked on at once: what a processor holds close by."""
DRAWS = 200
"""Posterior draws that probabilities of customers are averaged over, unless told otherwise."""


@dataclass(frozen=True)
class MediaDiagnostics(Diagnostics):
    """What vouches for a fit of media response, and the test whether occasions of a cell are more alike than chance."""

    overdispersion: Overdispersion | None = None

    @classmethod
    def of(cls, found: Diagnostics, overdispersion: Overdispersion, seconds: float) -> MediaDiagnostics:
        return cls(**asdict(found) | {"overdispersion": overdispersion, "seconds": seconds})

    def __str__(self) -> str:
        return "; ".join([super().__str__(), str(self.overdispersion)])


@dataclass(frozen=True, eq=False, repr=False)
class MediaFit:
    """The outcome of `clv.fit(clv.media_response(...), ...)`.

    An increment is P(buy | contact) - P(buy | none) within the window: never a response rate.

    Attributes
    ----------
    spec
        The specification: window, half-life.
    method
        "laplace" or "nuts".
    cells
        What the model was fitted to, equal cells together.
    layout
        Which terms there are, and where their coefficients stand.
    theta, spreads
        Posterior draws (draws, p) in the order of `layout.names`, (draws, k) in that of `layout.spreads`.
    coefficients
        The same draws, kind by kind.
    attributed
        Draws of the increment of each attributed-only medium (draws,).
    amount_ratios
        Draws (draws,) by medium of the mean amount of a purchase after a contact, relative to one without; empty where amounts
        are taken to be the same.
    audience
        The customers at the end of the log, if the fit was made from occasions.
    contacts
        Every contact that was made: customer_id, medium, date, cost; if the fit was made from a log.
    shocks
        By exposure, variance of the residuals of regions on a day over that of chance; above 1 the draws of its effect are wider.
    """

    spec: MediaResponse
    method: str
    cells: Cells
    layout: Layout
    theta: Array
    spreads: Array
    coefficients: Coefficients
    attributed: Mapping[str, Array]
    amount_ratios: Mapping[str, Array]
    audience: Audience | None
    contacts: pd.DataFrame | None
    shocks: Mapping[str, float]
    diagnostics: MediaDiagnostics
    priors: Mapping[str, Prior]
    seed: int
    version: str

    @property
    def media(self) -> tuple[str, ...]:
        """Names of the media."""
        return self.cells.media

    @property
    def exposure_media(self) -> tuple[str, ...]:
        """Names of the mass media in the baseline."""
        return tuple(term.medium for term in self.cells.exposures)

    @property
    def posterior_draws(self) -> int:
        """How many posterior draws there are."""
        return len(self.theta)

    def grades(self) -> pd.DataFrame:
        """Evidence grade of each medium, with its contacts and the purchases that followed them."""
        counts = [self._seen(code) for code in range(len(self.media))]
        return pd.DataFrame(
            {
                "grade": [self.cells.grades[name] for name in self.media],
                "contacts": [contacts for contacts, _ in counts],
                "purchases": [purchases for _, purchases in counts],
            },
            index=pd.Index(self.media, name="medium"),
        )

    def _seen(self, code: int) -> tuple[float, float]:
        rows = self.cells.medium == code
        return float(self.cells.occasions[rows].sum()), float(self.cells.buyers[rows].sum())

    def chosen(self, count: int, seed: int) -> np.ndarray:
        """Which posterior draws `count` of them are: in random order, without repetition as long as there are enough."""
        rng, all_draws = np.random.default_rng(seed), self.posterior_draws
        return np.concatenate([rng.permutation(all_draws) for _ in range(-(-count // all_draws))])[:count]

    def draws(self, count: int, *, seed: int = 0) -> pd.DataFrame:
        """Posterior draws of all coefficients on the scale of log-odds and of the spreads, one row per draw."""
        chosen = self.chosen(count, seed)
        names = [*self.layout.names, *(name.replace("_", " ") for name in self.layout.spreads)]
        return pd.DataFrame(np.hstack([self.theta[chosen], self.spreads[chosen]]), columns=names)

    def summary(self, *, interval: float = 0.90) -> pd.DataFrame:
        """One row per coefficient and spread: estimate, sd, lower, upper on the scale of log-odds."""
        tail, table = tail_of(interval), self.draws(self.posterior_draws)
        lower, upper = table.quantile(tail), table.quantile(1 - tail)
        found = pd.DataFrame({"estimate": table.mean(), "sd": table.std(), "lower": lower, "upper": upper})
        return found.rename_axis("coefficient")

    def increment_draws(
        self,
        audience: Audience,
        *,
        draws: int = DRAWS,
        seed: int = 0,
        medium: str | None = None,
        own_stock: Array | None = None,
    ) -> Array:
        """Posterior draws of the increments of each customer.

        Parameters
        ----------
        audience
            Customers, made from the same occasions as the cells.
        draws
            How many; the same draws and seed give the same coefficients, whatever the customers.
        medium
            Only this one.
        own_stock
            (n, media) stock of contacts at the time of the contact; the audience's own if not given.

        Returns
        -------
        array (media, n, draws) of probabilities between -1 and 1, in memory at once: 8 bytes * media * n * draws

        Raises
        ------
        ContactError
            A medium that is not there, or an audience with other columns.
        """
        codes = self.codes(medium)
        found = np.empty((len(codes), len(audience.segment), draws))
        for rows, block in self.blocks(audience, codes=codes, draws=draws, seed=seed, own_stock=own_stock):
            found[:, rows] = block
        return found

    def increment_mean(
        self,
        audience: Audience,
        *,
        draws: int = DRAWS,
        seed: int = 0,
        medium: str | None = None,
        own_stock: Array | None = None,
    ) -> Array:
        """Posterior mean of the increments (media, n), some customers at a time; parameters as in `increment_draws`."""
        codes = self.codes(medium)
        blocks = self.blocks(audience, codes=codes, draws=draws, seed=seed, own_stock=own_stock)
        return np.concatenate([block.mean(axis=2) for _, block in blocks], axis=1)

    def base_draws(self, audience: Audience, *, draws: int = DRAWS, seed: int = 0) -> Array:
        """Posterior draws of P(buy | none) within the window (n, draws)."""
        people = People.of(audience, self.layout)
        return np.asarray(special.expit(self.coefficients[self.chosen(draws, seed)].log_odds(people)))

    def increments(
        self, audience: Audience | None = None, *, interval: float = 0.90, draws: int = 500, seed: int = 0
    ) -> pd.DataFrame:
        """Which media each customer responds to, and how sure that is.

        Parameters
        ----------
        audience
            Customers; those at the end of the log if the fit was made from occasions.
        interval
            Probability of the interval.

        Returns
        -------
        DataFrame, a row per customer and medium: customer_id, medium, increment, lower, upper, p_positive, p_best (probability
        that the medium adds most, doing nothing included), p_best_per_cost (the same per unit of cost, NaN without costs),
        contacts so far, pooling (weight of the medium's own data in its effect on the segment, 0 is all prior and 1 all data),
        grade
        """
        who = self._audience(audience)
        return increments_table(self, who, tail=tail_of(interval), draws=draws, seed=seed)

    def effects(
        self,
        audience: Audience | None = None,
        *,
        interval: float = 0.90,
        value: float | None = None,
        cost: float | Mapping[str, float] | None = None,
        draws: int = 1000,
        seed: int = 0,
    ) -> pd.DataFrame:
        """What a contact by each medium adds, averaged over those contacted, and how much bias that could bear.

        Parameters
        ----------
        audience
            Customers to average over instead.
        interval
            Probability of the intervals.
        value
            Margin of a purchase [currency]; with it the break-even is told.
        cost
            Of a contact [currency], for all media or by medium; the audience's mean costs if not given.

        Returns
        -------
        DataFrame indexed by medium: contacts, base (P(buy | none)), increment, lower, upper, p_positive; spend, spend_lower,
        spend_upper (increment times the mean amount of a purchase [currency], its error included; the amount is taken not to
        depend on the medium, see `amounts`); grade; net (value * increment - cost [currency per contact], NaN without value and
        cost); break_even (points of probability of the increment that must be bias for the net value to be zero) and
        break_even_share (the same as a share of the increment), NaN for randomised media, to which no bias is to be granted;
        below zero where the net value is negative as it is
        """
        return effects_table(self, audience, tail=tail_of(interval), value=value, cost=cost, draws=draws, seed=seed)

    def exposures(
        self,
        audience: Audience | None = None,
        *,
        interval: float = 0.90,
        value: float | None = None,
        cost: float | Mapping[str, float] | None = None,
        draws: int = 1000,
        seed: int = 0,
    ) -> pd.DataFrame:
        """What each mass medium, as it ran, added to what customers buy without a contact; see `Contacts.with_exposure`.

        Parameters
        ----------
        audience
            Customers to average over; all occasions if not given.
        interval
            Probability of the intervals.
        value
            Margin of a purchase [currency]; with it the break-even cost is told.
        cost
            Of one unit of level in each region [currency], one for all or by region; from the table's costs if not given.

        Returns
        -------
        DataFrame indexed by medium: stock and stock_sd (its mean and standard deviation [units of level]); base (P(buy) without
        it); increment, lower, upper (what the stock as it was added to the probability of a purchase, per customer and window);
        p_positive; effect, effect_lower, effect_upper (log-odds per standard deviation of the stock); break_even_cost,
        break_even_lower, break_even_upper (what one unit of level in all regions may cost, see `exposure_value`), cost and net
        of it [currency], break_even_share (share of the effect that must be bias for the net to be zero), NaN without `value`;
        grade; levels (distinct regions and days behind it), regions, days, left (share of the stock's variance that can be told
        from regions and days, or from months of the year); shocks (how much more residuals of regions and days vary than chance
        makes; above 1 intervals are wider for it); reason, in words. Empty without exposures
        """
        return exposures_table(
            self, audience, tail=tail_of(interval), value=value, cost=cost, draws=draws, seed=seed
        )  # fmt: skip

    def exposure_value(
        self,
        medium: str,
        audience: Audience | None = None,
        *,
        value: float,
        cost: float | Mapping[str, float] | None = None,
        interval: float = 0.90,
        draws: int = 1000,
        seed: int = 0,
    ) -> pd.DataFrame:
        """What one more unit of a mass medium is worth, to compare with what it costs: one rating point, one spot.

        It counts the customers of the audience alone, as many as they are today until the unit is forgotten. Who is not a
        customer yet is reached too, and is not in it; nor is what is merely brought forward taken off.

        Parameters
        ----------
        medium
            Name of the exposure.
        audience
            Customers; those at the end of the log if not given.
        value
            Margin of a purchase [currency].
        cost
            Of one unit of level [currency], one for all regions or by region; from the table's costs if not given.

        Returns
        -------
        DataFrame indexed by region, one unit running there alone, and "all regions", one unit running in each: customers; buyers
        (customers times windows with a purchase that it brings); break_even_cost with break_even_lower and break_even_upper
        (margin that it brings, which is the most that it may cost [currency]); cost and net [currency]; p_pays (probability that
        it brings more than it costs)

        Raises
        ------
        ContactError
            There is no such exposure, or no such region.
        """
        return exposure_value_table(
            self, medium, audience, tail=tail_of(interval), value=value, cost=cost, draws=draws, seed=seed
        )  # fmt: skip

    def amounts(self, *, adjusted: bool = True) -> pd.DataFrame:
        """Whether the amount of a purchase depends on the medium: means by medium, difference from none, z and p."""
        return amounts(self.cells, adjusted=adjusted)

    def codes(self, medium: str | None) -> tuple[int, ...]:
        """Codes of all media, or of one."""
        if medium is None:
            return tuple(range(len(self.media)))
        if medium not in self.media:
            raise ContactError(f"There is no medium {medium!r}. The media are {', '.join(self.media)}.")
        return (self.media.index(medium),)

    def blocks(
        self, audience: Audience, *, codes: tuple[int, ...], draws: int, seed: int, own_stock: Array | None = None
    ) -> Iterator[tuple[slice, Array]]:
        """Increments of some customers at a time: which, and (media, some, draws)."""
        people, chosen = People.of(audience, self.layout), self.chosen(draws, seed)
        coefficients = self.coefficients[chosen]
        n = len(audience.segment)
        given = audience.own_stock if own_stock is None else own_stock
        stock = np.broadcast_to(np.asarray(given, dtype=float), (n, len(self.media)))
        step = max(1, NUMBERS // draws)
        for start in range(0, n, step):
            rows = slice(start, min(start + step, n))
            some, log_odds = people[rows], coefficients.log_odds(people[rows])
            block = [self._increment(coefficients, chosen, some, log_odds, code, stock[rows]) for code in codes]
            yield rows, np.stack(block) if block else np.zeros((0, len(log_odds), draws))

    def _increment(
        self, coefficients: Coefficients, chosen: np.ndarray, people: People, log_odds: Array, code: int, stock: Array
    ) -> Array:
        name = self.media[code]
        if name in self.attributed:
            return np.broadcast_to(self.attributed[name][chosen], log_odds.shape)
        effect = coefficients.effect(
            people, self.layout.media.index(name), stock[:, code], stock.sum(axis=1) - stock[:, code]
        )
        return increment(log_odds, effect)

    def _audience(self, audience: Audience | None) -> Audience:
        who = self.audience if audience is None else audience
        if who is None:
            raise ClvError(
                "The model was fitted to cells, which have no customers. Give the audience: occasions.audience(), or an Audience."
            )
        return who

    @cached_property
    def _effects(self) -> pd.DataFrame:
        return self.effects()

    @cached_property
    def _exposures(self) -> pd.DataFrame:
        return self.exposures()

    def __repr__(self) -> str:
        return "\n".join(said(self, self._effects))

    def _repr_html_(self) -> str:
        heading, *_, notes = said(self, self._effects)
        table = self._effects.dropna(axis=1, how="all").to_html(float_format="{:.4g}".format)
        return f"<b>{heading}</b>{table}<small>{notes}</small>"
