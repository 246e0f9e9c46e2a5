"""Figures, each a function from results to a matplotlib figure; matplotlib is imported when one is drawn."""

from clvmodels.report.figures.assumptions import check
from clvmodels.report.figures.at_risk import letting_go, newcomer_value, value_at_risk
from clvmodels.report.figures.budget import budget_frontier, plan_by_medium, plan_comparison
from clvmodels.report.figures.carry_over import contact_effects
from clvmodels.report.figures.contract_checks import contract_curves
from clvmodels.report.figures.contract_scores import contract_scores
from clvmodels.report.figures.duration import alive_heatmap, frequency_histogram
from clvmodels.report.figures.evaluation import conditional_expectation, interval_calibration, model_against_formulas
from clvmodels.report.figures.gallery import gallery
from clvmodels.report.figures.media import media_by_customer, media_effects
from clvmodels.report.figures.models import model_comparison
from clvmodels.report.figures.next_purchase import next_purchase, next_purchase_by_category
from clvmodels.report.figures.over_time import tracking
from clvmodels.report.figures.policies import policy_values
from clvmodels.report.figures.retention import retention
from clvmodels.report.figures.simple_measures import constant_retention_against_model, simple_against_model
from clvmodels.report.figures.tiers import product_profitability, value_loyalty_grid, value_tiers
from clvmodels.report.figures.two_plans import plan_difference
from clvmodels.report.figures.value import customer_equity, ltv_distribution

__all__ = [
    "alive_heatmap",
    "budget_frontier",
    "check",
    "conditional_expectation",
    "constant_retention_against_model",
    "contact_effects",
    "contract_curves",
    "contract_scores",
    "customer_equity",
    "frequency_histogram",
    "gallery",
    "interval_calibration",
    "letting_go",
    "ltv_distribution",
    "media_by_customer",
    "media_effects",
    "model_against_formulas",
    "model_comparison",
    "newcomer_value",
    "next_purchase",
    "next_purchase_by_category",
    "plan_by_medium",
    "plan_comparison",
    "plan_difference",
    "policy_values",
    "product_profitability",
    "retention",
    "simple_against_model",
    "tracking",
    "value_at_risk",
    "value_loyalty_grid",
    "value_tiers",
]
