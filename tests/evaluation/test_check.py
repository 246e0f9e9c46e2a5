"""The check before fitting: worlds in which one assumption fails, published numbers, enumeration, and what is drawn."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

import clvmodels as clv
from clvmodels.errors import ClvError, HistoryError
from clvmodels.evaluation.check import Check
from clvmodels.evaluation.purchase_questions import places, usual_interval
from clvmodels.report.figures.assumptions import COLOURS

NAMES = ["repeaters", "beginning", "age", "dropout", "regularity", "amounts", "independence", "tail"]
CDNOW_LIKE = (0.24, 4.41, 0.79, 2.43)


@pytest.fixture(scope="module")
def found(cdnow: clv.Histories) -> Check:
    return clv.check(replace(cdnow, log_intervals=None))


def ages(n: int, low: float, high: float) -> np.ndarray:
    return np.random.default_rng(5).uniform(low, high, n)


def renewals(k: float, n: int = 600, seed: int = 0) -> clv.Histories:
    """Customers who never leave, each with a rate of her own, and times between purchases of gamma shape k."""
    rng = np.random.default_rng(seed)
    rate, T = rng.gamma(3.0, 1 / 15.0, n), rng.uniform(40, 80, n)
    x, t_x, logs = np.zeros(n), np.zeros(n), np.zeros(n)
    for i in range(n):
        gaps = rng.gamma(k, 1 / (k * rate[i]), 400)
        times = np.cumsum(gaps)
        inside = times <= T[i]
        x[i], t_x[i], logs[i] = inside.sum(), times[inside][-1] if inside.any() else 0.0, np.log(gaps[inside]).sum()
    return clv.Histories(np.arange(n), x, t_x, T, np.full(n, np.nan), clv.WEEK, log_intervals=logs)


def spending(m: Any, x: Any) -> clv.Histories:
    """Customers with these mean amounts and frequencies."""
    x = np.asarray(x, dtype=float)
    m = np.where(x > 0, m, 0.0)
    return clv.Histories(np.arange(x.size), x, np.where(x > 0, 20.0, 0.0), np.full(x.size, 40.0), m, clv.WEEK)


def log_of(start: np.ndarray, *, days: int, seed: int = 1) -> clv.Transactions:
    """Purchases on days 0 to `days` of customers who buy at random about every eight weeks from the day they start."""
    rng = np.random.default_rng(seed)
    rows = []
    for customer, first in enumerate(start):
        gaps = rng.exponential(1 / rng.gamma(2.0, 1 / 110.0), 60)
        times = first + np.concatenate([[0.0], np.cumsum(gaps)])
        rows += [(customer, int(day)) for day in times[(times >= 0) & (times < days)]]
    frame = pd.DataFrame(rows, columns=["customer", "day"])
    frame["date"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(frame["day"], unit="D")
    return clv.Transactions(frame, customer="customer", date="date")


def test_cdnow_supports_the_models(found: Check) -> None:
    assert found.ok and found.supports("purchases") and found.supports("spend")
    assert [one.name for one in found] == NAMES
    not_fine = [one.name for one in found if one.verdict != "fine"]
    assert not_fine == ["regularity"] and not found["regularity"].known
    assert "intervals=True" in found["regularity"].remedy


def test_correlation_of_spend_and_frequency_on_cdnow(found: Check) -> None:
    """Fader and Hardie 2013 give .11 for these 946 customers; .113888 from the exact amounts."""
    assert found["independence"].finding == pytest.approx(0.113888, abs=5e-7)
    assert "946 customers" in found["independence"].because
    half = 1.959964 / np.sqrt(943)
    low, high = np.tanh(np.arctanh(0.113888) - half), np.tanh(np.arctanh(0.113888) + half)
    assert f"{low:+.3f} to {high:+.3f}" in found["independence"].because


def test_repeat_buyers_are_counted(found: Check, cdnow: clv.Histories) -> None:
    counts = np.unique(cdnow.frequency, return_counts=True)[1]
    assert found["repeaters"].finding == counts[2:].sum()
    assert found["repeaters"].evidence["customers"].tolist() == [*counts[:5], counts[5:].sum()]


def test_all_of_cdnow_is_fine() -> None:
    whole = clv.check(clv.samples.cdnow().histories(period=clv.WEEK))
    assert whole.ok and all(one.verdict == "fine" for one in whole if one.name != "regularity")


def test_donors_show_dropout_and_have_no_amounts(donors: clv.Histories) -> None:
    """A cohort of 1995 who could give six times: nothing tells it from a log that begins then."""
    asked = clv.check(donors)
    verdicts = {one.name: one.verdict for one in asked}
    assert verdicts["dropout"] == verdicts["age"] == verdicts["repeaters"] == "fine"
    assert not asked["beginning"].known and "short cohort" in asked["beginning"].because
    assert verdicts["amounts"] == "cannot support" and "independence" not in verdicts
    assert not asked.ok and asked.supports("purchases") and not asked.supports("spend")
    assert "cannot support a model of spend because there are no amounts" in asked.words()[1]


@pytest.mark.parametrize(("T", "x"), [(5, 1), (5, 3), (6, 2)])
def test_places_on_a_grid_are_those_of_all_possible_dates(T: int, x: int) -> None:
    """Every choice of x of T days is equally likely if nobody leaves."""
    last = np.array([max(days) for days in combinations(range(1, T + 1), x)], dtype=float)
    n = last.size
    history = clv.Histories(np.arange(n), np.full(n, x), last, np.full(n, T), np.full(n, np.nan), clv.YEAR)
    low, high = places(history)
    assert low == pytest.approx([np.mean(last < one) for one in last])
    assert high == pytest.approx([np.mean(last <= one) for one in last])
    assert np.mean(low + high) / 2 == pytest.approx(0.5)


def test_who_bought_at_every_opportunity_says_nothing_of_leaving() -> None:
    always = clv.Histories([1, 2], [6, 6], [6, 6], [6, 6], [1, 1], clv.YEAR)
    assert places(always)[0].size == 0
    assert not clv.check(always)["dropout"].known


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_world_without_dropout_shows_none(seed: int) -> None:
    histories = clv.NBD.simulate((1.2, 6.0), T=ages(1500, 20, 52), period=clv.WEEK, seed=seed)
    dropout = clv.check(histories)["dropout"]
    assert dropout.finding == pytest.approx(0.5, abs=3.5 / np.sqrt(12 * 1200))
    assert dropout.verdict == "doubtful" and "no dropout" in dropout.remedy and "prior" in dropout.remedy


@pytest.mark.parametrize("model", [clv.BG_NBD, clv.PARETO_NBD], ids=str)
def test_a_world_with_dropout_shows_it(model: Any) -> None:
    theta = (0.8, 5.0, 0.8, 2.5) if model is clv.BG_NBD else (0.8, 5.0, 0.6, 12.0)
    asked = clv.check(model.simulate(theta, T=ages(1500, 20, 52), period=clv.WEEK, seed=1))
    assert asked["dropout"].verdict == asked["age"].verdict == asked["beginning"].verdict == "fine"


def test_thirty_customers_are_too_few() -> None:
    asked = clv.check(clv.BG_NBD.simulate(CDNOW_LIKE, T=ages(30, 27, 39), period=clv.WEEK, seed=0))
    assert asked["repeaters"].verdict == "cannot support" and not asked.ok
    assert "cannot support a model of purchases because only" in " ".join(asked.words())
    assert "of 30 customers" in asked["repeaters"].because
    assert "too few" in asked["dropout"].because, "a dozen repeat buyers do not show that nobody leaves"


def test_a_short_observation_cannot_show_who_left() -> None:
    """One purchase in twenty weeks on average, observed for two weeks; many customers do not help."""
    histories = clv.NBD.simulate((200.0, 4000.0), T=ages(30_000, 1, 2), period=clv.WEEK, seed=2)
    asked = clv.check(histories)
    assert asked["repeaters"].verdict != "cannot support"
    assert asked["age"].verdict == "cannot support" and asked["age"].finding == 1
    assert asked["dropout"].verdict == "doubtful"


def test_time_between_purchases_is_found_though_slow_customers_are_not_seen_again() -> None:
    """Everybody buys every 20 weeks; who is seen again within 10 looks much quicker."""
    histories = clv.NBD.simulate((1e6, 2e7), T=np.full(20_000, 10.0), period=clv.WEEK, seed=3)
    again = histories.frequency > 0
    assert np.median(histories.recency[again] / histories.frequency[again]) < 6
    assert usual_interval(histories) == pytest.approx(20.0, rel=0.06)


def test_old_customers_in_a_log_that_begins_late_are_a_spike() -> None:
    start = np.random.default_rng(3).uniform(-400, 400, 800)
    late, whole = log_of(start, days=400), log_of(np.abs(start), days=400)
    asked = clv.check(late.histories(period=clv.WEEK))["beginning"]
    assert asked.verdict == "doubtful" and asked.finding > 2 and "the log begins late" in asked.remedy
    assert clv.check(whole.histories(period=clv.WEEK))["beginning"].verdict == "fine"
    joined = late.purchase_days().to_pyarrow().to_pandas().groupby("customer_id")["date"].min()
    days = (pd.to_datetime(joined) - pd.to_datetime(joined).min()).dt.days
    first = int((days < (days.max() + 1) / 12).sum())
    assert f"({first} of {len(days)} customers)" in asked.because


def test_monthly_cohorts_of_equal_size_are_no_spike() -> None:
    months = pd.date_range("2023-01-01", periods=25, freq="MS")
    T = np.repeat((pd.Timestamp("2025-06-30") - months).days, 40) / 7
    histories = clv.BG_NBD.simulate(CDNOW_LIKE, T=T, period=clv.WEEK, seed=0)
    beginning = clv.check(histories)["beginning"]
    assert beginning.finding == pytest.approx(1.0) and beginning.verdict == "fine"


@pytest.mark.parametrize(
    ("k", "verdict", "says"), [(3.0, "doubtful", "BG_CNBD_K"), (1.0, "fine", "will do"), (0.4, "doubtful", "burst")]
)
def test_regular_buying_and_bursts_are_told_from_chance(k: float, verdict: str, says: str) -> None:
    asked = clv.check(renewals(k))["regularity"]
    assert asked.finding == pytest.approx(k, rel=0.1)
    assert asked.verdict == verdict and says in asked.remedy


def test_intervals_all_equal_have_an_infinite_shape() -> None:
    x = np.full(40, 4.0)
    clock = clv.Histories(np.arange(40), x, x * 3, np.full(40, 13.0), x, clv.WEEK, log_intervals=x * np.log(3))
    asked = clv.check(clock)
    assert asked["regularity"].finding == np.inf and asked["regularity"].verdict == "doubtful"
    assert "inf" in repr(asked) and clv.figures.check(asked).png().startswith(b"\x89PNG")


@pytest.mark.parametrize(("slope", "who"), [(6.0, "too low"), (-3.0, "too high")])
def test_spend_that_goes_with_frequency_is_in_doubt(slope: float, who: str) -> None:
    rng = np.random.default_rng(4)
    x = rng.poisson(3, 800)
    histories = spending(60 + slope * x + rng.normal(0, 8, 800).clip(-15, 15), x)
    asked = clv.check(histories)["independence"]
    assert asked.verdict == "doubtful" and np.sign(asked.finding) == np.sign(slope) and who in asked.remedy


def test_spend_of_the_gamma_gamma_model_is_independent() -> None:
    x = np.random.default_rng(6).geometric(0.4, 2000) - 1.0
    histories = spending(np.nan_to_num(clv.GAMMA_GAMMA.simulate((6.25, 3.74, 15.44), x, seed=6)), x)
    asked = clv.check(histories)
    assert [asked[name].verdict for name in ("amounts", "independence", "tail")] == ["fine"] * 3
    assert abs(asked["independence"].finding) < 4 / np.sqrt((x > 0).sum())


def test_too_few_amounts_are_not_judged() -> None:
    asked = clv.check(spending(np.arange(15.0) + 1, np.arange(15) % 3 + 1))
    assert not asked["independence"].known and not asked["tail"].known
    assert "only 15 customers" in asked["independence"].meaning


def test_amounts_of_zero_and_missing_ones() -> None:
    x, m = np.full(100, 2.0), np.full(100, 10.0)
    m[:25] = 0
    free = clv.check(spending(m, x))["amounts"]
    assert free.finding == 0.25 and free.verdict == "doubtful" and "25 of 100" in free.because
    assert clv.check(spending(np.zeros(100), x))["amounts"].verdict == "cannot support"
    m[0] = np.nan
    missing = clv.check(spending(m, x))["amounts"]
    assert missing.verdict == "cannot support" and "1 of 100 repeat buyers are missing" in missing.because
    with pytest.raises(HistoryError):
        clv.GAMMA_GAMMA.data(spending(m, x))


@pytest.mark.parametrize(("index", "verdict"), [(0.5, "cannot support"), (1.4, "doubtful"), (4.0, "fine")])
def test_tail_index_of_pareto_amounts(index: float, verdict: str) -> None:
    m = 10 * (1 + np.random.default_rng(7).pareto(index, 4000))
    asked = clv.check(spending(m, np.arange(4000) % 4 + 1))["tail"]
    assert asked.finding == pytest.approx(index, abs=3 * index / np.sqrt(400))
    assert asked.verdict == verdict


def test_covariates_that_cannot_be_told_apart_are_named() -> None:
    histories, rng = (
        clv.BG_NBD.simulate(CDNOW_LIKE, T=ages(200, 27, 39), period=clv.WEEK, seed=0),
        np.random.default_rng(8),
    )
    age = rng.normal(40, 10, 200)
    good = {"age": age, "income": rng.normal(3, 1, 200), "channel": rng.choice(["shop", "web"], 200)}
    assert "covariates" not in [one.name for one in clv.check(histories)]
    fine = clv.check(replace(histories, covariates=good))
    assert fine["covariates"].verdict == "fine" and fine["covariates"].finding == 0
    close = clv.check(replace(histories, covariates=good | {"bought_at": age + rng.normal(0, 2, 200)}))["covariates"]
    assert close.verdict == "doubtful" and close.because.startswith("age and bought_at have a correlation of +0.9")
    gaps = good["income"].copy()
    gaps[:3] = np.nan
    bad = good | {"income": gaps, "country": np.repeat("DE", 200), "birth_year": 2024 - age}
    asked = clv.check(replace(histories, covariates=bad))
    assert asked["covariates"].verdict == "cannot support" and not asked.supports("covariates")
    for said in (
        "country is the same",
        "income is missing for 3 customers",
        "age and birth_year have a correlation of -1.000",
    ):
        assert said in asked["covariates"].because
    axes = clv.figures.check(asked, question="covariates").axes[0]
    assert {"3 missing", "constant", "label"} <= {text.get_text() for text in axes.texts}
    assert {text.get_text() for text in axes.get_yticklabels()} == set(bad)


def test_nobody_who_bought_again_supports_nothing() -> None:
    once = clv.check(spending(np.zeros(50), np.zeros(50)))
    assert not once.supports("purchases") and not once.supports("spend")
    assert "nan" not in repr(once).lower() and clv.figures.check(once).png().startswith(b"\x89PNG")


def test_the_unit_of_time_and_the_order_of_rows_do_not_matter(cdnow: clv.Histories, found: Check) -> None:
    shuffled = cdnow.to(clv.DAY).select(np.random.default_rng(0).permutation(cdnow.customer_id))
    again = clv.check(shuffled).table()
    pd.testing.assert_series_equal(again["finding"], found.table()["finding"], rtol=1e-9)
    assert list(again["verdict"]) == list(found.table()["verdict"])


def test_it_shows_itself(found: Check) -> None:
    table = found.table()
    assert list(table) == ["concerns", "question", "measure", "finding", "verdict", "meaning"]
    assert list(table.index) == NAMES and set(table["verdict"]) <= {"fine", "doubtful", "cannot support"}
    assert found.words()[0] == "Check of 2,357 customers: 7 of 8 questions are fine; not known: regularity."
    assert found.words()[1].startswith("Regularity cannot be told")
    page = found._repr_html_()
    assert "<table" in page and "Is spend independent of frequency?" in page
    assert "nan" not in (page + repr(found)).lower()


def test_misuse_is_refused(found: Check) -> None:
    with pytest.raises(HistoryError, match=r"not Transactions. Write check\(log.histories"):
        clv.check(clv.samples.cdnow_sample())
    with pytest.raises(ClvError, match=r"no question 'churn'. There are: repeaters, beginning"):
        found["churn"]
    with pytest.raises(ClvError, match="'churn' is no concern"):
        found.supports("churn")  # type: ignore[arg-type]
    with pytest.raises(ClvError, match="lang='xx' is not there"):
        clv.figures.check(found, lang="xx")


def test_the_figure_has_a_panel_per_question_with_its_verdict(found: Check) -> None:
    figure = clv.figures.check(found)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0] == "Repeat buyers: fine" and titles[4] == "Regularity: cannot be told"
    assert len(titles) == len(NAMES)
    for axes, one in zip(figure.axes, found, strict=True):
        assert to_hex(axes._left_title.get_color()) == COLOURS[one.verdict].lower()
    assert figure.message == "2,357 customers: 7 of 8 questions are fine; cannot be told: regularity"


def test_panels_draw_what_was_counted(found: Check, cdnow: clv.Histories) -> None:
    def panel(name: str) -> Any:
        return clv.figures.check(found, question=name).axes[0]

    bars = [bar.get_height() for bar in panel("repeaters").patches]
    assert sum(bars) == len(cdnow) and bars[0] == np.count_nonzero(cdnow.frequency == 0)
    joiners = panel("beginning").patches[0].get_data()
    assert np.diff(joiners.edges) @ joiners.values == pytest.approx(len(cdnow))
    assert np.mean(panel("dropout").patches[0].get_data().values) == pytest.approx(1.0)
    dots = np.asarray(panel("independence").collections[-1].get_offsets())[:, 1]
    again, money = cdnow.frequency, cdnow.monetary_value
    assert dots[[0, -1]] == pytest.approx([money[again == 1].mean(), money[again >= 7].mean()])
    assert [tick.get_text() for tick in panel("independence").get_xticklabels()][3].startswith("4–6\n")
    figure = clv.figures.check(found, question="dropout")
    assert figure.message == found["dropout"].asked and figure.caption == found["dropout"].meaning


def test_the_shape_is_drawn_with_its_interval() -> None:
    asked = clv.check(renewals(3.0, n=200))
    axes = clv.figures.check(asked, question="regularity").axes[0]
    lower, upper = axes.collections[0].get_segments()[0][:, 0]  # type: ignore[attr-defined]
    assert f"interval {lower:.2f} to {upper:.2f}" in asked["regularity"].because
    assert lower < asked["regularity"].finding < upper
