"""All figures of a valuation, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from clvmodels.covariates.time_model import over_time
from clvmodels.estimation.result import Fit
from clvmodels.estimation.stack import Stack
from clvmodels.evaluation.compare import Comparison
from clvmodels.evaluation.tables import TARGETS
from clvmodels.report.figures.duration import alive_heatmap, frequency_histogram
from clvmodels.report.figures.evaluation import conditional_expectation, interval_calibration, model_against_formulas
from clvmodels.report.figures.over_time import tracking
from clvmodels.report.figures.value import customer_equity, ltv_distribution
from clvmodels.value.forecast import Forecast

if TYPE_CHECKING:
    from clvmodels.report.canvas import Picture


def gallery(
    duration: Fit | Stack,
    forecast: Forecast,
    *,
    comparison: Comparison | None = None,
    table: pd.DataFrame | None = None,
    lang: str = "en",
) -> dict[str, Picture]:
    """Draw every figure there is material for.

    Parameters
    ----------
    duration, forecast
        The fit of the duration model or a stack, and the forecast of value.
    comparison
        With what happened; without it the figures of the holdout are left out.
    table
        As `tracking(duration, log, ...)` returns it; without it that figure is left out.

    Returns
    -------
    dict from the name of the figure (its function, with the target where there are two) to the figure
    """
    histories = forecast.histories
    pictures = {
        "customer_equity": customer_equity(forecast, lang=lang),
        "ltv_distribution": ltv_distribution(forecast, lang=lang),
    }
    if not over_time(duration.model):  # there it matters when customers came, and not only how long ago
        pictures["frequency_histogram"] = frequency_histogram(
            duration, histories, interval=forecast.interval, lang=lang
        )
        pictures["alive_heatmap"] = alive_heatmap(duration, histories, lang=lang)
    if table is not None:
        pictures["tracking"] = tracking(table, lang=lang)
    if comparison is not None:
        for target in TARGETS:
            pictures[f"model_against_formulas_{target}"] = model_against_formulas(comparison, target=target, lang=lang)
            pictures[f"conditional_expectation_{target}"] = conditional_expectation(
                comparison, target=target, lang=lang
            )
        pictures["interval_calibration"] = interval_calibration(comparison, lang=lang)
    return pictures
