"""Every model there is. Listing a value here is what puts it under the laws and lets `load` find it."""

from __future__ import annotations

import re

from clvmodels.duration.beta_discrete_weibull import BETA_DISCRETE_WEIBULL
from clvmodels.duration.bg_bb import BG_BB
from clvmodels.duration.bg_nbd import BG_NBD
from clvmodels.duration.cnbd import BG_CNBD_K, MBG_CNBD_K
from clvmodels.duration.geometric import GEOMETRIC
from clvmodels.duration.ggompertz_nbd import GGOMPERTZ_NBD
from clvmodels.duration.mbg_nbd import MBG_NBD
from clvmodels.duration.nbd import NBD
from clvmodels.duration.pareto_lognormal import PARETO_LOGNORMAL
from clvmodels.duration.pareto_nbd import PARETO_NBD
from clvmodels.duration.renewals import Renewal
from clvmodels.duration.shifted_beta_geometric import SHIFTED_BETA_GEOMETRIC
from clvmodels.errors import ModelError
from clvmodels.model import Model
from clvmodels.quantity.gamma_gamma import GAMMA_GAMMA

contractual: tuple[Renewal, ...] = (GEOMETRIC, SHIFTED_BETA_GEOMETRIC, BETA_DISCRETE_WEIBULL)
"""Models of contracts, which read tenures; under the laws in `tests/laws/test_renewals.py`."""

catalogue: tuple[Model, ...] = (
    NBD, BG_NBD, MBG_NBD, BG_CNBD_K(2), MBG_CNBD_K(2), PARETO_NBD, PARETO_LOGNORMAL, GGOMPERTZ_NBD,
    BG_BB, GAMMA_GAMMA,
)  # fmt: skip


def model_named(name: str) -> Model:
    """The model of that name, such as "BG_NBD" or "BG_CNBD_3"; a `ModelError` lists the names there are."""
    everything = (*catalogue, *contractual)
    for model in everything:
        if model.name == name:
            return model
    if found := re.fullmatch(r"(M?BG_CNBD)_(\d+)", name):
        return (BG_CNBD_K if found[1] == "BG_CNBD" else MBG_CNBD_K)(int(found[2]))
    raise ModelError(f"There is no model {name!r}. The models are {', '.join(m.name for m in everything)}.")
