"""Value of contracts: published sums, sums written out, simulated customers, and that tables add up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import clvmodels as clv
from clvmodels import GEOMETRIC, MONTH, SHIFTED_BETA_GEOMETRIC, YEAR
from tests.contracts import Known, RegressionWeibull, Together, Weibull, tenures

TENTH = clv.Rate(0.1, per=YEAR)
REGULAR, HIGH_END = (0.704, 1.182), (0.668, 3.806)
RETENTION = {"regular": [0.626723, 0.756064], "high end": [0.850693, 0.877969]}
DERL = {  # 30-digit arithmetic of Fader and Hardie 2010, equation for the end of period n = 1 .. 5
    "regular": (REGULAR, [2.9646621, 4.1034586, 4.8701374, 5.4423913, 5.8944229]),
    "high end": (HIGH_END, [5.414856, 5.9017532, 6.2942606, 6.6202803, 6.8970574]),
    "case 1": ((3.80, 15.20), [3.3098184, 3.4510003, 3.5865437, 3.7168115, 3.842134]),
    "case 2": ((0.067, 0.267), [7.6708355, 9.4552994, 9.8508338, 10.056167, 10.18864]),
}


def potential(forecast: clv.ContractForecast) -> np.ndarray:
    return forecast.per_customer()["potential"].to_numpy()


@pytest.mark.parametrize("name", DERL)
def test_one_unit_per_renewal_is_the_published_discounted_residual_lifetime(name: str) -> None:
    theta, published = DERL[name]
    fit = Known(SHIFTED_BETA_GEOMETRIC, theta)
    due = clv.forecast(
        fit, tenures(range(5)), price=1, horizon=clv.FOREVER, discount=TENTH, timing="before renewal", draws=20
    )
    assert potential(due) == pytest.approx(published, abs=6e-8)
    if name in RETENTION:  # just after the n-th renewal: what was due before it, given that it took place
        paid = clv.forecast(
            fit, tenures([1, 2]), price=1, horizon=clv.FOREVER, discount=TENTH, timing="after renewal", draws=20
        )
        assert potential(paid) == pytest.approx(np.array(published[:2]) / RETENTION[name], rel=2e-6)


@given(st.floats(0.02, 0.98), st.floats(0.01, 0.5), st.floats(1, 500))
@settings(max_examples=20)
def test_constant_retention_is_the_closed_form(r: float, d: float, m: float) -> None:
    fit, rate = Known(GEOMETRIC, [(1 - r) / r]), clv.Rate(d, per=YEAR)
    common = {"price": m, "horizon": clv.FOREVER, "discount": rate, "draws": 20}
    next_year = clv.forecast(fit, tenures([0, 3]), **common)
    now = clv.forecast(fit, tenures([0, 3]), timing="after renewal", **common)
    assert potential(next_year) == pytest.approx(m * r / (1 + d - r), rel=1e-10)
    assert potential(now) == pytest.approx(m * (1 + d) / (1 + d - r), rel=1e-10)


CASES = [
    ("start of period", None, None), ("end of period", None, None), ("start of period", "before renewal", None),
    ("end of period", "before renewal", None), ("start of period", "after renewal", None),
    ("start of period", None, "reasons"), ("end of period", "before renewal", "reasons"),
]  # fmt: skip


@pytest.mark.parametrize(("paid", "timing", "reasons"), CASES)
def test_sums_written_out(paid: str, timing: str | None, reasons: str | None) -> None:
    """Payment by payment, at its own day, price and chance; the cost of serving day by day as long as she is there."""
    exit = np.array([0.0, 2.0, 3.0] if timing else [0.25, 2.0, 3.9])
    there = [1, 1, 0]
    people = clv.Tenures([7, 8, 9], np.zeros(3), exit, 1.0 - np.array(there), YEAR)
    theta, odds = (0.7, 2.2), 0.08
    loyal = Known(SHIFTED_BETA_GEOMETRIC, theta)
    fits = {"voluntary": loyal, "payment": Known(GEOMETRIC, [odds])} if reasons else loyal
    found = clv.forecast(
        fits, people, price=pd.Series({7: 10.0, 8: 20.0, 9: 30.0}), margin=0.4, horizon=7.3 * YEAR, discount=TENTH,
        price_growth=clv.Rate(0.03, per=YEAR), cost=clv.Cost(0.1, per=MONTH), paid=paid, timing=timing, draws=20,
    )  # fmt: skip
    force, wanted = np.log(1.1), []
    for i in range(3):
        made = np.floor(exit[i])
        wait = {"before renewal": 0.0, "after renewal": 1.0, None: 1 - (exit[i] - made)}[timing]
        stay = [1.0]
        for k in range(1, 9):
            rate = float(SHIFTED_BETA_GEOMETRIC.retention_rate(theta, made + k))
            stay.append(stay[-1] * (rate - (odds / (1 + odds) if reasons else 0.0)))
        value = 10.0 * (i + 1) if timing == "after renewal" else 0.0
        money = value
        count = float(timing == "after renewal")
        value *= 0.4
        fine = np.arange(0.0005, 7.3, 0.001)
        serving = np.array([stay[max(0, int(np.floor(s - wait)) + 1)] for s in fine])
        value -= float(np.sum(1.2 * serving * 1.1**-fine) * 0.001)
        for k in range(1, 9):
            day = wait + k - 1
            if day > 7.3:
                break
            chance = stay[k] if paid == "start of period" else stay[k - 1]
            price = 10.0 * (i + 1) * 1.03**day
            count, money, value = (
                count + chance,
                money + chance * price,
                value + 0.4 * chance * price * np.exp(-force * day),
            )
        wanted.append(np.array([count, money, value]) * there[i])
    table = found.per_customer()
    assert table[["payments", "spend"]].to_numpy() == pytest.approx(np.array(wanted)[:, :2], rel=1e-12)
    assert table["potential"].to_numpy() == pytest.approx(np.array(wanted)[:, 2], rel=2e-4)


def test_payments_so_far_are_realised() -> None:
    people = clv.Tenures(["a", "b", "c"], np.zeros(3), [2.0, 2.5, 3.0], [0, 0, 1], YEAR)
    fit = Known(GEOMETRIC, [0.2])
    common = {"price": 10.0, "margin": 0.5, "horizon": 3 * YEAR, "draws": 20}
    start = clv.forecast(fit, people, **common).per_customer()
    end = clv.forecast(fit, people, paid="end of period", **common).per_customer()
    assert start["realised"].tolist() == [15.0, 15.0, 15.0]  # at 0, 1 and 2; who left at renewal 3 paid at 0, 1, 2
    assert end["realised"].tolist() == [10.0, 10.0, 15.0]
    whole = people.select(np.array([True, False, True]))
    now = clv.forecast(fit, whole, timing="after renewal", **common).per_customer()
    before = clv.forecast(fit, whole, **common).per_customer()
    assert now["ltv"].to_numpy() == pytest.approx(before["ltv"].to_numpy())  # the payment of today is counted once


def test_who_is_there_is_worth_more_than_a_new_customer() -> None:
    """10,000 simulated survivors of four renewals: conditional on survival the forecast is right, unconditionally it is wrong."""
    theta, n = REGULAR, 40_000
    made = SHIFTED_BETA_GEOMETRIC.draw_residual_lifetimes(theta, clv.Tenure(np.zeros(n), YEAR), seed=3)
    survivors = made[made >= 4]
    paid = np.minimum(survivors - 4, 5)
    worth = np.where(paid > 0, 1.1 ** -np.arange(1, 6) @ (np.arange(1, 6)[:, None] <= paid), 0.0)
    fit = Known(SHIFTED_BETA_GEOMETRIC, theta)
    common = {"price": 1, "horizon": 5 * YEAR, "discount": TENTH, "draws": 20}
    ours = clv.forecast(fit, tenures([4]), **common).per_customer().iloc[0]
    unconditional = clv.forecast(fit, tenures([0]), **common).per_customer().iloc[0]
    error = worth.std() / np.sqrt(worth.size)
    assert worth.size > 12_000
    assert ours["potential"] == pytest.approx(worth.mean(), abs=3 * error)
    assert ours["payments"] == pytest.approx(paid.mean(), abs=3 * paid.std() / np.sqrt(paid.size))
    assert worth.mean() - unconditional["potential"] > 50 * error


def test_predictive_intervals_hold_what_simulated_customers_do() -> None:
    """Payments of customers drawn anew fall into the intervals as often as promised, alone and together."""
    theta, people = (1.1, 4.0), tenures(np.repeat([0, 1, 5], 60))
    forecast = clv.forecast(Known(SHIFTED_BETA_GEOMETRIC, theta), people, price=3, horizon=4 * YEAR, discount=TENTH,
                            draws=1000, seed=5)  # fmt: skip
    assert forecast.predictive_draws.mean(axis=1) == pytest.approx(forecast.expected_draws.mean(axis=1), rel=0.01)
    renewals = SHIFTED_BETA_GEOMETRIC.draw_residual_lifetimes(
        tuple(np.full((400, 1), v) for v in theta), people, seed=8
    )
    paid = np.minimum(renewals, 4)
    table, total = forecast.per_customer(), forecast.total()
    inside = (table["payments_lower"].to_numpy() <= paid) & (paid <= table["payments_upper"].to_numpy())
    assert inside.mean(axis=0).min() > 0.88
    sums = paid.sum(axis=1)
    share = np.mean((total.loc["payments", "lower"] <= sums) & (sums <= total.loc["payments", "upper"]))
    assert 0.86 < share < 0.95
    assert total.loc["payments", "expected_lower"] == pytest.approx(total.loc["payments", "expected_upper"])


@pytest.mark.parametrize("model", [Weibull(), RegressionWeibull()])
@pytest.mark.parametrize("exit", [2.0, 2.3])
def test_leaving_at_any_time(exit: float, model: Weibull) -> None:
    """A model in continuous time: there at a payment date if she has not left until then."""
    theta = (6.0, 1.5)
    fit = Known(model, theta)
    forecast = clv.forecast(fit, tenures([exit]), price=1, horizon=9 * YEAR, discount=TENTH, draws=4000, seed=1)
    wait = 3.0 - exit
    days = wait + np.arange(9)  # the last at 9 years at the latest
    there = np.exp((exit / 6) ** 1.5 - ((exit + days) / 6) ** 1.5)
    row = forecast.per_customer().iloc[0]
    assert row["payments"] == pytest.approx(there.sum(), rel=1e-12)
    assert row["potential"] == pytest.approx((there * 1.1**-days).sum(), rel=1e-12)
    assert row["p_renew"] == pytest.approx(there[0]) and row["p_there"] == pytest.approx(there[-1])
    drawn = forecast.predictive_draws[3]
    assert drawn.mean() == pytest.approx(row["potential"], abs=4 * drawn.std() / np.sqrt(4000))


@pytest.fixture(scope="module")
def cohort() -> clv.Tenures:
    table = [1000, 869, 743, 653, 593, 551, 517, 491]
    return clv.Tenures.from_cohort({"high end": table, "regular": [1000, 631, 468, 382, 326, 289, 262, 241]})


@pytest.fixture(scope="module")
def forecast(cohort: clv.Tenures) -> clv.ContractForecast:
    fit = clv.fit(SHIFTED_BETA_GEOMETRIC, cohort, method="mle")
    return clv.forecast(fit, cohort, price=100, horizon=5 * YEAR, discount=TENTH, draws=200, seed=4)


def test_tables_add_up(forecast: clv.ContractForecast) -> None:
    table, total, groups = forecast.per_customer(), forecast.total(), forecast.by("segment")
    assert len(table) == 2000 and table["there"].sum() == 491 + 241
    for measure in ("payments", "spend", "realised", "potential", "ltv"):
        assert table[measure].sum() == pytest.approx(total.loc[measure, "mean"], rel=1e-9)
        assert groups[measure].sum() == pytest.approx(total.loc[measure, "mean"], rel=1e-9)
    _, drawn = forecast.group_draws(np.zeros(2000, dtype=np.intp), 1)
    assert drawn[-1, 0] == pytest.approx(forecast.equity_draws(), rel=1e-9)
    stream = forecast.stream()
    assert stream["payments"].sum() == pytest.approx(forecast.predictive_draws[0].mean(), rel=1e-9)
    assert stream["spend"].sum() == pytest.approx(forecast.predictive_draws[1].mean(), rel=1e-9)
    assert stream["customers"].iloc[-1] == pytest.approx(table["p_there"].sum(), rel=0.02)
    monthly = forecast.stream(per=MONTH)
    assert len(monthly) == 60 and monthly["payments"].sum() == pytest.approx(stream["payments"].sum())
    assert (monthly["payments"].to_numpy() > 0).sum() == 5  # everybody has just renewed: all pay on the same days
    assert "1,222" not in repr(forecast) and "732 running" in repr(forecast)


def test_survivors_are_worth_more_than_constant_churn_says(forecast: clv.ContractForecast, cohort: clv.Tenures) -> None:
    table = forecast.against_formulas()
    rate = 1 - cohort.weights @ cohort.event / (cohort.weights @ cohort.exit)
    m, d = 100.0 * 732, 0.1
    assert table.loc["m r / (1 + d - r)", "value"] == pytest.approx(m * rate / (1 + d - rate))
    assert table.loc["m (1 + d) / (1 + d - r)", "value"] == pytest.approx(m * (1 + d) / (1 + d - rate))
    assert table.loc["m / churn", "value"] == pytest.approx(m / (1 - rate))
    assert table.loc["constant retention", "value"] == pytest.approx(m * sum((rate / 1.1) ** k for k in range(1, 6)))
    life = 1 / (1 - rate)
    years = np.clip(life - np.arange(40), 0, 1)
    assert table.loc["Reichheld", "value"] == pytest.approx(m * np.sum(years * 1.1 ** -np.arange(1.0, 41)))
    actual = 100 * sum(
        1.1**-k * n for k, n in enumerate([468 + 223, 445 + 207, 427 + 194, 409 + 183, 394 + 173], start=1)
    )
    assert table.loc["the model", "value"] == pytest.approx(actual, rel=0.02)  # Fader and Hardie 2007, years 8 to 12
    assert table.loc["constant retention", "value"] < 0.85 * actual
    assert "understates the value of survivors" in table.attrs["words"][1]


def test_where_retention_is_constant_the_formula_is_the_model() -> None:
    people = clv.Tenures.from_cohort([100, 80, 64])
    for paid in ("start of period", "end of period"):
        forecast = clv.forecast(Known(GEOMETRIC, [0.25]), people, price=7, horizon=6 * YEAR, discount=TENTH, draws=20,
                                paid=paid, price_growth=clv.Rate(0.02, per=YEAR), cost=clv.Cost(1, per=YEAR))  # fmt: skip
        table = forecast.against_formulas(retention=0.8)["value"]
        assert table["constant retention"] == pytest.approx(table["the model"], rel=1e-10)


def test_reasons_add_up_and_say_what_a_remedy_may_bring() -> None:
    """Constant risks of 0.10 and 0.05: closed forms with and without each; what is lost adds up to a perfect save."""
    fits = {"voluntary": Known(GEOMETRIC, [0.1 / 0.9]), "payment": Known(GEOMETRIC, [0.05 / 0.95])}
    forecast = clv.forecast(fits, tenures([0, 4]), price=50, margin=0.5, horizon=clv.FOREVER, discount=TENTH, draws=20)
    worth = lambda r: 2 * 25 * r / (1.1 - r)  # noqa: E731
    table = forecast.lost_to()
    assert potential(forecast).sum() == pytest.approx(worth(0.85), rel=1e-9)
    assert table["if_removed"].to_numpy() == pytest.approx(
        [worth(0.95) - worth(0.85), worth(0.90) - worth(0.85)], rel=1e-9
    )
    assert table["share"].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert table["lost"].sum() == pytest.approx(worth(1.0) - worth(0.85), rel=1e-9)
    assert clv.max_worth_spending(forecast).sum() == pytest.approx(worth(1.0) - worth(0.85), rel=1e-9)
    finite = clv.forecast(fits, tenures([0, 4]), price=50, horizon=3 * YEAR, draws=400, seed=2)
    assert finite.lost_to()["leavers"].sum() == pytest.approx(2 * (1 - 0.85**3))
    drawn = finite.predictive_draws[0]
    assert drawn.mean() == pytest.approx(2 * (0.85 + 0.85**2 + 0.85**3), abs=4 * drawn.std() / 20)


def test_risks_of_several_reasons_add_up_in_continuous_time() -> None:
    """Two Weibull risks of one shape are one: scales 8 and 6 make (8^-1.5 + 6^-1.5)^(-1 / 1.5)."""
    fits = {"voluntary": Known(Weibull(), (6.0, 1.5)), "payment": Known(RegressionWeibull(), (8.0, 1.5))}
    both = Known(Weibull(), ((8.0**-1.5 + 6.0**-1.5) ** (-1 / 1.5), 1.5))
    people, common = (
        tenures([0, 1.4, 1.4, 3.9]),
        {"price": 9, "horizon": 6 * YEAR, "discount": TENTH, "draws": 500, "seed": 2},
    )
    apart, together = (clv.forecast(one, people, **common) for one in (fits, both))
    assert potential(apart) == pytest.approx(potential(together), rel=1e-12)
    one_fit = Known(Together(voluntary=Weibull(), payment=RegressionWeibull()), (6.0, 1.5, 8.0, 1.5))
    assert clv.forecast(one_fit, people, **common).lost_to().equals(apart.lost_to())
    drawn, other = apart.predictive_draws[3], together.predictive_draws[3]
    assert drawn.mean() == pytest.approx(other.mean(), abs=4 * other.std() / np.sqrt(250))
    table = apart.lost_to()
    assert table["lost"].sum() == pytest.approx(clv.max_worth_spending(together).sum(), rel=1e-9)
    assert table["lost"]["voluntary"] / table["lost"]["payment"] == pytest.approx((8 / 6) ** 1.5)


def test_reasons_fitted_apart_predict_together() -> None:
    """Simulated customers leave for whichever reason comes: fits by reason together give the retention of all."""
    rng = np.random.default_rng(6)
    n, last = 4000, 6
    luck = rng.random((n, last))
    gone = np.where(luck < 0.12, 1, np.where(luck < 0.20, 2, 0))
    left = (gone > 0).any(axis=1)
    first = np.where(left, np.argmax(gone > 0, axis=1) + 1, last)
    reason = np.where(left, np.array([None, "voluntary", "payment"], dtype=object)[gone[np.arange(n), first - 1]], None)
    people = clv.Tenures(np.arange(n), np.zeros(n), first.astype(float), left.astype(float), MONTH, reason=reason)
    fits = {name: clv.fit(GEOMETRIC, people.because_of(name), method="mle") for name in ("voluntary", "payment")}
    forecast = clv.forecast(fits, people, price=1, horizon=1 * MONTH, draws=200)
    renew = forecast.per_customer().query("there == 1")["p_renew"].mean()
    assert renew == pytest.approx(0.8, abs=0.02)
    assert forecast.lost_to().loc["voluntary", "share"] == pytest.approx(0.6, abs=0.05)


def test_the_calendar_says_when_contracts_renew() -> None:
    rows = pd.DataFrame({
        "who": ["a", "b", "c", "d"], "from": ["2024-01-31", "2024-03-15", "2024-04-30", "2024-01-10"],
        "to": [None, None, None, "2024-03-10"], "fee": [10.0, 20.0, 30.0, 40.0], "earned": [4.0, 5.0, 6.0, 7.0],
    })  # fmt: skip
    contracts = clv.Contracts(
        rows, customer="who", start="from", end="to", observed_until="2024-04-30", price="fee", margin="earned"
    )
    fit = Known(GEOMETRIC, [0.25], MONTH)
    forecast = clv.forecast(fit, contracts, horizon=2 * MONTH, discount=TENTH, draws=20)
    table = forecast.per_customer()
    assert forecast.standing.wait[:3].tolist() == pytest.approx([1.0, 15 / 30, 1.0])
    assert forecast.standing.made[:3].tolist() == [3, 1, 0]
    month = 1.1 ** (-1 / 12)
    assert table["potential"].tolist()[:3] == pytest.approx([
        4 * (0.8 * month + 0.64 * month**2), 5 * (0.8 * month**0.5 + 0.64 * month**1.5), 6 * (0.8 * month + 0.64 * month**2)
    ])  # fmt: skip
    assert table["potential"].tolist()[3] == 0 and table["realised"].tolist() == [16, 10, 6, 14]
    assert table["spend"].tolist()[0] == pytest.approx(10 * (0.8 + 0.64))


def test_each_payment_so_far_counts_at_the_price_of_its_time() -> None:
    """10 a month, then 12 from the third on (agreed in the middle of the second), 15 from the fifth on; five payments made."""
    rows = pd.DataFrame({
        "who": ["a"] * 3, "from": ["2024-01-10", "2024-02-20", "2024-05-10"], "to": ["2024-02-20", "2024-05-10", None],
        "fee": [10.0, 12.0, 15.0],
    })  # fmt: skip
    contracts = clv.Contracts(rows, customer="who", start="from", end="to", observed_until="2024-05-31", price="fee")
    fit = Known(GEOMETRIC, [0.25], MONTH)
    table = clv.forecast(fit, contracts, margin=0.5, horizon=1 * MONTH, draws=20).per_customer().iloc[0]
    assert table["realised"] == 0.5 * (10 + 10 + 12 + 12 + 15)
    assert table["spend"] == pytest.approx(0.8 * 15)
    late = clv.forecast(fit, contracts, paid="end of period", horizon=1 * MONTH, draws=20).per_customer().iloc[0]
    assert late["realised"] == 10 + 10 + 12 + 12
    stated = clv.forecast(fit, contracts, price=20, horizon=1 * MONTH, draws=20).per_customer().iloc[0]
    assert stated["realised"] == 100


def test_prices_come_in_many_forms() -> None:
    fit, people = Known(GEOMETRIC, [0.25]), tenures([0, 1, 2], price=[10.0, 20.0, 30.0])
    common = {"horizon": 2 * YEAR, "draws": 400}
    by_column = potential(clv.forecast(fit, people, **common))
    assert by_column == pytest.approx(np.array([10, 20, 30]) * 1.44)
    by_series = clv.forecast(fit, pd.Series({0: 10.0, 1: 20.0, 2: 30.0}), people, **common)
    assert potential(by_series) == pytest.approx(by_column)
    unsure = clv.forecast(fit, people, price=stats.norm(50, 5), margin=stats.beta(30, 70), **common)
    assert potential(unsure) == pytest.approx(np.full(3, 0.3 * 50 * 1.44), rel=0.05)
    spread = unsure.total().loc["potential"]
    assert spread["expected_upper"] - spread["expected_lower"] > 0.2 * spread["mean"]


def test_order_of_customers_and_seed() -> None:
    fit, people = Known(SHIFTED_BETA_GEOMETRIC, REGULAR), tenures([3, 0, 2, 2])
    turned = clv.Tenures(people.customer_id[::-1], np.zeros(4), people.exit[::-1], np.zeros(4), YEAR)
    common = {"price": 5, "horizon": 4 * YEAR, "draws": 50, "seed": 3}
    one, other = (clv.forecast(fit, some, **common).per_customer() for some in (people, turned))
    assert one.equals(other.iloc[::-1].reset_index(drop=True))


def test_covariates_tell_customers_apart() -> None:
    model = clv.with_covariates(GEOMETRIC, dropout="channel")
    rng = np.random.default_rng(1)
    channel = np.where(rng.random(2000) < 0.5, "shop", "web")
    made = rng.geometric(np.where(channel == "shop", 0.1, 0.3)) - 1.0
    people = clv.Tenures(
        np.arange(2000), np.zeros(2000), np.minimum(made + 1, 3), (made < 3).astype(float), YEAR,
        covariates={"channel": channel},
    )  # fmt: skip
    fit = clv.fit(model, people, method="mle")
    table = clv.forecast(fit, people, price=1, horizon=1 * YEAR, draws=100).per_customer()
    renew = table[table["there"] == 1].groupby(channel[table["there"] == 1])["p_renew"].mean()
    assert renew.to_dict() == pytest.approx({"shop": 0.9, "web": 0.7}, abs=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Nobody knows what a payment is"),
        ({"price": 1.0, "paid": "monthly"}, "'start of period' or 'end of period'"),
        ({"price": 1.0, "timing": "now"}, "'before renewal' or 'after renewal'"),
        ({"price": 1.0, "horizon": clv.FOREVER}, "endless horizon needs a positive discount"),
        (
            {"price": 1.0, "horizon": clv.FOREVER, "discount": TENTH, "price_growth": TENTH},
            "above the growth of prices",
        ),
        ({"price": "dear"}, "is not a price"),
        ({"price": 1.0, "draws": 5}, "too few"),
    ],
)
def test_what_cannot_be_forecast(options: dict[str, object], message: str) -> None:
    with pytest.raises(clv.ClvError, match=message):
        clv.forecast(Known(GEOMETRIC, [0.2]), tenures([1, 2]), **{"horizon": 2 * YEAR} | options)


def test_contracts_and_purchases_are_not_mixed_up(cdnow, cdnow_bg_nbd, cdnow_gamma_gamma) -> None:
    with pytest.raises(clv.ModelError, match="forecasts contracts, not Histories"):
        clv.forecast(Known(GEOMETRIC, [0.2]), cdnow_gamma_gamma, cdnow, horizon=YEAR)
    with pytest.raises(clv.ClvError, match="price= is for contracts"):
        clv.forecast(cdnow_bg_nbd, cdnow_gamma_gamma, cdnow, horizon=YEAR, price=3)
    with pytest.raises(clv.ContractError, match="count months and the fit years"):
        clv.forecast(Known(GEOMETRIC, [0.2]), tenures([1], period=MONTH), price=1, horizon=YEAR)
    with pytest.raises(clv.ContractError, match="between two"):
        clv.forecast(Known(GEOMETRIC, [0.2]), tenures([1.5]), price=1, horizon=YEAR, timing="before renewal")
