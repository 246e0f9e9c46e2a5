"""Two plans under the same chance: against brute force, against the formulas, and the laws that parts have to keep."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from scipy import integrate

import clvmodels as clv
from clvmodels.value import simulation, two_plans
from clvmodels.value.plan_parts import PlanDifference
from clvmodels.value.two_plans import PARTS

UNTIL = np.datetime64("2024-12-31")
PROMOTED = 213
"""Days since 2024-06-01."""
THETA = (0.8, 9.0, 0.7, 12.0, 0.8, 0.5)
"""r, alpha, s, beta, effects of the promotion on purchase and on dropout."""
HORIZON = 26 * clv.WEEK
RATE = clv.Rate(0.10, per=clv.YEAR)
WAVES = ((10, 1.0), (24, -1.0), (66, 0.0), (80, -1.0), (94, 1.0), (150, 0.0))
"""A promotion, a dip that lasts longer, and a dip before a promotion: days from the end of observation, and values."""
AGAINST, DAYS = ((40, 0.3), (90, 0.0)), 182


class Shop(NamedTuple):
    histories: clv.Histories
    fit: clv.Fit
    quantity: clv.Fit


def with_theta(fit: clv.Fit, theta: tuple[float, ...]) -> clv.Fit:
    """The fit as if its parameters were known."""
    return replace(fit, theta=fit.model.Theta(*theta), covariance=1e-16 * np.eye(len(theta)))


@pytest.fixture(scope="module")
def shop() -> Shop:
    """Customers of a year, half of them with a promotion since June."""
    rng, rows = np.random.default_rng(1), []
    for who in range(40):
        first, more = rng.integers(0, 150), rng.integers(0, 9) * (rng.random() < 0.7)
        days = np.unique(np.append(first, first + rng.integers(1, 200, int(more))))
        rows += [
            (who, day, amount, "AB"[who % 2]) for day, amount in zip(days, rng.gamma(5, 8, days.size), strict=True)
        ]
    log = pd.DataFrame(rows, columns=["who", "day", "amount", "shop"])
    log["day"] = pd.Timestamp("2024-01-03") + pd.to_timedelta(log["day"], unit="D")
    read = clv.Transactions(log, customer="who", date="day", amount="amount", segment="shop")
    histories = read.histories(period=clv.WEEK, until=str(UNTIL), dates=True)
    start = pd.DataFrame({"customer_id": np.arange(40), "date": "2023-12-31", "promotion": 0.0})
    later = start.assign(date="2024-06-01", promotion=np.arange(40) % 2.0)
    spec = clv.time_varying(purchase="~ promotion", dropout="~ promotion", panel=clv.Panel(pd.concat([start, later])))
    fit = clv.fit(spec, histories, method="map")
    return Shop(histories, with_theta(fit, THETA), clv.fit(clv.GAMMA_GAMMA, histories, method="map"))


def future(steps: tuple[tuple[int, float], ...], who: range = range(40)) -> clv.Panel:
    """No promotion from the day after the end of observation on, but these values from these days on for some customers."""
    start = pd.DataFrame({"customer_id": np.arange(40), "date": UNTIL + 1, "promotion": 0.0})
    some = start[start["customer_id"].isin(who)]
    return clv.Panel(pd.concat([start, *(some.assign(date=UNTIL + day, promotion=v) for day, v in steps)]))


def difference(
    shop: Shop, steps, against=(), *, histories=None, who=range(40), theta=None, **options
) -> PlanDifference:
    fit = shop.fit if theta is None else with_theta(shop.fit, theta)
    plans = [fit.under(future(one, who)) for one in (steps, against)]
    given = {"horizon": HORIZON, "margin": 0.3, "discount": RATE, "draws": 200, "seed": 1} | options
    return clv.plan_difference(*plans, shop.quantity, shop.histories if histories is None else histories, **given)


@pytest.fixture(scope="module")
def waves(shop) -> PlanDifference:
    return difference(shop, WAVES, AGAINST, draws=500)


def test_parts_add_up_in_every_table(waves) -> None:
    purchases, value = waves.parts_draws
    induced, pulled, put_off, forgone, saved, lost, net = purchases
    assert net == pytest.approx(induced - forgone + saved - lost, abs=1e-12)
    assert np.all((purchases[:-1] >= 0) & (purchases[:-1] == np.floor(purchases[:-1])))
    assert min(part.sum() for part in (induced, pulled, put_off, forgone, saved, lost)) > 0
    assert value[-1] == pytest.approx(value[0] + value[1] + value[2] - value[3] + value[4] - value[5], abs=1e-9)
    assert np.all(value[1] >= 0) and np.all(value[2] <= 0)
    total, each, groups, stream = waves.total(), waves.per_customer(), waves.by("segment"), waves.stream(per=clv.MONTH)
    for part in PARTS:
        name = part.replace(" ", "_")
        assert each[name].sum() == pytest.approx(total["purchases"][part])
        assert groups[name].sum() == pytest.approx(total["purchases"][part])
        moved = part in ("pulled forward", "put off")
        assert stream[name].sum() == pytest.approx(0.0 if moved else total["purchases"][part])
    for name in ("purchases", "value"):
        assert each[name].sum() == pytest.approx(total[f"{name}_expected"]["net"])
        assert groups[name].sum() == pytest.approx(total[f"{name}_expected"]["net"])
    assert groups["customers"].sum() == 40
    signs = {"forgone": -1, "lost": -1}
    flows = sum(signs.get(part, 1) * stream[part.replace(" ", "_")].to_numpy() for part in PARTS)
    assert stream["net"].to_numpy() == pytest.approx(flows, abs=1e-12)
    for name, measure in (("cumulative", "purchases"), ("cumulative_value", "value")):
        last = stream.iloc[-1]
        bounds = total.loc["net", [measure, f"{measure}_lower", f"{measure}_upper"]].to_numpy()
        assert last[[name, f"{name}_lower", f"{name}_upper"]].to_numpy() == pytest.approx(bounds)


def test_the_same_future_twice_is_exactly_nothing(shop) -> None:
    found = difference(shop, WAVES, WAVES)
    assert not found.parts_draws.any() and not found.expected_draws.any() and not len(found.plans.order)
    assert not found.per_customer().drop(columns=["customer_id", "segment"]).to_numpy().any()
    assert not found.stream().to_numpy().any() and not found.by("segment")["value"].any()
    assert "The two futures are the same" in repr(found)


def test_only_customers_whose_future_differs_are_drawn(shop) -> None:
    found = difference(shop, WAVES, who=range(7))
    assert set(shop.histories.customer_id[found.plans.order]) == set(range(7))
    assert not found.per_customer()["purchases"][7:].any() and found.per_customer()["purchases"][:7].all()
    near, far = (difference(shop, ((100, 1.0),), horizon=weeks * clv.WEEK) for weeks in (14, 15))
    assert len(near.plans.order) == 0 and len(far.plans.order) == 40


def test_net_is_the_difference_of_the_formulas(shop, waves) -> None:
    plans, quantity = waves.plans, [v[:, None] for v in waves.plans.simulation.quantity_theta]
    theta = plans.plan.Theta(*(v[:, None] for v in plans.simulation.duration_theta))
    amounts = clv.GAMMA_GAMMA.expected_spend(quantity, shop.histories)
    for k, options in enumerate(({}, {"discount": RATE})):
        one, other = (
            model.expected_purchases(theta, shop.histories, horizon=HORIZON, **options)
            for model in (plans.plan, plans.against)
        )
        worth = 0.3 * amounts if k else 1.0
        assert waves.expected_draws[k] == pytest.approx(((one - other) * worth).sum(axis=1), rel=1e-9)
        drawn = waves.parts_draws[k, -1]
        assert drawn.mean() == pytest.approx(waves.expected_draws[k].mean(), abs=4 * drawn.std() / np.sqrt(500))


class World(NamedTuple):
    """One customer by brute force: what is known of her, and the factors of both plans day by day over the horizon."""

    alive: float
    shape: float
    scale: float
    left: float
    rates: np.ndarray
    hazards: np.ndarray


def world(shop: Shop, who: int, steps, against, days: int) -> World:
    r, alpha, s, beta, purchase, dropout = THETA
    row = list(shop.histories.customer_id).index(who)
    x, age, recency = (float(getattr(shop.histories, name)[row]) for name in ("frequency", "T", "recency"))
    promoted = PROMOTED / 7 if who % 2 else 0.0
    begins = age - promoted

    def grown(t: float, effect: float) -> float:
        return min(t, begins) + np.exp(effect) * max(t - begins, 0.0)

    def density(t: float) -> float:
        hazard = np.exp(dropout) if t > begins else 1.0
        return s * hazard * (alpha + grown(t, purchase)) ** -(r + x) * (beta + grown(t, dropout)) ** -(s + 1)

    scale, left = alpha + grown(age, purchase), beta + grown(age, dropout)
    here = scale ** -(r + x) * left**-s
    gone = integrate.quad(density, recency, age, points=[begins] if recency < begins < age else None, epsrel=1e-10)[0]
    values = np.zeros((2, days))
    values[:, 0] = who % 2  # the day of the last observation is still past
    for line, changes in zip(values, (steps, against), strict=True):
        for day, value in changes:
            line[day:] = value
    return World(here / (here + gone), r + x, scale, left, np.exp(purchase * values), np.exp(dropout * values))


def leaving(w: World, gone: np.ndarray) -> np.ndarray:
    """Days until D reaches `gone` under both plans (2, n), infinite beyond the horizon."""
    found = []
    for hazard in w.hazards:
        grown = np.concatenate([[0.0], np.cumsum(hazard / 7)])
        found.append(np.where(gone < grown[-1], np.interp(gone, grown, np.arange(grown.size)), np.inf))
    return np.array(found)


@pytest.fixture(scope="module", params=[4, 7])
def single(shop, request) -> tuple[int, np.ndarray]:
    """One customer without and one with a promotion in the past, and her purchases of each part in each draw (6, draws)."""
    alone = shop.histories.select([request.param])
    return request.param, difference(shop, WAVES, AGAINST, histories=alone, draws=20_000).parts_draws[0, :-1]


def test_brute_force_on_the_plane_of_points(shop, single) -> None:
    """Points of time and height, each customer's rate and hazard drawn: who buys what under which plan."""
    who, (induced, pulled, put_off, forgone, saved, lost) = single
    n, rng, w = lost.size, np.random.default_rng(3), world(shop, who, WAVES, AGAINST, DAYS)
    alive = rng.random(n) < w.alive
    rate = np.where(alive, rng.gamma(w.shape, 1 / w.scale, n), 0.0)
    gone = rng.exponential(1.0, n) / rng.gamma(THETA[2], 1 / w.left, n)
    until = leaving(w, gone)
    top = w.rates.max()
    counts = rng.poisson(rate * top * DAYS / 7)
    of = np.repeat(np.arange(n), counts)
    day, height = rng.uniform(0, DAYS, of.size), rng.uniform(0, top, of.size)
    buys = np.array([(height < a[day.astype(int)]) & (day < t[of]) for a, t in zip(w.rates, until, strict=True)])
    there = day < until[:, of]
    both = there.all(axis=0)
    kinds = (buys[0] & ~buys[1] & both, buys[1] & ~buys[0] & both, buys[0] & ~there[1], buys[1] & ~there[0])
    theirs = np.array([np.bincount(of[kind], minlength=n) for kind in kinds])
    ours = np.array([induced + pulled + put_off, forgone + pulled + put_off, saved, lost])
    assert theirs.mean(axis=1).min() > 0.001
    for power in (1, 2):
        a, b = ours**power, theirs.astype(float) ** power
        error = np.sqrt((a.var(axis=1) + b.var(axis=1)) / n)
        assert np.all(np.abs(a.mean(axis=1) - b.mean(axis=1)) < 4 * error)


