"""Tracking: the expectation against direct sums, the actuals against the log, the bands against the model itself."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.catalogue import model_named
from clvmodels.duration.futures import purchase_times
from clvmodels.errors import ClvError, ModelError
from clvmodels.evaluation.tracking import tracking

BORN = clv.History.new_customer(clv.WEEK)


@pytest.fixture(scope="module")
def fit(cdnow: clv.Histories) -> clv.Fit:
    """The sample's maximum likelihood estimate, its parameters taken as known."""
    found = clv.fit(clv.BG_NBD, cdnow, method="mle")
    return dataclasses.replace(found, covariance=1e-14 * np.eye(4))


@pytest.fixture(scope="module")
def tracked(fit: clv.Fit) -> pd.DataFrame:
    return tracking(fit, clv.samples.cdnow_sample(), until="1997-09-30", period=clv.WEEK)


def test_expected_at_the_cut_is_the_sum_over_customers(
    fit: clv.Fit, tracked: pd.DataFrame, cdnow: clv.Histories
) -> None:
    ages, counts = np.unique(cdnow.T, return_counts=True)
    expected = [clv.BG_NBD.expected_purchases(fit.theta, BORN, horizon=age * clv.WEEK) for age in ages]
    at_cut = tracked.loc["1997-09-30"]
    assert at_cut["cumulative_expected"] == pytest.approx(float(counts @ np.array(expected)), rel=1e-5)


def test_actuals_are_those_of_the_log(tracked: pd.DataFrame, cdnow: clv.Histories) -> None:
    """Everybody in CDNOW joined before the cut, so repeat purchases are purchases less first purchases."""
    days = clv.samples.cdnow_sample().daily()
    repeats = (days["purchases"] - days["first_purchases"]).groupby(days["date"]).sum()
    assert tracked["cumulative_actual"].iloc[-1] == repeats.sum()
    assert tracked.loc["1997-09-30", "cumulative_actual"] == cdnow.frequency.sum()
    week = repeats[(repeats.index > "1997-10-07") & (repeats.index <= "1997-10-14")].sum()
    assert tracked.loc["1997-10-14", "actual"] == week


def test_the_published_tracking_is_within_a_few_per_cent(tracked: pd.DataFrame) -> None:
    """Figure 3 of Fader, Hardie and Lee 2005: cumulative repeat sales within 4 % at week 78 (and 2 % in calibration)."""
    last = tracked.iloc[-1]
    assert last["cumulative_expected"] == pytest.approx(last["cumulative_actual"], rel=0.05)
    cut = tracked.loc["1997-09-30"]
    assert cut["cumulative_expected"] == pytest.approx(cut["cumulative_actual"], rel=0.03)


def test_periods_end_with_the_calibration(tracked: pd.DataFrame) -> None:
    """1997-01-01 to 1997-09-30 are 272 days, so the first of 39 weeks has six; the 39 weeks of holdout end with the log."""
    assert tracked["part"].value_counts().to_dict() == {"calibration": 39, "holdout": 39}
    assert tracked["days"].iloc[0] == 6 and (tracked["days"].iloc[1:] == 7).all()
    assert tracked.index[-1] == pd.Timestamp("1998-06-30")


def test_steps_add_up_and_intervals_enclose(tracked: pd.DataFrame) -> None:
    for name in ("actual", "expected"):
        assert np.cumsum(tracked[name]).to_numpy() == pytest.approx(tracked[f"cumulative_{name}"].to_numpy())
    for prefix in ("", "cumulative_"):
        low, middle, high = (tracked[prefix + name] for name in ("expected_lower", "expected", "expected_upper"))
        assert np.all((low <= middle + 1e-6) & (middle <= high + 1e-6))
        assert np.all((tracked[f"{prefix}lower"] <= low) & (high <= tracked[f"{prefix}upper"]))
    assert np.all(np.diff(tracked["cumulative_lower"]) >= 0)


def log_of(rows: list[tuple[object, object]]) -> clv.Transactions:
    return clv.Transactions(pd.DataFrame(rows, columns=["who", "day"]), customer="who", date="day")


def test_later_customers_are_not_of_the_cohort(fit: clv.Fit) -> None:
    rows = [("A", "2024-01-01"), ("A", "2024-01-03"), ("B", "2024-01-08"), ("B", "2024-01-17"), ("C", "2024-01-16")]
    found = tracking(
        fit, log_of([*rows, ("C", "2024-01-18"), ("A", "2024-01-22")]), until="2024-01-15", period=clv.WEEK
    )
    assert found["actual"].tolist() == [1, 0, 2]
    after = [clv.BG_NBD.expected_purchases(fit.theta, BORN, horizon=n * clv.WEEK) for n in (1, 2, 3)]
    assert found["cumulative_expected"].tolist() == pytest.approx(
        [after[0], after[1] + after[0], after[2] + after[1]], rel=1e-5
    )


