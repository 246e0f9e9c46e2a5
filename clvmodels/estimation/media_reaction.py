"""Some customers before a fitted media response: what they do anyway, and what a contact adds, draw by draw."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import special

from clvmodels.estimation.media_fit import MediaFit
from clvmodels.model import Array
from clvmodels.response.cells import Audience
from clvmodels.response.predictor import Coefficients, People, increment


class Reactions:
    """Reactions of an audience to contacts, in some of the draws of a fit.

    Parameters
    ----------
    media
        The fit.
    coefficients
        Its coefficients in these draws.
    chosen
        Which draws of the fit they are (draws,).
    audience
        The customers (n,).
    """

    def __init__(
        self, media: MediaFit, coefficients: Coefficients, chosen: NDArray[np.intp], audience: Audience
    ) -> None:
        self._media, self._coefficients, self._chosen = media, coefficients, chosen
        self._people, self._audience = People.of(audience, media.layout), audience

    @cached_property
    def log_odds(self) -> Array:
        """Of a purchase without a contact (n, draws)."""
        return np.asarray(self._coefficients.log_odds(self._people) + self._beyond[0])

    @cached_property
    def _beyond(self) -> Array:
        return self._media.beyond(self._audience, self._people, self._coefficients, self._chosen)

    @cached_property
    def base(self) -> Array:
        """P(buy within the window | none) (n, draws)."""
        return np.asarray(special.expit(self.log_odds))

    def increment(self, medium: str, own_stock: Array, other_stock: Array) -> Array:
        """P(buy | contact) - P(buy | none) (n, draws) where earlier contacts have left these stocks (n,)."""
        attributed = self._media.attributed.get(medium)
        if attributed is not None:
            return np.broadcast_to(attributed[self._chosen], self.base.shape)
        code = self._media.layout.media.index(medium)
        effect = self._coefficients.effect(self._people, code, own_stock, other_stock)
        return increment(self.log_odds, effect + self._beyond[1 + code])

    def amount_ratio(self, medium: str) -> Array | float:
        """Mean amount of a purchase after a contact, relative to one without (draws,); 1 where they are taken to be the same."""
        ratios = self._media.amount_ratios.get(medium)
        return 1.0 if ratios is None else np.asarray(ratios[self._chosen])
