"""What `--json` prints is plain JSON with the numbers of the results."""

from __future__ import annotations

import json

from clvmodels.console import held_out_of, value_of
from tests.report.conftest import Valued


def test_results_are_plain_json(valued: Valued) -> None:
    found = json.loads(json.dumps(value_of(valued.forecast) | held_out_of(valued.comparison), allow_nan=False))
    assert found["total"]["ltv"]["mean"] == valued.forecast.total().loc["ltv", "mean"]
    assert found["holdout"]["purchases"]["actual"] == valued.comparison.actual.purchases.sum()
    assert found["words"] == valued.comparison.words()
    assert (found["horizon"], found["holdout"]["horizon"]) == ("52 weeks", "39 weeks")
