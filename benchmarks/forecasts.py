"""Lifetime value with predictive intervals: time and peak memory by number of customers and of draws.

    python benchmarks/forecasts.py [--customers 1000000] [--draws 200]

Customers are simulated at CDNOW's estimates with ages of up to two years in whole days; the models are fitted before the
clock starts. No peer gives predictive intervals of lifetime value, so there is no ratio.
"""

from __future__ import annotations

import argparse

from harness import describe, measure, table

GROWTH = (10_000, 100_000, 1_000_000)

SCRIPT = """
import time
import numpy as np
import clvmodels as clv
n, draws = {customers}, {draws}
rng = np.random.default_rng(0)
T = rng.integers(1, 730, n) / 7
people = clv.BG_NBD.simulate((0.25, 4.8, 0.72, 2.16), T=T, period=clv.WEEK, seed=1)
recency = np.where(people.frequency > 0, np.minimum(T, np.ceil(people.recency * 7).clip(1) / 7), 0.0)
amount = clv.GAMMA_GAMMA.simulate((6.25, 3.74, 15.44), people.frequency, seed=2)
spend = 35.0 * (people.frequency + 1)
histories = clv.Histories(people.customer_id, people.frequency, recency, T, amount, clv.WEEK, spend=spend)
few = histories.select(histories.customer_id[:9000])
duration, quantity = clv.fit(clv.BG_NBD, few), clv.fit(clv.GAMMA_GAMMA, few)
clv.forecast(duration, quantity, few.select(few.customer_id[:100]), horizon=52 * clv.WEEK, draws=draws)
begin = time.perf_counter()
{call}
print(time.perf_counter() - begin)
"""
CALL = "clv.forecast(duration, quantity, histories, horizon=52 * clv.WEEK, margin=0.3, draws=draws{discount})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--draws", type=int, default=200)
    options = parser.parse_args()
    print(describe())
    discount = ", discount=clv.Rate(0.10, per=clv.YEAR)"
    cases = [(n, options.draws, "") for n in (*[g for g in GROWTH if g < options.customers], options.customers)]
    cases += [(100_000, 1_000, ""), (options.customers, options.draws, discount)]
    rows: list[list[object]] = []
    for customers, draws, rate in cases:
        empty = measure(SCRIPT.format(customers=customers, draws=draws, call=""))
        found = measure(SCRIPT.format(customers=customers, draws=draws, call=CALL.format(discount=rate)))
        label = f"{customers:,} customers, {draws:,} draws{', discounted' if rate else ''}"
        if isinstance(found, str) or isinstance(empty, str):
            rows.append([label, f"failed: {found}", "", "", ""])
            continue
        seconds = found.figures[0]
        rows.append([label, seconds, 1e9 * seconds / customers / draws, found.gigabytes, empty.gigabytes])
    table("LTV with predictive intervals", ["", "seconds", "ns per draw", "peak GB", "of it before"], rows)


if __name__ == "__main__":
    main()
