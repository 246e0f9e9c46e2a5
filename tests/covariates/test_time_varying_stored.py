"""Saved fits over time: a loaded one forecasts the same histories to the same numbers, bit by bit."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import clvmodels as clv
from clvmodels.estimation.stored_arrays import as_table, from_table
from clvmodels.units import WEEK

from .test_time_varying import panel_of, people


def same(fit: clv.Fit, again: clv.Fit, histories: clv.Histories) -> None:
    assert again.theta == fit.theta and repr(again) == repr(fit) and again.model.name == fit.model.name
    assert again.summary().equals(fit.summary())
    for formula, options in (
        ("p_alive", {}),
        ("expected_purchases", {"horizon": 15 * WEEK, "discount": clv.Rate(0.1, per=clv.YEAR)}),
        ("pmf", {"n": 2, "horizon": 5 * WEEK}),
    ):
        ours, theirs = (getattr(one, formula)(histories, draws=20, **options) for one in (again, fit))
        assert ours.equals(theirs), formula
    ours, theirs = (one.model.log_likelihood(fit.theta, histories) for one in (again, fit))
    assert np.array_equal(ours, theirs)


def saved(fit: clv.Fit, folder) -> clv.Fit:
    return clv.load(clv.save(fit, folder / "fit.parquet"))


def test_a_fit_without_a_panel_comes_back(tmp_path) -> None:
    histories = people(40)
    fit = clv.fit(clv.time_varying(season="fourier(1)"), histories, method="laplace", draws=40, seed=1)
    again = saved(fit, tmp_path)
    same(fit, again, histories)
    assert again.posterior.equals(fit.posterior) and again.diagnostics == fit.diagnostics
    quantity = clv.fit(clv.GAMMA_GAMMA, with_amounts(histories), method="map")
    first, second = (
        clv.forecast(f, quantity, with_amounts(histories), horizon=20 * WEEK, draws=40, seed=3) for f in (fit, again)
    )
    assert first.per_customer().equals(second.per_customer())


def with_amounts(histories: clv.Histories) -> clv.Histories:
    amounts = np.where(histories.frequency > 0, 20 + histories.frequency, 0.0)
    return clv.Histories(
        histories.customer_id, histories.frequency, histories.recency, histories.T, amounts, WEEK,
        dates=histories.dates, until=histories.until,
    )  # fmt: skip


def test_panel_contacts_and_segments_come_back_and_another_future_works(tmp_path) -> None:
    histories = people(40)
    ids = np.array([f"고객 {k:02d}" for k in histories.customer_id], dtype=object)
    kinds = pd.DataFrame({"customer_id": ids, "channel": np.where(np.arange(40) % 3, "shop", "online")})
    histories = clv.Histories(
        ids, histories.frequency, histories.recency, histories.T, histories.monetary_value, WEEK, dates=histories.dates,
        until=histories.until,
    ).with_covariates(kinds)  # fmt: skip
    rng = np.random.default_rng(1)
    rows = pd.DataFrame(
        {"customer_id": np.tile(ids, 4), "date": np.repeat(pd.date_range("2024-01-01", periods=4, freq="90D"), 40)}
    )
    rows = rows.assign(offer=rng.choice(["none", "coupon"], 160), member=rng.random(160) < 0.5)
    price = pd.DataFrame({"date": pd.date_range("2024-01-01", periods=20, freq="30D"), "price": rng.normal(size=20)})
    sent = pd.DataFrame({"who": ids[::2], "by": "e-mail", "day": "2024-09-01"})
    contacts = clv.Contacts(sent, customer="who", medium="by", date="day")
    spec = clv.time_varying(
        purchase="~ log(price + 9) * channel + offer + e_mail", dropout="~ member + e_mail",
        panel=clv.Panel(rows, common=price, until="2025-12-31"), contacts=contacts, saturation="estimate",
    )  # fmt: skip
    fit = clv.fit(spec, histories, method="map")
    again = saved(fit, tmp_path)
    same(fit, again, histories)
    assert again.model.media == ("e-mail",)
    future = clv.Panel(
        rows.tail(40).assign(date="2025-01-01", offer="coupon"), common=price.tail(1).assign(date="2025-01-01")
    )
    plan = clv.Contacts(sent.assign(day="2025-02-01"), customer="who", medium="by", date="day")
    horizon = 10 * WEEK
    ours, theirs, plain = (
        one.expected_purchases(histories, horizon=horizon, draws=20)
        for one in (again.under(future, contacts=plan), fit.under(future, contacts=plan), fit)
    )
    assert ours.equals(theirs) and not ours.equals(plain)
    same(fit.under(future), saved(fit.under(future), tmp_path), histories)


@pytest.mark.parametrize(
    "values",
    [
        np.array(["a", "나", "", "b\n"], dtype=object),
        np.array(["a", 1, 2.5, True, None], dtype=object),
        np.array(["xy", "z"]),
        np.array([0.1, -0.0, np.nan, np.inf]),
        np.array([1.5, 2.5], dtype=np.float32),
        np.array([2**62, -1]),
        np.array([2**64 - 1], dtype=np.uint64),
        np.array([1, -1], dtype=np.int8),
        np.array([True, False]),
        np.array(["2024-01-01", "NaT"], dtype="datetime64[s]"),
        np.zeros(0, dtype=np.int64),
        np.array([], dtype=object),
    ],
    ids=str,
)
def test_arrays_of_every_plain_type_come_back(values, tmp_path) -> None:
    table, kept = as_table({"it": values, "longer": np.arange(9)})
    pq.write_table(table, tmp_path / "it.parquet")
    found = from_table(pq.read_table(tmp_path / "it.parquet"), json.loads(json.dumps(kept)))
    assert found["it"].dtype == values.dtype and np.array_equal(found["longer"], np.arange(9))
    assert (
        found["it"].tobytes() == values.tobytes() if values.dtype != object else found["it"].tolist() == values.tolist()
    )
    assert [type(v) for v in found["it"]] == [type(v) for v in values]


def test_what_a_file_cannot_keep_is_named(tmp_path) -> None:
    histories = people(10)
    panel = panel_of(histories)
    panel.own.columns["promotion"] = np.array(
        [pd.Timestamp(k, unit="D", tz="UTC") for k in panel.own.columns["promotion"]]
    )
    fit = clv.fit(clv.time_varying(purchase="~ price", panel=panel), histories, method="map")
    with pytest.raises(clv.SavedFitError, match="panel own column promotion holds values of type Timestamp"):
        clv.save(fit, tmp_path / "fit.parquet")
    assert not list(tmp_path.iterdir())


def test_a_damaged_panel_is_refused(tmp_path) -> None:
    histories = people(10)
    fit = clv.fit(clv.time_varying(purchase="~ price", panel=panel_of(histories)), histories, method="map")
    path = clv.save(fit, tmp_path / "fit.parquet")
    table = pq.read_table(path)
    for name in ("panel common day", "panel own column promotion"):
        pq.write_table(table.drop_columns([name]), path)
        with pytest.raises(clv.SavedFitError, match=f"lacks part of a saved fit.*{name}"):
            clv.load(path)
    header = json.loads(table.schema.metadata[b"clvmodels"]) | {"format": 3}
    pq.write_table(table.replace_schema_metadata({b"clvmodels": json.dumps(header).encode()}), path)
    with pytest.raises(clv.SavedFitError, match="has format 3; this version reads formats 1 and 2"):
        clv.load(path)


def test_a_large_panel_takes_a_few_bytes_a_change(tmp_path) -> None:
    """100,000 changes of 20,000 customers: the file is no more than 6 bytes a change beside the customers' ids."""
    rng = np.random.default_rng(3)
    who = np.repeat(np.arange(20_000), 5)
    table = pd.DataFrame({"customer_id": who, "date": np.datetime64("2023-01-01") + np.tile(np.arange(5), 20_000) * 90})
    table["date"] += pd.to_timedelta(rng.integers(1, 90, len(table)) * (table.index % 5 > 0), unit="D")
    panel = clv.Panel(table.assign(promotion=rng.integers(0, 2, len(table))), until="2025-12-31")
    histories = people(10)
    fit = clv.fit(clv.time_varying(purchase="~ promotion", panel=panel), histories, method="map")
    path = clv.save(fit, tmp_path / "fit.parquet")
    assert path.stat().st_size < 6 * panel.own.day.size + 8 * 20_000
    assert np.array_equal(clv.load(path).model.panel.own.day, fit.model.panel.own.day)
