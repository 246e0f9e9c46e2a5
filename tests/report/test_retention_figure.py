"""The figure of retention shows the numbers of the table of cohorts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv


@pytest.fixture(scope="module")
def contracts() -> clv.Contracts:
    rng = np.random.default_rng(1)
    start = pd.to_datetime(rng.choice(pd.date_range("2018-01-01", "2021-12-01", freq="MS"), 2000))
    end = start + pd.to_timedelta(rng.geometric(0.03, 2000) * 30 + 5, unit="D")
    rows = pd.DataFrame({"who": range(2000), "from": start, "to": end.where(end <= "2022-12-31")})
    return clv.Contracts(rows, customer="who", start="from", end="to", observed_until="2022-12-31")


def test_curves_and_triangle_are_the_table(contracts: clv.Contracts) -> None:
    figure, table = clv.figures.retention(contracts), contracts.cohorts()
    curves = {str(line.get_label()): line for line in figure.axes[0].lines}
    assert list(curves) == ["2018", "2019", "2020", "2021"]
    for name, line in curves.items():
        own = table[table["cohort"] == name].set_index("tenure")["share"]
        x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
        assert y == pytest.approx(own[x].to_numpy()) and x.tolist() == list(range(x.size))
        assert 2 <= x.size <= own.size
    shares = np.asarray(figure.axes[1].images[0].get_array().filled(np.nan))  # type: ignore[union-attr]
    assert shares[0, : 1 + 4] == pytest.approx(curves["2018"].get_ydata())
    assert figure.message.startswith("After 2 years, ") or figure.message.startswith("After 3 years, ")


def test_tenures_that_few_have_reached_are_not_drawn(contracts: clv.Contracts) -> None:
    """Of the starts of 2021 only those of January 1 were observed for two whole years, or none."""
    drawn = clv.figures.retention(contracts).axes[0].lines[-1]
    assert np.asarray(drawn.get_xdata()).max() == 1


def test_many_cohorts_are_drawn_beside_everybody(contracts: clv.Contracts) -> None:
    figure = clv.figures.retention(contracts, per=clv.MONTH)
    assert len(figure.axes[0].lines) == 49
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["2018-01", "2021-12", "all"]  # type: ignore[union-attr]
