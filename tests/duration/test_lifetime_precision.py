"""Pareto/NBD and gamma-Gompertz/NBD against 40-digit arithmetic from the definition, and their nested limits.

Parameters from 0.01 to 100 (the growth b from 0.0001 to 1 per week), ages up to 500 weeks, up to 2,000 purchases.
"""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

import clvmodels as clv
from clvmodels.duration import lifetime

RNG = np.random.default_rng(31)


def points(number: int, growth: bool) -> list[tuple[tuple[float, ...], tuple[float, float, float]]]:
    found = []
    for _ in range(number):
        r, alpha, s, beta = (float(v) for v in np.exp(RNG.uniform(np.log(0.01), np.log(100), 4)))
        b = float(np.exp(RNG.uniform(np.log(1e-4), 0))) if growth else 0.0
        x = int(RNG.choice([0, 1, 3, 30, 300, 2000]))
        T = float(np.exp(RNG.uniform(np.log(0.1), np.log(500))))
        found.append(((r, alpha, b, s, beta), (float(x), T * float(RNG.uniform(0.05, 1)) if x else 0.0, T)))
    return found


def exact(theta, past):
    """P(alive) and the log-likelihood, the integral over ever smaller panels from its sharp end."""
    r, alpha, b, s, beta = map(mp.mpf, theta)
    x, t_x, T = map(mp.mpf, past)
    c, gamma = r + x, min(alpha, beta)

    def grown(t):
        return t if b == 0 else mp.expm1(b * t) / b

    def alive(t):
        return (alpha + t) ** -c * (beta / (beta + grown(t))) ** s

    def density(v):
        t = mp.exp(v) - gamma
        return alive(t) / alive(t_x) * s * mp.exp(b * t) / (beta + grown(t)) * (t + gamma)

    low, high = mp.log(gamma + t_x), mp.log(gamma + T)
    ends = [low + (high - low) * (mp.mpf(j) / 40) ** 2 for j in range(41)]
    left = mp.quad(density, ends, maxdegree=7) * alive(t_x)
    stayed = alive(T)
    return stayed / (stayed + left), mp.log(mp.rf(r, x) * alpha**r * (stayed + left))


@pytest.mark.parametrize("growth", [False, True], ids=["Pareto", "Gompertz"])
def test_against_forty_digits(growth: bool) -> None:
    model = clv.GGOMPERTZ_NBD if growth else clv.PARETO_NBD
    with mp.workdps(30):
        for (r, alpha, b, s, beta), past in points(12, growth):
            alive, loglik = map(float, exact((r, alpha, b, s, beta), past))
            theta = (r, alpha, b, s, beta * b) if growth else (r, alpha, s, beta)
            history = clv.History(*past, clv.WEEK)
            assert model.log_likelihood(theta, history) == pytest.approx(loglik, rel=1e-9, abs=1e-9)
            assert model.p_alive(theta, history) == pytest.approx(alive, rel=1e-9, abs=1e-300)


def test_gompertz_becomes_pareto_as_the_hazard_stops_growing() -> None:
    history = clv.History([0.0, 2.0, 40.0], [0.0, 30.43, 25.0], [38.86, 38.86, 52.0], clv.WEEK)
    r, alpha, s, beta = 0.553, 10.578, 0.606, 11.669
    for formula, options in (
        ("log_likelihood", {}),
        ("p_alive", {}),
        ("expected_purchases", {"horizon": 39 * clv.WEEK}),
        ("p_alive_after", {"horizon": 39 * clv.WEEK}),
        ("pmf", {"n": 2, "horizon": 39 * clv.WEEK}),
    ):
        wanted = getattr(clv.PARETO_NBD, formula)((r, alpha, s, beta), history, **options)
        found = getattr(clv.GGOMPERTZ_NBD, formula)((r, alpha, 1e-9, s, beta * 1e-9), history, **options)
        assert found == pytest.approx(wanted, rel=1e-6)


def test_pareto_becomes_nbd_when_nobody_leaves() -> None:
    history = clv.History([0.0, 2.0, 40.0], [0.0, 30.43, 25.0], [38.86, 38.86, 52.0], clv.WEEK)
    never = (0.553, 10.578, 1e-12, 1e6)
    assert clv.PARETO_NBD.p_alive(never, history) == pytest.approx(1, abs=1e-6)
    assert clv.PARETO_NBD.log_likelihood(never, history) == pytest.approx(
        clv.NBD.log_likelihood(never[:2], history), abs=1e-6
    )
    ahead = 39 * clv.WEEK
    assert clv.PARETO_NBD.expected_purchases(never, history, horizon=ahead) == pytest.approx(
        clv.NBD.expected_purchases(never[:2], history, horizon=ahead), rel=1e-6
    )


def test_a_lifetime_and_its_survival_are_inverse() -> None:
    for g in (0.0, 1e-6, 0.01, 2.0):
        for beta in (0.01, 5.0, 300.0):
            for tau in (1e-6, 0.3, 40.0, 900.0):
                log_ratio = lifetime.log_survival(g, beta, tau)
                assert lifetime.age_of_survival(g, beta, log_ratio) == pytest.approx(tau, rel=1e-9)


@pytest.mark.parametrize(
    ("b", "s", "beta"),
    [(3.97152, 0.03746, 96.76680), (2.76489, 0.05655, 93.96570), (0.05, 0.02, 80.0), (0.9, 0.5, 0.3)],
)
def test_the_turn_of_the_hazard_is_not_missed(b: float, s: float, beta: float) -> None:
    """The hazard grows until b tau is about log(beta) and is level afterwards; little else happens when s is small."""
    ahead, customer = 52, clv.History.new_customer(clv.WEEK)
    with mp.workdps(30):
        turn = mp.log(max(beta, 1.0)) / b
        ends = [0, *(turn * mp.mpf(j) / 4 for j in range(1, 9) if turn * j / 4 < ahead), ahead]
        alive = mp.quad(lambda t: (beta / (beta + mp.expm1(b * t))) ** s, ends, maxdegree=9)
    found = clv.GGOMPERTZ_NBD.expected_purchases((2.0, 4.0, b, s, beta), customer, horizon=ahead * clv.WEEK)
    assert found == pytest.approx(0.5 * float(alive), rel=1e-10)
