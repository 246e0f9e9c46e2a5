"""Every word of the figures, in one place; a language is one more value of `FigureWords`."""

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
        "Left of the dashed line the model had seen what it is compared with; right of it, it had not. Band: "
        "{interval} predictive interval, the model's uncertainty about its parameters and about chance; seasons and "
        "campaigns are not in it."
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

    expectation_title: str = "Who bought more often before goes on buying more, and less than a simple formula says"
    expectation_title_plain: str = "What customers bought afterwards, by how often they had bought again before"
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


ENGLISH: Final = FigureWords()
LANGUAGES: Final = {"en": ENGLISH}


def figure_words(lang: str) -> FigureWords:
    """The words of a language; an unknown one is refused with the languages there are."""
    if lang not in LANGUAGES:
        raise ClvError(f"lang={lang!r} is not there. Choose one of {', '.join(LANGUAGES)}.")
    return LANGUAGES[lang]
