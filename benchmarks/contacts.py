"""From contact rows to a fitted media response and a plan: time and peak memory, each in a fresh process.

    python benchmarks/contacts.py [--customers 1500000]

The market is simulated: about seven contact rows and seven purchases per customer, a tenth of the rows held out, as Parquet.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from harness import Measured, describe, measure, table

import clvmodels as clv

SMALL = 150_000

CODE = """
import time
import clvmodels as clv
begin = time.perf_counter()
log = clv.Transactions(folder + "/purchases.parquet", customer="customer", date="date", amount="amount", segment="segment")
contacts = clv.Contacts(folder + "/contacts.parquet", customer="customer", medium="medium", date="date", cost="cost",
                        responded="responded", holdout="holdout")
occasions = clv.occasions(contacts, log, window=28 * clv.DAY)
cells = occasions.cells()
ready = time.perf_counter()
fit = clv.fit(clv.media_response(window=28 * clv.DAY), cells)
print(ready - begin, time.perf_counter() - ready, cells.occasions.size, fit.diagnostics.k_hat)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=1_500_000)
    options = parser.parse_args()
    print(describe())
    rows: list[list[object]] = []
    for customers in sorted({min(SMALL, options.customers), options.customers}):
        with tempfile.TemporaryDirectory() as folder:
            market = clv.simulate_market(customers=customers, weeks=104, seed=1)
            market.transactions.to_parquet(Path(folder) / "purchases.parquet")
            market.contacts.to_parquet(Path(folder) / "contacts.parquet")
            sizes = f"{len(market.contacts):,}", f"{len(market.transactions):,}"
            del market
            rows.append([*sizes, *_figures(measure(f"folder = {folder!r}{CODE}"))])
    table("Media response", ["contact rows", "purchases", "to cells s", "fit s", "cells", "k-hat", "peak GB"], rows)


def _figures(found: Measured | str) -> list[object]:
    if isinstance(found, str):
        return [f"failed: {found}", "", "", "", ""]
    ready, fit, cells, k_hat = found.figures
    return [ready, fit, f"{cells:,.0f}", k_hat, found.gigabytes]


if __name__ == "__main__":
    main()
