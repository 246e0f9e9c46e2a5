"""BG/BB against 40-digit arithmetic from the definition, its laws, and its simulation.

Parameters from 0.01 to 100 and histories of up to 60 opportunities; for thousands of opportunities from 0.01 to 1000.
"""

from __future__ import annotations

import itertools
import math

import mpmath as mp
import numpy as np
import pytest

import clvmodels as clv
from clvmodels.duration.bg_bb import BG_BB
from clvmodels.duration.opportunities import log_likelihood

YEAR = clv.YEAR
PAPER = (1.204, 0.750, 0.657, 2.783)
RATE = clv.Rate(0.10, per=YEAR)
DRAWS = 200_000
PASTS = [(0, 0, 0), (0, 0, 6), (2, 4, 6), (6, 6, 6), (5, 11, 30)]


def random_past(rng: np.random.Generator, most: int) -> tuple[int, int, int]:
    n = int(rng.integers(0, most + 1))
    t_x = int(rng.integers(0, n + 1))
    return (int(rng.integers(1, t_x + 1)) if t_x else 0), t_x, n


def random_points(seed: int, size: int, *, high: float = 100, most: int = 60):
    rng = np.random.default_rng(seed)
    return [(tuple(np.exp(rng.uniform(np.log(0.01), np.log(high), 4))), random_past(rng, most)) for _ in range(size)]


def one(past) -> clv.History:
    return clv.History(*map(float, past), YEAR)


def likelihood(theta, past):
    """The definition, term by term."""
    a, b, g, d = map(mp.mpf, theta)
    x, t_x, n = past
    scale = mp.beta(a, b) * mp.beta(g, d)
    terms = [mp.beta(a + x, b + k - x) * mp.beta(g + 1, d + k) for k in range(t_x, n)]
    return (mp.beta(a + x, b + n - x) * mp.beta(g, d + n) + mp.fsum(terms)) / scale


def exact_alive(theta, past):
    a, b, g, d = map(mp.mpf, theta)
    x, _, n = past
    both = mp.beta(a + x, b + n - x) / mp.beta(a, b) * mp.beta(g, d + n + 1) / mp.beta(g, d)
    return both / likelihood(theta, past)


def exact_pmf(theta, past, k, horizon):
    """Given alive: the lifetimes of m opportunities, each with its beta-binomial probability."""
    a, b, g, d = map(mp.mpf, theta)
    x, _, n = past
    buy, skip, stay = a + x, b + n - x, d + n + 1

    def lives(m):
        return (mp.beta(g, stay + m - 1) if m == horizon else mp.beta(g + 1, stay + m - 1)) / mp.beta(g, stay)

    def bought(m):
        return mp.binomial(m, k) * mp.beta(buy + k, skip + m - k) / mp.beta(buy, skip)

    return mp.fsum(lives(m) * bought(m) for m in range(max(k, 1), horizon + 1))


def test_log_likelihood_and_p_alive_against_forty_digits() -> None:
    with mp.workdps(40):
        for theta, past in random_points(1, 200):
            wanted = float(mp.log(likelihood(theta, past)))
            assert float(BG_BB.log_likelihood(theta, one(past))) == pytest.approx(wanted, rel=1e-9, abs=1e-300)
            alive = float(exact_alive(theta, past))
            assert float(BG_BB.p_alive(theta, one(past))) == pytest.approx(alive, rel=1e-9, abs=1e-300)


def test_gradient_against_forty_digits() -> None:
    with mp.workdps(40):
        for theta, past in random_points(2, 25):
            found = log_likelihood(np.array([theta]), *(np.array([float(v)]) for v in past))[1][0]
            for j in range(4):

                def along(v, j=j, theta=theta, past=past):
                    return mp.log(likelihood([*theta[:j], v, *theta[j + 1 :]], past))

                wanted = float(mp.diff(along, theta[j]))
                assert found[j] == pytest.approx(wanted, rel=1e-9, abs=1e-12 * (1 + past[2]) / theta[j])


