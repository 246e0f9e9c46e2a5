"""A simulated market is what it says it is: its stated truth agrees with brute force, and its shares are as asked."""

from __future__ import annotations

import datetime
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import special

import clvmodels as clv
from clvmodels.simulation.market import Market
from clvmodels.simulation.windows import purchases, with_contact
from clvmodels.simulation.world import Medium

WINDOW = 4 * clv.WEEK
DAYS = 28


@pytest.fixture(scope="module")
def market() -> Market:
    return clv.simulate_market(customers=10_000, seed=3)


@pytest.fixture(scope="module")
def confounded() -> Market:
    return clv.simulate_market(customers=10_000, targeting="value", contact_share=0.2, seed=4)


def window_of(dates: pd.Series, market: Market) -> np.ndarray:
    return ((dates - pd.Timestamp(market.start)).dt.days // DAYS).to_numpy()


def bought_in_window(market: Market) -> np.ndarray:
    """(customers, windows) whether the log has a purchase in each window; windows begin on the days of contact."""
    log, world = market.transactions, market.truth.world
    found = np.zeros((world.customers, world.windows), dtype=bool)
    found[log["customer"], window_of(log["date"], market)] = True
    return found


def difference(treated: np.ndarray, others: np.ndarray) -> tuple[float, float]:
    """Of the shares, and its standard error."""
    error = np.sqrt(treated.var() / len(treated) + others.var() / len(others))
    return float(treated.mean() - others.mean()), float(error)


def effects_by_hand(market: Market) -> dict[str, np.ndarray]:
    """Effect on the logit of a contact at the end, from the tables alone, by the formula in the docstring."""
    world, truth = market.truth.world, market.truth.customers
    end = pd.Timestamp(market.until) + pd.Timedelta(days=1)
    last = market.transactions.groupby("customer")["date"].max().reindex(truth.index)
    weeks = (end - last).dt.days.to_numpy() / 7
    made = market.contacts[~market.contacts["holdout"]]
    stock = {}
    for medium in world.media:
        own = made[made["medium"] == medium.name]
        counted = 0.5 ** ((end - own["date"]).dt.days / medium.half_life.days)
        stock[medium.name] = counted.groupby(own["customer"]).sum().reindex(truth.index, fill_value=0.0).to_numpy()
    found = {}
    for medium in world.media:
        others = sum(stock[one] for one in stock if one != medium.name)
        segment = (
            truth["segment"].astype(str).map(lambda s, m=medium: m.segment_effects.get(s, 0.0)).to_numpy(dtype=float)
        )
        fatigue = medium.fatigue * np.log1p(stock[medium.name]) + world.cross_fatigue * np.log1p(others)
        found[medium.name] = medium.effect + segment + medium.recency_effect * weeks - fatigue
    return found


def test_increments_are_those_of_the_formula_on_the_tables(market: Market) -> None:
    truth = market.truth.customers
    overlap = np.clip(truth["dropout"] - 104, 0.0, 4.0)
    baseline = -np.expm1(-truth["rate"] * overlap)
    assert truth["baseline"].to_numpy() == pytest.approx(baseline.to_numpy(), abs=1e-12)
    for name, effect in effects_by_hand(market).items():
        with np.errstate(divide="ignore"):
            contacted = special.expit(special.logit(baseline) + effect)
        assert market.truth.increments[name].to_numpy() == pytest.approx((contacted - baseline).to_numpy(), abs=1e-9)


def test_increments_are_what_contacts_bring(market: Market) -> None:
    """With and without a contact, same random numbers, in forty futures of the world."""
    for name in market.media:
        gained = [
            (market.outcome(name, WINDOW, seed=seed).customers["bought"] > 0).mean()
            - (market.outcome(None, WINDOW, seed=seed).customers["bought"] > 0).mean()
            for seed in range(40)
        ]
        error = np.std(gained, ddof=1) / np.sqrt(len(gained))
        assert np.mean(gained) == pytest.approx(market.truth.increments[name].mean(), abs=3.5 * error)


@pytest.mark.parametrize("effect", [-0.5, 0.0, 1.0])
def test_a_contact_raises_the_logit_by_its_effect(effect: float) -> None:
    mean = np.array([1e-6, 0.2, 1.0, 5.0])
    before, after = (-np.expm1(-one) for one in (mean, with_contact(mean, np.full(4, effect))))
    assert special.logit(after) - special.logit(before) == pytest.approx(effect, abs=1e-9)
    large = np.array([29.9, 30.1, 800.0])  # log(exp(m) - 1) is m to thirteen digits
    assert with_contact(large, np.full(3, effect)) == pytest.approx(large + effect, rel=1e-12)
    assert with_contact(np.zeros(1), np.full(1, effect)) == 0


def test_purchases_are_poisson_and_uniform_in_time() -> None:
    means = np.repeat([0.05, 0.7, 3.0], 100_000)
    who, when = purchases(11, 2, means)
    counts = np.bincount(who, minlength=len(means)).reshape(3, -1)
    for mean, held in zip([0.05, 0.7, 3.0], counts, strict=True):
        error = np.sqrt(mean / held.size)
        assert held.mean() == pytest.approx(mean, abs=4 * error)
        assert held.var() == pytest.approx(mean, abs=4 * np.sqrt((mean + 2 * mean**2) / held.size))
        assert (held == 0).mean() == pytest.approx(np.exp(-mean), abs=4 * np.sqrt(0.25 / held.size))
    assert np.histogram(when, bins=10, range=(0, 1))[0] / len(when) == pytest.approx(
        0.1, abs=4 * 0.3 / np.sqrt(len(when))
    )
    assert np.corrcoef(counts[1][:-1], counts[1][1:])[0, 1] == pytest.approx(0, abs=4 / np.sqrt(counts[1].size))


def test_without_contacts_purchases_are_those_of_pareto_nbd() -> None:
    theta = (0.8, 10.0, 0.7, 60.0)
    market = clv.simulate_market(customers=20_000, contact_share=0.0, duration=theta, joining=4, seed=6)
    assert not len(market.contacts)
    repeats = np.bincount(market.transactions["customer"], minlength=20_000) - 1
    new = clv.History.new_customer(clv.WEEK)
    ages = 104 - market.truth.customers["joined"].to_numpy()
    grid = np.linspace(100, 104, 9)
    expected = [float(clv.PARETO_NBD.expected_purchases(theta, new, horizon=t * clv.WEEK)) for t in grid]
    assert repeats.mean() == pytest.approx(
        np.interp(ages, grid, expected).mean(), abs=4 * repeats.std() / np.sqrt(20_000)
    )


def test_amounts_scatter_about_each_customers_mean(market: Market) -> None:
    p, q, v = 6.25, 3.74, 15.44
    log, means = market.transactions, market.truth.customers["mean_spend"]
    ratio = (log["amount"] / means.to_numpy()[log["customer"]]).to_numpy()
    assert ratio.mean() == pytest.approx(1.0, abs=4 / np.sqrt(p * len(ratio)))
    assert ratio.var() == pytest.approx(1 / p, rel=0.05)
    assert np.mean(1 / means) == pytest.approx(q / (p * v), abs=4 * np.sqrt(q) / (p * v) / np.sqrt(len(means)))


def test_shares_and_probabilities_are_as_asked() -> None:
    media = [Medium("a", share=3.0), Medium("b", cost=2.0, share=1.0)]
    market = clv.simulate_market(customers=5_000, media=media, holdout_share=0.2, contact_share=0.4, seed=1)
    contacts = market.contacts
    n = len(contacts)
    possible = (np.arange(26) * 4 > market.truth.customers["joined"].to_numpy()[:, None]).sum()
    assert n / possible == pytest.approx(0.4, abs=4 * np.sqrt(0.24 / possible))
    assert contacts["holdout"].mean() == pytest.approx(0.2, abs=4 * np.sqrt(0.16 / n))
    assert (contacts["medium"] == "a").mean() == pytest.approx(0.75, abs=4 * np.sqrt(0.19 / n))
    stated = np.where(contacts["holdout"], 0.2, np.where(contacts["medium"] == "a", 0.6, 0.2))
    assert contacts["assignment_probability"].to_numpy() == pytest.approx(stated)
    assert contacts["cost"].to_numpy() == pytest.approx(
        np.where(~contacts["holdout"] & (contacts["medium"] == "b"), 2.0, 0.0)
    )
    assert contacts["responded"].isna().equals(contacts["holdout"])
    assert contacts["target_score"].isna().all()
    assert market.truth.customers["segment"].value_counts(normalize=True)["younger"] == pytest.approx(0.5, abs=0.03)


def test_responses_are_a_share_of_the_purchases_after_a_contact(market: Market) -> None:
    made = market.contacts[~market.contacts["holdout"]]
    followed = bought_in_window(market)[made["customer"], window_of(made["date"], market)]
    responded = made["responded"].to_numpy(dtype=bool)
    assert not responded[~followed].any()
    assert responded[followed].mean() == pytest.approx(0.6, abs=4 * np.sqrt(0.24 / followed.sum()))


def test_targeting_makes_naive_comparisons_wrong_and_the_holdout_is_right(confounded: Market) -> None:
    """Contacted against everybody else is far off; against those held out of the same campaigns it is right."""
    contacts, bought = confounded.contacts, bought_in_window(confounded)
    window = window_of(contacts["date"], confounded)
    happened = bought[contacts["customer"], window]
    made = ~contacts["holdout"].to_numpy()
    true = float(confounded.truth.contact_increments[made].mean())
    eligible = np.arange(26) * 4 > confounded.truth.customers["joined"].to_numpy()[:, None]
    eligible[contacts["customer"], window] = False
    never_chosen = bought[eligible]
    naive, naive_error = difference(happened[made], np.concatenate([happened[~made], never_chosen]))
    fair, fair_error = difference(happened[made], happened[~made])
    assert fair == pytest.approx(true, abs=3 * fair_error)
    assert naive > true + 10 * naive_error
    assert naive > 2 * true, "visibly wrong"


def test_targeting_contacts_better_customers_more(confounded: Market, market: Market) -> None:
    rate = confounded.truth.customers["rate"].to_numpy()
    assert rate[confounded.contacts["customer"]].mean() > 1.3 * rate[market.contacts["customer"]].mean()
    scores = confounded.contacts["target_score"]
    spend = confounded.transactions.merge(confounded.contacts.head(200), on="customer", suffixes=("", "_contact"))
    before = spend[spend["date"] < spend["date_contact"]].groupby("customer")["amount"].sum()
    first = confounded.contacts.head(200).set_index("customer")["target_score"]
    mean_amount = 6.25 * 15.44 / 2.74
    assert first[before.index].to_numpy() == pytest.approx(np.log(before / mean_amount).to_numpy())
    assert scores.notna().all()


def test_recency_chooses_those_who_bought_lately() -> None:
    market = clv.simulate_market(customers=3_000, targeting="recency", seed=2)
    contacts = market.contacts.head(1000)
    earlier = market.transactions.merge(contacts[["customer", "date"]].drop_duplicates("customer"), on="customer")
    last = earlier[earlier["date_x"] < earlier["date_y"]].groupby("customer")[["date_x", "date_y"]].max()
    weeks = (last["date_y"] - last["date_x"]).dt.days / 7
    first = contacts.drop_duplicates("customer").set_index("customer")["target_score"]
    assert first[weeks.index].to_numpy() == pytest.approx(np.log(5 / (1 + weeks)).to_numpy())


def test_days_of_contact_have_no_purchases_and_follow_the_first_purchase(market: Market) -> None:
    days = (market.transactions["date"] - pd.Timestamp(market.start)).dt.days
    assert (days % DAYS != 0).all()
    assert ((market.contacts["date"] - pd.Timestamp(market.start)).dt.days % DAYS == 0).all()
    first = market.transactions.groupby("customer")["date"].min()
    assert (market.contacts["date"].to_numpy() > first[market.contacts["customer"]].to_numpy()).all()
    assert market.until - market.start == datetime.timedelta(days=104 * 7 - 1)
    assert market.transactions["date"].max() <= pd.Timestamp(market.until)


def test_the_log_becomes_histories(market: Market) -> None:
    histories = market.log.histories(period=clv.WEEK, until=market.until)
    assert len(histories) == 10_000


def test_nobody_is_worth_rate_times_lifetime_times_spend(market: Market) -> None:
    truth = market.truth.customers
    alive = np.clip(truth["dropout"] - 104, 0.0, 52.0)
    nobody = market.outcome(None, 52 * clv.WEEK, margin=0.3)
    assert nobody.customers["purchases"].to_numpy() == pytest.approx((truth["rate"] * alive).to_numpy())
    assert nobody.value == pytest.approx(float((0.3 * truth["rate"] * alive * truth["mean_spend"]).sum()))
    assert nobody.cost == 0


def test_expectations_are_those_of_the_simulation(market: Market) -> None:
    found = market.outcome("dm", 24 * clv.WEEK, contacts=3, seed=5).customers
    apart = found["bought"] - found["purchases"]
    assert apart.mean() == pytest.approx(0, abs=4 * apart.std() / np.sqrt(len(apart)))
    assert (found["contacts"] == 3).all()
    assert found["cost"].to_numpy() == pytest.approx(3.0)


def test_the_best_policy_is_known_and_others_have_regret(market: Market) -> None:
    """In one window: contact by the medium that brings most net of its cost, if it brings anything."""
    truth, margin = market.truth, 0.3
    cost = np.array([one.cost for one in market.truth.world.media])
    none = truth.customers["baseline"].to_numpy()[:, None]
    more = np.log1p(-none) - np.log1p(
        -(none + truth.increments.to_numpy())
    )  # in expected purchases, P(none) = exp(-mean)
    net = margin * truth.customers["mean_spend"].to_numpy()[:, None] * more - cost
    best = np.where(net.max(axis=1) > 0, np.array(market.media, dtype=object)[net.argmax(axis=1)], None)
    nobody, found = (market.outcome(policy, WINDOW, margin=margin) for policy in (None, best))
    assert found.value - nobody.value == pytest.approx(np.maximum(net.max(axis=1), 0).sum())
    for medium, gain in zip(market.media, net.sum(axis=0), strict=True):
        everybody = market.outcome(medium, WINDOW, margin=margin)
        assert everybody.value - nobody.value == pytest.approx(gain)
        assert everybody.value < found.value


def test_policies_can_be_written_in_every_way(market: Market) -> None:
    horizon, n = 12 * clv.WEEK, 10_000
    labels = np.where(np.arange(n) % 2, "email", "none")
    schedule = np.full((n, 3), None, dtype=object)
    schedule[:, 0] = np.where(np.arange(n) % 2, "email", None)
    by_function = market.outcome(lambda seen: np.where(seen["customer"] % 2, "email", None), horizon)
    found = [market.outcome(policy, horizon) for policy in (labels, pd.Series(labels), schedule)] + [by_function]
    for one in found[1:]:
        pd.testing.assert_frame_equal(one.customers, found[0].customers)


def test_with_one_seed_policies_differ_only_where_they_contact(market: Market) -> None:
    few = np.where(np.arange(10_000) < 500, "tm", None)
    nobody, some = (market.outcome(policy, 52 * clv.WEEK).customers for policy in (None, few))
    pd.testing.assert_frame_equal(nobody.iloc[500:], some.iloc[500:])
    assert some["purchases"].iloc[:500].sum() > nobody["purchases"].iloc[:500].sum()


def test_discounting_and_costs(market: Market) -> None:
    rate = clv.Rate(0.2, per=clv.YEAR)
    once = market.outcome("tm", WINDOW, margin=1.0, discount=rate)
    plain = market.outcome("tm", WINDOW, margin=1.0)
    assert once.cost == plain.cost == pytest.approx(4.0 * 10_000)
    half_window = rate.discount(2 * clv.WEEK)
    assert once.customers["spend"].to_numpy() == pytest.approx(half_window * plain.customers["spend"].to_numpy())


def test_contacts_tire(market: Market) -> None:
    world = market.truth.world
    fresh = [replace(one, fatigue=0.0) for one in world.media]
    rested = clv.simulate_market(customers=10_000, media=fresh, cross_fatigue=0.0, seed=3)
    contacted = market.contacts["customer"].unique()
    assert (
        market.truth.increments["email"].loc[contacted] <= rested.truth.increments["email"].loc[contacted] + 1e-12
    ).all()
    assert market.truth.increments["email"].mean() < 0.9 * rested.truth.increments["email"].mean()


def test_a_world_without_effects_has_no_increments() -> None:
    market = clv.simulate_market(customers=500, media={"email": {"effect": 0.0}}, cross_fatigue=0.0)
    assert (market.truth.increments == 0).all(axis=None)
    assert (market.truth.contact_increments == 0).all()


def test_the_same_seed_is_the_same_world() -> None:
    one, again, other = (clv.simulate_market(customers=300, seed=seed) for seed in (5, 5, 6))
    pd.testing.assert_frame_equal(one.transactions, again.transactions)
    pd.testing.assert_frame_equal(one.contacts, again.contacts)
    assert not one.transactions["amount"].head(100).equals(other.transactions["amount"].head(100))


def test_it_says_what_it_is() -> None:
    market = clv.simulate_market(customers=300, targeting="value")
    assert "300 customers over 104 weeks" in repr(market)
    assert "campaigns chosen by value, 10% held out" in repr(market)
    assert repr(market.outcome("dm", WINDOW)).startswith("Outcome over 4 weeks: value")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weeks": 103}, "in whole windows"),
        ({"holdout_share": 1.2}, "holdout_share=1.2 is a share"),
        ({"targeting": "age"}, "Write None, 'value' or 'recency'"),
        ({"media": {}}, "at least one medium"),
        ({"media": {"email": {"price": 3}}}, "A medium has name, cost, effect"),
        ({"media": [("email", -1.0)]}, "'email': cost must be zero or more"),
        ({"media": [Medium("dm", segment_effects={"old": 1.0})]}, "The segments are younger, middle, older"),
        ({"segments": {"a": 0.5}}, "1 together"),
        ({"quantity": (6.0, 0.9, 15.0)}, "q must be above 1"),
        ({"joining": 104}, "joining=104"),
        ({"cross_fatigue": -0.1}, "cross_fatigue=-0.1"),
    ],
)
def test_worlds_that_make_no_sense_are_refused(options: dict, message: str) -> None:
    with pytest.raises(clv.ClvError, match=message):
        clv.simulate_market(customers=50, **options)


