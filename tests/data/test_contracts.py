"""Contracts: what is read, what is refused, and what tenures, curves and cohorts come out."""

from __future__ import annotations

import datetime
import math

import numpy as np
import pandas as pd
import polars
import pytest

import clvmodels as clv
from clvmodels.data.calendar import whole_periods
from clvmodels.data.kaplan_meier import wilson

GOOD = [
    ("A", "2020-01-31", "2020-03-15", "voluntary"),
    ("B", "2020-01-01", None, None),
    ("C", "2020-02-29", "2021-02-28", "payment"),
    ("D", "2020-06-15", "2020-12-20", "payment"),
]


def table(rows: list[tuple[object, ...]] = GOOD) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["who", "begin", "over", "why"])


def contracts(rows: list[tuple[object, ...]] = GOOD, **options: object) -> clv.Contracts:
    given = {"customer": "who", "start": "begin", "end": "over", "reason": "why", "observed_until": "2021-03-10"}
    return clv.Contracts(table(rows), **(given | options))  # type: ignore[arg-type]


def columns(tenures: clv.Tenures) -> list[list[float]]:
    return [tenures.entry.tolist(), tenures.exit.tolist(), tenures.event.tolist()]


def test_whole_months_and_years_are_those_of_the_calendar() -> None:
    """A: from January 31 on: two renewals would be due on February 29 and March 31: she left before the second."""
    found = contracts().tenures(period=clv.MONTH)
    assert found.customer_id.tolist() == ["A", "B", "C", "D"]
    assert columns(found) == [[0, 0, 0, 0], [2, 14, 12, 7], [1, 0, 1, 1]]
    assert found.there.tolist() == [False, True, False, False]
    assert list(found.reason) == ["voluntary", None, "payment", "payment"]
    # Only B and C were observed for a whole year; who left in a year that is not over tells nothing yet.
    assert columns(contracts().tenures(period=clv.YEAR)) == [[0] * 4, [1, 1, 1, 0], [1, 0, 1, 0]]


def test_times_as_they_are_are_days() -> None:
    found = contracts().tenures(period=clv.DAY, whole=False)
    assert columns(found) == [[0] * 4, [44, 434, 365, 188], [1, 0, 1, 1]]
    assert found.until == datetime.date(2021, 3, 10)


@pytest.mark.parametrize(
    ("start", "day", "whole", "begun"),
    [
        ("2024-01-31", "2024-02-28", 0, 1),
        ("2024-01-31", "2024-02-29", 1, 1),
        ("2024-01-31", "2024-03-30", 1, 2),
        ("2024-02-29", "2025-02-28", 12, 12),
        ("2024-02-29", "2025-03-01", 12, 13),
        ("2024-05-05", "2024-05-05", 0, 0),
    ],
)
def test_months_between_days(start: str, day: str, whole: int, begun: int) -> None:
    found = whole_periods(np.array([start], "datetime64[D]"), np.array([day], "datetime64[D]"), clv.MONTH)
    assert [v.tolist() for v in found] == [[whole], [begun]]


def test_every_source_gives_the_same_tenures(tmp_path) -> None:
    frame = table()
    frame.to_csv(tmp_path / "c.csv", index=False)
    dated = frame.assign(begin=pd.to_datetime(frame["begin"]), over=pd.to_datetime(frame["over"]))
    options = {"customer": "who", "start": "begin", "end": "over", "observed_until": "2021-03-10", "reason": "why"}
    wanted = contracts().tenures(period=clv.MONTH)
    for source in (tmp_path / "c.csv", dated, polars.from_pandas(frame)):
        found = clv.Contracts(source, **options).tenures(period=clv.MONTH)  # type: ignore[arg-type]
        assert found.to_frame().equals(wanted.to_frame())
        assert found.fingerprint() == wanted.fingerprint()