def test_gradient_equals_central_differences() -> None:
    for theta, past in random_points(3, 60):
        columns = [np.array([float(v)]) for v in past]
        u, step = np.log(theta), 1e-4
        slope = log_likelihood(np.array([theta]), *columns)[1][0] * theta
        for j, axis in enumerate(np.eye(4) * step):
            up, down, far_up, far_down = (
                log_likelihood(np.exp(u + s * axis)[None, :], *columns)[0][0] for s in (1, -1, 2, -2)
            )
            assert slope[j] == pytest.approx((8 * (up - down) - (far_up - far_down)) / (12 * step), rel=1e-6, abs=1e-7)


def test_thousands_of_opportunities() -> None:
    points = random_points(4, 300, high=1000, most=5000)
    theta = np.array([p for p, _ in points])
    columns = [np.array(c, dtype=float) for c in zip(*(past for _, past in points), strict=True)]
    value, gradient = log_likelihood(theta, *columns)
    assert np.all(np.isfinite(value)) and np.all(np.isfinite(gradient)) and np.all(value <= 0)
    people = clv.History(*columns, YEAR)
    alive = BG_BB.p_alive(theta.T, people)
    assert np.all((alive >= 0) & (alive <= 1))
    assert np.all(np.isfinite(BG_BB.expected_purchases(theta.T, people, horizon=3000 * YEAR)))
    assert BG_BB.pmf(PAPER, one((900, 1999, 2000)), n=np.arange(2001), horizon=2000 * YEAR).sum() == pytest.approx(1)
    with mp.workdps(40):
        for i in np.flatnonzero(columns[2] - columns[1] < 800)[:4]:
            p, past = points[i]
            assert value[i] == pytest.approx(float(mp.log(likelihood(p, past))), rel=1e-9)


def test_expectations_against_forty_digits() -> None:
    """The sum over opportunities, and without end the closed form of the source, also at rates near zero."""
    rng = np.random.default_rng(5)
    with mp.workdps(40):
        for theta, past in random_points(6, 60):
            a, b, g, d = map(mp.mpf, theta)
            x, _, n = past
            mean, stay = (a + x) / (a + b + n), d + n + 1
            stays = [mp.rf(stay, j) / mp.rf(g + stay, j) for j in range(40)]
            customer = one(past)
            found = BG_BB.expected_purchases_if_alive(theta, customer, np.array([0.0, 1.0, 17.0, 40.0]))
            assert found == pytest.approx([float(mean * mp.fsum(stays[:h])) for h in (0, 1, 17, 40)], rel=1e-9)
            assert BG_BB.survival_if_alive(theta, customer, 39.0) == pytest.approx(float(stays[39]), rel=1e-9)
            force = float(np.exp(rng.uniform(np.log(1e-4), np.log(2))))
            v = mp.exp(-mp.mpf(force))
            endless = float(mean * v * mp.hyp2f1(1, stay, g + stay, v))
            present = BG_BB.expected_if_alive(theta, customer, horizon=math.inf, force=force)
            assert present == pytest.approx(endless, rel=1e-9)
            finite = float(mean * mp.fsum(s * v ** (j + 1) for j, s in enumerate(stays)))
            assert BG_BB.expected_if_alive(theta, customer, horizon=40.0, force=force) == pytest.approx(
                finite, rel=1e-9
            )


def test_gamma_of_one_is_nothing_special() -> None:
    def at(gamma: float) -> float:
        return float(BG_BB.expected_purchases((1.2, 0.75, gamma, 2.8), one((2, 4, 6)), horizon=10 * YEAR))

    assert at(1.0) == pytest.approx((at(1 - 1e-6) + at(1 + 1e-6)) / 2, rel=1e-11)


