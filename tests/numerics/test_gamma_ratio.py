"""Ratios of gamma functions against 30-digit arithmetic."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from clvmodels.numerics.gamma_ratio import digamma_gap, log_gamma_ratio, log_stay_with_slopes

GRID = [(z, d) for z in (1e-3, 0.7, 9.99, 10.0, 123.4, 1e6, 1e12) for d in (0.0, 1e-6, 0.3, 7.0, 1e3, 1e9)]


@pytest.mark.parametrize(("z", "d"), GRID)
def test_ratios_and_gaps(z: float, d: float) -> None:
    with mpmath.workdps(40):
        ratio = float(mpmath.loggamma(mpmath.mpf(z) + mpmath.mpf(d)) - mpmath.loggamma(mpmath.mpf(z)))
        gap = float(mpmath.digamma(mpmath.mpf(z) + mpmath.mpf(d)) - mpmath.digamma(mpmath.mpf(z)))
    assert log_gamma_ratio(z, d) == pytest.approx(ratio, rel=1e-12, abs=1e-15 * (1 + d))
    assert digamma_gap(z, d) == pytest.approx(gap, rel=1e-12)


@pytest.mark.parametrize(
    ("a", "b", "more"), [(0.7, 1.2, 1.0), (1e-3, 50.0, 400.0), (300.0, 2e4, 1e-3), (0.05, 0.1, 1e9), (1e4, 1e6, 3.0)]
)
def test_survival_of_a_beta_mixture_and_its_slopes(a: float, b: float, more: float) -> None:
    def exact(*x: mpmath.mpf) -> mpmath.mpf:
        return mpmath.log(mpmath.beta(x[0], x[1] + x[2]) / mpmath.beta(x[0], x[1]))

    with mpmath.workdps(60):
        at = tuple(map(mpmath.mpf, (a, b, more)))
        wanted = [exact(*at), *(mpmath.diff(exact, at, tuple(np.eye(3, dtype=int)[j])) for j in range(3))]
    assert list(log_stay_with_slopes(a, b, more)) == pytest.approx([float(v) for v in wanted], rel=2e-9)
