"""Value tiers: who belongs in which, what each is worth, and how sure it is that a customer is really in hers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.errors import ClvError
from clvmodels.model import Array
from clvmodels.units import Span
from clvmodels.uses.membership import memberships
from clvmodels.uses.result import UseOfValue
from clvmodels.uses.words import TIER_PROBABILITY
from clvmodels.value.forecast import Forecast
from clvmodels.value.valuation import bounds_of

type Worth = Literal["ltv", "potential"]

PYRAMID: Final[Mapping[str, float]] = MappingProxyType({"platinum": 0.05, "gold": 0.15, "iron": 0.30, "lead": 0.50})


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ValueTiers(UseOfValue):
    """The outcome of `clv.value_tiers`.

    Attributes
    ----------
    names
        Of the tiers, the best first.
    codes
        Tier of each customer as a place in `names`, in the order of the forecast (n,).
    probabilities
        Of being in each tier (n, tiers); rows sum to one.
    by, horizon
        What customers are ranked by, "ltv" or "potential"; how far ahead.
    """

    title: ClassVar[str] = "Value tiers"

    names: tuple[str, ...]
    codes: NDArray[np.intp] = field(repr=False)
    probabilities: Array = field(repr=False)
    by: Worth
    horizon: Span

    @property
    def tier(self) -> pd.DataFrame:
        """customer_id and tier, as `clv.metrics.table(log, tier=...)` and `clv.product_profitability` take them."""
        return self.per_customer()[["customer_id", "tier"]]


def value_tiers(forecast: Forecast, *, shares: Mapping[str, float] | int = PYRAMID, by: Worth = "ltv") -> ValueTiers:
    """Put customers into tiers by their value, with the probability that each is really in hers.

    Customers are ranked by their expected value. What they will really be worth is not known, so the ranking is done again in
    every joint draw of the forecast: the probability of a tier is the share of draws in which a customer is in it, given that
    its size is the same. Of customers for whom it is 0.8, eight in ten will turn out to be in the tier if the forecast is right.

    Memory does not grow with the draws: a first pass counts values in 4,096 bins per draw, a second looks customers up. Those in
    the bin that a boundary cuts count as tied with each other, as customers of equal value do: each has the chance of a random
    order.

    Parameters
    ----------
    forecast
        As `clv.forecast` returns it.
    shares
        Share of the customers in each tier, the best first, adding up to one; or the number of tiers of equal size, which are
        then called "1" (the best), "2", ... By default the pyramid platinum 5 %, gold 15 %, iron 30 %, lead 50 %; the names are
        those of the source, the shares a convention.
    by
        "ltv" (realised and potential value) or "potential".

    Returns
    -------
    ValueTiers. `table()`, a row per tier: tier, customers, share_of_customers, mean with lower and upper (predictive) of the
    tier's value [currency], share_of_value, per_customer [currency], cut (least expected value in it), p_tier (mean probability
    that its customers are really in it). `per_customer()`: customer_id, tier, the value with lower and upper, p_tier (of her own
    tier) and p_tier_<name> of each. Customers of equal expected value are in the same tier, the better one.

    Raises
    ------
    ClvError
        The shares are not positive or do not add up to one, `by` is not known.

    Source: ZeithamlRustLemon2001 (names); crm_indicators, section G.
    """
    if by not in get_args(Worth.__value__):
        raise ClvError(f"by={by!r} is not known. Write 'ltv' or 'potential'.")
    named = _shares(shares)
    values = forecast.customers[by].to_numpy(dtype=float)
    codes = _assigned(values, np.array(list(named.values())))
    found = memberships(forecast, codes, len(named), by=by)
    names = tuple(named)
    customers = _customers(forecast, names, codes, found.probabilities, by)
    return ValueTiers(
        summary=_summary(names, codes, values, found.simulated, customers["p_tier"].to_numpy(), forecast.interval),
        customers=customers, notes=_notes(forecast, by, codes, named), currency=forecast.histories.currency,
        names=names, codes=codes, probabilities=found.probabilities, by=by, horizon=forecast.terms.horizon,
    )  # fmt: skip


def _shares(shares: Mapping[str, float] | int) -> dict[str, float]:
    if isinstance(shares, Mapping):
        named = {str(name): float(share) for name, share in shares.items()}
        if len(named) < 2 or min(named.values()) <= 0 or abs(sum(named.values()) - 1) > 1e-9:
            raise ClvError(
                f"shares={dict(shares)!r} are not positive shares of two tiers or more that add up to 1. Write for example "
                "{'gold': 0.2, 'other': 0.8}."
            )
        return named
    if not isinstance(shares, int) or shares < 2:
        raise ClvError(f"shares={shares!r} is no number of tiers. Write 5 for fifths, or shares by name.")
    return {str(k): 1 / shares for k in range(1, shares + 1)}


def _assigned(values: Array, shares: Array) -> NDArray[np.intp]:
    """Tier of each customer by her rank; equal values share the best of their ranks, whatever the order of the rows."""
    better = values.size - np.searchsorted(np.sort(values), values, side="right")
    ends = np.rint(np.cumsum(shares) * values.size)
    return np.minimum(np.searchsorted(ends, better, side="right"), shares.size - 1)


def _customers(
    forecast: Forecast, names: tuple[str, ...], codes: NDArray[np.intp], probabilities: Array, by: Worth
) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "customer_id": forecast.histories.customer_id,
        "tier": np.array(names, dtype=object)[codes],
    }
    columns |= {by: forecast.customers[by], "lower": forecast.customers[f"{by}_lower"]}
    columns |= {"upper": forecast.customers[f"{by}_upper"], "p_tier": probabilities[np.arange(codes.size), codes]}
    columns |= {f"{TIER_PROBABILITY}{name}": probabilities[:, k] for k, name in enumerate(names)}
    return pd.DataFrame(columns)


def _summary(
    names: tuple[str, ...], codes: NDArray[np.intp], values: Array, simulated: Array, own: Array, interval: float
) -> pd.DataFrame:
    held, total = np.bincount(codes, minlength=len(names)), np.bincount(codes, values, len(names))
    filled = np.where(held > 0, held, np.nan)
    lower, upper = bounds_of(simulated, interval)
    cut = [values[codes == k].min() if held[k] else np.nan for k in range(len(names))]
    return pd.DataFrame(
        {"tier": names, "customers": held, "share_of_customers": held / codes.size, "mean": total, "lower": lower}
        | {"upper": upper, "share_of_value": total / total.sum(), "per_customer": total / filled, "cut": cut}
        | {"p_tier": np.bincount(codes, own, len(names)) / filled}
    )


def _notes(forecast: Forecast, by: Worth, codes: NDArray[np.intp], named: Mapping[str, float]) -> tuple[str, ...]:
    meaning = "realised and potential value" if by == "ltv" else "potential value"
    notes = [
        f"Tiers by expected {meaning} over the next {forecast.terms.horizon}; intervals hold {100 * forecast.interval:g} % "
        "of what will happen. p_tier: probability that a customer is really in her tier, by ranking all customers in each "
        "joint draw."
    ]
    held, wanted = (
        np.bincount(codes, minlength=len(named)),
        np.diff(np.rint(np.cumsum(list(named.values())) * codes.size), prepend=0),
    )
    if np.any(held != wanted):
        notes.append(
            "Customers of equal expected value are in the same tier, so the sizes differ from the shares asked for."
        )
    return tuple(notes)
