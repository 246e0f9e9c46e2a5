"""Which fits a forecast is made of, and whether they belong together."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from clvmodels.data.histories import Histories
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.errors import ClvError, ModelError
from clvmodels.estimation.result import Fit
from clvmodels.estimation.stack import Stack
from clvmodels.model import Model
from clvmodels.quantity.spend import Spend

FEWEST = 20
"""Joint draws."""


def duration_model(fit: Fit | Stack) -> LatentAttrition:
    """The model of a fit that tells how long and how often customers buy."""
    model = _model(fit, "duration", "such as clv.fit(BG_NBD, histories), or a stack of them: comparison.stack()")
    if not isinstance(model, LatentAttrition):
        raise ModelError(
            f"duration= is a fit of {model.name}, which expects no purchases. Give first a fit of a duration model, such as "
            "BG_NBD."
        )
    return model


def quantity_model(fit: Fit) -> Spend:
    """The model of a fit that tells how much customers spend per purchase."""
    model = _model(fit, "quantity", "such as clv.fit(GAMMA_GAMMA, histories)")
    if not isinstance(model, Spend):
        raise ModelError(
            f"quantity= is a fit of {model.name}. Give second a fit of a quantity model, such as GAMMA_GAMMA."
        )
    return model


def check_currencies(duration: Fit | Stack, quantity: Fit, histories: Histories) -> None:
    """A `ClvError` if the fits and the histories are not all in the same currency."""
    if duration.currency != quantity.currency or quantity.currency != histories.currency:
        seen = ", ".join(str(one.currency) for one in (duration, quantity, histories))
        raise ClvError(f"The fits and the histories are in different currencies ({seen}). Fit both on the same log.")


def check_draws(draws: int) -> None:
    """A `ClvError` if there are too few joint draws for an interval."""
    if draws < FEWEST:
        raise ClvError(f"draws={draws} is too few for an interval. Use at least {FEWEST}; 500 is usual.")


def check_amounts(values: ArrayLike, quantity: Spend) -> None:
    """A `ModelError` if expected amounts are not all finite."""
    if not np.isfinite(values).all():
        raise ModelError(
            f"The mean amount of a purchase is infinite in some draws of {quantity.name}: the tail of the amounts is "
            "too heavy for their number (q near 1). Use more customers, cap the largest amounts, or give a prior such as "
            "priors={'q': LogNormal(3.0, 0.5)}."
        )


def _model(fit: Fit | Stack, role: str, example: str) -> Model:
    if not isinstance(fit, Fit | Stack):
        raise ModelError(f"{role}= is {type(fit).__name__}, not a fit. Give a fit, {example}.")
    return fit.model
