"""Exponential, logarithm and the loops of them, against 40-digit arithmetic."""

from __future__ import annotations

import math

import mpmath as mp
import numpy as np
import pytest
from numba import njit

from clvmodels.numerics import elementary

mp.mp.dps = 40
ULP = 2.0**-52


@njit(error_model="numpy")
def exps(x):  # type: ignore[no-untyped-def]
    out = np.empty(x.size)
    for i in range(x.size):
        out[i] = elementary.exp(x[i])
    return out


@njit(error_model="numpy")
def expm1s(x):  # type: ignore[no-untyped-def]
    out = np.empty(x.size)
    for i in range(x.size):
        out[i] = elementary.expm1(x[i])
    return out


@njit(error_model="numpy")
def logs(x):  # type: ignore[no-untyped-def]
    out = np.empty(x.size)
    for i in range(x.size):
        out[i] = elementary.log(x[i])
    return out


def worst(values: np.ndarray, exact: list[mp.mpf]) -> float:
    """Largest relative error."""
    return float(max(abs(mp.mpf(float(v)) / e - 1) for v, e in zip(values, exact, strict=True)))


def test_exp_to_the_last_place() -> None:
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [rng.uniform(-708, 709, 3000), rng.uniform(-1, 1, 3000), 10 ** rng.uniform(-18, 0, 1000), [0.0, -708.0, 709.0]]
    )
    assert worst(exps(x), [mp.exp(mp.mpf(float(v))) for v in x]) < 1.5 * ULP


def test_expm1_keeps_its_digits_near_zero() -> None:
    rng = np.random.default_rng(3)
    small = 10 ** rng.uniform(-300, 0, 1000)
    x = np.concatenate([small, -small, rng.uniform(-40, 700, 1000)])
    assert worst(expm1s(x), [mp.expm1(mp.mpf(float(v))) for v in x]) < 3 * ULP


def test_log_to_the_last_place() -> None:
    rng = np.random.default_rng(1)
    near_one = 1 + np.concatenate([10 ** rng.uniform(-15, -1, 2000), -(10 ** rng.uniform(-15, -1, 2000))])
    x = np.concatenate([10 ** rng.uniform(-307, 308, 3000), rng.uniform(0.5, 2, 3000), near_one, [2.0**-1022, 1.7e308]])
    assert worst(logs(x), [mp.log(mp.mpf(float(v))) for v in x]) < 1.5 * ULP
    assert logs(np.array([1.0]))[0] == 0.0


def test_what_has_no_logarithm_is_not_a_number() -> None:
    assert np.isnan(logs(np.array([0.0, -1.0, math.inf, math.nan, 1e-310]))).all()


def test_exp_stays_finite_and_keeps_nan() -> None:
    low, high, nan = exps(np.array([-1e9, 1e9, math.nan]))
    assert 0 < low < 1e-300 and 1e300 < high < math.inf and math.isnan(nan)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_softplus_is_the_log_of_one_plus_odds(size: int) -> None:
    z = np.random.default_rng(2).uniform(-40, 40, size)
    value, share = np.empty(size), np.empty(size)
    elementary.softplus(0.3, 1.7, z, value, share)
    odds = [mp.exp(mp.mpf("0.3") + mp.mpf("1.7") * mp.mpf(float(v))) for v in z]
    np.testing.assert_allclose(value, [float(mp.log(1 + o)) for o in odds], rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(share, [float(o / (1 + o)) for o in odds], rtol=1e-13)
