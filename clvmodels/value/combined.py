"""One customer with purchases and a contract: the two values add, customer by customer and draw by draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from clvmodels.errors import ClvError
from clvmodels.model import Array
from clvmodels.units import Span
from clvmodels.value.contract_forecast import ContractForecast
from clvmodels.value.contract_simulation import ContractBlock
from clvmodels.value.forecast import Forecast
from clvmodels.value.simulation import Block
from clvmodels.value.totals import Totals
from clvmodels.value.valuation import bounds_of

type Worth = tuple[NDArray[np.intp], list[Array]]
MEASURES = ("spend", "realised", "potential", "ltv")
SAME, MANY = 1e-3, 0.5
"""How near a mean purchase is to the price of the contract to look like its payment; the share of customers that is too many."""


@dataclass(frozen=True, eq=False, repr=False)
class CombinedForecast(Totals):
    """The outcome of `clv.combine`: what customers buy and what they pay under contract, together.

    A customer has one row, whether she is in both forecasts or in one; several contracts of hers add up.
    """

    purchases: Forecast
    contracts: ContractForecast
    interval: float
    customers: pd.DataFrame
    expected_draws: Array
    predictive_draws: Array
    notes: tuple[str, ...]
    measures = MEASURES

    @property
    def horizon(self) -> Span:
        return self.purchases.horizon

    @property
    def currency(self) -> str | None:
        return self.purchases.currency or self.contracts.currency

    def per_customer(self) -> pd.DataFrame:
        """One row per customer: customer_id [, segment]; p_alive and there (missing where she is not in that forecast); spend,
        realised, potential, ltv; the part of ltv from purchases and from contracts; the bounds of ltv as in `Forecast`."""
        return self.customers.copy()

    def group_draws(self, codes: NDArray[np.intp], groups: int) -> tuple[Array, Array]:
        places = places_of(self.customer_id, self.purchases, self.contracts)
        found = [
            one.group_draws(codes[at], groups) for one, at in zip((self.purchases, self.contracts), places, strict=True)
        ]
        expected, simulated = (found[0][k][1:] + found[1][k][1:] for k in (0, 1))
        return expected, simulated


def combine(purchases: Forecast, contracts: ContractForecast, *, separate: bool | None = None) -> CombinedForecast:
    """Add what customers buy and what they pay under contract.

    The two are added by customer id, draw by draw: given the parameters of their models, what a customer buys tells nothing of
    how long her contract lasts. No money may be in both: the payments of the contracts must not be in the transaction log.

    Parameters
    ----------
    purchases, contracts
        Forecasts over the same horizon, at the same discount and interval, in the same currency, with as many draws. A customer
        in only one of them is kept.
    separate
        Whether the transaction log is without the payments of the contracts. If you do not say, it is judged by the amounts:
        where for half of the customers in both the mean purchase is the price of the contract, they are the same money.

    Returns
    -------
    CombinedForecast; to make it takes about 32 bytes of memory per customer and draw

    Raises
    ------
    ClvError
        The same money is in both, or the two forecasts differ in their terms.
    """
    if not isinstance(purchases, Forecast) or not isinstance(contracts, ContractForecast):
        raise ClvError(
            "Give a forecast of purchases and one of contracts: clv.combine(forecast, contract_forecast, separate=True)."
        )
    _same_terms(purchases, contracts)
    _no_money_twice(purchases, contracts, separate)
    ids = pd.Index(purchases.customer_id).append(pd.Index(contracts.customer_id)).unique()
    customers = _customers(ids, purchases, contracts)
    sums = [
        getattr(purchases, kind)[1:] + getattr(contracts, kind)[1:] for kind in ("expected_draws", "predictive_draws")
    ]
    both = len(pd.Index(purchases.customer_id).intersection(pd.Index(contracts.customer_id)))
    notes = (
        f"{both:,} customers have both, {len(ids) - both:,} one of the two. Their values add; the log of purchases is taken to "
        "hold no payments of the contracts.",
        *dict.fromkeys((*purchases.notes, *contracts.notes)),
    )
    return CombinedForecast(purchases, contracts, purchases.interval, customers, sums[0], sums[1], notes)


def added(one: Totals, other: Totals) -> CombinedForecast:
    """`one + other`, in either order."""
    purchases, contracts = (one, other) if isinstance(one, Forecast) else (other, one)
    return combine(purchases, contracts)  # type: ignore[arg-type]


def places_of(
    ids: NDArray[Any], purchases: Forecast, contracts: ContractForecast
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where the rows of each forecast are among the customers."""
    index = pd.Index(ids)
    first, second = (index.get_indexer(pd.Index(one.customer_id)) for one in (purchases, contracts))
    return np.asarray(first, dtype=np.intp), np.asarray(second, dtype=np.intp)


