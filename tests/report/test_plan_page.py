"""A plan as figures and as a page."""

from __future__ import annotations

import numpy as np
import pytest

import clvmodels as clv
from clvmodels.report.plan_page import plan_pictures
from tests.conftest import Shop


@pytest.fixture(scope="module")
def plan(shop: Shop) -> clv.Plan:
    return clv.plan_budget(shop.forecast, shop.media, shop.actions, budget=100.0, seed=1)


def test_the_page_says_what_the_plan_says(plan: clv.Plan, tmp_path) -> None:
    test = "Design of a test\nContact 100 & hold out 100."
    page = clv.write_plan(tmp_path / "plan.html", plan, test=test, title="Spring <plan>").read_text(encoding="utf-8")
    assert "Spring &lt;plan&gt;" in page and "Contact 100 &amp; hold out 100." in page
    assert "<script" not in page and "http://" not in page.replace("http://www.w3.org", "")
    for words in (
        "Who gets what",
        "Which media work",
        "randomised",
        plan.why(plan.per_customer().nlargest(1, "net")["customer_id"].iloc[0])[:40],
    ):
        assert words in page
    assert page.count("<figure>") == 3


def test_figures_show_what_the_tables_hold(plan: clv.Plan) -> None:
    pictures = plan_pictures(plan)
    left, right = pictures["budget_frontier"].axes
    (line,) = (one for one in left.lines if len(one.get_xdata()) > 100)
    spent = plan.solution.spent
    best = np.interp(spent, line.get_xdata(), line.get_ydata())
    assert best == pytest.approx(plan.solution.frontier.value_at(spent) - spent, rel=0.02)
    assert right.get_yscale() == "log"
    bars = [bar.get_width() for bar in pictures["plan_by_medium"].axes[0].patches]
    table = plan.by_medium().sort_values("net")
    assert bars == pytest.approx([*table["gross"], *table["cost"]])
    assert len(pictures["plan_comparison"].axes[0].get_yticklabels()) == len(plan.compare()) - 1


def test_other_languages_are_refused(plan: clv.Plan) -> None:
    with pytest.raises(clv.ClvError, match="English"):
        clv.figures.plan_by_medium(plan, lang="ko")
