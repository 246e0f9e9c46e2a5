"""Mass media in the baseline: stocks against sums written out, the truth found again, and what cannot be told is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

import clvmodels as clv
from clvmodels.estimation.media_fit import MediaFit
from clvmodels.estimation.media_shocks import widened
from clvmodels.response import exposures, grouping
from clvmodels.response.cells import NONE
from tests.response.exposed_worlds import HALF_LIFE, WINDOW, Exposed, exposed_world, levels_of, stock_by_hand

SPEC = clv.media_response(window=WINDOW * clv.DAY)


def seen(contacts: clv.Contacts, world: Exposed, **options: Any) -> clv.Occasions:
    """Occasions without what the exposure does not need: few cells, and no fatigue."""
    plain = {"log": world.log, "window": WINDOW * clv.DAY, "features": (), "half_life": {"DM": 0.01 * clv.DAY}}
    return clv.occasions(contacts, **(plain | options))


def fitted(contacts: clv.Contacts, world: Exposed, **options: Any) -> MediaFit:
    return clv.fit(SPEC, seen(contacts, world, **options), draws=1000, seed=1)


@pytest.fixture(scope="module")
def world() -> Exposed:
    return exposed_world(2)


@pytest.fixture(scope="module")
def occasions(world: Exposed) -> clv.Occasions:
    costs = world.levels.assign(spent=2.0 * world.levels["grp"])
    return seen(world.exposed(levels=costs, cost="spent"), world)


@pytest.fixture(scope="module")
def fit(occasions: clv.Occasions) -> MediaFit:
    return clv.fit(SPEC, occasions, draws=1000, seed=1)


def stock_of(fit: MediaFit, controls: np.ndarray) -> np.ndarray:
    [term] = fit.cells.exposures
    return term.mean + term.scale * controls[:, -3:].sum(axis=1)


def place(fit: MediaFit) -> tuple[np.ndarray, np.ndarray]:
    """Region and window of each cell, whose levels are numbered region by region."""
    return fit.cells.level // 13, fit.cells.level % 13


def test_the_stock_of_a_cell_is_that_written_out(world: Exposed, fit: MediaFit) -> None:
    assert fit.cells.control_names == ("TV usual in the region", "TV shared by regions on the day", "TV")
    assert stock_of(fit, fit.cells.controls) == pytest.approx(world.stock[place(fit)], rel=1e-6)


def test_its_own_column_is_what_regions_and_days_leave(fit: MediaFit) -> None:
    """Weighted by occasions it sums to nothing in every region and on every day; those of months follow."""
    own, weights = fit.cells.controls[:, -1], fit.cells.occasions
    for codes in place(fit):
        assert np.bincount(codes, own * weights) == pytest.approx(0.0, abs=1e-5 * weights.sum())
    [term] = fit.cells.exposures
    stock = stock_of(fit, fit.cells.controls)
    spread = np.sqrt(np.average((stock - np.average(stock, weights=weights)) ** 2, weights=weights))
    assert (term.mean, term.scale) == pytest.approx((np.average(stock, weights=weights), spread), rel=1e-6)
    assert term.left == pytest.approx(np.average(own**2, weights=weights), rel=1e-5)


def test_customers_are_exposed_today_as_in_the_last_window(
    world: Exposed, occasions: clv.Occasions, fit: MediaFit
) -> None:
    region = np.array([int(one[1:]) for one in fit.audience.regions[:, 0]])
    assert stock_of(fit, fit.audience.controls) == pytest.approx(world.stock[region, -1], rel=1e-6)
    with pytest.raises(clv.ContactError, match="TV is known from 2023-11-06 on"):
        occasions.audience(at="2023-11-05")
    picked = fit.audience.picked(np.array([3, 1]))
    assert list(picked.regions[:, 0]) == [fit.audience.regions[3, 0], fit.audience.regions[1, 0]]


def test_the_table_is_that_of_the_draws(world: Exposed, fit: MediaFit) -> None:
    cells, rows = fit.cells, np.arange(fit.cells.medium.size)
    theta = fit.theta[:, fit.layout.columns(NONE)]
    log_odds = fit.layout.linear(cells, rows, NONE) @ theta.T
    slope = fit.theta[:, fit.layout.blocks["spread_exposures"]][:, 0] / cells.exposures[0].scale
    without = expit(log_odds - np.outer(world.stock[place(fit)], slope))
    weights = cells.occasions / cells.occasions.sum()
    gain = weights @ (expit(log_odds) - without)
    [row] = fit.exposures().itertuples()
    assert row.base == pytest.approx((weights @ without).mean(), rel=1e-9)
    assert (row.increment, row.lower, row.upper) == pytest.approx(
        (gain.mean(), *np.quantile(gain, [0.05, 0.95])), rel=1e-6
    )
    assert row.p_positive == np.mean(gain > 0)
    assert (row.levels, row.regions, row.days, row.grade) == (78, 6, 13, "observational")
    assert (
        "6 regions compared on the same 13 days" in row.reason
        and "half-life of 14 days is taken as given" in row.reason
    )
    assert "TV" in repr(fit) and "78 levels of exposure" in repr(fit)


def test_a_unit_is_worth_what_it_adds_until_it_is_forgotten(fit: MediaFit) -> None:
    """Against a small step of every customer's stock, times the windows' worth of stock that a unit leaves, day by day."""
    [term], who, step = fit.cells.exposures, fit.audience, 1e-3
    carried = sum(2.0 ** (-day / HALF_LIFE) for day in range(2000)) / WINDOW
    more = who.controls.copy()
    more[:, -1] += step / term.scale
    higher, base = (fit.base_draws(one, draws=1000) for one in (replace(who, controls=more), who))
    brought = carried * (higher - base) / step
    table = fit.exposure_value("TV", value=30.0)
    north = who.regions[:, 0] == "R0"
    assert table.loc["R0", "buyers"] == pytest.approx(brought[north].sum(axis=0).mean(), rel=1e-3)
    assert table.loc["all regions", "buyers"] == pytest.approx(brought.sum(axis=0).mean(), rel=1e-3)
    assert table.loc["all regions", "break_even_cost"] == pytest.approx(30 * table.loc["all regions", "buyers"])
    assert list(table["cost"]) == pytest.approx([2.0] * 6 + [12.0])
    assert table["net"].to_numpy() == pytest.approx((table["break_even_cost"] - table["cost"]).to_numpy())
    row = fit.exposures(value=30.0).loc["TV"]
    assert (row["break_even_cost"], row["net"]) == pytest.approx(
        tuple(table.loc["all regions", ["break_even_cost", "net"]])
    )
    assert row["break_even_cost"] * (1 - row["break_even_share"]) == pytest.approx(row["cost"])
    dear = fit.exposure_value("TV", value=30.0, cost={"R0": 1e6})
    assert dear.loc["R0", "p_pays"] == 0.0 and np.isnan(dear.loc["R1", "p_pays"])
    with pytest.raises(clv.ContactError, match="no exposure 'radio'"):
        fit.exposure_value("radio", value=30.0)
    with pytest.raises(clv.ContactError, match="cost= names north"):
        fit.exposure_value("TV", value=30.0, cost={"north": 1.0})


def test_the_figure_shows_it_below_the_contacts(fit: MediaFit) -> None:
    figure = clv.figures.media_effects(fit)
    [axes] = figure.axes
    assert [one.get_text() for one in axes.get_yticklabels()] == ["DM", "TV"]
    ends = fit.exposures().loc["TV", ["lower", "upper"]].to_numpy(dtype=float)
    assert axes.collections[0].get_segments()[-1][:, 0] == pytest.approx(100 * ends)
    assert "TV" not in figure.message and "TV: what whole regions were exposed to" in figure.caption


def test_the_truth_is_found_again(world: Exposed, fit: MediaFit) -> None:
    """Within three standard deviations, the increment too; intervals are counted in a slow test."""
    for seed in (2, 5):
        here = world if seed == 2 else exposed_world(seed)
        row = (fit if seed == 2 else fitted(here.exposed(), here)).exposures().loc["TV"]
        sd = (row["effect_upper"] - row["effect_lower"]) / 3.29
        assert row["effect"] == pytest.approx(0.004 * row["stock_sd"], abs=3 * sd) and sd < 0.06
        share = (row["increment"] / here.increment.mean() - 1) / (sd / row["effect"])
        assert abs(share) < 3.3
        assert row["p_positive"] > 0.99


@pytest.fixture(scope="module")
def noise() -> tuple[Exposed, MediaFit]:
    here, radio = exposed_world(31, effect=0.0), exposed_world(32)
    return here, fitted(
        here.exposed().with_exposure(
            radio.levels, medium="radio", date="week", level="grp", region="area", half_life=clv.WEEK
        ),
        here,
    )


def test_nothing_out_of_nothing(noise: tuple[Exposed, MediaFit]) -> None:
    """Neither TV nor radio did anything; each has the stock that it has alone."""
    here, found = noise
    table = found.exposures()
    assert list(table.index) == list(found.exposure_media) == ["TV", "radio"]
    assert table["p_positive"].between(0.01, 0.99).all()
    names, tv = list(found.cells.control_names), found.cells.exposures[0]
    stock = tv.mean + tv.scale * found.cells.controls[:, [names.index(name) for name in tv.names]].sum(axis=1)
    assert stock == pytest.approx(here.stock[place(found)], rel=1e-6)


def test_an_exposure_that_does_nothing_leaves_contacts_as_they_are(noise: tuple[Exposed, MediaFit]) -> None:
    here, found = noise
    bare = fitted(here.bare, here)
    with_tv, without = (one.effects().loc["DM"] for one in (found, bare))
    sd = (without["upper"] - without["lower"]) / 3.29
    assert with_tv["increment"] == pytest.approx(without["increment"], abs=0.15 * sd)
    assert with_tv["upper"] - with_tv["lower"] == pytest.approx(without["upper"] - without["lower"], rel=0.15)
    assert len(bare.exposures()) == 0 and np.isnan(bare.exposures()["increment"].mean())


def test_mail_that_follows_tv_is_credited_with_its_effect_unless_it_is_there() -> None:
    """Nobody is held out, and there is more mail where and when TV runs: without TV in the baseline mail is flattered."""
    here = exposed_world(3, customers=250, effect=0.006, contact=0.1, follow=1.5, held_out=False)
    biased, repaired = (fitted(contacts, here).effects().loc["DM"] for contacts in (here.bare, here.exposed()))
    assert biased["lower"] > here.contact_increment + 0.02
    assert repaired["lower"] < here.contact_increment < repaired["upper"]


def test_binned_cells_keep_regions_and_days_apart(world: Exposed, occasions: clv.Occasions, fit: MediaFit) -> None:
    cells = occasions.cells(2)
    assert stock_of(fit, cells.controls) == pytest.approx(world.stock[cells.level // 13, cells.level % 13], rel=1e-6)
    assert_same(clv.fit(SPEC, cells, draws=1000, seed=1), fit, within=0.5)


def test_stocks_are_binned_where_regions_and_days_are_too_many(
    monkeypatch: pytest.MonkeyPatch, world: Exposed, fit: MediaFit
) -> None:
    monkeypatch.setattr(grouping, "EXACT", 50)
    monkeypatch.setattr(grouping, "MOST", 60)
    monkeypatch.setattr(exposures, "APART", 10)
    monkeypatch.setattr(exposures, "FEW", 1000)
    log = clv.Transactions(world.purchases, customer="who", date="when")
    homes = world.purchases[["who", "area"]].drop_duplicates()
    made = seen(world.exposed(residents=homes, customer="who"), world, log=log)
    binned = clv.fit(SPEC, made, draws=1000, seed=1)
    assert binned.cells.medium.size <= 96 and not binned.cells.level.any()
    assert "do not allow for" in binned.exposures().loc["TV", "reason"]
    assert_same(binned, fit, within=2.0)


def assert_same(one: MediaFit, other: MediaFit, *, within: float) -> None:
    """Effects that differ by no more than a part of a standard deviation."""
    first, second = (found.exposures().loc["TV"] for found in (one, other))
    sd = (second["effect_upper"] - second["effect_lower"]) / 3.29
    assert first["effect"] == pytest.approx(second["effect"], abs=within * sd)


def test_shocks_of_whole_regions_make_intervals_wider() -> None:
    here = exposed_world(8, shock=0.6)
    found = fitted(here.exposed(), here)
    row = found.exposures().loc["TV"]
    assert found.shocks["TV"] > 2 and "intervals are wider" in row["reason"]
    sd = (row["effect_upper"] - row["effect_lower"]) / 3.29
    assert row["effect"] == pytest.approx(0.004 * row["stock_sd"], abs=3 * sd)


def test_widening_is_that_of_fewer_data(fit: MediaFit) -> None:
    """Normal data of precision t about d, a normal prior of precision q: with a quarter of the data the posterior is known."""
    t, q, d, draws = 400.0, 25.0, 0.3, 4001
    even = stats.norm.ppf((np.arange(draws) + 0.5) / draws)
    theta = np.zeros((draws, fit.layout.size))
    at = fit.layout.blocks["spread_exposures"].start
    theta[:, at] = t * d / (t + q) + even / np.sqrt(t + q)
    spreads = np.full((draws, len(fit.layout.spreads)), -np.log(q) / 2)
    less = widened(theta, spreads, fit.layout, {"TV": 4.0})[:, at]
    assert less.mean() == pytest.approx(100 * d / (100 + q), rel=1e-3)
    assert less.std() == pytest.approx(1 / np.sqrt(100 + q), rel=1e-3)
    assert np.array_equal(widened(theta, spreads, fit.layout, {"TV": 0.7}), theta)


def test_the_half_life_is_chosen_by_the_data(world: Exposed, occasions: clv.Occasions, fit: MediaFit) -> None:
    """Fourteen days are true; one of 3 and 100 is not what the data are likeliest under."""
    spans = [3 * clv.DAY, HALF_LIFE * clv.DAY, 100 * clv.DAY]
    chosen = fitted(world.exposed(half_life=spans), world)
    assert chosen.cells.exposures[0].half_life == HALF_LIFE
    assert "14 days fits best of 3, 14, 100" in chosen.exposures().loc["TV", "reason"]
    assert chosen.exposures().loc["TV", "effect"] == pytest.approx(fit.exposures().loc["TV", "effect"], rel=1e-6)
    other = occasions.with_half_life("TV", 3 * clv.DAY)
    assert other.cells().exposures[0].half_life == 3.0 and occasions.cells().exposures[0].half_life == HALF_LIFE


def test_levels_without_regions_compare_days() -> None:
    """Two years of national TV; months of the year are set apart, and it is said what stays confounded."""
    windows, rng = 26, np.random.default_rng(4)
    level = np.repeat(levels_of(rng, 1, windows, shared=0.0), 3, axis=0)
    here = exposed_world(4, regions=3, windows=windows, month=0.0, effect=0.006, level=level)
    national = here.levels.query("area == 'R0'").drop(columns="area")
    found = fitted(here.exposed(levels=national, region=None), here)
    row = found.exposures().loc["TV"]
    assert (row["regions"], row["levels"], row["days"]) == (1, 26, 26)
    assert "whatever else happened to everybody" in row["reason"] and row["left"] < 1
    sd = (row["effect_upper"] - row["effect_lower"]) / 3.29
    assert row["effect"] == pytest.approx(0.006 * row["stock_sd"], abs=3 * sd)
    assert list(found.exposure_value("TV", value=1.0).index) == ["everywhere", "all regions"]


def test_a_medium_is_a_contact_or_an_exposure(world: Exposed) -> None:
    with pytest.raises(clv.ContactError, match="DM is a medium of the contacts and an exposure too"):
        seen(world.exposed(medium="DM"), world)
    assert "exposed to TV" in repr(world.exposed()) and "exposed" not in repr(world.bare)


@pytest.mark.slow
def test_intervals_cover() -> None:
    """60 markets, a third of them with shocks of regions. In the 40 where TV works 90 % intervals hold the truth; in the 20 where
    it does nothing, its effect is as rarely called sure."""
    inside, sure = [], []
    for seed in range(60):
        effect = 0.0 if seed < 20 else 0.004
        here = exposed_world(200 + seed, effect=effect, shock=0.3 * (seed % 3 == 0))
        row = fitted(here.exposed(), here).exposures().loc["TV"]
        inside += [row["effect_lower"] < effect * row["stock_sd"] < row["effect_upper"]] if effect else []
        sure += [] if effect else [abs(row["p_positive"] - 0.5) > 0.45]
    assert sum(inside) >= stats.binom.ppf(0.001, len(inside), 0.90)
    assert sum(sure) <= stats.binom.ppf(0.999, len(sure), 0.10)


@pytest.mark.slow
def test_more_than_twenty_thousand_distinct_occasions() -> None:
    """Half a million cells would be too many: occasions are binned, and the effect is found all the same."""
    here = exposed_world(9, customers=6000)
    found = clv.fit(SPEC, here.exposed(), here.log, seed=1)
    assert found.cells.occasions.sum() > 25_000 > found.cells.medium.size
    row = found.exposures().loc["TV"]
    sd = (row["effect_upper"] - row["effect_lower"]) / 3.29
    assert row["effect"] == pytest.approx(0.004 * row["stock_sd"], abs=3 * sd) and sd < 0.03


def test_stocks_are_written_out_rightly() -> None:
    """One week of 100 eight weeks before the first window: what is left is 100 times the mean of 2^(-age / half-life)."""
    level = np.zeros((1, 12))
    level[0, 0] = 100.0
    ages = np.arange(56, 56 + WINDOW)
    assert stock_by_hand(level, 1)[0, 0] == pytest.approx(np.mean(100 * 2.0 ** (-ages / HALF_LIFE)))
