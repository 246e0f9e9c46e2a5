"""Occasions against a slow computation in plain Python, on small random logs; and what becomes of every contact row."""

from __future__ import annotations

import datetime
import math
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import clvmodels as clv

START = datetime.date(2024, 1, 1)
DAYS = 120
WINDOW = 10
MEDIA = ("DM", "e-mail", "visit")
HALF_LIFE = {"DM": 5.0, "e-mail": 0.02, "visit": 30.0}
"""The second is so short that 2^(t / half-life) is beyond all floats within the log."""


def day(number: int) -> datetime.date:
    return START + datetime.timedelta(days=number)


def random_logs(seed: int, customers: int = 8, contacts: int = 120) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Purchases, and contacts of which DM has held-out rows; some rows repeat, and some cannot be used."""
    rng = np.random.default_rng(seed)
    purchases = pd.DataFrame(
        {
            "who": [*range(customers), *rng.integers(0, customers, 60)],
            "when": [*[day(0)] * customers, *(day(int(n)) for n in rng.integers(0, DAYS, 60))],
            "paid": np.round(rng.gamma(2.0, 10.0, customers + 60), 2),
        }
    )
    medium = rng.choice(MEDIA, contacts, p=[0.5, 0.3, 0.2])
    held = (medium == "DM") & (rng.random(contacts) < 0.4)
    sent = pd.DataFrame(
        {
            "who": rng.integers(0, customers, contacts),
            "how": medium,
            "when": [day(int(n)) for n in rng.integers(1, DAYS, contacts)],
            "left": held,
            "replied": ~held & (rng.random(contacts) < 0.3),
            "cost": np.where(held, 0.0, 2.0),
        }
    )
    return purchases, pd.concat([sent, sent.head(10)], ignore_index=True)


def made(purchases: object, sent: object, **options: Any) -> clv.Occasions:
    log = clv.Transactions(purchases, customer="who", date="when", amount="paid")
    contacts = clv.Contacts(
        sent, customer="who", medium="how", date="when", holdout="left", responded="replied", cost="cost"
    )
    half_life = {medium: days * clv.DAY for medium, days in HALF_LIFE.items()}
    return clv.occasions(contacts, log, **{"window": WINDOW * clv.DAY, "half_life": half_life, **options})


def by_hand(purchases: pd.DataFrame, sent: pd.DataFrame) -> dict[tuple[Any, ...], dict[str, float]]:
    """Occasions by customer, day, arm and kind, one sum at a time."""
    end = max(purchases["when"])
    rows: dict[tuple[Any, ...], list[Any]] = {}
    for row in sent.itertuples():
        rows.setdefault((row.who, row.when, row.how, row.left), []).append(row)
    contacted = {(who, when) for who, when, _, left in rows if not left}
    there = {(who, when) for who, when, *_ in rows}
    found = {}
    for (who, when, how, left), group in rows.items():
        if when + datetime.timedelta(days=WINDOW - 1) > end or (left and (who, when) in contacted):
            continue
        state = state_by_hand(purchases, rows, who, when, how, left)
        state["cost"] = math.nan if left else sum(row.cost for row in group)
        found[who, when, how, "held out" if left else "contact"] = state
    campaigns = {when for _, when, how, kind in found if kind == "contact" and how != "DM"}
    for who in set(purchases["who"]):
        for when in campaigns:
            if (who, when) not in there and when > START:
                found[who, when, None, "pseudo-contact"] = state_by_hand(purchases, rows, who, when, None, True)
    return found


def state_by_hand(
    purchases: pd.DataFrame,
    rows: dict[tuple[Any, ...], list[Any]],
    who: int,
    when: datetime.date,
    how: str | None,
    left: bool,
) -> dict[str, float]:
    mine = purchases[purchases["who"] == who]
    before = mine[mine["when"] < when]
    number = before["when"].nunique()
    after = mine[(mine["when"] >= when) & (mine["when"] < when + datetime.timedelta(days=WINDOW))]
    stocks = {"own": 0.0, "other": 0.0}
    replies = 0
    for (other, on, medium, held), group in rows.items():
        if other != who or held:
            continue
        if on < when and not left:
            stocks["own" if medium == how else "other"] += 2.0 ** (-(when - on).days / HALF_LIFE[medium])
        if (when - on).days >= WINDOW and any(row.replied for row in group):
            replies += 1
    return {
        "recency": (when - max(before["when"])).days,
        "frequency": number - 1,
        "log_spend": math.log1p(before["paid"].sum() / number),
        "tenure": (when - START).days,
        "responses": replies,
        "own_stock": stocks["own"],
        "other_stock": stocks["other"],
        "bought": float(len(after) > 0),
        "amount": after["paid"].sum(),
    }


def as_dict(occasions: clv.Occasions) -> dict[tuple[Any, ...], dict[str, float]]:
    names = [
        "recency",
        "frequency",
        "log_spend",
        "tenure",
        "responses",
        "own_stock",
        "other_stock",
        "bought",
        "amount",
        "cost",
    ]
    found = {}
    for row in occasions.frame().to_dict("records"):
        arm = None if pd.isna(row["arm"]) else row["arm"]
        found[row["customer_id"], row["date"].date(), arm, row["kind"]] = {name: float(row[name]) for name in names}
    return found


LOGS = random_logs(1)


@pytest.fixture(scope="module")
def occasions() -> clv.Occasions:
    return made(*LOGS)


def test_every_column_against_plain_python(occasions: clv.Occasions) -> None:
    found, expected = as_dict(occasions), by_hand(*LOGS)
    assert set(found) == set(expected)
    assert {kind for *_, kind in found} == {"contact", "held out", "pseudo-contact"}
    for key, state in expected.items():
        for name, value in state.items():
            assert found[key][name] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), (key, name)


def test_accounts_add_up() -> None:
    purchases, sent = LOGS
    strange = pd.DataFrame(
        {
            "who": [99, 0, 1],
            "how": "DM",
            "when": [day(5), START, day(DAYS)],
            "left": False,
            "replied": False,
            "cost": 1.0,
        }
    )
    rows = pd.concat([sent, strange], ignore_index=True)
    occasions = made(purchases, rows, unmatched="leave_out")
    quality = occasions.quality()
    assert quality["unknown customer"].count == 1
    assert quality["not after the first purchase"].count == 1
    assert quality["window reaches past the log's end"].count >= 1
    shares = [finding for finding in quality if finding.of == "of contact rows"]
    assert sum(finding.count for finding in shares) == quality.rows == len(rows)
    frame = occasions.frame()
    for kind in ("contact", "held out", "pseudo-contact"):
        assert quality[kind].count == (frame["kind"] == kind).sum() > 0
    assert quality["cells"].count == len(occasions.cells().occasions)
    twice = frame[frame["kind"] == "contact"].duplicated(["customer_id", "date"]).sum()
    assert quality["contacts of two media on one day"].count == twice


def test_neither_the_order_of_rows_nor_their_source_matters(occasions: clv.Occasions, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    for table, name in zip(LOGS, ("purchases", "sent"), strict=True):
        table.iloc[rng.permutation(len(table))].to_parquet(tmp_path / f"{name}.parquet")
    other = made(str(tmp_path / "purchases.parquet"), str(tmp_path / "sent.parquet"))
    pd.testing.assert_frame_equal(occasions.frame(), other.frame(), rtol=1e-12, atol=1e-12)
    pd.testing.assert_frame_equal(occasions.balance(), other.balance(), rtol=1e-9, atol=1e-9)
    for name in ("medium", "occasions", "buyers", "purchases_amount", "features", "controls", "own_stock"):
        one, two = getattr(occasions.cells(), name), getattr(other.cells(), name)
        np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-9)


@pytest.mark.filterwarnings("ignore:fetch_arrow_table:DeprecationWarning")
def test_tables_stay_on_their_own_connection(occasions: clv.Occasions) -> None:
    """Both in one database of the caller's; of two databases they cannot be joined."""
    connection = ibis.duckdb.connect()
    for table, name in zip(LOGS, ("purchases", "sent"), strict=True):
        connection.con.register(f"{name}_frame", pa.Table.from_pandas(table))
        connection.con.execute(f"CREATE TABLE {name} AS FROM {name}_frame")
    other = made(connection.table("purchases"), connection.table("sent"))
    pd.testing.assert_frame_equal(occasions.frame(), other.frame(), rtol=1e-12, atol=1e-12)
    assert len(other.audience().customer_id) == 8
    with pytest.raises(clv.ContactError, match="they cannot be joined where they are"):
        made(connection.table("purchases"), LOGS[1])


