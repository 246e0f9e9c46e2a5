"""Real savings contracts predicted, and the time that reading and fitting contracts takes.

    python benchmarks/contracts.py [--data FOLDER]

FOLDER holds eu_savings_contracts.parquet: 21,921 savings contracts of a European insurer begun 1999 to 2006 and observed to
2008-01-01 (CASdatasets). Models are fitted to the contracts begun until the end of 2003 as they were known on 2006-01-01, and
predict how many of the customers who were there then are still there at the end of each of the 24 months that follow.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from harness import describe, table

import clvmodels as clv

KNOWN, LAST = "2006-01-01", "2008-01-01"
MODELS = (clv.GEOMETRIC, clv.SHIFTED_BETA_GEOMETRIC, clv.BETA_DISCRETE_WEIBULL)
REGULAR = [1000, 631, 468, 382, 326, 289, 262, 241]


def timed(what: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of the fastest of three runs after a first, and the result."""
    what()
    found = []
    for _ in range(3):
        begin = time.perf_counter()
        result = what()
        found.append(time.perf_counter() - begin)
    return min(found), result


def contracts(rows: pd.DataFrame, until: str) -> clv.Contracts:
    """The contracts as they were known on a day."""
    seen = rows[rows["start_date"] < pd.Timestamp(until)]
    ended = (seen["end_date"] <= pd.Timestamp(until)) & (seen["status"] != "in_force")
    seen = seen.assign(end_date=seen["end_date"].where(ended))
    return clv.Contracts(
        seen, customer="customer_id", start="start_date", end="end_date", observed_until=until, segment="cohort"
    )


def predicted(rows: pd.DataFrame, model: Any, period: clv.Period, since: int) -> pd.DataFrame:
    """Survivors by cohort of starts: what was predicted and what happened."""
    some = rows[(rows["cohort"].astype(int) >= since) & (rows["cohort"].astype(int) <= 2003)]
    before, after = (contracts(some, day).tenures(period=period) for day in (KNOWN, LAST))
    fit = clv.fit(model, before, seed=1)
    steps = round(2 * clv.YEAR.days / period.days)
    found = clv.survivors(fit, before, horizon=steps * period, by="segment", seed=1)
    there = before.still_there
    ends = pd.Series(after.exit, index=after.customer_id)[there.customer_id].to_numpy()
    left = pd.Series(after.event, index=after.customer_id)[there.customer_id].to_numpy() == 1
    ahead = np.where(left, ends - there.exit, np.inf)
    actual = [(ahead[there.segment == row.segment] > row.ahead).sum() for row in found.itertuples()]
    return found.assign(actual=actual, model=model.name, k_hat=fit.diagnostics.k_hat)


def print_predictions(rows: pd.DataFrame) -> None:
    columns = ["there 2006-01", "predicted 2008-01", "lower", "upper", "actual 2008-01"]
    for model in MODELS:
        found = predicted(rows, model, clv.MONTH, 1999)
        last = found[found["ahead"] == 24]
        now = found[found["ahead"] == 0].set_index("segment")["mean"]
        lines = [[r.segment, now[r.segment], r.mean, r.lower, r.upper, float(r.actual)] for r in _tuples(last)]
        table(f"{model.name}, monthly, 90 % predictive interval", ["cohort", *columns], lines)
        later = found[found["ahead"] > 0]
        inside = (later["lower"] <= later["actual"]) & (later["actual"] <= later["upper"])
        wrong = abs(last["mean"].sum() / last["actual"].sum() - 1)
        print(f"cells inside their interval: {inside.mean():.0%} of {len(later)}; total of 2008-01 off by {wrong:.1%}")


def _tuples(frame: pd.DataFrame) -> Any:
    return frame.rename(columns={"mean": "average"}).rename(columns={"average": "mean"}).itertuples()


def kaplan_meier_of_peers(tenures: clv.Tenures) -> list[list[object]]:
    """Time of the curve here and in lifelines, which has to be the same curve."""
    seconds, ours = timed(tenures.kaplan_meier)
    lines: list[list[object]] = [["Kaplan-Meier curve", seconds]]
    try:
        from lifelines import KaplanMeierFitter
    except ImportError:
        return [*lines, ["the same in lifelines", "not installed"]]
    seconds, peer = timed(lambda: KaplanMeierFitter().fit(tenures.exit, tenures.event, entry=tenures.entry))
    theirs = peer.survival_function_at_times(ours["tenure"]).to_numpy()
    lines.append([f"the same in lifelines; largest difference {abs(theirs - ours['survival']).max():.1e}", seconds])
    return lines


def print_times(path: Path | None) -> None:
    lines: list[list[object]] = []
    if path is not None:

        def read() -> Any:
            found = clv.Contracts(
                path, customer="customer_id", start="start_date", end="end_date", status="status", observed_until=LAST
            )
            return found, found.tenures(period=clv.MONTH)

        seconds, (found, tenures) = timed(read)
        lines.append(["read, check, tenures in months (21,921 contracts)", seconds])
        lines.append(["cohort table by year of start", timed(lambda: found.cohorts(per=clv.YEAR))[0]])
        lines += [
            [f"{m.name}, laplace, 2,000 draws", timed(lambda m=m: clv.fit(m, tenures, method="laplace"))[0]]
            for m in MODELS
        ]
        lines += kaplan_meier_of_peers(tenures)
    cohort = clv.Tenures.from_cohort(REGULAR)
    for method in ("mle", "laplace"):
        seconds = timed(lambda m=method: clv.fit(clv.SHIFTED_BETA_GEOMETRIC, cohort, method=m))[0]
        lines.append([f"SHIFTED_BETA_GEOMETRIC on a cohort table, {method}", seconds])
    table("Time", ["", "seconds"], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with eu_savings_contracts.parquet")
    options = parser.parse_args()
    print(describe())
    path = None if options.data is None else options.data / "eu_savings_contracts.parquet"
    if path is not None:
        rows = pd.read_parquet(path)
        for name in ("start_date", "end_date"):
            rows[name] = pd.to_datetime(rows[name])
        rows["cohort"] = rows["start_date"].dt.year.astype(str)
        found = contracts(rows[rows["cohort"] <= "2003"], KNOWN)
        print(f"\n{found}\n{found.quality()}")
        print(found.cohorts(per=clv.YEAR).round(3).to_string(index=False))
        print_predictions(rows)
    print_times(path)


if __name__ == "__main__":
    main()
