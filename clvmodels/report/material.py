"""Everything the report is made of, and what all its sections say of it alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clvmodels.data.quality import Quality
from clvmodels.estimation.result import Fit
from clvmodels.estimation.stack import Stack
from clvmodels.evaluation.compare import Comparison
from clvmodels.report.numbers import percent
from clvmodels.report.words import ReportWords
from clvmodels.value.forecast import Forecast

if TYPE_CHECKING:
    from clvmodels.report.canvas import Picture


@dataclass(frozen=True)
class Material:
    """Everything the report is made of."""

    words: ReportWords
    lang: str
    quality: Quality
    duration: Fit | Stack
    quantity: Fit
    forecast: Forecast
    comparison: Comparison | None
    pictures: Mapping[str, Picture]

    @property
    def currency(self) -> str | None:
        return self.forecast.histories.currency

    @property
    def fits(self) -> tuple[Fit, ...]:
        """The fits of which all is made: those of the duration, one or a stack of them, then that of the quantity."""
        durations = self.duration.fits.values() if isinstance(self.duration, Stack) else (self.duration,)
        return (*durations, self.quantity)

    @property
    def interval(self) -> str:
        return percent(self.forecast.interval, decimals=0)


def total(forecast: Forecast, measure: str) -> dict[str, float]:
    """Mean and both kinds of bounds of a measure over all customers, by name."""
    return {str(name): float(value) for name, value in forecast.total().to_dict("index")[measure].items()}


def diagnostics(fit: Fit, words: ReportWords) -> str:
    """What vouches for a fit, in words with the limits."""
    found = fit.diagnostics
    said = (
        (found.k_hat, words.fit_k_hat, 2), (found.r_hat, words.fit_r_hat, 3),
        (found.ess, words.fit_ess, 0), (found.divergences, words.fit_divergences, 0),
    )  # fmt: skip
    parts = [text.format(value=f"{value:,.{digits}f}") for value, text, digits in said if value is not None]
    return ", ".join(parts) or words.fit_method_only