def test_bands_hold_what_the_model_itself_does(fit: clv.Fit) -> None:
    rng = np.random.default_rng(3)
    first = np.arange(1500) // 20
    zeros = np.zeros((first.size, 1))
    people = clv.BG_NBD.individuals(fit.theta, clv.History(zeros, zeros, zeros, clv.WEEK), rng=rng)
    offsets, times = purchase_times(people, horizon=60.0, rng=rng)
    who = np.append(np.arange(first.size), np.repeat(np.arange(first.size), np.diff(offsets)))
    day = np.append(first, np.ceil(first[who[first.size :]] + 7 * times)).astype(int)
    dates = np.datetime64("2020-01-01") + day
    log = log_of(
        list(zip(who[dates <= np.datetime64("2021-02-10")], dates[dates <= np.datetime64("2021-02-10")], strict=True))
    )
    found = tracking(fit, log, until="2020-08-01", period=clv.WEEK)
    inside = found["actual"].between(found["lower"], found["upper"]).mean()
    assert inside > 0.75
    assert found["cumulative_actual"].iloc[-1] == pytest.approx(found["cumulative_expected"].iloc[-1], rel=0.1)


def test_opportunities_are_tracked_like_any_other_time() -> None:
    """Customers who come on two hundred days and are asked every seventh day after."""
    theta, model = (1.204, 0.750, 0.657, 12.0), model_named("BG_BB")
    fit = clv.fit(model, model.simulate(theta, T=np.full(4000, 20), period=clv.WEEK, seed=5), method="mle")
    known = dataclasses.replace(fit, theta=model.theta(theta), covariance=1e-14 * np.eye(4))
    first = np.repeat(np.arange(200), 8)
    zeros = np.zeros((first.size, 1))
    newcomers = clv.History(zeros, zeros, zeros, clv.WEEK)
    offsets, times = model.future(theta, newcomers, horizon=60.0, rng=np.random.default_rng(4)).purchases
    who = np.append(np.arange(first.size), np.repeat(np.arange(first.size), np.diff(offsets)))
    dates = np.datetime64("2020-01-01") + np.append(first, first[who[first.size :]] + 7 * times).astype(int)
    seen = dates <= np.datetime64("2021-02-10")
    found = tracking(known, log_of(list(zip(who[seen], dates[seen], strict=True))), until="2020-08-01", period=clv.WEEK)
    assert found["actual"].between(found["lower"], found["upper"]).mean() > 0.75
    last = found.iloc[-1]
    assert last["cumulative_lower"] < last["cumulative_actual"] < last["cumulative_upper"]
    assert last["cumulative_actual"] == pytest.approx(last["cumulative_expected"], rel=0.1)


def test_a_large_cohort_is_simulated_in_part_and_scaled(fit: clv.Fit) -> None:
    """Everybody joins on one day: the band of the first four weeks is that of a sum of independent counts."""
    n = 40_000
    rows = pd.DataFrame({"who": np.append(np.arange(n), 0), "day": ["2024-01-01"] * n + ["2024-01-29"]})
    log = clv.Transactions(rows, customer="who", date="day")
    found = tracking(fit, log, until="2024-01-29", period=clv.Period("four weeks", 28), draws=400)
    counts = np.arange(60)
    p = clv.BG_NBD.pmf(fit.theta, BORN, n=counts, horizon=4 * clv.WEEK)
    sd = np.sqrt(n * (p @ counts**2 - (p @ counts) ** 2))
    width = found["upper"].iloc[0] - found["lower"].iloc[0]
    assert width == pytest.approx(2 * 1.645 * sd, rel=0.2)


def test_refusals(fit: clv.Fit, cdnow: clv.Histories) -> None:
    log = clv.samples.cdnow_sample()
    with pytest.raises(ClvError, match="Give the whole log and until="):
        tracking(fit, log.split("1997-09-30").holdout, until="1997-10-30", period=clv.WEEK)
    for outside in ("1996-01-01", "2001-01-01"):
        with pytest.raises(ClvError, match="outside the log, which ends on 1998-06-30"):
            tracking(fit, log, until=outside, period=clv.WEEK)
    with pytest.raises(ClvError, match="no whole year"):
        tracking(fit, log_of([("A", "2024-01-01"), ("A", "2024-01-09")]), until="2024-01-01", period=clv.YEAR)
    with pytest.raises(ModelError, match="expects no purchases"):
        tracking(clv.fit(clv.GAMMA_GAMMA, cdnow, method="mle"), log, until="1997-09-30", period=clv.WEEK)
