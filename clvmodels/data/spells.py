"""Rows of contracts joined: what follows on is a renewal, what comes after a gap is a contract of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clvmodels.data.contract_lines import ContractRows

if TYPE_CHECKING:
    import pandas as pd

LAST = ("end", "ended", "observed_until", "reason", "status", "price", "margin", "says_running")
"""What the last of joined rows tells; of the rest the first does."""


def spells_of(rows: ContractRows, *, gap: float, dated: bool) -> pd.DataFrame:
    """One row per contract, in the order of ids and starts.

    Adds `late` (observation began after the contract), `returned` (the customer had one before) and, from the status, a reason.

    Parameters
    ----------
    gap
        Rows at most so many days apart are joined.
    """
    good = rows.frame[rows.fault < 0]
    if "reason" not in rows.names and "status" in rows.names:
        good = good.assign(reason=good["status"].where(good["ended"]))
    good = good.sort_values(["customer_id", "start"] if dated else ["customer_id"], kind="stable").reset_index(
        drop=True
    )
    if not dated:
        late = good["entry"] > 0 if "entry" in good else good["ended"] & False
        return good.assign(late=late, returned=good["customer_id"].duplicated())
    same = good["customer_id"].eq(good["customer_id"].shift())
    apart = (good["start"] - good["end"].shift()).dt.days
    spell = (~(same & (apart <= gap))).cumsum()
    how = {name: "last" if name in LAST else "first" for name in good.columns}
    grouped = good.groupby(spell, sort=False)
    joined = grouped.head(1).set_index(spell[~spell.duplicated()])
    final = grouped.tail(1).set_index(spell[~spell.duplicated(keep="last")])
    joined = joined.assign(**{name: final[name] for name, which in how.items() if which == "last"}).reset_index(
        drop=True
    )
    late = joined["observed_from"] > joined["start"] if "observed_from" in joined else joined["ended"] & False
    return joined.assign(late=late, returned=joined["customer_id"].duplicated())