def test_what_is_made_good_is_what_came_first(shop, single) -> None:
    """Pieces of a day's difference wait in line until a day of the other sign; the mean over when she leaves."""
    who, parts = single
    w = world(shop, who, WAVES, AGAINST, DAYS)
    waiting: deque[list[float]] = deque()
    extra, missing = np.zeros(DAYS), np.zeros(DAYS)
    pulled, put_off = np.zeros((DAYS, DAYS)), np.zeros((DAYS, DAYS))
    for day, change in enumerate((w.rates[0] - w.rates[1]) / 7):
        (extra if change > 0 else missing)[day] = abs(change)
        while change and waiting and waiting[0][1] * change < 0:
            begun, amount = waiting[0]
            part = min(abs(amount), abs(change))
            (pulled if amount > 0 else put_off)[begun, day] += part
            waiting[0][1], change = amount - np.sign(amount) * part, change - np.sign(change) * part
            if abs(waiting[0][1]) < 1e-12:
                waiting.popleft()
            change = 0.0 if abs(change) < 1e-12 else change
        if change:
            waiting.append([day, change])
    quantile = (np.arange(4000) + 0.5) / 4000
    first = np.floor(np.minimum(leaving(w, w.left * np.expm1(-np.log(quantile) / THETA[2])).min(axis=0), DAYS)).astype(
        int
    )
    moved = [np.array([part[:stop, :stop].sum() for stop in range(DAYS + 1)]) for part in (pulled, put_off)]
    sums = [np.concatenate([[0.0], np.cumsum(part)]) for part in (extra, missing)]
    together = moved[0] + moved[1]
    mean = w.alive * w.shape / w.scale
    wanted = [mean * part[first].mean() for part in (sums[0] - together, moved[0], moved[1], sums[1] - together)]
    ours = parts[:4]
    assert np.all(ours.mean(axis=1) > 0.0005)
    # days are cut off where she leaves: up to one more, once in her life
    slack = mean * np.abs(w.rates[0] - w.rates[1]).max() / 7 * (first < DAYS).mean()
    assert np.all(np.abs(ours.mean(axis=1) - wanted) < 4 * ours.std(axis=1) / np.sqrt(ours.shape[1]) + slack)


