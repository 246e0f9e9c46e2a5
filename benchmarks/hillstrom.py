"""Hillstrom's e-mail experiment: what men's and women's e-mail add, against the raw differences and against NUTS.

    python benchmarks/hillstrom.py --data DIR [--nuts]      (or set CLVMODELS_DATA)

64,000 customers were drawn at random to be sent an e-mail on men's merchandise, one on women's, or none; purchases were watched
for two weeks. DIR holds hillstrom_email.parquet.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd
from harness import describe, table

import clvmodels as clv
from clvmodels.budget.frontier import frontier
from clvmodels.response.cells import Audience, Cells, Scaling

MEDIA = {"Mens E-Mail": 0, "Womens E-Mail": 1, "No E-Mail": -1}
NAMES = ("men's e-mail", "women's e-mail")
FEATURES = ("recency", "mens", "womens", "newbie")
RAW = {"men's e-mail": 0.0068, "women's e-mail": 0.0031}
"""Differences of conversion from no e-mail."""
MODEL = clv.media_response(window=14 * clv.DAY)


def cells_of(log: pd.DataFrame, *, features: tuple[str, ...] = (), segment: str | None = None) -> Cells:
    """The experiment, one cell per customer; the fit puts equal ones together."""
    n = len(log)
    values = log[list(features)].to_numpy(dtype=float)
    scaling = Scaling(features, values.mean(axis=0), values.std(axis=0))
    codes, segments = pd.factorize(log[segment], sort=True) if segment else (np.zeros(n, dtype=int), ["all"])
    return Cells(
        media=NAMES,
        medium=log["treatment"].map(MEDIA).to_numpy(),
        occasions=np.ones(n),
        buyers=log["conversion"].to_numpy(dtype=float),
        purchases_amount=log["spend"].to_numpy(),
        purchases_amount_squared=log["spend"].to_numpy() ** 2,
        features=scaling.standardised(values),
        scaling=scaling,
        controls=np.zeros((n, 0)),
        control_names=(),
        segment=codes,
        segments=tuple(map(str, segments)),
        month=np.zeros(n, dtype=int),
        months=("all",),
        own_stock=np.zeros(n),
        other_stock=np.zeros(n),
        grades=dict.fromkeys(NAMES, "randomised"),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("CLVMODELS_DATA"))
    parser.add_argument("--nuts", action="store_true", help="compare with NUTS (about two minutes)")
    options = parser.parse_args()
    if not options.data:
        parser.error("say where hillstrom_email.parquet is: --data DIR, or set CLVMODELS_DATA")
    log = pd.read_parquet(Path(options.data) / "hillstrom_email.parquet")
    print(describe())
    by_features = {"features": FEATURES, "segment": "history_segment"}
    clv.fit(MODEL, cells_of(log[:2000]))  # compiles
    for title, options_of in (("Media alone", {}), ("Features and segments", by_features)):
        cells = cells_of(log, **options_of)
        begin = time.perf_counter()
        fit = clv.fit(MODEL, cells, seed=1)
        estimates(f"{title}: fitted in {time.perf_counter() - begin:.2g} s", fit)
        if options.nuts:
            against_nuts(cells)
    budget(log, fit)
    print(f"\n{fit.amounts().to_string(float_format='{:.3g}'.format)}")


def estimates(title: str, fit: clv.MediaFit) -> None:
    """Increments with their intervals beside the raw differences, and the increment of spend."""
    rows = []
    for name, row in fit.effects(draws=2000).iterrows():
        holds = "yes" if row["lower"] <= RAW[str(name)] <= row["upper"] else "no"
        points = [100 * row[c] for c in ("increment", "lower", "upper")]
        rows.append([name, *points, 100 * RAW[str(name)], holds, row["spend"], row["spend_lower"], row["spend_upper"]])
    columns = ["", "points", "lower", "upper", "raw", "held", "spend", "lower", "upper"]
    table(title, columns, rows)
    print(fit.diagnostics)


def budget(log: pd.DataFrame, fit: clv.MediaFit) -> None:
    """What every budget could bring at 0.20 an e-mail and a margin of 40 %, if each of these customers got one or none."""
    cells = fit.cells
    people = cells_of(log, features=FEATURES, segment="history_segment")
    audience = Audience(
        np.arange(len(log)),
        people.features,
        people.controls,
        people.segment,
        *np.zeros((2, len(log), 2)),
        np.full(2, 0.2),
    )
    amount = float(cells.purchases_amount.sum() / cells.buyers.sum())
    begin = time.perf_counter()
    values = 0.4 * amount * fit.increment_mean(audience).T
    valued = time.perf_counter()
    curve = frontier(np.column_stack([np.zeros(len(log)), values]), [0.0, 0.2, 0.2])
    solved = time.perf_counter() - valued
    rows = [
        [f"{b:,.0f}", float(curve.value_at(b) - b), float(curve.marginal_return_at(b))]
        for b in np.linspace(0, curve.stops_at, 6)
    ]
    all_cost = 0.2 * len(log)
    for name, gained in zip(fit.media, values.T, strict=True):
        rows.append([f"{all_cost:,.0f} ({name} for all)", float(gained.sum() - all_cost), float("nan")])
    title = f"Frontier at 0.20 an e-mail: valued in {valued - begin:.2g} s, solved in {solved:.2g} s"
    table(title, ["budget", "net", "next unit returns"], rows)


def against_nuts(cells: Cells) -> None:
    """Largest differences between the two engines, in posterior standard deviations."""
    laplace = clv.fit(MODEL, cells, method="laplace", draws=20_000, seed=1)
    begin = time.perf_counter()
    nuts = clv.fit(MODEL, cells, method="nuts", draws=3000, seed=1)
    a, b = laplace.draws(laplace.posterior_draws), nuts.draws(nuts.posterior_draws)
    mean, sd = ((a.mean() - b.mean()) / b.std()).abs(), a.std() / b.std()
    print(
        f"NUTS in {time.perf_counter() - begin:.0f} s ({nuts.diagnostics}): means within {mean.max():.3f} sd ({mean.idxmax()}), "
        f"standard deviations within {(sd - 1).abs().max():.1%}"
    )


if __name__ == "__main__":
    main()