def test_the_baseline_may_be_drawn(occasions: clv.Occasions) -> None:
    """Of many customers x days some are drawn, each once, and by the seed; contacts stay as they are."""
    some = made(*LOGS, most_baseline=100)
    frames = {
        "whole": occasions.frame(),
        "some": some.frame(),
        "others": made(*LOGS, most_baseline=100, seed=1).frame(),
    }
    of = {name: frame[frame["kind"] == "pseudo-contact"] for name, frame in frames.items()}
    pairs = {name: set(zip(table["customer_id"], table["date"], strict=True)) for name, table in of.items()}
    assert pairs["some"] < pairs["whole"]
    assert pairs["some"] != pairs["others"]
    assert 30 < len(pairs["some"]) == len(of["some"]) <= 100
    assert (frames["some"]["kind"] == "contact").sum() == (frames["whole"]["kind"] == "contact").sum()
    assert "100 drawn from" in some.quality()["pseudo-contact"].done
    sent = frames["some"][frames["some"]["medium"].isin(["e-mail", "visit"])]
    shares = sent.groupby("customer_id").size() / sent["date"].nunique()
    found = some.table.select("customer_id", "contact_share").distinct().to_pyarrow().to_pandas()
    found = found.set_index("customer_id")["contact_share"]
    for who, share in shares.items():
        assert found[who] == pytest.approx(share), "of all days of campaigns, drawn or not"


