"""A fit of media response: what it finds again, what weak evidence is worth, and what its tables say."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit, logit

import clvmodels as clv
from clvmodels.estimation.media_fit import MediaFit
from clvmodels.response.cells import NONE, Audience, Cells, Grade
from tests.response.worlds import Truth, audience_of, cells_of, world

SPEC = clv.media_response(window=28 * clv.DAY)


@pytest.fixture(scope="module")
def large() -> tuple[MediaFit, Truth]:
    cells, truth = world(11, q=2, months=3, cells=3000, occasions=200, fatigue=0.3)
    return clv.fit(SPEC, cells, seed=1), truth


def test_the_truth_is_found_again(large) -> None:
    fit, truth = large
    true = np.concatenate([
        truth.features, truth.medium, truth.medium_features.ravel(), np.log(truth.fatigue), [np.log(truth.fatigue_other)]
    ])  # fmt: skip
    names = [n for n in fit.layout.names if "segment" not in n and "month" not in n and n != "baseline"]
    drawn = fit.draws(2000)[names]
    z = (drawn.mean() - true) / drawn.std()
    assert np.all(np.abs(z) < 3.5)
    assert drawn.std().max() < 0.4
    within = [drawn.columns.get_loc(n) for n in ("feature 0", "feature 1")]
    assert drawn.iloc[:, within].std().max() < 0.02


def test_effects_are_found_again_where_fatigue_is_not_told_from_none(large) -> None:
    fit, truth = large
    effects = fit.effects()
    for m, name in enumerate(fit.media):
        row = effects.loc[name]
        sd = (row["upper"] - row["lower"]) / 3.29
        assert row["increment"] == pytest.approx(truth.average(fit.cells, m), abs=3.5 * sd)
        assert sd < 0.002


def test_fatigue_only_hurts(large) -> None:
    fit, _ = large
    assert np.all(fit.coefficients.fatigue > 0) and np.all(fit.coefficients.fatigue_other > 0)
    z, segment = np.zeros((1, 2)), np.zeros(1, dtype=int)
    rested, tired = (
        fit.increment_draws(
            audience_of(z, segment, media=3, own=np.array([[stock, 0.0, 0.0]])), draws=300, medium="medium 0"
        )
        for stock in (0.0, 4.0)
    )
    assert np.all(tired < rested)


def test_the_stock_can_be_given_for_a_later_contact(large) -> None:
    fit, _ = large
    z, segment = np.zeros((2, 2)), np.array([0, 2])
    later = np.array([[1.0, 0.5, 0.0], [2.0, 0.0, 0.0]])
    now, then = audience_of(z, segment, media=3), audience_of(z, segment, media=3, own=later)
    assert np.array_equal(fit.increment_draws(now, own_stock=later), fit.increment_draws(then))


def test_increments_are_differences_of_probabilities(large) -> None:
    fit, _ = large
    who = audience_of(np.array([[0.5, -1.0]]), np.array([1]), media=3)
    base, gain = fit.base_draws(who, draws=50, seed=3), fit.increment_draws(who, draws=50, seed=3)
    drawn = fit.draws(50, seed=3)
    month = [drawn[f"month 0{k}"] * fit.cells.occasions[fit.cells.month == k - 1].sum() for k in (1, 2, 3)]
    log_odds = (
        drawn["baseline"] + 0.5 * drawn["feature 0"] - drawn["feature 1"] + drawn["segment s1"]
        + sum(month) / fit.cells.occasions.sum()
    )  # fmt: skip
    effect = (
        drawn["medium 2"] + 0.5 * drawn["medium 2 x feature 0"] - drawn["medium 2 x feature 1"]
        + drawn["medium 2 x segment s1"]
    )  # fmt: skip
    assert base[0] == pytest.approx(expit(log_odds).to_numpy(), rel=1e-12)
    assert gain[2, 0] == pytest.approx((expit(log_odds + effect) - expit(log_odds)).to_numpy(), rel=1e-9)
    assert fit.increment_mean(who, draws=50, seed=3) == pytest.approx(gain.mean(axis=2))


def test_the_table_of_increments_is_that_of_the_draws(large) -> None:
    fit, _ = large
    rng = np.random.default_rng(0)
    who = audience_of(rng.normal(size=(40, 2)), rng.integers(0, 3, 40), media=3, cost=np.array([1.0, 2.0, 40.0]))
    table = fit.increments(who, draws=200, seed=5)
    gain = fit.increment_draws(who, draws=200, seed=5)
    assert list(table["customer_id"][:4]) == ["C0", "C0", "C0", "C1"]
    assert list(table["medium"][:4]) == [*fit.media, "medium 0"]
    wide = {
        name: table[name].to_numpy().reshape(40, 3).T
        for name in ("increment", "p_positive", "p_best", "p_best_per_cost")
    }
    assert wide["increment"] == pytest.approx(gain.mean(axis=2))
    assert wide["p_positive"] == pytest.approx((gain > 0).mean(axis=2))
    with_none = np.concatenate([np.zeros((1, 40, 200)), gain])
    assert wide["p_best"][1] == pytest.approx((with_none.argmax(axis=0) == 2).mean(axis=1))
    per_cost = with_none / np.array([1.0, 1.0, 2.0, 40.0])[:, None, None]
    assert wide["p_best_per_cost"][1] == pytest.approx((per_cost.argmax(axis=0) == 2).mean(axis=1))
    assert ((table["lower"] < table["increment"]) & (table["increment"] < table["upper"])).all()
    assert np.all(fit.increments(audience_of(np.zeros((1, 2)), np.array([0]), media=3))["p_best_per_cost"].isna())


def test_a_medium_with_three_contacts_is_left_near_nothing() -> None:
    """Three of three bought: the most extreme answer there is, and worth next to nothing."""
    cells, _ = world(3, media=2, medium=0.2)
    few = cells_of([0], [3], [3], np.zeros((1, 1)), media=1)
    three = replace(
        cells,
        media=(*cells.media, "visit"),
        grades={**cells.grades, "visit": "randomised"},
        **{
            name: np.concatenate([getattr(cells, name), getattr(few, name)])
            for name in ("occasions", "buyers", "purchases_amount", "purchases_amount_squared", "features", "controls",
                         "segment", "month", "own_stock", "other_stock")
        },
        medium=np.append(cells.medium, 2),
    )  # fmt: skip
    fit = clv.fit(SPEC, three, seed=2)
    row = fit.effects().loc["visit"]
    assert row["increment"] < 0.4  # the raw difference is above 0.9
    assert row["lower"] < 0.05
    table = fit.increments(audience_of(np.zeros((1, 1)), np.array([0]), media=3)).set_index("medium")
    assert table.loc["visit", "pooling"] < 0.5 < table.loc["medium 0", "pooling"]


def test_nobody_is_affected_beyond_those_contacted(large) -> None:
    """Features reach to 1.34 among the contacted: at 4 the effect on the log-odds is that at 1.34, and the baseline is not."""
    fit, _ = large
    found = []
    for z in (1.5 / np.sqrt(1.25), 4.0):
        who = audience_of(np.array([[z, -z]]), np.array([0]), media=3)
        base, gain = fit.base_draws(who, draws=20), fit.increment_draws(who, draws=20, medium="medium 0")[0]
        found.append((logit(base), logit(base + gain) - logit(base)))
    (base, effect), (far_base, far_effect) = found
    assert far_effect == pytest.approx(effect, rel=1e-6)
    assert np.abs(far_base - base).min() > 0.1


def test_a_segment_that_was_not_there_is_like_the_others_and_less_known(large) -> None:
    fit, _ = large
    z = np.zeros((4, 2))
    gain = fit.increment_draws(audience_of(z, np.array([0, 1, 2, -1]), media=3), draws=1500)
    assert np.all(gain[:, 3].std(axis=1) > gain[:, :3].std(axis=2).max(axis=1))
    assert gain[:, 3].mean(axis=1) == pytest.approx(gain[:, :3].mean(axis=(1, 2)), abs=0.03)


def test_nothing_out_of_nothing() -> None:
    """Worlds without effects: intervals hold zero, and it is rarely called sure that there is one."""
    effects = [
        clv.fit(SPEC, world(100 + k, media=4, medium=0.0, modifiers=0.0)[0], draws=400).effects() for k in range(12)
    ]
    sure = np.concatenate([np.abs(e["p_positive"] - 0.5) > 0.45 for e in effects])
    holds = np.concatenate([(e["lower"] < 0) & (e["upper"] > 0) for e in effects])
    assert sure.sum() <= stats.binom.ppf(0.999, sure.size, 0.10)
    assert holds.sum() >= stats.binom.ppf(0.001, holds.size, 0.90)


@pytest.mark.slow
def test_intervals_cover() -> None:
    """200 experiments: 90 % intervals of the media's increments and of customers' hold the truth in 85 to 95 %."""
    media, customers = [], []
    for k in range(200):
        cells, truth = world(1000 + k, fatigue=0.2 * (k % 2))
        fit = clv.fit(SPEC, cells, method="laplace", draws=1000, seed=k)
        effects, rng = fit.effects(), np.random.default_rng(k)
        media += [row.lower < truth.average(cells, m) < row.upper for m, row in enumerate(effects.itertuples())]
        z, segment = (rng.integers(0, 4, (20, 1)) - 1.5) / np.sqrt(1.25), rng.integers(0, 3, 20)
        own = rng.choice([0.0, 1.0], (20, 3)) * (k % 2)
        table = fit.increments(audience_of(z, segment, media=3, own=own))
        true = [truth.increment(m, z, segment, own[:, m], own.sum(axis=1) - own[:, m]) for m in range(3)]
        inside = (table["lower"] < np.stack(true, axis=1).ravel()) & (np.stack(true, axis=1).ravel() < table["upper"])
        customers.append(inside.mean())
    assert 0.85 <= np.mean(media) <= 0.95
    assert 0.85 <= np.mean(customers) <= 0.95


@pytest.mark.slow
def test_laplace_agrees_with_nuts() -> None:
    """Means within a tenth of a posterior standard deviation, standard deviations within a tenth; fatigue and months included."""
    cells, _ = world(21, media=2, months=3, cells=150, fatigue=0.3)
    laplace = clv.fit(SPEC, cells, method="laplace", draws=20_000, seed=1)
    nuts = clv.fit(SPEC, cells, method="nuts", draws=3000, chains=4, seed=1)
    assert nuts.diagnostics.r_hat < 1.01 and nuts.diagnostics.divergences == 0
    a, b = laplace.draws(20_000), nuts.draws(12_000)
    logs = [name for name in a if name.startswith("spread")]
    a[logs], b[logs] = np.log(a[logs]), np.log(b[logs])
    assert np.abs((a.mean() - b.mean()) / b.std()).max() < 0.1
    assert (a.std() / b.std()).between(0.9, 1.1).all()
    one, two = (fit.effects(draws=12_000) for fit in (laplace, nuts))
    sd = (two["upper"] - two["lower"]) / 3.29
    for column in ("increment", "lower", "upper"):
        assert np.all(np.abs(one[column] - two[column]) < 0.15 * sd)


class Replies(NamedTuple):
    contacts: int
    responses: int


class Seen:
    """Occasions as a fit sees them."""

    window = 28 * clv.DAY
    half_life: ClassVar[dict[str, float]] = {}

    def __init__(self, cells: Cells, replies: dict[str, Replies] | None = None) -> None:
        self.made, self.replies = cells, replies or {}

    def cells(self) -> Cells:
        return self.made

    def audience(self) -> Audience:
        return audience_of(np.zeros((2, self.made.features.shape[1])), np.array([0, 0]), media=len(self.made.media))

    def attributed_responses(self) -> dict[str, Replies]:
        return self.replies

    def sent(self) -> None:
        return None


def attributed(responses: int | None = 50, *, followed: int = 90) -> Seen:
    """A randomised medium, and one that everybody who is asked about was contacted by; replies are known of 1,000 contacts."""
    grades: dict[str, Grade] = {"medium 0": "randomised", "medium 1": "attributed-only"}
    cells = cells_of([NONE, 0, 1], [4000, 4000, 1000], [200, 260, followed], media=2, grades=grades)
    return Seen(cells, None if responses is None else {"medium 1": Replies(1000, responses)})


@pytest.mark.parametrize(("responses", "rate"), [(50, 0.05), (None, 0.09)])
def test_attributed_only_is_a_share_of_the_responses(responses, rate) -> None:
    """The mean of share times rate is the product of means: half of the response rate under Beta(2, 2)."""
    effects = clv.fit(SPEC, attributed(responses), draws=8000).effects(draws=8000).loc["medium 1"]
    assert effects["increment"] == pytest.approx(0.5 * rate, rel=0.03)
    lower, upper = stats.beta.ppf([0.05, 0.95], 2, 2)
    assert effects["lower"] == pytest.approx(lower * rate, rel=0.15)
    assert effects["upper"] == pytest.approx(upper * rate, rel=0.15)


def test_attributed_only_needs_no_baseline() -> None:
    """Everybody was contacted, and nothing else is known: the increment is a share of the replies, and sure to be positive."""
    cells = cells_of([0], [1000], [90], grades={"medium 0": "attributed-only"})
    fit = clv.fit(SPEC, Seen(cells, {"medium 0": Replies(1000, 50)}), draws=4000)
    assert fit.effects(draws=4000)["increment"].iloc[0] == pytest.approx(0.025, rel=0.05)
    assert fit.increments()["p_best"].min() == 1.0


def test_a_lift_test_calibrates_the_share() -> None:
    share = clv.share_from_lift_test(0.2, standard_error=0.01)
    assert stats.beta(*share).mean() == pytest.approx(0.2) and stats.beta(*share).std() == pytest.approx(0.01)
    spec = clv.media_response(window=28 * clv.DAY, attributed_share={"medium 1": share})
    assert clv.fit(spec, attributed()).effects().loc["medium 1", "increment"] == pytest.approx(0.01, rel=0.05)
    with pytest.raises(clv.ModelError, match="No Beta distribution"):
        clv.share_from_lift_test(0.2, standard_error=0.5)


def test_attributed_contacts_are_no_evidence_on_others() -> None:
    """What the attributed-only medium's occasions were followed by changes nothing of the other medium."""
    one, two = attributed(), attributed(10, followed=900)
    first, second = (clv.fit(SPEC, c, seed=1).effects().loc["medium 0", "increment"] for c in (one, two))
    assert first == second


