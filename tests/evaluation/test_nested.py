"""Nested models: the right pairs with the right degrees of freedom, p-values that are uniform under noise, effects found."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.optimize import minimize
from scipy.special import gammaln

import clvmodels as clv
from clvmodels.evaluation.choose import compare_models
from clvmodels.evaluation.nested import pairs, ratios

WEEK = clv.WEEK
BUYING, LEAVING = (0.8, 6.0), (0.9, 3.0)


def people(n: int, seed: int, *, effect: float = 0.0, model=clv.BG_NBD) -> clv.Histories:
    """Customers of 30 to 80 weeks with two numbers and a label; only `z` may matter, for purchases."""
    rng = np.random.default_rng(seed)
    known = {"z": rng.normal(size=n), "noise": rng.normal(size=n), "shop": rng.choice(["a", "b", "c"], n)}
    r, alpha = BUYING
    theta = (r, alpha * np.exp(-effect * known["z"])[:, None], *(LEAVING if model is clv.BG_NBD else ()))
    found = model.simulate(theta, T=rng.uniform(30, 80, n), period=WEEK, seed=rng)
    return clv.Histories.from_frame(found.to_frame().assign(**known), period=WEEK, covariates=list(known))


def covered(purchase: str | None = None, dropout: str | None = None, **options: object):
    return clv.with_covariates(clv.BG_NBD, purchase=purchase, dropout=dropout, **options)  # type: ignore[arg-type]


def maxima(specs, customers: clv.Histories) -> pd.DataFrame:
    fits = [clv.fit(spec, customers, method="mle") for spec in specs]
    return ratios({f.model.name: f.model for f in fits}, {f.model.name: f.loglik for f in fits})


def test_the_ratio_is_that_of_likelihoods_written_out_by_hand() -> None:
    """NBD whose rate is multiplied by exp(gamma z): log-likelihood by the gamma function, searched without a gradient."""
    customers = people(400, 3, effect=0.15, model=clv.NBD)
    z, x, T = customers.covariates["z"], customers.frequency, customers.T

    def loss(u: np.ndarray) -> float:
        r, alpha = np.exp(u[0]), np.exp(u[1] - (u[2] if u.size > 2 else 0.0) * z)
        return -float(np.sum(gammaln(r + x) - gammaln(r) + r * np.log(alpha) - (r + x) * np.log(alpha + T)))

    exact = {"method": "Nelder-Mead", "options": {"xatol": 1e-9, "fatol": 1e-10, "maxiter": 4000}}
    statistic = 2 * (minimize(loss, [0.0, 1.0], **exact).fun - minimize(loss, [0.0, 1.0, 0.0], **exact).fun)
    found = maxima([clv.NBD, clv.with_covariates(clv.NBD, purchase="~ z")], customers)
    assert found.index.tolist() == [("NBD", "NBD with purchase ~ z")]
    row = found.iloc[0]
    assert row["statistic"] == pytest.approx(statistic, abs=1e-5)
    assert row["degrees_of_freedom"] == 1 and not row["conservative"]
    assert row["p_value"] == pytest.approx(math.erfc(math.sqrt(statistic / 2)), rel=1e-4)


def test_fewer_covariates_are_nested_in_more() -> None:
    customers = people(60, 0)
    specs = {
        "one": covered("~ z"),
        "two": covered("~ z + noise"),
        "swapped": covered("~ noise + z"),
        "label": covered("~ shop", "~ z"),
        "all": covered("~ shop + z + noise", "~ z"),
        "tied": covered("~ z", "~ z", equal=["z"]),
        "free": covered("~ z", "~ z"),
        "log": covered("~ np.exp(z)"),
    }
    models = {"none": clv.BG_NBD, "other": clv.MBG_NBD} | {name: spec.on(customers) for name, spec in specs.items()}
    found = {(p.smaller, p.larger) for p in pairs(models)}
    assert not any(p.boundary for p in pairs(models))
    assert found == {
        *(("none", name) for name in specs),
        ("one", "two"), ("one", "swapped"), ("one", "all"), ("one", "free"),
        ("two", "all"), ("swapped", "all"), ("label", "all"), ("tied", "free"), ("free", "all"), ("tied", "all"),
    }  # fmt: skip


def test_degrees_of_freedom_count_coefficients() -> None:
    customers = people(2000, 1)
    found = maxima([clv.BG_NBD, covered("~ shop"), covered("~ shop + z", "~ z")], customers)
    shop, both = "BG_NBD with purchase ~ shop", "BG_NBD with purchase ~ shop + z; dropout ~ z"
    wanted = {("BG_NBD", shop): 2, ("BG_NBD", both): 4, (shop, both): 2}
    assert found["degrees_of_freedom"].to_dict() == wanted
    assert (found["statistic"] > 0).all()
    assert found["statistic"].loc[("BG_NBD", both)] == pytest.approx(
        found["statistic"].loc[("BG_NBD", shop)] + found["statistic"].loc[(shop, both)]
    )


def test_limits_are_nested_with_the_same_covariates_only() -> None:
    customers = people(60, 0)
    specs = [clv.with_covariates(clv.NBD, purchase="~ z"), covered("~ z"), covered("~ z", "~ z")]
    models = {"NBD": clv.NBD, "BG_NBD": clv.BG_NBD} | {spec.name: spec.on(customers) for spec in specs}
    found = [(p.smaller, p.larger) for p in pairs(models) if p.boundary]
    assert found == [("NBD", "BG_NBD"), ("NBD with purchase ~ z", "BG_NBD with purchase ~ z")]


def test_an_effect_is_found_and_noise_is_not_and_the_words_say_so() -> None:
    found = compare_models([clv.BG_NBD, covered("~ z"), covered("~ z + noise")], people(500, 6, effect=0.5), draws=100)
    table, names = found.nested(), ("BG_NBD", "BG_NBD with purchase ~ z", "BG_NBD with purchase ~ z + noise")
    assert table.index.tolist() == [(names[0], names[1]), (names[0], names[2]), (names[1], names[2])]
    assert table["degrees_of_freedom"].tolist() == [1, 2, 1]
    assert table["p_value"].iloc[0] < 1e-6 and table["p_value"].iloc[2] > 0.05
    said = " ".join(found.words())
    assert f"{names[1]} describes them better than BG_NBD: likelihood ratio" in said
    assert "1 degree of freedom, p < 0.001." in said
    assert f"{names[2]} gains no more than chance over {names[1]}" in said
    assert "one degree of freedom per coefficient" in found.note and "conservative" not in found.note


@pytest.mark.slow
@pytest.mark.parametrize(("purchase", "dropout", "freedom"), [("~ noise", None, 1), ("~ noise", "~ shop", 3)])
def test_p_values_of_noise_are_uniform(purchase: str, dropout: str | None, freedom: int) -> None:
    """200 samples of 400 customers: Kolmogorov and Smirnov find no departure, and one in twenty lies below 0.05."""
    p_values = []
    for seed in range(200):
        found = maxima([clv.BG_NBD, covered(purchase, dropout)], people(400, 1000 + seed))
        assert found["degrees_of_freedom"].item() == freedom
        p_values.append(found["p_value"].item())
    assert stats.kstest(p_values, "uniform").pvalue > 0.01
    below = int(np.sum(np.array(p_values) < 0.05))
    assert stats.binomtest(below, 200, 0.05).pvalue > 0.01