def test_a_plan_that_drives_customers_away_loses_purchases_and_saves_none(shop) -> None:
    theta = (*THETA[:4], 0.0, 1.5)
    found = difference(shop, ((7, 1.0),), theta=theta)
    table = found.total()["purchases"]
    assert table["lost"] > 1 and not table.drop(["lost", "net"]).any()
    kept = difference(shop, (), ((7, 1.0),), theta=theta).total()["purchases"]
    assert kept["saved"] > 1 and not kept.drop(["saved", "net"]).any()
    assert np.all(found.expected_draws < 0)


STAYS = (0.8, 9.0, 1e-3, 1e4, 0.8, 0.0)
"""Nobody leaves."""


def dip(effect: float) -> float:
    """The value that takes as much off the factor as one adds to it."""
    return float(np.log(2.0 - np.exp(effect)) / effect)


def test_a_promotion_and_a_dip_of_its_size_only_pull_forward(shop) -> None:
    theta = (*STAYS[:4], 0.5, 0.0)
    steps = ((28, 1.0), (56, dip(0.5)), (84, 0.0))
    found, plain = (difference(shop, steps, theta=theta, draws=400, discount=d) for d in (RATE, None))
    table = found.total()
    r, alpha = theta[:2]
    bought = np.where(shop.histories.customer_id % 2, np.exp(0.5), 1.0)  # since June
    since = np.minimum(shop.histories.T, PROMOTED / 7)
    scale = alpha + shop.histories.T - since + bought * since
    wanted = ((r + shop.histories.frequency) / scale).sum() * 4 * np.expm1(0.5)
    pulled = found.parts_draws[0, 1]
    assert pulled.mean() == pytest.approx(wanted, abs=4 * pulled.std() / np.sqrt(400) + 1e-3 * wanted)
    assert not table["purchases"].drop(["pulled forward"]).any()
    assert abs(table["purchases_expected"]["net"]) < 1e-3 * wanted
    assert table["value"]["pulled forward"] == pytest.approx(table["value"]["net"]) and table["value"]["net"] > 0
    assert not plain.parts_draws[1, 1].any() and plain.total()["purchases"]["pulled forward"] == pulled.mean()
    stream = found.stream(per=clv.Period("four weeks", 28))
    assert stream["net"].to_numpy()[1:3] == pytest.approx([pulled.mean(), -pulled.mean()], rel=0.05)
    late = difference(shop, (), steps, theta=theta).total()
    assert late["purchases"]["put off"] > 0 and late["value"]["put off"] < 0
    assert not late["purchases"].drop(["put off"]).any()