def test_late_entry_and_bounds_by_row() -> None:
    """Observed from July 1 2020 on: A had left and is an error; B and C entered in a month that counts for nobody."""
    with pytest.raises(clv.ContractError, match=r"never|not before the end of the contract.*customer A"):
        contracts(observed_from="2020-07-01").tenures(period=clv.MONTH)
    found = contracts(GOOD[1:], observed_from="2020-07-01").tenures(period=clv.MONTH)
    assert columns(found) == [[6, 5, 1], [14, 12, 7], [0, 1, 1]]
    exact = contracts(GOOD[1:], observed_from="2020-07-01").tenures(period=clv.DAY, whole=False)
    assert exact.entry.tolist() == [182, 123, 16]
    frame = table(GOOD[1:]).assign(seen=["2020-03-01", None, None], last=["2020-05-01", "2021-03-10", "2021-03-10"])
    own = clv.Contracts(frame, customer="who", start="begin", end="over", observed_from="seen", observed_until="last")
    assert columns(own.tenures(period=clv.MONTH)) == [[2, 0, 0], [4, 12, 7], [0, 1, 1]]
    assert own.quality()["entered late"].count == 1


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            ("X", "2020-05-01", "2020-04-01", None),
            r"'over' is not after the start in 1 row: customer X \('2020-04-01'\)",
        ),
        (("X", "2020-05-01", "2020-05-01", None), "'over' is not after the start"),
        (("X", "2020-05-01", "2021-04-01", None), "'over' is after the observation date"),
        (("X", "2021-04-01", None, None), "'begin' is after the observation date"),
        (("X", "01.05.2020", None, None), r"'begin' is not a date in 1 row: customer X \('01.05.2020'\)"),
        (("X", "2020-05-01", "soon", None), "'over' is not a date"),
        ((None, "2020-05-01", None, None), "'who' is missing in 1 row"),
        (("B", "2020-01-01", None, None), "'who' has the same contract twice in 1 row: customer B"),
        (
            ("C", "2021-01-01", None, None),
            "'begin' is before the end of the customer's contract before in 1 row: customer C",
        ),
        (("B", "2021-01-01", None, None), "name the contract's id as customer="),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_or_left_out(row: tuple[object, ...], message: str) -> None:
    with pytest.raises(clv.ContractError, match=message):
        contracts([*GOOD, row]).tenures(period=clv.MONTH)
    lenient = contracts([*GOOD, row], invalid="leave_out")
    assert columns(lenient.tenures(period=clv.MONTH)) == columns(contracts().tenures(period=clv.MONTH))
    quality = lenient.quality()
    assert (quality.rows, quality.used, quality.customers) == (5, 4, 4)
    counted = [f.count for f in quality if f.finding not in ("entered late", "came back")]
    assert sum(counted) == 5


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (("X", "2020-05-01", "2020-06-01", "in force"), "'why' means running, but the contract has ended"),
        (("X", "2020-05-01", None, "lapsed"), r"'why' means ended, but there is no end.*active="),
        (("X", "2020-05-01", None, None), "'why' is missing"),
    ],
)
def test_a_status_that_contradicts_the_dates_is_refused(row: tuple[object, ...], message: str) -> None:
    good = [("A", "2020-01-31", "2020-03-15", "lapsed"), ("B", "2020-01-01", "2030-01-01", "In_Force")]
    found = contracts(good, status="why", reason=None).tenures(period=clv.MONTH)
    assert columns(found)[1:] == [[2, 14], [1, 0]] and list(found.reason) == ["lapsed", None]
    with pytest.raises(clv.ContractError, match=message):
        contracts([*good, row], status="why", reason=None).tenures(period=clv.MONTH)
    own = contracts([("A", "2020-01-01", None, "laufend")], status="why", active=["laufend"], reason=None)
    assert own.tenures(period=clv.MONTH).there.tolist() == [True]


def test_renewals_are_joined_and_a_return_is_a_contract_of_its_own() -> None:
    rows = [
        ("A", "2019-01-01", "2019-12-31", "renewed"),
        ("A", "2020-01-01", "2021-01-01", "payment"),
        ("B", "2019-01-01", "2019-06-01", "voluntary"),
        ("B", "2019-09-01", None, None),
    ]
    found = contracts(rows)
    assert columns(found.tenures(period=clv.MONTH)) == [[0] * 3, [24, 5, 18], [1, 1, 0]]
    assert list(found.tenures(period=clv.MONTH).reason) == ["payment", "voluntary", None]
    quality = found.quality()
    assert (quality["continuing"].count, quality["came back"].count) == (1, 1)
    assert found.to_frame()["start"].dt.strftime("%Y-%m-%d").tolist() == ["2019-01-01", "2019-01-01", "2019-09-01"]
    joined = contracts(rows, join_within=100 * clv.DAY)
    assert columns(joined.tenures(period=clv.MONTH)) == [[0, 0], [24, 26], [1, 0]]


