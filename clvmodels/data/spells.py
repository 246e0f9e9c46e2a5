"""Rows of contracts joined: what follows on is a renewal, what comes after a gap is a contract of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from clvmodels.data.contract_lines import ContractRows

if TYPE_CHECKING:
    import pandas as pd

LAST = ("end", "ended", "observed_until", "reason", "status", "price", "margin", "says_running")
"""What the last of joined rows tells; of the rest the first does."""


class Spells(NamedTuple):
    """Contracts, and the usable rows they were joined from.

    Attributes
    ----------
    contracts
        One row per contract, in the order of ids and starts, with `late` (observation began after the contract) and `returned`
        (the customer had one before).
    rows
        The rows in the same order, with `contract`, the number of theirs.
    """

    contracts: pd.DataFrame
    rows: pd.DataFrame


def spells_of(rows: ContractRows, *, gap: float, dated: bool) -> Spells:
    """Join rows of a customer at most `gap` days apart; without a column of reasons the status of the ended is the reason."""
    good = rows.frame[rows.fault < 0]
    if "reason" not in rows.names and "status" in rows.names:
        good = good.assign(reason=good["status"].where(good["ended"]))
    order = ["customer_id", "start"] if dated else ["customer_id"]
    good = good.sort_values(order, kind="stable").reset_index(drop=True)
    if not dated:
        late = good["entry"] > 0 if "entry" in good else good["ended"] & False
        return Spells(
            good.assign(late=late, returned=good["customer_id"].duplicated()), good.assign(contract=good.index)
        )
    same = good["customer_id"].eq(good["customer_id"].shift())
    apart = (good["start"] - good["end"].shift()).dt.days
    number = (~(same & (apart <= gap))).cumsum() - 1
    joined = good[~number.duplicated()].reset_index(drop=True)
    final = good[~number.duplicated(keep="last")].reset_index(drop=True)
    joined = joined.assign(**{name: final[name] for name in LAST if name in final})
    late = joined["observed_from"] > joined["start"] if "observed_from" in joined else joined["ended"] & False
    return Spells(joined.assign(late=late, returned=joined["customer_id"].duplicated()), good.assign(contract=number))