def test_what_is_due_after_the_horizon_is_not_made_good(shop) -> None:
    steps = ((28, 1.0), (56, dip(0.5)), (84, 0.0))
    found = difference(shop, steps, theta=(*STAYS[:4], 0.5, 0.0), horizon=10 * clv.WEEK, draws=500)
    induced, pulled = found.parts_draws[0, :2]
    assert induced.mean() == pytest.approx(pulled.mean(), rel=0.1)


def test_the_other_way_round_is_the_mirror_image(shop, waves) -> None:
    other = difference(shop, AGAINST, WAVES, draws=500)
    mirror = [3, 2, 1, 0, 5, 4]
    here, there = waves.parts_draws[0, :-1], other.parts_draws[0, mirror]
    error = np.sqrt((here.var(axis=1) + there.var(axis=1)) / 500)
    assert np.all(np.abs(here.mean(axis=1) - there.mean(axis=1)) < 4 * error)
    assert other.expected_draws == pytest.approx(-waves.expected_draws, rel=1e-6)


def test_a_seed_gives_the_same_whatever_the_threads_blocks_and_order(shop, monkeypatch) -> None:
    first, again, another = (difference(shop, WAVES, seed=seed) for seed in (5, 5, 6))
    assert np.array_equal(first.parts_draws, again.parts_draws)
    assert not np.array_equal(first.parts_draws, another.parts_draws)
    monkeypatch.setattr(simulation, "THREADS", 1)
    shuffled = shop.histories.select(np.random.default_rng(0).permutation(shop.histories.customer_id))
    turned = difference(shop, WAVES, histories=shuffled, seed=5)
    assert np.array_equal(first.parts_draws, turned.parts_draws)
    pd.testing.assert_frame_equal(
        first.per_customer().set_index("customer_id"),
        turned.per_customer().set_index("customer_id").loc[shop.histories.customer_id],
    )
    monkeypatch.setattr(two_plans, "CELLS", 2200)
    blocks = difference(shop, WAVES, seed=5)
    assert blocks.expected_draws == pytest.approx(first.expected_draws, rel=1e-12)
    assert not np.array_equal(blocks.parts_draws, first.parts_draws)
    assert blocks.stream()["net"].sum() == pytest.approx(blocks.total()["purchases"]["net"])