def test_counts_only_logs_have_no_log_spend() -> None:
    purchases, sent = LOGS
    log = clv.Transactions(purchases, customer="who", date="when")
    contacts = clv.Contacts(sent, customer="who", medium="how", date="when", holdout="left")
    occasions = clv.occasions(contacts, log, window=WINDOW * clv.DAY)
    assert occasions.features == ("recency", "frequency", "tenure")
    assert occasions.frame()["amount"].isna().all()
    with pytest.raises(clv.ContactError, match="'log_spend', but the log has no amounts"):
        clv.occasions(contacts, log, features=["log_spend"])
    with pytest.raises(clv.ContactError, match="'responses', but the contacts have none"):
        clv.occasions(contacts, log, features=["responses"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": 1 * clv.MONTH}, "window=1 month is 30.4375 days"),
        ({"window": 28}, "28 of what"),
        ({"window": clv.FOREVER}, "Give whole days"),
        ({"half_life": {"TV": clv.WEEK}}, "half_life= names TV. The media of the contacts are: DM, e-mail, visit"),
        ({"half_life": {"DM": 0 * clv.DAY}}, r"half_life\['DM'\] is 0 days"),
        ({"features": ["age"]}, "features= names 'age'"),
        ({"unmatched": "drop"}, "unmatched='drop' is not known"),
        ({"most_baseline": 0}, "leaves no baseline"),
        ({"window": 200 * clv.DAY}, "No contact can be used; rows by what became of them: window reaches past"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], message: str) -> None:
    with pytest.raises(clv.ClvError, match=message):
        made(*LOGS, **options)


def test_contacts_that_contradict_the_log() -> None:
    purchases, sent = LOGS
    unknown = pd.concat([sent, sent.head(1).assign(who=99, when=day(3))])
    with pytest.raises(
        clv.ContactError, match=r"not in the log in 1 row: customer 99 \(2024-01-04, first purchase never\)"
    ):
        made(purchases, unknown)
    early = pd.concat([sent, sent.head(1).assign(who=0, when=START)])
    with pytest.raises(
        clv.ContactError, match=r"first purchase in 1 row: customer 0 \(2024-01-01, first purchase 2024-01-01\)"
    ):
        made(purchases, early)
    with pytest.raises(clv.ContactError, match="customer ids are string and the log's are int64"):
        made(purchases, sent.assign(who=sent["who"].astype(str)))
    log = clv.Transactions(purchases, customer="who", date="when", amount="paid").split("2024-02-01").holdout
    contacts = clv.Contacts(sent, customer="who", medium="how", date="when")
    with pytest.raises(clv.ContactError, match="The log starts after 2024-02-01"):
        clv.occasions(contacts, log)


def test_the_calibration_of_a_split_log_knows_nothing_of_what_follows() -> None:
    purchases, sent = LOGS
    log = clv.Transactions(purchases, customer="who", date="when", amount="paid").split(day(70)).calibration
    contacts = clv.Contacts(
        sent, customer="who", medium="how", date="when", holdout="left", responded="replied", cost="cost"
    )
    early = purchases[purchases["when"] <= day(70)]
    half_life = {medium: days * clv.DAY for medium, days in HALF_LIFE.items()}
    found = clv.occasions(contacts, log, window=WINDOW * clv.DAY, half_life=half_life)
    assert found.frame()["date"].max().date() <= day(61)
    alone = pd.concat([early, pd.DataFrame({"who": [0], "when": [day(70)], "paid": [0.0]})])
    got, expected = ({key for key in keys if key[1] < day(60)} for keys in (as_dict(found), by_hand(alone, sent)))
    assert got == expected
    assert found.audience().features.shape == (8, 5)


def test_segments_are_those_of_the_log() -> None:
    purchases, sent = LOGS
    log = clv.Transactions(
        purchases.assign(kind=["x" if who % 2 else "y" for who in purchases["who"]]),
        customer="who",
        date="when",
        amount="paid",
        segment="kind",
    )
    contacts = clv.Contacts(sent, customer="who", medium="how", date="when", holdout="left")
    occasions = clv.occasions(contacts, log, window=WINDOW * clv.DAY)
    frame = occasions.frame()
    assert frame["segment"].tolist() == ["x" if who % 2 else "y" for who in frame["customer_id"]]
    assert occasions.cells().segments == ("x", "y")
    assert occasions.audience(customers=[3, 2]).segment.tolist() == [0, 1]
