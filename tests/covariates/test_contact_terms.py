"""Contacts in formulas and plans: which terms there are, what is refused, and which contacts count."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.duration.stretches import cut
from clvmodels.errors import ContactError, ModelError
from clvmodels.units import WEEK

UNTIL = "2024-12-31"


def people(n: int = 60) -> clv.Histories:
    rng = np.random.default_rng(5)
    rows = []
    for who in range(n):
        first = rng.integers(0, 200)
        rows += [(who, day) for day in np.unique(np.append(first, first + rng.integers(1, 160, rng.integers(0, 7))))]
    table = pd.DataFrame(rows, columns=["who", "day"])
    table["day"] = pd.Timestamp("2024-01-03") + pd.to_timedelta(table["day"], unit="D")
    return clv.Transactions(table, customer="who", date="day").histories(period=WEEK, until=UNTIL, dates=True)


def sent(*rows: tuple[int, str, str], **options: object) -> clv.Contacts:
    table = pd.DataFrame(rows, columns=["who", "how", "when"])
    return clv.Contacts(table, customer="who", medium="how", date="when", **options)  # type: ignore[arg-type]


def some_contacts() -> clv.Contacts:
    rng = np.random.default_rng(6)
    days = pd.Timestamp("2024-02-01") + pd.to_timedelta(rng.integers(0, 330, 150), unit="D")
    table = pd.DataFrame({"who": rng.integers(0, 40, 150), "how": rng.choice(["e-mail", "DM"], 150), "when": days})
    return clv.Contacts(table.drop_duplicates(), customer="who", medium="how", date="when")


@pytest.mark.parametrize(
    ("formulas", "names"),
    [
        ({}, ["purchase_DM", "purchase_e_mail", "dropout_DM", "dropout_e_mail", "half_life_DM", "half_life_e_mail"]),
        ({"purchase": "~ e_mail"}, ["purchase_e_mail", "half_life_e_mail"]),
        ({"purchase": "~ sin_1", "dropout": "~ DM"}, ["purchase_sin_1", "dropout_DM", "half_life_DM"]),
        ({"dropout": "~ DM + DM_later"}, ["dropout_DM", "dropout_DM_later", "half_life_DM"]),
        ({"dropout": "~ irritation"}, ["dropout_irritation", "half_life_DM", "half_life_e_mail"]),
        (
            {"purchase": "~ contacts + cos_1", "saturation": "estimate"},
            ["purchase_cos_1", "purchase_DM", "purchase_e_mail", "half_life_DM", "half_life_e_mail", "saturation"],
        ),
    ],
)
def test_formulas_name_media(formulas, names) -> None:
    model = clv.time_varying(contacts=some_contacts(), **formulas).on(people())
    assert [one.name for one in model.parameters[4:]] == names


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("~ DM:sin_1", "Stocks stand alone"),
        ("~ log(e_mail)", "Stocks stand alone"),
        ("~ DM_later * cos_1", "Stocks stand alone"),
        ("~ TM", "no covariate 'TM'"),
    ],
)
def test_terms_that_cannot_be_used(formula, message) -> None:
    with pytest.raises(clv.ClvError, match=message):
        clv.time_varying(purchase=f"{formula} + contacts", contacts=some_contacts()).on(people())


def test_what_is_no_log_of_contacts_is_refused() -> None:
    with pytest.raises(ModelError, match="is not a log of contacts"):
        clv.time_varying(contacts=pd.DataFrame())  # type: ignore[arg-type]
    for saturation in (-1, np.inf, "much"):
        with pytest.raises(ModelError, match="saturation="):
            clv.time_varying(contacts=some_contacts(), saturation=saturation)
    week = pd.DataFrame({"week": ["2024-01-01"], "grp": [80]})
    exposed = some_contacts().with_exposure(week, medium="TV", date="week", level="grp", half_life=WEEK)
    with pytest.raises(ModelError, match="TV is no contact with a customer"):
        clv.time_varying(contacts=exposed)
    with pytest.raises(ContactError, match="no contact by 'DM' up to the end of observation"):
        clv.time_varying(contacts=sent((1, "DM", "2025-03-01"), (1, "TM", "2024-03-01"))).on(people())


def test_plans_that_cannot_be_used() -> None:
    fit = clv.fit(clv.time_varying(purchase="~ DM", contacts=some_contacts()), people(), method="map")
    with pytest.raises(ContactError, match="contacts by TM, of which the model knows nothing"):
        fit.under(contacts=sent((1, "TM", "2025-03-01")))
    with pytest.raises(ContactError, match="no contacts after 2024-12-31"):
        fit.under(contacts=sent((1, "DM", "2024-12-31")))
    with pytest.raises(ModelError, match="no contacts by 'TM'"):
        fit.model.contacted([("TM", 0.0)])
    with pytest.raises(ModelError, match="in the past"):
        fit.model.contacted([("DM", -1.0)])
    with pytest.raises(ModelError, match="has no panel"):
        fit.under(clv.Panel(common=pd.DataFrame({"date": ["2025-01-01"], "price": [1.0]})))
    plain = clv.fit(clv.time_varying(season="fourier(1)"), people(), method="map")
    with pytest.raises(ModelError, match="has no contacts"):
        plain.under(contacts=sent((1, "DM", "2025-03-01")))


def theta_of(model) -> list[float]:
    values = {"r": 0.8, "alpha": 9.0, "s": 0.7, "beta": 12.0, "half_life_DM": 4.0, "half_life_e_mail": 1.0}
    return [values.get(one.name, 0.4) for one in model.parameters]


def test_only_contacts_that_were_made_until_the_end_count() -> None:
    histories = people()
    spec = clv.time_varying(contacts=some_contacts())
    rows = some_contacts().rows().to_pyarrow().to_pandas()[["customer_id", "medium", "date"]].assign(held=False)
    held = rows.assign(held=True, date=rows["date"] + pd.Timedelta(days=3))
    late = rows.assign(date=pd.to_datetime("2025-01-01"))
    more = clv.Contacts(
        pd.concat([rows, held, late]).drop_duplicates(), customer="customer_id", medium="medium", date="date",
        holdout="held",
    )  # fmt: skip
    model, same = spec.on(histories), clv.time_varying(contacts=more).on(histories)
    theta = theta_of(model)
    assert same.log_likelihood(theta, histories) == pytest.approx(model.log_likelihood(theta, histories), rel=1e-14)
    untouched = clv.PARETO_NBD.log_likelihood(theta[:4], histories)[40:]
    assert model.log_likelihood(theta, histories)[40:] == pytest.approx(untouched, rel=1e-11)


def test_a_plan_changes_the_future_of_those_it_contacts_alone() -> None:
    histories, horizon = people(), 30 * WEEK
    model = clv.time_varying(contacts=some_contacts()).on(histories)
    theta = theta_of(model)
    planned = model.under(contacts=sent(*((who, "DM", "2025-01-14") for who in range(0, 60, 2))))
    everybody = model.contacted([("DM", 14.0)])
    assert np.array_equal(planned.p_alive(theta, histories), model.p_alive(theta, histories))
    without, some, all_of_them = (
        one.expected_purchases(theta, histories, horizon=horizon) for one in (model, planned, everybody)
    )
    assert some[::2] == pytest.approx(all_of_them[::2], rel=1e-13)
    assert some[1::2] == pytest.approx(without[1::2], rel=1e-13)
    assert np.all(np.abs(all_of_them - without) > 1e-6 * without)
    again = planned.under(contacts=sent((0, "e-mail", "2025-02-01")))
    assert again.expected_purchases(theta, histories, horizon=horizon)[2] == pytest.approx(without[2], rel=1e-13)


def test_saturation_says_how_many_contacts_do_twice_as_much() -> None:
    """With w, (1 + w)^2 - 1 over w fresh contacts do twice what one does: three for w = 1, two for none."""
    histories = people(3)
    for saturation, contacts in ((1.0, 3), (0.0, 2), (2.0, 4)):
        rows = [(0, "DM", "2024-10-01")] + [(1, "DM", "2024-10-01")] * contacts
        spec = clv.time_varying(purchase="~ DM", contacts=sent(*rows), saturation=saturation)
        model = spec.on(histories).contacted([("DM", 0.0)] * contacts)
        once = spec.on(histories).contacted([("DM", 0.0)])
        theta = [0.8, 9.0, 0.7, 12.0, 0.4, 1e9]
        twice = [0.8, 9.0, 0.7, 12.0, 0.8, 1e9]
        many, double = (
            one.expected_purchases_if_alive(of, histories, 5.0)[2] for one, of in ((model, theta), (once, twice))
        )
        assert many == pytest.approx(double, rel=1e-7)


def test_stretches_begin_at_contacts_at_the_end_of_observation_and_week_by_week_at_first() -> None:
    whole = np.array([0, 3]), np.array([100.0, 100.0, 160.0]), np.array([0, 1, 0]), np.array([1.0, 2.0, 1.0])
    offset, start, dose = cut(
        whole[0][:1],
        whole[0][1:],
        *whole[1:],
        np.array([203.0]),
        np.array([3000.0]),
        np.array([10.0]),
        np.array([1]),
        2,
    )
    assert offset.tolist() == [0, start.size]
    assert np.array_equal(dose[start == 100.0], [[1, 2]]) and np.array_equal(dose[start == 160.0], [[1, 0]])
    assert np.array_equal(dose[start == 213.0], [[0, 1]]) and dose.sum() == 5
    assert 203.0 in start and start[-2] < 3000.0 <= start[-1]
    mondays = np.isin(start, [100.0, 160.0, 203.0, 213.0]) | ((start - 4) % 7 == 0)
    assert mondays.all()
    last = np.array([max(day for day in (100.0, 160.0, 213.0) if day <= one) for one in start[:-1]])
    assert np.all(np.diff(start) <= np.maximum(7.0, (start[:-1] - last) / 4 + 1e-9))
    assert start.size < 50


@pytest.mark.parametrize("effect", [800.0, -800.0])
def test_absurd_parameters_end_without_a_value_or_with_a_poor_one(effect) -> None:
    histories = people(20)
    model = clv.time_varying(contacts=some_contacts()).on(histories)
    theta = theta_of(model)
    usual = model.log_likelihood(theta, histories).sum()
    absurd = [
        effect if one.name.startswith(("purchase", "dropout")) else theta[j] for j, one in enumerate(model.parameters)
    ]
    assert not model.log_likelihood(absurd, histories).sum() > usual
