"""Nothing breaks at the edges: histories and parameters as no data would have them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import clvmodels as clv
from clvmodels.catalogue import catalogue
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.model import Model
from clvmodels.quantity.spend import Spend
from tests.laws.conftest import log_uniform, reach, thetas
from tests.laws.corpus import AMOUNTS, PASTS, PASTS_OF_OPPORTUNITIES

FAMILY = [m for m in catalogue if isinstance(m, LatentAttrition)]


def hold(model: LatentAttrition, theta: np.ndarray, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> None:
    people, parameters, ahead = clv.History(x, t_x, T, clv.WEEK), tuple(theta.T), 52 * clv.WEEK
    value, gradient = model.kernel(theta, *model.data(people))
    assert np.isfinite(value).all() and np.isfinite(gradient).all()
    alive, later = model.p_alive(parameters, people), model.p_alive_after(parameters, people, horizon=ahead)
    assert np.all((alive >= 0) & (alive <= 1)) and np.all((later >= 0) & (later <= alive * (1 + 1e-9)))
    expected = model.expected_purchases(parameters, people, horizon=ahead)
    assert np.all(np.isfinite(expected) & (expected >= 0))
    once = model.pmf(parameters, people, n=1, horizon=ahead)
    assert np.all((once >= 0) & (once <= 1 + 1e-9))


def many(model: LatentAttrition, number: int) -> None:
    """Random parameters with random histories, in whole numbers for a model of opportunities."""
    rng = np.random.default_rng(number)
    low, high = np.log([reach(p, 0.01, 100.0) for p in model.parameters]).T
    theta = np.exp(rng.uniform(low, high, (number, len(model.parameters))))
    x = rng.choice([0.0, 1.0, 2.0, 10.0, 100.0, 500.0, 2000.0], number)
    T = np.exp(rng.uniform(np.log(1e-3), np.log(1000), number))
    t_x = np.where(x > 0, T * rng.choice([1e-3, 0.1, 0.5, 0.999, 1.0], number), 0.0)
    if model.discrete:
        T = np.ceil(T)
        t_x = np.minimum(np.ceil(t_x), T)
        x = np.minimum(x, t_x)
    hold(model, theta, x, t_x, T)


def hold_amounts(model: Spend, theta: np.ndarray, x: np.ndarray, amount: np.ndarray) -> None:
    age = np.ones(x.size)
    people = clv.History(x, age, age, clv.WEEK, amount)
    value, gradient = model.kernel(theta, *model.data(people))
    assert np.isfinite(value).all() and np.isfinite(gradient).all()
    assert np.all(model.expected_spend(tuple(theta.T), people) > 0)  # infinite where amounts have no mean


def costly(model: Model) -> bool:
    """Whether every value is an integral, so that fewer have to do."""
    return model.name == "PARETO_LOGNORMAL"


def grid(model: Model) -> np.ndarray:
    """Parameters from a hundredth to a hundred, or as far as they reach, in all combinations of the first four."""
    sizes = [0.01, 100.0] if costly(model) else [0.01, 0.1, 1.0, 10.0, 100.0]
    first, rest = model.parameters[:4], len(model.parameters[4:])
    crossed = np.array(np.meshgrid(*(np.unique(np.clip(sizes, *reach(p, 0.01, 100.0))) for p in first)))
    table = crossed.reshape(len(first), -1).T
    return np.column_stack([table, *[np.full(len(table), 0.5)] * rest])


def recorded(model: Model) -> list[tuple[float, ...]]:
    if isinstance(model, Spend):
        return list(AMOUNTS)
    return list(PASTS_OF_OPPORTUNITIES if isinstance(model, LatentAttrition) and model.discrete else PASTS)


@st.composite
def extremes(draw: st.DrawFn, model: LatentAttrition) -> tuple[float, float, float]:
    """x to 2,000, T from nearly nothing to twenty years of weeks, the last purchase anywhere, often at the very start or end."""
    x, share = draw(st.integers(0, 2000)), draw(st.sampled_from([1e-3, 0.5, 1.0]) | st.floats(1e-3, 1.0))
    if model.discrete:
        T = max(x, draw(st.integers(0, 2000)))
        return x, x + np.floor(share * (T - x)) if x else 0, T
    T = draw(log_uniform(1e-3, 1000.0))
    return x, T * share if x else 0.0, T


models = pytest.mark.parametrize("model", FAMILY, ids=lambda m: m.name)


@models
@given(st.data())
def test_any_extreme(model: LatentAttrition, data: st.DataObject) -> None:
    theta, past = data.draw(thetas(model)), data.draw(extremes(model))
    hold(model, np.array([theta]), *(np.array([float(v)]) for v in past))


@models
def test_thousands_of_random_extremes(model: LatentAttrition) -> None:
    many(model, 300 if costly(model) else 5_000)


@pytest.mark.slow
@models
def test_a_hundred_thousand_random_extremes(model: LatentAttrition) -> None:
    many(model, 100_000)


@pytest.mark.parametrize(
    ("model", "past"), [pytest.param(m, past, id=f"{m.name}-{past}") for m in catalogue for past in recorded(m)]
)
def test_recorded_extremes(model: Model, past: tuple[float, ...]) -> None:
    theta = grid(model)
    columns = [np.full(len(theta), float(v)) for v in past]
    if isinstance(model, Spend):
        hold_amounts(model, theta, *columns)
    else:
        assert isinstance(model, LatentAttrition)
        hold(model, theta, *columns)
