"""Plans for customers under contract: offers are worth exactly what moving the probability to renew does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import clvmodels as clv
from clvmodels import GEOMETRIC, MONTH, SHIFTED_BETA_GEOMETRIC, YEAR
from clvmodels.budget.contract_worth import ContractWorth
from clvmodels.budget.saves import Saves
from clvmodels.budget.values import action_values
from tests.contracts import Known, stated, tenures

TENTH = clv.Rate(0.1, per=YEAR)
CALL = clv.Action("call", clv.PlannedContact("call", 0.0, at=2 * MONTH))
TWICE = clv.Action("call twice", *(clv.PlannedContact("call", 0.0, at=t * MONTH) for t in (2, 14)))
MAIL_CALL = clv.Action(
    "mail, call", clv.PlannedContact("mail", 0.0, at=1 * MONTH), clv.PlannedContact("call", 0.0, at=2 * MONTH)
)
TERMS = {"price": 100.0, "margin": 0.4, "horizon": 8.5 * YEAR, "discount": TENTH, "draws": 20}
RATES = np.array([0.6, 0.7, 0.75, *np.linspace(0.8, 0.95, 45)])


def values_of(forecast: clv.ContractForecast, actions: tuple[clv.Action, ...], *saves: clv.Save):
    return action_values(ContractWorth(forecast, Saves(saves)), actions)


@pytest.mark.parametrize("paid", ["start of period", "end of period"])
@pytest.mark.parametrize("made", [0.0, 2.0, 2.4])
def test_an_offer_is_worth_what_moving_the_renewal_does(paid: str, made: float) -> None:
    """The forecast with the rates really moved less the forecast, the cost of serving included: to 1e-9."""
    options = TERMS | {"paid": paid, "cost": clv.Cost(3.0, per=MONTH), "price_growth": clv.Rate(0.02, per=YEAR)}
    saves = clv.Save("call", effect=0.3, controllable=0.5), clv.Save("mail", effect=0.9, controllable=0.2)
    base = clv.forecast(stated(RATES), tenures([made]), **options)
    found = values_of(base, (CALL, TWICE, MAIL_CALL), *saves)
    first = int(made)
    for number, moves in ((1, {first: 0.3}), (2, {first: 0.3, first + 1: 0.3}), (3, {first: 0.2 + 0.8 * 0.3})):
        rates = RATES.copy()
        for place, share in moves.items():
            rates[place] += share * (1 - rates[place])
        moved = clv.forecast(stated(rates), tenures([made]), **options)
        difference = moved.per_customer()["potential"][0] - base.per_customer()["potential"][0]
        assert found.net[0, number] == pytest.approx(difference, rel=1e-9)
        assert difference > 0


def test_the_same_with_a_fitted_model() -> None:
    """sBG rates by tenure, written out, for customers of several tenures at once."""
    theta, people = (0.7, 2.0), tenures([0, 1, 3])
    base = clv.forecast(Known(SHIFTED_BETA_GEOMETRIC, theta), people, **TERMS)
    rates = SHIFTED_BETA_GEOMETRIC.retention_rate(theta, np.arange(1, 80))
    written = clv.forecast(stated(rates), people, **TERMS)
    save = clv.Save("call", effect=0.25)
    one, other = (values_of(f, (CALL, TWICE), save) for f in (base, written))
    assert one.net == pytest.approx(other.net, rel=1e-9)
    assert one.response[:, 1] == pytest.approx(rates[[0, 1, 3]] + 0.25 * (1 - rates[[0, 1, 3]]))


def test_one_offer_a_year_is_case_1_of_berger_and_nasr() -> None:
    """Berger and Nasr 1998, case 1: margin 260 from now on, promotion 50 in the middle of each year, retention .75, 20 %: 568.78.

    Without promotion half of the customers stay; each promotion keeps half of those who would leave.
    """
    fit = Known(GEOMETRIC, [1.0])
    forecast = clv.forecast(fit, tenures([0]), price=260.0, horizon=10 * YEAR, discount=clv.Rate(0.2, per=YEAR),
                            timing="after renewal", draws=20)  # fmt: skip
    yearly = clv.Action("every year", *(clv.PlannedContact("mail", 50.0, at=(k + 0.5) * YEAR) for k in range(10)))
    found = values_of(forecast, (yearly,), clv.Save("mail", effect=0.5))
    total = forecast.per_customer()["potential"][0] + found.net[0, 1]
    published = clv.formulas.berger_nasr(contribution=260, promotion=50, retention=0.75, discount=0.2, periods=10)
    assert total == pytest.approx(published, rel=1e-12)
    assert total == pytest.approx(568.78, abs=0.005)


def test_constant_retention_has_a_closed_form() -> None:
    """(p - r) m v (1 + d) / (1 + d - r) less cost, the offer paid to all who stay."""
    r, d, m = 0.8, 0.1, 40.0
    forecast = clv.forecast(Known(GEOMETRIC, [0.25]), tenures([0, 5]), **TERMS | {"horizon": clv.FOREVER})
    offer = clv.Action("offer", clv.PlannedContact("offer", 2.0, at=1 * YEAR, cost_on_response=6.0))
    found = values_of(forecast, (offer,), clv.Save("offer", effect=0.6))
    p = r + 0.6 * (1 - r)
    assert found.gross[:, 1] == pytest.approx((p - r) * m / (1 + d) * (1 + d) / (1 + d - r), rel=1e-10)
    assert found.cost[:, 1] == pytest.approx((2.0 + 6.0 * p) / (1 + d), rel=1e-10)
    assert found.outlay[:, 1] == pytest.approx(2.0 + 6.0 * p, rel=1e-10)


@pytest.fixture(scope="module")
def forecast() -> clv.ContractForecast:
    """300 customers who may leave, 20 sure to stay, 30 who have left."""
    exit = np.concatenate([np.arange(300) % 6, np.full(20, 2), np.full(30, 3)]).astype(float)
    event = np.concatenate([np.zeros(320), np.ones(30)])
    segment = np.concatenate([np.full(300, "may leave"), np.full(20, "sure"), np.full(30, "gone")])
    people = clv.Tenures(np.arange(350), np.zeros(350), exit, event, YEAR, segment=segment)
    loyal = clv.fit(SHIFTED_BETA_GEOMETRIC, clv.Tenures.from_cohort([1000, 631, 468, 382, 326, 289, 262, 241]))
    prices = pd.Series(np.where(segment == "sure", 0.0, 20.0 + np.arange(350) % 7 * 30), index=np.arange(350))
    return clv.forecast(loyal, people, price=prices, margin=stats.beta(40, 60), horizon=5 * YEAR, discount=TENTH,
                        draws=60, seed=2)  # fmt: skip


SAVES = (clv.Save("call", effect=stats.beta(4, 16), controllable=0.6), clv.Save("mail", effect=stats.beta(2, 38)))
ACTIONS = (
    clv.Action("mail", clv.PlannedContact("mail", 0.5, cost_on_response=1.0)),
    clv.Action("call", clv.PlannedContact("call", 6.0)),
    clv.Action("mail, then call", clv.PlannedContact("mail", 0.5), clv.PlannedContact("call", 6.0, at=6 * MONTH)),
)


@pytest.fixture(scope="module")
def plan(forecast: clv.ContractForecast) -> clv.Plan:
    return clv.plan_budget(forecast, SAVES, ACTIONS, budget=400.0, seed=3)


def test_who_is_sure_to_stay_or_gone_gets_no_offer(forecast: clv.ContractForecast) -> None:
    sure = clv.forecast(Known(GEOMETRIC, [1e-12]), tenures(range(40)), price=1000.0, horizon=5 * YEAR, draws=20)
    plan = clv.plan_budget(sure, SAVES, ACTIONS, holdout=0.0)
    assert (plan.per_customer()["action"] == "none").all()
    assert plan.total().loc["net", "mean"] == 0
    mixed = clv.plan_budget(forecast, SAVES, ACTIONS, holdout=0.0, certainty=0.0).per_customer()
    segment = forecast.segment
    assert (mixed.loc[segment != "may leave", "action"] == "none").all()
    assert (mixed.loc[segment == "may leave", "action"] != "none").mean() > 0.3


def test_a_judgement_that_is_not_sure_enough_gets_no_money(forecast: clv.ContractForecast) -> None:
    plan = clv.plan_budget(forecast, SAVES, ACTIONS, holdout=0.0, certainty=0.99)
    assert (plan.per_customer()["action"] == "none").all()
    assert {one.medium for one in plan.kept_back} == {"call", "mail"} and all(one.sure < 0.99 for one in plan.kept_back)
    assert "because the evidence is weak" in repr(plan)


def test_a_plan_of_nothing_returns_the_forecast(forecast: clv.ContractForecast, plan: clv.Plan) -> None:
    nothing = replace(plan, solution=replace(plan.solution, choice=np.zeros(350, dtype=np.int16)))
    total = nothing.total()["mean"]
    assert total["net"] == 0
    assert total["potential under plan"] == forecast.total().loc["potential", "mean"]
    assert nothing.per_customer()["ltv_under_plan"].tolist() == forecast.per_customer()["ltv"].tolist()


def test_no_offer_brings_more_than_a_perfect_save(forecast: clv.ContractForecast) -> None:
    """An offer that keeps everybody at the next renewal, and one at each."""
    always = clv.Action("always", *(clv.PlannedContact("call", 0.0, at=k * YEAR) for k in range(6)))
    perfect = clv.Save("call", effect=1.0)
    found, most = values_of(forecast, (CALL, always), perfect), clv.max_worth_spending(forecast).to_numpy()
    assert np.all(found.gross[:, 1] <= most + 1e-9)
    assert found.gross[:, 2] == pytest.approx(most, rel=1e-9)
    capped = values_of(forecast, (CALL,), replace(perfect, controllable=0.6))
    assert capped.gross[:, 1] == pytest.approx(0.6 * found.gross[:, 1], rel=1e-9)
    fading = values_of(forecast, (CALL,), replace(perfect, lasting=0.5))
    assert fading.gross[:, 1] == pytest.approx(0.5 * found.gross[:, 1], rel=1e-9)


def test_tables_words_and_policies(plan: clv.Plan, tmp_path) -> None:
    table, total, media = plan.per_customer(), plan.total(), plan.by_medium()
    for name in ("outlay", "gross", "cost", "net"):
        assert table[name].sum() == pytest.approx(total.loc[name, "mean"], rel=1e-9)
    assert media["net"].sum() == pytest.approx(total.loc["net", "mean"], rel=1e-9)
    assert plan.solution.spent <= 400.0 and media.loc["call", "renewals"] > 0
    assert media["grade"].tolist() == ["judgement", "judgement"]
    ranked = plan.compare()
    rules = ["top LTV", "highest churn risk", "highest response rate", "highest increment"]
    assert (ranked.loc[rules, "difference"] > -plan.solution.gap).all()
    assert ranked.loc["highest response rate", "net"] < 0.7 * ranked.loc["this plan", "net"]  # they stay anyway
    assert np.all(np.diff(plan.frontier()["net"]) >= -1e-6)
    assert "What call, mail brings is judgement, not measured" in repr(plan)
    assert "Who is kept by call, mail is taken to stay afterwards like those who renew by themselves" in repr(plan)
    evidence = plan.evidence()
    assert 0 < evidence.loc["call", "lower"] < evidence.loc["call", "increment"] < evidence.loc["call", "upper"]
    margin = plan.worth.margin()
    assert evidence.loc["call", "net"] == pytest.approx(margin * evidence.loc["call", "increment"] - 6.0)
    someone = table[table["action"] != "none"].iloc[0]
    assert f"Customer {someone['customer_id']} gets {someone['action']}" in plan.why(someone["customer_id"])
    assert len(pd.read_csv(plan.to_csv(tmp_path / "calls.csv"))) == media["contacts"].sum()
    assert clv.write_plan(tmp_path / "plan.html", plan).stat().st_size > 10_000


def test_constraints_and_caution(forecast: clv.ContractForecast) -> None:
    limits = [clv.Capacity("call", 20), clv.Coverage(segment="may leave", at_least=0.3)]
    plan = clv.plan_budget(forecast, SAVES, ACTIONS, budget=300.0, constraints=limits, seed=3)
    table = plan.per_customer()
    assert plan.by_medium().loc["call", "contacts"] <= 20
    inside = (forecast.segment == "may leave") & ~table["held_out"]
    assert (table.loc[inside, "action"] != "none").mean() >= 0.3
    consent = pd.DataFrame({"call": False}, index=forecast.customer_id)
    silent = clv.plan_budget(forecast, SAVES, ACTIONS, consent=consent, holdout=0.0, certainty=0.0).by_medium()
    assert silent.loc["call", "contacts"] == 0 and silent.loc["mail", "contacts"] > 0


def test_only_the_reason_that_an_offer_answers_can_be_moved() -> None:
    fits = {"voluntary": Known(GEOMETRIC, [0.1 / 0.9]), "payment": Known(GEOMETRIC, [0.05 / 0.95])}
    forecast = clv.forecast(fits, tenures([0, 4]), **TERMS)
    saves = (clv.Save("call", effect=1.0, reason="voluntary"), clv.Save("mail", effect=1.0, reason="payment"))
    mail = clv.Action("mail", clv.PlannedContact("mail", 0.0))
    found = values_of(forecast, (CALL, mail), *saves)
    assert found.response[:, 1] == pytest.approx(0.95) and found.response[:, 2] == pytest.approx(0.90)
    assert found.gross[:, 1] == pytest.approx(2 * found.gross[:, 2], rel=1e-9)
    with pytest.raises(clv.ClvError, match="answers 'price'"):
        clv.plan_budget(forecast, clv.Save("call", effect=0.2, reason="price"), [CALL])


def test_a_lift_test_says_what_was_seen() -> None:
    """600 of 4,000 would have left, 480 did: a fifth is kept; the draws are those of two beta posteriors."""
    save = clv.Save.from_lift_test("call", contacted=4000, renewed=3520, others=4000, others_renewed=3400)
    drawn = save.draws(40_000, 1)
    assert drawn.mean() == pytest.approx(0.2, abs=0.005)
    relative = np.sqrt(1 / 480 - 1 / 4000 + 1 / 600 - 1 / 4000)  # delta method of a ratio of shares
    assert drawn.std() == pytest.approx(0.8 * relative, rel=0.05)
    forecast = clv.forecast(Known(GEOMETRIC, [0.15 / 0.85]), tenures(range(5)), **TERMS | {"draws": 400})
    plan = clv.plan_budget(forecast, save, [clv.Action("call", clv.PlannedContact("call", 1.0))], holdout=0.0)
    evidence = plan.evidence().loc["call"]
    assert evidence["grade"] == "randomised" and evidence["increment"] == pytest.approx(0.03, abs=0.003)
    assert "judgement" not in repr(plan) and "Who is kept" not in repr(plan)  # constant retention: all alike


def test_a_media_fit_whose_outcome_is_to_renew(shop) -> None:
    """Its increments are added to the model's own probability to renew, capped by what can be moved."""
    ids = shop.media.audience.customer_id[:50]
    people = clv.Tenures(ids, np.zeros(50), np.arange(50) % 3, np.zeros(50), YEAR)
    forecast = clv.forecast(Known(GEOMETRIC, [0.25]), people, **TERMS)
    response = clv.RenewalResponse(shop.media, controllable=0.1)
    action = clv.Action("letter", clv.PlannedContact("DM", 0.0))
    plan = clv.plan_budget(forecast, response, [action], holdout=0.0, seed=4)
    given = shop.media.increment_draws(shop.media.audience.picked(np.arange(50)), medium="DM", draws=20, seed=4)[0]
    moved = np.minimum(given, 0.1 * 0.2)
    residual = 40 * sum(0.8 ** (k - 1) * 1.1**-k for k in range(1, 9))
    assert plan.values.gross[:, 1] == pytest.approx((moved * residual).mean(axis=1), rel=1e-9)
    assert plan.evidence().loc["DM", "grade"] == shop.media.grades().loc["DM", "grade"]
    strangers = clv.Tenures([-1, -2], np.zeros(2), np.ones(2), np.zeros(2), YEAR)
    with pytest.raises(clv.ClvError, match="unknown to the media response"):
        clv.plan_budget(clv.forecast(Known(GEOMETRIC, [0.2]), strangers, **TERMS), shop.media, [action])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda f: clv.plan_budget(f, clv.Save("fax", effect=0.1), [CALL]), "uses call"),
        (lambda f: clv.plan_budget(f, [SAVES[0], SAVES[0]], [CALL]), "several saves by call"),
        (lambda f: clv.plan_budget(f, "call", [CALL]), "says nothing about renewals"),
        (lambda f: clv.plan_budget(f, SAVES, ACTIONS, pull_forward=0.2), "pull_forward= is for purchases"),
        (lambda f: clv.Save("call", effect=1.5), "not a share of those who would leave"),
        (lambda f: clv.Save("call", effect=0.5, controllable=2.0), "controllable=2.0"),
        (lambda f: clv.Save.from_lift_test("call", contacted=10, renewed=12, others=5, others_renewed=4), "renewed=12"),
    ],
)  # fmt: skip
def test_what_cannot_be_planned(forecast: clv.ContractForecast, make, message: str) -> None:
    with pytest.raises(clv.ClvError, match=message):
        make(forecast)


def test_a_save_is_for_contracts_and_one_row_per_customer(shop) -> None:
    with pytest.raises(clv.ClvError, match=r"clv\.Save is for contracts"):
        clv.plan_budget(shop.forecast, SAVES, ACTIONS)
    twice = clv.Tenures([1, 1], np.zeros(2), np.ones(2), np.zeros(2), YEAR)
    with pytest.raises(clv.ClvError, match="has several contracts"):
        clv.plan_budget(clv.forecast(Known(GEOMETRIC, [0.2]), twice, **TERMS), SAVES, ACTIONS)
