"""What holds for every model of buying until an unseen end."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, special

import clvmodels as clv
from clvmodels.catalogue import catalogue
from clvmodels.duration.attrition import LatentAttrition
from tests.laws.conftest import histories, log_uniform, shifted, thetas

FAMILY = [m for m in catalogue if isinstance(m, LatentAttrition)]
models = pytest.mark.parametrize("model", FAMILY, ids=lambda m: m.name)
# Without BG_BB: in another unit of time its histories would not count opportunities.
models_with_units = pytest.mark.parametrize("model", [m for m in FAMILY if not m.discrete], ids=lambda m: m.name)
TYPICAL = {
    "NBD": (0.385, 12.072),
    "BG_NBD": (0.243, 4.414, 0.793, 2.426),
    "MBG_NBD": (0.525, 6.183, 0.891, 1.614),
    "BG_CNBD_2": (0.243, 2.207, 0.793, 2.426),
    "MBG_CNBD_2": (0.525, 3.092, 0.891, 1.614),
    "PARETO_NBD": (0.553, 10.578, 0.606, 11.669),
    "PARETO_LOGNORMAL": (0.031, 0.027, 1.15, -0.6, 1.5),
    "GGOMPERTZ_NBD": (0.553, 10.578, 0.05, 0.606, 0.4),
    "BG_BB": (1.204, 0.750, 0.657, 2.783),
}
PASTS = [(0, 0, 0), (0, 0, 30), (3, 20, 30), (40, 29, 30)]
PASTS_OF_OPPORTUNITIES = [(0, 0, 0), (0, 0, 30), (3, 20, 30), (25, 29, 30)]
"""The same with one purchase at most per opportunity."""


@models
@given(st.data())
def test_p_alive_is_a_probability_that_never_falls_with_recency(model: LatentAttrition, data: st.DataObject) -> None:
    history, theta = data.draw(histories(model)), data.draw(thetas(model))
    alive = float(model.p_alive(theta, history))
    assert 0 <= alive <= 1
    if history.frequency > 0:
        sooner = max(history.frequency, history.recency - 1) if model.discrete else history.recency * 0.9
        earlier = shifted(history, "recency", sooner)
        assert model.p_alive(theta, earlier) <= alive + 1e-15


@models
@given(st.data())
def test_expectation_starts_at_zero_and_never_falls(model: LatentAttrition, data: st.DataObject) -> None:
    history, theta = data.draw(histories(model)), data.draw(thetas(model))
    assert model.expected_purchases(theta, history, horizon=0 * clv.WEEK) == 0
    spans = [0.1, 1.0, 10.0, 100.0, 1000.0]
    found = np.array([float(model.expected_purchases(theta, history, horizon=h * clv.WEEK)) for h in spans])
    assert np.all(np.isfinite(found)) and np.all(found >= 0)
    assert np.all(np.diff(found) >= -1e-10 * found[1:])


@models
@given(st.data())
def test_discounting_never_adds_and_vanishes_with_the_rate(model: LatentAttrition, data: st.DataObject) -> None:
    history, theta = data.draw(histories(model, most=50)), data.draw(thetas(model, 0.05, 20))
    horizon = data.draw(log_uniform(1, 300)) * clv.WEEK

    def present(rate: float) -> float:
        return float(model.expected_purchases(theta, history, horizon=horizon, discount=clv.Rate(rate, per=clv.YEAR)))

    plain = float(model.expected_purchases(theta, history, horizon=horizon))
    assert present(1e-12) == pytest.approx(plain, rel=1e-9)
    assert present(0.5) <= present(0.1) * (1 + 1e-9) <= plain * (1 + 2e-9) <= present(-0.1) * (1 + 3e-9)


@models
@given(st.data())
def test_pmf_sums_to_one_and_has_the_expectation_as_its_mean(model: LatentAttrition, data: st.DataObject) -> None:
    history, theta = data.draw(histories(model, most=20)), data.draw(thetas(model, 0.1, 10))
    horizon = data.draw(log_uniform(0.1, 0.5)) * history.T * clv.WEEK
    n = np.arange(
        120 if model.name == "PARETO_LOGNORMAL" else 3000
    )  # enough for rates that T bounds; each n is integrals
    pmf = model.pmf(theta, history, n=n, horizon=horizon)
    assert np.all(pmf >= 0)
    assert pmf.sum() == pytest.approx(1, abs=1e-9)
    assert pmf @ n == pytest.approx(
        float(model.expected_purchases(theta, history, horizon=horizon)), rel=1e-8, abs=1e-12
    )


@models
@pytest.mark.parametrize("x", [0, 1, 2, 5])
def test_likelihood_adds_up_to_the_distribution_of_a_new_customer(model: LatentAttrition, x: int) -> None:
    """Over all purchase times of which x - 1 are before the last: an integral, or a sum over opportunities.

    Without `log_intervals` the likelihood lacks the product of the intervals to the power k - 1, whose integral over all
    intervals that add up to t_x is Dirichlet's: Gamma(k)^x / Gamma(k x) t_x^(k x - 1).
    """
    theta, T = TYPICAL[model.name], 20.0
    k = getattr(model, "k", 1)

    def likelihood(t_x: float) -> float:
        return math.exp(float(model.log_likelihood(theta, clv.History(float(x), t_x, T, clv.WEEK))))

    def density(t_x: float) -> float:
        return likelihood(t_x) * math.exp((k * x - 1) * math.log(t_x) + x * special.gammaln(k) - special.gammaln(k * x))

    if x == 0:
        mass = likelihood(0.0)
    elif model.discrete:
        mass = math.fsum(math.comb(t_x - 1, x - 1) * likelihood(float(t_x)) for t_x in range(x, int(T) + 1))
    else:
        mass, _ = integrate.quad(density, 0, T, epsabs=1e-13, epsrel=1e-11)
    assert mass == pytest.approx(
        float(model.pmf(theta, clv.History.new_customer(clv.WEEK), n=x, horizon=T * clv.WEEK)), rel=1e-9
    )


@pytest.mark.parametrize(
    ("model", "past"),
    [
        pytest.param(m, past, id=f"{m.name}-{past}")
        for m in FAMILY
        for past in (PASTS_OF_OPPORTUNITIES if m.discrete else PASTS)
    ],
)
def test_simulated_futures_have_the_expected_mean_and_distribution(
    model: LatentAttrition, past: tuple[int, int, int]
) -> None:
    theta, draws, horizon = TYPICAL[model.name], 200_000, 25.0
    rng = np.random.default_rng(sum(past))
    customer = clv.History(*(np.full((1, draws), float(v)) for v in past), clv.WEEK)
    offsets, times = model.future(theta, customer, horizon=horizon, rng=rng).purchases
    counts = np.diff(offsets)
    one = clv.History(*map(float, past), clv.WEEK)
    expected = float(model.expected_purchases(theta, one, horizon=horizon * clv.WEEK))
    assert abs(counts.mean() - expected) < 4 * counts.std() / math.sqrt(draws)
    for n in range(3):
        p = float(model.pmf(theta, one, n=n, horizon=horizon * clv.WEEK))
        assert abs(np.mean(counts == n) - p) < 4 * math.sqrt(p * (1 - p) / draws) + 1e-12
    assert np.all((times > 0) & (times <= horizon))
    discount = clv.Rate(0.5, per=clv.YEAR)
    worth = np.add.reduceat(
        np.append(np.exp(-discount.force(clv.WEEK) * times), 0.0), np.minimum(offsets[:-1], times.size)
    )
    worth[counts == 0] = 0
    present = float(model.expected_purchases(theta, one, horizon=horizon * clv.WEEK, discount=discount))
    assert abs(worth.mean() - present) < 4 * worth.std() / math.sqrt(draws)


def phases_done(model: LatentAttrition, rate: np.ndarray, silence: float, rng: np.random.Generator) -> np.ndarray:
    """Phases of the next purchase that lie behind customers alive: Poisson in the silence, known to be below k."""
    k = np.arange(getattr(model, "k", 1))
    weights = np.exp(special.xlogy(k, silence * rate[:, None] * k.size) - special.gammaln(k + 1)).cumsum(axis=1)
    return np.asarray((rng.random((rate.size, 1)) * weights[:, -1:] > weights).sum(axis=1))


@models
def test_rates_drawn_and_futures_drawn_without_rates_agree(model: LatentAttrition) -> None:
    """The Polya urn and the Pareto wait against explicit rates.

    The smaller of a geometric count and a Poisson count until the lifetime ends (of phases, by the phases to a purchase); of
    opportunities, a binomial count of those until a geometric one is the last.
    """
    theta, draws, horizon = TYPICAL[model.name], 200_000, 25.0
    one = clv.History([3.0], [20.0], [30.0], clv.WEEK)
    rng = np.random.default_rng(5)
    rates = model.draw_rates([np.full(draws, v) for v in theta], one, seed=rng)
    until_gone = rng.geometric(np.clip(rates.dropout[0], 1e-300, 1))
    if model.discrete:
        counts = rng.binomial(np.minimum(until_gone, int(horizon)), rates.rate[0])
    else:
        done, k = phases_done(model, rates.rate[0], 10.0, rng), getattr(model, "k", 1)
        phases = rng.poisson(k * rates.rate[0] * np.minimum(horizon, rates.lifetime[0]))
        counts = np.minimum((done + phases) // k, until_gone)
    counts = counts * (rates.alive[0] > 0)
    expected = float(model.expected_purchases(theta, one, horizon=horizon * clv.WEEK)[0])
    assert abs(counts.mean() - expected) < 4 * counts.std() / math.sqrt(draws)
    assert rates.alive.mean() == pytest.approx(float(model.p_alive(theta, one)[0]), abs=0.005)
    drawn = rates.rate[0][rates.alive[0] > 0]
    assert abs(drawn.mean() - float(model.rate_if_alive(theta, one)[0])) < 4 * drawn.std() / math.sqrt(drawn.size)


@models
@given(st.data())
def test_nobody_buys_more_than_at_her_rate_until_she_leaves(model: LatentAttrition, data: st.DataObject) -> None:
    history, theta = data.draw(histories(model)), data.draw(thetas(model, 0.05, 20.0))
    horizon = float(data.draw(st.integers(1, 200)))
    most = float(model.rate_if_alive(theta, history)) * horizon
    regular = getattr(model, "k", 1) - 1  # phases she may have behind her already
    assert float(model.expected_purchases_if_alive(theta, history, horizon)) <= (most + regular) * (1 + 1e-9)


@models
def test_simulated_customers_have_the_distribution_of_new_ones(model: LatentAttrition) -> None:
    theta, n = TYPICAL[model.name], 100_000
    people = model.simulate(theta, T=np.full(n, 39.0), period=clv.WEEK, seed=3)
    newcomer = clv.History.new_customer(clv.WEEK)
    for x in range(4):
        p = float(model.pmf(theta, newcomer, n=x, horizon=39 * clv.WEEK))
        assert abs(np.mean(people.frequency == x) - p) < 4 * math.sqrt(p * (1 - p) / n)
    assert np.all(people.recency <= people.T)


@models
def test_the_same_seed_gives_the_same_customers(model: LatentAttrition) -> None:
    a, b, c = (model.simulate(TYPICAL[model.name], T=np.full(50, 39.0), period=clv.WEEK, seed=s) for s in (1, 1, 2))
    assert np.array_equal(a.recency, b.recency)
    assert not np.array_equal(a.recency, c.recency)


@models_with_units
def test_days_and_weeks_agree(model: LatentAttrition, cdnow: clv.Histories) -> None:
    theta = TYPICAL[model.name]
    days = [v * 7**p.time for v, p in zip(theta, model.parameters, strict=True)]
    assert model.p_alive(days, cdnow.to(clv.DAY)) == pytest.approx(model.p_alive(theta, cdnow), rel=1e-12)
    a = model.expected_purchases(theta, cdnow, horizon=39 * clv.WEEK)
    assert model.expected_purchases(days, cdnow.to(clv.DAY), horizon=39 * clv.WEEK) == pytest.approx(a, rel=1e-10)


@models
def test_an_endless_horizon_needs_a_discount(model: LatentAttrition) -> None:
    """No rate, a rate of nothing, and one at which later payments are worth more."""
    theta, newcomer = TYPICAL[model.name], clv.History.new_customer(clv.WEEK)
    for discount in (None, clv.Rate(0.0, per=clv.YEAR), clv.Rate(-0.01, per=clv.YEAR)):
        with pytest.raises(clv.ModelError, match="needs a discount rate"):
            model.expected_purchases(theta, newcomer, horizon=clv.FOREVER, discount=discount)


@models
def test_a_bare_number_is_no_horizon(model: LatentAttrition, people: clv.Histories) -> None:
    with pytest.raises(clv.UnitError, match="52 of what"):
        model.expected_purchases(TYPICAL[model.name], people, horizon=52)
