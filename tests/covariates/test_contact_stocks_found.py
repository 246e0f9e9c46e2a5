"""Contact stocks on simulated markets: what is said of customers is true, and effects and half-lives are found again."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.covariates.time_model import TimeVarying
from clvmodels.simulation.contact_market import ContactMarket
from clvmodels.units import WEEK

DURATION = (1.5, 16.0, 1.2, 50.0)


def media(*, email=(0.4, 0.6, 2.0), dm=(0.6, -0.8, 4.0), every=(4, 8), share: float = 0.4) -> dict:
    """An e-mail that burns and a DM that saves: effect on purchase, on dropout, half-life [weeks]; weeks between their days."""
    both = zip(("email", "dm"), (email, dm), every, strict=True)
    return {
        name: {"purchase": p, "dropout": d, "half_life": h * WEEK, "every": step * WEEK, "share": share, "cost": 1.0}
        for name, (p, d, h), step in both
    }


def market_of(seed: int, customers: int = 3_000, world: str = "random") -> ContactMarket:
    options = {
        "random": {"media": media()},
        "nothing": {"media": media(email=(0, 0, 1.0), dm=(0, 0, 4.0))},
        "rate": {"media": media(), "targeting": "rate", "holdout_share": 0.0},
        "recency": {"media": media(), "targeting": "recency", "holdout_share": 0.0},
        "rate with holdout": {"media": media(share=0.6), "targeting": "rate", "holdout_share": 0.3},
        "often": {"media": media(every=(2, 3))},
        "short": {"media": media(email=(0.6, 0.6, 0.5), every=(2, 8))},
        "seldom": {"media": media(share=0.02)},
    }[world]
    return clv.simulate_contact_market(customers=customers, duration=DURATION, seed=seed, **options)


def histories(market: ContactMarket) -> clv.Histories:
    return market.log.histories(period=WEEK, until=market.until, dates=True)


def truth(market: ContactMarket, names) -> dict[str, float]:
    known = dict(zip(("r", "alpha", "s", "beta"), DURATION, strict=True)) | {"saturation": 1.0}
    for column in ("purchase", "dropout", "half_life"):
        known |= {f"{column}_{name}": value for name, value in market.truth.media[column].items()}
    return {name: known[name] for name in names}


@pytest.fixture(scope="module")
def targeted() -> tuple[ContactMarket, TimeVarying, clv.Histories, dict[str, float]]:
    """A market in which contacts follow what the log shows, and the model with the true parameters."""
    market = market_of(1, 4_000, "recency")
    given = histories(market)
    model = clv.time_varying(contacts=market.contacts).on(given)
    return market, model, given, truth(market, model.Theta._fields)


def plan(market: ContactMarket, who: np.ndarray) -> clv.Contacts:
    """Two e-mails and a DM in the weeks after the end."""
    rows = [(int(one), how, day) for one in who for how, day in (("email", 1), ("dm", 8), ("email", 29))]
    table = pd.DataFrame(rows, columns=["who", "how", "day"])
    day = pd.Timestamp(market.until) + pd.to_timedelta(table["day"], unit="D")
    return clv.Contacts(table.assign(day=day.to_numpy()), customer="who", medium="how", date="day")


def kinds(given: clv.Histories) -> list[np.ndarray]:
    """Groups of customers by what their histories say."""
    x, silent = given.frequency, given.T - given.recency
    return [x >= 0, x == 0, (x > 0) & (x < 4), x >= 4, silent < 8, (silent >= 8) & (silent < 30), silent >= 30]


def test_p_alive_is_the_share_of_those_alive(targeted) -> None:
    """Of customers in a simulator that knows no kernel, grouped by their histories."""
    market, model, given, theta = targeted
    p_alive, alive = model.p_alive(theta, given), market.truth.customers["alive"].to_numpy()
    for some in kinds(given):
        noise = np.sqrt((p_alive * (1 - p_alive))[some].sum())
        assert abs((alive - p_alive)[some].sum()) < 4 * noise
        assert some.sum() > 150


def test_forecasts_under_a_plan_are_what_then_happens(targeted) -> None:
    """Half of the customers are contacted: what they, the others, and each kind of customer buy in 16 weeks."""
    market, model, given, theta = targeted
    half = np.arange(0, 4_000, 2)
    contacts = plan(market, half)
    expected = model.under(contacts=contacts).expected_purchases(theta, given, horizon=16 * WEEK)
    some = [market.future(16 * WEEK, contacts=contacts, seed=seed)["purchases"].to_numpy() for seed in range(8)]
    missed = np.mean(some, axis=0) - expected
    chosen = np.isin(given.customer_id, half)
    for group in [chosen, ~chosen, *kinds(given)]:
        assert abs(missed[group].sum()) < 4 * missed[group].std() * np.sqrt(group.sum()) + 0.01 * expected[group].sum()
    none = [market.future(16 * WEEK, seed=seed)["purchases"].to_numpy() for seed in range(8)]
    gained = np.sum(np.mean(some, axis=0) - np.mean(none, axis=0))
    increment = (expected - model.expected_purchases(theta, given, horizon=16 * WEEK)).sum()
    noise = np.std([np.sum(a - b) for a, b in zip(some, none, strict=True)]) / np.sqrt(8)
    assert increment == pytest.approx(gained, abs=4 * noise + 0.05 * increment)
    assert increment > 10 * noise


def test_predictive_draws_agree_with_expectations(targeted) -> None:
    market, model, given, theta = targeted
    few, draws = given.select(given.customer_id < 6), 8_000
    model = model.under(contacts=plan(market, np.arange(6)))
    many = tuple(np.full(draws, value) for value in theta.values())
    _, (offsets, _) = model.future(many, clv.history.upright(few), horizon=16.0, rng=np.random.default_rng(2))
    counts = np.diff(offsets).reshape(6, draws)
    expected = model.expected_purchases(theta, few, horizon=16 * WEEK)
    z = (counts.mean(axis=1) - expected) / np.maximum(counts.std(axis=1) / np.sqrt(draws), 1e-3)
    assert np.abs(z).max() < 4.5
    none = model.p_no_purchase(theta, few, horizon=16 * WEEK)
    assert (counts == 0).mean(axis=1) == pytest.approx(none, abs=0.02)


def compared(market: ContactMarket, *, method: str = "map", **options) -> pd.DataFrame:
    """Estimates beside the truth: by parameter the distance in standard errors, and whether the interval has the truth."""
    fit = clv.fit(clv.time_varying(contacts=market.contacts, **options), histories(market), method=method, seed=1)
    return beside_truth(fit.summary(), market)


def beside_truth(table: pd.DataFrame, market: ContactMarket) -> pd.DataFrame:
    """A summary with truth, distance in standard errors and whether it is covered, without what the truth does not have."""
    table = table[~table.index.str.endswith("_share")].copy()
    table["truth"] = pd.Series(truth(market, table.index))
    free = table.index.str.startswith(("purchase", "dropout"))
    table["z"] = (table["estimate"] - table["truth"]) / table["sd"]
    some = table[~free]
    table.loc[~free, "z"] = np.log(some["estimate"] / some["truth"]) * some["estimate"] / some["sd"]
    table["covered"] = (table["lower"] <= table["truth"]) & (table["truth"] <= table["upper"])
    return table


STOCKS = [f"{what}_{name}" for what in ("purchase", "dropout", "half_life") for name in ("dm", "email")]


def test_effects_half_lives_and_both_signs_are_found() -> None:
    market = market_of(1, 1_500)
    fit = clv.fit(clv.time_varying(contacts=market.contacts), histories(market), method="map")
    found = beside_truth(fit.summary(), market).loc[STOCKS]
    assert found["z"].abs().max() < 3
    assert found.loc["dropout_email", "lower"] > 0 > found.loc["dropout_dm", "upper"]
    assert (found.loc[["purchase_email", "purchase_dm"], "lower"] > 0.25).all()
    assert set(fit.contact_effects()["grade"]) == {"randomised"}


@pytest.mark.slow
@pytest.mark.parametrize("world", ["rate", "recency", "rate with holdout"])
def test_where_chance_did_not_choose_the_grade_says_so(world: str) -> None:
    """With a holdout too: it is random among those chosen, but all who were not contacted are compared with."""
    market = market_of(1, 1_500, world)
    fit = clv.fit(clv.time_varying(contacts=market.contacts), histories(market), method="map")
    assert set(fit.contact_effects()["grade"]) == {"observational"}


def over(seeds: range, world: str, customers: int = 2_000, **options) -> pd.DataFrame:
    """The comparisons of several markets, by seed and parameter."""
    found = {seed: compared(market_of(seed, customers, world), **options) for seed in seeds}
    return pd.concat(found, names=["seed", "parameter"])


def mean_z(found: pd.DataFrame) -> pd.Series:
    return found["z"].groupby(level="parameter").mean()


@pytest.mark.slow
def test_twenty_markets_are_found_within_their_errors() -> None:
    """Randomised: six numbers each. Days merge purchases and weeks smooth stocks, which costs less than a standard error."""
    found = over(range(1, 21), "random").loc[pd.IndexSlice[:, STOCKS], :]
    assert (found["z"].abs() > 3).sum() <= 1 and found["z"].abs().max() < 4
    assert 0.83 < found["covered"].mean() < 0.96
    assert mean_z(found).abs().max() < 1


@pytest.mark.slow
def test_where_contacts_do_nothing_nothing_is_found() -> None:
    found = over(range(1, 11), "nothing").loc[pd.IndexSlice[:, STOCKS[:4]], :]
    assert found["covered"].mean() > 0.8
    assert found["z"].abs().max() < 3
    assert mean_z(found).abs().max() < 1


@pytest.mark.slow
def test_contacts_by_what_the_log_does_not_show_mislead_and_by_recency_do_not() -> None:
    """The likelihood conditions on purchases so far: a rule that reads these alone is harmless, the better customers are not."""
    harmless, biased = (mean_z(over(range(1, 4), world)) for world in ("recency", "rate"))
    assert harmless[STOCKS].abs().max() < 1.5
    assert biased[["purchase_dm", "purchase_email"]].min() > 1.5
    assert biased[["half_life_dm", "half_life_email"]].min() > 1.5


@pytest.mark.slow
def test_her_own_share_of_contacts_as_a_covariate_takes_most_of_that_away() -> None:
    """It stands for what made somebody be contacted more; effects are then told from when she was, not from that she was."""
    market = market_of(1, 2_000, "rate")
    given, table = histories(market), market.contact_table
    columns: dict[str, object] = {"customer_id": given.customer_id}
    for name, weeks in (("dm", 8), ("email", 4)):
        made = table.loc[table["medium"] == name, "customer"].value_counts()
        share = (made.reindex(given.customer_id, fill_value=0).to_numpy() + 0.5) / (given.T / weeks + 1)
        columns[f"{name}_share"] = np.log(share / (1 - np.minimum(share, 0.97)))
    known = given.with_covariates(pd.DataFrame(columns))
    plain = compared(market)
    spec = clv.time_varying(
        contacts=market.contacts, purchase="~ contacts + dm_share + email_share", dropout="~ contacts"
    )
    fit = clv.fit(spec, known, method="map")
    after = beside_truth(fit.summary(), market).loc[STOCKS]
    assert (after["z"].abs() < 3.5).all()
    assert after["z"].abs().mean() < 0.5 * plain.loc[STOCKS, "z"].abs().mean()


@pytest.mark.slow
def test_the_saturation_is_found() -> None:
    found = over(range(1, 4), "often", saturation="estimate")
    assert found.loc[pd.IndexSlice[:, [*STOCKS, "saturation"]], "z"].abs().max() < 3


@pytest.mark.slow
def test_half_lives_of_half_a_week_are_found_a_little_too_long() -> None:
    """Stocks are constant over stretches of a week."""
    found = over(range(1, 4), "short", customers=4_000)
    assert found.loc[pd.IndexSlice[:, STOCKS], "z"].abs().max() < 3.5
    estimate = found.loc[pd.IndexSlice[:, ["half_life_email"]], "estimate"].mean()
    assert 0.45 < estimate < 0.65


@pytest.mark.slow
def test_where_contacts_are_few_the_prior_tells_the_half_life() -> None:
    found = compared(market_of(1, 2_000, "seldom"), method="laplace")
    lives = found.loc[["half_life_dm", "half_life_email"]]
    spread = np.log(lives["upper"] / lives["lower"]) / (2 * 1.645)
    assert spread.between(0.2, 0.55).all()  # 0.5 before the data
    assert found["k_hat"].iloc[0] < 0.7
    assert found.loc[STOCKS, "z"].abs().max() < 3