def test_the_bias_that_would_turn_the_net_value() -> None:
    fit = clv.fit(SPEC, attributed())
    effects = fit.effects(value=40.0, cost={"medium 0": 0.2, "medium 1": 0.2})
    row = effects.loc["medium 1"]
    assert row["net"] == pytest.approx(40 * row["increment"] - 0.2)
    assert 40 * (row["increment"] - row["break_even"]) == pytest.approx(0.2)
    assert row["break_even_share"] == pytest.approx(row["break_even"] / row["increment"])
    assert np.isnan(effects.loc["medium 0", "break_even"])
    with pytest.raises(clv.ClvError, match="names fax"):
        fit.effects(value=40.0, cost={"fax": 1.0})


def test_a_fit_shows_itself() -> None:
    fit = clv.fit(SPEC, attributed())
    assert "9,000 occasions in 3 cells, 550 followed by a purchase within 28 days" in repr(fit)
    assert "1,000 contacts, attributed-only" in repr(fit)
    assert "k-hat" in repr(fit) and "<table" in fit._repr_html_()
    assert list(fit.grades()["grade"]) == ["randomised", "attributed-only"]
    assert list(fit.summary().index) == ["baseline", "medium 0", "spread media"]


def test_what_cannot_be_fitted_is_refused() -> None:
    cells = cells_of([NONE, 0], [100, 100], [5, 8])
    wrong = {
        "no occasion without contact": replace(cells, medium=np.array([0, 0])),
        "'buyers' cannot be in 1 row: 0 ": replace(cells, buyers=np.array([101.0, 8.0])),
        "no evidence grade of medium 0": replace(cells, grades={}),
        "'own_stock' cannot be": replace(cells, own_stock=np.array([0.0, -1.0])),
    }
    for message, bad in wrong.items():
        with pytest.raises(clv.ContactError, match=message):
            clv.fit(SPEC, bad)
    with pytest.raises(clv.ClvError, match="'mle' has none"):
        clv.fit(SPEC, cells, method="mle")
    with pytest.raises(clv.ModelError, match="no prior mu"):
        clv.fit(SPEC, cells, priors={"mu": clv.Normal(0.0, 1.0)})
    with pytest.raises(clv.ModelError, match="give a LogNormal"):
        clv.fit(SPEC, cells, priors={"spread_media": clv.Normal(0.0, 1.0)})
    with pytest.raises(clv.UnitError, match="28 of what"):
        clv.media_response(window=28)  # type: ignore[arg-type]
    fit = clv.fit(SPEC, cells)
    with pytest.raises(clv.ClvError, match="Give the audience"):
        fit.increments()
    with pytest.raises(clv.ContactError, match="There are 2 features, the model was fitted to 0"):
        fit.increments(audience_of(np.zeros((1, 2)), np.array([0]), media=1))
    with pytest.raises(clv.ContactError, match="no medium 'fax'"):
        fit.increment_draws(audience_of(np.zeros((1, 0)), np.array([0]), media=1), medium="fax")


