"""Rates that change over time: speed, and holdouts forecast with seasons and without.

    python benchmarks/time_varying.py [--data FOLDER] [--large]

FOLDER holds apparel_transactions.parquet and apparel_dynamic_covariates.parquet (simulated by the authors of CLVTools), fitted up
to 2006-12-31. `--large` adds 100,000 simulated customers over 104 weeks, a tenth of them contacted. The holdouts are weekly
purchases of all customers after the calibration: the mean of the simulated forecast against what happened.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from harness import describe, measure, table

import clvmodels as clv

FORMULA = "~ high_season + gender + channel"
CLVTOOLS = (
    1.9777410,
    115.1779144,
    2.0127329,
    158.1817952,
    0.7182713,
    0.2649019,
    0.6137395,
    -2.4826722,
    -0.5124722,
    0.5057316,
)
MARKET = """
import time
import numpy as np, pandas as pd, clvmodels as clv
rng, n = np.random.default_rng(1), 100_000
start = np.datetime64("2022-01-03")
first = start + rng.integers(0, 52, n) * 7
sent = pd.DataFrame({"who": np.repeat(np.arange(n // 10), 8), "how": "e-mail"})
sent["when"] = start + rng.integers(0, 104, len(sent)) * 7
contacts = clv.Contacts(sent.drop_duplicates(), customer="who", medium="how", date="when")
born = clv.Transactions(pd.DataFrame({"who": np.arange(n), "day": first}), customer="who", date="day")
spec = clv.time_varying(purchase="~ month + contacts", dropout="~ contacts", contacts=contacts)
model = spec.on(born.histories(period=clv.WEEK, until="2023-12-31", dates=True))
months = np.log(np.array([.8, .9, 1, 1, 1, .9, .8, 1, 1.1, 1.4, 1.9]))
truth = (0.6, 10.0, 0.6, 15.0, *months, 0.7, 0.5, 1.5)
log = model.simulate(truth, first=first, until="2023-12-31", period=clv.WEEK, seed=2)
"""
LARGE = (
    MARKET
    + """
begin = time.perf_counter()
fit = clv.fit(spec, log, method="map")
seconds = time.perf_counter() - begin
z = (np.array(fit.model.coordinates().free(fit.theta)) - fit.model.coordinates().free(truth)) / np.sqrt(np.diag(fit.covariance))
print(seconds, float(np.abs(z).max()), fit.n_distinct)
"""
)
DIFFERENCE = (
    MARKET
    + """
from dataclasses import replace
log = replace(log, monetary_value=np.where(log.frequency > 0, rng.gamma(5.0, 8.0, n), np.nan))
some = log.select(log.customer_id[::100])
fit, quantity = clv.fit(spec, some, method="map"), clv.fit(clv.GAMMA_GAMMA, some, method="map")
planned = pd.DataFrame({"who": np.repeat(np.arange(n // 10), 4), "how": "e-mail"})
planned["when"] = np.datetime64("2024-01-02") + rng.integers(0, 26, len(planned)) * 7
plan = fit.under(contacts=clv.Contacts(planned.drop_duplicates(), customer="who", medium="how", date="when"))
terms = {"horizon": 52 * clv.WEEK, "discount": clv.Rate(0.1, per=clv.YEAR), "draws": 200}
clv.plan_difference(plan, fit, quantity, some, **terms)
begin = time.perf_counter()
found = clv.plan_difference(plan, fit, quantity, log, **terms)
seconds = time.perf_counter() - begin
net = found.parts_draws[0, -1] - found.expected_draws[0]
print(seconds, len(found.plans.order), net.mean() / net.std() * 200**0.5)
"""
)


def timed(what: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of a second run, after everything is compiled, and the result."""
    what()
    begin = time.perf_counter()
    result = what()
    return time.perf_counter() - begin, result


def print_holdout(log: clv.Transactions, specs: dict[str, Any], until: str, title: str) -> None:
    """Weekly purchases after `until` under several models, against what happened."""
    calibration, holdout = log.split(until)
    histories = calibration.histories(period=clv.WEEK, dates=True)
    quantity = clv.fit(clv.GAMMA_GAMMA, histories, method="map")
    weeks = (holdout.until - calibration.until).days // 7
    actual = weekly(holdout, set(histories.customer_id), until, weeks)
    lines = []
    for name, spec in specs.items():
        fit = clv.fit(spec, histories, method="laplace", draws=500, seed=1)
        stream = clv.forecast(fit, quantity, histories, horizon=weeks * clv.WEEK, draws=200, seed=1).stream()
        ahead = stream["purchases"].to_numpy()
        inside = (stream["purchases_lower"] <= actual) & (actual <= stream["purchases_upper"])
        off = float(ahead.sum() / actual.sum() - 1)
        lines.append(
            [
                name,
                f"{fit.loglik:,.1f}",
                float(np.sqrt(np.mean((ahead - actual) ** 2))),
                float(np.mean(np.abs(ahead - actual))),
                f"{off:+.1%}",
                f"{inside.mean():.0%}",
                fit.diagnostics.k_hat,
            ]
        )
    columns = ["", "log-likelihood", "weekly RMSE", "weekly MAE", "total", "weeks inside 90 %", "k-hat"]
    table(
        f"{title}: {len(histories):,} customers, {weeks} weeks after {until}, {actual.sum():,.0f} purchases",
        columns,
        lines,
    )


def weekly(holdout: clv.Transactions, known: set[Any], until: str, weeks: int) -> np.ndarray:
    """Purchases in each week after `until` of customers who were there before."""
    days = holdout.purchase_days().to_pyarrow().to_pandas()
    ages = (pd.to_datetime(days["date"]) - pd.Timestamp(until)).dt.days
    inside = days["customer_id"].isin(known) & (ages <= 7 * weeks)
    return np.bincount((ages[inside] - 1) // 7, minlength=weeks).astype(float)


def apparel(folder: Path) -> tuple[clv.Transactions, clv.Panel]:
    log = clv.Transactions(
        folder / "apparel_transactions.parquet",
        customer="customer_id",
        date="date",
        amount="amount",
        free_orders="count",
    )
    covariates = pd.read_parquet(folder / "apparel_dynamic_covariates.parquet").drop(columns="future")
    return log, clv.Panel(covariates, every=clv.WEEK)


def print_apparel(folder: Path) -> None:
    log, panel = apparel(folder)
    histories = log.split("2006-12-31")[0].histories(period=clv.WEEK, dates=True)
    spec = clv.time_varying(purchase=FORMULA, dropout=FORMULA, panel=panel)
    model = spec.on(histories)
    print(
        f"\nlog-likelihood at the estimates of CLVTools: {model.log_likelihood(CLVTOOLS, histories).sum():.4f} (-5752.9367)"
    )
    seconds, fit = timed(lambda: clv.fit(spec, histories, method="map"))
    lines = [["top of the posterior, three covariates on both processes", seconds, f"{fit.loglik:.3f}"]]
    seconds, fit = timed(lambda: clv.fit(spec, histories, method="laplace", seed=1))
    lines.append(["2,000 posterior draws by laplace", seconds, f"k-hat {fit.diagnostics.k_hat:.2f}"])
    table("Apparel, 600 customers x 104 weeks", ["", "seconds", ""], lines)
    print(fit.summary().round(3).to_string())
    seasonal = {
        "Pareto/NBD": clv.PARETO_NBD,
        "panel on both": spec,
        "panel on purchase": clv.time_varying(purchase=FORMULA, panel=panel),
        "month": clv.time_varying(season="month"),
        "fourier(2)": clv.time_varying(season="fourier(2)"),
    }
    print_holdout(log, seasonal, "2006-12-31", "Apparel")


def print_cdnow() -> None:
    log = clv.samples.cdnow()
    histories = log.split("1997-09-30")[0].histories(period=clv.WEEK, dates=True)
    spec = clv.time_varying(season="month")
    seconds, fit = timed(lambda: clv.fit(spec, histories, method="mle"))
    plain = clv.fit(clv.PARETO_NBD, histories, method="mle")
    lines = [["month effects, maximum likelihood", seconds, f"{fit.loglik:.1f}, without {plain.loglik:.1f}"]]
    table("CDNOW, 23,570 customers", ["", "seconds", "log-likelihood"], lines)
    waves = {"Pareto/NBD": clv.PARETO_NBD, "fourier(1)": clv.time_varying(season="fourier(1)")}
    print_holdout(log, waves, "1997-09-30", "CDNOW, nine months known: October to December never seen")
    months = waves | {"month": clv.time_varying(season="month"), "fourier(2)": clv.time_varying(season="fourier(2)")}
    print_holdout(log, months, "1998-03-31", "CDNOW, fifteen months known")


def print_large() -> None:
    found = measure(LARGE)
    if isinstance(found, str):
        print(f"\n100,000 customers: {found}")
        return
    seconds, worst, rows = found.figures
    line = [["contacts on both processes, month effects", seconds, found.gigabytes, worst, f"{rows:,.0f}"]]
    columns = [
        "",
        "seconds of the fit",
        "peak GB, simulation included",
        "largest |z| of 18 parameters",
        "distinct rows",
    ]
    table("100,000 simulated customers x 104 weeks, a tenth contacted", columns, line)


def print_difference() -> None:
    found = measure(DIFFERENCE)
    if isinstance(found, str):
        print(f"\nDifference of two plans: {found}")
        return
    seconds, differ, error = found.figures
    line = [[f"{differ:,.0f} customers contacted by one plan alone", seconds, found.gigabytes, error]]
    columns = ["", "seconds", "peak GB, simulation included", "z of net, drawn against expected"]
    table("Difference of two plans over 52 weeks, 100,000 customers x 200 draws", columns, line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with the apparel files")
    parser.add_argument("--large", action="store_true", help="100,000 simulated customers too")
    options = parser.parse_args()
    print(describe())
    if options.data is None:
        print("\nApparel left out: no --data.")
    else:
        print_apparel(options.data)
    print_cdnow()
    if options.large:
        print_large()
        print_difference()


if __name__ == "__main__":
    main()