def _same_terms(purchases: Forecast, contracts: ContractForecast) -> None:
    facts = (
        ("horizon", purchases.horizon.days, contracts.horizon.days),
        ("discount", purchases.terms.discount, contracts.terms.discount),
        ("interval", purchases.interval, contracts.interval),
        ("number of draws", purchases.draws, contracts.draws),
        ("currency", purchases.currency or contracts.currency, contracts.currency or purchases.currency),
    )
    for name, one, other in facts:
        if one != other:
            raise ClvError(
                f"The forecasts differ in their {name}: {one} of purchases, {other} of contracts. Forecast both alike."
            )
    days = [purchases.histories.until, contracts.standing.tenures.until]
    if None not in days and days[0] != days[1]:
        raise ClvError(
            f"The forecast of purchases begins after {days[0]}, that of contracts after {days[1]}. Observe both until the "
            "same day."
        )


def _no_money_twice(purchases: Forecast, contracts: ContractForecast, separate: bool | None) -> None:
    remedy = "Leave the payments out of the log and fit the purchases again. If they are not in it, say separate=True."
    if separate:
        return
    if separate is False:
        raise ClvError(
            "The payments of the contracts are in the transaction log, so that adding the two would count them twice. Leave them "
            "out of the log and fit the purchases again, or keep the forecast of purchases alone."
        )
    price = np.broadcast_to(contracts.simulation.money.price.mean(axis=1), len(contracts.customers))
    held = pd.DataFrame({"customer_id": contracts.customer_id, "price": price})
    histories = purchases.histories
    bought = pd.DataFrame({"customer_id": histories.customer_id, "mean": histories.monetary_value})
    both = held.merge(bought[histories.frequency > 0], on="customer_id")
    alike = (np.abs(both["price"] / both["mean"] - 1) < SAME).groupby(both["customer_id"]).any()
    if len(alike) and alike.mean() >= MANY:
        raise ClvError(
            f"For {int(alike.sum()):,} of the {len(alike):,} customers with both the mean purchase is the price of "
            f"the contract: its payments seem to be in the transaction log, and would count twice. {remedy}"
        )


def _customers(ids: pd.Index[Any], purchases: Forecast, contracts: ContractForecast) -> pd.DataFrame:
    bought, held = places_of(ids.to_numpy(), purchases, contracts)
    columns: dict[str, Any] = {"customer_id": ids.to_numpy()}
    segment = _segments(len(ids), [(purchases, bought), (contracts, held)])
    if segment is not None:
        columns["segment"] = segment
    for name, table, at in (("p_alive", purchases.customers, bought), ("there", contracts.customers, held)):
        columns[name] = np.full(len(ids), np.nan)
        columns[name][at] = table[name]
    for name in ("spend", "realised", "potential", "ltv"):
        columns[name] = np.zeros(len(ids))
        for table, at in ((purchases.customers, bought), (contracts.customers, held)):
            np.add.at(columns[name], at, table[name].to_numpy())
    columns["ltv_purchases"] = np.bincount(bought, purchases.customers["ltv"], len(ids))
    columns["ltv_contracts"] = np.bincount(held, contracts.customers["ltv"], len(ids))
    return pd.DataFrame(columns | _bounds(len(ids), purchases, contracts, bought, held))


def _segments(count: int, parts: list[tuple[Totals, NDArray[np.intp]]]) -> NDArray[Any] | None:
    """The segment of each customer, of the first forecast that knows it; None unless all have one."""
    found = np.full(count, None, dtype=object)
    for forecast, at in reversed(parts):
        if forecast.segment is not None:
            found[at] = forecast.segment
    return None if pd.isna(found).any() else found


def _bounds(
    count: int, purchases: Forecast, contracts: ContractForecast, bought: NDArray[np.intp], held: NDArray[np.intp]
) -> dict[str, Array]:
    """Both kinds of bounds of each customer's lifetime value, from the sums of her draws (all in memory at once)."""
    ltv = np.zeros((2, count, purchases.draws))

    def of_purchases(block: Block) -> Worth:
        return bought[block.rows], [one.realised + one.potential for one in purchases.valuation.measures(block)]

    def of_contracts(block: ContractBlock) -> Worth:
        return held[block.rows], [part[2] + part[3] for part in (block.expected, block.simulated)]

    parts = purchases.simulation.play(of_purchases, description="Adding purchases")
    parts += contracts.simulation.play(of_contracts, description="Adding contracts")
    for rows, values in parts:
        for total, worth in zip(ltv, values, strict=True):
            np.add.at(total, rows, worth)
    found = {}
    for kind, draws in (("expected_", ltv[0]), ("", ltv[1])):
        found[f"ltv_{kind}lower"], found[f"ltv_{kind}upper"] = bounds_of(draws, purchases.interval)
    return found
