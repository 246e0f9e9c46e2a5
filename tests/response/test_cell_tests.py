"""Tests that go with media response: whether cells scatter more than chance, whether amounts depend on the medium."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import clvmodels as clv
from clvmodels.response.amounts import amounts
from clvmodels.response.cells import NONE, Cells
from clvmodels.response.overdispersion import overdispersion
from tests.response.worlds import cells_of, world

SPEC = clv.media_response(window=28 * clv.DAY)


def scattered(seed: int, correlation: float, *, cells: int = 400, occasions: int = 60) -> Cells:
    """Beta-binomial cells: half without contact, half with one that adds; features tell the cells apart, and nothing else."""
    rng = np.random.default_rng(seed)
    m = np.repeat([NONE, 0], cells // 2)
    p = np.where(m == NONE, 0.1, 0.13)
    size = 1 / correlation - 1 if correlation else np.inf
    chance = rng.beta(p * size, (1 - p) * size) if correlation else p
    z = rng.normal(size=(cells, 1))
    return cells_of(m, np.full(cells, occasions), rng.binomial(occasions, chance), z)


@pytest.mark.parametrize(("p", "n"), [(0.3, 40), (0.01, 5), (0.004, 20)])
def test_the_score_has_the_size_it_says(p, n) -> None:
    """Binomial cells, also with so few buyers that hardly any cell holds two: one in a hundred is called scattered."""
    rng, none = np.random.default_rng(0), np.zeros(500)
    found = [
        overdispersion(rng.binomial(n, p, 500).astype(float), np.full(500, float(n)), np.full(500, p), none).p < 0.05
        for _ in range(2000)
    ]
    assert np.mean(found) < 0.075


def test_the_score_is_that_of_a_beta_binomial_likelihood() -> None:
    """The derivative of the beta-binomial log-likelihood at no correlation, by differences, over its standard deviation."""
    rng = np.random.default_rng(1)
    y, n = rng.binomial(30, 0.2, 200).astype(float), np.full(200, 30.0)

    def log_likelihood(rho: float) -> float:
        size = 1 / rho - 1
        return float(stats.betabinom.logpmf(y, n, 0.2 * size, 0.8 * size).sum())

    binomial = float(stats.binom.logpmf(y, n, 0.2).sum())
    step = 1e-4
    slope = (4 * (log_likelihood(step) - binomial) - (log_likelihood(2 * step) - binomial)) / (2 * step)
    information = np.sum(n * (n - 1)) / 2
    found = overdispersion(y, n, np.full(200, 0.2), np.zeros(200))
    assert found.z == pytest.approx(slope / np.sqrt(information), rel=1e-3)


def test_scatter_is_found_and_widens_the_intervals() -> None:
    fit = clv.fit(SPEC, scattered(0, 0.05))
    test = fit.diagnostics.overdispersion
    assert test.corrected and test.correlation == pytest.approx(0.05, rel=0.3)
    assert "intervals are wider" in str(fit.diagnostics)
    calm = clv.fit(SPEC, scattered(0, 0.0))
    assert not calm.diagnostics.overdispersion.corrected
    width, usual = ((e["upper"] - e["lower"]).iloc[0] for e in (fit.effects(), calm.effects()))
    assert width / usual == pytest.approx(np.sqrt(1 + 59 * 0.05), rel=0.2)


def test_cells_of_one_occasion_say_nothing_of_scatter() -> None:
    cells = scattered(1, 0.0, cells=200, occasions=1)
    assert "cannot be told" in str(clv.fit(SPEC, cells).diagnostics)


def paid(seed: int, extra: float, *, rows: int = 3000) -> tuple[Cells, np.ndarray, np.ndarray]:
    """Occasions one by one with log-normal amounts, larger by `extra` after a contact; the medium and amounts of buyers."""
    rng = np.random.default_rng(seed)
    m, y = rng.choice([NONE, 0], rows), rng.binomial(1, 0.3, rows)
    amount = y * rng.lognormal(3.0, 0.5, rows) * np.where(m == 0, 1 + extra, 1.0)
    cells = replace(cells_of(m, np.ones(rows), y), purchases_amount=amount, purchases_amount_squared=amount**2)
    return cells, m[y == 1], amount[y == 1]


def test_amounts_by_medium_are_a_welch_test() -> None:
    """Without features the regression is the difference of means; its error is Welch's but for the degrees of freedom."""
    cells, m, amount = paid(0, 0.0)
    ours, others = amount[m == 0], amount[m == NONE]
    table = amounts(cells)
    assert table.loc["medium 0", "mean"] == pytest.approx(ours.mean())
    assert table.loc["medium 0", "standard_error"] == pytest.approx(stats.sem(ours))
    assert table.loc["medium 0", "difference"] == pytest.approx(ours.mean() - others.mean())
    assert table.loc["medium 0", "z"] == pytest.approx(
        stats.ttest_ind(ours, others, equal_var=False).statistic, rel=0.01
    )


def test_amounts_of_merged_cells_are_those_of_rows() -> None:
    cells, _, _ = paid(1, 0.2)
    fit = clv.fit(SPEC, cells)
    assert fit.cells.medium.size == 2
    for column in ("mean", "standard_error", "difference", "difference_error"):
        assert fit.amounts()[column].to_numpy() == pytest.approx(amounts(cells)[column].to_numpy(), nan_ok=True)
    assert fit.amounts().loc["medium 0", "p"] < 0.01


def test_amounts_are_compared_between_equal_customers() -> None:
    """Contacts go to those who spend more anyway: plain means differ, adjusted ones do not."""
    rng = np.random.default_rng(2)
    z = rng.integers(0, 4, 4000).astype(float)
    m = np.where(rng.random(4000) < 0.2 + 0.2 * z, 0, NONE)
    amount = 20 + 10 * z + rng.normal(0, 3, 4000)
    cells = replace(
        cells_of(m, np.ones(4000), np.ones(4000), z[:, None]),
        purchases_amount=amount,
        purchases_amount_squared=amount**2,
    )
    plain, adjusted = (amounts(cells, adjusted=by).loc["medium 0", "z"] for by in (False, True))
    assert plain > 20 and abs(adjusted) < 3.5


def test_too_few_buyers_say_nothing() -> None:
    table = amounts(cells_of([NONE, 0], [10, 10], [5, 1]))
    assert table.loc["medium 0", ["standard_error", "difference", "p"]].isna().all()


def test_a_world_has_no_more_scatter_than_chance() -> None:
    """Over 20 simulated worlds the test is as often positive as it says."""
    found = [clv.fit(SPEC, world(k)[0], draws=100).diagnostics.overdispersion.p < 0.05 for k in range(20)]
    assert sum(found) <= stats.binom.ppf(0.999, 20, 0.05)