def test_futures_that_make_no_sense_are_refused(market: Market) -> None:
    with pytest.raises(clv.ClvError, match="not a whole number of windows"):
        market.outcome(None, 10 * clv.WEEK)
    with pytest.raises(clv.ClvError, match="5 contacts do not fit the 2 windows"):
        market.outcome("email", 8 * clv.WEEK, contacts=5)
    with pytest.raises(clv.ContactError, match=r"asks for 'fax', which never occurs\. The media are email, dm, tm"):
        market.outcome("fax", WINDOW)
    with pytest.raises(clv.ContactError, match="has 3 labels for 10,000 rows"):
        market.outcome(["email", None, "dm"], WINDOW)
    with pytest.raises(clv.UnitError, match="52 of what"):
        market.outcome(None, 52)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_million_customers_tell_the_same_truth() -> None:
    """By medium, contacted less held out is the stated increment, though targeting doubles the naive difference."""
    market = clv.simulate_market(customers=1_000_000, targeting="value", contact_share=0.2, seed=12)
    contacts, bought = market.contacts, bought_in_window(market)
    happened = bought[contacts["customer"], window_of(contacts["date"], market)]
    held = contacts["holdout"].to_numpy()
    for name in market.media:
        rows = (contacts["medium"] == name).to_numpy()
        found, error = difference(happened[rows & ~held], happened[rows & held])
        assert found == pytest.approx(market.truth.contact_increments[rows & ~held].mean(), abs=3.5 * error)