def test_rows_of_one_contract_may_keep_their_own_covariates() -> None:
    rows = [
        ("A", "2019-01-01", "2019-12-31", "basic"),
        ("A", "2020-01-01", "2020-06-15", "gold"),
        ("A", "2020-06-15", "2021-01-20", "basic"),
        ("B", "2020-01-01", None, "gold"),
    ]
    found = contracts(rows, reason=None, covariates=["why"])
    cut = found.tenures(period=clv.MONTH, varying=True)
    assert columns(cut) == [[0, 12, 17, 0], [12, 17, 25, 14], [0, 0, 1, 0]]
    assert cut.covariates["why"].tolist() == ["basic", "gold", "basic", "gold"]  # type: ignore[index]
    assert cut.there.tolist() == [False, False, False, True] and len(cut) == 2
    whole = found.tenures(period=clv.MONTH)
    assert cut.kaplan_meier()["survival"].iloc[-1] == whole.kaplan_meier()["survival"].iloc[-1]
    for model in (clv.GEOMETRIC, clv.BETA_DISCRETE_WEIBULL):  # without covariates the pieces are the whole
        theta = [0.3] * len(model.parameters)
        pieces = model.log_likelihood(theta, cut).sum()
        assert pieces == pytest.approx(model.log_likelihood(theta, whole).sum(), rel=1e-12)
    with pytest.raises(clv.ContractError, match="without varying=True"):
        clv.fit(clv.with_covariates(clv.SHIFTED_BETA_GEOMETRIC, dropout="~ why"), cut)
    days = found.tenures(period=clv.DAY, whole=False, varying=True)
    assert columns(days)[:2] == [[0, 365, 531, 0], [365, 531, 750, 434]]


