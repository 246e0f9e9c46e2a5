"""The package as a whole: what it names, how light it is to import, how it keeps its units."""

from __future__ import annotations

import subprocess
import sys

import pytest

import clvmodels as clv


def test_every_public_name_is_there() -> None:
    for name in clv.__all__:
        assert getattr(clv, name) is not None
    assert set(clv.__all__) <= set(dir(clv))
    with pytest.raises(AttributeError, match="clvmodels has no 'forcast'"):
        _ = clv.forcast  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "first", ["clvmodels.estimation.estimate", "clvmodels.value.forecast", "clvmodels.report.figures"]
)
def test_names_are_the_functions_whatever_was_imported_first(first: str) -> None:
    code = f"import {first}; import clvmodels as clv; assert all(map(callable, (clv.fit, clv.forecast, clv.compare)))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_is_light() -> None:
    heavy = "{'pymc', 'pytensor', 'matplotlib', 'ibis', 'duckdb', 'numba', 'pandas', 'scipy', 'arviz', 'lifetimes'}"
    code = f"import clvmodels, sys; loaded = {heavy} & set(sys.modules); assert not loaded, loaded"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_whole_pipeline_leaves_pandas_and_lifetimes_alone() -> None:
    code = (
        "import sys, pandas as pd; before = pd.options.display.max_rows; import clvmodels as clv; clv.samples.cdnow_sample();"
        "assert 'lifetimes' not in sys.modules and pd.options.display.max_rows == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_spans_and_rates_convert() -> None:
    assert (52 * clv.WEEK).per(clv.DAY) == 364
    assert (1 * clv.YEAR).per(clv.MONTH) == 12
    assert clv.Rate(0.21, per=clv.YEAR).discount(0.5 * clv.YEAR) == pytest.approx(1 / 1.1)
    assert clv.Rate.continuous(0.0027, per=clv.WEEK).force(clv.WEEK) == pytest.approx(0.0027)
    assert clv.Cost(2.0, per=clv.MONTH).present_value(1 * clv.YEAR, None) == pytest.approx(24)
    endless = clv.Cost(1.0, per=clv.YEAR).present_value(clv.FOREVER, clv.Rate.continuous(0.1, per=clv.YEAR))
    assert endless == pytest.approx(10)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: clv.Rate(0.1, per="year"), "per what"),
        (lambda: clv.Rate(-1.0, per=clv.YEAR), "above -1"),
        (lambda: clv.Cost(float("nan"), per=clv.YEAR), "finite amount"),
        (lambda: clv.Period("nothing", 0.0), "positive length"),
        (lambda: -1 * clv.WEEK, "cannot be -1.0 weeks"),
        (lambda: clv.History(1, 5, 4, clv.WEEK), "after T"),
        (lambda: clv.History(1, 5, 9, "weeks"), "not a period"),
        (lambda: clv.LogNormal(0.0, 1.0), "must be positive"),
        (lambda: clv.Gamma(1.0, -1.0), "must be positive"),
    ],
)
def test_what_makes_no_sense_is_refused(make, message) -> None:
    with pytest.raises(clv.ClvError, match=message):
        make()
