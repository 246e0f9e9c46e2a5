"""The figure of what one contact does to both rates."""

from __future__ import annotations

import numpy as np
import pytest

import clvmodels as clv
from clvmodels.errors import ModelError
from clvmodels.estimation.contact_effects import after_contact
from tests.covariates.test_contact_terms import people, some_contacts


def test_a_contact_fades_with_its_half_life_and_the_figure_shows_it() -> None:
    fit = clv.fit(clv.time_varying(purchase="~ contacts", contacts=some_contacts()), people(), method="map")
    found = after_contact(fit, "DM", days=60, draws=300)
    assert list(found) == ["purchase"]
    theta = fit.draws(300)
    stock = 2.0 ** -((np.arange(60) + 0.5) / 7 / theta.half_life_DM[:, None])
    assert found["purchase"] == pytest.approx(np.exp(theta.purchase_DM[:, None] * np.log2(1 + stock)), rel=2e-3)
    figure = clv.figures.contact_effects(fit)
    buying, leaving = figure.axes
    assert [line.get_label() for line in buying.get_lines()][:2] == ["DM (observational)", "e-mail (observational)"]
    assert len(leaving.get_lines()) == 1  # the line of no effect


def test_a_fit_without_contacts_has_no_such_figure() -> None:
    plain = clv.fit(clv.time_varying(season="fourier(1)"), people(), method="map")
    with pytest.raises(ModelError, match="has no contacts"):
        clv.figures.contact_effects(plain)
