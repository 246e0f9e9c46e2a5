"""The forecast: exact where it can be checked, coherent everywhere, the same for any number of threads."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import clvmodels as clv
from clvmodels.value import simulation
from clvmodels.value.valuation import bounds_of

HORIZON = 39 * clv.WEEK
RATE = clv.Rate(0.10, per=clv.YEAR)


@pytest.fixture(scope="module")
def base(cdnow_bg_nbd, cdnow_gamma_gamma, cdnow) -> clv.Forecast:
    return clv.forecast(cdnow_bg_nbd, cdnow_gamma_gamma, cdnow, horizon=HORIZON, margin=0.3, discount=RATE, seed=7)


def test_one_row_per_customer_in_the_callers_order(base, cdnow) -> None:
    table = base.per_customer()
    assert list(table["customer_id"]) == list(cdnow.customer_id)
    wanted = "p_alive purchases spend realised potential ltv ltv_lower ltv_upper ltv_expected_lower ltv_expected_upper"
    assert set(wanted.split()) <= set(table.columns)
    assert table.notna().all(axis=None)


def test_realised_plus_potential_is_ltv(base, cdnow) -> None:
    table = base.per_customer()
    assert table["realised"].to_numpy() == pytest.approx(0.3 * cdnow.spend)
    assert table["ltv"].to_numpy() == pytest.approx((table["realised"] + table["potential"]).to_numpy())
    assert cdnow.spend.sum() == pytest.approx(173_115.55)  # the published calibration total


def test_means_are_the_formulas_over_the_draws(base, cdnow) -> None:
    sim = base.simulation
    theta = [v[:, None] for v in sim.duration_theta]
    amounts = clv.GAMMA_GAMMA.expected_spend([v[:, None] for v in sim.quantity_theta], cdnow)
    purchases = clv.BG_NBD.expected_purchases(theta, cdnow, horizon=HORIZON)
    present = clv.BG_NBD.expected_purchases(theta, cdnow, horizon=HORIZON, discount=RATE)
    table = base.per_customer()
    assert table["purchases"].to_numpy() == pytest.approx(purchases.mean(axis=0), rel=1e-9)
    assert table["spend"].to_numpy() == pytest.approx((purchases * amounts).mean(axis=0), rel=1e-9)
    assert table["potential"].to_numpy() == pytest.approx(0.3 * (present * amounts).mean(axis=0), rel=1e-7)
    lower, upper = bounds_of((0.3 * present * amounts).T, 0.90)
    assert table["potential_expected_lower"].to_numpy() == pytest.approx(lower, rel=1e-7)
    assert table["potential_expected_upper"].to_numpy() == pytest.approx(upper, rel=1e-7)


def test_totals_add_up(base) -> None:
    table, total = base.per_customer(), base.total()
    for measure in ("purchases", "spend", "realised", "potential", "ltv"):
        assert total.loc[measure, "mean"] == pytest.approx(table[measure].sum(), rel=1e-10)
    assert base.equity_draws().mean() == pytest.approx(total.loc["ltv", "mean"], rel=0.01)
    by = base.by(np.where(base.histories.frequency > 0, "repeat", "once"))
    for measure in ("customers", "purchases", "potential", "ltv"):
        whole = len(table) if measure == "customers" else total.loc[measure, "mean"]
        assert by[measure].sum() == pytest.approx(whole, rel=1e-10)


def test_the_predictive_interval_is_wider_than_the_expected_one(base) -> None:
    total, table = base.total(), base.per_customer()
    assert total.loc["ltv", "lower"] < total.loc["ltv", "expected_lower"] < total.loc["ltv", "mean"]
    assert total.loc["ltv", "mean"] < total.loc["ltv", "expected_upper"] < total.loc["ltv", "upper"]
    assert np.all(table["ltv_lower"] <= table["ltv_expected_upper"])
    assert np.all(
        table[["purchases_lower", "purchases_upper"]] == np.floor(table[["purchases_lower", "purchases_upper"]])
    )


def test_customers_share_what_is_unknown_of_the_market(cdnow_bg_nbd, cdnow_gamma_gamma, cdnow) -> None:
    """The variance of the total exceeds the sum of the customers' own: their means move together."""
    f = clv.forecast(cdnow_bg_nbd, cdnow_gamma_gamma, cdnow, horizon=HORIZON, draws=2000, seed=3)
    own = sum(f.simulation.play(lambda b: b.spend.var(axis=1).sum()))
    shared = f.expected_draws[1].var()
    assert f.predictive_draws[1].var() == pytest.approx(own - _within(f) + shared, rel=0.15)


