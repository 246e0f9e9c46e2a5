"""Whom to let go without a plan (with one: tests/budget/test_letting_go.py); and what all uses share: headings and files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.uses.letting_go import NO_PLAN
from clvmodels.uses.result import UseOfValue
from tests.uses.test_next_purchase import log
from tests.uses.test_products import TIERS
from tests.uses.test_products import log as product_log


def test_without_a_plan_the_table_says_so(small: clv.Forecast) -> None:
    found = clv.letting_go(small)
    people, row = found.per_customer(), found.table().iloc[0]
    assert row["basis"] == NO_PLAN
    assert "No plan was given" in " ".join(found.notes)
    assert people["action"].isna().all()
    assert people["let_go"].tolist() == (small.customers["ltv"] < 0).tolist()
    assert row["let_go"] == people["let_go"].sum() > 0
    assert row["saved"] == pytest.approx(-small.customers.loc[small.customers["ltv"] < 0, "potential"].sum())
    listed = found.listed()
    assert listed["best"].is_monotonic_increasing and (listed["best"] < 0).all()


def test_probability_of_being_negative_by_hand(small: clv.Forecast) -> None:
    found = clv.letting_go(small, by="potential").per_customer()
    parts = small.simulation.play(lambda block: (block.rows, small.valuation.measures(block)[1].potential))
    for rows, values in parts:
        assert found["p_negative"].to_numpy()[rows] == pytest.approx(np.mean(values < 0, axis=1))


def test_nothing_to_pay_means_nobody_to_let_go(forecast: clv.Forecast) -> None:
    found = clv.letting_go(forecast)
    assert found.table()["let_go"].iloc[0] == 0
    assert "Nothing is charged for keeping a customer" in " ".join(found.notes)


@pytest.fixture(scope="module")
def uses(small: clv.Forecast, published: clv.Fit) -> list[UseOfValue]:
    return [
        clv.value_tiers(small), clv.value_loyalty_grid(small), clv.value_at_risk(small, within=clv.MONTH),
        clv.newcomer_value(small), clv.letting_go(small), clv.product_profitability(product_log(), TIERS),
        clv.next_purchase(published, small.histories, within=clv.MONTH, draws=2),
        clv.next_purchase_by_category(log(), within=10 * clv.DAY),
    ]  # fmt: skip


def test_every_heading_is_korean_too(uses: list[UseOfValue]) -> None:
    for use in uses:
        for frame in (use.table(lang="ko"), *([] if use.customers is None else [use.per_customer(lang="ko")])):
            for name in frame.columns:
                assert any("\uac00" <= letter <= "\ud7a3" for letter in name), (use.title, name)
            assert frame.columns.is_unique
    with pytest.raises(clv.ClvError, match="lang='fr'"):
        uses[0].table(lang="fr")  # type: ignore[arg-type]


def test_files_hold_the_tables(uses: list[UseOfValue], tmp_path: Path) -> None:
    for use in uses:
        written = pd.read_csv(use.to_csv(tmp_path / "new" / "one.csv"))
        wanted = use.table() if use.customers is None else use.per_customer()
        assert list(written.columns) == list(wanted.columns) and len(written) == len(wanted)
        number = wanted.select_dtypes("number").columns[-1]
        assert written[number].to_numpy(dtype=float) == pytest.approx(wanted[number].to_numpy(dtype=float), nan_ok=True)
        assert len(pd.read_csv(use.to_csv(tmp_path / "two.csv", summary=True))) == len(use.table())
    korean = uses[0].to_csv(tmp_path / "three.csv", lang="ko").read_bytes()
    assert korean.startswith(b"\xef\xbb\xbf") and "등급".encode() in korean
    assert not list(tmp_path.glob(".*")), "nothing half-written is left"


def test_they_show_themselves(uses: list[UseOfValue]) -> None:
    for use in uses:
        assert use.title in repr(use) and use.title in use._repr_html_()
        assert all(note in repr(use) for note in use.notes)
