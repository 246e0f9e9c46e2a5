"""Exposures that do not fit a log, or of which nothing can be told, are refused with what to do."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import clvmodels as clv
from clvmodels.response import exposures
from tests.response.exposed_worlds import START, WINDOW

UNTIL = datetime.date(2024, 12, 29)
ROWS = pd.DataFrame({"who": ["A", "B", "C"] * 12, "area": ["R0", "R1", "R0"] * 12})
ROWS["when"] = np.repeat(START + WINDOW * np.arange(12), 3)


def joined(contacts: clv.Contacts, until: datetime.date = UNTIL, rows: pd.DataFrame = ROWS) -> Any:
    table = ibis.memtable(pa.Table.from_pandas(rows))
    made = table.mutate(date=table.when.cast("date"), customer_id=table.who, segment=table.area)
    customers = made.select("customer_id", "segment").distinct()
    return exposures.with_exposures(made, contacts.exposures, customers, until, WINDOW)


WEEKS = pd.DataFrame({"week": np.tile(START + 7 * np.arange(52), 2), "area": ["R0"] * 52 + ["R1"] * 52})
WEEKS["grp"] = np.random.default_rng(0).integers(0, 100, 104)


def contacts(table: pd.DataFrame = WEEKS, **options: Any) -> clv.Contacts:
    sent = pd.DataFrame({"who": ["A"], "how": ["DM"], "when": ["2024-01-01"]})
    given = {"medium": "TV", "date": "week", "level": "grp", "region": "area", "half_life": 2 * clv.WEEK}
    return clv.Contacts(sent, customer="who", medium="how", date="when").with_exposure(table, **(given | options))


def changed(**columns: Any) -> pd.DataFrame:
    """The first row with other values."""
    table = WEEKS.astype({"week": object, "grp": object})
    for name, value in columns.items():
        table.loc[0, name] = value
    return table.astype(dict.fromkeys(columns, str))


def test_where_customers_live_can_be_said() -> None:
    residents = pd.DataFrame({"customer_id": ["A", "B", "C"], "area": ["R1", "R0", "R1"]})
    swapped = WEEKS.assign(area=np.where(WEEKS["area"] == "R0", "R1", "R0"))
    one, other = (
        joined(made)[0].order_by("customer_id", "date").to_pyarrow()["exposure0_within"].to_numpy()
        for made in (contacts(), contacts(swapped, residents=residents))
    )
    assert one == pytest.approx(other) and np.ptp(one) > 1


YEARS = ROWS.assign(
    when=np.repeat(pd.to_datetime([f"{y}-{m:02}-01" for y in (2024, 2025, 2026) for m in (3, 6, 9, 12)]), 3)
)
MONTHLY = pd.DataFrame({"week": pd.date_range("2024-01-01", "2026-12-31")})
MONTHLY["grp"] = MONTHLY["week"].dt.month % 5
SHARED = WEEKS.assign(grp=np.tile(WEEKS["grp"][:52], 2))


def test_exposures_have_regions_and_days_of_their_own() -> None:
    """Two regions on twelve days, and the whole country on as many."""
    grp = np.random.default_rng(1).integers(0, 100, 2 * len(MONTHLY))
    local = pd.concat([MONTHLY.assign(area="R0"), MONTHLY.assign(area="R1")]).assign(grp=grp)
    national = MONTHLY.assign(grp=grp[: len(MONTHLY)])
    both = contacts(local).with_exposure(national, medium="radio", date="week", level="grp", half_life=8 * clv.WEEK)
    rows, found = joined(both, datetime.date(2026, 12, 31), rows=YEARS)
    assert [(one.levels, one.regions, one.days) for one in found.terms] == [(24, 2, 12), (12, 1, 12)]
    assert int(rows.level.nunique().to_pyarrow().as_py()) == 24
    assert found.terms[1].own.tolist() == [*range(12)] * 2


REFUSED: dict[str, Callable[[], object]] = {
    "no column 'grps'.*level=.*columns are: week, area, grp": lambda: contacts(level="grps"),
    "'grp' is negative or no number in 1 row: R0, 2024-01-01.*zero where nothing": lambda: contacts(changed(grp=-3)),
    "'grp' is negative or no number in 1 row: .*many": lambda: contacts(changed(grp="many")),
    "'week' is not a date in 1 row": lambda: contacts(changed(week="soon")),
    "'week' mixes time zones": lambda: contacts(
        WEEKS.assign(week=[f"{day:%Y-%m-%d} 01:00+0{k % 2}:00" for k, day in enumerate(WEEKS["week"])])
    ),
    "'area' is missing in 1 row": lambda: contacts(changed(area="")),
    "more than once for a region in 1 row: R0, 2024-01-01 .2 rows": lambda: contacts(pd.concat([WEEKS, WEEKS[:1]])),
    "no rows": lambda: contacts(WEEKS[:0]),
    "half_life=0 weeks": lambda: contacts(half_life=0 * clv.WEEK),
    "half_life=.. of TV. Give a positive": lambda: contacts(half_life=[]),
    "exposure 'TV' already": lambda: contacts().with_exposure(
        WEEKS, medium="TV", date="week", level="grp", region="area", half_life=clv.WEEK
    ),
    "residents= says where": lambda: contacts(region=None, residents=WEEKS),
    "no column 'customer_id'.*customer of residents=": lambda: contacts(residents=WEEKS),
    "'area' differs for one customer in 1 row: A .2 regions": lambda: contacts(
        residents=pd.DataFrame({"customer_id": ["A", "A"], "area": ["R0", "R1"]})
    ),
    "no rows of R1 .1 customers.*regions are R0": lambda: joined(contacts(WEEKS[:52])),
    "2 customers of the log are not among the residents of TV, such as B": lambda: joined(
        contacts(residents=pd.DataFrame({"customer_id": ["A"], "area": ["R0"]}))
    ),
    "customer ids are string in the log and int64 among the residents": lambda: joined(
        contacts(residents=pd.DataFrame({"customer_id": [1], "area": ["R0"]}))
    ),
    "8 rows after the log's end on 2024-12-01, the last of them on 2024-12-23": lambda: joined(
        contacts(), datetime.date(2024, 12, 1)
    ),
    "known from 2024-01-08 on, and the first occasion is on 2024-01-01": lambda: joined(
        contacts(WEEKS[WEEKS["week"] > "2024-01-01"])
    ),
    "known until 2024-11-25, and the log ends on 2024-12-29": lambda: joined(
        contacts(WEEKS[WEEKS["week"] < "2024-12-01"])
    ),
    "same on all occasions": lambda: joined(contacts(WEEKS.assign(grp=0))),
    "not identified: its stock is the same in all regions.*without region=": lambda: joined(contacts(SHARED)),
    "12 days of TV leave 1 comparison once months of the year are set apart.*Give levels by region": lambda: joined(
        contacts(WEEKS[:52].drop(columns="area"), region=None)
    ),
    "not identified: the month of the year explains 1.*Give levels by region": lambda: joined(
        contacts(MONTHLY, region=None), datetime.date(2026, 12, 31), rows=YEARS
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_what_cannot_be_an_exposure(message: str) -> None:
    with pytest.raises(clv.ContactError, match=message):
        REFUSED[message]()
