"""Occasions as arrays to judge evidence by: all of them, or all those of some customers."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clvmodels.data.tables import fetch
from clvmodels.response.balance import Balance, balance
from clvmodels.response.fates import CONTACT, HELD_OUT

MOST = 2_000_000
"""Of more occasions than that, those of some customers are looked at."""

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]
type Codes = NDArray[np.intp]


@dataclass(frozen=True)
class Sampled:
    """Columns (n,) of occasions: who, when, what, and what was known before.

    Attributes
    ----------
    customer, day, campaign
        Codes from 0.
    dates
        By code of a day.
    arm
        Medium that the customer was assigned to, None for every medium or none.
    contacted, held_out
        Whether it is a contact, or a held-out customer; else it is a pseudo-contact.
    weight, known
        1 / assignment probability, and whether it is known; else the weight is 1.
    unnamed
        Whether there is no campaign.
    score
        NaN where not known.
    names, features
        (q,) and (n, q).
    """

    customer: Codes
    day: Codes
    campaign: Codes
    dates: tuple[datetime.date | None, ...]
    arm: NDArray[np.object_]
    contacted: Flags
    held_out: Flags
    weight: Floats
    known: Flags
    unnamed: Flags
    score: Floats
    names: tuple[str, ...]
    features: Floats

    @classmethod
    def of(cls, occasions: Any, features: Sequence[str], *, rows: int) -> Sampled:
        """Those of an Ibis table with so many rows."""
        share = -(-rows // MOST)
        some = occasions.filter(occasions.customer_id.hash() % share == 0) if share > 1 else occasions
        some = some.select(
            "customer_id",
            "date",
            "arm",
            "kind",
            "probability",
            campaign=some.campaign.fill_null(""),
            unnamed=some.campaign.isnull(),
            score=some.score.cast("float64"),
            **{f"x{j}": some[name].cast("float64") for j, name in enumerate(features)},
        )
        table = fetch(some)
        codes, labels = {}, {}
        for name in ("customer_id", "date", "campaign", "arm", "kind"):
            coded = table[name].combine_chunks().dictionary_encode(null_encoding="encode")
            codes[name], labels[name] = coded.indices.to_numpy(), coded.dictionary.to_pylist()
        kind = np.array(labels["kind"], dtype=object)[codes["kind"]] if len(table) else np.zeros(0, dtype=object)
        chance = table["probability"].to_numpy().astype(float)
        columns = [table[f"x{j}"].to_numpy() for j in range(len(features))]
        return cls(
            customer=codes["customer_id"].astype(np.intp),
            day=codes["date"].astype(np.intp),
            campaign=codes["campaign"].astype(np.intp),
            dates=tuple(labels["date"]),
            arm=np.array(labels["arm"], dtype=object)[codes["arm"]],
            contacted=kind == CONTACT,
            held_out=kind == HELD_OUT,
            weight=1.0 / np.where(np.isnan(chance), 1.0, chance),
            known=~np.isnan(chance),
            unnamed=table["unnamed"].to_numpy(),
            score=table["score"].to_numpy().astype(float),
            names=tuple(features),
            features=np.column_stack(columns).astype(float) if columns else np.zeros((len(kind), 0)),
        )

    def held_out_of(self, medium: str, alone_on: Sequence[datetime.date]) -> Flags:
        """The medium's contacts, but for those on some days, and the customers held out of it or of every medium."""
        alone = np.isin(self.day, [code for code, date in enumerate(self.dates) if date in set(alone_on)])
        mine = self.arm == medium
        return np.asarray((mine & ~(self.contacted & alone)) | (self.held_out & (self.arm == None)))  # noqa: E711

    def around(self, medium: str) -> Flags:
        """The medium's contacts and the pseudo-contacts on their days."""
        mine = (self.arm == medium) & self.contacted
        return np.asarray(mine | (~self.contacted & ~self.held_out & np.isin(self.day, np.unique(self.day[mine]))))

    def uneven(self, rows: Flags) -> bool:
        """Whether the known probabilities of contact, or of none, differ between some rows."""
        known = rows & self.known
        arms = (self.weight[known & self.contacted], self.weight[known & ~self.contacted])
        return any(bool(np.ptp(arm) > 1e-9) for arm in arms if len(arm))

    def balance(self, rows: Flags, *, score: bool) -> Balance:
        """Balance over some rows, within days, and within campaigns where all have one; with the score as a feature or not."""
        names = (*self.names, "score") if score else self.names
        features = np.column_stack([self.features, self.score]) if score else self.features
        columns = features[rows], self.contacted[rows], self.weight[rows], self.customer[rows]
        days = self.day[rows]
        found = None
        if not self.unnamed[rows].any():
            found = balance(
                names, *columns, stratum=days * (int(self.campaign.max(initial=0)) + 1) + self.campaign[rows]
            )
        if found is None or not found.comparable:  # or contacts and held-out rows name their campaigns differently
            found = balance(names, *columns, stratum=days)
        return found
