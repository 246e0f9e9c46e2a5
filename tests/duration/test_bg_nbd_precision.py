"""BG/NBD against 30-digit arithmetic from the definition.

Parameters from 0.01 to 100, histories from nothing to hundreds of purchases.
"""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

import clvmodels as clv

RNG = np.random.default_rng(20)
POINTS = [tuple(np.exp(RNG.uniform(np.log(0.01), np.log(100), 4))) for _ in range(40)]
PASTS = [(0, 0.0, 38.86), (1, 0.5, 38.86), (3, 30.0, 38.86), (40, 25.0, 52.0), (300, 50.0, 52.0)]


def exact(theta, past, horizon):
    """P(alive), log-likelihood and expected purchases from the paper's closed forms, in 30 digits (a is never 1 here)."""
    r, alpha, a, b = map(mp.mpf, theta)
    x, t_x, T = mp.mpf(past[0]), mp.mpf(past[1]), mp.mpf(past[2])
    common = mp.gamma(r + x) * alpha**r / mp.gamma(r)
    stayed = mp.beta(a, b + x) / mp.beta(a, b) * common / (alpha + T) ** (r + x)
    left = mp.beta(a + 1, b + x - 1) / mp.beta(a, b) * common / (alpha + t_x) ** (r + x) if x else mp.mpf(0)
    alive = stayed / (stayed + left)
    z = mp.mpf(horizon) / (alpha + T + horizon)
    series = mp.hyp2f1(r + x, b + x, a + b + x - 1, z)
    growth = (a + b + x - 1) / (a - 1) * (1 - ((alpha + T) / (alpha + T + horizon)) ** (r + x) * series)
    return alive, mp.log(stayed + left), alive * growth


@pytest.mark.parametrize("past", PASTS, ids=str)
def test_against_thirty_digits(past) -> None:
    history = clv.History(*past, clv.WEEK)
    with mp.workdps(60):
        for theta in POINTS:
            alive, loglik, expected = map(float, exact(theta, past, 39))
            assert clv.BG_NBD.p_alive(theta, history) == pytest.approx(alive, rel=1e-9, abs=1e-300)
            assert clv.BG_NBD.log_likelihood(theta, history) == pytest.approx(loglik, rel=1e-9)
            assert clv.BG_NBD.expected_purchases(theta, history, horizon=39 * clv.WEEK) == pytest.approx(
                expected, rel=1e-9, abs=1e-300
            )


@pytest.mark.parametrize("past", PASTS, ids=str)
def test_a_of_one_is_the_limit_from_both_sides(past) -> None:
    history = clv.History(*past, clv.WEEK)

    def at(a: float) -> float:
        return float(clv.BG_NBD.expected_purchases((0.24, 4.4, a, 2.4), history, horizon=39 * clv.WEEK))

    with mp.workdps(60):
        below, above = (float(exact((0.24, 4.4, mp.mpf(1) + s * mp.mpf("1e-20"), 2.4), past, 39)[2]) for s in (-1, 1))
    assert at(1.0) == pytest.approx(below, rel=1e-12)
    assert at(1.0) == pytest.approx(above, rel=1e-12)
    assert at(1.0) == pytest.approx(at(1 + 1e-9), rel=1e-8)


def test_thousands_of_purchases_do_not_overflow() -> None:
    heavy = clv.History([500.0, 5000.0], [50.0, 51.9], [52.0, 52.0], clv.WEEK)
    found = clv.BG_NBD.expected_purchases((0.5, 2.0, 0.5, 50.0), heavy, horizon=52 * clv.WEEK)
    rate = np.array([500.5, 5000.5]) / 54 * 52 * clv.BG_NBD.p_alive((0.5, 2.0, 0.5, 50.0), heavy)
    assert np.all(np.isfinite(found)) and np.all(found > 0.5 * rate) and np.all(found < rate)


def test_expected_count_for_horizons_up_to_thousands_of_scales() -> None:
    """Both ways of computing it, each against 60 digits, and against each other where they meet."""
    from clvmodels.duration import expectation

    rng = np.random.default_rng(1)
    with mp.workdps(60):
        for _ in range(60):
            c, a, s = (mp.mpf(v) for v in np.exp(rng.uniform(np.log(0.01), np.log(100), 3)))
            z = mp.mpf(np.exp(rng.uniform(np.log(0.01), np.log(3e4))))
            closed = (a + s - 1) / (a - 1) * (1 - (1 + z) ** -c * mp.hyp2f1(c, s, a + s - 1, z / (1 + z)))
            assert expectation.expected_count(*map(float, (c, a, s, z))) == pytest.approx(float(closed), rel=1e-9)
    for point in (
        (0.25, 0.8, 2.4, 20.0),
        (300.25, 0.8, 302.4, 20.0),
        (5.0, 50.0, 1000.0, 30.0),
        (3.0, 1.0, 5.0, 100.0),
    ):
        for staying in (False, True):
            by_dropout = expectation._over_dropout(*point, staying)
            assert expectation._over_counts(*point, staying) == pytest.approx(by_dropout, rel=1e-10)


@pytest.mark.parametrize("shape", [195.0, 200.0, 202.0, 206.0, 260.0, 900.0])
def test_counts_whose_first_probability_is_near_underflow(shape) -> None:
    """The sum over counts once went on for ever here."""
    from clvmodels.duration import expectation

    point = (shape, 49.27617517556286, shape + 1.0, 19.12764869272479)
    for staying in (False, True):
        by_dropout = expectation._over_dropout(*point, staying)
        assert expectation._over_counts(*point, staying) == pytest.approx(by_dropout, rel=1e-10)


def test_staying_against_thirty_digits() -> None:
    from clvmodels.duration import expectation

    rng = np.random.default_rng(2)
    with mp.workdps(40):
        for _ in range(60):
            c, a, s = (mp.mpf(v) for v in np.exp(rng.uniform(np.log(0.05), np.log(50), 3)))
            z = mp.mpf(np.exp(rng.uniform(np.log(0.01), np.log(3e3))))
            found = expectation.stay_probability(*map(float, (c, a, s, z)))
            assert found == pytest.approx(float(mp.hyp2f1(c, a, a + s, -z)), rel=1e-9)
