"""Import, BG/NBD maximum likelihood and BG/NBD posterior on CDNOW (23,570 customers), against the installed peers.

    python benchmarks/fits.py [--quick]

Fits are timed warm (after a first call in the process); histories are ready before the clock starts. Effective draws are
the smallest number over the four parameters. pymc-marketing gets the tenth of CDNOW, as its time allows.
"""

from __future__ import annotations

import argparse
import os

from harness import Measured, describe, measure, table

DATA = """
import time
import clvmodels as clv
def histories(sample=False):
    log = clv.samples.cdnow_sample() if sample else clv.samples.cdnow()
    return log.split("1997-09-30").calibration.histories(period=clv.WEEK)
"""
OURS_MLE = (
    DATA
    + """
h = histories()
times = []
for _ in range(6):
    begin = time.perf_counter(); fit = clv.fit(clv.BG_NBD, h, method="mle"); times.append(time.perf_counter() - begin)
print(min(times[1:]), fit.loglik)
"""
)
OURS_POSTERIOR = (
    DATA
    + """
h = histories()
clv.fit(clv.BG_NBD, h, seed=0)
begin = time.perf_counter()
fit = clv.fit(clv.BG_NBD, h, method="laplace", draws=4000, seed=1)
seconds = time.perf_counter() - begin
moments = *fit.posterior.mean().to_array().values, *fit.posterior.std().to_array().values
print(seconds, fit.diagnostics.ess, fit.diagnostics.k_hat, *moments)
"""
)
OURS_NUTS = (
    DATA
    + """
h = histories()
begin = time.perf_counter()
fit = clv.fit(clv.BG_NBD, h, method="nuts", draws=1000, chains=4, seed=1)
seconds = time.perf_counter() - begin
moments = *fit.posterior.mean().to_array().values, *fit.posterior.std().to_array().values
print(seconds, fit.diagnostics.ess, float("nan"), *moments)
"""
)
FAMILY = (
    DATA
    + """
h = histories()
model, method = clv.{model}, "{method}"
clv.fit(model, h, method=method, draws=500)
times = []
for _ in range(5 if method == "mle" else 2):
    begin = time.perf_counter()
    fit = clv.fit(model, h, method=method, draws=2000)
    times.append(time.perf_counter() - begin)
print(min(times), fit.diagnostics.ess or float("nan"), fit.diagnostics.k_hat or float("nan"), fit.loglik)
"""
)
LIFETIMES_PARETO = (
    DATA
    + """
import warnings; warnings.simplefilter("ignore")
from lifetimes import ParetoNBDFitter
h = histories()
f = ParetoNBDFitter()
begin = time.perf_counter(); f.fit(h.frequency, h.recency, h.T); seconds = time.perf_counter() - begin
theta = [float(f.params_[name]) for name in ("r", "alpha", "s", "beta")]
print(seconds, float("nan"), float("nan"), clv.PARETO_NBD.log_likelihood(theta, h).sum())
"""
)
GOMPERTZ = """
import time
import numpy as np
import clvmodels as clv
n = 23_570
T = np.random.default_rng(0).integers(27 * 7, 39 * 7 + 1, n) / 7
people = clv.GGOMPERTZ_NBD.simulate((0.55, 10.6, 0.08, 0.6, 1.5), T=T, period=clv.WEEK, seed=1)
recency = np.where(people.frequency > 0, np.minimum(T, np.ceil(people.recency * 7).clip(1) / 7), 0.0)
h = clv.Histories(people.customer_id, people.frequency, recency, T, people.monetary_value, clv.WEEK)
times = []
for _ in range(5):
    begin = time.perf_counter(); fit = clv.fit(clv.GGOMPERTZ_NBD, h, method="mle"); times.append(time.perf_counter() - begin)
print(min(times[1:]), float("nan"), float("nan"), fit.loglik)
"""
COVARIATES = """
import os, time
import numpy as np
import pandas as pd
import clvmodels as clv
folder = os.environ["CLVMODELS_DATA"]
names = {"customer": "customer_id", "date": "date", "amount": "amount", "free_orders": "count"}
log = clv.Transactions(folder + "/apparel_transactions.parquet", **names)
h = log.split("2006-12-31").calibration.histories(period=clv.WEEK)
h = h.with_covariates(pd.read_parquet(folder + "/apparel_static_covariates.parquet"))
model = clv.with_covariates(clv.PARETO_NBD, purchase="~ gender + channel", dropout="~ gender + channel")
times = []
for _ in range(6):
    begin = time.perf_counter(); fit = clv.fit(model, h, method="mle"); times.append(time.perf_counter() - begin)
print(min(times[1:]), fit.loglik, *fit.theta, *fit.summary()["sd"])
"""
CLVTOOLS = {
    "r": (1.8387, 0.3457), "alpha": (92.9435, 16.9749), "s": (0.5913, 0.2603), "beta": (49.5048, 36.1444),
    "purchase gender": (0.2860, 0.1041), "purchase channel": (0.6239, 0.1049),
    "dropout gender": (-0.6428, 0.2956), "dropout channel": (0.7902, 0.3058),
}  # fmt: skip
CLVTOOLS_LOGLIK = -5821.0627
"""Estimates and standard errors that CLVTools prints in its walkthrough (clvtools.com), on the 104 weeks to 2006-12-31."""
LIFETIMES = (
    DATA
    + """
import warnings; warnings.simplefilter("ignore")
from lifetimes import BetaGeoFitter
h = histories()
times = []
for _ in range(3):
    f = BetaGeoFitter(penalizer_coef=0.0)
    begin = time.perf_counter(); f.fit(h.frequency, h.recency, h.T); times.append(time.perf_counter() - begin)
theta = [float(f.params_[name]) for name in ("r", "alpha", "a", "b")]
print(min(times), clv.BG_NBD.log_likelihood(theta, h).sum())
"""
)
PYMC_MARKETING = (
    DATA
    + """
import warnings; warnings.simplefilter("ignore")
import arviz as az
from pymc_marketing.clv import BetaGeoModel
h = histories(sample=True).to_frame()
sampling = {"draws": 500, "tune": 500, "chains": 2, "cores": 2, "random_seed": 1, "progressbar": False}
begin = time.perf_counter()
m = BetaGeoModel(sampler_config=sampling)
"""
)
MAP = (
    PYMC_MARKETING
    + """
m.fit(h, method="map", progressbar=False)
print(time.perf_counter() - begin, float("nan"))
"""
)
NUTS = (
    PYMC_MARKETING
    + """
m.fit(h)
seconds = time.perf_counter() - begin
print(seconds, float(az.ess(m.idata.posterior.to_dataset()[["r", "alpha", "a", "b"]]).to_array().min()))
"""
)


