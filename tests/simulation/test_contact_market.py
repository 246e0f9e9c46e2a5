"""A simulated market of contact stocks is what it says: day by day its purchases and leavers agree with the stated rates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import special

import clvmodels as clv
from clvmodels.simulation.contact_market import ContactMarket
from clvmodels.simulation.contact_world import MediumOfStocks
from clvmodels.units import DAY, WEEK

MEDIA = {
    "email": {"purchase": 0.9, "dropout": 1.0, "half_life": 5 * DAY, "share": 0.5, "every": 2 * WEEK, "cost": 0.1},
    "dm": {"purchase": -0.6, "dropout": -1.2, "half_life": 3 * WEEK, "share": 0.6, "every": 5 * WEEK, "cost": 1.0,
           "purchase_later": 0.5, "dropout_later": 0.4},
}  # fmt: skip
SEASON = (0.6, 0.8, 1.0, 1.0, 1.0, 1.2, 1.0, 0.8, 1.0, 1.2, 1.6, 2.0)
DURATION = (1.5, 6.0, 1.2, 40.0)


def made(targeting: str = "random", **options) -> ContactMarket:
    return clv.simulate_contact_market(
        customers=1_500, weeks=70, joining=20, media=MEDIA, saturation=2.0, irritation=(-0.02, 0.03), season=SEASON,
        duration=DURATION, targeting=targeting, seed=5, **options,
    )  # fmt: skip


@pytest.fixture(scope="module")
def market() -> ContactMarket:
    return made()


def day_of(dates: pd.Series, market: ContactMarket) -> np.ndarray:
    return (dates - pd.Timestamp(market.start)).dt.days.to_numpy()


def stocks(contacts: pd.DataFrame, market: ContactMarket, moments: np.ndarray, longer: float = 1.0) -> np.ndarray:
    """(media, customers, moments) what is left of earlier contacts at moments [days since the start], by the definition."""
    found = np.zeros((len(market.media), market.truth.world.customers, moments.size))
    day = day_of(contacts["date"], market)
    for k, (name, one) in enumerate(MEDIA.items()):
        half = longer * one["half_life"].days
        for at in np.unique(day[contacts["medium"] == name]):
            who = contacts["customer"].to_numpy()[(day == at) & (contacts["medium"] == name).to_numpy()]
            found[k, who] += np.where(moments >= at, 0.5 ** ((moments - at) / half), 0.0)
    return found


def factors(contacts: pd.DataFrame, market: ContactMarket, moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(customers, moments) what the purchase rate and the hazard are multiplied by, by the formula in the docstring."""
    stock, slow = stocks(contacts, market, moments), stocks(contacts, market, moments, 4.0)
    felt, together = np.log1p(2.0 * stock) / np.log1p(2.0), stock.sum(axis=0) ** 2
    logs = []
    for role, irritation in (("purchase", -0.02), ("dropout", 0.03)):
        effect, later = (np.array([m.get(name, 0.0) for m in MEDIA.values()]) for name in (role, f"{role}_later"))
        logs.append(
            np.einsum("m,mij->ij", effect, felt) + np.einsum("m,mij->ij", later, slow - stock) + irritation * together
        )
    month = (np.datetime64(market.start) + np.floor(moments).astype(int)).astype("datetime64[M]").astype(int) % 12
    return np.exp(logs[0]) * np.array(SEASON)[month], np.exp(logs[1])


def sent(market: ContactMarket) -> pd.DataFrame:
    table = market.contact_table
    return table[~table["holdout"]] if "holdout" in table else table


@pytest.mark.parametrize("targeting", ["random", "recency"])
def test_purchases_and_leavers_follow_the_stated_rates(targeting: str) -> None:
    """Given the past, each day's events less their probability are noise: so are sums of them, by stock, month and customer."""
    market = made(targeting)
    world, people = market.truth.world, market.truth.customers
    moments = np.arange(world.days) + 0.5
    purchase, dropout = factors(sent(market), market, moments)
    joined, left = 7 * people["joined"].to_numpy()[:, None], 7 * people["dropout"].fillna(np.inf).to_numpy()[:, None]
    day = np.arange(world.days)
    there = (day > np.floor(joined)) & (left > day)
    bought, gone = np.zeros_like(there), there & (left < day + 1)
    log = market.transactions
    bought[log["customer"], day_of(log["date"], market)] = True
    bought &= there
    fresh = stocks(sent(market), market, moments)
    month = np.broadcast_to((np.datetime64(market.start) + day).astype("datetime64[M]").astype(int) % 12, there.shape)
    eager = np.broadcast_to((people["rate"] > people["rate"].median()).to_numpy()[:, None], there.shape)
    for happened, rate in ((bought, people["rate"]), (gone, people["hazard"])):
        factor = purchase if happened is bought else dropout
        chance = there * -np.expm1(-rate.to_numpy()[:, None] / 7 * factor)
        surprise = happened - chance
        groups = [there, eager, ~eager, *(month == m for m in (0, 4, 10, 11))]
        groups += [f for k in range(2) for f in (fresh[k] > 0.7, (fresh[k] > 0.1) & (fresh[k] <= 0.7), fresh[k] <= 0.1)]
        for some in groups:
            noise = np.sqrt((chance * (1 - chance))[some].sum())
            assert abs(surprise[some].sum()) < 4 * noise
            assert noise < 0.2 * happened[some].sum()  # otherwise nothing is tested


