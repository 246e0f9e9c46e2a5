"""RFM: weights that are known are found again, and cells by hand."""

from __future__ import annotations

import numpy as np
import pytest

from clvmodels import metrics
from clvmodels.errors import ClvError

CODES = metrics.Rfm(*np.random.default_rng(1).integers(1, 6, (3, 200)).astype(float))


def test_regression_finds_the_weights_of_a_score() -> None:
    weights = [0.5, -0.3, 0.2]
    response = 7 + metrics.weighted_score(CODES, weights=weights)
    np.testing.assert_allclose(metrics.regression_weights(CODES, response=response), weights, atol=1e-12)


def test_equal_weights_are_the_score() -> None:
    np.testing.assert_array_equal(metrics.weighted_score(CODES, weights=[1, 1, 1]), CODES.score)


def test_cells_count_everybody_once_and_pay_from_break_even_on() -> None:
    response = np.random.default_rng(2).integers(0, 2, 200)
    found = metrics.cells(CODES, response=response, cost=1, margin=2)
    assert found["customers"].sum() == 200
    assert found["responses"].sum() == response.sum()
    assert (found["pays"] == (2 * found["responses"] >= found["customers"])).all()


def test_refusals() -> None:
    same = metrics.Rfm(CODES.recency, CODES.recency, CODES.monetary)
    with pytest.raises(ClvError, match="two of them move together"):
        metrics.regression_weights(same, response=np.ones(200))
    with pytest.raises(ClvError, match="other than 0 and 1"):
        metrics.cells(CODES, response=np.full(200, 0.5), cost=1, margin=2)
    with pytest.raises(ClvError, match="not whole numbers"):
        metrics.cells(
            CODES._replace(recency=CODES.recency - 0.5 + 0.5 * (CODES.recency == 1)),
            response=0 * CODES.recency,
            cost=1,
            margin=2,
        )
    for function in (
        lambda r: metrics.cells(CODES, response=r, cost=1, margin=2),
        lambda r: metrics.regression_weights(CODES, response=r),
    ):
        with pytest.raises(ClvError, match="for 200 customers"):
            function(np.ones(3))
    with pytest.raises(ClvError, match=r"values=.*not a number"):
        metrics.quintiles([1.0, np.nan])
    with pytest.raises(ClvError, match="Give three"):
        metrics.weighted_score(CODES, weights=[1, 2])
