"""BG/CNBD-k and MBG/CNBD-k against arithmetic from their definition: 30 digits, and SciPy's negative binomial in long horizons.

Parameters from 0.01 to 100 and k up to 12, histories from nothing to hundreds of purchases.
"""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from scipy import special, stats

import clvmodels as clv
from clvmodels.duration import cnbd_expectation as expectation

RNG = np.random.default_rng(21)
POINTS = [tuple(np.exp(RNG.uniform(np.log(0.01), np.log(100), 4))) for _ in range(10)]
PASTS = [(0, 0.0, 38.86), (1, 0.5, 38.86), (3, 30.0, 38.86), (40, 25.0, 52.0), (300, 50.0, 52.0)]
LOGS = 1.25
MODELS = [clv.BG_CNBD_K(2), clv.MBG_CNBD_K(2), clv.BG_CNBD_K(3), clv.MBG_CNBD_K(12)]
each_model = pytest.mark.parametrize("model", MODELS, ids=str)


def exact_past(model, theta, past):
    """P(alive) and log-likelihood, each wait an Erlang density and the silence an Erlang survival, mixed over rates."""
    r, alpha, a, b, x, t_x, T = map(mp.mpf, (*theta, *past))
    k, occasions = model.k, x + (1 if model.name.startswith("MBG") else 0)

    def mixed(power, time):
        """Mean over lambda ~ Gamma(r, alpha) of lambda^power exp(-lambda time)."""
        return mp.gamma(r + power) / mp.gamma(r) * alpha**r / (alpha + time) ** (r + power)

    s = T - t_x
    silent = mp.fsum(s**j / mp.factorial(j) * mixed(k * x + j, T) for j in range(k))
    stayed = mp.beta(a, b + occasions) / mp.beta(a, b) * silent
    left = mp.beta(a + 1, b + occasions - 1) / mp.beta(a, b) * mixed(k * x, t_x) if occasions else mp.mpf(0)
    waits = mp.exp((k - 1) * mp.mpf(LOGS)) / mp.gamma(k) ** x if x else mp.mpf(1)
    return stayed / (stayed + left), mp.log(stayed + left) + mp.log(waits)


def exact_future(c, share, leave, stay, z, k):
    """Expected purchases, P(stay) and P(0), P(1), P(2) purchases of a customer alive, summed over purchases."""
    c, share, leave, stay, z = map(mp.mpf, (c, share, leave, stay, z))
    w, found = z / (1 + z), [mp.mpf(0)] * 5
    weights = [mp.rf(c, j) / mp.factorial(j) * share**j for j in range(k)]
    for j, weight in enumerate(weights):
        p, phases, below, stayed, left, n = (1 + z) ** -(c + j), 0, mp.mpf(0), mp.mpf(1), mp.mpf(0), 0
        one = [mp.mpf(0)] * 5
        while True:
            exactly, at_least = mp.mpf(0), 1 - below
            while phases < (n + 1) * k - j:
                exactly += p
                p *= w * (c + j + phases) / (phases + 1)
                phases += 1
            if n < 3:
                one[2 + n] = exactly * stayed + at_least * left
            one[0] += (1 - below - exactly) * stayed
            one[1] += exactly * stayed
            below += exactly
            left = stayed * leave / (leave + stay + n)
            stayed *= (stay + n) / (leave + stay + n)
            n += 1
            if phases > 3 * k and phases > 2 * (c + k) * z and (1 - below) * (phases + z) < mp.mpf(10) ** -16 * one[0]:
                break
        found = [f + weight * v for f, v in zip(found, one, strict=True)]
    return [f / mp.fsum(weights) for f in found]


@each_model
@pytest.mark.parametrize("past", PASTS, ids=str)
def test_past_against_thirty_digits(model, past) -> None:
    history = clv.History(*past, clv.WEEK, log_intervals=LOGS if past[0] else 0.0)
    with mp.workdps(60):
        for theta in POINTS:
            alive, loglik = map(float, exact_past(model, theta, past))
            assert model.p_alive(theta, history) == pytest.approx(alive, rel=1e-9, abs=1e-300)
            assert model.log_likelihood(theta, history) == pytest.approx(loglik, rel=1e-9)


