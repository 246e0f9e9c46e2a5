"""Several futures of the same customers: what their past says is found once, and the rest is as if it had been found anew."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv
from clvmodels.history import upright

from .test_contact_terms import some_contacts
from .test_time_varying import people

THETA = {"r": 0.8, "alpha": 5.0, "s": 0.6, "beta": 12.0, "half_life_e_mail": 1.0, "half_life_DM": 4.0}


@pytest.mark.parametrize("horizon", [0.5, 26.0, np.inf])
def test_futures_are_as_if_found_anew(horizon: float) -> None:
    """With seasons, a promotion of each customer's own, contacts of the log, and contacts to come."""
    histories, rng = people(40), np.random.default_rng(2)
    changes = pd.DataFrame({"customer_id": np.repeat(histories.customer_id, 2), "promotion": rng.random(80)})
    changes["date"] = np.tile(["2023-12-31", "2024-05-01"], 40)
    later = changes.tail(40).assign(date="2025-02-01", customer_id=histories.customer_id)
    panel = clv.Panel(pd.concat([changes, later]), until="2099-12-31")
    spec = clv.time_varying(
        purchase="~ month + promotion + contacts + DM_later", dropout="~ quarter + e_mail + irritation",
        panel=panel, contacts=some_contacts(),
    )  # fmt: skip
    model = spec.on(histories)
    names = model.Theta._fields
    draws = [
        THETA.get(name, 1.0) * np.exp(rng.normal(0, 0.1, 3)) if name in THETA else rng.normal(0, 0.3, 3)
        for name in names
    ]
    theta, each = model.Theta(*draws), upright(histories)
    futures = [model, model.contacted([("e-mail", 0.0), ("DM", 11.0)]), model.contacted([("DM", 2.5)])]
    standing = model.standing(theta, each)
    assert standing.alive == pytest.approx(model.p_alive(theta, each), rel=1e-12)
    forces = (0.05,) if np.isinf(horizon) else (0.05, 0.0)
    for one in futures:
        found = one.expected_standing(standing, theta, each, horizon=horizon, forces=forces)
        for value, force in zip(found, forces, strict=True):
            anew = one.expected_if_alive(theta, each, horizon=horizon, force=force)
            assert value == pytest.approx(anew, rel=1e-11)
    one, other = (future.expected_if_alive(theta, each, horizon=26.0, force=0.0) for future in futures[:2])
    assert np.abs(np.log(other / one)).max() > 0.01
