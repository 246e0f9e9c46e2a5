"""Terms that read common and own covariates together: the same as the product written into the panel by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.units import WEEK

from .test_time_varying import THETA, panel_of, people


def frame_of(changes) -> pd.DataFrame:
    """The long table of a part of a panel, without the rows that are not known."""
    key = np.repeat(changes.keys, np.diff(changes.offset))
    table = pd.DataFrame({"customer_id": key, "date": changes.day, "row": changes.row}).query("row >= 0")
    values = {name: column[table["row"]] for name, column in changes.columns.items()}
    return table.drop(columns="row").assign(**values)


def by_hand(panel: clv.Panel) -> pd.DataFrame:
    """Promotion, price and their product of each customer, with a row on each day on which either changes."""
    own, price = frame_of(panel.own), frame_of(panel.common).drop(columns="customer_id")
    days = np.unique(np.concatenate([own["date"], price["date"]]))
    grid = pd.MultiIndex.from_product([np.unique(own["customer_id"]), days], names=["customer_id", "date"]).to_frame(
        index=False
    )
    table = pd.merge_asof(grid.sort_values("date"), own.sort_values("date"), on="date", by="customer_id")
    table = pd.merge_asof(table, price.sort_values("date"), on="date").dropna()
    table["date"] = table["date"].to_numpy().astype("datetime64[D]")
    return table.assign(product=table["promotion"] * table["price"])


def agree(model, by_hand, theta, histories, horizon=20 * WEEK) -> None:
    """Likelihood and its gradient, P(alive) and expectations, whose paths differ in where they are cut."""
    assert model.log_likelihood(theta, histories) == pytest.approx(by_hand.log_likelihood(theta, histories), rel=1e-11)
    slopes = [m.kernel(np.array([theta]), *m.data(histories), *m.tables(histories))[1] for m in (model, by_hand)]
    assert slopes[0] == pytest.approx(slopes[1], rel=1e-9, abs=1e-9)
    assert model.p_alive(theta, histories) == pytest.approx(by_hand.p_alive(theta, histories), rel=1e-10)
    ours, theirs = (m.expected_purchases(theta, histories, horizon=horizon) for m in (model, by_hand))
    assert ours == pytest.approx(theirs, rel=1e-10)


def test_a_product_is_the_product_in_the_panel() -> None:
    histories = people(30)
    panel = panel_of(histories)
    model = clv.time_varying(purchase="~ price * promotion", dropout="~ price:promotion", panel=panel).on(histories)
    assert model.Theta._fields[4:] == (
        "purchase_price", "purchase_promotion", "purchase_price_promotion", "dropout_price_promotion",
    )  # fmt: skip
    written = clv.Panel(by_hand(panel), until="2025-06-30")
    hand = clv.time_varying(purchase="~ price + promotion + product", dropout="~ product", panel=written).on(histories)
    agree(model, hand, (*THETA, 0.3, -0.4, 0.5, -0.6), histories)
    changes = panel.own.day.size + len(panel.own.keys) * panel.common.day.size
    assert model._timetable(histories).day.size <= changes  # of each customer, and common ones once for each


def test_a_calendar_of_each_segment_is_that_of_a_panel_with_labels() -> None:
    """Products of labels are coded as in one formula; a path for each segment, whoever has it."""
    histories = people(40)
    channel = np.where(np.arange(40) % 3 == 0, "shop", "online")
    table = pd.DataFrame({"customer_id": histories.customer_id, "channel": channel})
    known = histories.with_covariates(table)
    starts = pd.DataFrame({"date": pd.date_range("2024-01-01", "2025-10-01", freq="QS")})
    starts["season"] = [f"Q{day.quarter}" for day in starts["date"]]
    panel = clv.Panel(table.merge(starts, how="cross"), until="2025-12-31")
    theta = (*THETA, 0.3, -0.4, 0.2, 0.6, 0.5, -0.5, 0.1)
    model = clv.time_varying(purchase="~ quarter * channel").on(known)
    hand = clv.time_varying(purchase="~ season * channel", panel=panel).on(histories)
    assert [name.replace("quarter", "season") for name in model.Theta._fields] == list(hand.Theta._fields)
    ours, theirs = model.log_likelihood(theta, known), hand.log_likelihood(theta, histories)
    assert ours == pytest.approx(theirs, rel=1e-11)
    ours, theirs = (m.expected_purchases(theta, h, horizon=30 * WEEK) for m, h in ((model, known), (hand, histories)))
    assert ours == pytest.approx(theirs, rel=1e-10)
    assert model._timetable(known).offset.size - 1 == 2
    alone = clv.time_varying(purchase="~ quarter:channel").on(known)
    assert len(alone.Theta._fields) == 4 + 7  # all but one of the eight cells


def test_products_go_with_contacts_and_functions() -> None:
    histories = people(30)
    panel = panel_of(histories)
    sent = pd.DataFrame({"who": histories.customer_id[::2], "by": "DM", "day": "2024-08-01"})
    contacts = clv.Contacts(sent, customer="who", medium="by", date="day")
    written = clv.Panel(
        by_hand(panel).assign(product=lambda t: np.exp(t["promotion"] * t["price"] / 4)), until="2025-06-30"
    )
    model = clv.time_varying(purchase="~ np.exp(promotion * price / 4) + DM", panel=panel, contacts=contacts).on(
        histories
    )
    hand = clv.time_varying(purchase="~ product + DM", panel=written, contacts=contacts).on(histories)
    agree(model, hand, (*THETA, 0.5, 0.7, 3.0), histories)


def test_a_cell_that_nobody_was_seen_in_is_refused() -> None:
    short = people(40, until="2024-08-31")
    table = pd.DataFrame({"customer_id": short.customer_id, "channel": np.where(np.arange(40) % 2, "shop", "online")})
    short = short.with_covariates(table)
    model = clv.time_varying(purchase="~ sin_1 + month:channel").on(short)
    with pytest.raises(clv.HistoryError, match="'month' in purchase= is 09, 10 at some time, which the model has not"):
        model.expected_purchases((*THETA, *np.zeros(len(model.Theta._fields) - 4)), short, horizon=8 * WEEK)
    panel = clv.Panel(common=pd.DataFrame({"date": ["2024-02-01", "2024-05-01"], "price": [1.0, 2.0]}))
    with pytest.raises(clv.HistoryError, match="'price', common to all customers, is not known from 2024-01"):
        clv.time_varying(purchase="~ price:channel", panel=panel).on(short)


def test_a_fit_finds_a_season_that_one_segment_has() -> None:
    """A high season in which only members buy more, and buy twice as much."""
    rng = np.random.default_rng(5)
    n = 1500
    first = np.datetime64("2022-01-01") + rng.integers(0, 180, n)
    days = pd.date_range("2022-01-01", "2023-12-31", freq="91D")
    panel = clv.Panel(common=pd.DataFrame({"date": days, "high": np.arange(len(days)) % 2}))
    member = np.array(["guest", "member"])[rng.integers(0, 2, n)]
    born = clv.Transactions(pd.DataFrame({"who": np.arange(n), "day": first}), customer="who", date="day")
    born = born.histories(period=WEEK, until="2023-12-31", dates=True)
    kinds = pd.DataFrame({"customer_id": born.customer_id, "member": member})
    spec = clv.time_varying(purchase="~ high * member", panel=panel)
    truth = (1.0, 12.0, 0.8, 40.0, 0.0, 0.2, np.log(2))
    drawn = spec.on(born.with_covariates(kinds)).simulate(
        truth, first=first, until="2023-12-31", period=WEEK, seed=3, covariates={"member": member}
    )
    fit = clv.fit(spec, drawn, method="mle")
    seen = fit.model.coordinates()
    z = (seen.free(fit.theta) - seen.free(truth)) / np.sqrt(np.diag(fit.covariance))
    assert np.all(np.abs(z) < 3.5)
    assert fit.theta[-1] > 0.4 and abs(fit.theta.purchase_high) < 0.2