def imports() -> None:
    """Seconds to import each package in a fresh interpreter, less the interpreter itself."""
    bare = _best("print(0)")
    rows: list[list[object]] = []
    for name in ("clvmodels", "lifetimes", "pymc_marketing.clv"):
        seconds = _best(f"import warnings; warnings.simplefilter('ignore'); import {name}; print(0)")
        rows.append([name, seconds - bare if isinstance(seconds, float) else seconds])
    table("import", ["", "seconds"], rows)


def _best(code: str, times: int = 4) -> float:
    found = [measure(code) for _ in range(times)]
    return (
        min(m.seconds for m in found if isinstance(m, Measured))
        if any(isinstance(m, Measured) for m in found)
        else float("nan")
    )


def likelihood(peers: bool) -> None:
    """Seconds to the maximum of the likelihood, and the log-likelihood there."""
    cases = {"clvmodels mle, 23,570": OURS_MLE, "lifetimes, 23,570": LIFETIMES}
    if peers:
        cases["pymc-marketing MAP, 2,357"] = MAP
    found = {name: measure(code) for name, code in cases.items()}
    ours = found["clvmodels mle, 23,570"]
    rows: list[list[object]] = []
    for name, m in found.items():
        ok = isinstance(m, Measured) and isinstance(ours, Measured)
        rows.append(
            [name, m.figures[0], m.figures[0] / ours.figures[0], f"{m.figures[1]:.3f}"]
            if ok
            else [name, str(m), "", ""]
        )
    table("BG/NBD maximum likelihood (warm)", ["", "seconds", "time / ours", "log-likelihood"], rows)


