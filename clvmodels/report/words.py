"""Every word of the figures and of the report, in one place; a language is one more pair of values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from clvmodels.errors import ClvError


@dataclass(frozen=True)
class FigureWords:
    """Texts of the figures. What stands in braces is filled in."""

    customers: str = "customers"
    purchases: str = "purchases"
    actual: str = "what customers did"
    model: str = "model"
    model_interval: str = "model, with {interval} interval"
    periods: str = "{period}s"

    frequency_title: str = "How often customers came back: model and reality differ for {wrong} of customers"
    frequency_x: str = "repeat purchases by the end of observation"
    frequency_caption: str = (
        "Bars: customers who bought again so many times. Dots: what {model} expects of as many new customers, each "
        "watched for as long. Vertical lines: {interval} predictive interval. The model was fitted to the same "
        "customers."
    )

    alive_title: str = "Who is still a customer depends on when they last bought, and on how often"
    alive_x: str = "recency: {period}s from the first to the last purchase"
    alive_y: str = "frequency: repeat purchases"
    alive_bar: str = "P(alive)"
    alive_gone: str = "bought often, but long ago:\nprobably gone"
    alive_active: str = "bought often\nand lately:\nprobably active"
    alive_caption: str = (
        "Probability under {model} that somebody first seen {age} {period}s ago (the typical age here) is still a "
        "customer. Lines join equal probabilities. Not shown: those who never bought again, whose probability is "
        "{never}."
    )

    tracking_title: str = "Held out: customers made {actual} repeat purchases, the model expected {expected} ({bias})"
    tracking_title_in_sample: str = "Repeat purchases over time, as they happened and as the model has them"
    tracking_cumulative: str = "Since the beginning"
    tracking_incremental: str = "In every {days} days"
    tracking_y: str = "repeat purchases"
    tracking_split: str = " held out"
    tracking_caption: str = (
        "Model: what it expects of newcomers who first bought on the days these customers did. Left of the dashed "
        "line it had seen what it is compared with; right of it, it had not. Band: {interval} predictive interval, "
        "from unknown parameters and chance; seasons and campaigns are not in it."
    )

    value_title: str = "Half of the customer equity lies with {half} of {all} customers ({share})"
    value_histogram: str = "Customers by lifetime value"
    value_share: str = "Share of value of the best customers"
    value_x: str = "LTV per customer [{currency}], logarithmic"
    value_share_x: str = "customers, best first"
    value_share_y: str = "share of the total"
    value_ltv: str = "LTV"
    value_potential: str = "potential value only"
    value_half: str = "half of LTV:\n{share} of customers"
    value_mean: str = "mean {mean}"
    value_median: str = "median {median}"
    value_caption: str = "LTV is realised value plus the expected potential value of the next {horizon}.{left_out}"
    value_left_out: str = " {count} customers worth nothing or less are not in the histogram."

    equity_title: str = "Customer equity: {mean}, with {interval} probability between {lower} and {upper}"
    equity_x: str = "customer equity [{currency}]"
    equity_expected: str = "of its mean (parameters)"
    equity_predictive: str = "of what will happen"
    equity_caption: str = (
        "Sum over {customers} customers of realised value and of the potential value of the next {horizon}, in "
        "{draws} joint draws. Lower bar: {interval} interval of the mean, from unknown parameters alone. Upper bar: "
        "{interval} interval of what will really happen, with chance and amounts."
    )

    expectation_title_purchases: str = (
        "Who bought more often before goes on buying more, and less than simple formulas say"
    )
    expectation_title_spend: str = (
        "Who bought more often before goes on spending more, and less than simple formulas say"
    )
    expectation_title_plain: str = "What customers did afterwards, by how often they had bought again before"
    expectation_panel: str = "Means over the {horizon} after the split"
    expectation_x: str = "repeat purchases before, customers below"
    expectation_y_purchases: str = "purchases per customer"
    expectation_y_spend: str = "spend per customer [{currency}]"
    expectation_caption: str = (
        "Each point is the mean of the customers with that many repeat purchases before. Band: {interval} predictive "
        "interval of that mean by the model. Nothing after the split was known to any method."
    )

    calibration_title: str = (
        "Of the {interval} intervals per customer, {purchases} held for purchases and {spend} for spend"
    )
    calibration_left: str = "Intervals of every width"
    calibration_right: str = "Where outcomes fall in their forecast"
    calibration_x: str = "probability stated"
    calibration_y: str = "share of customers inside"
    calibration_perfect: str = "as stated"
    calibration_place: str = "place in the predictive distribution"
    calibration_density: str = "customers, relative to even"
    calibration_purchases: str = "purchases"
    calibration_spend: str = "spend"
    calibration_caption: str = (
        "Left: share of customers whose outcome lies in their central predictive interval; on the diagonal, stated "
        "probabilities mean what they say. Right: even heights mean a forecast that is right; a slope to the right "
        "means that customers did more than forecast. Outcomes that tie with draws are placed at random."
    )

    against_title: str = "{target}: the model's total is off by {model}, the nearest formula's by {formula}"
    against_purchases: str = "Purchases"
    against_spend: str = "Spend"
    against_winner: str = "; the {names} orders customers better"
    against_winners: str = "; the {names} order customers better"
    against_and: str = " and the "
    against_total: str = "Total: off by"
    against_error: str = "Error per customer"
    against_order: str = "Order of customers"
    against_total_x: str = "of the actual total"
    against_error_purchases: str = "RMSE [purchases]"
    against_error_spend: str = "RMSE [{currency}]"
    against_order_x: str = "rank correlation"
    against_lower: str = "lower is better"
    against_higher: str = "higher is better"
    against_caption: str = (
        "{customers} customers over {horizon} held out. Lines on the formulas: {interval} bootstrap interval of the "
        "difference from the model; where one crosses the dashed line, the difference may be chance. Blue: model; "
        "orange: formula clearly better than it; grey: not."
    )

    models_alone: str = "{best} is alone: there is no other model to compare it with"
    models_all_noise: str = "{best} predicts customers left out best, but its lead over {noise} is no more than noise"
    models_some_noise: str = (
        "{best} predicts customers left out best: its lead over {noise} is noise, its lead over {behind} is not"
    )
    models_clear: str = "{best} predicts customers left out best, and its lead over {behind} is more than noise"
    models_x: str = "elpd less that of {best}, summed over customers [log density]"
    models_and: str = " and "
    models_one: str = "elpd {elpd}"
    models_other: str = "{difference} ± {twice}"
    models_caption: str = (
        "{customers} customers, each predicted from all others. Lines: the difference from the best model and two of its "
        "standard errors either way. Where a line crosses zero, or the difference is below {noise}, the difference is noise "
        "(open dots)."
    )

    policies_best: str = "‘{best}’ is worth most: {value} per occasion"
    policies_better: str = (
        "‘{best}’ is worth {difference} per occasion more than ‘{other}’, and that is more than chance"
    )
    policies_unclear: str = "‘{best}’ did best, but its {difference} per occasion over ‘{other}’ may be chance"
    policies_none: str = "Nothing is validated: this log cannot say what the policies are worth"
    policies_none_caption: str = "Not validated, because {reasons}. A randomised test would settle it."
    policies_left: str = "Value of each policy"
    policies_right: str = "Difference from ‘{other}’, paired"
    policies_x: str = "per occasion"
    policies_not_validated: str = "not validated"
    policies_caption: str = (
        "Margin of the outcome less the cost of contacts on {occasions} occasions on which contacts were assigned at random; "
        "doubly robust. Lines: {interval} bootstrap intervals over customers. Grey: the difference may be chance. Only occasions "
        "on which two policies ask for something else count in their difference."
    )

    retention_title: str = "After {tenure} {unit}, {low} to {high} of a cohort’s customers are still there"
    retention_title_one: str = "After {tenure} {unit}, {low} of a cohort’s customers are still there"
    retention_x: str = "{unit} since the contract began"
    retention_y: str = "still there"
    retention_cohort: str = "began in"
    retention_all: str = "all"
    retention_caption: str = (
        "{customers} contracts by when they began. Shares are by Kaplan and Meier: customers count as long as they are "
        "observed, and curves end at the tenure to which most of a cohort have been observed. Bands: {interval} intervals. Each "
        "row below is a curve above."
    )


@dataclass(frozen=True)
class ReportWords:
    """Texts of the report. What stands in braces is filled in."""

    title: str = "Customer lifetime value"
    lead: str = "{customers} customers, observed until {until}; valued over the next {horizon} after that day."
    unknown_day: str = "an unknown day"
    contents: tuple[str, ...] = (
        "Summary",
        "Value",
        "Against what happened",
        "The models",
        "The data",
        "How it was made",
    )

    tile_equity: str = "Customer equity"
    tile_equity_below: str = "{lower} to {upper} ({interval} predictive)"
    tile_potential: str = "Potential value, next {horizon}"
    tile_half: str = "Customers with half of the value"
    tile_half_below: str = "{share} of {all}"
    tile_total: str = "Purchases held out, {horizon}"
    tile_total_below: str = "expected {expected} ({lower} to {upper})"

    summary_equity: str = (
        "Together the customers are worth {equity}. They have already brought {realised} of it; {potential} is "
        "expected of the next {horizon}, and with {interval} probability it will be between {lower} and {upper}."
    )
    summary_half: str = (
        "Value is concentrated: {ltv} customers ({ltv_share}) hold half of the customer equity, and {potential} "
        "({potential_share}) half of what is still to come."
    )
    summary_inside: str = (
        "Held to account on the {horizon} held out: customers made {actual} purchases where {expected} were expected "
        "({bias}), inside the {interval} predictive interval of {lower} to {upper}."
    )
    summary_outside: str = (
        "Held to account on the {horizon} held out: customers made {actual} purchases where {expected} were expected "
        "({bias}). That lies outside the {interval} predictive interval of {lower} to {upper}: something happened "
        "that the model does not know, such as a season or a campaign, and totals should be read with that in mind."
    )
    summary_scores: str = (
        "Against the simple formulas, over {all} comparisons of purchases and spend by total, error and order of "
        "customers: the model is clearly better in {model}, a formula in {formula}, and {unclear} may be chance."
    )
    summary_lost: str = "Where a formula is clearly better: {where}."
    summary_lost_one: str = "the {formula} in {score} ({target})"
    summary_data: str = "The log has {rows} lines; {used} were used. {left}"
    summary_none_left: str = "Nothing had to be left out."
    summary_some_left: str = "Left out or in doubt: {findings}."
    summary_fit: str = "How far the estimation can be trusted: {fits}."

    value_totals: str = "All customers together"
    value_totals_note: str = (
        "Purchases and spend of the next {horizon}, undiscounted; realised value is the margin of what was bought so "
        "far; potential value is the discounted margin of what is to come, after costs; LTV is their sum, and its "
        "total is the customer equity."
    )
    value_best: str = "The {count} customers with most still to come"
    value_best_note: str = (
        "All customers are in the table that clvmodels demo and clvmodels forecast write (forecast.per_customer())."
    )
    measures: tuple[str, ...] = ("purchases", "spend", "realised value", "potential value", "LTV (customer equity)")
    head_totals: tuple[str, ...] = ("", "mean", "expected interval", "predictive interval")
    head_best: tuple[str, ...] = (
        "customer",
        "repeat purchases",
        "P(alive)",
        "purchases to come",
        "potential value",
        "predictive interval",
        "realised value",
        "LTV",
    )

    interval_expected: str = (
        "An expected interval says where a mean lies: the parameters of the models are not known exactly, and nothing"
        " else is in it."
    )
    interval_predictive: str = (
        "A predictive interval says what will really happen: it adds that customers differ in ways their history does"
        " not show, chance, and the amounts they spend."
    )

    check_none: str = "There is no holdout, so nothing here was compared with what customers did afterwards."
    check_scores: str = "Scores on the same customers"
    check_winners: str = "Who is clearly better"
    check_words: str = "In words"
    head_scores: tuple[str, ...] = (
        "",
        "predicted",
        "bias",
        "mean abs. error",
        "RMSE",
        "deviance",
        "rank corr.",
        "Gini",
        "top-tenth lift",
        "in interval",
    )
    head_winners: tuple[str, ...] = ("the model against", "total", "mean abs. error", "RMSE", "deviance", "order")
    scores: tuple[str, ...] = ("the total", "the mean absolute error", "RMSE", "the deviance", "the order of customers")
    actual_row: str = "{target}: what happened"
    target_row: str = "{target}: {method}"
    purchases: str = "Purchases"
    spend: str = "Spend"
    better_model: str = "model"
    better_formula: str = "formula"
    better_unclear: str = "unclear"

    stack_weights: str = "Models that predict together"
    stack_made: str = (
        "How long and how often customers buy is predicted by {count} models together: each has draws in proportion to its "
        "weight, so that intervals also hold what the models disagree on."
    )
    stack_left_out: str = "Left out because their weight is next to nothing: {names}."
    head_stack: tuple[str, ...] = ("model", "method", "weight")
    fit_made: str = (
        "{model} ({source}), by {method}: {informative} of {all} customers inform it ({distinct} distinct histories);"
        " log-likelihood {loglik}."
    )
    fit_diagnostics: str = "Diagnostics: {diagnostics}."
    fit_k_hat: str = "k-hat {value} (trusted up to 0.7)"
    fit_r_hat: str = "R-hat {value} (trusted up to 1.01)"
    fit_ess: str = "{value} effective draws"
    fit_divergences: str = "{value} divergences"
    fit_method_only: str = "a point estimate with curvature, without posterior draws"
    head_fit: tuple[str, ...] = ("parameter", "meaning", "estimate", "sd", "{interval} interval")

    data_histories: str = (
        "{customers} customers with a purchase, {repeaters} of them with a repeat purchase; on average {frequency} "
        "repeat purchases and {age} {period}s since the first one."
    )
    data_absent: str = "Looked for and not found: {findings}."
    head_quality: tuple[str, ...] = ("finding", "what was done", "count", "share")

    made_horizon: str = "Horizon: {horizon}."
    made_margin: str = (
        "Margin: {margin}. It is an assumption of whoever asked for this report unless the log has margins."
    )
    made_margin_by_customer: str = "one per customer"
    made_margin_distribution: str = "a distribution"
    made_cost: str = "Cost of keeping a customer: {cost}."
    made_draws: str = "{draws} joint draws, seed {seed}; fits of {version}, data {fingerprint}."
    made_by: str = "Made by clvmodels {version} on {day}."


ENGLISH: Final = FigureWords()
ENGLISH_REPORT: Final = ReportWords()
LANGUAGES: Final = {"en": (ENGLISH, ENGLISH_REPORT)}


def figure_words(lang: str) -> FigureWords:
    """The words of the figures in a language; an unknown one is refused with the languages there are."""
    return _words(lang)[0]


def report_words(lang: str) -> ReportWords:
    """The words of the report in a language; an unknown one is refused with the languages there are."""
    return _words(lang)[1]


def _words(lang: str) -> tuple[FigureWords, ReportWords]:
    if lang not in LANGUAGES:
        raise ClvError(f"lang={lang!r} is not there. Choose one of {', '.join(LANGUAGES)}.")
    return LANGUAGES[lang]
