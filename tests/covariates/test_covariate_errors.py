"""Formulas and covariates that cannot be used: the message names the column, the customers and the remedy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import clvmodels as clv

WEEK = clv.WEEK
KNOWN = {
    "age": [20.0, 30.0, 40.0, 50.0],
    "double": [40.0, 60.0, 80.0, 100.0],
    "same": [1, 1, 1, 1],
    "channel": ["online", "shop", "online", "shop"],
    "gap": ["x", None, "y", "x"],
    "hole": [1.0, np.nan, np.nan, 2.0],
    "zero": [0.0, 1.0, 2.0, 3.0],
    "when": pd.date_range("2024-01-01", periods=4).to_numpy(),
}


def people(**changes) -> clv.Histories:
    known = {**KNOWN, **changes}
    return clv.Histories(
        ["A", "B", "C", "D"], [1, 0, 2, 3], [5, 0, 6, 7], [9, 9, 9, 9], np.full(4, np.nan), WEEK, covariates=known
    )


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("~ gap", r"'gap' is missing in 1 row: customer B \(None\). Fill the gaps"),
        ("~ hole", r"'hole' is missing in 2 rows: customer B \(nan\), customer C \(nan\)"),
        ("~ same", r"'same' in purchase= is the same for all 4 customers"),
        ("~ age + double", r"'double' in purchase= is a combination of 'age'"),
        ("~ when", r"'when' holds datetime64"),
        ("~ agge", r"no covariate 'agge' \(asked for in purchase=\). The columns are: age, double"),
        ("~ log(zero)", r"'log\(zero\)' in purchase= is not a number for 1 customers"),
        ("~ channel + age + age:channel + double", r"'double' in purchase= is a combination of 'age'"),
    ],
)
def test_columns_that_cannot_be_used(formula, message) -> None:
    with pytest.raises(clv.HistoryError, match=message):
        clv.with_covariates(clv.BG_NBD, purchase=formula).on(people())


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("~ (age", "cannot be read"),
        ("age ~ channel", "more than one side"),
        ("~ 0 + channel", "leaves out the intercept"),
        ("~ 1", "has no covariate"),
        ("~ np.load(age)", r"np.load may not be used"),
        ("~ age.__class__", "may not be used"),
        (3, "is not a formula"),
    ],
)
def test_formulas_that_cannot_be_used(formula, message) -> None:
    with pytest.raises(clv.ModelError, match=message):
        clv.with_covariates(clv.BG_NBD, purchase=formula).on(people())


def test_nothing_but_columns_and_functions_of_the_language_is_evaluated() -> None:
    with pytest.raises(clv.HistoryError, match="no covariate '__import__'"):
        clv.with_covariates(clv.BG_NBD, purchase="~ __import__('os')").on(people())
    with pytest.raises(clv.HistoryError, match="no covariate 'open'"):
        clv.with_covariates(clv.BG_NBD, purchase="~ open('x')").on(people())


def test_a_label_that_was_not_there_when_fitting() -> None:
    fitted = clv.with_covariates(clv.BG_NBD, purchase="~ channel").on(people())
    later = people(channel=["online", "phone", "phone", "shop"])
    with pytest.raises(
        clv.HistoryError, match=r"'channel' has a label .* customer B \(phone\).* It knows online, shop"
    ):
        fitted.p_alive((0.2, 4.0, 0.8, 2.4, 0.1), later)


def test_histories_without_the_covariate() -> None:
    fitted = clv.with_covariates(clv.BG_NBD, purchase="~ channel").on(people())
    bare = clv.Histories(["A"], [1], [5], [9], [np.nan], WEEK)
    with pytest.raises(clv.HistoryError, match=r"reads the covariate 'channel', .* There are none. Add columns"):
        fitted.p_alive((0.2, 4.0, 0.8, 2.4, 0.1), bare)


def test_models_and_processes_that_cannot_have_covariates() -> None:
    with pytest.raises(clv.ModelError, match=r"NBD has no dropout. Covariates can move its purchase"):
        clv.with_covariates(clv.NBD, dropout="~ age")
    with pytest.raises(clv.ModelError, match=r'There is no formula. Write for example purchase="~ channel"'):
        clv.with_covariates(clv.NBD)
    with pytest.raises(clv.ModelError, match="not a model that can be given covariates"):
        clv.with_covariates(clv.with_covariates(clv.BG_NBD, purchase="~ age").on(people()), purchase="~ age")
    with pytest.raises(clv.ModelError, match="ridge=0 is not a positive number"):
        clv.with_covariates(clv.NBD, purchase="~ age", ridge=0)
    with pytest.raises(clv.ModelError, match="equal='channel' is not in every formula"):
        clv.with_covariates(clv.BG_NBD, purchase="~ age", dropout="~ channel", equal=["channel"]).on(people())


def test_priors_of_coefficients_are_normal() -> None:
    spec = clv.with_covariates(clv.BG_NBD, purchase="~ age")
    with pytest.raises(clv.ModelError, match=r"The parameter is a coefficient: give Normal"):
        clv.fit(spec, people(), priors={"purchase_age": clv.LogNormal(1.0, 1.0)})
    with pytest.raises(clv.ModelError, match=r"The parameter is positive: give LogNormal, Gamma or HalfNormal"):
        clv.fit(spec, people(), priors={"r": clv.Normal(0.0, 1.0)})


def test_tables_of_customers_that_do_not_fit() -> None:
    bare = clv.Histories(["A", "B"], [1, 0], [5, 0], [9, 9], [np.nan] * 2, WEEK)
    with pytest.raises(clv.HistoryError, match=r"1 of the customers are not in the table: B. Give each a row"):
        bare.with_covariates(pd.DataFrame({"customer_id": ["A", "C"], "age": [1, 2]}))
    with pytest.raises(clv.HistoryError, match=r"1 customers are in the table more than once: A"):
        bare.with_covariates(pd.DataFrame({"customer_id": ["A", "A", "B"], "age": [1, 2, 3]}))
    with pytest.raises(clv.HistoryError, match=r"no column 'sex' \(asked for as columns=\)"):
        bare.with_covariates(pd.DataFrame({"customer_id": ["A", "B"], "age": [1, 2]}), columns=["sex"])
    with pytest.raises(clv.HistoryError, match=r"'T' is both a column of the histories and a covariate"):
        bare.with_covariates(pd.DataFrame({"customer_id": ["A", "B"], "T": [1, 2]}))
