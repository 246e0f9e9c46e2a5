"""Figures of media response show the numbers of its tables."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import clvmodels as clv
from clvmodels.estimation.media_fit import MediaFit
from tests.response.worlds import audience_of, world

NAMES = ("e-mail", "letter", "spots")


@pytest.fixture(scope="module")
def fit() -> MediaFit:
    cells, _ = world(30, q=1, medium=0.5)
    grades = dict(zip(NAMES, ("randomised", "observational", "attributed-only"), strict=True))
    return clv.fit(clv.media_response(window=28 * clv.DAY), replace(cells, media=NAMES, grades=grades), draws=500)


def test_effects_are_those_of_the_table(fit) -> None:
    figure = clv.figures.media_effects(fit, value=50.0, cost={"e-mail": 0.1, "letter": 1.0})
    table = fit.effects().sort_values("increment", ascending=False)
    [axes] = figure.axes
    lines, needed = axes.collections[0], axes.collections[2]
    ends = np.array([segment[:, 0] for segment in lines.get_segments()])
    assert ends == pytest.approx(100 * table[["lower", "upper"]].to_numpy())
    assert np.asarray(axes.collections[1].get_offsets())[:, 0] == pytest.approx(100 * table["increment"].to_numpy())
    dashes = [segment[0, 0] for segment in needed.get_segments() if segment.size]
    assert dashes == pytest.approx([{"e-mail": 0.2, "letter": 2.0}[name] for name in table.index if name != "spots"])
    assert [label.get_text() for label in axes.get_yticklabels()] == list(table.index)
    assert "pays for itself" in figure.caption and "pays for itself" not in clv.figures.media_effects(fit).caption


def test_what_is_attributed_only_is_never_called_shown(fit) -> None:
    assert fit.effects().loc["spots", "p_positive"] > 0.99
    shown, _, rest = clv.figures.media_effects(fit).message.partition(";")
    assert "e-mail" in shown and "spots" not in shown and "spots" in rest


def test_cells_are_the_increments_of_the_customers_named(fit) -> None:
    who = audience_of(np.linspace(-2, 2, 50)[:, None], np.arange(50) % 3, media=3)
    axes = clv.figures.media_by_customer(fit, who, customers=10).axes[0]
    drawn = np.asarray(axes.get_images()[0].get_array())
    ids = [label.get_text() for label in axes.get_yticklabels()]
    table = fit.increments(who).pivot(index="customer_id", columns="medium", values="increment")
    assert drawn == pytest.approx(100 * table.loc[ids, list(NAMES)].to_numpy())
    assert np.all(np.diff(drawn.max(axis=1)) <= 0) and len(ids) == 10
    best = fit.increments(who).set_index(["customer_id", "medium"])["p_best"]
    texts = [text.get_text() for text in axes.texts]
    [medium, probability] = texts[-10].rsplit(" ", 1)
    assert float(probability) == pytest.approx(best[ids[0], medium], abs=0.006)


def test_nobody_cannot_be_shown(fit) -> None:
    with pytest.raises(clv.ContactError, match="no customer in the audience"):
        clv.figures.media_by_customer(fit, audience_of(np.zeros((0, 1)), np.zeros(0, dtype=int), media=3))
