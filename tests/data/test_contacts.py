"""What a contact log does with what is in it: every row accounted for, and errors that name the first offenders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import clvmodels as clv

ROWS = pd.DataFrame(
    {
        "who": ["A", "A", "B", "C"],
        "how": ["e-mail", " DM", "e-mail", "e-mail"],
        "when": ["2024-01-05", "20240110", "2024-01-05", "2024-01-05"],
        "cost": [0.1, 1.5, 0.1, None],
        "replied": ["yes", "no", None, None],
        "paid": [12.5, None, None, None],
        "left": [False, False, False, True],
        "chance": [0.95, None, 0.95, 0.05],
        "score": [0.3, 0.2, 0.9, 0.1],
    }
)
ROLES = {"customer": "who", "medium": "how", "date": "when", "cost": "cost", "responded": "replied", "amount": "paid"}
ROLES |= {"holdout": "left", "assignment_probability": "chance", "target_score": "score"}


def log(frame: object = ROWS, **options: object) -> clv.Contacts:
    return clv.Contacts(frame, **(ROLES | options))  # type: ignore[arg-type]


def with_row(**values: object) -> pd.DataFrame:
    """The rows and one more, a contact of D by e-mail with nothing else but what is given."""
    row = {"who": "D", "how": "e-mail", "when": "2024-01-07", "left": False} | values
    return pd.concat([ROWS.astype(object), pd.DataFrame([row], dtype=object)], ignore_index=True)


def test_rows_are_canonical() -> None:
    found = log().rows().order_by("customer_id", "date").to_pyarrow().to_pandas(date_as_object=False)
    assert found["medium"].tolist() == ["e-mail", "DM", "e-mail", "e-mail"]
    assert found["held_out"].tolist() == [False, False, False, True]
    assert found["responded"].tolist() == [True, False, None, None]
    assert found["attributed_amount"].fillna(-1).tolist() == [12.5, -1, -1, -1]
    assert found["probability"].fillna(-1).tolist() == [0.95, -1, 0.95, 0.05]
    assert [str(day.date()) for day in found["date"]] == ["2024-01-05", "2024-01-10", "2024-01-05", "2024-01-05"]
    assert log().media == ("DM", "e-mail")


def test_attributed_responses_are_of_the_contacted_alone() -> None:
    found = log().attributed_responses().set_index("medium")
    assert found.loc["e-mail", ["contacts", "responses", "response_rate", "attributed_amount"]].tolist() == [
        2,
        1,
        1,
        12.5,
    ]
    assert found.loc["DM", "responses"] == 0
    silent = log(responded=None).attributed_responses()
    assert silent["responses"].isna().all() and silent["response_rate"].isna().all()


def test_a_value_of_the_medium_may_mean_no_contact() -> None:
    found = log(ROWS.assign(how=["mens", "womens", "No E-Mail", "mens"], replied=None), none="No E-Mail")
    rows = found.rows().order_by("customer_id", "date").to_pyarrow().to_pandas(date_as_object=False)
    assert rows["medium"].isna().tolist() == [False, False, True, False]
    assert rows["held_out"].tolist() == [False, False, True, True]
    assert found.media == ("mens", "womens")


FAULTY = {
    "without customer id": ({"who": None}, "'who' is missing in 1 row: customer None, 2024-01-07"),
    "without medium": ({"how": " "}, "'how' is missing in 1 row: customer D, 2024-01-07"),
    "date unreadable": ({"when": "7 Jan"}, "'when' is not a date in 1 row: customer D, None \\('7 Jan'\\)"),
    "cost unusable": ({"cost": -0.5}, "'cost' is negative or no number in 1 row: customer D, 2024-01-07 \\(.*-0.5"),
    "amount unusable": ({"paid": float("inf")}, "'paid' is not a finite number in 1 row"),
    "score unusable": ({"score": float("-inf")}, "'score' is not a finite number in 1 row"),
    "probability outside (0, 1)": ({"chance": 1.0}, "'chance' is not between 0 and 1 in 1 row: customer D"),
    "responded unreadable": ({"replied": "maybe"}, "'replied' is neither true nor false in 1 row: .*'maybe'"),
    "holdout unreadable": ({"left": None}, "'left' is neither true nor false in 1 row"),
    "response while held out": (
        {"left": True, "replied": "yes"},
        "'replied' is a reply by a customer who was held out",
    ),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_rows_that_cannot_be_used(fault: str) -> None:
    """The error names column, customer and value."""
    values, message = FAULTY[fault]
    with pytest.raises(clv.ContactError, match=message):
        log(with_row(**values)).rows()


def test_unusable_rows_are_left_out_on_request_and_each_is_counted_once() -> None:
    frame = pd.concat([ROWS.astype(object), *(with_row(**values).tail(1) for values, _ in FAULTY.values())])
    lenient = log(frame, invalid="leave_out")
    assert len(lenient.rows().to_pyarrow()) == len(ROWS)
    quality = lenient.quality()
    assert [quality[fault].count for fault in FAULTY] == [1] * len(FAULTY)
    assert sum(quality[name].count for name in ("contacts", "held out", *FAULTY)) == quality.rows == len(frame)


def test_an_amount_while_held_out_is_a_response() -> None:
    with pytest.raises(clv.ContactError, match="'paid' is a reply by a customer who was held out"):
        log(with_row(left=True, paid=3.0), responded=None).rows()


def test_probabilities_that_contradict_the_holdout() -> None:
    """The held out were drawn with 5 %, so 0.95 is not the probability of what was drawn for them."""
    with pytest.raises(clv.ContactError, match=r"'chance' contradicts the holdout flag in 1 row: e-mail, 2024-01-05"):
        log(ROWS.assign(chance=[0.95, None, 0.95, 0.95])).rows()
    varying = ROWS.assign(chance=[0.9, None, 0.2, 0.8])
    assert len(log(varying).rows().to_pyarrow().to_pandas()) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"holdout": "lft"}, r"no column 'lft' \(asked for as holdout=\). The columns are: who, how"),
        ({"target_score": "when2"}, "asked for as target_score="),
        ({"cost": "day"}, r"'day' \(asked for as cost=\) holds timestamp"),
        ({"invalid": "ignore"}, "invalid='ignore' is not known"),
        ({"currency": "eur"}, "no column 'eur'"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, str], message: str) -> None:
    with pytest.raises(clv.ContactError, match=message):
        log(ROWS.assign(day=pd.Timestamp("2024-01-01")), **options)


def test_mixed_currencies_and_zones_are_refused() -> None:
    with pytest.raises(clv.ContactError, match="several currencies"):
        log(ROWS.assign(money=["EUR", "EUR", "USD", "EUR"]), currency="money").rows()
    zones = ["2024-01-05T23:00+01:00", "2024-01-05T23:00+02:00", "2024-01-05T23:00+01:00", "2024-01-05T23:00+01:00"]
    with pytest.raises(clv.ContactError, match="mixes time zones"):
        log(ROWS.assign(when=zones)).rows()
    days = (
        log(ROWS.assign(when=zones), timezone="Asia/Seoul").rows().to_pyarrow().to_pandas(date_as_object=False)["date"]
    )
    assert {str(day.date()) for day in days} == {"2024-01-06"}


def test_nothing_usable() -> None:
    with pytest.raises(clv.ContactError, match="no usable row among 4"):
        log(ROWS.assign(how=None), invalid="leave_out").rows()


def test_where_the_rows_come_from_makes_no_difference(tmp_path: Path) -> None:
    ROWS.to_parquet(tmp_path / "contacts.parquet")
    ROWS.to_csv(tmp_path / "contacts.csv", index=False)
    shuffled = ROWS.iloc[np.random.default_rng(1).permutation(len(ROWS))]
    expected = log().rows().order_by("customer_id", "date").to_pyarrow().to_pandas(date_as_object=False)
    for source in (str(tmp_path / "contacts.parquet"), tmp_path / "contacts.csv", pl.from_pandas(ROWS), shuffled):
        pd.testing.assert_frame_equal(
            log(source).rows().order_by("customer_id", "date").to_pyarrow().to_pandas(date_as_object=False), expected
        )


def test_it_says_what_it_is() -> None:
    assert repr(log()) == "Contacts: 1 by DM, 2 by e-mail, 1 held out, 3 customers, 2024-01-05 to 2024-01-10"
    assert "2 by e-mail" in log()._repr_html_()
    assert "of rows" in repr(log().quality())


def test_complete_journey() -> None:
    """27 campaigns, 6,589 contacts of 1,559 households (known answers of the package's data)."""
    contacts = clv.samples.complete_journey_contacts()
    rows = contacts.rows().to_pyarrow().to_pandas()
    assert len(rows) == 6589
    assert rows["customer_id"].nunique() == 1559
    assert rows["campaign"].nunique() == 27
    assert contacts.media == ("Type A", "Type B", "Type C")
    assert rows.loc[rows["responded"].astype(bool), "customer_id"].nunique() == 410