def test_without_contacts_it_is_pareto_nbd() -> None:
    calm = clv.simulate_contact_market(customers=20_000, weeks=52, joining=0.01, duration=DURATION, seed=2)
    seen = calm.truth.customers
    r, alpha, s, beta = DURATION
    stay = (beta / (beta + 52)) ** s
    assert seen["alive_without"].mean() == pytest.approx(stay, abs=4 * np.sqrt(stay * (1 - stay) / 20_000))
    days = np.arange(1, 364) + 0.5  # purchases on the day of the first are one with it
    expected = (1 - (alpha / (alpha + 1 / 7)) ** r) * ((beta / (beta + days / 7)) ** s).sum()
    noise = seen["purchases_without"].std() / np.sqrt(20_000)
    assert seen["purchases_without"].mean() == pytest.approx(expected, abs=4 * noise)


def test_worlds_differ_only_by_what_contacts_do() -> None:
    harmless = clv.simulate_contact_market(customers=500, weeks=40, joining=20, media={"email": {}}, seed=3)
    assert harmless.transactions.equals(harmless.truth.without_contacts)
    media = {"email": {"purchase": 0.8, "dropout": 0.0}, "dm": {"dropout": -0.9}}
    helpful = clv.simulate_contact_market(customers=500, weeks=40, joining=20, media=media, seed=3).truth.customers
    assert (helpful["purchases"] >= helpful["purchases_without"]).all()
    assert (helpful["alive"] >= helpful["alive_without"]).all()
    assert helpful["alive"].sum() > helpful["alive_without"].sum()
    burning = clv.simulate_contact_market(
        customers=500, weeks=40, joining=20, media={"email": {"dropout": 1.5}}, seed=3
    )
    seen = burning.truth.customers
    both = seen.dropna(subset="dropout_without")
    assert (both["dropout"] <= both["dropout_without"]).all() and (both["dropout"] < both["dropout_without"]).any()


def test_contacts_are_chosen_as_asked(market: ContactMarket) -> None:
    table, world = market.contact_table, market.truth.world
    held = table["holdout"].mean()
    assert held == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / len(table)))
    assert (table["assignment_probability"] == np.where(table["holdout"], 0.1, 0.9)).all()
    assert (table.loc[table["holdout"], "cost"] == 0).all()
    day, medium = world.schedule()
    joined = 7 * market.truth.customers["joined"].to_numpy()
    possible = sum((joined < d).sum() * world.media[m].share for d, m in zip(day, medium, strict=True))
    assert len(table) == pytest.approx(possible, abs=4 * np.sqrt(possible))
    rate = market.truth.customers["rate"].rank()
    count = table.groupby("customer").size().reindex(rate.index, fill_value=0)
    met = joined < day[:, None]
    expected = world.each("share")[medium] @ met
    assert abs(np.corrcoef(rate, count - expected)[0, 1]) < 4 / np.sqrt(len(rate))
    targeted = made("rate", holdout_share=0.0)
    count = targeted.contact_table.groupby("customer").size().reindex(rate.index, fill_value=0)
    assert np.corrcoef(rate, count - expected)[0, 1] > 0.5
    assert list(targeted.contact_table) == ["customer", "medium", "date", "cost"]
    assert targeted.contacts.media == ("dm", "email")


def test_targeting_by_recency_reads_the_log_alone() -> None:
    """On each day of a medium the chosen are a draw with the stated probability, worked out from the purchases before it."""
    market = made("recency", targeting_strength=0.8)
    world, log = market.truth.world, market.transactions
    day, medium = world.schedule()
    bought = np.full((world.customers, world.days + 1), -np.inf)
    bought[log["customer"], day_of(log["date"], market) + 1] = day_of(log["date"], market)
    last = np.maximum.accumulate(bought, axis=1)[:, day]  # of purchases before the day
    known = 7 * market.truth.customers["joined"].to_numpy()[:, None] < day
    with np.errstate(divide="ignore"):
        score = np.log((1 + (day - np.where(known, last, 0)) / 7) / 5)
    chance = np.where(known, special.expit(special.logit(world.each("share")[medium]) + 0.8 * score), 0.0)
    chosen = np.zeros_like(chance)
    place = {(d, m): c for c, (d, m) in enumerate(zip(day, medium, strict=True))}
    code = market.contact_table["medium"].cat.codes
    at = [place[pair] for pair in zip(day_of(market.contact_table["date"], market), code, strict=True)]
    chosen[market.contact_table["customer"], at] = 1
    for some in (known, known & (score < -0.5), known & (score > 0.5)):
        noise = np.sqrt((chance * (1 - chance))[some].sum())
        assert abs((chosen - chance)[some].sum()) < 4 * noise