@pytest.mark.parametrize("k", [1, 2, 3, 5, 12])
def test_future_against_thirty_digits(k) -> None:
    rng = np.random.default_rng(k)
    with mp.workdps(90):
        for z in np.exp(rng.uniform(np.log(1e-3), np.log(20), 5)):
            c = np.exp(rng.uniform(np.log(0.05), np.log(min(100.0, 100 / z))))
            leave, stay = np.exp(rng.uniform(np.log(0.05), np.log(50), 2))
            share = rng.choice([0.0, 0.01, 0.5, 0.99])
            count, staying, *chances = map(float, exact_future(c, share, leave, stay, z, k))
            assert expectation.expected_count(c, share, leave, stay, z, k) == pytest.approx(count, rel=1e-9, abs=0)
            assert expectation.stay_probability(c, share, leave, stay, z, k) == pytest.approx(staying, rel=1e-9)
            found = expectation.pmf(np.arange(3), c, share, leave, stay, z, k)
            assert found == pytest.approx(chances, rel=1e-9, abs=0)


@pytest.mark.parametrize("k", [2, 3, 7])
@pytest.mark.parametrize("z", [19.9, 20.1, 300.0, 3000.0])
def test_long_horizons_against_the_negative_binomial_of_scipy(k, z) -> None:
    """Up to tens of thousands of purchases, on both sides of where the sum gives way to the integral."""
    rng = np.random.default_rng(int(z) + k)
    for c in (0.3, 3.0, 25.0):
        leave, stay = np.exp(rng.uniform(np.log(0.1), np.log(20), 2))
        n = np.arange(1, int(400 + (c + 40 * max(1.0, c**0.5)) * z / k))
        stays = np.exp(special.betaln(leave, stay + n - 1) - special.betaln(leave, stay))
        weights = expectation.phase_weights(c, 0.4, k)
        least = sum(weight * stats.nbinom.sf(n * k - j - 1, c + j, 1 / (1 + z)) for j, weight in enumerate(weights))
        found = expectation.expected_count(c, 0.4, leave, stay, z, k)
        assert found == pytest.approx(stays @ least, rel=1e-9)


def test_sum_and_integral_agree() -> None:
    """Where the tail is too heavy to be summed in a test they are two ways to the same number."""
    rng = np.random.default_rng(5)
    for k in (1, 2, 4, 12):
        scratch = [np.empty(k) for _ in range(4)]
        for _ in range(30):
            c, leave, stay, z = np.exp(rng.uniform(np.log([0.01, 0.01, 0.01, 5.0]), np.log([300, 100, 100, 60])))
            for staying in (False, True):
                expectation._over_phases(c, leave, stay, z, staying, scratch[0], scratch[1])
                first = np.empty((expectation.FIRST, k))
                expectation._over_dropout(c, leave, stay, z, staying, scratch[2], scratch[3], first)
                assert scratch[2] == pytest.approx(scratch[0], rel=1e-9, abs=1e-20)


def test_present_values_against_many_nodes() -> None:
    """By parts: force times the integral of exp(-force t) E(t), with a node every third of a week."""
    model, theta = clv.BG_CNBD_K(3), (1.2, 5.0, 0.8, 4.0)
    customer = clv.History([0.0, 4.0, 12.0], [0.0, 25.0, 38.0], [30.0, 30.0, 39.0], clv.WEEK)
    rate = clv.Rate(0.15, per=clv.YEAR)
    force = rate.force(clv.WEEK)
    t = np.linspace(0, 52, 157)
    expected = np.array([model.expected_purchases(theta, customer, horizon=v * clv.WEEK) for v in t])
    simpson = np.where(np.arange(157) % 2, 4.0, 2.0)
    simpson[[0, -1]] = 1
    within = force * (simpson * np.exp(-force * t)) @ expected * (t[1] / 3)
    found = model.expected_purchases(theta, customer, horizon=52 * clv.WEEK, discount=rate)
    assert found == pytest.approx(np.exp(-force * 52) * expected[-1] + within, rel=1e-5)
    endless = model.expected_purchases(theta, customer, horizon=clv.FOREVER, discount=rate)
    nearly = model.expected_purchases(theta, customer, horizon=10_000 * clv.WEEK, discount=rate)
    assert endless == pytest.approx(nearly, rel=1e-6)


def test_thousands_of_purchases_do_not_overflow() -> None:
    heavy = clv.History([500.0, 2000.0], [50.0, 51.9], [52.0, 52.0], clv.WEEK)
    theta = (0.5, 2.0, 0.5, 5000.0)
    for k in (2, 12):
        model = clv.BG_CNBD_K(k)
        found = model.expected_purchases(theta, heavy, horizon=104 * clv.WEEK)
        rate = (0.5 / k + np.array([500.0, 2000.0])) / 54 * 104 * model.p_alive(theta, heavy)
        assert np.all(np.isfinite(found)) and np.all(found > 0.7 * rate) and np.all(found < 1.01 * rate)