def posterior(peers: bool) -> None:
    """Effective posterior draws a second; laplace and nuts side by side, mean and sd."""
    cases = {"clvmodels laplace, 23,570": OURS_POSTERIOR, "clvmodels nuts, 23,570": OURS_NUTS}
    if peers:
        cases["pymc-marketing NUTS, 2,357"] = NUTS
    rows: list[list[object]] = []
    for name, code in cases.items():
        m = measure(code)
        if isinstance(m, str):
            rows.append([name, m, "", "", ""])
            continue
        seconds, ess, *rest = m.figures
        moments = (
            " ".join(f"{mean:.4f}±{sd:.4f}" for mean, sd in zip(rest[1:5], rest[5:9], strict=True)) if rest else ""
        )
        rows.append(
            [name, seconds, f"{ess:,.0f}", f"{ess / seconds:,.0f}", f"k-hat {rest[0]:.2f}; {moments}" if rest else ""]
        )
    table("BG/NBD posterior", ["", "seconds", "effective draws", "a second", "r, alpha, a, b: mean±sd"], rows)


def family() -> None:
    """Seconds to fit the other duration models, and effective posterior draws a second."""
    cases = {
        f"clvmodels {model} {method}": FAMILY.format(model=model, method=method)
        for model, method in (
            ("NBD", "mle"), ("MBG_NBD", "mle"), ("PARETO_NBD", "mle"), ("PARETO_NBD", "laplace"),
            ("GGOMPERTZ_NBD", "map"), ("GGOMPERTZ_NBD", "laplace"),
        )
    }  # fmt: skip
    cases["clvmodels GGOMPERTZ_NBD mle, 23,570 simulated (CDNOW has no maximum)"] = GOMPERTZ
    rows: list[list[object]] = []
    for name, code in {**cases, "lifetimes ParetoNBDFitter": LIFETIMES_PARETO}.items():
        m = measure(code)
        if isinstance(m, str):
            rows.append([name, m, "", "", ""])
            continue
        seconds, ess, k_hat, loglik = m.figures
        rows.append([name, seconds, ess / seconds, k_hat, f"{loglik:.3f}"])
    table(
        "The other duration models, 23,570 customers (warm)",
        ["", "seconds", "effective draws a second", "k-hat", "log-likelihood"],
        rows,
    )


def covariates() -> None:
    """Pareto/NBD with two covariates on both processes, 600 customers: seconds, and the estimates beside those of CLVTools."""
    if "CLVMODELS_DATA" not in os.environ:
        print("Set CLVMODELS_DATA to the folder of apparel_*.parquet to time covariates: skipped.")
        return
    m = measure(COVARIATES)
    if isinstance(m, str):
        print(f"Covariates: {m}")
        return
    seconds, loglik, *figures = m.figures
    ours = zip(figures[: len(CLVTOOLS)], figures[len(CLVTOOLS) :], strict=True)
    rows: list[list[object]] = [
        [name, *(f"{v:.4f}" for pair in (mine, theirs) for v in pair)]
        for (name, theirs), mine in zip(CLVTOOLS.items(), ours, strict=True)
    ]
    rows.append(["log-likelihood", f"{loglik:.4f}", "", f"{CLVTOOLS_LOGLIK:.4f}", ""])
    title = f"Pareto/NBD with covariates, 600 customers, maximum likelihood: {seconds:.3g} s"
    table(title, ["", "clvmodels", "standard error", "CLVTools", "standard error"], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="leave pymc-marketing out")
    options = parser.parse_args()
    print(describe())
    imports()
    likelihood(not options.quick)
    posterior(not options.quick)
    family()
    covariates()


if __name__ == "__main__":
    main()
