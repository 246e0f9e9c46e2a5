"""Survival of real contracts beside lifelines: the same estimates and concordance, the time they take, and predictions to 2008.

    python benchmarks/survival.py [--data FOLDER] [--nuts]

FOLDER holds eu_savings_contracts.parquet (see contracts.py). Estimates and times are of all contracts as they were known on
2008-01-01, with four covariates. Predictions are made on 2006-01-01 of the contracts begun until the end of 2003.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from contracts import KNOWN, LAST, REGULAR, timed
from harness import describe, table

import clvmodels as clv

COVARIATES = ("gender", "age_at_start", "log_face", "log_saving")
FORMULA = f"~ {' + '.join(COVARIATES)}"
POINT = ("exponential", "weibull", "lognormal", "loglogistic")
QUARTERS = 24 // 3


def read(path: Path) -> pd.DataFrame:
    rows = pd.read_parquet(path)
    for name in ("start_date", "end_date"):
        rows[name] = pd.to_datetime(rows[name])
    return rows.assign(
        log_face=np.log(rows["face_amount"]),
        log_saving=np.log(rows["saving_premium"]),
        cohort=rows["start_date"].dt.year,
    )


def tenures_of(rows: pd.DataFrame, *, whole: bool) -> clv.Tenures:
    contracts = clv.Contracts(
        rows, customer="customer_id", start="start_date", end="end_date", status="status", observed_until=LAST,
        covariates=list(COVARIATES),
    )  # fmt: skip
    return contracts.tenures(period=clv.MONTH, whole=whole)


def once(what: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    result = what()
    return time.perf_counter() - begin, result


# Estimates: the same model in two parametrisations


def lifelines_fit(frame: pd.DataFrame, baseline: str) -> Any:
    import lifelines

    fitters = {
        "weibull": lifelines.WeibullAFTFitter, "lognormal": lifelines.LogNormalAFTFitter,
        "loglogistic": lifelines.LogLogisticAFTFitter,
    }  # fmt: skip
    fitter = fitters[baseline]()
    return fitter.fit(frame, "time", "event", formula=FORMULA.removeprefix("~ "))


def in_our_terms(fitter: Any, baseline: str, means: np.ndarray) -> np.ndarray:
    """Baseline parameters of a customer with average covariates, then coefficients, from those of lifelines."""
    located, shaped = (fitter.params_.loc[one] for one in fitter.params_.index.unique(0)[[0, 1]])
    names = [name for name in located.index if name != "Intercept"]
    order = [next(n for n in names if one in n) for one in COVARIATES]
    b = located[order].to_numpy()
    level, shape = float(located["Intercept"] + b @ means), float(np.exp(shaped["Intercept"]))
    if baseline == "lognormal":
        return np.array([np.exp(level), shape, *b])
    return np.array([np.exp(level), shape, *(-shape * b if baseline == "weibull" else b)])


def print_estimates(tenures: clv.Tenures) -> None:
    frame = pd.DataFrame({**tenures.covariates, "time": tenures.exit, "event": tenures.event})  # type: ignore[arg-type]
    male = (frame["gender"] == "Male").to_numpy(float)
    means = np.array([male.mean(), *(frame[name].mean() for name in COVARIATES[1:])])
    times: list[list[object]] = []
    for baseline in POINT:
        model = clv.survival(baseline, formula=FORMULA)
        seconds, fit = timed(lambda m=model: clv.fit(m, tenures, method="mle"))
        names, ours = fit.model.Theta._fields, np.asarray(fit.theta)
        if baseline == "exponential":
            theirs, peer = exponential_of(frame, male)
        else:
            peer, fitter = timed(lambda b=baseline: lifelines_fit(frame, b))
            theirs = in_our_terms(fitter, baseline, means)
        off = np.abs(ours / theirs - 1)
        lines = [[n, o, t, float(e)] for n, o, t, e in zip(names, ours, theirs, off, strict=True)]
        table(f"{baseline}: maximum likelihood", ["parameter", "clvmodels", "peer", "relative difference"], lines)
        print(f"largest relative difference {off.max():.1e}")
        times.append([baseline, seconds, peer, peer / seconds])
    table("Point estimate, 21,921 contracts, four covariates [s]", ["", "clvmodels", "peer", "ratio"], times)
    print(
        "peer: lifelines; for the exponential, which it has no regression of, a Poisson regression by Newton's method"
    )
    print_concordance(tenures, fit, fitter, frame)


def exponential_of(frame: pd.DataFrame, male: np.ndarray) -> tuple[np.ndarray, float]:
    """Exponential survival is Poisson regression with the log of time as offset: Newton's method here."""
    x = np.column_stack([male, *(frame[name] for name in COVARIATES[1:])])
    design = np.column_stack([np.ones(len(x)), x - x.mean(axis=0)])
    t, y = frame["time"].to_numpy(), frame["event"].to_numpy()

    def solve() -> np.ndarray:
        beta = np.append(np.log(y.sum() / t.sum()), np.zeros(x.shape[1]))
        for _ in range(30):
            mean = t * np.exp(design @ beta)
            beta = beta + np.linalg.solve(design.T @ (design * mean[:, None]), design.T @ (y - mean))
        return beta

    seconds, beta = timed(solve)
    return np.append(np.exp(-beta[0]), beta[1:]), seconds


