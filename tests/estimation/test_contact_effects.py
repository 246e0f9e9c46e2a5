"""What a fit over time says of its contacts: effects, how long they last, and how that is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.units import DAY
from tests.contacted import World, log_of, stated, theta_of, world

EFFECTS = {"purchase_e_mail": 0.5, "purchase_DM": 0.3, "dropout_e_mail": 0.8, "dropout_DM": -0.4}


@pytest.fixture(scope="module")
def small() -> World:
    return world(40, truth=EFFECTS, held=0.4)


@pytest.fixture(scope="module")
def fitted(small: World) -> clv.Fit:
    return clv.fit(small.spec, small.histories, method="map")


def test_effects_of_one_fresh_contact(fitted) -> None:
    table = stated(fitted, **EFFECTS, spread=0.1).contact_effects(interval=0.8)
    assert table.index.names == ["medium", "process"] and len(table) == 4
    for (medium, process), row in table.iterrows():
        effect = EFFECTS[f"{process}_{medium.replace('-', '_')}"]
        assert row["effect"] == pytest.approx(effect, abs=0.01)
        assert row["factor"] == pytest.approx(np.exp(effect), rel=0.01)
        assert (row["upper"] - row["lower"]) / 2 == pytest.approx(1.2816 * 0.1, rel=0.05)  # normal, 80 %
        assert row["p_positive"] == pytest.approx(float(effect > 0), abs=0.01)
        assert row["grade"] == "randomised" and "held out" in row["reason"]
    assert table.loc["e-mail", "half_life"].tolist() == pytest.approx([7.0] * 2, rel=0.02)
    assert table.loc["DM", "half_life_upper"].iloc[0] == pytest.approx(21.0 * np.exp(1.2816 * 0.1), rel=0.03)


def test_the_doubt_whether_a_medium_does_anything(fitted) -> None:
    """Dickey's ratio written out: two coefficients with posterior N(m, 0.1) and priors N(0, 1)."""
    for at in (0.0, 0.2):
        some = stated(fitted, purchase_DM=at, dropout_DM=-at, spread=0.1)
        ratio = 100.0 * np.exp(-2 * (at / 0.1) ** 2 / 2)
        found = some.contact_effects().loc["DM", "p_no_effect"].iloc[0]
        assert found == pytest.approx(ratio / (1 + ratio), abs=0.03)
    by_hand = replace(some, priors=None, method="mle").contact_effects()
    assert by_hand["p_no_effect"].isna().all()


def test_half_lives_are_days_whatever_the_period(small, fitted) -> None:
    daily = clv.fit(small.spec, small.histories.to(DAY), method="map")
    one, other = (fit.contact_effects() for fit in (fitted, daily))
    assert other["half_life"].to_numpy() == pytest.approx(one["half_life"].to_numpy(), rel=0.05)


def test_terms_that_begin_later_or_are_shared(small) -> None:
    """Irritation works at once and counts for every medium; what comes afterwards begins at nothing."""
    spec = clv.time_varying(
        purchase="~ DM + DM_later + e_mail + irritation", dropout="~ e_mail", contacts=small.contacts
    )
    fit = stated(clv.fit(spec, small.histories, method="map"), spread=1e-6, purchase_DM=0.4, purchase_DM_later=-9.0,
                 purchase_irritation=-0.1, dropout_e_mail=0.2)  # fmt: skip
    table = fit.contact_effects()["effect"]
    assert table.to_dict() == pytest.approx(
        {("DM", "purchase"): 0.3, ("e-mail", "purchase"): -0.1, ("e-mail", "dropout"): 0.2}, abs=1e-4
    )


def test_a_fit_says_how_its_contacts_came_about(small, fitted) -> None:
    lines = repr(fitted).splitlines()
    assert sum(line.startswith(("DM: ", "e-mail: ")) and line.endswith("randomised") for line in lines) == 2
    assert not any("observed, not randomised" in one for one in fitted.warnings)
    assert all(name in fitted._repr_html_() for name in ("e-mail: purchase x", "randomised"))
    sent = small.table[~small.table["held"]]
    seen = clv.fit(clv.time_varying(contacts=log_of(sent)), small.histories, method="map")
    assert (seen.contact_effects()["grade"] == "observational").all()
    assert sum("observed, not randomised: nobody was held out" in one for one in seen.warnings) == 2
    assert seen.theta == fitted.theta  # who was held out tells nothing of the effect, only of the evidence
    unknown = replace(fitted, grounds=None).contact_effects()
    assert (unknown["grade"] == "observational").all() and unknown["reason"].str.contains("not at hand").all()


def test_a_fit_says_which_effects_the_data_hardly_tell(fitted) -> None:
    told, vague = (stated(fitted, spread=spread).warnings for spread in (0.1, 1.5))
    assert not told
    assert any(
        one.startswith("The data hardly tell what DM does to dropout: a fresh contact multiplies") for one in vague
    )
    assert not any("its column" in one for one in vague)


def test_a_saved_fit_keeps_its_evidence(fitted, tmp_path) -> None:
    loaded = clv.load(clv.save(fitted, tmp_path / "fit.parquet"))
    pd.testing.assert_frame_equal(loaded.contact_effects(), fitted.contact_effects())
    assert repr(loaded) == repr(fitted)


def test_without_contacts_there_are_no_effects(small) -> None:
    plain = clv.fit(clv.NBD, small.histories, method="map")
    with pytest.raises(clv.ModelError, match=r"NBD has no contacts. Fit clv.time_varying"):
        plain.contact_effects()
    assert theta_of(plain.model).r == 0.9
