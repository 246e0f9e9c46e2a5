"""Which fits a forecast is made of, and whether they belong together."""

from __future__ import annotations

from clvmodels.data.histories import Histories
from clvmodels.duration.attrition import LatentAttrition
from clvmodels.errors import ClvError, ModelError
from clvmodels.estimation.result import Fit
from clvmodels.estimation.stack import Stack
from clvmodels.model import Model
from clvmodels.quantity.spend import Spend


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


def _model(fit: Fit | Stack, role: str, example: str) -> Model:
    if not isinstance(fit, Fit | Stack):
        raise ModelError(f"{role}= is {type(fit).__name__}, not a fit. Give a fit, {example}.")
    return fit.model