def test_tenures_in_place_of_dates() -> None:
    frame = pd.DataFrame(
        {"who": ["A", "B", "C"], "months": [12, 24, 6], "left": [1, 0, 1], "from": [0, 6, 0], "age": [30, 40, 50]}
    )
    given = {"customer": "who", "tenure": "months", "event": "left", "period": clv.MONTH, "observed_from": "from"}
    found = clv.Contracts(frame, **given, covariates=["age"])  # type: ignore[arg-type]
    assert columns(found.tenures(period=clv.MONTH)) == [[0, 6, 0], [12, 24, 6], [1, 0, 1]]
    assert found.tenures(period=clv.MONTH).covariates["age"].tolist() == [30, 40, 50]  # type: ignore[index]
    assert columns(found.tenures(period=clv.YEAR, whole=False))[1] == [1, 2, 0.5]
    with pytest.raises(clv.ContractError, match="not whole years, and only dates tell"):
        found.tenures(period=clv.YEAR)
    with pytest.raises(clv.ContractError, match="Cohorts are of starts"):
        found.cohorts()
    for wrong, message in (
        ({"months": [12, 24, -1]}, "'months' is not a time of zero or more"),
        ({"left": [1, 0, 2]}, "'left' is neither true nor false"),
        ({"from": [0, 6, 6]}, "'months' is not after the entry though the customer left"),
    ):
        with pytest.raises(clv.ContractError, match=message):
            clv.Contracts(frame.assign(**wrong), **given).tenures(period=clv.MONTH)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"end": None}, "Given are start=, observed_until=. Give start=, end="),
        ({"tenure": "x"}, "Given are start=, end=, observed_until=, tenure="),
        ({"start": "since"}, r"There is no column 'since' \(asked for as start=\)"),
        ({"covariates": ["age"]}, r"There is no column 'age' \(asked for as covariates=\)"),
        ({"observed_until": "lately"}, "observed_until='lately' is not a date"),
        ({"invalid": "drop"}, "Write 'error' or 'leave_out'"),
        ({"price": "why"}, "'why' is not a finite number"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(clv.ContractError, match=message):
        contracts(**options).tenures(period=clv.MONTH)


def test_reasons_compete() -> None:
    found = contracts().tenures(period=clv.MONTH).because_of("payment")
    assert found.event.tolist() == [0, 0, 1, 1] and found.there.tolist() == [False, True, False, False]
    assert found.still_there.customer_id.tolist() == ["B"]
    with pytest.raises(clv.ContractError, match="The reasons are: payment, voluntary"):
        contracts().tenures(period=clv.MONTH).because_of("price")


def test_a_period_that_is_not_over_counts_neither_for_nor_against() -> None:
    """Half of all who leave in a year do so in its first month, and observation ends in the middle of years."""
    rng, n, rate = np.random.default_rng(1), 40_000, 0.3
    start = np.datetime64("2010-01-01") + rng.integers(0, 5 * 365, n)
    years = rng.geometric(rate, n) - 1
    into = np.where(rng.random(n) < 0.5, rng.integers(1, 30, n), rng.integers(30, 365, n))
    end = start + (years * 365.25).astype(int) + into
    last = np.datetime64("2016-06-30")
    frame = pd.DataFrame(
        {"who": np.arange(n), "begin": start, "over": np.where(end <= last, end, np.datetime64("NaT"))}
    )
    found = clv.Contracts(frame, customer="who", start="begin", end="over", observed_until=str(last))
    tenures = found.tenures(period=clv.YEAR)
    trials = (tenures.exit - tenures.entry).sum()
    share, error = tenures.event.sum() / trials, math.sqrt(rate * (1 - rate) / trials)
    assert abs(share - rate) < 4 * error + 0.002  # calendar years against 365.25 days
    naive = (frame["over"].notna()).sum() / (
        (np.minimum(end, last) - start).astype(float) // 365.25 + frame["over"].notna()
    ).sum()
    assert naive > rate + 0.01
    assert tenures.there.sum() == frame["over"].isna().sum() < (tenures.event == 0).sum()


def test_kaplan_meier_with_late_entries_is_the_product_of_shares_at_risk() -> None:
    rng, n = np.random.default_rng(2), 300
    entry = rng.integers(0, 6, n) * (rng.random(n) < 0.5)
    exit = entry + rng.integers(0, 8, n)
    event = (rng.random(n) < 0.6) & (exit > entry)
    found = clv.Tenures(np.arange(n), entry, exit, event.astype(float), clv.YEAR).kaplan_meier()
    share = 1.0
    for row in found.iloc[1:].itertuples():
        risk, left = ((entry < row.tenure) & (exit >= row.tenure)).sum(), ((exit == row.tenure) & event).sum()
        share *= 1 - left / risk
        assert (row.at_risk, row.left) == (risk, left) and row.survival == pytest.approx(share, rel=1e-12)
        assert row.lower <= row.survival <= row.upper


def test_without_censoring_the_interval_is_that_of_a_share() -> None:
    found = clv.Tenures.from_cohort([100, 80, 50, 10]).kaplan_meier(interval=0.9)
    low, high = wilson(np.array([0.8, 0.5, 0.1]), np.array([100.0]), interval=0.9)
    assert found[["lower", "upper"]].to_numpy()[1:] == pytest.approx(np.column_stack([low, high]))


def test_intervals_cover_where_observation_ends_at_different_tenures() -> None:
    theta, covered = (0.704, 1.182), []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        people = clv.SHIFTED_BETA_GEOMETRIC.simulate(theta, observed=rng.integers(1, 9, 200), period=clv.YEAR, seed=rng)
        found = people.kaplan_meier(interval=0.9).set_index("tenure")
        truth = clv.SHIFTED_BETA_GEOMETRIC.survival(theta, [2, 5])
        covered += [bool(found["lower"][t] <= s <= found["upper"][t]) for t, s in zip((2, 5), truth, strict=True)]
    assert 0.86 < np.mean(covered) < 0.94


def test_cohorts_count_who_is_still_there() -> None:
    months = pd.date_range("2019-01-01", "2020-12-01", freq="MS")
    rows = [
        (f"{m:%y%m}-{i}", m, m + pd.DateOffset(months=i) if i < 8 else None, None) for m in months for i in range(1, 11)
    ]
    found = contracts(rows, observed_until="2021-12-31").cohorts(per=clv.YEAR, period=clv.MONTH)
    first = found[found["cohort"] == "2019"].set_index("tenure")
    assert first["customers"].unique().tolist() == [120]
    assert first.loc[[0, 1, 5, 8, 24], "still_there"].tolist() == [120, 108, 60, 36, 36]
    assert first.loc[5, "share"] == pytest.approx(0.5)
    second = found[found["cohort"] == "2020"].set_index("tenure")
    assert second.loc[[12, 13, 23], "at_risk"].tolist() == [
        36,
        33,
        3,
    ]  # one month of starts less with every month of tenure
    assert contracts(rows, observed_until="2021-12-31").cohorts(per=clv.MONTH)["cohort"].nunique() == 24


def test_survivor_tables_have_to_make_sense() -> None:
    several = clv.Tenures.from_cohort({"web": [100, 60, 50], "shop": [10, 9, 9]}, period=clv.MONTH)
    assert len(several) == 110 and several.select(several.segment == "shop").weights.sum() == 10  # type: ignore[arg-type]
    for wrong in ([100], [100, 110], [100, 63.1], [100, float("nan")], [5, -1]):
        with pytest.raises(clv.ContractError, match="that never rise"):
            clv.Tenures.from_cohort(wrong)
    for columns_, message in (
        (([0], [1], [2]), "'event' is neither 0 nor 1"),
        (([2], [1], [0]), "'exit' is before entry"),
        (([1], [1], [1]), "no later than entry though the customer left"),
        (([0], [np.nan], [0]), "'exit' is not a time of zero or more"),
        (([0, 0], [1], [0]), "different lengths"),
    ):
        with pytest.raises(clv.ContractError, match=message):
            clv.Tenures(["A"], *columns_, clv.YEAR)
