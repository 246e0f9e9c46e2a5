"""What groups explain, against least squares on all dummies at once."""

from __future__ import annotations

import numpy as np
import pytest

from clvmodels.numerics.groups import explained


@pytest.mark.parametrize("seed", range(3))
def test_parts_and_rest_are_those_of_least_squares(seed: int) -> None:
    """Unbalanced, with some pairs of region and day missing."""
    rng = np.random.default_rng(seed)
    region, day = (codes.ravel() for codes in np.indices((5, 9)))
    kept = rng.random(45) < 0.8
    region, day = (np.unique(codes[kept], return_inverse=True)[1] for codes in (region, day))
    values, weights = rng.gamma(2.0, 50.0, region.size), rng.gamma(1.0, 20.0, region.size)
    found = explained(values, weights, [region, day])
    dummies = np.hstack([np.equal.outer(codes, np.unique(codes)).astype(float) for codes in (region, day)])
    root = np.sqrt(weights)[:, None]
    fitted = dummies @ np.linalg.lstsq(root * dummies, root[:, 0] * values, rcond=None)[0]
    assert found.rest == pytest.approx(values - fitted, abs=1e-7)
    assert found.mean + sum(found.parts) + found.rest == pytest.approx(values)
    assert [np.average(part, weights=weights) for part in found.parts] == pytest.approx([0.0, 0.0], abs=1e-9)
    assert np.bincount(region, weights * found.rest) == pytest.approx(0.0, abs=1e-5)
