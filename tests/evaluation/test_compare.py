"""The comparison on a holdout: facts of the CDNOW sample, small cases by hand, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import clvmodels as clv
from clvmodels.errors import ClvError
from clvmodels.evaluation.compare import Comparison
from clvmodels.value.baselines import Predicted

MODEL = "BG/NBD + gamma-gamma"
DRAWS = 200
type Parts = tuple[clv.Transactions, clv.Transactions]


@pytest.fixture(scope="module")
def fits(cdnow: clv.Histories) -> tuple[clv.Fit, clv.Fit]:
    return clv.fit(clv.BG_NBD, cdnow, method="mle"), clv.fit(clv.GAMMA_GAMMA, cdnow, method="mle")


@pytest.fixture(scope="module")
def forecast(fits: tuple[clv.Fit, clv.Fit], cdnow: clv.Histories) -> clv.Forecast:
    rate = clv.Rate(0.15, per=clv.YEAR)
    return clv.forecast(*fits, cdnow, horizon=39 * clv.WEEK, draws=DRAWS, margin=0.3, discount=rate, seed=1)


@pytest.fixture(scope="module")
def comparison(forecast: clv.Forecast, cdnow_parts: Parts) -> Comparison:
    return clv.compare(forecast, cdnow_parts[1], resamples=200)


def log_of(rows: list[tuple[object, str, float]], **options: object) -> clv.Transactions:
    frame = pd.DataFrame(rows, columns=["customer", "date", "amount"])
    return clv.Transactions(frame, customer="customer", date="date", amount="amount", currency="USD", **options)  # type: ignore[arg-type]


def test_what_customers_did(comparison: Comparison) -> None:
    """CDNOW sample, 39 weeks after 1997-09-30: 1,882 purchase days of 684 customers, 70,976.39 USD (Fader and Hardie 2001)."""
    actual = comparison.actual
    assert actual.purchases.sum() == 1882
    assert np.count_nonzero(actual.purchases) == 684
    assert actual.spend.sum() == pytest.approx(70976.39)


def test_predictions_are_the_undiscounted_ones_of_the_forecast(comparison: Comparison, forecast: clv.Forecast) -> None:
    table, own = comparison.table(), forecast.per_customer()
    assert comparison.model == MODEL
    assert table.loc[("purchases", MODEL), "predicted"] == pytest.approx(own["purchases"].sum())
    assert table.loc[("spend", MODEL), "predicted"] == pytest.approx(own["spend"].sum())
    naive = (forecast.histories.frequency / forecast.histories.T * 39).sum()
    assert table.loc[("purchases", "naive rate"), "predicted"] == pytest.approx(naive)


def test_table_by_hand(comparison: Comparison) -> None:
    table, customers = comparison.table(), comparison.customers
    assert list(table) == [
        "predicted", "actual", "bias", "mae", "rmse", "deviance", "spearman", "gini", "top_decile_lift", "coverage",
    ]  # fmt: skip
    assert table.index.get_level_values("method").unique().tolist() == list(comparison.predictions)
    row, error = table.loc[("spend", MODEL)], customers["model_spend"] - customers["actual_spend"]
    assert row["bias"] == pytest.approx(customers["model_spend"].sum() / 70976.39 - 1)
    assert row["mae"] == pytest.approx(error.abs().mean())
    assert row["rmse"] == pytest.approx(np.sqrt((error**2).mean()))
    inside = customers["actual_spend"].between(customers["model_spend_lower"], customers["model_spend_upper"])
    assert row["coverage"] == pytest.approx(inside.mean())
    assert table["coverage"].isna().sum() == 6
    assert comparison.note.startswith("2,357 customers over 39 weeks")


def test_on_cdnow_the_model_beats_the_formulas_in_size_and_not_the_naive_rate_in_order(comparison: Comparison) -> None:
    """x / T overpredicts because it knows of no leaving; that simple rules may order customers as well as a model is the
    finding of Wubben and von Wangenheim 2008 (Journal of Marketing 72(3), 82-93)."""
    better = comparison.differences()["better"]
    assert (better.drop("spearman", level="score") == "model").all()
    both = [comparison.predictions[name].purchases for name in (MODEL, "naive rate")]
    orders = [spearmanr(comparison.actual.purchases, predicted).statistic for predicted in both]
    assert orders[1] > orders[0] and better["purchases", "naive rate", "spearman"] == "formula"
    said = comparison.words()
    assert any("Purchases, against the naive rate: the model is better at the total" in s for s in said)
    assert any("the formula is better at the order of the customers" in s for s in said)
    assert "rewards predicting zero" in said[-1] and "rewards predicting zero" in comparison.note


def test_differences_are_of_the_table_and_inside_their_intervals(comparison: Comparison) -> None:
    table, found = comparison.table(), comparison.differences()
    mae = table["mae"]
    expected = mae["spend", MODEL] - mae["spend", "naive rate"]
    assert found.loc[("spend", "naive rate", "mae"), "difference"] == pytest.approx(expected)
    assert np.all((found["lower"] <= found["difference"]) & (found["difference"] <= found["upper"]))
    assert found.loc[("spend", "naive rate", "abs_bias"), "model"] == pytest.approx(abs(table["bias"]["spend", MODEL]))


def test_the_same_seed_gives_the_same_intervals(forecast: clv.Forecast, cdnow_parts: Parts) -> None:
    first, second, third = (
        clv.compare(forecast, cdnow_parts[1], resamples=20, seed=s).differences() for s in (5, 5, 6)
    )
    pd.testing.assert_frame_equal(first, second)
    assert not first["lower"].equals(third["lower"])


def test_the_model_against_itself_is_unclear(forecast: clv.Forecast, cdnow_parts: Parts) -> None:
    own = forecast.per_customer()
    twin = {"twin": lambda histories, horizon: (own["purchases"].to_numpy(), own["spend"].to_numpy())}
    found = clv.compare(forecast, cdnow_parts[1], formulas=twin, resamples=20)
    assert (found.differences()["better"] == "unclear").all()
    assert found.differences()[["difference", "lower", "upper"]].abs().max(axis=None) < 1e-9
    assert "no clear difference in the total" in found.words()[1]


def test_the_truth_beats_the_model_at_everything(comparison: Comparison, cdnow_parts: Parts) -> None:
    truth = {"oracle": lambda histories, horizon: comparison.actual}
    found = clv.compare(comparison.forecast, cdnow_parts[1], formulas=truth, resamples=50)
    row = found.table().loc[("purchases", "oracle")]
    assert row[["bias", "mae", "rmse", "deviance"]].tolist() == pytest.approx([0, 0, 0, 0], abs=1e-12)
    assert row[["spearman", "gini"]].tolist() == pytest.approx([1, 1])
    assert (found.differences()["better"] == "formula").all()


def test_no_formulas_is_fine(forecast: clv.Forecast, cdnow_parts: Parts) -> None:
    found = clv.compare(forecast, cdnow_parts[1], formulas=(), resamples=20)
    assert len(found.table()) == 2 and found.differences().empty
    assert len(found.words()) == 5


def test_by_frequency_adds_up(comparison: Comparison) -> None:
    found = comparison.by_frequency()
    x, actual = comparison.forecast.histories.frequency, comparison.actual.purchases
    assert found.index.tolist() == ["0", "1", "2", "3", "4", "5", "6", "7+"]
    assert found["customers"].sum() == 2357
    assert found.loc["2", "actual"] == pytest.approx(actual[x == 2].mean())
    assert found.loc["7+", MODEL] == pytest.approx(comparison.predictions[MODEL].purchases[x >= 7].mean())
    assert (found["customers"] * found["actual"]).sum() == pytest.approx(1882)
    assert np.all((found["lower"] <= found[MODEL]) & (found[MODEL] <= found["upper"]))
    spend = comparison.by_frequency("spend", most=1)
    assert (spend["customers"] * spend["actual"]).sum() == pytest.approx(70976.39)
    with pytest.raises(ClvError, match="'purchases' or 'spend'"):
        comparison.by_frequency("ltv")  # type: ignore[arg-type]


def test_deciles_add_up(comparison: Comparison) -> None:
    found = comparison.deciles()
    for _, rows in found.groupby("method"):
        assert rows["actual"].sum() * 235.7 == pytest.approx(1882)
        assert rows["cumulative_share"].iloc[-1] == pytest.approx(1)
        assert np.all(np.diff(rows["predicted"]) <= 1e-12)
    lift = comparison.table().loc[("purchases", MODEL), "top_decile_lift"]
    assert found.loc[(MODEL, 1), "cumulative_share"] == pytest.approx(lift / 10)


def test_calibration_when_the_forecast_is_the_truth(forecast: clv.Forecast, comparison: Comparison) -> None:
    """Outcomes taken from one draw of the forecast: intervals must hold what they say, within chance."""
    taken = [np.empty(2357), np.empty(2357)]
    for block_rows, purchases, spend in forecast.simulation.play(lambda b: (b.rows, b.purchases[:, 7], b.spend[:, 7])):
        taken[0][block_rows], taken[1][block_rows] = purchases, spend
    true = Comparison(forecast, Predicted(*taken), comparison.predictions, 0.9, 20, 0, ())
    found = true.calibration()
    for target in ("purchases", "spend"):
        assert np.all(np.abs(found[target] - found.index) < 4 * found["standard_error"])
    assert true.pit()["spend"].between(0, 1).all()
    pd.testing.assert_frame_equal(true.pit(), Comparison(forecast, true.actual, true.predictions, 0.9, 20, 0, ()).pit())


def test_it_shows_itself(comparison: Comparison) -> None:
    assert repr(comparison).startswith(f"Comparison of {MODEL} with 3 formulas")
    assert "<table" in comparison._repr_html_() and "nan" not in comparison._repr_html_().lower()
    assert list(comparison.customers)[:4] == ["customer_id", "frequency", "actual_purchases", "actual_spend"]
    assert "naive_rate_spend" in comparison.customers


def test_the_whole_log_is_split_where_the_histories_end(forecast: clv.Forecast, comparison: Comparison) -> None:
    found = clv.compare(forecast, clv.samples.cdnow_sample(), resamples=20)
    pd.testing.assert_frame_equal(found.table(), comparison.table())


def test_a_longer_holdout_is_cut(fits: tuple[clv.Fit, clv.Fit], cdnow: clv.Histories, cdnow_parts: Parts) -> None:
    short = clv.forecast(*fits, cdnow, horizon=10 * clv.WEEK, draws=20)
    found = clv.compare(short, cdnow_parts[1], resamples=20)
    days = cdnow_parts[1].daily()
    expected = days.loc[days["date"] <= "1997-12-09", "purchases"].sum()
    assert found.actual.purchases.sum() == expected
    assert "cut at 1997-12-09" in found.note


def test_a_shorter_holdout_is_refused(fits: tuple[clv.Fit, clv.Fit], cdnow: clv.Histories, cdnow_parts: Parts) -> None:
    year = clv.forecast(*fits, cdnow, horizon=52 * clv.WEEK, draws=20)
    with pytest.raises(ClvError, match=r"273 days .* 52 weeks ahead \(364 days\).* horizon=273 \* DAY"):
        clv.compare(year, cdnow_parts[1])
    almost = clv.forecast(*fits, cdnow, horizon=273.9 * clv.DAY, draws=20)
    assert clv.compare(almost, cdnow_parts[1], resamples=20).actual.purchases.sum() == 1882


SMALL = [("A", "2024-01-01", 10.0), ("A", "2024-01-20", 20.0), ("B", "2024-01-05", 5.0), ("D", "2024-01-08", 1.0)]
LATER = [("A", "2024-02-10", 7.0), ("A", "2024-02-10", 3.0), ("A", "2024-02-12", 2.0), ("B", "2024-02-15", -4.0),
         ("C", "2024-02-20", 99.0), ("C", "2024-03-02", 0.5)]  # fmt: skip


@pytest.fixture(scope="module")
def small(fits: tuple[clv.Fit, clv.Fit]) -> clv.Forecast:
    """Four weeks from 2024-02-01 for A, B and D."""
    histories = log_of(SMALL).histories(period=clv.WEEK, until="2024-02-01")
    return clv.forecast(*fits, histories, horizon=4 * clv.WEEK, draws=20)


def test_outcomes_by_hand(small: clv.Forecast) -> None:
    """A bought on two days for 12; B only returned; D did nothing; C is new and left out."""
    found = clv.compare(small, log_of(LATER), resamples=20)
    assert found.actual.purchases.tolist() == [2, 0, 0]
    assert found.actual.spend.tolist() == [12, -4, 0]
    assert "1 customers of the holdout are not in the forecast" in found.note
    assert "cut at 2024-02-29" in found.note
    assert np.isfinite(found.table().drop(columns="coverage")).all(axis=None)


def test_misfits_are_refused(small: clv.Forecast, fits: tuple[clv.Fit, clv.Fit], cdnow_parts: Parts) -> None:
    whole = log_of(SMALL + LATER)
    with pytest.raises(ClvError, match="end on 2024-02-01 and the holdout begins after 2024-01-10"):
        clv.compare(small, whole.split("2024-01-10").holdout)
    with pytest.raises(ClvError, match="No customer of the holdout is in the forecast"):
        clv.compare(small, log_of([("Z", "2024-02-20", 1.0), ("Z", "2024-03-20", 1.0)]))
    frame = pd.DataFrame(LATER, columns=["customer", "date", "amount"])
    euros = clv.Transactions(frame, customer="customer", date="date", amount="amount", currency="EUR")
    with pytest.raises(ClvError, match="in USD and the holdout in EUR"):
        clv.compare(small, euros)
    with pytest.raises(ClvError, match="no amounts"):
        clv.compare(small, clv.Transactions(frame, customer="customer", date="date", currency="USD"))
    bare = clv.Histories(["A"], [1], [1], [4], [20], period=clv.WEEK, currency="USD")
    with pytest.raises(ClvError, match="Give the histories until="):
        clv.compare(clv.forecast(*fits, bare, horizon=clv.WEEK, draws=20), log_of(LATER))


@pytest.mark.parametrize(
    "wrong", [(np.ones(2), np.ones(3)), (np.ones(3), np.array([1, np.nan, 1])), (-np.ones(3), np.ones(3))]
)
def test_wrong_predictions_are_refused(small: clv.Forecast, wrong: tuple[np.ndarray, np.ndarray]) -> None:
    with pytest.raises(ClvError, match=r"'odd' must predict .* 3 finite numbers of zero or more"):
        clv.compare(small, log_of(LATER), formulas={"odd": lambda histories, horizon: wrong})


def test_too_few_resamples_and_odd_intervals_are_refused(small: clv.Forecast) -> None:
    with pytest.raises(ClvError, match="at least 20"):
        clv.compare(small, log_of(LATER), resamples=3)
    with pytest.raises(ClvError, match=r"Write 0\.90"):
        clv.compare(small, log_of(LATER), interval=90)