def plan(market: ContactMarket, who: np.ndarray) -> clv.Contacts:
    """An e-mail on the first day after the end, and two weeks later."""
    days = [pd.Timestamp(market.until) + pd.Timedelta(days=k) for k in (1, 15)]
    rows = pd.DataFrame([(int(one), "email", day) for one in who for day in days], columns=["who", "how", "day"])
    return clv.Contacts(rows, customer="who", medium="how", date="day")


@pytest.mark.parametrize("planned", [False, True])
def test_the_future_goes_on_with_the_same_rates(market: ContactMarket, planned: bool) -> None:
    """Purchases and leavers of six weeks ahead, against sums of what each customer's own rates say, hour by hour."""
    world, people = market.truth.world, market.truth.customers
    alive = people["alive"].to_numpy()
    contacts = plan(market, np.arange(world.customers)) if planned else None
    table = sent(market)[["customer", "medium", "date"]]
    if contacts is not None:
        days = pd.Timestamp(market.until) + pd.to_timedelta([1, 15], unit="D")
        more = [pd.DataFrame({"customer": people.index, "medium": "email", "date": day}) for day in days]
        table = pd.concat([table, *more])
    moments = world.days + (np.arange(42 * 4) + 0.5) / 4
    purchase, dropout = factors(table, market, moments)
    stay = np.exp(-people["hazard"].to_numpy()[:, None] / 28 * (np.cumsum(dropout, axis=1) - dropout / 2))
    bought = (people["rate"].to_numpy()[:, None] / 28 * purchase).reshape(world.customers, 42, 4).sum(axis=2)
    chance = alive[:, None] * stay[:, ::4] * -np.expm1(-bought)
    totals, left = [], []
    for seed in range(20):
        future = market.future(6 * WEEK, contacts=contacts, seed=seed)
        totals.append(future["purchases"].sum())
        left.append(alive.sum() - future["alive"].sum())
    for drawn, expected in ((totals, chance.sum()), (left, (alive * (1 - stay[:, -1])).sum())):
        assert np.mean(drawn) == pytest.approx(expected, abs=4 * np.std(drawn) / np.sqrt(20) + 0.005 * expected)


def test_two_futures_differ_only_by_their_contacts() -> None:
    media = {"email": {"purchase": 0.8, "half_life": 1 * WEEK}}
    market = clv.simulate_contact_market(customers=800, weeks=40, joining=10, media=media, seed=1)
    none = market.future(8 * WEEK, seed=4)
    some = market.future(8 * WEEK, contacts=plan(market, np.arange(400)), seed=4)
    assert (some["purchases"] >= none["purchases"]).all() and some["purchases"].sum() > none["purchases"].sum()
    assert some.iloc[400:].equals(none.iloc[400:])
    assert not market.future(8 * WEEK, seed=5).equals(none)


def test_the_same_seed_gives_the_same_market(market: ContactMarket) -> None:
    again = made()
    assert again.transactions.equals(market.transactions) and again.contact_table.equals(market.contact_table)
    assert repr(again) == repr(market) and "10% held out" in repr(market)
    assert market.log.until == market.until
    assert market.log.totals()["purchases"].to_numpy() == pytest.approx(market.truth.customers["purchases"] + 1)
    assert market.truth.media.loc["email", "half_life"] == pytest.approx(5 / 7)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"media": {}}, "at least one medium"),
        ({"media": {"dm": {"effect": 1.0}}}, "does not fit"),
        ({"media": [MediumOfStocks("dm"), MediumOfStocks("dm")]}, "each once"),
        ({"media": {"dm": {"share": 1.5}}}, "share=1.5"),
        ({"media": {"dm": {"every": 0.1 * WEEK}}}, "whole days"),
        ({"media": {"dm": {"cost": -1.0}}}, "zero or more"),
        ({"media": {"dm": {"half_life": 0 * WEEK}}}, "must be positive"),
        ({"media": {"dm": {"purchase": 9.0}}}, "weaker"),
        ({"targeting": "value"}, "'recency'"),
        ({"holdout_share": 1.0}, "is a share"),
        ({"season": (1.0, 2.0)}, "twelve months"),
        ({"saturation": -1.0}, "zero or more"),
        ({"weeks": 10, "joining": 20}, "no longer than the weeks"),
    ],
)
def test_what_makes_no_market_is_refused(options, said: str) -> None:
    with pytest.raises(clv.ClvError, match=said):
        clv.simulate_contact_market(customers=5, **options)


def test_a_plan_with_strangers_is_refused(market: ContactMarket) -> None:
    other = pd.DataFrame({"who": [1], "how": ["fax"], "day": ["2026-01-01"]})
    stranger = other.assign(who=99_999, how="dm")
    for table, said in ((other, "no medium fax"), (stranger, "not there")):
        contacts = clv.Contacts(table, customer="who", medium="how", date="day")
        with pytest.raises(clv.ContactError, match=said):
            market.future(6 * WEEK, contacts=contacts)
    with pytest.raises(clv.ClvError, match="whole days"):
        market.future(0.5 * DAY)
