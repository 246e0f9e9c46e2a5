"""The simple formulas: hand calculations, identities between them, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvmodels import formulas
from clvmodels.errors import ClvError, UnitError
from clvmodels.units import MONTH, WEEK, YEAR, Rate

FRACTIONS = st.floats(0, 0.95)
DISCOUNTS = st.floats(0.01, 1)
SIZES = st.floats(0.1, 1000)


@given(SIZES, SIZES, SIZES, st.floats(0, 50))
def test_transaction_is_the_initial_formula_on_the_same_data(
    transactions: float, customers: float, revenue: float, duration: float
) -> None:
    average = formulas.transaction(transactions=transactions, customers=customers, revenue=revenue, duration=duration)
    simple = formulas.initial(average_amount=revenue / customers, duration=duration)
    assert average == pytest.approx(simple)


def test_a_lever_is_worth_what_raising_it_brings() -> None:
    base = {"transactions": 300.0, "customers": 120.0, "revenue": 9000.0, "duration": 18.0}
    value = formulas.transaction(**base)
    raised = [
        base | {"transactions": 303.0, "revenue": 9090.0},  # oftener at the same ticket: revenue grows with it
        base | {"revenue": 9090.0},
        base | {"duration": 18.18},
        {"transactions": 303.0, "customers": 120.0, "revenue": 303 * 30 * 1.01, "duration": 18.18},
    ]
    levers = formulas.transaction_levers(**base)
    gains = [float(formulas.transaction(**change) - value) for change in raised]
    assert levers["gain_per_customer"].to_numpy() == pytest.approx(gains)
    assert levers["gain"].to_numpy() == pytest.approx(120 * np.array(gains))
    assert levers["step"].iloc[:3].to_numpy() == pytest.approx([0.025, 0.3, 0.18])


def test_component_by_hand() -> None:
    """60 a period from 80 % and then 64 % of customers: 48 / 1.1 + 38.4 / 1.21; at once: 60 + 48 / 1.1."""
    terms = {"revenue": 100, "cost": 40, "discount": 0.10}
    late = formulas.component(survival=[0.8, 0.64], acquisition_cost=20, **terms)
    assert float(late) == pytest.approx(48 / 1.1 + 38.4 / 1.21 - 20)
    now = formulas.component(survival=[1.0, 0.8], first_payment="now", **terms)
    assert float(now) == pytest.approx(60 + 48 / 1.1)


def test_component_broadcasts_customers_and_periods() -> None:
    found = formulas.component(
        survival=[[1.0, 0.5], [0.5, 0.5]], revenue=[10, 20], cost=0, discount=[0.0, 1.0], acquisition_cost=[0, 1]
    )
    assert found == pytest.approx([20.0, 0.5 * 10 / 2 + 0.5 * 20 / 4 - 1])


@given(st.floats(-100, 100), FRACTIONS, DISCOUNTS)
def test_closed_form_is_the_long_sum(margin: float, retention: float, discount: float) -> None:
    for first_payment, power in (("end_of_period", 1), ("now", 0)):
        closed = formulas.constant_retention(
            margin=margin, retention=retention, discount=discount, first_payment=first_payment
        )
        survival = retention ** np.arange(power, 1000 + power)
        long = formulas.component(
            survival=survival, revenue=margin, cost=0, discount=discount, first_payment=first_payment
        )
        assert float(closed) == pytest.approx(float(long), abs=1e-9)


@given(FRACTIONS, DISCOUNTS)
def test_now_is_one_margin_more_than_end_of_period(retention: float, discount: float) -> None:
    late, now = (
        formulas.constant_retention(margin=7, retention=retention, discount=discount, first_payment=timing)
        for timing in ("end_of_period", "now")
    )
    assert now - late == pytest.approx(7)


def test_value_falls_in_discount_and_churn() -> None:
    rates = np.linspace(0.05, 0.5, 10)
    assert np.all(np.diff(formulas.constant_retention(margin=1, retention=0.9, discount=rates)) < 0)
    assert np.all(np.diff(formulas.constant_retention(margin=1, retention=1 - rates, discount=0.1)) < 0)


def test_past_customer_value_by_hand() -> None:
    """Section D of the indicators: 100 two periods ago and 50 today at 10 % are 121 + 50."""
    found = formulas.past_customer_value(contribution=[100, 50], periods_ago=[2, 0], rate=0.10)
    assert float(found) == pytest.approx(171)


def test_naive_rate_at_birth_is_zero() -> None:
    assert formulas.naive_rate(frequency=[0, 3], T=[0, 12]).tolist() == [0.0, 0.25]
    with pytest.raises(ClvError, match="Check the unit of T"):
        formulas.naive_rate(frequency=1, T=0)


def test_a_yearly_rate_becomes_a_plain_fraction_as_documented() -> None:
    monthly = np.expm1(Rate(0.10, per=YEAR).force(MONTH))
    one_payment = formulas.component(survival=[1] * 12, revenue=[0] * 11 + [110], cost=0, discount=monthly)
    assert float(one_payment) == pytest.approx(100)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: formulas.constant_retention(margin=1, retention=1.2, discount=0.1), "retention=1.2 .* from 0 to 1"),
        (lambda: formulas.constant_retention(margin=1, retention=-0.1, discount=0.1), "from 0 to 1"),
        (
            lambda: formulas.constant_retention(margin=1, retention=1, discount=0),
            "positive discount, or a retention below",
        ),
        (lambda: formulas.constant_retention(margin=1, retention=0.9, discount=-1), "above -1"),
        (
            lambda: formulas.constant_retention(margin=1, retention=0.9, discount=0.1, first_payment="later"),  # type: ignore[arg-type]
            "Write 'end_of_period' or 'now'",
        ),
        (lambda: formulas.component(survival=[0.5, 0.6], revenue=1, cost=0, discount=0.1), "survival rises"),
        (lambda: formulas.component(survival=[1.5], revenue=1, cost=0, discount=0.1), "from 0 to 1"),
        (lambda: formulas.transaction(transactions=1, customers=0, revenue=1, duration=1), "at least one customer"),
        (lambda: formulas.transaction(transactions=0, customers=1, revenue=1, duration=1), "one transaction"),
        (lambda: formulas.initial(average_amount=np.nan, duration=1), "average_amount=nan"),
        (lambda: formulas.initial(average_amount=1, duration=-1), "zero or more"),
    ],
)
def test_refusals_say_what_to_do(call: object, message: str) -> None:
    with pytest.raises(ClvError, match=message):
        call()  # type: ignore[operator]


@pytest.mark.parametrize("value", [Rate(0.10, per=YEAR), 3 * WEEK])
def test_values_with_units_are_refused(value: object) -> None:
    with pytest.raises(UnitError, match="abstract periods"):
        formulas.constant_retention(margin=1, retention=0.9, discount=value)  # type: ignore[arg-type]
