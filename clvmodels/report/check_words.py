"""Every word of the figure of `clv.check`; a language is one more value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from clvmodels.report.words import figure_words


def _names() -> Mapping[str, str]:
    names = {
        "repeaters": "Repeat buyers", "beginning": "First purchases", "age": "Time observed",
        "dropout": "Dropout", "regularity": "Regularity", "amounts": "Amounts", "independence": "Spend and frequency",
        "tail": "Largest amounts", "covariates": "Covariates",
        "leavers": "Leavers", "follow-up": "Follow-up", "rate": "Rate of leaving", "curve": "Share still there",
        "residuals": "Residuals", "calibration": "Calibration", "segments": "Segments", "proportional": "Effects over tenure",
    }  # fmt: skip
    return MappingProxyType(names)


def _verdicts() -> Mapping[str, str]:
    return MappingProxyType({"fine": "fine", "doubtful": "doubtful", "cannot support": "cannot support"})


@dataclass(frozen=True)
class CheckWords:
    """Texts of the figure. What stands in braces is filled in."""

    names: Mapping[str, str] = field(default_factory=_names)
    verdicts: Mapping[str, str] = field(default_factory=_verdicts)
    panel: str = "{name}: {verdict}"
    not_known: str = "cannot be told"

    title: str = "{customers} customers: {fine} of {all} questions are fine{rest}"
    title_doubtful: str = "; in\N{NO-BREAK SPACE}doubt: {names}"
    title_unknown: str = "; cannot\N{NO-BREAK SPACE}be\N{NO-BREAK SPACE}told: {names}"
    title_cannot: str = "; not\N{NO-BREAK SPACE}supported: {names}"
    caption: str = (
        "Dashed lines: what is expected if the assumption holds, or the limit. Dropout: bars of even height mean that nobody "
        "leaves, high ones at the left that customers fall silent. Lines on dots: intervals ({regularity} of k, {interval} of "
        "means). check.words() says what each means and what to do."
    )
    interval: str = "95 %"

    customers: str = "customers"
    repeaters_x: str = "repeat purchases"
    beginning_x: str = "days since the first customer joined"
    beginning_y: str = "joiners per day"
    age_x: str = "age T [{period}s]"
    age_line: str = "time between\npurchases: {usual}"
    age_beyond: str = "time between purchases:\nlonger than any age"
    dropout_x: str = "place of the last purchase"
    dropout_y: str = "relative to even"
    regularity_x: str = "shape k of the time between purchases"
    regularity_bursts: str = "bursts"
    regularity_regular: str = "regular"
    regularity_none: str = "histories(intervals=True)\nwould tell"
    regularity_few: str = "nobody bought again twice"
    amounts: tuple[str, str, str] = ("above zero", "zero", "missing")
    independence_x: str = "repeat purchases, customers below"
    independence_y: str = "mean amount {currency}"
    tail_x: str = "mean amount {currency}, logarithmic"
    tail_y: str = "share above"
    tail_index: str = "tail index {index}"
    covariates_x: str = "largest correlation with another"
    constant: str = "constant"
    missing: str = "{n} missing"
    label: str = "label"

    contracts_caption: str = (
        "Bands and lines on dots: {interval} intervals by Kaplan and Meier. Dashed lines: the middle of all. check.words() says "
        "what each means and what to do."
    )
    fit_caption: str = (
        "Bands: what the fit and chance make in {interval} of cases, given who was there at each tenure. Lines on dots: "
        "{interval} intervals. Residuals: on the dashed line if leavers fall evenly into their predicted distributions. "
        "check.words() says what each means and what to do."
    )
    fit_interval: str = "90 %"
    leavers: tuple[str, str] = ("left", "still there\nwhen last seen")
    tenure: str = "tenure [{period}s]"
    still_there: str = "still there"
    rate_y: str = "leaving per {period}"
    as_seen: str = "customers (Kaplan-Meier)"
    as_fitted: str = "fit"
    residuals_x: str = "Cox-Snell residual r"
    residuals_y: str = "share above r"
    calibration_x: str = "predicted to leave within {horizon} {period}s"
    calibration_y: str = "left"
    segments_x: str = "leavers less expected\n[standard deviations]"
    proportional_x: str = "change of effect\nper doubling of tenure"
    scores_title: str = "{best} predicts best who is still there {horizon} {period}s on{verdict}"
    scores_clear: str = ", and its lead is more than noise"
    scores_noise: str = ", but its lead over {name} is no more than noise"
    scores_caption: str = (
        "Brier score: mean squared difference between being there and its predicted probability; the lower the better. Bands: "
        "{interval} intervals from drawing other customers. Dashed: the share still there by Kaplan and Meier for everybody."
    )
    scores_x: str = "time since entry [{period}s]"
    scores_y: str = "Brier score"
    curves_title: str = "{segments} segments: {held} of all shares still there lie in the bands of the fit"
    curves_caption: str = (
        "Each panel is a segment, those furthest off first: black what its customers did (Kaplan-Meier), blue the fit, and the "
        "band what the fit and chance make in {interval} of cases, given who was there at each tenure."
    )


ENGLISH: Final = CheckWords()
LANGUAGES: Final = {"en": ENGLISH}


def check_words(lang: str) -> CheckWords:
    """The words of the figure in a language; an unknown one is refused with the languages there are."""
    figure_words(lang)
    return LANGUAGES[lang]