def _within(f: clv.Forecast) -> float:
    """Part of the customers' own variances that is due to the parameters: counted again in `shared`."""
    return float(sum(f.simulation.play(lambda b: (b.expected_purchases * b.expected_amount).var(axis=1).sum())))


def test_simulated_means_agree_with_expectations(base) -> None:
    for measure in range(5):
        simulated, expected = base.predictive_draws[measure], base.expected_draws[measure]
        difference = simulated - expected
        assert abs(difference.mean()) <= 4 * difference.std() / np.sqrt(difference.size) + 1e-9


def test_any_number_of_threads_and_any_row_order_give_the_same(
    base, cdnow_bg_nbd, cdnow_gamma_gamma, cdnow, monkeypatch
) -> None:
    monkeypatch.setattr(simulation, "THREADS", 1)
    shuffled = cdnow.select(np.random.default_rng(0).permutation(cdnow.customer_id))
    again = clv.forecast(cdnow_bg_nbd, cdnow_gamma_gamma, shuffled, horizon=HORIZON, margin=0.3, discount=RATE, seed=7)
    a, b = (f.per_customer().set_index("customer_id").sort_index() for f in (base, again))
    pd.testing.assert_frame_equal(a, b, check_exact=True)
    assert np.array_equal(base.predictive_draws, again.predictive_draws)


def test_another_seed_gives_other_draws(base, cdnow_bg_nbd, cdnow_gamma_gamma, cdnow) -> None:
    other = clv.forecast(cdnow_bg_nbd, cdnow_gamma_gamma, cdnow, horizon=HORIZON, margin=0.3, discount=RATE, seed=8)
    assert not np.array_equal(base.predictive_draws, other.predictive_draws)


def test_value_falls_in_the_discount_and_in_the_cost(cdnow_bg_nbd, cdnow_gamma_gamma, cdnow) -> None:
    def worth(**terms: object) -> pd.Series:
        f = clv.forecast(cdnow_bg_nbd, cdnow_gamma_gamma, cdnow, horizon=HORIZON, draws=50, **terms)
        return f.per_customer()["potential"]

    plain = worth()
    assert np.all(worth(discount=RATE) < plain)
    assert np.all(worth(discount=clv.Rate(0.5, per=clv.YEAR)) < worth(discount=RATE))
    cost = worth(cost=clv.Cost(1.0, per=clv.MONTH))
    months = 39 * 7 / (365.25 / 12)
    assert cost.to_numpy() == pytest.approx(plain.to_numpy() - months)


def test_an_endless_horizon_is_the_limit_of_long_ones(cdnow_bg_nbd, cdnow_gamma_gamma, cdnow) -> None:
    few = cdnow.select(cdnow.customer_id[:200])
    rate = clv.Rate(0.5, per=clv.YEAR)

    def total(horizon: object) -> pd.DataFrame:
        return clv.forecast(cdnow_bg_nbd, cdnow_gamma_gamma, few, horizon=horizon, discount=rate, draws=40).total()

    assert total(clv.FOREVER).loc["potential", "mean"] == pytest.approx(
        total(40 * clv.YEAR).loc["potential", "mean"], rel=1e-6
    )
    with pytest.raises(clv.UnitError, match="endless horizon needs a positive discount"):
        clv.forecast(cdnow_bg_nbd, cdnow_gamma_gamma, few, horizon=clv.FOREVER)


def test_margins_by_customer_and_as_a_distribution(cdnow_bg_nbd, cdnow_gamma_gamma, cdnow) -> None:
    few = cdnow.select(cdnow.customer_id[:300])

    def value(margin: object) -> clv.Forecast:
        return clv.forecast(cdnow_bg_nbd, cdnow_gamma_gamma, few, horizon=HORIZON, margin=margin, draws=400)

    flat = value(0.3)
    series = value(pd.Series(np.linspace(0.1, 0.5, 300), index=few.customer_id))
    ratio = series.per_customer()["potential"] / flat.per_customer()["potential"]
    assert ratio.to_numpy() == pytest.approx(np.linspace(0.1, 0.5, 300) / 0.3)
    spread = value(stats.beta(30, 70))
    assert spread.total().loc["ltv", "mean"] == pytest.approx(flat.total().loc["ltv", "mean"], rel=0.02)
    width = spread.total()["upper"] - spread.total()["lower"]
    assert width["ltv"] > 1.5 * (flat.total()["upper"] - flat.total()["lower"])["ltv"]
    with pytest.raises(clv.ClvError, match="'margin' is missing or not finite in 299 rows"):
        value(pd.Series([0.3], index=[few.customer_id[0]]))


