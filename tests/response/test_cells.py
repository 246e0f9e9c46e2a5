"""Cells, audiences and ready tables: nothing is lost on the way to a model."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.response import grouping
from clvmodels.response.cells import NONE, Cells

from .test_occasions import DAYS, HALF_LIFE, LOGS, WINDOW, day, made, state_by_hand

SIZE = 1500


def table(seed: int = 0) -> pd.DataFrame:
    """An experiment with two media; three numbers describe a customer."""
    rng = np.random.default_rng(seed)
    bought = rng.random(SIZE) < 0.3
    return pd.DataFrame(
        {
            "id": [f"c{number:04d}" for number in range(SIZE)],
            "sent": rng.choice(["none", "mail", "call"], SIZE),
            "bought": bought.astype(int),
            "paid": np.where(bought, np.round(rng.gamma(2.0, 10.0, SIZE), 2), 0.0),
            "visits": rng.poisson(1.0, SIZE),
            "spend": np.round(rng.lognormal(3.0, 1.0, SIZE), 2),
            "age": rng.integers(20, 60, SIZE),
            "zone": rng.choice(["north", "south"], SIZE),
            "chance": 1 / 3,
            "month": rng.integers(1, 13, SIZE),
        }
    )


ROLES: dict[str, Any] = {"medium": "sent", "none": "none", "bought": "bought", "amount": "paid", "customer": "id"}
ROLES |= {"features": ["visits", "spend", "age"], "segment": "zone", "month": "month", "probability": "chance"}


def ready(frame: pd.DataFrame | None = None, **options: Any) -> clv.Occasions:
    given = ROLES | {"window": 2 * clv.WEEK} | options
    return clv.Occasions.from_frame(table() if frame is None else frame, **given)


def check_totals(cells: Cells, frame: pd.DataFrame) -> None:
    """Cells hold all occasions, and their features' means."""
    codes = {"none": NONE} | {name: i for i, name in enumerate(cells.media)}
    for name, code in codes.items():
        mine, at = frame[frame["sent"] == name], cells.medium == code
        assert cells.occasions[at].sum() == len(mine)
        assert cells.buyers[at].sum() == mine["bought"].sum()
        assert cells.purchases_amount[at].sum() == pytest.approx(mine["paid"].sum())
        assert cells.purchases_amount_squared[at].sum() == pytest.approx((mine["paid"] ** 2).sum())
        features = cells.features * cells.scaling.scale + cells.scaling.centre
        np.testing.assert_allclose(
            cells.occasions[at] @ features[at] / len(mine), mine[["visits", "spend", "age"]].mean(), rtol=1e-7
        )
    for i, zone in enumerate(cells.segments):
        assert cells.occasions[cells.segment == i].sum() == (frame["zone"] == zone).sum()
    for i, month in enumerate(cells.months):
        assert cells.occasions[cells.month == i].sum() == (frame["month"] == int(month)).sum()


def test_exact_cells_hold_everything() -> None:
    cells = ready().cells()
    check_totals(cells, table())
    assert cells.media == ("call", "mail")
    assert cells.months == tuple(f"{month:02d}" for month in range(1, 13))
    np.testing.assert_allclose(cells.occasions @ cells.features, 0.0, atol=1e-6)
    np.testing.assert_allclose(cells.occasions @ cells.features**2, SIZE, rtol=1e-9)


def test_equal_occasions_are_one_cell() -> None:
    frame = pd.concat([table()] * 3, ignore_index=True).drop(columns="id")
    one, three = ready().cells(), ready(frame, customer=None).cells()
    assert len(one.occasions) == len(three.occasions)
    assert (three.occasions == 3 * one.occasions).all()
    np.testing.assert_allclose(three.features, one.features)


@pytest.mark.parametrize("bins", [2, 6])
def test_binned_cells_hold_everything_in_fewer_rows(bins: int) -> None:
    occasions = ready(month=None)
    cells = occasions.cells(bins)
    check_totals(cells, table().assign(month=1)) if cells.months == ("01",) else check_months(cells)
    assert len(cells.occasions) <= 3 * 2 * bins**3
    assert len(cells.occasions) < len(occasions.cells().occasions)


def check_months(cells: Cells) -> None:
    assert cells.months == ("all",)
    assert cells.occasions.sum() == SIZE


