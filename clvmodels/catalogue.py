"""Every model there is. Listing a value here is what puts it under the laws and lets `load` find it."""

from __future__ import annotations

from clvmodels.duration.bg_bb import BG_BB
from clvmodels.duration.bg_nbd import BG_NBD
from clvmodels.duration.ggompertz_nbd import GGOMPERTZ_NBD
from clvmodels.duration.mbg_nbd import MBG_NBD
from clvmodels.duration.nbd import NBD
from clvmodels.duration.pareto_nbd import PARETO_NBD
from clvmodels.errors import ModelError
from clvmodels.model import Model
from clvmodels.quantity.gamma_gamma import GAMMA_GAMMA

catalogue: tuple[Model, ...] = (NBD, BG_NBD, MBG_NBD, PARETO_NBD, GGOMPERTZ_NBD, BG_BB, GAMMA_GAMMA)


def model_named(name: str) -> Model:
    """The model of that name; a `ModelError` lists the names there are."""
    for model in catalogue:
        if model.name == name:
            return model
    raise ModelError(f"There is no model {name!r}. The models are {', '.join(m.name for m in catalogue)}.")
