"""BG/CNBD-k and MBG/CNBD-k: with one phase they are BG/NBD and MBG/NBD; by hand; and what k does."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import clvmodels as clv

THETA = (0.243, 4.414, 0.793, 2.426)
PEOPLE = clv.History([0.0, 0.0, 1.0, 3.0, 40.0], [0.0, 0.0, 0.5, 20.0, 29.0], [0.0, 30.0, 30.0, 30.0, 30.0], clv.WEEK)
YEARLY = clv.Rate(0.10, per=clv.YEAR)
QUANTITIES = {
    "log_likelihood": lambda model: model.log_likelihood(THETA, PEOPLE),
    "p_alive": lambda model: model.p_alive(THETA, PEOPLE),
    "p_alive_after": lambda model: model.p_alive_after(THETA, PEOPLE, horizon=39 * clv.WEEK),
    "expected": lambda model: model.expected_purchases(THETA, PEOPLE, horizon=39 * clv.WEEK),
    "expected, long": lambda model: model.expected_purchases(THETA, PEOPLE, horizon=3900 * clv.WEEK),
    "present": lambda model: model.expected_purchases(THETA, PEOPLE, horizon=39 * clv.WEEK, discount=YEARLY),
    "endless": lambda model: model.discounted_expected_purchases(THETA, PEOPLE, discount=YEARLY),
    "pmf": lambda model: model.pmf(THETA, PEOPLE, n=np.arange(4)[:, None], horizon=39 * clv.WEEK),
    "next": lambda model: model.time_to_next_purchase(THETA, PEOPLE, probability=0.05),
}


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize(
    ("regular", "random"), [(clv.BG_CNBD_K(1), clv.BG_NBD), (clv.MBG_CNBD_K(1), clv.MBG_NBD)], ids=str
)
def test_one_phase_is_buying_at_random(regular, random, quantity) -> None:
    found, wanted = QUANTITIES[quantity](regular), QUANTITIES[quantity](random)
    assert found == pytest.approx(wanted, rel=1e-11, abs=1e-14)


def test_one_phase_draws_the_same_futures() -> None:
    customers = clv.History([[3.0], [8.0]], [[20.0], [29.0]], [[30.0], [30.0]], clv.WEEK)
    theta = [np.full(2000, v) for v in THETA]
    one, other = (
        model.future(theta, customers, horizon=20.0, rng=np.random.default_rng(1)).purchases.offsets[-1] / 4000
        for model in (clv.BG_CNBD_K(1), clv.BG_NBD)
    )
    assert one == pytest.approx(other, rel=0.1)


def test_two_phases_by_hand() -> None:
    """One repeat purchase at 10, seen until 16, r = 1, alpha = 4, a = b = 1, k = 2: with x = 1 the shape is r + k x = 3.

    Rate integrals: G(n, t) = Gamma(n) 4 / (4 + t)^n. Alive: G(3, 16) + 6 G(4, 16), and B(1, 2) / B(1, 1) = 1/2 to stay. Left:
    G(3, 10) and 1/2. The wait has the density lambda^2 10 e^(-10 lambda): a factor of 10, whose log is log_intervals.
    """
    alive = (2 * 4 / 20**3 + 6 * 6 * 4 / 20**4) / 2
    left = (2 * 4 / 14**3) / 2
    customer = clv.History(1.0, 10.0, 16.0, clv.WEEK, log_intervals=math.log(10))
    theta, model = (1.0, 4.0, 1.0, 1.0), clv.BG_CNBD_K(2)
    assert model.log_likelihood(theta, customer) == pytest.approx(math.log(10 * (alive + left)), rel=1e-13)
    assert model.p_alive(theta, customer) == pytest.approx(alive / (alive + left), rel=1e-13)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_intervals_are_a_factor_without_parameters(k, cdnow_intervals: clv.Histories, cdnow: clv.Histories) -> None:
    model, theta = clv.MBG_CNBD_K(k), (0.5, 3.0, 0.9, 1.6)
    apart = model.log_likelihood(theta, cdnow_intervals) - model.log_likelihood(theta, cdnow)
    assert apart == pytest.approx((k - 1) * cdnow_intervals.log_intervals, abs=1e-9)


def test_regular_customers_are_due() -> None:
    """Who bought long ago by her own measure is gone or about to buy; who has just bought will not buy at once."""
    customer = clv.History([10.0, 10.0], [36.0, 40.0], [40.0, 40.0], clv.WEEK)
    theta = (1.0, 2.0, 0.05, 5.0)
    soon = clv.BG_CNBD_K(6).pmf_if_alive(theta, customer, 0, 1.0)
    assert soon[0] < 0.7 and soon[1] > 0.99
    at_random = clv.BG_NBD.pmf_if_alive(theta, customer, 0, 1.0)
    assert at_random[0] == at_random[1]


@pytest.mark.parametrize("k", [0, 13, 2.0, True, "2"])
def test_k_is_a_whole_number(k) -> None:
    with pytest.raises(clv.ModelError, match=r"not a whole number of phases from 1 to 12. Write MBG_CNBD_K\(2\)"):
        clv.MBG_CNBD_K(k)


def test_models_of_one_k_are_equal_values() -> None:
    assert clv.BG_CNBD_K(3) == clv.BG_CNBD_K(3) and clv.BG_CNBD_K(3) != clv.BG_CNBD_K(2)
    assert clv.BG_CNBD_K(3) != clv.MBG_CNBD_K(3)
    assert (clv.MBG_CNBD_K().name, clv.MBG_CNBD_K().title) == ("MBG_CNBD_2", "MBG/CNBD-2")


def test_a_fit_of_any_k_is_saved_and_found_again(cdnow_intervals: clv.Histories, tmp_path: Path) -> None:
    fit = clv.fit(clv.MBG_CNBD_K(3), cdnow_intervals, method="mle")
    again = clv.load(clv.save(fit, tmp_path / "fit.parquet"))
    assert again.model == clv.MBG_CNBD_K(3) and again.theta == fit.theta


def test_cdnow_is_bought_at_random(cdnow_intervals: clv.Histories) -> None:
    """Its likelihood is highest with one phase: Reutterer, Platzer and Schroeder find no regularity in it either."""
    reached = [clv.fit(clv.MBG_CNBD_K(k), cdnow_intervals, method="mle").loglik for k in (1, 2, 3)]
    assert reached[0] > reached[1] > reached[2]
    assert reached[0] == pytest.approx(-9582.136, abs=0.005)  # MBG/NBD, as in test_mbg_nbd
