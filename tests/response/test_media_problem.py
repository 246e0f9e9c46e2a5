"""The posterior of media response: slopes against differences, the engine against exact integrals, cells that are alike."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import norm

import clvmodels as clv
from clvmodels.estimation.media_laplace import Quadratic, settle
from clvmodels.estimation.media_problem import MediaProblem
from clvmodels.response.cells import NONE, Cells
from clvmodels.response.layout import Layout
from clvmodels.response.merged import merged
from tests.response.worlds import cells_of, world

SPEC = clv.media_response(window=28 * clv.DAY)


def problem_of(cells: Cells, priors: dict[str, Any] | None = None) -> MediaProblem:
    cells = merged(cells)
    return MediaProblem.of(cells, Layout.of(cells), SPEC.priors(priors))


@pytest.fixture(scope="module")
def problem() -> MediaProblem:
    cells, _ = world(1, q=2, months=3, fatigue=0.3)
    rng = np.random.default_rng(2)
    controls = rng.normal(size=(cells.medium.size, 1))
    return problem_of(replace(cells, controls=controls, control_names=("score",)))


def test_every_term_is_there(problem) -> None:
    layout = problem.layout
    assert set(layout.spreads) == {f"spread_{n}" for n in ("segments", "months", "media", "features", "media_segments")}
    assert len(layout.names) == layout.size == 1 + 2 + 1 + 3 + 3 + 3 * (1 + 2 + 3) + 3 + 1


def test_gradient_and_curvature_are_differences(problem) -> None:
    rng, step = np.random.default_rng(3), 1e-5
    theta = rng.normal(0, 0.3, problem.layout.size)
    theta[0] = -3.0
    found = problem.slopes(theta)
    ends = [(problem.slopes(theta + step * e), problem.slopes(theta - step * e)) for e in np.eye(theta.size)]
    slope = [(up.value - down.value) / (2 * step) for up, down in ends]
    bent = np.array([(up.gradient - down.gradient) / (2 * step) for up, down in ends])
    assert found.gradient == pytest.approx(slope, rel=1e-6, abs=1e-4)
    assert found.information + np.diag(found.bend) == pytest.approx(-bent, rel=1e-5, abs=1e-4)
    assert problem.log_likelihood(theta) == pytest.approx(found.value, rel=1e-12)


def test_the_marginals_gradient_is_a_difference(problem) -> None:
    settled = settle(problem)
    v = settled.v + np.random.default_rng(0).normal(0, 0.3, settled.v.size)
    _, slope = settled.quadratic.objective(v)
    ends = [settled.quadratic.marginal(np.array([v + 1e-5 * e, v - 1e-5 * e])) for e in np.eye(v.size)]
    assert slope == pytest.approx([(up - down) / 2e-5 for up, down in ends], rel=1e-5, abs=1e-5)


def test_the_quadratic_touches_the_likelihood(problem) -> None:
    """Value, slope and curvature are equal where it touches: the difference grows with the third power of the distance."""
    top = settle(problem).top
    quadratic = Quadratic.about(problem, top.theta, top.slopes)
    direction = np.random.default_rng(1).normal(size=(1, problem.linear))
    off = [np.hstack([scale * direction, np.zeros((1, 4))]) for scale in (0.0, 0.01, 0.02)]
    gaps = [problem.log_likelihood_of_draws(top.theta + by) - quadratic.at(top.theta + by) for by in off]
    assert abs(gaps[0]) < 1e-6
    assert gaps[2] / gaps[1] == pytest.approx(8.0, rel=0.1)


def test_one_medium_and_one_cell_is_the_exact_integral() -> None:
    """Baseline and effect on a grid, the spread integrated over its prior: means and standard deviations agree."""
    cells = cells_of([NONE, 0], [200, 60], [14, 9])
    fit = clv.fit(SPEC, cells, method="laplace", draws=20_000, seed=1)
    a, t = np.meshgrid(np.linspace(-5, -1, 400), np.linspace(-2.5, 3.5, 600), indexing="ij")
    u = np.linspace(np.log(0.3) - 5, np.log(0.3) + 5, 400)
    prior_t = np.exp(norm.logpdf(t[0][:, None], 0, np.exp(u))) @ norm.pdf(u, np.log(0.3), 0.75) * (u[1] - u[0])
    likelihood = 14 * a - 200 * np.logaddexp(0, a) + 9 * (a + t) - 60 * np.logaddexp(0, a + t)
    density = np.exp(likelihood - likelihood.max()) * norm.pdf(a, 0, 5) * prior_t
    something = density.sum() * (t[0, 1] - t[0, 0])
    alone = 23 * a[:, 0] - 260 * np.logaddexp(0, a[:, 0])
    nothing = (np.exp(alone - likelihood.max()) * norm.pdf(a[:, 0], 0, 5)).sum()
    density /= density.sum()
    drawn = fit.draws(20_000)
    gain = expit(a + t) - expit(a)
    exact = {"baseline": a, "medium 0": t}
    for name, values in exact.items():
        mean = float((density * values).sum())
        sd = float(np.sqrt((density * (values - mean) ** 2).sum()))
        assert drawn[name].mean() == pytest.approx(mean, abs=0.05 * sd)
        assert drawn[name].std() == pytest.approx(sd, rel=0.04)
    effects = fit.effects(draws=20_000).loc["medium 0"]
    assert effects["increment"] == pytest.approx((density * gain).sum(), rel=0.03)
    assert effects["p_positive"] == pytest.approx(density[gain > 0].sum(), abs=0.015)
    assert effects["p_no_effect"] == pytest.approx(nothing / (nothing + something), abs=0.02)


def test_without_data_the_posterior_is_the_prior() -> None:
    """A medium that nobody was contacted by: its effect has no mean, and the spread that the others tell."""
    cells, _ = world(5, media=2)
    cells = replace(cells, media=(*cells.media, "new"), grades={**cells.grades, "new": "randomised"})
    drawn = clv.fit(SPEC, cells, draws=4000).draws(4000)
    scaled = drawn["new"] / drawn["spread media"]
    assert abs(scaled.mean()) < 0.1
    assert scaled.std() == pytest.approx(1.0, abs=0.1)


def split(cells: Cells, seed: int) -> Cells:
    """The same occasions with each cell in two, in another order."""
    rows = [f.name for f in fields(Cells) if np.shape(getattr(cells, f.name))[:1] == cells.medium.shape]
    first = {
        "occasions": np.ceil(cells.occasions / 2),
        "buyers": np.floor(cells.buyers / 2),
        "purchases_amount": cells.purchases_amount / 4,
        "purchases_amount_squared": cells.purchases_amount_squared / 4,
    }
    order = np.random.default_rng(seed).permutation(2 * cells.medium.size)
    whole = {name: getattr(cells, name) for name in rows}
    rest = {name: whole[name] - part for name, part in first.items()}
    both = {name: np.concatenate([first.get(name, whole[name]), rest.get(name, whole[name])])[order] for name in rows}
    return replace(cells, **both)


def test_order_and_splitting_of_cells_change_nothing() -> None:
    cells, _ = world(6, months=2, fatigue=0.2)
    one, two = (clv.fit(SPEC, c, draws=300, seed=4) for c in (cells, split(cells, 0)))
    assert np.array_equal(one.theta, two.theta)
    assert one.effects()["increment"].equals(two.effects()["increment"])


def test_the_currency_moves_amounts_alone() -> None:
    cells, _ = world(7)
    won = replace(
        cells,
        purchases_amount=1000 * cells.purchases_amount,
        purchases_amount_squared=1e6 * cells.purchases_amount_squared,
    )
    one, two = (clv.fit(SPEC, c, draws=300, seed=4).effects() for c in (cells, won))
    assert one["increment"].equals(two["increment"])
    assert (1000 * one["spend"]).to_numpy() == pytest.approx(two["spend"].to_numpy())