def test_too_many_cells_are_merged_to_coarser_bins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Coarser bins made from finer ones are those cut from the occasions themselves."""
    monkeypatch.setattr(grouping, "EXACT", 100)
    monkeypatch.setattr(grouping, "MOST", 60)
    occasions = ready(month=None)
    coarse, direct = occasions.cells(), occasions.cells(2)
    assert len(coarse.occasions) <= 60
    assert occasions.quality()["cells"].done.startswith("features cut into 2 quantile bins")
    np.testing.assert_array_equal(coarse.occasions, direct.occasions)
    np.testing.assert_allclose(coarse.features, direct.features, atol=1e-8)


def test_the_audience_of_a_ready_table_is_its_customers() -> None:
    occasions = ready()
    audience = occasions.audience(customers=["c0007", "c0003"])
    assert audience.customer_id.tolist() == ["c0007", "c0003"]
    features = audience.features * occasions.scaling.scale + occasions.scaling.centre
    np.testing.assert_allclose(features, table().loc[[7, 3], ["visits", "spend", "age"]])
    assert audience.own_stock.shape == audience.contacts.shape == (2, 2)
    assert np.isnan(audience.cost).all()
    assert len(occasions.audience().customer_id) == SIZE
    with pytest.raises(clv.ContactError, match="A ready table tells of one time only"):
        occasions.audience(at="2024-01-01")
    with pytest.raises(clv.ContactError, match="1 of the customers had not bought by then: c9999"):
        occasions.audience(customers=["c9999"])


def test_of_several_rows_the_latest_is_the_audience() -> None:
    frame = table().assign(id=[f"c{number // 2}" for number in range(SIZE)])
    dated = frame.assign(when=[datetime.date(2024, 1, 1 + number % 2) for number in range(SIZE)])
    audience = ready(dated, date="when").audience(customers=["c5"])
    assert audience.features[0, 2] * ready().scaling.scale[2] + ready().scaling.centre[2] == pytest.approx(
        frame.loc[11, "age"]
    )
    with pytest.raises(clv.ContactError, match="nobody knows which is the latest"):
        ready(frame).audience()


@pytest.mark.parametrize("at", [60, DAYS + 30])
def test_the_audience_of_a_log_is_its_customers_on_that_day(at: int) -> None:
    purchases, sent = LOGS
    occasions = made(purchases, sent)
    audience = occasions.audience(at=day(at), customers=[5, 2])
    rows: dict[tuple[Any, ...], list[Any]] = {}
    for row in sent.itertuples():
        rows.setdefault((row.who, row.when, row.how, row.left), []).append(row)
    names = ("recency", "frequency", "log_spend", "tenure", "responses")
    for i, who in enumerate((5, 2)):
        for j, medium in enumerate(occasions.media):
            state = state_by_hand(purchases, rows, who, day(at), medium, False)
            assert audience.own_stock[i, j] == pytest.approx(state["own_stock"], abs=1e-9)
            known = [key for key in rows if key[0] == who and key[2] == medium and not key[3] and key[1] < day(at)]
            assert audience.contacts[i, j] == len(known)
        found = audience.features[i] * occasions.scaling.scale + occasions.scaling.centre
        np.testing.assert_allclose(found, [state[name] for name in names], atol=1e-9)
    assert audience.cost == pytest.approx(costs(sent))
    assert set(HALF_LIFE) == set(occasions.media)
    assert WINDOW < DAYS


def costs(sent: pd.DataFrame) -> np.ndarray:
    """Mean cost of a contact, several of one day and medium added up, by medium."""
    known = sent[~sent["left"]].groupby(["how", "who", "when"])["cost"].sum()
    return known.groupby("how").mean().to_numpy()


def test_the_default_audience_is_the_day_after_the_log() -> None:
    occasions = made(*LOGS)
    last = max(LOGS[0]["when"])
    one, other = occasions.audience(), occasions.audience(at=last + datetime.timedelta(days=1))
    np.testing.assert_array_equal(one.features, other.features)
    with pytest.raises(clv.ContactError, match="Nobody had bought before 2024-01-01"):
        occasions.audience(at="2024-01-01")


WRONG: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {"medium": "channel"}, r"no column 'channel' \(asked for as medium=\)"),
    ({}, {"features": ["weight"]}, r"no column 'weight' \(asked for as features=\)"),
    ({}, {"none": "nobody"}, "no row where the medium is 'nobody', so there is no baseline"),
    ({"sent": "none"}, {}, "nothing but 'none', so there is no contact"),
    ({"sent": None}, {}, r"'sent' is missing in 1,500 rows: row of c0000"),
    ({"bought": 2}, {}, r"'bought' is neither 0 nor 1 in 1,500 rows: row of c0000 \(2.0\)"),
    ({"paid": None}, {}, "'paid' is not a finite number in 1,500 rows"),
    ({"spend": np.inf}, {}, "'spend' is not a finite number in 1,500 rows"),
    ({"chance": 1.0}, {}, "'chance' is not between 0 and 1"),
    ({"cost": -1.0}, {"cost": "cost"}, "'cost' is negative in 1,500 rows"),
    ({"recency": 1.0, "date": 3}, {"features": ["date"]}, "'date', which is a column of occasions"),
    ({"age": pd.Timestamp("2024-01-01")}, {}, r"'age' \(asked for as features=\) holds timestamp"),
]


@pytest.mark.parametrize(("values", "options", "message"), WRONG)
def test_ready_tables_that_cannot_be_used(values: dict[str, Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(clv.ContactError, match=message):
        ready(table().assign(**values), **options)


def test_bins_that_make_no_sense() -> None:
    with pytest.raises(clv.ContactError, match="bins=1 leaves nothing to tell apart"):
        ready().cells(1)
    with pytest.raises(clv.UnitError, match="14 of what"):
        ready(window=14)


def test_complete_journey() -> None:
    """6,589 contacts, each accounted for; targeted, so graded observational at best (known answers)."""
    log, contacts = clv.samples.complete_journey(), clv.samples.complete_journey_contacts()
    with pytest.raises(clv.ContactError, match="is not after the customer's first purchase"):
        clv.occasions(contacts, log)
    occasions = clv.occasions(contacts, log, unmatched="leave_out")
    quality = occasions.quality()
    rows = contacts.rows().to_pyarrow().to_pandas().astype({"date": "datetime64[ns]"})
    days = log.purchase_days().to_pyarrow().to_pandas()
    first = rows["customer_id"].map(days.groupby("customer_id")["date"].min()).astype("datetime64[ns]")
    late = rows["date"] + pd.Timedelta(27, "D") > pd.Timestamp(log.until)
    assert quality.rows == 6589
    assert quality["window reaches past the log's end"].count == late.sum()
    assert quality["not after the first purchase"].count == (~late & (rows["date"] <= first)).sum()
    assert quality["contact"].count == (~late & (rows["date"] > first)).sum()
    assert occasions.grades["grade"].tolist() == ["observational"] * 3
    assert occasions.grades.set_index("medium").loc["Type A", "worst_difference"] > 0.5
    assert len(occasions.audience().customer_id) == 2469