def print_concordance(tenures: clv.Tenures, fit: Any, fitter: Any, frame: pd.DataFrame) -> None:
    from lifelines.utils import concordance_index

    from clvmodels.evaluation.survival_scores import concordance

    median = fitter.predict_median(frame).to_numpy().ravel()
    lines: list[list[object]] = []
    theirs_s, theirs = timed(lambda: concordance_index(tenures.exit, median, tenures.event))
    ours_s, ours = timed(lambda: concordance(tenures.exit, tenures.event, -median))
    lines.append(["of the same predictions", ours, float(theirs), abs(ours - theirs)])
    risk = 1 - fit.survival_after(still(tenures), horizon=36 * clv.MONTH, draws=2)["mean"].to_numpy()
    own = concordance(tenures.exit, tenures.event, risk)
    lines.append(["each of its own log-logistic", own, fitter.concordance_index_, abs(own - fitter.concordance_index_)])
    lines.append(["seconds, of the same predictions", ours_s, theirs_s, theirs_s / ours_s])
    table("Concordance", ["", "clvmodels", "lifelines", "difference or ratio"], lines)
    seconds, scores = timed(lambda: clv.score_contracts(fit, tenures, horizon=36 * clv.MONTH, draws=20))
    print(f"\n{scores}\nwith intervals, which lifelines has none of, in {seconds:.2f} s")


def still(tenures: clv.Tenures) -> clv.Tenures:
    """The same customers at the start of their contracts."""
    none = np.zeros(tenures.exit.size)
    return clv.Tenures(tenures.customer_id, none, none, none, tenures.period, covariates=tenures.covariates)


# Times


def print_times(tenures: clv.Tenures, whole: clv.Tenures, *, nuts: bool) -> None:
    lines: list[list[object]] = []
    weibull, discrete = (clv.survival(one, formula=FORMULA) for one in ("weibull", "discrete"))
    for name, model, data in (("weibull", weibull, tenures), ("discrete, 107 monthly hazards", discrete, whole)):
        first, fit = once(lambda m=model, d=data: clv.fit(m, d, seed=1))
        again, _ = once(lambda m=model, d=data: clv.fit(m, d, seed=1))
        lines.append(
            [
                f"{name}: posterior by {fit.method}, first and second run (k-hat {fit.diagnostics.k_hat:.2f})",
                first,
                again,
            ]
        )
    months = float(whole.exit.sum() - whole.entry.sum())
    print(f"\n{months:,.0f} person-months in the discrete model")
    cohort = clv.Tenures.from_cohort(REGULAR)
    for method in ("mle", "laplace"):
        first, _ = once(lambda m=method: clv.fit(clv.SHIFTED_BETA_GEOMETRIC, cohort, method=m))
        lines.append(
            [
                f"SHIFTED_BETA_GEOMETRIC on a cohort table, {method}",
                first,
                timed(lambda m=method: clv.fit(clv.SHIFTED_BETA_GEOMETRIC, cohort, method=m))[0],
            ]
        )
    if nuts:
        first, fit = once(lambda: clv.fit(weibull, tenures, method="nuts", seed=1))
        again, _ = once(lambda: clv.fit(weibull, tenures, method="nuts", seed=1))
        lines.append(["weibull: posterior by nuts, compiled and again", first, again])
        print(fit)
    table("Posterior [s]", ["", "first", "again"], lines)