def test_pmf_against_forty_digits() -> None:
    with mp.workdps(40):
        for theta, past in random_points(7, 40):
            for k, horizon in ((0, 1), (0, 25), (3, 25), (25, 25)):
                found = BG_BB.pmf_if_alive(theta, one(past), k, horizon)
                assert found == pytest.approx(float(exact_pmf(theta, past, k, horizon)), rel=1e-9)


@pytest.mark.parametrize("past", PASTS, ids=str)
def test_pmf_sums_to_one_and_has_the_expectation_as_its_mean(past) -> None:
    n = np.arange(31)
    pmf = BG_BB.pmf(PAPER, one(past), n=n, horizon=25 * YEAR)
    assert np.all(pmf[26:] == 0)
    assert pmf.sum() == pytest.approx(1, abs=1e-12)
    assert pmf @ n == pytest.approx(float(BG_BB.expected_purchases(PAPER, one(past), horizon=25 * YEAR)), rel=1e-11)


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_likelihood_sums_to_the_distribution_of_a_new_customer(n: int) -> None:
    """Over all orderings of x purchases with the last at t_x: the other x - 1 are anywhere before."""
    newcomer = clv.History.new_customer(YEAR)
    mass = np.zeros(n + 1)
    mass[0] = math.exp(float(BG_BB.log_likelihood(PAPER, one((0, 0, n)))))
    for t_x in range(1, n + 1):
        for x in range(1, t_x + 1):
            mass[x] += math.comb(t_x - 1, x - 1) * math.exp(float(BG_BB.log_likelihood(PAPER, one((x, t_x, n)))))
    assert mass.sum() == pytest.approx(1, abs=1e-12)
    assert mass == pytest.approx(BG_BB.pmf(PAPER, newcomer, n=np.arange(n + 1), horizon=n * YEAR), rel=1e-11)


def test_p_alive_never_falls_with_recency_and_is_one_step_of_the_tower() -> None:
    """A year later she has bought, or has not: the expectation of what is then expected."""
    recencies = np.arange(3.0, 21.0)
    customers = clv.History(np.full(18, 3.0), recencies, np.full(18, 20.0), YEAR)
    assert np.all(np.diff(BG_BB.p_alive(PAPER, customers)) > 0)
    for x, t_x, n in PASTS:
        bought = float(BG_BB.expected_purchases(PAPER, one((x, t_x, n)), horizon=YEAR))
        later = [
            float(BG_BB.expected_purchases(PAPER, one(p), horizon=7 * YEAR))
            for p in ((x + 1, n + 1, n + 1), (x, t_x, n + 1))
        ]
        whole = float(BG_BB.expected_purchases(PAPER, one((x, t_x, n)), horizon=8 * YEAR))
        assert bought * (1 + later[0]) + (1 - bought) * later[1] == pytest.approx(whole, rel=1e-12)


def test_one_theta_per_row_equals_one_for_all() -> None:
    points = random_points(8, 20)
    theta = np.array([p for p, _ in points])
    columns = [np.array(c, dtype=float) for c in zip(*(past for _, past in points), strict=True)]
    value, gradient = log_likelihood(theta, *columns)
    for i in range(len(points)):
        shared_value, shared_gradient = log_likelihood(theta[[i]], *columns)
        assert value[i] == shared_value[i]
        assert np.array_equal(gradient[i], shared_gradient[i])


def test_a_horizon_counts_as_its_whole_opportunities() -> None:
    def expected(years: float, **options) -> float:
        return float(BG_BB.expected_purchases(PAPER, one((2, 4, 6)), horizon=years * YEAR, **options))

    assert expected(0.9) == 0
    assert expected(5.9) == expected(5) == expected(5 - 1e-12) > expected(4.9)
    assert expected(5.9, discount=RATE) == expected(5, discount=RATE) < expected(5)
    assert expected(5, discount=clv.Rate(1e-12, per=YEAR)) == pytest.approx(expected(5), rel=1e-10)
    assert expected(1, discount=RATE) == pytest.approx(expected(1) / 1.1, rel=1e-14)
    survival = [BG_BB.p_alive_after(PAPER, one((2, 4, 6)), horizon=h * YEAR) for h in (0, 0.5, 1, 8, math.inf)]
    assert survival[0] == survival[1] == BG_BB.p_alive(PAPER, one((2, 4, 6)))
    assert survival[1] > survival[2] > survival[3] > survival[4] == 0


