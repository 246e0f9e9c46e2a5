"""Endless horizons: the value of centuries of months, against sums written down from the calendar."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.duration import paths_far, paths_future
from clvmodels.units import WEEK

from .test_time_varying import UNTIL, panel_of, people

RATE = clv.Rate(0.1, per=clv.YEAR)
THETAS = [
    (0.8, 9.0, 0.7, 12.0),
    (2.0, 20.0, 8.0, 150.0),
    (0.5, 10.0, 60.0, 3000.0),
    (0.5, 10.0, 60.0, 4.0),
    (0.5, 10.0, 0.03, 0.5),
]


def centuries(theta, histories, row: int, months, quarters, force: float) -> float:
    """Discounted purchases of a customer alive, from the months of the calendar: twenty nodes on each of them."""
    r, alpha, s, beta = theta
    first = histories.dates[row][0].astype("datetime64[D]").astype(int)
    now = first + 7 * histories.T[row]
    start = np.arange(np.datetime64("2024-01"), np.datetime64("2500-01")).astype("datetime64[D]")
    month = start.astype("datetime64[M]").astype(int) % 12
    a, d = np.exp(np.append(0, months)[month]), np.exp(np.append(0, quarters)[month // 3])
    day = start.astype(int)

    def sums(low, high):
        inside = np.clip(np.append(day[1:], np.inf), low, high) - np.clip(day, low, high)
        return (a * inside).sum() / 7, (d * inside).sum() / 7

    bought, gone = sums(first, now)
    x, w = np.polynomial.legendre.leggauss(20)
    low, high = np.maximum(day[:-1], now), np.maximum(day[1:], now)
    u = ((low + high)[:, None] + (high - low)[:, None] * x) / 2
    D = np.append(0, np.cumsum(d[:-1] * (high - low)))[:-1, None] + d[:-1, None] * (u - low[:, None])
    b = beta + gone
    each = np.exp(-force * (u - now) / 7 - s * np.log1p(D / 7 / b)) @ w * (high - low) / 2
    return (r + histories.frequency[row]) / (alpha + bought) * float(a[:-1] @ each) / 7


@pytest.mark.parametrize("theta", THETAS)
def test_an_endless_horizon_is_the_sum_over_all_months(theta) -> None:
    histories = people(6)
    model = clv.time_varying(purchase="~ month", dropout="~ quarter").on(histories)
    rng = np.random.default_rng(2)
    months, quarters = rng.normal(0, 0.5, 11), rng.normal(0, 0.5, 3)
    whole = (*theta, *months, *quarters)
    force = RATE.force(WEEK)
    found = model.expected_if_alive(model.theta(whole), histories, horizon=np.inf, force=force)
    for row in range(6):
        assert found[row] == pytest.approx(centuries(theta, histories, row, months, quarters, force), rel=1e-9)


def far_and_direct(model, theta, histories, horizon: float, force: float):
    """Present sums as they are asked for, and segment by segment."""
    e = model._elements(theta, histories, horizon, ahead=horizon)
    _, left = e.scales()
    known = (e.theta, e.which, e.path, e.now, left, e.sorted(horizon), force, e.paths)
    assert paths_far._parted(e.theta, e.paths, e.now, known[5], force) is not None
    return paths_far.present_sums(*known), paths_future.present_sums(*known)


@pytest.mark.parametrize("force", [-0.002, 0.002])
@pytest.mark.parametrize("horizon", [60.0, 1500.0])
def test_money_may_gain_or_lose_value(horizon, force) -> None:
    histories = people(10)
    model, theta = clv.time_varying(season="month").on(histories), (0.8, 9.0, 0.7, 12.0)
    plain = clv.PARETO_NBD
    found = model.expected_if_alive(model.theta((*theta, *np.zeros(11))), histories, horizon=horizon, force=force)
    right = plain.expected_if_alive(plain.theta(theta), histories, horizon=horizon, force=force)
    assert found == pytest.approx(right, rel=1e-7)


@pytest.mark.parametrize(("horizon", "force"), [(8000.0, 0.0), (8000.0, 0.002), (20_000.0, 0.002)])
def test_panels_waves_and_contacts_settle(horizon, force) -> None:
    """Paths of their own, two parameters, contacts that fade: what all have in common afterwards is summed once."""
    histories = people(12)
    own = panel_of(histories).own
    table = pd.DataFrame(
        {"customer_id": np.repeat(own.keys, np.diff(own.offset)), "date": own.day, "row": own.row}
    ).query("row >= 0")
    table = table.assign(date=table["date"].to_numpy().astype("datetime64[D]"), promotion=np.arange(len(table)) % 3)
    sent = pd.DataFrame({"who": histories.customer_id[::2], "by": "DM", "day": "2024-08-01"})
    contacts = clv.Contacts(sent, customer="who", medium="by", date="day")
    spec = clv.time_varying(
        purchase="~ promotion + sin_1 + cos_1 + DM", dropout="~ sin_1 + DM + irritation",
        panel=clv.Panel(table.drop(columns="row")).closed(10**6), contacts=contacts,
    )  # fmt: skip
    model = spec.on(histories)
    theta = np.array(
        [
            (0.8, 9.0, 0.7, 12.0, 0.3, -0.4, 0.2, 0.5, 0.3, 0.4, -0.2, 4.0),
            (2.0, 20.0, 8.0, 150.0, *np.full(7, 0.2), 6.0),
        ]
    )
    people_twice = clv.history.upright(histories)
    far, direct = far_and_direct(model, model.Theta(*theta.T), people_twice, horizon, force)
    assert far == pytest.approx(direct, rel=1e-9)


def test_customers_observed_to_different_days() -> None:
    early, late = people(5, until="2024-10-31"), people(5, until=UNTIL)
    both = clv.history.History(
        np.append(early.frequency, late.frequency), np.append(early.recency, late.recency), np.append(early.T, late.T),
        WEEK, dates=np.append(early.dates, late.dates),
    )  # fmt: skip
    model = clv.time_varying(season="fourier(1)").on(late)
    theta = (0.8, 9.0, 0.7, 12.0, 0.4, -0.3)
    found = model.expected_purchases(theta, both, horizon=clv.FOREVER, discount=RATE)
    apart = [model.expected_purchases(theta, one, horizon=clv.FOREVER, discount=RATE) for one in (early, late)]
    assert found == pytest.approx(np.concatenate(apart), rel=1e-10)
    ends = model.expected_purchases(theta, both, horizon=2000 * WEEK)
    assert ends == pytest.approx(
        np.concatenate([model.expected_purchases(theta, one, horizon=2000 * WEEK) for one in (early, late)]), rel=1e-9
    )


def test_later_rows_come_at_the_end_of_what_is_far() -> None:
    """Elements keep their places whatever order they come in."""
    histories = people(20)
    model = clv.time_varying(season="month").on(histories)
    draws = model.Theta(*(np.full(3, v) * (1 + 0.1 * np.arange(3)) for v in (0.8, 9.0, 0.7, 12.0, *np.full(11, 0.1))))
    together = model.expected_purchases(draws, clv.history.upright(histories), horizon=clv.FOREVER, discount=RATE)
    assert together.shape == (20, 3)
    for k in range(3):
        one = [float(v[k]) for v in draws]
        back = model.expected_purchases(
            one, clv.history.picked(histories, np.arange(20)[::-1]), horizon=clv.FOREVER, discount=RATE
        )
        assert back[::-1] == pytest.approx(together[:, k], rel=1e-10)


def test_parameters_customers_and_counts_broadcast_in_any_way() -> None:
    """Pairs of parameters and customers, customers with parameters of their own, and counts along another axis."""
    histories = people(7)
    model = clv.time_varying(purchase="~ sin_1 + cos_1").on(histories)
    draws = [np.linspace(v, 1.3 * v, 7) for v in (0.8, 9.0, 0.7, 12.0, 0.4, -0.3)]
    own = model.expected_purchases(draws, histories, horizon=30 * WEEK)
    crossed = model.expected_purchases([v[:, None] for v in draws], histories, horizon=30 * WEEK)
    turned = model.expected_purchases(draws, clv.history.upright(histories), horizon=30 * WEEK)
    assert own == pytest.approx(np.diag(crossed), rel=1e-13) and turned == pytest.approx(crossed.T, rel=1e-13)
    counts = np.arange(3)[:, None, None]
    pmf = model.pmf([v[:, None] for v in draws], histories, n=counts, horizon=10 * WEEK)
    assert pmf.shape == (3, 7, 7)
    for n in range(3):
        for k in range(7):
            one = model.pmf([v[k] for v in draws], histories, n=n, horizon=10 * WEEK)
            assert pmf[n, k] == pytest.approx(one, rel=1e-12)
