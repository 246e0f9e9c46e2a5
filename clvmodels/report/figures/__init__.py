"""Figures, each a function from results to a matplotlib figure; matplotlib is imported when one is drawn."""

from clvmodels.report.figures.assumptions import check
from clvmodels.report.figures.budget import budget_frontier, plan_by_medium, plan_comparison
from clvmodels.report.figures.contract_checks import contract_curves
from clvmodels.report.figures.contract_scores import contract_scores
from clvmodels.report.figures.duration import alive_heatmap, frequency_histogram
from clvmodels.report.figures.evaluation import conditional_expectation, interval_calibration, model_against_formulas
from clvmodels.report.figures.gallery import gallery
from clvmodels.report.figures.media import media_by_customer, media_effects
from clvmodels.report.figures.models import model_comparison
from clvmodels.report.figures.over_time import tracking
from clvmodels.report.figures.policies import policy_values
from clvmodels.report.figures.retention import retention
from clvmodels.report.figures.value import customer_equity, ltv_distribution

__all__ = [
    "alive_heatmap",
    "budget_frontier",
    "check",
    "conditional_expectation",
    "contract_curves",
    "contract_scores",
    "customer_equity",
    "frequency_histogram",
    "gallery",
    "interval_calibration",
    "ltv_distribution",
    "media_by_customer",
    "media_effects",
    "model_against_formulas",
    "model_comparison",
    "plan_by_medium",
    "plan_comparison",
    "policy_values",
    "retention",
    "tracking",
]