@pytest.mark.parametrize("probability", [0.05, 0.2, 0.5, 0.9])
def test_time_to_the_next_purchase_is_the_first_opportunity_that_suffices(probability: float) -> None:
    x, t_x, n = map(np.array, zip(*PASTS, strict=True))
    people = clv.History(x, t_x, n, YEAR)
    found = BG_BB.time_to_next_purchase(PAPER, people, probability=probability)
    silent = np.array([BG_BB.p_no_purchase(PAPER, people, horizon=h * YEAR) for h in range(400)])
    enough = 1 - silent >= probability
    wanted = np.where(enough.any(axis=0), enough.argmax(axis=0), np.inf)
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize("past", PASTS, ids=str)
def test_simulated_futures_have_the_expected_mean_and_distribution(past) -> None:
    rng = np.random.default_rng(sum(past))
    everyone = clv.History(*(np.full((1, DRAWS), float(v)) for v in past), YEAR)
    p_alive, (offsets, times) = BG_BB.future(PAPER, everyone, horizon=12.5, rng=rng)
    counts = np.diff(offsets)
    assert p_alive.shape == (1, DRAWS)
    assert set(np.unique(times)) == set(range(1, 13))
    expected = float(BG_BB.expected_purchases(PAPER, one(past), horizon=12.5 * YEAR))
    assert abs(counts.mean() - expected) < 4 * counts.std() / math.sqrt(DRAWS)
    for n in range(13):
        p = float(BG_BB.pmf(PAPER, one(past), n=n, horizon=12.5 * YEAR))
        assert abs(np.mean(counts == n) - p) < 4 * math.sqrt(p * (1 - p) / DRAWS) + 1e-12
    worth = np.bincount(np.repeat(np.arange(DRAWS), counts), np.exp(-RATE.force(YEAR) * times), DRAWS)
    present = float(BG_BB.expected_purchases(PAPER, one(past), horizon=12.5 * YEAR, discount=RATE))
    assert abs(worth.mean() - present) < 4 * worth.std() / math.sqrt(DRAWS)


def test_futures_are_customers_by_draws() -> None:
    """Every cell has its own parameters and its own history; times of a cell are in order."""
    theta = [np.array([v, v, 2 * v]) for v in PAPER]
    people = clv.History(*(np.array(c, dtype=float)[:, None] for c in zip(*PASTS, strict=True)), YEAR)
    p_alive, (offsets, times) = BG_BB.future(theta, people, horizon=30.0, rng=np.random.default_rng(0))
    assert p_alive.shape == (5, 3)
    assert offsets.size == 16 and offsets[-1] == times.size
    for start, stop in itertools.pairwise(offsets):
        assert np.all(np.diff(times[start:stop]) > 0)
    again = BG_BB.future(theta, people, horizon=30.0, rng=np.random.default_rng(0)).purchases
    assert np.array_equal(times, again.times)


def test_probabilities_drawn_and_futures_drawn_without_them_agree() -> None:
    rng = np.random.default_rng(5)
    past, horizon = (2, 4, 6), 8
    rates = BG_BB.draw_rates([np.full(DRAWS, v) for v in PAPER], clv.History([2.0], [4.0], [6.0], YEAR), seed=rng)
    lifetime = np.minimum(rng.geometric(np.maximum(rates.dropout[0], 1e-15)), horizon)
    counts = rng.binomial(lifetime, rates.rate[0])
    expected = float(BG_BB.expected_purchases(PAPER, one(past), horizon=horizon * YEAR))
    assert abs(counts.mean() - expected) < 4 * counts.std() / math.sqrt(DRAWS)
    alive = float(BG_BB.p_alive(PAPER, one(past)))
    assert abs(rates.alive.mean() - alive) < 4 * math.sqrt(alive * (1 - alive) / DRAWS)
    assert np.array_equal(rates.rate > 0, rates.alive > 0)


