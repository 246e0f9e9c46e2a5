"""What contacts are worth, against sums written out, and against the published formula that they contain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvmodels.errors import ClvError
from clvmodels.value.contacts import contact_value, retention_increment


@given(
    st.floats(1, 1000), st.floats(0, 500), st.floats(0.05, 0.99), st.floats(0.001, 0.5), st.integers(1, 40)
)  # fmt: skip
def test_one_contact_a_period_at_constant_retention_is_case_1_of_berger_and_nasr(margin, cost, r, d, n) -> None:
    """Berger and Nasr 1998, case 1: yearly margin at the end of each year, promotion at its middle, retention r."""
    published = sum(margin * r**t / (1 + d) ** t for t in range(n + 1)) - cost * sum(
        r ** (t - 1) / (1 + d) ** (t - 0.5) for t in range(1, n + 1)
    )
    t = np.arange(1, n + 1)
    found = contact_value(
        increment=1.0,
        worth=margin,
        survival=r**t,
        time=t - 0.5,
        lag=0.5,
        force=np.log1p(d),
        cost=cost,
        paid_for=r ** (t - 1.0),
    )
    assert margin + found.net.sum() == pytest.approx(published, rel=1e-12, abs=1e-9)


def test_the_numbers_of_the_article() -> None:
    """Berger and Nasr 1998, example of case 1: GC 260, M 50, r .75, d .20, ten years: 568.78."""
    t = np.arange(1, 11)
    found = contact_value(
        increment=1.0,
        worth=260,
        survival=0.75**t,
        time=t - 0.5,
        lag=0.5,
        force=np.log(1.2),
        cost=50,
        paid_for=0.75 ** (t - 1.0),
    )
    assert 260 + found.net.sum() == pytest.approx(568.78, abs=0.005)


def test_every_term_written_out() -> None:
    found = contact_value(
        increment=0.1, worth=20.0, cost=1.5, time=2.0, lag=1.0, survival=0.8, force=0.05, response=0.3, cost_on_response=4.0,
        amount_ratio=1.25,
        paid_for=0.9,
    )  # fmt: skip
    bought_then, bought_anyway = 0.3, 0.2
    assert found.gross == pytest.approx((bought_then * 25.0 - bought_anyway * 20.0) * 0.8 * np.exp(-0.05 * 3.0))
    assert found.outlay == pytest.approx(1.5 * 0.9 + 4.0 * 0.3 * 0.8)
    assert found.cost == pytest.approx(found.outlay * np.exp(-0.05 * 2.0))
    assert found.net == pytest.approx(found.gross - found.cost)


def test_an_offer_cannot_save_more_than_can_be_saved() -> None:
    stay, moved = np.array([0.5, 0.9, 0.9, 0.9]), np.array([0.6, 0.95, 1.0, 0.8])
    found = retention_increment(stay=stay, stay_if_contacted=moved, controllable=0.7)
    assert found == pytest.approx([0.1, 0.05, 0.07, -0.1])
    worth = contact_value(
        increment=found[2], worth=400.0, cost=2.0, time=0.0, lag=0.0, response=moved[2], cost_on_response=10.0
    )
    assert worth.net == pytest.approx(0.07 * 400 - 2 - 10)
    with pytest.raises(ClvError, match="controllable is outside"):
        retention_increment(stay=0.5, stay_if_contacted=0.6, controllable=1.2)
