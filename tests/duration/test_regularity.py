"""How regular customers are: found again from simulated ones, by SciPy's Dirichlet, and where it cannot be known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, stats

import clvmodels as clv

ONE = clv.History([2.0, 3.0], [20.0, 30.0], [40.0, 40.0], clv.WEEK)


@pytest.mark.parametrize("k", [1, 2, 3])
def test_simulated_regularity_is_found(k) -> None:
    people = clv.MBG_CNBD_K(k).simulate((0.8, 5.0 / k, 0.8, 4.0), T=np.full(4000, 60.0), period=clv.WEEK, seed=k)
    found = clv.regularity(people)
    assert abs(np.log(found.k / k)) < 1.4 * np.log(found.upper / found.lower)
    assert found.upper - found.lower < 0.25 * k
    assert found.customers == np.sum(people.frequency >= 2)


def test_the_maximum_is_that_of_dirichlet_densities() -> None:
    waits = [np.array([1.0, 4.0]), np.array([2.0, 3.0, 2.5]), np.array([0.5, 0.7, 3.0, 1.0])]
    x, t_x = np.array([w.size for w in waits], dtype=float), np.array([w.sum() for w in waits])
    logs = np.array([np.log(w).sum() for w in waits])

    def value(k: float) -> float:
        return float(sum(stats.dirichlet.logpdf(w / w.sum(), np.full(w.size, k)) for w in waits))

    best = optimize.minimize_scalar(lambda k: -value(k), bounds=(0.1, 30), method="bounded", options={"xatol": 1e-9})
    found = clv.regularity(clv.History(x, t_x, t_x + 1, clv.WEEK, log_intervals=logs))
    assert found.k == pytest.approx(best.x, rel=1e-5)
    drop = stats.chi2.ppf(0.90, 1) / 2
    assert [value(found.lower), value(found.upper)] == pytest.approx([value(found.k) - drop] * 2, abs=1e-6)


def test_the_unit_of_time_does_not_matter(cdnow_intervals: clv.Histories) -> None:
    weekly, daily = clv.regularity(cdnow_intervals), clv.regularity(cdnow_intervals.to(clv.DAY))
    assert weekly[:3] == pytest.approx(daily[:3], rel=1e-9)


def test_equal_intervals_are_infinitely_regular() -> None:
    even = clv.History([2.0, 3.0], [20.0, 30.0], [40.0, 40.0], clv.WEEK, log_intervals=np.log(10) * np.array([2, 3]))
    assert clv.regularity(even).k == np.inf


def test_what_it_takes() -> None:
    with pytest.raises(clv.HistoryError, match="intervals=True"):
        clv.regularity(ONE)
    once = clv.History([1.0, 0.0], [5.0, 0.0], [9.0, 9.0], clv.WEEK, log_intervals=[np.log(5.0), 0.0])
    with pytest.raises(clv.HistoryError, match="Nobody has two repeat purchases"):
        clv.regularity(once)
