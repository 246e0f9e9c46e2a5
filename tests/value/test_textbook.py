"""The published examples: their printed numbers, and sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from clvmodels import formulas
from clvmodels.errors import ClvError

LEVERS = {"customers": 100, "count": 2, "ticket": 50, "margin": 0.4, "retention": 0.8, "cost": 10}


def test_berger_and_nasr_print_568_78_for_case_1() -> None:
    value = formulas.berger_nasr(contribution=260, promotion=50, retention=0.75, discount=0.20, periods=10)
    assert value == pytest.approx(568.78, abs=0.005)


def test_the_sales_call_example() -> None:
    terms = {"revenue": 500_000, "years": 20, "margin": 0.10}
    assert float(formulas.sales_calls(**terms)) == 1_000_000
    assert float(formulas.sales_calls(**terms, cost_per_call=1_200, calls_per_conversion=1_000)) == -200_000


def test_reichheld_by_hand() -> None:
    sources = [[30, 30, 30], [0, 10, 20]]
    value = formulas.reichheld(profit=sources, acquisition_cost=60, defection=0.4, discount=0.10)
    assert value == pytest.approx(30 / 1.1 + 40 / 1.21 + 0.5 * 50 / 1.331 - 60)
    with pytest.raises(ClvError, match="longer pattern"):
        formulas.reichheld(profit=[30], acquisition_cost=0, defection=0.4, discount=0.10)


def test_peppers_and_rogers_by_hand() -> None:
    value = formulas.peppers_rogers(fee=[100, 80, 70], renewal=[0.5, 0.9], discount=0.10)
    assert value == pytest.approx(100 + 40 / 1.1 + 31.5 / 1.21)
    with pytest.raises(ClvError, match="one per year after the first"):
        formulas.peppers_rogers(fee=[100, 80], renewal=[0.5, 0.9], discount=0.10)


def test_levers_are_differences_of_constant_retention() -> None:
    def equity(**change: float) -> float:
        now = LEVERS | change
        margin = now["count"] * now["ticket"] * now["margin"] - now["cost"]
        return now["customers"] * float(
            formulas.constant_retention(margin=margin, retention=now["retention"], discount=0.1)
        )

    gains = [equity(**{name: 1.01 * value}) - equity() for name, value in LEVERS.items()]
    np.testing.assert_allclose(formulas.explain(**LEVERS, discount=0.1)["gain"], gains)
    with pytest.raises(ClvError, match="no room"):
        formulas.explain(**LEVERS | {"retention": 1.0}, discount=0.1)


def test_customer_equity_adds_up() -> None:
    assert formulas.customer_equity(ltv=[120, -20, 50]) == 150
