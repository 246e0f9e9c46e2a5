"""Published values of the BG/BB model on the donors of Fader, Hardie and Shang 2010.

Sources: paper = Fader, Hardie and Shang 2010; BTYD = its walkthrough and help pages; Hardie = the spreadsheet of his note 010,
whose log-likelihoods the tests of pymc-marketing quote; mp = evaluated from the model's definition with 30-digit arithmetic.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

import clvmodels as clv
from clvmodels.duration.bg_bb import BG_BB

YEAR = clv.YEAR
PAPER = (1.204, 0.750, 0.657, 2.783)
BTYD = (1.203528, 0.7497260, 0.6567808, 2.783796)
# (x, t_x), n = 6, log-likelihood [Hardie] at the spreadsheet's own estimate, of which PAPER is three decimals
LOG_LIKELIHOODS = [
    (6, 6, -2.18167018824), (5, 6, -4.29485034929), (4, 6, -5.38473334360), (3, 6, -5.80915881601),
    (2, 6, -5.65172964525), (1, 6, -4.88370164695), (5, 5, -3.71682127437), (4, 5, -5.09558227343),
    (3, 5, -5.61576884108), (2, 5, -5.50636893346), (1, 5, -4.76723821904), (4, 4, -3.84829625138),
    (3, 4, -5.05936147828), (2, 4, -5.19562191019), (1, 4, -4.57070931973), (3, 3, -3.52745257839),
    (2, 3, -4.51620272962), (1, 3, -4.22465969453), (2, 2, -3.01199924784), (1, 2, -3.58817880928),
    (1, 1, -2.28882847451), (0, 0, -1.16751622367),
]  # fmt: skip
# (x, t_x), n = 6: P(alive), purchases at 5 and at 10 opportunities, discounted without end at 10 % per period, at PAPER [mp]
CUSTOMERS = [
    (0, 0, 0.108016584169, 0.072802877475, 0.130103791413, 0.114646996182),
    (2, 4, 0.589514116434, 1.05734894191, 1.88955589339, 1.66506990259),
    (4, 5, 0.696701067685, 2.02962303148, 3.62707712514, 3.19616740451),
    (6, 6, 0.930402542373, 3.7521156076, 6.70529082501, 5.90867831956),
]


def donor(x: float, t_x: float) -> clv.History:
    return clv.History(frequency=x, recency=t_x, T=6, period=YEAR)


def misfit(theta) -> np.ndarray:
    """Log-likelihood of every history less the spreadsheet's."""
    x, t_x, published = map(np.array, zip(*LOG_LIKELIHOODS, strict=True))
    return BG_BB.log_likelihood(theta, clv.History(x, t_x, np.full(len(x), 6), YEAR)) - published


@pytest.fixture(scope="module")
def hardie() -> np.ndarray:
    """The spreadsheet's estimate in all its digits: four numbers that its 22 log-likelihoods leave no choice about."""
    found = optimize.least_squares(lambda u: misfit(np.exp(u)), np.log(PAPER), xtol=1e-15, ftol=1e-15, gtol=1e-15)
    return np.exp(found.x)


def test_log_likelihood_of_every_history(hardie: np.ndarray) -> None:
    assert misfit(hardie) == pytest.approx(0, abs=1e-9)
    assert hardie == pytest.approx(PAPER, abs=0.0005)
    assert misfit(PAPER) == pytest.approx(0, abs=0.001)


@pytest.mark.parametrize(("x", "t_x", "alive", "five", "ten", "worth"), CUSTOMERS)
def test_single_donors(x, t_x, alive, five, ten, worth) -> None:
    assert BG_BB.p_alive(PAPER, donor(x, t_x)) == pytest.approx(alive, abs=6e-13)
    assert BG_BB.expected_purchases(PAPER, donor(x, t_x), horizon=5 * YEAR) == pytest.approx(five, rel=5e-12)
    assert BG_BB.expected_purchases(PAPER, donor(x, t_x), horizon=10 * YEAR) == pytest.approx(ten, rel=5e-12)
    found = BG_BB.discounted_expected_purchases(PAPER, donor(x, t_x), discount=clv.Rate(0.10, per=YEAR))
    assert found == pytest.approx(worth, rel=5e-12)


@pytest.mark.parametrize(("x", "t_x", "alive"), [(0, 0, 0.11), (2, 4, 0.59), (6, 6, 0.93)])
def test_alive_in_2002(x, t_x, alive) -> None:
    assert BG_BB.p_alive(BTYD, donor(x, t_x)) == pytest.approx(alive, abs=0.005)  # paper


def test_log_likelihood_of_the_donors(donors: clv.Histories) -> None:
    assert BG_BB.log_likelihood(BTYD, donors).sum() == pytest.approx(-33225.58128, abs=6e-6)  # mp
    assert BG_BB.log_likelihood(PAPER, donors).sum() == pytest.approx(-33225.58, abs=0.005)  # paper