def test_more_purchases_than_room_at_first(shop) -> None:
    theta = (8.0, 1.0, *STAYS[2:4], 1.0, 0.0)
    found = difference(shop, ((2, 2.0),), theta=theta)
    extra = found.parts_draws[0, 0]
    assert extra.mean() > 10 * 40
    assert extra.mean() == pytest.approx(found.expected_draws[0].mean(), abs=4 * extra.std() / np.sqrt(200))


def test_twice_the_customers_twice_the_difference(shop) -> None:
    twins = pd.DataFrame({"customer_id": np.arange(80), "date": UNTIL + 1, "promotion": 0.0})
    h = shop.histories
    ids = np.concatenate([h.customer_id, h.customer_id + 40])
    both = replace(
        h, customer_id=ids, **{
            name: np.tile(getattr(h, name), 2)
            for name in ("frequency", "recency", "T", "monetary_value", "spend", "segment", "dates")
        },
    )  # fmt: skip
    start = pd.DataFrame({"customer_id": ids, "date": "2023-12-31", "promotion": 0.0})
    past = clv.Panel(pd.concat([start, start.assign(date="2024-06-01", promotion=ids % 2.0)]))
    model = replace(shop.fit.model, panel=past.closed(shop.fit.model.until))
    fit = replace(shop.fit, model=model)
    plans = [
        fit.under(clv.Panel(pd.concat([twins, *(twins.assign(date=UNTIL + d, promotion=v) for d, v in steps)])))
        for steps in (WAVES, ())
    ]
    given = {"horizon": HORIZON, "margin": 0.3, "discount": RATE, "draws": 200, "seed": 1}
    found = clv.plan_difference(*plans, shop.quantity, both, **given)
    assert found.expected_draws == pytest.approx(2 * difference(shop, WAVES).expected_draws, rel=1e-9)
    one, other = np.split(found.per_customer()["induced"].to_numpy(), 2)
    assert not np.array_equal(one, other) and one.sum() == pytest.approx(other.sum(), rel=0.3)


def test_margins_by_customer_and_time_in_other_periods(shop) -> None:
    margin = pd.Series(np.where(shop.histories.customer_id < 20, 0.3, 0.0), index=shop.histories.customer_id)
    some = difference(shop, WAVES, margin=margin)
    whole, each = difference(shop, WAVES), some.per_customer()
    assert np.array_equal(some.parts_draws[0], whole.parts_draws[0])
    assert each["value"][20:].eq(0).all()
    assert each["value"][:20].to_numpy() == pytest.approx(whole.per_customer()["value"][:20].to_numpy())
    days = difference(shop, WAVES, histories=shop.histories.to(clv.DAY), horizon=182 * clv.DAY)
    assert days.expected_draws == pytest.approx(whole.expected_draws, rel=1e-9)


