"""Scores against their definitions, by hand or by another road to the same number."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import integrate, stats

from clvmodels.evaluation import scores
from clvmodels.evaluation.bootstrap import rank_correlations, ranked, resampled

type Array = NDArray[np.float64]

COUNTS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), min_size=3, max_size=30)
SCORES = (scores.bias, scores.spearman, scores.gini, scores.top_decile_lift)


def pair(rows: list[tuple[int, int]]) -> tuple[Array, Array]:
    actual, predicted = np.array(rows, dtype=float).T
    return actual, predicted


def test_poisson_deviance_is_twice_the_lost_log_likelihood() -> None:
    actual, predicted = np.array([0.0, 1, 2, 7]), np.array([0.3, 1.5, 2, 3])
    lost = stats.poisson.logpmf(actual, actual) - stats.poisson.logpmf(actual, predicted)
    assert scores.poisson_deviance(actual, predicted) == pytest.approx(2 * lost)


@pytest.mark.parametrize(("actual", "predicted"), [(9.0, 4.0), (2.0, 30.0), (5.0, 5.0), (0.0, 3.0)])
def test_tweedie_deviance_is_the_integral_of_its_definition(actual: float, predicted: float) -> None:
    """Unit deviance 2 * integral from m to a of (a - u) / u^1.5."""
    expected, _ = integrate.quad(lambda u: 2 * (actual - u) / u**1.5, predicted, max(actual, 1e-14), limit=500)
    both = scores.tweedie_deviance(np.array([actual]), np.array([predicted]))
    assert both[0] == pytest.approx(expected, rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("deviance", [scores.poisson_deviance, scores.tweedie_deviance])
def test_predicting_never_is_dear_but_finite(deviance: object) -> None:
    actual = np.array([0.0, 3.0, 0.0, 1.0])
    never = deviance(actual, np.zeros(4))  # type: ignore[operator]
    at_floor = deviance(actual, np.where(actual > 0, 0.001 * actual.mean(), 0.0))  # type: ignore[operator]
    assert np.all(np.isfinite(never))
    assert never.tolist() == at_floor.tolist()
    assert never[[0, 2]].tolist() == [0, 0]
    assert np.all((never > deviance(actual, np.full(4, 0.01)))[[1, 3]])  # type: ignore[operator]


@pytest.mark.parametrize("deviance", [scores.poisson_deviance, scores.tweedie_deviance])
def test_deviance_of_everybody_alike_is_least_at_the_mean(deviance: object) -> None:
    actual = np.array([0.0, 0, 1, 5, 9])
    tried = {m: deviance(actual, np.full(5, m)).mean() for m in (2.9, 3.0, 3.1)}  # type: ignore[operator]
    assert min(tried, key=tried.__getitem__) == 3.0


def test_returns_count_as_zero_in_the_deviance() -> None:
    found = scores.tweedie_deviance(np.array([-5.0, 1.0]), np.array([4.0, 1.0]))
    assert found.tolist() == [8.0, 0.0]


@given(COUNTS)
def test_spearman_is_scipys_with_ties(rows: list[tuple[int, int]]) -> None:
    actual, predicted = pair(rows)
    if len(set(actual)) > 1 and len(set(predicted)) > 1:
        assert scores.spearman(actual, predicted) == pytest.approx(stats.spearmanr(actual, predicted).statistic)


def lorenz_gini(actual: Array, order: Array) -> float:
    """Twice the area between the equal share and the curve of cumulated actuals, from the last in `order`."""
    curve = np.append(0.0, np.cumsum(actual[np.argsort(order, kind="stable")])) / actual.sum()
    return 1 - 2 * float(np.trapezoid(curve, dx=1 / len(actual)))


def test_gini_without_ties_is_the_area_of_the_lorenz_curve() -> None:
    rng = np.random.default_rng(0)
    actual, predicted = rng.gamma(1.0, 5.0, 40), rng.random(40)
    expected = lorenz_gini(actual, predicted) / lorenz_gini(actual, actual)
    assert scores.gini(actual, predicted) == pytest.approx(expected)


@pytest.mark.parametrize("predicted", [[1, 1, 2, 2, 2], [3, 1, 1, 1, 0], [1, 1, 1, 1, 1]])
def test_ties_score_the_average_over_all_orders_of_the_tied(predicted: list[int]) -> None:
    actual, values = np.array([4.0, 0, 1, 3, 0]), np.array(predicted, dtype=float)
    orders = [values + 1e-6 * np.array(p) for p in itertools.permutations(range(5))]
    best = lorenz_gini(actual, actual)
    assert scores.gini(actual, values) == pytest.approx(np.mean([lorenz_gini(actual, o) / best for o in orders]))
    for share in (0.2, 0.4, 0.6):
        exact = np.mean([np.sort(actual[np.argsort(-o)[: round(5 * share)]]).sum() / 8 for o in orders])
        assert float(scores.captured(actual, values, share)) == pytest.approx(exact)


def test_a_constant_prediction_tells_nobody_apart() -> None:
    actual = np.array([5.0, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    for rows in (actual, actual[::-1]):
        assert scores.gini(rows, np.ones(10)) == 0
        assert scores.spearman(rows, np.ones(10)) == 0
        assert scores.top_decile_lift(rows, np.ones(10)) == pytest.approx(1)


def test_nothing_happened() -> None:
    nothing, predicted = np.zeros(4), np.arange(4.0)
    assert all(math.isnan(score(nothing, predicted)) for score in SCORES)
    assert scores.poisson_deviance(nothing, predicted).tolist() == [0, 2, 4, 6]


@given(COUNTS, st.randoms(use_true_random=False))
def test_row_order_is_irrelevant(rows: list[tuple[int, int]], random: object) -> None:
    shuffled = list(rows)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for score in SCORES:
        assert score(*pair(shuffled)) == pytest.approx(score(*pair(rows)), nan_ok=True, abs=1e-12)


@given(COUNTS)
def test_the_truth_is_the_best_prediction(rows: list[tuple[int, int]]) -> None:
    actual, predicted = pair(rows)
    if actual.sum() and len(set(actual)) > 1:
        assert scores.gini(actual, actual) == pytest.approx(1) and scores.spearman(actual, actual) == pytest.approx(1)
        assert scores.gini(actual, predicted) <= 1 + 1e-12
        assert scores.top_decile_lift(actual, predicted) <= scores.top_decile_lift(actual, actual) + 1e-12


def test_coverage_includes_the_bounds() -> None:
    actual = np.array([0.0, 1, 2, 3])
    assert scores.coverage(actual, np.ones(4), np.full(4, 2.0)) == 0.5


@given(COUNTS, st.integers(0, 1000))
def test_a_weighted_resample_scores_as_the_customers_repeated(rows: list[tuple[int, int]], seed: int) -> None:
    actual, predicted = pair(rows)
    drawn = np.random.default_rng(seed).integers(len(rows), size=len(rows))
    weights = np.bincount(drawn, minlength=len(rows)).astype(float)
    found = rank_correlations(weights[None], *ranked(np.array([actual, predicted])))
    expected = scores.spearman(actual[drawn], predicted[drawn])
    assert found[0, 0] == pytest.approx(expected, nan_ok=True, abs=1e-12)


def test_resamples_give_the_standard_error_of_a_mean() -> None:
    """The bootstrap spread of a mean is its standard error, sd / sqrt(n), and pairs cancel what methods share."""
    rng = np.random.default_rng(1)
    actual = rng.poisson(1.0, 2000).astype(float)
    loss = rng.gamma(2.0, 1.0, 2000)
    predicted = np.array([np.ones(2000), np.full(2000, 2.0)])
    found = resampled(actual, predicted, {"mae": np.array([loss, loss + 0.5])}, resamples=2000, seed=0)
    assert found["mae"][:, 0].std() == pytest.approx(loss.std() / math.sqrt(2000), rel=0.08)
    assert found["mae"][:, 1] - found["mae"][:, 0] == pytest.approx(np.full(2000, 0.5))
    assert found["mae"].mean(axis=0) == pytest.approx([loss.mean(), loss.mean() + 0.5], abs=0.005)


def test_resamples_do_not_depend_on_the_order_of_the_rows() -> None:
    rng = np.random.default_rng(2)
    actual, predicted = rng.poisson(1.0, 50).astype(float), rng.random((2, 50))
    losses = {"mae": np.abs(actual - predicted)}
    shuffle = rng.permutation(50)
    first = resampled(actual, predicted, losses, resamples=30, seed=4)
    second = resampled(actual[shuffle], predicted[:, shuffle], {"mae": losses["mae"][:, shuffle]}, resamples=30, seed=4)
    assert all(second[name] == pytest.approx(values) for name, values in first.items())