def test_a_tight_prior_holds_a_medium_down() -> None:
    cells = cells_of([NONE, 0], [1000, 1000], [50, 100])
    free, held = (
        clv.fit(SPEC, cells, priors=p).effects()["increment"].iloc[0]
        for p in (None, {"spread_media": clv.LogNormal(0.01, 0.1)})
    )
    assert free > 0.03 and abs(held) < 0.003


def test_a_contact_log_becomes_occasions_with_the_models_window_and_half_lives() -> None:
    cells, _ = world(4)
    market = clv.simulate_market(customers=300, weeks=52, seed=2)
    contacts = clv.Contacts(market.contacts, customer="customer", medium="medium", date="date", holdout="holdout")
    weekly = clv.media_response(window=28 * clv.DAY, half_life=clv.WEEK)
    fit = clv.fit(weekly, contacts, market.log)
    made = clv.occasions(contacts, market.log, window=28 * clv.DAY, half_life=dict.fromkeys(contacts.media, clv.WEEK))
    pd.testing.assert_frame_equal(fit.effects(), clv.fit(weekly, made).effects(), rtol=1e-6, atol=1e-5)
    assert {span.days for span in fit.spec.half_lives(fit.media).values()} == {7.0}
    assert len(fit.increments()) == 3 * 300
    assert len(fit.contacts) == (~market.contacts["holdout"]).sum()
    with pytest.raises(clv.ContactError, match="neither cells nor occasions"):
        clv.fit(SPEC, contacts)
    with pytest.raises(clv.ClvError, match="window of 28 days, the model asks for 7 days"):
        clv.fit(clv.media_response(window=7 * clv.DAY), Seen(cells))
    with pytest.raises(clv.ContactError, match="neither cells nor occasions"):
        clv.fit(SPEC, "contacts.csv")  # type: ignore[call-overload]
    with pytest.raises(clv.ClvError, match="fitted to histories alone"):
        clv.fit(clv.NBD, cells, "purchases")  # type: ignore[call-overload]


def test_amounts_may_shift_by_medium() -> None:
    """Three in ten buy after a contact and two in ten without; purchases after a contact are a third larger."""
    n = np.array([20_000.0, 20_000.0])
    buyers = n * [0.2, 0.3]
    mean, sd = np.array([30.0, 40.0]), 5.0
    one = cells_of([NONE, 0], n, buyers, media=1)
    cells = replace(one, purchases_amount=buyers * mean, purchases_amount_squared=buyers * (mean**2 + sd**2))
    same, shifted = (
        clv.fit(clv.media_response(window=28 * clv.DAY, amounts=how), cells, draws=2000)
        for how in ("same", "by medium")
    )
    assert shifted.amount_ratios["medium 0"].mean() == pytest.approx(4 / 3, rel=0.01)
    true = 0.3 * 40 - 0.2 * 30
    assert shifted.effects().loc["medium 0", "spend"] == pytest.approx(true, rel=0.05)
    assert same.effects().loc["medium 0", "spend"] == pytest.approx(0.1 * (buyers @ mean) / buyers.sum(), rel=0.05)
    with pytest.raises(clv.ModelError, match="'same' or 'by medium'"):
        clv.media_response(window=28 * clv.DAY, amounts="both")  # type: ignore[arg-type]
