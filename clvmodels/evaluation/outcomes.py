"""What customers did in the holdout, over exactly the horizon that was forecast."""

from __future__ import annotations

import datetime
from typing import NamedTuple

import numpy as np
import pandas as pd

from clvmodels.data.histories import Histories
from clvmodels.data.transactions import Transactions
from clvmodels.errors import ClvError
from clvmodels.model import Array
from clvmodels.units import Span


class Outcomes(NamedTuple):
    """Purchases (days with one) and net spend [currency; NaN if not asked for] of each customer (n,), and what was left out."""

    purchases: Array
    spend: Array
    notes: tuple[str, ...]


def outcomes(histories: Histories, holdout: Transactions, *, horizon: Span, money: bool = True) -> Outcomes:
    """Purchases and spend of each customer in the horizon after the histories end; zero for who does not appear.

    Parameters
    ----------
    histories, holdout, horizon
        The customers, what followed, and how much of it counts.
    money
        Whether spend is asked for, as of a forecast. Without it a holdout needs neither amounts nor the same currency, spend is
        NaN, and messages speak of the histories instead of a forecast.

    Raises
    ------
    ClvError
        The holdout ends before the horizon does or starts on another day than the histories end, its amounts are unknown or in
        another currency.
    """
    start = _start(histories, holdout)
    log = _after(holdout, start)
    known = "the forecast" if money else "the histories"
    end, notes = _end(log, start, horizon)
    totals = log.totals(until=end).set_index("customer_id")
    if money:
        _check_money(histories, holdout, totals["spend"])
    found = totals.reindex(pd.Index(histories.customer_id)).fillna(0.0)
    others = len(totals) - int(totals.index.isin(histories.customer_id).sum())
    if others == len(totals):
        raise ClvError(f"No customer of the holdout is in {known}. Check that both use the same ids, of the same type.")
    if others:
        notes += (f"{others:,} customers of the holdout are not in {known} and are left out.",)
    spend = found["spend"].to_numpy(dtype=float) if money else np.full(len(found), np.nan)
    return Outcomes(found["purchases"].to_numpy(dtype=float), spend, notes)


def _start(histories: Histories, holdout: Transactions) -> datetime.date:
    start = histories.until or holdout.after
    if start is None:
        raise ClvError(
            "Nobody knows when the histories end and the holdout begins. Give the histories until=, or split one log: "
            "calibration, holdout = log.split('1997-09-30')."
        )
    if holdout.after is not None and holdout.after != start:
        raise ClvError(
            f"The histories end on {start} and the holdout begins after {holdout.after}. "
            "Make both from the same split: calibration, holdout = log.split(date)."
        )
    return start


def _after(holdout: Transactions, start: datetime.date) -> Transactions:
    """The part of the log after `start`: a whole log is split there."""
    if holdout.after is not None or holdout.daily()["date"].min().date() > start:
        return holdout
    return holdout.split(start).holdout


def _end(holdout: Transactions, start: datetime.date, horizon: Span) -> tuple[datetime.date, tuple[str, ...]]:
    observed, wanted = (holdout.until - start).days, horizon.days
    if wanted >= observed + 1:
        raise ClvError(
            f"The holdout has {observed} days ({start} to {holdout.until}) and the forecast looks {horizon} ahead "
            f"({wanted:,.0f} days). Forecast with horizon={observed} * DAY, or take a longer holdout."
        )
    end = start + datetime.timedelta(days=min(round(wanted), observed))
    if end == holdout.until:
        return end, ()
    cut = f"The holdout is cut at {end}, where the horizon of {horizon} ends; it goes on until {holdout.until}."
    return end, (cut,)


def _check_money(histories: Histories, holdout: Transactions, spend: pd.Series[float]) -> None:
    if histories.currency != holdout.currency:
        raise ClvError(
            f"The forecast is in {histories.currency} and the holdout in {holdout.currency}. Use one currency for both."
        )
    if len(spend) and spend.isna().all():
        raise ClvError("The holdout has no amounts. Name them with Transactions(..., amount=...).")
