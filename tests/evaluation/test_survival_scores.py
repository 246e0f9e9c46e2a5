"""Scores of survival against brute force over all pairs, sums written out by hand, and simulation."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clvmodels.evaluation.survival_scores import (
    Followed,
    brier,
    concordance,
    integrated,
    resampled_scores,
    seen_before,
    share_there,
)

CUSTOMERS = st.lists(
    st.tuples(st.integers(1, 5), st.booleans(), st.integers(0, 3), st.integers(1, 3)), min_size=2, max_size=12
)
type Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def columns(rows: list[tuple[int, bool, int, int]]) -> Columns:
    time, event, risk, weight = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    return time, event, risk, weight


def censoring(time: np.ndarray, event: np.ndarray, weight: np.ndarray, before: float) -> float:
    """Product over censoring times before `before`, leavers of the same time taken out first."""
    chance = 1.0
    for t in np.unique(time[time < before]):
        ended = weight[(time == t) & (event == 0)].sum()
        there = weight[time > t].sum() + ended
        chance *= 1 - ended / there if there > 0 else 1.0
    return chance


def pairs(time: np.ndarray, event: np.ndarray, risk: np.ndarray, weight: np.ndarray, *, observed: bool) -> float:
    agreed = total = 0.0
    for i, j in permutations(range(time.size), 2):
        first = event[i] == 1 and (time[i] < time[j] or (time[i] == time[j] and event[j] == 0))
        if first:
            by = weight[i] * weight[j]
            by /= censoring(time, event, weight, time[i]) ** 2 if observed else 1.0
            agreed += by * (1.0 if risk[i] > risk[j] else 0.5 if risk[i] == risk[j] else 0.0)
            total += by
    return agreed / total if total else np.nan


@given(CUSTOMERS, st.booleans())
def test_concordance_is_that_of_all_pairs(rows: list[tuple[int, bool, int, int]], observed: bool) -> None:
    time, event, risk, weight = columns(rows)
    expected = pairs(time, event, risk, weight, observed=observed)
    assert concordance(time, event, risk, weight, observed=observed) == pytest.approx(expected, nan_ok=True)


@given(CUSTOMERS)
def test_brier_is_the_weighted_sum_over_those_who_are_known(rows: list[tuple[int, bool, int, int]]) -> None:
    time, event, risk, weight = columns(rows)
    for at in (1.0, 2.5, 4.0):
        survival, total = 0.2 + 0.2 * risk, 0.0
        for i in range(time.size):
            if event[i] == 1 and time[i] <= at:
                total += weight[i] * survival[i] ** 2 / censoring(time, event, weight, time[i])
            elif time[i] >= at:
                total += weight[i] * (1 - survival[i]) ** 2 / censoring(time, event, weight, at)
        found = brier(time, event, survival[:, None], np.array([at]), weight)[0]
        if time.max() < at:
            assert np.isnan(found)
        else:
            assert found == pytest.approx(total / weight.sum())


@given(CUSTOMERS)
def test_a_weight_is_a_repetition(rows: list[tuple[int, bool, int, int]]) -> None:
    time, event, risk, weight = columns(rows)
    long = [np.repeat(column, weight.astype(int)) for column in (time, event, risk)]
    at = np.array([1.0, 2.0])
    assert concordance(time, event, risk, weight) == pytest.approx(concordance(*long), nan_ok=True)  # type: ignore[arg-type]
    one, many = (0.25 * np.column_stack([r, r]) for r in (risk, long[2]))
    expected = brier(long[0], long[1], many, at)
    assert brier(time, event, one, at, weight) == pytest.approx(expected, nan_ok=True)
    assert share_there(time, event, at, weight) == pytest.approx(share_there(long[0], long[1], at))


def test_concordance_by_hand() -> None:
    """Leavers at 1, 2, 4 and 2, one still there at 2 and one at 5. Pairs: (1 before all) 5; (2, each of two leavers) before
    those at 2+, 4, 5: 3 each; (4) before 5: 1. That is 12. Risks agree but for the leaver of 4, whose risk is below that of
    the one of 5, and the first leaver of 2, who ties with the one still there at 2."""
    time, event = np.array([1.0, 2, 2, 2, 4, 5]), np.array([1.0, 1, 1, 0, 1, 0])
    risk = np.array([9.0, 5, 6, 5, 1, 2])
    assert concordance(time, event, risk) == pytest.approx((12 - 0.5 - 1) / 12)
    assert concordance(time, event, -risk) == pytest.approx(1.5 / 12)


def test_brier_by_hand() -> None:
    """Followed 1 (left), 2 (there), 3 (left), 4 (there). At 3: the one of 2 is not known, and 2/3 of those there then were
    followed on, so that the last two count 3/2 each."""
    time, event = np.array([1.0, 2, 3, 4]), np.array([1.0, 0, 1, 0])
    survival = np.array([0.1, 0.5, 0.6, 0.8])[:, None]
    expected = (0.1**2 + 1.5 * 0.6**2 + 1.5 * 0.2**2) / 4
    assert brier(time, event, survival, np.array([3.0]))[0] == pytest.approx(expected)
    assert integrated(np.array([0.2, 0.3]), np.array([1.0, 3.0])) == pytest.approx((0.1 + 0.5) / 3)


def test_who_is_still_there_at_that_time_is_known_to_be() -> None:
    """Everybody was followed for two renewals: nobody is left out, and the score is a plain mean."""
    time, event = np.array([1.0, 2, 2, 2]), np.array([1.0, 1, 0, 0])
    survival = np.full((4, 1), 0.5)
    assert brier(time, event, survival, np.array([2.0]))[0] == 0.25


def test_weights_of_the_known_add_up_to_everybody() -> None:
    """Inverse chances of being followed make the known stand for all, whatever the censoring: their sum is n."""
    rng = np.random.default_rng(3)
    left, until = rng.exponential(5.0, 4000), rng.uniform(2.0, 10.0, 4000)
    time, event = np.minimum(left, until), (left <= until).astype(float)
    wrong = np.where((event == 1) & (time <= 4), 1.0, 0.0)[:, None]
    assert brier(time, event, wrong, np.array([4.0]))[0] == pytest.approx(1.0, abs=1e-9)
    truth = np.exp(-4.0 / 5.0)
    found = brier(time, event, np.full((4000, 1), truth), np.array([4.0]))[0]
    assert found == pytest.approx(truth * (1 - truth), abs=0.01)


def test_observed_concordance_does_not_hang_on_the_follow_up() -> None:
    """Two kinds whose order fades with tenure: Harrell's measure moves with the censoring, Uno's hardly does."""
    rng = np.random.default_rng(5)
    n = 20_000
    kind = rng.integers(0, 2, n).astype(float)
    left = np.where(kind == 1, rng.weibull(0.6, n), rng.weibull(2.0, n)) * 4
    last = 6.0
    full = concordance(np.minimum(left, last), (left <= last).astype(float), kind)
    until = np.minimum(rng.exponential(5.0, n), last)
    time, event = np.minimum(left, until), (left <= until).astype(float)
    plain, observed = concordance(time, event, kind), concordance(time, event, kind, observed=True)
    assert abs(observed - full) < 0.01 < abs(plain - full)


def test_resamples_are_the_scores_of_those_drawn() -> None:
    rng = np.random.default_rng(8)
    n, at = 60, np.array([1.0, 2.0, 3.0])
    time, event = rng.integers(1, 6, n).astype(float), rng.integers(0, 2, n).astype(float)
    survival = np.sort(rng.uniform(size=(2, n, 3)))[..., ::-1]
    weights = np.stack([np.bincount(rng.integers(0, n, n), minlength=n) for _ in range(5)]).astype(float)
    found = resampled_scores(time, event, survival, at, weights)
    for b, weight in enumerate(weights):
        drawn = np.repeat(np.arange(n), weight.astype(int))
        for m in range(2):
            own = time[drawn], event[drawn]
            risk = 1 - survival[m, drawn, -1]
            assert found.concordance[b, m] == pytest.approx(concordance(*own, risk))
            assert found.observed[b, m] == pytest.approx(concordance(*own, risk, observed=True))
            assert found.brier[b, m] == pytest.approx(brier(*own, survival[m, drawn], at))


def test_censoring_is_kaplan_meier_of_the_censored() -> None:
    followed = Followed.of(np.array([3.0, 1, 2, 2]), np.array([0.0, 0, 1, 0]))
    chance = seen_before(followed.event, followed.code, np.ones(4))
    assert chance == pytest.approx([1.0, 3 / 4, 3 / 4, 3 / 4 * 1 / 2])
