"""Figures of the uses of value show the numbers of their tables."""

from __future__ import annotations

import numpy as np
import pytest

import clvmodels as clv
from clvmodels.report.uses_words import uses_words
from tests.uses.test_next_purchase import log
from tests.uses.test_products import TIERS
from tests.uses.test_products import log as product_log


def widths(axes) -> list[float]:  # type: ignore[no-untyped-def]
    return [bar.get_width() for bar in axes.patches]


def test_tiers_are_bars_and_a_confusion_of_probabilities(small: clv.Forecast) -> None:
    tiers = clv.value_tiers(small)
    figure = clv.figures.value_tiers(tiers)
    left, right = figure.axes
    table = tiers.table()
    heights = [bar.get_height() for bar in left.patches]
    assert heights == pytest.approx([*table["share_of_customers"], *table["share_of_value"]])
    [image] = right.get_images()
    cells = np.asarray(image.get_array(), dtype=float)
    assert cells.diagonal() == pytest.approx(table["p_tier"].to_numpy())
    assert cells.sum(axis=1) == pytest.approx(np.ones(4))
    assert "platinum" in figure.message


def test_the_grid_shows_value_and_customers(small: clv.Forecast) -> None:
    grid = clv.value_loyalty_grid(small)
    [axes] = clv.figures.value_loyalty_grid(grid).axes
    [image] = axes.get_images()
    assert np.asarray(image.get_array(), dtype=float).sum() == pytest.approx(
        grid.table()["share_of_value"].clip(lower=0).sum()
    )
    assert sum(int(text.get_text().split("\n")[1].split()[0].replace(",", "")) for text in axes.texts) == len(
        small.histories
    )


def test_risk_bars_are_the_bands(small: clv.Forecast) -> None:
    risk = clv.value_at_risk(small, within=13 * clv.WEEK)
    left, right = clv.figures.value_at_risk(risk).axes
    table = risk.table()
    assert [bar.get_height() for bar in left.patches] == pytest.approx([*table["value_at_risk"], *table["win_back"]])
    assert all(line.get_ydata()[-1] == pytest.approx(1.0) for line in right.get_lines())  # type: ignore[index]


def test_newcomers_and_customers_to_let_go(small: clv.Forecast) -> None:
    newcomer, letting = clv.newcomer_value(small), clv.letting_go(small)
    figure = clv.figures.newcomer_value(newcomer)
    assert f"{newcomer.most:,.2f}" in figure.message
    shares = [bar.get_height() for bar in figure.axes[0].patches[:40]]
    assert sum(shares) == pytest.approx(1.0)
    drawn = clv.figures.letting_go(letting)
    assert sum(bar.get_height() for bar in drawn.axes[0].patches) == len(small.histories)
    assert f"{letting.table()['let_go'].iloc[0]} of" in drawn.message and "not known" in drawn.message


def test_next_purchases_and_categories(published: clv.Fit, small: clv.Forecast) -> None:
    waits = clv.next_purchase(published, small.histories, within=13 * clv.WEEK, draws=2)
    left, right = clv.figures.next_purchase(waits).axes
    drawn = {str(line.get_label()): np.asarray(line.get_ydata(), dtype=float) for line in left.get_lines()}
    for name in waits.curves:
        assert drawn[str(name)] == pytest.approx(waits.curves[name].to_numpy())
    table = waits.table()
    assert widths(right) == pytest.approx([*table["customers"], *table["buyers"]])
    categories = clv.next_purchase_by_category(log(), within=10 * clv.DAY)
    figure = clv.figures.next_purchase_by_category(categories)
    [dots] = figure.axes[0].get_lines()
    assert sorted(np.asarray(dots.get_xdata(), dtype=float)) == pytest.approx(sorted(categories.table()["again_share"]))
    assert "milk is most often bought again" in figure.message


def test_products_are_cells_with_their_margin() -> None:
    products = clv.product_profitability(product_log(), TIERS)
    figure = clv.figures.product_profitability(products)
    [axes] = figure.axes
    assert "2 of 5" in figure.message
    texts = sorted(float(text.get_text()) for text in axes.texts)
    assert texts == pytest.approx(sorted(products.matrix().to_numpy().ravel()))


def test_figures_speak_english_so_far() -> None:
    with pytest.raises(clv.ClvError, match="lang='ko'"):
        uses_words("ko")
