"""Nothing breaks at the edges: histories and parameters as no data would have them."""

from __future__ import annotations

import numpy as np
import pytest

import clvmodels as clv
from clvmodels.catalogue import catalogue
from clvmodels.duration.attrition import LatentAttrition
from tests.laws.conftest import reach

FAMILY = [m for m in catalogue if isinstance(m, LatentAttrition)]
CORPUS = [
    (0, 0, 0),
    (0, 0, 1e-3),
    (1, 1e-6, 1e-3),
    (1, 1e-3, 1e-3),
    (1, 0.9999999999999999, 1),
    (2000, 1e-3, 1000),
    (2000, 1000, 1000),
    (500, 250, 1000),
]
CORPUS_OF_OPPORTUNITIES = [
    (0, 0, 0),
    (0, 0, 1),
    (1, 1, 1),
    (1, 1, 2000),
    (500, 500, 1000),
    (500, 1000, 1000),
    (2000, 2000, 2000),
]


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


models = pytest.mark.parametrize("model", FAMILY, ids=lambda m: m.name)


@models
def test_thousands_of_random_extremes(model: LatentAttrition) -> None:
    many(model, 300 if model.name == "PARETO_LOGNORMAL" else 5_000)  # there each value is integrals


@pytest.mark.slow
@models
def test_a_hundred_thousand_random_extremes(model: LatentAttrition) -> None:
    many(model, 100_000)


@pytest.mark.parametrize(
    ("model", "past"),
    [
        pytest.param(m, past, id=f"{m.name}-{past}")
        for m in FAMILY
        for past in (CORPUS_OF_OPPORTUNITIES if m.discrete else CORPUS)
    ],
)
def test_recorded_extremes(model: LatentAttrition, past: tuple[float, float, float]) -> None:
    first = model.parameters[:4]
    sizes = [np.unique(np.clip([0.01, 0.1, 1.0, 10.0, 100.0], *reach(p, 0.01, 100.0))) for p in first]
    if model.name == "PARETO_LOGNORMAL":
        sizes = [s[::2] for s in sizes[:2]] + [sizes[2], np.array([0.1, 3.0])]
    theta = np.array(np.meshgrid(*sizes)).reshape(len(first), -1).T
    if len(model.parameters) > 4:
        theta = np.column_stack([theta, np.full(len(theta), 0.5)])
    hold(model, theta, *(np.full(len(theta), float(v)) for v in past))
