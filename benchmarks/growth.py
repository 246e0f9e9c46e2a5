"""Seconds to fit BG/NBD from ten thousand customers to ten million: time grows with distinct histories, not with customers.

    python benchmarks/growth.py [--most 10000000] [--figure growth.png]

Customers are simulated at CDNOW's estimates with ages of up to two years, times in whole days or in whole weeks; the histories
are ready before the clock starts. Finding the distinct ones is part of each fit, and is also timed alone. Every row is a
process of its own, whose peak memory includes the simulation.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

from harness import describe, measure, table

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
LAPLACE_UP_TO = 1_000_000
DAYS = {"day": 1, "week": 7}

SCRIPT = """
import time
import numpy as np
import clvmodels as clv
from clvmodels.estimation.problem import Problem
n, grain = {customers}, {days}
rng, parts = np.random.default_rng(0), []
for start in range(0, n, 1_000_000):
    T = rng.integers(1, 730 // grain, min(n - start, 1_000_000)) * grain / 7
    people = clv.BG_NBD.simulate((0.25, 4.8, 0.72, 2.16), T=T, period=clv.WEEK, seed=start)
    recency = np.minimum(T, np.ceil(people.recency * 7 / grain).clip(1) * grain / 7)
    parts.append((people.frequency, np.where(people.frequency > 0, recency, 0.0), T))
columns = [np.concatenate(column) for column in zip(*parts)]
h = clv.Histories(np.arange(n), *columns, np.full(n, np.nan), clv.WEEK)
few = h.select(h.customer_id[:5000])
for method in ("mle", "laplace"):
    clv.fit(clv.BG_NBD, few, method=method)
def seconds(call, times={times}):
    found = []
    for _ in range(times):
        begin = time.perf_counter(); call(); found.append(time.perf_counter() - begin)
    return min(found)
merging = seconds(lambda: Problem.of(clv.BG_NBD, h, None))
mle = seconds(lambda: clv.fit(clv.BG_NBD, h, method="mle"))
laplace = seconds(lambda: clv.fit(clv.BG_NBD, h, method="laplace", draws=1000)) if {laplace} else float("nan")
print(Problem.of(clv.BG_NBD, h, None).counts.size, merging, mle, laplace)
"""


class Row(NamedTuple):
    grain: str
    customers: int
    distinct: float
    merging: float
    mle: float
    laplace: float
    gigabytes: float


def rows(most: int) -> list[Row]:
    """One measurement per grain and size; what failed is said and left out."""
    found = []
    for grain, days in DAYS.items():
        for customers in (size for size in SIZES if size <= most):
            laplace, times = customers <= LAPLACE_UP_TO, 3 if customers < SIZES[-1] else 2
            m = measure(SCRIPT.format(customers=customers, days=days, laplace=laplace, times=times))
            if isinstance(m, str):
                print(f"{customers:,} customers by {grain}: {m}")
            else:
                found.append(Row(grain, customers, *m.figures, m.gigabytes))
    return found


def draw(found: list[Row], path: Path) -> None:
    """Seconds of maximum likelihood against customers, and without the search for equal histories against distinct ones."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
    for grain, colour in zip(DAYS, ("C0", "C1"), strict=True):
        here = [row for row in found if row.grain == grain]
        customers, distinct = [r.customers for r in here], [r.distinct for r in here]
        left.loglog(customers, [r.mle for r in here], "o-", color=colour, label=f"fit, whole {grain}s")
        left.loglog(customers, [r.merging for r in here], "o:", color=colour, label="of it finding equal histories")
        right.loglog(distinct, [r.mle - r.merging for r in here], "o-", color=colour, label=f"whole {grain}s")
    left.set(xlabel="customers", ylabel="seconds", title="Maximum likelihood of BG/NBD")
    right.set(xlabel="distinct histories", ylabel="seconds", title="The same without finding equal histories")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--most", type=int, default=SIZES[-1])
    parser.add_argument("--figure", type=Path, help="draw the curve to this file")
    options = parser.parse_args()
    print(describe())
    found = rows(options.most)
    heads = ["customers", "grain", "distinct", "merging s", "mle s", "laplace s, 1,000 draws", "peak GB"]
    table(
        "BG/NBD fits as customers grow (warm; the shortest of three runs, of two for ten million)",
        heads,
        [
            [f"{r.customers:,}", r.grain, f"{int(r.distinct):,}", r.merging, r.mle, r.laplace, r.gigabytes]
            for r in found
        ],
    )
    if options.figure:
        draw(found, options.figure)


if __name__ == "__main__":
    main()
