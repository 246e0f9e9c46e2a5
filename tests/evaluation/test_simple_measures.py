"""The simple measures beside the models: each measure by hand, the counts by hand, and published cohorts of contracts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import clvmodels as clv
from clvmodels.evaluation.past_measures import _periods
from clvmodels.evaluation.simple_measures import SimpleAgainstModel

REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241, 223, 207, 194, 183, 173]
"""Fader and Hardie 2007: customers still there after each year, per 1,000."""
YEARLY = clv.Rate(0.10, per=clv.YEAR)


@pytest.fixture(scope="module")
def found(cdnow, cdnow_parts, cdnow_bg_nbd, cdnow_gamma_gamma) -> SimpleAgainstModel:
    forecast = clv.forecast(
        cdnow_bg_nbd, cdnow_gamma_gamma, cdnow, horizon=39 * clv.WEEK, margin=0.3, discount=YEARLY, draws=50
    )
    return clv.simple_against_model(forecast, *cdnow_parts, resamples=100)


@pytest.fixture(scope="module")
def lines(cdnow_parts) -> pd.DataFrame:
    frame = cdnow_parts[0].purchase_days().to_pyarrow().to_pandas()
    frame["ago"] = (pd.Timestamp("1997-09-30") - pd.to_datetime(frame["date"])).dt.days
    return frame


def test_measures_by_hand(found: SimpleAgainstModel, cdnow: clv.Histories, lines: pd.DataFrame) -> None:
    people = found.per_customer().set_index("customer_id")
    x, t_x, T = cdnow.frequency, cdnow.recency, cdnow.T
    assert people["P(active)"].to_numpy() == pytest.approx((t_x / T) ** (x + 1))
    assert (people["P(active)"].to_numpy()[x == 0] == 0).all()
    force = np.log(1.10) / 365.25
    worth = (0.3 * lines["amount"] * np.exp(force * lines["ago"])).groupby(lines["customer_id"]).sum()
    assert people["past customer value"].to_numpy() == pytest.approx(worth.loc[cdnow.customer_id].to_numpy())
    one = lines[lines["customer_id"] == 1]
    formula = clv.formulas.past_customer_value(
        contribution=0.3 * one["amount"], periods_ago=one["ago"] / 365.25, rate=0.10
    )
    assert people.loc[1, "past customer value"] == pytest.approx(float(formula))
    theta = [v[:, None] for v in found.forecast.simulation.duration_theta]
    buys = 1 - clv.BG_NBD.p_no_purchase(theta, cdnow, horizon=39 * clv.WEEK).mean(axis=0)
    assert people["P(purchase)"].to_numpy() == pytest.approx(buys)
    assert people["RFM score"].to_numpy() == pytest.approx(clv.metrics.rfm(cdnow).score)


def test_constant_retention_by_hand(found: SimpleAgainstModel, cdnow: clv.Histories, lines: pd.DataFrame) -> None:
    now = set(lines.loc[lines["ago"] < 91, "customer_id"])
    before = set(lines.loc[(lines["ago"] >= 91) & (lines["ago"] < 182), "customer_id"])
    rate = len(now & before) / len(before)
    assert found.retention.rate == pytest.approx(rate)
    assert set(cdnow.customer_id[found.retention.active]) == now
    spend = dict(zip(cdnow.customer_id, cdnow.spend / np.maximum(cdnow.T / 13, 1), strict=True))
    wanted = [spend[who] * (rate + rate**2 + rate**3) if who in now else 0.0 for who in cdnow.customer_id]
    assert found.retention.spend == pytest.approx(np.array(wanted))
    assert _periods(0.5, 2.5) == pytest.approx(0.5 + 0.25 + 0.5 * 0.125)
    assert _periods(0.5, 0.5) == pytest.approx(0.25)


def test_counts_by_hand(found: SimpleAgainstModel) -> None:
    people, table = found.per_customer(), found.table()
    bought = people["actual_purchases"] > 0
    for name in ("P(active)", "P(alive)", "P(purchase)"):
        lost = people[name] < 0.5
        row = table.loc[name]
        assert row["called_lost"] == lost.sum()
        assert row["wrongly_lost"] == (lost & bought).sum()
        assert row["wrongly_kept"] == (~lost & ~bought).sum()
        share = people.loc[lost & bought, "actual_spend"].sum() / people["actual_spend"].sum()
        assert row["wrongly_lost_spend"] == pytest.approx(share)
        assert row["spearman"] == pytest.approx(stats.spearmanr(people["actual_spend"], people[name]).statistic)
    top = people.sort_values("actual_spend", ascending=False).head(round(0.2 * len(people)))
    ideal = top["actual_spend"].sum() / people["actual_spend"].sum()
    assert (table["captured"] + table["missed"]).to_numpy() == pytest.approx(np.full(len(table), ideal), abs=2e-3)
    assert table.loc["constant retention", "bias"] == pytest.approx(
        found.retention.spend.sum() / people["actual_spend"].sum() - 1
    )
    better = table["better"].dropna()
    assert set(better) <= {"model", "simple", "unclear"} and len(better) == 4


def test_deciles_add_up(found: SimpleAgainstModel) -> None:
    table = found.deciles()
    spend = found.actual.spend
    for measure in (*found.measures, "what happened"):
        own = table.xs(measure, level="measure")
        assert own["actual"].sum() / 10 == pytest.approx(spend.mean())
        assert own["cumulative_share"].iloc[-1] == pytest.approx(1.0)
        assert own["to_others"].sum() == pytest.approx(0.0, abs=1e-9)
    assert (table.xs("what happened", level="measure")["to_others"] == 0).all()


def test_words_and_notes(found: SimpleAgainstModel) -> None:
    table, said = found.table(), found.words()
    assert f"{table.loc['P(active)', 'wrongly_lost']:,.0f} of them bought again" in said[0]
    assert "by RFM score" in said[-1] and "potential value" in said[-1]
    notes = " ".join(found.notes)
    assert "who never bought again count as alive for certain" in notes and "compounded at" in notes
    assert said[0] in repr(found) and said[0] in found._repr_html_()


def test_what_cannot_be_is_refused(found: SimpleAgainstModel, cdnow_parts) -> None:
    with pytest.raises(clv.ClvError, match="best=0"):
        clv.simple_against_model(found.forecast, *cdnow_parts, best=0)
    with pytest.raises(clv.ClvError, match="no retention rate"):
        clv.simple_against_model(found.forecast, *cdnow_parts, retention_period=52 * clv.WEEK)


@pytest.fixture(scope="module")
def contracts() -> clv.Fit:
    return clv.fit(clv.SHIFTED_BETA_GEOMETRIC, clv.Tenures.from_cohort(REGULAR[:8]), method="mle")


def test_constant_retention_of_a_published_cohort(contracts: clv.Fit) -> None:
    """759 of 3,358 chances to renew were not taken in seven years."""
    tenures = clv.Tenures.from_cohort(REGULAR[:8])
    found = clv.constant_retention_against_model(contracts, tenures, REGULAR[7:], margin=100, discount=YEARLY)
    rate = 1 - 759 / 3358
    assert found.rate == pytest.approx(rate)
    table, values = found.table(), found.values()
    assert table["constant"].to_numpy() == pytest.approx(241 * rate ** np.arange(6))
    assert table["actual"].tolist() == REGULAR[7:]
    assert ((table["lower"] <= table["actual"]) & (table["actual"] <= table["upper"])).all(), (
        "the model holds, years ahead"
    )
    by_hand = 100 * sum(n / 1.1 ** (k + 1) for k, n in enumerate(REGULAR[8:]))
    assert values.loc["what happened", "observed"] == pytest.approx(by_hand)
    assert values.loc["constant retention", "error"] < -0.3 < abs(values.loc["Shifted beta-geometric", "error"]) + 0.3
    assert values.loc["constant retention", "endless"] == pytest.approx(241 * 100 * rate / (1.1 - rate))
    theta = contracts.theta
    stay = np.cumprod([(theta[1] + 7 + k) / (theta[0] + theta[1] + 7 + k) for k in range(400)])
    endless = 241 * 100 * np.sum(stay / 1.1 ** np.arange(1, 401))
    assert values.loc["Shifted beta-geometric", "endless"] == pytest.approx(
        endless, rel=0.02
    )  # mean over draws of theta


def test_later_customers_that_do_not_fit_are_refused(contracts: clv.Fit) -> None:
    tenures = clv.Tenures.from_cohort(REGULAR[:8])
    with pytest.raises(clv.ContractError, match="begins with 240"):
        clv.constant_retention_against_model(contracts, tenures, [240, 220])
    with pytest.raises(clv.ContractError, match="never rise"):
        clv.constant_retention_against_model(contracts, tenures, [241, 250])
    alone = clv.constant_retention_against_model(contracts, tenures, [241, 223]).values()
    assert alone["endless"].isna().all()


def test_figures_show_the_tables(found: SimpleAgainstModel, contracts: clv.Fit) -> None:
    figure = clv.figures.simple_against_model(found)
    table = found.table().loc[["P(active)", "constant retention", "P(purchase)", "P(alive)"]]
    assert [bar.get_width() for bar in figure.axes[0].patches] == [*table["wrongly_lost"], *table["wrongly_kept"]]
    curves = {str(line.get_label()): np.asarray(line.get_ydata(), dtype=float) for line in figure.axes[1].get_lines()}
    for name in ("RFM score", "past customer value", "constant retention", "potential value"):
        assert curves[name][20] == pytest.approx(found.table().loc[name, "captured"])
    kept = clv.constant_retention_against_model(contracts, clv.Tenures.from_cohort(REGULAR[:8]), REGULAR[7:])
    drawn = {
        str(line.get_label()): line.get_ydata()
        for line in clv.figures.constant_retention_against_model(kept).axes[0].get_lines()
    }
    assert list(drawn["constant retention"]) == pytest.approx(kept.table()["constant"].tolist())  # type: ignore[arg-type]
