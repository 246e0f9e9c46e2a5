"""Survival of real contracts: the same estimates as lifelines, posteriors, and the time all of it takes.

    python benchmarks/survival.py --data FOLDER [--nuts]

FOLDER holds eu_savings_contracts.parquet: 21,921 savings contracts of a European insurer begun 1999 to 2006 and observed to
2008-01-01 (CASdatasets). Covariates are gender, age and the logarithms of face amount and risk premium, in standard deviations.
Seconds of processor are printed beside those of the clock: they hold on a machine that others use too.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from harness import describe, table

import clvmodels as clv

COVARIATES = ("male", "age", "face", "premium")
FORMULA = "~ male + age + face + premium"


def timed(what: Callable[[], Any], *, times: int = 3) -> tuple[float, float, Any]:
    """Seconds of the clock and of the processor of the fastest of some runs after a first, and the result."""
    what()
    found = []
    for _ in range(times):
        begin = time.perf_counter(), time.process_time()
        result = what()
        found.append((time.perf_counter() - begin[0], time.process_time() - begin[1]))
    return *min(found), result


def contracts(path: Path) -> clv.Contracts:
    rows = pd.read_parquet(path)
    numbers = {
        "male": (rows["gender"] == "Male").astype(float), "age": rows["age_at_start"],
        "face": np.log1p(rows["face_amount"]), "premium": np.log1p(rows["risk_premium"]),
    }  # fmt: skip
    rows = rows.assign(
        cohort=pd.to_datetime(rows["start_date"]).dt.year.astype(str),
        **{name: (column - column.mean()) / column.std() for name, column in numbers.items()},
    )
    return clv.Contracts(
        rows, customer="customer_id", start="start_date", end="end_date", status="status", observed_until="2008-01-01",
        segment="cohort", covariates=[*COVARIATES, "gender"],
    )  # fmt: skip


def months(tenures: clv.Tenures) -> clv.Tenures:
    """Every contract cut into its months, one row each."""
    length = tenures.exit.astype(int)
    row = np.repeat(np.arange(length.size), length)
    end = np.concatenate([np.arange(1, n + 1) for n in length]).astype(float)
    last = end == tenures.exit[row]
    return clv.Tenures(
        tenures.customer_id[row], end - 1, end, np.where(last, tenures.event[row], 0.0), tenures.period, contract=row,
        running=last & tenures.there[row], segment=tenures.segment[row],  # type: ignore[index]
        covariates={"gender": tenures.covariates["gender"][row]},  # type: ignore[index]
    )  # fmt: skip


def like_lifelines(name: str, theta: Any) -> np.ndarray:
    """Our estimates as lifelines writes them: intercept and effects on log time, then the log of the shape."""
    effects = np.array(theta[2:])
    if name == "weibull":
        return np.array([np.log(theta.scale), *(-effects / theta.shape), np.log(theta.shape)])
    return np.array([np.log(theta.median), *effects, np.log(theta[1])])


def print_peers(tenures: clv.Tenures) -> None:
    try:
        from lifelines import CoxPHFitter, LogLogisticAFTFitter, LogNormalAFTFitter, WeibullAFTFitter
    except ImportError:
        print("lifelines is not installed")
        return
    frame = pd.DataFrame({name: tenures.covariates[name] for name in COVARIATES})  # type: ignore[index]
    frame -= frame.mean()
    frame = frame.assign(exit=tenures.exit, event=tenures.event)
    lines = []
    for name, peer in (
        ("weibull", WeibullAFTFitter), ("lognormal", LogNormalAFTFitter), ("loglogistic", LogLogisticAFTFitter),
    ):  # fmt: skip
        clock, cpu, ours = timed(lambda n=name: clv.fit(clv.survival(n, formula=FORMULA), tenures, method="mle"))
        clock_2, cpu_2, theirs = timed(
            lambda p=peer: p().fit(frame, "exit", "event", formula="+".join(COVARIATES), fit_options={"ftol": 1e-15}),
            times=1,
        )
        own, other = like_lifelines(name, ours.theta), _in_order(theirs.params_)
        apart = abs(own - other).max() / abs(other).max()
        lines.append([name, apart, ours.loglik - theirs.log_likelihood_, clock, cpu, clock_2, cpu_2])
    head = ["maximum likelihood", "largest difference / largest", "log-likelihood above", "s", "s cpu"]
    table("lifelines", [*head, "s lifelines", "s cpu lifelines"], lines)
    ours = clv.fit(clv.survival("piecewise", formula=FORMULA), tenures, seed=1).summary()
    theirs = CoxPHFitter().fit(frame, "exit", "event").summary
    rows = [[n, *ours.loc[f"hazard_{n}", ["estimate", "sd"]], *theirs.loc[n, ["coef", "se(coef)"]]] for n in COVARIATES]
    table("Effects on the log hazard", ["", "piecewise", "sd", "Cox, lifelines", "se"], rows)


def _in_order(params: pd.Series) -> np.ndarray:
    """Intercept and effects of lifelines, then the log of the shape; of sigma in the log-normal."""
    names = [name for name, _ in params.index]
    main, shape = names[0], next(n for n in names if n != names[0])
    for one in ("lambda_", "mu_", "alpha_"):
        main, shape = (one, next(n for n in names if n != one)) if one in names else (main, shape)
    found = [params[main, name] for name in ("Intercept", *COVARIATES)]
    return np.array([*found, params[shape, "Intercept"]])


def print_posteriors(exact: clv.Tenures, whole: clv.Tenures, *, nuts: bool) -> None:
    person_months = months(whole)
    cases = [
        ("weibull, four covariates", clv.survival("weibull", formula=FORMULA), exact),
        ("loglogistic, four covariates", clv.survival("loglogistic", formula=FORMULA), exact),
        ("lognormal, four covariates", clv.survival("lognormal", formula=FORMULA), exact),
        ("weibull, four covariates, a share never leaves", clv.survival("weibull", formula=FORMULA, cure=True), exact),
        ("piecewise, four covariates", clv.survival("piecewise", formula=FORMULA), exact),
        ("weibull, four covariates, frailty by cohort", clv.survival("weibull", formula=FORMULA, frailty="segment"), exact),
        ("discrete, by month, four covariates", clv.survival("discrete", formula=FORMULA), whole),
        (
            f"discrete, {person_months.exit.size:,} person-months, gender and frailty by cohort",
            clv.survival("discrete", formula="~ gender", frailty="segment"), person_months,
        ),
    ]  # fmt: skip
    lines = []
    for title, model, tenures in cases:
        for method in ("auto", "nuts") if nuts else ("auto",):
            begin = time.perf_counter(), time.process_time()
            try:
                fit = clv.fit(model, tenures, method=method, draws=2000 if method == "auto" else 500, seed=1)  # type: ignore[arg-type]
            except clv.ConvergenceError as error:
                print(f"{title}, {method}: {error}")
                continue
            found = fit.diagnostics
            k_hat = np.nan if found.k_hat is None else found.k_hat
            spent = [time.perf_counter() - begin[0], time.process_time() - begin[1]]
            lines.append([title, fit.method, fit.n_distinct, len(fit.theta), k_hat, found.ess, *spent])
    table("Posterior", ["", "engine", "distinct rows", "parameters", "k-hat", "effective draws", "s", "s cpu"], lines)


def print_forecast_cost(exact: clv.Tenures) -> None:
    fit = clv.fit(clv.survival("weibull", formula=FORMULA), exact, seed=1)
    theta = fit.model.Theta(*(v[:, None] for v in fit.draws(200)))
    there = exact.still_there

    def ahead() -> float:
        rows, total = np.arange(there.exit.size), 0.0
        for part in np.array_split(rows, 14):
            for stays in fit.model.survival_path(theta, there.select(np.isin(rows, part)), periods=60):
                total += float(stays.mean(axis=0).sum())
        return total

    clock, cpu, _ = timed(ahead, times=1)
    line = [f"survival 1 to 60 months ahead of {there.exit.size:,} customers by 200 draws", clock, cpu]
    table("Formulas", ["", "s", "s cpu"], [line])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with eu_savings_contracts.parquet")
    parser.add_argument("--nuts", action="store_true", help="sample by NUTS too")
    options = parser.parse_args()
    warnings.filterwarnings("ignore", module="lifelines")
    print(describe())
    found = contracts(options.data / "eu_savings_contracts.parquet")
    exact, whole = found.tenures(period=clv.MONTH, whole=False), found.tenures(period=clv.MONTH)
    exact = exact.select(exact.exit > exact.entry)
    print(f"{exact}\n{whole}")
    print_peers(exact)
    print_posteriors(exact, whole, nuts=options.nuts)
    print_forecast_cost(exact)


if __name__ == "__main__":
    main()