def test_maximum_likelihood_on_the_donors(donors: clv.Histories) -> None:
    fit = clv.fit(BG_BB, donors, method="mle")
    assert fit.loglik == pytest.approx(-33225.58, abs=0.005)  # BTYD, paper
    assert list(fit.theta) == pytest.approx(PAPER, abs=0.0005)  # paper
    assert list(fit.theta) == pytest.approx(BTYD, rel=2e-4)
    assert fit.loglik >= float(BG_BB.log_likelihood(BTYD, donors).sum())


def test_expectations_of_a_new_donor(hardie: np.ndarray) -> None:
    newcomer = clv.History.new_customer(YEAR)
    found = [BG_BB.expected_purchases(hardie, newcomer, horizon=n * YEAR) for n in range(1, 12)]
    wanted = [0.4985, 0.9233, 1.2969, 1.6323, 1.9381, 2.2202, 2.4826, 2.7285, 2.9603, 3.1798, 3.3887]
    assert found == pytest.approx(wanted, abs=6e-5)
    ten = BG_BB.expected_purchases(BTYD, newcomer, horizon=10 * YEAR)
    assert ten == pytest.approx(3.179805, abs=1e-6)  # BTYD


def test_conditional_expectations() -> None:
    found = [BG_BB.expected_purchases(BTYD, donor(*past), horizon=10 * YEAR) for past in ((0, 0), (4, 5))]
    assert found == pytest.approx([0.1302169, 3.627858], abs=6e-7)  # BTYD


def test_in_sample_frequencies(donors: clv.Histories, hardie: np.ndarray) -> None:
    pmf = BG_BB.pmf(hardie, clv.History.new_customer(YEAR), n=np.arange(7), horizon=6 * YEAR)
    assert len(donors) * pmf[[0, 6]] == pytest.approx([3454.9, 1253.1], abs=0.06)


def test_expected_holdout(donors: clv.Histories, hardie: np.ndarray) -> None:
    """Five years, by the number of gifts in the first six."""
    assert BG_BB.expected_purchases(hardie, donors, horizon=5 * YEAR).sum() == pytest.approx(12_884.2, abs=0.06)
    expected = BG_BB.expected_purchases(BTYD, donors, horizon=5 * YEAR)
    by_x = [expected[donors.frequency == x].mean() for x in range(7)]
    assert by_x == pytest.approx([0.07286, 0.32488, 0.70894, 1.33367, 2.03120, 2.78448, 3.75250], abs=6e-6)  # BTYD
    assert np.bincount(donors.frequency.astype(int)).tolist() == [3464, 1823, 1430, 1085, 1036, 1063, 1203]
    actual = np.array([0.17437, 0.43280, 0.81259, 1.38986, 2.06178, 2.64252, 3.53450])
    assert np.corrcoef(by_x, actual)[0, 1] > 0.995


def test_annual_tracking(donors: clv.Histories) -> None:
    """Repeat gifts of the whole cohort in each of the years 1996 to 2006."""
    newcomer = clv.History.new_customer(YEAR)
    total = [0.0, *(float(BG_BB.expected_purchases(BTYD, newcomer, horizon=n * YEAR)) for n in range(1, 12))]
    wanted = [5535.833, 4717.059, 4147.621, 3724.665, 3395.888, 3131.647, 2913.778, 2730.482, 2573.731]
    wanted += [2437.854, 2318.727]
    assert len(donors) * np.diff(total) == pytest.approx(wanted, abs=0.005)  # BTYD


def test_a_saved_fit_comes_back_as_it_was(donors: clv.Histories, tmp_path) -> None:
    fit = clv.fit(BG_BB, donors, draws=100)
    again = clv.load(clv.save(fit, tmp_path / "donors.parquet"))
    assert again.model is BG_BB
    assert again.theta == fit.theta and again.period == fit.period and again.fingerprint == fit.fingerprint
    assert again.p_alive(donors).equals(fit.p_alive(donors))
    assert again.summary().equals(fit.summary())


def test_the_time_to_the_next_gift_has_limits_though_it_may_be_never(donors: clv.Histories) -> None:
    fit = clv.fit(BG_BB, donors, method="mle")
    some = donors.select(donors.customer_id[np.unique(donors.frequency, return_index=True)[1]])
    found = fit.time_to_next_purchase(some, probability=0.66, draws=100)
    assert not found.isna().to_numpy().any()
    assert np.isinf(found["mean"].iloc[0]) and found["upper"].iloc[-1] < 10
    limits = found[["lower", "upper"]].to_numpy()
    assert np.all(np.isinf(limits) | (limits == np.rint(limits)))
