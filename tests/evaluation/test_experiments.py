"""Sizes of tests: published ones, and the power that they then have."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import special

import clvmodels as clv


def test_sizes_are_those_that_r_documents() -> None:
    """The example of R's power.prop.test: p1 = .50, p2 = .75, power = .90, level .05 needs n = 76.7 in each group."""
    design = clv.design_test(1.0, baseline=0.50, increment=0.25, power=0.9, level=0.05)
    assert design.arms.loc["contact", ["contacted", "held_out"]].tolist() == [77, 77]


def test_sizes_for_means_are_the_textbook_ones() -> None:
    """Half a standard deviation, power .8, level .05: 63 in each group, 2 (1.960 + 0.842)^2 / 0.25 = 62.8."""
    design = clv.design_test(1.0, sd=10.0, increment=5.0, power=0.8, level=0.05)
    assert design.arms.loc["contact", ["contacted", "held_out"]].tolist() == [63, 63]


@pytest.mark.parametrize("held_out_share", [0.5, 0.2])
def test_the_test_has_the_power_it_promises(held_out_share: float) -> None:
    """Pooled two-proportion tests of 40,000 simulated experiments."""
    baseline, increment, runs = 0.12, 0.04, 40_000
    design = clv.design_test(1.0, baseline=baseline, increment=increment, held_out_share=held_out_share)
    contacted, held = (int(design.arms.loc["contact", name]) for name in ("contacted", "held_out"))
    assert held / (held + contacted) == pytest.approx(held_out_share, abs=0.001)
    rng = np.random.default_rng(2)
    for lift, wanted in ((increment, 0.8), (0.0, 0.1)):
        p, q = rng.binomial(held, baseline, runs) / held, rng.binomial(contacted, baseline + lift, runs) / contacted
        pooled = (held * p + contacted * q) / (held + contacted)
        z = (q - p) / np.sqrt(pooled * (1 - pooled) * (1 / held + 1 / contacted))
        assert (np.abs(z) > special.ndtri(0.95)).mean() == pytest.approx(wanted, abs=0.012)


def test_the_increment_is_by_default_the_one_that_pays() -> None:
    media = {"dm": 1.0, "visit": 6.0}
    design = clv.design_test(media, baseline=0.1, value=20.0, contacts_per_week={"dm": 100, "visit": 10})
    assert design.arms["increment"].tolist() == pytest.approx([0.05, 0.3])
    assert design.held_out == design.arms["held_out"].max()
    assert design.customers == design.arms["contacted"].sum() + design.held_out
    assert design.cost == pytest.approx(design.arms["contacted"] @ [1.0, 6.0])
    weeks = [math.ceil(design.arms.loc["dm", "contacted"] / 100), math.ceil(design.arms.loc["visit", "contacted"] / 10)]
    assert design.arms["weeks"].tolist() == weeks
    assert design.weeks == max(weeks)
    assert "hold out" in repr(design)
    assert "<table" in design._repr_html_()


def test_too_few_customers_are_told_what_they_can_show() -> None:
    wanted = clv.design_test(1.0, baseline=0.1, value=100.0)
    design = clv.design_test(1.0, baseline=0.1, value=100.0, customers=2_000)
    least = float(design.arms.loc["contact", "detectable"])
    assert wanted.customers > 2_000
    assert any("There are only 2,000 customers" in sentence for sentence in design.words())
    back = clv.design_test(1.0, baseline=0.1, increment=least)
    assert back.customers == pytest.approx(2_000, abs=2)
    spend = clv.design_test(1.0, sd=30.0, value=0.3, customers=500)
    again = clv.design_test(1.0, sd=30.0, increment=float(spend.arms.loc["contact", "detectable"]))
    assert again.customers == pytest.approx(500, abs=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"value": 20.0}, "either baseline= .* or sd="),
        ({"value": 20.0, "baseline": 0.1, "sd": 3.0}, "either baseline= .* or sd="),
        ({"baseline": 0.1}, "Give value="),
        ({"baseline": 1.1, "value": 20.0}, "baseline=1.1 must be between"),
        ({"baseline": 0.1, "value": 20.0, "power": 1.0}, "power=1.0 must be between"),
        ({"baseline": 0.1, "value": -2.0}, "value=-2.0 must be above 0"),
        ({"baseline": 0.5, "value": 1.5}, "pays only if it lifts the probability of a purchase from 0.5 by 0.667"),
        ({"baseline": 0.1, "increment": {"tm": 0.1}}, "increment= has no entry for 'dm'"),
        ({"baseline": 0.1, "increment": -0.1}, "cannot be looked for"),
    ],
)
def test_what_cannot_be_tested_is_refused(options: dict, message: str) -> None:
    with pytest.raises(clv.ClvError, match=message):
        clv.design_test({"dm": 1.0}, **options)
