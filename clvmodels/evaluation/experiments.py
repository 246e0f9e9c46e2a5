"""How large a randomised test has to be to settle whether a contact pays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
from scipy import optimize, special

from clvmodels.errors import ClvError

ANY = "contact"
"""Name of the medium when only one cost is given."""


@dataclass(frozen=True, eq=False, repr=False)
class ExperimentDesign:
    """A randomised test as `clv.design_test` lays it out.

    Attributes
    ----------
    arms
        DataFrame by medium: increment (to be detected: probability, or spend [currency]), contacted (customers to contact),
        held_out (customers to hold out that it needs), cost [currency], weeks (NaN if contacts are not limited), detectable
        (the smallest increment that all customers there are would show in one comparison; NaN if not asked, or if they are
        too few for any).
    held_out
        Customers held out, a common group for all media.
    available
        Customers there are, or None.
    power, level
        Probability to find an increment of that size, and to find one where there is none (two-sided, each medium by itself).
    of_spend
        Whether increments are of spend rather than of the probability of a purchase.
    """

    arms: pd.DataFrame
    held_out: int
    available: int | None
    power: float
    level: float
    of_spend: bool

    @property
    def customers(self) -> int:
        """Of the whole test, contacted and held out."""
        return int(self.arms["contacted"].sum()) + self.held_out

    @property
    def cost(self) -> float:
        """Of all contacts of the test [currency]; what they earn comes off it."""
        return float(self.arms["cost"].sum())

    @property
    def weeks(self) -> float:
        """Until the last contact, media side by side; NaN if contacts are not limited."""
        return float(self.arms["weeks"].max())

    def words(self) -> list[str]:
        """Plain sentences: how many to contact and to hold out, how long, what it costs, and what there are customers for."""
        said = [self._arm(str(name), row) for name, row in self.arms.iterrows()]
        said.append(
            f"In all {self.customers:,} customers, {self.held_out:,} of them held out; the contacts cost {self.cost:,.2f}."
        )
        if self.available is not None and self.available < self.customers:
            least = float(self.arms["detectable"].iloc[0])
            found = "no increment" if math.isnan(least) else f"an increment of {least:.2g} or more"
            said.append(
                f"There are only {self.available:,} customers: all of them in one comparison find {found} with that probability. "
                "Repeat the test over several windows, or settle for a difference that large."
            )
        return said

    def _arm(self, name: str, row: pd.Series[float]) -> str:
        kind = "spend" if self.of_spend else "purchase probability"
        weeks = "" if math.isnan(row["weeks"]) else f"; the contacts take {row['weeks']:,.0f} weeks"
        return (
            f"'{name}': to find an increment in {kind} of {row['increment']:.3g} with probability {self.power:g} (and to be "
            f"misled with probability {self.level:g} where there is none), contact {row['contacted']:,.0f} and hold out "
            f"{row['held_out']:,.0f} customers at random{weeks}."
        )

    def __repr__(self) -> str:
        return "\n".join(["Design of a randomised test", *self.words()])

    def _repr_html_(self) -> str:
        said = "".join(f"<li>{sentence}</li>" for sentence in self.words())
        return f"<b>Design of a randomised test</b>{self.arms.to_html(float_format='{:,.4g}'.format)}<ul>{said}</ul>"


def design_test(
    cost: float | Mapping[str, float],
    *,
    baseline: float | None = None,
    sd: float | None = None,
    value: float | None = None,
    increment: float | Mapping[str, float] | None = None,
    power: float = 0.8,
    level: float = 0.1,
    held_out_share: float = 0.5,
    contacts_per_week: float | Mapping[str, float] | None = None,
    customers: int | None = None,
) -> ExperimentDesign:
    """Sizes of a randomised test that would find out whether a contact pays.

    The increment to be found is by default the one at which a contact just pays: its cost over what a unit of the outcome
    earns. A purchase is tested by comparing two proportions, spend by comparing two means (normal approximation, two-sided).

    Parameters
    ----------
    cost
        Of one contact, or of each medium by name [currency].
    baseline
        Probability of a purchase in the window without contact (0 to 1): for a test of purchases.
    sd
        Standard deviation of spend per customer in the window, zeros included [currency]: for a test of spend instead.
    value
        What a unit of the outcome earns: margin of a purchase [currency], or for spend the share of it that is margin.
    increment
        To be found, if not the one at which the contact pays: probability, or spend [currency].
    power
        Probability to find it (0 to 1).
    level
        Probability to find one where there is none (0 to 1), for each medium by itself.
    held_out_share
        Of the customers of a comparison (0 to 1).
    contacts_per_week
        How many contacts can be made in a week, in each medium.
    customers
        How many there are; then the design says which increments they can show, if they are too few.

    Returns
    -------
    ExperimentDesign

    Raises
    ------
    ClvError
        Neither or both of baseline and sd are given, no increment can be had from the options, an option is out of its range,
        or the increment would lift the probability of a purchase to 1 or more.

    Source: Fleiss, Levin and Paik 2003, chapter 4, and Fleiss, Tytun and Ury 1980 for groups of unequal size; without
    continuity correction.

    Examples
    --------
    >>> design = design_test({"dm": 1.0}, baseline=0.12, value=20.0, customers=1500)
    >>> print(design)
    Design of a randomised test
    'dm': to find an increment in purchase probability of 0.05 with probability 0.8 (and to be misled with probability 0.1 where \
there is none), contact 613 and hold out 613 customers at random.
    In all 1,226 customers, 613 of them held out; the contacts cost 613.00.
    """
    costs = cost if isinstance(cost, Mapping) else {ANY: cost}
    if (baseline is None) == (sd is None):
        raise ClvError("Give either baseline= (a test of purchases) or sd= (a test of spend), and not both.")
    shares = {"power": power, "level": level, "held_out_share": held_out_share}
    shares |= {} if baseline is None else {"baseline": baseline}
    for name, share in shares.items():
        if not 0 < share < 1:
            raise ClvError(f"{name}={share} must be between 0 and 1.")
    test, rows = _Test(baseline, sd, power, level, held_out_share), {}
    for name, price in costs.items():
        sought = _increment(name, price, value, _of(increment, name, "increment"), baseline)
        total = test.size(sought)
        contacted, held = math.ceil((1 - held_out_share) * total), math.ceil(held_out_share * total)
        pace = _of(contacts_per_week, name, "contacts_per_week")
        rows[name] = {
            "increment": sought, "contacted": contacted, "held_out": held, "cost": contacted * price,
            "weeks": math.nan if pace is None else math.ceil(contacted / pace),
            "detectable": math.nan,
        }  # fmt: skip
    arms = pd.DataFrame.from_dict(rows, orient="index").rename_axis("medium")
    held = int(arms["held_out"].max())
    if customers is not None:
        arms["detectable"] = test.detectable(customers)
    return ExperimentDesign(arms, held, customers, power, level, sd is not None)


@dataclass(frozen=True)
class _Test:
    """A comparison of contacted and held-out customers; see `design_test`."""

    baseline: float | None
    sd: float | None
    power: float
    level: float
    held_out_share: float

    def size(self, increment: float) -> float:
        """Customers of the comparison, both groups together, that find the increment."""
        h, found = self.held_out_share, special.ndtri(self.power)
        chance = special.ndtri(1 - self.level / 2)
        if self.baseline is None:
            assert self.sd is not None
            spread = (chance + found) * self.sd * math.sqrt(1 / h + 1 / (1 - h))
        else:
            p, q = self.baseline, self.baseline + increment
            mean = h * p + (1 - h) * q
            alike = math.sqrt(mean * (1 - mean) * (1 / h + 1 / (1 - h)))
            spread = chance * alike + found * math.sqrt(p * (1 - p) / h + q * (1 - q) / (1 - h))
        return float((spread / increment) ** 2)

    def detectable(self, size: float) -> float:
        """The smallest increment that so many customers find; NaN where none is small enough to be a probability."""
        top = 1e3 * self.sd if self.sd is not None else 1.0 - (self.baseline or 0.0)
        low, high = 1e-9 * top, top * (1 - 1e-9)
        if self.size(high) > size:
            return math.nan
        return float(optimize.brentq(lambda one: math.log(self.size(one) / size), low, high, xtol=1e-12 * top))


def _increment(name: str, cost: float, value: float | None, given: float | None, baseline: float | None) -> float:
    """The increment to be found, checked."""
    if given is None and value is None:
        raise ClvError(
            "Give value= (what a unit of the outcome earns), so that the increment that pays is known, or increment=."
        )
    if value is not None and not value > 0:
        raise ClvError(f"value={value} must be above 0: what a unit of the outcome earns.")
    sought = given if given is not None else cost / (value or math.nan)
    if not (math.isfinite(sought) and sought > 0):
        raise ClvError(
            f"'{name}': an increment of {sought:g} cannot be looked for. Give a cost above 0, or increment= above 0."
        )
    if baseline is not None and baseline + sought >= 1:
        raise ClvError(
            f"'{name}': a contact for {cost:g} pays only if it lifts the probability of a purchase from {baseline:g} by "
            f"{sought:.3g}, which cannot be. No test is needed, or value= is too small."
        )
    return sought


def _of(given: float | Mapping[str, float] | None, name: str, option: str) -> float | None:
    """The option for one medium."""
    if not isinstance(given, Mapping):
        return given
    if name not in given:
        raise ClvError(f"{option}= has no entry for '{name}'. Give one for each medium.")
    return given[name]
