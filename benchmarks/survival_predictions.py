"""How well survival of real contracts is predicted: concordance beside lifelines, scores, and survivors of 2006 and 2007.

    python benchmarks/survival_predictions.py [--data FOLDER]

FOLDER holds eu_savings_contracts.parquet (see contracts.py). Concordance is of all contracts as they were known on 2008-01-01.
Survivors are predicted on 2006-01-01, of the contracts begun until the end of 2003, month by month until 2008-01-01.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from contracts import KNOWN, LAST, timed
from harness import describe, table

import clvmodels as clv
from clvmodels.evaluation.survival_scores import concordance

COVARIATES = ("gender", "age_at_start", "log_face", "log_saving")
FORMULA = f"~ {' + '.join(COVARIATES)}"


def read(path: Path) -> pd.DataFrame:
    rows = pd.read_parquet(path)
    for name in ("start_date", "end_date"):
        rows[name] = pd.to_datetime(rows[name])
    return rows.assign(
        log_face=np.log(rows["face_amount"]),
        log_saving=np.log(rows["saving_premium"]),
        cohort=rows["start_date"].dt.year,
    )


def tenures_of(rows: pd.DataFrame) -> clv.Tenures:
    contracts = clv.Contracts(
        rows, customer="customer_id", start="start_date", end="end_date", status="status", observed_until=LAST,
        covariates=list(COVARIATES),
    )  # fmt: skip
    return contracts.tenures(period=clv.MONTH, whole=False)


def once(what: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    result = what()
    return time.perf_counter() - begin, result


def print_concordance(tenures: clv.Tenures) -> None:
    """The same predictions scored by both, and what is added here: intervals, and scores of the probabilities."""
    fits = [clv.fit(clv.survival(one, formula=FORMULA), tenures, method="mle") for one in ("weibull", "loglogistic")]
    median = fits[-1].median_residual_lifetime(still(tenures), draws=2)["mean"].to_numpy()
    seconds, ours = timed(lambda: concordance(tenures.exit, tenures.event, -median))
    lines: list[list[object]] = [["concordance of predicted medians", ours, seconds]]
    try:
        from lifelines.utils import concordance_index
    except ImportError:
        lines.append(["the same in lifelines", "not installed", ""])
    else:
        seconds, theirs = timed(lambda: concordance_index(tenures.exit, median, tenures.event))
        lines.append([f"the same in lifelines; difference {abs(ours - theirs):.1e}", float(theirs), seconds])
    seconds, scores = timed(lambda: clv.score_contracts(fits, tenures, horizon=36 * clv.MONTH))
    lines.append(["all scores of two fits, 200 resamples", "", seconds])
    seconds, found = timed(lambda: clv.check(tenures, fits[-1]))
    lines.append(["check of a fit", "", seconds])
    table("Scores of 21,921 contracts", ["", "", "seconds"], lines)
    print(f"\n{scores.table().round(4).to_string()}\n\n{found}")


def still(tenures: clv.Tenures) -> clv.Tenures:
    """The same customers at the start of their contracts."""
    none = np.zeros(tenures.exit.size)
    return clv.Tenures(tenures.customer_id, none, none, none, tenures.period, covariates=tenures.covariates)


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
    everybody, baseline, lines = np.full(len(old), "all"), "discrete", []
    tried: list[tuple[str, Any, int]] = [
        ("GEOMETRIC", clv.GEOMETRIC, 0),
        ("BETA_DISCRETE_WEIBULL", clv.BETA_DISCRETE_WEIBULL, 0),
        ("monthly hazard", clv.survival(baseline), 0),
        ("... frailty by cohort", clv.survival(baseline, frailty="cohort"), 0),
        ("... frailty by cohort and calendar half-year", clv.survival(baseline, formula="~ cohort", frailty="cell"), 6),
        ("... frailty by cohort and calendar quarter", clv.survival(baseline, formula="~ cohort", frailty="cell"), 3),
    ]
    for name, model, per in tried:
        seconds, fit = once(lambda m=model, p=per: clv.fit(m, known_by(old, KNOWN, p), seed=1))
        by_year, by_quarter, total = (survivors_by(fit, old, groups, per) for groups in (years, quarters, everybody))
        last = by_year[by_year["ahead"] == 24]
        width = float(((by_year["upper"] - by_year["lower"]) / by_year["mean"]).mean())
        off = float(last["mean"].sum() / last["actual"].sum() - 1)
        lines.append([name, inside(by_year), inside(by_quarter), inside(total), f"{width:.0%}", f"{off:+.1%}", seconds])
        spread = {
            n: float(v) for n, v in zip(fit.model.Theta._fields, fit.theta, strict=True) if n.startswith("spread")
        }
        if spread:
            print(f"{name}: standard deviation of the log hazard {spread}, k-hat {fit.diagnostics.k_hat:.2f}")
        if per == 3:
            shown = last.round(0).astype(dict.fromkeys(("mean", "lower", "upper", "actual"), int))
            print(f"\n{name}, there on 2008-01-01\n{shown.to_string(index=False)}")
    columns = ["coverage by year of start", "by quarter of start", "all together", "mean width", "total off", "fit [s]"]
    table("Survivors of 2006 and 2007, 90 % predictive intervals: cells of cohort and month", ["", *columns], lines)


def print_why(rows: pd.DataFrame) -> None:
    """How much more than chance the numbers of leavers vary between cohorts, and between their calendar quarters."""
    old = rows[rows["cohort"] <= 2003].reset_index(drop=True)
    quarters, lines = known_by(old, KNOWN, 3), []
    for name, model in (
        ("monthly hazard", clv.survival("discrete")),
        ("... and frailty by cohort", clv.survival("discrete", frailty="cohort")),
        ("... and by cohort and quarter", clv.survival("discrete", formula="~ cohort", frailty="cell")),
    ):
        fit = clv.fit(model, quarters, seed=1)
        lines.append([name, *(clv.check(quarters, fit, by=by)["segments"].finding for by in ("cohort", "cell"))])
    columns = ["between cohorts", "between their quarters"]
    table("Variance of the numbers of leavers to 2005, times that of chance", ["", *columns], lines)


def inside(found: pd.DataFrame) -> str:
    held = (found["lower"] <= found["actual"]) & (found["actual"] <= found["upper"])
    return f"{held.mean():.0%} of {len(found)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with eu_savings_contracts.parquet")
    options = parser.parse_args()
    print(describe())
    if options.data is None:
        print("Without --data there is nothing to predict.")
        return
    rows = read(options.data / "eu_savings_contracts.parquet")
    print_predictions(rows)
    print_why(rows)
    print_concordance(tenures_of(rows))


if __name__ == "__main__":
    main()