def test_what_cannot_be_compared_is_refused(shop) -> None:
    plan = shop.fit.under(future(WAVES))
    ask = {"horizon": HORIZON}
    with pytest.raises(clv.ModelError, match=r"two fits .* differ by more than their futures"):
        other = with_theta(shop.fit, (*THETA[:5], 0.4)).under(future(()))
        clv.plan_difference(plan, other, shop.quantity, shop.histories, **ask)
    plain = clv.fit(clv.PARETO_NBD, shop.histories, method="map")
    with pytest.raises(clv.ModelError, match="against= is PARETO_NBD, which has no other future"):
        clv.plan_difference(plan, plain, shop.quantity, shop.histories, **ask)
    with pytest.raises(clv.ModelError, match="plan= is str, which has no other future"):
        clv.plan_difference("plan", plan, shop.quantity, shop.histories, **ask)
    with pytest.raises(clv.HistoryError, match=r"not known for 40 customers.*fit.under\(panel\)"):
        clv.plan_difference(plan, shop.fit, shop.quantity, shop.histories, **ask)
    with pytest.raises(clv.ClvError, match="endless horizon cannot be told apart"):
        clv.plan_difference(plan, plan, shop.quantity, shop.histories, horizon=clv.FOREVER, discount=RATE)
    with pytest.raises(clv.ClvError, match="draws=5 is too few"):
        clv.plan_difference(plan, plan, shop.quantity, shop.histories, draws=5, **ask)
    older = replace(shop.histories, T=shop.histories.T + 1, until=(UNTIL + 7).astype(object))
    with pytest.raises(clv.HistoryError, match="observed until 2025-01-07, and the plans begin after 2024-12-31"):
        clv.plan_difference(plan, plan, shop.quantity, older, **ask)
    with pytest.raises(clv.ClvError, match="no 'region'"):
        difference(shop, ()).by("region")


def test_it_reads_in_one_sentence(waves) -> None:
    net = waves.total().loc["net"]
    text, page = repr(waves), waves._repr_html_()
    assert f"The plan brings {net['purchases']:,.1f} purchases net" in text.replace(f"{net['purchases']:,.0f} p", "")
    assert "what contacts cost is not taken off" in text and "discounted at 10 % per year" in text
    assert waves.sentence in page and "pulled forward" in page and "nan" not in page + text


def test_the_figure_shows_the_stream(shop, waves) -> None:
    table = waves.stream(per=clv.MONTH)
    figure = clv.figures.plan_difference(waves, per=clv.MONTH)
    above, below = figure.axes
    assert above.get_lines()[1].get_ydata()[1:] == pytest.approx(table["cumulative"].to_numpy())
    assert below.get_lines()[1].get_ydata() == pytest.approx(table["net"].to_numpy())
    heights = {bars.get_label(): [bar.get_height() for bar in bars] for bars in below.containers}
    for name, sign in (
        ("induced", 1),
        ("pulled forward", 1),
        ("put off", 1),
        ("forgone", -1),
        ("saved", 1),
        ("lost", -1),
    ):
        assert heights[name] == pytest.approx(sign * table[name.replace(" ", "_")].to_numpy())
    assert sum(np.array(part) for part in heights.values()) == pytest.approx(table["net"].to_numpy())
    assert "The plan brings" in figure.message and "only put off" in figure.message
    same = clv.figures.plan_difference(difference(shop, ()))
    assert same.message == "The two futures are the same for all customers"


def test_contacts_planned_for_some(shop) -> None:
    """A contact brings purchases at once, of which the time after it takes some away: pulled forward; and keeps customers."""
    log = pd.DataFrame(
        {"customer": np.arange(40) % 20, "medium": "e-mail", "date": UNTIL - 7 * (1 + np.arange(40) // 2)}
    )
    plan = pd.DataFrame({"customer": np.arange(5), "medium": "e-mail", "date": UNTIL + 16})
    past, ahead = (clv.Contacts(one, customer="customer", medium="medium", date="date") for one in (log, plan))
    spec = clv.time_varying(purchase="~ e_mail + e_mail_later", dropout="~ e_mail", contacts=past)
    fit = with_theta(replace(shop.fit, model=spec.on(shop.histories)), (*THETA[:4], 0.8, -0.4, -0.8, 1.0))
    found = clv.plan_difference(
        fit.under(contacts=ahead), fit, shop.quantity, shop.histories, horizon=HORIZON, draws=500, seed=1
    )
    each, total, stream = found.per_customer(), found.total()["purchases"], found.stream()
    assert set(each["customer_id"][each["purchases"] != 0]) == set(range(5))
    net = found.parts_draws[0, -1]
    assert net.mean() == pytest.approx(found.expected_draws[0].mean(), abs=4 * net.std() / np.sqrt(500))
    assert stream["net"].to_numpy()[:2] == pytest.approx(0.0, abs=0.01)
    assert stream["net"].to_numpy()[2:4].min() > 0 > stream["net"].to_numpy()[8:].sum()
    assert total["pulled forward"] > 0 and total["saved"] > 0
    assert total["lost"] < 0.1 * total["saved"]