# Predictions of 2006-2008


def month_of(dates: pd.Series) -> np.ndarray:
    return ((dates.dt.year - 1999) * 12 + dates.dt.month - 1).to_numpy()


def label_of(cohort: Any, month: Any, per: int) -> str:
    """The cohort in a stretch of the calendar of so many months."""
    return f"{cohort} {month // per}" if per else str(cohort)


def known_by(rows: pd.DataFrame, day: str, per: int) -> clv.Tenures:
    """Months of contracts as they were known on a day, cut where the calendar goes on to the next stretch."""
    until = int(month_of(pd.Series([pd.Timestamp(day)]))[0])
    begin, end = month_of(rows["start_date"]), np.minimum(month_of(rows["end_date"]), until)
    left = (rows["status"] != "in_force").to_numpy() & (month_of(rows["end_date"]) <= until)
    parts = []
    for low in range(0, until, per or until):
        high = min(low + (per or until), until)
        at = np.flatnonzero((end > low) & (begin < high))
        first, last = np.maximum(begin[at], low), np.minimum(end[at], high)
        event = (left[at] & (end[at] <= high)).astype(float)
        label = [label_of(c, low, per) for c in rows["cohort"].to_numpy()[at]]
        part = pd.DataFrame(
            {"row": at, "entry": first - begin[at], "exit": last - begin[at], "event": event, "cell": label}
        )
        parts.append(part.assign(cohort=rows["cohort"].to_numpy()[at].astype(str)))
    # one row for all of a kind: a survival model judges stretches apart
    merged = pd.concat(parts).groupby(["cohort", "cell", "entry", "exit", "event"]).size().reset_index(name="customers")
    return clv.Tenures(
        np.arange(len(merged)), *(merged[name].to_numpy(float) for name in ("entry", "exit", "event")), clv.MONTH,
        counts=merged["customers"].to_numpy(float), covariates={name: merged[name].to_numpy(str) for name in ("cohort", "cell")},
    )  # fmt: skip


def survivors_by(
    fit: Any, rows: pd.DataFrame, groups: np.ndarray, per: int, *, draws: int = 1000, seed: int = 1
) -> pd.DataFrame:
    """Customers of each group there on 2006-01-01 and still there 1 .. 24 months later: predicted with intervals, and actual.

    The state of each coming stretch of the calendar is new to the fit, which draws it from what such stretches were like.
    """
    now = int(month_of(pd.Series([pd.Timestamp(KNOWN)]))[0])
    begin, end = month_of(rows["start_date"]), month_of(rows["end_date"])
    there = (begin < now) & ((end > now) | (rows["status"] == "in_force").to_numpy())
    kinds = pd.DataFrame({"group": groups, "cohort": rows["cohort"].astype(str), "done": now - begin})[there]
    kinds = kinds.groupby(["group", "cohort", "done"]).size().reset_index(name="customers")
    theta, rng = fit.model.Theta(*(v[:, None] for v in fit.draws(draws, seed=seed))), np.random.default_rng(seed)
    left = np.broadcast_to(kinds["customers"].to_numpy(), (draws, len(kinds))).copy()
    codes, names = pd.factorize(kinds["group"], sort=True)
    frames = []
    for k in range(24):
        cells = np.array([label_of(c, now + k, per) for c in kinds["cohort"]])
        known = {"cohort": kinds["cohort"].to_numpy(str), "cell": cells}
        done = kinds["done"].to_numpy(float) + k
        own = fit.model.each(theta, clv.Tenure(done, clv.MONTH, covariates=known))
        left = rng.binomial(left, np.clip(np.exp(fit.model.log_stay(own, done, 1.0)), 0, 1))
        sums = np.stack([left[:, codes == g].sum(axis=1) for g in range(len(names))])
        low, high = np.quantile(sums, [0.05, 0.95], axis=1)
        gone = (end > now) & (end <= now + k + 1) & (rows["status"] != "in_force").to_numpy()
        actual = pd.Series(there & ~gone).groupby(groups).sum()[names].to_numpy()
        columns = {
            "group": names,
            "ahead": k + 1,
            "mean": sums.mean(axis=1),
            "lower": low,
            "upper": high,
            "actual": actual,
        }
        frames.append(pd.DataFrame(columns))
    return pd.concat(frames)


