"""Figures show the numbers they are made of."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.container import BarContainer
from matplotlib.figure import Figure

import clvmodels as clv
from clvmodels.errors import ClvError, ModelError
from clvmodels.evaluation.choose import ModelComparison
from clvmodels.report import style
from clvmodels.report.concentration import customers_with_half, share_of_value
from clvmodels.report.figures.duration import frequency_table
from tests.report.conftest import Valued


def lines(axes: mpl.axes.Axes) -> dict[str, np.ndarray]:
    return {str(line.get_label()): np.asarray(line.get_ydata(), dtype=float) for line in axes.get_lines()}


def test_histogram_bars_count_the_customers_and_add_up(valued: Valued) -> None:
    [axes] = clv.figures.frequency_histogram(valued.duration, valued.histories).axes
    [bars] = [found for found in axes.containers if isinstance(found, BarContainer)]
    heights = [bar.get_height() for bar in bars]
    assert heights[:3] == [np.count_nonzero(valued.histories.frequency == x) for x in range(3)]
    assert sum(heights) == len(valued.histories)


def test_expected_frequencies_are_the_models(valued: Valued) -> None:
    table = frequency_table(valued.duration, valued.histories, draws=50)
    assert table["expected"].sum() == pytest.approx(len(valued.histories))
    none = [
        clv.BG_NBD.pmf(valued.duration.theta, clv.History.new_customer(clv.WEEK), n=0, horizon=age * clv.WEEK)
        for age in valued.histories.T
    ]
    assert table.loc["0", "expected"] == pytest.approx(np.sum(none), rel=0.01)
    assert (table["lower"] <= table["expected"]).all()
    assert (table["expected"] <= table["upper"]).all()


def test_expected_frequencies_hardly_change_when_ages_are_gathered(valued: Valued) -> None:
    spread = replace(valued.histories, T=valued.histories.T + np.linspace(0, 1e-3, len(valued.histories)))
    exact, gathered = (frequency_table(valued.duration, h, draws=20) for h in (valued.histories, spread))
    assert gathered["expected"].to_numpy() == pytest.approx(exact["expected"].to_numpy(), rel=1e-3)


def test_histogram_refuses_a_model_of_amounts(valued: Valued) -> None:
    with pytest.raises(ModelError, match="has no pmf to draw"):
        clv.figures.frequency_histogram(valued.quantity, valued.histories)


def test_heatmap_cells_are_p_alive(valued: Valued) -> None:
    axes = clv.figures.alive_heatmap(valued.duration, valued.histories).axes[0]
    [image] = axes.get_images()
    cells = np.asarray(image.get_array())
    age = float(np.median(valued.histories.T))
    recency = (np.arange(cells.shape[1]) + 0.5) * age / cells.shape[1]
    row = clv.History(np.full(recency.size, 3.0), recency, np.full(recency.size, age), clv.WEEK)
    assert cells[2] == pytest.approx(np.asarray(clv.BG_NBD.p_alive(valued.duration.theta, row)), abs=0.01)
    assert np.all(np.diff(cells, axis=1) >= -1e-12), "P(alive) never falls in recency"


def test_tracking_draws_the_table(valued: Valued) -> None:
    above, below = clv.figures.tracking(valued.tracked).axes
    for axes, prefix in ((above, "cumulative_"), (below, "")):
        assert lines(axes)["model"] == pytest.approx(valued.tracked[f"{prefix}expected"].to_numpy())
        assert lines(axes)["what customers did"] == pytest.approx(valued.tracked[f"{prefix}actual"].to_numpy())


def test_tracking_says_what_was_held_out(valued: Valued) -> None:
    held_out = valued.tracked[valued.tracked["part"] == "holdout"]
    assert f"made {held_out['actual'].sum():,.0f} repeat purchases" in clv.figures.tracking(valued.tracked).message
    in_sample = valued.tracked[valued.tracked["part"] == "calibration"]
    assert "Repeat purchases over time" in clv.figures.tracking(in_sample).message


def test_tracking_refuses_another_table(valued: Valued) -> None:
    with pytest.raises(ClvError, match=r"no column 'part'.*tracking\("):
        clv.figures.tracking(valued.comparison.table())


@pytest.mark.parametrize("target", ["purchases", "spend"])
def test_conditional_expectation_draws_every_method(valued: Valued, target: str) -> None:
    figure = clv.figures.conditional_expectation(valued.comparison, target=target)  # type: ignore[arg-type]
    table, drawn = valued.comparison.by_frequency(target), lines(figure.axes[0])  # type: ignore[arg-type]
    assert drawn["what customers did"] == pytest.approx(table["actual"].to_numpy())
    for name in valued.comparison.predictions:
        assert drawn[name] == pytest.approx(table[name].to_numpy())


def test_calibration_draws_coverage_and_even_places(valued: Valued) -> None:
    left, right = clv.figures.interval_calibration(valued.comparison).axes
    drawn = lines(left)["purchases"]
    assert drawn[9] == pytest.approx(valued.comparison.calibration([0.5])["purchases"].iloc[0])
    for patch in right.patches:
        assert np.mean(patch.get_data().values) == pytest.approx(1.0)  # type: ignore[attr-defined]


@pytest.mark.parametrize("target", ["purchases", "spend"])
def test_bars_against_formulas_are_the_scores(valued: Valued, target: str) -> None:
    figure = clv.figures.model_against_formulas(valued.comparison, target=target)  # type: ignore[arg-type]
    table = valued.comparison.table().loc[target]
    wanted = (table["bias"].abs(), table["rmse"], table["spearman"])
    for axes, scores in zip(figure.axes, wanted, strict=True):
        assert [bar.get_width() for bar in axes.patches] == pytest.approx(scores.to_numpy(dtype=float))


def test_a_formula_that_is_better_is_shown_and_said_to_be(valued: Valued) -> None:
    figure = clv.figures.model_against_formulas(valued.comparison)
    better = valued.comparison.differences().loc["purchases"]["better"].xs("spearman", level="score")
    colours = [bar.get_facecolor()[:3] for bar in figure.axes[2].patches[1:]]
    orange = to_rgba(style.OTHERS[0])[:3]
    assert [colour == orange for colour in colours] == list(better == "formula")
    for name in better.index:
        assert (f"the {name}" in figure.message) == (better[name] == "formula")


@pytest.fixture(scope="module")
def chosen(cdnow: clv.Histories) -> ModelComparison:
    return clv.compare_models([clv.NBD, clv.BG_NBD, clv.MBG_NBD], cdnow, draws=200)


def test_models_are_drawn_behind_the_best_with_two_standard_errors(chosen: ModelComparison) -> None:
    [axes] = clv.figures.model_comparison(chosen).axes
    table = chosen.table()
    intervals, dots = axes.collections
    assert [text.get_text() for text in axes.get_yticklabels()] == list(table.index)
    assert np.asarray(dots.get_offsets())[:, 0] == pytest.approx(table["elpd_diff"].to_numpy())
    ends = np.array([segment[:, 0] for segment in intervals.get_segments()])  # type: ignore[attr-defined]
    assert ends.mean(axis=1) == pytest.approx(table["elpd_diff"].to_numpy()[1:])
    assert np.diff(ends)[:, 0] == pytest.approx(4 * table["diff_se"].to_numpy()[1:])
    top, bottom = axes.get_ylim()
    assert top > bottom, "the best is on top"


def test_models_are_said_to_be_better_only_if_more_than_noise(chosen: ModelComparison) -> None:
    def said(*names: str) -> str:
        kept = [name for name in chosen.scores.index if name in names]
        return clv.figures.model_comparison(replace(chosen, scores=chosen.scores.loc[kept])).message

    best, second, _ = chosen.scores.index
    assert said("BG_NBD", "NBD") == "BG_NBD predicts customers left out best, and its lead over NBD is more than noise"
    assert said(best, second).endswith(f"best, but its lead over {second} is no more than noise")
    assert said(best, second, "NBD").endswith(f"its lead over {second} is noise, its lead over NBD is not")
    assert said("NBD").startswith("NBD is alone")


def test_value_figures_say_who_holds_half(valued: Valued) -> None:
    ltv = valued.forecast.per_customer()["ltv"]
    half = customers_with_half(ltv)
    best = np.sort(ltv.to_numpy())[::-1]
    assert best[:half].sum() >= ltv.sum() / 2 > best[: half - 1].sum()
    figure = clv.figures.ltv_distribution(valued.forecast)
    assert f"lies with {half:,} of {len(ltv):,} customers" in figure.message
    left, right = figure.axes
    assert sum(bar.get_height() for bar in left.patches) == np.count_nonzero(ltv > 0)
    assert lines(right)["LTV"][-1] == pytest.approx(1.0)


def test_customers_worth_nothing_are_counted_beside_the_histogram(valued: Valued) -> None:
    cost = clv.Cost(0.2, per=clv.MONTH)
    fits = valued.duration, valued.quantity, valued.histories
    poor = clv.forecast(*fits, horizon=52 * clv.WEEK, margin=0.1, cost=cost, draws=50)
    below = int((poor.per_customer()["ltv"] <= 0).sum())
    assert below > 0
    assert f"{below:,} customers worth nothing or less" in clv.figures.ltv_distribution(poor).caption


def test_share_of_value_rises_to_one() -> None:
    shares = share_of_value(np.array([3.0, 0.0, 1.0]))
    assert shares.tolist() == [0.0, 0.75, 1.0, 1.0]


def test_equity_bars_are_both_intervals(valued: Valued) -> None:
    figure = clv.figures.customer_equity(valued.forecast)
    total = valued.forecast.total().loc["ltv"]
    ends = [tuple(line.get_xdata()) for line in figure.axes[0].get_lines() if len(line.get_xdata()) == 2]
    assert ends == [(total["lower"], total["upper"]), (total["expected_lower"], total["expected_upper"])]
    assert f"{total['mean']:,.0f}" in figure.message


def test_notebooks_get_a_picture_and_files_can_be_made_again(valued: Valued) -> None:
    figure = clv.figures.customer_equity(valued.forecast)
    assert isinstance(figure, Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")
    first, again = (clv.figures.customer_equity(valued.forecast).svg(bare=True) for _ in range(2))
    assert first == again
    whole, bare = figure.svg().count(b"<use"), figure.svg(bare=True).count(b"<use")
    assert bare < whole, "title and caption are left out, and come back"
    assert figure.svg().count(b"<use") == whole


def test_nothing_global_is_touched(valued: Valued) -> None:
    before = dict(mpl.rcParams)
    clv.figures.gallery(valued.duration, valued.forecast)
    assert dict(mpl.rcParams) == before


def test_an_unknown_language_is_refused(valued: Valued) -> None:
    with pytest.raises(ClvError, match=r"lang='xx' is not there. Choose one of en"):
        clv.figures.customer_equity(valued.forecast, lang="xx")


def test_matplotlib_waits_until_a_figure_is_drawn() -> None:
    code = "import clvmodels, sys; clvmodels.figures, clvmodels.write_report; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
