"""A market with known truth whose contacts move how often customers buy and how soon they leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import special

from clvmodels.errors import ClvError, ContactError
from clvmodels.response.cells import Codes, Floats
from clvmodels.simulation.contact_lives import (
    CONTACTED,
    LATER,
    Campaigns,
    Given,
    Lives,
    ceilings,
    lives,
    nobody,
    peaks,
    points,
    rules_of,
)
from clvmodels.simulation.contact_tables import all_purchases, contact_rows, customer_rows, media_rows, purchases_of
from clvmodels.simulation.contact_world import (
    MONTHS,
    STOCK_MEDIA,
    ContactTargeting,
    ContactWorld,
    Customers,
    MediumOfStocks,
    as_stock_media,
    draw_customers,
)
from clvmodels.simulation.world import as_theta
from clvmodels.units import Span, as_span

if TYPE_CHECKING:
    import datetime

    from clvmodels.data.contacts import Contacts
    from clvmodels.data.transactions import Transactions


@dataclass(frozen=True, eq=False, repr=False)
class ContactTruth:
    """What is true in a simulated market of contact stocks, and hidden in a real one.

    Attributes
    ----------
    customers
        DataFrame by customer: joined [weeks since the start], rate and hazard [per week, at factors of one], mean_spend
        [currency], dropout [weeks since the start] (NaN for who is alive at the end), alive, purchases (days with a purchase
        after the first), and dropout_without, alive_without, purchases_without: what she would have done without any contact
    media
        DataFrame by medium: purchase, dropout (what a fresh contact does to the log rate), half_life [weeks], and purchase_later,
        dropout_later.
    without_contacts
        DataFrame of the purchases there would have been without any contact, like `transactions`.
    world
        The parameters.
    """

    customers: pd.DataFrame
    media: pd.DataFrame
    without_contacts: pd.DataFrame
    world: ContactWorld


@dataclass(frozen=True, eq=False, repr=False)
class ContactMarket:
    """A simulated market, from `simulate_contact_market`.

    Attributes
    ----------
    transactions
        DataFrame: customer, date, amount [currency].
    contact_table
        DataFrame, a row per customer chosen on a day of a medium: customer, medium, date, cost [currency] (0 if held out),
        holdout, assignment_probability (of what was done, given that she was chosen). The last two only where there is a holdout.
    truth
        What a real market hides.
    start, until
        First and last day of observation.
    """

    transactions: pd.DataFrame = field(repr=False)
    contact_table: pd.DataFrame = field(repr=False)
    truth: ContactTruth = field(repr=False)
    start: datetime.date
    until: datetime.date
    _people: Customers = field(repr=False)
    _given: Given = field(repr=False)

    @property
    def media(self) -> tuple[str, ...]:
        """Names of the media."""
        return self.truth.world.names

    @cached_property
    def log(self) -> Transactions:
        """The transactions as a log."""
        from clvmodels.data.transactions import Transactions

        return Transactions(self.transactions, customer="customer", date="date", amount="amount")

    @cached_property
    def contacts(self) -> Contacts:
        """The contacts as a log."""
        from clvmodels.data.contacts import Contacts

        held = self.truth.world.holdout_share > 0
        return Contacts(
            self.contact_table, customer="customer", medium="medium", date="date", cost="cost",
            holdout="holdout" if held else None, assignment_probability="assignment_probability" if held else None,
        )  # fmt: skip

    def future(self, horizon: Span, *, contacts: Contacts | None = None, seed: int = 0) -> pd.DataFrame:
        """What customers do after the end of observation, given their own rates and what earlier contacts still do.

        Parameters
        ----------
        horizon
            From the day after the end of observation on, in whole days.
        contacts
            The only contacts that are made from then on (rows before it and rows held out do not count); None: there are none.
        seed
            Of what is left to chance. With the same seed two futures differ only by what their contacts do.

        Returns
        -------
        DataFrame by customer: purchases (days with one), spend [currency], alive (at the end of the horizon)

        Raises
        ------
        ContactError
            A contact by a medium, or with a customer, that this market does not have.
        """
        world, days = self.truth.world, as_span(horizon, name="horizon").days
        if not (1 <= days == round(days)):
            raise ClvError(f"horizon={horizon} is not in whole days. Write 12 * WEEK.")
        end = world.days + round(days)
        given = self._given if contacts is None else _joined(self._given, _planned(contacts, world, end))
        rules = rules_of(world, end)
        top = ceilings(rules, peaks(given, rules.decay), peaks(given, rules.decay / LATER))
        alive = self.truth.customers["alive"].to_numpy()
        begin = np.where(alive, float(world.days), float(end))
        buying = points(self._people.rate, begin, end, ceiling=top[0], seed=[world.seed, 5, seed])
        leaving = points(self._people.hazard, begin, end, ceiling=top[1], seed=[world.seed, 6, seed])
        lived = lives(self._people.joined, buying, leaving, nobody(self._people)[0], given, rules)
        bought = purchases_of(world, self._people, buying, lived.bought, seed=[world.seed, 7, seed])
        each = bought.groupby("customer").agg(purchases=("amount", "size"), spend=("amount", "sum"))
        each = each.reindex(self.truth.customers.index, fill_value=0)
        return each.assign(alive=alive & np.isinf(lived.gone))

    def __repr__(self) -> str:
        world = self.truth.world
        chosen = {"random": "at random", "rate": "by their own rate", "recency": "by recency"}[world.targeting]
        return (
            f"ContactMarket: {world.customers:,} customers over {world.weeks} weeks, {len(self.transactions):,} purchases, "
            f"{len(self._given.day):,} contacts by {', '.join(self.media)}; customers chosen {chosen}, "
            f"{world.holdout_share:.0%} held out"
        )


def simulate_contact_market(
    *,
    customers: int = 10_000,
    weeks: int = 104,
    media: Mapping[str, Mapping[str, Any]] | Sequence[MediumOfStocks] = STOCK_MEDIA,
    targeting: ContactTargeting = "random",
    targeting_strength: float = 1.0,
    holdout_share: float = 0.1,
    saturation: float = 1.0,
    irritation: tuple[float, float] = (0.0, 0.0),
    season: Sequence[float] | None = None,
    joining: float = 52,
    duration: Any = (0.8, 8.0, 0.8, 40.0),
    quantity: Any = (6.25, 3.74, 15.44),
    start: str = "2023-01-02",
    seed: int = 0,
) -> ContactMarket:
    """Simulate customers whose purchase rate and dropout hazard are moved by contacts and seasons, with all that is true known.

    The process, in continuous time:

    1. A customer's first purchase is at a uniform time in the first `joining` weeks. From then on she buys at the rate
       lambda a(t) and leaves at the hazard mu d(t), with lambda ~ Gamma(r, alpha), mu ~ Gamma(s, beta). Purchases of one day are
       one purchase. Amounts are gamma-gamma and depend on nothing else.
    2. Each contact adds one to the stock S of its medium, which is halved every half-life, at every moment. With
       g(S) = log(1 + w S) / log(1 + w), w the saturation,

           log a(t) = log season + sum over media of purchase_m g(S_m) + purchase_later_m (S'_m - S_m) + irritation_1 (sum S)^2

       where S' has four times the half-life, and log d(t) likewise with the effects on dropout, without seasons.
    3. On each day of a medium, at its beginning, those whose first purchase is past are chosen with probability
       logit^-1(logit(share) + targeting_strength x score); of these, a share is held out at random. The score is 0 with
       targeting "random"; with "rate" it is log(own rate / mean rate), which no log shows; with "recency" it is
       log((1 + weeks since the last purchase) / 5), which the log does show. Who has left is contacted like the others.

    Parameters
    ----------
    customers, weeks
        How many, and how long.
    media
        `MediumOfStocks` values, or mappings of these by name such as `{"dm": {"purchase": 0.5, "half_life": 2 * WEEK}}`.
    targeting
        "random", or what chooses for contacts: "rate" or "recency".
    targeting_strength
        Log-odds of being chosen per unit of the score.
    holdout_share
        Share of those chosen who are held out at random and noted as such [0 to below 1].
    saturation
        w above; 0 means none.
    irritation
        Effect of the square of all stocks together on the log purchase rate and on the log dropout hazard.
    season
        Twelve factors of the purchase rate, from January on; None for no seasons.
    joining
        Time in which customers join [weeks].
    duration, quantity
        r, alpha [weeks], s, beta [weeks] at factors of one, and the parameters of gamma-gamma (p, q > 1, v [currency]).
    start
        First day, such as "2023-01-02".
    seed
        The same seed gives the same market.

    Returns
    -------
    ContactMarket

    Raises
    ------
    ClvError
        A share is not one, a medium is not one, or effects are too strong to be simulated.

    Source: SchweidelKnox2013 for contacts that move both processes; SchmittleinMorrisonColombo1987 for the rates.

    Examples
    --------
    >>> market = simulate_contact_market(customers=200, weeks=52, seed=1)
    >>> list(market.contact_table)
    ['customer', 'medium', 'date', 'cost', 'holdout', 'assignment_probability']
    >>> market.truth.media["half_life"].to_dict()
    {'email': 1.0, 'dm': 2.0, 'tm': 4.0}
    """
    theta, spend = as_theta(duration, quantity)
    world = ContactWorld(
        customers, weeks, joining, as_stock_media(media), theta, spend, tuple(season or [1.0] * MONTHS), saturation,
        irritation, targeting, targeting_strength, holdout_share, np.datetime64(start, "D"), seed,
    )  # fmt: skip
    people, rules = draw_customers(world), rules_of(world, world.days)
    top = ceilings(rules, world.each("peak"), world.each("later_peak"))
    buying = points(people.rate, people.joined, world.days, ceiling=top[0], seed=[seed, 1])
    leaving = points(people.hazard, people.joined, world.days, ceiling=top[1], seed=[seed, 2])
    none = nobody(people)
    campaigns = _campaigns(world, people)
    lived = lives(people.joined, buying, leaving, campaigns, none[1], rules)
    alone = lives(people.joined, buying, leaving, none[0], none[1], rules)
    made, without = (all_purchases(world, people, buying, one.bought) for one in (lived, alone))
    last = (world.start + world.days - 1).astype(object)
    table = contact_rows(world, campaigns, lived)
    truth = ContactTruth(customer_rows(world, people, lived, alone, made, without), media_rows(world), without, world)
    given = _contacted(world, campaigns, lived)
    return ContactMarket(made, table, truth, world.start.astype(object), last, people, given)


def _campaigns(world: ContactWorld, people: Customers) -> Campaigns:
    day, medium = world.schedule()
    score = np.zeros(world.customers)
    if world.targeting == "rate":
        score = world.targeting_strength * np.log(people.rate * 7 * float(world.duration[1]) / float(world.duration[0]))
    by_recency = world.targeting_strength if world.targeting == "recency" else 0.0
    luck = np.random.default_rng([world.seed, 3]).random((world.customers, day.size))
    return Campaigns(
        day, medium, special.logit(world.each("share"))[medium], score, by_recency, world.holdout_share, luck
    )


def _contacted(world: ContactWorld, campaigns: Campaigns, lived: Lives) -> Given:
    who, at = np.nonzero(lived.fate == CONTACTED)
    offset = np.searchsorted(who, np.arange(world.customers + 1)).astype(np.int64)
    return Given(offset, campaigns.day[at].astype(float), campaigns.medium[at])


def _planned(contacts: Contacts, world: ContactWorld, end: int) -> tuple[Codes, Floats, Codes]:
    """Customer, day since the start and medium of contacts after the end of observation."""
    rows: Any = contacts.rows()
    sent = rows.filter(~rows.held_out).select("customer_id", "medium", "date").to_pyarrow().to_pandas()
    unknown = sorted(set(sent["medium"]) - set(world.names))
    if unknown:
        raise ContactError(f"There is no medium {', '.join(unknown)} in this market. It has {', '.join(world.names)}.")
    who = sent["customer_id"].to_numpy().astype(np.intp)
    if who.size and not (who.min() >= 0 and who.max() < world.customers):
        raise ContactError(
            f"There are contacts with customers that are not there. They are 0 to {world.customers - 1}."
        )
    day = (sent["date"].to_numpy().astype("datetime64[D]") - world.start).astype(float)
    medium = sent["medium"].map(world.names.index).to_numpy(dtype=np.intp)
    inside = (day >= world.days) & (day < end)
    return who[inside], day[inside], medium[inside]


def _joined(given: Given, more: tuple[Codes, Floats, Codes]) -> Given:
    n = given.offset.size - 1
    who = np.concatenate([np.repeat(np.arange(n), np.diff(given.offset)), more[0]])
    day, medium = np.concatenate([given.day, more[1]]), np.concatenate([given.medium, more[2]])
    order = np.lexsort((medium, day, who))
    return Given(np.searchsorted(who[order], np.arange(n + 1)).astype(np.int64), day[order], medium[order])