def test_simulated_customers_have_the_probabilities_of_their_histories() -> None:
    """Customers with different numbers of opportunities, each with the likelihood of what happened to her."""
    size = 100_000
    people = BG_BB.simulate(PAPER, T=np.repeat([0, 3, 5], size), period=YEAR, seed=3)
    assert np.all(people.frequency[:size] == 0)
    for start, n in ((size, 3), (2 * size, 5)):
        x, t_x = people.frequency[start : start + size], people.recency[start : start + size]
        for k in range(n + 1):
            for last in range(k, n + 1 if k else 1):
                orderings = math.comb(last - 1, k - 1) if k else 1
                p = orderings * math.exp(float(BG_BB.log_likelihood(PAPER, one((k, last, n)))))
                assert abs(np.mean((x == k) & (t_x == last)) - p) < 4 * math.sqrt(p * (1 - p) / size)
    again = BG_BB.simulate(PAPER, T=np.repeat([0, 3, 5], size), period=YEAR, seed=3)
    assert np.array_equal(again.recency, people.recency)


def test_simulated_customers_give_the_parameters_back() -> None:
    people = BG_BB.simulate(PAPER, T=np.repeat([6, 12, 20], 20_000), period=YEAR, seed=4)
    fit = clv.fit(BG_BB, people, method="mle")
    distance = (np.log(list(fit.theta)) - np.log(PAPER)) / (fit.summary()["sd"] / list(fit.theta))
    assert np.all(np.abs(distance) < 4)


@pytest.mark.parametrize(
    ("past", "message"),
    [
        (
            (2, 3.5, 6),
            r"'recency' is not a whole number of opportunities in 1 row: customer B \(3.5\).*One year is one",
        ),
        ((2, 3, 6.25), r"'T' is not a whole number of opportunities in 1 row: customer B \(6.25\)"),
        ((4, 3, 6), r"'recency' is below frequency in 1 row: customer B \(3.0\).*one purchase at most"),
    ],
)
def test_histories_that_are_not_of_opportunities_are_refused(past, message) -> None:
    x, t_x, T = zip((0, 0, 6), past, strict=True)
    people = clv.Histories(["A", "B"], x, t_x, T, [np.nan, np.nan], YEAR)
    with pytest.raises(clv.HistoryError, match=message):
        BG_BB.log_likelihood(PAPER, people)
    with pytest.raises(clv.HistoryError, match=message):
        BG_BB.expected_purchases(PAPER, people, horizon=5 * YEAR)
    with pytest.raises(clv.HistoryError, match="customer 1"):
        BG_BB.data(clv.History(x, t_x, T, YEAR))


def test_whole_numbers_survive_a_change_of_period() -> None:
    people = clv.Histories(["A"], [2], [4], [6], [np.nan], YEAR)
    assert [float(c[0]) for c in BG_BB.data(people.to(clv.DAY).to(YEAR))] == [2, 4, 6]


def test_what_it_does_not_have() -> None:
    with pytest.raises(clv.ModelError, match=r"Use BG_BB\.future"):
        BG_BB.individuals(PAPER, one((2, 4, 6)), rng=np.random.default_rng(0))
    with pytest.raises(clv.ModelError, match="needs a discount rate"):
        BG_BB.expected_purchases(PAPER, one((2, 4, 6)), horizon=clv.FOREVER)
    with pytest.raises(clv.ModelError, match="strictly between 0 and 1"):
        BG_BB.time_to_next_purchase(PAPER, one((2, 4, 6)), probability=1)
    with pytest.raises(clv.HistoryError, match="'T' is not a whole number"):
        BG_BB.simulate(PAPER, T=[1.5], period=YEAR, seed=0)
