"""A market with known truth: who buys, who left, and what a contact really does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from clvmodels.response.cells import Floats
from clvmodels.simulation.campaigns import Campaign, increment, run_campaign
from clvmodels.simulation.outcome import Outcome, played
from clvmodels.simulation.windows import Bought, State, exposure, first_state
from clvmodels.simulation.world import (
    MEDIA,
    SEGMENTS,
    Medium,
    People,
    Targeting,
    World,
    as_media,
    as_theta,
    draw_people,
)
from clvmodels.units import Rate, Span

if TYPE_CHECKING:
    import datetime

    from clvmodels.data.transactions import Transactions


@dataclass(frozen=True, eq=False, repr=False)
class Truth:
    """What is true in a simulated market, and hidden in a real one.

    Attributes
    ----------
    customers
        DataFrame by customer: segment, joined, dropout [weeks since the start], alive (at the end), rate [purchases per week
        without contact], mean_spend [currency], baseline (probability of a purchase in the window after the end, without contact)
    increments
        DataFrame by customer, a column per medium: what a contact at the end adds to that probability; 0 for who has left
    contact_increments
        (rows of `contacts`,) what that contact added to the probability of a purchase in its window; for a held-out customer,
        what it would have added
    world
        The parameters.
    """

    customers: pd.DataFrame
    increments: pd.DataFrame
    contact_increments: Floats
    world: World


@dataclass(frozen=True, eq=False, repr=False)
class Market:
    """A simulated market, from `simulate_market`.

    Attributes
    ----------
    transactions
        DataFrame: customer, date, amount [currency], segment.
    contacts
        DataFrame, a row per customer chosen for a campaign: customer, medium (for a held-out customer the one intended), date,
        cost [currency] (0 if held out), responded (missing if held out), holdout, assignment_probability (of what was done:
        of being held out, or of the contact by this medium, given that she was chosen), target_score (NaN without targeting)
    truth
        What a real market hides.
    start, until
        First and last day of observation. A campaign may follow on the day after.
    """

    transactions: pd.DataFrame = field(repr=False)
    contacts: pd.DataFrame = field(repr=False)
    truth: Truth = field(repr=False)
    start: datetime.date
    until: datetime.date
    _people: People = field(repr=False)
    _state: State = field(repr=False)

    @property
    def media(self) -> tuple[str, ...]:
        """Names of the media."""
        return tuple(one.name for one in self.truth.world.media)

    @cached_property
    def log(self) -> Transactions:
        """The transactions as a log."""
        from clvmodels.data.transactions import Transactions

        return Transactions(self.transactions, customer="customer", date="date", amount="amount", segment="segment")

    def outcome(
        self,
        policy: Any,
        horizon: Span,
        *,
        contacts: int = 1,
        margin: float = 1.0,
        discount: Rate | None = None,
        seed: int = 0,
    ) -> Outcome:
        """What a policy really brings in the future of this world.

        Expectations are given each customer's own rate, lifetime and mean amount: exact, unless effects depend on the time
        since the last purchase (or the policy is a function), which is simulated. With the same seed, two policies differ only
        by what their contacts do.

        Parameters
        ----------
        policy
            A medium for everybody, None for nobody, one label per customer (in the order of `truth.customers`), labels
            (customers, windows), or a function of a frame (customer, segment, recency [weeks], frequency, spend, tenure [weeks])
            that returns labels and is asked at the beginning of each window.
        horizon
            In whole windows, such as `52 * WEEK`.
        contacts
            In how many windows, from the first, the policy contacts; labels (customers, windows) say it themselves.
        margin
            Share of the amount that is earned.
        discount
            Interest; purchases count in the middle of their window, contacts at its beginning.
        seed
            Of what is left to chance.

        Returns
        -------
        Outcome

        Raises
        ------
        ClvError
            The horizon is not in whole windows, or there are fewer windows than contacts.
        ContactError
            A label is not a medium of this market, or there is not one per customer.
        """
        return played(
            self.truth.world, self._people, self._state.copy(), policy, horizon,
            contacts=contacts, margin=margin, discount=discount, seed=seed,
        )  # fmt: skip

    def __repr__(self) -> str:
        world = self.truth.world
        targeting = f"campaigns chosen by {world.targeting}" if world.targeting else "campaigns at random"
        return (
            f"Market: {world.customers:,} customers over {world.weeks} weeks, {len(self.transactions):,} purchases, "
            f"{len(self.contacts):,} campaign rows by {', '.join(self.media)}; {targeting}, {world.holdout_share:.0%} held out"
        )


def simulate_market(
    *,
    customers: int = 10_000,
    weeks: int = 104,
    media: Mapping[str, Mapping[str, Any]] | Sequence[Medium | tuple[Any, ...]] = MEDIA,
    holdout_share: float = 0.1,
    targeting: Targeting | None = None,
    targeting_strength: float = 1.0,
    contact_share: float = 0.3,
    window: int = 4,
    joining: float = 26,
    segments: Mapping[str, float] | None = None,
    duration: Any = (0.8, 10.0, 0.7, 60.0),
    quantity: Any = (6.25, 3.74, 15.44),
    cross_fatigue: float = 0.05,
    responding: float = 0.6,
    start: str = "2024-01-01",
    seed: int = 0,
) -> Market:
    """Simulate customers who buy, leave and are contacted, with everything that is true known.

    The process, in whole windows of `window` weeks from the start:

    1. A customer's first purchase is at a uniform time in the first `joining` weeks. Until her lifetime ends she buys at
       random at her own rate. Rates and lifetimes are those of Pareto/NBD: rate ~ Gamma(r, alpha), lifetime exponential at a
       rate ~ Gamma(s, beta). Amounts are gamma-gamma: her mean is p v / Gamma(q), an amount is her mean times
       Gamma(p) / p. Segments are drawn by their shares. All of these are independent of each other.
    2. On the first day of each window, those who have bought before it are chosen for a campaign with probability
       logit^-1(logit(contact_share) + targeting_strength x score). The score is 0 without targeting; with "value" it is
       log(spend so far / mean amount of a purchase in this market); with "recency" it is log((1 + window) / (1 + weeks since the
       last purchase)). So with targeting better customers get more contacts. Who is chosen is assigned a medium with
       probability in proportion to the media's shares; then, with probability `holdout_share`, she is not contacted after all.
    3. Without a contact, a customer with rate r whose lifetime covers L weeks of the window buys Poisson(m) times, m = r L:
       with probability p = 1 - exp(-m) at all. A contact by medium k makes that logit^-1(logit(p) + e), and the number
       Poisson with that probability to be above 0 (mean log(1 + (exp(m) - 1) exp(e))), with

           e = effect_k + segment_effect_k(segment) + recency_effect_k x weeks since the last purchase + own effect_k
               - fatigue_k x log(1 + own stock) - cross_fatigue x log(1 + stock of the other media).

       Own effects are normal about zero with standard deviation effect_sd_k, one per customer and medium.
       A stock counts earlier contacts, each halved per half life. The contact does nothing after its window, nor to
       amounts and lifetimes.
    4. Purchases are at uniform times of her lifetime's part of the window. Nobody buys on a window's first day: whether a
       window is said to count the day of contact or not, it holds the same purchases.
    5. A contacted customer who buys in the window is recorded as having responded with probability `responding`, whether
       or not she bought because of the contact.

    Parameters
    ----------
    customers, weeks
        How many, and how long; weeks in whole windows.
    media
        `Medium` values, tuples (name, cost, effect on the logit, fatigue, half life), or mappings of these by name such as
        `{"email": {"cost": 0.05, "effect": 0.3}}`.
    holdout_share
        Share of those chosen for a campaign who are held out at random [0 to 1].
    targeting
        None, or the rule that chooses for campaigns: "value" or "recency".
    targeting_strength
        Log-odds of being chosen per unit of the score.
    contact_share
        Probability of being chosen for a campaign in a window, at score 0 [0 to 1].
    window
        Length of a window [weeks].
    joining
        Time in which customers join [weeks].
    segments
        Share of each segment by name.
    duration, quantity
        Parameters of Pareto/NBD (r, alpha [weeks], s, beta [weeks]) and of gamma-gamma (p, q > 1, v [currency]).
    cross_fatigue
        How much the stock of other media takes from an effect, >= 0.
    responding
        Probability that a purchase after a contact is recorded as a response to it [0 to 1].
    start
        First day, such as "2024-01-01".
    seed
        The same seed gives the same market.

    Returns
    -------
    Market

    Raises
    ------
    ClvError
        A share is not in [0, 1], windows do not fit the weeks, or a medium is not one.

    Source: the purchase process is that of Schmittlein, Morrison and Colombo 1987, amounts are those of Fader and Hardie 2013.

    Examples
    --------
    >>> market = simulate_market(customers=100, weeks=52, seed=1)
    >>> list(market.contacts)
    ['customer', 'medium', 'date', 'cost', 'responded', 'holdout', 'assignment_probability', 'target_score']
    >>> from clvmodels.units import WEEK
    >>> nobody, email = (market.outcome(policy, 12 * WEEK, margin=0.3) for policy in (None, "email"))
    >>> email.value > nobody.value
    True
    """
    theta, spend = as_theta(duration, quantity)
    world = World(
        customers, weeks, window, joining, as_media(media), dict(segments or SEGMENTS), theta, spend,
        contact_share, holdout_share, targeting, targeting_strength, cross_fatigue, responding, seed,
    )  # fmt: skip
    people = draw_people(world)
    p, first = float(spend.p), np.random.default_rng([seed, 1]).standard_gamma(float(spend.p), customers)
    state = first_state(world, people, first / p * people.mean_spend)
    bought = [Bought(np.arange(customers), state.last_day.copy(), state.spend.copy())]
    campaigns = []
    for _ in range(world.windows):
        campaign, purchases = run_campaign(world, people, state)
        campaigns.append(campaign)
        bought.append(purchases)
    opening = np.datetime64(start, "D")
    rows = Campaign(*(np.concatenate(columns) for columns in zip(*campaigns, strict=True)))
    last = (opening + 7 * weeks - 1).astype(object)
    truth = _truth(world, people, state, rows.increment)
    log, contacts = _transactions(world, people, bought, opening), _contacts(world, rows, opening)
    return Market(log, contacts, truth, opening.astype(object), last, people, state)


def _truth(world: World, people: People, state: State, contact_increments: Floats) -> Truth:
    everybody = np.arange(world.customers)
    index = pd.RangeIndex(world.customers, name="customer")
    baseline = -np.expm1(-people.rate * exposure(world, people, state.window)[1])
    table = {"segment": pd.Categorical.from_codes(people.segment, pd.Index(list(world.segments)))} | {
        "joined": people.joined, "dropout": people.dropout, "alive": people.dropout > world.weeks,
        "rate": people.rate, "mean_spend": people.mean_spend, "baseline": baseline,
    }  # fmt: skip
    media = [(m.name, np.full(world.customers, k)) for k, m in enumerate(world.media)]
    added = {name: increment(world, people, state, everybody, codes) for name, codes in media}
    return Truth(pd.DataFrame(table, index=index), pd.DataFrame(added, index=index), contact_increments, world)


def _transactions(world: World, people: People, bought: Sequence[Bought], opening: np.datetime64) -> pd.DataFrame:
    who, day, amount = (np.concatenate(columns) for columns in zip(*bought, strict=True))
    order = np.argsort(day, kind="stable")
    who = who[order]
    segment = pd.Categorical.from_codes(people.segment[who], pd.Index(list(world.segments)))
    date = (opening + day[order]).astype("datetime64[s]")
    return pd.DataFrame({"customer": who, "date": date, "amount": amount[order], "segment": segment})


def _contacts(world: World, rows: Campaign, opening: np.datetime64) -> pd.DataFrame:
    names, cost = [m.name for m in world.media], np.array([m.cost for m in world.media])
    reached = (1 - world.holdout_share) * world.choice[rows.medium]
    columns = {
        "customer": rows.who,
        "medium": pd.Categorical.from_codes(rows.medium, pd.Index(names)),
        "date": (opening + 7 * world.window * rows.window).astype("datetime64[s]"),
        "cost": np.where(rows.held, 0.0, cost[rows.medium]),
        "responded": pd.arrays.BooleanArray(rows.responded, rows.held.copy()),
        "holdout": rows.held,
        "assignment_probability": np.where(rows.held, world.holdout_share, reached),
        "target_score": rows.score,
    }
    return pd.DataFrame(columns)