def print_predictions(rows: pd.DataFrame) -> None:
    old = rows[rows["cohort"] <= 2003].reset_index(drop=True)
    years = old["cohort"].astype(str).to_numpy()
    quarters = old["start_date"].dt.to_period("Q").astype(str).to_numpy()
    baseline, lines = "discrete", []
    tried: list[tuple[str, Any, int]] = [
        ("GEOMETRIC", clv.GEOMETRIC, 0),
        ("BETA_DISCRETE_WEIBULL", clv.BETA_DISCRETE_WEIBULL, 0),
        ("monthly hazard", clv.survival(baseline), 0),
        ("... frailty by cohort", clv.survival(baseline, frailty="cohort"), 0),
        ("... frailty by cohort and calendar half-year", clv.survival(baseline, formula="~ cohort", frailty="cell"), 6),
        ("... frailty by cohort and calendar quarter", clv.survival(baseline, formula="~ cohort", frailty="cell"), 3),
        ("... frailty by cohort and calendar month", clv.survival(baseline, formula="~ cohort", frailty="cell"), 1),
    ]
    for name, model, per in tried:
        seconds, fit = once(lambda m=model, p=per: clv.fit(m, known_by(old, KNOWN, p), seed=1))
        by_year, by_quarter = (survivors_by(fit, old, groups, per) for groups in (years, quarters))
        last = by_year[by_year["ahead"] == 24]
        width = float(((by_year["upper"] - by_year["lower"]) / by_year["mean"]).mean())
        off = float(last["mean"].sum() / last["actual"].sum() - 1)
        lines.append([name, inside(by_year), inside(by_quarter), f"{width:.0%}", f"{off:+.1%}", seconds])
        if per == 3:
            shown = last.round(0).astype(dict.fromkeys(("mean", "lower", "upper", "actual"), int))
            print(f"\n{name}, there on 2008-01-01\n{shown.to_string(index=False)}")
    columns = ["coverage by year of start", "by quarter of start", "mean width", "total off", "fit [s]"]
    table("Survivors of 2006 and 2007, 90 % predictive intervals: cells of cohort and month", ["", *columns], lines)


def inside(found: pd.DataFrame) -> str:
    held = (found["lower"] <= found["actual"]) & (found["actual"] <= found["upper"])
    return f"{held.mean():.0%} of {len(found)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with eu_savings_contracts.parquet")
    parser.add_argument("--nuts", action="store_true", help="time NUTS too")
    options = parser.parse_args()
    print(describe())
    if options.data is None:
        print("Without --data there is nothing to compare.")
        return
    rows = read(options.data / "eu_savings_contracts.parquet")
    tenures, whole = (tenures_of(rows, whole=one) for one in (False, True))
    print_estimates(tenures)
    print_predictions(rows)
    print_times(tenures, whole, nuts=options.nuts)


if __name__ == "__main__":
    main()