def test_stream_adds_up_to_the_total(base) -> None:
    weeks, months = base.stream(), base.stream(per=clv.MONTH)
    assert len(weeks) == 39 and len(months) == 9
    purchases = base.predictive_draws[0].mean()
    assert weeks["purchases"].sum() == pytest.approx(purchases, rel=1e-12)
    assert months["purchases"].sum() == pytest.approx(purchases, rel=1e-12)
    assert weeks["spend"].sum() == pytest.approx(base.predictive_draws[1].mean(), rel=1e-9)
    assert np.all(np.diff(months["purchases"].to_numpy()[:-1]) < 0)  # customers leave


def test_known_outcomes_have_known_ranks(base, cdnow) -> None:
    nothing = np.zeros(len(cdnow))
    ranks = base.probability_below(nothing, nothing)
    assert np.all(ranks[["purchases_below", "spend_below"]] == 0)
    assert np.all(base.probability_below(nothing + 1e9, nothing + 1e9) == 1)
    none = clv.BG_NBD.pmf([v[:, None] for v in base.simulation.duration_theta], cdnow, n=0, horizon=HORIZON).mean(
        axis=0
    )
    assert ranks["purchases_at_most"].to_numpy() == pytest.approx(none, abs=5 * np.sqrt(0.25 / 500))


def test_a_summary_table_without_spend_says_what_realised_means(cdnow_bg_nbd, cdnow) -> None:
    table = clv.Histories.from_frame(cdnow.to_frame().drop(columns="spend"), period=clv.WEEK)
    quantity = clv.fit(clv.GAMMA_GAMMA, table, method="mle")
    duration = clv.fit(clv.BG_NBD, table, method="mle")
    f = clv.forecast(duration, quantity, table, horizon=HORIZON, draws=50)
    assert f.per_customer()["realised"].to_numpy() == pytest.approx(table.frequency * table.monetary_value)
    assert "repeat purchases only" in repr(f)


def test_mistakes_are_named(cdnow_bg_nbd, cdnow_gamma_gamma, cdnow) -> None:
    with pytest.raises(clv.UnitError, match="horizon=52: 52 of what"):
        clv.forecast(cdnow_bg_nbd, cdnow_gamma_gamma, cdnow, horizon=52)
    with pytest.raises(clv.UnitError, match=r"discount=0.1: per what"):
        clv.forecast(cdnow_bg_nbd, cdnow_gamma_gamma, cdnow, horizon=HORIZON, discount=0.1)
    with pytest.raises(clv.ModelError, match="Give first a fit of a duration model"):
        clv.forecast(cdnow_gamma_gamma, cdnow_bg_nbd, cdnow, horizon=HORIZON)
    with pytest.raises(clv.ClvError, match="different currencies"):
        other = clv.Histories.from_frame(cdnow.to_frame(), period=clv.WEEK, currency="EUR")
        clv.forecast(cdnow_bg_nbd, cdnow_gamma_gamma, other, horizon=HORIZON)
    with pytest.raises(clv.ClvError, match="margin='much' is not a margin"):
        clv.forecast(cdnow_bg_nbd, cdnow_gamma_gamma, cdnow, horizon=HORIZON, margin="much")
    with pytest.raises(clv.ClvError, match="too few"):
        clv.forecast(cdnow_bg_nbd, cdnow_gamma_gamma, cdnow, horizon=HORIZON, draws=3)


def test_amounts_without_a_mean_are_refused() -> None:
    rng = np.random.default_rng(2)
    people = clv.BG_NBD.simulate((0.6, 4.0, 0.8, 3.0), T=np.full(400, 40.0), period=clv.WEEK, seed=2)
    amounts = clv.GAMMA_GAMMA.simulate((3.0, 0.5, 10.0), people.frequency, seed=rng)
    heavy = clv.Histories.from_frame(people.to_frame().assign(monetary_value=amounts), period=clv.WEEK)
    duration, quantity = (clv.fit(m, heavy, seed=1) for m in (clv.BG_NBD, clv.GAMMA_GAMMA))
    with pytest.raises(clv.ModelError, match="mean amount of a purchase is infinite"):
        clv.forecast(duration, quantity, heavy, horizon=HORIZON, draws=50)


def test_it_shows_itself(base) -> None:
    assert "39 weeks" in repr(base) and "Discounted at 10 % per year." in repr(base)
    assert "<table" in base._repr_html_()
