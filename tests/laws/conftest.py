"""Ranges over which the laws are held: parameters from a thousandth to a thousand, histories from nothing to hundreds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

import clvmodels as clv
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.history import COLUMNS
from clvmodels.model import Model, Parameter

settings.register_profile(
    "laws", deadline=None, max_examples=60, suppress_health_check=list(HealthCheck), derandomize=True
)
settings.load_profile("laws")


def log_uniform(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(math.log(low), math.log(high)).map(math.exp)


def thetas(model: Model, low: float = 0.01, high: float = 100.0) -> st.SearchStrategy[tuple[float, ...]]:
    """Parameters from `low` to `high`, those that may be negative with either sign."""
    return st.tuples(*(_values(p, low, high) for p in model.parameters))


def _values(parameter: Parameter, low: float, high: float) -> st.SearchStrategy[float]:
    if not parameter.positive:
        return st.floats(-2.0, 2.0)
    return log_uniform(*reach(parameter, low, high))


def reach(parameter: Parameter, low: float, high: float) -> tuple[float, float]:
    """The range of a parameter: a standard deviation of logs of 3 is a factor of a million between customers already."""
    if parameter.meaning.startswith("standard deviation of log"):
        return max(low, 0.2), min(high, 3.0)
    return (low, high) if parameter.positive else (low, min(high, 3.0))


def discrete(model: Model) -> bool:
    """Whether the model counts time in opportunities."""
    return isinstance(model, LatentAttrition) and model.discrete


@pytest.fixture
def people(model: Model, request: pytest.FixtureRequest) -> clv.Histories:
    """Real customers that the model is made for: the CDNOW sample in weeks, or donors by their yearly opportunities."""
    regular = "cdnow_intervals" if "log_intervals" in model.columns else "cdnow"
    found: clv.Histories = request.getfixturevalue("donors" if discrete(model) else regular)
    return found


def histories(model: Model, most: int = 300) -> st.SearchStrategy[clv.History]:
    """One customer as the model counts time, with `most` purchases at most, and with intervals where the model reads them."""
    found = of_opportunities(most) if discrete(model) else in_weeks(most)
    return with_intervals(found) if "log_intervals" in model.columns else found


@st.composite
def with_intervals(draw: st.DrawFn, customers: st.SearchStrategy[clv.History]) -> clv.History:
    """Intervals whose geometric mean is a share of their mean."""
    one = draw(customers)
    share = draw(st.floats(0.01, 1.0)) if one.frequency > 1 else 1.0
    logs = one.frequency * math.log(share * one.recency / one.frequency) if one.frequency else 0.0
    return shifted(one, "log_intervals", logs)


@st.composite
def of_opportunities(draw: st.DrawFn, most: int) -> clv.History:
    """One customer with a weekly opportunity, with amounts: x <= t_x <= T, all whole."""
    T = draw(st.integers(0, 300))
    t_x = draw(st.integers(0, T))
    x = draw(st.integers(1, min(t_x, most))) if t_x else 0
    return clv.History(float(x), float(t_x), float(T), clv.WEEK, draw(log_uniform(0.1, 1000.0)))


@st.composite
def in_weeks(draw: st.DrawFn, most: int) -> clv.History:
    """One customer in weeks, with amounts."""
    x = draw(st.integers(0, most))
    T = draw(log_uniform(0.1, 500.0))
    t_x = T * draw(st.floats(0.001, 1.0)) if x else 0.0
    return clv.History(float(x), t_x, T, clv.WEEK, draw(log_uniform(0.1, 1000.0)))


def shifted(history: clv.History, name: str, value: float) -> clv.History:
    fields = {k: getattr(history, k) for k in (*COLUMNS, "period")}
    return clv.History(**{**fields, name: value})


def columns_of(model: Model, history: clv.History) -> list[np.ndarray]:
    return [np.atleast_1d(column) for column in model.data(history)]
